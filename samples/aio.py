"""asyncio with an executor: the event loop's thread beside threads that compute for it.  (2.7: a loop by hand.)

    gilscope record -o aio.gillog -- python3 samples/aio.py

    aio.py [SECONDS]                    1 s

What to see.  The main thread runs a loop that wakes every millisecond and does next to nothing; while the
executor's threads compute, each of its wake-ups waits 5 ms for the lock, and its timers come late.  The program
prints how late.
"""
import sys
import threading
import time


def compute(seconds):
    end = time.time() + seconds
    n = 0
    while time.time() < end:
        n += 1
    return n


def report(late):
    late.sort()
    print("%d wake-ups; late by %.2f ms in the median, %.2f ms at most" % (len(late), late[len(late) // 2] * 1e3,
                                                                          late[-1] * 1e3))


def by_hand(seconds):
    late = []
    threads = [threading.Thread(target=compute, args=(seconds,), name="executor %d" % i) for i in range(2)]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        began = time.time()
        time.sleep(0.001)
        late.append(time.time() - began - 0.001)
    report(late)


def with_asyncio(seconds):
    import asyncio
    import concurrent.futures

    loop = asyncio.new_event_loop()
    executor = concurrent.futures.ThreadPoolExecutor(2)
    jobs = [loop.run_in_executor(executor, compute, seconds) for i in range(2)]
    late = []
    state = [time.time()]

    def tick():
        late.append(time.time() - state[0] - 0.001)
        state[0] = time.time()
        if all(j.done() for j in jobs):
            loop.stop()
        else:
            loop.call_later(0.001, tick)

    loop.call_later(0.001, tick)
    loop.run_forever()
    executor.shutdown()
    loop.close()
    report(late)


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    if sys.version_info < (3, 4):
        by_hand(length)
    else:
        with_asyncio(length)
