/*
 * waits.h - the longest single waits of a trace
 */
#ifndef GILSCOPE_WAITS_H
#define GILSCOPE_WAITS_H

#include "timeline.h"

struct worst_wait { uint64_t begin, length; uint32_t lane; };

/*
 * Up to max waits that ended in ACQUIRE, longest first, of equal ones the earlier.  Reads the
 * trace's bins and, where long waits show in them, events: not the whole trace.  Returns how many,
 * or -1 with *err set.
 */
int worst_waits(struct timeline *tl, struct worst_wait *out, unsigned max, struct err *err);

#endif
