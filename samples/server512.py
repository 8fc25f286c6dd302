"""A server with 512 threads that mostly wait: the shape of the talk's largest picture.

    gilscope record -o server.gillog -- python3 samples/server512.py

    server512.py [THREADS [SECONDS]]    512 threads, 2 s

What to see.  Each thread sleeps most of the time, then works for a moment; 512 lanes, of which a few want the lock
at any time.  Zoom out: the density of waits.  Zoom in: a queue of threads that are woken one after the other.  Python
2.7: every release wakes one of many, and often a third thread has the lock by then.
"""
import random
import sys
import threading
import time


def work(seed, end, served):
    rng = random.Random(seed)
    while time.time() < end:
        time.sleep(rng.expovariate(10))
        n = 0
        for i in range(rng.randrange(500, 5000)):
            n += i
        served.append(1)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    end = time.time() + (float(sys.argv[2]) if len(sys.argv) > 2 else 2.0)
    served = []
    threads = [threading.Thread(target=work, args=(i, end, served), name="client %d" % i) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("%d threads served %d requests" % (n, len(served)))


if __name__ == "__main__":
    main()
