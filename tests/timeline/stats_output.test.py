"""What `stats` prints: JSON with the documented keys, CSV and comparison that say the same as JSON, tables without a control character
whatever the names are; nested locks and locks of which no hold is seen; and sentences for what cannot be done."""
import csv
import io
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog

NAMES = ["plain", "with blanks", "\u00e9\u4e16\u754c \U0001f40d", "\"quotes\", commas and \\", "</script>", "tab\tnewline\nend", "\x1b[31mred",
	 "\u202ereversed", "a" * 300, "=1+1", "%s%n%d"]
bad = []


def check(what, ok, more=""):
	if not ok:
		bad.append("%s %s" % (what, more))


def stats(*args):
	return json.loads(compare.run("stats", "--json", *args)[1].decode("utf-8"))


def rows_of(*args):
	text = compare.run("stats", "--csv", *args)[1].decode("utf-8")
	rows = list(csv.DictReader(io.StringIO(text, newline="")))
	check("csv: a row is a line", text.count("\n") == len(rows) + 1)
	return rows


def documented():
	"""The keys that docs/stats.md promises: the first column of its tables of keys."""
	keys, on = {"top": set(), "figures": set(), "finding": set()}, None
	with open(os.path.join(compare.ROOT, "docs/stats.md"), encoding="utf-8") as f:
		for line in f:
			m = re.match(r"<!-- keys: (\w+) -->", line)
			on = m[1] if m else on
			if on and line.startswith("| `"):
				keys[on] |= set(re.findall(r"`(\w+)`", line.split("|")[1]))
			elif not m and on and not line.startswith("|") and line.strip():
				on = None
	return keys


def number(s):
	return None if s == "" else float(s) if re.search(r"[.e]", s) else int(s)


def same_rows(got, rows):
	"""JSON and CSV tell the same."""
	want = [("trace", got["total"])] + [("lock", x) for x in got["locks"]] + [("thread", x) for x in got["threads"]]
	check("csv: rows", [r["scope"] for r in rows] == [s for s, _ in want])
	for r, (_, w) in zip(rows, want):
		for k, v in w.items():
			if k in ("id", "name"):
				continue
			x = number(r[k])
			check("csv: %s" % k, x == v or (v is not None and x is not None and abs(x - v) <= 1e-6 * abs(v)), "%r, json %r" % (x, v))


def keys_and_formats(f):
	promised = documented()
	compare.ingest(f("t.gtl"), os.path.join(compare.ROOT, "samples/echo-spin1-py313.perf.zst"))
	got = stats(f("t.gtl"))
	check("json: keys", set(got) == promised["top"], set(got) ^ promised["top"])
	for w in [got["total"]] + got["locks"] + got["threads"]:
		keys = set(w) - {"id", "name", "pid"}
		check("json: figures", keys == promised["figures"], keys ^ promised["figures"])
	for w in got["findings"]:
		check("json: finding", set(w) <= promised["finding"], set(w) - promised["finding"])
	check("json: --no-findings", stats("--no-findings", f("t.gtl"))["findings"] is None)
	same_rows(got, rows_of(f("t.gtl")))
	same_rows(stats("--from", "100ms", f("t.gtl")), rows_of("--from", "100ms", f("t.gtl")))
	# times as people write them
	a, b = stats("--from", "100ms", "--to", "0.2s", f("t.gtl")), stats("--from", 100000000, "--to", "200000us", f("t.gtl"))
	check("times: units", a == b)
	absolute = stats("--from", "@%d" % (got["origin"] + 100000000), "--to", "0.2s", f("t.gtl"))
	check("times: absolute", a == absolute)
	check("times: kept", (a["from"], a["to"], a["length"], a["whole"]) == (10 ** 8, 2 * 10 ** 8, 10 ** 8, False))
	# the commands that are proposed
	for x in got["findings"]:
		for p in x["places"]:
			m = re.match(r"gilscope figure --from ([\d.]+)s --to ([\d.]+)s -o \S+ (\S+)$", p["command"])
			check("command", m and m[3] == f("t.gtl") and float(m[1]) * 1e9 <= p["from"] + 1, p["command"])


def example(f):
	"""The example on the page is what the program prints."""
	shown, on = [], False
	with open(os.path.join(compare.ROOT, "docs/stats.md"), encoding="utf-8") as page:
		for line in page:
			if on and line.strip() and not line.startswith("    "):
				break
			if on:
				shown.append(line[4:].rstrip("\n"))
			on = on or line.startswith("    $ gilscope stats ")
	name = "convoy-py311.gtl"
	compare.ingest(f(name), os.path.join(compare.ROOT, "samples/convoy-py311.gillog"))
	out = subprocess.run([compare.GILSCOPE, "stats", name], cwd=f("."), stdout=subprocess.PIPE).stdout.decode()
	check("the example of docs/stats.md", out.rstrip().split("\n") == "\n".join(shown).rstrip().split("\n"))


def names(f):
	log = "# gillog 1\n"
	for i, name in enumerate(NAMES):
		log += "# thread %d name=\"%s\"\n" % (i, "".join("\\x%02x" % b if b < 32 or b > 126 or chr(b) in "\"\\" else chr(b)
								    for b in name.encode()))
	for i in range(len(NAMES)):
		# each stalls for longer than it may
		log += "%d %d ACQUIRE\n%d %d SCHED_OUT\n%d %d SCHED_IN\n%d %d RELEASE\n" % (
			i * 10 ** 8, i, i * 10 ** 8 + 10, i, i * 10 ** 8 + 5 * 10 ** 7, i, i * 10 ** 8 + 6 * 10 ** 7, i)
	path = f("it's a \x1b[31m\u202e name.gtl")
	with open(f("log"), "w") as out:
		out.write(log)
	compare.ingest(path, f("log"), options=["--title", "\x1b]0;title\x07"])
	got = stats(path)
	check("names: json", [t["name"] for t in got["threads"]] == NAMES)
	check("names: findings", len(got["findings"]) == len(NAMES))
	for args in ([], ["--all"], ["--csv"], ["--compare", path], ["--compare", "--csv", path]):
		out = compare.run("stats", *args, path)[1]
		wild = sorted({b for b in out if (b < 32 and b != 10) or b == 127})
		check("names: %s prints control characters" % args, not wild and b"\xe2\x80\xae" not in out, wild)
	for x in got["findings"]:
		word = subprocess.run(["bash", "-c", "printf %s " + x["places"][0]["command"].split(".png ", 1)[1]], capture_output=True).stdout
		check("names: the path in a command", word.decode() == path, x["places"][0]["command"])
	table = compare.run("stats", path)[1].decode()
	check("names: few findings", table.count("  stalls\n") == 4 and "7 more of the kind" in table)
	check("names: all findings", compare.run("stats", "--all", path)[1].decode().count("  stalls\n") == len(NAMES))
	wide = [line for line in table.split("\n") if len(line) > 132 and "gilscope figure" not in line and "name.gtl" not in line]
	check("names: wide lines", not wide, wide[:1])


def locks(f):
	"""Two locks nested in one thread, another thread that waits for the inner one; a lock of which only contention is seen."""
	with open(f("log"), "w") as out:
		out.write("""# gillog 1
# lock outer name="outer"
# lock inner name="inner"
# lock park kind=park
0 1 ACQUIRE lock=outer
10 1 ACQUIRE lock=inner
20 2 BUSY lock=inner
30 1 RELEASE lock=inner
35 2 ACQUIRE lock=inner
50 1 RELEASE lock=outer
55 2 RELEASE lock=inner
60 1 BUSY lock=park
100 1 ACQUIRE lock=park
""")
	compare.ingest(f("t.gtl"), f("log"))
	got = stats(f("t.gtl"))
	lock = {x["name"] or x["id"]: x for x in got["locks"]}
	for name, figures in {"outer": dict(held=50, run=30, holds=1, hold_max=50, idle=50, waits=0, acquires=1, utilisation=0.5),
			      "inner": dict(held=40, run=40, holds=2, hold_max=20, wait=10, signal=5, waits=1, wait_max=15, busy=1,
					    handoffs=1, handoff_max=5, switches=1),
			      "park": dict(held=0, holds=0, waits=1, wait_max=40, wait=40, acquires=1)}.items():
		for k, v in figures.items():
			check("locks: %s %s" % (name, k), lock[name][k] == v, lock[name][k])
	one = [t for t in got["threads"] if t["id"] == "1"][0]
	check("locks: thread 1", (one["run"], one["wait"], one["idle"], one["holds"]) == (50, 40, 10, 2), one)
	compare.run("stats", f("t.gtl"))


def lost(f):
	"""A hold ends when the next thread takes the lock, if its RELEASE is missing; where events are lost its length is unknown."""
	with open(f("log"), "w") as out:
		out.write("""# gillog 1
0 1 ACQUIRE
50 2 ACQUIRE
60 2 RELEASE
100 1 ACQUIRE
170 2 ACQUIRE
190 2 RELEASE
200 1 LOST count=3 since=60
250 2 ACQUIRE
300 2 RELEASE
""")
	compare.ingest(f("t.gtl"), f("log"))
	for options in ([], ["--from", 0, "--to", 301], ["--from", 0, "--to", 300]):
		got = stats(*options, f("t.gtl"))
		one, two = got["threads"]
		check("lost: thread 1", (one["run"], one["holds"], one["hold_max"], one["lost_events"]) == (90, 1, 50, 3), (options, one))
		last = options[-1:] == [300]
		check("lost: thread 2", (two["run"], two["holds"], two["lost_releases"]) == (80, 3 - last, 1), (options, two))
		check("lost: lock", got["locks"][0]["held"] == 170, (options, got["locks"][0]["held"]))


def comparison(f):
	for k, seed in enumerate("ab"):
		with open(f("log"), "w") as log:
			log.write(genlog.generate("compare " + seed, "gillog", 1500, 3 + k, names=genlog.PLAIN, processes=1))
		compare.ingest(f(seed + ".gtl"), f("log"))
	got = stats("--compare", f("a.gtl"), f("b.gtl"))
	check("compare: a", got["a"] == stats(f("a.gtl")))
	check("compare: b", got["b"] == stats(f("b.gtl")))
	by_id = [{t["id"]: t for t in got[k]["threads"]} for k in "ab"]
	threads = [c for c in got["changes"] if c["scope"] == "thread"]
	check("compare: every thread once", len(threads) == len(set(by_id[0]) | set(by_id[1])))
	one_clock = got["a"]["clock"] == got["b"]["clock"]
	for c in threads:
		if c["a"] and c["b"]:
			check("compare: matched", c["a"]["id"] == c["b"]["id"], c)
			a, b = by_id[0][c["a"]["id"]], by_id[1][c["b"]["id"]]
			for k in ("acquires", "busy") + (("run", "wait", "hold_max") if one_clock else ()):
				check("compare: difference", c["difference"][k] == b[k] - a[k], (k, c["difference"][k], a[k], b[k]))
				check("compare: ratio", (c["ratio"][k] is None) == (a[k] == 0) and
				      (not a[k] or abs(c["ratio"][k] - b[k] / a[k]) < 1e-6 * b[k] / a[k] + 1e-9), (k, c["ratio"][k]))
		else:
			check("compare: of one only", all(v is None for v in c["difference"].values()))
	rows = rows_of("--compare", f("a.gtl"), f("b.gtl"))
	check("compare: csv", len(rows) == len(got["changes"]) * len(got["total"] if "total" in got else got["a"]["total"]))
	for r in rows:
		if r["difference"] and r["figure"] == "acquires":
			check("compare: csv difference", int(r["difference"]) == int(r["b"]) - int(r["a"]))
	same = stats("--compare", f("a.gtl"), f("a.gtl"))
	check("compare: with itself", all(v in (0, None) for c in same["changes"] for v in c["difference"].values()))
	compare.run("stats", "--compare", f("a.gtl"), f("b.gtl"))
	# clocks that differ have no common times
	compare.ingest(f("t.gtl"), os.path.join(compare.ROOT, "samples/countdown2-py27.beazley.zst"))
	compare.ingest(f("n.gtl"), os.path.join(compare.ROOT, "samples/echo-spin1-py313.perf.zst"))
	total = stats("--compare", f("t.gtl"), f("n.gtl"))["changes"][0]["difference"]
	check("compare: clocks", total["run"] is None and total["acquires"] is not None, total)
	check("compare: clocks, in words", "clocks differ" in compare.run("stats", "--compare", f("t.gtl"), f("n.gtl"))[1].decode())


def refusals(f):
	with open(f("log"), "w") as log:
		log.write(genlog.generate("refusals", "perf", 300))
	compare.ingest(f("t.gtl"), f("log"))
	with open(f("not.gtl"), "w") as log:
		log.write("no timeline")
	t = f("t.gtl")
	for code, args in ((2, []), (2, [t, t]), (2, ["--compare", t]), (2, ["--json", "--csv", t]), (2, ["--from", "soon", t]),
			   (2, ["--from", "9999999s", t]), (2, ["--from", "2us", "--to", "1us", t]), (2, ["--to", "0", t]),
			   (2, ["--long-hold", "0", t]), (2, ["--convoy", "x", t]), (2, ["--interval", "0", t]), (2, ["--interval", "5t", t]),
			   (1, [f("none.gtl")]), (1, [f("not.gtl")]), (1, ["--compare", t, f("not.gtl")])):
		got, out, err = compare.run("stats", *args, check=False)
		check("refused: %s" % args, got == code and err.strip() and not out, (got, err))
	check("help", b"gilscope stats" in compare.run("stats", "--help")[1])
	# nothing in the stretch
	check("an empty stretch", compare.run("stats", "--from", 0, "--to", 1, t)[0] == 0)


with compare.Folder() as f:
	for test in (keys_and_formats, example, names, locks, lost, comparison, refusals):
		test(f)
compare.report("stats' output", bad)
