"""Chrome traces of every program that writes the GIL into them give the events that they were made of; names of VizTracer reach
the threads of a log beside it; damaged and hostile JSON ends with a sentence, and what came before it is read."""
import gzip
import json
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

bad = []
PID = 77


# --- a lock that is taken and dropped, as a list of (time in ns, tid, kind) ------------------------------

def simulate(seed, n=400, step=3000, threads=4):
	r = random.Random(seed)
	now, owner, out = r.randrange(10 ** 6, 10 ** 13), None, []
	state = {tid: "idle" for tid in range(100, 100 + threads)}
	while len(out) < n:
		now += r.randrange(1, step)
		tid = r.choice(sorted(state))
		if state[tid] == "idle":
			out.append((now, tid, "ENTRY"))
			state[tid] = "asks"
		elif state[tid] == "asks" and owner is None:
			out.append((now, tid, "ACQUIRE"))
			state[tid], owner = "holds", tid
		elif state[tid] == "holds":
			out.append((now, tid, "RELEASE"))
			state[tid], owner = "drops", None
		elif state[tid] == "drops":
			out.append((now, tid, "SWITCH_DONE"))
			state[tid] = "idle"
	return out


def holds(events):
	"""Whole ones: (tid, entry, acquire, release, done)."""
	now, out = {}, []
	for time, tid, kind in events:
		now.setdefault(tid, {})[kind] = time
		if kind == "SWITCH_DONE":
			x = now.pop(tid)
			if len(x) == 4:
				out.append((tid, x["ENTRY"], x["ACQUIRE"], x["RELEASE"], x["SWITCH_DONE"]))
	return out


def us(ns):
	return ns / 1000		# a double, as those programs count


# --- the shapes ------------------------------------------------------------------------------------------

def giltracer(events):
	"""Twelve events a hold, after its end; and the instants of what is not over."""
	out, rest = [], {(t, tid): kind for t, tid, kind in events}
	for tid, entry, acquire, release, done in sorted(holds(events), key=lambda h: h[4]):
		common = {"pid": PID, "cat": "GIL state", "cname": "bad"}
		args = {"args": {"duraction": "%s us" % us(done - acquire)}}
		out.append({**common, "tid": tid, "ts": us(entry), "name": "take", "ph": "i", "s": "t"})
		out.append({**common, "tid": tid, "ts": us(release), "name": "drop", "ph": "i", "s": "t"})
		out.append({**common, "tid": str(tid), "ts": us(acquire), "name": "GIL-take", "ph": "i", "s": "t"})
		out.append({**common, **args, "tid": str(tid), "ts": us(done), "name": "GIL-drop", "ph": "i", "s": "t"})
		for name, ph, t in (("GIL", "b", entry), ("take_gil", "b", entry), ("take_gil", "e", acquire), ("LOCK", "b", acquire),
				    ("LOCK", "e", release), ("drop_gil", "b", release), ("drop_gil", "e", done), ("GIL", "e", done)):
			out.append({"name": name, "ph": ph, "ts": us(t), **common, **args, "tid": str(tid), "id": done})
		for t in (entry, acquire, release, done):
			del rest[t, tid]
	names = {"ENTRY": "take", "ACQUIRE": "GIL-take", "RELEASE": "drop", "SWITCH_DONE": "GIL-drop"}
	for (t, tid), kind in rest.items():
		out.append({"pid": PID, "tid": tid, "ts": us(t), "name": names[kind], "ph": "i", "cat": "GIL state", "s": "t"})
	return {"traceEvents": out}, events


def perf_viz_merge(events):
	out = [{"ph": "M", "name": "thread_name", "ts": 0, "pid": PID, "tid": 100, "args": {"name": "main"}},
	       {"ph": "M", "name": "thread_name", "ts": 0, "pid": PID, "tid": 100000100, "args": {"name": "main [GIL]"}}]
	want = []
	for t, tid, kind in events:
		span = {"ENTRY": [("GIL acquire", "B")], "ACQUIRE": [("GIL acquire", "E"), ("GIL held", "B")],
			"RELEASE": [("GIL held", "E")], "SWITCH_DONE": []}[kind]
		for name, ph in span:
			out.append({"ph": ph, "name": name, "cat": "gil", "ts": us(t), "pid": PID, "tid": 100000000 + tid, "args": {}})
		# what lies in between is somebody else's
		out.append({"ph": "X", "name": "on-cpu", "cat": "sched", "ts": us(t), "dur": 1, "pid": PID, "tid": 200000000 + tid})
		if span:
			want.append((t, tid, kind))
	return {"traceEvents": out}, want


def spans(events, names, order, gap=0):
	"""X events of whole holds, in the order of their begins or ends."""
	out, want = [], []
	for tid, entry, acquire, release, done in holds(events):
		for name, begin, end in zip(names, (entry, acquire + gap, release), (acquire, release - gap, done)):
			if end >= begin:
				out.append((begin if order == "begin" else end, {"name": name, "ph": "X", "ts": us(begin), "dur": us(end - begin),
									      "pid": PID, "tid": tid}))
		want += [(entry, tid, "ENTRY"), (acquire, tid, "ACQUIRE"), (release, tid, "RELEASE"), (done, tid, "SWITCH_DONE")]
	return [e for _, e in sorted(out, key=lambda x: x[0])], sorted(want)


def systrace_raw(events):
	out = []
	for t, tid, kind in events:
		name, ph = {"ENTRY": ("take_gil", "B"), "ACQUIRE": ("take_gil", "E"), "RELEASE": ("drop_gil", "B"), "SWITCH_DONE": ("drop_gil", "E")}[kind]
		out.append({"name": name, "ph": ph, "ts": us(t), "pid": PID, "tid": tid})
	return out, events


def nameless_ends(events):
	out, want = perf_viz_merge(events)
	inner = []
	for e in out["traceEvents"]:
		inner.append(e)
		if e["ph"] == "B":
			inner += [dict(e, name="f"), dict(e, ph="E", name="f"), dict(e, name="g"), {k: v for k, v in e.items() if k != "name"}]
			inner[-1]["ph"] = "E"
		elif e["ph"] == "E":
			del e["name"]
	return {"displayTimeUnit": "ms", "traceEvents": inner}, want


SHAPES = {
	"giltracer": giltracer,
	"perf-viz-merge": perf_viz_merge,
	"E without names": nameless_ends,
	"msprof, by begin": lambda e: spans(e, ("take_gil", "hold_gil", "drop_gil"), "begin"),
	"msprof, by end": lambda e: spans(e, ("take_gil", "hold_gil", "drop_gil"), "end"),
	"sysTrace, by begin": lambda e: spans(e, ("require_gil", "hold_gil", "release_gil"), "begin", 500),
	"sysTrace, as recorded": systrace_raw,
}


def dumped(f, *logs):
	code, _, err = compare.run("ingest", "-f", "--strict", "-o", f("t.gtl"), *logs, check=False)
	if code:
		return err
	text = compare.run("dump", "--events", f("t.gtl"))[1].decode("utf-8", "replace")
	return [(int(w[0]), int(w[1]), w[2]) for w in (line.split() for line in text.splitlines() if not line.startswith("#"))]


def write(f, name, data):
	with open(f(name), "wb") as out:
		out.write(data if isinstance(data, bytes) else json.dumps(data).encode())
	return f(name)


def check(where, got, want):
	if got != want:
		k = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
		bad.append("%s: event %d of %d is %r, not %r" % (where, k, len(want), got[k:k + 1] if isinstance(got, list) else got, want[k:k + 1]))


def shapes(f):
	for name, shape in SHAPES.items():
		for seed in compare.seeds(8, "chrome"):
			data, want = shape(simulate(seed))
			check("%s %s" % (name, seed), dumped(f, write(f, "log", data)), want)
	# longer than any window: a hold over all the others' waits, in the order of the ends and of the begins
	data, want = spans(simulate("long", 30000, threads=40), ("take_gil", "hold_gil", "drop_gil"), "end")
	check("long", dumped(f, write(f, "log", data)), want)
	data, want = spans(simulate("long", 30000, threads=40), ("take_gil", "hold_gil", "drop_gil"), "begin")
	check("long, by begin", dumped(f, write(f, "log", gzip.compress(json.dumps(data).encode()))), want)
	# whole microseconds, where one thread's drop and another's take are one instant
	events = []
	for i in range(50):
		a, b = (100, 101) if i % 2 else (101, 100)
		events += [{"name": "hold_gil", "ph": "X", "ts": 10 * i, "dur": 10, "pid": PID, "tid": a}]
	random.Random("instants").shuffle(events)
	dumped(f, write(f, "log", events))
	info = compare.info(f("t.gtl"))
	if [t["lost_acquires"] + t["lost_releases"] for t in info["threads"]] != [0, 0] or [t["run"] for t in info["threads"]] != [250000, 250000]:
		bad.append("one instant: %s" % info["threads"])
	# off the cpu
	data = {"traceEvents": [{"name": "hold_gil", "ph": "X", "ts": 10, "dur": 100, "pid": PID, "tid": 1},
				{"name": "R", "cat": "process state", "ph": "X", "ts": 10, "dur": 20, "pid": PID, "tid": 1},
				{"name": "S(GIL)", "cat": "process state", "ph": "X", "ts": 30, "dur": 25, "pid": PID, "tid": 1}]}
	dumped(f, write(f, "log", data))
	t = compare.info(f("t.gtl"))["threads"][0]
	if (t["run"], t["stall"]) != (75000, 25000):
		bad.append("off the cpu: run %d, stall %d" % (t["run"], t["stall"]))


# --- names beside a log ----------------------------------------------------------------------------------

def companions(f):
	viz = {"traceEvents": [
		{"ph": "M", "pid": 9, "tid": 9, "name": "process_name", "args": {"name": "MainProcess"}},
		{"ph": "M", "pid": 9, "tid": 9, "name": "thread_name", "args": {"name": "MainThread"}},
		{"ph": "M", "pid": 9, "tid": 12, "name": "thread_name", "args": {"name": "Thread-1 (wérk)"}},
		{"ph": "M", "pid": 8, "tid": 13, "name": "thread_name", "args": {"name": "of another process"}},
		{"ph": "M", "pid": 9, "tid": 99, "name": "thread_name", "args": {"name": "takes no lock"}},
		{"ph": "X", "cat": "FEE", "pid": 9, "tid": 12, "ts": 1.5, "dur": 3, "name": "f (a.py:1)"}], "viztracer_metadata": {"version": "0.15"}}
	log = "".join("python 9/%d [000] 1.00000%d: python:%s: (1%s)\n" % (tid, i, name, " <- 2" if "return" in name else "")
		      for i, (tid, name) in enumerate([(9, "take_gil__return"), (9, "drop_gil"), (12, "take_gil__return"), (12, "drop_gil"),
						       (13, "take_gil__return"), (13, "drop_gil")]))
	write(f, "perf", log.encode())
	want = {"9": "MainThread", "12": "Thread-1 (wérk)", "13": "python"}
	for logs in ((f("perf"), write(f, "viz.json", viz)), (f("viz.json"), f("perf"))):
		_, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), *logs)
		info = compare.info(f("t.gtl"))
		if {t["id"]: t["name"] for t in info["threads"]} != want or info["skipped_lines"]:
			bad.append("VizTracer beside perf: %s" % {t["id"]: t["name"] for t in info["threads"]})
		if "1 call of functions" not in err:
			bad.append("VizTracer beside perf said %r" % err)
	code, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), f("viz.json"), check=False)
	if code != 1 or "no event of a lock" not in err:
		bad.append("VizTracer alone: exit %d, %r" % (code, err))


def calls(f):
	"""Each ACQUIRE carries the innermost call that it lies in, however deep."""
	for seed in compare.seeds(6, "calls"):
		r = random.Random(seed)
		spans_of, viz = {}, []

		def nest(tid, begin, end, depth):
			at = begin
			while depth < 30:
				at += r.randrange(1, 1 + (end - begin) // 3 + 1)
				stop = at + r.randrange(0, 1 + (end - begin) // 2)
				if stop > end:
					break
				name = r.choice(["f%d (a (b).py:%d)" % (depth, depth + 1), "time.sleep", "<lambda> (<frozen x>:7)"])
				nest(tid, at, stop, depth + 1)
				spans_of.setdefault(tid, []).append((at, stop, name))
				viz.append({"ph": "X", "cat": "FEE", "pid": PID, "tid": tid, "ts": us(at), "dur": us(stop - at), "name": name})
				at = stop
		events = simulate(seed, threads=3)
		for tid in (100, 101, 102):
			nest(tid, events[0][0], events[-1][0] - 5000, 0)
		log = "".join("%d %d %s process=p\n" % e for e in events)
		write(f, "gil", ("# gillog 1\n# process p pid=%d\n# waits entry\n" % PID + log).encode())
		for order in ("ends", "shuffled"):
			if order == "shuffled":
				r.shuffle(viz)
			dumped(f, f("gil"), write(f, "viz.json", {"traceEvents": viz}))
			funcs, got = {}, {}
			for line in compare.run("dump", "--events", f("t.gtl"))[1].decode().splitlines():
				w = line.split()
				if line.startswith("# func "):
					m = re.match(r'# func \d+ name="([^"]*)"(?: file="([^"]*)" line=(\d+))?$', line)
					funcs[w[2]] = "%s (%s:%s)" % m.groups() if m[2] else m[1]
				elif not line.startswith("#") and w[2] == "ACQUIRE":
					got[int(w[0]), int(w[1])] = funcs[w[-1][5:]] if w[-1].startswith("func=") else None
			for time, tid, kind in events:
				if kind != "ACQUIRE":
					continue
				inner = [(b - e, name) for b, e, name in spans_of.get(tid, []) if b <= time < e]
				want = max(inner)[1] if inner else None
				if got[time, tid] != want:
					bad.append("calls %s %s: thread %d at %d is in %s, not %s" % (seed, order, tid, time, got[time, tid], want))
					return


# --- damage ----------------------------------------------------------------------------------------------

def damage(f):
	events = simulate("damage", 24, threads=2)
	whole = json.dumps(SHAPES["sysTrace, as recorded"](events)[0]).encode()
	objects = b'{"traceEvents": ' + whole + b', "other": {"a": [1, "x"]}}'
	for name, data in (("array", whole), ("object", objects)):
		for n in range(1, len(data), 1 + len(data) // (60 // compare.SLOWER)):
			write(f, "log", data[:n])
			code, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"), check=False)
			if code not in (0, 1) or (code and not err.strip()):
				bad.append("%s cut at %d: exit %d, %r" % (name, n, code, err))
			if code:
				continue
			got = compare.run("dump", "--events", f("t.gtl"))[1].decode().splitlines()
			got = [(int(w[0]), int(w[1]), w[2]) for w in (line.split() for line in got if not line.startswith("#"))]
			ends = len(re.findall(rb"\}", data[:n])) if name == "array" or n < len(whole) + 16 else len(events)
			check("%s cut at %d" % (name, n), got, events[:ends])
			between = name == "array" and data[:n].rstrip().rstrip(b",")[-1:] == b"}"
			if compare.info(f("t.gtl"))["truncated"] == between:
				bad.append("%s cut at %d: truncated is %s" % (name, n, not between))
	r = random.Random("bytes")
	for i in range(60 // compare.SLOWER):
		data = bytearray(objects)
		for _ in range(r.choice([1, 1, 3])):
			data[r.randrange(len(data))] = r.choice(b'{}[]",:\\0e-\xff\x00 ')
		write(f, "log", bytes(data))
		compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"), check=False)


GOOD = '{"name":"take_gil","ph":"B","ts":1.5,"pid":1,"tid":1}'


def one(text, f, options=()):
	write(f, "log", text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
	return compare.run("ingest", "-f", *options, "-o", f("t.gtl"), f("log"), check=False)


def hostile(f):
	"""What is wrong with one event costs that event, and is said."""
	for event, n_bad in (
			('{"name":"take_gil","ph":"E","ts":NaN,"pid":1,"tid":1}', 1), ('{"name":"take_gil","ph":"E","ts":-5,"pid":1,"tid":1}', 1),
			('{"name":"take_gil","ph":"E","ts":1e400,"pid":1,"tid":1}', 1), ('{"name":"take_gil","ph":"E","ts":"2","pid":1,"tid":1}', 0),
			('{"name":"take_gil","ph":"E","ts":2e0,"pid":1,"tid":1}', 0), ('{"name":"take_gil","ph":"E","ts":' + "9" * 5000 + ',"pid":1,"tid":1}', 1),
			('{"name":"take_gil","ph":"E","ts":0.' + "9" * 20000 + ',"pid":1,"tid":1}', 1), ('{"name":"take_gil","ph":"E","pid":1,"tid":1}', 1),
			('{"name":"take_gil","ph":"E","ts":2,"pid":1}', 1), ('{"name":"take_gil","ph":"E","ts":2,"pid":1,"tid":null}', 1),
			('{"name":"take_gil","ph":"E","ts":2,"pid":1,"tid":"' + "t" * 300 + '"}', 1), ('{"name":"take_gil","ph":"EE","ts":2,"pid":1,"tid":1}', 1),
			('{"name":"take_gil","ts":2,"pid":1,"tid":1}', 1), ('{"name":"hold_gil","ph":"X","ts":2,"dur":1e300,"pid":1,"tid":1}', 1),
			('{"name":"hold_gil","ph":"X","ts":9223372036854775,"dur":9223372036854775,"pid":1,"tid":1}', 1), ("7", 1), ('"x"', 1), ("null", 1), ("[1,[2]]", 0),
			("{}", 1), ('{"name":"take_gil","name":"x","ph":"E","ts":2,"pid":1,"tid":1}', 0), ('{"args":{"args":{"name":[{"ph":"M"}]}},"ph":"M","name":"thread_name"}', 0),
			('{"ph":"i","name":"' + "x" * 100000 + '","ts":2,"pid":1,"tid":1}', 0), ('{"ph":"i","name":"\\ud800\\udc00\\udfff\\u0000","ts":2,"pid":1,"tid":1}', 0),
			('{"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"\\ud800 \\u0000 ' + "y" * 50000 + '"}}', 0)):
		for text in ("[%s,%s]" % (GOOD, event), '\ufeff{"traceEvents":[%s,%s]}' % (GOOD, event)):
			code, _, err = one(text, f)
			skipped = compare.info(f("t.gtl"))["skipped_lines"] if not code else None
			if code or skipped != n_bad or (n_bad and "event 2" not in err and "none" not in err):
				bad.append("%.90s: exit %d, %s skipped, %r" % (event, code, skipped, err[:200]))
			code, _, err = one(text, f, ("--strict",))
			if (code == 1) != (n_bad > 0):
				bad.append("%.90s: --strict: exit %d, %r" % (event, code, err[:200]))
	# what is wrong with the JSON ends it there
	for tail, why in ((",," + GOOD, "expected"), (",{", "in its middle"), (" 5", "expected"), (',"' + "z" * 100000, "in its middle"), ("," + "[" * 100000, "nested deeper"),
			  (",nul", "in its middle"), (',{"a":tru}', "no value"), (',{"a":"\\q"}', "escape"), (",{'a':1}", "expected a key"), ("] x", "nothing more")):
		code, _, err = one("[" + GOOD + tail, f)
		if code or why not in err or not compare.info(f("t.gtl"))["truncated"]:
			bad.append("%.60s: exit %d, %r" % (tail, code, err[:200]))
		code, _, err = one("[" + GOOD + tail, f, ("--strict",))
		if code != 1 or why not in err:
			bad.append("%.60s: --strict: exit %d, %r" % (tail, code, err[:200]))
	for text in ("[]", "[{}]", "[", "[{", '{"traceEvents":[]}', '{"traceEvents":', '{"traceEvents":{"a":[%s]}}' % GOOD, '{"otherData":{"gilscope":"1"}}', "{}", "{", "[" * 100000,
		     '{"otherData":' * 300, '{"traceEvents":[' + '{"args":' * 1000):
		code, _, err = one(text, f)
		if code != 1 or not err.strip() or os.path.exists(f("t.gtl") + ".tmp"):
			bad.append("%.40s: exit %d, %r" % (text, code, err))


with compare.Folder() as f:
	shapes(f)
	companions(f)
	calls(f)
	damage(f)
	hostile(f)
compare.report("Chrome traces", bad)
