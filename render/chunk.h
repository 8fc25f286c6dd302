/*
 * chunk.h - the body of a tile's giLs chunk: the figures behind its pixels (docs/site.md)
 */
#ifndef GILSCOPE_CHUNK_H
#define GILSCOPE_CHUNK_H

#include "buf.h"
#include "strip.h"
#include "tile.h"

/* What a tile holds of one lane. */
struct lane_sums {
	uint64_t run, stall, wait, signal, max_wait, acquires, releases, busy, retry, timeouts,
		switches, lost, events, checks;
};

/* A tile's marks in a strip: those of lane i are [lo[i], hi[i]) of lanes[i]. */
struct tile_marks {
	uint64_t from, to;
	unsigned n_lanes;
	const struct strip_lane *lane;		/* the tile's first lane */
	size_t lo[LANES_PER_TILE], hi[LANES_PER_TILE];
};

/* The mark that says how lane i is at the tile's begin: the last one whose t is not after it. */
const struct mark *tile_start(const struct tile_marks *m, unsigned i);

/* In place of what out holds.  marks NULL: the sums alone. */
void chunk_write(struct buf *out, const struct lane_sums *sums, unsigned n_lanes,
		 const struct tile_marks *marks, bool has_children);

#endif
