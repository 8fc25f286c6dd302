/*
 * block.c - the codec of a block of events
 *
 * Most events of a block are alike: the same few threads do the same few things.  So the block
 * begins with a table of symbols (everything of an event but its time and its values), and an event
 * is its symbol and the time since the event before.  These stand in three planes: the symbols,
 * which repeat themselves; what is above the times' lowest byte, mostly small; and that byte, which
 * is mostly noise.  Apart they compress to two thirds of what they do together.  Values of
 * attributes stand in columns of their own, one per attribute, as differences where they tend to be
 * equal.
 */
#include "format.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* These attributes are stored as the difference to the column's value before. */
#define DELTA_ATTRS (1u << ATTR_CPU | 1u << ATTR_TARGET | 1u << ATTR_CHECKS | 1u << ATTR_FUNC)

#define CACHED_SYMBOLS 256

static uint64_t last_time(const struct block_pairs *p)
{
	return p->time + (uint64_t)p->step * (p->count - 1);
}

/* The values one by one, in registers: a struct on the stack would be read before it is written. */
void block_add_pairs(struct block *b, uint64_t time, uint32_t thread, uint16_t lock, uint32_t step,
		     uint32_t count)
{
	struct block_pairs *last = b->n_pairs ? &b->pairs[b->n_pairs - 1] : NULL;
	uint64_t ago = last ? time - last_time(last) : 0;

	b->n_paired += 2 * (size_t)count;
	if (last && last->at == b->n_events && last->thread == thread && last->lock == lock &&
	    (last->count == 1 ? ago <= UINT32_MAX : ago == last->step)) {
		last->step = (uint32_t)ago;
		last->count++;
		count--;
		time += step;
		if (count && step == last->step) {
			last->count += count;
			count = 0;
		}
	}
	if (!count)
		return;
	b->pairs[b->n_pairs++] = (struct block_pairs){
		.time = time, .thread = thread, .step = step, .lock = lock, .count = count,
		.at = (uint32_t)b->n_events,
	};
}

void block_join_pair(struct block *b)
{
	const struct event *a, *z;

	if (b->n_events < 2 || (b->n_pairs && b->pairs[b->n_pairs - 1].at + 1 == b->n_events))
		return;
	a = &b->event[b->n_events - 2];
	z = a + 1;
	if (a->kind != EV_RELEASE || z->kind != EV_ACQUIRE || a->time != z->time ||
	    a->thread != z->thread || a->lock != z->lock || a->state != STATE_IDLE ||
	    z->state != STATE_RUN || (a->flags | z->flags | a->n_attrs | z->n_attrs))
		return;
	b->n_events -= 2;
	block_add_pairs(b, a->time, a->thread, a->lock, 0, 1);
}

/* A symbol in one word: what find_symbol() has answered for it in this block. */
struct cached_symbol { uint64_t key; uint64_t symbol; };

struct block_encoder {
	struct cached_symbol cache[CACHED_SYMBOLS];
	struct block_symbol *symbol;
	uint32_t *slot;			/* hash table: symbol number + 1, or 0 */
	/*
	 * The planes: each event's symbol, in two bytes where there are more than 256, and its
	 * time.
	 */
	uint8_t *symbols, *low, *high;
	bool wide;
	size_t n_symbols, cap_symbols, n_slots;
	struct buf column[N_ATTRS], counts;
};

struct block_encoder *block_encoder_new(void)
{
	struct block_encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->cap_symbols = 256;
	e->n_slots = 1024;
	e->symbol = malloc(e->cap_symbols * sizeof(*e->symbol));
	e->slot = malloc(e->n_slots * sizeof(*e->slot));
	e->symbols = malloc(2 * BLOCK_ENTRIES);
	e->low = malloc(BLOCK_ENTRIES);
	e->high = malloc((size_t)BLOCK_ENTRIES * VARINT_MAX);
	if (!e->symbol || !e->slot || !e->symbols || !e->low || !e->high) {
		block_encoder_free(e);
		return NULL;
	}
	return e;
}

void block_encoder_free(struct block_encoder *e)
{
	if (!e)
		return;
	for (unsigned i = 0; i < N_ATTRS; i++)
		buf_release(&e->column[i]);
	buf_release(&e->counts);
	free(e->symbol);
	free(e->slot);
	free(e->symbols);
	free(e->low);
	free(e->high);
	free(e);
}

static size_t hash_symbol(const struct block_symbol *s)
{
	uint64_t h = (uint64_t)s->thread << 32 | (uint64_t)s->lock << 16 | s->attrs;

	h ^= (uint64_t)s->kind << 40 ^ (uint64_t)s->state << 48 ^ (uint64_t)s->flags << 56;
	h *= 0x9e3779b97f4a7c15ull;
	return (size_t)(h >> 32);
}

static int same_symbol(const struct block_symbol *a, const struct block_symbol *b)
{
	return a->thread == b->thread && a->lock == b->lock && a->attrs == b->attrs &&
	       a->kind == b->kind && a->state == b->state && a->flags == b->flags;
}

static void rehash(struct block_encoder *e)
{
	memset(e->slot, 0, e->n_slots * sizeof(*e->slot));
	for (size_t i = 0; i < e->n_symbols; i++) {
		size_t h = hash_symbol(&e->symbol[i]) & (e->n_slots - 1);

		while (e->slot[h])
			h = (h + 1) & (e->n_slots - 1);
		e->slot[h] = (uint32_t)i + 1;
	}
}

/* The table is kept less than half full. */
static int grow(struct block_encoder *e)
{
	size_t cap = 2 * e->cap_symbols;
	struct block_symbol *symbol = realloc(e->symbol, cap * sizeof(*symbol));
	uint32_t *slot = symbol ? realloc(e->slot, 4 * cap * sizeof(*slot)) : NULL;

	if (symbol)
		e->symbol = symbol;
	if (!slot)
		return -1;
	e->slot = slot;
	e->cap_symbols = cap;
	e->n_slots = 4 * cap;
	rehash(e);
	return 0;
}

static int find_symbol(struct block_encoder *e, const struct block_symbol *s)
{
	size_t h = hash_symbol(s) & (e->n_slots - 1);

	for (; e->slot[h]; h = (h + 1) & (e->n_slots - 1))
		if (same_symbol(&e->symbol[e->slot[h] - 1], s))
			return (int)e->slot[h] - 1;
	if (e->n_symbols == e->cap_symbols) {
		if (grow(e))
			return -1;
		return find_symbol(e, s);
	}
	e->symbol[e->n_symbols++] = *s;
	e->slot[h] = (uint32_t)e->n_symbols;
	return (int)e->n_symbols - 1;
}

/* Where the next entry of a block goes. */
struct fill {
	struct block_encoder *e;
	size_t n;			/* entries so far */
	uint64_t last;			/* the newest one's time */
	uint8_t *high;
	/* where a column's next value goes; there is room for all */
	uint8_t *value[N_ATTRS];
};

/* The 257th symbol: from here on each takes two bytes. */
static void widen(struct fill *f)
{
	uint8_t *p = f->e->symbols;

	f->e->wide = true;
	for (size_t i = f->n; i--;)
		put_le16(p + 2 * i, p[i]);
}

static inline void put_symbol(struct fill *f, unsigned symbol)
{
	if (symbol > 255 && !f->e->wide)
		widen(f);
	if (f->e->wide)
		put_le16(f->e->symbols + 2 * f->n, (uint16_t)symbol);
	else
		f->e->symbols[f->n] = (uint8_t)symbol;
}

/* The symbol goes first. */
static inline void put_step(struct fill *f, uint64_t time)
{
	uint64_t step = time - f->last;

	f->e->low[f->n++] = (uint8_t)step;
	if (step < 0x8000)
		*f->high++ = (uint8_t)(step >> 8);
	else
		f->high = put_varint(f->high, step >> 8);
	f->last = time;
}

/* The number of a symbol, or -1. */
static inline int symbol_of(struct block_encoder *e, uint32_t thread, uint16_t lock, unsigned kind,
			    unsigned state, unsigned flags, unsigned attrs)
{
	/* kind < 32, state < 8, flags < 16, attrs < 2^N_ATTRS: the numbers of the format */
	uint64_t key = (uint64_t)thread << 40 | (uint64_t)lock << 24 | attrs << 12 | kind << 7 |
		       state << 4 | flags;
	struct cached_symbol *hit = &e->cache[(key * 0x9e3779b97f4a7c15ull) >> 56];
	struct block_symbol s = {
		.thread = thread, .lock = lock, .attrs = (uint16_t)attrs, .kind = (uint8_t)kind,
		.state = (uint8_t)state, .flags = (uint8_t)flags,
	};
	int n;

	if (hit->key == key && !(thread >> 24))
		return (int)hit->symbol;
	n = find_symbol(e, &s);
	if (n >= 0)
		*hit = (struct cached_symbol){ key, (uint64_t)n };
	return n;
}

/* One or two bytes for nearly all. */
static inline uint8_t *put_value(uint8_t *p, uint64_t v)
{
	if (v < 0x80) {
		*p = (uint8_t)v;
		return p + 1;
	}
	if (v >= 0x4000)
		return put_varint(p, v);
	p[0] = (uint8_t)(v | 0x80);
	p[1] = (uint8_t)(v >> 7);
	return p + 2;
}

/* Puts the values of an event into the columns; returns which there are. */
static unsigned fill_columns(struct fill *f, const struct event *ev, const struct attr *a,
			     int64_t *last)
{
	unsigned attrs = 0;

	for (unsigned k = 0; k < ev->n_attrs; k++, a++) {
		int64_t v = a->value;

		attrs |= 1u << a->id;
		if (DELTA_ATTRS & 1u << a->id) {
			v = (int64_t)((uint64_t)v - (uint64_t)last[a->id]);
			last[a->id] = a->value;
		}
		f->value[a->id] = put_value(f->value[a->id], zigzag(v));
	}
	return attrs;
}

static int fill_pairs(struct fill *f, const struct block_pairs *p)
{
	int symbol = symbol_of(f->e, p->thread, p->lock, SYMBOL_PAIRS, STATE_RUN, 0, 0);

	if (symbol < 0)
		return -1;
	put_symbol(f, (unsigned)symbol);
	put_step(f, p->time);
	buf_varint(&f->e->counts, p->count - 1);
	if (p->count > 1)
		buf_varint(&f->e->counts, p->step);
	f->last = last_time(p);
	return 0;
}

/*
 * Gives each event its symbol and its place in the planes, and puts attributes' values into the
 * columns.
 */
static int fill_planes(struct fill *f, const struct block *b)
{
	struct block_encoder *e = f->e;
	int64_t last[N_ATTRS] = { [ATTR_CHECKS] = b->checks };
	const struct block_pairs *p = b->pairs, *p_end = p + b->n_pairs;
	const struct attr *a = b->attr;

	e->n_symbols = 0;
	e->wide = false;
	memset(e->slot, 0, e->n_slots * sizeof(*e->slot));
	memset(e->cache, 0xff, sizeof(e->cache));
	for (unsigned i = 1; i < N_ATTRS; i++) {
		buf_clear(&e->column[i]);
		f->value[i] =
			b->n_attrs ? buf_reserve(&e->column[i], b->n_attrs * VARINT_MAX) : NULL;
		if (b->n_attrs && !f->value[i])
			return -1;
	}
	buf_clear(&e->counts);
	for (size_t i = 0;; i++) {
		const struct event *ev = &b->event[i];
		unsigned attrs = 0;
		int symbol;

		for (; p < p_end && p->at == i; p++)
			if (fill_pairs(f, p))
				return -1;
		if (i == b->n_events)
			break;
		if (ev->n_attrs) {
			attrs = fill_columns(f, ev, a, last);
			a += ev->n_attrs;
		}
		symbol = symbol_of(e, ev->thread, ev->lock, ev->kind, ev->state, ev->flags, attrs);
		if (symbol < 0)
			return -1;
		put_symbol(f, (unsigned)symbol);
		put_step(f, ev->time);
	}
	for (unsigned i = 1; i < N_ATTRS && b->n_attrs; i++)
		e->column[i].len = (size_t)(f->value[i] - e->column[i].data);
	return 0;
}

static void put_heads(struct buf *out, const struct block *b)
{
	uint32_t last = 0;

	buf_varint(out, b->n_heads);
	for (size_t i = 0; i < b->n_heads; i++) {
		const struct block_head *h = &b->head[i];

		buf_varint(out, h->thread - last);
		buf_varint(out, (uint64_t)h->lock << 3 | h->state);
		buf_varint(out, b->begin - h->since);
		buf_varint(out, h->seg - h->since);
		if (h->state == STATE_RUN || h->state == STATE_STALL)
			buf_varint(out, (uint64_t)(h->func + 1));
		last = h->thread;
	}
}

static void put_tails(struct buf *out, const struct block *b)
{
	uint32_t last = 0;

	buf_varint(out, b->n_tails);
	for (size_t i = 0; i < b->n_tails; i++) {
		const struct block_tail *t = &b->tail[i];

		buf_varint(out, t->thread - last);
		buf_varint(out, t->end == NO_TIME ? 0 : t->end - b->end + 1);
		buf_varint(out, t->signal == NO_TIME ? 0 : b->end - t->signal);
		last = t->thread;
	}
}

static void put_symbols(struct buf *out, const struct block_encoder *e)
{
	buf_varint(out, e->n_symbols);
	for (size_t i = 0; i < e->n_symbols; i++) {
		const struct block_symbol *s = &e->symbol[i];

		buf_varint(out, s->thread);
		buf_varint(out, s->lock);
		buf_varint(out, (uint64_t)s->kind | (uint64_t)s->state << 5 |
				(uint64_t)s->flags << 8 | (uint64_t)s->attrs << 12);
	}
}

int block_encode(struct block_encoder *e, const struct block *b, struct buf *out)
{
	struct fill f = { .e = e, .last = b->begin, .high = e->high };

	assert(b->n_events + b->n_pairs <= BLOCK_ENTRIES && block_count(b) <= BLOCK_EVENTS);
	buf_clear(out);
	if (fill_planes(&f, b))
		return -1;
	put_heads(out, b);
	put_symbols(out, e);
	put_tails(out, b);
	for (unsigned i = 1; i < N_ATTRS; i++)
		buf_varint(out, e->column[i].len);
	buf_varint(out, zigzag(b->checks));
	if (b->n_pairs) {
		buf_varint(out, f.n);
		buf_varint(out, e->counts.len);
	}
	for (unsigned i = 1; i < N_ATTRS; i++)
		buf_add(out, e->column[i].data, e->column[i].len);
	buf_add(out, e->counts.data, e->counts.len);
	buf_add(out, e->symbols, f.n << e->wide);
	buf_add(out, e->high, (size_t)(f.high - e->high));
	buf_add(out, e->low, f.n);
	for (unsigned i = 0; i < N_ATTRS; i++)
		if (buf_failed(&e->column[i]))
			return -1;
	return buf_failed(&e->counts) || buf_failed(out) ? -1 : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

void block_reader_release(struct block_reader *r)
{
	free(r->symbol);
	free(r->head);
	free(r->tail);
	*r = (struct block_reader){ 0 };
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "damaged block of events: %s", what);
}

/*
 * Room for n items of size bytes in *items; every item takes at least least bytes of the avail that
 * are left.
 */
static int room(void *items, size_t *cap, uint64_t n, size_t size, size_t least, size_t avail,
		struct err *err)
{
	void *p;

	if (n > avail / least)
		return bad(err, "a count that its bytes cannot hold");
	if (n <= *cap)
		return 0;
	p = realloc(*(void **)items, n * size);
	if (!p)
		return err_memory(err, "a block's tables");
	*(void **)items = p;
	*cap = n;
	return 0;
}

static int get_thread(const struct block_reader *r, uint64_t number, uint32_t *index)
{
	if (number >= r->n_threads)
		return -1;
	*index = r->perm ? r->perm[number] : (uint32_t)number;
	return 0;
}

static int get_heads(struct block_reader *r, struct scan *s, struct err *err)
{
	uint64_t n = scan_varint(s), number = 0;

	if (!s->p ||
	    room(&r->head, &r->cap_heads, n, sizeof(*r->head), 4, (size_t)(s->end - s->p), err))
		return s->p ? -1 : bad(err, "it ends in its heads");
	r->n_heads = n;
	for (size_t i = 0; i < n; i++) {
		struct block_head *h = &r->head[i];
		uint64_t v, ago, seg;

		number += scan_varint(s);
		v = scan_varint(s);
		ago = scan_varint(s);
		seg = scan_varint(s);
		h->state = v & 7;
		h->func = -1;
		if (h->state == STATE_RUN || h->state == STATE_STALL)
			h->func = (int64_t)scan_varint(s) - 1;
		if (!s->p || get_thread(r, number, &h->thread) || h->state >= N_STATES ||
		    v >> 3 >= r->n_locks || ago > r->begin || seg > ago)
			return bad(err, "an impossible head");
		h->lock = (uint16_t)(v >> 3);
		h->since = r->begin - ago;
		h->seg = h->since + seg;
	}
	return 0;
}

/* *pairs: whether there is a symbol of pairs. */
static int get_symbols(struct block_reader *r, struct scan *s, bool *pairs, struct err *err)
{
	uint64_t n = scan_varint(s);

	if (!s->p || room(&r->symbol, &r->cap_symbols, n, sizeof(*r->symbol), 3,
			  (size_t)(s->end - s->p), err))
		return s->p ? -1 : bad(err, "it ends in its symbols");
	r->n_symbols = n;
	*pairs = false;
	for (size_t i = 0; i < n; i++) {
		struct block_symbol *y = &r->symbol[i];
		uint64_t number = scan_varint(s), lock = scan_varint(s), v = scan_varint(s);

		if (!s->p || get_thread(r, number, &y->thread) || lock >= r->n_locks ||
		    (v & 31) > SYMBOL_PAIRS || (v >> 5 & 7) >= N_STATES || v >> (12 + N_ATTRS) ||
		    ((v & 31) == SYMBOL_PAIRS && v >> 5 != STATE_RUN))
			return bad(err, "an impossible symbol");
		y->lock = (uint16_t)lock;
		y->kind = v & 31;
		y->state = v >> 5 & 7;
		y->flags = v >> 8 & 15;
		y->attrs = (uint16_t)(v >> 12);
		y->n_attrs = (uint8_t)__builtin_popcount(y->attrs);
		*pairs |= y->kind == SYMBOL_PAIRS;
	}
	return 0;
}

static int get_tails(struct block_reader *r, struct scan *s, uint64_t end, struct err *err)
{
	uint64_t n = scan_varint(s), number = 0;

	if (!s->p ||
	    room(&r->tail, &r->cap_tails, n, sizeof(*r->tail), 3, (size_t)(s->end - s->p), err))
		return s->p ? -1 : bad(err, "it ends in its tails");
	r->n_tails = n;
	for (size_t i = 0; i < n; i++) {
		struct block_tail *t = &r->tail[i];
		uint64_t take_end, ago;

		number += scan_varint(s);
		take_end = scan_varint(s);
		ago = scan_varint(s);
		if (!s->p || get_thread(r, number, &t->thread) || ago > end ||
		    take_end > INT64_MAX)
			return bad(err, "an impossible tail");
		t->end = take_end ? end + take_end - 1 : NO_TIME;
		t->signal = ago ? end - ago : NO_TIME;
	}
	return 0;
}

int block_open(struct block_reader *r, const uint8_t *data, size_t len,
	       const struct block_bounds *b, struct err *err)
{
	struct scan s = { data, data + len };
	uint64_t column[N_ATTRS] = { 0 }, entries = b->n_events, counts = 0;
	int64_t checks;
	size_t planes;
	bool pairs = false;

	r->begin = r->time = b->begin;
	r->limit = b->end;
	r->perm = b->perm;
	r->n_threads = b->n_threads;
	r->n_locks = b->n_locks;
	r->pairs = 0;
	r->between = false;
	if (get_heads(r, &s, err) || get_symbols(r, &s, &pairs, err) ||
	    get_tails(r, &s, b->end, err))
		return -1;
	for (unsigned i = 1; i < N_ATTRS; i++)
		column[i] = scan_varint(&s);
	checks = unzigzag(scan_varint(&s));
	if (pairs) {
		entries = scan_varint(&s);
		counts = scan_varint(&s);
	}
	if (!s.p)
		return bad(err, "it ends in its tables");
	if (entries > b->n_events)
		return bad(err, "more entries than events");
	for (unsigned i = 1; i < N_ATTRS; i++) {
		if (column[i] > (size_t)(s.end - s.p))
			return bad(err, "a column that does not fit");
		r->column[i].p = s.p;
		r->column[i].end = s.p + column[i];
		r->column[i].last = i == ATTR_CHECKS ? checks : 0;
		s.p += column[i];
	}
	if (counts > (size_t)(s.end - s.p))
		return bad(err, "a column that does not fit");
	r->counts = s.p;
	r->counts_end = s.p += counts;
	r->left = (uint32_t)entries;
	r->hidden = b->n_events - r->left;
	r->wide = r->n_symbols > 256;
	planes = ((size_t)r->left << r->wide) + r->left;
	if ((size_t)(s.end - s.p) < planes || (!r->n_symbols && b->n_events))
		return bad(err, "it is too short for its events");
	r->symbols = s.p;
	r->low = s.end - r->left;
	r->high = s.p + ((size_t)r->left << r->wide);
	r->high_end = r->low;
	return 0;
}

/* Reads the next value of a column. */
static inline int get_value(struct block_reader *r, unsigned id, int64_t *value)
{
	uint64_t v = 0;

	if (r->column[id].p != r->column[id].end && *r->column[id].p < 0x80)
		v = *r->column[id].p++;
	else
		r->column[id].p = get_varint(r->column[id].p, r->column[id].end, &v);
	if (!r->column[id].p) {
		r->column[id].p = r->column[id].end;
		return -1;
	}
	*value = unzigzag(v);
	if (DELTA_ATTRS & 1u << id) {
		*value = (int64_t)((uint64_t)*value + (uint64_t)r->column[id].last);
		r->column[id].last = *value;
	}
	return 0;
}

/* The first event of pairs, which the entry that was read last stands for. */
static const struct block_symbol *begin_pairs(struct block_reader *r, const struct block_symbol *s,
					      struct err *err)
{
	uint64_t more = 0, step = 0;

	r->counts = get_varint(r->counts, r->counts_end, &more);
	if (r->counts && more)
		r->counts = get_varint(r->counts, r->counts_end, &step);
	if (!r->counts) {
		r->counts = r->counts_end;
		bad(err, "a missing number of pairs");
		return NULL;
	}
	if (more >= r->hidden || 2 * more + 1 > r->hidden || step > UINT32_MAX ||
	    (more && step > (r->limit - r->time) / more)) {
		bad(err, "more pairs than it has room for");
		return NULL;
	}
	r->hidden -= (uint32_t)(2 * more + 1);
	r->left_behind = r->left;
	r->left = 0;
	r->pairs = (uint32_t)more;
	r->step = (uint32_t)step;
	r->between = true;
	r->half[0] = r->half[1] = *s;
	r->half[0].kind = EV_RELEASE;
	r->half[0].state = STATE_IDLE;
	r->half[1].kind = EV_ACQUIRE;
	return &r->half[0];
}

void block_skip_pairs(struct block_reader *r, uint32_t n)
{
	r->time += (uint64_t)n * r->step;
	r->pairs -= n;
	if (!r->pairs)
		r->left = r->left_behind;
}

uint32_t block_pairs_before(const struct block_reader *r, uint64_t t)
{
	uint64_t n = t > r->time ? t - r->time - 1 : 0;

	if (t <= r->time)
		return 0;
	if (!r->step)
		return r->pairs;
	return n / r->step < r->pairs ? (uint32_t)(n / r->step) : r->pairs;
}

/* The next event amid pairs. */
static const struct block_symbol *next_of_pairs(struct block_reader *r)
{
	if (r->between) {
		r->between = false;
		if (!r->pairs)
			r->left = r->left_behind;
		return &r->half[1];
	}
	r->pairs--;
	r->time += r->step;
	r->between = true;
	return &r->half[0];
}

const struct block_symbol *block_next_rare(struct block_reader *r, struct err *err)
{
	uint64_t high = 0, step;
	size_t symbol;

	if (r->pairs || r->between)
		return next_of_pairs(r);
	if (!r->left) {
		if (r->high != r->high_end || r->hidden)
			bad(err, r->hidden ? "it has fewer events than it should"
					   : "bytes behind its last event");
		return NULL;
	}
	symbol = r->wide ? get_le16(r->symbols) : *r->symbols;
	r->high = get_varint(r->high, r->high_end, &high);
	if (!r->high) {
		r->high = r->high_end;
		bad(err, "it ends before its last event");
		return NULL;
	}
	step = high << 8 | *r->low;
	if (symbol >= r->n_symbols || high >> 56 || step > r->limit - r->time) {
		bad(err, symbol >= r->n_symbols ? "an unknown symbol"
						: "an event after the block's end");
		return NULL;
	}
	r->symbols += 1 + r->wide;
	r->low++;
	r->left--;
	r->time += step;
	if (r->symbol[symbol].kind == SYMBOL_PAIRS)
		return begin_pairs(r, &r->symbol[symbol], err);
	return &r->symbol[symbol];
}

int block_signal(struct block_reader *r, uint64_t *signal, struct err *err)
{
	int64_t v;

	if (get_value(r, ATTR_SIGNAL, &v) || v < 0)
		return bad(err, "a wrong length of a signal");
	*signal = (uint64_t)v;
	return 0;
}

const struct block_symbol *block_next_values(struct block_reader *r, unsigned want,
					     int64_t value[N_ATTRS], struct err *err)
{
	const struct block_symbol *s = block_next_usual(r);

	if (!s)
		s = block_next_rare(r, err);
	for (unsigned mask = s ? s->attrs & want : 0; mask; mask &= mask - 1) {
		unsigned id = (unsigned)__builtin_ctz(mask);

		if (!id || get_value(r, id, &value[id])) {
			bad(err, "a missing value of an attribute");
			return NULL;
		}
	}
	return s;
}

const struct block_symbol *block_next_attrs(struct block_reader *r, struct attr *attrs,
					    struct err *err)
{
	const struct block_symbol *s = block_next_usual(r);
	unsigned n = 0;

	if (!s)
		s = block_next_rare(r, err);
	for (unsigned mask = s ? s->attrs : 0; mask; mask &= mask - 1) {
		unsigned id = (unsigned)__builtin_ctz(mask);

		attrs[n].id = (uint8_t)id;
		if (!id || get_value(r, id, &attrs[n].value)) {
			bad(err, "a missing value of an attribute");
			return NULL;
		}
		if (id == ATTR_TARGET) {
			uint32_t index;

			if (attrs[n].value < 0 ||
			    get_thread(r, (uint64_t)attrs[n].value, &index)) {
				bad(err, "a thread that is not there");
				return NULL;
			}
			attrs[n].value = index;
		}
		n++;
	}
	return s;
}
