"""A disk that fills up, or a kill, leaves no timeline that looks whole; what was there before stays."""
import os
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog

bad = []


def limited(limit):
	def set_limit():
		signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
		resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
	return set_limit


with compare.Folder() as f:
	with open(f("log"), "w") as log:
		log.write(genlog.generate("full", "gillog", 30000, 9))
	compare.ingest(f("whole.gtl"), f("log"))
	size = os.path.getsize(f("whole.gtl"))
	limits = [0, 1, 39, 40, 100, size // 4, size // 2, size - 5000, size - 40, size - 1]
	for limit in limits if compare.SLOWER == 1 else limits[::3]:
		for old in (None, b"what was there"):
			if old is not None:
				with open(f("t.gtl"), "wb") as t:
					t.write(old)
			p = subprocess.run([compare.GILSCOPE, "ingest", "-f", "-o", f("t.gtl"), f("log")], preexec_fn=limited(limit),
					   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
			where = "%d of %d bytes%s" % (limit, size, ", over an old file" if old else "")
			if p.returncode != 1 or not p.stderr.strip():
				bad.append("%s: exit %d, said %r" % (where, p.returncode, p.stderr))
			left = sorted(x for x in os.listdir(os.path.dirname(f(""))) if x.startswith("t.gtl"))
			if left != (["t.gtl"] if old else []):
				bad.append("%s: leaves %s" % (where, left))
			elif old and open(f("t.gtl"), "rb").read() != old:
				bad.append("%s: the old file is changed" % where)
			if os.path.exists(f("t.gtl")):
				os.unlink(f("t.gtl"))
	# as much as it needs is enough
	p = subprocess.run([compare.GILSCOPE, "ingest", "-o", f("t.gtl"), f("log")], preexec_fn=limited(4 * size))
	if p.returncode != 0 or open(f("t.gtl"), "rb").read() != open(f("whole.gtl"), "rb").read():
		bad.append("with room enough: exit %d" % p.returncode)
	os.unlink(f("t.gtl"))
	# killed while its input still comes
	with open(f("log"), "rb") as log:
		text = log.read()
	p = subprocess.Popen([compare.GILSCOPE, "ingest", "-o", f("t.gtl"), "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
	p.stdin.write(text)
	p.stdin.flush()
	for _ in range(500):
		if os.path.exists(f("t.gtl.tmp")):
			break
		time.sleep(0.01)
	p.kill()
	p.wait()
	p.stdin.close()
	if os.path.exists(f("t.gtl")):
		bad.append("killed, and a timeline is there")
	compare.ingest(f("t.gtl"), f("log"))
	if open(f("t.gtl"), "rb").read() != open(f("whole.gtl"), "rb").read():
		bad.append("after a kill: another timeline")
compare.report("full disk", bad)
