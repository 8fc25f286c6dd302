"""Every figure of `info` is the oracle's: on the real logs, and on random ones of every format with 1 to 512 threads."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

bad = []


def check(name, f, path):
	compare.ingest(f("t.gtl"), path)
	found = compare.compare_info(oracle.simulate(oracle.parse([path])), compare.info(f("t.gtl")))
	bad.extend("%s: %s" % (name, x) for x in found)


with compare.Folder() as f:
	for path in compare.real_logs():
		check(os.path.basename(path), f, path)
	for seed in compare.seeds(120, "figures"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 1200))
			check("genlog.py %s %s 1200" % (seed, fmt), f, f("log"))
	# events missing at random: releases and acquires without the other
	for seed in compare.seeds(40, "drop"):
		for fmt in ("beazley", "perf", "gillog"):
			drop = 0.3 if seed.endswith("1") else 0.02
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 600, drop=drop))
			check("genlog.generate(%r, %r, 600, drop=%s)" % (seed, fmt, drop), f, f("log"))
	# more events than a block holds, waits that last over many blocks
	for fmt in ("beazley", "perf", "gillog"):
		with open(f("log"), "w") as log:
			log.write(genlog.generate("long", fmt, 60000, 40))
		check("genlog.py long %s 60000 40" % fmt, f, f("log"))
compare.report("info", bad)
