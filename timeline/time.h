/*
 * time.h - times as people write them
 *
 *   1.25s  300us  42ns  12ms      nanosecond clocks: a decimal number and its unit
 *   539373t  539373               ticks; a bare number is in units of the clock
 *   @1883.632596058s              "@" before it: on the trace's own clock, not since its origin
 *
 * No float anywhere: fractions are read and written digit by digit.
 */
#ifndef GILSCOPE_TIME_H
#define GILSCOPE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "timeline.h"

/*
 * Parses s for a trace with this clock and origin; *t is since the origin.  0, or -1 with
 * ERR_USAGE; err may be NULL.
 */
int time_parse(const char *s, enum timeline_clock clock, uint64_t origin, uint64_t *t,
	       struct err *err);
/*
 * A length with its unit, into out: rounded to 4 significant digits ("5.184ms"), from 1000 s on to
 * whole seconds; below 1 us and of ticks exact ("129240t").
 */
const char *time_text(char out[32], uint64_t t, enum timeline_clock clock);
/* An exact one, that time_parse() reads back ("1.250000001s", "539373t"). */
const char *time_exact(char out[48], uint64_t t, enum timeline_clock clock);

#endif
