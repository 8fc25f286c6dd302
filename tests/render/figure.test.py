"""A figure is small and well-formed whatever lies in its range; its texts are texts, and harmless; arrows are
hand-offs, leaders of notes never cross; wrong options are refused by a sentence and exit 2, and no half of a figure is ever left."""
import os
import random
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

SVG = "{http://www.w3.org/2000/svg}"
bad = []

NAMES = {
	"101": "MainThread",
	"102": "\u51e6\u7406\u30b9\u30ec\u30c3\u30c9",
	"103": "\u0639\u0627\u0645\u0644 \u0627\u0644\u062e\u064a\u0648\u0637",
	"104": "<script>alert(1)</script>&amp;\"'",
	"105": "a\\b",
}
HIDDEN = {"106": (b"x\xe2\x80\xaey", "x\\u{202e}y"), "107": (b"\x1b[31m\n\xff\xef\xbf\xbf", "\\x1b[31m\\x0a\\xff\ufffd")}


def expect(ok, text):
	if not ok:
		bad.append(text)


def quoted(b):
	return b'"' + b"".join(b"\\x%02x" % c if c < 32 or c > 126 or c in b'"\\' else bytes([c]) for c in b) + b'"'


def write_names(path):
	"""A log whose seven threads hand the lock round, with names that no format would wish for."""
	names = {k: v.encode() for k, v in NAMES.items()}
	names.update((k, v[0]) for k, v in HIDDEN.items())
	ids = sorted(names)
	out = [b"# gillog 1", b"# title A & <b>\"B\"</b> \x01 ]]>", b"# fact python=\"3.12.1 (main)\"", b"# fact machine=\"<2 cpus>\""]
	out += [b"# thread %s name=%s" % (i.encode(), quoted(names[i])) for i in ids]
	t = 0
	for k in range(100):
		a, b = ids[k % 7].encode(), ids[(k + 1) % 7].encode()
		out += [b"%d %s ACQUIRE" % (t, a), b"%d %s BUSY" % (t + 300000, b), b"%d %s RELEASE" % (t + 500000, a)]
		out += [b"%d %s ACQUIRE" % (t + 540000, b), b"%d %s RELEASE" % (t + 640000, b)]
		t += 690000
	with open(path, "wb") as f:
		f.write(b"\n".join(out) + b"\n")


def write_dense(path, n, threads):
	"""Holds, waits and false alarms far denser than any pixel."""
	r = random.Random(7)
	t, holder, waiting, out = 0, None, set(), ["# gillog 1"]
	for _ in range(n):
		t += r.choice((3, 50, 400, 2000))
		i = r.randrange(threads)
		if i == holder:
			out.append("%d t%d RELEASE" % (t, i))
			holder = None
		elif holder is None:
			out.append("%d t%d ACQUIRE" % (t, i))
			holder = i
			waiting.discard(i)
		elif i in waiting:
			out.append("%d t%d RETRY" % (t, i))
		else:
			out.append("%d t%d BUSY" % (t, i))
			waiting.add(i)
	with open(path, "w") as f:
		f.write("\n".join(out) + "\n")


def figure(out, *args, **kw):
	return compare.run("figure", "-f", "-o", out, *args, **kw)


def texts(path):
	return ["".join(e.itertext()) for e in ET.parse(path).iter(SVG + "text")]


def check_names(f):
	figure(f("n.svg"), "--caption", "--note", "5ms:102:<&> \u30e1\u30e2 \u202e", f("names.gtl"))
	said = texts(f("n.svg"))
	for name in list(NAMES.values()) + [shown for _, shown in HIDDEN.values()]:
		expect(name in said, "the SVG does not say %r but %r" % (name, said))
	expect("<&> \u30e1\u30e2 \\u{202e}" in said, "the note is not said: %r" % said)
	expect("Python 3.12.1 \u00b7 <2 cpus>" in said, "the caption is not said: %r" % said)
	tags = {e.tag for e in ET.parse(f("n.svg")).iter()}
	known = {SVG + t for t in ("svg", "title", "rect", "text", "g", "path", "polyline", "polygon", "circle")}
	expect(tags <= known, "elements %r" % (tags - known))
	raw = open(f("n.svg"), "rb").read()
	expect(not re.search(rb"[\x00-\x08\x0b-\x1f]", raw), "control characters in the SVG")
	if not shutil.which("pdftotext"):
		return
	figure(f("n.pdf"), f("names.gtl"))
	said = subprocess.run(["pdftotext", "-layout", f("n.pdf"), "-"], stdout=subprocess.PIPE).stdout.decode()
	for name in ("MainThread", NAMES["104"], NAMES["105"], HIDDEN["106"][1], "runs, holding the lock"):
		expect(name in said, "the PDF does not say %r but %r" % (name, said))


def check_sizes(f):
	"""However many events: a few hundred KB; and every file is what its name says."""
	for name in ("dense", "names"):
		for args in ((), ("--from", "0", "--to", "20us"), ("--size", "4000x1000", "--threads", "t1,t0" if name == "dense" else "101")):
			for end, magic, most in (("svg", b"<?xml", 600e3), ("pdf", b"%PDF-", 600e3), ("png", b"\x89PNG\r\n\x1a\n", 2e6)):
				out = f("s." + end)
				figure(out, *args, f(name + ".gtl"))
				data = open(out, "rb").read()
				expect(data.startswith(magic), "%s %r: a %s begins with %r" % (name, args, end, data[:8]))
				expect(len(data) < most, "%s %r: %d bytes of %s" % (name, args, len(data), end))
				if end == "svg":
					ET.fromstring(data)
	for end in ("svg", "pdf", "png"):
		figure(f("a." + end), f("dense.gtl"))
		figure(f("b." + end), f("dense.gtl"))
		expect(open(f("a." + end), "rb").read() == open(f("b." + end), "rb").read(), "two %ss differ" % end)


def crosses(p, q, r, s):
	def side(a, b, c):
		return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
	return side(p, q, r) * side(p, q, s) < -1e-6 and side(r, s, p) * side(r, s, q) < -1e-6


def check_notes(f):
	r = random.Random(os.environ.get("GILSCOPE_SEED", "notes"))
	for n in (2, 5, 9, 30, 64):
		args, told = [], []
		for i in range(n):
			at = r.choice((r.randrange(69000), 30000 + r.randrange(40)))
			told.append("n%d " % i + "word " * r.randrange(1, 9))
			args += ["--note", "%dus:%s:%s" % (at, r.choice(["", "101", "104", "107"]), told[-1])]
		figure(f("k.svg"), *args, f("names.gtl"))
		lines = [[tuple(map(float, p.split(","))) for p in e.get("points").split()]
			 for e in ET.parse(f("k.svg")).iter(SVG + "polyline") if e.get("stroke") == "#b3261e"]
		expect(len(lines) == n, "%d notes have %d leaders" % (n, len(lines)))
		for i, a in enumerate(lines):
			for b in lines[:i]:
				# beside each other through the lanes, and below them they do not cross
				expect(abs(a[2][0] - b[2][0]) > 3, "leaders lie over each other: %r and %r" % (a, b))
				expect(not crosses(a[2], a[3], b[2], b[3]), "leaders cross: %r and %r" % (a, b))
		said = " ".join(texts(f("k.svg")))
		for t in told:
			expect(all(w in said for w in t.split()), "note %r is not said" % t)


def check_arrows(f):
	"""In the first 5 ms each RELEASE signals the next thread: there is an arrow, at its time, from lane to lane; where
	hand-offs are too dense for that there is none."""
	figure(f("w.svg"), "--no-legend", "--to", "5ms", "--note", "1ms::only this", f("names.gtl"))
	root = ET.parse(f("w.svg")).getroot()
	lanes = [tuple(map(float, re.match(r"translate\(([\d.]+) ([\d.]+)\)", g.get("transform")).groups())) for g in root.iter(SVG + "g")]
	x0, width = lanes[0][0], max(float(r.get("width")) for r in root.iter(SVG + "rect") if r.get("x") == "%d" % lanes[0][0])
	pitch = lanes[1][1] - lanes[0][1]
	found = []
	for e in root.iter(SVG + "polyline"):
		if e.get("stroke") == "#1d232b":
			(xa, ya), (xb, yb) = (tuple(map(float, p.split(","))) for p in e.get("points").split())
			lane = [min(range(7), key=lambda k: abs(lanes[k][1] + pitch / 2 - y)) for y in (ya, yb)]
			expect(xa == xb, "an arrow is not upright: %s" % e.get("points"))
			found.append((round((xa - x0) / width * 5000), *lane))
	want = [(500 + 690 * k, k % 7, (k + 1) % 7) for k in range(7)]
	expect(len(found) == len(want) and all(abs(a[0] - b[0]) < 8 and a[1:] == b[1:] for a, b in zip(sorted(found), want)),
	       "arrows %r, not %r" % (sorted(found), want))
	few = [("--size", "500", "--to", "%dms" % t, f("names.gtl")) for t in range(40, 70)]
	for args in (("--no-arrows", "--to", "5ms", f("names.gtl")), (f("dense.gtl"),), *few):
		figure(f("w.svg"), *args)
		arrows = [e for e in ET.parse(f("w.svg")).iter(SVG + "polyline") if e.get("stroke") == "#1d232b"]
		expect(not arrows, "%r has %d arrows" % (args, len(arrows)))


def write_parks(path):
	"""Three threads without a GIL: their ACQUIREs end waits, and nothing is held."""
	out = ["# gillog 1", "# lock m kind=park"]
	for k in range(900):
		out += ["%d t%d BUSY lock=m" % (1000 * k, k % 3), "%d t%d ACQUIRE lock=m" % (1000 * k + 700, k % 3)]
	with open(path, "w") as f:
		f.write("\n".join(out) + "\n")


def check_parks(f):
	"""Where no hold is seen nothing says that the lock is held, however many ACQUIREs a column has."""
	for args in ((), ("--to", "20us"), ("--size", "200")):
		figure(f("p.svg"), *args, f("parks.gtl"))
		said, fills = texts(f("p.svg")), {e.get("fill") for e in ET.parse(f("p.svg")).iter()}
		expect("acquires it" in said and "waits" in said and "runs, holding the lock" not in said, "%r: the legend says %r" % (args, said))
		expect("#15a771" in fills and "#006b4f" not in fills, "%r: the colours are %r" % (args, fills))


def check_long_names(f):
	"""What tells two of a name apart is not cut off with the name."""
	with open(f("long.log"), "w") as out:
		out.write("# gillog 1\n# process 7 pid=7\n# process 8 pid=8\n# lock 7 process=7\n# lock 8 process=8\n")
		for i, pid in (("71", 7), ("72", 7), ("81", 8)):
			out.write('# thread %s process=%d name="%s"\n' % (i, pid, "worker " * 9))
			out.write("%s000 %s ACQUIRE lock=%d\n%s500 %s RELEASE lock=%d\n" % (i, i, pid, i, i, pid))
	compare.ingest(f("long.gtl"), f("long.log"))
	figure(f("t.svg"), f("long.gtl"))
	said = [t.split("\u2026") for t in texts(f("t.svg")) if t.startswith("work")]
	expect([t[1:] for t in said] == [[" 71 (7)"], [" 72 (7)"], [" 81 (8)"]], "long names are %r" % said)


def check_legend(f):
	"""However narrow the figure, its legend is not cut off: as wide as the letters can be, each text ends inside."""
	for size in ("190", "200", "300", "700"):
		figure(f("l.svg"), "--size", size, f("names.gtl"))
		for e in ET.parse(f("l.svg")).iter(SVG + "text"):
			said = "".join(e.itertext())
			if said in ("runs, holding the lock", "signalled, not yet running", "BUSY: found it held", "signals the next thread"):
				end = float(e.get("x")) + 0.55 * len(said) * float(e.get("font-size"))
				expect(end < float(size), "--size %s: %r ends at %.0f" % (size, said, end))


def check_font(f):
	figure(f("f.svg"), "--font", "Some <Serif>", f("names.gtl"))
	said = ET.parse(f("f.svg")).getroot().get("font-family") or "".join(e.get("font-family", "") for e in ET.parse(f("f.svg")).iter())
	expect(said.startswith("'Some <Serif>', "), "--font: the SVG asks for %r" % said)


def check_threads(f):
	check_long_names(f)
	figure(f("t.svg"), "--threads", "104,a\\\\b,101", f("names.gtl"))
	said = [t for t in texts(f("t.svg")) if t in NAMES.values()]
	expect(said == [NAMES["104"], "a\\b", "MainThread"], "--threads shows %r" % said)
	figure(f("t.svg"), "--no-legend", "--title", "", f("names.gtl"), f("dense.gtl"))
	said = texts(f("t.svg"))
	expect("runs, holding the lock" not in said and "dense" in said and "t3" in said, "two timelines say %r" % said)


def check_refusals(f):
	gtl = f("names.gtl")
	wrong = [
		(), (gtl,), ("-o", f("x.gif"), gtl), ("-o", f("x.png")), ("-o", "", gtl),
		("--size", "10y",), ("--size", "0x10"), ("--size", "16385"), ("--size", "1600x400x3"), ("--size", "60"), ("--size", "1600x70"),
		("--scale", "0"), ("--scale", "17"), ("--scale", "1.5"), ("--size", "16384x16384"), ("--lane-height", "11"),
		("--lane-height", "2048", "--scale", "16"), ("--theme", "pink"), ("--axis", "both"), ("--from", "1y"), ("--from", "1s", "--to", "1ms"),
		("--from", "9s"), ("--to", "0"), ("--to", "9999999999s"), ("--threads", "nobody"), ("--threads", ""), ("--threads", "101,,102"),
		("--note", "1ms"), ("--note", "1ms:101:"), ("--note", "1x:101:a"), ("--note", "1ms:nobody:a"), ("--what",),
		tuple(x for i in range(65) for x in ("--note", "1ms::a")),
	]
	for args in wrong:
		if not args or not (gtl in args or "-o" in args):
			args = ("-o", f("x.png"), *args, *((gtl,) if args else ()))
		code, out, err = compare.run("figure", *args, check=False)
		expect(code == 2 and len(err.split()) > 4 and not out, "%r: exit %d, %r" % (args[2:], code, err))
		expect(not os.path.exists(f("x.png")) and not os.path.exists(f("x.png.tmp")), "%r left a file" % (args,))
	for args in (("-o", f("no/x.png"), gtl), ("-o", f("x.png"), f("none.gtl")), ("-o", f("x.png"), f("names.gillog"))):
		code, _, err = compare.run("figure", *args, check=False)
		expect(code == 1 and len(err.split()) > 4, "%r: exit %d, %r" % (args, code, err))
	compare.run("figure", "-o", f("y.png"), gtl)
	before = open(f("y.png"), "rb").read()
	code, _, err = compare.run("figure", "--theme", "dark", "-o", f("y.png"), gtl, check=False)
	expect(code == 1 and "exists" in err and open(f("y.png"), "rb").read() == before, "without -f: exit %d, %r" % (code, err))
	compare.run("figure", "--theme", "dark", "-f", "-o", f("y.png"), gtl)
	expect(open(f("y.png"), "rb").read() != before, "-f does not replace")


with compare.Folder() as folder:
	write_names(folder("names.gillog"))
	write_dense(folder("dense.gillog"), 60000, 6)
	write_parks(folder("parks.gillog"))
	for log in ("names", "dense", "parks"):
		compare.ingest(folder(log + ".gtl"), folder(log + ".gillog"))
	check_names(folder)
	check_sizes(folder)
	check_notes(folder)
	check_arrows(folder)
	check_parks(folder)
	check_font(folder)
	check_legend(folder)
	check_threads(folder)
	check_refusals(folder)
compare.report("figure", bad)
