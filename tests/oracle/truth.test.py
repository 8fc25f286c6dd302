"""The oracle itself is right: it agrees with the figures that came with each real log, and its own lists are consistent."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare
import genlog
import oracle

bad, n_truths = [], 0


def consistent(name, r):
	"""Every instant of a lane has one state; nobody holds what another holds; bins of any level sum to the figures."""
	info = r.info()
	by_id = {t["key"]: t for t in info["threads"]}
	holds = {}
	for key, lane in r.lanes.items():
		at = r.start
		for begin, end, state, lock, since in lane.periods:
			if begin < at or end > r.end or begin >= end:
				bad.append("%s: %s: periods overlap at %d" % (name, key, begin))
			at = end
			if state in ("run", "stall"):
				holds.setdefault(lock, []).append((begin, end, key))
	for spans in holds.values():
		spans.sort()
		for a, b in zip(spans, spans[1:]):
			if b[0] < a[1]:
				bad.append("%s: held twice at %d: %s %s" % (name, b[0], a, b))
	length = r.end - r.start
	for level in (3, 17, 40):
		if (length >> level) * len(r.lanes) > 50000:
			continue
		sums = {}
		for (key, _), x in r.bins(level).items():
			s = sums.setdefault(key, dict.fromkeys(x, 0))
			for n in x:
				s[n] = max(s[n], x[n]) if n == "max_wait" else s[n] + x[n]
		for key, s in sums.items():
			for n in ("run", "stall", "wait", "signal", "acquires", "releases", "busy", "retry", "timeouts"):
				if s[n] != by_id[key][n]:
					bad.append("%s: level %d: %s %s: %d, not %d" % (name, level, key, n, s[n], by_id[key][n]))


for path in compare.real_logs():
	name = os.path.basename(path)
	result = oracle.simulate(oracle.parse([path]))
	consistent(name, result)
	truth = path[:-len(".zst")] + ".truth.json"
	if not os.path.exists(truth):
		continue
	n_truths += 1
	with open(truth) as f:
		truth = json.load(f)
	info = result.info()
	for k in ("clock", "start", "end"):
		if info[k] != truth[k]:
			bad.append("%s: %s is %s, not %s" % (name, k, info[k], truth[k]))
	threads = {t["id"]: t for t in info["threads"]}
	if set(threads) != set(truth["threads"]):
		bad.append("%s: threads %s" % (name, sorted(threads)))
	for ident, figures in truth["threads"].items():
		t = threads[ident]
		t["hold"], t["wait"] = t["run"] + t["stall"], t["wait"] + t["signal"]
		for k, v in figures.items():
			if t[k] != v:
				bad.append("%s: %s: %s is %d, not %d" % (name, ident, k, t[k], v))

for seed in compare.seeds(30, "truth"):
	for fmt in ("beazley", "perf", "gillog"):
		text = genlog.generate(seed, fmt, 1500)
		log = oracle.parse_one(text.encode())
		oracle.mark_waits(log)
		consistent("seed %s %s" % (seed, fmt), oracle.simulate(log))
		if log.skipped:
			bad.append("seed %s %s: line %d cannot be read" % (seed, fmt, log.skipped[0]))

if n_truths < 4:
	bad.append("only %d logs with figures in samples/" % n_truths)
compare.report("%d real logs, and random ones" % n_truths, bad)
