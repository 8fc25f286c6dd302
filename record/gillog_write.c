/* gillog_write.c - see gillog.h: events and names to sections */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "bytes.h"
#include "gillog_format.h"
#include "gillog_mixed.h"

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
		       const char *name, enum gillog_waits waits, struct err *err)
{
	struct buf b = BUF_INIT;

	if (!w->n_processes)
		w->n_processes = 1;	/* the first is there without being named */
	if (check_index(i, &w->n_processes, NAMED_MAX, err))
		return -1;
	buf_varint(&b, pid < 0 ? 0 : (uint64_t)pid + 1);
	buf_varint(&b, ppid < 0 ? 0 : (uint64_t)ppid + 1);
	add_string(&b, name);
	if (waits != GILLOG_WAITS_UNKNOWN) {
		buf_varint(&b, i);
		buf_varint(&b, waits);
	} else {
		add_process_number(&b, i);
	}
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
	if (fresh && gillog_grow(&w->builders, &w->cap_threads, i, sizeof(*w->builders), err))
		return -1;
	if (check_index(i, &w->n_threads, NAMED_MAX, err))
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

	if (check_index(i, &w->n_funcs, NAMED_MAX, err))
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
		if (gillog_grow(&w->active, &w->cap_active, w->n_active, sizeof(*w->active), err))
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
