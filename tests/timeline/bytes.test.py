"""docs/timeline.md is enough to read a timeline: a reader made from it alone, in another language, finds what dump and info print;
and the example on that page is what it makes of a small file.

    bytes.test.py --write    puts the example on the page anew
"""
import os
import struct
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare
import genlog

PAGE = os.path.join(compare.ROOT, "docs/timeline.md")
KINDS = ["", "ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE", "SWITCH_WAIT", "SWITCH_DONE", "SCHED_IN",
	 "SCHED_OUT", "WAKEUP", "WOKEN", "LOST", "START", "END", "pairs"]
STATES = ["idle", "wait", "signal", "run", "stall"]
ATTRS = ["", "cpu", "target", "count", "since", "checks", "countdown", "func", "signal"]
SECTIONS = ["", "meta", "blocks", "block index", "nodes", "node index", "hists", "functions", "patches"]
FIGURES = ["first", "last", "wait", "signal", "run", "stall", "events", "acquires", "releases", "lost_acquires", "lost_releases",
	   "lost_events", "busy", "retry", "timeouts", "drop_requests", "switches", "forced_switches", "waits", "max_wait", "max_wait_at",
	   "max_run", "max_run_at"]
BIN = ["run", "stall", "wait", "signal", "max_wait", "acquires", "releases", "events", "busy", "retry", "timeouts", "switches", "lost",
       "checks"]

# two threads, a wait with a hand-off; small enough for a page
EXAMPLE = """# gillog 1
# clock ns
# title example
# thread 7 name="main"
1000 7 ACQUIRE cpu=1
5200 8 BUSY cpu=0
9000 7 RELEASE cpu=1
9060 8 ACQUIRE cpu=0
9800 8 RELEASE cpu=0
"""


class Bytes:
	"""Reads on from a place, and keeps what each stretch of bytes meant."""

	def __init__(self, data, base=0, notes=None):
		self.data, self.at, self.base, self.mark = data, 0, base, 0
		self.notes = [] if notes is None else notes

	def take(self, n):
		assert self.at + n <= len(self.data), "cut off at byte %d" % (self.base + self.at)
		self.at += n
		return self.data[self.at - n:self.at]

	def u32(self):
		return struct.unpack("<I", self.take(4))[0]

	def u64(self):
		return struct.unpack("<Q", self.take(8))[0]

	def varint(self):
		value = shift = 0
		while True:
			byte = self.take(1)[0]
			value |= (byte & 127) << shift
			shift += 7
			if byte < 128:
				assert value < 1 << 64
				return value

	def zz(self):
		value = self.varint()
		return value >> 1 ^ -(value & 1)

	def string(self):
		return self.take(self.varint()).decode("utf-8", "surrogateescape")

	def note(self, text):
		if self.at > self.mark:
			self.notes.append((self.base + self.mark, self.data[self.mark:self.at], text))
		self.mark = self.at


def unpack(data, raw_len):
	if len(data) == raw_len:
		return data
	return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Timeline:
	def __init__(self, path):
		with open(path, "rb") as f:
			self.data = f.read()
		self.notes = []
		self.header()
		self.meta()
		self.functions()
		self.index()
		self.hists()
		self.patches()
		self.blocks = [self.block(*e) for e in self.block_index]
		assert self.version == (2 if self.has_pairs else 1)
		self.nodes = {(e[0], e[1]): self.node(*e) for e in self.node_index}

	def header(self):
		b = Bytes(self.data, 0, self.notes)
		assert b.take(8) == b"\x89GTL\r\n\x1a\n"
		b.note("magic")
		version, n = b.u32(), b.u32()
		b.note("version %d, %d sections" % (version, n))
		table, size = b.u64(), b.u64()
		b.note("table of sections at %d, size of the file %d" % (table, size))
		assert size == len(self.data) and version in (1, 2)
		self.version, self.has_pairs = version, False
		crc = b.u32()
		assert crc == zlib.crc32(self.data[table:table + 24 * n])
		assert b.u32() == zlib.crc32(self.data[:36])
		b.note("CRCs of the table and of the header")
		b = Bytes(self.data[table:table + 24 * n], table, self.notes)
		self.section = {}
		for _ in range(n):
			kind, crc, off, length = b.u32(), b.u32(), b.u64(), b.u64()
			b.note("section %d, %s: CRC, offset %d, length %d" % (kind, SECTIONS[kind], off, length))
			self.section[SECTIONS[kind]] = off, length
			assert crc == (0 if kind in (2, 4) else zlib.crc32(self.data[off:off + length]))

	def open(self, name):
		off, length = self.section[name]
		return Bytes(self.data[off:off + length], off, self.notes)

	def meta(self):
		b = self.open("meta")
		self.clock, self.origin = b.varint(), b.u64()
		b.note("meta: clock %d, origin %d" % (self.clock, self.origin))
		self.end, self.events, self.skipped, self.lost, self.truncated, self.checks, self.interval = (b.varint() for _ in range(7))
		b.note("end %d, %d events, skipped, lost, truncated, checks, interval" % (self.end, self.events))
		self.title = b.string()
		b.note("title \"%s\"" % self.title)
		self.processes = [(b.zz(), b.zz(), b.string()) for _ in range(b.varint())]
		b.note("%d process: pid %d, parent %d, name" % (len(self.processes), *self.processes[0][:2]))
		self.locks = [(b.string(), b.string(), b.varint(), b.varint()) for _ in range(b.varint())]
		b.note("%d lock: \"%s\", \"%s\", process, kind" % (len(self.locks), *self.locks[0][:2]))
		n, self.n_lanes = b.varint(), b.varint()
		b.note("%d threads, %d of them lanes" % (n, self.n_lanes))
		self.threads = []
		for i in range(n):
			t = {"id": b.string(), "name": b.string(), "process": b.varint()}
			b.note("thread %d: \"%s\", \"%s\", process %d" % (i, t["id"], t["name"], t["process"]))
			for name in FIGURES:
				t[name] = b.varint()
			b.note("its figures")
			self.threads.append(t)
		self.order = [b.varint() for _ in range(n)]
		b.note("order of display: " + ", ".join(map(str, self.order[:8])))
		self.facts = [(b.string(), b.string()) for _ in range(b.varint())]
		b.note("%d facts" % len(self.facts))

	def functions(self):
		b = self.open("functions")
		self.funcs = [(b.string(), b.string(), b.varint()) for _ in range(b.varint())]
		b.note("%d functions" % len(self.funcs))

	def index(self):
		b = self.open("block index")
		self.block_index = []
		while b.at < len(b.data):
			self.block_index.append((b.u64(), b.u64(), b.u32(), b.u32(), b.u32(), b.u32()))
			b.note("block index: begin %d, offset %d, lengths %d and %d, %d events, CRC" % self.block_index[-1][:5])
		b = self.open("node index")
		self.bits = b.u32()
		assert b.u32() == 0
		b.note("node index: 2^%d bins a node" % self.bits)
		self.node_index = []
		while b.at < len(b.data):
			x, off, length, level, crc, longest = b.u64(), b.u64(), b.u32(), b.u32(), b.u32(), b.u32()
			b.note("node: x %d, offset %d, length %d, level %d, CRC, longest payload %d" % (x, off, length, level, longest))
			self.node_index.append((level, x, off, length, crc, longest))

	def hists(self):
		b = self.open("hists")
		self.hist = []
		for lane in range(self.n_lanes):
			row = []
			for name in ("waits", "holds", "hand-offs"):
				largest, bucket, counts = b.varint(), 0, []
				for _ in range(b.varint()):
					bucket += b.varint()
					counts.append((bucket, b.varint()))
				b.note("hists, lane %d: %s, largest %d, %d buckets" % (lane, name, largest, len(counts)))
				row.append((largest, counts))
			self.hist.append(row)
		assert b.at == len(b.data)

	def patches(self):
		b = self.open("patches")
		self.patch = []
		for _ in range(b.varint()):
			v, begin, length = b.varint(), b.varint(), b.varint()
			self.patch.append((v >> 1, v & 1, begin, length))
		b.note("%d patches" % len(self.patch))

	def block(self, begin, off, length, raw_len, n_events, crc):
		packed = self.data[off:off + length]
		assert crc == zlib.crc32(packed)
		b = Bytes(unpack(packed, raw_len), off, self.notes if length == raw_len else None)
		heads, symbols, tails, out = [], [], [], []
		thread = 0
		for _ in range(b.varint()):
			thread += b.varint()
			v, ago, seg = b.varint(), b.varint(), b.varint()
			func = b.varint() - 1 if v & 7 in (3, 4) else -1
			heads.append((thread, v >> 3, v & 7, begin - ago, begin - ago + seg, func))
		b.note("block: %d heads" % len(heads))
		n = b.varint()
		b.note("%d symbols" % n)
		for i in range(n):
			thread, lock, v = b.varint(), b.varint(), b.varint()
			kind, state, flags, mask = v & 31, v >> 5 & 7, v >> 8 & 15, v >> 12
			attrs = [i for i in range(1, 9) if mask >> i & 1]
			symbols.append((thread, lock, kind, state, flags, attrs))
			b.note("symbol %d: thread %d, lock %d, %s, then %s, flags %d, attributes %s" %
			       (i, thread, lock, KINDS[kind], STATES[state], flags, " ".join(ATTRS[a] for a in attrs) or "none"))
		thread = 0
		for _ in range(b.varint()):
			thread += b.varint()
			tails.append((thread, b.varint(), b.varint()))
		b.note("%d tails" % len(tails))
		lengths = [0] + [b.varint() for _ in range(8)]
		b.note("lengths of the columns")
		last = [0] * 9
		last[5] = b.zz()
		b.note("checks before")
		self.has_pairs |= any(s[2] == 17 for s in symbols)
		entries, pairs_length = (b.varint(), b.varint()) if any(s[2] == 17 for s in symbols) else (n_events, 0)
		columns = [b""]
		for i in range(1, 9):
			columns.append(Bytes(b.take(lengths[i])))
			b.note("column %s" % ATTRS[i])
		pairs = Bytes(b.take(pairs_length))
		plane = [b.take(1)[0] if n <= 256 else struct.unpack("<H", b.take(2))[0] for _ in range(entries)]
		b.note("events: symbols")
		high = [b.varint() for _ in range(entries)]
		b.note("events: steps >> 8")
		low = b.take(entries)
		b.note("events: steps & 255")
		time = begin
		for symbol, step in zip(plane, (h << 8 | l for h, l in zip(high, low))):
			time += step
			thread, lock, kind, state, flags, attrs = symbols[symbol]
			values = {}
			if kind == 17:
				more = pairs.varint()
				every = pairs.varint() if more else 0
				for i in range(more + 1):
					out.append((time + i * every, thread, lock, 7, 0, 0, {}))
					out.append((time + i * every, thread, lock, 6, 3, 0, {}))
				time += more * every
				continue
			for a in attrs:
				values[a] = columns[a].zz()
				if a in (1, 2, 5, 7):
					values[a] += last[a]
					last[a] = values[a]
			out.append((time, thread, lock, kind, state, flags, values))
		assert b.at == len(b.data) and pairs.at == len(pairs.data) and len(out) == n_events
		return heads, tails, out

	def node(self, level, x, off, length, crc, longest):
		groups = (self.n_lanes + 7) // 8
		table = self.data[off:off + 12 * groups]
		assert crc == zlib.crc32(table)
		at, bins = off + 12 * groups, {}
		for g in range(groups):
			n, raw_len, group_crc = struct.unpack_from("<III", table, 12 * g)
			packed = self.data[at:at + n]
			at += n
			assert group_crc == zlib.crc32(packed) and raw_len <= longest
			b = Bytes(unpack(packed, raw_len))
			for lane in range(8 * g, min(8 * g + 8, self.n_lanes)):
				i, detailed = 0, []
				end = b.varint() + b.at
				while i < 1 << self.bits:
					v = b.varint()
					run, kind = v >> 3, v & 7
					longest_wait = b.varint() if kind in (1, 2) else 0
					for _ in range(run):
						bin = dict.fromkeys(BIN, 0)
						bin["max_wait"] = longest_wait
						if kind == 7:
							detailed.append(bin)
						elif kind:
							bin[STATES[kind]] = 1 << level
						bins[lane, (x << self.bits) + i] = bin
						i += 1
				mask = b.varint() if detailed else 0
				for k, name in enumerate(BIN):
					if mask >> k & 1:
						w = b.take(1)[0]
						for bin in detailed:
							v = int.from_bytes(b.take(w), "little")
							bin[name] = v >> 1 ^ -(v & 1) if k in (6, 7) else v
				for bin in detailed:
					bin["releases"] += bin["acquires"]
					bin["events"] += sum(bin[k] for k in ("acquires", "releases", "busy", "retry", "timeouts"))
				assert b.at == end
			assert b.at == len(b.data)
		assert at == off + length
		return bins

	def percentile(self, largest, counts, q):
		rank, seen = q * sum(n for _, n in counts), 0
		for bucket, n in counts:
			o, s = divmod(bucket, 64)
			seen += n
			if seen >= rank:
				low, width = ((64 + s) << (o - 1), 1 << (o - 1)) if o else (s, 1)
				return min(largest, low + (width - 1) // 2)
		return 0

	def example(self):
		"""The file as a table: offset, bytes, meaning."""
		lines = []
		for off, data, text in sorted(self.notes):
			for i in range(0, len(data), 12):
				lines.append("    %4d  %-35s  %s" % (off + i, data[i:i + 12].hex(" "), text if i == 0 else ""))
		covered = sum(len(data) for _, data, _ in self.notes)
		assert covered == len(self.data), "%d of %d bytes are told of" % (covered, len(self.data))
		return "\n".join(line.rstrip() for line in lines) + "\n"


def words_of(t, i):
	return "%s" % t.threads[i]["id"]


def compare_with_program(name, path):
	"""The events, figures, bins and percentiles of the program, against this reader's."""
	bad, t, info = [], Timeline(path), compare.info(path)
	first = {}
	for i, lock in enumerate(t.locks):
		first.setdefault(lock[2], i)
	mine = []
	for _, _, events in t.blocks:
		for time, thread, lock, kind, _, _, values in events:
			if kind:
				mine.append("%d %s %s" % (t.origin + time, words_of(t, thread), KINDS[kind]) + "".join(
					" %s=%s" % (ATTRS[a], words_of(t, v) if a == 2 else v) for a, v in sorted(values.items()) if a != 8))
	theirs = [" ".join(w for w in line.split() if not w.startswith(("process=", "lock=")))
		  for line in compare.run("dump", "--events", path)[1].decode().splitlines() if not line.startswith("#")]
	if mine != theirs:
		at = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if a != b), min(len(mine), len(theirs)))
		bad.append("%s: event %d: dump has %s, the bytes say %s" % (name, at, theirs[at:at + 1], mine[at:at + 1]))
	for lane in range(t.n_lanes):
		g, w = info["threads"][lane], t.threads[t.order[lane]]
		for k in [*FIGURES, "id", "name", "process"]:
			if g[k] != w[k]:
				bad.append("%s: thread %s: %s is %r, the bytes say %r" % (name, g["id"], k, g[k], w[k]))
		for key, which in (("wait", 0), ("run", 1), ("signal", 2)):
			for q in (50, 99):
				want = t.percentile(*t.hist[lane][which], q / 100)
				if g["%s_p%d" % (key, q)] != want:
					bad.append("%s: thread %s: %s_p%d is %d, the bytes say %d" % (name, g["id"], key, q, g["%s_p%d" % (key, q)], want))
	for level in sorted({level for level, _ in t.nodes}):
		if t.end >> level > 40000:
			continue
		got = compare.bins_of(path, level)
		for (l, _), bins in t.nodes.items():
			for k, bin in bins.items() if l == level else ():
				w = {f: bin[f] for f in compare.BIN_FIGURES}
				if got.get(k, dict.fromkeys(w, 0)) != w:
					bad.append("%s: level %d, lane and bin %s: %s, the bytes say %s" % (name, level, k, got.get(k), w))
	if (t.end, t.events, t.title, t.checks, t.skipped, len(t.block_index), len(t.node_index)) != (
			info["end"] - info["start"], info["events"], info["title"], info["checks"], info["skipped_lines"], info["blocks"], info["nodes"]):
		bad.append("%s: the figures of the whole differ" % name)
	return bad


def page_and_example(f):
	with open(f("example.gillog"), "w") as log:
		log.write(EXAMPLE)
	compare.ingest(f("example.gtl"), f("example.gillog"))
	with open(PAGE) as page:
		text = page.read()
	head, mark, _ = text.partition("\n## Example\n")
	return text, head + mark + "\n`gilscope ingest` makes of this log\n\n" + "".join("    %s\n" % line for line in EXAMPLE.splitlines()) + \
		"\na file of %d bytes. (This page's test decodes it and fails where this is not what it finds.)\n\n" % \
		os.path.getsize(f("example.gtl")) + Timeline(f("example.gtl")).example()


if __name__ == "__main__":
	with compare.Folder() as f:
		is_there, wanted = page_and_example(f)
		if sys.argv[1:] == ["--write"]:
			with open(PAGE, "w") as page:
				page.write(wanted)
			sys.exit(0)
		bad = [] if is_there == wanted else ["the example in docs/timeline.md is another one: run this test with --write"]
		for path in compare.real_logs():
			if os.path.getsize(path) < 100000:
				compare.ingest(f("t.gtl"), path)
				bad += compare_with_program(os.path.basename(path), f("t.gtl"))
		for args in (("bytes 0", "gillog", 3000, 3), ("bytes 1", "perf", 30000, 5), ("bytes 2", "beazley", 60000, 2),
			     ("bytes 3", "gillog", 60000, 20)):
			with open(f("log"), "w") as log:
				log.write(genlog.generate(*args))
			compare.ingest(f("t.gtl"), f("log"))
			bad += compare_with_program("genlog.py %s %s %d %d" % args, f("t.gtl"))
	compare.report("bytes", bad)
