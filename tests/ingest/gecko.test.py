"""A profile of CPython's sampler gives the holds and waits of its markers, wherever its tables and names stand; and bpftrace's
lines theirs, over midnight too. Damage ends with a sentence."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

bad = []
START = 5369734822723		# ns: meta.startTime
TICK = 125000			# ns between samples


def ms(ns):
	return ns / 1e6


def sample(seed, threads=4, n=400):
	"""{tid: [(name, begin, end)]}: each sample sees one holder at most, and some that wait."""
	r = random.Random(seed)
	status = {tid: [] for tid in range(1000, 1000 + threads)}
	owner, waits = None, set()
	for _ in range(n):
		if r.random() < 0.4:
			owner = r.choice([None] + sorted(status))
			waits.discard(owner)
		for tid in status:
			if tid != owner and r.random() < 0.2:
				waits ^= {tid}
		for tid in status:
			status[tid].append("has" if tid == owner else "waits" if tid in waits else "")
	markers = {}
	for tid, seen in status.items():
		out, k = [], 0
		while k < n:
			end = k
			while end < n and seen[end] == seen[k]:
				end += 1
			stop = min(end, n - 1)		# what is open ends at the last sample
			name = {"has": "Has GIL", "waits": "Waiting for GIL", "": "No GIL"}[seen[k]]
			out.append((name, k * TICK, stop * TICK))
			out.append(("On CPU", k * TICK, stop * TICK))
			k = end
		markers[tid] = sorted(out, key=lambda m: m[2])
	return markers


def expected(markers):
	out = {}
	for tid, all_markers in markers.items():
		has = [(b, e) for name, b, e in all_markers if name == "Has GIL"]
		waits = [(b, e) for name, b, e in all_markers if name == "Waiting for GIL"]
		begins = {b for b, _ in has}
		out[str(tid)] = {"run": sum(e - b for b, e in has), "acquires": len(has), "busy": len(waits),
				 "waits": sum(e in begins for _, e in waits), "wait": sum(e - b for b, e in waits)}
	return {tid: x for tid, x in out.items() if x["acquires"] or x["busy"]}


def processed(markers, order=("meta", "libs", "threads", "shared")):
	strings, threads = ["(root)"], []
	for tid, rows in markers.items():
		table = {"data": [], "name": [], "startTime": [], "endTime": [], "phase": [], "category": []}
		for name, begin, end in rows:
			if name not in strings:
				strings.append(name)
			table["data"].append({"type": name.replace(" ", ""), "duration": ms(end - begin), "tid": tid, "startTime": 7})
			table["name"].append(strings.index(name))
			table["startTime"].append(ms(begin))
			table["endTime"].append(ms(end))
			table["phase"].append(1)
			table["category"].append(4)
		table["length"] = len(rows)
		threads.append({"name": "Thread-%d" % tid, "isMainThread": tid == 1000, "pid": "4242", "tid": tid, "processName": "Python Process",
				"samples": {"stack": [0], "time": [1.5], "length": 1}, "markers": table})
	whole = {"meta": {"interval": 1, "startTime": START / 1e6, "version": 32, "preprocessedProfileVersion": 57, "markerSchema": []},
		 "libs": [], "threads": threads, "shared": {"stringArray": strings, "sources": {"length": 0}}}
	return {k: whole[k] for k in order}


def rows_profile(markers):
	"""As Firefox's own backend writes them: rows, and a table of strings in each thread."""
	threads = []
	for tid, rows in markers.items():
		strings = sorted({m[0] for m in rows}, reverse=True)
		threads.append({"tid": tid, "pid": 4242, "name": "Thread-%d" % tid, "stringTable": strings,
				"markers": {"schema": {"category": 0, "name": 1, "startTime": 2, "endTime": 3, "phase": 4, "data": 5},
					    "data": [[4, strings.index(name), ms(b), ms(e), 1, {"type": "x", "a": [1, 2]}] for name, b, e in rows] +
						    [[4, 0, ms(5), None, 0]]}})
	return {"meta": {"startTime": START / 1e6, "version": 24}, "threads": threads}


def check(name, f, data, markers):
	with open(f("log"), "wb") as out:
		out.write(data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode())
	code, _, err = compare.run("ingest", "-f", "--strict", "-o", f("t.gtl"), f("log"), check=False)
	if code:
		bad.append("%s: %s" % (name, err))
		return
	info, want = compare.info(f("t.gtl")), expected(markers)
	got = {t["id"]: {"run": t["run"], "acquires": t["acquires"], "busy": t["busy"], "waits": t["waits"], "wait": t["wait"] + t["signal"]}
	       for t in info["threads"]}
	for tid in sorted(set(want) | set(got)):
		if want.get(tid) != got.get(tid):
			bad.append("%s: thread %s: %s, not %s" % (name, tid, got.get(tid), want.get(tid)))
	lost = sum(x["busy"] - x["waits"] for x in want.values())
	if info["lost_events"] != lost or any(t["lost_acquires"] or t["lost_releases"] for t in info["threads"]):
		bad.append("%s: %d lost events, not %d" % (name, info["lost_events"], lost))
	first = min(b for rows in markers.values() for n, b, _ in rows if n in ("Has GIL", "Waiting for GIL"))
	if info["start"] != START + first or info["threads"][0]["pid"] != 4242 or not info["threads"][0]["name"].startswith("Thread-"):
		bad.append("%s: start %d, pid %s" % (name, info["start"], info["threads"][0]["pid"]))


def gecko(f):
	for seed in compare.seeds(10, "gecko"):
		markers = sample(seed)
		check("processed %s" % seed, f, processed(markers), markers)
		check("names first %s" % seed, f, processed(markers, ("shared", "meta", "threads")), markers)
		check("rows %s" % seed, f, rows_profile(markers), markers)
	markers = sample("damage", 2, 40)
	data = json.dumps(processed(markers)).encode()
	for n in range(1, len(data), 1 + len(data) // (80 // compare.SLOWER)):
		with open(f("log"), "wb") as out:
			out.write(data[:n])
		code, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"), check=False)
		if code not in (0, 1) or not err.strip():
			bad.append("cut at %d: exit %d, %r" % (n, code, err))
	r = random.Random("bytes")
	for _ in range(80 // compare.SLOWER):
		some = bytearray(data)
		for _ in range(r.choice([1, 2, 20])):
			some[r.randrange(len(some))] = r.choice(b'{}[]",:\\0e-\xff\x00 ')
		with open(f("log"), "wb") as out:
			out.write(some)
		compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"), check=False)
	for text in ('{"meta":{},"threads":[]}', '{"meta":{},"threads":[{}]}', '{"meta":', '{"threads":[{"markers":{"data":[[[[]]]]}}]}',
		     '{"threads":[{"markers":{"name":[0],"startTime":[NaN],"endTime":[1],"phase":[1]},"stringArray":["Has GIL"]}]}',
		     '{"threads":[{"markers":{"name":[0],"startTime":[2],"endTime":[1],"phase":[1]},"stringArray":["Has GIL"]}]}',
		     '{"threads":[{"markers":{"name":[[0]],"startTime":[1,2,3],"phase":[1]},"stringArray":[{},"Has GIL"]}]}'):
		with open(f("log"), "w") as out:
			out.write(text)
		code, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"), check=False)
		if code != 1 or not err.strip():
			bad.append("%s: exit %d, %r" % (text, code, err))


def bpftrace(f):
	day, lines, want = 86400 * 10 ** 9, ["Attaching 2 probes...", ""], []
	r = random.Random("bpftrace")
	now = day - 3 * 10 ** 6
	for k in range(200):
		tid, line = r.choice([11, 12, 13]), r.randrange(3)
		for kind, event in (("take", "ACQUIRE"), ("drop", "RELEASE")):
			now += r.randrange(1, 200) * 1000
			s, us = now % day // 10 ** 9, now % 10 ** 9 // 1000
			text = "%d|%s|%02d:%02d:%02d.%06d" % (tid, kind, s // 3600, s // 60 % 60, s % 60, us)
			lines.append(text + ("|/app/a b.py|work%d|%d" % (line, k) if k % 2 else ""))
			want.append("%d %d %s%s" % (now, tid, event, " func=work%d" % line if k % 2 else ""))
		if k in (100, 150):
			now += day // 2 - 50 * 10 ** 9	# longer silences cannot be told from disorder
	lines += ["Lost 7 events", "", "@last_line_number[11]: 3", ""]
	with open(f("log"), "w") as out:
		out.write("\n".join(lines))
	_, _, err = compare.run("ingest", "-f", "--strict", "-o", f("t.gtl"), f("log"))
	funcs, got = {}, []
	for line in compare.run("dump", "--events", f("t.gtl"))[1].decode().splitlines():
		if line.startswith("# func "):
			funcs[line.split()[2]] = line.split('"')[1]
		elif not line.startswith("#"):
			w = line.split()
			got.append(" ".join(w[:3] + ["func=" + funcs[x[5:]] for x in w[3:] if x.startswith("func=")]))
	if got != want:
		k = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
		bad.append("bpftrace: event %d: %s, not %s" % (k, got[k:k + 1], want[k:k + 1]))
	if compare.info(f("t.gtl"))["lost_events"] != 7 or len(funcs) != 3:
		bad.append("bpftrace: %s lost, functions %s" % (compare.info(f("t.gtl"))["lost_events"], funcs))
	wrong = ["x|take|00:00:00.1", "1|grab|00:00:00.1", "1|take|24:00:00.1", "1|take|00:60:00", "1|take|00:00:00.", "1|take|00:00:00.1234567890", "1|take", "rubbish",
		 "1|take|00:00:00.1|a|b", "|take|00:00:00.1"]
	with open(f("log"), "w") as out:
		out.write("1|take|00:00:00.5\n" + "\n".join(wrong) + "\n1|drop|00:00:00.75\n")
	compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"))
	info = compare.info(f("t.gtl"))
	if info["skipped_lines"] != len(wrong) or info["threads"][0]["run"] != 250000000:
		bad.append("bpftrace: %s skipped, ran %s" % (info["skipped_lines"], info["threads"][0]["run"]))


with compare.Folder() as f:
	gecko(f)
	bpftrace(f)
compare.report("gecko and bpftrace", bad)
