#!/usr/bin/env python3
"""gilgen's truth is what the naive oracle reads in its log, for any seed, shape and text format; the same
seed gives the same bytes, and --events and --bytes are kept; a run that is killed leaves no log at its name."""
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/oracle"))
import oracle

BUILD = os.environ.get("GILSCOPE_BUILD") or os.path.join(ROOT, "build/release")
GILGEN = os.path.join(BUILD, "gilgen")
SEEDS = 12 if os.environ.get("GILSCOPE_MODE", "release") == "release" else 4
FORMATS = (("old", "beazley"), ("old", "gillog"), ("new", "perf"), ("new", "gillog"))
SHAPES = ("-t4", "-t2 -s1", "-t3 -s2 -c1", "-t1", "-t6 -s4 -c4", "-t40 -s3", "-t512 -s6 -c8", "-t5 -s0", "-t3 -s3")
FIGURES = ("run", "wait", "signal", "idle", "stall", "acquires", "releases", "lost_acquires", "busy", "retry",
	   "timeouts", "drop_requests", "waits", "max_wait", "max_run")


def gilgen(*args):
	return subprocess.run([GILGEN, *args], stdout=subprocess.PIPE, check=True).stdout


def percentile(sorted_values, percent):
	return sorted_values[(len(sorted_values) * percent + 99) // 100 - 1] if sorted_values else 0


def differences(truth, read):
	"""One sentence per figure in which the truth and the oracle's reading differ."""
	out = ["%s: %s, read %s" % (k, truth[k], read[k]) for k in ("clock", "start", "end", "events", "checks",
								    "skipped_lines", "lost_events") if truth[k] != read[k]]
	threads = {t["id"]: t for t in read["threads"]}
	if set(threads) != {t["id"] for t in truth["threads"]}:
		return out + ["other threads"]
	for t in truth["threads"]:
		r = threads[t["id"]]
		out += ["%s %s: %s, read %s" % (t["id"], k, t[k], r[k]) for k in FIGURES if t[k] != r[k]]
		for p in (50, 99):
			exact = percentile(r["all_waits"], p)
			if abs(t["wait_p%d" % p] - exact) * 250 > exact:
				out.append("%s p%d: %s, read %s" % (t["id"], p, t["wait_p%d" % p], exact))
	return out


def test_truth(folder):
	log, truth = os.path.join(folder, "log"), os.path.join(folder, "truth")
	n = 0
	for seed in range(1, SEEDS + 1):
		for i, (gil, fmt) in enumerate(FORMATS):
			shape = SHAPES[(seed * len(FORMATS) + i) % len(SHAPES)].split()
			args = ["--gil", gil, "-F", fmt, "-n", str(500 * seed * seed), "--seed", str(seed), *shape]
			if fmt == "gillog" and gil == "old" and seed % 2:
				args += ["--ns"]
			if gil == "old" and seed % 3 == 0:
				args += ["--entries", "--interval", "100" if fmt == "beazley" else "977"]
			gilgen(*args, "-o", log, "--truth", truth)
			with open(truth) as f:
				wrong = differences(json.load(f), oracle.simulate(oracle.parse([log])).info())
			assert not wrong, "gilgen %s\n%s" % (" ".join(args), "\n".join(wrong[:20]))
			n += 1
	print("%d logs agree" % n)


def test_limits():
	for gil, fmt in FORMATS:
		for n in (1, 2, 999):
			text = gilgen("--gil", gil, "-F", fmt, "-n", str(n)).decode()
			lines = [s for s in text.splitlines() if not s.startswith("#")]
			assert len(lines) == n and text.endswith("\n"), (gil, fmt, n)
		for n in (1000, 3000000):
			text = gilgen("--gil", gil, "-F", fmt, "--bytes", str(n))
			last = text.rindex(b"\n", 0, -1) + 1
			assert len(text) >= n and last < n and text.endswith(b"\n"), (gil, fmt, n, len(text))


def test_seeds():
	for gil, fmt in FORMATS + (("old", "binary"), ("old", "binary --ns"), ("new", "binary")):
		args = ("--gil", gil, "-F", *fmt.split(), "-n", "5000", "--seed")
		one = gilgen(*args, "7")
		assert one == gilgen(*args, "7"), fmt
		assert one != gilgen(*args, "8"), fmt


def test_killed(folder):
	log = os.path.join(folder, "killed")
	gilgen("-n", "1000", "-o", log)
	with open(log, "rb") as f:
		whole = f.read()
	assert whole == gilgen("-n", "1000") and os.listdir(folder) == ["killed"], os.listdir(folder)
	p = subprocess.Popen([GILGEN, "--bytes", "1000G", "-o", log])
	for _ in range(2000):
		if os.path.exists(log + ".tmp") and os.path.getsize(log + ".tmp") or os.path.getsize(log) != len(whole):
			break
		time.sleep(0.01)
	p.kill()
	p.wait()
	with open(log, "rb") as f:
		assert f.read(len(whole) + 1) == whole, "half a log at its name"
	os.unlink(log)
	os.unlink(log + ".tmp")


with tempfile.TemporaryDirectory(prefix="gilscope-test-") as tmp:
	test_limits()
	test_seeds()
	test_killed(tmp)
	test_truth(tmp)
