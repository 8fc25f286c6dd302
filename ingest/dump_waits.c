/*
 * dump_waits.c - what begins a wait; see dump.h
 *
 * The timeline does not say whether its log's waits began at BUSY or at ENTRY, but an ENTRY says it
 * that found the lock held: its thread waits from there on, or does not.  Several logs may have
 * differed in it.  Each has processes of its own, so it is found out for each process; mostly the
 * first few events decide.
 */
#include <stdlib.h>
#include <string.h>

#include "dump.h"

/* What the ENTRYs at a held lock have told of a process. */
struct entries {
	uint32_t n_lanes;
	bool begin;			/* some began a wait */
	bool pass;			/* one did not */
	bool change;			/* ... behind those that did: a BUSY came first */
	bool done;			/* they tell no more than this */
	uint64_t last_begin;		/* the event's number, from 1 */
	uint64_t first_busy;		/* as well; 0: none so far */
};

/* A lock's owner holds it while its count of losses is the same. */
struct owner { uint32_t thread, losses; };

struct search {
	const struct timeline *tl;
	struct entries *process;
	struct owner *owner;		/* per lock; NO_THREAD: free */
	struct looked_at { uint8_t state; uint32_t losses; } *thread;
	uint64_t n;			/* events so far */
	bool any_busy;			/* in the whole trace */
	bool seen_busy;			/* so far */
	uint32_t n_left;		/* processes that are not done */
};

static bool is_held_by_another(const struct search *s, uint32_t lock, uint32_t thread)
{
	const struct owner *o = &s->owner[lock];

	return o->thread != NO_THREAD && o->thread != thread &&
	       o->losses == s->thread[o->thread].losses;
}

static int look_at_entry(struct search *s, struct entries *p, const struct event *e)
{
	if (p->done || s->thread[e->thread].state == STATE_WAIT)
		return 0;
	if (e->state == STATE_WAIT) {
		p->begin = true;
		p->last_begin = s->n;
		/* it may change with a BUSY that is still to come */
		if (s->any_busy && !p->first_busy)
			return 0;
	} else if (!is_held_by_another(s, e->lock, e->thread)) {
		return 0;
	} else {
		p->pass = true;
		p->change = p->begin && s->seen_busy;
	}
	p->done = true;
	return p->n_lanes > 1 && !--s->n_left;
}

static int look_at(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct search *s = ctx;
	struct entries *p = &s->process[timeline_thread(s->tl, e->thread)->process];
	struct looked_at *t = &s->thread[e->thread];
	int ret = 0;

	(void)attrs;
	s->n++;
	switch (e->kind) {
	case EV_ENTRY:
		ret = look_at_entry(s, p, e);
		break;
	case EV_BUSY:
		s->seen_busy = true;
		p->first_busy = p->first_busy ? p->first_busy : s->n;
		break;
	case EV_ACQUIRE:
		if (timeline_lock(s->tl, e->lock)->kind == LOCK_GIL)
			s->owner[e->lock] = (struct owner){ e->thread, t->losses };
		break;
	case EV_RELEASE:
		if (s->owner[e->lock].thread == e->thread)
			s->owner[e->lock].thread = NO_THREAD;
		break;
	case EV_STATE:			/* events were lost: what was open has ended */
		t->losses += e->state == STATE_IDLE;
		break;
	}
	t->state = e->state;
	return ret;
}

/* How many processes could tell anything, and whether there is anything to be told. */
static bool begin_search(struct search *s)
{
	uint64_t n_others = 0;			/* events that may be ENTRYs */

	for (uint32_t i = 0; i < timeline_info(s->tl)->n_threads; i++) {
		const struct timeline_thread *t = timeline_thread(s->tl, i);

		/* a thread that is alone finds no lock held by another */
		if (t->is_lane && ++s->process[t->process].n_lanes == 2)
			s->n_left++;
		s->any_busy |= t->busy != 0;
		n_others += t->events - t->acquires - t->releases - t->busy - t->retry -
			    t->timeouts - t->drop_requests;
	}
	return n_others && s->n_left;
}

static enum dump_waits_word word_of(const struct entries *p)
{
	return p->change ? DUMP_WAITS_NONE : p->pass ? DUMP_WAITS_BUSY : DUMP_WAITS_ENTRY;
}

/* All that was found, as one word and those of the processes that it does not suit. */
static void conclude(struct dump_waits *out, const struct search *s)
{
	uint32_t n = timeline_info(s->tl)->n_processes;
	bool some = false, alike = true, change = false;
	uint64_t last_begin = 0;

	/* No ENTRY at a held lock: both would do. */
	out->all = s->any_busy ? DUMP_WAITS_BUSY : DUMP_WAITS_ENTRY;
	for (uint32_t i = 0; i < n; i++) {
		const struct entries *p = &s->process[i];

		if (!p->begin && !p->pass)
			continue;
		alike &= !some || out->all == word_of(p);
		out->all = some && !alike ? DUMP_WAITS_NONE : word_of(p);
		some = true;
		change |= p->change;
		if (p->change && p->last_begin > last_begin)
			last_begin = p->last_begin;
	}
	if (alike && !change)
		return;
	/*
	 * In those that change, a reader finds it out by itself: with the first BUSY of a process
	 * of which nothing is told.  It must be none from before that.
	 */
	for (uint32_t i = 0; i < n; i++) {
		const struct entries *p = &s->process[i];

		if (p->begin || p->pass)
			out->process[i] = (uint8_t)word_of(p);
		else if (p->first_busy && p->first_busy < last_begin)
			out->process[i] = DUMP_WAITS_BUSY;
	}
}

int dump_waits_find(struct dump_waits *out, const struct timeline *tl, struct timeline_cursor *c,
		    struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	struct search s = { .tl = tl };
	int ret = -1;

	out->process = calloc((size_t)info->n_processes + 1, 1);
	s.process = calloc((size_t)info->n_processes + 1, sizeof(*s.process));
	s.owner = malloc(((size_t)info->n_locks + 1) * sizeof(*s.owner));
	s.thread = calloc((size_t)info->n_threads + 1, sizeof(*s.thread));
	if (!out->process || !s.process || !s.owner || !s.thread) {
		err_memory(err, "threads and locks");
		goto out;
	}
	memset(s.owner, 0xff, ((size_t)info->n_locks + 1) * sizeof(*s.owner));
	if (begin_search(&s) && timeline_events(c, 0, info->end + 1, look_at, &s, err) < 0)
		goto out;
	conclude(out, &s);
	ret = 0;
out:
	if (ret)
		dump_waits_release(out);
	free(s.process);
	free(s.owner);
	free(s.thread);
	return ret;
}

void dump_waits_release(struct dump_waits *w)
{
	free(w->process);
	w->process = NULL;
}

const char *dump_waits_name(enum dump_waits_word word)
{
	return word == DUMP_WAITS_BUSY ? "busy" : word == DUMP_WAITS_ENTRY ? "entry" : "";
}
