#!/usr/bin/env python3
"""run.py [--quick] [--only WORD] [--json FILE]: measures every speed claim beside its yardstick

Inputs are made by gilgen below build/bench/ and kept there.  Ours and its yardstick run in turns, so that a
machine that slows down slows both; a figure is the median of the runs, and a claim is a ratio of two medians.
Peak memory is the kernel's account of the finished child (wait4).  --quick: inputs of a tenth.  Exit 0 whatever
the figures are: the table says which targets were missed, docs/performance.md says why.
"""
import argparse
import glob
import json
import os
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
os.chdir(ROOT)
sys.path.insert(0, os.path.join(ROOT, "tests/samples"))
import gentruth


class Missing(Exception):
	"""Something that a row needs is not there: the row says so."""


# --- running ----------------------------------------------------------------------------------------------

class Run:
	def __init__(self, seconds, peak, cpu):
		self.seconds, self.peak, self.cpu = seconds, peak, cpu


def run(args, stdin=None, stdout=subprocess.DEVNULL, text=None):
	"""Runs a program to its end: wall time, peak memory, cpu time."""
	began = time.perf_counter()
	p = subprocess.Popen([str(a) for a in args], stdin=stdin or subprocess.DEVNULL, stdout=stdout,
			     stderr=subprocess.PIPE)
	said = p.stderr.read()
	_, status, usage = os.wait4(p.pid, 0)
	p.returncode = os.waitstatus_to_exitcode(status)
	p.stderr.close()
	if p.returncode:
		raise Missing("%s: exit %d: %s" % (" ".join(map(str, args[:2])), p.returncode,
						   said.decode("utf-8", "replace").strip()[-200:]))
	return Run(time.perf_counter() - began, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)


def output(*args):
	p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
	if p.returncode:
		raise Missing("%s: exit %d: %s" % (" ".join(map(str, args[:2])), p.returncode,
						   p.stderr.decode("utf-8", "replace").strip()[-200:]))
	return p.stdout


def shell(command):
	if subprocess.run(["sh", "-c", "set -e; " + command], stdin=subprocess.DEVNULL).returncode:
		raise Missing("failed: " + command)


def in_turns(n, *what):
	"""Calls each of what n times, in turns after one round to warm up; a list of results for each."""
	for w in what:
		w()
	rounds = [[w() for w in what] for _ in range(n)]
	return [list(column) for column in zip(*rounds)]


def median(runs):
	return statistics.median(r.seconds for r in runs)


def spread(runs):
	"""Half the distance between the fastest and the slowest run, in percent of the median."""
	s = [r.seconds for r in runs]
	return 50 * (max(s) - min(s)) / statistics.median(s)


# --- the bench --------------------------------------------------------------------------------------------

class Bench:
	def __init__(self, a):
		self.quick, self.only = a.quick, a.only
		self.scale = 0.1 if a.quick else 1
		self.n = 5
		build = a.build
		self.gilscope = os.path.join(build, "gilscope")
		self.gilgen = os.path.join(build, "gilgen")
		self.tiles = os.path.join(build, "tests/bench/tiles")
		self.dir = os.path.join("build/bench", "quick" if a.quick else "full")
		self.rows = []
		os.makedirs(self.dir, exist_ok=True)

	def path(self, name):
		return os.path.join(self.dir, name)

	def row(self, what, target, result, ok=None, note=""):
		"""ok None: a figure without a target."""
		self.rows.append({"what": what, "target": target, "result": result, "ok": ok, "note": note})
		mark = {None: " ", True: "+", False: "-"}[ok]
		print("%s %-58s %-18s %-18s %s" % (mark, what, target, result, note), flush=True)

	def at_most(self, what, value, limit, form="%.2f", note=""):
		"""limit None: a figure without a target."""
		if limit is None:
			self.row(what, "", form % value, None, note)
			return
		self.row(what, "<= " + form % limit, form % value, value <= limit, note)

	def at_least(self, what, value, limit, form="%.2f", note=""):
		self.row(what, ">= " + form % limit, form % value, value >= limit, note)

	def group(self, name, function):
		if self.only and self.only not in name:
			return
		try:
			function()
		except Missing as e:
			self.row(name, "", "not measured", None, str(e))

	# inputs

	def make(self, name, command):
		"""A file of the bench folder, made once by a shell command that writes {out}."""
		out = self.path(name)
		# what an older generator made is not this one's
		if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(self.gilgen):
			shell(command.format(out=out + ".tmp", gen=self.gilgen, dir=self.dir))
			os.rename(out + ".tmp", out)
		return out

	def text_bytes(self):
		return int(2e9 * self.scale)

	def beazley(self):
		return self.make("beazley.zst", "{gen} --bytes %d --truth {dir}/beazley.json | zstd -3 -q -f -o {out}"
				 % self.text_bytes())

	def truth(self, name="beazley"):
		with open(self.path(name + ".json")) as f:
			return json.load(f)

	def gtl(self, name="beazley"):
		log = getattr(self, name)()
		out = self.path(name + ".gtl")
		if not os.path.exists(out) or os.path.getmtime(out) < max(os.path.getmtime(log), os.path.getmtime(self.gilscope)):
			run([self.gilscope, "ingest", "-f", "-o", out, log])
		return out

	def pyramid(self):
		"""Just short of 2^29 ticks: 2^20 tiles of 512 px at z 20 (quick: 2^17)."""
		ticks = (1 << 29) if not self.quick else 1 << 26
		return self.make("pyramid.zst", "{gen} --until %d --truth {dir}/pyramid.json | zstd -3 -q -f -o {out}" % (ticks - 1))

	def rival(self):
		return self.make("rival.zst", "{gen} -n %d --truth {dir}/rival.json | zstd -3 -q -f -o {out}"
				 % (1000000 if self.quick else 4000000))

	# ingest

	def ingest_against(self, what, log, yardstick, limit):
		out = self.path("out.gtl")
		ours, theirs = in_turns(self.n, lambda: run([self.gilscope, "ingest", "-f", "-o", out, log]),
					lambda: run(yardstick))
		events = json.loads(output(self.gilscope, "info", "--json", out))["events"]
		t = median(ours)
		self.at_most("ingest, %s, against %s" % (what, " ".join(yardstick[:2])), t / median(theirs), limit,
			     note="%.2f s, %s %.2f s; %.0f M events/s, %.1f B/event; spread %.0f %%, %.0f %%"
			     % (t, yardstick[0], median(theirs), events / t / 1e6, os.path.getsize(out) / events, spread(ours),
				spread(theirs)))
		self.check(out, log)
		return ours, events

	def check(self, gtl, log):
		"""A fast answer that is wrong is none."""
		name = os.path.basename(log).split(".")[0].split("-")[0]
		if not os.path.exists(self.path(name + ".json")):
			return
		wrong = gentruth.differences(self.truth(name), json.loads(output(self.gilscope, "info", "--json", gtl)))
		if wrong:
			self.row("  its figures are gilgen's", "all", "%d differ" % len(wrong), False, wrong[0])

	def ingest_zstd(self):
		log = self.beazley()
		ours, _ = self.ingest_against("Beazley text in one zstd frame", log, ["zstd", "-dc", log], 1.0)
		self.at_most("  peak memory, MiB", max(r.peak for r in ours) / MIB, 64, "%.0f")

	def ingest_gzip(self):
		log = self.make("beazley.gz", "zstd -dcq %s | gzip -6 >{out}" % self.beazley())
		self.ingest_against("gzip", log, ["gzip", "-dc", log], 0.35)

	def ingest_frames(self):
		text = self.beazley()
		log = self.make("beazley-frames.zst", "zstd -dcq %s >{dir}/text; pzstd -q -3 -p 2 -c {dir}/text >{out}; rm {dir}/text" % text)
		self.ingest_against("many zstd frames", log, ["zstd", "-dc", log], 0.6)

	def ingest_binary(self):
		events = self.truth_events()
		log = self.make("ticks.gillog", "{gen} -F binary -n %d --truth {dir}/ticks.json >{out}" % events)
		self.ingest_against("binary gillog of the same events", log, ["zstd", "-dc", self.beazley()], 0.5)

	def ingest_ns(self):
		events = self.truth_events()
		log = self.make("recorded.gillog", "{gen} -F binary --ns -n %d --truth {dir}/recorded.json >{out}" % events)
		self.ingest_against("binary gillog as of a recorded 2.7", log,
				    ["zstd", "-dc", self.beazley()], None)

	def truth_events(self):
		self.beazley()
		return self.truth()["events"]

	def ingest_perf(self):
		log = self.make("perf.zst", "{gen} --gil new -F perf --bytes %d --truth {dir}/perf.json | zstd -3 -q -f -o {out}"
				% int(1e9 * self.scale))
		self.ingest_against("perf script text", log, ["zstd", "-dc", log], 1.5)

	def ingest_threads(self):
		log = self.make("threads.zst", "{gen} -t 512 -s 8 -c 8 --bytes %d --truth {dir}/threads.json | zstd -3 -q -f -o {out}"
				% self.text_bytes())
		out = self.path("threads.gtl")
		r = run([self.gilscope, "ingest", "-f", "-o", out, log])
		self.at_most("ingest, 512 threads: peak memory, MiB", r.peak / MIB, 128, "%.0f",
			     "%.2f s" % r.seconds)
		self.check(out, log)

	def ingest_pipe(self):
		size = 20e9 * self.scale
		out, truth = self.path("pipe.gtl"), self.path("pipe.json")
		gen = subprocess.Popen([self.gilgen, "--bytes", str(int(size)), "--truth", truth], stdout=subprocess.PIPE)
		r = run([self.gilscope, "ingest", "-f", "-o", out, "-"], stdin=gen.stdout)
		gen.stdout.close()
		gen.wait()
		self.at_most("ingest, %.0f GB piped in: peak memory, MiB" % (size / 1e9), r.peak / MIB, 96, "%.0f",
			     "%.1f s, %.2f GB/s, %.1f GB on disk" % (r.seconds, size / r.seconds / 1e9, os.path.getsize(out) / 1e9))
		self.check(out, "pipe.")
		os.unlink(out)

	def ingest_linear(self):
		one = self.beazley()
		tenth = self.make("tenth.zst", "{gen} --bytes %d | zstd -3 -q -f -o {out}" % (self.text_bytes() // 10))
		out = self.path("out.gtl")
		whole, part = in_turns(self.n, lambda: run([self.gilscope, "ingest", "-f", "-o", out, one]),
				       lambda: run([self.gilscope, "ingest", "-f", "-o", out, tenth]))
		self.at_most("ingest: time of ten times the events, over ten", median(whole) / median(part) / 10, 1.1)

	def gtl_size(self):
		logs = sorted(glob.glob("samples/*.zst") + glob.glob(os.path.join(os.environ.get("GILSCOPE_LOGS", "/nonexistent"),
										  "*.zst")))
		seen, counted, size, events, out = set(), 0, 0, 0, self.path("real.gtl")
		for log in logs:
			name = os.path.basename(log)
			if name in seen or ".json" in name:
				continue
			seen.add(name)
			run([self.gilscope, "ingest", "-f", "-o", out, log])
			n = json.loads(output(self.gilscope, "info", "--json", out))["events"]
			if n < 10000:
				continue
			counted, size, events = counted + 1, size + os.path.getsize(out), events + n
		if events:
			self.at_most(".gtl, bytes per event, real logs of 10,000 events and more", size / events, 2,
				     note="%d log%s, %d events" % (counted, "s" * (counted > 1), events))
		gtl = self.gtl()
		self.at_most(".gtl, bytes per event, generated", os.path.getsize(gtl) / self.truth()["events"], 3,
			     note="%.0f MB" % (os.path.getsize(gtl) / 1e6))

	# render

	def archive_path(self, site):
		for name in ("tiles.pmtiles", "tiles0.pmtiles"):
			if os.path.exists(os.path.join(site, name)):
				return os.path.join(site, name)
		raise Missing("no archive in the site")

	def archive(self, site):
		"""Tiles addressed, distinct tiles and their bytes, from the header of a site's archive."""
		with open(self.archive_path(site), "rb") as f:
			head = f.read(127)
		data_len, = struct.unpack_from("<Q", head, 64)
		addressed, _, contents = struct.unpack_from("<QQQ", head, 72)
		return addressed, contents, data_len

	def render(self, gtl, *options):
		site = self.path("site")
		return run([self.gilscope, "render", "-f", "--store", "pmtiles", *options, "-o", site, gtl])

	def render_full(self):
		gtl = self.gtl("pyramid")
		two, one = in_turns(self.n if not self.quick else 3, lambda: self.render(gtl, "--depth", "full", "-j", "2"),
				    lambda: self.render(gtl, "--depth", "full", "-j", "1"))
		tiles, distinct, size = self.archive(self.path("site"))
		t = median(two)
		self.at_most("render --depth full, %d tiles, s" % tiles, t, 10 * self.scale * 1.25 if self.quick else 10, "%.2f",
			     "%d lanes; %d distinct, %.0f B each; %.0f MiB" % (len(self.truth("pyramid")["threads"]), distinct,
									      size / max(distinct, 1), max(r.peak for r in two) / MIB))
		self.at_least("  distinct tiles/s per core, a whole pyramid", distinct / max(statistics.median(r.cpu for r in two), 1e-9),
			      100000, "%.0f", "%.0f addressed/s on two" % (tiles / t))
		self.at_least("  two workers against one", median(one) / t, 1.8)

	def render_noise(self):
		gtl = self.gtl("rival" if self.quick else "beazley")
		end = self.truth("rival" if self.quick else "beazley")["end"]
		z_max = max(0, (end // 512).bit_length())
		depth = max(1, z_max - 9)		# a pixel is some 512 ticks: five checks
		runs = [self.render(gtl, "--depth", str(depth)) for _ in range(3)]
		_, distinct, size = self.archive(self.path("site"))
		self.at_least("  distinct tiles/s per core, every pixel differs", distinct / statistics.median(r.cpu for r in runs),
			      40000, "%.0f", "to z %d, %d distinct, %.0f B each" % (depth, distinct, size / max(distinct, 1)))

	def render_auto(self):
		gtl = self.gtl()
		runs = [self.render(gtl) for _ in range(self.n)]
		tiles, distinct, size = self.archive(self.path("site"))
		end = self.truth()["end"] - self.truth()["start"]
		z_max = (end // 512).bit_length()
		groups = (len(self.truth()["threads"]) + 7) // 8
		every = groups * sum((end // (512 << (z_max - z))) + 1 for z in range(z_max + 1))
		self.at_most("render, default depth, 2 GB log, s" if not self.quick else "render, default depth, s", median(runs),
			     5 * self.scale, "%.2f", "%d tiles, %d distinct, %.0f MB; %.0f MiB"
			     % (tiles, distinct, size / 1e6, max(r.peak for r in runs) / MIB))
		self.at_most("  share of the addresses that is stored, %", 100 * tiles / every, 10, "%.2f", "of %d" % every)

	# tiles one by one

	def tool(self, *args):
		if not os.path.exists(self.tiles):
			raise Missing("no " + self.tiles)
		return json.loads(output(self.tiles, *args))

	def latency(self):
		gtl = self.gtl()
		zooms = self.tool("latency", gtl)
		for kind, limits in (("hot", (50, 300)), ("cold", (200, 1000))):
			for name, limit in zip(("median", "p99"), limits):
				worst = max(zooms, key=lambda z: z["%s_%s_us" % (kind, name)])
				self.at_most("any tile, %s: %s at the worst zoom, us" % (kind, name),
					     worst["%s_%s_us" % (kind, name)], limit, "%.0f",
					     "z %d; least %.1f" % (worst["z"], min(z["%s_%s_us" % (kind, name)] for z in zooms)))

	def info_time(self):
		gtl = self.gtl()
		runs = [run([self.gilscope, "info", gtl]) for _ in range(self.n)]
		self.at_most("info, s", median(runs), 0.2, "%.3f")
		try:
			runs = [run([self.gilscope, "figure", "-f", "-o", self.path("figure.png"), gtl]) for _ in range(self.n)]
			self.at_most("figure of the whole, s", median(runs), 0.2, "%.3f")
		except Missing as e:
			self.row("figure of the whole, s", "<= 0.200", "not measured", None, str(e)[:80])

	def sizes(self):
		self.render(self.gtl("pyramid"), "--depth", "full")
		r = self.tool("sizes", self.archive_path(self.path("site")))
		self.at_most("mean bytes per distinct tile, against libpng level 9", r["ours"] / r["libpng9"], 1.4,
			     note="%.0f B (%.0f with figures), libpng %.0f B, with its filters %.0f B; %d tiles"
			     % (r["ours"], r["whole"], r["libpng9"], r["libpng9_filters"], r["tiles"]))

	# rivals

	def pillow(self):
		for python in (sys.executable, "/usr/bin/python3"):
			if subprocess.run([python, "-c", "import PIL"], stderr=subprocess.DEVNULL).returncode == 0:
				break
		else:
			raise Missing("no Pillow")
		log, gtl, truth = self.rival(), self.gtl("rival"), self.truth("rival")
		z_max = (truth["end"] // 512).bit_length()
		for wanted, limit in ((99, 30), (6300, 300)):
			z = min(range(z_max + 1), key=lambda k: abs(truth["events"] * (512 << (z_max - k)) / truth["end"] / wanted - 1))
			theirs = [json.loads(output(python, os.path.join(HERE, "rival_pillow.py"), log, 512 << (z_max - z), 2))
				  for _ in range(1 if self.quick else 3)]
			rate = statistics.median(t["tiles_per_s"] for t in theirs)
			ours = statistics.median(self.tool("rate", gtl, z, 2)["tiles_per_s"] for _ in range(self.n))
			self.at_least("tiles/s against Pillow, %.0f events a tile" % (truth["events"] / theirs[0]["tiles"]), ours / rate, limit,
				      "%.0f", "%.0f, Pillow %.0f" % (ours, rate))

	def vips(self):
		if not shutil.which("vips"):
			raise Missing("no vips")
		gtl, truth = self.gtl("rival"), self.truth("rival")
		z_max = (truth["end"] // 512).bit_length()
		z = z_max - 3
		pgm, out = self.path("strip.pgm"), self.path("vips.zip")
		self.render(gtl, "--depth", "full")
		n = self.tool("strip", self.archive_path(self.path("site")), z, 4000, pgm)["tiles"]

		def dzsave():
			if os.path.exists(out):
				os.unlink(out)
			return run(["vips", "dzsave", pgm, out, "--depth", "one", "--tile-size", "512", "--overlap", "0",
				    "--suffix", ".png[compression=1,bitdepth=4]", "--container", "zip"])
		theirs = [dzsave() for _ in range(3)]
		ours = statistics.median(self.tool("rate", gtl, z, 2)["tiles_per_s"] for _ in range(self.n))
		rate = n / median(theirs)
		self.at_least("tiles/s against vips dzsave, the same pixels", ours / rate, 80, "%.0f",
			      "%.0f, vips %.0f; %d tiles" % (ours, rate, n))

	def generator(self):
		with open(os.devnull, "w") as null:
			runs = [run([self.gilgen, "--bytes", self.text_bytes()], stdout=null) for _ in range(3)]
			binary = [run([self.gilgen, "-F", "binary", "-n", str(self.truth_events())], stdout=null)
				  for _ in range(3)]
		self.at_least("gilgen, Beazley text, M events/s", self.truth_events() / median(runs) / 1e6, 50, "%.0f")
		self.at_least("gilgen, binary gillog, M events/s", self.truth_events() / median(binary) / 1e6, 50, "%.0f")

	def record(self):
		for script in sorted(glob.glob(os.path.join(HERE, "record.*"))):
			if script.endswith((".py", ".sh")):
				env = dict(os.environ, GILSCOPE=self.gilscope, GILSCOPE_BUILD=os.path.dirname(self.gilscope))
				if self.quick:
					env["GILSCOPE_BENCH_QUICK"] = "1"
				print("\n%s" % os.path.basename(script), flush=True)
				subprocess.run([sys.executable if script.endswith(".py") else "sh", script], env=env)

	def all(self):
		for name in ("generator", "ingest_zstd", "ingest_gzip", "ingest_frames", "ingest_binary", "ingest_ns", "ingest_perf",
			     "ingest_threads", "ingest_pipe", "ingest_linear", "gtl_size", "render_full", "render_noise", "render_auto",
			     "latency", "info_time", "sizes", "pillow", "vips"):
			self.group(name, getattr(self, name))
		if not self.only or "record" in self.only:
			self.record()


def version(*args):
	try:
		return output(*args).decode().split("\n")[0].strip()
	except (Missing, OSError):
		return args[0] + ": none"


def machine():
	cpu = "?"
	with open("/proc/cpuinfo") as f:
		for line in f:
			if line.startswith("model name"):
				cpu = line.split(":", 1)[1].strip()
				break
	return ["%s, %d cpus, Linux %s" % (cpu, len(os.sched_getaffinity(0)), platform.release()),
		version("zstd", "--version").strip("*"), version("gzip", "--version"), version("gcc", "--version")]


def main():
	p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
	p.add_argument("--quick", action="store_true")
	p.add_argument("--only", default="", metavar="WORD")
	p.add_argument("--json", metavar="FILE")
	p.add_argument("--build", default="build/release", metavar="DIR")
	a = p.parse_args()
	for line in machine():
		print(line)
	print("\n  %-58s %-18s %-18s" % ("what", "target", "result"))
	b = Bench(a)
	b.all()
	if a.json:
		with open(a.json, "w") as f:
			json.dump({"machine": machine(), "quick": a.quick, "rows": b.rows}, f, indent=1)
	missed = [r for r in b.rows if r["ok"] is False]
	print("\n%d rows, %d targets missed" % (len(b.rows), len(missed)))


if __name__ == "__main__":
	main()
