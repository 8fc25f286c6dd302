#!/usr/bin/env python3
"""genlog.py - random but lawful logs from a seed, in every text format that ingest reads

    genlog.py SEED FORMAT [EVENTS [THREADS]] > LOG		FORMAT: beazley, perf, gillog

A small simulation of one lock per process: threads ask, wait, time out, are woken for nothing, acquire, release and are
put on and off cpus, in an order that only chance decides.  What can be left out of a real log is left out
here and there: ENTRY, BUSY, whole takes.
"""
import random
import sys

PLAIN, BLANKS, WILD = range(3)
NAMES = {
	PLAIN: lambda r, i: "python%d" % i,
	BLANKS: lambda r, i: ("Thread-%d (io)" % i)[:15],
	WILD: lambda r, i: r.choice(["(%d)", "a  b %d", "[000] %d", "1.5: %d:", "t:%d/x", "=>%d<-", "\u00e9\u4e16 %d", "'%d\\", "%d%%s"]) % i,
}


class Config:
	"""What a log is like; every field follows from the seed, and a test may set some itself."""

	def __init__(self, seed, fmt, events=2000, threads=None):
		r = self.random = random.Random("%s %s" % (seed, fmt))
		self.fmt = fmt
		self.events = events
		self.threads = threads or r.choice([1, 2, 2, 3, 4, 8, 9, 17, 64, 512])
		self.processes = 1 if fmt == "beazley" else r.choice([1, 1, 2, 3])
		self.processes = min(self.processes, self.threads)
		self.busy = fmt != "perf" and r.random() < 0.8
		self.entry = fmt == "perf" or not self.busy or r.random() < 0.3
		self.retry = self.busy and r.random() < 0.7
		self.timeout = fmt == "gillog" and r.random() < 0.7
		self.switch = fmt == "perf" or (fmt == "gillog" and r.random() < 0.5)
		self.sched = fmt != "beazley" and r.random() < 0.6
		self.sched_in = r.random() < 0.5	# or only the switches out, as of one task alone
		self.wakeup = self.sched and r.random() < 0.7
		self.woken = fmt == "gillog" and r.random() < 0.3
		self.lost_takes = r.choice([0, 0, 0, 0.02, 0.5])
		self.drop = 0			# so many events of any kind are missing: no lawful log any more
		self.lost_marks = fmt == "gillog" and r.random() < 0.3
		self.equal = r.choice([0, 0.1, 0.6])	# how often nothing has passed since the event before
		self.step = r.choice([3, 50, 1000, 40000]) if fmt != "beazley" else r.choice([3, 40, 300])
		self.jump = r.choice([0, 0, 0.002])	# how often a long silence
		self.names = r.choice([PLAIN, BLANKS, WILD])
		self.origin = r.choice([0, 1, 12345, 10 ** 12 + 7, (1 << 62) - 12345]) if fmt == "gillog" else \
			r.choice([0, 10 ** 9, 5369734822723, 99999 * 10 ** 9]) if fmt == "perf" else r.choice([0, 4, 5 * 10 ** 7])
		self.micro = fmt == "perf" and r.random() < 0.3
		self.checks = fmt == "gillog" and r.random() < 0.3
		self.release_weight = r.choice([1, 4, 20])


class Sim:
	def __init__(self, c):
		self.c, self.r = c, c.random
		self.out = []		# (time, process, thread, kind, attrs)
		self.now = c.origin
		self.process_of = [i % c.processes for i in range(c.threads)]
		self.state = ["idle"] * c.threads	# idle, asked, waiting, holding
		self.hidden = [False] * c.threads	# this take is not in the log
		self.owner = [None] * c.processes
		self.off_cpu = [False] * c.threads
		self.members = [[i for i in range(c.threads) if self.process_of[i] == p] for p in range(c.processes)]
		self.pick_active()

	def pick_active(self):
		"""Of many threads only some are about at a time."""
		self.active = [self.r.sample(m, min(len(m), self.r.choice([1, 2, 3, 8, 512]))) for m in self.members]

	def emit(self, thread, kind, **attrs):
		self.out.append((self.now, self.process_of[thread], thread, kind, attrs))

	def tick(self):
		c, r = self.c, self.r
		if r.random() >= c.equal:
			self.now += r.randrange(1, c.step) if r.random() >= c.jump else r.randrange(c.step * 5000)

	def run(self):
		while len(self.out) < self.c.events:
			self.tick()
			if self.r.random() < 0.01:
				self.pick_active()
			p = self.r.randrange(self.c.processes)
			t = self.r.choice(self.active[p])
			self.act(p, t)
		return self.out

	def act(self, p, t):
		c, r = self.c, self.r
		owner, state = self.owner[p], self.state[t]
		if c.sched and r.random() < 0.25:
			return self.schedule(p, t)
		self.off_cpu[t] = False
		if owner is not None and r.random() < c.release_weight / 25:
			return self.release(p, owner)
		if state == "idle":
			self.hidden[t] = r.random() < c.lost_takes
			if c.entry and not self.hidden[t]:
				self.emit(t, "ENTRY")
				if r.random() < 0.2:
					self.state[t] = "asked"
					return
				if r.random() < 0.5:
					self.tick()
			if self.owner[p] is None:
				self.acquire(p, t)
			else:
				self.wait(p, t)
		elif state == "asked":
			if owner is None:
				self.acquire(p, t)
			else:
				self.wait(p, t)
		elif state == "waiting":
			if owner is None:
				if c.woken and r.random() < 0.5 and not self.hidden[t]:
					self.emit(t, "WOKEN")
				self.acquire(p, t)
			elif not self.hidden[t]:
				if c.retry and r.random() < 0.5:
					self.emit(t, "RETRY")
				elif c.timeout:
					self.emit(t, "TIMEOUT")
					if r.random() < 0.5:
						self.emit(t, "DROP_REQUEST")
		else:
			self.release(p, t)

	def wait(self, p, t):
		if self.c.busy and not self.hidden[t]:
			self.emit(t, "BUSY")
		self.state[t] = "waiting"

	def acquire(self, p, t):
		if not self.hidden[t]:
			self.emit(t, "ACQUIRE")
		self.owner[p], self.state[t] = t, "holding"

	def release(self, p, t):
		c, r = self.c, self.r
		self.off_cpu[t] = False
		self.emit(t, "RELEASE")
		self.owner[p], self.state[t] = None, "idle"
		if c.lost_marks and r.random() < 0.05:
			self.tick()
			self.emit(t, "LOST", count=r.randrange(1, 9), since=r.randrange(3))
		waiters = [x for x in self.active[p] if self.state[x] == "waiting"]
		if c.wakeup and waiters and r.random() < 0.8:
			self.emit(t, "WAKEUP", target=r.choice(waiters))
		if c.switch:
			if c.fmt == "gillog" and r.random() < 0.3:
				self.emit(t, "SWITCH_WAIT")
				self.tick()
			if c.fmt == "perf" or r.random() < 0.8:
				self.emit(t, "SWITCH_DONE")

	def schedule(self, p, t):
		c, r = self.c, self.r
		cpu = r.randrange(4)
		if c.wakeup and r.random() < 0.2:
			return self.emit(t, "WAKEUP", target=r.choice(self.members[p]))
		if self.off_cpu[t]:
			if c.sched_in:
				self.emit(t, "SCHED_IN", cpu=cpu)
				self.off_cpu[t] = False
			elif self.state[t] in ("holding", "idle") and r.random() < 0.3:
				self.emit(t, "SCHED_OUT", cpu=cpu)
		else:
			self.off_cpu[t] = True
			self.emit(t, "SCHED_OUT", cpu=cpu)


# --- writers ----------------------------------------------------------------------------------------

def beazley(c, out):
	lines, least = [], 0
	for time, _, thread, kind, _ in out:
		checks, rest = divmod(time, 100)
		if rest == 0 and checks > least and c.random.random() < 0.2:
			checks, rest = checks - 1, 100
		least = max(least, checks)
		lines.append("t%d %d %d %s" % (thread + 1, 100 - rest, checks, kind))
	return "\n".join(lines) + "\n"


def perf(c, out):
	r = c.random
	group = r.choice(["python", "probe_libpython3", "my-probes"])
	clone = r.choice(["take_gil", "take_gil_constprop_0"])
	columns, has_cpu = c.processes > 1 or r.random() < 0.5, r.random() < 0.8
	names = [NAMES[c.names](r, i)[:15] for i in range(c.threads)]
	lines = []
	if r.random() < 0.3:
		lines += ["# ========", "# captured on    : Sat Nov  1 10:00:00 2025", "# ========", "#"]
	stacks = r.random() < 0.2
	for time, process, thread, kind, attrs in out:
		tid, pid = 1000 + thread, 1000 + process
		who = "%d/%d" % (pid, tid) if columns else "%d" % tid
		cpu = " [%03d]" % attrs.get("cpu", thread % 4) if has_cpu else ""
		sec, ns = divmod(time, 10 ** 9)
		stamp = "%5d.%06d" % (sec, ns // 1000) if c.micro else "%5d.%09d" % (sec, ns)
		head = "%16s %5s%s %s: " % (names[thread], who, cpu, stamp)
		if kind == "ENTRY":
			body = "%s:%s: (7f15bc84f7b0)%s" % (group, clone, r.choice(["", " tstate=0x7f219bd6e620 interp=0x7f219bd3ede0"]))
		elif kind == "ACQUIRE":
			body = "%s:%s__return: (7f15bc84f7b0 <- 7f15bc84fbb3)" % (group, clone)
		elif kind == "RELEASE":
			body = "%s:drop_gil: (7f15bc84f3e0)" % group
		elif kind == "SWITCH_DONE":
			body = "%s:drop_gil__return: (7f15bc84f3e0 <- 7f15bc84fd2a)" % group
		elif kind == "SCHED_OUT":
			body = ("sched:sched_switch: prev_comm=%s prev_pid=%d prev_prio=120 prev_state=S ==> next_comm=swapper/1 "
				"next_pid=0 next_prio=120" % (names[thread], tid))
		elif kind == "SCHED_IN":
			head = "%16s %5s%s %s: " % ("swapper", "0/0" if columns else "0", cpu, stamp)
			body = ("sched:sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=%s "
				"next_pid=%d next_prio=120" % (names[thread], tid))
		else:
			body = "sched:%s: comm=%s pid=%d prio=120 target_cpu=001" % (
				r.choice(["sched_waking", "sched_wakeup"]), names[attrs["target"]], 1000 + attrs["target"])
		lines.append(head + body)
		if stacks and kind in ("ENTRY", "ACQUIRE", "RELEASE"):
			lines += ["\t          24f7b0 take_gil+0x0 (/opt/lib/libpython3.11.so.1.0)", "\t               0 [unknown] ([unknown])", ""]
	return "\n".join(lines) + "\n"


def quote(s):
	return '"%s"' % s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def gillog(c, out):
	r = c.random
	lines = ["# gillog 1", "# clock %s" % r.choice(["ns", "ticks"])]
	many, named = c.processes > 1, r.random() < 0.7
	waits = None if r.random() < 0.7 else "busy" if c.busy else "entry"
	if waits:
		lines.append("# waits " + waits)
	clash = many and r.random() < 0.3	# threads of one name in two processes
	if many:
		lines += ["# process p%d pid=%d" % (p, 100 + p) for p in range(c.processes)]
	if named or many:
		for t in range(c.threads):
			p = " process=p%d" % (t % c.processes) if many else ""
			lines.append("# thread %s%s name=%s" % (t // c.processes if clash else t, p, quote(NAMES[c.names](r, t))))
	for time, process, thread, kind, attrs in out:
		line = "%d %s %s" % (time, thread // c.processes if clash else thread, kind)
		if clash:
			line += " process=p%d" % process
		for k, v in attrs.items():
			line += " %s=%s" % (k, v // c.processes if k == "target" and clash else v)
		if c.checks:
			line += " checks=%d" % ((time - c.origin) // 100)
		lines.append(line)
	return "\n".join(lines) + "\n"


WRITERS = {"beazley": beazley, "perf": perf, "gillog": gillog}


def generate(seed, fmt, events=2000, threads=None, **settings):
	"""The log as text.  settings overrule what the seed chose."""
	c = Config(seed, fmt, events, threads)
	for k, v in settings.items():
		assert hasattr(c, k), k
		setattr(c, k, v)
	out = Sim(c).run()
	return WRITERS[fmt](c, [e for e in out if not c.drop or c.random.random() >= c.drop])


if __name__ == "__main__":
	if len(sys.argv) < 3 or sys.argv[2] not in WRITERS:
		sys.exit(__doc__)
	sys.stdout.write(generate(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
