/*
 * site.h - timelines to a site: a folder (or one file) that a browser shows (docs/site.md)
 */
#ifndef GILSCOPE_SITE_H
#define GILSCOPE_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "palette.h"
#include "tiler.h"

enum site_store { SITE_STORE_AUTO, SITE_STORE_DIR, SITE_STORE_PMTILES, SITE_STORE_HTML };
enum site_depth { SITE_DEPTH_AUTO, SITE_DEPTH_FULL, SITE_DEPTH_Z };

/* more tiles of a timeline than this go into an archive, unless asked otherwise */
#define SITE_LOOSE_MAX 10000
#define SITE_TRACES_MAX 64

struct site_options {
	const char *const *paths;	/* of the timelines; borrowed, as all strings */
	unsigned n_paths;		/* 1 to SITE_TRACES_MAX */
	const char *out;
	bool force;			/* replaces a site that is there */
	unsigned n_threads;		/* 0: one per cpu */
	enum site_store store;
	enum site_depth depth;
	unsigned z;			/* with SITE_DEPTH_Z */
	unsigned tile_width, lane_height;
	enum theme theme;
	const char *title;		/* NULL: the first trace's */
	bool free_axes;
	/* Told from time to time, on any worker's thread, never twice at once; may be NULL. */
	void (*progress)(void *ctx, uint64_t tiles, uint64_t jobs, uint64_t n_jobs);
	/* A sentence about a choice that was made; may be NULL. */
	void (*say)(void *ctx, const char *text);
	void *ctx;
	/* Becomes true, from a signal handler say, to end early: then nothing is left. */
	const _Atomic bool *stop;
};

struct site_counts {
	uint64_t tiles;			/* addresses that show one */
	uint64_t distinct;		/* different tiles, where the store knows; else 0 */
	uint64_t bytes;			/* of the tiles */
};

/*
 * The site is there when this returns 0.  It is made beside `out` and renamed when it is whole:
 * what fails before leaves `out` as it was.  What fails after that is only removing: the new site
 * is there, and beside it may be some of what it replaced or was made from.  Of a folder that is
 * replaced notes.js stays; what no site consists of is not replaced (ERR_EXISTS).
 */
int site_make(const struct site_options *o, struct site_counts *counts, struct err *err);

/* Fills everything of a set but its rule; tl is borrowed. */
int tile_set_init(struct tile_set *set, struct timeline *tl, unsigned tile_width,
		  unsigned lane_height, enum theme theme, struct err *err);

#endif
