/*
 * draw.c - events to bins
 *
 * Each block is drawn by itself: it begins with every thread's state and says how takes that are
 * open at its end go on.  The time between two events of a thread belongs to the state after the
 * first one; a stretch of waiting is split where its ending event's ATTR_SIGNAL says that the
 * signal came.
 */
#include "internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

struct draw_lane {
	uint64_t since;		/* STATE_WAIT: the take's begin */
	uint64_t last;		/* the time up to which the lane is drawn */
	uint8_t state;
};

struct canvas {
	struct timeline_bin *out;
	size_t stride;
	unsigned level;
	uint64_t first, from, to;
	uint64_t events_to;	/* as to, but past the trace's end: its last event lies on it */
	uint32_t lane0, n_lanes;
};

void bin_add(struct timeline_bin *a, const struct timeline_bin *b)
{
	a->run += b->run;
	a->stall += b->stall;
	a->wait += b->wait;
	a->signal += b->signal;
	if (b->max_wait > a->max_wait)
		a->max_wait = b->max_wait;
	a->acquires += b->acquires;
	a->releases += b->releases;
	a->busy += b->busy;
	a->retry += b->retry;
	a->timeouts += b->timeouts;
	a->switches += b->switches;
	a->lost = lost_add(a->lost, b->lost);
	a->events += b->events;
	a->checks += b->checks;
}

/*
 * The bin in which the events are; an event's time and what came before it mostly lie in the same
 * one.
 */
struct place {
	/* of what is drawn of it; events in between are counted, others are not */
	uint64_t begin, end;
	/* 0 in front of the window and behind it, where begin is NO_TIME */
	size_t bin;
};

/* Not for STATE_IDLE. */
static inline uint64_t *field(struct timeline_bin *b, unsigned state)
{
	static const uint8_t at[N_STATES] = {
		[STATE_RUN] = offsetof(struct timeline_bin, run),
		[STATE_STALL] = offsetof(struct timeline_bin, stall),
		[STATE_WAIT] = offsetof(struct timeline_bin, wait),
		[STATE_SIGNAL] = offsetof(struct timeline_bin, signal),
	};

	return (uint64_t *)(void *)((char *)b + at[state]);
}

/* Adds the time [a, b) of a state. */
static void add_time(const struct canvas *c, uint32_t lane, unsigned state, uint64_t a, uint64_t b)
{
	struct timeline_bin *bin = c->out + lane * c->stride;
	uint64_t i, j;

	if (a < c->from)
		a = c->from;
	if (b > c->to)
		b = c->to;
	if (a >= b || state == STATE_IDLE)
		return;
	i = (a >> c->level) - c->first;
	j = ((b - 1) >> c->level) - c->first;
	if (i == j) {
		*field(&bin[i], state) += b - a;
		return;
	}
	*field(&bin[i], state) += ((c->first + i + 1) << c->level) - a;
	*field(&bin[j], state) += b - ((c->first + j) << c->level);
	for (i++; i < j; i++)
		*field(&bin[i], state) += 1ull << c->level;
}

/* The same where b is the time of an event in that place. */
static inline void add_recent(const struct canvas *c, const struct place *p, uint32_t lane,
			      unsigned state, uint64_t a, uint64_t b)
{
	if (state == STATE_IDLE)
		return;
	if (a >= p->begin && a < b)
		*field(&c->out[lane * c->stride + p->bin], state) += b - a;
	else
		add_time(c, lane, state, a, b);
}

/* A take of this length touches [a, b). */
static void add_max_wait(const struct canvas *c, uint32_t lane, uint64_t length, uint64_t a,
			 uint64_t b)
{
	struct timeline_bin *bin = c->out + lane * c->stride;
	uint64_t i, j;

	if (a < c->from)
		a = c->from;
	if (b > c->to)
		b = c->to;
	if (a >= b)
		return;
	i = (a >> c->level) - c->first;
	j = ((b - 1) >> c->level) - c->first;
	for (; i <= j; i++)
		if (length > bin[i].max_wait)
			bin[i].max_wait = length;
}

/*
 * Adds [a, b) of waiting, of which the part from signal on was hand-off; place as in add_recent().
 */
static inline void add_wait(const struct canvas *c, const struct place *p, uint32_t lane,
			    uint64_t a, uint64_t b, uint64_t signal)
{
	if (signal < a)
		signal = a;
	if (signal > b)
		signal = b;
	add_recent(c, p, lane, STATE_WAIT, a, signal);
	add_recent(c, p, lane, STATE_SIGNAL, signal, b);
}

/* n events of that symbol. */
static inline void count(struct timeline_bin *b, const struct block_symbol *s, uint32_t n)
{
	b->events += n;
	switch (s->kind) {
	case EV_ACQUIRE:
		b->acquires += n;
		b->switches += s->flags & EVF_SWITCH ? n : 0;
		break;
	case EV_RELEASE: b->releases += n; break;
	case EV_BUSY: b->busy += n; break;
	case EV_RETRY: b->retry += n; break;
	case EV_TIMEOUT: b->timeouts += n; break;
	case EV_STATE: b->events -= n; break;
	}
	if (s->flags & (EVF_LOST_ACQUIRE | EVF_LOST_RELEASE))
		b->lost = lost_add(b->lost, (s->flags & EVF_LOST_ACQUIRE ? (uint64_t)n : 0) +
						    (s->flags & EVF_LOST_RELEASE ? n : 0));
}

/* Goes to where t lies. */
static void next_place(const struct canvas *v, struct place *p, uint64_t t)
{
	uint64_t bin = t >> v->level;

	*p = (struct place){ .begin = NO_TIME, .end = t < v->from ? v->from : NO_TIME };
	if (t < v->from || t >= v->events_to)
		return;
	p->bin = bin - v->first;
	p->begin = bin << v->level;
	p->end = p->begin + (UINT64_C(1) << v->level);
	if (p->begin < v->from)
		p->begin = v->from;
	if (p->end > v->events_to)
		p->end = v->events_to;
}

/* The lane's state changes with this event, or its take goes on. */
static inline void step(const struct canvas *c, const struct place *p, uint32_t lane,
			struct draw_lane *l, const struct block_symbol *s, uint64_t t,
			uint64_t signal)
{
	if (l->state == STATE_WAIT) {
		if (s->kind == EV_ACQUIRE || s->kind == EV_RETRY || s->state != STATE_WAIT) {
			add_wait(c, p, lane, l->last, t, t - signal);
			if (s->kind == EV_ACQUIRE)
				add_max_wait(c, lane, t - l->since, l->since, t);
			l->last = t;
		}
	} else if (l->state != s->state) {
		add_recent(c, p, lane, l->state, l->last, t);
		l->last = t;
	}
	if (s->state == STATE_WAIT && (l->state != STATE_WAIT || s->kind == EV_ACQUIRE))
		l->since = t;
	l->state = s->state;
}

static inline void count_pairs(struct timeline_bin *b, uint32_t n)
{
	b->acquires += n;
	b->releases += n;
	b->events += 2 * n;
}

/*
 * Counts n pairs, the first of them step behind t, each step behind the one before: bin by bin, or
 * where these are narrower, one by one.  The lane runs on meanwhile.
 */
static void add_pairs(const struct canvas *c, uint32_t lane, uint64_t t, uint32_t n, uint64_t step)
{
	struct timeline_bin *b = c->out + lane * c->stride;
	uint64_t width = UINT64_C(1) << c->level, done = 0, end = n;
	uint64_t whole, part, before, rest, border;

	if (!step) {
		if (t >= c->from && t < c->events_to)
			count_pairs(&b[(t >> c->level) - c->first], n);
		return;
	}
	if (c->from > t)
		done = (c->from - t - 1) / step;
	if (c->events_to <= t)
		return;
	if ((c->events_to - t - 1) / step < end)
		end = (c->events_to - t - 1) / step;
	if (done >= end)
		return;
	if (step >= width) {
		for (t += (done + 1) * step; done < end; done++, t += step)
			count_pairs(&b[(t >> c->level) - c->first], 1);
		return;
	}
	b += ((t + (done + 1) * step) >> c->level) - c->first;
	border = (((t + (done + 1) * step) >> c->level) + 1) << c->level;
	before = (border - 1 - t) / step;
	rest = (border - 1 - t) % step;
	whole = width / step;
	part = width % step;
	for (; before < end; b++) {
		count_pairs(b, (uint32_t)(before - done));
		done = before;
		before += whole;
		rest += part;
		if (rest >= step) {
			rest -= step;
			before++;
		}
	}
	count_pairs(b, (uint32_t)(end - done));
}

/* Draws the pairs that come next; the lane runs, for the first one was drawn. */
static void draw_pairs(struct timeline_cursor *c, const struct canvas *v)
{
	struct block_reader *r = &c->reader;
	uint32_t lane = r->half[0].thread - v->lane0;

	if (lane < v->n_lanes)
		add_pairs(v, lane, r->time, r->pairs, r->step);
	block_skip_pairs(r, r->pairs);
}

static void begin_block(struct timeline_cursor *c, const struct canvas *v, uint64_t begin)
{
	for (uint32_t i = 0; i < v->n_lanes; i++)
		c->lane[i] =
			(struct draw_lane){ .last = begin, .since = begin, .state = STATE_IDLE };
	for (size_t i = 0; i < c->reader.n_heads; i++) {
		const struct block_head *h = &c->reader.head[i];

		if (h->thread - v->lane0 < v->n_lanes) {
			struct draw_lane *l = &c->lane[h->thread - v->lane0];

			l->state = h->state;
			l->since = h->since;
			c->some[h->thread - v->lane0] |= h->state != STATE_IDLE;
		}
	}
	for (size_t i = 0; i < c->reader.n_symbols; i++)
		if (c->reader.symbol[i].thread - v->lane0 < v->n_lanes)
			c->some[c->reader.symbol[i].thread - v->lane0] = true;
}

/* Draws what is open at the block's end. */
static void end_block(struct timeline_cursor *c, const struct canvas *v, uint64_t end)
{
	const struct place nowhere = { .begin = NO_TIME };

	for (size_t i = 0; i < c->reader.n_tails; i++) {
		const struct block_tail *t = &c->reader.tail[i];
		struct draw_lane *l;

		if (t->thread - v->lane0 >= v->n_lanes)
			continue;
		l = &c->lane[t->thread - v->lane0];
		if (l->state != STATE_WAIT)
			continue;
		add_wait(v, &nowhere, t->thread - v->lane0, l->last, end, t->signal);
		l->last = end;
		if (t->end != NO_TIME && t->end >= l->since)
			add_max_wait(v, t->thread - v->lane0, t->end - l->since, l->since, end);
	}
	for (uint32_t i = 0; i < v->n_lanes; i++)
		add_time(v, i, c->lane[i].state, c->lane[i].last, end);
}

/* --- usual events ----------------------------------------------------------------------------- */

/* What drawing an event of a symbol comes to. */
struct usual {
	struct draw_lane *lane;		/* NULL: not one of those that are drawn */
	size_t row;			/* the lane's bins, in bytes behind those of the first */
	uint32_t number;		/* of the lane */
	uint8_t state;			/* after it */
	/* the bin's counter of its kind: offset; where it has none, of one to which 0 is added */
	uint8_t counter;
	bool counts, is_event;		/* 1 there, 1 in events */
	bool plain;			/* that is all that it counts */
	bool turn, acquire;		/* ends a stretch of waiting; ACQUIRE */
	/* has a value, which is ATTR_SIGNAL; is of pairs, or no symbol at all */
	bool signal, special;
	bool pairs, checks;		/* checks: has a value of ATTR_CHECKS, which is counted */
};

#define MAX_USUAL 256		/* symbols, where one takes a byte */

static void make_usual(struct timeline_cursor *c, const struct canvas *v, bool has_checks,
		       struct usual u[MAX_USUAL])
{
	static const struct { bool counts; uint8_t at; } counter[SYMBOL_PAIRS + 1] = {
		[EV_ACQUIRE] = { true, offsetof(struct timeline_bin, acquires) },
		[EV_RELEASE] = { true, offsetof(struct timeline_bin, releases) },
		[EV_BUSY] = { true, offsetof(struct timeline_bin, busy) },
		[EV_RETRY] = { true, offsetof(struct timeline_bin, retry) },
		[EV_TIMEOUT] = { true, offsetof(struct timeline_bin, timeouts) },
	};

	for (size_t i = 0; i < c->reader.n_symbols; i++) {
		const struct block_symbol *s = &c->reader.symbol[i];
		uint32_t lane = s->thread - v->lane0;

		u[i] = (struct usual){
			.lane = lane < v->n_lanes ? &c->lane[lane] : NULL,
			.number = lane < v->n_lanes ? lane : 0,
			.row = (lane < v->n_lanes ? lane : 0) * v->stride * sizeof(*v->out),
			.state = s->state,
			.counter = counter[s->kind].counts ? counter[s->kind].at
							   : offsetof(struct timeline_bin, lost),
			.counts = counter[s->kind].counts,
			.is_event = s->kind != EV_STATE,
			.plain = !s->flags,
			.turn = s->kind == EV_ACQUIRE || s->kind == EV_RETRY ||
				s->state != STATE_WAIT,
			.acquire = s->kind == EV_ACQUIRE,
			.signal = s->attrs >> ATTR_SIGNAL & 1,
			.checks = has_checks && s->attrs >> ATTR_CHECKS & 1,
			.pairs = s->kind == SYMBOL_PAIRS,
			.special = s->kind == SYMBOL_PAIRS,
		};
	}
	for (size_t i = c->reader.n_symbols; i < MAX_USUAL; i++)
		u[i] = (struct usual){ .special = true };
}

static inline struct timeline_bin *usual_bin(const struct usual *u, struct timeline_bin *first_lane)
{
	return (struct timeline_bin *)(void *)((char *)first_lane + u->row);
}

/* As add_recent() in the place that begins there; a is not after b. */
static inline void add_usual(const struct canvas *v, uint64_t place, const struct usual *u,
			     struct timeline_bin *first_lane, unsigned state, uint64_t a,
			     uint64_t b)
{
	if (state == STATE_IDLE)
		return;
	if (a >= place)
		*field(usual_bin(u, first_lane), state) += b - a;
	else if (b > v->from && a < v->to)
		add_time(v, u->number, state, a, b);
}

/*
 * The same as get_varint().  Whether there are one or two bytes is a matter of chance, so there is
 * no branch for the processor to guess wrong.
 */
static inline const uint8_t *get_short(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	unsigned more;

	if (end - p < 2)
		return get_varint(p, end, v);
	more = p[0] >> 7;
	if (more & p[1] >> 7)
		return get_varint(p, end, v);
	*v = (p[0] & 0x7fu) | (p[1] & (0u - more)) << 7;
	return p + 1 + more;
}

/* The event ends a stretch of waiting. */
static inline void end_wait(const struct canvas *v, uint64_t place, const struct usual *u,
			    struct timeline_bin *first_lane, uint64_t t, uint64_t signal)
{
	struct draw_lane *l = u->lane;
	uint64_t at = t - signal < l->last ? l->last : t - signal;

	add_usual(v, place, u, first_lane, STATE_WAIT, l->last, at);
	add_usual(v, place, u, first_lane, STATE_SIGNAL, at, t);
	if (u->acquire)
		add_max_wait(v, u->number, t - l->since, l->since, t);
	l->last = t;
}

/* As step(). */
static inline void step_usual(const struct canvas *v, uint64_t place, const struct usual *u,
			      struct timeline_bin *first_lane, uint64_t t, uint64_t signal)
{
	struct draw_lane *l = u->lane;

	if (l->state != u->state) {
		if (l->state != STATE_WAIT) {
			add_usual(v, place, u, first_lane, l->state, l->last, t);
			l->last = t;
		} else {
			end_wait(v, place, u, first_lane, t, signal);
		}
		if (u->state == STATE_WAIT)
			l->since = t;
		l->state = u->state;
	} else if (u->turn && u->state == STATE_WAIT) {
		end_wait(v, place, u, first_lane, t, signal);
		if (u->acquire)
			l->since = t;
	}
}

/* One event, of that symbol. */
static inline void count_usual(struct timeline_bin *b, const struct usual *u,
			       const struct block_symbol *s)
{
	if (u->plain) {
		b->events += u->is_event;
		*(uint32_t *)(void *)((char *)b + u->counter) += u->counts;
	} else {
		count(b, s, 1);
	}
}

/* Numbers of pairs as an entry tells them: how many more than one, and the time between two. */
struct pairs_told { const uint8_t *end; uint64_t more, step; };

/*
 * Reads them where they are as they should be: they leave `hidden` events, and t, the first one's
 * time, is known.
 */
static inline bool get_pairs(const uint8_t *p, const struct block_reader *r, uint64_t t,
			     uint32_t hidden, struct pairs_told *told)
{
	told->step = 0;
	p = get_short(p, r->counts_end, &told->more);
	if (p && told->more)
		p = get_short(p, r->counts_end, &told->step);
	told->end = p;
	return p && told->more < hidden && 2 * told->more + 1 <= hidden &&
	       told->step <= UINT32_MAX && told->more * told->step <= r->limit - t;
}

/*
 * Draws entries until one comes that needs more care, for it may be a bad one.  What an event means
 * was looked up for its symbol; the reader's state is in local variables, for bins are written in
 * between.
 */
static void draw_usual(struct timeline_cursor *c, const struct canvas *v, struct place *place,
		       const struct usual usual[MAX_USUAL], int64_t *most_checks)
{
	struct block_reader *r = &c->reader;
	const uint8_t *checks = r->column[ATTR_CHECKS].p;
	int64_t last_checks = r->column[ATTR_CHECKS].last, most = *most_checks;
	const uint8_t *symbols = r->symbols, *high = r->high, *low = r->low,
		      *signals = r->column[ATTR_SIGNAL].p;
	const uint8_t *counts = r->counts;
	const uint8_t *const stop = symbols + r->left;
	uint64_t time = r->time;
	uint32_t hidden = r->hidden;
	uint64_t place_begin = place->begin, place_end = place->end;
	struct timeline_bin *first_lane = v->out + place->bin;

	if ((size_t)(r->high_end - high) < r->left)	/* each takes a byte at least */
		return;
	for (; symbols < stop; symbols++, low++) {
		const struct usual *u = &usual[*symbols];
		uint64_t t, upper = *high, signal = 0, told, more_checks = 0;
		const uint8_t *next_high = high + 1, *next_signals = signals, *next_checks = checks;
		struct draw_lane *l = u->lane;
		struct pairs_told pairs = { 0 };

		if (upper >= 0x80) {
			next_high = get_short(high, r->high_end, &upper);
			if (!next_high || upper >> 56 ||
			    r->high_end - next_high < stop - symbols - 1)
				break;
		}
		upper = upper << 8 | *low;
		if (upper > r->limit - time)
			break;
		t = time + upper;
		if (u->special && (!u->pairs || (l && l->state != STATE_RUN) ||
				   !get_pairs(counts, r, t, hidden, &pairs)))
			break;
		if (u->signal) {
			next_signals = get_short(signals, r->column[ATTR_SIGNAL].end, &signal);
			if (!next_signals || signal & 1 || signal >> 1 > t)
				break;
			signal >>= 1;
		}
		if (u->checks) {
			next_checks = get_short(checks, r->column[ATTR_CHECKS].end, &told);
			if (!next_checks)
				break;
			checks = next_checks;
			last_checks = (int64_t)((uint64_t)last_checks + (uint64_t)unzigzag(told));
			if (last_checks > most) {
				more_checks = (uint64_t)(last_checks - most);
				most = last_checks;
			}
		}
		if (t >= place_end) {
			next_place(v, place, t);
			place_begin = place->begin;
			place_end = place->end;
			first_lane = v->out + place->bin;
		}
		time = t;
		high = next_high;
		signals = next_signals;
		if (u->pairs) {
			counts = pairs.end;
			hidden -= (uint32_t)(2 * pairs.more + 1);
			time += pairs.more * pairs.step;
			if (!l)
				continue;
			if (place_begin != NO_TIME)
				count_pairs(usual_bin(u, first_lane),
					    time < place_end ? (uint32_t)pairs.more + 1 : 1);
			if (time >= place_end || place_begin == NO_TIME)
				add_pairs(v, u->number, t, (uint32_t)pairs.more, pairs.step);
			continue;
		}
		if (!l)
			continue;
		step_usual(v, place_begin, u, first_lane, t, signal);
		if (place_begin != NO_TIME) {
			usual_bin(u, first_lane)->checks += more_checks;
			count_usual(usual_bin(u, first_lane), u, &r->symbol[*symbols]);
		}
	}
	r->left -= (uint32_t)(symbols - r->symbols);
	r->counts = counts;
	r->hidden = hidden;
	r->symbols = symbols;
	r->high = high;
	r->low = low;
	r->column[ATTR_SIGNAL].p = signals;
	r->column[ATTR_CHECKS].p = checks;
	r->column[ATTR_CHECKS].last = last_checks;
	*most_checks = most;
	r->time = time;
}

static int draw_block(struct timeline_cursor *c, const struct canvas *v, size_t number,
		      struct err *err)
{
	struct usual usual[MAX_USUAL];
	uint64_t begin = c->tl->block[number].begin, end = tl_block_end(c->tl, number), signal;
	struct block_reader *r = &c->reader;
	const struct block_symbol *s;
	int64_t value[N_ATTRS] = { 0 };
	struct place place = { .begin = NO_TIME };
	int64_t checks;
	bool values, usually, has_checks;

	if (tl_open_block(c, number, err))
		return -1;
	begin_block(c, v, begin);
	/* Only these two attributes are counted, and few logs have them. */
	has_checks = r->column[ATTR_CHECKS].p != r->column[ATTR_CHECKS].end &&
		     !timeline_checks_follow(&c->tl->info);
	values = has_checks || r->column[ATTR_COUNT].p != r->column[ATTR_COUNT].end;
	usually = !r->wide && r->column[ATTR_COUNT].p == r->column[ATTR_COUNT].end;
	checks = r->column[ATTR_CHECKS].last;
	err->code = ERR_NONE;
	if (usually)
		make_usual(c, v, has_checks, usual);
	for (;;) {
		uint32_t lane;

		if (usually)
			draw_usual(c, v, &place, usual, &checks);
		if (block_at_pairs(r)) {
			draw_pairs(c, v);
			continue;
		}
		if (values) {
			s = block_next_values(
				r, 1u << ATTR_SIGNAL | 1u << ATTR_CHECKS | 1u << ATTR_COUNT, value,
				err);
			signal = s && s->attrs & 1u << ATTR_SIGNAL ? (uint64_t)value[ATTR_SIGNAL]
								   : 0;
		} else {
			s = block_next(r, &signal, err);
		}
		if (!s)
			break;
		lane = s->thread - v->lane0;
		if (lane >= v->n_lanes)
			goto skip;
		if (signal > r->time)
			return err_set(err, ERR_FORMAT,
				       "damaged block of events: a signal before time 0");
		if (r->time >= place.end)
			next_place(v, &place, r->time);
		step(v, &place, lane, &c->lane[lane], s, r->time, signal);
		if (place.begin != NO_TIME) {
			struct timeline_bin *b = &v->out[lane * v->stride + place.bin];

			count(b, s, 1);
			if (values) {
				if (s->kind == EV_LOST && s->attrs & 1u << ATTR_COUNT)
					b->lost = lost_add(b->lost, (uint64_t)value[ATTR_COUNT]);
				if (has_checks && s->attrs & 1u << ATTR_CHECKS &&
				    r->column[ATTR_CHECKS].last > checks)
					b->checks +=
						(uint64_t)(r->column[ATTR_CHECKS].last - checks);
			}
		}
skip:
		if (values && r->column[ATTR_CHECKS].last > checks)
			checks = r->column[ATTR_CHECKS].last;
	}
	if (err->code != ERR_NONE)
		return -1;
	end_block(c, v, end);
	return 0;
}

/* What was learned of takes when their blocks had been written already. */
static void draw_patches(const struct timeline *tl, const struct canvas *v, bool *some)
{
	for (size_t i = 0; i < tl->n_patches; i++) {
		const struct patch *p = &tl->patch[i];
		uint32_t lane = p->thread - v->lane0;
		struct canvas part = *v;

		if (lane >= v->n_lanes || p->from >= v->to || p->to <= v->from)
			continue;
		some[lane] = true;
		if (!p->signal) {
			add_max_wait(v, lane, p->to - p->from, p->from, p->to);
			continue;
		}
		part.from = p->from > v->from ? p->from : v->from;
		part.to = p->to < v->to ? p->to : v->to;
		for (uint64_t a = part.from, b; a < part.to; a = b) {
			struct timeline_bin *bin =
				&v->out[lane * v->stride + (a >> v->level) - v->first];
			uint64_t n;

			b = ((a >> v->level) + 1) << v->level;
			if (b > part.to)
				b = part.to;
			n = b - a < bin->wait ? b - a : bin->wait;
			bin->wait -= n;
			bin->signal += n;
		}
	}
}

int tl_reserve_lanes(struct timeline_cursor *c, uint32_t n_lanes, struct err *err)
{
	struct draw_lane *lane;
	bool *some;

	if (n_lanes <= c->cap_lanes)
		return 0;
	lane = realloc(c->lane, n_lanes * sizeof(*lane));
	c->lane = lane ? lane : c->lane;
	some = realloc(c->some, n_lanes * sizeof(*some));
	c->some = some ? some : c->some;
	if (!lane || !some)
		return err_memory(err, "lanes to draw");
	memset(c->some, 0, n_lanes * sizeof(*c->some));
	c->cap_lanes = n_lanes;
	return 0;
}

int draw_blocks(struct timeline_cursor *c, unsigned level, uint64_t first, uint64_t from,
		uint64_t to, uint32_t lane0, uint32_t n_lanes, size_t stride,
		struct timeline_bin *out, struct err *err)
{
	struct canvas v = {
		.out = out, .stride = stride, .level = level, .first = first, .from = from,
		.lane0 = lane0, .n_lanes = n_lanes, .events_to = to,
	};
	struct err local;

	v.to = to < c->tl->info.end ? to : c->tl->info.end;
	if (!c->tl->info.n_blocks || v.from > c->tl->info.end || from >= to)
		return 0;
	if (tl_reserve_lanes(c, n_lanes, err))
		return -1;
	for (size_t i = tl_block_from(c->tl, v.from) ? tl_block_from(c->tl, v.from) - 1 : 0;
	     i < c->tl->info.n_blocks; i++) {
		if (c->tl->block[i].begin >= to)
			break;
		if (draw_block(c, &v, i, err ? err : &local))
			return -1;
	}
	draw_patches(c->tl, &v, c->some);
	return 0;
}
