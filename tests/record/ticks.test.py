"""On 2.7 the log has the checks and the tick countdown of every event, as the interpreter counts them, and a RETRY
wherever a woken thread found the lock taken again."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

# tick_counter of each thread state, where 2.7 itself counts checks: behind 14 words of the struct.
SCRIPT = """
import ctypes, os, sys, threading, time
fd = os.open('/dev/null', os.O_WRONLY)
class T(ctypes.Structure):
    _fields_ = [('head', ctypes.c_void_p * 3), ('ints', ctypes.c_int * 3), ('pad', ctypes.c_int),
                ('rest', ctypes.c_void_p * 11), ('tick_counter', ctypes.c_int)]
current = ctypes.c_void_p.in_dll(ctypes.pythonapi, '_PyThreadState_Current')
counts = []
def count():
    return ctypes.cast(current.value, ctypes.POINTER(T)).contents.tick_counter
def work(n):
    begin = count()
    for i in range(n):
        if i % 100 == 0:
            os.write(fd, b'x')          # a release that is no check
    counts.append(count() - begin)
ts = [threading.Thread(target=work, args=(1500000,)) for i in range(2)]
for t in ts: t.start()
for t in ts: t.join()
print(sum(counts))
"""


def test(version, python):
    r, log, problem = record_script(python, SCRIPT)
    assert r.returncode == 0 and not problem, (r.stderr, problem)
    counted = int(r.stdout)
    log.events = [e for e in log.events if e[2] != "START"]      # before the thread's first look at the lock
    for t, i, kind, a in log.events:
        assert "checks" in a and -20 <= a["countdown"] <= 100, (t, i, kind, a)
    checks = [a["checks"] for _, _, _, a in log.events]
    # The log begins a little before the two threads count and ends a little after.
    assert counted > 1000 and 0 <= checks[-1] - checks[0] - counted <= 200, (counted, checks[-1], checks[0])
    # They grow by one, and only by a check's release, which sets the countdown anew.
    last = None
    for t, i, kind, a in log.events:
        if kind == "RELEASE" and last is not None and a["checks"] != last:
            assert a["checks"] == last + 1 and a["countdown"] == 100, (t, last, a)
        if kind == "RELEASE":
            last = a["checks"]
    woken = retried = 0
    for i in log.threads:
        kinds = log.kinds(i)
        woken += kinds.count("WOKEN")
        retried += kinds.count("RETRY")
        for a, b in zip(kinds, kinds[1:]):
            assert a != "RETRY" or b in ("WOKEN", "ACQUIRE"), (a, b)
            assert a != "WOKEN" or b in ("RETRY", "ACQUIRE"), (a, b)
    assert woken > 0
    return retried


def test_again(version, python):
    """A RETRY needs both threads on a cpu at once, which a busy machine may not grant: one run of thirty has to show it."""
    retried = any(test(version, python) for attempt in range(30))
    if len(os.sched_getaffinity(0)) > 1:
        assert retried > 0


each([p for p in pythons() if p[0] < (3,)], test_again)
