/*
 * store.h - where finished tiles go: a folder of files, or one PMTiles archive
 *
 * Tiles may come in any order.  Nothing is there for a reader before tile_store_finish().
 */
#ifndef GILSCOPE_STORE_H
#define GILSCOPE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "tile.h"

/* 128 bits that stand for a tile's bytes: equal tiles have equal hashes, and others do not. */
struct tile_hash { uint64_t lo, hi; };

/* n neighbours along x that look the same. */
struct tile_run {
	struct tile_hash hash;
	uint64_t x, n;
	uint32_t y;
	uint8_t z;
	/* borrowed for the call; NULL: the bytes were put before under the same hash */
	const uint8_t *data;
	uint32_t len;
};

struct tile_store;

struct tile_store_ops {
	int (*put)(struct tile_store *s, const struct tile_run *run, struct err *err);
	/*
	 * Tiles with these hashes are put soon, `near` sooner: what has to be looked at for them
	 * may be fetched from memory.  NULL allowed.
	 */
	void (*expect)(struct tile_store *s, const struct tile_hash *near,
		       const struct tile_hash *far);
	/* Makes everything durable; metadata is JSON text.  Frees s also when it fails. */
	int (*finish)(struct tile_store *s, const struct buf *metadata, struct err *err);
	/* frees s and removes what is half written */
	void (*abort)(struct tile_store *s);
};

struct tile_store {
	const struct tile_store_ops *ops;
};

/* Counts of what was put, for people. */
struct tile_counts {
	uint64_t distinct, bytes;	/* distinct 0: the store does not know */
};

/* path/z/x/y.png; path is created.  NULL with *err set. */
struct tile_store *tile_store_dir(const char *path, struct err *err);
/*
 * An archive; see pmtiles.h.  counts may be NULL; it is filled at finish, which works with
 * n_threads (0: one per cpu) and makes the same bytes with any number of them.
 */
struct tile_store *tile_store_pmtiles(const char *path, const struct pyramid *p, unsigned n_threads,
				      struct tile_counts *counts, struct err *err);

static inline int tile_store_put(struct tile_store *s, const struct tile_run *run, struct err *err)
{
	return s->ops->put(s, run, err);
}

static inline void tile_store_expect(struct tile_store *s, const struct tile_hash *near,
				     const struct tile_hash *far)
{
	if (s->ops->expect)
		s->ops->expect(s, near, far);
}

static inline int tile_store_finish(struct tile_store *s, const struct buf *metadata,
				    struct err *err)
{
	return s->ops->finish(s, metadata, err);
}

static inline void tile_store_abort(struct tile_store *s)	/* NULL is allowed */
{
	if (s)
		s->ops->abort(s);
}

#endif
