#!/usr/bin/env python3
"""soak.py [EVENTS [SEED]]: the long form of tests/samples: ten million events of every format, gilgen's truth against
`gilscope info`, and once against the naive oracle (a minute, 8 GB).  GILSCOPE_BUILD names the build.  Exit 1 on
any difference.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests/samples"), os.path.join(ROOT, "tests/oracle")]
import gentruth
import oracle

BUILD = os.environ.get("GILSCOPE_BUILD") or os.path.join(ROOT, "build/release")
EVENTS = sys.argv[1] if len(sys.argv) > 1 else "10000000"
SEED = sys.argv[2] if len(sys.argv) > 2 else "1"
FORMATS = (("old", "beazley"), ("old", "gillog"), ("old", "binary"), ("old", "binary --ns"), ("new", "perf"), ("new", "gillog"), ("new", "binary"))
SHAPES = ("-t4", "-t3 -s3 -c1", "-t512 -s8 -c8")

failed = 0


def report(what, wrong):
	global failed
	failed += bool(wrong)
	print("%-70s %s" % (what, "%d differ: %s" % (len(wrong), "; ".join(wrong[:5])) if wrong else "agrees"), flush=True)


with tempfile.TemporaryDirectory(prefix="gilscope-soak-") as tmp:
	for gil, fmt in FORMATS:
		for shape in SHAPES:
			args = ["--gil", gil, "-F", *fmt.split(), "-n", EVENTS, "--seed", SEED, *shape.split()]
			report("info, gilgen " + " ".join(args), gentruth.check(BUILD, tmp, args))
	log, truth = os.path.join(tmp, "log"), os.path.join(tmp, "truth.json")
	subprocess.run([os.path.join(BUILD, "gilgen"), "-n", EVENTS, "--seed", SEED, "-o", log, "--truth", truth], check=True)
	read = oracle.simulate(oracle.parse([log])).info()
	for t in read["threads"]:
		waits = t.pop("all_waits")
		for p in (50, 99):
			t["wait_p%d" % p] = waits[(len(waits) * p + 99) // 100 - 1] if waits else 0
	read["truncated"] = False
	with open(truth) as f:
		report("the naive oracle", gentruth.differences(json.load(f), read))
sys.exit(1 if failed else 0)
