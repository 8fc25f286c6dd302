"""Children get logs of their own with --children, fork (Python's or libc's) or exec or both; without it there is one log, and the user
is told of the others."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

FORK = ALONE + """
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
    alone()
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

# A child of libc's fork(): Python is not told, and its GIL is not made anew.
BARE = ALONE + """
import ctypes, os, threading
libc = ctypes.PyDLL(None)
fd = os.open('/dev/null', os.O_WRONLY)
def write(n):
    for i in range(n):
        os.write(fd, b'x')
def in_parent():
    write(20)
def in_child():
    write(300)
t = threading.Thread(target=in_parent); t.start(); t.join()
alone()
pid = libc.fork()
if not pid:
    t = threading.Thread(target=in_child); t.start(); t.join()
    write(50)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""
# The same while another interpreter's thread tells the log of new functions; each child then has one, too.
NEW_FUNCS = """
import ctypes, os, signal, threading
try:
    import _interpreters as interpreters
    other = interpreters.create('isolated')
except ImportError:
    import _xxsubinterpreters as interpreters
    other = interpreters.create()
libc = ctypes.PyDLL(None)
fd = os.open('/dev/null', os.O_WRONLY)
one = 'def f%d(): __import__("os").write(fd, b"x")'
t = threading.Thread(target=lambda: interpreters.run_string(other, '''
import os
fd = os.open('/dev/null', os.O_WRONLY)
for i in range(16000):
    exec('def f%d(): os.write(fd, b"x")' % i)
    globals()['f%d' % i]()
    del globals()['f%d' % i]
'''))
t.start()
hung = n = 0
while t.is_alive() and n < 300:
    n += 1
    pid = libc.fork()
    if not pid:
        signal.alarm(10)
        exec(one % n)
        globals()['f%d' % n]()
        os._exit(0)
    hung += os.waitpid(pid, 0)[1] != 0
t.join()
assert n > 2 and not hung, (n, hung)
"""

# It ends before its child does, which has a GIL of its own and goes on until the recorder has said so.
LEFT = ALONE + """
import os, sys, threading, time
def thread():
    t = threading.Thread(target=time.sleep, args=(0.001,)); t.start(); t.join()
thread()
alone()
if not os.fork():
    thread()
    end = time.time() + 60
    while b'still runs' not in open(sys.argv[1], 'rb').read() and time.time() < end:
        time.sleep(0.01)
    os._exit(0)
"""
# A daemon, as they are made: two forks, and all but the last process are gone before that has done anything.
DAEMON = ALONE + """
import os, sys, threading, time
def thread():
    t = threading.Thread(target=time.sleep, args=(0.001,)); t.start(); t.join()
thread()
alone()
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
time.sleep(0.1)
thread()
"""

# A server that root starts, and that gives up its rights before it starts its workers.
NOBODY = ALONE + """
import os, threading
def thread():
    t = threading.Thread(target=int); t.start(); t.join()
thread()
alone()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
pid = os.fork()
if not pid:
    thread()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""


def run(python, script, options=("--children",), argv=(), stderr=subprocess.PIPE):
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        f.write(script)
        f.flush()
        r, folder, paths = record([python, f.name, *argv], options, stderr=stderr)
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
    with tempfile.NamedTemporaryFile() as stderr:
        r, logs = run(python, LEFT, argv=(stderr.name,), stderr=stderr)
        told = stderr.seek(0) or stderr.read()
    said = python.encode() + b" has ended; 1 recorded process still runs (^C"
    assert len(logs) == 2 and said in told, told
    r, logs = run(python, DAEMON)
    assert len(logs) == 3, (logs, r.stderr)
    if os.geteuid() == 0:
        r, logs = run(python, NOBODY)
        assert len(logs) == 2, (logs, r.stderr)
    r, logs = run("sh", "%s -c 'import threading; t = threading.Thread(target=int); t.start(); t.join()' &" % python, ())
    assert len(logs) == 1, r.stderr
    r, logs = run("sh", "sleep 3 >/dev/null 2>&1 &", ())
    assert not logs and b"what sh has left running had no GIL within 1000 ms and is not recorded\n" in r.stderr, r.stderr
    r, logs = run(python, BARE, ("--children", "--frames"))
    assert len(logs) == 2 and logs[1].path.endswith("/log.%d.gillog" % pid(logs[1])), [log.path for log in logs]
    parent, child = logs
    for key in ("python", "executable", "switch interval", "check interval"):
        assert child.facts.get(key) == parent.facts.get(key), (key, parent.facts, child.facts)
    assert child.locks == parent.locks and child.count("RELEASE") >= 350, (child.locks, parent.locks)
    if version >= (3, 6):
        found = [child.funcs[a["func"]].split()[0] for _, _, kind, a in child.events if "func" in a and kind == "RELEASE"]
        assert found.count("write") >= 350 and "in_parent" not in found, set(found)
    if version >= (3, 12):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
            f.write(NEW_FUNCS)
            f.flush()
            r, folder, paths = record([python, f.name], ("--children", "--frames"))
        shutil.rmtree(folder)
        assert r.returncode == 0, r.stderr

    if version >= (3, 4):
        for method in ("fork", "spawn", "forkserver") if version[:2] in ((3, 6), (3, 11), (3, 13)) else ("fork",):
            r, logs = run(python, POOL % method)
            # Before 3.7 a worker that finds nothing to do starts no thread, and has no GIL.
            assert len(logs) >= (3 if version >= (3, 7) else 2), (method, [log.path for log in logs])


each(pythons(), test)
