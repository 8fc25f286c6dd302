/*
 * random_timeline.h - a timeline of random threads, written straight through timeline/writer.h
 *
 * Threads take, wait for, are signalled for, give back and lose one lock in any order that a log
 * could tell. Blocks end early now and then, so that small timelines have several.  Now and then
 * two events of one thread repeat themselves, as an old GIL's do.
 */
#ifndef GILSCOPE_TEST_RANDOM_TIMELINE_H
#define GILSCOPE_TEST_RANDOM_TIMELINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "writer.h"

struct sim_thread {
	uint64_t since, segment;
	uint8_t state;
	/* the number of blocks when the segment, and the take, began */
	uint64_t segment_block;
};

struct sim {
	struct timeline_writer *w;
	struct sim_thread *t;
	uint32_t n;
	uint64_t time, n_blocks;
	int64_t checks;
	struct event pair[2];
	uint64_t pair_step[2];
	unsigned n_repeats;		/* events of the pair that are still to come */
};

struct sim_options {
	uint32_t n_threads;
	uint64_t n_events;
	uint64_t max_step;		/* between events; most are far shorter */
	bool checks;
	unsigned block_events;		/* 0: as usual */
	unsigned idle_threads;		/* the last ones have hardly any event */
	bool hists;			/* any values, in octaves of each thread's own */
};

static inline void sim_heads(void *ctx, struct timeline_writer *w)
{
	struct sim *s = ctx;

	for (uint32_t i = 0; i < s->n; i++) {
		struct block_head h = {
			.thread = i, .state = s->t[i].state, .since = s->t[i].since,
			.seg = s->t[i].segment, .func = -1,
		};

		if (h.state != STATE_IDLE)
			timeline_writer_head(w, &h);
	}
}

static inline void sim_die(const struct err *err)
{
	fprintf(stderr, "random timeline: %s\n", err->msg);
	abort();
}

static inline void sim_event(struct sim *s, const struct sim_options *o, struct event e,
			     uint64_t signal, int64_t lost)
{
	struct sim_thread *t = &s->t[e.thread];
	struct block *b = timeline_writer_block(s->w);
	unsigned most = o->block_events ? o->block_events : BLOCK_ENTRIES;
	struct err err;
	bool waited = t->state == STATE_WAIT, begins;

	if ((!s->n_blocks || b->n_events + b->n_pairs >= most || block_full(b)) && ++s->n_blocks &&
	    timeline_writer_next_block(s->w, s->time, &err))
		sim_die(&err);
	b = timeline_writer_block(s->w);
	if (timeline_writer_attr_room(s->w, &err))
		sim_die(&err);
	e.time = s->time;
	if (waited && (e.kind == EV_ACQUIRE || e.kind == EV_RETRY || e.state != STATE_WAIT)) {
		timeline_writer_signal(s->w, e.thread, t->segment,
				       signal ? s->time - signal : NO_TIME);
		if (e.kind != EV_RETRY)
			timeline_writer_take_end(s->w, e.thread, t->since,
						 e.kind == EV_ACQUIRE ? s->time : NO_TIME);
	}
	if (signal)
		b->attr[b->n_attrs + e.n_attrs++] = (struct attr){ ATTR_SIGNAL, (int64_t)signal };
	if (lost)
		b->attr[b->n_attrs + e.n_attrs++] = (struct attr){ ATTR_COUNT, lost };
	if (o->checks && !s->n_repeats && random_below(2)) {
		s->checks += (int64_t)random_below(3);
		/* attributes stand in the order of their numbers */
		if (signal) {
			b->attr[b->n_attrs + e.n_attrs] = b->attr[b->n_attrs + e.n_attrs - 1];
			b->attr[b->n_attrs + e.n_attrs - 1] =
				(struct attr){ ATTR_CHECKS, s->checks };
			e.n_attrs++;
		} else {
			b->attr[b->n_attrs + e.n_attrs++] = (struct attr){ ATTR_CHECKS, s->checks };
		}
	}
	b->event[b->n_events++] = e;
	b->n_attrs += e.n_attrs;
	if (e.kind == EV_ACQUIRE)
		block_join_pair(b);
	begins = waited != (e.state == STATE_WAIT) || e.kind == EV_ACQUIRE;
	if (begins)
		t->since = s->time;
	if (begins || e.kind == EV_RETRY || e.state != t->state)
		t->segment = s->time;
	t->state = e.state;
}

/* Two events that lead back to the state in which the thread is. */
static inline void sim_begin_pairs(struct sim *s, const struct sim_options *o)
{
	uint32_t i = (uint32_t)random_below(s->n);
	unsigned state = s->t[i].state;
	struct event *e = s->pair;

	if (state == STATE_WAIT)
		return;
	e[0] = e[1] = (struct event){ .thread = i, .state = (uint8_t)state };
	if (!random_below(4)) {		/* nothing changes */
		e[0].kind = EV_ENTRY;
		e[1].kind = random_below(2) ? EV_ENTRY : EV_TIMEOUT;
	} else if (state == STATE_STALL || (state == STATE_RUN && random_below(2))) {
		e[0].state = state == STATE_RUN ? STATE_STALL : STATE_RUN;
		e[0].kind = state == STATE_RUN ? EV_SCHED_OUT : EV_SCHED_IN;
		e[1].kind = state == STATE_RUN ? EV_SCHED_IN : EV_SCHED_OUT;
	} else if (state == STATE_RUN) {
		e[0].kind = EV_RELEASE;
		e[0].state = STATE_IDLE;
		e[1].kind = EV_ACQUIRE;
		e[1].flags = random_below(2) ? EVF_SWITCH : random_below(5) ? 0 : EVF_LOST_RELEASE;
	} else if (random_below(2)) {
		e[0].kind = EV_BUSY;
		e[0].state = STATE_WAIT;
		e[1].kind = EV_END;
	} else {
		e[0].kind = e[1].kind = EV_RELEASE;
		e[0].flags = e[1].flags = EVF_LOST_ACQUIRE;
	}
	for (unsigned k = 0; k < 2; k++)
		s->pair_step[k] =
			random_below(3)
				? random_below(random_below(2) ? 300 : 1 + o->max_step / 100)
				: 0;
	/* as at checks: they are stored as pairs */
	if (e[1].kind == EV_ACQUIRE && random_below(4)) {
		e[1].flags = 0;
		s->pair_step[0] = 0;
	}
	s->n_repeats = 2 + 2 * (unsigned)random_below(random_below(2) ? 20 : 300);
}

/* How many events a log claims to have lost: now and then more than can be. */
static inline int64_t random_lost(void)
{
	if (random_below(20))
		return 1 + (int64_t)random_below(5);
	return random_below(4) ? (INT64_C(1) << (31 + random_below(3))) - (int64_t)random_below(2)
			       : INT64_MAX - (int64_t)random_below(3);
}

/* A bin's count of them and some more: it ends at what 32 bits hold. */
static inline uint32_t plain_lost(uint32_t before, int64_t more)
{
	return more > UINT32_MAX || before + more > UINT32_MAX ? UINT32_MAX
								: (uint32_t)(before + more);
}

static inline void sim_step(struct sim *s, const struct sim_options *o)
{
	uint32_t i = (uint32_t)random_below(random_below(50) ? s->n - o->idle_threads : s->n);
	struct sim_thread *t = &s->t[i];
	struct event e = { .thread = i, .state = t->state };
	uint64_t signal = 0;
	int64_t lost = 0;

	if (s->n_blocks && !s->n_repeats && !random_below(150))
		sim_begin_pairs(s, o);
	if (s->n_repeats) {
		unsigned k = --s->n_repeats & 1;

		s->time += s->pair_step[k];
		sim_event(s, o, s->pair[1 - k], 0, 0);
		return;
	}
	if (s->n_blocks && random_below(3))		/* the first event is at 0 */
		s->time += random_below(random_below(20) ? 1 + o->max_step / 1000 : o->max_step);
	switch (t->state) {
	case STATE_IDLE:
		switch (random_below(8)) {
		case 0: e.kind = EV_ENTRY; break;
		case 1: e.kind = EV_RELEASE; e.flags = EVF_LOST_ACQUIRE; break;
		case 2: case 3: case 4: e.kind = EV_BUSY; e.state = STATE_WAIT; break;
		case 5: e.kind = EV_LOST; lost = random_lost(); break;
		default:
			e.kind = EV_ACQUIRE;
			e.state = STATE_RUN;
			e.flags = random_below(2)   ? EVF_SWITCH
				  : random_below(5) ? 0
						    : EVF_LOST_RELEASE;
		}
		break;
	case STATE_WAIT:
		switch (random_below(8)) {
		case 0: e.kind = EV_TIMEOUT; break;
		case 1: e.kind = EV_DROP_REQUEST; break;
		case 2: e.kind = EV_RETRY; break;
		case 3: e.kind = EV_END; e.state = STATE_IDLE; break;
		default: e.kind = EV_ACQUIRE; e.state = STATE_RUN; e.flags = EVF_SWITCH;
		}
		if ((e.kind == EV_RETRY || e.kind == EV_ACQUIRE) && random_below(3))
			signal = random_below(2) ? random_below(s->time - t->segment + 1)
						 : s->time - t->segment;
		break;
	case STATE_RUN:
		switch (random_below(6)) {
		case 0: e.kind = EV_SCHED_OUT; e.state = STATE_STALL; break;
		case 1: e.kind = EV_STATE; e.state = STATE_IDLE; break;
		default: e.kind = EV_RELEASE; e.state = STATE_IDLE;
		}
		break;
	default:
		e.kind = random_below(3) ? EV_SCHED_IN : EV_RELEASE;
		e.state = e.kind == EV_SCHED_IN ? STATE_RUN : STATE_IDLE;
	}
	sim_event(s, o, e, signal, lost);
}

/* Writes the timeline; path is replaced. */
static inline void random_timeline(const char *path, const struct sim_options *o)
{
	static const struct writer_ops ops = { .heads = sim_heads };
	struct sim s = { .n = o->n_threads };
	struct timeline_thread *thread = calloc(o->n_threads, sizeof(*thread));
	uint32_t *order = calloc(o->n_threads, sizeof(*order));
	char (*name)[16] = calloc(o->n_threads, sizeof(*name));
	struct hist (*hist)[N_HISTS] = calloc(o->n_threads, sizeof(*hist));
	struct hist (**hists)[N_HISTS] = calloc(o->n_threads, sizeof(*hists));
	struct timeline_process process = { .pid = 1, .ppid = -1, .name = "p" };
	struct timeline_lock lock = { .id = "0", .name = "GIL" };
	struct writer_end end = {
		.thread = thread, .order = order, .process = &process, .lock = &lock, .hist = hists,
		.info = {
			.title = "random", .n_threads = o->n_threads, .n_lanes = o->n_threads,
			.n_processes = 1, .n_locks = 1,
		},
	};
	struct err err;

	s.t = calloc(s.n, sizeof(*s.t));
	if (timeline_writer_open(&s.w, path, true, 1, &ops, &s, &err))
		sim_die(&err);
	for (uint64_t i = 0; i < o->n_events; i++)
		sim_step(&s, o);
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.t[i].state == STATE_WAIT) {
			timeline_writer_signal(s.w, i, s.t[i].segment, NO_TIME);
			timeline_writer_take_end(s.w, i, s.t[i].since, NO_TIME);
		}
		order[i] = i;
		hists[i] = &hist[i];
		for (unsigned h = 0; o->hists && h < N_HISTS; h++)
			hist_add(&hist[i][h], 100ull << (2 * i + h), 1 + i + h);
		snprintf(name[i], sizeof(name[i]), "t%u", i);
		thread[i] = (struct timeline_thread){ .id = name[i], .name = "", .is_lane = true };
	}
	end.info.end = s.time;
	end.info.events = o->n_events;
	end.info.checks = (uint64_t)s.checks;
	if (timeline_writer_finish(s.w, &end, &err))
		sim_die(&err);
	for (uint32_t i = 0; i < s.n; i++)
		for (unsigned h = 0; h < N_HISTS; h++)
			hist_release(&hist[i][h]);
	free(s.t);
	free(thread);
	free(order);
	free(name);
	free(hist);
	free(hists);
}

#endif
