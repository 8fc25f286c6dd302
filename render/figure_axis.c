/* figure_axis.c - see figure_axis.h */
#include "figure_axis.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* So many steps from the origin on, a label has more digits that stay than digits that change. */
#define FAR_STEPS 20000
#define BASE_STEPS 100

struct unit { const char *name; uint64_t size; };
static const struct unit time_units[] = {
	{ "s", 1000000000 }, { "ms", 1000000 }, { "\302\265s", 1000 }, { "ns", 1 }, { NULL, 0 },
};
static const struct unit tick_units[] = { { "million ticks", 1000000 },
					  { "ticks", 1 },
					  { NULL, 0 } };

/*
 * The least of 1, 2, 5 times a power of ten that is not below least; sub: into how many parts it is
 * divided.
 */
static uint64_t round_step(uint64_t least, unsigned *parts)
{
	static const unsigned factor[] = { 1, 2, 5 }, minor[] = { 5, 4, 5 };

	for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
		for (unsigned i = 0; i < 3; i++)
			if (power * factor[i] >= least) {
				*parts = power * factor[i] % minor[i] ? 1 : minor[i];
				return power * factor[i];
			}
	*parts = 1;
	return UINT64_MAX;
}

static const struct unit *unit_for(enum timeline_clock clock, uint64_t step)
{
	const struct unit *u = clock == CLOCK_TICKS ? tick_units : time_units;

	/* at most one digit behind the point, while there is a smaller unit */
	while (u[1].name && u->size / 10 > step)
		u++;
	return u;
}

void figure_axis_init(struct figure_axis *a, enum timeline_clock clock, uint64_t from, uint64_t to,
		      unsigned room)
{
	uint64_t span = to - from;
	const struct unit *u;

	memset(a, 0, sizeof(*a));
	a->step = round_step(span / room + (span % room != 0), &a->minor);
	u = unit_for(clock, a->step);
	a->unit = u->name;
	a->unit_size = u->size;
	for (uint64_t s = u->size; s > 1 && a->step % s; s /= 10)
		a->digits++;
	a->far = to / a->step > FAR_STEPS;
	if (a->far)
		a->base = from / (a->step * BASE_STEPS) * (a->step * BASE_STEPS);
}

uint64_t figure_axis_first(uint64_t step, uint64_t from)
{
	return from / step + (from % step != 0);
}

/* 1234567 as "1 234 567", with narrow blanks that do not break. */
static int put_grouped(char *out, size_t size, uint64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, v), at = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			at += snprintf(out + at, size - (size_t)at, "\342\200\257");
		at += snprintf(out + at, size - (size_t)at, "%c", digits[i]);
	}
	return at;
}

static void put_number(char *out, size_t size, uint64_t t, uint64_t unit, unsigned digits)
{
	int at = put_grouped(out, size, t / unit);
	uint64_t rest = t % unit;

	if (!digits)
		return;
	at += snprintf(out + at, size - (size_t)at, ".");
	for (; digits; digits--) {
		unit /= 10;
		at += snprintf(out + at, size - (size_t)at, "%u", (unsigned)(rest / unit));
		rest %= unit;
	}
}

const char *figure_axis_label(const struct figure_axis *a, uint64_t t, char out[64])
{
	size_t at = 0;

	if (a->far)
		out[at++] = '+';
	put_number(out + at, 64 - at, t - a->base, a->unit_size, a->digits);
	return out;
}

const char *figure_axis_words(const struct figure_axis *a, char out[96])
{
	bool ticks = strstr(a->unit, "ticks") != NULL;
	uint64_t size = ticks ? 1 : 1000000000;
	unsigned digits = 0;
	char base[64];

	if (!a->far) {
		snprintf(out, 96, "%s%s", ticks ? "" : "time, ", a->unit);
		return out;
	}
	for (uint64_t s = size; s > 1 && a->base % s; s /= 10)
		digits++;
	put_number(base, sizeof(base), a->base, size, digits);
	snprintf(out, 96, "%s%s +, in %s", base, ticks ? "" : " s", a->unit);
	return out;
}
