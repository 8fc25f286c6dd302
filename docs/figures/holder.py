"""A C call that does not let go of the lock: sum() over a range, beside two threads that want a little now and then."""
import threading
import time

done = False


def tick():
    while not done:
        time.sleep(0.004)


def crunch():
    for _ in range(3):
        time.sleep(0.03)
        sum(range(2500000))


def main():
    global done
    tickers = [threading.Thread(target=tick, name="ticker %d" % (i + 1)) for i in range(2)]
    worker = threading.Thread(target=crunch, name="crunch: sum()")
    for t in tickers + [worker]:
        t.start()
    worker.join()
    done = True
    for t in tickers:
        t.join()


main()
