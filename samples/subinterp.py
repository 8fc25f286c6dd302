"""Sub-interpreters that compute: from 3.12 on each may have a GIL of its own.

    gilscope record -o sub.gillog -- python3 samples/subinterp.py

    subinterp.py [INTERPRETERS]         2

What to see.  3.12 and later: several locks in one log, one per interpreter, and threads that run at the same time,
because each holds another lock.  Before 3.12 there is one GIL for all of them.  Up to 3.8 they take turns, 5 ms each;
in 3.9 to 3.11 a request to let go is heard only by threads of the same interpreter: one computes to its end, while
the other asks every 5 ms (TIMEOUT, DROP_REQUEST) in vain.  Where sub-interpreters are not to be had (before 3.8, or
where the module is not built) it says so and only uses threads.
"""
import sys
import threading
import time

CODE = "n = 3000000\nwhile n > 0:\n    n -= 1\n"


def runner():
    """A function that runs CODE in a new interpreter, and what it is."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = __import__(name)
        except ImportError:
            continue

        def run():
            interp = module.create()
            module.run_string(interp, CODE)
            module.destroy(interp)

        def run_isolated():
            interp = module.create("isolated")
            module.run_string(interp, CODE)
            module.destroy(interp)

        if name == "_interpreters":
            return run_isolated, "sub-interpreters with a GIL each"
        if sys.version_info >= (3, 12):
            return run, "sub-interpreters with a GIL each"
        return run, "sub-interpreters that share the GIL"
    return lambda: exec_code(), "no sub-interpreters here: threads"


def exec_code():
    exec(CODE, {})


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    run, what = runner()
    threads = [threading.Thread(target=run, name="interpreter %d" % (i + 1)) for i in range(n)]
    began = time.time()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("%d %s: %.2f s" % (n, what, time.time() - began))


if __name__ == "__main__":
    main()
