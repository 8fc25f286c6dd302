"""Nothing of a log is dropped in silence: what cannot be read is counted and said, --strict ends at it, and what belongs to the
log's format is neither."""
import os
import sys

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


with compare.Folder() as f:
	bpftrace(f)
compare.report("nothing in silence", bad)
