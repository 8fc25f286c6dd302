"""However a log is compressed, the timeline is the same; one that is cut off keeps all that came before the cut, and says so."""
import gzip
import lzma
import os
import random
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog
import oracle

bad = []


def zstd(data, *options):
	return subprocess.run(["zstd", "-cq", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def skippable(n):
	return struct.pack("<II", 0x184D2A50 + n % 16, n) + b"\xa5" * n


def pieces(data, n, r):
	cuts = sorted(r.randrange(len(data)) for _ in range(n - 1))
	return [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]


def gzip_member(data, level=6, name=b""):
	z = zlib.compressobj(level, zlib.DEFLATED, -15)
	flags = 8 if name else 0
	return (b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\x03" + (name + b"\0" if name else b"") + z.compress(data)
		+ z.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xffffffff))


def variants(data, r):
	yield "plain", data
	yield "zstd -1", zstd(data, "-1")
	yield "zstd -19 --no-check", zstd(data, "-19", "--no-check")
	yield "zstd --long=27", zstd(data, "--long=27")
	yield "zstd frames", b"".join(zstd(p) for p in pieces(data, 9, r))
	yield "zstd frames, empty and skippable ones", (skippable(0) + zstd(b"") + skippable(70000)
		+ b"".join(zstd(p) + skippable(r.randrange(40)) + zstd(b"") for p in pieces(data, 5, r)))
	yield "zstd frames of single bytes", zstd(data[:-40]) + b"".join(zstd(data[i:i + 1]) for i in range(len(data) - 40, len(data)))
	yield "gzip", gzip.compress(data)
	yield "gzip -1 with a name", gzip_member(data, 1, b"a name.log")
	yield "gzip members", b"".join(gzip_member(p, 6, b"x" * i) for i, p in enumerate(pieces(data, 7, r)))
	yield "gzip members, empty ones", gzip.compress(b"") + b"".join(gzip.compress(p) + gzip.compress(b"") for p in pieces(data, 3, r))
	yield "gzip stored", gzip_member(data, 0)
	yield "gzip, zeros behind", gzip.compress(data) + b"\0" * 512
	yield "xz", lzma.compress(data)
	yield "xz streams", b"".join(lzma.compress(p) for p in pieces(data, 4, r))
	yield "xz crc32, padding", lzma.compress(data, check=lzma.CHECK_CRC32) + b"\0" * 8
	yield "no newline at the end", data.rstrip(b"\n")
	yield "empty lines behind", data + b"\n\n\n"
	yield "carriage returns", data.replace(b"\n", b"\r\n")


def same_timeline(f, seed, fmt, events):
	r = random.Random(seed)
	data = genlog.generate(seed, fmt, events, names=genlog.BLANKS).encode()
	want = None
	for name, packed in variants(data, r):
		# what the name says is of no account
		path = f(r.choice(["log", "log.gz", "log.zst", "log.txt", "log.xz", "log.json"]))
		with open(path, "wb") as log:
			log.write(packed)
		for how in ("file", "stdin"):
			if how == "file":
				args, given = [path], None
			else:
				args, given = ["-"], packed
			status, _, err = compare.run("ingest", "-f", "--strict", "--title", "x", "-o", f("t.gtl"), *args, data=given,
						     check=False)
			where = "%s %s %d, %s from %s" % (seed, fmt, events, name, how)
			if status != 0:
				bad.append("%s: exit %d: %s" % (where, status, err.strip()))
				continue
			with open(f("t.gtl"), "rb") as t:
				got = t.read()
			if want is None:
				want = got
			elif got != want:
				bad.append("%s: another timeline" % where)
		os.unlink(path)


def whatever_is_there(packed):
	"""What zlib and lzma give of a cut stream."""
	if packed[:2] == b"\x1f\x8b":
		z = zlib.decompressobj(31)
		return z.decompress(packed)
	return lzma.LZMADecompressor().decompress(packed)


def cut(f, seed, fmt, pack, name):
	"""Cut at random places: the figures are those of the lines before the cut."""
	r = random.Random(seed + name)
	data = genlog.generate(seed, fmt, 30000, 5, names=genlog.PLAIN, step=1000, equal=0, lost_marks=False).encode()
	parts = pieces(data, 4, r)
	packed = b"".join(pack(p) for p in parts) if name != "xz" else pack(data)
	for _ in range(4):
		at = r.randrange(len(packed) // 3, len(packed) - 12)
		with open(f("log"), "wb") as log:
			log.write(packed[:at])
		# what must be there at least: the pieces that are whole
		least, end = b"", 0
		for p in parts:
			end += len(pack(p))
			if name != "xz" and end <= at:
				least += p
		if name == "xz":
			least = whatever_is_there(packed[:at])
		where = "%s %s, %s cut at %d of %d" % (seed, fmt, name, at, len(packed))
		if os.path.exists(f("t.gtl")):
			os.unlink(f("t.gtl"))
		status, _, err = compare.run("ingest", "--strict", "-o", f("t.gtl"), f("log"), check=False)
		if status != 1 or os.path.exists(f("t.gtl")):
			bad.append("%s: --strict: exit %d%s" % (where, status, ", and a file is there" if status else ""))
		status, _, err = compare.run("ingest", "-f", "-o", f("t.gtl"), f("log"), check=False)
		if status != 0 or not err.strip():
			bad.append("%s: exit %d, said %r" % (where, status, err))
			continue
		info = compare.info(f("t.gtl"))
		if info["truncated"] is not True:
			bad.append("%s: truncated is %r" % (where, info["truncated"]))
		# the lines that it read, and what they mean
		lines = data.split(b"\n")
		least_lines = least.count(b"\n")
		best = None
		low = oracle.parse_one(b"\n".join(lines[:least_lines]) + b"\n", fmt) if least_lines else None
		n_low = len(low.events) if low else 0
		if info["events"] < n_low:
			bad.append("%s: %d events, but %d are in the whole pieces" % (where, info["events"], n_low))
			continue
		n, seen = 0, 0
		for n, line in enumerate(lines):
			if seen == info["events"]:
				break
			seen += not (line.startswith(b"#") or line.startswith(b"\t") or not line.strip())
		log = oracle.parse_one(b"\n".join(lines[:n]) + b"\n", fmt)
		if fmt == "gillog" or fmt == "beazley":
			oracle.mark_waits(log)
			best = compare.compare_info(oracle.simulate(log), dict(info, skipped_lines=0))
			bad.extend("%s: %s" % (where, x) for x in best)


with compare.Folder() as f:
	for i, fmt in enumerate(("beazley", "perf", "gillog")):
		same_timeline(f, "small", fmt, 300)
		if compare.SLOWER == 1:
			same_timeline(f, "large", fmt, 20000)
	for fmt in ("beazley", "gillog"):
		cut(f, "cut", fmt, zstd, "zstd")
		cut(f, "cut", fmt, gzip.compress, "gzip")
		cut(f, "cut", fmt, lzma.compress, "xz")
compare.report("compression", bad)
