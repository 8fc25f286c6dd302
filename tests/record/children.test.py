"""Children get logs of their own with --children, fork or exec or both; without it there is one log, and the user
is told of the others."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

FORK = """
import os, sys, threading, time
fd = os.open('/dev/null', os.O_WRONLY)
def work(n):
    for i in range(n):
        os.write(fd, b'x')
def threads(n):
    ts = [threading.Thread(target=work, args=(n,)) for i in range(2)]
    for t in ts: t.start()
    for t in ts: t.join()
threads(100)
for i in range(2):
    time.sleep(0.05)        # 3.8 aborts in a child that is forked while a thread of before is still going
    pid = os.fork()
    if not pid:
        threads(300)
        work(50)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
threads(100)
"""
POOL = """
import multiprocessing, threading, time
def f(x):
    t = threading.Thread(target=time.sleep, args=(0.001,)); t.start(); t.join()
    return x * x
if __name__ == '__main__':
    p = multiprocessing.get_context('%s').Pool(2)
    assert p.map(f, range(20)) == [x * x for x in range(20)]
    p.close(); p.join()
"""
SUB = """
import subprocess, sys
for i in range(2):
    subprocess.check_call([sys.executable, '-c',
        'import threading, time; t = threading.Thread(target=time.sleep, args=(0,)); t.start(); t.join()'])
"""
EXEC = """
import os, sys, threading, time
t = threading.Thread(target=time.sleep, args=(0,)); t.start(); t.join()
if len(sys.argv) == 1:
    os.execv(sys.executable, [sys.executable, __file__, 'again'])
"""


def run(python, script, options=("--children",)):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        f.write(script)
        f.flush()
        r, folder, paths = record([python, f.name], options)
    logs = [Log(p) for p in paths]
    for log in logs:
        problem = log.lawful()
        assert not problem, (log.path, problem)
        for i in log.threads:
            good, word = lawful_thread(log, i)
            assert good, (log.path, word[:200])
    shutil.rmtree(folder)
    assert r.returncode == 0, r.stderr
    return r, logs


def pid(log):
    return int(log.facts["process"].split()[0])


def test(version, python):
    r, logs = run(python, FORK)
    assert len(logs) == 3, [log.path for log in logs]
    assert logs[0].path.endswith("/log.gillog")
    for log in logs[1:]:
        assert log.path.endswith("/log.%d.gillog" % pid(log))
        assert int(log.facts["process"].split()[1]) == pid(logs[0])
        assert len(log.threads) == 3 and log.count("RELEASE") >= 650, log.count("RELEASE")
    assert len(logs[0].threads) == 5

    r, logs = run(python, FORK, ())
    assert len(logs) == 1 and b"2 other processes had a GIL too" in r.stderr, (r.stderr, logs)

    r, logs = run(python, SUB)
    assert len(logs) == (3 if version >= (3, 7) else 2), [log.path for log in logs]
    r, logs = run(python, EXEC, ())
    assert len(logs) == 2 and pid(logs[0]) == pid(logs[1]), [log.path for log in logs]
    if version >= (3, 4):
        for method in ("fork", "spawn", "forkserver") if version[:2] in ((3, 6), (3, 11), (3, 13)) else ("fork",):
            r, logs = run(python, POOL % method)
            # Before 3.7 a worker that finds nothing to do starts no thread, and has no GIL.
            assert len(logs) >= (3 if version >= (3, 7) else 2), (method, [log.path for log in logs])


each(pythons(), test)
