/*
 * instant.c - see instant.h
 *
 *   block n-1          block n                 block n+1
 *   |   ...  from      |                  to   |
 *   |<- roll ->|<------- events --------->|<-->|
 *                                           look on: how do the waits end that are open at `to`?
 *                                           The rest of the block says it, or its tails do.
 */
#include "instant.h"

#include <assert.h>
#include <stdlib.h>

#include "internal.h"

/* A lane on the way to `to` and, if it waits there, on to what ends its wait. */
struct lane {
	struct instant_lane at;
	uint64_t segment;	/* when the stretch of waiting began: the take, or its last RETRY */
	bool signal_known, end_known;
};

struct walk {
	struct timeline_cursor *c;
	const struct stretch *s;
	struct lane *lane;
	struct instant_lane *at;	/* what callbacks are given */
	int64_t checks;
	bool begun, past;
	/* lanes that wait at `to` and of which the end is not known */
	uint32_t n_open;
};

/* func: the event's ATTR_FUNC, or -1. */
static void roll(struct lane *l, const struct block_symbol *s, uint64_t t, int64_t func)
{
	struct instant_lane *at = &l->at;
	bool begins =
		(s->state == STATE_WAIT) != (at->state == STATE_WAIT) || s->kind == EV_ACQUIRE;

	if (begins) {
		at->since = t;
		at->lock = s->lock;
		at->func = func;
	}
	if (begins || s->kind == EV_RETRY)
		l->segment = t;
	at->state = s->state;
}

/*
 * An event at `time`, not before t, of a lane that waits at t.  Returns whether its take has ended.
 */
static bool look_on(struct lane *l, const struct block_symbol *s, uint64_t time, uint64_t signal,
		    uint64_t t)
{
	if (s->state == STATE_WAIT && s->kind != EV_RETRY && s->kind != EV_ACQUIRE)
		return false;
	if (!l->signal_known) {
		uint64_t since = signal && signal <= time ? time - signal : time;

		if (since < l->segment)
			since = l->segment;
		if (since < t && signal)
			l->at.signal = since;
		l->signal_known = true;
	}
	if (s->kind == EV_ACQUIRE)
		l->at.end = time;
	l->end_known = s->kind != EV_RETRY;
	return l->end_known;
}

/* Waits that outlast the block: its tails, and what was learned later. */
static void follow_takes(struct walk *w)
{
	const struct timeline *tl = w->c->tl;
	const struct block_reader *r = &w->c->reader;
	uint32_t lane0 = w->s->lane0, n = w->s->n_lanes;

	for (size_t k = 0; k < r->n_tails; k++) {
		const struct block_tail *tail = &r->tail[k];
		struct lane *l = w->lane + (tail->thread - lane0 < n ? tail->thread - lane0 : n);

		if (l == w->lane + n || l->at.state != STATE_WAIT || l->end_known)
			continue;
		l->at.end = tail->end;
		if (!l->signal_known && tail->signal < w->s->to)
			l->at.signal = tail->signal > l->segment ? tail->signal : l->segment;
	}
	for (size_t k = 0; k < tl->n_patches; k++) {
		const struct patch *p = &tl->patch[k];
		struct lane *l = w->lane + (p->thread - lane0 < n ? p->thread - lane0 : n);

		if (l == w->lane + n || l->at.state != STATE_WAIT || p->from >= w->s->to ||
		    p->to < w->s->to)
			continue;
		if (!p->signal && p->from == l->at.since)
			l->at.end = p->to;
		if (p->signal && p->from >= l->segment && p->from < l->at.signal)
			l->at.signal = p->from;
	}
}

static const struct instant_lane *lanes_now(struct walk *w)
{
	for (uint32_t i = 0; i < w->s->n_lanes; i++)
		w->at[i] = w->lane[i].at;
	return w->at;
}

static int begin(struct walk *w)
{
	w->begun = true;
	return w->s->begin(w->s->ctx, lanes_now(w), w->checks);
}

static void count_open(struct walk *w)
{
	w->past = true;
	for (uint32_t i = 0; i < w->s->n_lanes; i++)
		w->n_open += w->lane[i].at.state == STATE_WAIT;
}

static int64_t func_of(const struct block_symbol *s, const struct attr *attrs)
{
	for (unsigned i = 0; s->attrs >> ATTR_FUNC & 1 && i < s->n_attrs; i++)
		if (attrs[i].id == ATTR_FUNC)
			return attrs[i].value;
	return -1;
}

static int walk_event(struct walk *w, const struct block_symbol *s, const struct attr *attrs)
{
	const struct stretch *st = w->s;
	uint64_t time = w->c->reader.time, signal = 0;
	uint32_t lane = s->thread - st->lane0;
	struct event e;
	int ret;

	if (time >= st->to) {
		if (!w->past)
			count_open(w);
		if (lane >= st->n_lanes || w->lane[lane].at.state != STATE_WAIT ||
		    w->lane[lane].end_known)
			return 0;
		for (unsigned i = 0; i < s->n_attrs; i++)
			if (attrs[i].id == ATTR_SIGNAL && attrs[i].value > 0)
				signal = (uint64_t)attrs[i].value;
		w->n_open -= look_on(&w->lane[lane], s, time, signal, st->to);
		return 0;
	}
	if (time >= st->from) {
		ret = w->begun ? 0 : begin(w);
		if (ret)
			return ret;
		e = (struct event){
			.time = time, .thread = s->thread, .lock = s->lock, .kind = s->kind,
			.state = s->state, .flags = s->flags, .n_attrs = s->n_attrs,
		};
		ret = st->event(st->ctx, &e, attrs);
		if (ret)
			return ret;
	} else {
		for (unsigned i = 0; i < s->n_attrs; i++)
			if (attrs[i].id == ATTR_CHECKS && attrs[i].value > w->checks)
				w->checks = attrs[i].value;
	}
	if (lane < st->n_lanes)
		roll(&w->lane[lane], s, time, func_of(s, attrs));
	return 0;
}

static bool is_open(const struct walk *w, uint32_t thread)
{
	uint32_t lane = thread - w->s->lane0;

	return lane < w->s->n_lanes && w->lane[lane].at.state == STATE_WAIT &&
	       !w->lane[lane].end_known;
}

static struct event pair_event(const struct block_symbol *s)
{
	return (struct event){
		.thread = s->thread, .lock = s->lock, .kind = s->kind, .state = s->state
	};
}

/*
 * Passes over those pairs that lie before the stretch, in it, or behind it; others come one by one.
 */
static int walk_pairs(struct walk *w)
{
	const struct stretch *st = w->s;
	struct block_reader *r = &w->c->reader;
	uint32_t lane = r->half[0].thread - st->lane0, n = r->pairs;
	int ret;

	if (!w->past) {
		n = block_pairs_before(r, r->time + r->step < st->from ? st->from : st->to);
		if (!n)
			return 0;
		if (r->time + r->step >= st->from) {
			struct event_pairs pairs = {
				.event = { pair_event(&r->half[0]), pair_event(&r->half[1]) },
				.step = r->step, .time = r->time, .n = n,
			};

			ret = w->begun ? 0 : begin(w);
			if (ret)
				return ret;
			if (!st->pairs || !st->pairs(st->ctx, &pairs))
				return 0;
		}
		if (lane < st->n_lanes) {
			roll(&w->lane[lane], &r->half[0], r->time + (uint64_t)n * r->step, -1);
			roll(&w->lane[lane], &r->half[1], r->time + (uint64_t)n * r->step, -1);
		}
	} else if (is_open(w, r->half[0].thread)) {
		/* behind the stretch only pairs of lanes that wait on count */
		return 0;
	}
	block_skip_pairs(r, n);
	return 0;
}

static void take_heads(struct walk *w)
{
	const struct block_reader *r = &w->c->reader;

	for (size_t k = 0; k < r->n_heads; k++) {
		const struct block_head *h = &r->head[k];
		struct lane *l;

		if (h->thread - w->s->lane0 >= w->s->n_lanes)
			continue;
		l = &w->lane[h->thread - w->s->lane0];
		l->at.state = h->state;
		l->at.lock = h->lock;
		l->at.since = h->since;
		l->at.func = h->func;
		l->segment = h->seg;
	}
	w->checks = r->column[ATTR_CHECKS].last;
}

static int walk_blocks(struct walk *w, struct err *err)
{
	const struct timeline *tl = w->c->tl;
	size_t at = tl_block_from(tl, w->s->from), first = at ? at - 1 : 0;
	const struct block_symbol *s;
	struct attr attrs[N_ATTRS];
	int ret;

	for (size_t i = first; i < tl->info.n_blocks && tl->block[i].begin < w->s->to; i++) {
		if (tl_open_block(w->c, i, err))
			return -1;
		if (i == first)
			take_heads(w);
		err->code = ERR_NONE;
		while (!(w->past && !w->n_open)) {
			ret = block_at_pairs(&w->c->reader) ? walk_pairs(w) : 0;
			if (ret)
				return ret;
			s = block_next_attrs(&w->c->reader, attrs, err);
			if (!s)
				break;
			ret = walk_event(w, s, attrs);
			if (ret)
				return ret;
		}
		if (err->code != ERR_NONE)
			return -1;
	}
	return 0;
}

int timeline_stretch(struct timeline_cursor *c, const struct stretch *s, struct err *err)
{
	struct err local = { 0 }, *e = err ? err : &local;
	struct walk w = { .c = c, .s = s };
	int ret;

	assert(s->lane0 + s->n_lanes <= c->tl->info.n_lanes && s->from < s->to);
	w.lane = calloc(s->n_lanes + 1, sizeof(*w.lane));
	w.at = calloc(s->n_lanes + 1, sizeof(*w.at));
	if (!w.lane || !w.at) {
		ret = err_memory(e, "lanes");
		goto out;
	}
	for (uint32_t i = 0; i < s->n_lanes; i++)
		w.lane[i].at.signal = w.lane[i].at.end = NO_TIME;
	ret = walk_blocks(&w, e);
	if (!ret && !w.begun)
		ret = begin(&w);
	if (ret)
		goto out;
	if (!w.past || w.n_open)
		follow_takes(&w);
	ret = s->end(s->ctx, lanes_now(&w));
out:
	free(w.lane);
	free(w.at);
	return ret;
}
