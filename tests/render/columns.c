/* The columns of a lane, put together, are the columns one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "column.h"
#include "random.h"

/* Some of a width, its ends and their neighbours often. */
static uint64_t random_time(uint64_t width)
{
	switch (random_below(6)) {
	case 0: return 0;
	case 1: return width;
	case 2: return width - random_below(4 < width ? 4 : width);
	case 3: return random_below(width < 4 ? width + 1 : 4);
	default: return random_below(width + 1);
	}
}

/* Times whose sum is the width at most, or, as a file may claim it, more. */
static void random_times(uint64_t t[4], uint64_t width)
{
	uint64_t left = width;
	bool lawful = random_below(8) != 0;

	for (unsigned i = 0; i < 4; i++) {
		t[i] = random_below(2) ? 0 : random_time(lawful ? left : width);
		left -= lawful ? t[i] : 0;
	}
	if (lawful)
		t[random_below(4)] += random_below(3) ? 0 : left;
}

enum { WIDTH = 64 };

static void test_same(void **state)
{
	uint64_t column[WIDTH];
	struct columns waiting[WIDTH / COLUMNS];
	struct column_batch b = { .column = column, .waiting = waiting };

	(void)state;
	for (unsigned round = 0; round < 40000; round++) {
		struct shares s[WIDTH];

		b.level = (unsigned)random_below(random_below(4) ? 27 : 64);
		b.h = LANE_HEIGHT_MIN - LANE_GAP +
		      (unsigned)random_below(LANE_HEIGHT_MAX - LANE_HEIGHT_MIN + 1);
		for (unsigned i = 0; i < WIDTH; i++) {
			uint64_t t[4];

			random_times(t, UINT64_C(1) << b.level);
			s[i] = (struct shares){
				.run = t[0], .stall = t[1], .signal = t[2], .wait = t[3],
				.acquires = (uint32_t)random_below(3), .plain = random_below(2),
				.busy = (uint32_t)random_below(2),
				.lost = (uint32_t)random_below(2),
			};
			column_put(&b, i, &s[i]);
		}
		column_flush(&b);
		for (unsigned i = 0; i < WIDTH; i++)
			assert_true(column[i] == column_of(&s[i], b.level, b.h));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same) };

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
