"""C code that keeps the lock: long calls that never let it go, beside a thread that only wants to be on time.

    gilscope record --frames -o chold.gillog -- python3 samples/chold.py

    chold.py [CALLS]                    4 calls of each kind

What to see.  The metronome sleeps 2 ms and looks at the clock.  A loop of Python code lets it in after the 5 ms of
the switch interval (the first stretch).  A sort, a search with a regular expression or the sum of a list is one call
into C: DROP_REQUEST is asked again and again, and nobody hears it until the call has ended, 10 to 50 ms later (the
other stretches).  hashlib lets the lock go for large blocks: there the metronome is hardly late.  With --frames each
hold has the name of the function that made the call.
"""
import hashlib
import re
import sys
import threading
import time


def metronome(done, late):
    while not done:
        began = time.time()
        time.sleep(0.002)
        late.append(time.time() - began - 0.002)


def in_python(calls):
    for i in range(calls):
        n = 300000
        while n > 0:
            n -= 1


def sort(calls):
    values = [(i * 7919) % 200003 for i in range(200003)]
    for i in range(calls):
        sorted(values)


def search(calls):
    text = "a" * 450
    for i in range(calls):
        re.search("a*a*b", text)            # tries each pair of lengths at each place


def add_up(calls):
    values = list(range(1000000))
    for i in range(calls):
        sum(values)


def hashes(calls):
    block = b"x" * 10000000
    for i in range(calls):
        hashlib.sha256(block).digest()


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    for work in (in_python, sort, search, add_up, hashes):
        done, late = [], []
        threads = [threading.Thread(target=metronome, args=(done, late), name="metronome"),
                   threading.Thread(target=work, args=(calls,), name=work.__name__)]
        for t in threads:
            t.start()
        threads[1].join()
        done.append(1)
        threads[0].join()
        late.sort()
        print("%-10s the metronome was late by %5.1f ms at most, in the median %.1f ms" % (
            work.__name__, late[-1] * 1e3, late[len(late) // 2] * 1e3))


if __name__ == "__main__":
    main()
