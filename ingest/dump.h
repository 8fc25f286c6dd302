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

/* How many of the trace's lost events are of no thread that is known. */
uint64_t dump_lost(const struct timeline *tl);

/*
 * What begins a wait: "busy" or "entry", or "" where that changed with the first BUSY; NULL with
 * *err set.
 */
const char *dump_waits(const struct timeline *tl, struct timeline_cursor *c, struct err *err);

#endif
