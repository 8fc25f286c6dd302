"""The timeline is the same however the log comes in pieces: as a file, in zstd frames that one thread or several decompress, through a
pipe that stops in its middle.  What tells how events are meant counts from its place in the log on, or is a bad line there."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

EVENTS = 75000
EARLY = 65536
bad = []


def read(path):
	with open(path, "rb") as f:
		return f.read()


def put(path, data):
	with open(path, "wb") as f:
		f.write(data)
	return path


def frames(data, cuts):
	"""Each piece between the cuts as a frame of its own."""
	at = [0] + sorted(cuts) + [len(data)]
	return b"".join(subprocess.run(["zstd", "-qc"], input=data[i:j], stdout=subprocess.PIPE, check=True).stdout
			for i, j in zip(at, at[1:]) if j > i)


def through_pipe(out, data, cuts):
	"""Ingests data that stops coming for a moment at each cut."""
	p = subprocess.Popen([compare.GILSCOPE, "ingest", "-f", "--title", "t", "-o", out, "-"], stdin=subprocess.PIPE,
			     stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
	at = [0] + sorted(cuts) + [len(data)]
	for i, j in zip(at, at[1:]):
		p.stdin.write(data[i:j])
		p.stdin.flush()
		time.sleep(0.15)
	p.stdin.close()
	if p.wait():
		raise AssertionError("through a pipe: exit %d" % p.returncode)
	return read(out)


def ways(f, name, data, *cuts):
	"""The same timeline by every way, or a sentence; the timeline's path."""
	want = None
	log, z = put(f("log"), data), put(f("log.zst"), frames(data, cuts))
	for path, jobs in ((log, 1), (log, 3), (z, 1), (z, 2), (z, 5)):
		out = f("%s-%d.gtl" % (os.path.basename(path), jobs))
		compare.ingest(out, path, options=("-j", str(jobs), "--title", "t"))
		want = want or read(out)
		if read(out) != want:
			bad.append("%s: %s with -j %d is another timeline" % (name, os.path.basename(path), jobs))
	for some in (cuts, cuts[-1:]):
		if through_pipe(f("pipe.gtl"), data, some) != want:
			bad.append("%s: through a pipe that stops at %s it is another timeline" % (name, some))
	return f("log-1.gtl")


def expect(name, what, got, want):
	if got != want:
		bad.append("%s: %s: %s, expected %s" % (name, what, got, want))


def line(t, thread, kind, width=30):
	return ("%d %s %s" % (t, thread, kind)).ljust(width - 1) + "\n"


def begins(f, late, head=""):
	"""Thread 500 was off its cpu long before the others' first event; its own first one is the late-th event."""
	lines = ["# gillog 1".ljust(29) + "\n", line(1000, 500, "SCHED_OUT")]
	for i in range(EVENTS):
		t = 1001000 + 10 * i
		lines.append(line(t, 500, "ENTRY") if i == late - 2 else line(t, 100, "RELEASE" if i % 2 else "ACQUIRE"))
	data = "".join(lines).encode()
	last = (EARLY + 4096 + 60) * 30
	gtl = ways(f, "a first event at %d" % late, data, *range(130673, last, 130673), last, last + 100000)
	info = compare.info(gtl)
	# the first one is a lane from the beginning on if its event of the lock is early
	early = late <= EARLY
	expect("a first event at %d" % late, "start", info["start"], 1000 if early else 1001000)
	expect("a first event at %d" % late, "events", info["events"], EVENTS + early)


def header(f, what, text, word, after=71000, *, ticks=False, lock=""):
	"""A header line far behind the events that it would change."""
	lines = ["# gillog 1\n", "# clock ticks\n# check-interval 100\n" if ticks else ""]
	for i in range(EVENTS):
		if i == after:
			lines.append(text + "\n")
		thread = i // 3 % 2
		lines.append(line(1000 + 10 * i, thread, ("ENTRY", "ACQUIRE", "RELEASE")[i % 3] + lock))
	data = "".join(lines).encode()
	gtl = ways(f, what, data, 30 * 60000, 30 * 69700, 30 * 70990, 30 * 71010)
	plain = f("plain.gtl")
	compare.ingest(plain, put(f("plain"), "".join(x for x in lines if x != text + "\n").encode()))
	a, b = compare.info(gtl), compare.info(plain)
	expect(what, "bad lines", a["skipped_lines"], 1)
	for key in a:
		if key not in ("skipped_lines", "title", "bytes"):
			expect(what, key, a[key], b[key])
	err = compare.ingest(gtl, f("log"))[2]
	expect(what, "%r in %r" % (word, err), word in err, True)


def known(f, name, *pieces, ok=True):
	"""Comes in these pieces: the same as a file."""
	data = b"".join(pieces)
	cuts = [sum(map(len, pieces[:i])) for i in range(1, len(pieces))]
	if len(pieces) > 30:
		cuts = cuts[:12]
	status, _, err = compare.run("ingest", "-f", "--title", "t", "-o", f("t.gtl"), put(f("log"), data), check=False)
	expect(name, "as a file: " + err, status, 0 if ok else 1)
	try:
		got = through_pipe(f("pipe.gtl"), data, cuts)
		if not ok or got != read(f("t.gtl")):
			bad.append("%s: another timeline" % name)
	except (AssertionError, BrokenPipeError) as e:
		if ok:
			bad.append("%s: %s" % (name, e))


def several(f):
	"""Names that turn up late in two logs have the same numbers, whichever of these comes through a pipe, and however."""
	def log(first, step):
		lines = ["# gillog 1\n"]
		for i in range(EVENTS + 20000):
			thread = i // 400 if i > EVENTS else 0
			head = "# process p%d pid=%d\n# thread %d process=p%d\n# lock L process=p%d\n" % ((thread,) * 5) if thread and i % 400 == 0 else ""
			lines.append(head + line(first + step * i, thread, "RELEASE" if i % 2 else "ACQUIRE"))
		return "".join(lines).encode()
	data = {"a": log(1000, 20), "b": log(1010, 21)}
	for name in data:
		put(f(name), data[name])
	want = None
	pipe = lambda name: f("pipes") + "/" + name		# a process of which nothing is known is called as its log is
	os.mkdir(f("pipes"))
	for ways in ({}, {"a": 2200000}, {"a": 2210000, "b": 2205000}):
		args = []
		for name in data:
			if name in ways:
				if os.path.exists(pipe(name)):
					os.unlink(pipe(name))
				os.mkfifo(pipe(name))
			args.append(pipe(name) if name in ways else f(name))
		p = subprocess.Popen([compare.GILSCOPE, "ingest", "-f", "--title", "t", "-o", f("t.gtl"), *args], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
		writers = [subprocess.Popen([sys.executable, "-c", """if True:
			import sys, time
			data = open(sys.argv[1], "rb").read()
			with open(sys.argv[2], "wb", 0) as out:
				out.write(data[:int(sys.argv[3])])
				for at in range(int(sys.argv[3]), len(data), 500):
					out.write(data[at:at + 500])
					time.sleep(0.0005)
			""", f(name), pipe(name), str(n)]) for name, n in ways.items()]
		status = p.wait()
		for w in writers:
			w.wait()
		got = None if status else read(f("t.gtl"))
		want = want or got
		if not got or got != want:
			bad.append("two logs, pipes %s: exit %d, another timeline" % (sorted(ways), status))


with compare.Folder() as f:
	several(f)
	for late in (60000, EARLY, EARLY + 1, 69900):
		begins(f, late)
	header(f, "park", "# lock 0 kind=park", "kind=park")
	header(f, "park of a lock with an id", "# lock L kind=park", "kind=park", lock=" lock=L")
	header(f, "waits", "# waits busy", "begins a wait")
	header(f, "ticks per check", "# check-interval 7", "check interval", ticks=True)
	header(f, "the clock", "# clock ticks", "clock")
	# a log is known by its first 128 KiB, not by what a pipe gives first
	known(f, "behind a banner", b"Attaching 2 probes...\n", b"1|take|00:00:01.000\n1|drop|00:00:01.001\n")
	known(f, "a line in halves", b"Attaching 2 probes...\n1|ta", b"ke|00:00:01.000\n1|drop|00:00:01.001\n")
	known(f, "byte by byte", *(b"%c" % c for c in b"# \nt1 100 10 ACQUIRE\nt1 100 20 RELEASE\n"))
	known(f, "a long preface", *([b"# a comment\n" * 500] * 20), b"t1 100 10 ACQUIRE\nt1 100 20 RELEASE\n")
	known(f, "a preface of 128 KiB", *([b"#23456789 123456\n" * 482] * 17), b"t1 100 10 ACQUIRE\n", ok=False)
	# the same again changes nothing, and a lock that is new may be of any kind
	text = "# gillog 1\n# clock ns\n# waits entry\n5 a ACQUIRE\n# clock ns\n# waits entry\n# lock p kind=park\n6 a ACQUIRE lock=p\n7 a RELEASE\n"
	_, _, err = compare.ingest(f("t.gtl"), put(f("log"), text.encode()))
	info = compare.info(f("t.gtl"))
	expect("headers again", "said", err, "")
	expect("headers again", "lost releases", info["threads"][0]["lost_acquires"], 0)
compare.report("pieces", bad)
