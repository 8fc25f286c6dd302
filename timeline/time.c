/* time.c - see time.h */
#include "time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct unit { const char *name; unsigned digits; } units[] = {
	{ "ns", 0 }, { "us", 3 }, { "ms", 6 }, { "s", 9 },	/* 10^digits ns */
};
#define N_UNITS (sizeof(units) / sizeof(*units))

/*
 * The number of decimal places that a unit has over the clock's own, or -1 if the clock has no such
 * unit.
 */
static int unit_digits(const char *s, enum timeline_clock clock)
{
	if (!*s)
		return 0;
	if (clock == CLOCK_TICKS)
		return strcmp(s, "t") ? -1 : 0;
	for (size_t i = 0; i < N_UNITS; i++)
		if (!strcmp(s, units[i].name))
			return (int)units[i].digits;
	return -1;
}

int time_parse(const char *s, enum timeline_clock clock, uint64_t origin, uint64_t *t,
	       struct err *err)
{
	const char *p = s + (*s == '@'), *unit, *fraction = NULL;
	size_t n_fraction = 0;
	uint64_t v = 0;
	int digits;

	if (*p < '0' || *p > '9')
		return err_set(err, ERR_USAGE,
			       "'%.60s' is no time (try 1.25s, 300us, 42ns or 539373t)", s);
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
			return err_set(err, ERR_USAGE, "'%.60s' is too large", s);
	if (*p == '.') {
		fraction = ++p;
		while (*p >= '0' && *p <= '9')
			p++;
		n_fraction = (size_t)(p - fraction);
	}
	unit = p;
	digits = unit_digits(unit, clock);
	if (digits < 0)
		return err_set(err, ERR_USAGE, "'%.60s': a trace with this clock takes %s", s,
			       clock == CLOCK_TICKS ? "ticks: 539373t"
						    : "1.25s, 7ms, 300us or 42ns");
	for (int i = 0; i < digits; i++) {
		unsigned d = (size_t)i < n_fraction ? (unsigned)(fraction[i] - '0') : 0;

		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return err_set(err, ERR_USAGE, "'%.60s' is too large", s);
	}
	for (size_t i = (size_t)digits; i < n_fraction; i++)
		if (fraction[i] != '0')
			return err_set(err, ERR_USAGE, "'%.60s' is finer than the trace's clock",
				       s);
	if (*s == '@') {
		if (v < origin)
			return err_set(err, ERR_USAGE,
				       "'%.60s' lies before the trace's start, @%" PRIu64, s,
				       origin);
		v -= origin;
	}
	*t = v;
	return 0;
}

/* t / step to the nearest, a half up. */
static uint64_t rounded(uint64_t t, uint64_t step)
{
	return t / step + (t % step * 2 >= step);
}

const char *time_text(char out[32], uint64_t t, enum timeline_clock clock)
{
	uint64_t step = 1;		/* what the last digit counts, in ns */

	if (clock == CLOCK_TICKS) {
		snprintf(out, 32, "%" PRIu64 "t", t);
		return out;
	}
	if (t < 1000) {
		snprintf(out, 32, "%" PRIu64 "ns", t);
		return out;
	}
	/* The finest in which four digits are enough, rounded as they are: 999.96us is 1.000ms. */
	for (size_t u = 1; u < N_UNITS; u++) {
		unsigned one = 1000;

		for (int places = 3; places; places--, step *= 10, one /= 10) {
			uint64_t v = rounded(t, step);

			if (v >= 10000)
				continue;
			snprintf(out, 32, "%u.%0*u%s", (unsigned)v / one, places,
				 (unsigned)v % one, units[u].name);
			return out;
		}
	}
	snprintf(out, 32, "%" PRIu64 "s", rounded(t, 1000000000));
	return out;
}

const char *time_exact(char out[48], uint64_t t, enum timeline_clock clock)
{
	if (clock == CLOCK_TICKS)
		snprintf(out, 48, "%" PRIu64 "t", t);
	else
		snprintf(out, 48, "%" PRIu64 ".%09us", t / 1000000000,
			 (unsigned)(t % 1000000000));
	return out;
}
