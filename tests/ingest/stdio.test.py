"""Closed descriptors, standard input twice, an output without a name, a full standard output: each is told, and nothing is written where it
does not belong."""
import os
import resource
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

bad = []
LOG = "# gillog 1\n5 a ACQUIRE\nrubbish\n9 a RELEASE\n"
GOOD = LOG.replace("rubbish\n", "")


def put(path, text):
	with open(path, "w") as f:
		f.write(text)
	return path


def read(path):
	with open(path, "rb") as f:
		return f.read()


def shell(redirect, *args):
	return subprocess.run(["sh", "-c", 'exec "$@" ' + redirect, "sh", compare.GILSCOPE, *args], stdin=subprocess.DEVNULL,
			      stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def told(name, p, status, *words):
	err = p.stderr.decode()
	if p.returncode != status or not all(w in err for w in words):
		bad.append("%s: exit %d, said %r" % (name, p.returncode, err))


with compare.Folder() as f:
	log, good = put(f("log"), LOG), put(f("good"), GOOD)
	compare.ingest(f("t.gtl"), log)
	want = read(f("t.gtl"))
	for closed in ("<&- >&- 2>&-", "<&- 2>&-", ">&- 2>&-", "2>&-"):
		p = shell(closed, "ingest", "-f", "-o", f("fd.gtl"), log)
		if read(f("fd.gtl")) != want:
			bad.append("ingest %s: another timeline" % closed)
		if p.returncode != (1 if ">&- " in closed else 0):
			bad.append("ingest %s: exit %d" % (closed, p.returncode))
	for what, args in (("gillog", ()), ("folded", ())):
		shell("<&- 2>&-", "convert", "-f", "--to", what, "-o", f("a"), log)
		compare.run("convert", "-f", "--to", what, "-o", f("b"), log)
		if read(f("a")) != read(f("b")):
			bad.append("convert to %s with descriptors closed: another file" % what)
	told("reads a closed standard input", shell("<&-", "ingest", "-o", f("n.gtl"), "-"), 1, "standard input", "Bad file")
	told("prints to a closed standard output", shell(">&-", "dump", f("t.gtl")), 1, "standard output", "Bad file")
	with open(good) as data:
		p = subprocess.run([compare.GILSCOPE, "ingest", "-o", f("n.gtl"), "-", "-"], stdin=data, stdout=subprocess.PIPE,
				   stderr=subprocess.PIPE)
	told("standard input twice", p, 2, "standard input")
	if os.path.exists(f("n.gtl")):
		bad.append("standard input twice: leaves a file")
	# no room, or no name
	with open("/dev/full", "w") as full:
		p = subprocess.run([compare.GILSCOPE, "ingest", "-o", f("n.gtl"), good], stdout=full, stderr=subprocess.PIPE)
	told("a full standard output", p, 1, "standard output", "No space", f("n.gtl"))
	for command, words in (("ingest", (good,)), ("convert", ("--to", "csv", good)), ("render", (f("t.gtl"),)), ("figure", (f("t.gtl"),)),
			       ("record", ("--", "true"))):
		told("%s with an empty name" % command, shell("", command, "-o", "", *words), 2, "--output")
	compare.ingest(f("t.gtl"), put(f("log"), "# gillog 1\n" + "".join("%d a %s\n" % (i, ("ACQUIRE", "RELEASE")[i % 2]) for i in range(90000))))
	for to in ("csv", "chrome", "perfetto", "gillog", "folded"):
		def limit():
			signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
			resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
		for ending in ("", ".zst"):
			p = subprocess.run([compare.GILSCOPE, "convert", "--to", to, "-o", f("out" + ending), f("t.gtl")], preexec_fn=limit,
					   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
			if to != "folded":
				told("convert to %s%s without room" % (to, ending), p, 1, f("out" + ending))
			if p.stderr.count(b"/out") > 1:
				bad.append("convert to %s%s: named twice: %r" % (to, ending, p.stderr))
compare.report("stdio", bad)
