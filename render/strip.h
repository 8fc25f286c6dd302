/*
 * strip.h - all that happens in a stretch of time, lane by lane: what deep tiles are drawn from
 *
 * Where bins are finer than events, most of them say nothing.  A strip holds the marks instead: the
 * points at which a lane changes or an event lies.  It is read once, and every tile in it, at every
 * zoom, is drawn from its marks.
 *
 *   mark[0]      the lane just before the strip
 *   mark[1..n-1] in order of time: the log's events, the moment at which a wait became a signal,
 *                the trace's end
 */
#ifndef GILSCOPE_STRIP_H
#define GILSCOPE_STRIP_H

#include "timeline.h"

struct mark {
	uint64_t t;		/* mark[0]: the strip's begin */
	/* when the take or the hold began that the lane is in from here on */
	uint64_t since;
	/* state WAIT or SIGNAL: the take's whole length; 0: it never ends in ACQUIRE */
	uint64_t take;
	uint32_t seq;		/* order of the marks of one time, over all lanes */
	uint32_t checks;	/* checks first seen here */
	/* index of the event's function + 1; mark[0]: of the hold that the lane is in */
	uint32_t func;
	uint32_t lost;		/* how many acquires, releases, events were lost here */
	uint16_t lock;
	uint8_t kind;		/* enum event_kind; EV_STATE: no event, only the change of state */
	uint8_t state;		/* from here on; WAIT and SIGNAL are told apart */
	uint8_t flags;		/* enum event_flag */
};

struct strip_lane {
	struct mark *mark;	/* owned */
	size_t n, cap;		/* n is at least 1 */
	/* while loading: where the take, and this stretch of waiting, began */
	size_t take, segment;
};

struct strip {
	uint64_t from, to;
	uint32_t lane0, n_lanes;
	struct strip_lane *lane;	/* owned */
	uint32_t cap_lanes;
	int64_t checks;			/* while loading: the largest so far */
	bool checks_follow;		/* from the time: they are not counted */
	uint32_t seq;
	uint64_t end;			/* the trace's */
	const bool *skip;
	bool failed;
};

#define STRIP_INIT { 0 }

/*
 * Reads [from, to) of lanes lane0 .. lane0 + n_lanes - 1, in place of what s held.  skip, if not
 * NULL, says for every LANES_PER_TILE lanes from lane0 on whether their events are left out: they
 * are not drawn then.
 */
int strip_load(struct strip *s, struct timeline *tl, struct timeline_cursor *c, uint64_t from,
	       uint64_t to, uint32_t lane0, uint32_t n_lanes, const bool *skip, struct err *err);
void strip_release(struct strip *s);

/* The first of the lane's marks from index lo on whose t is >= t. */
size_t strip_find(const struct strip_lane *l, size_t lo, uint64_t t);

#endif
