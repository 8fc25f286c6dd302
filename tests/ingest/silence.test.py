"""Nothing of a log is dropped in silence: what cannot be read is counted and said, --strict ends at it, and what belongs to the
log's format is neither."""
import gzip
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

bad = []
MAX = 2 ** 63 - 1


def events(gtl):
	return [line for line in compare.run("dump", "--events", gtl)[1].decode("utf-8", "surrogateescape").splitlines()
		if not line.startswith("#")]


def check(f, name, log, n_events, n_skipped, lost=0, options=()):
	"""The log's events, bad lines and lost events; --strict fails just if there are bad lines."""
	if isinstance(log, str):
		log = log.encode()
	with open(f("log"), "wb") as out:
		out.write(log)
	status, _, err = compare.run("ingest", "-f", *options, "-o", f("t.gtl"), f("log"), check=False)
	if status:
		bad.append("%s: %s" % (name, err.strip()))
		return None
	got = compare.info(f("t.gtl"))
	want = (n_events, n_skipped, lost)
	if (got["events"], got["skipped_lines"], got["lost_events"]) != want:
		bad.append("%s: %s events, %s skipped lines, %s lost events, not %s; said %r" % (
			name, got["events"], got["skipped_lines"], got["lost_events"], want, err))
	if (n_skipped > 0) != (err != ""):
		bad.append("%s: said %r" % (name, err))
	status, _, err = compare.run("ingest", "-f", "--strict", *options, "-o", f("s.gtl"), f("log"), check=False)
	if status != (n_skipped > 0):
		bad.append("%s: --strict: exit %d, %r" % (name, status, err))
	return got


def bpftrace(f):
	def log(line):
		return "1|take|00:00:01.000\n%s\n1|take|00:00:01.002\n" % line
	check(f, "a path with Lost in it", log("1|drop|00:00:01.001|/app/Lost Ark/main.py|work|12"), 3, 0)
	check(f, "bpftrace's lost events", log("Lost 3 events\nLost 4 events"), 2, 0, lost=7)
	check(f, "more lost events than can be counted", log("Lost 18446744073709551600 events\nLost 5 events"), 2, 0, lost=MAX)
	check(f, "a number of lost events that is none", log("Lost 99999999999999999999999 events"), 2, 1)
	for line in ("Lost 3 event", "1Lost 3 events", "Lost x events", "Lost  events", "Lost 3 events, and more", "Lost 3"):
		check(f, line, log(line), 2, 1)


GOOD = """# ========
# captured on    : Sat Nov 14 12:00:00 2026
# cmdline : /usr/bin/perf record -e python:take_gil --call-graph dwarf
# ========
#
          python  9989 [000]  1883.632596058:  python:take_gil__return: (7fc9af265f40 <- 7fc9af265b10)
	    7fc9af265b10 PyEval_RestoreThread+0x5e (/opt/python/lib/libpython3.11.so.1.0)
	          fcddd _PyEval_EvalFrameDefault+0x12d (/opt/python/lib/libpython3.11.so.1.0)
	    ffffffff81000000 [unknown] ([unknown])
	           361 take_gil (inlined)
                    take_gil+0x20 (/opt/python/bin/python [12])
  ceval_gil.h:230
  take_gil.c:230

          python  9989 [001]  1883.632596059:          1 cycles:u:      7fc9af265b10 foo (/usr/bin/python)
          python  9989 [001]  1883.632596060:          1 some event: 12
          python  9989 [001]  1883.632596061: PERF_RECORD_MMAP2 9989/9989: [0x7fc9af200000(0x1000) @ 0 00:00 0 0]: r-xp /usr/lib/x
          python  9989 [001]  1883.632596062: PERF_RECORD_FORK(9990:9990):(9989:9989)
          python  9989 [001]  1883.632596063: sched:sched_switch:
          python  9989 [001]  1883.632596063: bpf-output: 0
      BPF output: 0000: 48 65 6c 6c 6f 20 77 6f  Hello wo
                  0008: 72 6c 64 00              rld.
      BPF string: "Hello world"
          python  9989 [001]  1883.632596063: PERF_RECORD_NAMESPACES 9989/9989 - nr_namespaces: 2
		[0/net: 4/0xf0000098, 1/uts: 4/0xeffffffe]
          python  9989 [001]  1883.632596063: some:event: 1
            7fc9af265b10
          python  9989 [001]  1883.632596064: sched:sched_process_fork: comm=python pid=9989 child_comm=python child_pid=9990
   	 	
          python  9989 [000]  1883.632596070:  python:drop_gil: (7fc9af265f40)
"""
DAMAGED = """   python  9989 [000]  1883.6x2596058:  python:drop_gil: (7f)
   python  9989 [0x0]  1883.632596058:  python:drop_gil: (7f)
   python  99x9 [000]  1883.632596058:  python:take_gil__return: (7f <- 7f)
   python  9989  1883,632596058:  python:drop_gil_1: (7f)
   python  9989/9990 [000]  1883.632596058
   python  9989 [000]  1883.
   python  9989 [00
   python  9989 [000]  1883.83: python:drop_g
   python  9989 [000]  1883.83:
   python  9989 [000]  1883.83: sched:sched_switch: prev_comm=python prev_pid=99
   python  9989 [000]  1883.83: sched:sched_wakeup: comm=python pi
   python  9989 [000]  1883.83: PERF_RECORD_LOST lost
   dead  9989 [000]  18x3.83: foo: (7f)
python  9989 [000]  1883.83: python:drop_g
 Thread-12345678
          py
          python
          python 
          python  9989
          python  9989 
          python  9989/99
          python  9989  1883.63259
          python  99x9 000]  1883.83: some:event: 1
  Thread-0 (cpu) 102
   \xff\xfe (cpu) 1
 take_gil.c:230
"""


def perf(f):
	check(f, "perf's lines", GOOD, 2, 0)
	for line in DAMAGED.splitlines():
		check(f, repr(line), GOOD + line + "\n", 2, 1)
		check(f, repr(line) + " at the end", GOOD + line, 2, 1)
		check(f, repr(line) + " first", GOOD.replace("#\n", "#\n" + line + "\n"), 2, 1)
		check(f, repr(line) + " behind a stack", GOOD.replace("\n\n", "\n\n" + line + "\n"), 2, 1)
	lost = "  python  9989 [000]  1883.63: PERF_RECORD_LOST lost %d\n"
	check(f, "perf's lost events", GOOD + lost % 3 + lost % 4, 2, 0, lost=7)
	check(f, "more lost events than can be counted", GOOD + lost % (2 ** 63) + lost % (2 ** 63), 2, 0, lost=MAX)


def gillog(f):
	def log(line):
		return "# gillog 1\n%s\n1 7 ACQUIRE\n2 7 RELEASE\n" % line
	for line in ("# process p pid=abc", "# process p ppid=-1", "# process", "# process p pid=1 uid=3",
		     "# process p q", "# process p waits=never", "# process p waits=busy waits=entry", "# process p pid=1 pid=2", "# thread 7 name=\"unclosed", "# thread 7 name=Main Thread", "# thread 7 name=\"a\"b", "# thread",
		     "# thread \"\" name=x", "# thread name=x", "# thread 7 nam=x", "# lock 0 kind=prak", "# lock", "# lock 0 kind=",
		     "# lock 0 kind=park 1", "# func 1 foo", "# func x name=foo", "# func 1 name=foo line=x", "# func 1 name=foo fiel=x",
		     "# fact a b c", "# fact", "# fact a", "# fact a=b c", "# clock", "# clock s", "# clock ns ns", "# waits", "# waits never",
		     "# check-interval", "# check-interval x", "# skipped-lines -1", "# lost-events", "# truncated 1", "#  thread 7 8",
		     "#\tlock 0 kind=prak"):
		got = check(f, line, log(line), 2, 1)
		if got and (got["threads"][0]["name"] or got["threads"][0]["pid"] is not None):
			bad.append("%s: half of it counts: %s" % (line, got["threads"][0]))
	for line in ("# process p waits=busy", "# waits busy"):
		check(f, line + " late", log("").rstrip("\n") + "\n" + line + "\n", 2, 1)
	for line in ("# anything else", "# threads 7 name=\"unclosed", "#thread 7 8", "#", "# ", "# see \"this", "#\t", "# thread=7 8",
		     "# \"thread", "# title \"unclosed", "# title a b \"c\" d", "# title " + "w " * 50, "# fact a=b", "# fact \"a b\" \"c d\"",
		     "# process p pid=1 ppid=2 name=\"x y\"", "# process p waits=entry", "# thread 7 name=\"x y\"", "# lock 0 kind=gil name=a", "# lock 0 kind=park",
		     "# func 1 name=a file=b line=3", "# func 2", "# truncated", "# clock ns", "# " + "comment " * 50):
		check(f, line, log(line), 2, 0)


def chrome_order(f):
	"""Our own Chrome trace with its members in any order: the same timeline, or an error."""
	log = b"# gillog 1\n# clock ticks\n# title T\n# check-interval 50\n# fact a=b\n# waits busy\n"
	log += b"".join(b"%d 7 %s\n" % (3 * 10 ** 12 + i, (b"ACQUIRE", b"RELEASE")[i & 1]) for i in range(1000))
	compare.run("ingest", "-f", "-o", f("t.gtl"), "-", data=log)
	compare.run("convert", "-f", "-o", f("t.json"), f("t.gtl"))
	with open(f("t.json")) as t:
		trace = json.load(t)
	want = compare.run("dump", "--events", f("t.gtl"))[1]
	for name, x in (("as it is", trace), ("sorted", json.loads(json.dumps(trace, sort_keys=True))),
			("backwards", {k: dict(reversed(v.items())) if k == "otherData" else v for k, v in trace.items()}),
			("events' members backwards", dict(trace, traceEvents=[dict(reversed(e.items())) for e in trace["traceEvents"]]))):
		compare.run("ingest", "-f", "-o", f("s.gtl"), "-", data=json.dumps(x).encode())
		if compare.run("dump", "--events", f("s.gtl"))[1] != want:
			bad.append("a Chrome trace, %s: other events" % name)
	os.unlink(f("s.gtl"))
	behind = dict(reversed(trace.items()))
	assert list(behind)[-2:] == ["otherData", "displayTimeUnit"], list(behind)
	# a file is read for it first, even where it is compressed or has a mark in front; a pipe is not
	for name, data in (("a file", json.dumps(behind).encode()), ("gzip", gzip.compress(json.dumps(behind).encode(), 1)),
			   ("a mark", b"\xef\xbb\xbf" + json.dumps(behind).encode())):
		with open(f("behind.json"), "wb") as out:
			out.write(data)
		_, _, err = compare.run("ingest", "-o", f("s.gtl"), f("behind.json"))
		if err or compare.run("dump", "--events", f("s.gtl"))[1] != want:
			bad.append("otherData behind the events, %s: other events, %r" % (name, err))
		os.unlink(f("s.gtl"))
	with open(f("behind.json"), "wb") as out:
		out.write(json.dumps(behind).encode()[:-300])
	status, _, err = compare.run("ingest", "--strict", "-o", f("s.gtl"), f("behind.json"), check=False)
	if status != 1 or os.path.exists(f("s.gtl")):
		bad.append("otherData behind the events, which is cut off: exit %d, %r" % (status, err))
	status, _, err = compare.run("ingest", "-o", f("s.gtl"), "-", data=json.dumps(behind).encode(), check=False)
	if status != 1 or "jq '{otherData} + .'" not in err or os.path.exists(f("s.gtl")):
		bad.append("otherData behind the events: exit %d, %r" % (status, err))
	# another program's, whose members are called like ours
	other = [{"ph": "X", "name": n, "pid": 1, "tid": 1, "ts": t, "dur": 1} for t, n in ((1, "take_gil"), (2, "hold_gil"))]
	for members in ({"otherData": {"clock": "ticks", "offset": "5"}, "traceEvents": other},
			{"traceEvents": other, "otherData": {"clock": "ticks", "offset": "5"}}):
		got = check(f, "another program's otherData", json.dumps(members), 3, 0)
		if got and (got["clock"], got["end"]) != ("ns", 3000):
			bad.append("another program's otherData: %s, %s" % (got["clock"], got["end"]))
	for key in ("clock", "offset", "waits", "check_interval", "skipped_lines", "lost_events"):
		x = json.loads(json.dumps(trace))
		x["otherData"][key] = "-3"
		check(f, "%s -3" % key, json.dumps(x), 1000, 1)


def long_lines(f):
	"""A line is too long or not, however the log comes in pieces."""
	heads = {"beazley": ("# x\n", "t1 1 1 ACQUIRE", "\nt1 1 2 RELEASE\n"),
		 "gillog": ("# gillog 1\n# x\n", "1 a ACQUIRE", "\n2 a RELEASE\n"),
		 "bpftrace": ("1|take|00:00:01.000\n", "1|drop|00:00:01.001|x|", "|12\n2|take|00:00:01.002\n"),
		 "perf": ("# x\n", " python 7 [000] 1.000000001: python:take_gil__return: (7f <- 7f)", "\n python 7 [000] 1.5: python:drop_gil: (7f)\n")}
	for name, (head, line, tail) in heads.items():
		for pad in (0, 65530):
			for size in (65536, 65537, 140000):
				comment = head + ("" if name == "bpftrace" else "#" + pad * "x" + "\n")
				own = line + " " * (size - len(line)) if name != "bpftrace" else line + "x" * (size - len(line) - 3)
				log = (comment + own + tail).encode()
				n = 3 if name == "bpftrace" else 2
				want = (n, 0) if size <= 65536 else (n - 1, 1)
				for cut in (None, len(comment) + 10, len(comment) + 60000):
					got = pieces(f, name, log, cut)
					if got != want:
						bad.append("%s, a line of %d bytes behind %d, cut at %s: %s, not %s" % (name, size, pad, cut, got, want))


def pieces(f, name, log, cut):
	"""(events, bad lines) of a log from a file, or from a pipe in two pieces."""
	if cut is None:
		with open(f("log"), "wb") as out:
			out.write(log)
		compare.run("ingest", "-f", "--format", name, "-o", f("t.gtl"), f("log"))
	else:
		p = subprocess.Popen([compare.GILSCOPE, "ingest", "-f", "--format", name, "-o", f("t.gtl"), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
				     stderr=subprocess.DEVNULL)
		p.stdin.write(log[:cut])
		p.stdin.flush()
		time.sleep(0.03)
		p.stdin.write(log[cut:])
		p.stdin.close()
		if p.wait():
			return "exit %d" % p.returncode
	got = compare.info(f("t.gtl"))
	return got["events"], got["skipped_lines"]


def round_trip(f, name):
	"""f("t.gtl") by dump and by convert, and back."""
	want = compare.run("dump", "--events", f("t.gtl"))[1]
	compare.run("convert", "-f", "-o", f("t.json"), f("t.gtl"))
	with open(f("t.gillog"), "wb") as out:
		out.write(compare.run("dump", "--binary", f("t.gtl"))[1])
	with open(f("t.txt"), "wb") as out:
		out.write(want)
	for log in ("t.txt", "t.gillog", "t.json"):
		compare.run("ingest", "-f", "-o", f("s.gtl"), f(log))
		if compare.run("dump", "--events", f("s.gtl"))[1] != want:
			bad.append("%s: %s is another trace" % (name, log))


def ids(f):
	gillog = "# gillog 1\n1 %s ACQUIRE\n2 %s RELEASE\n3 a ACQUIRE\n4 a RELEASE\n"
	beazley = "%s 100 1 ACQUIRE\n%s 100 2 RELEASE\na 100 3 ACQUIRE\na 100 4 RELEASE\n"
	for log in (gillog, beazley):
		for x in ("a\0", "a\0b", "\0a", "\0"):
			check(f, "the thread %r" % x, "".join(log % (x, x)), 2, 2)
			round_trip(f, repr(x))
	for x in ('"a\\x00"', '"\\x00a"', '"a\0"', '""'):
		check(f, "the thread %r" % x, gillog % (x, x), 2, 2)
	for line in ("3 a WAKEUP target=a\0b", "3 a BUSY lock=0\0", "3 a BUSY process=\0p", '# thread a name="\\x00"', "# thread a\0",
		     "# lock \0", "# process \0", '# fact "a\\x00"="b"'):
		check(f, line, gillog % ("b", "b") + line + "\n", 4, 1)
	check(f, "a fact's key with a NUL", gillog % ("b", "b") + "# fact a\0=b\n# fact a\0=c\n", 4, 0)
	round_trip(f, "a fact's key with a NUL")
	def chrome(tid, name="GIL-take"):
		return {"ph": "i", "cat": "GIL state", "name": name, "pid": 1, "tid": tid, "ts": 5}
	# in JSON, a NUL is read as U+FFFD
	for tid, n_bad in (("", 1), ("a\0", 0), ("\0", 0)):
		check(f, "the tid %r" % tid, json.dumps([chrome("a"), chrome(tid), chrome("a", "drop")]).replace("\\u0000", "\0"), 3 - n_bad, n_bad)
		round_trip(f, repr(tid))


def counts(f):
	lost = "# gillog 1\n1 a ACQUIRE\n2 a LOST count=%d\n3 b LOST count=%d\n4 b LOST count=%d\n5 a ACQUIRE\n5 b BUSY\n"
	got = check(f, "lost events at once", lost % (MAX, MAX, 3), 6, 0, lost=MAX)
	if got and [t["lost_events"] for t in got["threads"]] != [MAX, MAX]:
		bad.append("lost events at once: %s" % got["threads"])
	round_trip(f, "lost events at once")
	check(f, "lost events of nobody, too", (lost % (MAX - 9, 3, 4)).replace("1\n1", "1\n# lost-events 7\n1"), 6, 0, lost=MAX)
	round_trip(f, "lost events of nobody, too")
	check(f, "lost events of one thread", (lost % (MAX, MAX, 3)).replace("b", "a"), 6, 0, lost=MAX)
	out = compare.run("stats", "--json", "--from", "1ns", f("t.gtl"))[1].decode()
	if '"lost_events":%d' % MAX not in out.replace(" ", ""):
		bad.append("stats counts lost events otherwise: %s" % out)
	for n in (10 ** 12 + 1, MAX):
		check(f, "%d lost events" % n, "# gillog 1\n# lost-events %d\n1 a ACQUIRE\n" % n, 1, 0, lost=n)
		round_trip(f, "%d lost events" % n)
		with open(f("log"), "w") as log:
			log.write("# gillog 1\n# skipped-lines %d\n1 a ACQUIRE\n# lock\n" % n)
		compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"))
		if compare.info(f("t.gtl"))["skipped_lines"] != min(n + 1, MAX):
			bad.append("%d skipped lines and one more: %s" % (n, compare.info(f("t.gtl"))["skipped_lines"]))
		round_trip(f, "%d skipped lines" % n)


def marks(f):
	"""A byte order mark before a log is not of it."""
	take = {"ph": "i", "cat": "GIL state", "name": "GIL-take", "pid": 1, "tid": 1, "ts": 5}
	for name, log, n in (("beazley", "t1 100 1 ACQUIRE\nt1 100 2 RELEASE\n", 2), ("gillog", "# gillog 1\n1 t1 ACQUIRE\n2 t1 RELEASE\n", 2),
			     ("bpftrace", "1|take|00:00:01.000\n", 1), ("chrome", json.dumps([take]), 1),
			     ("perf", " python 1 [000] 1.000000001: python:take_gil__return: (7f <- 7f)\n", 1)):
		for mark in (b"", b"\xef\xbb\xbf"):
			got = check(f, name + " behind %r" % mark, mark + log.encode(), n, 0)
			if got and [t["id"] for t in got["threads"]] not in (["t1"], ["1"]):
				bad.append("%s behind %r: threads %s" % (name, mark, got["threads"]))
	os.unlink(f("t.gtl"))
	for log in (b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf# gillog 1\n1 a ACQUIRE\n"):
		status, _, err = compare.run("ingest", "-o", f("t.gtl"), "-", data=log, check=False)
		if status != 1 or not err:
			bad.append("%r: exit %d" % (log, status))


def many_names(f):
	"""Names take no more than so much memory, whatever a log of some kilobytes claims; its events all count."""
	with gzip.open(f("log"), "wb", 1) as log:
		log.write(b"# gillog 1\n# title the title\n")
		for i in range(12000):
			log.write(b'# func %d name="%s" file="%s"\n' % (i, b"a" * 4096, b"b" * 4096))
		log.write(b"# thread a name=x\n")
		log.write(b"".join(b"%d a ACQUIRE func=%d\n%d a RELEASE\n" % (i, i, i) for i in range(12000)))
	p = subprocess.Popen([compare.GILSCOPE, "ingest", "-f", "-o", f("t.gtl"), f("log")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
	err = p.stderr.read().decode()
	_, status, usage = os.wait4(p.pid, 0)
	if status or "names" not in err:
		bad.append("many names: exit %d, %r" % (status, err))
	if compare.MODE == "release" and usage.ru_maxrss > 400 << 10:
		bad.append("many names: %d KiB of memory" % usage.ru_maxrss)
	got = compare.info(f("t.gtl"))
	if (got["events"], got["skipped_lines"], got["title"]) != (24000, 0, "the title") or os.path.getsize(f("t.gtl")) > 70 << 20:
		bad.append("many names: %s events, %s skipped, title %s, %d bytes" % (
			got["events"], got["skipped_lines"], got["title"], os.path.getsize(f("t.gtl"))))


def no_event(f):
	"""Whatever is the reason that a log has no event of a lock, it is an error that leaves no file."""
	sched = "1 a SCHED_IN cpu=1\n2 a SCHED_OUT cpu=1\n"
	for name, log, options in (
			("Beazley's columns", "t1 100 10 ACQUIRE\n", ["--check-interval", "1"]),
			("gillog", "# gillog 1\n1 a ACQUIRE cpu=x\n2 a WAKEUP\n", []),
			("gillog with only the scheduler's", "# gillog 1\n# lock 0\n" + sched, []),
			("gillog of an unknown function", "# gillog 1\n1 a ACQUIRE func=1\n" + sched, []),
			("bpftrace", "Attaching 2 probes...\n1|take|99:00:00\n", ["--format", "bpftrace"]),
			("chrome, a bad time", '[{"ph":"i","cat":"GIL state","name":"GIL-take","pid":1,"tid":1,"ts":-5}]', []),
			("chrome, our events of no lock", '{"otherData":{"gilscope":"1"},"traceEvents":[{"ph":"i","cat":"gil.event","name":"ACQUIRE",'
			 '"pid":1,"tid":1,"ts":1,"args":{"func":"9"}}]}', [])):
		status, _, err = compare.run("ingest", *options, "-o", f("n.gtl"), "-", data=log.encode(), check=False)
		if status != 1 or os.path.exists(f("n.gtl")) or os.path.exists(f("n.gtl.tmp")):
			bad.append("%s: no event: exit %d, %r, %s" % (name, status, err, os.listdir(f(""))))
	for log, want in (("t1 100 10 ACQUIRE\nbad\n", "1 event, 1 bad line skipped"), ("t1 100 10 ACQUIRE\nt1 100 20 RELEASE\nbad\nbad\n", "2 events, 2 bad lines skipped")):
		_, out, _ = compare.run("ingest", "-f", "-o", f("n.gtl"), "-", data=log.encode())
		if out.decode() != "%s: %s\n" % (f("n.gtl"), want):
			bad.append("said %r, not %s" % (out, want))
	os.remove(f("n.gtl"))
	got = check(f, "a bad line alone of its thread", "t1 100 10 ACQUIRE\nt2 99999 10 ACQUIRE\n", 1, 1)
	if got and len(got["threads"]) != 1:
		bad.append("a thread of bad lines is shown: %s" % got["threads"])


with compare.Folder() as f:
	no_event(f)
	many_names(f)
	marks(f)
	ids(f)
	counts(f)
	long_lines(f)
	chrome_order(f)
	gillog(f)
	perf(f)
	bpftrace(f)
compare.report("nothing in silence", bad)
