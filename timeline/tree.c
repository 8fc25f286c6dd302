/*
 * tree.c - see tree.h
 *
 * Level by level from the finest: a node's bins are asked from the reader, which finds the nodes
 * that were written two levels below, and draws from events what they do not cover.  So every level
 * is a sum of integers that are exact at the level below.
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
	const struct tree_early *early;	/* NULL: none that are right */
	uint64_t patched_from, patched_to;	/* all patches lie in it */
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

struct tree_early {
	struct build build;		/* of tl, a timeline of the blocks so far */
	struct worker *worker;
	size_t cap_blocks;
	/* for each level, blocks before it were looked at */
	size_t at[64 / NODE_LEVEL_STEP];
	uint8_t *bytes;
	bool full;			/* or broken: it builds no more */
};

static const uint8_t *early_node(const struct build *b, uint64_t x, struct node_entry *e);

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
 * Whether a node is summed up from others.  Those are a quarter of the bytes, most of them noise
 * that packs badly, and what is looked at first: they are not compressed.
 */
static bool is_sum(const struct build *b, uint64_t x)
{
	for (unsigned i = 0; i < 1u << NODE_LEVEL_STEP && b->level; i++)
		if (tl_node(b->tl, b->level - NODE_LEVEL_STEP, (x << NODE_LEVEL_STEP) + i))
			return true;
	return false;
}

/* Appends one group: its frame behind the others, its lengths into the table. */
static int add_group(struct worker *w, struct built *r, uint32_t group, bool compress,
		     struct err *err)
{
	const struct timeline *tl = w->b->tl;
	uint32_t lane = group * NODE_GROUP, per_node = 1u << tl->bins_per_node_bits;
	uint32_t n = tl->info.n_lanes - lane < NODE_GROUP ? tl->info.n_lanes - lane : NODE_GROUP;
	size_t bound, len;
	uint8_t *p, *entry;

	buf_clear(&w->raw);
	if (node_encode(&w->raw, w->bin + (size_t)lane * per_node, n, per_node,
			1ull << w->b->level))
		return err_memory(err, "a node");
	bound = ZSTD_compressBound(w->raw.len);
	p = buf_reserve(&r->data, bound);
	if (!p)
		return err_memory(err, "a node");
	len = compress ? ZSTD_compressCCtx(w->cctx, p, bound, w->raw.data, w->raw.len, 1)
		       : w->raw.len;
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

/* Builds node x of the level into r, whose data is empty. */
static int make_node(struct worker *w, uint64_t x, struct built *r, struct err *err)
{
	const struct timeline *tl = w->b->tl;
	uint32_t n_groups = (tl->info.n_lanes + NODE_GROUP - 1) / NODE_GROUP;
	uint8_t *table = buf_reserve(&r->data, 12 * (size_t)n_groups);
	bool compress;

	if (!table)
		return err_memory(err, "a node");
	memset(table, 0, 12 * (size_t)n_groups);
	r->data.len = 12 * (size_t)n_groups;
	r->entry = (struct node_entry){ .level = w->b->level, .x = x };
	if (timeline_bins(w->cursor, w->b->level, x << tl->bins_per_node_bits,
			  1u << tl->bins_per_node_bits, 0, tl->info.n_lanes, w->bin, err))
		return -1;
	compress = !is_sum(w->b, x);
	for (uint32_t g = 0; g < n_groups; g++)
		if (add_group(w, r, g, compress, err))
			return -1;
	r->entry.crc = tl_crc(r->data.data, 12 * (size_t)n_groups);
	return 0;
}

static void *build_node(void *state, uint64_t job, struct err *err)
{
	struct worker *w = state;
	struct built *r = calloc(1, sizeof(*r));
	const uint8_t *early;

	if (!r) {
		err_memory(err, "a node");
		return NULL;
	}
	early = early_node(w->b, w->b->x[job], &r->entry);
	if (early) {
		buf_add(&r->data, early, r->entry.len);
		if (!buf_failed(&r->data))
			return r;
		err_memory(err, "a node");
	} else if (!make_node(w, w->b->x[job], r, err)) {
		return r;
	}
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
	/*
	 * Counted in info.n_nodes only when the level is whole: its readers must not see it half.
	 */
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

/* A worker's bins stay below some megabytes, whatever the number of lanes. */
static unsigned node_bits(uint32_t n_lanes)
{
	unsigned bits = 9;

	while (bits > 5 && ((size_t)n_lanes << bits) > 16384)
		bits--;
	return bits;
}

/* --- early nodes ------------------------------------------------------------------------------ */

struct tree_early *tree_early_new(int fd, const struct writer_outline *o)
{
	struct tree_early *t = calloc(1, sizeof(*t));
	struct timeline *tl = t ? calloc(1, sizeof(*tl)) : NULL;
	struct err ignored;

	if (!tl) {
		free(t);
		return NULL;
	}
	t->build.tl = tl;
	tl->fd = fd;
	tl->info.n_threads = o->n_threads;
	tl->info.n_lanes = o->n_lanes;
	tl->info.n_locks = UINT16_MAX + 1;	/* any, for it is our own file */
	tl->info.clock = o->checks_follow ? CLOCK_TICKS : CLOCK_NS;
	tl->info.check_interval = o->checks_follow;
	tl->bins_per_node_bits = node_bits(o->n_lanes);
	tl->perm = malloc(((size_t)o->n_threads + 1) * sizeof(*tl->perm));
	tl->early = t->bytes = malloc(EARLY_BYTES);
	if (!tl->perm || !tl->early) {
		tree_early_free(t);
		return NULL;
	}
	for (uint32_t i = 0; i < o->n_threads; i++)
		tl->perm[o->order[i]] = i;
	t->worker = worker_start(&t->build, &ignored);
	if (!t->worker) {
		tree_early_free(t);
		return NULL;
	}
	return t;
}

void tree_early_free(struct tree_early *t)
{
	if (!t)
		return;
	worker_stop(t->worker);
	t->build.tl->fd = -1;
	timeline_close(t->build.tl);
	free(t->bytes);
	free(t);
}

size_t tree_early_blocks(const struct tree_early *t)
{
	return t->build.tl->info.n_blocks;
}

int tree_early_add(struct tree_early *t, const struct block_entry *e, size_t n)
{
	struct timeline *tl = t->build.tl;

	if (tl->info.n_blocks + n > t->cap_blocks) {
		size_t cap = 2 * (tl->info.n_blocks + n);
		struct block_entry *p = realloc(tl->block, cap * sizeof(*p));

		if (!p) {
			t->full = true;
			return -1;
		}
		tl->block = p;
		t->cap_blocks = cap;
	}
	memcpy(tl->block + tl->info.n_blocks, e, n * sizeof(*e));
	tl->info.n_blocks += n;
	return 0;
}

/* Puts the node behind those of its level. */
static int keep_early(struct tree_early *t, const struct built *r)
{
	struct build *b = &t->build;
	struct timeline *tl = b->tl;
	uint32_t at = tl->level_first[b->level + 1];

	if (r->data.len > EARLY_BYTES - tl->n_early)
		return -1;
	if (tl->info.n_nodes == b->cap_nodes) {
		size_t cap = b->cap_nodes ? 2 * b->cap_nodes : 256;
		struct node_entry *p = realloc(tl->node, cap * sizeof(*p));

		if (!p)
			return -1;
		tl->node = p;
		b->cap_nodes = cap;
	}
	memmove(&tl->node[at + 1], &tl->node[at], (tl->info.n_nodes - at) * sizeof(*tl->node));
	tl->node[at] = r->entry;
	tl->node[at].off = TL_EARLY + tl->n_early;
	tl->node[at].len = (uint32_t)r->data.len;
	memcpy(t->bytes + tl->n_early, r->data.data, r->data.len);
	tl->n_early += r->data.len;
	tl->info.n_nodes++;
	for (unsigned l = b->level + 1; l <= 64; l++)
		tl->level_first[l]++;
	return 0;
}

/* The next stretch of this level that is whole and needs a node.  false: there is none yet. */
static bool find_early(struct tree_early *t, size_t *at, uint64_t *x)
{
	const struct timeline *tl = t->build.tl;
	unsigned shift = t->build.level + tl->bins_per_node_bits;
	uint64_t last = tl->block[tl->info.n_blocks - 1].begin;

	while (*at < tl->info.n_blocks) {
		uint64_t end;
		size_t next;

		*x = tl->block[*at].begin >> shift;
		end = (*x + 1) << shift;
		if (end > last)
			return false;
		next = tl_block_from(tl, end);
		if (tl_blocks_in(tl, *x << shift, end) > NODE_MIN_BLOCKS) {
			*at = next;
			return true;
		}
		*at = next;
	}
	return false;
}

/*
 * Finds the first node that can be built: of the finest level first, as those above are its sums.
 * false: none.
 */
static bool choose_early(struct tree_early *t, uint64_t *x)
{
	const struct timeline *tl = t->build.tl;

	for (unsigned i = 0; i < 64 / NODE_LEVEL_STEP; i++) {
		t->build.level = i * NODE_LEVEL_STEP;
		if (tl->info.end >> t->build.level >> tl->bins_per_node_bits == 0)
			return false;
		if (find_early(t, &t->at[i], x))
			return true;
	}
	return false;
}

/* The timeline has only blocks whose bytes are in the file. */
static bool build_early(struct tree_early *t)
{
	struct timeline *tl = t->build.tl;
	struct built r = { .data = BUF_INIT };
	uint32_t first[65];
	struct err ignored;
	uint64_t x;
	int ret;

	tl->info.end = tl->block[tl->info.n_blocks - 1].begin;
	if (!choose_early(t, &x))
		return false;
	/*
	 * As when levels are built one by one: a reader takes what it needs from those below, if
	 * this one has none.
	 */
	memcpy(first, tl->level_first, sizeof(first));
	for (unsigned l = t->build.level + 1; l <= 64; l++)
		tl->level_first[l] = tl->level_first[t->build.level];
	ret = make_node(t->worker, x, &r, &ignored);
	memcpy(tl->level_first, first, sizeof(first));
	t->full = ret || keep_early(t, &r);
	buf_release(&r.data);
	return !t->full;
}

bool tree_early_step(struct tree_early *t, uint64_t in_file)
{
	struct timeline *tl = t->build.tl;
	size_t all = tl->info.n_blocks;
	bool built = false;

	if (t->full)
		return false;
	while (tl->info.n_blocks &&
	       tl->block[tl->info.n_blocks - 1].off + tl->block[tl->info.n_blocks - 1].len >
		       in_file)
		tl->info.n_blocks--;
	tl->size = in_file;
	if (tl->info.n_blocks)
		built = build_early(t);
	tl->info.n_blocks = all;
	return built;
}

/* The early nodes, if they are of the same lanes and bins; else NULL. */
static const struct tree_early *right_ones(const struct tree_early *t, const struct timeline *tl)
{
	const struct timeline *e = t ? t->build.tl : NULL;

	if (!t || e->info.n_lanes != tl->info.n_lanes || e->info.n_threads > tl->info.n_threads ||
	    timeline_checks_follow(&e->info) != timeline_checks_follow(&tl->info))
		return NULL;
	for (uint32_t i = 0; i < e->info.n_threads; i++)
		if (e->perm[i] != tl->perm[i] &&
		    (e->perm[i] < tl->info.n_lanes || tl->perm[i] < tl->info.n_lanes))
			return NULL;
	return t;
}

/*
 * The bytes of a node that was built early and is still right: no patch says otherwise of its time.
 * NULL: none.
 */
static const uint8_t *early_node(const struct build *b, uint64_t x, struct node_entry *e)
{
	const struct timeline *tl = b->tl;
	unsigned shift = b->level + tl->bins_per_node_bits;
	const struct node_entry *found = b->early ? tl_node(b->early->build.tl, b->level, x) : NULL;

	if (!found ||
	    (tl->n_patches && b->patched_from >> shift <= x && b->patched_to >> shift >= x))
		return NULL;
	*e = *found;
	return b->early->bytes + (found->off - TL_EARLY);
}

/* --- the whole tree --------------------------------------------------------------------------- */

int tree_build(struct timeline *tl, struct outfile *o, unsigned n_threads,
	       const struct tree_early *early, struct err *err)
{
	struct build b = {
		.tl = tl, .out = o, .early = right_ones(early, tl), .patched_from = UINT64_MAX
	};
	int ret = 0;

	for (size_t i = 0; i < tl->n_patches; i++) {
		b.patched_from =
			tl->patch[i].from < b.patched_from ? tl->patch[i].from : b.patched_from;
		b.patched_to = tl->patch[i].to > b.patched_to ? tl->patch[i].to : b.patched_to;
	}
	tl->bins_per_node_bits = node_bits(tl->info.n_lanes);
	for (b.level = 0; !ret; b.level += NODE_LEVEL_STEP) {
		ret = build_level(&b, n_threads, err);
		if (tl->info.end >> (b.level + tl->bins_per_node_bits) == 0)
			break;
	}
	free(b.x);
	return ret;
}
