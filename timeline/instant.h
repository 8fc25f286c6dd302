/*
 * instant.h - a stretch of a timeline by itself: its events, the lanes before it, and how what is
 * open after it goes on
 *
 * What render/ needs to cut a timeline into stretches that are drawn apart from each other.  It
 * costs the blocks that hold the stretch, each read once.
 */
#ifndef GILSCOPE_INSTANT_H
#define GILSCOPE_INSTANT_H

#include "timeline.h"

/* A lane just before an instant t. */
struct instant_lane {
	uint64_t since;		/* when the take or the hold began; state idle: of no meaning */
	/* WAIT: since when the thread is signalled, NO_TIME if that comes at t or later */
	uint64_t signal;
	uint64_t end;		/* WAIT: when the take ends in ACQUIRE, NO_TIME if never */
	int64_t func;		/* RUN, STALL: of the ACQUIRE that the hold began with, or -1 */
	uint16_t lock;
	uint8_t state;		/* after all events before t; never SIGNAL */
};

/*
 * n times a RELEASE and an ACQUIRE at the same time: of a thread that runs before, and again behind
 * each.  The first are at time + step, the others step later each.  No values.
 */
struct event_pairs {
	struct event event[2];		/* their times are of no meaning */
	uint64_t time;
	uint32_t n, step;
};

struct stretch {
	uint64_t from, to;
	uint32_t lane0, n_lanes;
	/*
	 * Called once before any event; signal and end are not known yet.  checks: the largest
	 * before.
	 */
	int (*begin)(void *ctx, const struct instant_lane *lanes, int64_t checks);
	timeline_event_fn *event;	/* for every event of [from, to), of all threads */
	/* Takes such events at once; false: the next of them comes to event().  NULL is allowed. */
	bool (*pairs)(void *ctx, const struct event_pairs *p);
	/* Called once after them, for the instant `to`. */
	int (*end)(void *ctx, const struct instant_lane *lanes);
	void *ctx;
};

/*
 * A non-zero return of a callback ends it and is returned; -1 with *err set is an error of the
 * file.
 */
int timeline_stretch(struct timeline_cursor *c, const struct stretch *s, struct err *err);

#endif
