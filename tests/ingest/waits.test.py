"""What begins a wait: a BUSY, or in a log without BUSY an ENTRY while another thread holds the lock, decided as docs/gillog.md says."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import oracle

bad = []


def log(first_busy, header="", rounds=11500):
	"""Two threads that contend all the time; event number first_busy (from 1) and every seventh round after it has a BUSY."""
	lines, n, time = [], 0, 1000
	for i in range(rounds):
		events = ["a ENTRY", "a ACQUIRE", "b ENTRY", "a RELEASE", "b ACQUIRE", "b RELEASE"]
		if first_busy and (n + 4 == first_busy or (n + 4 > first_busy and i % 7 == 0)):
			events.insert(3, "b BUSY")
		for e in events:
			lines.append("%d %s" % (time, e))
			time += 3
			n += 1
	return "# gillog 1\n" + header + "\n".join(lines) + "\n"


CASES = {
	"no BUSY": log(0),
	"BUSY early": log(4),
	"BUSY at event 65,536": log(65536 - 65536 % 6 + 4),		# the last round that is wholly inside
	"BUSY after event 65,536": log(65536 - 65536 % 6 + 10),
	"BUSY late": log(66004),
	"# waits busy, and none": log(0, "# waits busy\n", 100),
	"# waits entry, and a BUSY": log(40, "# waits entry\n", 100),
	"# waits busy, a BUSY late": log(400, "# waits busy\n", 100),
}

with compare.Folder() as f:
	for name, text in CASES.items():
		with open(f("log"), "w") as out:
			out.write(text)
		compare.ingest(f("t.gtl"), f("log"))
		found = compare.compare_info(oracle.simulate_text(text.encode()), compare.info(f("t.gtl")))
		bad.extend("%s: %s" % (name, x) for x in found)
compare.report("waits", bad)
