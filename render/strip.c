/* strip.c - see strip.h */
#include "strip.h"

#include <stdlib.h>
#include <string.h>

#include "instant.h"
#include "tile.h"

/* marks that are no events come after those that are; of these, by lane */
#define SEQ_SIGNAL 0x80000000u

static struct mark *add_marks(struct strip *s, struct strip_lane *l, size_t n)
{
	if (l->cap - l->n < n) {
		size_t cap = 2 * (l->n + n);
		struct mark *m = realloc(l->mark, cap * sizeof(*m));

		if (!m) {
			s->failed = true;
			return NULL;
		}
		l->mark = m;
		l->cap = cap;
	}
	l->n += n;
	return &l->mark[l->n - n];
}

static struct mark *add_mark(struct strip *s, struct strip_lane *l)
{
	return add_marks(s, l, 1);
}

/*
 * The last stretch of waiting was signal from since on: the marks in it that say WAIT say SIGNAL,
 * and where the change lies between two marks it gets one of its own.
 */
static void set_signal(struct strip *s, uint32_t lane, uint64_t since)
{
	struct strip_lane *l = &s->lane[lane];
	size_t first = l->segment, i = l->n;
	struct mark *m;

	while (i > first && i > 1 && l->mark[i - 1].t >= since)
		l->mark[--i].state = STATE_SIGNAL;
	if (i == first || (since < s->from && first == 0)) {
		if (first == 0)		/* signalled before the strip begins */
			l->mark[0].state = STATE_SIGNAL;
		return;
	}
	if (i < l->n && l->mark[i].t == since)		/* an event lies there, and says it */
		return;
	if (!add_mark(s, l))
		return;
	m = &l->mark[i];
	memmove(m + 1, m, (l->n - 1 - i) * sizeof(*m));
	*m = (struct mark){
		.t = since, .since = m[-1].since, .lock = m[-1].lock, .kind = EV_STATE,
		.state = STATE_SIGNAL, .seq = SEQ_SIGNAL + lane,
	};
}

/* All marks of the take that ends now, or is open at the strip's end, know its length. */
static void set_take(struct strip_lane *l, uint64_t length)
{
	for (size_t i = l->take; i < l->n; i++)
		l->mark[i].take = length;
}

static bool is_waiting(const struct mark *m)
{
	return m->state == STATE_WAIT || m->state == STATE_SIGNAL;
}

/* As a mark keeps it. */
static uint32_t func_number(int64_t v)
{
	return v >= 0 && v < UINT32_MAX ? (uint32_t)v + 1 : 0;
}

/* Attributes that a mark keeps.  Returns ATTR_SIGNAL's value, or 0. */
static uint64_t take_attrs(struct strip *s, struct mark *m, const struct event *e,
			   const struct attr *attrs)
{
	uint64_t signal = 0;

	for (unsigned i = 0; i < e->n_attrs; i++) {
		int64_t v = attrs[i].value;

		switch (attrs[i].id) {
		case ATTR_SIGNAL:
			signal = v > 0 ? (uint64_t)v : 0;
			break;
		case ATTR_CHECKS:
			if (v > s->checks && !s->checks_follow) {
				m->checks = (uint32_t)((uint64_t)v - (uint64_t)s->checks);
				s->checks = v;
			}
			break;
		case ATTR_FUNC:
			m->func = func_number(v);
			break;
		case ATTR_COUNT:
			if (e->kind == EV_LOST)
				m->lost = lost_add(m->lost, (uint64_t)v);
			break;
		}
	}
	return signal;
}

static bool is_wanted(const struct strip *s, uint32_t lane)
{
	return lane < s->n_lanes && !(s->skip && s->skip[lane / LANES_PER_TILE]);
}

static struct mark event_mark(const struct event *e)
{
	return (struct mark){
		.t = e->time,
		.lock = e->lock,
		.kind = e->kind,
		.state = e->state,
		.flags = e->flags,
		.lost = !!(e->flags & EVF_LOST_ACQUIRE) + !!(e->flags & EVF_LOST_RELEASE),
	};
}

static int load_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct strip *s = ctx;
	uint32_t lane = e->thread - s->lane0, seq = s->seq++;
	struct mark *last, *m, told = { .t = 0 };	/* what attributes tell */
	uint64_t signal = e->n_attrs ? take_attrs(s, &told, e, attrs) : 0, since;
	struct strip_lane *l;
	bool waited, begins, turn;

	if (!is_wanted(s, lane))
		return 0;
	l = &s->lane[lane];
	last = &l->mark[l->n - 1];
	waited = is_waiting(last);
	turn = e->kind == EV_ACQUIRE || e->kind == EV_RETRY || e->state != STATE_WAIT;
	begins = waited != (e->state == STATE_WAIT) || e->kind == EV_ACQUIRE;
	since = begins ? e->time : last->since;
	if (waited && turn) {
		if (signal && signal <= e->time)
			set_signal(s, lane, e->time - signal);
		if (begins)
			set_take(l, e->kind == EV_ACQUIRE ? e->time - l->mark[l->n - 1].since : 0);
	}
	m = add_mark(s, l);
	if (!m)
		return 1;
	*m = event_mark(e);
	m->since = since;
	m->seq = seq;
	m->checks = told.checks;
	m->func = told.func;
	m->lost = lost_add(m->lost, told.lost);
	if (begins)
		l->take = l->segment = l->n - 1;
	else if (turn)
		l->segment = l->n - 1;
	return 0;
}

/* What load_event() makes of them. */
static bool load_pairs(void *ctx, const struct event_pairs *p)
{
	struct strip *s = ctx;
	uint32_t lane = p->event[0].thread - s->lane0;
	struct strip_lane *l;
	struct mark mark[2], *m;
	uint64_t t = p->time;

	if (!is_wanted(s, lane)) {
		s->seq += 2 * p->n;
		return true;
	}
	l = &s->lane[lane];
	for (unsigned k = 0; k < 2; k++)
		mark[k] = event_mark(&p->event[k]);
	mark[0].since = l->mark[l->n - 1].since;
	m = add_marks(s, l, 2 * (size_t)p->n);
	if (!m)
		return true;
	for (uint32_t i = 0; i < p->n; i++) {
		t += p->step;
		mark[0].t = mark[1].t = mark[1].since = t;
		mark[0].seq = s->seq++;
		mark[1].seq = s->seq++;
		*m++ = mark[0];
		*m++ = mark[1];
		mark[0].since = t;
	}
	l->take = l->segment = l->n - 1;
	return true;
}

static int begin_lanes(void *ctx, const struct instant_lane *at, int64_t checks)
{
	struct strip *s = ctx;

	s->checks = checks;
	for (uint32_t i = 0; i < s->n_lanes; i++) {
		struct strip_lane *l = &s->lane[i];
		struct mark *m;

		l->n = l->take = l->segment = 0;
		m = add_mark(s, l);
		if (!m)
			return 1;
		*m = (struct mark){
			.t = s->from,
			.since = at[i].since,
			.func = func_number(at[i].func),
			.lock = at[i].lock,
			.state = at[i].state,
		};
	}
	return 0;
}

/* The trace's end, after which all lanes are idle. */
static void end_trace(struct strip *s)
{
	for (uint32_t i = 0; i < s->n_lanes; i++) {
		struct strip_lane *l = &s->lane[i];
		uint16_t lock = l->mark[l->n - 1].lock;
		struct mark *m;

		if (l->mark[l->n - 1].state == STATE_IDLE)
			continue;
		m = add_mark(s, l);
		if (m)
			*m = (struct mark){
				.t = s->end, .kind = EV_STATE, .state = STATE_IDLE, .lock = lock,
				.seq = SEQ_SIGNAL + i,
			};
	}
}

/* Takes that are open at the strip's end. */
static int end_lanes(void *ctx, const struct instant_lane *at)
{
	struct strip *s = ctx;

	for (uint32_t i = 0; i < s->n_lanes; i++) {
		struct strip_lane *l = &s->lane[i];

		if (!is_waiting(&l->mark[l->n - 1]) || at[i].state != STATE_WAIT)
			continue;
		if (at[i].signal < s->to)
			set_signal(s, i, at[i].signal);
		if (at[i].end != NO_TIME && at[i].end >= at[i].since)
			set_take(l, at[i].end - at[i].since);
	}
	if (s->to > s->end)
		end_trace(s);
	return 0;
}

static int make_lanes(struct strip *s, uint32_t n, struct err *err)
{
	struct strip_lane *lane;

	if (n <= s->cap_lanes)
		return 0;
	lane = realloc(s->lane, n * sizeof(*lane));
	if (!lane)
		return err_memory(err, "the lanes of a strip");
	memset(lane + s->cap_lanes, 0, (n - s->cap_lanes) * sizeof(*lane));
	s->lane = lane;
	s->cap_lanes = n;
	return 0;
}

int strip_load(struct strip *s, struct timeline *tl, struct timeline_cursor *c, uint64_t from,
	       uint64_t to, uint32_t lane0, uint32_t n_lanes, const bool *skip, struct err *err)
{
	const struct stretch stretch = {
		.from = from,
		.to = to,
		.lane0 = lane0,
		.n_lanes = n_lanes,
		.begin = begin_lanes,
		.event = load_event,
		.pairs = load_pairs,
		.end = end_lanes,
		.ctx = s,
	};
	int ret;

	if (make_lanes(s, n_lanes, err))
		return -1;
	s->from = from;
	s->to = to;
	s->skip = skip;
	s->lane0 = lane0;
	s->n_lanes = n_lanes;
	s->end = timeline_info(tl)->end;
	s->checks_follow = timeline_checks_follow(timeline_info(tl));
	s->seq = 1;
	s->failed = false;
	ret = timeline_stretch(c, &stretch, err);
	if (ret > 0 || (!ret && s->failed))
		return err_memory(err, "the marks of a strip");
	return ret;
}

void strip_release(struct strip *s)
{
	for (uint32_t i = 0; i < s->cap_lanes; i++)
		free(s->lane[i].mark);
	free(s->lane);
	*s = (struct strip){ 0 };
}

size_t strip_find(const struct strip_lane *l, size_t lo, uint64_t t)
{
	size_t hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->mark[mid].t < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
