"""A thread pool that hashes: C code that lets the lock go.

    gilscope record -o pool.gillog -- python3 samples/pool.py

    pool.py [THREADS [BLOCKS]]          2 threads, 400 blocks of 1 MB, and a hundred times as many of 1 kB

What to see.  First the large blocks: hashlib lets the lock go while it hashes more than 2047 bytes, so the
threads' holds are short, with long idle stretches in which all of them compute at once: two cpus are used.  Then
the small ones: the lock is held throughout, and the threads take turns as if they were one.
"""
import hashlib
import sys
import threading
import time

try:
    import queue
except ImportError:
    import Queue as queue


def work(jobs):
    while True:
        block = jobs.get()
        if block is None:
            return
        hashlib.sha256(block).digest()


def run(n, block, count):
    jobs = queue.Queue()
    threads = [threading.Thread(target=work, args=(jobs,), name="hash %d" % (i + 1)) for i in range(n)]
    for t in threads:
        t.start()
    began = time.time()
    for i in range(count):
        jobs.put(block)
    for t in threads:
        jobs.put(None)
    for t in threads:
        t.join()
    return time.time() - began


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    for size, blocks in ((1000000, count), (1000, 100 * count)):
        print("%d threads, %d blocks of %d bytes: %.2f s" % (n, blocks, size, run(n, b"x" * size, blocks)))


if __name__ == "__main__":
    main()
