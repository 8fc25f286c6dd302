/* findings.c - see findings.h */
#include "findings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "time.h"
#include "utf8.h"

/* What one detector gathers for one lane or lock. */
struct tally {
	uint64_t count, total, longest, more, first, last;
	struct finding_place place[FINDING_PLACES];
	unsigned n_places;
	uint16_t lock;
};

/* Paid waits that follow each other closely. */
struct convoy {
	uint64_t n, total, longest, held, first, last;
};

struct find_lane {
	/* the take that goes on */
	bool waiting;
	uint16_t wait_lock;
	uint64_t since, seen;		/* when it began, and when the stretch saw it begin */
	uint64_t takes_before, retries, timeouts;
	unsigned __int128 waiters_before;
	/* the take that ended last */
	uint64_t waited, wait_end;
	uint64_t paid;			/* its length, if it may prove to be a paid wait; else 0 */
	uint32_t paid_to;
	/* stalls: the one that goes on (NO_TIME: none), its lock, and the time of all so far */
	uint64_t stall_since, stalled;
	uint16_t stall_lock;
	/* the last RELEASE, and what follows it */
	uint64_t released, switch_since;
	/* the next to take it was one that had waited an interval */
	bool forced;
	/*
	 * convoys: the one that goes on, and for whom the thread waits most often (a majority vote)
	 */
	struct convoy convoy;
	uint32_t other;
	uint64_t votes;
	bool others;
	struct tally long_holds, convoys, starved, stalls;
};

struct find_lock {
	uint32_t owner;
	uint64_t since;			/* of the hold */
	int64_t func;
	uint32_t n_waiting;
	uint64_t takes;			/* ACQUIREs so far */
	unsigned __int128 waiters;	/* the sum of waiters times time, up to waiters_at */
	uint64_t waiters_at;
	/* the part of the hold that others wait through */
	uint64_t contested_since;	/* NO_TIME: nobody waits */
	uint64_t contested_stalled;	/* the holder's stalls before it */
	uint64_t contested;		/* the longest such part of this hold, but for stalls */
	/* the hold before */
	uint32_t last_owner;
	uint64_t last_since, last_end;
	uint64_t retries, switches, drop_requests, battles;
	/* told, derived: forced switches as the log tells them, or by their pattern */
	struct tally battle, told, derived;
};

struct finder {
	const struct stats *s;
	struct findings *out;
	struct find_lane *lane;
	struct find_lock *lock;
	uint32_t n_lanes, n_locks;
	uint64_t interval;
	bool has_timeouts;
	size_t cap;
};

/* --- keeping the worst ------------------------------------------------------------------------ */

static void add_place(struct tally *t, struct finding_place p)
{
	unsigned i = t->n_places < FINDING_PLACES ? t->n_places++ : FINDING_PLACES;

	for (; i && t->place[i - 1].length < p.length; i--)
		if (i < FINDING_PLACES)
			t->place[i] = t->place[i - 1];
	if (i < FINDING_PLACES)
		t->place[i] = p;
}

static void add(struct tally *t, uint16_t lock, struct finding_place p, uint64_t count,
		uint64_t total)
{
	if (!t->count || p.from < t->first)
		t->first = p.from;
	if (p.to > t->last)
		t->last = p.to;
	if (!t->count || p.length > t->longest)
		t->lock = lock;
	if (p.length > t->longest)
		t->longest = p.length;
	t->count += count;
	t->total += total;
	add_place(t, p);
}

/* v times n, or the most there is. */
static uint64_t times(uint64_t v, uint64_t n)
{
	uint64_t r;

	return __builtin_mul_overflow(v, n, &r) ? UINT64_MAX : r;
}

static uint64_t percent(uint64_t v, unsigned n)
{
	return (uint64_t)((unsigned __int128)v * n / 100);
}

/* --- waiters ---------------------------------------------------------------------------------- */

static uint64_t stalled_now(const struct find_lane *l, uint64_t t)
{
	return l->stalled + (l->stall_since != NO_TIME ? t - l->stall_since : 0);
}

static void contest_end(struct finder *f, struct find_lock *k, uint64_t t)
{
	struct find_lane *owner = &f->lane[k->owner];
	uint64_t stalled, part;

	if (k->contested_since == NO_TIME)
		return;
	stalled = stalled_now(owner, t) - k->contested_stalled;
	part = t - k->contested_since;
	part -= stalled < part ? stalled : part;
	if (part > k->contested)
		k->contested = part;
	owner->stalls.more += stalled;
	k->contested_since = NO_TIME;
}

static void contest_begin(struct finder *f, struct find_lock *k, uint64_t t)
{
	if (k->contested_since != NO_TIME || k->owner == NO_THREAD || !k->n_waiting)
		return;
	k->contested_since = t;
	k->contested_stalled = stalled_now(&f->lane[k->owner], t);
}

static void change_waiters(struct find_lock *k, int by, uint64_t t)
{
	k->waiters += (unsigned __int128)k->n_waiting * (t - k->waiters_at);
	k->waiters_at = t;
	k->n_waiting = (uint32_t)((int64_t)k->n_waiting + by);
}

void finder_wait(struct finder *f, uint32_t lane, uint16_t lock, uint64_t since, uint64_t t)
{
	struct find_lane *l = &f->lane[lane];
	struct find_lock *k = &f->lock[lock];

	if (l->waiting)
		return;
	change_waiters(k, 1, t);
	l->waiting = true;
	l->wait_lock = lock;
	l->since = since;
	l->seen = t;
	l->takes_before = k->takes;
	l->waiters_before = k->waiters;
	l->retries = l->timeouts = 0;
	contest_begin(f, k, t);
}

/* A wait is judged by what the stretch saw of it. */
static void judge_starved(struct finder *f, uint32_t lane, uint64_t t, bool acquired)
{
	struct find_lane *l = &f->lane[lane];
	struct find_lock *k = &f->lock[l->wait_lock];
	uint64_t waited = t - l->seen, takes = k->takes - l->takes_before - acquired;
	double n;

	if (waited < times(f->interval, f->out->starvation))
		return;
	n = 1 + (double)(k->waiters - l->waiters_before) / (double)waited;
	if ((double)waited < n * (double)f->interval * (double)f->out->starvation ||
	    (double)takes < n * (double)f->out->starvation)
		return;
	if (t - l->since > l->starved.longest)
		l->starved.more = takes;
	add(&l->starved, l->wait_lock,
	    (struct finding_place){ l->since, t, t - l->since, -1, lane }, 1, t - l->since);
}

/* A take with RETRYs has ended. */
static void judge_battle(struct finder *f, uint32_t lane, uint64_t t)
{
	struct find_lane *l = &f->lane[lane];
	struct find_lock *k = &f->lock[l->wait_lock];

	if (!l->retries)
		return;
	k->battles += l->retries >= BATTLE_RETRIES;
	add(&k->battle, l->wait_lock, (struct finding_place){ l->since, t, l->retries, -1, lane },
	    1, t - l->since);
}

/*
 * Whether the wait that ended at t may be one that a convoy pays: what the hold after it will be is
 * not known.
 */
static bool may_be_paid(const struct finder *f, const struct find_lane *l, uint64_t t)
{
	const struct find_lock *k = &f->lock[l->wait_lock];
	uint64_t begin = k->last_since > l->since ? k->last_since : l->since, held;

	if (f->out->old_gil || k->last_owner == NO_THREAD || k->last_end < l->since ||
	    k->last_end < begin)
		return false;
	held = k->last_end - begin;
	return t - l->since >= percent(f->interval, CONVOY_WAIT_PERCENT) &&
	       held >= percent(f->interval, CONVOY_HOLDER_PERCENT) &&
	       held < times(f->interval, f->out->long_hold) && (l->timeouts || !f->has_timeouts);
}

void finder_wait_end(struct finder *f, uint32_t lane, uint64_t t, bool acquired)
{
	struct find_lane *l = &f->lane[lane];
	struct find_lock *k = &f->lock[l->wait_lock];

	if (!l->waiting)
		return;
	change_waiters(k, -1, t);
	if (!k->n_waiting && k->owner != NO_THREAD)
		contest_end(f, k, t);
	judge_starved(f, lane, t, acquired);
	judge_battle(f, lane, t);
	l->waiting = false;
	l->paid = 0;
	if (!acquired)
		return;
	l->waited = t - l->since;
	l->wait_end = t;
	if (may_be_paid(f, l, t) && k->last_owner != lane) {
		l->paid = t - l->since;
		l->paid_to = k->last_owner;
	}
}

/* --- convoys ---------------------------------------------------------------------------------- */

static void convoy_close(struct finder *f, uint32_t lane, uint16_t lock)
{
	struct find_lane *l = &f->lane[lane];
	struct convoy *c = &l->convoy;

	if (c->n && c->n >= f->out->convoy) {
		uint64_t longest =
			l->convoys.longest > c->longest ? l->convoys.longest : c->longest;

		add(&l->convoys, lock,
		    (struct finding_place){ c->first, c->last, c->total, -1, lane }, c->n,
		    c->total);
		l->convoys.longest = longest;	/* of the waits, not of the convoys */
		l->convoys.more += c->held;
	}
	*c = (struct convoy){ 0 };
}

/* The hold after a wait that may be paid has lasted so long. */
static void judge_paid(struct finder *f, uint32_t lane, uint16_t lock, uint64_t held)
{
	struct find_lane *l = &f->lane[lane];
	struct convoy *c = &l->convoy;
	uint64_t begin = l->wait_end - l->paid;

	if (!l->paid || held >= percent(f->interval, CONVOY_HOLD_PERCENT)) {
		l->paid = 0;
		return;
	}
	if (c->n && begin > c->last && begin - c->last > times(f->interval, CONVOY_GAP))
		convoy_close(f, lane, lock);
	if (!c->n)
		c->first = begin;
	c->n++;
	c->total += l->paid;
	c->held += held;
	c->last = l->wait_end + held;
	if (l->paid > c->longest)
		c->longest = l->paid;
	l->others |= l->other != NO_THREAD && l->other != l->paid_to;
	if (!l->votes)
		l->other = l->paid_to;
	if (l->other == l->paid_to)
		l->votes++;
	else
		l->votes--;
	l->paid = 0;
}

/* --- holds ------------------------------------------------------------------------------------ */

void finder_hold(struct finder *f, uint32_t lane, uint16_t lock, uint64_t since, uint64_t t,
		 int64_t func)
{
	struct find_lane *l = &f->lane[lane];
	struct find_lock *k = &f->lock[lock];

	k->owner = lane;
	k->since = since;
	k->func = func;
	if (k->last_owner != NO_THREAD && k->last_owner != lane && l->wait_end == t &&
	    l->waited >= percent(f->interval, 95))
		f->lane[k->last_owner].forced = true;
	l->released = NO_TIME;
	l->forced = false;
	k->contested = 0;
	k->contested_since = NO_TIME;
	contest_begin(f, k, t);
}

static void judge_hold(struct finder *f, struct find_lock *k, uint16_t lock, uint64_t t,
		       int64_t func)
{
	struct find_lane *l = &f->lane[k->owner];

	contest_end(f, k, t);
	if (k->contested < times(f->interval, f->out->long_hold))
		return;
	add(&l->long_holds, lock,
	    (struct finding_place){ k->since, t, k->contested, func >= 0 ? func : k->func,
				    k->owner },
	    1, k->contested);
	l->long_holds.more += t - k->since;
}

void finder_hold_end(struct finder *f, uint32_t lane, uint16_t lock, uint64_t t, int64_t func)
{
	struct find_lock *k = &f->lock[lock];

	judge_hold(f, k, lock, t, func);
	judge_paid(f, lane, lock, t - k->since);
	k->last_owner = lane;
	k->last_since = k->since;
	k->last_end = t;
	k->owner = NO_THREAD;
}

void finder_stall(struct finder *f, uint32_t lane, uint16_t lock, uint64_t t)
{
	f->lane[lane].stall_since = t;
	f->lane[lane].stall_lock = lock;
	f->out->has_sched = true;
}

void finder_stall_end(struct finder *f, uint32_t lane, uint64_t t)
{
	struct find_lane *l = &f->lane[lane];
	uint64_t since = l->stall_since;

	if (since == NO_TIME)
		return;
	l->stalled += t - since;
	l->stall_since = NO_TIME;
	add(&l->stalls, l->stall_lock, (struct finding_place){ since, t, t - since, -1, lane }, 1,
	    t - since);
}

/* --- events ----------------------------------------------------------------------------------- */

static void switch_done(struct finder *f, const struct event *e)
{
	struct find_lane *l = &f->lane[e->thread];
	struct find_lock *k = &f->lock[e->lock];
	uint64_t since = l->switch_since;

	l->switch_since = NO_TIME;
	if (since != NO_TIME) {
		add(&k->told, e->lock,
		    (struct finding_place){ since, e->time, e->time - since, -1, e->thread }, 1,
		    e->time - since);
		return;
	}
	/*
	 * A log that tells no SWITCH_WAIT may have a SWITCH_DONE after each RELEASE: it was forced
	 * if the next to take the lock was another thread that had waited an interval.
	 */
	if (l->released != NO_TIME && l->forced)
		add(&k->derived, e->lock,
		    (struct finding_place){ l->released, e->time, e->time - l->released, -1,
					    e->thread },
		    1, e->time - l->released);
}

void finder_event(struct finder *f, const struct event *e)
{
	struct find_lane *l = &f->lane[e->thread];
	struct find_lock *k = &f->lock[e->lock];

	switch (e->kind) {
	case EV_ACQUIRE:
		k->takes++;
		k->switches += (e->flags & EVF_SWITCH) != 0;
		break;
	case EV_RELEASE:
		l->released = e->time;
		l->forced = false;
		break;
	case EV_RETRY:
		k->retries++;
		l->retries++;
		break;
	case EV_TIMEOUT: l->timeouts++; break;
	case EV_DROP_REQUEST: k->drop_requests++; break;
	case EV_SWITCH_WAIT: l->switch_since = e->time; break;
	case EV_SWITCH_DONE:
		switch_done(f, e);
		l->forced = false;
		break;
	case EV_SCHED_IN: case EV_SCHED_OUT: f->out->has_sched = true; break;
	}
}

/* --- begin and end ---------------------------------------------------------------------------- */

/*
 * A trace of the old GIL: it has checks, or was recorded from a Python 2 that told its check
 * interval.
 */
static bool is_old_gil(const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);

	return info->clock == CLOCK_TICKS || info->checks ||
	       timeline_fact_value(tl, "check interval");
}

struct finder *finder_new(const struct stats *s, const struct stats_options *o, struct err *err)
{
	const struct timeline_info *info = timeline_info(s->tl);
	struct finder *f = calloc(1, sizeof(*f));

	if (!f)
		goto no_memory;
	f->s = s;
	f->n_lanes = info->n_lanes;
	f->n_locks = info->n_locks;
	f->interval = s->interval;
	f->out = calloc(1, sizeof(*f->out));
	f->lane = calloc((size_t)f->n_lanes + 1, sizeof(*f->lane));
	f->lock = calloc((size_t)f->n_locks + 1, sizeof(*f->lock));
	if (!f->out || !f->lane || !f->lock)
		goto no_memory;
	f->out->long_hold = o->long_hold ? o->long_hold : FIND_LONG_HOLD;
	f->out->convoy = o->convoy ? o->convoy : FIND_CONVOY;
	f->out->starvation = o->starvation ? o->starvation : FIND_STARVATION;
	f->out->old_gil = is_old_gil(s->tl);
	for (uint32_t i = 0; i < f->n_lanes; i++) {
		struct find_lane *l = &f->lane[i];

		f->has_timeouts |= timeline_thread(s->tl, i)->timeouts != 0;
		l->stall_since = l->released = l->switch_since = NO_TIME;
		l->other = l->paid_to = NO_THREAD;
		l->wait_end = NO_TIME;
	}
	for (uint32_t i = 0; i < f->n_locks; i++) {
		f->lock[i].owner = f->lock[i].last_owner = NO_THREAD;
		f->lock[i].contested_since = NO_TIME;
		f->lock[i].waiters_at = s->from;
	}
	return f;
no_memory:
	finder_free(f);
	err_memory(err, "findings");
	return NULL;
}

void finder_free(struct finder *f)
{
	if (!f)
		return;
	findings_free(f->out);
	free(f->lane);
	free(f->lock);
	free(f);
}

void findings_free(struct findings *f)
{
	if (!f)
		return;
	free(f->f);
	free(f);
}

static struct finding *tell(struct finder *f, enum finding_kind kind, const struct tally *t)
{
	struct finding *x;

	if (f->out->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;

		x = realloc(f->out->f, cap * sizeof(*x));
		if (!x)
			return NULL;
		f->out->f = x;
		f->cap = cap;
	}
	x = &f->out->f[f->out->n++];
	*x = (struct finding){
		.kind = kind,
		.lane = NO_THREAD,
		.lock = t->lock,
		.other = NO_THREAD,
		.count = t->count,
		.total = t->total,
		.longest = t->longest,
		.more = t->more,
		.first = t->first,
		.last = t->last,
		.n_places = t->n_places,
	};
	memcpy(x->place, t->place, sizeof(x->place));
	return x;
}

static int tell_lane(struct finder *f, uint32_t lane)
{
	const struct stats_figures *figures = &f->s->lane[lane];
	uint64_t held = figures->time[STATE_RUN] + figures->time[STATE_STALL];
	struct find_lane *l = &f->lane[lane];
	const struct { enum finding_kind kind; const struct tally *t; bool told; } all[] = {
		{ FIND_LONG_HOLDS, &l->long_holds, l->long_holds.count != 0 },
		{ FIND_CONVOYS, &l->convoys, l->convoys.count != 0 },
		{ FIND_STARVED, &l->starved, l->starved.count != 0 },
		{ FIND_STALLS, &l->stalls, l->stalls.total >= percent(held, STALL_PERCENT) &&
					   l->stalls.total >= f->interval },
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct finding *x;

		if (!all[i].told)
			continue;
		x = tell(f, all[i].kind, all[i].t);
		if (!x)
			return -1;
		x->lane = lane;
		if (x->kind == FIND_CONVOYS) {
			x->other = l->other;
			x->others = l->others;
			x->of = x->last - x->first;
		}
		if (x->kind == FIND_STALLS)
			x->of = held;
	}
	return 0;
}

static int tell_lock(struct finder *f, uint16_t lock)
{
	struct find_lock *k = &f->lock[lock];
	const struct tally *forced = k->told.count ? &k->told : &k->derived;
	uint64_t asked = k->drop_requests > forced->count ? k->drop_requests : forced->count;
	struct finding *x;

	if (k->battles || (k->retries >= BATTLE_RETRIES && k->retries >= k->switches)) {
		x = tell(f, FIND_BATTLES, &k->battle);
		if (!x)
			return -1;
		x->lock = lock;
		x->of = x->count;
		x->count = k->retries;
		x->more = k->switches;
	}
	if (!f->out->old_gil && asked >= FORCED_MIN &&
	    asked >= percent(f->s->length / f->interval, FORCED_PERCENT)) {
		x = tell(f, FIND_FORCED, forced);
		if (!x)
			return -1;
		x->lock = lock;
		x->of = k->drop_requests;
		x->more = k->switches;
	}
	return 0;
}

static int costliest_first(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	return x->lock < y->lock ? -1 : x->lock > y->lock;
}

/* What is open at the end is judged by what was seen of it; holds were ended before. */
static void close_all(struct finder *f, uint64_t t)
{
	for (uint32_t i = 0; i < f->n_lanes; i++) {
		struct find_lane *l = &f->lane[i];

		finder_stall_end(f, i, t);
		if (l->waiting) {
			change_waiters(&f->lock[l->wait_lock], 0, t);
			judge_starved(f, i, t, false);
			judge_battle(f, i, t);
		}
		convoy_close(f, i, l->wait_lock);
	}
}

struct findings *finder_finish(struct finder *f, uint64_t t, struct err *err)
{
	struct findings *out = f->out;

	close_all(f, t);
	for (uint32_t i = 0; i < f->n_lanes; i++)
		if (tell_lane(f, i))
			goto no_memory;
	for (uint32_t i = 0; i < f->n_locks; i++)
		if (tell_lock(f, (uint16_t)i))
			goto no_memory;
	if (out->n)
		qsort(out->f, out->n, sizeof(*out->f), costliest_first);
	f->out = NULL;
	return out;
no_memory:
	err_memory(err, "findings");
	return NULL;
}

/* --- in words --------------------------------------------------------------------------------- */

const char *finding_name(enum finding_kind kind)
{
	static const char *const name[] = {
		"long-hold", "convoy", "starvation", "battle", "stalls", "forced-switches",
	};

	return name[kind];
}

void stats_thread_name(struct buf *out, const struct stats *s, uint32_t lane)
{
	const struct timeline_thread *t = timeline_thread(s->tl, lane);

	if (!*t->name) {
		utf8_show(out, t->id, strlen(t->id));
		return;
	}
	utf8_show(out, t->name, strlen(t->name));
	buf_str(out, " (");
	utf8_show(out, t->id, strlen(t->id));
	buf_str(out, ")");
}

static void put_lock(struct buf *out, const struct stats *s, uint16_t lock)
{
	const struct timeline_lock *l = timeline_lock(s->tl, lock);
	const struct timeline_process *p = timeline_process(s->tl, l->process);
	const char *name = *l->name ? l->name : *l->id ? l->id : "the lock";

	utf8_show(out, name, strlen(name));
	if (timeline_info(s->tl)->n_processes > 1 && p->pid >= 0)
		buf_printf(out, " of process %" PRId64, p->pid);
}

static void put_func(struct buf *out, const struct stats *s, int64_t func)
{
	const struct timeline_func *f;

	if (func < 0 || (uint64_t)func >= timeline_info(s->tl)->n_funcs)
		return;
	f = timeline_func(s->tl, (uint32_t)func);
	buf_str(out, " in ");
	utf8_show(out, f->name, strlen(f->name));
	buf_str(out, " (");
	utf8_show(out, f->file, strlen(f->file));
	buf_printf(out, ":%" PRIu32 ")", f->line);
}

/*
 * Words with times in them: %t is a length, %T an exact time, %n a number, %x how often,
 * %P a thread, %L the lock.
 */
static void say(struct buf *out, const struct stats *s, const struct finding *f, const char *fmt,
		const uint64_t *v)
{
	enum timeline_clock clock = timeline_info(s->tl)->clock;
	char text[48];

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			buf_add(out, fmt, 1);
			continue;
		}
		switch (*++fmt) {
		case 't': buf_str(out, time_text(text, *v++, clock)); break;
		case 'T': buf_str(out, time_exact(text, *v++, clock)); break;
		case 'n': buf_printf(out, "%" PRIu64, *v++); break;
		case 'x':
			if (*v == 1)
				buf_str(out, "once");
			else
				buf_printf(out, "%" PRIu64 " times", *v);
			v++;
			break;
		case 's': buf_str(out, plural(v[-1])); break;	/* of the last number */
		case 'P': stats_thread_name(out, s, (uint32_t)*v++); break;
		case 'L': put_lock(out, s, f->lock); break;
		case '%': buf_str(out, "%"); break;
		}
	}
}

#define SAY(fmt, ...) say(out, s, f, fmt, (const uint64_t[]){ __VA_ARGS__ })

static uint64_t share(uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((unsigned __int128)part * 100 / whole) : 0;
}

static uint64_t mean(uint64_t total, uint64_t n)
{
	return n ? total / n : 0;
}

static void say_forced(struct buf *out, const struct stats *s, const struct finding *f)
{
	uint64_t asked = f->of > f->count ? f->of : f->count;

	SAY("%L: ", 0);
	if (f->of)
		SAY("%n request%s to let go (one each %t), ", f->of, mean(s->length, asked));
	SAY("%n of %n switches were forced", f->count, f->more);
	if (!f->of)
		SAY(" (one each %t)", mean(s->length, asked));
	if (f->count)
		SAY("; whoever let go then waited %t in all until another thread had the lock, "
		    "at most %t",
		    f->total, f->longest);
}

void finding_text(struct buf *out, const struct stats *s, const struct finding *f)
{
	const struct finding_place *p = &f->place[0];

	switch (f->kind) {
	case FIND_LONG_HOLDS:
		SAY("%P kept %L %x for %n switch interval%s or more while others waited, "
		    "%t in all, at most %t",
		    f->lane, f->count, s->findings->long_hold, f->total, f->longest);
		put_func(out, s, p->func);
		buf_str(out, ": code that does not let go");
		if (!s->findings->has_sched)
			buf_str(out, ", or a thread that was off the CPU (the log does not tell)");
		break;
	case FIND_CONVOYS:
		SAY("%P paid the switch interval %x, %t in all (%n %% of its time from %T to %T): "
		    "each time it waited %t on average, ",
		    f->lane, f->count, f->total, share(f->total, f->of), f->first, f->last,
		    mean(f->total, f->count));
		SAY(f->others ? "mostly for %P, to hold the lock for %t"
			      : "for %P, to hold the lock for %t",
		    f->other, mean(f->more, f->count));
		break;
	case FIND_STARVED:
		SAY("%P waited %x far longer than its fair share, %t in all, at most %t, in which "
		    "others took %L %x",
		    f->lane, f->count, f->total, f->longest, f->more);
		break;
	case FIND_BATTLES:
		SAY("%L: %x a thread was woken and found the lock taken again (RETRY), for %n "
		    "switches; %P at most, %x in one take of %t",
		    f->count, f->more, p->lane, p->length, p->to - p->from);
		break;
	case FIND_STALLS:
		SAY("%P was off the CPU for %t while it held %L (%n %% of its holds), in %n "
		    "stall%s of up to %t",
		    f->lane, f->total, share(f->total, f->of), f->count, f->longest);
		if (f->more)
			SAY("; for %t of that others waited", f->more);
		break;
	case FIND_FORCED:
		say_forced(out, s, f);
		break;
	case N_FINDINGS:
		break;
	}
}
