"""`info --json` has the promised keys with the promised types, whatever the names in the log are, and those that docs/info.md has; the
table for people never sends a control character to the terminal, and fits 100 columns.
`info` and `stats` end well where nobody reads any more, and say that a disk is full."""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

TOP = {"version": int, "title": str, "clock": str, "start": int, "end": int, "events": int, "skipped_lines": int, "lost_events": int,
       "truncated": bool, "locks": list, "threads": list, "checks": int}
THREAD = {"id": str, "name": str, "run": int, "wait": int, "signal": int, "idle": int, "stall": int, "acquires": int, "releases": int,
	  "lost_acquires": int, "busy": int, "retry": int, "timeouts": int, "drop_requests": int, "waits": int, "max_wait": int,
	  "wait_p50": int, "wait_p99": int, "max_run": int}
NAMES = ["plain", "with blanks (and more)", "\u00e9\u4e16\u754c \U0001f40d", "\"quotes\" and \\", "</script><b>&amp;", "tab\tnewline\nend", "\x1b[31mred\x07",
	 "\u202ereversed", "\x7f\u0085", "a" * 3000, " ", "%s%n%d", "null", "{}"]
bad = []


def escaped(s):
	return "".join("\\x%02x" % b if b < 32 or b == 127 else "\\" + chr(b) if chr(b) in "\"\\" else chr(b) for b in s.encode()) \
		.encode("latin-1")


def typed(where, got, keys):
	for k, t in keys.items():
		if k not in got:
			bad.append("%s: no key %s" % (where, k))
		elif not isinstance(got[k], t) or (t is int and isinstance(got[k], bool)):
			bad.append("%s: %s is %r, not a %s" % (where, k, got[k], t.__name__))


with compare.Folder() as f:
	with open(f("log"), "wb") as log:
		log.write(b"# gillog 1\n# clock ns\n")
		for i, name in enumerate(NAMES):
			log.write(b"# thread %d name=\"%s\"\n" % (i, escaped(name)))
		log.write(b"# thread bytes name=\"\xff\xfe\xc0\x80\xed\xa0\x80\"\n")
		for i in list(range(len(NAMES))) + ["bytes"]:
			t = 9007199254740993 + 10 * (i if isinstance(i, int) else 99)
			log.write(b"%d %s ACQUIRE\n%d %s RELEASE\n" % (t, str(i).encode(), t + 5, str(i).encode()))
	compare.run("ingest", "--strict", "--title", "\x1b]0;title\x07 \u202e", "-o", f("t.gtl"), f("log"))
	raw = compare.run("info", "--json", f("t.gtl"))[1]
	try:
		got = json.loads(raw.decode("utf-8"))
	except ValueError as e:
		bad.append("no JSON: %s" % e)
		compare.report("info", bad)
	typed("top", got, TOP)
	if "badness" not in got:
		bad.append("no key badness")
	if got["start"] != 9007199254740993:
		bad.append("start is %d: an integer above 2^53 is not exact" % got["start"])
	for lock in got["locks"]:
		typed("lock", lock, {"id": str, "name": str})
	for t in got["threads"]:
		typed("thread %s" % t.get("id"), t, THREAD)
		if t["id"].isdigit() and t["name"] != NAMES[int(t["id"])]:
			bad.append("thread %s is called %r, not %r" % (t["id"], t["name"][:80], NAMES[int(t["id"])][:80]))
		total = t["run"] + t["wait"] + t["signal"] + t["stall"] + t["idle"]
		if total != got["end"] - got["start"]:
			bad.append("thread %s: the states last %d in all, the trace %d" % (t["id"], total, got["end"] - got["start"]))
	if len(got["threads"]) != len(NAMES) + 1:
		bad.append("%d threads" % len(got["threads"]))
	for args in (["info", f("t.gtl")], ["dump", "--events", f("t.gtl")], ["dump", "--periods", f("t.gtl")]):
		# a title is a line's rest in gillog text, as it is
		out = b"".join(x for x in compare.run(*args)[1].splitlines(True) if not x.startswith(b"# title "))
		wild = sorted({b for b in out if (b < 32 and b not in (9, 10)) or b == 127})
		if wild or (args[0] == "info" and b"\xe2\x80\xae" in out):
			bad.append("%s prints control characters %s" % (args[0], wild or "(bidi)"))
	wide = [x for x in compare.run("info", f("t.gtl"))[1].decode().splitlines() if len(x) > 100]
	if wide:
		bad.append("info prints lines of more than 100 columns: %r" % wide[:3])
	for end, want in ((999949999999, "999.9s"), (999950000000, "1,000s"), (10800500000000, "10,801s")):
		compare.run("ingest", "-f", "-o", f("l.gtl"), "-", data=b"# gillog 1\n# clock ns\n0 a ACQUIRE\n%d a RELEASE\n" % end)
		if ("  time             %s, from" % want).encode() not in compare.run("info", f("l.gtl"))[1]:
			bad.append("%d ns are not told as %s" % (end, want))
	# the page has each key, and no other
	with open(os.path.join(compare.ROOT, "docs/info.md")) as page:
		top, thread = page.read().split("| key of a thread | |")
	for where, text, keys in (("top", top, got), ("thread", thread, got["threads"][0])):
		told = {k for row in re.findall(r"(?m)^\| (`[^|]*) \|", text) for k in re.findall(r"`(\w+)`", row)}
		if told != set(keys):
			bad.append("docs/info.md, %s: differs in %s" % (where, sorted(told ^ set(keys))))
	# who reads no more (head) is no error, a full disk is one; whatever was to become of SIGPIPE
	for args in (["info"], ["info", "--json"], ["stats"], ["stats", "--json"]):
		for sigpipe in (signal.SIG_DFL, signal.SIG_IGN):
			r, w = os.pipe()
			os.close(r)
			with open(w, "wb") as closed, open("/dev/full", "wb") as full:
				for name, out, code, said in (("a closed pipe", closed, 0, b""), ("a full disk", full, 1, b"cannot write")):
					p = subprocess.run([compare.GILSCOPE, *args, f("t.gtl")], stdout=out, stderr=subprocess.PIPE,
							   preexec_fn=lambda: signal.signal(signal.SIGPIPE, sigpipe))
					if p.returncode != code or said not in p.stderr or bool(said) != bool(p.stderr):
						bad.append("%s, %s: exit %d, said %r" % (args, name, p.returncode, p.stderr))
compare.report("info", bad)
