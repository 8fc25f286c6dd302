#!/usr/bin/env python3
"""oracle.py - what a log means, computed in the plainest way: the judge of ingest, timeline, info and dump

A naive, slow and obviously right program.  It reads a log line by line, walks once over the sorted list of events,
keeps a plain list of periods per thread, and derives every figure from those lists.  It shares no code
and no idea with the C program: no blocks, no levels, no histograms.  Events: docs/gillog.md.

    oracle.py info LOG...            the figures of `gilscope info --json`
    oracle.py periods LOG...         every period: thread begin end state
    oracle.py bins LEVEL LOG...      every bin that is not empty

As a module: parse(paths) gives a Log, simulate(log) a Result; Result.info(), .periods, .bins(level).
"""
import bisect
import json
import lzma
import gzip
import re
import subprocess
import sys

LOCK_KINDS = ("ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE", "SWITCH_WAIT",
	      "SWITCH_DONE", "WOKEN")
OTHER_KINDS = ("SCHED_IN", "SCHED_OUT", "WAKEUP", "LOST", "START", "END")
MODE_WINDOW = 65536	# a BUSY among so many first events: the log's waits begin at BUSY


class Event:
	__slots__ = ("time", "thread", "kind", "lock", "attrs")

	def __init__(self, time, thread, kind, lock, attrs=None):
		self.time = time
		self.thread = thread
		self.kind = kind
		self.lock = lock
		self.attrs = attrs or {}


class Thread:
	"""A thread as the log tells of it.  key is (process, id)."""

	def __init__(self, key):
		self.key = key
		self.name = ""


class Log:
	def __init__(self):
		self.clock = "ns"
		self.events = []
		self.threads = {}	# key -> Thread, in order of appearance
		self.locks = {}		# (process, lock id) -> {"kind", "name"}
		self.pids = {}		# process -> pid, where known
		self.waits = None	# "busy" or "entry" if the log says so
		self.skipped = []	# numbers of bad lines
		self.lost = 0
		self.title = None

	def thread(self, key):
		if key not in self.threads:
			self.threads[key] = Thread(key)
		return self.threads[key]


# --- readers ----------------------------------------------------------------------------------------

def read_bytes(path):
	with open(path, "rb") as f:
		data = f.read()
	if data[:4] == b"\x28\xb5\x2f\xfd":
		return subprocess.run(["zstd", "-dcq", "--long=27"], input=data, stdout=subprocess.PIPE, check=True).stdout
	if data[:2] == b"\x1f\x8b":
		return gzip.decompress(data)
	if data[:6] == b"\xfd7zXZ\0":
		return lzma.decompress(data)
	return data


def parse_beazley(text):
	log = Log()
	log.clock = "ticks"
	for number, line in enumerate(text.split("\n"), 1):
		word = line.split()
		if not word or line.startswith("#"):
			continue
		if (len(word) != 4 or not word[1].isdigit() or not word[2].isdigit()
				or word[3] not in ("ENTRY", "ACQUIRE", "RELEASE", "BUSY", "RETRY")):
			log.skipped.append(number)
			continue
		key = ("", word[0])
		log.thread(key)
		countdown, checks = int(word[1]), int(word[2])
		log.events.append(Event(checks * 100 + 100 - countdown, key, word[3], ("", ""),
					{"checks": checks, "countdown": countdown}))
	return log


PERF = re.compile(r"^\s*(\S.*?)\s+(?:(-?\d+)/)?(-?\d+)\s+(?:\[(\d+)\]\s+)?(\d+)\.(\d{1,9}):\s+(?:\d+\s+)?"
		  r"([^\s:]+(?::[^\s:]+)*):(?:\s(.*))?$")
SWITCH = re.compile(r"prev_comm=.* prev_pid=(\d+) prev_prio=.* ==> next_comm=.* next_pid=(\d+) next_prio=")
WAKING = re.compile(r"comm=.* pid=(\d+) prio=")


def parse_perf(text):
	log = Log()
	process_of = {}
	found = []
	for number, line in enumerate(text.split("\n"), 1):
		m = PERF.match(line)
		if not m:
			# stack lines, headers and blank lines are part of perf's output
			if line.strip() and not line.startswith(("#", "\t")) and not line[0].isspace():
				log.skipped.append(number)
			continue
		comm, pid, tid, cpu, sec, frac, name, rest = m.groups()
		found.append((comm, pid, tid, cpu, int(sec) * 10 ** 9 + int(frac.ljust(9, "0")), name, rest or ""))
		if pid is not None and tid not in process_of:
			process_of[tid] = pid
			log.pids[pid] = int(pid)
	for comm, pid, tid, cpu, time, name, rest in found:
		key = (process_of.get(tid, ""), tid)
		lock = (key[0], "")
		attrs = {} if cpu is None else {"cpu": int(cpu)}
		name = name.split(":")[-1]
		back = "<-" in rest or re.search(r"_return$|%return$", name)
		if name.startswith("take_gil"):
			kind = "ACQUIRE" if back else "ENTRY"
		elif name.startswith("drop_gil"):
			kind = "SWITCH_DONE" if back else "RELEASE"
		elif name == "sched_switch":
			m = SWITCH.search(rest)
			if not m:
				continue
			kind = None
			log.events.append(Event(time, (process_of.get(m[1], ""), m[1]), "SCHED_OUT", None, attrs))
			log.events.append(Event(time, (process_of.get(m[2], ""), m[2]), "SCHED_IN", None, attrs))
		elif name in ("sched_waking", "sched_wakeup", "sched_wakeup_new"):
			m = WAKING.search(rest)
			if not m:
				continue
			kind = "WAKEUP"
			attrs["target"] = (process_of.get(m[1], ""), m[1])
			lock = None
		else:
			continue
		if not comm.startswith(":"):
			log.thread(key).name = comm
		if kind:
			log.events.append(Event(time, key, kind, lock, attrs))
	return log


WORD = re.compile(r'\s*((?:[^\s"=]+=)?)("(?:[^"\\]|\\.)*"|[^\s"]\S*|$)')


def unquote(s):
	if not s.startswith('"'):
		return s
	return re.sub(r'\\(x[0-9a-fA-F]{2}|.)', lambda m: {"n": "\n", "t": "\t"}.get(m[1][0]) or
		      (chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) == 3 else m[1]), s[1:-1])


def words(line):
	"""Splits a line into (key, value) pairs; key is "" for a bare word.  None if it cannot be split."""
	out, at = [], 0
	line = line.strip()
	while at < len(line):
		m = WORD.match(line, at)
		if not m or m.end() == at or (m.end() < len(line) and not line[m.end()].isspace()):
			return None
		out.append((m[1][:-1], unquote(m[2])))
		at = m.end()
	return out


def parse_gillog(text):
	log = Log()
	process_of, processes, first_lock, interval = {}, [], {}, 0
	for number, line in enumerate(text.split("\n"), 1):
		if line.startswith("# "):
			w = words(line[2:]) or [("", "")]
			word, rest = w[0][1], dict(w[1:])
			value = w[1][1] if len(w) > 1 else ""
			if word == "clock":
				log.clock = value
			elif word == "process":
				processes.append(value)
				if "pid" in rest:
					log.pids[value] = int(rest["pid"])
			elif word == "thread":
				p = rest.get("process", processes[0] if processes else "")
				process_of.setdefault(value, p)
				log.thread((p, value)).name = rest.get("name", "")
			elif word == "lock":
				p = rest.get("process", processes[0] if processes else "")
				first_lock.setdefault(p, value)
				log.locks[(p, value)] = {"kind": rest.get("kind", "gil"), "name": rest.get("name", "")}
			elif word == "waits":
				log.waits = value
			elif word == "check-interval":
				interval = int(value)
			elif word == "title":
				log.title = line[len("# title "):]
			continue
		if not line.strip() or line.startswith("#"):
			continue
		w = words(line)
		if (not w or len(w) < 3 or not w[0][1].isdigit() or any(k for k, _ in w[:3])
				or w[2][1] not in LOCK_KINDS + OTHER_KINDS):
			log.skipped.append(number)
			continue
		attrs = dict(w[3:])
		ident = w[1][1]
		p = attrs.pop("process", None)
		if p is None:
			p = process_of.get(ident, processes[0] if processes else "")
		key = (p, ident)
		log.thread(key)
		lock = None
		if w[2][1] in LOCK_KINDS:
			lock = (p, attrs.pop("lock", first_lock.get(p, "")))
		if "target" in attrs:
			# a thread of the same process, if one is called so
			target = attrs["target"]
			attrs["target"] = (p if (p, target) in log.threads else process_of.get(target, p), target)
		for k in ("cpu", "count", "since", "checks", "countdown"):
			if k in attrs:
				attrs[k] = int(attrs[k])
		if w[2][1] == "LOST":
			begin = int(w[0][1]) - attrs.get("since", 0)
			log.events.append(Event(max(0, begin), key, "GAP", None))
		log.events.append(Event(int(w[0][1]), key, w[2][1], lock, attrs))
	if interval and log.clock == "ticks":
		for e in log.events:
			e.attrs.setdefault("checks", e.time // interval)
	return log


def parse_one(data, fmt=None):
	text = data.decode("utf-8", "surrogateescape")
	if fmt is None:
		if text.startswith("# gillog 1"):
			fmt = "gillog"
		elif re.search(r"(?m)^\S+ \d+ \d+ (ENTRY|BUSY|RETRY|ACQUIRE|RELEASE)$", text):
			fmt = "beazley"
		else:
			fmt = "perf"
	return {"gillog": parse_gillog, "beazley": parse_beazley, "perf": parse_perf}[fmt](text)


def parse(paths, fmt=None):
	"""Several logs on one clock become one: every log's processes are its own."""
	logs = [parse_one(read_bytes(p), fmt) for p in paths]
	if len(logs) == 1:
		mark_waits(logs[0])
		return logs[0]
	whole = Log()
	whole.clock = logs[0].clock
	for i, log in enumerate(logs):
		mark_waits(log)

		def own(k):
			return None if k is None else ((i, k[0]), k[1])
		for e in log.events:
			e.thread, e.lock = own(e.thread), own(e.lock)
			if "target" in e.attrs:
				e.attrs["target"] = own(e.attrs["target"])
			whole.events.append(e)
		for k, t in log.threads.items():
			t.key = own(k)
			whole.threads[own(k)] = t
		for k, v in log.locks.items():
			whole.locks[own(k)] = v
		for k, v in log.pids.items():
			whole.pids[i, k] = v
		whole.skipped += log.skipped
	whole.events.sort(key=lambda e: e.time)
	return whole


def mark_waits(log):
	"""Says at each ENTRY whether it can begin a wait, then sorts by time; equal times keep their order."""
	busy = log.waits == "busy" or (log.waits is None
				       and any(e.kind == "BUSY" for e in [e for e in log.events if e.kind != "GAP"][:MODE_WINDOW]))
	log.events.sort(key=lambda e: e.time)
	for e in log.events:
		busy = busy or (e.kind == "BUSY" and log.waits is None)
		if e.kind == "ENTRY":
			e.attrs["waits"] = not busy


# --- the walk ---------------------------------------------------------------------------------------

class Signal:
	"""A release whose waiter has not shown up yet."""
	__slots__ = ("time", "by", "to")

	def __init__(self, time, by):
		self.time = time
		self.by = by
		self.to = None		# the thread that a WAKEUP named


class Lock:
	def __init__(self):
		self.owner = None
		self.last = None	# who held it last
		self.waiting = set()
		self.pending = []


COUNTS = ("acquires", "releases", "lost_acquires", "lost_releases", "lost_events", "busy", "retry", "timeouts",
	  "drop_requests", "switches")
COUNTED = {"ACQUIRE": "acquires", "RELEASE": "releases", "BUSY": "busy", "RETRY": "retry", "TIMEOUT": "timeouts",
	   "DROP_REQUEST": "drop_requests"}


class Lane:
	"""One thread's whole story, as plain lists."""

	def __init__(self):
		self.periods = []	# (begin, end, state, lock, since)
		self.takes = []		# (begin, end) of contended takes that ended in ACQUIRE
		self.holds = []		# (begin, end)
		self.marks = []		# (time, name of a count, how many)
		self.is_lane = False
		self.n_events = 0
		# the state at the walk's present
		self.state, self.begin = "idle", 0
		self.lock, self.since = None, 0
		self.on_cpu = True

	def enter(self, time, state, lock=None, since=0):
		if self.state != "idle" and time > self.begin:
			self.periods.append((self.begin, time, self.state, self.lock, self.since))
		self.state, self.begin, self.lock, self.since = state, time, lock, since

	def end_wait(self, time, signal):
		"""The wait's stretch up to time is over; from signal.time on it was the hand-off."""
		if signal:
			self.enter(max(signal.time, self.begin), "signal", self.lock, self.since)

	def count(self, name):
		return sum(n for _, what, n in self.marks if what == name)


def take_signal(lock, thread, woken):
	"""woken: the log says itself who was signalled."""
	for s in lock.pending:
		if s.to == thread:
			lock.pending.remove(s)
			return s
	for s in lock.pending:
		if s.to is None and not woken:
			lock.pending.remove(s)
			return s
	return None


class Result:
	def __init__(self, log):
		self.log = log
		self.lanes = {}
		self.start = log.events[0].time if log.events else 0
		self.end = log.events[-1].time if log.events else 0
		self.checks = []	# (time, lane key, checks first seen there)

	# Everything below is a plain loop over the lists.

	def info(self):
		log, out = self.log, {}
		out["clock"] = log.clock
		out["start"], out["end"] = self.start, self.end
		lanes = {k: v for k, v in self.lanes.items() if v.is_lane}
		out["events"] = sum(v.n_events for v in lanes.values())
		out["skipped_lines"] = len(log.skipped)
		out["lost_events"] = sum(v.count("lost_events") for v in self.lanes.values())
		out["threads"] = []
		length = self.end - self.start
		for key, lane in lanes.items():
			t = {"id": key[1], "key": key, "pid": log.pids.get(key[0], -1), "name": log.threads[key].name if key in log.threads else ""}
			for state in ("run", "wait", "signal", "stall"):
				t[state] = sum(e - b for b, e, s, _, _ in lane.periods if s == state)
			t["idle"] = length - t["run"] - t["wait"] - t["signal"] - t["stall"]
			for name in COUNTS:
				t[name] = lane.count(name)
			waits = sorted(e - b for b, e in lane.takes)
			t["waits"] = len(waits)
			t["max_wait"] = waits[-1] if waits else 0
			t["all_waits"] = waits
			t["max_run"] = max((e - b for b, e in lane.holds), default=0)
			out["threads"].append(t)
		out["checks"] = sum(n for _, _, n in self.checks)
		failed = sum(t["busy"] + t["retry"] for t in out["threads"])
		out["badness"] = failed / out["checks"] if out["checks"] else 0
		return out

	def bins(self, level):
		"""{(lane key, bin): {...}} for every bin that is not all zero."""
		width, out = 1 << level, {}

		def bin_of(key, number):
			return out.setdefault((key, number), dict.fromkeys(
				("run", "stall", "wait", "signal", "max_wait") + COUNTS, 0))
		for key, lane in self.lanes.items():
			if not lane.is_lane:
				continue
			for begin, end, state, _, _ in lane.periods:
				begin, end = begin - self.start, end - self.start
				for b in range(begin >> level, ((end - 1) >> level) + 1):
					bin_of(key, b)[state] += min(end, (b + 1) * width) - max(begin, b * width)
			for begin, end in lane.takes:
				begin, end = begin - self.start, end - self.start
				if end > begin:
					for b in range(begin >> level, ((end - 1) >> level) + 1):
						x = bin_of(key, b)
						x["max_wait"] = max(x["max_wait"], end - begin)
			for time, name, n in lane.marks:
				bin_of(key, (time - self.start) >> level)[name] += n
		return out


def simulate(log):
	r = Result(log)
	lanes, locks, holds, takes = r.lanes, {}, {}, {}
	# holds: (thread, lock) -> since; takes: thread -> (lock, since)
	seen_checks, woken = None, False

	# The trace begins at a lane's first event: what else the machine did before is not part of it.
	with_lock = {e.thread for e in log.events if e.kind in LOCK_KINDS}
	own = [e for e in log.events if e.thread in with_lock]
	while own and own[0].kind == "GAP":
		del own[0]
	if own:
		r.start, r.end = own[0].time, own[-1].time

	def back_to_work(lane, key, time):
		"""After a take or a hold has ended: another lock may still be held."""
		for (k, l), since in reversed(list(holds.items())):
			if k == key:
				lane.enter(time, "run" if lane.on_cpu else "stall", l, since)
				return
		lane.enter(time, "idle")

	for e in own:
		lane = lanes.setdefault(e.thread, Lane())
		lock = locks.setdefault(e.lock, Lock()) if e.lock is not None else None
		park = e.lock is not None and log.locks.get(e.lock, {}).get("kind") == "park"
		kind, time, key = e.kind, e.time, e.thread
		lane.n_events += 1
		lane.is_lane = lane.is_lane or kind in LOCK_KINDS
		if kind in COUNTED:
			lane.marks.append((time, COUNTED[kind], 1))
		if "checks" in e.attrs:
			n = e.attrs["checks"]
			if seen_checks is None:
				seen_checks = n
			elif n > seen_checks:
				r.checks.append((time, key, n - seen_checks))
				seen_checks = n

		# Whoever does something is on a cpu.
		if kind != "SCHED_OUT" and not lane.on_cpu:
			lane.on_cpu = True
			if lane.state == "stall":
				lane.enter(time, "run", lane.lock, lane.since)

		if kind == "GAP":
			# events were lost from here on: nobody knows what the thread did
			lane.n_events -= 1
			if key in takes:
				locks[takes.pop(key)[0]].waiting.discard(key)
			for k, l in [x for x in holds if x[0] == key]:
				del holds[k, l]
				locks[l].owner = None
			lane.enter(time, "idle")
		elif kind == "BUSY" or (kind == "ENTRY" and e.attrs["waits"] and lock.owner not in (None, key)):
			if key not in takes:
				lane.enter(time, "wait", e.lock, time)
				takes[key] = (e.lock, time)
				lock.waiting.add(key)
		elif kind == "RETRY":
			if key not in takes:
				lane.enter(time, "wait", e.lock, time)
				takes[key] = (e.lock, time)
				lock.waiting.add(key)
			else:
				wanted, since = takes[key]
				lane.end_wait(time, take_signal(locks[wanted], key, woken))
				lane.enter(time, "wait", wanted, since)
		elif kind == "ACQUIRE":
			if key in takes:
				wanted, since = takes.pop(key)
				lane.end_wait(time, take_signal(locks[wanted], key, woken))
				locks[wanted].waiting.discard(key)
				lane.takes.append((since, time))
			if park:
				back_to_work(lane, key, time)
				continue
			if lock.owner is not None:
				lane.marks.append((time, "lost_releases", 1))
				since = holds.pop((lock.owner, e.lock))
				lanes[lock.owner].holds.append((since, time))
				if lock.owner != key and lock.owner not in takes:
					back_to_work(lanes[lock.owner], lock.owner, time)
			if lock.last not in (None, key):
				lane.marks.append((time, "switches", 1))
			lock.owner = lock.last = key
			holds[key, e.lock] = time
			lane.enter(time, "run", e.lock, time)
		elif kind == "RELEASE":
			if key in takes and takes[key][0] == e.lock:
				# it must have got the lock unseen
				lane.end_wait(time, take_signal(lock, key, woken))
				takes.pop(key)
				lock.waiting.discard(key)
			if (key, e.lock) in holds:
				lane.holds.append((holds.pop((key, e.lock)), time))
				lock.owner = None
			elif not park:
				lane.marks.append((time, "lost_acquires", 1))
			if key not in takes:
				back_to_work(lane, key, time)
			if len(lock.pending) < len(lock.waiting):
				lock.pending.append(Signal(time, key))
		elif kind == "SCHED_OUT":
			lane.on_cpu = False
			if lane.state == "run":
				lane.enter(time, "stall", lane.lock, lane.since)
		elif kind == "WAKEUP":
			target = e.attrs.get("target")
			if target in takes:
				pending = locks[takes[target][0]].pending
				mine = [s for s in pending if s.by == key and s.to is None]
				if mine and not any(s.to == target for s in pending):
					mine[-1].to = target
		elif kind == "WOKEN":
			woken = True
			if key in takes:
				pending = locks[takes[key][0]].pending
				free = [s for s in pending if s.to is None]
				if free and not any(s.to == key for s in pending):
					free[0].to = key
		elif kind == "LOST":
			lane.marks.append((time, "lost_events", e.attrs.get("count", 1)))

	for lane in lanes.values():
		lane.enter(r.end, "idle")
	for (key, _), since in holds.items():
		lanes[key].holds.append((since, r.end))
	# of several logs, the first one's threads come first
	r.lanes = dict(sorted(lanes.items(), key=lambda x: x[0][0][0] if isinstance(x[0][0], tuple) else 0))
	return r


def simulate_text(data, fmt=None):
	log = parse_one(data, fmt)
	mark_waits(log)
	return simulate(log)


def quantile_bounds(values, q):
	"""The least and the greatest value that any usual definition calls the q quantile."""
	if not values:
		return 0, 0
	at = q * len(values)
	low = max(0, min(len(values) - 1, int(at) - 1))
	high = min(len(values) - 1, int(at) + 1)
	return values[low], values[high]


def main(argv):
	if len(argv) < 3 or argv[1] not in ("info", "periods", "bins"):
		sys.exit(__doc__)
	paths = argv[3:] if argv[1] == "bins" else argv[2:]
	r = simulate(parse(paths))
	if argv[1] == "info":
		out = r.info()
		for t in out["threads"]:
			del t["all_waits"], t["key"]
		print(json.dumps(out, indent=1))
	elif argv[1] == "periods":
		rows = [(e, b, k[1], s) for k, lane in r.lanes.items() for b, e, s, _, _ in lane.periods]
		for e, b, k, s in sorted(rows):
			print(k, b - r.start, e - r.start, s)
	else:
		for (key, b), x in sorted(r.bins(int(argv[2])).items(), key=str):
			print(key[1], b, *[x[n] for n in ("run", "stall", "wait", "signal", "max_wait", "acquires",
							  "releases", "busy", "retry", "timeouts", "switches",
							  "lost_acquires")])


if __name__ == "__main__":
	main(sys.argv)
