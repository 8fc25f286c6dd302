/* writer.c - see writer.h */
#include "writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "io.h"
#include "meta.h"
#include "tree.h"

#define MANY_WAIT 3	/* blocks to encode, which the encoder does not leave to its caller */
#define EARLY_BLOCKS 64	/* from so many on nodes are built early */
/* the open ones, the one being filled, and some that wait to be encoded */
#define RING (OPEN_BLOCKS + 16)

struct timeline_writer {
	struct outfile out;
	unsigned n_threads;
	const struct writer_ops *ops;
	void *ctx;

	/*
	 * Block number k is ring[k % RING]: encoded < done, given to the encoder < sent, open <
	 * cur.
	 */
	struct block ring[RING];
	/* takes open at the block's end of which the end is not known */
	size_t unresolved[RING];
	uint64_t cur, sent;
	/*
	 * Of each thread whose take was open in blocks that had to be written: the end of the last
	 * such block, plus 1.
	 */
	uint64_t *forced;
	size_t cap_forced;
	struct patch *patch;
	size_t n_patches, cap_patches;
	/* in a call that cannot fail; told at the next one that can */
	bool no_memory;
	int64_t checks;			/* of the last event that had ATTR_CHECKS */

	/* The encoder's side; from codec on whoever has set encoding. */
	pthread_t encoder;
	bool encoder_runs;
	pthread_mutex_t lock;
	pthread_cond_t waits, done_one;	/* for the encoder; for its caller */
	uint64_t to_encode, done;	/* under lock */
	/* under lock: one of the two threads has block number done */
	bool encoding;
	bool finish;			/* under lock */
	bool failed;			/* under lock; err says why */
	struct err err;
	struct block_encoder *codec;
	bool has_pairs;
	ZSTD_CCtx *cctx;
	struct buf raw, packed;
	struct block_entry *entry;	/* under lock */
	size_t n_entries, cap_entries;
	uint64_t in_file;		/* under lock: so many bytes of out */

	/* The caller's: nodes of the tree before their time. */
	struct tree_early *early;
	uint64_t early_stamp;		/* ops->outline_stamp() of it */
	size_t early_from;		/* from so many blocks on there may be one */
};

static void block_release(struct block *b)
{
	free(b->event);
	free(b->pairs);
	free(b->attr);
	free(b->head);
	free(b->tail);
}

static int block_init(struct block *b)
{
	b->cap_attrs = 2 * BLOCK_ENTRIES;
	b->event = malloc(BLOCK_ENTRIES * sizeof(*b->event));
	b->pairs = malloc(BLOCK_ENTRIES * sizeof(*b->pairs));
	b->attr = malloc(b->cap_attrs * sizeof(*b->attr));
	return b->event && b->pairs && b->attr ? 0 : -1;
}

/* --- the encoder's thread --------------------------------------------------------------------- */

static int encode_block(struct timeline_writer *w, const struct block *b, struct block_entry *e,
			struct err *err)
{
	const uint8_t *data;
	size_t bound, len;

	w->has_pairs |= b->n_pairs != 0;
	if (block_encode(w->codec, b, &w->raw))
		return err_memory(err, "a block of events");
	bound = ZSTD_compressBound(w->raw.len);
	buf_clear(&w->packed);
	if (!buf_reserve(&w->packed, bound))
		return err_memory(err, "a block of events");
	len = ZSTD_compressCCtx(w->cctx, w->packed.data, bound, w->raw.data, w->raw.len, 1);
	if (ZSTD_isError(len))
		return err_set(err, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(len));
	data = w->packed.data;
	if (len >= w->raw.len) {
		len = w->raw.len;
		data = w->raw.data;
	}
	*e = (struct block_entry){
		.begin = b->begin, .off = w->out.len, .len = (uint32_t)len,
		.raw_len = (uint32_t)w->raw.len, .n_events = (uint32_t)block_count(b),
		.crc = tl_crc(data, len),
	};
	return outfile_append(&w->out, data, len, err);
}

static int add_entry(struct timeline_writer *w, const struct block_entry *e, struct err *err)
{
	if (w->n_entries == w->cap_entries) {
		size_t cap = w->cap_entries ? 2 * w->cap_entries : 1024;
		struct block_entry *p = realloc(w->entry, cap * sizeof(*p));

		if (!p)
			return err_memory(err, "the index of blocks");
		w->entry = p;
		w->cap_entries = cap;
	}
	w->entry[w->n_entries++] = *e;
	w->in_file = w->out.len - w->out.n_pend;
	return 0;
}

/*
 * Encodes the next block that waits; the lock is held.  false: there is none, or somebody has it.
 */
static bool encode_next(struct timeline_writer *w)
{
	int ret = 0;

	if (w->encoding || w->done == w->to_encode)
		return false;
	if (!w->failed) {
		struct block *b = &w->ring[w->done % RING];
		struct block_entry e;

		w->encoding = true;
		pthread_mutex_unlock(&w->lock);
		ret = encode_block(w, b, &e, &w->err);
		pthread_mutex_lock(&w->lock);
		w->encoding = false;
		if (!ret)
			ret = add_entry(w, &e, &w->err);
	}
	w->failed |= ret != 0;
	w->done++;
	pthread_cond_signal(&w->done_one);
	return true;
}

static void *encoder_main(void *arg)
{
	struct timeline_writer *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		if (w->finish || w->to_encode - w->done >= MANY_WAIT)
			while (encode_next(w))
				;
		if (w->finish && w->done == w->to_encode)
			break;
		pthread_cond_wait(&w->waits, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Makes w->early, or makes it anew: what it was told of the threads may not be so any more. */
static void begin_early(struct timeline_writer *w, size_t n_blocks)
{
	struct writer_outline o = { .order = NULL };
	uint64_t stamp;

	if (!w->ops->outline)
		return;
	stamp = w->ops->outline_stamp(w->ctx);
	if (w->early && stamp != w->early_stamp) {
		tree_early_free(w->early);
		w->early = NULL;
		w->early_from = 2 * n_blocks;	/* so at most as much again is done in vain */
	}
	if (w->early || n_blocks < w->early_from)
		return;
	w->early_stamp = stamp;
	if (!w->ops->outline(w->ctx, &o))
		w->early = tree_early_new(w->out.fd, &o);
	if (!w->early)
		w->early_from = 2 * n_blocks;
	free(o.order);
}

/* Builds a node of the tree before its time; nobody notices if there is no memory for it. */
static bool help_tree(struct timeline_writer *w)
{
	uint64_t in_file;
	size_t n_blocks, known;

	pthread_mutex_lock(&w->lock);
	n_blocks = w->n_entries;
	pthread_mutex_unlock(&w->lock);
	begin_early(w, n_blocks);
	if (!w->early)
		return false;
	known = tree_early_blocks(w->early);
	pthread_mutex_lock(&w->lock);
	if (w->n_entries > known)
		tree_early_add(w->early, w->entry + known, w->n_entries - known);
	in_file = w->in_file;
	pthread_mutex_unlock(&w->lock);
	return tree_early_step(w->early, in_file);
}

bool timeline_writer_help(struct timeline_writer *w)
{
	bool helped;

	pthread_mutex_lock(&w->lock);
	helped = encode_next(w);
	/* Whoever was woken for them meanwhile found them taken, and sleeps again. */
	if (helped && w->to_encode - w->done >= MANY_WAIT)
		pthread_cond_signal(&w->waits);
	pthread_mutex_unlock(&w->lock);
	return helped || help_tree(w);
}

/* --- open blocks ------------------------------------------------------------------------------ */

static struct block_tail *find_tail(struct block *b, uint32_t thread)
{
	size_t lo = 0, hi = b->n_tails;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->tail[mid].thread < thread)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->n_tails && b->tail[lo].thread == thread ? &b->tail[lo] : NULL;
}

#define UNRESOLVED (NO_TIME - 1)	/* a tail's end while nobody knows it */

static void remember_forced(struct timeline_writer *w, uint32_t thread, uint64_t until)
{
	if (thread >= w->cap_forced) {
		size_t cap = 2 * (size_t)thread + 64;
		uint64_t *p = realloc(w->forced, cap * sizeof(*p));

		if (!p) {
			w->no_memory = true;
			return;
		}
		memset(p + w->cap_forced, 0, (cap - w->cap_forced) * sizeof(*p));
		w->forced = p;
		w->cap_forced = cap;
	}
	w->forced[thread] = until + 1;
}

/* Gives block number sent to the encoder; what is not known of it will become patches. */
static void send_block(struct timeline_writer *w)
{
	struct block *b = &w->ring[w->sent % RING];

	for (size_t i = 0; w->unresolved[w->sent % RING] && i < b->n_tails; i++)
		if (b->tail[i].end == UNRESOLVED) {
			b->tail[i].end = NO_TIME;
			remember_forced(w, b->tail[i].thread, b->end);
		}
	w->sent++;
	pthread_mutex_lock(&w->lock);
	w->to_encode = w->sent;
	if (w->to_encode - w->done >= MANY_WAIT)
		pthread_cond_signal(&w->waits);
	pthread_mutex_unlock(&w->lock);
}

/* Blocks before number end whose takes are all known, and those that may not wait any longer. */
static void send_resolved(struct timeline_writer *w, uint64_t end, uint64_t max_open)
{
	while (w->sent < end &&
	       (!w->unresolved[w->sent % RING] || w->cur - w->sent > max_open))
		send_block(w);
}

/* Waits until block number cur may be filled. */
static int wait_for_room(struct timeline_writer *w, struct err *err)
{
	bool failed;

	pthread_mutex_lock(&w->lock);
	while (w->cur - w->done >= RING)
		pthread_cond_wait(&w->done_one, &w->lock);
	failed = w->failed;
	pthread_mutex_unlock(&w->lock);
	if (failed) {
		*err = w->err;
		return -1;
	}
	return w->no_memory ? err_memory(err, "a block") : 0;
}

static void add_patch(struct timeline_writer *w, struct patch p)
{
	if (w->n_patches == w->cap_patches) {
		size_t cap = w->cap_patches ? 2 * w->cap_patches : 64;
		struct patch *a = realloc(w->patch, cap * sizeof(*a));

		if (!a) {
			w->no_memory = true;
			return;
		}
		w->patch = a;
		w->cap_patches = cap;
	}
	w->patch[w->n_patches++] = p;
}

/* 0: none. */
static uint64_t find_forced(const struct timeline_writer *w, uint32_t thread)
{
	return thread < w->cap_forced ? w->forced[thread] : 0;
}

void timeline_writer_signal(struct timeline_writer *w, uint32_t thread, uint64_t seg,
			    uint64_t signal)
{
	uint64_t forced = find_forced(w, thread);

	if (signal == NO_TIME)
		return;
	for (uint64_t k = w->cur; k-- > w->sent;) {
		struct block *b = &w->ring[k % RING];
		struct block_tail *t = find_tail(b, thread);

		if (!t || t->end != UNRESOLVED || b->end < seg)
			break;
		if (signal < b->end)
			t->signal = signal;
	}
	if (forced && signal < forced - 1)
		add_patch(w, (struct patch){ thread, signal, forced - 1, 1 });
}

void timeline_writer_take_end(struct timeline_writer *w, uint32_t thread, uint64_t since,
			      uint64_t end)
{
	uint64_t forced = find_forced(w, thread);

	for (uint64_t k = w->cur; k-- > w->sent;) {
		struct block_tail *t = find_tail(&w->ring[k % RING], thread);

		if (!t || t->end != UNRESOLVED)
			break;
		t->end = end;
		w->unresolved[k % RING]--;
	}
	if (forced) {
		if (end != NO_TIME)
			add_patch(w, (struct patch){ thread, since, end, 0 });
		w->forced[thread] = 0;
	}
}

/* --- the caller's side ------------------------------------------------------------------------ */

int timeline_writer_open(struct timeline_writer **out, const char *path, bool force,
			 unsigned n_threads, const struct writer_ops *ops, void *ctx,
			 struct err *err)
{
	struct timeline_writer *w = calloc(1, sizeof(*w));
	uint8_t header[GTL_HEADER_SIZE] = { 0 };

	*out = NULL;
	if (!w)
		return err_memory(err, "a timeline's writer");
	w->n_threads = n_threads;
	w->early_from = EARLY_BLOCKS;
	w->ops = ops;
	w->ctx = ctx;
	if (outfile_open(&w->out, path, force, err)) {
		free(w);
		return -1;
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->waits, NULL);
	pthread_cond_init(&w->done_one, NULL);
	w->codec = block_encoder_new();
	w->cctx = ZSTD_createCCtx();
	if (!w->codec || !w->cctx)
		goto no_memory;
	for (unsigned i = 0; i < RING; i++)
		if (block_init(&w->ring[i]))
			goto no_memory;
	if (outfile_append(&w->out, header, sizeof(header), err))
		goto fail;
	if (pthread_create(&w->encoder, NULL, encoder_main, w)) {
		err_set(err, ERR_SYSTEM, "cannot start the encoder's thread");
		goto fail;
	}
	w->encoder_runs = true;
	*out = w;
	return 0;
no_memory:
	err_memory(err, "a timeline's writer");
fail:
	timeline_writer_abort(w);
	return -1;
}

struct block *timeline_writer_block(struct timeline_writer *w)
{
	return &w->ring[w->cur % RING];
}

int timeline_writer_attr_room(struct timeline_writer *w, struct err *err)
{
	struct block *b = timeline_writer_block(w);
	struct attr *p;

	if (b->cap_attrs - b->n_attrs >= N_ATTRS)
		return 0;
	p = realloc(b->attr, 2 * b->cap_attrs * sizeof(*p));
	if (!p)
		return err_memory(err, "attributes of events");
	b->attr = p;
	b->cap_attrs *= 2;
	return 0;
}

void timeline_writer_head(struct timeline_writer *w, const struct block_head *h)
{
	struct block *b = timeline_writer_block(w), *before = &w->ring[(w->cur - 1) % RING];

	if (b->n_heads == b->cap_heads) {
		size_t cap = b->cap_heads ? 2 * b->cap_heads : 16;
		struct block_head *p = realloc(b->head, cap * sizeof(*p));

		if (!p) {
			w->no_memory = true;
			return;
		}
		b->head = p;
		b->cap_heads = cap;
	}
	b->head[b->n_heads++] = *h;
	if (h->state != STATE_WAIT || !w->cur)
		return;
	if (before->n_tails == before->cap_tails) {
		size_t cap = before->cap_tails ? 2 * before->cap_tails : 16;
		struct block_tail *p = realloc(before->tail, cap * sizeof(*p));

		if (!p) {
			w->no_memory = true;
			return;
		}
		before->tail = p;
		before->cap_tails = cap;
	}
	before->tail[before->n_tails++] = (struct block_tail){ h->thread, UNRESOLVED, NO_TIME };
	w->unresolved[(w->cur - 1) % RING]++;
}

void timeline_writer_checks(struct timeline_writer *w, int64_t checks)
{
	w->checks = checks;
}

static void empty(struct block *b)
{
	b->n_events = b->n_pairs = b->n_paired = b->n_attrs = b->n_heads = b->n_tails = 0;
}

int timeline_writer_next_block(struct timeline_writer *w, uint64_t time, struct err *err)
{
	struct block *b = timeline_writer_block(w);

	if (block_count(b)) {
		/* The value of ATTR_CHECKS that the next block starts from. */
		for (size_t i = b->n_attrs; i--;)
			if (b->attr[i].id == ATTR_CHECKS) {
				w->checks = b->attr[i].value;
				break;
			}
		b->end = time;
		w->cur++;
		/* Not yet the block that ends here: its tails come with the next one's heads. */
		send_resolved(w, w->cur - 1, OPEN_BLOCKS);
		if (wait_for_room(w, err))
			return -1;
		b = timeline_writer_block(w);
	}
	empty(b);
	b->begin = time;
	b->checks = w->checks;
	w->unresolved[w->cur % RING] = 0;
	w->ops->heads(w->ctx, w);
	send_resolved(w, w->cur, OPEN_BLOCKS);
	return w->no_memory ? err_memory(err, "a block") : 0;
}

/* Lets the encoder finish and joins it. */
static int stop_encoder(struct timeline_writer *w, struct err *err)
{
	if (!w->encoder_runs)
		return 0;
	pthread_mutex_lock(&w->lock);
	w->finish = true;
	pthread_cond_signal(&w->waits);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->encoder, NULL);
	w->encoder_runs = false;
	if (w->failed) {
		*err = w->err;
		return -1;
	}
	return w->no_memory ? err_memory(err, "a block") : 0;
}

void timeline_writer_abort(struct timeline_writer *w)
{
	struct err ignored;

	if (!w)
		return;
	stop_encoder(w, &ignored);
	tree_early_free(w->early);
	outfile_abort(&w->out);
	for (unsigned i = 0; i < RING; i++)
		block_release(&w->ring[i]);
	block_encoder_free(w->codec);
	ZSTD_freeCCtx(w->cctx);
	buf_release(&w->raw);
	buf_release(&w->packed);
	pthread_cond_destroy(&w->waits);
	pthread_cond_destroy(&w->done_one);
	pthread_mutex_destroy(&w->lock);
	free(w->forced);
	free(w->patch);
	free(w->entry);
	free(w);
}

/* --- the end of the file ---------------------------------------------------------------------- */

/*
 * A timeline over what has been written so far, for the tree; everything but fd is released by
 * close.
 */
static struct timeline *half_open(struct timeline_writer *w, const struct writer_end *end,
				  struct err *err)
{
	struct timeline *tl = calloc(1, sizeof(*tl));

	if (!tl) {
		err_memory(err, "the tree");
		return NULL;
	}
	tl->fd = -1;
	tl->info = end->info;
	tl->perm = malloc(((size_t)end->info.n_threads + 1) * sizeof(*tl->perm));
	tl->patch = malloc((w->n_patches + 1) * sizeof(*tl->patch));
	if (!tl->perm || !tl->patch) {
		timeline_close(tl);
		err_memory(err, "the tree");
		return NULL;
	}
	for (uint32_t i = 0; i < end->info.n_threads; i++)
		tl->perm[end->order[i]] = i;
	for (size_t i = 0; i < w->n_patches; i++) {
		tl->patch[i] = w->patch[i];
		tl->patch[i].thread = tl->perm[w->patch[i].thread];
	}
	tl->n_patches = w->n_patches;
	tl->block = w->entry;
	tl->info.n_blocks = w->n_entries;
	w->entry = NULL;
	tl->size = w->out.len;
	return tl;
}

struct table { struct buf entries; unsigned n; };

static void add_section(struct table *t, uint32_t kind, uint64_t off, uint64_t len, uint32_t crc)
{
	buf_le32(&t->entries, kind);
	buf_le32(&t->entries, crc);
	buf_le64(&t->entries, off);
	buf_le64(&t->entries, len);
	t->n++;
}

static int write_section(struct timeline_writer *w, struct table *t, uint32_t kind, struct buf *b,
			 struct err *err)
{
	int ret;

	if (buf_failed(b)) {
		ret = err_memory(err, "a section of the timeline");
	} else {
		add_section(t, kind, w->out.len, b->len, tl_crc(b->data, b->len));
		ret = outfile_append(&w->out, b->data, b->len, err);
	}
	buf_clear(b);
	return ret;
}

static void put_indexes(struct buf *blocks, struct buf *nodes, const struct timeline *tl)
{
	for (size_t i = 0; i < tl->info.n_blocks; i++) {
		const struct block_entry *e = &tl->block[i];

		buf_le64(blocks, e->begin);
		buf_le64(blocks, e->off);
		buf_le32(blocks, e->len);
		buf_le32(blocks, e->raw_len);
		buf_le32(blocks, e->n_events);
		buf_le32(blocks, e->crc);
	}
	buf_le32(nodes, tl->bins_per_node_bits);
	buf_le32(nodes, 0);
	for (size_t i = 0; i < tl->info.n_nodes; i++) {
		const struct node_entry *e = &tl->node[i];

		buf_le64(nodes, e->x);
		buf_le64(nodes, e->off);
		buf_le32(nodes, e->len);
		buf_le32(nodes, e->level);
		buf_le32(nodes, e->crc);
		buf_le32(nodes, e->raw_len);
	}
}

static int write_header(struct timeline_writer *w, struct table *t, struct err *err)
{
	uint8_t h[GTL_HEADER_SIZE];
	uint64_t table_off = w->out.len;

	if (buf_failed(&t->entries))
		return err_memory(err, "the table of sections");
	if (outfile_append(&w->out, t->entries.data, t->entries.len, err))
		return -1;
	memcpy(h, GTL_MAGIC, 8);
	put_le32(h + 8, w->has_pairs ? 2 : 1);
	put_le32(h + 12, t->n);
	put_le64(h + 16, table_off);
	put_le64(h + 24, w->out.len);
	put_le32(h + 32, tl_crc(t->entries.data, t->entries.len));
	put_le32(h + 36, tl_crc(h, 36));
	return outfile_patch(&w->out, 0, h, sizeof(h), err);
}

static int put_hists(struct buf *b, const struct writer_end *end, struct err *err)
{
	for (uint32_t i = 0; i < end->info.n_lanes; i++)
		for (unsigned h = 0; h < N_HISTS; h++) {
			const struct hist *hist = &(*end->hist[end->order[i]])[h];

			if (hist->failed)
				return err_memory(err, "histograms");
			hist_encode(b, hist);
		}
	return 0;
}

static int write_rest(struct timeline_writer *w, const struct writer_end *end, struct timeline *tl,
		      struct err *err)
{
	struct table t = { BUF_INIT, 0 };
	struct buf b = BUF_INIT, nodes = BUF_INIT;
	uint64_t nodes_off = w->out.len;
	int ret = -1;

	/* Blocks and nodes have a checksum each; as sections they have none. */
	add_section(&t, GTL_BLOCKS, GTL_HEADER_SIZE, nodes_off - GTL_HEADER_SIZE, 0);
	if (outfile_flush(&w->out, err) || tree_build(tl, &w->out, w->n_threads, w->early, err))
		goto out;
	add_section(&t, GTL_NODES, nodes_off, w->out.len - nodes_off, 0);
	put_indexes(&b, &nodes, tl);
	if (write_section(w, &t, GTL_BLOCK_INDEX, &b, err) ||
	    write_section(w, &t, GTL_NODE_INDEX, &nodes, err))
		goto out;
	if (put_hists(&b, end, err) || write_section(w, &t, GTL_HISTS, &b, err))
		goto out;
	funcs_encode(&b, end->func, end->info.n_funcs);
	if (write_section(w, &t, GTL_FUNCS, &b, err))
		goto out;
	buf_varint(&b, w->n_patches);
	for (size_t i = 0; i < w->n_patches; i++) {
		buf_varint(&b, (uint64_t)w->patch[i].thread << 1 | w->patch[i].signal);
		buf_varint(&b, w->patch[i].from);
		buf_varint(&b, w->patch[i].to - w->patch[i].from);
	}
	if (write_section(w, &t, GTL_PATCHES, &b, err))
		goto out;
	meta_encode(&b, &end->info, end->thread, end->order, end->process, end->lock, end->fact);
	if (write_section(w, &t, GTL_META, &b, err) || write_header(w, &t, err))
		goto out;
	ret = 0;
out:
	buf_release(&t.entries);
	buf_release(&b);
	buf_release(&nodes);
	return ret;
}

int timeline_writer_finish(struct timeline_writer *w, const struct writer_end *end, struct err *err)
{
	struct block *b = timeline_writer_block(w);
	struct timeline *tl = NULL;
	int ret = -1;

	if (block_count(b)) {
		/*
		 * The end of the trace is a boundary like any other: what is open there, waits on.
		 */
		b->end = end->info.end;
		w->cur++;
		if (wait_for_room(w, err))
			goto out;
		empty(timeline_writer_block(w));
		send_resolved(w, w->cur, 0);
	}
	if (stop_encoder(w, err))
		goto out;
	tl = half_open(w, end, err);
	if (!tl)
		goto out;
	tl->fd = w->out.fd;
	ret = write_rest(w, end, tl, err);
	if (!ret)
		ret = outfile_commit(&w->out, err);
out:
	if (tl)
		tl->fd = -1;
	timeline_close(tl);
	timeline_writer_abort(w);
	return ret;
}
