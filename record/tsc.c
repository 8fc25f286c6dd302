/* tsc.c - see tsc.h */
#include "tsc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TRIES 8			/* of which the one with the shortest reading counts */

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t rdtsc(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

bool tsc_is_usable(void)
{
	char source[32] = "";
	FILE *f;

#if !defined(__x86_64__)
	return false;
#endif
	f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
	if (!f)
		return false;
	if (!fgets(source, sizeof(source), f))
		source[0] = 0;
	fclose(f);
	return !strcmp(source, "tsc\n");
}

static struct tsc_knot knot(bool tsc)
{
	struct tsc_knot best = { 0, 0 };
	uint64_t shortest = UINT64_MAX;

	if (!tsc) {
		uint64_t ns = monotonic_ns();

		return (struct tsc_knot){ ns, ns };
	}
	for (int i = 0; i < TRIES; i++) {
		uint64_t a = rdtsc(), ns = monotonic_ns(), b = rdtsc();

		if (b - a < shortest) {
			shortest = b - a;
			best = (struct tsc_knot){ a + (b - a) / 2, ns };
		}
	}
	return best;
}

static uint64_t on_line(const struct tsc_knot *a, const struct tsc_knot *b, uint64_t stamp)
{
	__int128 dt = (__int128)stamp - a->tsc, span = b->tsc - a->tsc, ns;

	if (!span)
		return a->ns;
	ns = dt * (__int128)(b->ns - a->ns);
	/* Rounded down on both sides of a, so that order is kept. */
	ns = ns >= 0 ? ns / span : -((-ns + span - 1) / span);
	return (uint64_t)((__int128)a->ns + ns);
}

void tsc_tick(struct tsc_clock *c)
{
	struct tsc_knot k = knot(c->tsc);

	if (c->n && (k.tsc <= c->knots[c->n - 1].tsc || k.ns <= c->knots[c->n - 1].ns))
		return;
	if (c->n >= 2) {
		uint64_t expected = on_line(&c->knots[c->n - 2], &c->knots[c->n - 1], k.tsc);
		uint64_t off = expected > k.ns ? expected - k.ns : k.ns - expected;

		c->n_checks++;
		if (off > c->worst_ns)
			c->worst_ns = off;
	}
	if (c->n == TSC_KNOTS) {
		memmove(c->knots, c->knots + 1, (TSC_KNOTS - 1) * sizeof(*c->knots));
		c->n--;
	}
	c->knots[c->n++] = k;
}

void tsc_start(struct tsc_clock *c, bool tsc)
{
	*c = (struct tsc_clock){ .tsc = tsc };
	tsc_tick(c);
	while (c->n < 2) {
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
		tsc_tick(c);
	}
}

uint64_t tsc_ns(const struct tsc_clock *c, uint64_t stamp)
{
	unsigned i = c->n - 1;

	if (!c->tsc)
		return stamp;
	while (i > 1 && c->knots[i - 1].tsc > stamp)
		i--;
	return on_line(&c->knots[i - 1], &c->knots[i], stamp);
}

uint64_t tsc_settled_ns(const struct tsc_clock *c)
{
	return c->knots[c->n - 2].ns;
}

uint64_t tsc_hz(const struct tsc_clock *c)
{
	const struct tsc_knot *a = &c->knots[0], *b = &c->knots[c->n - 1];

	return c->tsc ? (uint64_t)((unsigned __int128)(b->tsc - a->tsc) * 1000000000 /
				   (b->ns - a->ns))
		      : 0;
}

uint64_t tsc_gap(const struct tsc_clock *c)
{
	return c->tsc ? tsc_hz(c) / 1000000000 + 2 : 1;
}
