/*
 * A length as people read it is the nearest one with so many digits, a half up, and its unit is
 * that of what is shown.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "time.h"

static void test_known(void **state)
{
	static const struct { uint64_t t; const char *text; } known[] = {
		{ 0, "0ns" }, { 1, "1ns" }, { 999, "999ns" }, { 1000, "1.000us" },
		{ 9999, "9.999us" }, { 10004, "10.00us" }, { 10005, "10.01us" },
		{ 99994, "99.99us" }, { 99995, "100.0us" }, { 999949, "999.9us" },
		{ 999950, "1.000ms" }, { 999960, "1.000ms" }, { 1000499, "1.000ms" },
		{ 1000500, "1.001ms" }, { 172682199, "172.7ms" }, { 999949999, "999.9ms" },
		{ 999950000, "1.000s" }, { 9999499999, "9.999s" }, { 9999500000, "10.00s" },
		{ 999949999999, "999.9s" }, { 999950000000, "1000s" },
		{ 1000499999999, "1000s" }, { 1000500000000, "1001s" },
		{ UINT64_MAX, "18446744074s" },
	};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_string_equal(time_text(out, known[i].t, CLOCK_NS), known[i].text);
	assert_string_equal(time_text(out, 172682199, CLOCK_TICKS), "172682199t");
	assert_string_equal(time_text(out, UINT64_MAX, CLOCK_TICKS), "18446744073709551615t");
}

/* What the last digit of the text counts, in ns. */
static uint64_t last_digit(const char *text)
{
	const char *dot = strchr(text, '.'), *unit = text + strspn(text, "0123456789.");
	uint64_t step = !strcmp(unit, "ns") ? 1 :
			!strcmp(unit, "us") ? 1000 :
			!strcmp(unit, "ms") ? 1000000 : 1000000000;

	for (const char *p = dot ? dot + 1 : unit; p < unit; p++)
		step /= 10;
	return step;
}

static void test_nearest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		uint64_t t = random_next() >> (4 + random_below(60)), shown, step;
		char out[32];
		struct err err;

		time_text(out, t, CLOCK_NS);
		step = last_digit(out);
		if (time_parse(out, CLOCK_NS, 0, &shown, &err))
			fail_msg("%" PRIu64 ": %s", t, err.msg);
		if (2 * (shown > t ? shown - t : t - shown) > step ||
		    (shown < t && 2 * (t - shown) == step))
			fail_msg("%" PRIu64 " ns is shown as %s", t, out);
		if (t >= 1000 && shown < 1000000000000 && strspn(out, "0123456789.") != 5)
			fail_msg("%" PRIu64 " ns is shown as %s: not four digits", t, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known), cmocka_unit_test(test_nearest),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
