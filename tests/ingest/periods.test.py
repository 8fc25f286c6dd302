"""`dump --periods` prints the oracle's periods: all of them, and of a part exactly those that touch it."""
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

bad = []


def dumped(args):
	"""{(process or "", thread): [(begin, end, state, lock or "", since)]} as dump prints them."""
	out, ends = {}, []
	for line in compare.run("dump", "--periods", *args)[1].decode("utf-8").splitlines():
		if line.startswith("#"):
			continue
		words = oracle.words(line)
		(begin, end, thread, state), rest = [w for _, w in words[:4]], dict(words[4:])
		begin, end = int(begin), int(end)
		out.setdefault((rest.get("process", ""), thread), []).append(
			(begin, end, state, rest.get("lock", ""), int(rest.get("since", begin))))
		if state != "wait":	# a wait stands before the signal that follows it
			ends.append(end)
	if ends != sorted(ends):
		bad.append("%s: not in the order of their ends" % (args,))
	return out


def wanted(result):
	ids = [k[1] for k, lane in result.lanes.items() if lane.is_lane]
	out = {}
	for key, lane in result.lanes.items():
		if not lane.is_lane:
			continue
		first = next((k[1] for k in result.log.locks if k[0] == key[0]), "")
		name = (key[0] if ids.count(key[1]) > 1 else "", key[1])
		out[name] = compare.merged((b, e, s, "" if lock[1] == first else lock[1], since)
					   for b, e, s, lock, since in lane.periods)
	return {k: v for k, v in out.items() if v}


def differ(name, got, want):
	for k in sorted(set(got) | set(want)):
		g, w = got.get(k, []), want.get(k, [])
		if g != w:
			at = next((i for i, (x, y) in enumerate(zip(g, w)) if x != y), min(len(g), len(w)))
			bad.append("%s: thread %s: period %d is %s, the oracle says %s" % (name, k, at, g[at:at + 1], w[at:at + 1]))


def check(name, f, path, rounds=2):
	compare.ingest(f("t.gtl"), path)
	result = oracle.simulate(oracle.parse([path]))
	want = wanted(result)
	differ(name, {k: compare.merged(v) for k, v in dumped([f("t.gtl")]).items()}, want)
	# a part has the whole pieces that touch it
	pieces = dumped([f("t.gtl")])
	r = random.Random(name)
	for _ in range(rounds):
		a = r.randrange(result.start, result.end + 1)
		b = r.randrange(a, min(result.end, a + (result.end - result.start) // r.choice([1, 10, 1000])) + 1)
		part = dumped(["--from", "@%d" % a, "--to", "@%d" % b, f("t.gtl")])
		touch = {k: [p for p in v if p[0] < b and p[1] > a] for k, v in pieces.items()}
		differ("%s --from @%d --to @%d" % (name, a, b), part, {k: v for k, v in touch.items() if v})


def two_locks(seed):
	"""A log of two processes as one of one process with two locks."""
	lines = ["# gillog 1", "# lock a", "# lock \"b c\""]
	text = genlog.generate(seed, "gillog", 900, 6, processes=2)
	for line in text.splitlines()[1:]:
		if line.startswith("#"):
			if not line.startswith(("# process", "# thread")):
				lines.append(line)
			continue
		# threads of one name in two processes become two
		process = re.search(r" process=p(\d)", line)
		word = line.split()
		if process:
			own = 2 * int(word[1]) + int(process[1])
			line = re.sub(r"target=(\d+)", lambda m: "target=%d" % (2 * int(m[1]) + int(process[1])),
				      line.replace(process[0], "").replace(" %s " % word[1], " %d " % own, 1))
			word = line.split()
		if word[2] in oracle.LOCK_KINDS and int(word[1]) % 2:
			line += " lock=\"b c\""
		lines.append(line)
	return "\n".join(lines) + "\n"


with compare.Folder() as f:
	for path in compare.real_logs():
		check(os.path.basename(path), f, path, 1)
	for seed in compare.seeds(40, "periods"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 900))
			check("genlog.py %s %s 900" % (seed, fmt), f, f("log"))
		with open(f("log"), "w") as log:
			log.write(two_locks(seed))
		check("two locks, %s" % seed, f, f("log"))
	# blocks and waits that outlast them
	for fmt in ("perf", "gillog"):
		with open(f("log"), "w") as log:
			log.write(genlog.generate("long", fmt, 40000, 12))
		check("genlog.py long %s 40000 12" % fmt, f, f("log"))
compare.report("periods", bad)
