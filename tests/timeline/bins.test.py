"""Each level's bins are those of the plain list of periods: every level of small traces, the coarser ones of long traces."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

LIMIT = 60000		# bins that one comparison may be long
bad = []


def check(name, f, path, levels=None):
	compare.ingest(f("t.gtl"), path)
	result = oracle.simulate(oracle.parse([path]))
	info = compare.info(f("t.gtl"))
	length = result.end - result.start
	lanes = max(1, len(info["threads"]))
	possible = [n for n in range(0, length.bit_length() + 2) if (length >> n) * lanes <= LIMIT]
	for level in possible if levels is None else possible[:levels] + possible[-1:]:
		bad.extend("%s: %s" % (name, x) for x in compare.compare_bins(result, info, f("t.gtl"), level))


with compare.Folder() as f:
	for path in compare.real_logs():
		check(os.path.basename(path), f, path, 6)
	for seed in compare.seeds(40, "bins"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 800))
			check("genlog.py %s %s 800" % (seed, fmt), f, f("log"), 3)
	# long enough for nodes of several levels
	for fmt in ("beazley", "perf", "gillog"):
		with open(f("log"), "w") as log:
			log.write(genlog.generate("long", fmt, 70000, 6))
		check("genlog.py long %s 70000 6" % fmt, f, f("log"))
compare.report("bins", bad)
