"""Several logs on one clock become one timeline, each with its own processes and locks; logs on different clocks are refused."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

bad = []


def put(path, text):
	with open(path, "w") as f:
		f.write(text)
	return path


with compare.Folder() as f:
	for seed in compare.seeds(30, "several"):
		r = random.Random(seed)
		fmt = r.choice(["beazley", "gillog", "perf"])
		n = r.choice([2, 2, 3, 5])
		settings = {"origin": r.choice([0, 1000]), "jump": 0, "step": 50}
		if fmt != "beazley":
			settings.update(processes=1)
		paths = [put(f("%d.log" % i), genlog.generate("%s %d" % (seed, i), fmt, r.choice([1, 50, 600]), r.choice([1, 2, 5]), **settings)
			     .replace("# clock ticks\n", "# clock ns\n")) for i in range(n)]
		if fmt == "perf":
			# processes have pids of their own
			for i, path in enumerate(paths):
				with open(path) as log:
					text = log.read()
				for tid in range(1000, 1010):
					text = text.replace("%d" % tid, "%d" % (tid + 100 * (i + 1)))
				put(path, text)
		result = oracle.simulate(oracle.parse(paths))
		compare.ingest(f("t.gtl"), *paths)
		info = compare.info(f("t.gtl"))
		bad.extend("%s %s, %d logs: %s" % (seed, fmt, n, x) for x in compare.compare_info(result, info))
	a = put(f("a"), "# gillog 1\n# clock ns\n5 a ACQUIRE\n9 a RELEASE\n")
	b = put(f("b"), "# gillog 1\n# clock ticks\n5 a ACQUIRE\n9 a RELEASE\n")
	status, _, err = compare.run("ingest", "-o", f("n.gtl"), a, b, check=False)
	if status != 1 or os.path.exists(f("n.gtl")) or "clock" not in err:
		bad.append("ns and ticks in one timeline: exit %d, said %r" % (status, err))
	status, _, err = compare.run("ingest", "-o", f("n.gtl"), a, f("not there"), check=False)
	if status != 1 or os.path.exists(f("n.gtl")):
		bad.append("one of two logs is not there: exit %d, said %r" % (status, err))
	# the clock of ticks has one length of a check
	t = put(f("t"), "# gillog 1\n# clock ticks\n# check-interval 1000\n5000 A ACQUIRE\n9000 A RELEASE\n")
	columns = put(f("columns"), "t1 100 10 ACQUIRE\nt1 100 20 RELEASE\nt1 40 20 ACQUIRE\nt1 100 30 RELEASE\n")
	for logs in ((columns, t), (t, columns)):
		status, _, err = compare.run("ingest", "-o", f("n.gtl"), *logs, check=False)
		if status != 1 or os.path.exists(f("n.gtl")) or not all(x in err for x in (t, columns, "1000", "100 ")):
			bad.append("two check intervals: exit %d, said %r" % (status, err))
	same = put(f("same"), "# gillog 1\n# clock ticks\n# check-interval 100\n1050 A ACQUIRE\n1100 A RELEASE\n")
	untold = put(f("untold"), "# gillog 1\n# clock ticks\n1050 A ACQUIRE\n1100 A RELEASE\n")
	for other in (same, untold):
		for logs in ((columns, other), (other, columns)):
			compare.ingest(f("t.gtl"), *logs)
			info = compare.info(f("t.gtl"))
			if (info["checks"], info["check_interval"]) != (20, 100):
				bad.append("%s: %s checks of %s ticks" % (logs, info["checks"], info["check_interval"]))
	# what is known of no process but its log: that log's name
	named = put(f("named.txt"), "# gillog 1\n# clock ticks\n# check-interval 100\n# process p name=\"app\"\n# process q\n# thread A process=p\n# thread B process=q\n"
		    "1000 A ACQUIRE\n1100 A RELEASE\n1200 B ACQUIRE\n")
	for logs, want in (((columns, named), ["columns", "app", "named"]), ((columns,), [""]), ((named,), ["app", ""])):
		compare.ingest(f("t.gtl"), *logs)
		got = [p["name"] for p in compare.info(f("t.gtl"))["processes"]]
		if got != want:
			bad.append("processes of %s are called %s, not %s" % (logs, got, want))
	compare.ingest(f("t.gtl"), columns, t, options=("--check-interval", "1000"))
	# each log's waits begin as that log says, also in what the timeline is written back to
	take = "%d a ENTRY\n%d a ACQUIRE\n%d b ENTRY\n%s%d a RELEASE\n%d b ACQUIRE\n%d b RELEASE\n"
	def log(first, rounds, busy=None, header=""):
		"""Two threads that contend; with a BUSY from that round on."""
		return "# gillog 1\n" + header + "".join(take % (
			i, i + 1, i + 2, "%d b BUSY\n" % (i + 3) if busy is not None and k >= busy else "", i + 4, i + 5, i + 6)
			for k, i in enumerate(range(first, first + 10 * rounds, 10)))
	def alone(first):
		return "# gillog 1\n%d c BUSY\n%d c ACQUIRE\n%d c RELEASE\n" % (first, first + 1, first + 2)
	kinds = {"entry": log(1000, 40), "busy": log(1003, 50, 0), "told": log(1001, 30, 7, "# waits entry\n"), "none": log(1002, 30, None, "# waits busy\n"),
		 "alone": alone(1100),
		 # a hold that lost events ended is none, at which an ENTRY could begin a wait
		 "lost": "# gillog 1\n10 a ENTRY\n11 a ACQUIRE\n15 b ENTRY\n16 b ACQUIRE\n17 b RELEASE\n20 a LOST count=3 since=8\n30 b ENTRY\n31 b ACQUIRE\n32 b RELEASE\n"
		 + log(1000, 40)[len("# gillog 1\n"):],
		 "late": log(1005, 12000, 11000), "early": alone(900)}
	for names in ("entry busy", "busy entry", "busy told none", "none told", "entry busy alone", "late entry", "entry late busy", "late early", "late alone none",
		      "late", "lost", "lost busy", "busy none alone", "entry told"):
		logs = [put(f("%s.log" % x), kinds[x]) for x in names.split()]
		compare.ingest(f("t.gtl"), *logs)
		want = compare.run("dump", "--periods", f("t.gtl"))[1]
		for how in (("dump", "--events"), ("dump", "--binary")):
			compare.run("ingest", "-f", "-o", f("back.gtl"), "-", data=compare.run(*how, f("t.gtl"))[1])
			if open(f("back.gtl"), "rb").read() != open(f("t.gtl"), "rb").read():
				bad.append("%s: %s is of another timeline" % (names, " ".join(how)))
		compare.run("convert", "-f", "-o", f("t.json"), f("t.gtl"))
		compare.ingest(f("back.gtl"), f("t.json"))
		if compare.run("dump", "--periods", f("back.gtl"))[1] != want:
			bad.append("%s: convert writes another timeline" % names)
compare.report("several logs", bad)
