"""What ingest, info and dump say of a recording is what the log holds: the counts of every thread, one holder at a time,
functions, all processes in one timeline; and a 2.7's log on either of its clocks."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import *

SCRIPT = """
import os, threading, time
fd = os.open('/dev/null', os.O_WRONLY)
end = time.time() + 0.06
def spin():
    while time.time() < end:
        pass
def work():
    for i in range(1500):
        os.write(fd, b'x')
ts = [threading.Thread(target=f, name=n) for f, n in ((work, 'writer'), (spin, 'spin one'), (spin, 'spin two'))]
for t in ts: t.start()
for t in ts: t.join()
"""
CHILDREN = ALONE + """
import os, sys, threading, time
fd = os.open('/dev/null', os.O_WRONLY)
def work():
    for i in range(200):
        os.write(fd, b'x')
def threads():
    ts = [threading.Thread(target=work) for i in range(2)]
    for t in ts: t.start()
    for t in ts: t.join()
threads()
for i in range(2):
    alone()
    pid = os.fork()
    if not pid:
        threads()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
threads()
"""
COUNTS = {"acquires": "ACQUIRE", "releases": "RELEASE", "busy": "BUSY", "retry": "RETRY", "timeouts": "TIMEOUT",
          "drop_requests": "DROP_REQUEST"}


def recorded(python, script, options=()):
    with open(folder + "/s.py", "w") as f:
        f.write(script)
    r, where, logs = record([python, folder + "/s.py"], options)
    assert r.returncode == 0 and logs, r.stderr
    return where, logs


def holds(log, i):
    """The sum of a thread's holds."""
    total, since = 0, None
    for t, thread, kind, _ in log.events:
        if thread == i and kind == "ACQUIRE":
            since = t
        if thread == i and kind == "RELEASE":
            total += t - since
            since = None
    return total + (log.events[-1][0] - since if since is not None else 0)


def same_as_log(info, log):
    threads = {t["id"]: t for t in info["threads"]}
    assert len(threads) == len(log.threads)
    for i, name in log.threads.items():
        tid, _, name = name.partition(" ")
        t = threads[tid]
        assert t["name"] == name
        for key, kind in COUNTS.items():
            assert t[key] == log.count(kind, i), (name, key, t[key], log.count(kind, i))
        assert t["run"] == holds(log, i), (name, t["run"], holds(log, i))
        assert t["lost_acquires"] == t["lost_releases"] == t["lost_events"] == 0
        assert t["forced_switches"] == log.count("SWITCH_WAIT", i)
    assert info["events"] == len(log.events) and not info["truncated"] and info["lost_events"] == 0


def one(version, python):
    where, logs = recorded(python, SCRIPT, ("--frames",))
    log, t = Log(logs[0]), Timeline(logs[0])
    same_as_log(t.info, log)
    assert t.one_holder() == "", t.one_holder()
    # dump shows a log as it shows its timeline.
    header, events = read_dump(gilscope("dump", logs[0]))
    assert events == t.events and len(events) == len(log.events)
    if version >= (3, 6):
        funcs = {line.split()[2]: line for line in t.header if line.startswith("# func ")}
        writer = log.threads[log.thread("writer")].split()[0]
        named = [funcs[a["func"]] for _, thread, kind, a in events if thread == writer and kind == "RELEASE" and "func" in a]
        assert sum(1 for f in named if 'name="work"' in f and "s.py" in f and "line=8" in f) >= 1500, named[:3]
    shutil.rmtree(where)


def several(version, python):
    where, logs = recorded(python, CHILDREN, ("--children",))
    assert len(logs) == 3
    t = Timeline(where)
    assert dict(t.info, title="") == dict(Timeline(logs[0], *sorted(logs[1:])).info, title="")
    assert t.one_holder() == "", t.one_holder()
    pids = [p["pid"] for p in t.info["processes"]]
    assert pids[0] == int(Log(logs[0]).facts["process"].split()[0]), "the parent comes first"
    assert [p["ppid"] for p in t.info["processes"][1:]] == [pids[0]] * 2
    for path in logs:
        log = Log(path)
        pid = int(log.facts["process"].split()[0])
        mine = dict(t.info, threads=[x for x in t.info["threads"] if x["pid"] == pid], events=len(log.events))
        for x in mine["threads"]:
            # A hold that is open when the process ends lasts to the end of the timeline, not of its log.
            i = [i for i, name in log.threads.items() if name.split()[0] == x["id"]][0]
            if x["releases"] < x["acquires"]:
                x["run"] = holds(log, i)
        same_as_log(mine, log)
    assert t.info["events"] == sum(len(Log(p).events) for p in logs)
    shutil.rmtree(where)


def ticks(version, python):
    """On the clock of ticks: as if the log had been written in Beazley's columns."""
    where, logs = recorded(python, SCRIPT)
    log, at, columns = Log(logs[0]), 0, []
    for _, thread, kind, a in sorted(log.events, key=lambda e: e[:2]):      # of one time: in the order of threads
        if "checks" in a:
            at = max(at, a["checks"] * 100 + 100 - min(max(a["countdown"], 1), 100))
        if kind in ("ENTRY", "BUSY", "RETRY", "ACQUIRE", "RELEASE"):
            columns.append("t%s %d %d %s\n" % (log.threads[thread].split()[0], 100 - at % 100, at // 100, kind))
    with open(where + "/beazley.txt", "w") as f:
        f.write("".join(columns))
    ours, truth = Timeline("--clock", "ticks", logs[0]).info, Timeline(where + "/beazley.txt").info
    assert ours["clock"] == truth["clock"] == "ticks"
    same = {t["id"]: t for t in ours["threads"]}
    for t in truth["threads"]:
        o = same.pop(t["id"].lstrip("t"))
        for key in ("acquires", "releases", "busy", "retry", "waits", "run", "max_run", "max_wait", "switches"):
            assert o[key] == t[key], (key, o, t)
        # Who was signalled is known here, and guessed there: only their sum is the same.
        assert o["wait"] + o["signal"] == t["wait"] + t["signal"], (o, t)
    assert not same
    assert ours["acquires"] == truth["acquires"] and ours["checks"] == truth["checks"] > 50
    assert ours["badness"] == truth["badness"] and ours["check_interval"] == 100
    ns = Timeline(logs[0]).info
    assert ns["clock"] == "ns" and ns["acquires"] == ours["acquires"] and abs(ns["checks"] - ours["checks"]) <= 1
    shutil.rmtree(where)


def test(version, python):
    one(version, python)
    several(version, python)
    if version < (3,):
        ticks(version, python)
    elif version[:2] == (3, 11):
        where, logs = recorded(python, SCRIPT)
        r = subprocess.run([GILSCOPE, "ingest", "--clock", "ticks", "-o", where + "/t.gtl", logs[0]], capture_output=True)
        assert r.returncode == 1 and b"no ticks" in r.stderr, r
        shutil.rmtree(where)


folder = tempfile.mkdtemp(prefix="gilscope-test-")
try:
    each(pythons(), test)
finally:
    shutil.rmtree(folder)
