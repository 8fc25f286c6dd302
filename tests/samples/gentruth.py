"""gentruth.py - what `gilscope info --json` says of a generated log, held against gilgen's truth"""
import json
import os
import subprocess

EXACT = ("run", "wait", "signal", "idle", "stall", "acquires", "releases", "lost_acquires", "busy", "retry", "timeouts",
	 "drop_requests", "waits", "max_wait", "max_run")
WHOLE = ("clock", "start", "end", "events", "skipped_lines", "lost_events", "truncated", "checks")


def differences(truth, info):
	"""A sentence for each figure that differs; percentiles may by 1 %."""
	out = ["%s: %s, truth %s" % (k, info.get(k), truth[k]) for k in WHOLE if info.get(k) != truth[k]]
	threads = {t["id"]: t for t in info["threads"]}
	if set(threads) != {t["id"] for t in truth["threads"]}:
		out.append("threads %s" % sorted(threads))
	for t in truth["threads"]:
		i = threads.get(t["id"], {})
		out += ["%s %s: %s, truth %s" % (t["id"], k, i.get(k), t[k]) for k in EXACT if i.get(k) != t[k]]
		out += ["%s %s: %s, truth %s" % (t["id"], k, i.get(k), t[k]) for k in ("wait_p50", "wait_p99")
			if abs((i.get(k) or 0) - t[k]) * 100 > t[k]]
	return out


def check(build, folder, args, options=()):
	"""Generates a log by gilgen ARGS, ingests it, and returns the differences."""
	log, truth, gtl = (os.path.join(folder, n) for n in ("log", "truth.json", "log.gtl"))
	subprocess.run([os.path.join(build, "gilgen"), *args, "-o", log, "--truth", truth], check=True)
	subprocess.run([os.path.join(build, "gilscope"), "ingest", "-f", *options, "-o", gtl, log], check=True)
	info = subprocess.run([os.path.join(build, "gilscope"), "info", "--json", gtl], stdout=subprocess.PIPE, check=True).stdout
	with open(truth) as f:
		return differences(json.load(f), json.loads(info))
