"""What the tests of the recorder share: which Pythons there are, a run under the recorder, its log."""
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
    return out


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


# What a thread may do, one letter an event, when nothing was lost: a take that waits or not, then a release
# with or without a forced switch.
LETTERS = {"ENTRY": "e", "BUSY": "b", "TIMEOUT": "t", "DROP_REQUEST": "d", "WOKEN": "w", "RETRY": "r",
           "ACQUIRE": "A", "RELEASE": "R", "SWITCH_WAIT": "s", "SWITCH_DONE": "x", "START": "(", "END": ")"}
LAWFUL = re.compile(r"^\(?((eb(td?|wr?)*)?AR(sx?)?)*((eb(td?|wr?)*)?A?)\)?$")


def lawful_thread(log, thread):
    word = "".join(LETTERS.get(k, "?") for k in log.kinds(thread))
    return bool(LAWFUL.match(word)), word


def record(argv, options=(), env=None, timeout=None, **more):
    """Runs argv under the recorder in a new folder; (finished process, folder, [paths of logs])."""
    folder = tempfile.mkdtemp(prefix="gilscope-test-")
    e = dict(os.environ, **(env or {}))
    r = subprocess.run(["timeout", "-k", "5", "120", GILSCOPE, "record", "-o", folder + "/log.gillog", *options, "--", *argv],
                       capture_output=True, env=e, timeout=timeout, **more)
    logs = sorted((folder + "/" + f for f in os.listdir(folder) if f.endswith(".gillog")),
                  key=lambda p: (len(p), p))
    return r, folder, logs


def record_script(python, script, options=(), **more):
    """record() of a script; its one log, read.  The folder is removed."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as f:
        f.write(script)
        f.flush()
        r, folder, logs = record([python, f.name], options, **more)
    log = Log(logs[0]) if logs else None
    problem = log.lawful() if log else "no log"
    shutil.rmtree(folder)
    return r, log, problem


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
