"""A timeline of any version is read for ever: the files in samples/ say today what they said when they were made.

    versions.test.py --write    (when a version is released) notes down what they say
"""
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../oracle"))
import compare

SAMPLES = os.path.join(compare.ROOT, "samples")
TRUTH = os.path.join(SAMPLES, "versions.truth.json")
FILES = ("version1-ticks.gtl", "version1-ns.gtl", "version2-ticks.gtl")


def lines_of(*args):
	"""What dump prints but for its header, as one number."""
	text = compare.run("dump", *args)[1]
	return hashlib.sha256(b"".join(x for x in text.splitlines(True) if not x.startswith(b"#"))).hexdigest()


def says(path):
	out = {"info": compare.info(path), "events": lines_of("--events", path), "periods": lines_of("--periods", path)}
	bits = (out["info"]["end"] - out["info"]["start"]).bit_length()
	for level in range(bits, max(-1, bits - 15), -2):
		out["bins %d" % level] = lines_of("--bins", level, path)
	return out


def differences(where, got, want):
	"""What has changed; keys that came later are none."""
	if isinstance(want, dict):
		return [x for k in want for x in differences("%s %s" % (where, k), got.get(k) if isinstance(got, dict) else None, want[k])]
	if isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
		return [x for i, w in enumerate(want) for x in differences("%s %d" % (where, i), got[i], w)]
	return [] if got == want else ["%s: %r, in its day %r" % (where, got, want)]


now = {name: says(os.path.join(SAMPLES, name)) for name in FILES}
if sys.argv[1:] == ["--write"]:
	with open(TRUTH, "w") as f:
		json.dump(now, f, indent=1, sort_keys=True)
		f.write("\n")
	sys.exit(0)
with open(TRUTH) as f:
	compare.report("versions", differences("", now, json.load(f)))
