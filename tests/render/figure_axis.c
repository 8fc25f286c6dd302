/*
 * A time axis is marked at multiples of 1, 2 or 5 times a power of ten, as many as there is room
 * for, and its labels are the instants, exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "figure_axis.h"
#include "random.h"

/*
 * A decimal number with narrow blanks, in units of that size, as an integer; *end is what follows
 * it.
 */
static uint64_t read_number(const char *s, uint64_t unit, const char **end)
{
	unsigned __int128 v = 0;
	uint64_t scale = unit;
	bool point = false;

	for (; *s; s++) {
		if (!strncmp(s, "\342\200\257", 3)) {
			s += 2;
		} else if (*s == '.') {
			point = true;
		} else if (*s >= '0' && *s <= '9') {
			if (point)
				scale /= 10;
			v += point ? (unsigned)(*s - '0') * (unsigned __int128)scale : 0;
			if (!point)
				v = (v / unit * 10 + (unsigned)(*s - '0')) * unit;
		} else {
			break;
		}
	}
	*end = s;
	return (uint64_t)v;
}

static uint64_t size_of(const char *unit)
{
	static const struct { const char *name; uint64_t size; } units[] = {
		{ "s", 1000000000 }, { "ms", 1000000 }, { "\302\265s", 1000 }, { "ns", 1 },
		{ "million ticks", 1000000 }, { "ticks", 1 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(units[i].name, unit))
			return units[i].size;
	fail_msg("unit '%s'", unit);
	return 0;
}

static bool is_round(uint64_t step)
{
	while (step % 10 == 0)
		step /= 10;
	return step == 1 || step == 2 || step == 5;
}

static void check(enum timeline_clock clock, uint64_t from, uint64_t to, unsigned room)
{
	char label[64], last[64] = "", words[96];
	struct figure_axis a;
	uint64_t n = 0, base = 0;
	const char *end;

	figure_axis_init(&a, clock, from, to, room);
	assert_true(is_round(a.step));
	assert_true(a.step % a.minor == 0);
	figure_axis_words(&a, words);
	assert_non_null(strstr(words, a.unit));
	if (a.far) {
		base = read_number(words, clock == CLOCK_TICKS ? 1 : 1000000000, &end);
		assert_true(*end == ' ' && base <= from);
	}
	for (uint64_t t = figure_axis_first(a.step, from) * a.step; t <= to; t += a.step, n++) {
		figure_axis_label(&a, t, label);
		assert_true((label[0] == '+') == a.far);
		if (base + read_number(label + a.far, size_of(a.unit), &end) != t || *end)
			fail_msg("label %s, words %s for %llu", label, words,
				 (unsigned long long)t);
		assert_string_not_equal(label, last);
		assert_true(strlen(label) < 40);
		strcpy(last, label);
	}
	assert_true(n <= room + 1);
	/* the next finer step would not have found room */
	if (to - from > 10 * (uint64_t)room)
		assert_true(5 * (n + 2) >= 2 * (uint64_t)room);
}

static void labels_are_exact(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t from = random_next() >> (2 + random_below(62)),
			 span = random_next() >> (2 + random_below(62));

		if (span > TIMELINE_MAX_TIME - from % TIMELINE_MAX_TIME)
			continue;
		check(i % 2 ? CLOCK_NS : CLOCK_TICKS, from % TIMELINE_MAX_TIME,
		      from % TIMELINE_MAX_TIME + span + 1, 1 + (unsigned)random_below(30));
	}
	check(CLOCK_NS, 0, TIMELINE_MAX_TIME + 1, 12);
	check(CLOCK_NS, TIMELINE_MAX_TIME - 1, TIMELINE_MAX_TIME, 12);
}

static void as_people_write_them(void **state)
{
	static const struct {
		uint64_t from, to;
		unsigned room;
		const char *words, *first;
	} cases[] = {
		{ 0, 315308932, 16, "time, ms", "0" },
		{ 0, 5000000000, 12, "time, s", "0.0" },
		{ 43100000, 43400000, 16, "time, \302\265s", "43\342\200\257100" },
		{ 5183200000, 5183200100, 10, "5.1832 s +, in ns", "+0" },
	};
	char text[96];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct figure_axis a;

		figure_axis_init(&a, CLOCK_NS, cases[i].from, cases[i].to, cases[i].room);
		assert_string_equal(figure_axis_words(&a, text), cases[i].words);
		assert_string_equal(figure_axis_label(&a,
						      figure_axis_first(a.step, cases[i].from) *
							      a.step,
						      text),
				    cases[i].first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_exact),
		cmocka_unit_test(as_people_write_them),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
