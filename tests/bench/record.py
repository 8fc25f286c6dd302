#!/usr/bin/env python3
"""record.py --build B [--json FILE] [--quick]: what the recorder costs, beside the plain program and beside perf

One release+acquire pair is an os.write of one byte to /dev/null by one thread.  Plain and recorded run in turns;
each figure is the median of the runs.  A run is cut into slices of some milliseconds, and its figure is that of its
third best slice: what the program takes where nothing else on the machine disturbs it.  Two threads that compute
cannot be cut: their figure is a run's whole time.  perf's uprobes need root.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ap = argparse.ArgumentParser()
ap.add_argument("--build", default=os.environ.get("GILSCOPE_BUILD", "build/release"))
ap.add_argument("--json")
ap.add_argument("--quick", action="store_true", default=bool(os.environ.get("GILSCOPE_BENCH_QUICK")))
args = ap.parse_args()
os.environ["GILSCOPE_BUILD"] = os.path.abspath(args.build)
os.environ["GILSCOPE"] = os.path.abspath(args.build) + "/gilscope"
sys.path.insert(0, ROOT + "/tests/record")
from recording import GILSCOPE, Log, pythons

RUNS = 5 if args.quick else 11
PAIRS = 200000 if args.quick else 1000000
PAIR = """
import os, sys, time, threading
try:
    clock = time.perf_counter
except AttributeError:
    clock = time.time
n = int(sys.argv[1]) // 50
fd = os.open('/dev/null', os.O_WRONLY)
t = threading.Thread(target=time.sleep, args=(0,)); t.start(); t.join()
write = os.write
def loop(n):
    for i in range(n):
        write(fd, b'x')
loop(n)
def slice():
    began = clock()
    loop(n)
    return (clock() - began) / n * 1e9
print(sorted(slice() for i in range(50))[2])
"""
SPIN = """
import threading, time
def spin():
    n = 4000000
    while n > 0:
        n -= 1
ts = [threading.Thread(target=spin) for i in range(2)]
began = time.time()
for t in ts: t.start()
for t in ts: t.join()
print((time.time() - began) * 1e3)
"""
THREADS = """
import threading, time
def f():
    pass
def slice():
    began = time.time()
    for i in range(100):
        t = threading.Thread(target=f); t.start(); t.join()
    return (time.time() - began) * 1e6 / 100
print(sorted(slice() for i in range(50))[2])
"""
rows = []


def show(python, what, values, unit, target=""):
    row = dict(python=python, what=what, unit=unit, target=target, **values)
    rows.append(row)
    print("%-8s %-34s %s %s %s" % (python, what, "  ".join("%s %.2f" % kv for kv in values.items()), unit,
                                  "(target: %s)" % target if target else ""))


def number(argv):
    return float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[0])


def probes(python, folder):
    """How to run argv under perf with uprobes on take_gil and drop_gil; None where that cannot be."""
    out = subprocess.run(["ldd", python], capture_output=True, text=True).stdout
    m = re.search(r"libpython\S+ => (\S+)", out)
    if os.geteuid() or not shutil.which("perf") or not m:
        return None
    for spec in ("take_gil", "take_gil%return", "drop_gil", "drop_gil%return"):
        name = spec.replace("%", "_")
        if subprocess.run(["perf", "probe", "-q", "-x", m.group(1), "-a", "gilscopebench:%s=%s" % (name, spec)],
                          capture_output=True).returncode:
            return None
    return ["perf", "record", "-q", "-o", folder + "/perf.data", "-e", "gilscopebench:*", "--"]


def measure(version, python, folder):
    name = ".".join(map(str, version))
    log = folder + "/log.gillog"
    for script, n, what, unit in ((PAIR, PAIRS, "release+acquire pair", "ns"), (SPIN, 0, "two threads that compute", "ms"),
                                  (THREADS, 0, "a short thread", "us")):
        path = folder + "/s.py"
        with open(path, "w") as f:
            f.write(script)
        argv = [python, path, str(n)]
        plain, ours = [], []
        for i in range(RUNS):
            plain.append(number(argv))
            ours.append(number([GILSCOPE, "record", "-f", "-o", log, "--"] + argv))
        a, b = statistics.median(plain), statistics.median(ours)
        show(name, what, {"plain": a, "recorded": b, "more": b - a, "ratio": b / a}, unit,
             {"ns": "at most 80 ns more", "us": "at most 10 us more"}.get(unit, "no more than noise"))
        if script is not PAIR:
            continue
        perf = probes(python, folder) if version >= (3,) else None
        if perf:
            c = statistics.median(number(perf + [python, path, str(n // 4)]) for i in range(3))
            show(name, "  under perf with four uprobes", {"perf": c, "more": c - a, "ratio": c / a}, unit)
        subprocess.run(["perf", "probe", "-q", "-d", "gilscopebench:*"], capture_output=True)
        facts = Log(log).facts["end"]
        events = int(re.search(r"events=(\d+)", facts).group(1))
        raw = int(re.search(r"raw=(\d+)", facts).group(1))
        show(name, "  bytes per event", {"packed": raw / events, "on disk": os.path.getsize(log) / events}, "bytes",
             "2, and 1 on disk")


with tempfile.TemporaryDirectory(prefix="gilscope-bench-") as folder:
    minors = {}                     # one of each, rather pyenv's: it has symbols for the probes
    for version, python in pythons():
        if version[:2] in ((2, 7), (3, 11), (3, 13)) and (version[:2] not in minors or "pyenv" in python):
            minors[version[:2]] = version, python
    for version, python in list(minors.values()) or pythons()[:1]:
        measure(version, python, folder)
if args.json:
    with open(args.json, "w") as f:
        json.dump(rows, f, indent=1)
