"""A full disk, a closed stderr, a log that cannot be written, a recorder that is too slow or killed: the recorded
program runs on undisturbed, the user is told, and what is missing is counted in the log."""
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

WRITES = """
import os, sys, threading
fd = os.open('/dev/null', os.O_WRONLY)
def work(n):
    for i in range(n):
        os.write(fd, b'x')
t = threading.Thread(target=work, args=(int(sys.argv[1]),)); t.start(); t.join()
os.write(1, b'done\\n')
"""
PYTHON = pythons((3, 7))[0][1]
folder = tempfile.mkdtemp(prefix="gilscope-test-")
os.environ["TMPDIR"] = folder         # where a killed recorder leaves its socket
script = folder + "/work.py"
with open(script, "w") as f:
    f.write(WRITES)


def run(n, log, options=(), **more):
    return subprocess.run([GILSCOPE, "record", "-o", log, *options, "--", PYTHON, script, str(n)], capture_output=True,
                          timeout=100, **more)


def unwritable():
    r = run(10, folder + "/no/such/folder/x.gillog")
    assert r.returncode == 0 and r.stdout == b"done\n", r
    assert b"No such file" in r.stderr and b"unrecorded" in r.stderr, r.stderr


def there_already():
    r = run(10, script)
    assert r.returncode == 1 and b"exists already (-f" in r.stderr and r.stdout == b"", r


def replaced():
    for options, code in (((), 0), ((), 1), (("-f",), 0)):
        r = run(10, folder + "/again.gillog", options)
        assert r.returncode == code, r
    assert Log(folder + "/again.gillog").complete


def told():
    """How much of how many threads there is in the log, in one line."""
    r = subprocess.run([GILSCOPE, "record", "-o", folder + "/told.gillog", "--", PYTHON, "-c", "pass"],
                       capture_output=True, timeout=100)
    n = len(Log(folder + "/told.gillog").events)
    assert b"told.gillog: %d events of 1 thread in " % n in r.stderr, r.stderr
    r = run(10, folder + "/told.2.gillog")
    assert b" of 2 threads in " in r.stderr, r.stderr
    r = subprocess.run([GILSCOPE, "record", "--help"], capture_output=True, timeout=100)
    assert r.returncode == 0 and b"app.PID.gillog" in r.stdout, r


def no_file():
    """-f replaces files, and nothing else: not a pipe, a folder, a link to a file."""
    pipe, link, sub = folder + "/pipe", folder + "/link", folder + "/sub"
    os.mkfifo(pipe)
    os.symlink(script, link)
    os.mkdir(sub)
    for path in (pipe, link, sub):
        before = os.lstat(path)
        for options in ((), ("-f",)):
            r = run(10, path, options)
            assert r.returncode == 1 and b"exists already and is no file" in r.stderr and r.stdout == b"", r
        after = os.lstat(path)
        assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode), path
    # It came while the program ran.
    late = folder + "/late.gillog"
    r = subprocess.run([GILSCOPE, "record", "-f", "-o", late, "--", "sh", "-c", 'mkfifo "$0"; exec "$@"', late, PYTHON,
                        script, "10"], capture_output=True, timeout=100)
    assert r.returncode == 0 and stat.S_ISFIFO(os.lstat(late).st_mode), r
    assert Log(folder + "/late.2.gillog").complete and not os.path.exists(late + ".tmp")


def old_log_stays():
    """With -f too, until there is a new one."""
    log = folder + "/stays.gillog"
    assert run(10, log).returncode == 0
    before = open(log, "rb").read()
    os.mkdir(log + ".tmp")
    r = run(10, log, ("-f",))
    assert r.returncode == 0 and r.stdout == b"done\n" and b"unrecorded" in r.stderr, r
    assert open(log, "rb").read() == before
    os.rmdir(log + ".tmp")
    r = run(10, log, ("-f",))
    assert r.returncode == 0 and Log(log).complete and open(log, "rb").read() != before, r
    assert not os.path.exists(log + ".tmp")


def long_tmpdir():
    """The socket lies in TMPDIR, or in /tmp where its name would not fit in its address, or TMPDIR is no folder."""
    for tmp in (folder + "/none", "", "."):
        r = subprocess.run([GILSCOPE, "record", "-f", "-o", "tmpdir.gillog", "--", PYTHON, "-c",
                            "import os; print(os.environ['GILSCOPE_RECORD']); os.chdir('/'); os.fork() and os.wait()"],
                           env=dict(os.environ, TMPDIR=tmp), cwd=folder, capture_output=True, timeout=60)
        assert r.returncode == 0 and b":/tmp/gilscope-" in r.stdout, r
        assert b"1 other process had a GIL" in r.stderr and Log(folder + "/tmpdir.gillog").complete, r
    for n in (*range(73, 80), *range(86, 94), 200):
        tmp = (folder + "/tmp" + "x" * n)[:n]
        assert len(tmp) == n
        os.mkdir(tmp)
        log = folder + "/tmpdir%d.gillog" % n
        r = run(10, log, env=dict(os.environ, TMPDIR=tmp))
        assert r.returncode == 0 and r.stdout == b"done\n" and os.path.exists(log), (n, r)
        assert Log(log).complete and os.listdir(tmp) == [], n
        os.rmdir(tmp)


def closed_stderr():
    log = folder + "/closed.gillog"
    r = subprocess.run(["sh", "-c", 'exec "$@" 2>&- 0<&-', "sh", GILSCOPE, "record", "-o", log, "--", PYTHON, script,
                        "500"], stdout=subprocess.PIPE, timeout=100)
    assert r.returncode == 0 and r.stdout == b"done\n", r
    assert Log(log).lawful() == "" and Log(log).count("RELEASE") >= 500


def file_size_limit():
    """A limit on file sizes must not end the program by SIGXFSZ, nor one on its address space."""
    r = run(500, folder + "/limit.gillog", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
    assert r.returncode == 0 and r.stdout == b"done\n", r
    assert b"cannot be recorded" in r.stderr and b"(ulimit -f)" in r.stderr, r.stderr
    r = subprocess.run([GILSCOPE, "record", "-o", folder + "/space.gillog", "--", "sh", "-c", 'ulimit -v 70000; exec "$@"',
                        "sh", PYTHON, script, "500"], capture_output=True, timeout=60)
    assert r.returncode == 0 and r.stdout == b"done\n" and b"(ulimit -v)" in r.stderr, r


def log_size_limit():
    """Nor may the recorder, when the log reaches it."""
    log = folder + "/grows.gillog"
    p = subprocess.Popen([GILSCOPE, "record", "-o", log, "--", PYTHON, "-c",
                          "import os\nos.write(1, b'r')\nos.read(0, 1)\nexec(open(%r).read())" % script, "300000"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stdout.read(1) == b"r"
    resource.prlimit(p.pid, resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
    out, err = p.communicate(b"x", timeout=60)
    assert p.returncode == 0 and out == b"done\n" and b"File too large" in err, (p.returncode, out, err)
    assert os.path.getsize(log) <= 20000 and not Log(log).complete


def full_disk():
    disk = folder + "/disk"
    os.mkdir(disk)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", disk],
                                      capture_output=True).returncode:
        print("      (no tmpfs could be mounted)")
        return
    try:
        r = run(400000, disk + "/x.gillog")
        assert r.returncode == 0 and r.stdout == b"done\n", r
        assert b"No space left" in r.stderr, r.stderr
        log = Log(disk + "/x.gillog")
        # What was written before is whole: the cut lies between two sections.
        assert not log.complete and "cut off" in log.stderr and "crc" not in log.stderr, log.stderr
        t = Timeline(disk + "/x.gillog")
        assert t.info["truncated"] and t.info["events"] == len(log.events) and t.one_holder() == ""
    finally:
        subprocess.run(["umount", disk])


def slow_recorder():
    """While the recorder sleeps the program fills its memory, and runs on: the rest is counted."""
    n, log_path = 300000, folder + "/slow.gillog"
    p = subprocess.Popen([GILSCOPE, "record", "-o", log_path, "--buffer", "1Mi", "--", PYTHON, script, str(n)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while p.poll() is None and not os.path.exists(log_path):
        time.sleep(0.001)
    os.kill(p.pid, signal.SIGSTOP)
    assert p.stdout.read(5) == b"done\n"        # it did not wait
    os.kill(p.pid, signal.SIGCONT)
    out, err = p.communicate(timeout=100)
    log = Log(log_path)
    lost = [a for _, _, kind, a in log.events if kind == "LOST"]
    worker = max(log.threads, key=lambda i: log.count("RELEASE", i))
    assert p.returncode == 0 and b"were lost" in err and lost, err
    assert log.lawful() == "", log.lawful()
    assert all(a["since"] >= 0 and a["count"] > 0 for a in lost)
    here = len([1 for _, t, k, _ in log.events if t == worker and k in ("ACQUIRE", "RELEASE")])
    missing = sum(a["count"] for _, t, k, a in log.events if k == "LOST" and t == worker)
    assert missing > n and 2 * n <= here + missing <= 2 * n + 200, (here, missing)
    # The timeline counts them, and knows nothing of the thread in the gap: it is idle there.
    t = Timeline(log_path)
    assert t.info["lost_events"] == sum(a["count"] for a in lost), (t.info["lost_events"], lost)
    assert t.one_holder() == "", t.one_holder()
    gaps = 0
    for end, thread, kind, a in t.events:
        if kind == "LOST":
            begin = end - int(a["since"])
            inside = [p for p in t.periods if p[2] == thread and int(p[0]) < end and int(p[1]) > begin and p[3] != "idle"]
            assert not inside, (begin, end, inside[:3])
            gaps += 1
    assert gaps == len(lost)


def killed_recorder():
    """The program does not depend on the recorder; what was written before is a log that is cut off."""
    log_path = folder + "/killed.gillog"
    r, w = os.pipe()
    p = subprocess.Popen([GILSCOPE, "record", "-o", log_path, "--buffer", "1Mi", "--", PYTHON, script, "3000000"],
                         stdout=w, stderr=subprocess.DEVNULL)
    os.close(w)
    while p.poll() is None and (not os.path.exists(log_path) or os.path.getsize(log_path) < 3000):
        time.sleep(0.01)
    p.kill()
    p.wait()
    assert os.read(r, 10) == b"done\n"
    os.close(r)
    log = Log(log_path)
    assert not log.complete and log.count("RELEASE") > 1000 and "cut off" in log.stderr
    t = Timeline(log_path)
    assert t.info["truncated"] and t.info["events"] == len(log.events) and t.one_holder() == "", t.one_holder()
    assert t.info["releases"] == log.count("RELEASE") and t.info["lost_events"] == 0


def exit_codes():
    for code, argv in ((7, [PYTHON, "-c", "raise SystemExit(7)"]), (127, ["/no/such/program"]), (126, ["/etc/passwd"])):
        r, f, logs = record(argv)
        shutil.rmtree(f)
        assert r.returncode == code, (argv, r)
    r = subprocess.run([GILSCOPE, "record"], capture_output=True)
    assert r.returncode == 2 and b"usage" in r.stderr


def few_descriptors():
    """A program that calls exec again and again has one log open at a time; its children may be more than the soft
    limit."""
    exec_ = ("import os, sys\nn = int(sys.argv[1])\n"
             "if n: os.execv(sys.executable, [sys.executable, '-c', os.environ['AGAIN'], str(n - 1)])\n")
    r, f, logs = record([PYTHON, "-c", exec_, "30"], env={"AGAIN": exec_},
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
    assert r.returncode == 0 and len(logs) == 31 and all(Log(l).complete for l in logs), (r, logs)
    shutil.rmtree(f)
    kids = ("import os, resource\nr, w = os.pipe()\n"
            "for i in range(30):\n    if not os.fork():\n        os.read(r, 1)\n        os._exit(0)\n"
            "os.write(w, b'x' * 30)\nfor i in range(30): os.wait()\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    r, f, logs = record([PYTHON, "-c", kids], ("--children",),
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard)))
    assert r.returncode == 0 and len(logs) == 31 and r.stdout == b"(32, %d)\n" % hard, (r, logs)
    shutil.rmtree(f)


SAYS = """
import os, signal, sys, time
def say(n, f):
    os.write(1, b'%d ' % n)
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH):
    signal.signal(s, say)
signal.signal(signal.SIGTERM, lambda *a: sys.exit(9))
os.write(1, b'ready ')
for i in range(20):
    time.sleep(1)
"""


def signals_are_passed_on():
    """What another process sends to the recorder alone; the recorder lives on."""
    p = subprocess.Popen([GILSCOPE, "record", "-o", folder + "/sig.gillog", "--", PYTHON, "-c", SAYS],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stdout.read(6) == b"ready "
    for s in ("INT", "QUIT", "HUP", "USR1", "USR2", "ALRM", "WINCH"):
        number = getattr(signal, "SIG" + s)
        os.kill(p.pid, number)
        assert p.stdout.read(len(b"%d " % number)) == b"%d " % number, s
    p.terminate()
    assert p.communicate(timeout=60)[0] == b""
    assert p.returncode == 9, p.returncode
    assert Log(folder + "/sig.gillog").complete


def own_signals_are_not():
    """What the program sends to all of its group comes once; so does ^C."""
    r = subprocess.run([GILSCOPE, "record", "-o", folder + "/own.gillog", "--", PYTHON, "-c",
                        "import os, signal, time\n"
                        "for s in (signal.SIGTERM, signal.SIGUSR1):\n"
                        "    signal.signal(s, lambda n, f: os.write(1, b'%d ' % n))\n"
                        "    os.killpg(0, s)\n"
                        "    time.sleep(0.3)"], stdout=subprocess.PIPE, timeout=60, start_new_session=True)
    assert r.returncode == 0 and r.stdout == b"15 10 ", r


def ignored_signals():
    """nohup: what was ignored before is ignored by the program, and nothing else."""
    # 32 and 33 are glibc's own
    shown = ("print([hex(int(l[7:], 16) & 0x7fffffff) for l in open('/proc/self/status') "
             "if l[:6] in ('SigIgn', 'SigBlk')])")
    for ignored in ("", "HUP", "HUP TERM INT QUIT USR1 PIPE"):
        out = [subprocess.run(["sh", "-c", 'trap "" %s; exec "$@"' % ignored if ignored else 'exec "$@"', "sh", *front,
                               PYTHON, "-c", shown], stdout=subprocess.PIPE, timeout=60).stdout
               for front in ((), (GILSCOPE, "record", "-f", "-o", folder + "/ign.gillog", "--"))]
        assert out[0] and out[0] == out[1], (ignored, out)


bad = 0
for test in (unwritable, there_already, replaced, told, no_file, old_log_stays, long_tmpdir, closed_stderr,
             file_size_limit, log_size_limit, full_disk, slow_recorder, killed_recorder, exit_codes, few_descriptors,
             signals_are_passed_on, own_signals_are_not, ignored_signals):
    try:
        test()
        print("ok  ", test.__name__)
    except AssertionError as e:
        print("FAIL", test.__name__, "line", e.__traceback__.tb_next.tb_lineno, e)
        bad = 1
shutil.rmtree(folder)
sys.exit(bad)
