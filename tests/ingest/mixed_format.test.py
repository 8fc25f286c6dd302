"""A reader written from docs/gillog-binary.md alone finds in `dump --binary` what `dump --events` prints."""
import os
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog

KINDS = (None, "ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE", "SWITCH_WAIT", "SWITCH_DONE",
	 "SCHED_IN", "SCHED_OUT", "WAKEUP", "WOKEN", "LOST", "START", "END")
ATTRS = (None, "cpu", "target", "count", "since", "checks", "countdown", "func")
NAMES, MARK, END, MIXED = 1, 3, 4, 5
PAIRS = 31
bad = []


class Bytes:
	def __init__(self, data):
		self.data, self.at = data, 0

	def take(self, n):
		self.at += n
		assert self.at <= len(self.data)
		return Bytes(self.data[self.at - n:self.at])

	def left(self):
		return len(self.data) - self.at

	def varint(self):
		v = shift = 0
		while True:
			b = self.data[self.at]
			self.at += 1
			v |= (b & 127) << shift
			shift += 7
			if b < 128:
				return v

	def zz(self):
		v = self.varint()
		return v >> 1 ^ -(v & 1)

	def string(self):
		return bytes(self.take(self.varint()).data)


def wrap(v):
	return (v + 2**63) % 2**64 - 2**63


def unpack(method, data, n):
	if method:
		data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
	assert len(data) == n
	return Bytes(data)


def read_names(b, threads):
	while b.left():
		tag, e = b.varint(), b.take(b.varint())
		if tag == 3:
			number = e.varint()
			threads[number] = e.string()


def read_mixed(b, first, last, n_events):
	symbols = []
	for _ in range(b.varint()):
		thread, lock, v = b.varint(), b.varint(), b.varint()
		symbols.append((thread, v & 31, [k for k in range(8) if v >> 5 >> k & 1]))
	n = b.varint()
	sizes = [b.varint() for _ in range(8)]
	counts, *columns = [b.take(size) for size in sizes]
	wide = 2 if len(symbols) > 256 else 1
	plane = b.take(n * wide)
	low = b.data[len(b.data) - n:]
	time, before, out = first, [0] * 8, []
	for i in range(n):
		thread, kind, attrs = symbols[int.from_bytes(plane.take(wide).data, "little")]
		time += b.varint() << 8 | low[i]
		if kind == PAIRS:
			more = counts.varint()
			step = counts.varint() if more else 0
			for k in range(more + 1):
				out += [(time + k * step, thread, 7, {}), (time + k * step, thread, 6, {})]
			time += more * step
			continue
		values = {}
		for k in attrs:
			v = columns[k - 1].zz()
			if ATTRS[k] in ("cpu", "target", "checks", "func"):
				v = wrap(v + before[k])
			before[k] = values[k] = v
		out.append((time, thread, kind, values))
	assert not counts.left() and not any(c.left() for c in columns) and b.left() == n
	assert len(out) == n_events and out[0][0] == first and out[-1][0] == last
	return out


def read(log):
	"""The events, as words: time, thread, kind, key=value..."""
	assert log[:8] == b"\x89GILLOG\n" and struct.unpack_from("<H", log, 8)[0] == 2
	assert struct.unpack_from("<I", log, 12)[0] == zlib.crc32(log[:12])
	at, threads, events, blocks, over = 16, {}, [], 0, False
	while not over:
		kind, method, _, stored, raw, thread, first, last, n, heads, crc, head_crc = struct.unpack_from("<BBHIIIQQIIII", log, at)
		data = log[at + 48:at + 48 + stored]
		assert head_crc == zlib.crc32(log[at:at + 44]) and crc == zlib.crc32(data)
		at += 48 + stored
		if kind == NAMES:
			read_names(unpack(method, data, raw), threads)
		elif kind == MIXED:
			events += read_mixed(unpack(method, data, raw), first, last, n)
			blocks += 1
		elif kind == END:
			over = True
			assert at == len(log) and (first, last) == (len(events), blocks)
		else:
			assert kind == MARK
	for time, thread, kind, values in events:
		words = [b"%d" % time, threads[thread], KINDS[kind].encode()]
		for k in sorted(values):
			word = threads[values[k]] if ATTRS[k] == "target" else b"%d" % values[k]
			words.append(ATTRS[k].encode() + b"=" + word)
		yield words


def check(name, path):
	want = [s.split() for s in compare.run("dump", "--events", path)[1].splitlines() if not s.startswith(b"#")]
	want = [[w for w in s if not w.startswith((b"lock=", b"process="))] for s in want]
	got = list(read(compare.run("dump", "--binary", path)[1]))
	if got != want:
		first = next((i for i, (x, y) in enumerate(zip(want, got)) if x != y), min(len(want), len(got)))
		bad.append("%s: event %d of %d and %d: text %r, binary %r" % (name, first, len(want), len(got), want[first:first + 1], got[first:first + 1]))


with compare.Folder() as f:
	for path in compare.real_logs():
		check(os.path.basename(path), path)
	for seed in compare.seeds(12, "mixed"):
		for fmt in ("beazley", "perf", "gillog"):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(seed, fmt, 3000))
			check("genlog.py %s %s 3000" % (seed, fmt), f("log"))
compare.report("mixed blocks as their page has them", bad)
