"""perf script's text is understood in every shape that it has: with and without cpu, process, headers, stacks; any group, any
suffix of the probes' names, names of threads with anything in them; the same events each time."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

bad = []

# (time in ns, tid, name of the probe, return)
EVENTS = [
	(1000000001000, 11, "take_gil", False), (1000000002000, 11, "take_gil", True),
	(1000000003000, 12, "take_gil", False), (1000000005000, 11, "drop_gil", False),
	(1000000006000, 12, "take_gil", True), (1000000007000, 11, "drop_gil", True),
	(1000000009000, 12, "drop_gil", False), (1000000009500, 12, "drop_gil", True),
]
WANT = ["1000000001000 11 ENTRY", "1000000002000 11 ACQUIRE", "1000000003000 12 ENTRY", "1000000005000 11 RELEASE",
	"1000000006000 12 ACQUIRE", "1000000007000 11 SWITCH_DONE", "1000000009000 12 RELEASE", "1000000009500 12 SWITCH_DONE"]


def seconds(ns, digits):
	return "%d.%0*d" % (ns // 10 ** 9, digits, ns % 10 ** 9 // 10 ** (9 - digits))


def log(comm="python", who="%(tid)d", cpu=" [001]", digits=9, group="python:", name="%s", back="%s__return", args=True, after="",
	between="", before=""):
	lines = [before] if before else []
	for ns, tid, probe, is_back in EVENTS:
		event = group + (back if is_back else name) % probe + ":"
		address = (" (7fc9af265b10 <- 7fc9af26667c)" if is_back else " (7fc9af265f40)") if args else ""
		lines.append("%16s %s%s %s: %28s%s%s" % (comm, who % {"tid": tid}, cpu, seconds(ns, digits), event, address, after))
		if between:
			lines.append(between)
	return "\n".join(lines) + "\n"


SHAPES = {
	"plain": log(),
	"microseconds": log(digits=6),
	"no cpu": log(cpu=""),
	"pid/tid": log(who="11/%(tid)d"),
	"pid/tid, no cpu": log(who="11/%(tid)d", cpu=""),
	"no name known": log(comm=":11"),
	"headers": log(before="# ========\n# captured on    : Sat Nov 21 09:00:00 2026\n# hostname : h\n# cmdline : perf record -e a:b\n# ========\n#"),
	"stacks": log(between="\t    7fc9af265f40 take_gil+0x0 (/usr/bin/python3.11)\n\t    7fc9af2 PyEval_RestoreThread+0x1e 1.5: x (/usr/bin/python3.11)\n"),
	"stacks with blanks": log(between="            7fc9af265f40 [unknown] (/usr/lib/x.so)\n"),
	"another group": log(group="probe_libpython3:"),
	"own group": log(group="my_gil2:"),
	"no group": log(group=""),
	"numbered": log(name="%s_1", back="%s__return_1"),
	"numbered, no address": log(name="%s_1", back="%s__return_2", args=False),
	"one underscore": log(back="%s_return"),
	"return by its name alone": log(args=False),
	"return by its arrow alone": log(back="%s"),
	"clone": log(name="%s_constprop_0", back="%s_constprop_0__return"),
	"arguments": log(after=" tstate=0x55d0c0 a=\"b c\""),
	"a count before the name": log(group="      1 python:"),
	"name with blanks": log(comm="Thread-0 (cpu)"),
	"name with everything": log(comm="a:b [0] 1/2 - => \"#\""),
	"carriage returns": log().replace("\n", "\r\n"),
	"no end of the last line": log().rstrip("\n"),
	"noise": log(between="swapper 0 [000] 1000.000000100: power:cpu_idle: state=1 cpu_id=0"),
}


def events(f):
	text = compare.run("dump", "--events", f("t.gtl"))[1].decode("utf-8", "surrogateescape")
	return [" ".join(line.split()[:3]) for line in text.splitlines() if not line.startswith("#")]


def check(name, f, data, want, *more):
	with open(f("log"), "w", newline="") as out:
		out.write(data)
	code, _, err = compare.run("ingest", "-f", "--strict", "-o", f("t.gtl"), f("log"), check=False)
	if code:
		bad.append("%s: %s" % (name, err))
		return
	got = events(f)
	if got != want:
		bad.append("%s: %s, not %s" % (name, got, want))


SCHED = """          python    11 [000]  1000.000000500:          python:take_gil: (1)
          python    11 [000]  1000.000000600:  python:take_gil__return: (1 <- 2)
%s
          python    11 [000]  1000.000002000:          python:drop_gil: (1)
          python    12 [000]  1000.000002100:          python:drop_gil: (1)
"""
LONG = """          python    11 [000]  1000.000001000:       sched:sched_switch: prev_comm=python prev_pid=11 prev_prio=120 prev_state=S ==> next_comm=a ==> b next_pid=12 next_prio=120
          python    11 [000]  1000.000001500:       sched:sched_waking: comm=a pid=3 b pid=12 prio=120 target_cpu=001"""
SHORT = """          python    11 [000]  1000.000001000:       sched:sched_switch: python:11 [120] S ==> a ==> b:12 [120]
          python    11 [000]  1000.000001500:       sched:sched_wakeup: a:3 [1] b:12 [120] success=1 CPU:001"""

with compare.Folder() as f:
	for name, data in SHAPES.items():
		check(name, f, data, [w.replace("9500", "9000") for w in WANT] if name == "microseconds" else WANT)
	for name, lines in (("scheduler", LONG), ("scheduler, perf's own formatting", SHORT)):
		check(name, f, SCHED % lines, ["1000000000500 11 ENTRY", "1000000000600 11 ACQUIRE", "1000000001000 11 SCHED_OUT",
					       "1000000001000 12 SCHED_IN", "1000000001500 11 WAKEUP", "1000000002000 11 RELEASE",
					       "1000000002100 12 RELEASE"])
	with open(f("log"), "w") as out:
		out.write(log(between="          python    11 [000]  1000.000000001: PERF_RECORD_LOST lost 5"))
	compare.ingest(f("t.gtl"), f("log"))
	if compare.info(f("t.gtl"))["lost_events"] != 5 * len(EVENTS):
		bad.append("lost events: %s" % compare.info(f("t.gtl"))["lost_events"])
	# two processes
	with open(f("log"), "w") as out:
		out.write(log(who="11/%(tid)d") + log(who="21/2%(tid)d"))
	compare.ingest(f("t.gtl"), f("log"))
	if [t["pid"] for t in compare.info(f("t.gtl"))["threads"]] != [11, 11, 21, 21]:
		bad.append("processes: %s" % compare.info(f("t.gtl"))["threads"])
compare.report("shapes of perf script", bad)
