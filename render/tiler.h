/*
 * tiler.h - from a timeline to finished tiles: which there are, what is in them, their bytes
 *
 * A tile is drawn in one of two ways, which give the same columns: from the timeline's bins, one
 * per pixel, where it holds many events; from the marks of a strip where it holds few.  A job is a
 * place (z, x) of the pyramid, for all lanes: its tiles alone, or with all below them (subtree),
 * which is read once as a strip; those of its tiles that hold many events are drawn from their
 * finest bins and those bins' sums.  The plan follows from the timeline alone, so the jobs, and
 * their tiles' bytes, are the same for any number of threads.
 */
#ifndef GILSCOPE_TILER_H
#define GILSCOPE_TILER_H

#include "buf.h"
#include "palette.h"
#include "store.h"
#include "tile.h"
#include "timeline.h"

/* Which tiles there are, and what they carry (docs/site.md). */
struct tile_rule {
	bool full;		/* every address; else auto */
	/* auto: a tile above this zoom has children until its lanes are constant */
	unsigned fine;
	/* z_limit is a wish, not a must: its tiles carry events only if they are few */
	bool cut;
	unsigned z_limit;	/* the deepest zoom */
	/* auto: a tile with at most so many has no children and carries them */
	uint64_t leaf_events;
};

/* All that is fixed for one set of tiles; threads share it. */
struct tile_set {
	struct timeline *tl;		/* borrowed */
	struct pyramid pyramid;
	struct tile_rule rule;
	unsigned lane_height;
	/* in bins above it only an ACQUIRE from another thread is bright */
	unsigned bright_level;
	enum theme theme;
	bool all_bytes;			/* a tile that was made before comes with its bytes again */
};

/*
 * Far out every column holds ACQUIREs of threads that give the lock back and take it again, and a
 * lane would be bright all over.  The level up to which they stand apart: on average at least four
 * columns in the busiest lane.  Where no hold is seen (without a GIL), every level: what is not
 * bright would say that the lock is held.
 */
unsigned tile_bright_level(const struct pyramid *p, struct timeline *tl);

/*
 * How many events a leaf of `auto` may hold: as few as a page draws at once, and more in a large
 * trace, so that at most a tenth of all addresses are stored.
 */
uint64_t tile_leaf_events(const struct pyramid *p, uint64_t n_events);

/*
 * The largest rule.fine with which at most max tiles are stored, into *fine.  Returns 1 if that is
 * so, 0 if even with 0 there are more (then *fine is 0); -1 with *err set.
 */
int tile_count_fine(const struct tile_set *set, uint64_t max, unsigned *fine, struct err *err);

/*
 * The most events of a strip, and in a `full` set the most tiles below it.  Larger strips read each
 * block of the timeline less often; smaller ones stay in a core's cache and share out better.
 */
#define TILER_STRIP_EVENTS 49152
#define TILER_STRIP_TILES 4096

struct tile_job { uint64_t x; uint8_t z; bool subtree; };
struct tile_plan { struct tile_job *job; size_t n, cap; };

int tile_plan_make(struct tile_plan *p, const struct tile_set *set, struct err *err);
void tile_plan_release(struct tile_plan *p);

/* A tile of a batch: its data is bytes [off, off + len) of the batch, if has_data. */
struct batch_tile {
	struct tile_hash hash;
	uint64_t x, n;
	size_t off;
	uint32_t y, len;
	uint8_t z;
	bool has_data;
};

struct tile_batch {
	struct batch_tile *tile;	/* owned */
	size_t n, cap;
	struct buf data;
};

void tile_batch_release(struct tile_batch *b);

struct tiler;				/* one per thread */
struct tiler *tiler_new(const struct tile_set *set, struct err *err);
void tiler_free(struct tiler *t);	/* NULL is allowed */

/* Appends the job's tiles to out. */
int tiler_run(struct tiler *t, const struct tile_job *job, struct tile_batch *out, struct err *err);

/* One tile of a `full` set, in place of what out holds: for a server. */
int tiler_one(struct tiler *t, unsigned z, uint64_t x, uint32_t y, struct buf *out,
	      struct err *err);

#endif
