/* tracker.c - see tracker.h */
#include "tracker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define GONE (UINT32_MAX - 1)	/* signal.to of one that was taken */
#define MAX_HELD (1u << 16)	/* events of other tasks that are held back at most */

/* A thread. */
struct lane {
	uint8_t state;		/* never SIGNAL */
	bool off_cpu;
	bool known;		/* it is a lane by now, and the trace has begun */
	bool takes;		/* a contended take is open */
	bool crossed;		/* ... since before this block began */
	uint16_t lock;		/* of the take; if none is open, of the newest hold */
	uint32_t newest;	/* the lock taken last of those that it holds, or NONE */
	uint64_t begin;		/* of this state */
	uint64_t since;		/* of the take */
	struct hist *hist;	/* N_HISTS of them, from its first event of a lock on */
	struct timeline_thread figures;
	/* Of the pending signals, over all locks: those for it, and its own that are nobody's. */
	uint32_t n_signals, n_released;
	uint32_t signal_lock, released_lock;
	uint64_t signal, released;	/* the newest one's number, where it is of that lock */
};

/* A release of which the waiter that it has signalled has not shown up yet. */
struct signal {
	uint64_t time;
	uint32_t by, to;	/* to: NONE, whom a WAKEUP or WOKEN has named, or GONE */
};

struct lock {
	uint32_t owner, last;	/* who holds it, who held it last; NONE */
	uint32_t below, above;	/* the locks that the owner took before and after, or NONE */
	uint64_t since;		/* of the hold */
	int64_t func;		/* ATTR_FUNC of its ACQUIRE, or -1 */
	bool park;		/* LOCK_PARK: there are no holds */
	uint32_t waiting;	/* how many threads wait for it */
	/*
	 * Pending signals, the oldest first: number base + i is ring[(first + i) % cap], i < len; n
	 * of them are pending, the others are GONE.
	 */
	struct signal *ring;
	uint32_t first, len, n, cap;
	uint32_t assigned;	/* how many of them have a `to` */
	uint64_t base;
	uint64_t unassigned;	/* none before this number is nobody's */
};

struct tracker {
	struct names *names;
	struct timeline_writer *writer;
	struct block *block;		/* the writer's, which is being filled */
	struct lane *lane;
	struct lock *lock;
	uint32_t n_lanes, cap_lanes, n_locks, cap_locks;
	uint32_t n_known;		/* lanes that are known */
	/* now, end: since the origin; end is the last event of a lane */
	uint64_t origin, now, end;
	bool begun, woken;		/* woken: a WOKEN was seen */
	uint64_t events;
	uint64_t checks;		/* the largest so far */
	uint64_t first_checks;
	bool has_checks;
	/* they follow from the time, where no attribute tells them */
	bool derive_checks;
	const struct record *at;	/* the one of the log that is tracked */
	uint64_t last_plain;		/* absolute: the last event without attributes; 0: none */
	/*
	 * Events of tasks that are no lanes, while it is open whether a lane's event comes after
	 * them.
	 */
	struct record *held;
	struct attr *held_attr;
	size_t n_held, cap_held, n_held_attrs, cap_held_attrs;
	struct err *err;		/* of the call */
};

/* --- growing ---------------------------------------------------------------------------------- */

static int grow_lanes(struct tracker *t)
{
	if (t->names->n_threads > t->cap_lanes) {
		uint32_t cap = 2 * t->names->n_threads;
		struct lane *p = realloc(t->lane, cap * sizeof(*p));

		if (!p)
			return err_memory(t->err, "threads");
		t->lane = p;
		t->cap_lanes = cap;
	}
	for (; t->n_lanes < t->names->n_threads; t->n_lanes++) {
		memset(&t->lane[t->n_lanes], 0, sizeof(*t->lane));
		t->lane[t->n_lanes].newest = NONE;
	}
	return 0;
}

static int grow_locks(struct tracker *t)
{
	if (t->names->n_locks > t->cap_locks) {
		uint32_t cap = 2 * t->names->n_locks;
		struct lock *p = realloc(t->lock, cap * sizeof(*p));

		if (!p)
			return err_memory(t->err, "locks");
		t->lock = p;
		t->cap_locks = cap;
	}
	for (; t->n_locks < t->names->n_locks; t->n_locks++)
		t->lock[t->n_locks] = (struct lock){
			.owner = NONE, .last = NONE, .below = NONE, .above = NONE, .func = -1,
		};
	for (uint32_t i = 0; i < t->n_locks; i++)
		t->lock[i].park = t->names->lock[i].kind == LOCK_PARK;
	return 0;
}

/* --- pending signals -------------------------------------------------------------------------- */

/*
 * A signal is known by its number among those of its lock.  One that was taken stays in the ring,
 * as GONE, until all before it are gone or the ring is full of such: no step looks at all signals.
 */

static struct signal *signal_at(const struct lock *k, uint64_t number)
{
	return &k->ring[(k->first + (uint32_t)(number - k->base)) & (k->cap - 1)];
}

/* Takes those that are gone out of the ring, so that the others get new numbers. */
static void renumber_signals(struct tracker *t, uint32_t lock)
{
	struct lock *k = &t->lock[lock];
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->len; i++) {
		struct signal s = *signal_at(k, k->base + i);
		struct lane *by = &t->lane[s.by];

		if (s.to == GONE)
			continue;
		*signal_at(k, k->base + n) = s;
		if (s.to == NONE && by->released_lock == lock)
			by->released = k->base + n;
		else if (s.to != NONE && t->lane[s.to].signal_lock == lock)
			t->lane[s.to].signal = k->base + n;
		n++;
	}
	k->len = n;
	k->unassigned = k->base;
}

static int grow_signals(struct tracker *t, struct lock *k)
{
	uint32_t cap = k->cap ? 2 * k->cap : 8;
	struct signal *p = malloc(cap * sizeof(*p));

	if (!p)
		return err_memory(t->err, "pending signals");
	for (uint32_t i = 0; i < k->len; i++)
		p[i] = *signal_at(k, k->base + i);
	free(k->ring);
	k->ring = p;
	k->cap = cap;
	k->first = 0;
	return 0;
}

static int add_signal(struct tracker *t, uint32_t lock, uint64_t time, uint32_t by)
{
	struct lock *k = &t->lock[lock];
	struct lane *a = &t->lane[by];

	if (k->len == k->cap && k->n < k->cap / 2)
		renumber_signals(t, lock);
	else if (k->len == k->cap && grow_signals(t, k))
		return -1;
	a->released = k->base + k->len++;
	a->released_lock = lock;
	a->n_released++;
	k->n++;
	*signal_at(k, a->released) = (struct signal){ time, by, NONE };
	return 0;
}

static uint64_t remove_signal(struct tracker *t, struct lock *k, uint64_t number)
{
	struct signal *s = signal_at(k, number);

	if (s->to == NONE) {
		t->lane[s->by].n_released--;
	} else {
		k->assigned--;
		t->lane[s->to].n_signals--;
	}
	s->to = GONE;
	k->n--;
	for (; k->len && signal_at(k, k->base)->to == GONE; k->base++, k->len--)
		k->first = (k->first + 1) & (k->cap - 1);
	return s->time;
}

/* The oldest signal that is nobody's, or NO_TIME. */
static uint64_t find_unassigned(struct lock *k)
{
	if (k->unassigned < k->base)
		k->unassigned = k->base;
	while (k->unassigned < k->base + k->len && signal_at(k, k->unassigned)->to != NONE)
		k->unassigned++;
	return k->unassigned < k->base + k->len ? k->unassigned : NO_TIME;
}

/* The signal of this lock that is a thread's own, or NO_TIME. */
static uint64_t find_own(const struct tracker *t, uint32_t lock, uint32_t thread)
{
	const struct lock *k = &t->lock[lock];
	const struct lane *a = &t->lane[thread];

	if (!a->n_signals)
		return NO_TIME;
	if (a->signal_lock == lock && a->signal >= k->base && a->signal < k->base + k->len &&
	    signal_at(k, a->signal)->to == thread)
		return a->signal;
	/* It has one of another lock, for which it waited before a gap: hardly ever. */
	for (uint64_t i = k->base; i < k->base + k->len; i++)
		if (signal_at(k, i)->to == thread)
			return i;
	return NO_TIME;
}

/*
 * The signal that a thread takes when its wait ends: its own, else the oldest that is nobody's.
 * NO_TIME: none.
 */
static uint64_t take_signal(struct tracker *t, uint32_t lock, uint32_t thread)
{
	struct lock *k = &t->lock[lock];
	uint64_t number;

	if (!k->n)
		return NO_TIME;
	number = k->assigned ? find_own(t, lock, thread) : NO_TIME;
	if (number == NO_TIME && !t->woken)
		number = find_unassigned(k);
	return number == NO_TIME ? NO_TIME : remove_signal(t, k, number);
}

static void assign(struct tracker *t, uint32_t lock, uint64_t number, uint32_t to)
{
	struct signal *s = signal_at(&t->lock[lock], number);

	s->to = to;
	t->lock[lock].assigned++;
	t->lane[s->by].n_released--;
	t->lane[to].n_signals++;
	t->lane[to].signal = number;
	t->lane[to].signal_lock = lock;
}

/* A WAKEUP: the waker's newest release that is nobody's was for the thread that it wakes. */
static void assign_signal(struct tracker *t, uint32_t by, uint32_t to)
{
	struct lane *a = &t->lane[by];
	struct lock *k;
	uint32_t lock;
	uint64_t end;

	if (to >= t->n_lanes || !t->lane[to].takes || !a->n_released)
		return;
	lock = t->lane[to].lock;
	k = &t->lock[lock];
	if (find_own(t, lock, to) != NO_TIME)
		return;
	end = k->base + k->len;
	/* None of its signals that are nobody's is newer. */
	if (a->released_lock == lock && a->released < end)
		end = a->released + 1;
	for (; end > k->base; end--) {
		const struct signal *s = signal_at(k, end - 1);

		if (s->by == by && s->to == NONE) {
			assign(t, lock, end - 1, to);
			if (a->released_lock == lock)
				a->released = end - 1;
			return;
		}
	}
}

/*
 * A WOKEN: the thread takes the oldest signal that is pending now, if it has none of its own yet.
 */
static void take_woken(struct tracker *t, uint32_t thread)
{
	uint32_t lock = t->lane[thread].lock;
	uint64_t oldest;

	t->woken = true;
	if (!t->lane[thread].takes || find_own(t, lock, thread) != NO_TIME)
		return;
	oldest = find_unassigned(&t->lock[lock]);
	if (oldest != NO_TIME)
		assign(t, lock, oldest, thread);
}

/* --- states ----------------------------------------------------------------------------------- */

static inline void set_state(struct tracker *t, struct lane *a, unsigned state)
{
	if (state == a->state)
		return;
	a->figures.time[a->state] += t->now - a->begin;
	a->state = (uint8_t)state;
	a->begin = t->now;
}

/* The state of a thread that does not wait. */
static inline void set_held(struct tracker *t, struct lane *a)
{
	if (a->newest == NONE) {
		set_state(t, a, STATE_IDLE);
		return;
	}
	a->lock = (uint16_t)a->newest;
	set_state(t, a, a->off_cpu ? STATE_STALL : STATE_RUN);
}

static void begin_take(struct tracker *t, struct lane *a, uint16_t lock)
{
	set_state(t, a, STATE_WAIT);
	a->takes = true;
	a->crossed = false;
	a->since = t->now;
	a->lock = lock;
	t->lock[lock].waiting++;
}

/* A stretch of waiting ends now; how long it was in signal before that. */
static uint64_t end_stretch(struct tracker *t, struct lane *a, uint32_t thread)
{
	uint64_t signal = take_signal(t, a->lock, thread);

	if (signal == NO_TIME)
		return 0;
	if (signal < a->begin)
		signal = a->begin;
	if (a->crossed)
		timeline_writer_signal(t->writer, thread, a->begin, signal);
	a->figures.time[STATE_WAIT] += signal - a->begin;
	a->figures.time[STATE_SIGNAL] += t->now - signal;
	a->begin = t->now;
	return t->now - signal;
}

/* A take ends, with an ACQUIRE or without; the caller sets the state then. */
static void end_take(struct tracker *t, struct lane *a, uint32_t thread, bool acquired)
{
	uint64_t length = t->now - a->since;

	t->lock[a->lock].waiting--;
	a->takes = false;
	if (a->crossed)
		timeline_writer_take_end(t->writer, thread, a->since, acquired ? t->now : NO_TIME);
	if (!acquired)
		return;
	hist_add(&a->hist[HIST_WAIT], length, 1);
	if (!a->figures.waits++ || length > a->figures.max_wait) {
		a->figures.max_wait = length;
		a->figures.max_wait_at = a->since;
	}
}

/* --- holds ------------------------------------------------------------------------------------ */

static inline void count_hold(struct lane *a, uint64_t since, uint64_t end)
{
	if (end - since > a->figures.max_run) {
		a->figures.max_run = end - since;
		a->figures.max_run_at = since;
	}
}

static inline void begin_hold(struct tracker *t, struct lane *a, uint32_t thread, uint32_t lock,
			      int64_t func)
{
	struct lock *k = &t->lock[lock];

	k->owner = k->last = thread;
	k->since = t->now;
	k->func = func;
	k->below = a->newest;
	k->above = NONE;
	if (a->newest != NONE)
		t->lock[a->newest].above = lock;
	a->newest = lock;
}

/* Takes a lock from its owner; the hold is counted if it is known to have ended now. */
static inline void end_hold(struct tracker *t, uint32_t lock, bool counted)
{
	struct lock *k = &t->lock[lock];
	struct lane *a = &t->lane[k->owner];

	if (k->above != NONE)
		t->lock[k->above].below = k->below;
	else
		a->newest = k->below;
	if (k->below != NONE)
		t->lock[k->below].above = k->above;
	k->owner = k->below = k->above = NONE;
	if (!counted)
		return;
	hist_add(&a->hist[HIST_HOLD], t->now - k->since, 1);
	count_hold(a, k->since, t->now);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_heads(void *ctx, struct timeline_writer *w)
{
	struct tracker *t = ctx;

	for (uint32_t i = 0; i < t->n_lanes; i++) {
		struct lane *a = &t->lane[i];
		struct block_head h = {
			.thread = i, .lock = a->lock, .state = a->state, .since = a->since,
			.seg = a->begin, .func = -1,
		};

		if (a->state == STATE_IDLE)
			continue;
		if (a->takes) {
			a->crossed = true;
		} else {
			h.since = t->lock[a->newest].since;
			h.func = t->lock[a->newest].func;
			if (h.seg < h.since)	/* it held another lock before */
				h.seg = h.since;
		}
		timeline_writer_head(w, &h);
	}
}

static int next_block(struct tracker *t)
{
	int ret = timeline_writer_next_block(t->writer, t->now, t->err);

	t->block = timeline_writer_block(t->writer);
	return ret;
}

/* An event without attributes. */
static inline void put(struct tracker *t, uint32_t thread, uint16_t lock, unsigned kind,
		       unsigned flags)
{
	struct block *b = t->block;

	b->event[b->n_events++] = (struct event){
		.time = t->now, .thread = thread, .lock = lock, .kind = (uint8_t)kind,
		.state = t->lane[thread].state, .flags = (uint8_t)flags,
	};
}

/* The event that was put last gets its attributes. */
static int put_attrs(struct tracker *t, const struct attr *attrs, unsigned n, uint64_t signal)
{
	struct block *b = t->block;
	struct event *e;

	if (b->cap_attrs - b->n_attrs < N_ATTRS && timeline_writer_attr_room(t->writer, t->err))
		return -1;
	e = &b->event[b->n_events - 1];
	for (unsigned i = 0; i < n; i++)
		b->attr[b->n_attrs++] = attrs[i];
	if (signal)
		b->attr[b->n_attrs++] = (struct attr){ ATTR_SIGNAL, (int64_t)signal };
	e->n_attrs = (uint8_t)(n + (signal != 0));
	return 0;
}

static const struct attr *find_attr(const struct attr *attrs, unsigned n, unsigned id)
{
	for (unsigned i = 0; i < n; i++)
		if (attrs[i].id == id)
			return &attrs[i];
	return NULL;
}

/* --- events ----------------------------------------------------------------------------------- */

/* A gap of lost events begins: what the thread did from here on, nobody knows. */
static void begin_gap(struct tracker *t, uint32_t thread)
{
	struct lane *a = &t->lane[thread];
	bool changed = a->state != STATE_IDLE;

	if (a->takes)
		end_take(t, a, thread, false);
	while (a->newest != NONE)
		end_hold(t, a->newest, false);
	set_state(t, a, STATE_IDLE);
	if (changed)
		put(t, thread, 0, EV_STATE, 0);
}

static unsigned on_acquire(struct tracker *t, struct lane *a, const struct record *r, int64_t func,
			   uint64_t *signal)
{
	struct lock *k = &t->lock[r->lock];
	unsigned flags = 0;

	a->figures.acquires++;
	if (a->takes) {
		*signal = end_stretch(t, a, r->thread);
		if (*signal)
			hist_add(&a->hist[HIST_HANDOFF], *signal, 1);
		end_take(t, a, r->thread, true);
	}
	if (k->park) {
		set_held(t, a);
		return 0;
	}
	if (k->owner != NONE) {
		uint32_t owner = k->owner;
		struct lane *o = &t->lane[owner];

		flags |= EVF_LOST_RELEASE;
		a->figures.lost_releases++;
		end_hold(t, r->lock, true);
		if (owner != r->thread && !o->takes) {
			unsigned before = o->state;

			set_held(t, o);
			if (o->state != before)
				put(t, owner, r->lock, EV_STATE, 0);
		}
	}
	if (k->last != NONE && k->last != r->thread) {
		flags |= EVF_SWITCH;
		a->figures.switches++;
	}
	begin_hold(t, a, r->thread, r->lock, func);
	set_held(t, a);
	return flags;
}

static int on_release(struct tracker *t, struct lane *a, const struct record *r, uint64_t *signal,
		      unsigned *flags)
{
	struct lock *k = &t->lock[r->lock];

	a->figures.releases++;
	if (a->takes && a->lock == r->lock) {
		/* It must have got the lock unseen. */
		*signal = end_stretch(t, a, r->thread);
		end_take(t, a, r->thread, false);
	}
	if (k->owner == r->thread) {
		end_hold(t, r->lock, true);
	} else if (!k->park) {
		*flags |= EVF_LOST_ACQUIRE;
		a->figures.lost_acquires++;
	}
	if (!a->takes)
		set_held(t, a);
	return k->n < k->waiting ? add_signal(t, r->lock, t->now, r->thread) : 0;
}

/* The total of checks, where the log counts them. */
static void see_checks(struct tracker *t, uint64_t checks)
{
	if (!t->has_checks) {
		t->has_checks = true;
		t->first_checks = t->checks = checks;
	} else if (checks > t->checks) {
		t->checks = checks;
	}
}

/* What an event means; t->now is its time. */
static int track(struct tracker *t, enum waits *waits, const struct record *r,
		 const struct attr *attrs)
{
	struct lane *a = &t->lane[r->thread];
	const struct attr *at = NULL;
	uint64_t signal = 0;
	unsigned flags = 0;

	if (r->kind == EV_STATE) {
		begin_gap(t, r->thread);
		return 0;
	}
	if (!a->figures.events++)
		a->figures.first = t->now;
	a->figures.last = t->now;
	if (r->kind != EV_SCHED_OUT && a->off_cpu) {
		a->off_cpu = false;
		if (a->state == STATE_STALL)
			set_state(t, a, STATE_RUN);
	}
	switch (r->kind) {
	case EV_ENTRY:
		if (!a->takes && t->lock[r->lock].owner != NONE &&
		    t->lock[r->lock].owner != r->thread) {
			enum waits own = names_waits(t->names, r->thread);

			if ((own == WAITS_UNKNOWN ? *waits : own) != WAITS_BUSY)
				begin_take(t, a, r->lock);
		}
		break;
	case EV_BUSY:
		a->figures.busy++;
		if (*waits == WAITS_UNKNOWN && names_waits(t->names, r->thread) == WAITS_UNKNOWN)
			*waits = WAITS_BUSY;
		if (!a->takes)
			begin_take(t, a, r->lock);
		break;
	case EV_RETRY:
		a->figures.retry++;
		if (!a->takes) {
			begin_take(t, a, r->lock);
		} else {
			signal = end_stretch(t, a, r->thread);
			a->figures.time[STATE_WAIT] += t->now - a->begin;
			a->begin = t->now;
		}
		break;
	case EV_ACQUIRE:
		at = r->n_attrs ? find_attr(attrs, r->n_attrs, ATTR_FUNC) : NULL;
		flags = on_acquire(t, a, r, at ? at->value : -1, &signal);
		break;
	case EV_RELEASE:
		if (on_release(t, a, r, &signal, &flags))
			return -1;
		break;
	case EV_TIMEOUT: a->figures.timeouts++; break;
	case EV_DROP_REQUEST: a->figures.drop_requests++; break;
	case EV_SWITCH_WAIT: a->figures.forced_switches++; break;
	case EV_SCHED_OUT:
		a->off_cpu = true;
		if (a->state == STATE_RUN)
			set_state(t, a, STATE_STALL);
		break;
	case EV_WAKEUP:
		at = find_attr(attrs, r->n_attrs, ATTR_TARGET);
		if (at)
			assign_signal(t, r->thread, (uint32_t)at->value);
		break;
	case EV_WOKEN: take_woken(t, r->thread); break;
	case EV_LOST:
		at = find_attr(attrs, r->n_attrs, ATTR_COUNT);
		if (at && at->value > 0)
			a->figures.lost_events =
				count_add(a->figures.lost_events, (uint64_t)at->value);
		break;
	}
	put(t, r->thread, r->lock, r->kind, flags);
	return r->n_attrs || signal ? put_attrs(t, attrs, r->n_attrs, signal) : 0;
}

/* The checks that an event tells, or on the clock of ticks its time. */
static bool checks_of(const struct tracker *t, const struct record *r, const struct attr *attrs,
		      uint64_t *checks)
{
	const struct attr *at = r->n_attrs ? find_attr(attrs, r->n_attrs, ATTR_CHECKS) : NULL;

	if (at)
		*checks = at->value < 0 ? 0 : (uint64_t)at->value;
	else if (t->derive_checks)
		*checks = r->time / t->names->check_interval;
	else
		return false;
	return true;
}

/*
 * How many records from the one that is tracked on may be looked at: itself, and those of the first
 * PREFIX_EVENTS events, which are there however the log comes in pieces.
 */
static size_t early_records(const struct tracker *t, const struct log *l)
{
	const struct record *x = l->rec;
	uint64_t events = 0;

	for (; !l->moved && x < l->rec + l->ready && events < PREFIX_EVENTS; x++)
		events += record_events(x);
	return x > t->at ? (size_t)(x - t->at) : 1;
}

/* The trace begins with the first event of a lane. */
static int begin(struct tracker *t, const struct log *l, const struct record *r)
{
	size_t n = early_records(t, l);
	uint64_t checks;

	t->begun = true;
	t->origin = r->time;
	t->now = 0;
	/* Checks are counted from the first event that tells them, if it is an early one. */
	for (const struct record *x = t->at; x < t->at + n; x++)
		if (checks_of(t, x, x->n_attrs ? l->attr + x->attr : NULL, &checks)) {
			timeline_writer_checks(t->writer, (int64_t)checks);
			see_checks(t, checks);
			break;
		}
	return next_block(t);
}

/*
 * Most events, by far, are uncontended takes and their releases by a thread with no other lock, and
 * what comes before and behind these: what track() would do, in a few steps.  0: it is another
 * event, and nothing was done; 1: done; -1: no memory.
 */
static inline int track_usual(struct tracker *t, const struct record *r, const struct attr *attrs)
{
	const struct attr *func;
	struct lane *a = &t->lane[r->thread];
	struct lock *k = &t->lock[r->lock];
	unsigned flags = 0;

	if (a->takes || a->off_cpu)
		return 0;
	if (r->kind == EV_ACQUIRE && k->owner == NONE && a->newest == NONE && !k->park) {
		if (k->last != r->thread && k->last != NONE) {
			flags = EVF_SWITCH;
			a->figures.switches++;
		}
		a->figures.acquires++;
		k->owner = k->last = r->thread;
		k->since = t->now;
		func = r->n_attrs ? find_attr(attrs, r->n_attrs, ATTR_FUNC) : NULL;
		k->func = func ? func->value : -1;
		a->newest = a->lock = r->lock;
		a->state = STATE_RUN;
	} else if (r->kind == EV_RELEASE && k->owner == r->thread && a->newest == r->lock &&
		   k->below == NONE) {
		uint64_t length = t->now - k->since;

		if (k->n < k->waiting && add_signal(t, r->lock, t->now, r->thread))
			return -1;
		a->figures.releases++;
		a->figures.time[STATE_RUN] += t->now - a->begin;
		hist_add(&a->hist[HIST_HOLD], length, 1);
		count_hold(a, k->since, t->now);
		k->owner = NONE;
		a->newest = NONE;
		a->state = STATE_IDLE;
	} else if (r->kind == EV_SWITCH_DONE ||
		   (r->kind == EV_ENTRY && (k->owner == NONE || k->owner == r->thread))) {
		goto same;		/* the thread goes on as before */
	} else {
		return 0;
	}
	a->begin = t->now;	/* idle time is the rest of the trace: nobody adds it up */
same:
	if (!a->figures.events++)
		a->figures.first = t->now;
	a->figures.last = t->now;
	put(t, r->thread, r->lock, r->kind, flags);
	return r->n_attrs && put_attrs(t, attrs, r->n_attrs, 0) ? -1 : 1;
}

static inline int write_one(struct tracker *t, enum waits *waits, const struct record *r,
			    const struct attr *attrs)
{
	uint64_t checks;
	int done;

	t->now = r->time - t->origin;
	t->events++;
	if (!r->n_attrs)
		t->last_plain = r->time;
	else if (checks_of(t, r, attrs, &checks))
		see_checks(t, checks);
	/* An event may need one more, for the thread that it takes the lock from. */
	if (block_full(t->block) && next_block(t))
		return -1;
	done = track_usual(t, r, attrs);
	if (done < 0 || (!done && track(t, waits, r, attrs)))
		return -1;
	if (r->kind == EV_ACQUIRE)
		block_join_pair(t->block);
	return 0;
}

/* Writes the events that were held back. */
static int write_held(struct tracker *t)
{
	enum waits none = WAITS_ENTRY;
	size_t at = 0;

	for (size_t i = 0; i < t->n_held; i++) {
		unsigned n = t->held[i].n_attrs;

		if (write_one(t, &none, &t->held[i], n ? t->held_attr + at : NULL))
			return -1;
		at += n;
	}
	t->n_held = t->n_held_attrs = 0;
	return 0;
}

/*
 * An event of a task that is no lane: kept until a lane's event comes, for the trace ends with one
 * of these.
 */
static int hold_back(struct tracker *t, const struct record *r, const struct attr *attrs)
{
	if (t->n_held == MAX_HELD && write_held(t))
		return -1;
	if (t->n_held == t->cap_held) {
		size_t cap = t->cap_held ? 2 * t->cap_held : 1024;
		struct record *p = realloc(t->held, cap * sizeof(*p));

		if (!p)
			return err_memory(t->err, "events");
		t->held = p;
		t->cap_held = cap;
	}
	if (t->n_held_attrs + r->n_attrs > t->cap_held_attrs) {
		size_t cap = 2 * t->cap_held_attrs + 1024 + r->n_attrs;
		struct attr *p = realloc(t->held_attr, cap * sizeof(*p));

		if (!p)
			return err_memory(t->err, "events");
		t->held_attr = p;
		t->cap_held_attrs = cap;
	}
	t->held[t->n_held++] = *r;
	if (r->n_attrs)
		memcpy(t->held_attr + t->n_held_attrs, attrs, r->n_attrs * sizeof(*attrs));
	t->n_held_attrs += r->n_attrs;
	return 0;
}

/*
 * The first events of a thread, and those of tasks that are no lanes.  1: there is no more to do.
 */
static int meet(struct tracker *t, const struct log *l, const struct record *r,
		const struct attr *attrs)
{
	struct lane *a = &t->lane[r->thread];

	if (!event_has_lock(r->kind) && !t->names->thread[r->thread].early_lane)
		return t->begun && hold_back(t, r, attrs) ? -1 : 1;
	if (!t->begun) {
		if (r->kind == EV_STATE)
			return 1;
		if (begin(t, l, r))
			return -1;
	}
	if (!a->hist) {
		a->hist = calloc(N_HISTS, sizeof(struct hist));
		if (!a->hist)
			return err_memory(t->err, "histograms");
	}
	a->known = true;
	t->n_known++;
	return 0;
}

/* Its line is not known any more: the parser is far ahead. */
static int too_far(struct log *l, uint64_t time)
{
	uint64_t line = l->line;
	int ret;

	l->line = 0;
	ret = log_bad(l, "the event at time %" PRIu64 " is more than 146 years after the first one",
		      time);
	l->line = line;
	return ret;
}

static inline int track_record(struct tracker *t, struct log *l, const struct record *r,
			       const struct attr *attrs)
{
	int ret;

	if (!t->lane[r->thread].known && (ret = meet(t, l, r, attrs)))
		return ret < 0 ? -1 : 0;
	if (r->time - t->origin > TIMELINE_MAX_TIME)
		return too_far(l, r->time);
	if (t->n_held && write_held(t))
		return -1;
	if (write_one(t, &l->waits, r, attrs))
		return -1;
	if (r->kind != EV_STATE)
		t->end = t->now;
	return 0;
}

/*
 * n times a thread gives up its only lock and has it back at once; who waits for it is signalled.
 */
static int put_pairs(struct tracker *t, const struct record *r, uint32_t n)
{
	struct lane *a = &t->lane[r->thread];
	struct lock *k = &t->lock[r->lock];
	uint64_t first = r->time - t->origin, length = (uint64_t)r->step * (n - 1);

	for (uint32_t i = 0; i < n && k->n < k->waiting; i++)
		if (add_signal(t, r->lock, first + (uint64_t)i * r->step, r->thread))
			return -1;
	block_add_pairs(t->block, first, r->thread, r->lock, r->step, n);
	hist_add(&a->hist[HIST_HOLD], first - k->since, 1);
	count_hold(a, k->since, first);
	if (n > 1) {
		hist_add(&a->hist[HIST_HOLD], r->step, n - 1);
		count_hold(a, first, first + r->step);
	}
	t->now = t->end = first + length;
	t->last_plain = r->time + length;
	t->events += 2 * (uint64_t)n;
	a->figures.time[STATE_RUN] += t->now - a->begin;
	a->figures.acquires += n;
	a->figures.releases += n;
	a->figures.events += 2 * (uint64_t)n;
	a->figures.last = a->begin = k->since = t->now;
	k->func = -1;
	return 0;
}

/* Whether put_pairs() tells all that there is to tell of these. */
static bool are_usual(const struct tracker *t, const struct record *r)
{
	const struct lane *a = &t->lane[r->thread];
	const struct lock *k = &t->lock[r->lock];

	return k->owner == r->thread && a->newest == r->lock && k->below == NONE && !a->takes &&
	       !a->off_cpu && !t->n_held &&
	       r->time + (uint64_t)r->step * r->attr - t->origin <= TIMELINE_MAX_TIME;
}

static int track_pairs(struct tracker *t, struct log *l, struct record r)
{
	while (r.attr) {
		struct record release = record_plain(&r, EV_RELEASE);
		struct record acquire = record_plain(&r, EV_ACQUIRE);
		uint32_t room = 0, n = 1;

		if (t->block)
			room = block_room(t->block);
		if (room && are_usual(t, &r)) {
			n = r.attr < room ? r.attr : room;
			if (put_pairs(t, &r, n))
				return -1;
		} else if (track_record(t, l, &release, NULL) ||
			   track_record(t, l, &acquire, NULL)) {
			return -1;
		}
		r.attr -= n;
		r.time += (uint64_t)r.step * n;
	}
	return 0;
}

int tracker_events(struct tracker *t, struct log *l, size_t first, size_t end, struct err *err)
{
	t->err = err;
	if (grow_lanes(t) || grow_locks(t))
		return -1;
	t->derive_checks = l->clock == CLOCK_TICKS && t->names->check_interval;
	for (size_t i = first; i < end; i++) {
		const struct record *r = t->at = &l->rec[i];

		if (r->kind == REC_PAIRS ? track_pairs(t, l, *r) :
		    track_record(t, l, r, r->n_attrs ? l->attr + r->attr : NULL))
			return -1;
	}
	return 0;
}

bool tracker_idle(void *tracker)
{
	struct tracker *t = tracker;

	return timeline_writer_help(t->writer);
}

uint64_t tracker_count(const struct tracker *t)
{
	return t->events;
}

uint32_t tracker_lanes(const struct tracker *t)
{
	return t->n_known;
}

struct shown { uint32_t number, process; bool is_lane; };

static int by_place(const void *x, const void *y)
{
	const struct shown *a = x, *b = y;

	if (a->is_lane != b->is_lane)
		return a->is_lane ? -1 : 1;
	if (a->process != b->process)
		return a->process < b->process ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* Whether the thread is shown as a lane: it is one, and has had an event. */
static bool is_shown(const struct tracker *t, uint32_t i)
{
	return t->lane[i].known && t->lane[i].figures.events;
}

/* The first n threads in order of display, lanes first; order has room for them. */
static int order_threads(const struct tracker *t, uint32_t n, uint32_t *order, uint32_t *n_lanes)
{
	struct shown *shown = malloc((n + 1) * sizeof(*shown));

	if (!shown)
		return -1;
	*n_lanes = 0;
	for (uint32_t i = 0; i < n; i++) {
		shown[i] = (struct shown){ i, t->names->thread[i].process, is_shown(t, i) };
		*n_lanes += shown[i].is_lane;
	}
	qsort(shown, n, sizeof(*shown), by_place);
	for (uint32_t i = 0; i < n; i++)
		order[i] = shown[i].number;
	free(shown);
	return 0;
}

static int outline(void *ctx, struct writer_outline *o)
{
	struct tracker *t = ctx;

	o->n_threads = t->n_lanes;
	o->checks_follow = t->derive_checks;
	o->order = malloc(((size_t)t->n_lanes + 1) * sizeof(*o->order));
	return o->order ? order_threads(t, t->n_lanes, o->order, &o->n_lanes) : -1;
}

static uint64_t outline_stamp(void *ctx)
{
	struct tracker *t = ctx;

	return (uint64_t)t->n_lanes << 32 | t->n_known;
}

int tracker_new(struct tracker **out, struct names *names, const char *path, bool force,
		unsigned n_threads, struct err *err)
{
	static const struct writer_ops ops = {
		.heads = put_heads, .outline = outline, .outline_stamp = outline_stamp,
	};
	struct tracker *t = calloc(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return err_memory(err, "the tracker");
	t->names = names;
	t->err = err;
	if (timeline_writer_open(&t->writer, path, force, n_threads, &ops, t, err)) {
		free(t);
		return -1;
	}
	*out = t;
	return 0;
}

void tracker_free(struct tracker *t)
{
	if (!t)
		return;
	timeline_writer_abort(t->writer);
	for (uint32_t i = 0; i < t->n_lanes; i++) {
		for (unsigned h = 0; t->lane[i].hist && h < N_HISTS; h++)
			hist_release(&t->lane[i].hist[h]);
		free(t->lane[i].hist);
	}
	for (uint32_t i = 0; i < t->n_locks; i++)
		free(t->lock[i].ring);
	free(t->lane);
	free(t->lock);
	free(t->held);
	free(t->held_attr);
	free(t);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What is open lasts to the last event. */
static void close_lanes(struct tracker *t)
{
	if (t->now > t->end)	/* so many events of other tasks came last that some were written */
		t->end = t->now;
	t->now = t->end;
	for (uint32_t i = 0; i < t->n_lanes; i++) {
		struct lane *a = &t->lane[i];
		struct timeline_thread *f = &a->figures;

		if (a->takes)
			end_take(t, a, i, false);
		f->time[a->state] += t->end - a->begin;
		f->time[STATE_IDLE] = t->end - f->time[STATE_RUN] - f->time[STATE_STALL] -
				      f->time[STATE_WAIT] - f->time[STATE_SIGNAL];
	}
	for (uint32_t i = 0; i < t->n_locks; i++)
		if (t->lock[i].owner != NONE)
			count_hold(&t->lane[t->lock[i].owner], t->lock[i].since, t->end);
}

/* The tables that the writer wants; each is the caller's to free. */
struct tables {
	struct timeline_thread *thread;
	struct timeline_process *process;
	struct timeline_lock *lock;
	uint32_t *order;
	struct hist (**hist)[N_HISTS];
};

static void tables_release(struct tables *x)
{
	free(x->thread);
	free(x->process);
	free(x->lock);
	free(x->order);
	free(x->hist);
}

static const char *text(const char *s)
{
	return s ? s : "";
}

static int tables_fill(struct tracker *t, struct tables *x, struct timeline_info *info)
{
	struct names *n = t->names;

	x->thread = calloc(n->n_threads + 1, sizeof(*x->thread));
	x->process = calloc(n->n_processes + 1, sizeof(*x->process));
	x->lock = calloc(n->n_locks + 1, sizeof(*x->lock));
	x->order = calloc(n->n_threads + 1, sizeof(*x->order));
	x->hist = calloc(n->n_threads + 1, sizeof(*x->hist));
	if (!x->thread || !x->process || !x->lock || !x->order || !x->hist)
		return err_memory(t->err, "the tables of threads");
	for (uint32_t i = 0; i < n->n_threads; i++) {
		x->thread[i] = t->lane[i].figures;
		x->thread[i].id = n->thread[i].id;
		x->thread[i].name = text(n->thread[i].name);
		x->thread[i].process = n->thread[i].process;
		x->thread[i].is_lane = is_shown(t, i);
		x->hist[i] = (struct hist (*)[N_HISTS])t->lane[i].hist;
		info->lost_events =
			count_add(info->lost_events, t->lane[i].figures.lost_events);
		if (x->thread[i].is_lane)
			info->events += t->lane[i].figures.events;
	}
	for (uint32_t i = 0; i < n->n_processes; i++)
		x->process[i] = (struct timeline_process){
			.pid = n->process[i].pid, .ppid = n->process[i].ppid,
			.name = text(n->process[i].name),
		};
	for (uint32_t i = 0; i < n->n_locks; i++)
		x->lock[i] = (struct timeline_lock){
			.id = n->lock[i].id, .name = text(n->lock[i].name),
			.process = n->lock[i].process, .kind = n->lock[i].kind,
		};
	if (order_threads(t, n->n_threads, x->order, &info->n_lanes))
		return err_memory(t->err, "the order of threads");
	return 0;
}

int tracker_finish(struct tracker *t, struct timeline_info *info, struct err *err)
{
	struct tables x = { 0 };
	struct names *n = t->names;
	struct writer_end end;
	int ret;

	t->err = err;
	if (t->derive_checks && t->last_plain)
		see_checks(t, t->last_plain / n->check_interval);
	if (grow_lanes(t) || grow_locks(t))
		return -1;
	close_lanes(t);
	ret = tables_fill(t, &x, info);
	if (!ret) {
		info->origin = t->origin;
		info->end = t->end;
		info->lost_events = count_add(info->lost_events, n->lost_events);
		info->checks = t->checks - t->first_checks;
		info->check_interval = n->check_interval;
		info->n_threads = n->n_threads;
		info->n_processes = n->n_processes;
		info->n_locks = n->n_locks;
		info->n_funcs = n->n_funcs;
		info->n_facts = n->n_facts;
		end = (struct writer_end){
			.info = *info, .thread = x.thread, .order = x.order, .process = x.process,
			.lock = x.lock, .fact = n->fact, .func = n->func, .hist = x.hist,
		};
		ret = timeline_writer_finish(t->writer, &end, err);
		t->writer = NULL;
	}
	tables_release(&x);
	return ret;
}
