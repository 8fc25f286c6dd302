"""dump prints everything that a log can say so that ingest makes the same timeline of it, whatever the names; parts are parts of the
whole; nothing stays in TMPDIR however it ends; a closed pipe is no error and a full disk is one."""
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog

bad = []


def read(path):
	with open(path, "rb") as f:
		return f.read()


def write(path, data):
	with open(path, "wb") as f:
		f.write(data if isinstance(data, bytes) else data.encode())
	return path


def same_again(name, f, *logs):
	"""dump | ingest gives the same bytes."""
	compare.ingest(f("t.gtl"), *logs)
	text = compare.run("dump", f("t.gtl"))[1]
	compare.run("ingest", "-f", "--strict", "-o", f("u.gtl"), "-", data=text)
	if read(f("u.gtl")) != read(f("t.gtl")):
		again = compare.run("dump", f("u.gtl"))[1]
		a, b = text.splitlines(), again.splitlines()
		at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
		bad.append("%s: another file after a round; its line %d: %r, then %r" % (name, at + 1, a[at:at + 1], b[at:at + 1]))
	wild = {c for c in text if (c < 32 and c != 10) or c == 127}
	if wild:
		bad.append("%s: control characters %s" % (name, wild))
	return text.decode("utf-8", "surrogateescape")


# everything that docs/gillog.md knows, with hostile names
ALL = b"""# gillog 1
# clock ns
# title "two\\nlines \\"and\\" a \\\\ \x1b[31m"
# fact python="3.13.1 (main)"
# fact "two words" "and = more"
# process main pid=100 ppid=1 name="python3 \\t x"
# process "child of it" pid=101 name="\xff\xfe bytes"
# thread 1 process=main name="main \xe4\xb8\x96 thread"
# thread 1 process="child of it" name="the other 1"
# thread "a b" process=main name="blanks"
# thread "k=v" process="child of it"
# thread "#x" process=main
# thread silent process=main name="never does anything"
# lock A process=main name="GIL"
# lock "b c" process=main name="second \xe2\x80\xae lock"
# lock 0x7f process=main kind=park
# lock A process="child of it"
# func 7 name="f" file="/x y/f.py" line=3
# func 2 name="g\\x07" file=""
# skipped-lines 4
# lost-events 11
# truncated
10 1 START
10 1 process="child of it" START
20 1 ENTRY
20 1 ACQUIRE cpu=3 func=7
25 "a b" BUSY
25 "a b" ENTRY lock="b c"
30 "a b" TIMEOUT cpu=0
31 "a b" DROP_REQUEST
40 1 WAKEUP target="a b"
40 1 RELEASE func=2
41 "a b" WOKEN
41 1 SWITCH_WAIT
42 "a b" ACQUIRE
43 1 SWITCH_DONE
44 "a b" ACQUIRE lock="b c"
45 "a b" RELEASE lock="b c"
46 "a b" SCHED_OUT cpu=0
47 "a b" SCHED_IN cpu=1
48 1 process="child of it" ACQUIRE
49 "k=v" BUSY
50 "k=v" RETRY
51 1 process="child of it" RELEASE
52 "k=v" ACQUIRE
53 "k=v" WAKEUP target=1
60 "#x" BUSY lock=0x7f
66 "#x" ACQUIRE lock=0x7f
70 "k=v" LOST count=5 since=9
80 "a b" LOST count=2 since=0
81 "a b" LOST
90 1 RELEASE
95 "k=v" RELEASE
99 1 END
"""

TICKS = """# gillog 1
# clock ticks
# check-interval 100
500 a ACQUIRE
590 a RELEASE checks=5 countdown=0
600 b ACQUIRE countdown=-2
610 a BUSY checks=17
620 b RELEASE
630 a ACQUIRE
"""

WAITS = """%s%s1000 a ENTRY
1001 a ACQUIRE
1002 b ENTRY
1005 %s
1010 a RELEASE
1020 b ACQUIRE
1030 a ENTRY
1040 b RELEASE
1050 a ACQUIRE
"""


def rounds(f):
	same_again("everything", f, write(f("log"), ALL))
	same_again("ticks", f, write(f("log"), TICKS))
	same_again("plain Beazley", f, write(f("log"), "t1 100 5392 ENTRY\nt1 100 5392 ACQUIRE\nt2 0 5393 BUSY\nt1 3 5393 RELEASE\n"))
	# what began the waits is found again, however the log had said it
	for header, event, want in (
			("# waits entry\n", "b BUSY", "entry"), ("# waits entry\n", "b TIMEOUT", "entry"), ("", "b TIMEOUT", "entry"),
			("# waits busy\n", "b TIMEOUT", "busy"), ("", "b BUSY", "busy"), ("# waits busy\n", "b BUSY", "busy")):
		text = same_again("waits: %r, %s" % (header, event), f, write(f("log"), WAITS % ("# gillog 1\n", header, event)))
		if "# waits %s\n" % want not in text:
			bad.append("waits: %r, %s: dumped as %s" % (header, event, re.findall("# waits.*", text)))
	late = ["# gillog 1"]
	for i in range(12000):
		late += ["%d a ENTRY" % (20 * i), "%d a ACQUIRE" % (20 * i + 1), "%d b ENTRY" % (20 * i + 2),
			 "%d b BUSY" % (20 * i + 3) if i > 11500 else "%d b TIMEOUT" % (20 * i + 3), "%d a RELEASE" % (20 * i + 4),
			 "%d b ACQUIRE" % (20 * i + 5), "%d b RELEASE" % (20 * i + 6)]
	same_again("a BUSY after 80,000 events", f, write(f("log"), "\n".join(late) + "\n"))
	for seed in compare.seeds(20, "dump"):
		r = random.Random(seed)
		# no gaps: where one begins among the events of an instant depends on which log they are of
		logs = [write(f("%d.log" % i), genlog.generate("%s %d" % (seed, i), "gillog", 300, r.choice([1, 3, 9]), origin=1000, step=50, jump=0,
							       busy=True, lost_marks=False).replace("# clock ticks\n", "# clock ns\n")) for i in range(r.choice([2, 3]))]
		same_again("%s: %d logs" % (seed, len(logs)), f, *logs)
		same_again("%s: lawless" % seed, f, write(f("log"), genlog.generate(seed, "gillog", 600, drop=0.3)))


def pieces(f):
	"""Gaps and late lines beyond the window in which order is restored: the same in whatever pieces the log comes."""
	r, lines = random.Random(5), ["# gillog 1", "1 x BUSY"]
	for i in range(100000):
		lines.append("%d a %s" % (10 + 3 * i, "RELEASE" if i % 2 else "ACQUIRE"))
		if i % 9000 == 8999:
			lines += ["%d x LOST count=3 since=%d" % (11 + 3 * i, r.randrange(40000)), "%d x BUSY" % (11 + 3 * i)]
		if i % 500 == 499:
			lines.append("%d late ENTRY" % max(10, 10 + 3 * (i - r.randrange(3900, 4300))))
	text = "\n".join(lines).encode() + b"\n"
	compare.run("ingest", "-f", "--title", "", "-o", f("t.gtl"), write(f("log"), text))
	for n in (3000, 70000, 300000):
		p = subprocess.Popen([compare.GILSCOPE, "ingest", "-f", "--title", "", "-o", f("u.gtl"), "-"], stdin=subprocess.PIPE,
				     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		for at in range(0, len(text), n):
			p.stdin.write(text[at:at + n])
			p.stdin.flush()
			time.sleep(0.0003)
		p.stdin.close()
		if p.wait() or read(f("u.gtl")) != read(f("t.gtl")):
			bad.append("a pipe of %d bytes at a time gives another file" % n)
	skipped = compare.info(f("t.gtl"))["skipped_lines"]
	if not 0 < skipped < 200:
		bad.append("%d late lines of 200" % skipped)
	same_again("long gaps", f, write(f("log"), b"\n".join(x for x in text.split(b"\n") if b"late" not in x)))


def events_of(*args):
	return [x for x in compare.run("dump", *args)[1].decode("utf-8", "surrogateescape").splitlines() if not x.startswith("#")]


def parts(f):
	write(f("log"), genlog.generate("parts", "gillog", 30000, 5, origin=12345, lost_takes=0))
	compare.ingest(f("t.gtl"), f("log"))
	whole = events_of(f("t.gtl"))
	times = [int(x.split()[0]) for x in whole]
	r = random.Random(1)
	for _ in range(40):
		a, b = sorted((r.choice(times) + r.randrange(-1, 2), r.choice(times) + r.randrange(-1, 2)))
		a, b = max(a, times[0]), max(b, times[0])
		want = [x for x, t in zip(whole, times) if a <= t < b]
		if events_of("--from", "@%d" % a, "--to", "@%d" % b, f("t.gtl")) != want:
			bad.append("events from @%d to @%d are others than of the whole" % (a, b))
		if events_of("--from", str(a - times[0]), "--to", str(b - times[0]), f("t.gtl")) != want:
			bad.append("events from %d to %d are others than of the whole" % (a - times[0], b - times[0]))
	end = times[-1] - times[0]
	for level in (0, 3, 7, end.bit_length() - 3, end.bit_length() + 2, 62):
		if end >> level > 60000:
			continue
		bins = events_of("--bins", level, f("t.gtl"))
		if [tuple(map(int, x.split()[1::-1])) for x in bins] != sorted(tuple(map(int, x.split()[1::-1])) for x in bins):
			bad.append("bins of level %d are not in order" % level)
		for _ in range(6):
			a = r.randrange(end + 1)
			b = a + r.randrange(1, end // r.choice([1, 20, 3000]) + 2)
			want = [x for x in bins if int(x.split()[1]) << level < b and int(x.split()[1]) + 1 << level > a]
			if events_of("--bins", level, "--from", a, "--to", b, f("t.gtl")) != want:
				bad.append("bins of level %d from %d to %d are others than of the whole" % (level, a, b))
	# a silence of 100 years between two events costs nothing, at any level
	write(f("log"), "# gillog 1\n5 a ACQUIRE\n6 a RELEASE\n3000000000000000000 a ACQUIRE\n3000000000000000009 a RELEASE\n")
	for level in (0, 1, 20, 61, 62):
		lines = events_of("--bins", level, f("log"))
		if sum(int(x.split()[2]) for x in lines) != 10:
			bad.append("silence: bins of level %d: %s" % (level, lines))


def named_format(f):
	"""A log's format as it is named is the one that would have been found."""
	write(f("log"), "# gillog 1\n5 a ACQUIRE\n6 a RELEASE\n")
	if events_of("--format", "gillog", f("log")) != events_of(f("log")):
		bad.append("dump --format gillog says something else")


def wrong_use(f):
	for args, code, word in ((["--from", "5x", f("t.gtl")], 2, "5x"), (["--from", "9", "--to", "3", f("t.gtl")], 2, "behind"),
				 (["--from", "@1", f("t.gtl")], 2, "start"), (["--bins", "63", f("t.gtl")], 2, "62"), ([], 2, "usage"),
				 (["--events", "--periods", f("t.gtl")], 2, "either"), ([f("t.gtl"), f("t.gtl")], 2, "one"),
				 (["--format", "nonsense", f("log")], 2, "nonsense"), (["--format", "perf", f("log")], 1, "no event"),
				 ([f("nowhere")], 1, "nowhere"), ([write(f("no log"), "nothing\n")], 1, "no log"), ([f("")], 1, "")):
		got, out, err = compare.run("dump", *args, check=False)
		if got != code or word not in err or out or "gilscope" not in err:
			bad.append("dump %s: exit %d, said %r" % (args, got, err))


def endings(f):
	os.mkdir(f("tmp"))
	env = dict(os.environ, TMPDIR=f("tmp"))
	log = write(f("log"), genlog.generate("endings", "gillog", 60000, 5))

	def heed():
		"""Signals that whoever runs the tests ignores (SIGINT in a shell's background) are heeded."""
		for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
			signal.signal(sig, signal.SIG_DFL)

	def start(args, **streams):
		return subprocess.Popen([compare.GILSCOPE, "dump", *args], env=env, stderr=subprocess.PIPE, preexec_fn=heed, **streams)

	def empty(name):
		left = os.listdir(f("tmp"))
		if left:
			bad.append("%s: left %s in TMPDIR" % (name, left))

	for args in ([log], ["--periods", log], ["--bins", "4", log]):
		p = start(args, stdout=subprocess.PIPE)
		p.stdout.read(100)
		p.stdout.close()
		err = p.stderr.read()
		if p.wait() or err:
			bad.append("%s: closed pipe: exit %d, said %r" % (args[:-1], p.returncode, err))
		empty("closed pipe")
		with open("/dev/full", "wb") as full:
			p = start(args, stdout=full)
			err = p.stderr.read()
			if p.wait() != 1 or b"cannot write" not in err:
				bad.append("%s: full disk: exit %d, said %r" % (args[:-1], p.returncode, err))
		empty("full disk")
	start([write(f("no log"), "nothing\n")], stdout=subprocess.DEVNULL).communicate()
	empty("no log")
	# a named pipe is a log like any other
	os.mkfifo(f("pipe"))
	p = start([f("pipe")], stdout=subprocess.PIPE)
	write(f("pipe"), read(log))
	out, err = p.communicate()
	want = [x for x in compare.run("dump", log)[1].splitlines() if not x.startswith(b"# title")]
	if [x for x in out.splitlines() if not x.startswith(b"# title")] != want or err:
		bad.append("a named pipe: %d bytes, said %r" % (len(out), err))
	empty("named pipe")
	# while it still reads
	for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
		p = start(["-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
		p.stdin.write(read(log))
		p.stdin.flush()
		while not os.listdir(f("tmp")):
			time.sleep(0.01)
		p.send_signal(sig)
		p.stdin.close()
		p.wait()
		if p.returncode != -sig:
			bad.append("signal %d: ended with %d" % (sig, p.returncode))
		empty("signal %d" % sig)


with compare.Folder() as f:
	rounds(f)
	pieces(f)
	parts(f)
	named_format(f)
	wrong_use(f)
	endings(f)
compare.report("dump", bad)
