"""Each format that convert writes says what the timeline says: read again it is the same timeline (gillog, chrome), the same lines
(beazley), the oracle's periods (csv), the figures of info (perfetto, folded); what it cannot carry is said; an output appears whole
or not at all."""
import csv
import gzip
import io
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

bad = []


def read(path):
	with open(path, "rb") as f:
		return f.read()


def convert(f, to, path, *options):
	code, out, err = compare.run("convert", "--to", to, *options, "-o", "-", path)
	return out, err


def again(name, f, to):
	"""The format is a log of which ingest makes the same file."""
	text, err = convert(f, to, f("t.gtl"))
	if err and "otherData.offset" not in err:
		bad.append("%s: --to %s said %r" % (name, to, err))
	with open(f("again"), "wb") as out:
		out.write(text)
	compare.run("ingest", "-f", "--strict", "-o", f("u.gtl"), f("again"))
	if read(f("u.gtl")) != read(f("t.gtl")):
		a, b = compare.info(f("t.gtl")), compare.info(f("u.gtl"))
		bad.append("%s: --to %s and back: %s" % (name, to, [(k, str(a[k])[:200], str(b.get(k))[:200]) for k in a if a[k] != b.get(k)] or "other bytes"))
	return text


SLICES = {"run", "wait", "signal", "stall"}


def check_chrome(name, text, info):
	"""As the format's specification has it."""
	d = json.loads(text)
	totals, last = {}, {}
	names = {(e["pid"], e["tid"]): e["args"]["id"] for e in d["traceEvents"] if e["ph"] == "M" and e["name"] == "thread_name"}
	for e in d["traceEvents"]:
		good = isinstance(e["pid"], int) and isinstance(e["tid"], int) and isinstance(e["name"], str) and isinstance(e["args"], dict)
		if e["ph"] == "X":
			key = (e["pid"], e["tid"])
			good = good and e["name"] in SLICES and e["dur"] >= 0 and e["ts"] >= 0
			totals[key, e["name"]] = totals.get((key, e["name"]), 0) + round(e["dur"] * (1000 if info["clock"] == "ns" else 1))
			# the slices of a thread follow each other: viewers nest what overlaps
			good = good and e["ts"] + 1e-4 >= last.get(key, 0)
			last[key] = e["ts"] + e["dur"]
		elif e["ph"] == "i":
			good = good and e["s"] == "t" and e["ts"] >= 0
		else:
			good = good and e["ph"] == "M"
		if not good:
			bad.append("%s: chrome: %s" % (name, e))
			return
	got = sorted((names[key], state, n) for (key, state), n in totals.items() if n)
	want = sorted((t["id"], state, t[state]) for t in info["threads"] for state in SLICES if t[state])
	if got != want:
		bad.append("%s: chrome: %s, not %s" % (name, got[:5], want[:5]))


def check_csv(name, text, path, info):
	rows = list(csv.reader(io.StringIO(text.decode("utf-8", "surrogateescape"), newline="")))
	if rows[0] != ["begin", "end", "length", "pid", "thread", "name", "state", "lock", "since", "function"]:
		bad.append("%s: csv: header %s" % (name, rows[0]))
	got = {}
	for r in rows[1:]:
		if int(r[1]) - int(r[0]) != int(r[2]):
			bad.append("%s: csv: %s" % (name, r))
		got.setdefault((r[4], r[3]), []).append((int(r[0]), int(r[1]), r[6], int(r[8])))
	result = oracle.simulate(oracle.parse([path]))
	want = {}
	for key, lane in result.lanes.items():
		if lane.is_lane:
			pid = result.log.pids.get(key[0], "")
			want.setdefault((key[1], str(pid)), []).extend((b, e, s, since) for b, e, s, _, since in lane.periods)
	for k in sorted(set(got) | set(want)):
		a, b = compare.merged(got.get(k, [])), compare.merged(want.get(k, []))
		if a != b:
			i = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
			bad.append("%s: csv: thread %s, period %d: %s, the oracle says %s" % (name, k, i, a[i:i + 1], b[i:i + 1]))


def check_folded(name, text, info):
	got, want = {}, {}
	for line in text.decode("utf-8", "surrogateescape").splitlines():
		frames, n = line.rsplit(" ", 1)
		state = [x for x in frames.split(";")[1:] if x in SLICES][0]
		got[state] = got.get(state, 0) + int(n)
	for state in SLICES:
		total = sum(t[state] for t in info["threads"])
		if total:
			want[state] = total
	if got != want:
		bad.append("%s: folded: %s, not %s" % (name, got, want))


def decode(text):
	"""protoc's text of a trace: [{field: value or list}]."""
	p = subprocess.run(["protoc", "--decode=perfetto.protos.Trace", "-I", os.path.dirname(os.path.abspath(__file__)), "perfetto.proto"],
			   input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	if p.returncode:
		raise AssertionError("protoc: %s" % p.stderr.decode())
	stack = [[]]
	for line in p.stdout.decode().splitlines():
		line = line.strip()
		if line.endswith("{"):
			stack.append([])
			stack[-2].append((line[:-2], stack[-1]))
		elif line == "}":
			stack.pop()
		else:
			key, value = line.split(": ", 1)
			if key.isdigit():
				raise AssertionError("a field that the proto has not: %s" % line)
			stack[-1].append((key, value.strip('"')))
	return [dict(packet) for key, packet in stack[0] if key == "packet"]


def check_perfetto(name, f, info, gtl):
	packets = decode(convert(f, "perfetto", gtl)[0])
	threads, opened, totals, instants = {}, {}, {}, 0
	for p in packets:
		if p.get("trusted_packet_sequence_id") != "1":
			bad.append("%s: perfetto: a packet of no sequence: %s" % (name, p))
			return
		if "track_descriptor" in p:
			d = dict(p["track_descriptor"])
			if "thread" in d:
				threads[d["uuid"]] = dict(d["thread"])["thread_name"]
			continue
		e = dict(p["track_event"])
		track, time = e["track_uuid"], int(p["timestamp"])
		if e["type"] == "TYPE_SLICE_BEGIN":
			if track in opened or e["name"] not in SLICES:
				bad.append("%s: perfetto: %s begins in another" % (name, e))
			opened[track] = (time, e["name"])
		elif e["type"] == "TYPE_SLICE_END":
			begin, state = opened.pop(track)
			totals[threads[track], state] = totals.get((threads[track], state), 0) + time - begin
		elif track in threads:
			instants += 1
	want = {}
	for t in info["threads"]:
		for state in SLICES:
			if t[state]:
				key = (t["name"] or t["id"], state)
				want[key] = want.get(key, 0) + t[state]
	# protoc shows bytes beyond ASCII escaped; only the figures matter then
	same = totals == want if all(k[0].isascii() for k in want) and not any(c in k[0] for k in want for c in "\\'\"") else \
		sorted(totals.values()) == sorted(want.values())
	if not same or opened:
		bad.append("%s: perfetto: %s, not %s" % (name, sorted(totals.items())[:6], sorted(want.items())[:6]))
	lines = [x for x in compare.run("dump", "--events", gtl)[1].splitlines() if not x.startswith(b"#")]
	if instants != len(lines):
		bad.append("%s: perfetto: %d instants of %d events" % (name, instants, len(lines)))


def check_beazley(name, f, path):
	"""The same lines, in the same columns, but for blanks."""
	data = oracle.read_bytes(path)
	want = [" ".join(line.split()) for line in data.decode().splitlines() if line.strip() and not line.startswith("#")]
	text, err = convert(f, "beazley", f("t.gtl"))
	got = text.decode().splitlines()
	if sorted(got) != sorted(want) if got != want and name.startswith("genlog") else got != want:
		i = next((i for i, (x, y) in enumerate(zip(got, want)) if x != y), min(len(got), len(want)))
		bad.append("%s: beazley: line %d is %r, not %r" % (name, i + 1, got[i:i + 1], want[i:i + 1]))
	if "events are not carried" in err:
		bad.append("%s: beazley said %r" % (name, err))


def check(name, f, path, fmt, protoc):
	compare.ingest(f("t.gtl"), path)
	info = compare.info(f("t.gtl"))
	again(name, f, "gillog")
	check_chrome(name, again(name, f, "chrome"), info)
	check_csv(name, convert(f, "csv", f("t.gtl"))[0], path, info)
	check_folded(name, convert(f, "folded", f("t.gtl"))[0], info)
	if fmt == "beazley":
		check_beazley(name, f, path)
	if protoc and info["events"] < 30000:
		check_perfetto(name, f, info, f("t.gtl"))


LOG = """# gillog 1
# clock ns
# title "a \\xff title"
# process p pid=7 name="p;1"
# thread 1 process=p name="main, \\"quoted\\""
# thread x-2 process=p name="w;o\\nrk"
# func 0 name="f;g" file="a.py" line=3
# fact machine="m"
# waits busy
100 1 ACQUIRE func=0 checks=5 countdown=99
200 x-2 BUSY checks=5 countdown=90
250 x-2 TIMEOUT
300 1 RELEASE checks=5 countdown=80
350 x-2 ACQUIRE checks=5 countdown=-2
400 x-2 RELEASE checks=6 countdown=100
500 1 ACQUIRE
"""


def losses(f):
	with open(f("log"), "w") as out:
		out.write(LOG)
	compare.ingest(f("t.gtl"), f("log"))
	for to, said in (("chrome", ["1 names are no UTF-8"]), ("perfetto", ["1 names are no UTF-8", "1 threads' ids are no numbers"]), ("gillog", []),
			 ("beazley", ["1 events are not carried: 1 TIMEOUT", "1 events without a count of ticks", "nanoseconds are not carried", "1 countdowns stand below 0",
				      "2 threads' names", "1 facts"]),
			 ("csv", ["2 events are not carried: 1 BUSY, 1 TIMEOUT", "1 facts"]),
			 ("folded", ["7 events are not carried", "when things happened is not carried", "lines have a \"_\""])):
		out, err = convert(f, to, f("t.gtl"))
		for s in said:
			if s not in err:
				bad.append("--to %s does not say %r, but %r" % (to, s, err))
		if not said and err:
			bad.append("--to %s said %r" % (to, err))
	got = convert(f, "beazley", f("t.gtl"))[0].decode()
	if got != "1 99 5 ACQUIRE\nx-2 90 5 BUSY\n1 80 5 RELEASE\nx-2 0 5 ACQUIRE\nx-2 100 6 RELEASE\n":
		bad.append("beazley of a recorded 2.7: %r" % got)
	got = convert(f, "csv", f("t.gtl"))[0].decode("utf-8", "surrogateescape")
	if got.splitlines()[1] != '100,300,200,7,1,"main, ""quoted""",run,0,100,f;g':
		bad.append("csv: %r" % got)
	got = convert(f, "folded", f("t.gtl"))[0].decode()
	if got != 'main, "quoted" (1);run;f_g (a.py) 200\nw_o_rk (x-2);wait 100\nw_o_rk (x-2);signal 50\nw_o_rk (x-2);run 50\n':
		bad.append("folded: %r" % got)
	# a range: periods are whole, sums are cut
	got = convert(f, "csv", f("t.gtl"), "--from", "@250ns", "--to-time", "@320ns")[0].decode("utf-8", "replace")
	got = list(csv.reader(io.StringIO(got, newline="")))
	if [x[0] for x in got[1:]] != ["100", "200", "300"]:
		bad.append("csv of a range: %r" % got)
	got = convert(f, "folded", f("t.gtl"), "--from", "@250ns", "--to-time", "@320ns")[0].decode().splitlines()
	if sorted(int(x.rsplit(" ", 1)[1]) for x in got) != [20, 50, 50]:
		bad.append("folded of a range: %r" % got)
	# an origin that doubles cannot tell from its neighbours
	with open(f("log"), "w") as out:
		out.write("# gillog 1\n1763700000123456789 1 ACQUIRE\n1763700000123456790 1 RELEASE\n")
	compare.ingest(f("t.gtl"), f("log"))
	out, err = convert(f, "chrome", f("t.gtl"))
	d = json.loads(out)
	if "offset" not in err or [e["ts"] for e in d["traceEvents"] if e["ph"] == "i"] != [0, 0.001]:
		bad.append("a large origin: %r %r" % (err, out))
	again_text = f("again")
	with open(again_text, "wb") as o:
		o.write(out)
	compare.ingest(f("u.gtl"), again_text)
	if read(f("u.gtl")) != read(f("t.gtl")):
		bad.append("a large origin is lost")


def outputs(f):
	path = os.path.join(compare.ROOT, "samples/convoy-py311.gillog")
	plain = compare.run("convert", "--to", "chrome", "-o", "-", path)[1]
	for name in ("a.json", "a.json.gz", "a.json.zst"):
		compare.run("convert", "-o", f(name), path)
		data = oracle.read_bytes(f(name)) if not name.endswith(".gz") else gzip.decompress(read(f(name)))
		if data != plain:
			bad.append("%s: %d bytes, not %d" % (name, len(data), len(plain)))
		code, _, err = compare.run("convert", "-o", f(name), path, check=False)
		if code != 1 or "exists" not in err:
			bad.append("%s again: exit %d, %r" % (name, code, err))
		compare.run("convert", "-f", "-o", f(name), path)
	for ending, to in (("pftrace", "perfetto"), ("gillog", "gillog"), ("csv", "csv"), ("folded", "folded")):
		compare.run("convert", "-o", f("b." + ending), path)
		if read(f("b." + ending)) != compare.run("convert", "--to", to, "-o", "-", path)[1]:
			bad.append("b.%s is not %s" % (ending, to))
	if compare.run("convert", "--format", "gillog-binary", "--to", "chrome", "-o", "-", path)[1] != plain:
		bad.append("--format as it is found is not the same")
	left = [n for n in os.listdir(f("")) if n.endswith(".tmp")]
	os.mkfifo(f("pipe"))	# or a device: a file must not take its place
	for args, want in ((("-o", "x", path), 2), (("--to", "nothing", "-o", "x", path), 2), (("--to", "csv", path), 2), (("--to", "csv", "-o", "-"), 2),
			   (("--to", "csv", "-o", "-", path, path), 2), (("--to", "beazley", "-o", f("no"), path), 1),
			   (("--format", "nonsense", "--to", "csv", "-o", f("no"), path), 2), (("--format", "perf", "--to", "csv", "-o", f("no"), path), 1),
			   (("--to", "csv", "-o", f("no"), f("none")), 1), (("--to", "csv", "-o", f("no/no"), path), 1), (("--to", "csv", "-f", "-o", f("pipe"), path), 1),
			   (("--to", "csv", "-f", "-o", f(""), path), 1), (("--to", "csv", "-o", f("no.zst"), f("b.csv")), 1),
			   (("--to", "csv", "--from", "3x", "-o", f("no"), path), 2), (("--to", "csv", "--from", "2s", "--to-time", "1s", "-o", f("no"), path), 2)):
		code, out, err = compare.run("convert", *args, check=False)
		if code != want or not err.strip() or out:
			bad.append("convert %s: exit %d, %r" % (" ".join(args), code, err))
	for name in ("b.csv", "b.csv.tmp"):		# what would be written is what is read
		with open(f(name), "wb") as out:
			out.write(read(path))
		code, out, err = compare.run("convert", "-f", "-o", f("b.csv"), f(name), check=False)
		if code != 2 or "is an input" not in err or read(f(name)) != read(path):
			bad.append("convert of its own output: exit %d, %r" % (code, err))
		code, out, err = compare.run("ingest", "-f", "-o", f("b.csv"), f(name), check=False)
		if code != 2 or "is an input" not in err or read(f(name)) != read(path):
			bad.append("ingest of its own output: exit %d, %r" % (code, err))
	os.unlink(f("b.csv.tmp"))
	left += [n for n in os.listdir(f("")) if n.startswith("no") or n.endswith(".tmp")]
	if left:
		bad.append("left behind: %s" % left)
	for name in ("/dev/full",):
		if os.path.exists(name):
			with open(name, "wb") as full:
				p = subprocess.run([compare.GILSCOPE, "convert", "--to", "chrome", "-o", "-", path], stdout=full, stderr=subprocess.PIPE)
			if p.returncode != 1 or b"cannot write" not in p.stderr:
				bad.append("a full disk: exit %d, %r" % (p.returncode, p.stderr))
	p = subprocess.Popen([compare.GILSCOPE, "convert", "--to", "chrome", "-o", "-", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	p.stdout.read(10)
	p.stdout.close()
	if p.wait() != 0:
		bad.append("a closed pipe: exit %d, %r" % (p.returncode, p.stderr.read()))


protoc = subprocess.run(["sh", "-c", "command -v protoc"], stdout=subprocess.DEVNULL).returncode == 0
with compare.Folder() as f:
	losses(f)
	outputs(f)
	for path in compare.real_logs():
		check(os.path.basename(path), f, path, path.split(".")[-2], protoc)
	for seed in compare.seeds(12, "convert"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 500))
			check("genlog.py %s %s 500" % (seed, fmt), f, f("log"), fmt, protoc)
if not bad and not protoc:
	compare.skip("all agrees, but there is no protoc to read Perfetto's format with")
compare.report("convert", bad)
