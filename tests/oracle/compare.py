"""compare.py - runs the program and holds what it says against the oracle

What the tests of ingest, timeline, info and dump share.  Every function that compares returns a list of
sentences, one per difference; an empty list is agreement.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

import oracle

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GILSCOPE = os.environ.get("GILSCOPE") or os.path.join(ROOT, "build/release/gilscope")
MODE = os.environ.get("GILSCOPE_MODE", "release")
SLOWER = {"release": 1, "asan": 3, "tsan": 6}.get(MODE, 1)

STATES = ("run", "stall", "wait", "signal")
THREAD_FIGURES = ("run", "wait", "signal", "idle", "stall", "acquires", "releases", "lost_acquires", "busy", "retry",
		  "timeouts", "drop_requests", "waits", "max_wait", "max_run")
BIN_FIGURES = ("run", "stall", "wait", "signal", "max_wait", "acquires", "releases", "busy", "retry", "timeouts",
	       "switches", "lost")


def skip(why):
	print(why)
	sys.exit(77)


def seeds(n, name):
	"""n seeds, fewer where the program is slower; GILSCOPE_SEED=S repeats one."""
	one = os.environ.get("GILSCOPE_SEED")
	if one:
		return [one]
	return ["%s-%d" % (name, i) for i in range(max(6, n // SLOWER))]


def real_logs():
	"""The logs in samples/, and those of the folder GILSCOPE_LOGS, that the oracle can read."""
	out = []
	for folder in [os.path.join(ROOT, "samples"), os.environ.get("GILSCOPE_LOGS", "")]:
		if folder:
			for ext in ("perf", "beazley", "gillog"):
				out += sorted(glob.glob(os.path.join(folder, "*.%s.zst" % ext)))
	return out


def run(*args, data=None, check=True):
	"""Runs gilscope; returns (exit code, stdout, stderr).  check: any exit but 0 is an AssertionError."""
	p = subprocess.run([GILSCOPE, *map(str, args)], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
			   stdin=subprocess.DEVNULL if data is None else None)
	err = p.stderr.decode("utf-8", "replace")
	if p.returncode < 0 or p.returncode > 2 or "Sanitizer" in err or "runtime error" in err:
		raise AssertionError("gilscope %s: died with %d\n%s" % (" ".join(map(str, args)), p.returncode, err[-3000:]))
	if check and p.returncode != 0:
		raise AssertionError("gilscope %s: exit %d\n%s" % (" ".join(map(str, args)), p.returncode, err[-2000:]))
	return p.returncode, p.stdout, err


class Folder:
	"""with Folder() as f: f("name") is a path in a folder that disappears."""

	def __enter__(self):
		self.tmp = tempfile.TemporaryDirectory(prefix="gilscope-test-")
		return lambda name: os.path.join(self.tmp.name, name)

	def __exit__(self, *what):
		self.tmp.cleanup()


def ingest(out, *logs, options=()):
	return run("ingest", "-f", *options, "-o", out, *logs)


def info(gtl):
	return json.loads(run("info", "--json", gtl)[1].decode("utf-8", "surrogateescape"))


def compare_info(result, got):
	"""Every figure of info against the oracle's."""
	want, bad = result.info(), []

	def differ(where, name, g, w):
		bad.append("%s%s is %r, the oracle says %r" % (where, name, g, w))
	for name in ("clock", "start", "end", "events", "lost_events", "checks"):
		if got[name] != want[name]:
			differ("", name, got[name], want[name])
	if got["skipped_lines"] != want["skipped_lines"]:
		differ("", "skipped_lines", got["skipped_lines"], want["skipped_lines"])
	if abs((got["badness"] or 0) - want["badness"]) > 1e-6 * max(1, want["badness"]):
		differ("", "badness", got["badness"], want["badness"])
	def name_of(t):
		return (t["id"], -1 if t["pid"] is None else t["pid"])
	# a stable sort: threads that are called alike stay in the order of the logs
	mine, theirs = sorted(want["threads"], key=name_of), sorted(got["threads"], key=name_of)
	if [name_of(t) for t in mine] != [name_of(t) for t in theirs]:
		differ("", "threads", [name_of(t) for t in theirs], [name_of(t) for t in mine])
		return bad
	for w, g in zip(mine, theirs):
		where = "thread %s: " % w["id"]
		if g["name"] != w["name"]:
			differ(where, "name", g["name"], w["name"])
		for name in THREAD_FIGURES:
			if g[name] != w[name]:
				differ(where, name, g[name], w[name])
		for name, q in (("wait_p50", 0.5), ("wait_p99", 0.99)):
			low, high = oracle.quantile_bounds(w["all_waits"], q)
			if not low * 0.99 - 1 <= g[name] <= high * 1.01 + 1:
				differ(where, name, g[name], (low, high))
	return bad


def merged(periods):
	"""Neighbouring periods of one state, lock and beginning become one; empty ones disappear."""
	out = []
	for p in sorted(periods):
		if p[0] == p[1]:
			continue
		if out and out[-1][1] == p[0] and out[-1][2:] == p[2:]:
			out[-1] = (out[-1][0],) + p[1:]
		else:
			out.append(tuple(p))
	return out


def bins_of(gtl, level):
	"""{(lane number, bin): {...}} as `dump --bins LEVEL` prints them."""
	out = {}
	for line in run("dump", "--bins", level, gtl)[1].decode().splitlines():
		if line.startswith("#"):
			continue
		n = [int(x) for x in line.split()]
		out[n[0], n[1]] = dict(zip(BIN_FIGURES, n[2:]))
	return out


def compare_bins(result, got_info, gtl, level):
	bad, want = [], {}
	lane_of = {}
	keys = [k for k, lane in result.lanes.items() if lane.is_lane]
	# lanes are matched by id; of equal ids by process in order of appearance
	for number, t in enumerate(got_info["threads"]):
		same = [k for k in keys if k[1] == t["id"] and k not in lane_of
			and result.log.pids.get(k[0], -1) == (-1 if t["pid"] is None else t["pid"])]
		if same:
			lane_of[same[0]] = number
	for (key, b), x in result.bins(level).items():
		x = dict(x)
		x["lost"] = x["lost_acquires"] + x["lost_releases"] + x["lost_events"]
		x = {n: x[n] for n in BIN_FIGURES}
		if any(x.values()):
			want[lane_of[key], b] = x
	got = {k: v for k, v in bins_of(gtl, level).items() if any(v.values())}
	for k in sorted(set(want) | set(got)):
		w, g = want.get(k), got.get(k)
		if w != g:
			bad.append("level %d lane %d bin %d: %s, the oracle says %s" % (level, k[0], k[1], g, w))
	return bad


def report(name, bad, limit=20):
	"""Prints the differences and ends the test."""
	for line in bad[:limit]:
		print(line)
	if len(bad) > limit:
		print("... and %d more" % (len(bad) - limit))
	print("%s: %s" % (name, "%d differences" % len(bad) if bad else "agrees"))
	sys.exit(1 if bad else 0)
