"""Events out of order among 4096 are put in order, with equal times as the log has them; a jump of the clock is bad lines that
are told with their numbers; what another file's name, a folder or standard input holds is the same log."""
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

HEAD = "# gillog 1\n# clock ns\n# waits busy\n"
bad = []


def put(path, text):
	with open(path, "w") as f:
		f.write(text)
	return path


def differ(name, f, want, path, *more):
	_, _, err = compare.ingest(f("t.gtl"), path, *more)
	bad.extend("%s: %s" % (name, x) for x in compare.compare_info(want, compare.info(f("t.gtl"))))
	return err


def shuffled(lines, reach, r):
	"""Every line moves by less than reach lines; those with equal times keep their order."""
	keyed = sorted((i + r.random() * reach, i) for i in range(len(lines)))
	out = [lines[i] for _, i in keyed]
	by_time = {}
	for line in lines:
		by_time.setdefault(line.split()[0], []).append(line)
	return [by_time[line.split()[0]].pop(0) for line in out]


with compare.Folder() as f:
	for seed in compare.seeds(12, "order"):
		r = random.Random(seed)
		lines = [x for x in genlog.generate(seed, "gillog", 9000, processes=1, lost_marks=False).splitlines()
			 if not x.startswith("#")]
		want = oracle.simulate_text((HEAD + "\n".join(lines) + "\n").encode())
		reach = r.choice([2, 40, 2000])
		path = put(f("log"), HEAD + "\n".join(shuffled(lines, reach, r)) + "\n")
		differ("%s, moved by %d" % (seed, reach), f, want, path)
	# the clock jumps back by far more than the window: the second half is bad lines
	lines = ["%d a %s" % (1000000 + 10 * i, "RELEASE" if i % 2 else "ACQUIRE") for i in range(200000)]
	late = ["%d a ACQUIRE" % (5 + i) for i in range(20)]
	want = oracle.simulate_text((HEAD + "\n".join(lines) + "\n").encode())
	want.log.skipped = list(range(len(late)))
	err = differ("a jump back", f, want, put(f("log"), HEAD + "\n".join(lines + late) + "\n"))
	told = [n for n in range(len(late)) if ":%d:" % (4 + len(lines) + n) in err]
	if told != list(range(10)):
		bad.append("a jump back: lines %s of the late ones are told: %s" % (told, err))
	# the same log by another way
	text = genlog.generate("ways", "beazley", 3000)
	want = oracle.simulate_text(text.encode())
	os.mkdir(f("folder"))
	path = put(f("folder/some.json"), text)
	put(f("folder/.hidden"), "nothing")
	put(f("folder/left.tmp"), "nothing")
	differ("a file with another ending", f, want, path)
	differ("a folder", f, want, f("folder"))
	compare.run("ingest", "-f", "-o", f("t.gtl"), "-", data=text.encode())
	bad.extend("standard input: %s" % x for x in compare.compare_info(want, compare.info(f("t.gtl"))))
	shutil.rmtree(f("folder"))
	os.mkdir(f("folder"))
	for folder, word in ((f("folder"), "no log"), (f("nowhere"), "No such file")):
		status, _, err = compare.run("ingest", "-o", f("n.gtl"), folder, check=False)
		if status != 1 or word not in err:
			bad.append("%s: exit %d, said %r" % (folder, status, err))
	status, _, err = compare.run("ingest", "--clock", "ticks", "-o", f("n.gtl"), put(f("log"), HEAD + "5 a ACQUIRE\n"), check=False)
	if status != 1 or "ticks" not in err or os.path.exists(f("n.gtl")):
		bad.append("--clock ticks of nanoseconds: exit %d, said %r" % (status, err))
	# what happened in a gap is not known: the hold and the wait end there, uncounted
	text = (HEAD + "100 a ACQUIRE\n200 b BUSY\n900 a LOST count=7 since=500\n901 b ACQUIRE\n1000 b RELEASE\n")
	compare.ingest(f("t.gtl"), put(f("log"), text))
	a, b = compare.info(f("t.gtl"))["threads"]
	if (a["run"], a["idle"], a["max_run"], b["wait"]) != (300, 600, 0, 701):
		bad.append("a gap: %s %s" % (a, b))
	# it is known when the events are in order, long after its line was read
	far = HEAD + "1 a ACQUIRE\n4611686018427392904 a RELEASE\n" + "".join("4611686018427392905 b ENTRY\n" for _ in range(3))
	_, _, err = compare.ingest(f("t.gtl"), put(f("log"), far))
	told = [x for x in err.splitlines() if "146 years" in x]
	if len(told) != 4 or ":" + "4611686018427392904" in err or "at time 4611686018427392904" not in told[0] or f("log") + ": " not in told[0]:
		bad.append("an event far away: said %r" % err)
	# an event that comes late in the log, at the instant at which a gap begins, comes before the gap, as in a log in order
	for since, time in ((1, 4999), (0, 5000), (4000, 1000)):
		text = HEAD + "1000 a ACQUIRE\n5000 a LOST count=1 since=%d\n%d a RELEASE\n6000 b ENTRY\n" % (since, time)
		compare.ingest(f("t.gtl"), put(f("log"), text), options=("--title", "t"))
		dump = compare.run("dump", f("t.gtl"))[1]
		with open(f("dumped"), "wb") as out:
			out.write(dump)
		compare.ingest(f("again.gtl"), f("dumped"))
		a, b = compare.info(f("t.gtl")), compare.info(f("again.gtl"))
		if a["lost_acquires"] != (since == 0):
			bad.append("a late event at a gap's begin, since=%d: %d lost acquires" % (since, a["lost_acquires"]))
		bad.extend("a gap, since=%d: %s is %s, after dump and ingest %s" % (since, k, a[k], b[k]) for k in a if a[k] != b[k])
compare.report("order", bad)
