"""Closed descriptors, standard input twice, an output without a name, a full standard output: each is told, and nothing is written where it
does not belong."""
import os
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
	with open(good) as data:
		p = subprocess.run([compare.GILSCOPE, "ingest", "-o", f("n.gtl"), "-", "-"], stdin=data, stdout=subprocess.PIPE,
				   stderr=subprocess.PIPE)
	told("standard input twice", p, 2, "standard input")
	if os.path.exists(f("n.gtl")):
		bad.append("standard input twice: leaves a file")
compare.report("stdio", bad)
