/*
 * gillog.c - see gillog.h; the bytes are drawn in docs/gillog-binary.md
 *
 * A block is a row of varints.  The low three bits of each are a code: 0 to 6 make it an event,
 * whose kind is entry `code` of the row of follow[] that belongs to the kind before, and whose
 * upper bits are the time since the event before; 7 makes it an operation on what the events after
 * it carry.  An uncontended hold is two varints, mostly of two bytes each.
 */
#include "gillog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "buf.h"
#include "bytes.h"
#include "gillog_mixed.h"

enum section { SEC_NAMES = 1, SEC_EVENTS, SEC_MARK, SEC_END, SEC_MIXED };
enum method { METHOD_STORED, METHOD_ZSTD, METHOD_PLANES };
enum name_tag { TAG_PROCESS = 1, TAG_FACT, TAG_THREAD, TAG_LOCK, TAG_FUNC, TAG_TOLD };
enum op { OP_LOCK, OP_CPU, OP_FUNC, OP_KIND, OP_ATTR, OP_CHECKS, OP_COUNTDOWN };

#define CODE_BITS 3
#define CODE_OP 7
#define OP_BITS 3
#define EVENT_ATTRS_MAX 8		/* given with one event, by whoever writes */
#define NAMES_MAX GILLOG_BLOCK_MAX
#define STRING_MAX 4096			/* longer names are cut */
/* a smaller block does not make up for a second frame's header */
#define PLANES_MIN 1024

/* Which kinds follow which, likeliest first; part of the format.  0: no such code. */
static const uint8_t follow[N_GL_KINDS][CODE_OP] = {
	[0] = { GL_ACQUIRE, GL_RELEASE, GL_ENTRY, GL_BUSY, GL_START, GL_TIMEOUT, GL_WOKEN },
	[GL_ENTRY] = { GL_BUSY, GL_ACQUIRE, GL_RETRY, GL_TIMEOUT, GL_WOKEN, GL_ENTRY, GL_END },
	[GL_BUSY] = { GL_TIMEOUT, GL_WOKEN, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT, GL_BUSY, GL_END },
	[GL_TIMEOUT] = { GL_DROP_REQUEST, GL_TIMEOUT, GL_WOKEN, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT,
			 GL_END },
	[GL_DROP_REQUEST] = { GL_WOKEN, GL_TIMEOUT, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT, GL_BUSY,
			      GL_END },
	[GL_RETRY] = { GL_WOKEN, GL_TIMEOUT, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT, GL_BUSY, GL_END },
	[GL_ACQUIRE] = { GL_RELEASE, GL_SCHED_OUT, GL_ACQUIRE, GL_ENTRY, GL_BUSY, GL_WAKEUP,
			 GL_END },
	[GL_RELEASE] = { GL_ACQUIRE, GL_SWITCH_WAIT, GL_ENTRY, GL_BUSY, GL_RELEASE, GL_WAKEUP,
			 GL_END },
	[GL_SWITCH_WAIT] = { GL_SWITCH_DONE, GL_ENTRY, GL_BUSY, GL_ACQUIRE, GL_SCHED_OUT, GL_WOKEN,
			     GL_END },
	[GL_SWITCH_DONE] = { GL_ENTRY, GL_ACQUIRE, GL_BUSY, GL_RELEASE, GL_SCHED_OUT, GL_WAKEUP,
			     GL_END },
	[GL_SCHED_IN] = { GL_SCHED_OUT, GL_ACQUIRE, GL_RELEASE, GL_RETRY, GL_TIMEOUT, GL_ENTRY,
			  GL_WAKEUP },
	[GL_SCHED_OUT] = { GL_SCHED_IN, GL_ACQUIRE, GL_RELEASE, GL_RETRY, GL_TIMEOUT, GL_WOKEN,
			   GL_END },
	[GL_WAKEUP] = { GL_SCHED_OUT, GL_RELEASE, GL_ACQUIRE, GL_ENTRY, GL_BUSY, GL_WAKEUP,
			GL_SCHED_IN },
	[GL_WOKEN] = { GL_ACQUIRE, GL_RETRY, GL_TIMEOUT, GL_SCHED_OUT, GL_BUSY, GL_WOKEN, GL_END },
	[GL_LOST] = { GL_ACQUIRE, GL_RELEASE, GL_ENTRY, GL_BUSY, GL_LOST, GL_WOKEN, GL_END },
	[GL_START] = { GL_ENTRY, GL_ACQUIRE, GL_BUSY, GL_SCHED_IN, GL_RELEASE, GL_LOST, GL_END },
	[GL_END] = { GL_ENTRY, GL_ACQUIRE, GL_BUSY, GL_START, GL_RELEASE, GL_LOST, GL_END },
};

const char *gillog_kind_name(unsigned kind)
{
	static const char *const names[N_GL_KINDS] = {
		NULL, "ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE",
		"SWITCH_WAIT", "SWITCH_DONE", "SCHED_IN", "SCHED_OUT", "WAKEUP", "WOKEN", "LOST",
		"START", "END",
	};

	return kind < N_GL_KINDS ? names[kind] : NULL;
}

const char *gillog_attr_name(unsigned id)
{
	static const char *const names[N_GL_ATTRS] = {
		NULL, "cpu", "target", "count", "since", "checks", "countdown", "func",
	};

	return id < N_GL_ATTRS ? names[id] : NULL;
}

static uint32_t crc_of(const void *data, size_t n)
{
	return (uint32_t)crc32_z(0, data, n);
}

/*
 * A section's header:
 *
 *   0 type u8 | 1 method u8 | 2 zero | 4 stored | 8 raw | 12 thread | 16 first u64 | 24 last u64
 *   32 events | 36 heads | 40 crc of the stored bytes | 44 crc of bytes 0 to 43
 */
struct section_header {
	uint8_t type, method;
	uint32_t stored, raw, thread, n_events, heads, crc;
	uint64_t first, last;
};

static void section_put(uint8_t p[GILLOG_SECTION_SIZE], const struct section_header *h)
{
	memset(p, 0, GILLOG_SECTION_SIZE);
	p[0] = h->type;
	p[1] = h->method;
	put_le32(p + 4, h->stored);
	put_le32(p + 8, h->raw);
	put_le32(p + 12, h->thread);
	put_le64(p + 16, h->first);
	put_le64(p + 24, h->last);
	put_le32(p + 32, h->n_events);
	put_le32(p + 36, h->heads);
	put_le32(p + 40, h->crc);
	put_le32(p + 44, crc_of(p, 44));
}

/* --- names ------------------------------------------------------------------------------------ */

struct reader_state {
	uint64_t *thread_last;		/* the end of the thread's last block */
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

/* Makes room for element n of an array of elements of the given size. */
static int grow(void *array, uint32_t *cap, uint32_t n, size_t size, struct err *err)
{
	void **p = array;
	uint32_t want = *cap ? *cap : 16;
	void *bigger;

	if (n < *cap)
		return 0;
	while (want <= n) {
		if (want > UINT32_MAX / 2)
			return err_memory(err, "names");
		want *= 2;
	}
	bigger = realloc(*p, want * size);
	if (!bigger)
		return err_memory(err, "names");
	memset((char *)bigger + *cap * size, 0, (want - *cap) * size);
	*p = bigger;
	*cap = want;
	return 0;
}

/* Takes a varint length and that many bytes from *p; *s is a new string. */
static int take_string(const uint8_t **p, const uint8_t *end, char **s, struct err *err)
{
	uint64_t n;
	const uint8_t *q = get_varint(*p, end, &n);

	if (!q || n > (uint64_t)(end - q))
		return err_set(err, ERR_FORMAT, "a name does not fit in its section");
	if (memchr(q, 0, n))
		return err_set(err, ERR_FORMAT, "a name holds a NUL");
	*s = malloc(n + 1);
	if (!*s)
		return err_memory(err, "names");
	memcpy(*s, q, n);
	(*s)[n] = 0;
	*p = q + n;
	return 0;
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
static int retake_string(const uint8_t **p, const uint8_t *end, char **s, struct err *err)
{
	char *fresh;

	if (take_string(p, end, &fresh, err))
		return -1;
	free(*s);
	*s = fresh;
	return 0;
}

static int take_index(const uint8_t **p, const uint8_t *end, uint32_t n, uint64_t *i,
		      struct err *err)
{
	if (take_uint(p, end, UINT32_MAX - 1, i, err))
		return -1;
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

	if (grow(&info->processes, &g->st.cap_processes, (uint32_t)i, sizeof(*p), err))
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
	return *p < end ? take_index(p, end, n, i, err) : 0;
}

static int take_process(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	char *name = NULL;
	uint64_t pid, ppid, i;
	struct gillog_process *at;

	/* Stored plus one: 0 is unknown. */
	if (take_uint(&p, end, INT64_MAX, &pid, err) || take_uint(&p, end, INT64_MAX, &ppid, err) ||
	    take_string(&p, end, &name, err))
		return -1;
	at = take_process_number(&p, end, g->info.n_processes, &i, err) ? NULL :
									  process_at(g, i, err);
	if (!at) {
		free(name);
		return -1;
	}
	free(at->name);
	*at = (struct gillog_process){ (int64_t)pid - 1, (int64_t)ppid - 1, name };
	return 0;
}

static int take_told(struct gillog_info *info, const uint8_t *p, const uint8_t *end,
		     struct err *err)
{
	struct gillog_told *t = &info->told;
	uint64_t waits, truncated;

	if (take_uint(&p, end, GILLOG_WAITS_ENTRY, &waits, err) ||
	    take_uint(&p, end, 1, &truncated, err) ||
	    take_uint(&p, end, INT64_MAX, &t->skipped, err) ||
	    take_uint(&p, end, INT64_MAX, &t->lost, err) ||
	    take_uint(&p, end, INT64_MAX, &t->check_interval, err))
		return -1;
	t->waits = waits;
	t->truncated = truncated;
	return retake_string(&p, end, &info->title, err);
}

static int take_fact(struct gillog *g, const uint8_t *p, const uint8_t *end, struct err *err)
{
	struct gillog_info *info = &g->info;
	char *key;
	uint32_t i;

	if (take_string(&p, end, &key, err))
		return -1;
	for (i = 0; i < info->n_facts; i++)
		if (!strcmp(info->facts[i].key, key))
			break;
	if (i < info->n_facts) {
		free(key);
		return retake_string(&p, end, &info->facts[i].value, err);
	}
	if (i >= 1024) {		/* each is compared with all */
		free(key);
		return err_set(err, ERR_FORMAT, "more than 1024 facts");
	}
	if (grow(&info->facts, &g->st.cap_facts, i, sizeof(*info->facts), err)) {
		free(key);
		return -1;
	}
	info->facts[i].key = key;
	if (take_string(&p, end, &info->facts[i].value, err)) {
		free(key);
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

	if (take_index(&p, end, info->n_threads, &i, err) ||
	    grow(&info->threads, &g->st.cap_threads, (uint32_t)i, sizeof(*info->threads), err) ||
	    grow(&g->st.thread_last, &g->st.cap_last, (uint32_t)i, sizeof(*g->st.thread_last), err))
		return -1;
	t = &info->threads[i];
	if (retake_string(&p, end, &t->id, err) || retake_string(&p, end, &t->name, err) ||
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

	if (take_index(&p, end, info->n_locks, &i, err) || take_uint(&p, end, 1, &flags, err))
		return -1;
	if (i > UINT16_MAX)
		return err_set(err, ERR_FORMAT, "more than 65536 locks");
	if (grow(&info->locks, &g->st.cap_locks, (uint32_t)i, sizeof(*info->locks), err))
		return -1;
	l = &info->locks[i];
	if (retake_string(&p, end, &l->id, err) || retake_string(&p, end, &l->name, err) ||
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

	if (take_index(&p, end, info->n_funcs, &i, err) ||
	    take_uint(&p, end, UINT32_MAX, &line, err) ||
	    grow(&info->funcs, &g->st.cap_funcs, (uint32_t)i, sizeof(*info->funcs), err))
		return -1;
	f = &info->funcs[i];
	if (retake_string(&p, end, &f->name, err) || retake_string(&p, end, &f->file, err))
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
			r = take_told(&g->info, p, p + n, err);
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

static int unpack(ZSTD_DCtx *dctx, uint8_t method, const uint8_t *data, uint32_t stored,
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
		" events of %s%s are lost", at, h->n_events, b->mixed ? "all threads" : "thread ",
		b->mixed ? "" : info->threads[h->thread].id);
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
	else if (!unpack(g->dctx, h->method, data, h->stored, g->raw, h->raw, err) &&
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
			       "the log's end speaks of %" PRIu64 " events in %" PRIu64
			       " blocks; there were %" PRIu64 " in %" PRIu64,
			       h->first, h->last, g->info.events, g->info.blocks);
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

/* --- a block's events ------------------------------------------------------------------------- */

struct gillog_decoder {
	ZSTD_DCtx *dctx;
	uint8_t *raw, *planes;		/* GILLOG_BLOCK_MAX bytes each */
	struct gillog_arrays out;
	struct mixed_reader *mixed;	/* NULL until the first mixed block */
	uint64_t mixed_at;		/* where the block that it reads stands */
};

struct gillog_decoder *gillog_decoder_new(struct err *err)
{
	struct gillog_decoder *d = calloc(1, sizeof(*d));

	if (d) {
		d->dctx = ZSTD_createDCtx();
		d->raw = malloc(GILLOG_BLOCK_MAX);
		d->planes = malloc(GILLOG_BLOCK_MAX);
	}
	if (!d || !d->dctx || !d->raw || !d->planes) {
		gillog_decoder_free(d);
		err_memory(err, "a decoder");
		return NULL;
	}
	return d;
}

void gillog_decoder_free(struct gillog_decoder *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->dctx);
	free(d->raw);
	free(d->planes);
	gillog_arrays_release(&d->out);
	if (d->mixed)
		mixed_release(d->mixed);
	free(d->mixed);
	free(d);
}

void gillog_arrays_release(struct gillog_arrays *a)
{
	free(a->event);
	free(a->attr);
	*a = (struct gillog_arrays){ 0 };
}

void gillog_decoder_swap(struct gillog_decoder *d, struct gillog_arrays *a)
{
	struct gillog_arrays swap = d->out;

	d->out = *a;
	*a = swap;
}

static int reserve_events(struct gillog_decoder *d, size_t n, struct err *err)
{
	if (n <= d->out.cap_events)
		return 0;
	free(d->out.event);
	d->out.cap_events = 0;
	d->out.event = malloc(n * sizeof(*d->out.event));
	if (!d->out.event)
		return err_memory(err, "a block's events");
	d->out.cap_events = n;
	return 0;
}

/* Puts each varint's further bytes behind its first again. */
static int join_planes(uint8_t *raw, const uint8_t *planes, uint32_t heads, uint32_t n,
		       struct err *err)
{
	const uint8_t *tail = planes + heads, *end = planes + n;

	for (const uint8_t *head = planes; head < planes + heads; head++) {
		uint8_t byte = *raw++ = *head;

		for (; byte & 0x80 && tail < end; tail++)
			byte = *raw++ = *tail;
		if (byte & 0x80)
			break;
	}
	if (tail != end || raw[-1] & 0x80)
		return err_set(err, ERR_FORMAT,
			       "%" PRIu32 " of %" PRIu32 " bytes cannot be the heads of numbers",
			       heads, n);
	return 0;
}

static int unpack_block(struct gillog_decoder *d, const struct gillog_block *b, struct err *err)
{
	if (b->method != METHOD_PLANES)
		return unpack(d->dctx, b->method, b->data, b->stored, d->raw, b->raw, err);
	if (!b->heads || b->heads > b->raw)
		return err_set(err, ERR_FORMAT, "%" PRIu32 " heads in %" PRIu32 " bytes", b->heads,
			       b->raw);
	return unpack(d->dctx, METHOD_ZSTD, b->data, b->stored, d->planes, b->raw, err) ||
	       join_planes(d->raw, d->planes, b->heads, b->raw, err) ? -1 : 0;
}

/* Room for all that one event can carry. */
static int reserve_attrs(struct gillog_decoder *d, size_t n, struct err *err)
{
	size_t want = d->out.cap_attrs ? d->out.cap_attrs : 1024;
	struct gillog_attr *bigger;

	if (n + 4 + EVENT_ATTRS_MAX <= d->out.cap_attrs)
		return 0;
	while (want < n + 4 + EVENT_ATTRS_MAX)
		want *= 2;
	bigger = realloc(d->out.attr, want * sizeof(*bigger));
	if (!bigger)
		return err_memory(err, "a block's attributes");
	d->out.attr = bigger;
	d->out.cap_attrs = want;
	return 0;
}

/* What operations have set for the events after them; the same on both sides. */
struct carried {
	uint32_t lock;
	int64_t cpu, func;		/* -1: none */
	int64_t checks, countdown;	/* at the event before */
	bool has_checks, has_countdown;
	/*
	 * The thread's ticks: from a release to the next that was no check, and so far towards the
	 * next one.
	 */
	int64_t run, used;
	int64_t interval;		/* what the last check has set the countdown to */
};

/* What they have set for the next event only. */
struct once {
	bool any, cpu, checks, countdown;
	uint8_t kind, n_attrs;
	int64_t checks_off, countdown_off;
	struct gillog_attr attrs[EVENT_ATTRS_MAX];
};

static const struct carried carried_none = { .cpu = -1, .func = -1, .interval = 100 };

static bool kind_has_func(unsigned kind)
{
	return kind == GL_ACQUIRE || kind == GL_RELEASE;
}

/* Sums of what a log claims: they wrap. */
static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* Checks and countdown of a 2.7. */
struct ticks { int64_t checks, countdown; };

/*
 * A thread that calls in a loop lets the lock go each time after as many ticks as the time before,
 * but for the checks between: those are releases too, and set the countdown anew.  One that only
 * computes lets it go at checks alone.  What is so needs no byte.
 */
static inline struct ticks expect_ticks(const struct carried *c, unsigned kind)
{
	struct ticks t = { c->has_checks ? c->checks : 0, c->has_countdown ? c->countdown : 0 };
	int64_t left = minus(c->run, c->used);

	if (kind != GL_RELEASE || !c->has_checks)
		return t;
	if (!c->has_countdown || left < 0 || left > t.countdown) {
		t.checks = plus(t.checks, 1);
		if (c->has_countdown)
			t.countdown = c->interval;
	} else {
		t.countdown = minus(t.countdown, left);
	}
	return t;
}

static inline void learn_ticks(struct carried *c, unsigned kind, struct ticks is)
{
	if (kind == GL_RELEASE && c->has_checks && c->has_countdown) {
		if (is.checks == plus(c->checks, 1)) {
			c->used = plus(c->used, plus(c->countdown, 1));
			c->interval = is.countdown;
		} else {
			c->run = plus(c->used, minus(c->countdown, is.countdown));
			c->used = 0;
		}
	}
	c->checks = is.checks;
	c->countdown = is.countdown;
}

static int take_op(const struct gillog_block *b, uint64_t x, const uint8_t **p, const uint8_t *end,
		   struct carried *c, struct once *o, struct err *err)
{
	uint64_t value = x >> OP_BITS, v;

	o->any = true;
	switch (x & ((1 << OP_BITS) - 1)) {
	case OP_LOCK:
		if (value >= b->n_locks)
			break;
		c->lock = (uint32_t)value;
		return 0;
	case OP_CPU:
		if (value > INT32_MAX)
			break;
		c->cpu = (int64_t)value;
		o->cpu = true;
		return 0;
	case OP_FUNC:
		if (value > b->n_funcs)
			break;
		c->func = (int64_t)value - 1;
		return 0;
	case OP_KIND:
		if (!value || value >= N_GL_KINDS)
			break;
		o->kind = (uint8_t)value;
		return 0;
	case OP_ATTR:
		*p = get_varint(*p, end, &v);
		if (!*p || !gillog_attr_name((unsigned)(value & 0xff)) || value > 0xff ||
		    o->n_attrs == EVENT_ATTRS_MAX)
			break;
		if (value == GL_ATTR_TARGET && (uint64_t)unzigzag(v) >= b->n_threads)
			break;
		o->attrs[o->n_attrs++] = (struct gillog_attr){ (uint8_t)value, unzigzag(v) };
		return 0;
	case OP_CHECKS:
		o->checks_off = unzigzag(value);
		o->checks = true;
		return 0;
	case OP_COUNTDOWN:
		o->countdown_off = unzigzag(value);
		o->countdown = true;
		return 0;
	}
	return err_set(err, ERR_FORMAT, "an operation %" PRIu64 " cannot be", x);
}

/* Writes the attributes of an event of this kind at a; returns how many. */
static unsigned carry(struct gillog_attr *a, unsigned kind, struct carried *c, struct once *o)
{
	struct ticks t = expect_ticks(c, kind);
	unsigned n = 0;

	if (o->cpu)
		a[n++] = (struct gillog_attr){ GL_ATTR_CPU, c->cpu };
	t.checks = plus(t.checks, o->checks_off);
	t.countdown = plus(t.countdown, o->countdown_off);
	learn_ticks(c, kind, t);
	c->has_checks |= o->checks;
	c->has_countdown |= o->countdown;
	if (c->has_checks)
		a[n++] = (struct gillog_attr){ GL_ATTR_CHECKS, t.checks };
	if (c->has_countdown)
		a[n++] = (struct gillog_attr){ GL_ATTR_COUNTDOWN, t.countdown };
	if (c->func >= 0 && kind_has_func(kind))
		a[n++] = (struct gillog_attr){ GL_ATTR_FUNC, c->func };
	for (unsigned i = 0; i < o->n_attrs; i++)
		a[n++] = o->attrs[i];
	if (o->any) {		/* all but what n_attrs says is there */
		o->any = o->cpu = o->checks = o->countdown = false;
		o->kind = o->n_attrs = 0;
		o->checks_off = o->countdown_off = 0;
	}
	return n;
}

static int decode(struct gillog_decoder *d, const struct gillog_block *b, struct err *err)
{
	const uint8_t *p = d->raw, *end = d->raw + b->raw;
	struct carried c = carried_none;
	struct once o = { 0 };
	uint64_t t = b->first, v;
	uint32_t n = 0;
	size_t n_attrs = 0;
	unsigned kind = 0;

	while (p < end) {
		struct gillog_event *e;
		unsigned code;

		if (*p < 0x80) {
			v = *p++;
		} else if (end - p >= 2 && p[1] < 0x80) {
			v = (p[0] & 0x7fu) | (uint64_t)p[1] << 7;
			p += 2;
		} else if (!(p = get_varint(p, end, &v))) {
			return err_set(err, ERR_FORMAT, "a number is cut off");
		}
		code = v & CODE_OP;
		v >>= CODE_BITS;
		if (code == CODE_OP) {
			if (take_op(b, v, &p, end, &c, &o, err))
				return -1;
			continue;
		}
		kind = o.kind ? o.kind : follow[kind][code];
		if (n == b->n_events || v > b->last - t)
			return err_set(err, ERR_FORMAT,
				       "event %" PRIu32 " lies behind the block's end", n);
		if (c.lock >= b->n_locks)
			return err_set(err, ERR_FORMAT, "lock %" PRIu32 " has not been named",
				       c.lock);
		t += v;
		e = &d->out.event[n++];
		*e = (struct gillog_event){ .time = t, .attr = (uint32_t)n_attrs,
					    .lock = (uint16_t)c.lock, .kind = (uint8_t)kind };
		if (!o.any && !c.has_checks && !c.has_countdown && c.func < 0)
			continue;
		if (reserve_attrs(d, n_attrs, err))
			return -1;
		e->n_attrs = (uint8_t)carry(d->out.attr + n_attrs, kind, &c, &o);
		n_attrs += e->n_attrs;
	}
	if (n != b->n_events || t != b->last || d->out.event[0].time != b->first)
		return err_set(err, ERR_FORMAT,
			       "%" PRIu32 " events to %" PRIu64 " where %" PRIu32 " to %" PRIu64
			       " belong",
			       n, t, b->n_events, b->last);
	return 0;
}

/* Says in which block it is that something is wrong. */
static int in_block(uint64_t at, struct err *err)
{
	char where[48];

	snprintf(where, sizeof(where), "block at byte %" PRIu64, at);
	return err_prefix(err, where);
}

int gillog_decode(struct gillog_decoder *d, const struct gillog_block *b,
		  const struct gillog_event **events, const struct gillog_attr **attrs,
		  struct err *err)
{
	*events = NULL;
	*attrs = NULL;
	if (b->mixed)
		return err_set(err, ERR_USAGE, "a mixed block has events of all threads");
	if (b->raw > GILLOG_BLOCK_MAX || b->n_events > b->raw || !b->n_events || b->first > b->last)
		return err_set(err, ERR_FORMAT,
			       "a block with %" PRIu32 " events in %" PRIu32 " bytes", b->n_events,
			       b->raw);
	if (reserve_events(d, b->n_events, err))
		return -1;
	if (unpack_block(d, b, err) || decode(d, b, err))
		return in_block(b->offset, err);
	*events = d->out.event;
	*attrs = d->out.attr;
	return 0;
}

int gillog_mixed_open(struct gillog_decoder *d, const struct gillog_block *b, struct err *err)
{
	if (!d->mixed)
		d->mixed = calloc(1, sizeof(*d->mixed));
	if (!d->mixed)
		return err_memory(err, "a decoder");
	d->mixed->left = 0;
	d->mixed_at = b->offset;
	if (!b->mixed || b->raw > GILLOG_BLOCK_MAX)
		return err_set(err, ERR_USAGE, "a block of one thread, or of too many bytes");
	if (unpack(d->dctx, b->method, b->data, b->stored, d->raw, b->raw, err) ||
	    mixed_open(d->mixed, b, d->raw, err))
		return in_block(b->offset, err);
	return 0;
}

int gillog_mixed_read(struct gillog_decoder *d, const struct gillog_row **rows,
		      const struct gillog_attr **attrs, struct err *err)
{
	int n = mixed_read(d->mixed, err);

	*rows = d->mixed->row;
	*attrs = d->mixed->attr;
	return n < 0 ? in_block(d->mixed_at, err) : n;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The block that a thread is writing. */
struct builder {
	struct buf bytes;
	struct carried c;
	uint64_t first, last;
	uint64_t not_before;		/* the end of the thread's last block */
	uint32_t n_events;
	uint8_t kind;			/* of the last event; 0: none yet in this block */
	bool listed;			/* is in writer.active */
};

struct gillog_writer {
	gillog_write_fn *write;
	void *ctx;
	ZSTD_CCtx *cctx;
	uint32_t block_size;
	int level;
	struct buf names, planes, packed;
	struct builder *builders;	/* one per thread */
	uint32_t *active;		/* threads with a block begun */
	uint32_t n_active, cap_active;
	uint32_t n_processes, n_threads, cap_threads, n_locks, n_funcs;
	struct mixed_encoder *mixed;	/* NULL: blocks of one thread */
	uint64_t mixed_last;		/* time of the event that was put last into it */
	uint64_t mark, epoch_bytes;
	bool failed;
	struct gillog_written written;
};

static int put_bytes(struct gillog_writer *w, const void *data, size_t n, struct err *err)
{
	if (w->failed)
		return err_set(err, ERR_SYSTEM, "writing failed before");
	if (w->write(w->ctx, data, n, err)) {
		w->failed = true;
		return -1;
	}
	w->written.stored_bytes += n;
	return 0;
}

/* The first bytes of all numbers, then the other bytes; how many numbers there are. */
static uint32_t split_planes(uint8_t *planes, const uint8_t *raw, uint32_t n)
{
	uint8_t *head = planes, *tail;
	uint32_t heads = 0;
	bool first = true;

	for (uint32_t i = 0; i < n; i++)
		heads += raw[i] < 0x80;		/* each number has one last byte */
	tail = planes + heads;
	for (uint32_t i = 0; i < n; i++) {
		*(first ? head++ : tail++) = raw[i];
		first = raw[i] < 0x80;
	}
	return heads;
}

/*
 * Two frames: the heads hold kinds and the low bits of times, which are as good as random; the
 * tails are alike.  Apart they take a sixth less than mixed.
 */
static size_t compress_planes(struct gillog_writer *w, struct section_header *h, uint8_t *out,
			      size_t bound, const uint8_t *raw, uint32_t n)
{
	uint8_t *planes;
	size_t a, b = 0;

	buf_clear(&w->planes);
	planes = buf_reserve(&w->planes, n);
	if (!planes)
		return SIZE_MAX;		/* it goes without */
	h->heads = split_planes(planes, raw, n);
	h->method = METHOD_PLANES;
	a = ZSTD_compressCCtx(w->cctx, out, bound, planes, h->heads, w->level);
	if (!ZSTD_isError(a) && n > h->heads)
		b = ZSTD_compressCCtx(w->cctx, out + a, bound - a, planes + h->heads, n - h->heads,
				      w->level);
	return ZSTD_isError(a) || ZSTD_isError(b) ? SIZE_MAX : a + b;
}

/*
 * A section in one write, so that a log that is cut by a full disk is cut between sections where it
 * can be.
 */
static int put_section(struct gillog_writer *w, struct section_header *h, const uint8_t *raw,
		       uint32_t n, struct err *err)
{
	uint8_t *p;
	size_t bound = ZSTD_compressBound(n) + ZSTD_compressBound(0), z = 0;

	buf_clear(&w->packed);
	p = buf_reserve(&w->packed, GILLOG_SECTION_SIZE + bound);
	if (!p)
		return err_memory(err, "a section");
	h->raw = n;
	h->method = METHOD_ZSTD;
	if (h->type == SEC_EVENTS && n >= PLANES_MIN)
		z = compress_planes(w, h, p + GILLOG_SECTION_SIZE, bound, raw, n);
	else if (n)
		z = ZSTD_compressCCtx(w->cctx, p + GILLOG_SECTION_SIZE, bound, raw, n, w->level);
	h->stored = (uint32_t)z;
	if (ZSTD_isError(z) || z >= n) {
		if (n)
			memcpy(p + GILLOG_SECTION_SIZE, raw, n);
		h->method = METHOD_STORED;
		h->heads = 0;
		h->stored = n;
	}
	h->crc = crc_of(p + GILLOG_SECTION_SIZE, h->stored);
	section_put(p, h);
	return put_bytes(w, p, GILLOG_SECTION_SIZE + h->stored, err);
}

static int flush_names(struct gillog_writer *w, struct err *err)
{
	struct section_header h = { .type = SEC_NAMES };

	if (buf_failed(&w->names))
		return err_memory(err, "names");
	if (!w->names.len)
		return 0;
	if (put_section(w, &h, w->names.data, (uint32_t)w->names.len, err))
		return -1;
	buf_clear(&w->names);
	return 0;
}

static int flush_block(struct gillog_writer *w, uint32_t thread, struct err *err)
{
	struct builder *b = &w->builders[thread];
	struct section_header h = { .type = SEC_EVENTS, .thread = thread, .first = b->first,
				    .last = b->last, .n_events = b->n_events };

	if (!b->n_events)
		return 0;
	if (buf_failed(&b->bytes))
		return err_memory(err, "a block");
	if (flush_names(w, err) || put_section(w, &h, b->bytes.data, (uint32_t)b->bytes.len, err))
		return -1;
	w->written.events += b->n_events;
	w->written.blocks++;
	w->written.raw_bytes += b->bytes.len;
	b->not_before = b->last;
	b->n_events = 0;
	b->kind = 0;
	b->c = carried_none;
	buf_clear(&b->bytes);
	return 0;
}

static int flush_mixed(struct gillog_writer *w, struct err *err)
{
	struct section_header h = {
		.type = SEC_MIXED, .first = mixed_first(w->mixed), .last = w->mixed_last,
		.n_events = mixed_events(w->mixed),
	};

	if (!h.n_events)
		return 0;
	buf_clear(&w->planes);
	if (mixed_take(w->mixed, &w->planes))
		return err_memory(err, "a block");
	if (flush_names(w, err) ||
	    put_section(w, &h, w->planes.data, (uint32_t)w->planes.len, err))
		return -1;
	w->written.events += h.n_events;
	w->written.blocks++;
	w->written.raw_bytes += w->planes.len;
	return 0;
}

int gillog_writer_new(struct gillog_writer **out, const struct gillog_writer_options *o,
		      gillog_write_fn *write, void *ctx, struct err *err)
{
	uint8_t h[GILLOG_HEADER_SIZE] = GILLOG_MAGIC;
	struct gillog_writer *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w || !(w->cctx = ZSTD_createCCtx())) {
		free(w);
		return err_memory(err, "a log's writer");
	}
	w->write = write;
	w->ctx = ctx;
	w->level = o->level ? o->level : 3;
	w->block_size = o->block_size ? o->block_size : 64 << 10;
	/* room for the last event and its operations */
	if (w->block_size > GILLOG_BLOCK_MAX - 256)
		w->block_size = GILLOG_BLOCK_MAX - 256;
	if (o->mixed && !(w->mixed = mixed_encoder_new())) {
		gillog_writer_free(w);
		return err_memory(err, "a log's writer");
	}
	put_le16(h + 8, o->mixed ? GILLOG_VERSION : 1);
	h[10] = (uint8_t)o->clock;
	h[11] = 0;
	put_le32(h + 12, crc_of(h, 12));
	if (put_bytes(w, h, sizeof(h), err)) {
		gillog_writer_free(w);
		return -1;
	}
	*out = w;
	return 0;
}

void gillog_writer_free(struct gillog_writer *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->cap_threads; i++)
		buf_release(&w->builders[i].bytes);
	mixed_encoder_free(w->mixed);
	free(w->builders);
	free(w->active);
	buf_release(&w->names);
	buf_release(&w->planes);
	buf_release(&w->packed);
	ZSTD_freeCCtx(w->cctx);
	free(w);
}

static void add_string(struct buf *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n > STRING_MAX)
		n = STRING_MAX;
	buf_varint(b, n);
	buf_add(b, s, n);
}

static int put_name(struct gillog_writer *w, enum name_tag tag, struct buf *body, struct err *err)
{
	int r = 0;

	if (w->names.len + body->len + 2 * VARINT_MAX > NAMES_MAX)
		r = flush_names(w, err);
	buf_varint(&w->names, tag);
	buf_varint(&w->names, body->len);
	buf_add(&w->names, body->data, body->len);
	if (buf_failed(body))
		w->names.failed = true;
	buf_release(body);
	return r;
}

static int check_index(uint32_t i, uint32_t *n, uint32_t max, struct err *err)
{
	if (i > *n || i >= max)
		return err_set(err, ERR_USAGE,
			       "number %" PRIu32 " is named where %" PRIu32 " is next", i, *n);
	if (i == *n)
		++*n;
	return 0;
}

/* Whether it was named, or is there without. */
static int check_process(const struct gillog_writer *w, uint32_t process, struct err *err)
{
	if (!process || process < w->n_processes)
		return 0;
	return err_set(err, ERR_USAGE, "process %" PRIu32 " has not been named", process);
}

/* The number of a process behind an entry; a recorder's log, of one, says none. */
static void add_process_number(struct buf *b, uint32_t process)
{
	if (process)
		buf_varint(b, process);
}

int gillog_put_process(struct gillog_writer *w, uint32_t i, int64_t pid, int64_t ppid,
		       const char *name, struct err *err)
{
	struct buf b = BUF_INIT;

	if (!w->n_processes)
		w->n_processes = 1;	/* the first is there without being named */
	if (check_index(i, &w->n_processes, 1u << 24, err))
		return -1;
	buf_varint(&b, pid < 0 ? 0 : (uint64_t)pid + 1);
	buf_varint(&b, ppid < 0 ? 0 : (uint64_t)ppid + 1);
	add_string(&b, name);
	add_process_number(&b, i);
	return put_name(w, TAG_PROCESS, &b, err);
}

int gillog_put_told(struct gillog_writer *w, const struct gillog_told *t, const char *title,
		    struct err *err)
{
	struct buf b = BUF_INIT;

	buf_varint(&b, t->waits);
	buf_varint(&b, t->truncated);
	buf_varint(&b, t->skipped);
	buf_varint(&b, t->lost);
	buf_varint(&b, t->check_interval);
	add_string(&b, title);
	return put_name(w, TAG_TOLD, &b, err);
}

int gillog_put_fact(struct gillog_writer *w, const char *key, const char *value, struct err *err)
{
	struct buf b = BUF_INIT;

	add_string(&b, key);
	add_string(&b, value);
	return put_name(w, TAG_FACT, &b, err);
}

int gillog_put_thread(struct gillog_writer *w, uint32_t i, uint32_t process, const char *id,
		      const char *name, struct err *err)
{
	struct buf b = BUF_INIT;
	bool fresh = i == w->n_threads;

	if (check_process(w, process, err))
		return -1;
	if (fresh && grow(&w->builders, &w->cap_threads, i, sizeof(*w->builders), err))
		return -1;
	if (check_index(i, &w->n_threads, 1u << 24, err))
		return -1;
	if (fresh)
		w->builders[i].c = carried_none;
	buf_varint(&b, i);
	add_string(&b, id);
	add_string(&b, name);
	add_process_number(&b, process);
	return put_name(w, TAG_THREAD, &b, err);
}

int gillog_put_lock(struct gillog_writer *w, uint16_t i, uint32_t process, const char *id,
		    const char *name, bool park, struct err *err)
{
	struct buf b = BUF_INIT;

	if (check_process(w, process, err) || check_index(i, &w->n_locks, UINT16_MAX + 1, err))
		return -1;
	buf_varint(&b, i);
	buf_varint(&b, park);
	add_string(&b, id);
	add_string(&b, name);
	add_process_number(&b, process);
	return put_name(w, TAG_LOCK, &b, err);
}

int gillog_put_func(struct gillog_writer *w, uint32_t i, const char *name, const char *file,
		    uint32_t line, struct err *err)
{
	struct buf b = BUF_INIT;

	if (check_index(i, &w->n_funcs, 1u << 24, err))
		return -1;
	buf_varint(&b, i);
	buf_varint(&b, line);
	add_string(&b, name);
	add_string(&b, file);
	return put_name(w, TAG_FUNC, &b, err);
}

static uint8_t *add_op(uint8_t *p, enum op op, uint64_t value)
{
	return put_varint(p, (value << OP_BITS | op) << CODE_BITS | CODE_OP);
}

/* Values lose their six top bits in an operation's varint. */
static bool op_fits(int64_t v)
{
	return v < (INT64_C(1) << 56) && v > -(INT64_C(1) << 56);
}

/*
 * Whether what the block carries says something that this event does not: then it needs a new
 * block.
 */
static bool must_part(const struct builder *b, const struct gillog_event *e,
		      const struct gillog_attr *attrs)
{
	bool checks = false, countdown = false;

	for (unsigned i = 0; i < e->n_attrs; i++) {
		checks |= attrs[i].id == GL_ATTR_CHECKS;
		countdown |= attrs[i].id == GL_ATTR_COUNTDOWN;
	}
	return (b->c.has_checks && !checks) || (b->c.has_countdown && !countdown);
}

/* What differs from the expected; both or one of the two may be given. */
static uint8_t *add_ticks(uint8_t *p, struct carried *c, const struct gillog_event *e,
			  const struct gillog_attr *attrs)
{
	struct ticks expected = expect_ticks(c, e->kind), is = expected;
	bool checks = false, countdown = false;

	for (unsigned i = 0; i < e->n_attrs; i++) {
		if (attrs[i].id == GL_ATTR_CHECKS) {
			checks = true;
			is.checks = attrs[i].value;
		} else if (attrs[i].id == GL_ATTR_COUNTDOWN) {
			countdown = true;
			is.countdown = attrs[i].value;
		}
	}
	if (checks && (is.checks != expected.checks || !c->has_checks))
		p = add_op(p, OP_CHECKS, zigzag(minus(is.checks, expected.checks)));
	if (countdown && (is.countdown != expected.countdown || !c->has_countdown))
		p = add_op(p, OP_COUNTDOWN, zigzag(minus(is.countdown, expected.countdown)));
	learn_ticks(c, e->kind, is);
	c->has_checks |= checks;
	c->has_countdown |= countdown;
	return p;
}

static uint8_t *add_attr(uint8_t *p, struct carried *c, const struct gillog_attr *a)
{
	switch (a->id) {
	case GL_ATTR_CPU:
		if (a->value != c->cpu)
			p = add_op(p, OP_CPU, (uint64_t)a->value);
		c->cpu = a->value;
		return p;
	case GL_ATTR_CHECKS:		/* gillog_put_event() has seen to these */
	case GL_ATTR_COUNTDOWN:
	case GL_ATTR_FUNC:
		return p;
	default:
		p = add_op(p, OP_ATTR, a->id);
		return put_varint(p, zigzag(a->value));
	}
}

static uint8_t *add_func(uint8_t *p, struct carried *c, const struct gillog_event *e,
			 const struct gillog_attr *attrs)
{
	int64_t func = -1;

	for (unsigned i = 0; i < e->n_attrs; i++)
		if (attrs[i].id == GL_ATTR_FUNC)
			func = attrs[i].value;
	if (func != c->func)
		p = add_op(p, OP_FUNC, (uint64_t)(func + 1));
	c->func = func;
	return p;
}

static uint8_t *add_event(uint8_t *p, struct builder *b, const struct gillog_event *e)
{
	uint64_t dt = e->time - b->last;
	unsigned code;

	for (code = 0; code < CODE_OP; code++)
		if (follow[b->kind][code] == e->kind)
			break;
	if (code == CODE_OP) {
		p = add_op(p, OP_KIND, e->kind);
		code = 0;
	}
	b->kind = e->kind;
	b->last = e->time;
	b->n_events++;
	return put_varint(p, dt << CODE_BITS | code);
}

static int check_event(struct gillog_writer *w, uint32_t thread, const struct gillog_event *e,
		       const struct gillog_attr *attrs, struct err *err)
{
	struct builder *b;
	uint64_t not_before;

	if (thread >= w->n_threads || e->lock >= w->n_locks)
		return err_set(err, ERR_USAGE, "thread %" PRIu32 " or lock %u has not been named",
			       thread, e->lock);
	b = &w->builders[thread];
	if (!e->kind || e->kind >= N_GL_KINDS || e->n_attrs > EVENT_ATTRS_MAX)
		return err_set(err, ERR_USAGE, "kind %u with %u attributes cannot be", e->kind,
			       e->n_attrs);
	not_before = w->mixed ? w->mixed_last : b->n_events ? b->last : b->not_before;
	if (e->time < not_before || e->time < w->mark)
		return err_set(err, ERR_USAGE, "an event at %" PRIu64 " comes too late", e->time);
	for (unsigned i = 0; i < e->n_attrs; i++) {
		const struct gillog_attr *a = &attrs[i];

		if (!gillog_attr_name(a->id) || (!w->mixed && !op_fits(a->value)) ||
		    (a->id == GL_ATTR_CPU && (a->value < 0 || a->value > INT32_MAX)) ||
		    (a->id == GL_ATTR_FUNC && (a->value < 0 || a->value >= w->n_funcs)) ||
		    (a->id == GL_ATTR_TARGET && (a->value < 0 || a->value >= w->n_threads)))
			return err_set(err, ERR_USAGE, "attribute %u cannot be %" PRId64, a->id,
				       a->value);
	}
	return 0;
}

static int begin_block(struct gillog_writer *w, uint32_t thread, uint64_t time, struct err *err)
{
	struct builder *b = &w->builders[thread];

	if (!b->listed) {
		if (grow(&w->active, &w->cap_active, w->n_active, sizeof(*w->active), err))
			return -1;
		w->active[w->n_active++] = thread;
		b->listed = true;
	}
	b->first = b->last = time;
	return 0;
}

int gillog_put_event(struct gillog_writer *w, uint32_t thread, const struct gillog_event *e,
		     const struct gillog_attr *attrs, struct err *err)
{
	struct builder *b;
	uint8_t *p, *at;

	if (check_event(w, thread, e, attrs, err))
		return -1;
	if (w->mixed) {
		w->mixed_last = e->time;
		return mixed_put(w->mixed, thread, e, attrs) ? flush_mixed(w, err) : 0;
	}
	b = &w->builders[thread];
	/* The second: dt has to fit in what an event's varint has left for it. */
	if (b->n_events && (must_part(b, e, attrs) || (e->time - b->last) >> 60) &&
	    flush_block(w, thread, err))
		return -1;
	if (!b->n_events && begin_block(w, thread, e->time, err))
		return -1;
	at = p = buf_reserve(&b->bytes, (2 + 2 * EVENT_ATTRS_MAX + 2) * VARINT_MAX);
	if (!p)
		return err_memory(err, "a block");
	if (e->lock != b->c.lock) {
		p = add_op(p, OP_LOCK, e->lock);
		b->c.lock = e->lock;
	}
	if (kind_has_func(e->kind))
		p = add_func(p, &b->c, e, attrs);
	p = add_ticks(p, &b->c, e, attrs);
	for (unsigned i = 0; i < e->n_attrs; i++)
		p = add_attr(p, &b->c, &attrs[i]);
	p = add_event(p, b, e);
	b->bytes.len += (size_t)(p - at);
	w->epoch_bytes += (size_t)(p - at);
	if (b->bytes.len >= w->block_size)
		return flush_block(w, thread, err);
	return 0;
}

uint64_t gillog_epoch_bytes(const struct gillog_writer *w)
{
	return w->epoch_bytes;
}

const struct gillog_written *gillog_written(const struct gillog_writer *w)
{
	return &w->written;
}

int gillog_mark(struct gillog_writer *w, uint64_t t, struct err *err)
{
	struct section_header h = { .type = SEC_MARK, .first = t };

	if (t < w->mark)
		return err_set(err, ERR_USAGE, "a mark at %" PRIu64 " after one at %" PRIu64, t,
			       w->mark);
	if (w->mixed && mixed_events(w->mixed) && w->mixed_last >= t)
		return err_set(err, ERR_USAGE,
			       "a mark at %" PRIu64 " before an event at %" PRIu64, t,
			       w->mixed_last);
	if (w->mixed && flush_mixed(w, err))
		return -1;
	for (uint32_t i = 0; i < w->n_active; i++) {
		struct builder *b = &w->builders[w->active[i]];

		if (b->n_events && b->last >= t)
			return err_set(err, ERR_USAGE,
				       "a mark at %" PRIu64 " before an event at %" PRIu64, t,
				       b->last);
	}
	for (uint32_t i = 0; i < w->n_active; i++) {
		struct builder *b = &w->builders[w->active[i]];

		if (flush_block(w, w->active[i], err))
			return -1;
		b->listed = false;
		buf_release(&b->bytes);		/* the thread may have ended */
	}
	w->n_active = 0;
	w->mark = t;
	w->epoch_bytes = 0;
	return put_section(w, &h, NULL, 0, err);
}

int gillog_finish(struct gillog_writer *w, struct err *err)
{
	struct section_header h = { .type = SEC_END };
	uint64_t last = w->mark;

	if (w->mixed && w->mixed_last >= last && w->mixed_last < UINT64_MAX)
		last = w->mixed_last + 1;
	for (uint32_t i = 0; i < w->n_threads; i++) {
		struct builder *b = &w->builders[i];
		uint64_t end = b->n_events ? b->last : b->not_before;

		if (end >= last && end < UINT64_MAX)
			last = end + 1;
	}
	if (gillog_mark(w, last, err) || flush_names(w, err))
		return -1;
	h.first = w->written.events;
	h.last = w->written.blocks;
	return put_section(w, &h, NULL, 0, err);
}
