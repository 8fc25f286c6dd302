"""Bad lines are skipped, counted, the first ten reported with their numbers, and change nothing else; --strict ends at the first.
What is no log at all is an error that leaves no file."""
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

BAD = {
	"beazley": [b"t1 100", b"t1 x 5 ACQUIRE", b"t1 100 5 FOO", b"t1 100 -5 BUSY", b"rubbish", b"t1 100 5 ACQUIRE more", b"t1 1e2 5 BUSY",
		    b"t1 100 99999999999999999999 RELEASE", b"t1 100 18446744073709551615 RELEASE", b"ACQUIRE", b"\0\0\0\0", b"\xff\xfe t1",
		    b"t1 100 5 ACQUIREX", b"t1 100 5 acquire", b"x" * 300000, b"t1 99999999999 5 BUSY"],
	"gillog": [b"12", b"12 a", b"12 a FOO", b"-12 a BUSY", b"1.5 a BUSY", b"9223372036854775808 a BUSY", b"99999999999999999999999 a BUSY",
		   b"12 \"a BUSY", b"12 a BUSY lock", b"12 a BUSY cpu=x", b"12 a busy", b"\0", b"BUSY a 12", b"12 a BUSY cpu=1 cpu=\"", b"y" * 300000,
		   b"12 a WAKEUP target=", b"12 a ACQUIRE checks=99999999999999999999"],
	"perf": [b"rubbish", b"\0\0\0", b"python 12 [000] 1.x: python:take_gil: (1)", b"x" * 300000,
		 b"python 12 [000] 99999999999999999999.000000001: python:take_gil: (1)", b"python abc [000] 1.000000001: python:take_gil: (1)"],
}
bad = []


def with_bad_lines(f, seed, fmt, n):
	r = random.Random("%s %s" % (seed, fmt))
	lines = genlog.generate(seed, fmt, 400, names=genlog.PLAIN).encode().splitlines()
	want = oracle.simulate_text(b"\n".join(lines) + b"\n", fmt)
	for _ in range(n):
		lines.insert(r.randrange(8, len(lines)), r.choice(BAD[fmt]))
	numbers = [i for i, line in enumerate(lines, 1) if line in BAD[fmt]]
	with open(f("log"), "wb") as log:
		log.write(b"\n".join(lines) + b"\n")
	where = "genlog.py %s %s with %d bad lines" % (seed, fmt, n)
	_, _, err = compare.ingest(f("t.gtl"), f("log"))
	got = compare.info(f("t.gtl"))
	if got["skipped_lines"] != n:
		bad.append("%s: %d skipped lines" % (where, got["skipped_lines"]))
	got["skipped_lines"] = 0
	bad.extend("%s: %s" % (where, x) for x in compare.compare_info(want, got))
	said = [int(x) for x in re.findall(r"(?:line |:)(\d+)\b", err)]
	for k, number in enumerate(numbers):
		if (number in said) != (k < 10):
			bad.append("%s: line %d, the %dth bad one, is %s reported" % (where, number, k + 1, "not" if k < 10 else "also"))
			break
	os.unlink(f("t.gtl"))
	status, _, err = compare.run("ingest", "--strict", "-o", f("t.gtl"), f("log"), check=False)
	if status != 1 or os.path.exists(f("t.gtl")) or os.path.exists(f("t.gtl.tmp")):
		bad.append("%s: --strict: exit %d, files %s" % (where, status, os.listdir(os.path.dirname(f("")))))
	if str(numbers[0]) not in err:
		bad.append("%s: --strict said %r, not line %d" % (where, err, numbers[0]))


def no_log(f, name, data, options=()):
	with open(f("log"), "wb") as log:
		log.write(data)
	status, out, err = compare.run("ingest", *options, "-o", f("n.gtl"), f("log"), check=False)
	if status != 1 or not err.strip() or out:
		bad.append("%s: exit %d, said %r" % (name, status, err))
	if os.path.exists(f("n.gtl")) or os.path.exists(f("n.gtl.tmp")):
		bad.append("%s: leaves a file" % name)


with compare.Folder() as f:
	for seed in compare.seeds(12, "bad"):
		for fmt in BAD:
			with_bad_lines(f, seed, fmt, random.Random(seed).choice([1, 5, 10, 11, 40]))
	r = random.Random(1)
	no_log(f, "an empty file", b"")
	no_log(f, "an empty line", b"\n")
	no_log(f, "blank lines", b"\n" * 100000)
	no_log(f, "random bytes", r.randbytes(5000) if hasattr(r, "randbytes") else bytes(r.randrange(256) for _ in range(5000)))
	no_log(f, "zeros", bytes(100000))
	no_log(f, "prose", b"It was a dark and stormy night;\nthe rain fell in torrents.\n" * 50)
	no_log(f, "one long line", b"z" * 5000000)
	no_log(f, "a gillog without events", b"# gillog 1\n# clock ns\n# thread 1 name=\"x\"\n")
	no_log(f, "a gillog of a later version", b"# gillog 9\n1 a ACQUIRE\n")
	no_log(f, "only headers of perf", b"# ========\n# captured on: today\n# ========\n#\n")
	no_log(f, "a zstd magic alone", b"\x28\xb5\x2f\xfd")
	no_log(f, "a gzip magic alone", b"\x1f\x8b\x08")
	no_log(f, "an xz magic alone", b"\xfd7zXZ\0")
	# perf's other events alone are no log of a lock
	no_log(f, "perf without a lock's event", b"  cat 12 [000] 1.000000001: sched:sched_switch: prev_comm=cat prev_pid=12 prev_prio=120 "
	       b"prev_state=S ==> next_comm=swapper/0 next_pid=0 next_prio=120\n" * 3)
	status, _, _ = compare.run("ingest", "-o", f("n.gtl"), f("not there"), check=False)
	if status != 1:
		bad.append("a file that is not there: exit %d" % status)
	for args in ([], ["-o", f("n.gtl")], [f("log")], ["--nonsense", "-o", f("n.gtl"), f("log")],
		     ["--format", "nonsense", "-o", f("n.gtl"), f("log")]):
		status, _, _ = compare.run("ingest", *args, check=False)
		if status != 2:
			bad.append("ingest %s: exit %d" % (args, status))
	# without -f what is there stays
	with open(f("log"), "w") as log:
		log.write("t1 100 0 ACQUIRE\nt1 50 0 RELEASE\n")
	with open(f("there"), "w") as there:
		there.write("precious")
	status, _, err = compare.run("ingest", "-o", f("there"), f("log"), check=False)
	if status != 1 or open(f("there")).read() != "precious":
		bad.append("overwrote what was there: exit %d" % status)
compare.report("bad lines", bad)
