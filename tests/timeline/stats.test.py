"""Every figure of `stats --json`, for whole traces and for stretches of them, is that of the plain lists of periods, takes, holds and
events; and a percentile is within 0.8 % of the value of that rank."""
import json
import math
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

COUNTS = ("acquires", "releases", "busy", "retry", "timeouts", "drop_requests", "switches", "lost_acquires", "lost_releases",
	  "lost_events")
QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999))
bad = []


class Takes(list):
	"""A take that ends in ACQUIRE ends its last stretch of waiting just before: if that was signalled, here is the hand-off."""

	def __init__(self, lane):
		super().__init__()
		self.lane = lane

	def append(self, take):
		super().append(take)
		if self.lane.signalled < take[1]:
			self.lane.handoffs.append((self.lane.signalled, take[1]))


class Lane(oracle.Lane):
	"""Knows how many of its holds had ended before the oracle closed those that the log's end cuts off; and its hand-offs."""

	def __init__(self):
		super().__init__()
		self.ended = 0
		self.takes, self.handoffs, self.signalled = Takes(self), [], 0

	def enter(self, *args):
		self.ended = len(self.holds)
		super().enter(*args)

	def end_wait(self, time, signal):
		self.signalled = max(signal.time, self.begin) if signal else time
		super().end_wait(time, signal)


oracle.Lane = Lane


def overlap(begin, end, a, b):
	return max(0, min(end, b) - max(begin, a))


def values(pairs, inside):
	"""[(length, begin)], the shortest first."""
	return sorted((end - begin, begin) for begin, end in pairs if inside(end))


def expected(result, key, a, b, end, inside):
	"""A lane's figures in [a, b), absolute; end is where the stretch's time ends."""
	lane, f = result.lanes[key], {}
	for state in ("run", "wait", "signal", "stall"):
		f[state] = sum(overlap(p[0], p[1], a, end) for p in lane.periods if p[2] == state)
	f["held"] = f["run"] + f["stall"]
	f["idle"] = end - a - f["held"] - f["wait"] - f["signal"]
	for name in COUNTS:
		f[name] = sum(n for t, what, n in lane.marks if what == name and inside(t))
	f["failed"] = f["busy"] + f["retry"]
	f["switch_waits"] = sum(e.kind == "SWITCH_WAIT" and e.thread == key and inside(e.time) for e in result.log.events)
	f["values"] = {"wait": values(lane.takes, inside), "hold": values(lane.holds[:lane.ended], inside),
		       "handoff": values(lane.handoffs, inside)}
	return f


def compare_values(where, got, want, start):
	for name, pairs in want.items():
		many, v = name + "s", [x for x, _ in pairs]
		if got[many] != len(v):
			bad.append("%s: %d %s, the oracle says %d" % (where, got[many], many, len(v)))
			continue
		if not v:
			if any(got["%s_%s" % (name, q)] is not None for q in ("p50", "p90", "p99", "p999", "max", "max_at")):
				bad.append("%s: %s has percentiles of nothing" % (where, name))
			continue
		for q, part in QUANTILES:
			exact = v[max(1, math.ceil(part * len(v) - 1e-9)) - 1]
			if abs(got["%s_%s" % (name, q)] - exact) > exact * 0.008 + 1e-9:
				bad.append("%s: %s_%s is %d, the oracle says %d" % (where, name, q, got["%s_%s" % (name, q)], exact))
		if got[name + "_max"] != v[-1]:
			bad.append("%s: %s_max is %d, the oracle says %d" % (where, name, got[name + "_max"], v[-1]))
		# what is not stored of a whole trace may be left open
		at = got[name + "_max_at"]
		if at is not None and (v[-1], at + start) not in pairs or at is None and name == "wait":
			bad.append("%s: none of the longest begins at %s_max_at, %s" % (where, name, at))


def close(x, y):
	return x == y or (x is not None and y is not None and abs(x - y) <= 1e-6 * max(abs(x), abs(y)))


def compare_figures(where, got, want, length, checks, unit, start):
	for name in want:
		if name != "values" and got[name] != want[name]:
			bad.append("%s: %s is %r, the oracle says %r" % (where, name, got[name], want[name]))
	for name, v in (("utilisation", want["held"] / length if length else None),
			("wait_share", (want["wait"] + want["signal"]) / length if length else None),
			("acquire_rate", want["acquires"] * unit / length if length else None),
			("switch_rate", want["switches"] * unit / length if length else None),
			("failed_share", want["failed"] / want["acquires"] if want["acquires"] else None),
			("badness", want["failed"] / checks if checks else None)):
		if not close(got[name], v):
			bad.append("%s: %s is %r, the oracle says %r" % (where, name, got[name], v))
	compare_values(where, got, want["values"], start)


def sums(figures, length, held_is_free=False):
	out = {k: sum(f[k] for f in figures) for k in figures[0] if k != "values"}
	if held_is_free:
		out["idle"] = length - out["held"]
	out["values"] = {k: sorted(x for f in figures for x in f["values"][k]) for k in ("wait", "hold", "handoff")}
	return out


def pid_of(result, key):
	return result.log.pids.get(key[0])


def check(name, gtl, result, stretch=None, options=()):
	"""stretch: (from, to), since the trace's start."""
	args = ["stats", "--json", *options]
	if stretch:
		args += ["--from", stretch[0], "--to", stretch[1]]
	got = json.loads(compare.run(*args, gtl)[1].decode("utf-8", "surrogateescape"))
	a = result.start + (stretch[0] if stretch else 0)
	b = result.start + stretch[1] if stretch else result.end + 1
	b = min(b, result.end + 1)
	end = min(b, result.end)
	name = "%s %s" % (name, stretch or "")

	def inside(t):
		return a <= t < b
	lanes = {k: expected(result, k, a, b, end, inside) for k, lane in result.lanes.items() if lane.is_lane}
	checks = sum(n for t, _, n in result.checks if inside(t))
	unit = 1000 if result.log.clock == "ticks" else 10 ** 9
	length = end - a
	if (got["length"], got["checks"]) != (length, checks):
		bad.append("%s: length, checks are %r, the oracle says %r" % (name, (got["length"], got["checks"]), (length, checks)))

	def order(x):
		return (x[0], -1 if x[1] is None else x[1])
	keys = sorted(lanes, key=lambda k: order((k[1], pid_of(result, k))))
	threads = sorted(got["threads"], key=lambda t: order((t["id"], t["pid"])))
	if [(k[1], pid_of(result, k)) for k in keys] != [(t["id"], t["pid"]) for t in threads]:
		bad.append("%s: other threads" % name)
		return got
	for k, t in zip(keys, threads):
		compare_figures("%s thread %s" % (name, k[1]), t, lanes[k], length, checks, unit, result.start)
	compare_figures("%s total" % name, got["total"], sums(list(lanes.values()), length), length, checks, unit,
			result.start)
	# a lock's figures are those of its process's threads, where a process has one lock
	by_pid = {}
	for k in keys:
		by_pid.setdefault(pid_of(result, k), []).append(lanes[k])
	pids = [x["pid"] for x in got["locks"]]
	for lock in got["locks"]:
		if pids.count(lock["pid"]) == 1 and lock["pid"] in by_pid:
			want = sums(by_pid[lock["pid"]], length, True)
			want["lost_events"] = None
			compare_figures("%s lock of %s" % (name, lock["pid"]), lock, want, length, checks, unit, result.start)
	return got


def check_all(name, path, f, r, n):
	compare.ingest(f("t.gtl"), path)
	result = oracle.simulate(oracle.parse([path]))
	length = result.end - result.start
	times = [e.time - result.start for e in result.log.events if result.start <= e.time <= result.end]
	whole = check(name, f("t.gtl"), result)
	plain = check(name, f("t.gtl"), result, options=["--no-findings"])
	whole["findings"] = None
	if whole != plain:
		bad.append("%s: other figures with --no-findings" % name)
	for _ in range(n):
		# edges at events, beside them, and anywhere
		edges = sorted(r.choice([r.choice(times), r.choice(times) + 1, r.randrange(length + 1)]) for _ in range(2))
		if edges[0] < edges[1] and edges[0] <= length:
			check(name, f("t.gtl"), result, edges)
	check(name, f("t.gtl"), result, (0, length) if length else None)


with compare.Folder() as f:
	for path in compare.real_logs():
		check_all(os.path.basename(path), path, f, random.Random(path), 3)
	for seed in compare.seeds(30, "stats"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 900))
			check_all("genlog.py %s %s 900" % (seed, fmt), f("log"), f, random.Random(seed + fmt), 4)
	# several blocks
	for fmt in ("beazley", "gillog"):
		with open(f("log"), "w") as log:
			log.write(genlog.generate("long", fmt, 20000, 5))
		check_all("genlog.py long %s 20000 5" % fmt, f("log"), f, random.Random(fmt), 4)
compare.report("stats", bad)
