/*
 * timeline.h - the indexed timeline file (.gtl): ingest/ writes it, render/ and the commands read
 * it
 *
 * The events lie in blocks, each of which stands alone (it begins with the state of every thread).
 * Above them stands a tree of nodes: a node holds N bins of 2^level clock units for every lane,
 * with the exact integer sums of what lies in them; it exists only where more than a few blocks
 * would have to be read instead.  So any window at any zoom is drawn from about one bin per pixel,
 * or from at most a few blocks of events, whichever is finer.  Byte tables: docs/timeline.md.
 *
 * Times are unsigned 64-bit integers in units of the trace's clock (nanoseconds, or ticks of the
 * old GIL's interpreter) since the origin, the first event's time.  Ranges are half-open: [from,
 * to).
 *
 * An open timeline never changes: any number of threads may use it, each with a cursor of its own.
 */
#ifndef GILSCOPE_TIMELINE_H
#define GILSCOPE_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "event.h"

enum timeline_clock { CLOCK_NS, CLOCK_TICKS };
enum lock_kind {
	LOCK_GIL,		/* holds are seen: ACQUIRE to RELEASE */
	/* only contention is seen (free-threaded builds): ACQUIRE ends a wait, no hold */
	LOCK_PARK,
};

#define NO_THREAD UINT32_MAX
#define NO_TIME UINT64_MAX
#define TIMELINE_MAX_TIME ((1ull << 62) - 1)	/* the longest trace: 146 years of nanoseconds */

/*
 * A log may claim to have lost any number of events: sums of such claims end here, and do not begin
 * again at 0.
 */
#define MAX_COUNT INT64_MAX

static inline uint64_t count_add(uint64_t a, uint64_t b)
{
	return b > MAX_COUNT || a > MAX_COUNT - b ? MAX_COUNT : a + b;
}

/* The same for a bin, which has 32 bits for it. */
#define MAX_LOST UINT32_MAX

static inline uint32_t lost_add(uint32_t a, uint64_t b)
{
	return b > MAX_LOST - a ? MAX_LOST : a + (uint32_t)b;
}

/* What is known of a thread.  Strings are UTF-8 or whatever bytes the log had: never trust them. */
struct timeline_thread {
	const char *id;		/* as the log names it: "t2", "9989" */
	const char *name;	/* "" if unknown */
	uint32_t process;	/* index into the processes */
	uint32_t number;	/* in the file: in the order in which threads were first met */
	bool is_lane;		/* it has events of a lock; the others have only scheduler events */
	uint64_t first, last;	/* its first and last event */
	uint64_t time[N_STATES];	/* [STATE_IDLE] is the rest of the trace's length */
	uint64_t events, acquires, releases, lost_acquires, lost_releases, lost_events;
	uint64_t busy, retry, timeouts, drop_requests, switches, forced_switches;
	uint64_t waits;		/* contended takes that ended in ACQUIRE; max_wait is of these */
	/* whole lengths: of a take over its RETRYs, of a hold over its stalls */
	uint64_t max_wait, max_run;
	uint64_t max_wait_at, max_run_at;	/* when the longest began */
};

struct timeline_process {
	int64_t pid, ppid;	/* -1: unknown */
	const char *name;	/* "" if unknown */
};

struct timeline_lock {
	const char *id, *name;
	uint32_t process;
	enum lock_kind kind;
};

struct timeline_func {
	const char *name, *file;
	uint32_t line;		/* the function's first line; 0 if unknown */
};

/* "key: value" facts about where the trace came from: machine, python, command, origin... */
struct timeline_fact { const char *key, *value; };

struct timeline_info {
	unsigned version;
	const char *title;
	enum timeline_clock clock;
	uint64_t origin;	/* absolute time of 0, in clock units */
	uint64_t end;		/* the last event's time since the origin: the trace's length */
	uint64_t events;	/* of all lanes */
	uint64_t skipped_lines, lost_events;
	bool truncated;		/* the log was cut off */
	uint64_t checks;	/* total checks over the trace (old GIL), else 0 */
	uint64_t check_interval;	/* ticks per check; 0: unknown */
	/* threads, of which the first n_lanes are lanes, in order of display */
	uint32_t n_threads;
	uint32_t n_lanes, n_processes, n_locks, n_funcs, n_facts;
	uint64_t n_blocks, n_nodes;
};

/*
 * On the clock of ticks checks follow from the time, whether events tell them or not: no bin counts
 * them.
 */
static inline bool timeline_checks_follow(const struct timeline_info *info)
{
	return info->clock == CLOCK_TICKS && info->check_interval;
}

struct timeline;		/* opaque: made by open, released by close */

/* Whether a regular file begins like a timeline; a pipe is never looked into. */
bool timeline_is(const char *path);

/* Both return 0, or -1 with *err set and *out NULL.  The _mem form borrows buf until close. */
int timeline_open(struct timeline **out, const char *path, struct err *err);
int timeline_open_mem(struct timeline **out, const void *buf, size_t len, struct err *err);
void timeline_close(struct timeline *tl);	/* NULL is allowed */

/* All of these are borrowed until close, and i is checked by assert only. */
const struct timeline_info *timeline_info(const struct timeline *tl);
const struct timeline_thread *timeline_thread(const struct timeline *tl, uint32_t i);
const struct timeline_process *timeline_process(const struct timeline *tl, uint32_t i);
const struct timeline_lock *timeline_lock(const struct timeline *tl, uint32_t i);
const struct timeline_func *timeline_func(const struct timeline *tl, uint32_t i);
const struct timeline_fact *timeline_fact(const struct timeline *tl, uint32_t i);
/* The value of the fact of that key, or NULL.  ingest keeps one of a key: what was said last. */
const char *timeline_fact_value(const struct timeline *tl, const char *key);

/*
 * Single values of a thread: contended waits, holds, hand-offs (time in signal before an ACQUIRE),
 * as log-linear histograms (64 buckets an octave: a percentile is within 0.8 % of the exact one).
 */
enum timeline_hist { HIST_WAIT, HIST_HOLD, HIST_HANDOFF, N_HISTS };
/*
 * Opening leaves the histograms alone, since drawing needs none.  This reads them, once for all
 * threads, and must have returned 0 before anybody asks for quantiles.
 */
int timeline_load_hists(struct timeline *tl, struct err *err);
/*
 * The value at quantile q (0 to 1) over thread i, or over all lanes with i NO_THREAD; 0 without
 * values.
 */
uint64_t timeline_quantile(const struct timeline *tl, enum timeline_hist which, uint32_t i,
			   double q);

/* What lies in one bin of one lane. Idle time is the bin's width less the rest. */
struct timeline_bin {
	uint64_t run, stall, wait, signal;	/* exact time in each state */
	/* the whole length of the longest wait that touches the bin */
	uint64_t max_wait;
	uint32_t acquires, releases, busy, retry, timeouts;	/* number of events */
	uint32_t switches;		/* ACQUIREs after another thread's hold */
	uint32_t lost;			/* lost acquires, releases and events: lost_add() */
	uint32_t events;		/* of any kind */
	/*
	 * Checks first seen at this lane's events (old GIL, nanoseconds).  0 on the clock of ticks
	 * with a known check_interval: there a range holds its length / check_interval of them.
	 */
	uint64_t checks;
};

/* What one thread needs to read: decompression state and a few blocks kept.  NULL on failure. */
struct timeline_cursor;
struct timeline_cursor *timeline_cursor_new(struct timeline *tl, struct err *err);
void timeline_cursor_free(struct timeline_cursor *c);

/*
 * Fills out[lane * n + i] with bin first + i of width 2^level for the n_lanes lanes from lane0 on.
 * The trace's last event lies at its end, info.end, and is counted in the bin end >> level;
 * bins behind it are all zero, and no bin counts time past the end.  level 0 to 62.
 */
int timeline_bins(struct timeline_cursor *c, unsigned level, uint64_t first, uint32_t n,
		  uint32_t lane0, uint32_t n_lanes, struct timeline_bin *out, struct err *err);
/*
 * After timeline_bins(): [i] is false if all bins of lane lane0 + i are zero; it may be true, too,
 * where they are.  The cursor's, until its next call.
 */
const bool *timeline_bins_some(const struct timeline_cursor *c);

/*
 * The exact sums over [from, to) for n_lanes lanes: out[lane].  Any range; cost grows with
 * log(range).
 */
int timeline_sum(struct timeline_cursor *c, uint64_t from, uint64_t to, uint32_t lane0,
		 uint32_t n_lanes, struct timeline_bin *out, struct err *err);

/*
 * An upper bound of how many events lie in [from, to), without reading blocks: the events of the
 * blocks that the range touches, so at most those of two blocks too many.
 */
uint64_t timeline_count_bound(const struct timeline *tl, uint64_t from, uint64_t to);
/*
 * About how many, as if a block's events lay evenly in it: to choose between ways, never for what
 * is shown.
 */
uint64_t timeline_count_about(const struct timeline *tl, uint64_t from, uint64_t to);

/*
 * Calls event() for every event of [from, to) in order, of all threads.  attrs is borrowed for the
 * call. A non-zero return ends the walk and is returned; -1 with *err set is an error of the file.
 */
typedef int timeline_event_fn(void *ctx, const struct event *e, const struct attr *attrs);
int timeline_events(struct timeline_cursor *c, uint64_t from, uint64_t to, timeline_event_fn *event,
		    void *ctx, struct err *err);

/*
 * A stretch of one state of one lane.  begin may lie before and end after the range that was asked
 * for: periods are never cut, but for idle at the trace's ends.
 */
struct period {
	uint64_t begin, end;
	uint32_t thread;
	uint16_t lock;		/* of the wait or hold; 0 for idle */
	uint8_t state;		/* enum state */
	/* WAIT, SIGNAL: when the contended take began; RUN, STALL: when the hold began */
	uint64_t since;
	int64_t func;		/* RUN, STALL: ATTR_FUNC of the ACQUIRE, or -1 */
};
typedef int timeline_period_fn(void *ctx, const struct period *p);
/*
 * Calls period() for every period that touches [from, to), in order of their ends; not for idle
 * ones.
 */
int timeline_periods(struct timeline_cursor *c, uint64_t from, uint64_t to,
		     timeline_period_fn *period, void *ctx, struct err *err);

/*
 * The lanes at an instant: out[lane].state is the state from t on (WAIT or SIGNAL resolved), since
 * when its take or hold began.
 */
struct lane_state { uint8_t state; uint16_t lock; uint64_t since; };
int timeline_states_at(struct timeline_cursor *c, uint64_t t, uint32_t lane0, uint32_t n_lanes,
		       struct lane_state *out, struct err *err);

#endif
