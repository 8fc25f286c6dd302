"""Most lines of Beazley's and perf's logs go a short way: foretold from the line before, or known by their text.  The same log
written so that no line can go it gives the same timeline, byte for byte: wherever the short way begins, ends or is not allowed."""
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

GILGEN = os.path.join(os.path.dirname(compare.GILSCOPE), "gilgen")
bad = []


def gilgen(seed, *args):
	return subprocess.run([GILGEN, "--seed", str(seed), *map(str, args)], stdout=subprocess.PIPE, check=True).stdout.decode()


def beazley(r, seed):
	"""A log with what stops the foretelling: other digits, jumps, lines of others, late ones, bad ones, other line ends."""
	lines = gilgen(seed, "-n", r.choice([500, 3000, 40000]), "--interval", r.choice([80, 100, 1000]), "-t", r.choice([3, 4, 12])).splitlines()
	start = r.choice([0, 0, 7, 95, 99990, 10 ** 12 - 50])
	out = []
	for i, line in enumerate(lines):
		thread, countdown, checks, event = line.split()
		checks = int(checks) + start
		if r.random() < 0.0005:
			start += r.choice([1, 2, 9, 90, 1000])		# lines are missing
		if r.random() < 0.0005:
			thread = r.choice(["t1", "t2", "a-long-thread-id", "é"])
		if r.random() < 0.0005:
			checks -= r.choice([1, 5, 50])			# late, perhaps too late
		if r.random() < 0.0005:
			event = r.choice(["ACQUIRE", "RELEASE", "RETRY", "BUSY", "ENTRY", "NOTHING"])
		if r.random() < 0.0003:
			out.append(r.choice(["", "# a remark", "t3 100 100", "\t"]))
		out.append("%s %s %d %s" % (thread, countdown, checks, event))
	return out


def pairs_only(r):
	"""Nothing but pairs, from few checks to many: every carry of their number."""
	first = r.choice([0, 1, 8, 97, 995])
	return ["t%d 100 %d %s" % (r.choice([7, 7, 7, 7, 7, 7, 8]) if event == "RELEASE" and r.random() < 0.01 else 7, i, event)
		for i in range(first, first + r.choice([1, 30, 1200, 30000])) for event in ("RELEASE", "ACQUIRE")]


def perf(r, seed):
	"""A log in which threads change their cpu and their name, and call from many places."""
	lines = gilgen(seed, "--gil", "new", "-F", "perf", "-n", r.choice([300, 5000, 30000]), "-t", r.choice([3, 20])).splitlines()
	out = []
	for line in lines:
		if r.random() < 0.01:
			line = line.replace("python3.11 ", r.choice(["python3.11 ", "Thread-0 (cpu) ", ": 12 [1] 2.5: ", "10.5: x "]))
		if r.random() < 0.01:
			line = line.replace("[000]", "[%03d]" % r.randrange(300)).replace("fd2a)", "%04x)" % r.randrange(400))
		if r.random() < 0.005:
			line = line[:r.randrange(len(line) + 1)]
		if r.random() < 0.003:
			line = line.replace("11015/", "")
		out.append(line)
	return out


def ingest(f, lines, end, *options):
	with open(f("log"), "w", newline="") as log:
		log.write(end.join(lines) + end)
	_, _, err = compare.ingest(f("out.gtl"), f("log"), *options)
	with open(f("out.gtl"), "rb") as gtl:
		return gtl.read(), [x for x in err.splitlines() if "no \" PID" not in x]


def same(name, f, lines, longer, *options):
	one = ingest(f, lines, "\n", *options)
	other = ingest(f, [longer(x) for x in lines], "\n", *options)
	if one[0] != other[0]:
		bad.append("%s: the timelines differ, of %d and %d bytes" % (name, len(one[0]), len(other[0])))
	if one[1] != other[1]:
		bad.append("%s: it says %s, the long way %s" % (name, one[1][:3], other[1][:3]))
	if ingest(f, lines, "\r\n", *options)[0] != one[0]:
		bad.append("%s: with other line ends it is another timeline" % name)


with compare.Folder() as f:
	for seed in compare.seeds(30, "longway"):
		r = random.Random(seed)
		number = r.randrange(1 << 30)
		options = r.choice([(), (), ("--check-interval", "1000"), ("--check-interval", "2147483647")])
		same("beazley %s" % seed, f, beazley(r, number), lambda x: x.replace(" ", "  "), *options)
		same("pairs %s" % seed, f, pairs_only(r), lambda x: x.replace(" ", " \t"))
		# more than 119 bytes before the time are not kept; not in front, where the columns tell a line that is cut off
		same("perf %s" % seed, f, perf(r, number), lambda x: (" " * 130 + " [").join(x.rsplit(" [", 1)))
compare.report("the long way", bad)
