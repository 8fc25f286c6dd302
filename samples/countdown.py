"""The talk's countdown: the same work in sequence, and split over threads.

    gilscope record -o two.gillog -- python3 samples/countdown.py 2
    taskset -c 0 gilscope record -o one-cpu.gillog -- python2.7 samples/countdown.py 2

    countdown.py [THREADS [COUNT]]      1, 2, 4 threads; 10 million in all

What to see.  Python 3: the threads take turns, each 5 ms long; before each switch the waiting one has a TIMEOUT
and asks (DROP_REQUEST), the running one lets go and waits until it has been taken (the forced switch).  Nothing is
gained by a second thread, little is lost.  Python 2.7 on two cpus: the battle.  Every 100 ticks the lock is let go
and taken back before the woken thread gets there: thousands of RETRY for each switch, and the work takes longer
than in sequence.  On one cpu there is none of it.
"""
import sys
import threading
import time


def countdown(n):
    while n > 0:
        n -= 1


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000000
    began = time.time()
    workers = [threading.Thread(target=countdown, args=(count // threads,), name="countdown %d" % (i + 1))
               for i in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    print("%d threads: %.2f s" % (threads, time.time() - began))


if __name__ == "__main__":
    main()
