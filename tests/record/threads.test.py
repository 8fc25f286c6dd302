"""512 threads at once, and 10,000 short ones after each other, are all in the log, at little cost each."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

MANY = """
import os, threading
fd = os.open('/dev/null', os.O_WRONLY)
go = threading.Event()
def work():
    go.wait()
    for i in range(50):
        os.write(fd, b'x')
ts = [threading.Thread(target=work, name='worker %d' % i) for i in range(512)]
for t in ts: t.start()
go.set()
for t in ts: t.join()
"""
SHORT = """
import threading, resource, sys
def work():
    pass
for i in range(10000):
    t = threading.Thread(target=work, name='short %d' % i)
    t.start()
    t.join()
print(sum(int(l.split()[1]) for l in open('/proc/self/smaps') if l.startswith('Shared_Dirty') or l.startswith('Private_Dirty')))
"""


def test(version, python):
    r, log, problem = record_script(python, MANY)
    assert r.returncode == 0 and not problem, (r.stderr, problem)
    assert len(log.threads) == 513
    for i in log.threads:
        good, word = lawful_thread(log, i)
        assert good, (log.threads[i], word[:300])
    for i in range(0, 512, 37):
        assert log.count("RELEASE", log.thread("worker %d" % i)) >= 50
    assert log.count("START") == 512 and log.count("END") >= 500


def test_short(version, python):
    r, log, problem = record_script(python, SHORT)
    assert r.returncode == 0 and not problem, (r.stderr, problem)
    assert len(log.threads) == 10001, len(log.threads)
    assert log.count("LOST") == 0
    # join() returns before the last of them has quite ended, and then the program is over.
    assert log.count("START") == 10000 and log.count("END") >= 9990
    names = {t.partition(" ")[2] for t in log.threads.values()}
    assert all("short %d" % i in names for i in range(10000))
    # A thread's chunk is given back when it has ended: the memory does not grow with their number.
    assert int(r.stdout) < 60000, r.stdout


def both(version, python):
    test(version, python)
    if version[:2] in ((2, 7), (3, 13)):
        test_short(version, python)


found = [p for p in pythons() if p[0][:2] in ((2, 7), (3, 6), (3, 13))]
each(found or pythons()[:1], both)
