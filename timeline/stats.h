/*
 * stats.h - the figures of a stretch of a timeline, and what stands out in it, for cmd_stats.c
 *
 *   wanted                                            read
 *   figures of the whole trace, one lock a process    the threads' stored sums and histograms
 *   any other figures, and the findings               the events of the stretch, in one walk
 *
 * Both ways give the same figures (tests/timeline/stats.c).  Memory: about 1 kB a lane and lock,
 * and up to 30 kB of histograms for each lane and lock that has values; nothing per event.
 *
 * A stretch is [from, to), and each figure has one rule for what lies in it (docs/stats.md): time
 * in a state is cut at its edges; an event counts where it lies; a wait, hold or hand-off is a
 * value of the stretch in which it ends, at its whole length.  So the figures of neighbouring
 * stretches add up.
 */
#ifndef GILSCOPE_TIMELINE_STATS_H
#define GILSCOPE_TIMELINE_STATS_H

#include "timeline.h"

/* Of single values; without any, all but n are NO_TIME. */
struct stats_values {
	uint64_t n, p50, p90, p99, p999, max;
	uint64_t max_at;		/* when the longest began; NO_TIME: unknown */
};

/* Of a lane, of a lock (its threads' sums) or of all lanes. */
struct stats_figures {
	uint64_t time[N_STATES];	/* [STATE_IDLE]: of a lock, the time that nobody held it */
	uint64_t held;			/* how long the lock was held; of a lane: run + stall */
	uint64_t events;		/* of a lock: NO_TIME */
	uint64_t acquires, releases, busy, retry, timeouts, drop_requests, switches;
	/* SWITCH_WAIT events: forced switches, where a log tells them */
	uint64_t switch_waits;
	uint64_t lost_acquires, lost_releases;
	uint64_t lost_events;		/* of a lock: NO_TIME */
	struct stats_values value[N_HISTS];
};

enum stats_interval_from { INTERVAL_DEFAULT, INTERVAL_FACT, INTERVAL_OPTION };

struct stats_options {
	uint64_t from, to;		/* to is cut at the trace's end + 1 */
	bool findings;
	/* the switch interval in clock units; 0: as the trace says */
	uint64_t interval;
	/* 0: the defaults of findings.h, which says what they mean */
	uint64_t long_hold, convoy, starvation;
	bool from_events;	/* for tests: the figures are not taken from what is stored */
};

struct findings;

struct stats {
	const struct timeline *tl;	/* borrowed */
	uint64_t from, to;		/* as asked for, cut */
	uint64_t length;		/* of the time between them */
	bool whole;
	uint64_t events_read;		/* by the walk */
	uint64_t checks;		/* first seen in it (old GIL) */
	uint64_t interval;
	enum stats_interval_from interval_from;
	struct stats_figures total;
	struct stats_figures *lane;	/* owned; n_lanes of them */
	struct stats_figures *lock;	/* owned; n_locks of them */
	struct findings *findings;	/* owned; NULL if they were not asked for */
};

/* 0, or -1 with *err set.  In both cases stats_release() is called at the end. */
int stats_collect(struct stats *s, struct timeline *tl, const struct stats_options *o,
		  struct err *err);
void stats_release(struct stats *s);

#endif
