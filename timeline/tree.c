/*
 * tree.c - see tree.h
 *
 * Level by level from the finest: a node's bins are asked from the reader, which finds the nodes that were
 * written two levels below, and draws from events what they do not cover.  So every level is a sum of
 * integers that are exact at the level below.
 */
#include "tree.h"

#include <stdlib.h>

#include "bytes.h"
#include "pool.h"

struct build {
	struct timeline *tl;
	struct outfile *out;
	unsigned level;
	uint64_t *x;			/* the nodes of this level */
	size_t n, cap;
	size_t cap_nodes;
};

struct worker {
	struct build *b;
	struct timeline_cursor *cursor;
	ZSTD_CCtx *cctx;
	struct timeline_bin *bin;
	struct buf raw;
};

struct built {
	struct buf data;
	struct node_entry entry;
};

static void worker_stop(void *state)
{
	struct worker *w = state;

	if (!w)
		return;
	timeline_cursor_free(w->cursor);
	ZSTD_freeCCtx(w->cctx);
	buf_release(&w->raw);
	free(w->bin);
	free(w);
}

static void *worker_start(void *ctx, struct err *err)
{
	struct build *b = ctx;
	struct worker *w = calloc(1, sizeof(*w));

	if (w) {
		w->b = b;
		w->cursor = timeline_cursor_new(b->tl, err);
		w->cctx = ZSTD_createCCtx();
		w->bin = malloc(((size_t)b->tl->info.n_lanes << b->tl->bins_per_node_bits) *
				sizeof(*w->bin));
	}
	if (!w || !w->cursor || !w->cctx || !w->bin) {
		worker_stop(w);
		err_memory(err, "a worker of the tree");
		return NULL;
	}
	return w;
}

static void built_free(void *result)
{
	struct built *r = result;

	buf_release(&r->data);
	free(r);
}

/*
 * Whether a node is summed up from others.  Those are a quarter of the bytes, most of them noise that packs badly,
 * and what is looked at first: they are not compressed.
 */
static bool is_sum(const struct build *b, uint64_t x)
{
	for (unsigned i = 0; i < 1u << NODE_LEVEL_STEP && b->level; i++)
		if (tl_node(b->tl, b->level - NODE_LEVEL_STEP, (x << NODE_LEVEL_STEP) + i))
			return true;
	return false;
}

/* Appends one group: its frame behind the others, its lengths into the table. */
static int add_group(struct worker *w, struct built *r, uint32_t group, bool compress, struct err *err)
{
	const struct timeline *tl = w->b->tl;
	uint32_t lane = group * NODE_GROUP, per_node = 1u << tl->bins_per_node_bits;
	uint32_t n = tl->info.n_lanes - lane < NODE_GROUP ? tl->info.n_lanes - lane : NODE_GROUP;
	size_t bound, len;
	uint8_t *p, *entry;

	buf_clear(&w->raw);
	if (node_encode(&w->raw, w->bin + (size_t)lane * per_node, n, per_node, 1ull << w->b->level))
		return err_memory(err, "a node");
	bound = ZSTD_compressBound(w->raw.len);
	p = buf_reserve(&r->data, bound);
	if (!p)
		return err_memory(err, "a node");
	len = compress ? ZSTD_compressCCtx(w->cctx, p, bound, w->raw.data, w->raw.len, 1) : w->raw.len;
	if (ZSTD_isError(len))
		return err_set(err, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(len));
	if (len >= w->raw.len) {
		len = w->raw.len;
		memcpy(p, w->raw.data, len);
	}
	r->data.len += len;
	entry = r->data.data + 12 * group;
	put_le32(entry, (uint32_t)len);
	put_le32(entry + 4, (uint32_t)w->raw.len);
	put_le32(entry + 8, tl_crc(p, len));
	if (w->raw.len > r->entry.raw_len)
		r->entry.raw_len = (uint32_t)w->raw.len;
	return 0;
}

static void *build_node(void *state, uint64_t job, struct err *err)
{
	struct worker *w = state;
	const struct timeline *tl = w->b->tl;
	uint32_t n_groups = (tl->info.n_lanes + NODE_GROUP - 1) / NODE_GROUP;
	struct built *r = calloc(1, sizeof(*r));
	uint8_t *table = r ? buf_reserve(&r->data, 12 * (size_t)n_groups) : NULL;
	bool compress;

	if (!table) {
		free(r);
		err_memory(err, "a node");
		return NULL;
	}
	memset(table, 0, 12 * (size_t)n_groups);
	r->data.len = 12 * (size_t)n_groups;
	r->entry.level = w->b->level;
	r->entry.x = w->b->x[job];
	if (timeline_bins(w->cursor, w->b->level, r->entry.x << tl->bins_per_node_bits,
			  1u << tl->bins_per_node_bits, 0, tl->info.n_lanes, w->bin, err))
		goto fail;
	compress = !is_sum(w->b, r->entry.x);
	for (uint32_t g = 0; g < n_groups; g++)
		if (add_group(w, r, g, compress, err))
			goto fail;
	r->entry.crc = tl_crc(r->data.data, 12 * (size_t)n_groups);
	return r;
fail:
	built_free(r);
	return NULL;
}

static int emit_node(void *ctx, uint64_t job, void *result, struct err *err)
{
	struct build *b = ctx;
	struct built *r = result;
	int ret;

	r->entry.off = b->out->len;
	r->entry.len = (uint32_t)r->data.len;
	/* Counted in info.n_nodes only when the level is whole: its readers must not see it half. */
	b->tl->node[b->tl->info.n_nodes + job] = r->entry;
	ret = outfile_append(b->out, r->data.data, r->data.len, err);
	built_free(r);
	return ret;
}

/* Finds the chunks of a level that need a node. */
static int find_nodes(struct build *b, struct err *err)
{
	const struct timeline *tl = b->tl;
	unsigned shift = b->level + tl->bins_per_node_bits;
	uint64_t last = UINT64_MAX;

	b->n = 0;
	for (size_t i = 0; i < tl->info.n_blocks; i++) {
		uint64_t x = tl->block[i].begin >> shift;

		if (x == last)
			continue;
		last = x;
		if (tl_blocks_in(tl, x << shift, (x + 1) << shift) <= NODE_MIN_BLOCKS)
			continue;
		if (b->n == b->cap) {
			size_t cap = b->cap ? 2 * b->cap : 256;
			uint64_t *p = realloc(b->x, cap * sizeof(*p));

			if (!p)
				return err_memory(err, "the tree");
			b->x = p;
			b->cap = cap;
		}
		b->x[b->n++] = x;
	}
	return 0;
}

static int build_level(struct build *b, unsigned n_threads, struct err *err)
{
	static const struct pool_ops ops = {
		.start = worker_start, .stop = worker_stop, .work = build_node, .emit = emit_node,
		.drop = built_free,
	};
	struct timeline *tl = b->tl;
	size_t need;

	if (find_nodes(b, err))
		return -1;
	need = tl->info.n_nodes + b->n + 1;
	if (need > b->cap_nodes) {
		struct node_entry *p = realloc(tl->node, 2 * need * sizeof(*p));

		if (!p)
			return err_memory(err, "the tree");
		tl->node = p;
		b->cap_nodes = 2 * need;
	}
	if (pool_run(&ops, b, b->n, n_threads, err) || outfile_flush(b->out, err))
		return -1;
	tl->size = b->out->len;		/* the nodes may be read from now on */
	tl->info.n_nodes += b->n;
	for (unsigned l = b->level + 1; l <= 64; l++)
		tl->level_first[l] = (uint32_t)tl->info.n_nodes;
	return 0;
}

int tree_build(struct timeline *tl, struct outfile *o, unsigned n_threads, struct err *err)
{
	struct build b = { .tl = tl, .out = o };
	unsigned bits = 9;
	int ret = 0;

	/* A worker's bins stay below some megabytes, whatever the number of lanes. */
	while (bits > 5 && ((size_t)tl->info.n_lanes << bits) > 16384)
		bits--;
	tl->bins_per_node_bits = bits;
	for (b.level = 0; !ret; b.level += NODE_LEVEL_STEP) {
		ret = build_level(&b, n_threads, err);
		if (tl->info.end >> (b.level + bits) == 0)
			break;
	}
	free(b.x);
	return ret;
}
