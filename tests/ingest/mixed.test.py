"""A binary gillog of mixed blocks is read as the text of the same events; damage costs what it hits, and is said."""
import os
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

GILGEN = os.path.join(os.path.dirname(compare.GILSCOPE), "gilgen")
MIXED = 5
bad = []


def gilgen(*args):
	return subprocess.run([GILGEN, *args], stdout=subprocess.PIPE, check=True).stdout


def put(path, data):
	with open(path, "wb") as f:
		f.write(data)
	return path


def events(gtl):
	"""But for the checks that gilgen's text tells, which follow from the ticks."""
	lines = compare.run("dump", "--events", gtl)[1].splitlines()
	return [s.split(b" checks=")[0] for s in lines if not s.startswith(b"#")]


def sections(log):
	"""(offset, type, stored, events) of each section."""
	at, out = 16, []
	while at < len(log):
		stored, = struct.unpack_from("<I", log, at + 4)
		out.append((at, log[at], stored, struct.unpack_from("<I", log, at + 32)[0]))
		at += 48 + stored
	return out


def same(name, f, text, binary):
	compare.ingest(f("a.gtl"), *text)
	compare.ingest(f("b.gtl"), *binary)
	a, b = events(f("a.gtl")), events(f("b.gtl"))
	if a != b:
		first = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
		bad.append("%s: event %d of %d and %d: %r, binary %r" % (name, first, len(a), len(b), a[first:first + 1], b[first:first + 1]))


def check_damage(f, log):
	parts = sections(log)
	mixed = [p for p in parts if p[1] == MIXED]
	whole = sum(p[3] for p in mixed)
	if len(mixed) < 3:
		bad.append("only %d blocks" % len(mixed))
		return
	at, _, stored, n = mixed[1]
	hurt = bytearray(log)
	hurt[at + 48 + stored // 2] ^= 16
	put(f("hurt"), hurt)
	_, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), f("hurt"))
	info = compare.info(f("t.gtl"))
	if info["lost_events"] != n or info["skipped_lines"] != 1 or "byte %d" % at not in str(err):
		bad.append("a damaged block of %d events: lost %s, skipped %s, said %r" % (n, info["lost_events"], info["skipped_lines"], err))
	# a gap, and it is a LOST that tells of it, for each thread
	lost = [s for s in events(f("t.gtl")) if b" LOST " in s]
	if len(lost) != 4 or info["events"] != whole - n + len(lost):
		bad.append("a damaged block: %d events, %d LOST" % (info["events"], len(lost)))
	if compare.run("ingest", "-f", "--strict", "-o", f("t.gtl"), f("hurt"), check=False)[0] != 1:
		bad.append("--strict takes a damaged block")
	# a lawful crc, and nothing lawful behind it
	raw = os.urandom(stored)
	head = bytearray(hurt[at:at + 44])
	struct.pack_into("<I", head, 40, zlib.crc32(raw))
	put(f("hurt"), log[:at] + head + struct.pack("<I", zlib.crc32(head)) + raw + log[at + 48 + stored:])
	compare.run("ingest", "-f", "-o", f("t.gtl"), f("hurt"))
	if compare.info(f("t.gtl"))["lost_events"] != n:
		bad.append("noise for a block: %s events lost, not %d" % (compare.info(f("t.gtl"))["lost_events"], n))
	# cut off amid the last block: the others are there
	put(f("cut"), log[:mixed[-1][0] + 60])
	compare.run("ingest", "-f", "-o", f("t.gtl"), f("cut"))
	info = compare.info(f("t.gtl"))
	if not info["truncated"] or info["events"] != whole - mixed[-1][3]:
		bad.append("a cut log: %s, %s events of %d" % (info["truncated"], info["events"], whole))


with compare.Folder() as f:
	for i, shape in enumerate(("-t4", "-t1", "-t3 -s2 -c1 --interval 977", "-t3 --interval 999999", "-t300 -s6 -c8", "-t4 --entries")):
		args = ["-n", "150k", "--seed", str(i), *shape.split()]
		text, binary = put(f("text"), gilgen("-F", "gillog", *args)), put(f("binary"), gilgen("-F", "binary", *args))
		same(shape, f, [text], [binary])
		if "--interval" not in shape:
			same(shape + ", beazley", f, [put(f("text"), gilgen(*args))], [binary])
	# events of another log come in between: pairs are taken apart
	texts, binaries = [], []
	for seed in ("1", "2"):
		texts.append(put(f("text" + seed), gilgen("-F", "gillog", "-n", "50k", "--seed", seed)))
		binaries.append(put(f("binary" + seed), gilgen("-F", "binary", "-n", "50k", "--seed", seed)))
	same("two logs", f, texts, binaries)
	compare.ingest(f("a.gtl"), binaries[0], options=("-j1",))
	compare.ingest(f("b.gtl"), binaries[0], options=("-j3",))
	with open(f("a.gtl"), "rb") as a, open(f("b.gtl"), "rb") as b:
		if a.read() != b.read():
			bad.append("-j3 gives other bytes than -j1")
	check_damage(f, gilgen("-F", "binary", "-n", "3M", "-t4", "-s3"))
compare.report("mixed blocks", bad)
