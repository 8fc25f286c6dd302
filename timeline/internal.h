/* internal.h - what the reader's files share; private to timeline/ */
#ifndef GILSCOPE_TIMELINE_INTERNAL_H
#define GILSCOPE_TIMELINE_INTERNAL_H

#include <zstd.h>

#include "format.h"
#include "hist.h"

/* A block's entry of the index; on disk its fields in this order, BLOCK_ENTRY bytes. */
struct block_entry {
	uint64_t begin;			/* its first event's time */
	uint64_t off;
	uint32_t len, raw_len;		/* equal: not compressed */
	uint32_t n_events, crc;		/* of the bytes in the file */
};

/*
 * A node: bins_per_node bins of 2^level units from x * bins_per_node << level on.  Its bytes are
 * one zstd frame per group of NODE_GROUP lanes, after a table of their lengths.
 */
struct node_entry {
	uint32_t level, len;
	uint64_t x, off;
	uint32_t crc, raw_len;		/* crc of the table; raw_len of the largest group */
};

#define NODE_GROUP 8

struct timeline {
	int fd;				/* -1: mem */
	const uint8_t *mem;
	uint64_t size;
	struct timeline_info info;
	struct timeline_thread *thread;
	struct timeline_process *process;
	struct timeline_lock *lock;
	struct timeline_func *func;
	struct timeline_fact *fact;
	uint32_t *perm;			/* number in the file -> index */
	char *text;			/* all strings, each with its NUL */
	struct section { uint64_t off, len; uint32_t crc; bool there; } hists;
	/* per lane, then of all; NULL before timeline_load_hists() */
	struct hist (*_Atomic hist)[N_HISTS];

	struct block_entry *block;
	uint64_t *events_before;	/* n_blocks + 1 */
	struct node_entry *node;
	/* nodes of level l: node[level_first[l]] to node[level_first[l + 1]] */
	uint32_t level_first[65];
	unsigned bins_per_node_bits;
	struct patch *patch;
	size_t n_patches;
	/* while it is written: nodes that are not in the file, from offset TL_EARLY on */
	const uint8_t *early;
	uint64_t n_early;
};

#define TL_EARLY (UINT64_C(1) << 62)

/*
 * The bytes [off, off + len): in the mapping, or read into scratch, which is cleared.  NULL with
 * *err set.
 */
const uint8_t *tl_bytes(const struct timeline *tl, uint64_t off, size_t len, struct buf *scratch,
			struct err *err);
/*
 * The last block whose begin is <= t (0 if there is none); the first whose begin is >= t (n_blocks
 * if none).
 */
size_t tl_block_at(const struct timeline *tl, uint64_t t);
size_t tl_block_from(const struct timeline *tl, uint64_t t);
/* Where the time of block i ends: the next one's begin, or the trace's end. */
uint64_t tl_block_end(const struct timeline *tl, size_t i);
/* How many blocks must be read for [from, to). */
size_t tl_blocks_in(const struct timeline *tl, uint64_t from, uint64_t to);
/* The node, or NULL. */
const struct node_entry *tl_node(const struct timeline *tl, unsigned level, uint64_t x);

#define CACHED_BLOCKS 6
#define CACHED_NODES 6

struct cached {
	uint64_t key;			/* which block or node group it holds, + 1; 0: none */
	uint64_t used;			/* when, in the cursor's clock */
	struct buf data;
};

struct timeline_cursor {
	struct timeline *tl;
	ZSTD_DCtx *dctx;
	struct buf scratch;
	struct cached block[CACHED_BLOCKS], node[CACHED_NODES];
	uint64_t clock;
	struct block_reader reader;
	struct draw_lane *lane;
	bool *some;			/* per lane: something was added to its bins */
	size_t cap_lanes;		/* of both */
};

/* Opens block i for reading in c->reader. */
int tl_open_block(struct timeline_cursor *c, size_t i, struct err *err);

/* Room in c->lane and c->some. */
int tl_reserve_lanes(struct timeline_cursor *c, uint32_t n_lanes, struct err *err);

/*
 * Draws [from, to) from events, adding to out[lane * stride + ((t >> level) - first)].  [from, to)
 * must lie in the bins that out has.
 */
int draw_blocks(struct timeline_cursor *c, unsigned level, uint64_t first, uint64_t from,
		uint64_t to, uint32_t lane0, uint32_t n_lanes, size_t stride,
		struct timeline_bin *out, struct err *err);

/*
 * Which bins of a node's group are added, and where: bin i at out[(lane - lane0) * stride +
 * ((offset + i) >> up)].
 */
struct node_window {
	struct timeline_bin *out;
	bool *some;			/* per lane of out: is set where something is added */
	size_t stride;
	uint32_t lane0, n_lanes;	/* of the group's lanes */
	uint32_t from, to;		/* bins */
	unsigned up;
	uint64_t offset;
};

/* The codec of one group of a node: n_lanes * n bins. */
int node_encode(struct buf *out, const struct timeline_bin *bin, uint32_t n_lanes, uint32_t n,
		uint64_t width);
int node_decode(const struct node_window *w, uint32_t n_lanes, uint32_t n, uint64_t width,
		const uint8_t *p, size_t len, struct err *err);

/* The fields of a bin that add up; max_wait is the larger of the two. */
void bin_add(struct timeline_bin *a, const struct timeline_bin *b);

uint32_t tl_crc(const void *data, size_t len);

#endif
