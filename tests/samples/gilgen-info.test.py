#!/usr/bin/env python3
"""What `gilscope info` says of a generated log is what gilgen knows of it: both GILs, every format, 1 to 512
threads."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/samples"))
import gentruth

BUILD = os.environ.get("GILSCOPE_BUILD") or os.path.join(ROOT, "build/release")
EVENTS = "60k" if os.environ.get("GILSCOPE_MODE", "release") == "release" else "12k"
FORMATS = (("old", "beazley"), ("old", "gillog"), ("old", "binary"), ("old", "binary --ns"), ("new", "perf"), ("new", "gillog"), ("new", "binary"))
SHAPES = ("-t4", "-t1", "-t3 -s2 -c1", "-t512 -s6 -c8")

if subprocess.run([os.path.join(BUILD, "gilscope"), "ingest", "--help"], stdout=subprocess.DEVNULL,
		  stderr=subprocess.DEVNULL).returncode:
	print("no gilscope ingest in this build")
	sys.exit(77)
failed = 0
with tempfile.TemporaryDirectory(prefix="gilscope-test-") as tmp:
	for i, (gil, fmt) in enumerate(FORMATS):
		for j, shape in enumerate(SHAPES):
			args = ["--gil", gil, "-F", *fmt.split(), "-n", EVENTS, "--seed", str(10 * i + j), *shape.split()]
			wrong = gentruth.check(BUILD, tmp, args)
			if wrong:
				failed += 1
				print("gilgen %s: %d differ\n  %s" % (" ".join(args), len(wrong), "\n  ".join(wrong[:8])))
sys.exit(1 if failed else 0)
