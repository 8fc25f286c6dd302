#!/usr/bin/env python3
"""rival_pillow.py LOG SPAN WORKERS: what a day's work in Python would do with a log in Beazley's columns

Parses LOG once into arrays, then draws every tile of SPAN ticks, 512 pixels wide, with Pillow in a pool of
processes that share them: a bisection finds a tile's periods, rectangles and lines are drawn, a palette PNG is
encoded.  Prints JSON: events per second of the parse, tiles and tiles per second.  Used by tests/bench/run.py only.
"""
import bisect
import io
import json
import multiprocessing
import subprocess
import sys
import time
from array import array

from PIL import Image, ImageDraw

WIDTH, LANE, GAP, PER_TILE = 512, 30, 2, 8
PALETTE = [255, 255, 255, 0, 158, 115, 90, 230, 170, 120, 120, 120, 86, 180, 233, 200, 200, 200, 240, 228, 66, 213, 0, 0]
RUN, ACQUIRE, STALL, SIGNAL, WAIT, BUSY, RETRY = 1, 2, 3, 4, 5, 6, 7


class Lane:
	def __init__(self):
		self.begin, self.end, self.ink = array("Q"), array("Q"), bytearray()
		self.marks, self.mark_ink = array("Q"), bytearray()
		self.since, self.state = 0, 0

	def enter(self, t, state):
		if self.state and t > self.since:
			self.begin.append(self.since)
			self.end.append(t)
			self.ink.append(self.state)
		self.since, self.state = t, state


def parse(path):
	lanes, t, n = {}, 0, 0
	stream = subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE).stdout
	for line in io.BufferedReader(stream, 1 << 20):
		thread, countdown, checks, event = line.split()
		t = int(checks) * 100 + 100 - int(countdown)
		lane = lanes.get(thread)
		if lane is None:
			lane = lanes[thread] = Lane()
		if event == b"ACQUIRE":
			lane.enter(t, RUN)
			lane.marks.append(t)
			lane.mark_ink.append(ACQUIRE)
		elif event == b"RELEASE":
			lane.enter(t, 0)
		elif event == b"BUSY" or event == b"RETRY":
			lane.enter(t, WAIT)
			lane.marks.append(t)
			lane.mark_ink.append(BUSY if event == b"BUSY" else RETRY)
		n += 1
	for lane in lanes.values():
		lane.enter(t, 0)
	return [lanes[k] for k in sorted(lanes)][:PER_TILE], t, n


def draw_tile(x):
	image = Image.new("P", (WIDTH, (LANE + GAP) * len(LANES)), 0)
	image.putpalette(PALETTE)
	draw = ImageDraw.Draw(image)
	t0, t1 = x * SPAN, (x + 1) * SPAN
	for i, lane in enumerate(LANES):
		top = i * (LANE + GAP)
		for k in range(bisect.bisect_right(lane.end, t0), len(lane.begin)):
			if lane.begin[k] >= t1:
				break
			draw.rectangle(((lane.begin[k] - t0) * WIDTH // SPAN, top,
					max((lane.end[k] - t0) * WIDTH // SPAN - 1, (lane.begin[k] - t0) * WIDTH // SPAN),
					top + LANE - 1), fill=lane.ink[k])
		for k in range(bisect.bisect_left(lane.marks, t0), bisect.bisect_left(lane.marks, t1)):
			px = (lane.marks[k] - t0) * WIDTH // SPAN
			ink = lane.mark_ink[k]
			draw.line((px, top, px, top + (LANE - 1 if ink == ACQUIRE else LANE // 3)), fill=ink)
	out = io.BytesIO()
	image.save(out, "PNG", bits=4)
	return len(out.getvalue())


if __name__ == "__main__":
	SPAN = int(sys.argv[2])
	began = time.perf_counter()
	LANES, end, events = parse(sys.argv[1])
	parsed = time.perf_counter()
	n = end // SPAN + 1
	with multiprocessing.get_context("fork").Pool(int(sys.argv[3])) as pool:
		pool.map(draw_tile, range(min(n, 16)))		# the workers are there
		began_tiles = time.perf_counter()
		size = sum(pool.imap(draw_tile, range(n), chunksize=max(1, min(64, n // 16))))
		took = time.perf_counter() - began_tiles
	print(json.dumps({"events": events, "events_per_s": events / (parsed - began), "tiles": n,
			  "tiles_per_s": n / took, "bytes_per_tile": size / n}))
