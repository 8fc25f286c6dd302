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

const char *time_text(char out[32], uint64_t t, enum timeline_clock clock)
{
	uint64_t scale = 1;
	size_t u = 0;

	if (clock == CLOCK_TICKS) {
		snprintf(out, 32, "%" PRIu64 "t", t);
		return out;
	}
	while (u + 1 < N_UNITS && t / scale >= 1000) {
		scale *= 1000;
		u++;
	}
	if (scale == 1 || t / scale >= 1000) {
		snprintf(out, 32, "%" PRIu64 "%s", t / scale, units[u].name);
	} else {
		uint64_t whole = t / scale, milli = t % scale / (scale / 1000);

		if (whole >= 100)
			snprintf(out, 32, "%" PRIu64 ".%01u%s", whole, (unsigned)(milli / 100),
				 units[u].name);
		else if (whole >= 10)
			snprintf(out, 32, "%" PRIu64 ".%02u%s", whole, (unsigned)(milli / 10),
				 units[u].name);
		else
			snprintf(out, 32, "%" PRIu64 ".%03u%s", whole, (unsigned)milli,
				 units[u].name);
	}
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
