/*
 * tsc.h - the cpu's time stamp counter as nanoseconds of CLOCK_MONOTONIC
 *
 * A recorded process stamps with rdtsc, a third of the cost of clock_gettime().  The recorder reads
 * both clocks together every few milliseconds (a *knot*), and times in between lie on the line
 * between two knots: the result is continuous, never runs backwards, and follows CLOCK_MONOTONIC's
 * own corrections.
 */
#ifndef GILSCOPE_TSC_H
#define GILSCOPE_TSC_H

#include <stdbool.h>
#include <stdint.h>

#define TSC_KNOTS 64

struct tsc_knot { uint64_t tsc, ns; };

struct tsc_clock {
	/* false: times are CLOCK_MONOTONIC's already, and nothing is converted */
	bool tsc;
	struct tsc_knot knots[TSC_KNOTS];	/* the latest, oldest first */
	unsigned n;
	/* how far a new knot lay off the line through the two before it */
	uint64_t n_checks, worst_ns;
};

/* Whether the counter runs at one rate on all cpus: the kernel itself must use it as its clock. */
bool tsc_is_usable(void);
/* Takes two knots, 2 ms apart. */
void tsc_start(struct tsc_clock *c, bool tsc);
void tsc_tick(struct tsc_clock *c);
/*
 * The nanoseconds of a stamp; one that is older than all knots lies on the line through the oldest
 * two.
 */
uint64_t tsc_ns(const struct tsc_clock *c, uint64_t stamp);
/* The latest knot but one: all stamps before it can be converted for good. */
uint64_t tsc_settled_ns(const struct tsc_clock *c);
/* How many units of the clock are surely more than a nanosecond. */
uint64_t tsc_gap(const struct tsc_clock *c);
uint64_t tsc_hz(const struct tsc_clock *c);	/* 0 where it is not used */

#endif
