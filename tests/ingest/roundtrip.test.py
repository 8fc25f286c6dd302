"""`dump --events T.gtl | ingest` and `dump --binary T.gtl | ingest` give the same timeline, and -j 1 to 4 the same bytes."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

bad = []


def read(path):
	with open(path, "rb") as f:
		return f.read()


def check(name, f, path):
	compare.ingest(f("t.gtl"), path, options=("-j1",))
	want = read(f("t.gtl"))
	for j in (2, 3, 4):
		compare.ingest(f("j.gtl"), path, options=("-j%d" % j,))
		if read(f("j.gtl")) != want:
			bad.append("%s: -j%d gives other bytes than -j1" % (name, j))
	text = compare.run("dump", "--events", f("t.gtl"))[1]
	compare.run("ingest", "-f", "--strict", "-o", f("u.gtl"), "-", data=text)
	again = compare.run("dump", "--events", f("u.gtl"))[1]
	if again != text:
		a, b = text.splitlines(), again.splitlines()
		first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
		bad.append("%s: line %d of the dump: %r, after a round %r" % (name, first + 1, a[first:first + 1], b[first:first + 1]))
	a, b = compare.info(f("t.gtl")), compare.info(f("u.gtl"))
	if a != b:
		for k in a:
			if a[k] != b.get(k):
				bad.append("%s: %s is %s, after a round %s" % (name, k, str(a[k])[:600], str(b.get(k))[:600]))
	elif read(f("u.gtl")) != want:
		bad.append("%s: the bytes differ after a round" % name)
	# and so does the binary dump
	binary = compare.run("dump", "--binary", f("t.gtl"))[1]
	compare.run("ingest", "-f", "--strict", "-o", f("b.gtl"), "-", data=binary)
	if read(f("b.gtl")) != want:
		other = compare.run("dump", "--events", f("b.gtl"))[1]
		a, b = text.splitlines(), other.splitlines()
		first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
		bad.append("%s: the bytes differ after a binary round; line %d of the dump: %r, %r" % (name, first + 1, a[first:first + 1], b[first:first + 1]))
	# the dump is a log of its own: the oracle reads the same figures from it
	with open(f("dump"), "wb") as d:
		d.write(text)
	skipped = a["skipped_lines"]
	found = compare.compare_info(oracle.simulate(oracle.parse([f("dump")], "gillog")), dict(a, skipped_lines=0))
	bad.extend("%s: its dump: %s" % (name, x) for x in found)
	# dumping a log is dumping its timeline
	direct = compare.run("dump", "--events", path)[1]
	if direct != text:
		bad.append("%s: dump of the log is not the dump of its timeline" % name)


with compare.Folder() as f:
	for path in compare.real_logs():
		check(os.path.basename(path), f, path)
	for seed in compare.seeds(40, "round"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 700))
			check("genlog.py %s %s 700" % (seed, fmt), f, f("log"))
	with open(f("log"), "w") as log:
		log.write(genlog.generate("long", "gillog", 40000, 12))
	check("genlog.py long gillog 40000 12", f, f("log"))
compare.report("round trip", bad)
