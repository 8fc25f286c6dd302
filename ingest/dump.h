/*
 * dump.h - a timeline as text: its events as gillog text, its periods, its bins; or as a binary log
 *
 * Text goes to a file descriptor through a buffer of its own.  When nobody reads any more (EPIPE,
 * with SIGPIPE ignored by the caller) the dump ends, and that is no error.  Ranges are [from, to),
 * since the origin.
 */
#ifndef GILSCOPE_DUMP_H
#define GILSCOPE_DUMP_H

#include "timeline.h"

struct dump_range { uint64_t from, to; };

/* Each returns 0, or -1 with *err set.  The whole trace is { 0, end + 1 }. */

/* docs/gillog.md: what `gilscope ingest` makes the same timeline of. */
int dump_events(struct timeline *tl, int fd, struct dump_range range, struct err *err);
/* The same as a binary gillog. */
int dump_binary(struct timeline *tl, int fd, struct dump_range range, struct err *err);
/*
 * docs/dump.md: a line for each period that touches the range, in order of their ends; none for
 * idle ones.
 */
int dump_periods(struct timeline *tl, int fd, struct dump_range range, struct err *err);
/*
 * A line for each bin of 2^level clock units that touches the range and holds anything; by bin,
 * then lane.
 */
int dump_bins(struct timeline *tl, int fd, unsigned level, struct dump_range range,
	      struct err *err);

/*
 * The threads in the order of their numbers, so that ingest numbers them alike; the caller frees
 * it.
 */
uint32_t *dump_threads(const struct timeline *tl, struct err *err);

/* How many of the trace's lost events are of no thread that is known. */
uint64_t dump_lost(const struct timeline *tl);

/*
 * What begins a wait, as far as the events tell it: in the whole trace (NONE: that changed with the
 * first BUSY, or differs), and in each process (NONE: as in the whole trace).
 */
enum dump_waits_word { DUMP_WAITS_NONE, DUMP_WAITS_BUSY, DUMP_WAITS_ENTRY };
struct dump_waits {
	enum dump_waits_word all;
	uint8_t *process;		/* each an enum dump_waits_word */
};
/* Returns 0, or -1 with *err set and nothing to release. */
int dump_waits_find(struct dump_waits *out, const struct timeline *tl, struct timeline_cursor *c,
		    struct err *err);
void dump_waits_release(struct dump_waits *w);
const char *dump_waits_name(enum dump_waits_word word);	/* "busy", "entry" */

#endif
