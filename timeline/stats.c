/*
 * stats.c - see stats.h
 *
 * The walk keeps for each lane the state it is in and since when, and for each lock who holds it
 * and since when.  An event ends a stretch of state, which is added to the lane and to the lock
 * that it is about, and may end a wait or a hold, which is a value.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "instant.h"
#include "internal.h"
#include "time.h"

#define NO_LOCK UINT32_MAX

/* The histograms of a lane or a lock that has values. */
struct values {
	struct hist hist[N_HISTS];
	uint64_t max_at[N_HISTS];
};

struct walk_lane {
	uint64_t since;			/* when the take or the hold began */
	uint64_t last;			/* up to when its time is added */
	uint32_t newest;		/* the lock taken last of those that it holds, or NO_LOCK */
	uint16_t lock;			/* of the take, else of the newest hold */
	uint8_t state;
	struct values *values;		/* owned; NULL: none yet */
};

struct walk_lock {
	uint32_t owner;			/* NO_THREAD: free */
	/* the locks that its owner took before and after, or NO_LOCK */
	uint32_t below, above;
	uint64_t since;
	struct values *values;
};

struct walk {
	struct stats *s;
	struct finder *finder;		/* NULL: no findings */
	bool figures;
	struct walk_lane *lane;
	struct walk_lock *lock;
	uint32_t n_lanes, n_locks;
	int64_t checks;			/* the largest seen, -1: none */
	uint64_t check_interval;	/* where checks follow from the time; else 0 */
	uint64_t end;			/* of the time in the stretch */
	uint32_t gone;			/* the lane whose state the last event lost, or NO_THREAD */
	uint64_t gone_at;
	bool no_memory;
	struct values total;
};

/* --- single values ---------------------------------------------------------------------------- */

static void add_value(struct walk *w, struct values **p, enum timeline_hist which, uint64_t v,
		      uint64_t at)
{
	struct hist *h;

	if (!*p)
		*p = calloc(1, sizeof(**p));
	if (!*p) {
		w->no_memory = true;
		return;
	}
	h = &(*p)->hist[which];
	if (v > h->max || !h->n)
		(*p)->max_at[which] = at;
	hist_add(h, v, 1);
	w->no_memory |= h->failed != 0;
}

static void value(struct walk *w, uint32_t lane, uint16_t lock, enum timeline_hist which,
		  uint64_t v, uint64_t at)
{
	if (!w->figures)
		return;
	add_value(w, &w->lane[lane].values, which, v, at);
	add_value(w, &w->lock[lock].values, which, v, at);
}

static void values_free(struct values *v)
{
	for (unsigned i = 0; v && i < N_HISTS; i++)
		hist_release(&v->hist[i]);
	free(v);
}

static void take_values(struct stats_figures *f, enum timeline_hist which, const struct hist *h,
			uint64_t max_at)
{
	if (!h->n) {
		f->value[which] = (struct stats_values){
			0, NO_TIME, NO_TIME, NO_TIME, NO_TIME, NO_TIME, NO_TIME,
		};
		return;
	}
	f->value[which] = (struct stats_values){
		.n = h->n, .p50 = hist_quantile(h, 0.5), .p90 = hist_quantile(h, 0.9),
		.p99 = hist_quantile(h, 0.99), .p999 = hist_quantile(h, 0.999), .max = h->max,
		.max_at = max_at,
	};
}

/* Adds b's values to a. */
static void merge_values(struct values *a, const struct values *b)
{
	for (unsigned i = 0; b && i < N_HISTS; i++) {
		if (b->hist[i].n && (!a->hist[i].n || b->hist[i].max > a->hist[i].max))
			a->max_at[i] = b->max_at[i];
		hist_merge(&a->hist[i], &b->hist[i]);
	}
}

/* --- the walk --------------------------------------------------------------------------------- */

static void add_time(struct walk *w, uint32_t lane, unsigned state, uint64_t a, uint64_t b)
{
	if (a >= b || !w->figures)
		return;
	w->s->lane[lane].time[state] += b - a;
	w->s->lock[w->lane[lane].lock].time[state] += b - a;
}

/* Takes a lock from its owner; the hold is a value if it is known to have ended now. */
static void hold_end(struct walk *w, uint32_t lock, uint64_t t, int64_t func, bool known)
{
	struct walk_lock *k = &w->lock[lock];
	struct walk_lane *l = &w->lane[k->owner];

	if (w->finder)
		finder_hold_end(w->finder, k->owner, (uint16_t)lock, t, func);
	if (w->figures && known)
		value(w, k->owner, (uint16_t)lock, HIST_HOLD, t - k->since, k->since);
	w->s->lock[lock].held +=
		w->figures ? t - (k->since > w->s->from ? k->since : w->s->from) : 0;
	if (k->above != NO_LOCK)
		w->lock[k->above].below = k->below;
	else
		l->newest = k->below;
	if (k->below != NO_LOCK)
		w->lock[k->below].above = k->above;
	k->owner = NO_THREAD;
	k->below = k->above = NO_LOCK;
}

static void hold_begin(struct walk *w, uint32_t lane, uint16_t lock, uint64_t since, uint64_t t,
		       int64_t func)
{
	struct walk_lock *k = &w->lock[lock];
	struct walk_lane *l = &w->lane[lane];

	k->owner = lane;
	k->since = since;
	k->below = l->newest;
	if (l->newest != NO_LOCK)
		w->lock[l->newest].above = lock;
	l->newest = lock;
	if (w->finder)
		finder_hold(w->finder, lane, lock, since, t, func);
}

/*
 * An event that only changes a state says that its thread has let go of everything: the next event
 * is the ACQUIRE of another thread that took the lock now, so a RELEASE is missing and the hold
 * ends there; or events of this thread are lost from here on, and nobody knows how long its holds
 * are.
 */
static void end_gone(struct walk *w, const struct event *next)
{
	uint32_t lane = w->gone;

	w->gone = NO_THREAD;
	if (next && next->kind == EV_ACQUIRE && next->flags & EVF_LOST_RELEASE &&
	    next->time == w->gone_at && w->lock[next->lock].owner == lane)
		return;
	while (w->lane[lane].newest != NO_LOCK)
		hold_end(w, w->lane[lane].newest, w->gone_at, -1, false);
}

/* The lane's wait, or the part of it up to a RETRY, is over; a signal came that long before t. */
static void end_wait(struct walk *w, uint32_t lane, const struct event *e, uint64_t signal)
{
	struct walk_lane *l = &w->lane[lane];
	uint64_t at = signal < e->time - l->last ? e->time - signal : l->last;

	add_time(w, lane, STATE_WAIT, l->last, at);
	add_time(w, lane, STATE_SIGNAL, at, e->time);
	l->last = e->time;
	if (e->kind == EV_RETRY)
		return;
	if (e->kind == EV_ACQUIRE)
		value(w, lane, l->lock, HIST_WAIT, e->time - l->since, l->since);
	if (w->finder)
		finder_wait_end(w->finder, lane, e->time, e->kind == EV_ACQUIRE);
}

static void change_state(struct walk *w, uint32_t lane, const struct event *e, uint64_t signal)
{
	struct walk_lane *l = &w->lane[lane];
	bool begins = (e->state == STATE_WAIT) != (l->state == STATE_WAIT) || e->kind == EV_ACQUIRE;

	if (l->state == STATE_WAIT) {
		if (e->kind == EV_ACQUIRE || e->kind == EV_RETRY || e->state != STATE_WAIT)
			end_wait(w, lane, e, signal);
	} else if (l->state != e->state) {
		add_time(w, lane, l->state, l->last, e->time);
		l->last = e->time;
		if (l->state == STATE_STALL && w->finder)
			finder_stall_end(w->finder, lane, e->time);
	} else if (e->kind == EV_ACQUIRE) {
		/* another lock, perhaps: what lies behind belongs to the one before */
		add_time(w, lane, l->state, l->last, e->time);
		l->last = e->time;
	}
	if (begins) {
		l->since = e->time;
		l->lock = e->lock;
	}
	if (w->finder && e->state == STATE_WAIT && (begins || l->state != STATE_WAIT))
		finder_wait(w->finder, lane, e->lock, e->time, e->time);
	if (w->finder && e->state == STATE_STALL && l->state != STATE_STALL)
		finder_stall(w->finder, lane, l->lock, e->time);
	l->state = e->state;
}

static void count(struct stats_figures *f, const struct event *e, uint64_t lost)
{
	f->events += e->kind != EV_STATE;
	f->lost_acquires += (e->flags & EVF_LOST_ACQUIRE) != 0;
	f->lost_releases += (e->flags & EVF_LOST_RELEASE) != 0;
	switch (e->kind) {
	case EV_ACQUIRE:
		f->acquires++;
		f->switches += (e->flags & EVF_SWITCH) != 0;
		break;
	case EV_RELEASE: f->releases++; break;
	case EV_BUSY: f->busy++; break;
	case EV_RETRY: f->retry++; break;
	case EV_TIMEOUT: f->timeouts++; break;
	case EV_DROP_REQUEST: f->drop_requests++; break;
	case EV_SWITCH_WAIT: f->switch_waits++; break;
	case EV_LOST: f->lost_events = count_add(f->lost_events, lost); break;
	}
}

/* What an event's attributes say. */
struct said {
	uint64_t signal, lost;
	int64_t func, checks;		/* -1: nothing */
};

static struct said read_attrs(const struct walk *w, const struct event *e, const struct attr *attrs)
{
	struct said a = { .func = -1, .checks = -1 };

	for (unsigned i = 0; i < e->n_attrs; i++) {
		int64_t v = attrs[i].value;

		switch (attrs[i].id) {
		case ATTR_SIGNAL: a.signal = v > 0 ? (uint64_t)v : 0; break;
		case ATTR_COUNT: a.lost = v > 0 ? (uint64_t)v : 0; break;
		case ATTR_FUNC: a.func = v; break;
		case ATTR_CHECKS: a.checks = v > 0 ? v : 0; break;
		}
	}
	if (a.checks < 0 && w->check_interval && e->kind != EV_STATE)
		a.checks = (int64_t)((w->s->tl->info.origin + e->time) / w->check_interval);
	return a;
}

/* After the RELEASE of an inner lock the thread runs with the outer one. */
static void back_to_outer(struct walk *w, uint32_t lane, uint64_t t)
{
	struct walk_lane *l = &w->lane[lane];

	if ((l->state != STATE_RUN && l->state != STATE_STALL) || l->newest == NO_LOCK ||
	    l->newest == l->lock)
		return;
	add_time(w, lane, l->state, l->last, t);
	l->last = t;
	l->lock = (uint16_t)l->newest;
	l->since = w->lock[l->newest].since;
}

static int walk_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct walk *w = ctx;
	struct said a = read_attrs(w, e, attrs);
	struct walk_lock *k = &w->lock[e->lock];
	bool acquire = e->kind == EV_ACQUIRE;

	w->s->events_read++;
	if (w->gone != NO_THREAD)
		end_gone(w, e);
	if (a.checks > w->checks) {
		w->s->checks += w->checks >= 0 ? (uint64_t)(a.checks - w->checks) : 0;
		w->checks = a.checks;
	}
	if (e->thread >= w->n_lanes)
		return 0;
	if (w->figures) {
		count(&w->s->lane[e->thread], e, a.lost);
		count(&w->s->lock[e->lock], e, a.lost);
		if (acquire && a.signal)
			value(w, e->thread, w->lane[e->thread].lock, HIST_HANDOFF, a.signal,
			      e->time - a.signal);
	}
	/* An owner that is still there had a RELEASE that is not in the log. */
	if (acquire && k->owner != NO_THREAD)
		hold_end(w, e->lock, e->time, -1, true);
	if (w->finder)
		finder_event(w->finder, e);
	change_state(w, e->thread, e, a.signal);
	if (e->kind == EV_STATE && e->state != STATE_RUN && e->state != STATE_STALL) {
		w->gone = e->thread;
		w->gone_at = e->time;
	}
	if (acquire && w->s->tl->lock[e->lock].kind == LOCK_GIL)
		hold_begin(w, e->thread, e->lock, e->time, e->time, a.func);
	if (e->kind == EV_RELEASE && k->owner == e->thread) {
		hold_end(w, e->lock, e->time, a.func, true);
		back_to_outer(w, e->thread, e->time);
	}
	return w->no_memory ? 1 : 0;
}

/*
 * Checks are counted from the largest before the stretch on.  What a clock of ticks implies is
 * known from the last block before it, for it only grows.
 */
struct before { const struct walk *w; int64_t checks; };

static int see_before(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct before *b = ctx;
	struct said a = read_attrs(b->w, e, attrs);

	if (a.checks > b->checks)
		b->checks = a.checks;
	return 0;
}

static int checks_before(struct walk *w, struct timeline_cursor *c, struct err *err)
{
	const struct timeline *tl = w->s->tl;
	struct before b = { w, -1 };
	size_t block = tl_block_from(tl, w->s->from);

	if (block && tl->info.checks &&
	    timeline_events(c, tl->block[block - 1].begin, w->s->from, see_before, &b, err) < 0)
		return -1;
	w->checks = b.checks;
	return 0;
}

static int walk_begin(void *ctx, const struct instant_lane *at, int64_t checks)
{
	struct walk *w = ctx;

	if (checks > 0 && checks > w->checks && w->s->from)
		w->checks = checks;
	for (uint32_t i = 0; i < w->n_lanes; i++) {
		struct walk_lane *l = &w->lane[i];

		l->last = w->s->from;
		l->since = at[i].since;
		l->state = at[i].state;
		l->lock = at[i].state == STATE_IDLE ? 0 : at[i].lock;
		if ((l->state == STATE_RUN || l->state == STATE_STALL) &&
		    w->lock[l->lock].owner == NO_THREAD)
			hold_begin(w, i, l->lock, l->since, w->s->from, -1);
		if (l->state == STATE_STALL && w->finder)
			finder_stall(w->finder, i, l->lock, w->s->from);
	}
	for (uint32_t i = 0; w->finder && i < w->n_lanes; i++)
		if (w->lane[i].state == STATE_WAIT)
			finder_wait(w->finder, i, w->lane[i].lock, w->lane[i].since, w->s->from);
	return 0;
}

static int walk_end(void *ctx, const struct instant_lane *at)
{
	struct walk *w = ctx;

	if (w->gone != NO_THREAD)
		end_gone(w, NULL);
	for (uint32_t i = 0; i < w->n_lanes; i++) {
		struct walk_lane *l = &w->lane[i];

		if (l->state == STATE_WAIT) {
			uint64_t signal = at[i].signal < l->last ? l->last : at[i].signal;

			if (signal > w->end)
				signal = w->end;
			add_time(w, i, STATE_WAIT, l->last, signal);
			add_time(w, i, STATE_SIGNAL, signal, w->end);
		} else if (l->state != STATE_IDLE) {
			add_time(w, i, l->state, l->last, w->end);
		}
	}
	/* What is still held has no length yet. */
	for (uint32_t i = 0; i < w->n_locks; i++)
		if (w->lock[i].owner != NO_THREAD)
			hold_end(w, i, w->end, -1, false);
	return 0;
}

static void walk_release(struct walk *w)
{
	for (uint32_t i = 0; w->lane && i < w->n_lanes; i++)
		values_free(w->lane[i].values);
	for (uint32_t i = 0; w->lock && i < w->n_locks; i++)
		values_free(w->lock[i].values);
	for (unsigned i = 0; i < N_HISTS; i++)
		hist_release(&w->total.hist[i]);
	free(w->lane);
	free(w->lock);
	finder_free(w->finder);
}

/* Percentiles from what the walk gathered. */
static void walk_values(struct walk *w)
{
	static const struct values none;

	for (uint32_t i = 0; i < w->n_lanes; i++)
		merge_values(&w->total, w->lane[i].values);
	for (unsigned h = 0; h < N_HISTS; h++) {
		for (uint32_t i = 0; i < w->n_lanes; i++) {
			const struct values *v = w->lane[i].values ? w->lane[i].values : &none;

			take_values(&w->s->lane[i], h, &v->hist[h], v->max_at[h]);
		}
		for (uint32_t i = 0; i < w->n_locks; i++) {
			const struct values *v = w->lock[i].values ? w->lock[i].values : &none;

			take_values(&w->s->lock[i], h, &v->hist[h], v->max_at[h]);
		}
		take_values(&w->s->total, h, &w->total.hist[h], w->total.max_at[h]);
		w->no_memory |= w->total.hist[h].failed != 0;
	}
}

static int walk(struct stats *s, struct timeline *tl, const struct stats_options *o, bool figures,
		struct err *err)
{
	struct walk w = {
		.s = s,
		.figures = figures,
		.n_lanes = tl->info.n_lanes,
		.n_locks = tl->info.n_locks,
		.end = s->from + s->length,
		.gone = NO_THREAD,
	};
	struct timeline_cursor *c = timeline_cursor_new(tl, err);
	struct stretch stretch = {
		.from = s->from, .to = s->to, .n_lanes = w.n_lanes,
		.begin = walk_begin, .event = walk_event, .end = walk_end, .ctx = &w,
	};
	int ret = -1;

	w.lane = calloc((size_t)w.n_lanes + 1, sizeof(*w.lane));
	w.lock = calloc((size_t)w.n_locks + 1, sizeof(*w.lock));
	if (!c || !w.lane || !w.lock) {
		if (c)
			err_memory(err, "lanes and locks");
		goto out;
	}
	for (uint32_t i = 0; i < w.n_locks; i++)
		w.lock[i] = (struct walk_lock){ NO_THREAD, NO_LOCK, NO_LOCK, 0, NULL };
	for (uint32_t i = 0; i < w.n_lanes; i++)
		w.lane[i].newest = NO_LOCK;
	if (timeline_checks_follow(&tl->info))
		w.check_interval = tl->info.check_interval;
	s->checks = 0;
	if (checks_before(&w, c, err))
		goto out;
	if (o->findings) {
		w.finder = finder_new(s, o, err);
		if (!w.finder)
			goto out;
	}
	ret = timeline_stretch(c, &stretch, err);
	if (ret < 0)
		goto out;
	if (figures)
		walk_values(&w);
	ret = w.no_memory ? err_memory(err, "histograms") : 0;
	if (!ret && w.finder) {
		s->findings = finder_finish(w.finder, w.end, err);
		ret = s->findings ? 0 : -1;
	}
out:
	walk_release(&w);
	timeline_cursor_free(c);
	return ret;
}

/* --- what is stored --------------------------------------------------------------------------- */

/* Whether each process has one lock at most, so that its threads' figures are the lock's. */
static bool one_lock_each(const struct timeline *tl)
{
	uint8_t *seen = calloc(tl->info.n_processes, 1);
	bool one = seen != NULL;

	for (uint32_t i = 0; one && i < tl->info.n_locks; i++) {
		one = !seen[tl->lock[i].process];
		seen[tl->lock[i].process] = 1;
	}
	free(seen);
	return one;
}

static void add_figures(struct stats_figures *a, const struct stats_figures *b)
{
	for (unsigned i = 0; i < N_STATES; i++)
		a->time[i] += b->time[i];
	a->held += b->held;
	a->events += b->events;
	a->acquires += b->acquires;
	a->releases += b->releases;
	a->busy += b->busy;
	a->retry += b->retry;
	a->timeouts += b->timeouts;
	a->drop_requests += b->drop_requests;
	a->switches += b->switches;
	a->switch_waits += b->switch_waits;
	a->lost_acquires += b->lost_acquires;
	a->lost_releases += b->lost_releases;
	a->lost_events = count_add(a->lost_events, b->lost_events);
}

static void stored_lane(struct stats_figures *f, const struct timeline_thread *t)
{
	memcpy(f->time, t->time, sizeof(f->time));
	f->events = t->events;
	f->acquires = t->acquires;
	f->releases = t->releases;
	f->busy = t->busy;
	f->retry = t->retry;
	f->timeouts = t->timeouts;
	f->drop_requests = t->drop_requests;
	f->switches = t->switches;
	f->switch_waits = t->forced_switches;
	f->lost_acquires = t->lost_acquires;
	f->lost_releases = t->lost_releases;
	f->lost_events = t->lost_events;
}

/* max_run is also of a hold that the trace's end cuts off, which is no value. */
static uint64_t stored_max_at(const struct timeline_thread *t, unsigned which, const struct hist *h)
{
	if (which == HIST_WAIT)
		return t->max_wait_at;
	return which == HIST_HOLD && h->max && t->max_run == h->max ? t->max_run_at : NO_TIME;
}

/* The lock's histograms are those of the lanes of its process. */
static int stored_lock(struct stats *s, struct timeline *tl, uint32_t lock, struct err *err)
{
	struct values v = { 0 };
	bool failed = false;

	for (uint32_t i = 0; i < tl->info.n_lanes; i++) {
		const struct timeline_thread *t = &tl->thread[i];

		if (t->process != tl->lock[lock].process)
			continue;
		add_figures(&s->lock[lock], &s->lane[i]);
		for (unsigned h = 0; h < N_HISTS; h++) {
			const struct hist *hist = &tl->hist[i][h];

			if (hist->n && (!v.hist[h].n || hist->max > v.hist[h].max))
				v.max_at[h] = stored_max_at(t, h, hist);
			hist_merge(&v.hist[h], hist);
		}
	}
	s->lock[lock].held = s->lock[lock].time[STATE_RUN] + s->lock[lock].time[STATE_STALL];
	for (unsigned h = 0; h < N_HISTS; h++) {
		take_values(&s->lock[lock], h, &v.hist[h], v.max_at[h]);
		failed |= v.hist[h].failed != 0;
		hist_release(&v.hist[h]);
	}
	return failed ? err_memory(err, "histograms") : 0;
}

static int stored_figures(struct stats *s, struct timeline *tl, struct err *err)
{
	uint32_t worst[N_HISTS] = { 0 };

	if (timeline_load_hists(tl, err))
		return -1;
	for (uint32_t i = 0; i < tl->info.n_lanes; i++) {
		stored_lane(&s->lane[i], &tl->thread[i]);
		for (unsigned h = 0; h < N_HISTS; h++) {
			take_values(&s->lane[i], h, &tl->hist[i][h],
				    stored_max_at(&tl->thread[i], h, &tl->hist[i][h]));
			if (tl->hist[i][h].max > tl->hist[worst[h]][h].max)
				worst[h] = i;
		}
	}
	s->checks = tl->info.checks;
	for (uint32_t i = 0; i < tl->info.n_locks; i++)
		if (stored_lock(s, tl, i, err))
			return -1;
	for (unsigned h = 0; h < N_HISTS && tl->info.n_lanes; h++)
		take_values(&s->total, h, &tl->hist[tl->info.n_lanes][h],
			    stored_max_at(&tl->thread[worst[h]], h, &tl->hist[worst[h]][h]));
	return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

/*
 * "5000 us" as the recorder writes it, in ns; 0 if it says nothing.  Of several the last one is
 * kept, as it should be: a program sets it before its threads start.
 */
static uint64_t fact_interval(const struct timeline *tl)
{
	const char *s = timeline_fact_value(tl, "switch interval");
	uint64_t t = 0;
	char text[32];
	size_t n = 0;

	for (; s && *s && n < sizeof(text) - 1; s++)
		if (*s != ' ')
			text[n++] = *s;
	text[n] = 0;
	return time_parse(text, CLOCK_NS, 0, &t, NULL) ? 0 : t;
}

static void find_interval(struct stats *s, const struct stats_options *o)
{
	const struct timeline_info *info = &s->tl->info;
	uint64_t fact = info->clock == CLOCK_TICKS ? info->check_interval : fact_interval(s->tl);

	s->interval_from = o->interval ? INTERVAL_OPTION : fact ? INTERVAL_FACT : INTERVAL_DEFAULT;
	s->interval = o->interval ? o->interval : fact;
	if (!s->interval)
		s->interval = info->clock == CLOCK_TICKS ? 100 : 5000000;
}

/* A file's sums are claims: they may say more than the stretch is long. */
static uint64_t rest(uint64_t length, uint64_t part)
{
	return part < length ? length - part : 0;
}

int stats_collect(struct stats *s, struct timeline *tl, const struct stats_options *o,
		  struct err *err)
{
	uint64_t end = tl->info.end, to = o->to > end ? end + 1 : o->to;
	bool stored;

	*s = (struct stats){
		.tl = tl, .from = o->from, .to = to, .whole = !o->from && to > end,
		.length = (to > end ? end : to) - o->from,
	};
	find_interval(s, o);
	s->lane = calloc((size_t)tl->info.n_lanes + 1, sizeof(*s->lane));
	s->lock = calloc((size_t)tl->info.n_locks + 1, sizeof(*s->lock));
	if (!s->lane || !s->lock)
		return err_memory(err, "figures");
	stored = s->whole && !o->from_events && one_lock_each(tl);
	if (stored && stored_figures(s, tl, err))
		return -1;
	if ((!stored || o->findings) && tl->info.n_blocks && walk(s, tl, o, !stored, err))
		return -1;
	for (uint32_t i = 0; i < tl->info.n_lanes; i++) {
		struct stats_figures *f = &s->lane[i];

		f->held = f->time[STATE_RUN] + f->time[STATE_STALL];
		f->time[STATE_IDLE] =
			rest(s->length, f->held + f->time[STATE_WAIT] + f->time[STATE_SIGNAL]);
		add_figures(&s->total, f);
	}
	for (uint32_t i = 0; i < tl->info.n_locks; i++) {
		s->lock[i].time[STATE_IDLE] = rest(s->length, s->lock[i].held);
		/* Some are of no lock, or of who knows which. */
		s->lock[i].events = s->lock[i].lost_events = NO_TIME;
	}
	return 0;
}

void stats_release(struct stats *s)
{
	free(s->lane);
	free(s->lock);
	findings_free(s->findings);
	*s = (struct stats){ 0 };
}
