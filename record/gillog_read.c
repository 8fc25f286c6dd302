/* gillog_read.c - see gillog.h: sections, names, and blocks as they stand in the log */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "gillog_format.h"

struct reader_state {
	uint64_t *thread_last;		/* the end of the thread's last block */
	uint64_t name_bytes;		/* of all strings of the info: up to NAMES_TOTAL */
	uint32_t cap_processes, cap_facts, cap_threads, cap_locks, cap_funcs, cap_last;
};

struct gillog {
	gillog_read_fn *read;
	void *ctx;
	const uint8_t *mem;		/* the _mem form's input, borrowed */
	size_t mem_len, mem_pos;
	uint64_t pos;			/* bytes read so far */
	uint64_t mark;			/* the last one; no block may begin before */
	uint64_t epoch_last;		/* the latest event of the epoch */
	uint64_t epoch_bytes;
	bool epoch_has_events, over;
	bool has_apart, has_mixed;	/* blocks of one thread, of all */
	struct gillog_info info;
	struct reader_state st;
	ZSTD_DCtx *dctx;
	uint8_t *raw;			/* NAMES_MAX bytes */
};

/* --- names ------------------------------------------------------------------------------------ */

/* Takes a varint length and that many bytes from *p; *s is a new string. */
static int take_string(struct gillog *g, const uint8_t **p, const uint8_t *end, char **s,
		       struct err *err)
{
	uint64_t n;
	const uint8_t *q = get_varint(*p, end, &n);

	if (!q || n > (uint64_t)(end - q))
		return err_set(err, ERR_FORMAT, "a name does not fit in its section");
	if (memchr(q, 0, n))
		return err_set(err, ERR_FORMAT, "a name holds a NUL");
	if (n > NAMES_TOTAL - g->st.name_bytes)
		return err_set(err, ERR_FORMAT, "more than %u MiB of names in the log",
			       NAMES_TOTAL >> 20);
	*s = malloc(n + 1);
	if (!*s)
		return err_memory(err, "names");
	memcpy(*s, q, n);
	(*s)[n] = 0;
	g->st.name_bytes += n;
	*p = q + n;
	return 0;
}

/* NULL is allowed. */
static void drop_string(struct gillog *g, char *s)
{
	if (s)
		g->st.name_bytes -= strlen(s);
	free(s);
}

static int take_uint(const uint8_t **p, const uint8_t *end, uint64_t max, uint64_t *v,
		     struct err *err)
{
	*p = get_varint(*p, end, v);
	if (!*p || *v > max)
		return err_set(err, ERR_FORMAT,
			       "a number in a names section is cut off or too large");
	return 0;
}

/* Replaces a string by one taken from the section. */
static int retake_string(struct gillog *g, const uint8_t **p, const uint8_t *end, char **s,
			 struct err *err)
{
	size_t n = *s ? strlen(*s) : 0;
	char *fresh;

	g->st.name_bytes -= n;
	if (take_string(g, p, end, &fresh, err)) {
		g->st.name_bytes += n;
		return -1;
	}
	free(*s);
	*s = fresh;
	return 0;
}

/* At most n, and there are at most NAMED_MAX of those that the word names. */
static int take_index(const uint8_t **p, const uint8_t *end, uint32_t n, const char *of,
		      uint64_t *i, struct err *err)
{
	if (take_uint(p, end, UINT32_MAX - 1, i, err))
		return -1;
	if (*i >= NAMED_MAX)
		return err_set(err, ERR_FORMAT, "more than %u %s", NAMED_MAX, of);
	if (*i > n)
		return err_set(err, ERR_FORMAT,
			       "number %" PRIu64 " is named where %" PRIu32 " is next", *i, n);
	return 0;
}

/* The next process, or one that is there: number i of them. */
static struct gillog_process *process_at(struct gillog *g, uint64_t i, struct err *err)
{
	struct gillog_info *info = &g->info;
	struct gillog_process *p;

	if (gillog_grow(&info->processes, &g->st.cap_processes, (uint32_t)i, sizeof(*p), err))
		return NULL;
	p = &info->processes[i];
	if (!p->name && !(p->name = calloc(1, 1))) {
		err_memory(err, "names");
		return NULL;
	}
	if (i == info->n_processes) {
		info->n_processes++;
		p->pid = p->ppid = -1;
	}
	return p;
}

/* The number of a process at the end of an entry: 0 if it says none. */
static int take_process_number(const uint8_t **p, const uint8_t *end, uint32_t n, uint64_t *i,
			       struct err *err)
{
	*i = 0;
	return *p < end ? take_index(p, end, n, "processes", i, err) : 0;
}

static int take_process(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	char *name = NULL;
	uint64_t pid, ppid, i, waits = GILLOG_WAITS_UNKNOWN;
	struct gillog_process *at = NULL;

	/* Stored plus one: 0 is unknown. */
	if (take_uint(&p, end, INT64_MAX, &pid, err) || take_uint(&p, end, INT64_MAX, &ppid, err) ||
	    take_string(g, &p, end, &name, err))
		return -1;
	if (!take_process_number(&p, end, g->info.n_processes, &i, err) &&
	    (p == end || !take_uint(&p, end, GILLOG_WAITS_ENTRY, &waits, err)))
		at = process_at(g, i, err);
	if (!at) {
		drop_string(g, name);
		return -1;
	}
	drop_string(g, at->name);
	*at = (struct gillog_process){
		.pid = (int64_t)pid - 1, .ppid = (int64_t)ppid - 1, .name = name, .waits = waits,
	};
	return 0;
}

static int take_told(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	struct gillog_told *t = &g->info.told;
	uint64_t waits, truncated;

	if (take_uint(&p, end, GILLOG_WAITS_ENTRY, &waits, err) ||
	    take_uint(&p, end, 1, &truncated, err) ||
	    take_uint(&p, end, INT64_MAX, &t->skipped, err) ||
	    take_uint(&p, end, INT64_MAX, &t->lost, err) ||
	    take_uint(&p, end, INT64_MAX, &t->check_interval, err))
		return -1;
	t->waits = waits;
	t->truncated = truncated;
	return retake_string(g, &p, end, &g->info.title, err);
}

static int take_fact(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	struct gillog_info *info = &g->info;
	char *key;
	uint32_t i;

	if (take_string(g, &p, end, &key, err))
		return -1;
	for (i = 0; i < info->n_facts; i++)
		if (!strcmp(info->facts[i].key, key))
			break;
	if (i < info->n_facts) {
		drop_string(g, key);
		return retake_string(g, &p, end, &info->facts[i].value, err);
	}
	if (i >= 1024) {		/* each is compared with all */
		drop_string(g, key);
		return err_set(err, ERR_FORMAT, "more than 1024 facts");
	}
	if (gillog_grow(&info->facts, &g->st.cap_facts, i, sizeof(*info->facts), err)) {
		drop_string(g, key);
		return -1;
	}
	info->facts[i].key = key;
	if (take_string(g, &p, end, &info->facts[i].value, err)) {
		drop_string(g, key);
		info->facts[i].key = NULL;
		return -1;
	}
	info->n_facts++;
	return 0;
}

static int take_thread(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	struct gillog_info *info = &g->info;
	struct gillog_thread *t;
	uint64_t i, process;

	if (take_index(&p, end, info->n_threads, "threads", &i, err) ||
	    gillog_grow(&info->threads, &g->st.cap_threads, (uint32_t)i, sizeof(*info->threads),
			err) ||
	    gillog_grow(&g->st.thread_last, &g->st.cap_last, (uint32_t)i,
			sizeof(*g->st.thread_last), err))
		return -1;
	t = &info->threads[i];
	if (retake_string(g, &p, end, &t->id, err) || retake_string(g, &p, end, &t->name, err) ||
	    take_process_number(&p, end, info->n_processes - 1, &process, err))
		return -1;
	t->process = (uint32_t)process;
	if (i == info->n_threads)
		info->n_threads++;
	return 0;
}

static int take_lock(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	struct gillog_info *info = &g->info;
	struct gillog_lock *l;
	uint64_t i, flags, process;

	if (take_index(&p, end, info->n_locks, "locks", &i, err) ||
	    take_uint(&p, end, 1, &flags, err))
		return -1;
	if (i > UINT16_MAX)
		return err_set(err, ERR_FORMAT, "more than 65536 locks");
	if (gillog_grow(&info->locks, &g->st.cap_locks, (uint32_t)i, sizeof(*info->locks), err))
		return -1;
	l = &info->locks[i];
	if (retake_string(g, &p, end, &l->id, err) || retake_string(g, &p, end, &l->name, err) ||
	    take_process_number(&p, end, info->n_processes - 1, &process, err))
		return -1;
	l->process = (uint32_t)process;
	l->park = flags;
	if (i == info->n_locks)
		info->n_locks++;
	return 0;
}

static int take_func(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	struct gillog_info *info = &g->info;
	struct gillog_func *f;
	uint64_t i, line;

	if (take_index(&p, end, info->n_funcs, "functions", &i, err) ||
	    take_uint(&p, end, UINT32_MAX, &line, err) ||
	    gillog_grow(&info->funcs, &g->st.cap_funcs, (uint32_t)i, sizeof(*info->funcs), err))
		return -1;
	f = &info->funcs[i];
	if (retake_string(g, &p, end, &f->name, err) || retake_string(g, &p, end, &f->file, err))
		return -1;
	f->line = (uint32_t)line;
	if (i == info->n_funcs)
		info->n_funcs++;
	return 0;
}

/*
 * A names section is a row of {tag, length, body}; unknown tags, and bytes behind a known body, are
 * skipped.
 */
static int take_names(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	while (p < end) {
		uint64_t tag, n;
		int r = 0;

		p = get_varint(p, end, &tag);
		if (p)
			p = get_varint(p, end, &n);
		if (!p || n > (uint64_t)(end - p))
			return err_set(err, ERR_FORMAT,
				       "an entry does not fit in its names section");
		switch (tag) {
		case TAG_PROCESS:
			r = take_process(g, p, p + n, err);
			break;
		case TAG_FACT:
			r = take_fact(g, p, p + n, err);
			break;
		case TAG_THREAD:
			r = take_thread(g, p, p + n, err);
			break;
		case TAG_LOCK:
			r = take_lock(g, p, p + n, err);
			break;
		case TAG_FUNC:
			r = take_func(g, p, p + n, err);
			break;
		case TAG_TOLD:
			r = take_told(g, p, p + n, err);
			break;
		}
		if (r)
			return -1;
		p += n;
	}
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

bool gillog_is(const void *data, size_t n)
{
	return n >= 8 && !memcmp(data, GILLOG_MAGIC, 8);
}

/* Reads up to n bytes; *got is fewer only at the end. */
static int input(struct gillog *g, void *data, size_t n, size_t *got, struct err *err)
{
	if (g->mem) {
		*got = n < g->mem_len - g->mem_pos ? n : g->mem_len - g->mem_pos;
		memcpy(data, g->mem + g->mem_pos, *got);
		g->mem_pos += *got;
	} else if (g->read(g->ctx, data, n, got, err)) {
		return -1;
	}
	g->pos += *got;
	return 0;
}

static int read_header(struct gillog *g, struct err *err)
{
	uint8_t h[GILLOG_HEADER_SIZE];
	size_t got;

	if (input(g, h, sizeof(h), &got, err))
		return -1;
	if (!gillog_is(h, got))
		return err_set(err, ERR_FORMAT, "this is not a binary gillog");
	if (got < sizeof(h))
		return err_set(err, ERR_FORMAT, "the log ends within its header, after %zu bytes",
			       got);
	if (get_le32(h + 12) != crc_of(h, 12))
		return err_set(err, ERR_FORMAT, "the header's crc is wrong");
	if (!get_le16(h + 8) || get_le16(h + 8) > GILLOG_VERSION)
		return err_set(err, ERR_VERSION,
			       "the log is of version %u; this program reads versions 1 to %u",
			       get_le16(h + 8), GILLOG_VERSION);
	if (h[10] > GILLOG_TICKS || h[11])
		return err_set(err, ERR_FORMAT, "unknown clock %u or flags %u", h[10], h[11]);
	g->info.clock = h[10];
	return 0;
}

static int reader_new(struct gillog **out, struct gillog *from, struct err *err)
{
	struct gillog *g = malloc(sizeof(*g));

	*out = NULL;
	if (!g)
		return err_memory(err, "a log's reader");
	*g = *from;
	g->info.title = calloc(1, 1);
	g->raw = malloc(NAMES_MAX);
	g->dctx = ZSTD_createDCtx();
	if (!g->info.title || !g->raw || !g->dctx || !process_at(g, 0, err)) {
		gillog_close(g);
		return err_memory(err, "a log's reader");
	}
	if (read_header(g, err)) {
		gillog_close(g);
		return -1;
	}
	*out = g;
	return 0;
}

int gillog_open(struct gillog **out, gillog_read_fn *read, void *ctx, struct err *err)
{
	return reader_new(out, &(struct gillog){ .read = read, .ctx = ctx }, err);
}

int gillog_open_mem(struct gillog **out, const void *buf, size_t len, struct err *err)
{
	return reader_new(out, &(struct gillog){ .mem = buf ? buf : "", .mem_len = len }, err);
}

void gillog_close(struct gillog *g)
{
	struct gillog_info *info;

	if (!g)
		return;
	info = &g->info;
	for (uint32_t i = 0; i < info->n_facts; i++) {
		free(info->facts[i].key);
		free(info->facts[i].value);
	}
	/* To the capacity: an entry whose second string was refused holds the first. */
	for (uint32_t i = 0; i < g->st.cap_threads; i++) {
		free(info->threads[i].id);
		free(info->threads[i].name);
	}
	for (uint32_t i = 0; i < g->st.cap_locks; i++) {
		free(info->locks[i].id);
		free(info->locks[i].name);
	}
	for (uint32_t i = 0; i < g->st.cap_funcs; i++) {
		free(info->funcs[i].name);
		free(info->funcs[i].file);
	}
	free(info->facts);
	free(info->threads);
	free(info->locks);
	free(info->funcs);
	for (uint32_t i = 0; i < g->st.cap_processes; i++)
		free(info->processes[i].name);
	free(info->processes);
	free(info->title);
	free(g->st.thread_last);
	free(g->raw);
	ZSTD_freeDCtx(g->dctx);
	free(g);
}

const struct gillog_info *gillog_info(const struct gillog *g)
{
	return &g->info;
}

void gillog_block_release(struct gillog_block *b)
{
	free(b->data);
	b->data = NULL;
}

static enum gillog_next cut(struct gillog *g, struct err *err)
{
	err_set(err, ERR_FORMAT, "the log is cut off at byte %" PRIu64, g->pos);
	return GILLOG_CUT;
}

/* 1: *h is a section's header; 0: the input has ended, before it or within it; -1. */
static int read_section(struct gillog *g, struct section_header *h, struct err *err)
{
	uint8_t p[GILLOG_SECTION_SIZE];
	uint64_t at = g->pos;
	size_t got;

	if (input(g, p, sizeof(p), &got, err))
		return -1;
	if (got < sizeof(p))
		return 0;
	if (get_le32(p + 44) != crc_of(p, 44))
		return err_set(err, ERR_FORMAT,
			       "byte %" PRIu64 ": the crc of a section's header is wrong", at);
	*h = (struct section_header){
		.type = p[0], .method = p[1], .stored = get_le32(p + 4), .raw = get_le32(p + 8),
		.thread = get_le32(p + 12), .first = get_le64(p + 16), .last = get_le64(p + 24),
		.n_events = get_le32(p + 32), .heads = get_le32(p + 36), .crc = get_le32(p + 40),
	};
	if (h->stored > GILLOG_STORED_MAX || h->raw > GILLOG_BLOCK_MAX || h->heads > h->raw ||
	    h->method > (h->type == SEC_EVENTS ? METHOD_PLANES : METHOD_ZSTD) ||
	    (h->method == METHOD_STORED && h->stored != h->raw))
		return err_set(err, ERR_FORMAT,
			       "byte %" PRIu64 ": a section of %" PRIu32 " bytes for %" PRIu32
			       ", method %u, cannot be",
			       at, h->stored, h->raw, h->method);
	return 1;
}

int gillog_unpack(ZSTD_DCtx *dctx, uint8_t method, const uint8_t *data, uint32_t stored,
		  uint8_t *raw, uint32_t n_raw, struct err *err)
{
	size_t n;

	if (method == METHOD_STORED) {
		if (stored != n_raw)
			return err_set(err, ERR_FORMAT,
				       "%" PRIu32 " bytes are stored where %" PRIu32 " belong",
				       stored, n_raw);
		memcpy(raw, data, n_raw);
		return 0;
	}
	n = ZSTD_decompressDCtx(dctx, raw, n_raw, data, stored);
	if (ZSTD_isError(n))
		return err_set(err, ERR_FORMAT, "zstd: %s", ZSTD_getErrorName(n));
	if (n != n_raw)
		return err_set(err, ERR_FORMAT, "zstd gives %zu bytes where %" PRIu32 " belong", n,
			       n_raw);
	return 0;
}

/* A mixed block: it begins where the one before has ended, or later. */
static int check_mixed(struct gillog *g, const struct section_header *h, uint64_t at,
		       struct err *err)
{
	if (!h->n_events || h->n_events > GILLOG_MIXED_EVENTS || h->first > h->last || h->thread)
		return err_set(err, ERR_FORMAT,
			       "block at byte %" PRIu64 ": %" PRIu32 " events of all threads, from "
			       "%" PRIu64 " to %" PRIu64,
			       at, h->n_events, h->first, h->last);
	if (h->first < g->mark || h->first < g->epoch_last || g->has_apart)
		return err_set(err, ERR_FORMAT, "block at byte %" PRIu64 ": it begins at %" PRIu64
			       ", before what came before it, or comes after blocks of one thread",
			       at, h->first);
	g->has_mixed = true;
	return 0;
}

/* What a block's header claims, against all that came before. */
static int check_block(struct gillog *g, const struct section_header *h, uint64_t at,
		       struct err *err)
{
	if (h->type == SEC_MIXED)
		return check_mixed(g, h, at, err);
	if (g->has_mixed)
		return err_set(err, ERR_FORMAT, "block at byte %" PRIu64 ": one of a thread after "
			       "one of all threads", at);
	g->has_apart = true;
	if (h->thread >= g->info.n_threads)
		return err_set(err, ERR_FORMAT, "block at byte %" PRIu64 ": thread %" PRIu32
			       " has not been named", at, h->thread);
	if (!h->n_events || h->n_events > h->raw || h->first > h->last)
		return err_set(err, ERR_FORMAT,
			       "block at byte %" PRIu64 ": %" PRIu32 " events in %" PRIu32
			       " bytes, from %" PRIu64 " to %" PRIu64,
			       at, h->n_events, h->raw, h->first, h->last);
	if (h->first < g->mark || h->first < g->st.thread_last[h->thread])
		return err_set(err, ERR_FORMAT, "block at byte %" PRIu64 ": it begins at %" PRIu64
			       ", before what came before it", at, h->first);
	g->epoch_bytes += h->raw;
	if (g->epoch_bytes > GILLOG_EPOCH_MAX)
		return err_set(err, ERR_FORMAT,
			       "block at byte %" PRIu64 ": more than %u bytes without a mark", at,
			       GILLOG_EPOCH_MAX);
	return 0;
}

static enum gillog_next next_block(struct gillog *g, const struct section_header *h, uint64_t at,
				   struct gillog_block *b, struct err *err)
{
	struct gillog_info *info = &g->info;
	size_t got;

	if (check_block(g, h, at, err))
		return GILLOG_ERROR;
	*b = (struct gillog_block){
		.thread = h->thread,
		.mixed = h->type == SEC_MIXED,
		.n_events = h->n_events,
		.first = h->first,
		.last = h->last,
		.offset = at,
		.raw = h->raw,
		.n_locks = info->n_locks,
		.n_threads = info->n_threads,
		.n_funcs = info->n_funcs,
		.method = h->method,
		.stored = h->stored,
		.heads = h->heads,
	};
	b->data = malloc(h->stored ? h->stored : 1);
	if (!b->data) {
		err_memory(err, "a block");
		return GILLOG_ERROR;
	}
	if (input(g, b->data, h->stored, &got, err)) {
		gillog_block_release(b);
		return GILLOG_ERROR;
	}
	if (got < h->stored) {
		gillog_block_release(b);
		return cut(g, err);
	}
	if (!b->mixed)
		g->st.thread_last[h->thread] = h->last;
	g->epoch_has_events = true;
	if (h->last > g->epoch_last)
		g->epoch_last = h->last;
	info->blocks++;
	info->events += h->n_events;
	if (crc_of(b->data, h->stored) == h->crc)
		return GILLOG_BLOCK;
	gillog_block_release(b);
	info->damaged_blocks++;
	info->damaged_events += h->n_events;
	err_set(err, ERR_FORMAT, "block at byte %" PRIu64 ": its crc is wrong; %" PRIu32
		" event%s of %s%s %s lost", at, h->n_events, plural(h->n_events),
		b->mixed ? "all threads" : "thread ",
		b->mixed ? "" : info->threads[h->thread].id, h->n_events == 1 ? "is" : "are");
	return GILLOG_DAMAGED;
}

/* 1: taken; 0: cut; -1. */
static int next_names(struct gillog *g, const struct section_header *h, uint64_t at,
		      struct err *err)
{
	uint8_t *data = malloc(h->stored ? h->stored : 1);
	char where[48];
	size_t got;
	int r = -1;

	if (!data)
		return err_memory(err, "names");
	if (input(g, data, h->stored, &got, err))
		goto out;
	if (got < h->stored) {
		r = 0;
		goto out;
	}
	if (h->type != SEC_NAMES) {		/* of a kind that this version does not know */
		r = 1;
		goto out;
	}
	g->info.changes++;
	if (crc_of(data, h->stored) != h->crc)
		err_set(err, ERR_FORMAT, "the crc is wrong");
	else if (!gillog_unpack(g->dctx, h->method, data, h->stored, g->raw, h->raw, err) &&
		 !take_names(g, g->raw, g->raw + h->raw, err))
		r = 1;
	if (r < 0) {
		snprintf(where, sizeof(where), "names at byte %" PRIu64, at);
		err_prefix(err, where);
	}
out:
	free(data);
	return r;
}

static int next_mark(struct gillog *g, const struct section_header *h, uint64_t at, struct err *err)
{
	if (h->stored)
		return err_set(err, ERR_FORMAT,
			       "mark at byte %" PRIu64 ": it has %" PRIu32 " bytes", at, h->stored);
	if (h->first < g->mark || (g->epoch_has_events && g->epoch_last >= h->first))
		return err_set(err, ERR_FORMAT, "mark at byte %" PRIu64 ": %" PRIu64
			       " lies before what came before it", at, h->first);
	g->mark = h->first;
	g->epoch_bytes = 0;
	g->epoch_has_events = false;
	return 0;
}

static int next_end(struct gillog *g, const struct section_header *h, struct err *err)
{
	uint8_t more;
	size_t got;

	if (h->stored || h->first != g->info.events || h->last != g->info.blocks)
		return err_set(err, ERR_FORMAT,
			       "the log's end speaks of %" PRIu64 " event%s in %" PRIu64
			       " block%s; there were %" PRIu64 " in %" PRIu64,
			       h->first, plural(h->first), h->last, plural(h->last), g->info.events,
			       g->info.blocks);
	if (input(g, &more, 1, &got, err))
		return -1;
	if (got)
		return err_set(err, ERR_FORMAT,
			       "there are bytes behind the log's end, at byte %" PRIu64,
			       g->pos - 1);
	g->info.complete = true;
	return 0;
}

static enum gillog_next next(struct gillog *g, struct gillog_block *b, uint64_t *mark,
			     struct err *err)
{
	struct section_header h = { 0 };

	for (;;) {
		uint64_t at = g->pos;
		int r = read_section(g, &h, err);

		if (r > 0 && (h.type == SEC_EVENTS || h.type == SEC_MIXED))
			return next_block(g, &h, at, b, err);
		if (r > 0 && h.type == SEC_END)
			return next_end(g, &h, err) ? GILLOG_ERROR : GILLOG_DONE;
		if (r > 0 && h.type == SEC_MARK) {
			*mark = h.first;
			return next_mark(g, &h, at, err) ? GILLOG_ERROR : GILLOG_MARK;
		}
		if (r > 0)
			r = next_names(g, &h, at, err);
		if (r < 0)
			return GILLOG_ERROR;
		if (!r)
			return cut(g, err);
	}
}

enum gillog_next gillog_next(struct gillog *g, struct gillog_block *b, uint64_t *mark,
			     struct err *err)
{
	enum gillog_next r;

	*b = (struct gillog_block){ 0 };
	*mark = 0;
	if (g->over) {
		err_set(err, ERR_USAGE, "the log has been read to its end");
		return GILLOG_ERROR;
	}
	r = next(g, b, mark, err);
	g->over = r == GILLOG_DONE || r == GILLOG_CUT || r == GILLOG_ERROR;
	return r;
}
