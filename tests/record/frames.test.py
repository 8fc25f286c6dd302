"""--frames: each take and drop has the Python function that was on top, on 3.6 to 3.14; elsewhere it says that it
cannot."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

SCRIPT = """# -*- coding: utf-8 -*-
import os, threading
fd = os.open('/dev/null', os.O_WRONLY)
def schreibe_gr\u00f6\u00dfe():
    for i in range(300):
        os.write(fd, b'x')
def sleeper():
    import time
    for i in range(20):
        time.sleep(0.0001)
def outer():
    schreibe()
ts = [threading.Thread(target=schreibe_gr\u00f6\u00dfe, name='w'), threading.Thread(target=sleeper, name='s')]
for t in ts: t.start()
for t in ts: t.join()
for i in range(300):
    exec('def f%d(fd=fd): __import__("os").write(fd, b"x")' % i)      # code objects come and go
    globals()['f%d' % i]()
    del globals()['f%d' % i]
"""

MANY = """
import os, threading
t = threading.Thread(target=int); t.start(); t.join()
fd = os.open('/dev/null', os.O_WRONLY)
kept = []
for i in range(17000):
    exec('def f%d(fd=fd, write=os.write): write(fd, b"x")' % i)
    kept.append(globals()['f%d' % i])
    kept[-1]()
"""


def test(version, python):
    r, log, problem = record_script(python, SCRIPT if version > (3,) else SCRIPT.replace("\u00f6\u00df", "oss"),
                                    ("--frames",))
    assert r.returncode == 0 and not problem, (r.stderr, problem)
    if not (3, 6) <= version < (3, 15):
        assert "not known" in log.facts["frames"], log.facts
        return
    assert "frames" not in log.facts
    for name, func, line in (("w", "schreibe_gr\u00f6\u00dfe", 4), ("s", "sleeper", 7)):
        i = log.thread(name)
        found = [log.funcs[a["func"]].split()[0] if "func" in a else None for _, t, k, a in log.events
                 if t == i and k == "RELEASE"]
        assert found.count(func) >= (300 if name == "w" else 20), (name, set(found), found.count(func))
        entry = [f for f in log.funcs.values() if f.startswith(func + " ")]
        assert len(entry) == 1 and entry[0].endswith(".py:%d" % line), entry
    names = {f.split()[0] for f in log.funcs.values()}
    assert all("f%d" % i in names for i in range(300)), sorted(names)
    if version[:2] in ((3, 6), (3, 13)):
        r, log, problem = record_script(python, MANY, ("--frames",))
        assert r.returncode == 0 and not problem, (r.stderr, problem)
        assert len(log.funcs) == 16384 and "first 16384" in log.facts["frames"], (len(log.funcs), log.facts)


each(pythons(), test)
