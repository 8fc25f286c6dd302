/*
 * gillog_mixed.c - see gillog_mixed.h
 *
 * As in a timeline's blocks (timeline/block.c) an event is a symbol and the time since the event
 * before, in planes, and values stand in columns, one for each attribute.  A thread's RELEASE and
 * ACQUIRE at one time, as at every check of the old GIL, are one entry for as many as follow at the
 * same distance.
 */
#include "gillog_mixed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define KIND_BITS 5
#define KIND_PAIRS 31
#define MAX_SYMBOLS 4096		/* in a block that is written; the format: 65536 */
#define SLOTS (4 * MAX_SYMBOLS)
#define MAX_ENTRIES 65536		/* likewise; the format: no more than bytes */
#define BLOCK_BYTES (GILLOG_BLOCK_MAX - 8192)

_Static_assert(GL_PAIRS > N_GL_KINDS && N_GL_KINDS <= KIND_PAIRS, "kinds of their own");

/* These attributes are stored as the difference to the column's value before. */
#define DELTA_ATTRS \
	(1u << GL_ATTR_CPU | 1u << GL_ATTR_TARGET | 1u << GL_ATTR_CHECKS | 1u << GL_ATTR_FUNC)

/* --- writing ---------------------------------------------------------------------------------- */

/* Pairs that have been put: count times a RELEASE and an ACQUIRE, step apart. */
struct pairs {
	uint64_t time;
	uint32_t thread, step, count;
	uint16_t lock;
};

struct mixed_encoder {
	struct mixed_symbol symbol[MAX_SYMBOLS];
	uint16_t slot[SLOTS];		/* hash table: symbol number + 1, or 0 */
	uint32_t n_symbols;
	uint16_t symbols[MAX_ENTRIES];
	uint8_t low[MAX_ENTRIES];
	uint32_t n;			/* entries */
	struct buf high, counts, column[N_GL_ATTRS];
	int64_t before[N_GL_ATTRS];	/* each column's last value */
	uint32_t n_events;
	size_t bytes;			/* of the block at most, but for its tables */
	uint64_t first;
	uint64_t entered;		/* time of the event that was entered last */
	struct pairs pairs;		/* put, not entered; count 0: none */
	struct gillog_event release;	/* likewise, one that may become half of a pair */
	uint32_t release_thread;
	bool has_release;
};

struct mixed_encoder *mixed_encoder_new(void)
{
	return calloc(1, sizeof(struct mixed_encoder));
}

void mixed_encoder_free(struct mixed_encoder *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < N_GL_ATTRS; i++)
		buf_release(&m->column[i]);
	buf_release(&m->high);
	buf_release(&m->counts);
	free(m);
}

uint32_t mixed_events(const struct mixed_encoder *m)
{
	return m->n_events;
}

uint64_t mixed_first(const struct mixed_encoder *m)
{
	return m->first;
}

static bool same_symbol(const struct mixed_symbol *a, const struct mixed_symbol *b)
{
	return a->thread == b->thread && a->lock == b->lock && a->kind == b->kind &&
	       a->attrs == b->attrs;
}

static uint16_t find_symbol(struct mixed_encoder *m, const struct mixed_symbol *s)
{
	uint64_t h = (uint64_t)s->thread << 32 | (uint64_t)s->lock << 16 |
		     (uint64_t)s->kind << 8 | s->attrs;
	size_t i = (size_t)(h * 0x9e3779b97f4a7c15ull >> 32) % SLOTS;

	for (; m->slot[i]; i = (i + 1) % SLOTS)
		if (same_symbol(&m->symbol[m->slot[i] - 1u], s))
			return (uint16_t)(m->slot[i] - 1);
	m->symbol[m->n_symbols++] = *s;
	m->slot[i] = (uint16_t)m->n_symbols;
	return (uint16_t)(m->n_symbols - 1);
}

static void add_varint(struct mixed_encoder *m, struct buf *b, uint64_t v)
{
	size_t was = b->len;

	buf_varint(b, v);
	m->bytes += b->len - was;
}

static void enter(struct mixed_encoder *m, uint64_t time, const struct mixed_symbol *s)
{
	uint64_t step = time - m->entered;

	m->symbols[m->n] = find_symbol(m, s);
	m->low[m->n++] = (uint8_t)step;
	m->bytes += 3;
	add_varint(m, &m->high, step >> 8);
	m->entered = time;
}

static void enter_pairs(struct mixed_encoder *m)
{
	const struct pairs *p = &m->pairs;
	struct mixed_symbol s = { .thread = p->thread, .lock = p->lock, .kind = KIND_PAIRS };

	if (!p->count)
		return;
	enter(m, p->time, &s);
	add_varint(m, &m->counts, p->count - 1);
	if (p->count > 1)
		add_varint(m, &m->counts, p->step);
	m->entered += (uint64_t)p->step * (p->count - 1);
	m->pairs.count = 0;
}

static void enter_event(struct mixed_encoder *m, uint32_t thread, const struct gillog_event *e,
			const struct gillog_attr *attrs)
{
	struct mixed_symbol s = { .thread = thread, .lock = e->lock, .kind = e->kind };
	int64_t value[N_GL_ATTRS];

	enter_pairs(m);
	/* Of two values of one attribute the later one counts. */
	for (unsigned i = 0; i < e->n_attrs; i++) {
		value[attrs[i].id] = attrs[i].value;
		s.attrs |= (uint8_t)(1u << attrs[i].id);
	}
	enter(m, e->time, &s);
	for (unsigned mask = s.attrs; mask; mask &= mask - 1) {
		unsigned id = (unsigned)__builtin_ctz(mask);
		uint64_t v = (uint64_t)value[id];

		if (DELTA_ATTRS & 1u << id)
			v -= (uint64_t)m->before[id];
		m->before[id] = value[id];
		add_varint(m, &m->column[id], zigzag((int64_t)v));
	}
}

static void enter_release(struct mixed_encoder *m)
{
	if (m->has_release)
		enter_event(m, m->release_thread, &m->release, NULL);
	m->has_release = false;
}

/* The RELEASE before and this ACQUIRE, if they are a pair. */
static bool join_pair(struct mixed_encoder *m, uint32_t thread, const struct gillog_event *e)
{
	const struct gillog_event *r = &m->release;
	struct pairs *p = &m->pairs;
	uint64_t ago;

	if (!m->has_release || e->kind != GL_ACQUIRE || e->n_attrs || e->time != r->time ||
	    e->lock != r->lock || thread != m->release_thread)
		return false;
	m->has_release = false;
	ago = e->time - (p->time + (uint64_t)p->step * (p->count - 1));
	if (p->count && p->thread == thread && p->lock == e->lock &&
	    (p->count == 1 ? ago <= UINT32_MAX : ago == p->step)) {
		p->step = (uint32_t)ago;
		p->count++;
		return true;
	}
	enter_pairs(m);
	*p = (struct pairs){ .time = e->time, .thread = thread, .count = 1, .lock = e->lock };
	return true;
}

bool mixed_put(struct mixed_encoder *m, uint32_t thread, const struct gillog_event *e,
	       const struct gillog_attr *attrs)
{
	if (!m->n_events++)
		m->first = m->entered = e->time;
	if (!join_pair(m, thread, e)) {
		enter_release(m);
		if (e->kind == GL_RELEASE && !e->n_attrs) {
			m->release = *e;
			m->release_thread = thread;
			m->has_release = true;
		} else {
			enter_event(m, thread, e, attrs);
		}
	}
	/* Two symbols and entries may still come of the pairs and the RELEASE. */
	return m->bytes + 9 * (size_t)m->n_symbols >= BLOCK_BYTES ||
	       m->n >= MAX_ENTRIES - 3 || m->n_symbols >= MAX_SYMBOLS - 3 ||
	       m->n_events >= GILLOG_MIXED_EVENTS;
}

static void put_tables(const struct mixed_encoder *m, struct buf *out)
{
	buf_varint(out, m->n_symbols);
	for (uint32_t i = 0; i < m->n_symbols; i++) {
		buf_varint(out, m->symbol[i].thread);
		buf_varint(out, m->symbol[i].lock);
		buf_varint(out, (unsigned)m->symbol[i].attrs << KIND_BITS | m->symbol[i].kind);
	}
	buf_varint(out, m->n);
	buf_varint(out, m->counts.len);
	for (unsigned i = 1; i < N_GL_ATTRS; i++)
		buf_varint(out, m->column[i].len);
}

int mixed_take(struct mixed_encoder *m, struct buf *out)
{
	bool wide, failed;
	uint8_t *p;

	enter_release(m);
	enter_pairs(m);
	failed = buf_failed(&m->high) || buf_failed(&m->counts);
	wide = m->n_symbols > 256;
	put_tables(m, out);
	buf_add(out, m->counts.data, m->counts.len);
	for (unsigned i = 1; i < N_GL_ATTRS; i++) {
		buf_add(out, m->column[i].data, m->column[i].len);
		failed |= buf_failed(&m->column[i]);
		buf_clear(&m->column[i]);
	}
	p = buf_reserve(out, (size_t)m->n << wide);
	for (uint32_t i = 0; p && i < m->n; i++) {
		if (wide)
			put_le16(p + 2 * i, m->symbols[i]);
		else
			p[i] = (uint8_t)m->symbols[i];
	}
	if (p)
		out->len += (size_t)m->n << wide;
	buf_add(out, m->high.data, m->high.len);
	buf_add(out, m->low, m->n);
	buf_clear(&m->counts);
	buf_clear(&m->high);
	memset(m->slot, 0, sizeof(m->slot));
	memset(m->before, 0, sizeof(m->before));
	m->n = m->n_symbols = m->n_events = 0;
	m->bytes = 0;
	return failed || buf_failed(out) ? -1 : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s", what);
}

static int get_symbols(struct mixed_reader *r, struct scan *s, const struct gillog_block *b,
		       struct err *err)
{
	uint64_t n = scan_varint(s);

	if (!s->p || !n || n > 65536 || n > (size_t)(s->end - s->p) / 3)
		return bad(err, "a number of symbols that cannot be");
	if (n > r->cap_symbols) {
		free(r->symbol);
		r->cap_symbols = 0;
		r->symbol = malloc(n * sizeof(*r->symbol));
		if (!r->symbol)
			return err_memory(err, "a block's symbols");
		r->cap_symbols = n;
	}
	r->n_symbols = n;
	for (size_t i = 0; i < n; i++) {
		uint64_t thread = scan_varint(s), lock = scan_varint(s), v = scan_varint(s);
		unsigned kind = v & ((1u << KIND_BITS) - 1);
		uint64_t attrs = v >> KIND_BITS;

		if (!s->p || thread >= b->n_threads || lock >= b->n_locks || attrs & 1 ||
		    attrs >> N_GL_ATTRS ||
		    (kind == KIND_PAIRS ? attrs != 0 : !gillog_kind_name(kind)))
			return err_set(err, ERR_FORMAT, "symbol %zu cannot be", i);
		r->symbol[i] = (struct mixed_symbol){
			.thread = (uint32_t)thread, .lock = (uint16_t)lock,
			.kind = kind == KIND_PAIRS ? GL_PAIRS : (uint8_t)kind,
			.attrs = (uint8_t)attrs,
		};
	}
	return 0;
}

/* Takes n bytes, which stand at *p, away from it; NULL if there are not so many. */
static const uint8_t *take(struct scan *s, uint64_t n)
{
	const uint8_t *p = s->p;

	if (n > (size_t)(s->end - p))
		return NULL;
	s->p += n;
	return p;
}

int mixed_open(struct mixed_reader *r, const struct gillog_block *b, const uint8_t *raw,
	       struct err *err)
{
	struct scan s = { raw, raw + b->raw };
	uint64_t n, counts, column[N_GL_ATTRS] = { 0 };

	r->left = 0;
	if (get_symbols(r, &s, b, err))
		return -1;
	n = scan_varint(&s);
	counts = scan_varint(&s);
	for (unsigned i = 1; i < N_GL_ATTRS; i++)
		column[i] = scan_varint(&s);
	if (!s.p)
		return bad(err, "it ends in its tables");
	if (!n || n > b->n_events)
		return bad(err, "more entries than events, or none");
	r->wide = r->n_symbols > 256;
	r->counts = take(&s, counts);
	r->counts_end = s.p;
	if (!r->counts)
		return bad(err, "a column that does not fit");
	for (unsigned i = 1; i < N_GL_ATTRS; i++) {
		r->column[i].p = take(&s, column[i]);
		r->column[i].end = s.p;
		r->column[i].last = 0;
		if (!r->column[i].p)
			return bad(err, "a column that does not fit");
	}
	r->symbols = take(&s, n << r->wide);
	if (!r->symbols || n > (size_t)(s.end - s.p))
		return bad(err, "it is too short for its entries");
	r->high = s.p;
	r->high_end = r->low = s.end - n;
	if (r->high == r->high_end || *r->high || *r->low)
		return bad(err, "its first event is not at its first time");
	r->left = (uint32_t)n;
	r->hidden = b->n_events - r->left;
	r->time = b->first;
	r->last = b->last;
	r->n_threads = b->n_threads;
	r->n_funcs = b->n_funcs;
	return 0;
}

static inline int get_count(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	const uint8_t *q = *p;

	if (q != end && *q < 0x80)
		*v = *q++;
	else if (!(q = get_varint(q, end, v)))
		return -1;
	*p = q;
	return 0;
}

static int get_pairs(struct mixed_reader *r, struct gillog_row *row, struct err *err)
{
	uint64_t more = 0, step = 0;

	if (get_count(&r->counts, r->counts_end, &more) ||
	    (more && get_count(&r->counts, r->counts_end, &step)))
		return bad(err, "a missing number of pairs");
	if (more >= r->hidden || 2 * more + 1 > r->hidden || step > UINT32_MAX ||
	    (more && step > (r->last - r->time) / more))
		return bad(err, "more pairs than it has room for");
	r->hidden -= (uint32_t)(2 * more + 1);
	r->time += more * step;
	row->count = (uint32_t)more + 1;
	row->step = (uint32_t)step;
	return 0;
}

static bool lawful(const struct mixed_reader *r, unsigned id, int64_t v)
{
	switch (id) {
	case GL_ATTR_CPU:
		return v >= 0 && v <= INT32_MAX;
	case GL_ATTR_TARGET:
		return v >= 0 && v < r->n_threads;
	case GL_ATTR_FUNC:
		return v >= 0 && v < r->n_funcs;
	default:
		return true;
	}
}

static int get_attrs(struct mixed_reader *r, unsigned mask, struct gillog_attr *a, struct err *err)
{
	for (; mask; mask &= mask - 1, a++) {
		unsigned id = (unsigned)__builtin_ctz(mask);
		uint64_t v = 0;

		if (get_count(&r->column[id].p, r->column[id].end, &v))
			return err_set(err, ERR_FORMAT, "a missing value of %s",
				       gillog_attr_name(id));
		a->id = (uint8_t)id;
		a->value = unzigzag(v);
		if (DELTA_ATTRS & 1u << id)
			a->value = (int64_t)((uint64_t)a->value + (uint64_t)r->column[id].last);
		r->column[id].last = a->value;
		if (!lawful(r, id, a->value))
			return err_set(err, ERR_FORMAT, "%s cannot be %" PRId64,
				       gillog_attr_name(id), a->value);
	}
	return 0;
}

/* What has to be left over when the last entry has been read: nothing. */
static int check_end(const struct mixed_reader *r, struct err *err)
{
	if (r->hidden || r->time != r->last)
		return bad(err, "it has fewer events than it should, or ends before it should");
	if (r->high != r->high_end || r->counts != r->counts_end)
		return bad(err, "bytes behind its last event");
	for (unsigned i = 1; i < N_GL_ATTRS; i++)
		if (r->column[i].p != r->column[i].end)
			return bad(err, "bytes behind its last value");
	return 0;
}

int mixed_read(struct mixed_reader *r, struct err *err)
{
	uint32_t n = r->left < MIXED_ROWS ? r->left : MIXED_ROWS;
	uint32_t n_attrs = 0;

	for (uint32_t i = 0; i < n; i++) {
		size_t symbol = r->wide ? get_le16(r->symbols) : *r->symbols;
		const struct mixed_symbol *s;
		uint64_t high = 0, step;

		if (get_count(&r->high, r->high_end, &high))
			return bad(err, "it ends before its last event");
		step = high << 8 | *r->low++;
		if (symbol >= r->n_symbols || high >> 56 || step > r->last - r->time)
			return bad(err, symbol >= r->n_symbols ? "an unknown symbol"
							       : "an event behind its end");
		s = &r->symbol[symbol];
		r->symbols += 1 + r->wide;
		r->time += step;
		r->row[i] = (struct gillog_row){
			.time = r->time, .thread = s->thread, .attr = n_attrs, .lock = s->lock,
			.kind = s->kind,
		};
		if (s->kind == GL_PAIRS) {
			if (get_pairs(r, &r->row[i], err))
				return -1;
		} else if (s->attrs) {
			if (get_attrs(r, s->attrs, r->attr + n_attrs, err))
				return -1;
			r->row[i].n_attrs = (uint8_t)__builtin_popcount(s->attrs);
			n_attrs += r->row[i].n_attrs;
		}
	}
	r->left -= n;
	return n && !r->left && check_end(r, err) ? -1 : (int)n;
}

void mixed_release(struct mixed_reader *r)
{
	free(r->symbol);
	r->symbol = NULL;
	r->cap_symbols = 0;
}
