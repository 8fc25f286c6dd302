/*
 * tracker.h - what the events mean: who holds, who waits, who was signalled
 *
 * The rules are those of docs/gillog.md.  Events come in order; each goes to the timeline's writer
 * with the state that its thread is in from then on, and the figures of every thread are kept.
 */
#ifndef GILSCOPE_TRACKER_H
#define GILSCOPE_TRACKER_H

#include "log.h"
#include "writer.h"

struct tracker;

int tracker_new(struct tracker **out, struct names *names, const char *path, bool force,
		unsigned n_threads, struct err *err);
/* NULL is allowed; leaves no file if it was not finished */
void tracker_free(struct tracker *t);

/* l->rec[first] to l->rec[end - 1], the next events of all logs in order. */
int tracker_events(struct tracker *t, struct log *l, size_t first, size_t end, struct err *err);

/*
 * Writes the timeline.  info: title, clock and what the logs say of themselves; the rest is filled
 * in.
 */
int tracker_finish(struct tracker *t, struct timeline_info *info, struct err *err);
/* Does some of the writer's work, while there is none for the tracker; false: there is none. */
bool tracker_idle(void *tracker);
uint64_t tracker_count(const struct tracker *t);	/* events so far */
uint32_t tracker_lanes(const struct tracker *t);	/* threads with events of a lock so far */

#endif
