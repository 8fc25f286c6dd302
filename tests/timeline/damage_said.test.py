"""Whatever byte of a timeline is damaged, each command that meets it names the file, and ends with 1; those that do not meet it
give what they gave."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog

bad = []
COMMANDS = (["info"], ["info", "--json"], ["stats"], ["dump"], ["dump", "--binary"], ["dump", "--periods"], ["dump", "--bins", "12"],
	    ["convert", "--to", "chrome", "-o", "-"], ["convert", "--to", "csv", "-o", "-"], ["figure", "-f", "-o", "OUT.svg"],
	    ["render", "-f", "--store", "html", "-o", "OUT.html"])

with compare.Folder() as f:
	with open(f("log"), "w") as log:
		log.write(genlog.generate(5, "perf", 400))
	compare.ingest(f("whole.gtl"), f("log"))
	with open(f("whole.gtl"), "rb") as whole:
		data = whole.read()

	def run(command, name):
		with open(f("t.gtl"), "wb") as out:
			out.write(name)
		return compare.run(*(a.replace("OUT", f("out")) for a in command), f("t.gtl"), check=False)

	failed = 0
	wants = [run(c, data) for c in COMMANDS]
	for at in range(0, len(data), max(1, len(data) // 40)):
		hurt = bytearray(data)
		hurt[at] ^= 0x55
		for command, want in zip(COMMANDS, wants):
			code, out, err = run(command, hurt)
			failed += code != 0
			if code == 0 and (out, err) != (want[1], want[2]):
				bad.append("%s with byte %d damaged: other output, exit 0" % (command, at))
			if code not in (0, 1) or (code and f("t.gtl") not in err):
				bad.append("%s with byte %d damaged: exit %d, %r" % (command, at, code, err))
	if not failed:
		bad.append("no damage was met")
compare.report("damage is said", bad)
