/*
 * figure_axis.h - where a time axis is marked, and with which words
 *
 * Marks lie at multiples of 1, 2 or 5 times a power of ten, and labels are written digit by digit
 * from integers. Where the step is far below the instants ("5.183201 s" after "5.183200 s"), a
 * round instant is written once and the labels count from there: "+20", "+40".
 */
#ifndef GILSCOPE_FIGURE_AXIS_H
#define GILSCOPE_FIGURE_AXIS_H

#include <stdbool.h>

#include "timeline.h"

struct figure_axis {
	uint64_t step;
	/* marks between two labels, that have none: 4 or 5 parts; 1: no room for any */
	unsigned minor;
	const char *unit;	/* "ms", "ticks": of the labels */
	uint64_t unit_size;	/* clock units */
	unsigned digits;	/* behind the point */
	bool far;		/* labels count from base */
	uint64_t base;
};

/* room is how many labels have place; at least 1. */
void figure_axis_init(struct figure_axis *a, enum timeline_clock clock, uint64_t from, uint64_t to,
		      unsigned room);
/* The label of t, a multiple of the step: "0.25", "5 200", "+20". */
const char *figure_axis_label(const struct figure_axis *a, uint64_t t, char out[64]);
/* "time, ms" or "5.1832 s +, in ns": what the labels are. */
const char *figure_axis_words(const struct figure_axis *a, char out[96]);
/*
 * The number of the first mark that is not before from: mark i lies at i * step.  With step / minor
 * in place of step, of the marks between the labels, too.
 */
uint64_t figure_axis_first(uint64_t step, uint64_t from);

#endif
