/* reader.c - opens a .gtl file: its sections, its indexes, its blocks */
#include "internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <isa-l/crc.h>

#include "bytes.h"
#include "io.h"
#include "meta.h"

/* CRC-32 as in gzip, PNG and zlib; ISA-L's folds 16 bytes at a time, which keeps opening fast. */
uint32_t tl_crc(const void *data, size_t len)
{
	return crc32_gzip_refl(0, data, len);
}

const uint8_t *tl_bytes(const struct timeline *tl, uint64_t off, size_t len, struct buf *scratch,
			struct err *err)
{
	if (tl->early && off >= TL_EARLY && off - TL_EARLY <= tl->n_early &&
	    len <= tl->n_early - (off - TL_EARLY))
		return tl->early + (off - TL_EARLY);
	if (off > tl->size || len > tl->size - off) {
		err_set(err, ERR_FORMAT, "bytes %" PRIu64 "+%zu do not fit in a file of %" PRIu64,
			off, len, tl->size);
		return NULL;
	}
	if (tl->mem)
		return tl->mem + off;
	buf_clear(scratch);
	if (!buf_reserve(scratch, len ? len : 1)) {
		scratch->failed = false;
		err_memory(err, "a piece of the timeline");
		return NULL;
	}
	if (io_pread_all(tl->fd, scratch->data, len, off, err))
		return NULL;
	scratch->len = len;
	return scratch->data;
}

/* --- the index -------------------------------------------------------------------------------- */

uint64_t tl_block_end(const struct timeline *tl, size_t i)
{
	return i + 1 < tl->info.n_blocks ? tl->block[i + 1].begin : tl->info.end;
}

size_t tl_block_from(const struct timeline *tl, uint64_t t)
{
	size_t lo = 0, hi = tl->info.n_blocks;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (tl->block[mid].begin < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t tl_block_at(const struct timeline *tl, uint64_t t)
{
	size_t i = t == UINT64_MAX ? tl->info.n_blocks : tl_block_from(tl, t + 1);

	return i ? i - 1 : 0;
}

size_t tl_blocks_in(const struct timeline *tl, uint64_t from, uint64_t to)
{
	size_t a = tl_block_from(tl, from);

	return tl_block_from(tl, to) - (a ? a - 1 : 0);
}

const struct node_entry *tl_node(const struct timeline *tl, unsigned level, uint64_t x)
{
	uint32_t lo, hi;

	if (level >= 64)
		return NULL;
	lo = tl->level_first[level];
	hi = tl->level_first[level + 1];
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (tl->node[mid].x < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < tl->level_first[level + 1] && tl->node[lo].x == x ? &tl->node[lo] : NULL;
}

static int read_block_index(struct timeline *tl, const uint8_t *p, size_t len, struct err *err)
{
	uint64_t last = 0, n_events = 0;

	if (len % BLOCK_ENTRY)
		return err_set(err, ERR_FORMAT, "damaged index: %zu bytes are no multiple of %d",
			       len, BLOCK_ENTRY);
	tl->info.n_blocks = len / BLOCK_ENTRY;
	tl->block = malloc((tl->info.n_blocks + 1) * sizeof(*tl->block));
	tl->events_before = malloc((tl->info.n_blocks + 1) * sizeof(*tl->events_before));
	if (!tl->block || !tl->events_before)
		return err_memory(err, "a timeline's index");
	for (size_t i = 0; i < tl->info.n_blocks; i++, p += BLOCK_ENTRY) {
		const struct block_entry e = {
			.begin = get_le64(p), .off = get_le64(p + 8), .len = get_le32(p + 16),
			.raw_len = get_le32(p + 20), .n_events = get_le32(p + 24),
			.crc = get_le32(p + 28),
		};

		if (e.begin < last || (!i && e.begin) || e.begin > tl->info.end || !e.n_events ||
		    e.n_events > BLOCK_EVENTS || e.off > tl->size || e.len > tl->size - e.off ||
		    e.raw_len < e.len || e.raw_len > BLOCK_MAX_RAW)
			return err_set(err, ERR_FORMAT, "damaged index: block %zu", i);
		tl->block[i] = e;
		tl->events_before[i] = n_events;
		last = e.begin;
		n_events += e.n_events;
	}
	tl->events_before[tl->info.n_blocks] = n_events;
	return 0;
}

/* The section begins with the number of bins of a node, as a power of two. */
static int read_node_index(struct timeline *tl, const uint8_t *p, size_t len, struct err *err)
{
	uint64_t last = 0;
	unsigned level = 0;

	if (len < 8 || (len - 8) % NODE_ENTRY || (len - 8) / NODE_ENTRY > UINT32_MAX / 2)
		return err_set(err, ERR_FORMAT, "damaged index of nodes: %zu bytes", len);
	tl->bins_per_node_bits = get_le32(p);
	if (tl->bins_per_node_bits > NODE_MAX_BITS)
		return err_set(err, ERR_FORMAT, "damaged index: nodes of 2^%u bins",
			       tl->bins_per_node_bits);
	tl->info.n_nodes = (len - 8) / NODE_ENTRY;
	tl->node = malloc((tl->info.n_nodes + 1) * sizeof(*tl->node));
	if (!tl->node)
		return err_memory(err, "a timeline's index");
	p += 8;
	for (uint32_t i = 0; i < tl->info.n_nodes; i++, p += NODE_ENTRY) {
		const struct node_entry e = {
			.x = get_le64(p),
			.off = get_le64(p + 8),
			.len = get_le32(p + 16),
			.level = get_le32(p + 20),
			.crc = get_le32(p + 24),
			.raw_len = get_le32(p + 28),
		};

		if (e.level < level || e.level > 62 || (i && e.level == level && e.x <= last) ||
		    e.off > tl->size || e.len > tl->size - e.off || e.raw_len > BLOCK_MAX_RAW)
			return err_set(err, ERR_FORMAT, "damaged index: node %u", i);
		while (level < e.level)
			tl->level_first[++level] = i;
		last = e.x;
		tl->node[i] = e;
	}
	while (level < 64)
		tl->level_first[++level] = (uint32_t)tl->info.n_nodes;
	return 0;
}

static int read_patches(struct timeline *tl, const uint8_t *p, size_t len, struct err *err)
{
	const uint8_t *end = p + len;
	uint64_t n, v[3];

	p = get_varint(p, end, &n);
	if (!p || n > (uint64_t)(end - p) / 3)
		return err_set(err, ERR_FORMAT, "damaged section 'patches'");
	tl->patch = malloc((n + 1) * sizeof(*tl->patch));
	if (!tl->patch)
		return err_memory(err, "a timeline's patches");
	for (tl->n_patches = 0; tl->n_patches < n; tl->n_patches++) {
		for (unsigned i = 0; i < 3; i++)
			p = p ? get_varint(p, end, &v[i]) : NULL;
		if (!p || v[0] >> 1 >= tl->info.n_threads || v[1] > tl->info.end ||
		    v[2] > tl->info.end - v[1])
			return err_set(err, ERR_FORMAT, "damaged patch %zu", tl->n_patches);
		tl->patch[tl->n_patches] = (struct patch){
			.thread = tl->perm[v[0] >> 1], .signal = v[0] & 1, .from = v[1],
			.to = v[1] + v[2],
		};
	}
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int read_table(struct timeline *tl, struct section *section, struct buf *scratch,
		      struct err *err)
{
	const uint8_t *p = tl_bytes(tl, 0, tl->size < GTL_HEADER_SIZE ? tl->size : GTL_HEADER_SIZE,
				    scratch, err);
	uint64_t table_off, file_size;
	uint32_t version, n, crc;

	if (!p)
		return -1;
	if (tl->size < 8 || memcmp(p, GTL_MAGIC, 8))
		return err_set(err, ERR_FORMAT, "not a gilscope timeline (.gtl)");
	if (tl->size < GTL_HEADER_SIZE)
		return err_set(err, ERR_FORMAT, "the timeline is cut off in its header");
	tl->info.version = version = get_le32(p + 8);
	n = get_le32(p + 12);
	table_off = get_le64(p + 16);
	file_size = get_le64(p + 24);
	crc = get_le32(p + 32);
	if (get_le32(p + 36) != tl_crc(p, 36))
		return err_set(err, ERR_FORMAT, "damaged header of a timeline: wrong checksum");
	if (version > GTL_VERSION)
		return err_set(err, ERR_VERSION,
			       "a timeline of version %u, and this gilscope reads up to %d:"
			       " use a newer gilscope",
			       version, GTL_VERSION);
	if (file_size != tl->size)
		return err_set(err, ERR_FORMAT, "a timeline of %" PRIu64 " bytes that should have %"
			       PRIu64, tl->size, file_size);
	if (n > GTL_MAX_SECTIONS)
		return err_set(err, ERR_FORMAT, "%u sections, at most %d are possible", n,
			       GTL_MAX_SECTIONS);
	p = tl_bytes(tl, table_off, (size_t)n * GTL_SECTION_SIZE, scratch, err);
	if (!p)
		return -1;
	if (tl_crc(p, (size_t)n * GTL_SECTION_SIZE) != crc)
		return err_set(err, ERR_FORMAT, "damaged table of sections: wrong checksum");
	for (; n; n--, p += GTL_SECTION_SIZE) {
		uint32_t kind = get_le32(p);
		struct section s = { .crc = get_le32(p + 4), .off = get_le64(p + 8),
				     .len = get_le64(p + 16), .there = true };

		if (s.off > tl->size || s.len > tl->size - s.off)
			return err_set(err, ERR_FORMAT,
				       "section %u: bytes %" PRIu64 "+%" PRIu64
				       " do not fit in a file of %" PRIu64,
				       kind, s.off, s.len, tl->size);
		if (kind < N_GTL_SECTIONS)	/* what a later version adds is passed over */
			section[kind] = s;
	}
	return 0;
}

static int have_section(const struct section *s, unsigned kind, struct err *err)
{
	if (!s[kind].there)
		return err_set(err, ERR_FORMAT, "section %u is missing", kind);
	return 0;
}

static const uint8_t *section_bytes(const struct timeline *tl, const struct section *s,
				    unsigned kind, struct buf *scratch, struct err *err)
{
	const uint8_t *p = tl_bytes(tl, s->off, s->len, scratch, err);

	if (p && tl_crc(p, s->len) != s->crc) {
		err_set(err, ERR_FORMAT, "damaged section %u: wrong checksum", kind);
		return NULL;
	}
	return p;
}

static int read_section(struct timeline *tl, const struct section *s, unsigned kind,
			int (*read)(struct timeline *, const uint8_t *, size_t, struct err *),
			struct buf *scratch, struct err *err)
{
	const uint8_t *p;

	if (have_section(s, kind, err))
		return -1;
	p = section_bytes(tl, &s[kind], kind, scratch, err);
	return p ? read(tl, p, s[kind].len, err) : -1;
}

static int open_sections(struct timeline *tl, struct err *err)
{
	struct section s[N_GTL_SECTIONS] = { 0 };
	struct buf scratch = BUF_INIT;
	int ret = read_table(tl, s, &scratch, err);

	if (!ret)
		ret = read_section(tl, s, GTL_META, meta_decode, &scratch, err) ||
		      read_section(tl, s, GTL_BLOCK_INDEX, read_block_index, &scratch, err) ||
		      read_section(tl, s, GTL_NODE_INDEX, read_node_index, &scratch, err) ||
		      have_section(s, GTL_HISTS, err) ||
		      read_section(tl, s, GTL_FUNCS, funcs_decode, &scratch, err) ||
		      read_section(tl, s, GTL_PATCHES, read_patches, &scratch, err);
	buf_release(&scratch);
	tl->hists = s[GTL_HISTS];
	return ret ? -1 : 0;
}

int timeline_open_mem(struct timeline **out, const void *data, size_t len, struct err *err)
{
	struct timeline *tl = calloc(1, sizeof(*tl));

	*out = NULL;
	if (!tl)
		return err_memory(err, "a timeline");
	tl->fd = -1;
	tl->mem = data;
	tl->size = len;
	if (open_sections(tl, err)) {
		timeline_close(tl);
		return -1;
	}
	*out = tl;
	return 0;
}

bool timeline_is(const char *path)
{
	char head[8];
	struct stat st;
	bool is;
	int fd;

	/* Who opens and closes a pipe drives its writer away, and what is read of it is gone. */
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	is = fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) &&
	     !memcmp(head, GTL_MAGIC, sizeof(head));
	if (fd >= 0)
		close(fd);
	return is;
}

int timeline_open(struct timeline **out, const char *path, struct err *err)
{
	struct timeline *tl = calloc(1, sizeof(*tl));
	struct stat st;

	*out = NULL;
	if (!tl)
		return err_memory(err, "a timeline");
	tl->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (tl->fd < 0 || fstat(tl->fd, &st)) {
		err_system(err, "%s: cannot open", path);
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_FORMAT, "%s: not a file", path);
		goto fail;
	}
	tl->size = (uint64_t)st.st_size;
	if (open_sections(tl, err)) {
		err_prefix(err, path);
		goto fail;
	}
	*out = tl;
	return 0;
fail:
	timeline_close(tl);
	return -1;
}

static void free_hists(struct hist (*hist)[N_HISTS], uint32_t n_lanes)
{
	for (size_t i = 0; hist && i <= n_lanes; i++)
		for (unsigned h = 0; h < N_HISTS; h++)
			hist_release(&hist[i][h]);
	free(hist);
}

void timeline_close(struct timeline *tl)
{
	if (!tl)
		return;
	free_hists(tl->hist, tl->info.n_lanes);
	if (tl->fd >= 0)
		close(tl->fd);
	free(tl->thread);
	free(tl->process);
	free(tl->lock);
	free(tl->func);
	free(tl->fact);
	free(tl->perm);
	free(tl->text);
	free(tl->block);
	free(tl->events_before);
	free(tl->node);
	free(tl->patch);
	free(tl);
}

const struct timeline_info *timeline_info(const struct timeline *tl)
{
	return &tl->info;
}

const struct timeline_thread *timeline_thread(const struct timeline *tl, uint32_t i)
{
	assert(i < tl->info.n_threads);
	return &tl->thread[i];
}

const struct timeline_process *timeline_process(const struct timeline *tl, uint32_t i)
{
	assert(i < tl->info.n_processes);
	return &tl->process[i];
}

const struct timeline_lock *timeline_lock(const struct timeline *tl, uint32_t i)
{
	assert(i < tl->info.n_locks);
	return &tl->lock[i];
}

const struct timeline_func *timeline_func(const struct timeline *tl, uint32_t i)
{
	assert(i < tl->info.n_funcs);
	return &tl->func[i];
}

const struct timeline_fact *timeline_fact(const struct timeline *tl, uint32_t i)
{
	assert(i < tl->info.n_facts);
	return &tl->fact[i];
}

const char *timeline_fact_value(const struct timeline *tl, const char *key)
{
	for (uint32_t i = 0; i < tl->info.n_facts; i++)
		if (!strcmp(tl->fact[i].key, key))
			return tl->fact[i].value;
	return NULL;
}

/* --- histograms ------------------------------------------------------------------------------- */

static int decode_hists(struct hist (*hist)[N_HISTS], uint32_t n_lanes, const uint8_t *p,
			const uint8_t *end, struct err *err)
{
	for (uint32_t i = 0; i < n_lanes; i++)
		for (unsigned h = 0; h < N_HISTS; h++) {
			p = hist_decode(&hist[i][h], p, end);
			if (!p)
				return err_set(err, ERR_FORMAT, "damaged histogram of lane %u", i);
			hist_merge(&hist[n_lanes][h], &hist[i][h]);
			if (hist[n_lanes][h].failed)
				return err_memory(err, "a timeline's histograms");
		}
	return 0;
}

int timeline_load_hists(struct timeline *tl, struct err *err)
{
	struct hist (*hist)[N_HISTS], (*none)[N_HISTS] = NULL;
	struct buf scratch = BUF_INIT;
	const uint8_t *p;
	int ret = -1;

	if (tl->hist)
		return 0;
	hist = calloc((size_t)tl->info.n_lanes + 1, sizeof(*hist));
	if (!hist)
		return err_memory(err, "a timeline's histograms");
	p = section_bytes(tl, &tl->hists, GTL_HISTS, &scratch, err);
	if (p)
		ret = decode_hists(hist, tl->info.n_lanes, p, p + tl->hists.len, err);
	/* Of threads that load them at the same time, one wins. */
	if (ret || !atomic_compare_exchange_strong(&tl->hist, &none, hist))
		free_hists(hist, tl->info.n_lanes);
	buf_release(&scratch);
	return ret;
}

uint64_t timeline_quantile(const struct timeline *tl, enum timeline_hist which, uint32_t i,
			   double q)
{
	assert(tl->hist && (i < tl->info.n_lanes || i == NO_THREAD));
	return hist_quantile(&tl->hist[i == NO_THREAD ? tl->info.n_lanes : i][which], q);
}

uint64_t timeline_count_bound(const struct timeline *tl, uint64_t from, uint64_t to)
{
	size_t a = tl_block_from(tl, from), b = tl_block_from(tl, to);

	return tl->events_before[b] - tl->events_before[a ? a - 1 : 0];
}

/* About how many events come before t. */
static uint64_t about_before(const struct timeline *tl, uint64_t t)
{
	size_t i = tl_block_at(tl, t);
	uint64_t end;

	if (i >= tl->info.n_blocks || t >= tl->info.end)
		return tl->events_before[tl->info.n_blocks];
	end = tl_block_end(tl, i);
	if (t >= end)
		return tl->events_before[i + 1];
	return tl->events_before[i] +
	       (uint64_t)((double)tl->block[i].n_events * (double)(t - tl->block[i].begin) /
			  (double)(end - tl->block[i].begin));
}

uint64_t timeline_count_about(const struct timeline *tl, uint64_t from, uint64_t to)
{
	return about_before(tl, to) - about_before(tl, from);
}

/* --- cursors ---------------------------------------------------------------------------------- */

struct timeline_cursor *timeline_cursor_new(struct timeline *tl, struct err *err)
{
	struct timeline_cursor *c = calloc(1, sizeof(*c));

	if (c)
		c->dctx = ZSTD_createDCtx();
	if (!c || !c->dctx) {
		free(c);
		err_memory(err, "a cursor");
		return NULL;
	}
	c->tl = tl;
	return c;
}

void timeline_cursor_free(struct timeline_cursor *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < CACHED_BLOCKS; i++)
		buf_release(&c->block[i].data);
	for (unsigned i = 0; i < CACHED_NODES; i++)
		buf_release(&c->node[i].data);
	buf_release(&c->scratch);
	block_reader_release(&c->reader);
	ZSTD_freeDCtx(c->dctx);
	free(c->lane);
	free(c->some);
	free(c);
}

/* The slot that holds the key, or the one used longest ago with its key cleared. */
static struct cached *cache_find(struct timeline_cursor *c, struct cached *slot, unsigned n,
				 uint64_t key)
{
	struct cached *oldest = slot;

	c->clock++;
	for (unsigned i = 0; i < n; i++) {
		if (slot[i].key == key) {
			slot[i].used = c->clock;
			return &slot[i];
		}
		if (slot[i].used < oldest->used)
			oldest = &slot[i];
	}
	oldest->key = 0;
	oldest->used = c->clock;
	return oldest;
}

/* Decompresses len bytes at p to raw_len bytes in out; equal lengths: they are not compressed. */
static int unpack(struct timeline_cursor *c, const uint8_t *p, size_t len, size_t raw_len,
		  struct buf *out, struct err *err)
{
	size_t n;

	buf_clear(out);
	if (!buf_reserve(out, raw_len ? raw_len : 1)) {
		out->failed = false;
		return err_memory(err, "a block");
	}
	if (len == raw_len) {
		memcpy(out->data, p, len);
		out->len = len;
		return 0;
	}
	n = ZSTD_decompressDCtx(c->dctx, out->data, raw_len, p, len);
	if (ZSTD_isError(n) || n != raw_len)
		return err_set(err, ERR_FORMAT, "damaged block: %s",
			       ZSTD_isError(n) ? ZSTD_getErrorName(n) : "of another length");
	out->len = raw_len;
	return 0;
}

int tl_open_block(struct timeline_cursor *c, size_t i, struct err *err)
{
	const struct timeline *tl = c->tl;
	const struct block_entry *e = &tl->block[i];
	struct cached *slot = cache_find(c, c->block, CACHED_BLOCKS, i + 1);
	struct block_bounds bounds = {
		.begin = e->begin, .end = tl_block_end(tl, i), .n_events = e->n_events,
		.perm = tl->perm, .n_threads = tl->info.n_threads, .n_locks = tl->info.n_locks,
	};

	if (!slot->key) {
		const uint8_t *p = tl_bytes(tl, e->off, e->len, &c->scratch, err);

		if (!p)
			return -1;
		if (tl_crc(p, e->len) != e->crc)
			return err_set(err, ERR_FORMAT, "damaged block %zu at byte %" PRIu64
				       ": wrong checksum", i, e->off);
		if (unpack(c, p, e->len, e->raw_len, &slot->data, err))
			return -1;
		slot->key = i + 1;
	}
	return block_open(&c->reader, slot->data.data, slot->data.len, &bounds, err);
}

/* --- bins ------------------------------------------------------------------------------------- */

/*
 * Bytes of one group of a node: the table of frames is behind each other {len, raw_len, crc}, 12
 * bytes.
 */
static int open_group(struct timeline_cursor *c, const struct node_entry *e, uint32_t group,
		      const struct cached **out, struct err *err)
{
	const struct timeline *tl = c->tl;
	uint32_t n_groups = (tl->info.n_lanes + NODE_GROUP - 1) / NODE_GROUP;
	uint64_t key = e->off + group + 1, off;		/* of our files no two nodes share a byte */
	struct cached *slot = cache_find(c, c->node, CACHED_NODES, key);
	uint32_t len, raw_len, crc;
	const uint8_t *p;

	*out = slot;
	if (slot->key)
		return 0;
	if (e->len < 12 * (uint64_t)n_groups)
		return err_set(err, ERR_FORMAT, "damaged node: %u bytes for %u groups", e->len,
			       n_groups);
	p = tl_bytes(tl, e->off, 12 * (size_t)n_groups, &c->scratch, err);
	if (!p)
		return -1;
	if (tl_crc(p, 12 * (size_t)n_groups) != e->crc)
		return err_set(err, ERR_FORMAT, "damaged node at byte %" PRIu64 ": wrong checksum",
			       e->off);
	off = 12 * (uint64_t)n_groups;
	for (uint32_t i = 0; i < group; i++)
		off += get_le32(p + 12 * i);
	len = get_le32(p + 12 * group);
	raw_len = get_le32(p + 12 * group + 4);
	crc = get_le32(p + 12 * group + 8);
	if (off > e->len || len > e->len - off || raw_len > BLOCK_MAX_RAW || raw_len < len)
		return err_set(err, ERR_FORMAT, "damaged node at byte %" PRIu64, e->off);
	p = tl_bytes(tl, e->off + off, len, &c->scratch, err);
	if (!p)
		return -1;
	if (tl_crc(p, len) != crc)
		return err_set(err, ERR_FORMAT, "damaged bins at byte %" PRIu64 ": wrong checksum",
			       e->off + off);
	if (unpack(c, p, len, raw_len, &slot->data, err))
		return -1;
	slot->key = key;
	return 0;
}

/* What a call of timeline_bins() fills. */
struct window {
	unsigned level;
	uint64_t first;
	uint32_t n, lane0, n_lanes;
	struct timeline_bin *out;
};

/*
 * Adds those bins of a node that lie in the window, some at least; the node's level is at most the
 * window's.
 */
static int add_node(struct timeline_cursor *c, const struct window *w, const struct node_entry *e,
		    struct err *err)
{
	uint32_t per_node = 1u << c->tl->bins_per_node_bits, n_lanes = c->tl->info.n_lanes;
	uint64_t begin = e->x << c->tl->bins_per_node_bits;
	unsigned up = w->level - e->level;
	struct node_window part = { .stride = w->n, .to = per_node, .up = up };

	/* less than 0, that is wrapped, where from is not 0 */
	part.offset = begin - (w->first << up);
	if (begin >> up < w->first)
		part.from = (uint32_t)((w->first << up) - begin);
	if (((begin + per_node - 1) >> up) - w->first >= w->n)
		part.to = (uint32_t)(((w->first + w->n) << up) - begin);
	for (uint32_t g = w->lane0 / NODE_GROUP; g * NODE_GROUP < w->lane0 + w->n_lanes; g++) {
		uint32_t lane = g * NODE_GROUP, lane_end = w->lane0 + w->n_lanes;
		uint32_t n = n_lanes - lane < NODE_GROUP ? n_lanes - lane : NODE_GROUP;
		const struct cached *slot;

		part.lane0 = lane < w->lane0 ? w->lane0 - lane : 0;
		part.n_lanes = (lane_end - lane < n ? lane_end - lane : n) - part.lane0;
		part.out = w->out + (size_t)(lane + part.lane0 - w->lane0) * w->n;
		part.some = c->some + (lane + part.lane0 - w->lane0);
		if (open_group(c, e, g, &slot, err) ||
		    node_decode(&part, n, per_node, 1ull << e->level, slot->data.data,
				slot->data.len, err))
			return -1;
	}
	return 0;
}

static int draw_range(struct timeline_cursor *c, const struct window *w, uint64_t from, uint64_t to,
		      struct err *err)
{
	uint64_t a = w->first << w->level, b = w->first + w->n;

	b = b > UINT64_MAX >> w->level ? UINT64_MAX : b << w->level;

	if (from < a)
		from = a;
	if (to > b)
		to = b;
	if (from >= to)
		return 0;
	return draw_blocks(c, w->level, w->first, from, to, w->lane0, w->n_lanes, w->n, w->out,
			   err);
}

/*
 * Nodes where there are some, at the level that is stored next below; events elsewhere.  Above the
 * highest stored level the highest one is folded.
 */
int timeline_bins(struct timeline_cursor *c, unsigned level, uint64_t first, uint32_t n,
		  uint32_t lane0, uint32_t n_lanes, struct timeline_bin *out, struct err *err)
{
	const struct timeline *tl = c->tl;
	struct window w = { level, first, n, lane0, n_lanes, out };
	uint64_t end, x, last_x, drawn;
	unsigned base = level;
	unsigned shift;

	assert(level <= 62 && lane0 + n_lanes <= tl->info.n_lanes);
	if (tl_reserve_lanes(c, n_lanes, err))
		return -1;
	memset(out, 0, (size_t)n_lanes * n * sizeof(*out));
	memset(c->some, 0, n_lanes * sizeof(*c->some));
	/* Nothing lies behind the bin of the last event. */
	if (!n || first > tl->info.end >> level)
		return 0;
	if (n - 1 > (tl->info.end >> level) - first)
		end = (tl->info.end >> level) + 1;
	else
		end = first + n;
	while (base &&
	       (base % NODE_LEVEL_STEP || tl->level_first[base] == tl->level_first[base + 1]))
		base--;
	shift = base + tl->bins_per_node_bits;
	w.n = n;
	if (tl->level_first[base] == tl->level_first[base + 1] || shift > 62)
		return draw_range(c, &w, first << level, end << level, err);

	x = first << level >> shift;
	last_x = ((end << level) - 1) >> shift;
	if (last_x > tl->info.end >> shift)	/* no node lies behind the trace */
		last_x = tl->info.end >> shift;
	for (drawn = first << level; x <= last_x; x++) {
		const struct node_entry *e = tl_node(tl, base, x);

		if (!e)
			continue;
		if (draw_range(c, &w, drawn, x << shift, err) || add_node(c, &w, e, err))
			return -1;
		drawn = (x + 1) << shift;
	}
	return draw_range(c, &w, drawn, end << level, err);
}

const bool *timeline_bins_some(const struct timeline_cursor *c)
{
	return c->some;
}

static int sum_range(struct timeline_cursor *c, uint64_t from, uint64_t to, uint32_t lane0,
		     uint32_t n_lanes, struct timeline_bin *out, struct timeline_bin *bins,
		     unsigned depth, struct err *err)
{
	enum { N = 64 };
	unsigned level = 0;
	uint64_t a, b;

	if (from >= to)
		return 0;
	if (depth > 16 || tl_blocks_in(c->tl, from, to) <= 2 * NODE_MIN_BLOCKS)
		return draw_blocks(c, 62, 0, from, to, lane0, n_lanes, 1, out, err);
	while ((to - from) >> level > N / 2)
		level++;
	/* from > 0 here or level's bins begin at 0 anyway */
	a = ((from - 1) >> level) + 1;
	if (!from)
		a = 0;
	b = to >> level;
	if (a >= b)
		return draw_blocks(c, 62, 0, from, to, lane0, n_lanes, 1, out, err);
	if (timeline_bins(c, level, a, (uint32_t)(b - a), lane0, n_lanes, bins, err))
		return -1;
	for (uint32_t l = 0; l < n_lanes; l++)
		for (uint64_t i = 0; i < b - a; i++)
			bin_add(&out[l], &bins[l * (b - a) + i]);
	return sum_range(c, from, a << level, lane0, n_lanes, out, bins, depth + 1, err) ||
	       sum_range(c, b << level, to, lane0, n_lanes, out, bins, depth + 1, err) ? -1 : 0;
}

int timeline_sum(struct timeline_cursor *c, uint64_t from, uint64_t to, uint32_t lane0,
		 uint32_t n_lanes, struct timeline_bin *out, struct err *err)
{
	struct timeline_bin *bins;
	int ret;

	assert(lane0 + n_lanes <= c->tl->info.n_lanes);
	memset(out, 0, n_lanes * sizeof(*out));
	if (to > c->tl->info.end + 1)
		to = c->tl->info.end + 1;
	if (from >= to || !n_lanes)
		return 0;
	bins = malloc((size_t)n_lanes * 64 * sizeof(*bins));
	if (!bins)
		return err_memory(err, "sums");
	ret = sum_range(c, from, to, lane0, n_lanes, out, bins, 0, err);
	free(bins);
	return ret;
}
