"""Each finding of `stats` is told of logs that show it, with the right numbers, and not of ones that are like them but do not: of logs made
event by event, of the real logs in samples/, and of programs that are recorded here."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../oracle"), os.path.join(HERE, "../record")]
import compare
import recording

MS, US = 10 ** 6, 1000
bad = []


class Log:
	"""Events in any order; times in ns (or ticks)."""

	def __init__(self):
		self.lines = []
		self.head = "# gillog 1\n# clock ns\n"

	def add(self, time, thread, kind, more=""):
		self.lines.append((time, len(self.lines), "%d %s %s %s" % (time, thread, kind, more)))
		return self

	def hold(self, begin, end, thread, more=""):
		return self.add(begin, thread, "ACQUIRE", more).add(end, thread, "RELEASE", more)

	def wait(self, begin, end, thread, *during):
		"""A wait that ends in an ACQUIRE at end; during: (time, kind)."""
		self.add(begin, thread, "BUSY")
		for time, kind in during:
			self.add(time, thread, kind)
		return self.add(end, thread, "ACQUIRE")

	def text(self):
		return self.head + "\n".join(line for _, _, line in sorted(self.lines)) + "\n"


def stats(f, text, *options):
	with open(f("log"), "w") as log:
		log.write(text)
	compare.ingest(f("t.gtl"), f("log"))
	return findings_of(f("t.gtl"), *options)


def findings_of(gtl, *options):
	got = json.loads(compare.run("stats", "--json", *options, gtl)[1])
	table = compare.run("stats", *options, gtl)[1].decode()
	for x in got["findings"]:
		if ("  %s\n" % x["kind"]) not in table and sum(y["kind"] == x["kind"] for y in got["findings"]) <= 4:
			bad.append("%s is in --json but not in the table" % x["kind"])
		if not x["text"] or "%" in x["text"].replace(" %", ""):
			bad.append("strange words: %s" % x["text"])
	return got["findings"]


def expect(name, found, kinds, **figures):
	"""The kinds found; figures are those of the first finding of the first kind."""
	if sorted({x["kind"] for x in found}) != sorted(kinds):
		bad.append("%s: %s, expected %s\n   %s" % (name, sorted({x["kind"] for x in found}), sorted(kinds),
							   "\n   ".join(x["text"] for x in found)))
		return
	if not kinds:
		return
	x = [x for x in found if x["kind"] == kinds[0]][0]
	flat = dict(x, thread=x["thread"] and x["thread"]["id"], other=x["other"] and x["other"]["id"],
		    place=(x["places"][0]["from"], x["places"][0]["to"]) if x["places"] else None)
	for k, v in figures.items():
		if flat[k] != v:
			bad.append("%s: %s is %r, expected %r" % (name, k, flat[k], v))


def convoy(n, wait=5 * MS, hold=10 * US, pause=50 * US, timeout=True, spinner_hold=None):
	"""io lets go for a pause, then waits for spin."""
	log, t = Log(), 1 * MS
	for i in range(n):
		asked = t + pause
		log.add(t, "spin", "ACQUIRE")
		got = asked + wait
		if spinner_hold:	# spin lets go and takes back all the time: no thread that computes
			at = t + spinner_hold
			while at < got - spinner_hold:
				log.add(at, "spin", "RELEASE").add(at + 1, "spin", "ACQUIRE")
				at += spinner_hold
		log.wait(asked, got, "io", *([(asked + 5 * MS - 10, "TIMEOUT")] if timeout else []))
		log.add(got - 5, "spin", "RELEASE")
		t = got + hold
		log.add(t, "io", "RELEASE")
		t += 5
	return log.add(t, "spin", "ACQUIRE").add(t + 5 * MS, "spin", "RELEASE").text()


def convoys(f):
	begin = 50 * US		# of the first wait, since the first event
	expect("a convoy", stats(f, convoy(20)), ["convoy"], thread="io", other="spin", count=20, total=20 * 5 * MS, longest=5 * MS,
	       hold_time=20 * 10 * US, first=begin, place=(begin, begin + 20 * (5 * MS + 10 * US) + 19 * (50 * US + 5)))
	expect("... in a log that has no TIMEOUT", stats(f, convoy(20, timeout=False)), ["convoy"], count=20)
	expect("four paid waits", stats(f, convoy(4)), [])
	expect("... are told with --convoy 4", stats(f, convoy(4), "--convoy", 4), ["convoy"], count=4)
	expect("short waits", stats(f, convoy(20, wait=MS)), [])
	expect("... of another interval", stats(f, convoy(20, wait=MS, timeout=False), "--interval", "1ms"), ["convoy"], count=20)
	expect("rare waits", stats(f, convoy(20, pause=150 * MS)), [])
	expect("long holds after the waits", stats(f, convoy(20, hold=5 * MS)), [])
	expect("a holder that lets go all the time", stats(f, convoy(20, spinner_hold=100 * US)), [])
	expect("half of it", stats(f, convoy(20), "--from", "50ms"), ["convoy"], count=11)


def long_hold(waits=True, length=30 * MS, stall=0, n=1):
	log, t = Log(), 0
	log.head += '# func 7 name="hog" file="x.py" line=12\n'
	for i in range(n):
		log.add(t, "hog", "ACQUIRE")
		if stall:
			log.add(t + 2 * MS, "hog", "SCHED_OUT").add(t + 2 * MS + stall, "hog", "SCHED_IN")
		if waits:
			log.wait(t + MS, t + length + 10, "clerk").add(t + length + 1000, "clerk", "RELEASE")
		log.add(t + length, "hog", "RELEASE", "func=7")
		t += length + MS
	return log.text()


def long_holds(f):
	found = stats(f, long_hold(n=2))
	expect("a long hold", found, ["long-hold"], thread="hog", count=2, total=58 * MS, longest=29 * MS, hold_time=60 * MS,
	       place=(0, 30 * MS))
	if found and found[0]["places"][0]["function"] != {"name": "hog", "file": "x.py", "line": 12}:
		bad.append("a long hold is not in its function: %s" % found[0]["places"][0])
	expect("nobody waits", stats(f, long_hold(waits=False)), [])
	expect("19 ms", stats(f, long_hold(length=19 * MS)), [])
	expect("... with --long-hold 3", stats(f, long_hold(length=19 * MS), "--long-hold", 3), ["long-hold"], total=18 * MS)
	expect("off the cpu most of the time", stats(f, long_hold(stall=20 * MS)), ["stalls"], count=1, total=20 * MS, contested=20 * MS)
	expect("the part before its end", stats(f, long_hold(), "--to", "25ms"), ["long-hold"], total=24 * MS, place=(0, 25 * MS))


def starvation(slots, holders, slot):
	"""w waits while the holders take turns."""
	log = Log()
	log.add(0, "h0", "ACQUIRE")
	log.wait(1000, slots * slot + 2, "w")
	for i in range(slots):
		log.add((i + 1) * slot, "h%d" % (i % holders), "RELEASE")
		if i + 1 < slots:
			log.add((i + 1) * slot + 1, "h%d" % ((i + 1) % holders), "ACQUIRE")
	return log.add(slots * slot + 500, "w", "RELEASE").text()


def fair(n, slot, rounds):
	"""n threads take turns; all but one wait."""
	log, t = Log(), 0
	for i in range(n * rounds):
		log.add(t, "t%d" % (i % n), "ACQUIRE")
		t += slot
		log.add(t, "t%d" % (i % n), "RELEASE").add(t + 1, "t%d" % (i % n), "BUSY")
		t += 2
	return log.text()


def starved(f):
	expect("starvation", stats(f, starvation(100, 2, 2 * MS)), ["starvation"], thread="w", count=1, total=200 * MS - 998,
	       takes_by_others=99, place=(1000, 200 * MS + 2))
	expect("waiting for one hold", stats(f, starvation(1, 1, 200 * MS)), ["long-hold"])
	expect("a short wait", stats(f, starvation(100, 2, 200 * US)), [])
	expect("... with --interval 200us", stats(f, starvation(100, 2, 200 * US), "--interval", "200us"), ["starvation"], count=1)
	expect("... with --starvation 21", stats(f, starvation(100, 2, 2 * MS), "--starvation", 21), [])
	expect("a shorter wait", stats(f, starvation(20, 2, 2 * MS)), [])
	expect("... with --starvation 3", stats(f, starvation(20, 2, 2 * MS), "--starvation", 3), ["starvation"], count=1)
	expect("twenty threads that take turns", stats(f, fair(20, 5 * MS, 5)), [])


def stall(n, length):
	log = Log()
	log.add(0, "a", "ACQUIRE")
	for i in range(n):
		log.add((2 * i + 1) * length, "a", "SCHED_OUT").add((2 * i + 2) * length, "a", "SCHED_IN")
	return log.add(100 * MS, "a", "RELEASE").text()


def stalls(f):
	expect("stalls", stats(f, stall(3, 8 * MS)), ["stalls"], thread="a", count=3, total=24 * MS, longest=8 * MS, held=100 * MS, contested=0)
	expect("short stalls", stats(f, stall(20, 40 * US)), [])
	log = Log().hold(0, MS, "b", "lock=one").add(2 * MS, "a", "ACQUIRE", "lock=two").add(10 * MS, "a", "SCHED_OUT")
	found = stats(f, log.hold(100 * MS, 110 * MS, "b", "lock=one").text())
	expect("a stall that is open at the end", found, ["stalls"], thread="a", count=1, total=100 * MS, held=108 * MS)
	if found and found[0]["lock"]["id"] != "two":
		bad.append("a stall that is open at the end is of lock %s" % found[0]["lock"])


def battle(*takes):
	"""So many RETRYs in each take of b."""
	log, t = Log(), 0
	for retries in takes:
		log.add(t, "a", "ACQUIRE").add(t + 1, "b", "BUSY")
		for i in range(retries):
			t += 10 * US
			log.add(t, "a", "RELEASE").add(t + 1, "a", "ACQUIRE").add(t + 2, "b", "RETRY")
		t += 10 * US
		log.add(t, "a", "RELEASE").add(t + 1, "b", "ACQUIRE").add(t + 5000, "b", "RELEASE")
		t += 6000
	return log.text()


def battles(f):
	expect("a battle", stats(f, battle(50, 50, 50, 50)), ["battle"], thread=None, count=200, takes=4, switches=7, longest=50)
	expect("few false alarms", stats(f, battle(*9 * [1])), [])
	expect("one long fight in a peaceful trace", stats(f, battle(*150 * [0], 12, *150 * [0])), ["battle"], count=12)


def forced(n, asked, hold=5 * MS):
	"""Two threads that compute take turns."""
	log, t = Log(), 0
	log.add(0, "t0", "ACQUIRE")
	for i in range(n):
		me, other = "t%d" % (i % 2), "t%d" % (1 - i % 2)
		log.add(t + 20, other, "BUSY")
		t += hold
		if asked:
			log.add(t - 20, other, "TIMEOUT").add(t - 19, other, "DROP_REQUEST")
		log.add(t, me, "RELEASE").add(t + 100, other, "ACQUIRE")
		if asked:
			log.add(t + 10, me, "SWITCH_WAIT").add(t + 150, me, "SWITCH_DONE")
		t += 100
	return log.text()


def forced_switches(f):
	expect("forced switches", stats(f, forced(30, True)), ["forced-switches"], thread=None, count=30, requests=30, switches=30,
	       total=30 * 140, longest=140)
	expect("switches of free will", stats(f, forced(30, False, hold=300 * US)), [])
	expect("rare ones", stats(f, forced(30, True, hold=100 * MS).replace("DROP_REQUEST", "TIMEOUT")
				  .replace("SWITCH_WAIT", "ENTRY")), ["long-hold"])


def samples(f):
	def of(name):
		compare.ingest(f("s.gtl"), os.path.join(compare.ROOT, "samples", name))
		return findings_of(f("s.gtl"))
	expect("echo-spin1-py313", of("echo-spin1-py313.perf.zst"), ["convoy", "stalls", "forced-switches"], thread="22358",
	       other="22359", count=28, total=142545573)
	expect("convoy-py311", of("convoy-py311.gillog"), ["convoy", "forced-switches"], count=51)
	expect("names-with-blanks-py312", of("names-with-blanks-py312.perf.zst"), ["convoy", "stalls", "forced-switches"],
	       thread="10260")
	expect("lost-takes-py38", of("lost-takes-py38.perf.zst"), ["stalls"])
	expect("countdown2-py27", of("countdown2-py27.beazley.zst"), ["starvation"], thread="t1", longest=129200)


# --- recorded programs --------------------------------------------------------------------------------------

RUN = """
# with "alone" the first of them runs in the main thread: nobody else wants the lock, which a thread has made exist (2.7)
def run(*functions):
    if sys.argv[1] == "alone":
        t = threading.Thread(target=int)
        t.start()
        t.join()
        return functions[0]()
    threads = [threading.Thread(target=f, name=f.__name__) for f in functions]
    for t in threads: t.start()
    for t in threads: t.join()
"""
IO_THREAD = """
import sys, threading, time
done = []
def io():
    for i in range(40):
        time.sleep(0.001)
    done.append(1)
def spin():
    while not done:
        pass
""" + RUN + "run(io, spin)"
HOG = """
import sys, threading, time
done = []
def hog():
    n, begin = 100000, time.time()
    while time.time() - begin < 0.6:
        t = time.time()
        sum(range(n))
        if time.time() - t < 0.06:
            n *= 2
    done.append(1)
def clerk():
    while not done:
        time.sleep(0.002)
""" + RUN + "run(hog, clerk)"
COUNT = """
import sys, threading
def count():
    n = int(sys.argv[2])
    while n > 0:
        n -= 1
""" + RUN + "run(count, count)"


def recorded(f, python, script, *args):
	with open(f("p.py"), "w") as p:
		p.write(script)
	r, folder, logs = recording.record([python, f("p.py"), *args], ["--frames"])
	if not logs:
		bad.append("no log of a recorded program: %s" % r.stderr.decode())
		return []
	compare.ingest(f("r.gtl"), logs[0])
	recording.shutil.rmtree(folder)
	return findings_of(f("r.gtl"))


def fought(f, python):
	"""Two threads of Python 2 fight where both are on a cpu at once; a busy machine may not grant that."""
	for _ in range(8):
		found = recorded(f, python, COUNT, "both", "1500000")
		if sum(t["retry"] for t in compare.info(f("r.gtl"))["threads"]) > 500:
			return found
	print("no battle took place")
	return None


def kind(found, name):
	return [x for x in found if x["kind"] == name]


def told(name, found):
	"""The finding that a recorded program must have."""
	if not kind(found, name):
		bad.append("recorded: no %s among %s" % (name, [x["text"] for x in found]))
		return None
	return kind(found, name)[0]


def untold(name, found):
	for x in kind(found, name):
		bad.append("recorded: a %s that is none: %s" % (name, x["text"]))


def programs(f):
	"""On a busy machine many things are late: only what must be there or cannot be there is asked for."""
	new = [p for v, p in recording.pythons((3, 2))]
	old = [p for v, p in recording.pythons() if v[0] == 2]
	if new:
		x = told("convoy", recorded(f, new[0], IO_THREAD, "both"))
		if x and (x["thread"]["name"], x["other"]["name"]) != ("io", "spin"):
			bad.append("recorded: not the convoy of io: %s" % x["text"])
		untold("convoy", recorded(f, new[0], IO_THREAD, "alone"))
		x = told("long-hold", recorded(f, new[0], HOG, "both"))
		if x and x["thread"]["name"] != "hog":
			bad.append("recorded: not the holds of hog: %s" % x["text"])
		if x and (x["places"][0]["function"] or {"name": "hog"})["name"] != "hog":
			bad.append("recorded: a long hold in %s" % x["places"][0]["function"])
		untold("long-hold", recorded(f, new[0], HOG, "alone"))
		told("forced-switches", recorded(f, new[0], COUNT, "both", "2500000"))
		alone = recorded(f, new[0], COUNT, "alone", "3000000")
		for name in ("forced-switches", "starvation", "battle", "convoy"):
			untold(name, alone)
	if old:
		if len(os.sched_getaffinity(0)) > 1:
			found = fought(f, old[0])
			if found is not None:
				told("battle", found)
		untold("battle", recorded(f, old[0], COUNT, "alone", "1000000"))
	return "%d kinds of Python" % (bool(new) + bool(old))


with compare.Folder() as f:
	for test in (convoys, long_holds, starved, stalls, battles, forced_switches, samples):
		test(f)
	print("recorded programs of", programs(f))
compare.report("findings", bad)
