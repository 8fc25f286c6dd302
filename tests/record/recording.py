"""What the tests of the recorder share: which Pythons there are, a run under the recorder, its log."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

BUILD = os.environ.get("GILSCOPE_BUILD", os.path.abspath("build/release"))
GILSCOPE = os.environ.get("GILSCOPE", BUILD + "/gilscope")
TOOLS = BUILD + "/tests/record/tools"


def skip(why):
    print(why)
    sys.exit(77)


def pythons(least=(2, 7)):
    """[((3, 11, 7), path)]: the machine's python3, and all that pyenv has; one of each minor version first."""
    found = [shutil.which("python3"), "/usr/bin/python3"]
    try:
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True).stdout.strip()
        for v in sorted(os.listdir(root + "/versions")):
            found.append(root + "/versions/" + v + "/bin/python")
    except OSError:
        pass
    out, seen = [], set()
    for p in found:
        if not p or not os.access(p, os.X_OK):
            continue
        r = subprocess.run([p, "-c", "import sys; print(sys.executable); print('%d %d %d' % sys.version_info[:3])"],
                           capture_output=True, text=True)
        if r.returncode:
            continue
        exe, version = r.stdout.split("\n")[:2]
        version = tuple(int(x) for x in version.split())
        if os.path.realpath(exe) not in seen and version >= least:
            seen.add(os.path.realpath(exe))
            out.append((version, exe))
    # The sanitizers are in our program, not in the library inside the Python: one of each kind of GIL will do.
    few = [p for p in out if p[0][:2] in ((2, 7), (3, 6), (3, 13))]
    return few if few and os.environ.get("GILSCOPE_MODE", "release") != "release" else out


class Log:
    """A log as gilprint shows it."""

    def __init__(self, path):
        self.path = path
        r = subprocess.run([TOOLS + "/gilprint", path], capture_output=True)
        self.stderr = r.stderr.decode()
        text = r.stdout.decode("utf-8", "replace")
        self.facts, self.threads, self.locks, self.funcs, self.events = {}, {}, {}, {}, []
        for line in text.split("\n"):
            if line.startswith("# "):
                key, _, value = line[2:].partition(": ")
                m = re.match(r"(thread|lock|func) (\d+)$", key)
                if m:
                    getattr(self, m.group(1) + "s")[int(m.group(2))] = value
                else:
                    self.facts[key] = value
            elif line:
                t, thread, kind, *attrs = line.split()
                self.events.append((int(t), int(thread), kind,
                                    {k: int(v) for k, v in (a.split("=") for a in attrs)}))
        self.complete = self.facts.get("end", "").startswith("complete")

    def lawful(self):
        """No lock is held by two threads at once; the log is whole.  The reasons why not, else ''."""
        r = subprocess.run([TOOLS + "/gilprint", "--check", self.path], capture_output=True, text=True)
        return "" if r.returncode == 0 else r.stderr or "exit %d" % r.returncode

    def thread(self, name):
        """The number of the thread called so; names are 'TID NAME'."""
        hits = [i for i, t in self.threads.items() if t.partition(" ")[2] == name]
        assert len(hits) == 1, (name, self.threads)
        return hits[0]

    def kinds(self, thread=None):
        return [k for _, t, k, _ in self.events if thread is None or t == thread]

    def count(self, kind, thread=None):
        return self.kinds(thread).count(kind)


# For scripts that fork.  After a join() a thread is still ending; a child that is forked meanwhile may abort in the dynamic
# linker (glibc loads libgcc for pthread_exit) or, from 3.8 on, in Python itself; with or without the recorder.
ALONE = """
import os, time
def alone():
    while len(os.listdir('/proc/self/task')) > 1:
        time.sleep(0.001)
"""


def gilscope(*argv):
    """What a command of ours prints; it has to succeed."""
    r = subprocess.run([GILSCOPE, *argv], capture_output=True)
    assert r.returncode == 0, (argv, r.returncode, r.stderr)
    return r.stdout.decode("utf-8", "surrogateescape")


class Timeline:
    """What ingest makes of logs (paths, folders), as info and dump show it."""

    def __init__(self, *logs_and_options):
        folder = tempfile.mkdtemp(prefix="gilscope-test-")
        try:
            path = folder + "/t.gtl"
            gilscope("ingest", "-o", path, *logs_and_options)
            self.info = json.loads(gilscope("info", "--json", path))
            self.header, self.events = read_dump(gilscope("dump", "--events", path))
            self.periods = [line.split(" ") for line in gilscope("dump", "--periods", path).split("\n")
                            if line and line[0] != "#"]
        finally:
            shutil.rmtree(folder)

    def one_holder(self):
        """Walks over the events: no lock is held by two threads at once.  The first reason why not, else ''."""
        holder, unsure, gaps = {}, set(), []    # after LOST, and in its gap, nobody knows what the thread holds
        owner = dict(m.groups() for m in (re.match(r"# thread (\S+) process=(\S+)", h) for h in self.header) if m)
        for time, thread, kind, a in self.events:
            if kind == "LOST":
                gaps.append(((a.get("process") or owner.get(thread, ""), thread), time - int(a["since"]), time))
        for time, thread, kind, a in self.events:
            process = a.get("process") or owner.get(thread, "")
            lock, who = (process, a.get("lock", "")), (process, thread)
            if kind == "LOST":
                unsure.add(who)
                holder = {l: t for l, t in holder.items() if t != who}
            elif kind == "ACQUIRE":
                if holder.get(lock) and not any(w == holder[lock] and b <= time <= e for w, b, e in gaps):
                    return "%s acquires what %s holds at %d" % (who, holder[lock], time)
                holder[lock] = who
            elif kind == "RELEASE":
                if holder.pop(lock, None) != who and who not in unsure:
                    return "%s releases what it does not hold at %d" % (who, time)
        return ""


def read_dump(text):
    """([header lines], [(time, thread, kind, {key: value})]) of gillog text as dump writes it."""
    header, events = [], []
    for line in text.split("\n"):
        if line.startswith("#"):
            header.append(line)
        elif line:
            time, thread, kind, *attrs = line.split(" ")
            events.append((int(time), thread, kind, dict(a.split("=") for a in attrs)))
    return header, events


# What a thread may do, one letter an event, when nothing was lost: a take that waits or not, then a release
# with or without a forced switch.
LETTERS = {"ENTRY": "e", "BUSY": "b", "TIMEOUT": "t", "DROP_REQUEST": "d", "WOKEN": "w", "RETRY": "r",
           "ACQUIRE": "A", "RELEASE": "R", "SWITCH_WAIT": "s", "SWITCH_DONE": "x", "START": "(", "END": ")"}
LAWFUL = re.compile(r"^\(?((eb(td?|wr?)*)?AR(sx?)?)*((eb(td?|wr?)*)?A?)\)?$")


def lawful_thread(log, thread):
    word = "".join(LETTERS.get(k, "?") for k in log.kinds(thread))
    return bool(LAWFUL.match(word)), word


def record(argv, options=(), env=None, timeout=None, stderr=subprocess.PIPE, **more):
    """Runs argv under the recorder in a new folder; (finished process, folder, [paths of logs])."""
    folder = tempfile.mkdtemp(prefix="gilscope-test-")
    e = dict(os.environ, **(env or {}))
    r = subprocess.run(["timeout", "-k", "5", "120", GILSCOPE, "record", "-o", folder + "/log.gillog", *options, "--", *argv],
                       stdout=subprocess.PIPE, stderr=stderr, env=e, timeout=timeout, **more)
    logs = sorted((folder + "/" + f for f in os.listdir(folder) if f.endswith(".gillog")),
                  key=lambda p: (len(p), p))
    return r, folder, logs


def record_timeline(python, script, options=(), ingested=True, **more):
    """record() of a script; its one log, read, and its timeline.  The folder is removed."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        f.write(script)
        f.flush()
        r, folder, logs = record([python, f.name], options, **more)
    log = Log(logs[0]) if logs else None
    problem = log.lawful() if log else "no log"
    timeline = Timeline(logs[0]) if log and ingested else None
    shutil.rmtree(folder)
    return r, log, problem, timeline


def record_script(python, script, options=(), **more):
    """The same without a timeline."""
    return record_timeline(python, script, options, False, **more)[:3]


def each(pythons_, test):
    """Runs test(version, path) for each; prints what failed and exits by it."""
    if not pythons_:
        skip("no such Python is here")
    bad = 0
    for version, path in pythons_:
        name = ".".join(map(str, version)) + " " + path
        try:
            test(version, path)
            print("ok  ", name)
        except AssertionError as e:
            bad = 1
            print("FAIL", name, "lines", [f.lineno for f in traceback.extract_tb(e.__traceback__)][1:], e)
    sys.exit(bad)
