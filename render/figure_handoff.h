/*
 * figure_handoff.h - the hand-offs of a figure that can be drawn as arrows
 *
 * A hand-off is a RELEASE of one thread that signals another one.  Where arrows would be nearer
 * than `apart` columns to each other, there are none at all.
 */
#ifndef GILSCOPE_FIGURE_HANDOFF_H
#define GILSCOPE_FIGURE_HANDOFF_H

#include "figure_columns.h"

struct figure_handoff {
	uint64_t t;			/* of the RELEASE, or WAKEUP */
	uint32_t from_row, to_row;
	bool crowded;			/* while they are looked for */
};

struct figure_handoffs { struct figure_handoff *h; size_t n, cap; };

/*
 * Fills out, which is all 0, in order of time.  lane[row] as for figure_columns_load().  Reads
 * events only where hand-offs are few: at some 8 * c->n / apart places at most.  release in any
 * case.
 */
int figure_handoffs_find(struct figure_handoffs *out, const struct figure_columns *c,
			 struct timeline *tl, const uint32_t *lane, double apart, struct err *err);
void figure_handoffs_release(struct figure_handoffs *h);

#endif
