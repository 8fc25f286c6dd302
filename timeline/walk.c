/* walk.c - from event to event, and from period to period */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t first_block(const struct timeline *tl, uint64_t from)
{
	size_t i = tl_block_from(tl, from);

	return i ? i - 1 : 0;
}

int timeline_events(struct timeline_cursor *c, uint64_t from, uint64_t to, timeline_event_fn *fn,
		    void *ctx, struct err *err)
{
	const struct timeline *tl = c->tl;

	for (size_t i = first_block(tl, from); i < tl->info.n_blocks && tl->block[i].begin < to;
	     i++) {
		const struct block_symbol *s;
		struct attr attrs[N_ATTRS];
		struct event e;
		int ret;

		if (tl_open_block(c, i, err))
			return -1;
		err->code = ERR_NONE;
		while ((s = block_next_attrs(&c->reader, attrs, err))) {
			if (c->reader.time < from || c->reader.time >= to)
				continue;
			e = (struct event){
				.time = c->reader.time, .thread = s->thread, .lock = s->lock,
				.kind = s->kind, .state = s->state, .flags = s->flags,
				.n_attrs = s->n_attrs,
			};
			ret = fn(ctx, &e, attrs);
			if (ret)
				return ret;
		}
		if (err->code != ERR_NONE)
			return -1;
	}
	return 0;
}

/* A lane between two events. */
struct walk_lane {
	/* the state that it is in; state WAIT may turn out to end in SIGNAL */
	struct period now;
	bool wanted;		/* the open period touches the range */
};

struct walk {
	struct walk_lane *lane;
	uint64_t from, to;
	timeline_period_fn *fn;
	void *ctx;
	size_t n_open;		/* lanes whose open period touches the range */
};

static int emit(struct walk *w, struct period p, uint64_t begin, uint64_t end, unsigned state)
{
	p.begin = begin;
	p.end = end;
	p.state = (uint8_t)state;
	if (begin > end || (begin == end) || begin >= w->to || end <= w->from)
		return 0;
	return w->fn(w->ctx, &p);
}

/* Ends the lane's open period at t; of a wait, the part from signal on was hand-off. */
static int close_period(struct walk *w, struct walk_lane *l, uint64_t t, uint64_t signal)
{
	struct period *p = &l->now;
	int ret;

	if (p->state == STATE_IDLE)
		return 0;
	if (p->state != STATE_WAIT)
		return emit(w, *p, p->begin, t, p->state);
	if (signal < p->begin)
		signal = p->begin;
	if (signal > t)
		signal = t;
	ret = emit(w, *p, p->begin, signal, STATE_WAIT);
	return ret ? ret : emit(w, *p, signal, t, STATE_SIGNAL);
}

static int walk_event(struct walk *w, const struct block_symbol *s, const struct attr *attrs,
		      uint64_t t)
{
	struct walk_lane *l = &w->lane[s->thread];
	struct period *p = &l->now;
	uint64_t signal = 0;
	int64_t func = -1;
	bool same, take = s->kind == EV_ACQUIRE || s->kind == EV_RETRY;
	int ret;

	for (unsigned i = 0; i < s->n_attrs; i++) {
		if (attrs[i].id == ATTR_SIGNAL && attrs[i].value > 0)
			signal = (uint64_t)attrs[i].value;
		if (attrs[i].id == ATTR_FUNC)
			func = attrs[i].value;
	}
	same = p->state == s->state && !(p->state == STATE_WAIT && take) && s->kind != EV_ACQUIRE;
	if (same)
		return 0;
	ret = close_period(w, l, t, signal < t ? t - signal : 0);
	if (ret)
		return ret;
	if ((s->state == STATE_WAIT) != (p->state == STATE_WAIT) || s->kind == EV_ACQUIRE) {
		p->since = t;
		p->func = s->kind == EV_ACQUIRE ? func : -1;
		p->lock = s->lock;
	}
	p->state = s->state;
	p->begin = t;
	return 0;
}

/* Whether a lane's open period began inside the range, so that its end must still be found. */
static bool any_open(const struct timeline *tl, const struct walk *w)
{
	for (uint32_t i = 0; i < tl->info.n_lanes; i++)
		if (w->lane[i].now.state != STATE_IDLE && w->lane[i].now.begin < w->to)
			return true;
	return false;
}

static int walk_block(struct timeline_cursor *c, struct walk *w, size_t i, bool first,
		      struct err *err)
{
	const struct block_symbol *s;
	struct attr attrs[N_ATTRS];
	bool past = false;
	int ret;

	if (tl_open_block(c, i, err))
		return -1;
	for (size_t k = 0; first && k < c->reader.n_heads; k++) {
		const struct block_head *h = &c->reader.head[k];

		if (h->thread < c->tl->info.n_lanes)
			w->lane[h->thread].now = (struct period){
				.begin = h->seg, .since = h->since, .thread = h->thread,
				.lock = h->lock, .state = h->state, .func = h->func,
			};
	}
	err->code = ERR_NONE;
	while ((s = block_next_attrs(&c->reader, attrs, err))) {
		if (c->reader.time >= w->to && !past) {
			if (!any_open(c->tl, w))
				return 1;
			past = true;
		}
		if (s->thread >= c->tl->info.n_lanes)
			continue;
		ret = walk_event(w, s, attrs, c->reader.time);
		if (ret)
			return ret;
	}
	return err->code == ERR_NONE ? 0 : -1;
}

/*
 * Patched signals: takes whose signal is not told by the event that ends them are told by it
 * anyway.
 */
int timeline_periods(struct timeline_cursor *c, uint64_t from, uint64_t to, timeline_period_fn *fn,
		     void *ctx, struct err *err)
{
	const struct timeline *tl = c->tl;
	struct walk w = { .from = from, .to = to, .fn = fn, .ctx = ctx };
	size_t start = first_block(tl, from);
	int ret = 0;

	w.lane = calloc((size_t)tl->info.n_lanes + 1, sizeof(*w.lane));
	if (!w.lane)
		return err_memory(err, "lanes to walk along");
	for (uint32_t i = 0; i < tl->info.n_lanes; i++)
		w.lane[i].now = (struct period){ .thread = i, .func = -1 };
	for (size_t i = start; !ret && i < tl->info.n_blocks; i++) {
		if (tl->block[i].begin >= to && !any_open(tl, &w))
			break;
		ret = walk_block(c, &w, i, i == start, err);
	}
	for (uint32_t i = 0; ret == 0 && i < tl->info.n_lanes; i++)
		ret = close_period(&w, &w.lane[i], tl->info.end, tl->info.end);
	free(w.lane);
	return ret == 1 ? 0 : ret;
}

/* Keeps the period of each lane that holds the instant. */
struct at { struct lane_state *out; uint64_t t; uint32_t lane0, n_lanes; };

static int keep_state(void *ctx, const struct period *p)
{
	struct at *at = ctx;
	uint32_t lane = p->thread - at->lane0;

	if (lane < at->n_lanes && p->begin <= at->t && at->t < p->end)
		at->out[lane] = (struct lane_state){ p->state, p->lock, p->since };
	return 0;
}

int timeline_states_at(struct timeline_cursor *c, uint64_t t, uint32_t lane0, uint32_t n_lanes,
		       struct lane_state *out, struct err *err)
{
	struct at at = { out, t, lane0, n_lanes };
	const struct timeline *tl = c->tl;
	const struct block_symbol *s;
	size_t block = tl_block_at(tl, t);
	struct attr attrs[N_ATTRS];
	struct walk w = { .from = t, .to = t + 1, .fn = keep_state, .ctx = &at };
	uint32_t waiting = 0;
	int ret = 0;

	assert(lane0 + n_lanes <= tl->info.n_lanes);
	memset(out, 0, n_lanes * sizeof(*out));
	if (!tl->info.n_blocks || t > tl->info.end)
		return 0;
	w.lane = calloc((size_t)tl->info.n_lanes + 1, sizeof(*w.lane));
	if (!w.lane)
		return err_memory(err, "lanes");
	/* The states after all events up to t; then waits are followed to where they end. */
	ret = tl_open_block(c, block, err);
	for (size_t k = 0; !ret && k < c->reader.n_heads; k++) {
		const struct block_head *h = &c->reader.head[k];

		if (h->thread < tl->info.n_lanes)
			w.lane[h->thread].now = (struct period){
				.begin = h->seg, .since = h->since, .thread = h->thread,
				.lock = h->lock, .state = h->state,
			};
	}
	for (uint32_t i = 0; i < tl->info.n_lanes; i++)
		w.lane[i].now.thread = i;
	err->code = ERR_NONE;
	while (!ret && (s = block_next_attrs(&c->reader, attrs, err))) {
		bool was_wait;
		if (s->thread >= tl->info.n_lanes)
			continue;
		was_wait = w.lane[s->thread].now.state == STATE_WAIT;
		if (c->reader.time <= t) {
			ret = walk_event(&w, s, attrs, c->reader.time);
		} else if (was_wait && w.lane[s->thread].now.begin <= t) {
			ret = walk_event(&w, s, attrs, c->reader.time);
		}
	}
	if (!ret && err->code != ERR_NONE)
		ret = -1;
	for (uint32_t i = lane0; !ret && i < lane0 + n_lanes; i++) {
		const struct period *p = &w.lane[i].now;

		if (p->state == STATE_IDLE || p->begin > t)
			continue;
		out[i - lane0] = (struct lane_state){ p->state, p->lock, p->since };
		waiting += p->state == STATE_WAIT;
	}
	/*
	 * Takes that are open at the block's end: its tails, and what was learned later, tell of
	 * them.
	 */
	for (size_t k = 0; !ret && waiting && k < c->reader.n_tails; k++) {
		const struct block_tail *tail = &c->reader.tail[k];
		uint32_t lane = tail->thread - lane0;

		if (lane < n_lanes && out[lane].state == STATE_WAIT && tail->signal <= t)
			out[lane].state = STATE_SIGNAL;
	}
	for (size_t k = 0; !ret && waiting && k < tl->n_patches; k++) {
		const struct patch *p = &tl->patch[k];
		uint32_t lane = p->thread - lane0;

		if (lane < n_lanes && out[lane].state == STATE_WAIT && p->signal && p->from <= t &&
		    t < p->to)
			out[lane].state = STATE_SIGNAL;
	}
	free(w.lane);
	return ret;
}
