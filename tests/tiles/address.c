/*
 * Tile numbers are PMTiles' own and go back and forth without loss; a pyramid covers its trace, and
 * nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "random.h"
#include "tile.h"

/* From the specification and its reference implementation. */
static void known_numbers(void **state)
{
	static const struct { unsigned z; uint32_t x, y; uint64_t id; } known[] = {
		{ 0, 0, 0, 0 }, { 1, 0, 0, 1 }, { 1, 0, 1, 2 }, { 1, 1, 1, 3 }, { 1, 1, 0, 4 },
		{ 2, 0, 0, 5 }, { 12, 3423, 1763, 19078479 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_int_equal(tile_id(known[i].z, known[i].x, known[i].y), known[i].id);
}

static void numbers_go_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		unsigned z = (unsigned)random_below(TILE_ID_MAX_Z + 1), back_z;
		uint32_t x = (uint32_t)random_below(UINT64_C(1) << z), back_x;
		uint32_t y = (uint32_t)random_below(UINT64_C(1) << z), back_y;

		tile_from_id(tile_id(z, x, y), &back_z, &back_x, &back_y);
		assert_int_equal(back_z, z);
		assert_int_equal(back_x, x);
		assert_int_equal(back_y, y);
	}
	for (uint64_t id = 0; id < 100000; id++) {
		unsigned z;
		uint32_t x, y;

		tile_from_id(id, &z, &x, &y);
		assert_true(x < 1u << z && y < 1u << z);
		assert_int_equal(tile_id(z, x, y), id);
	}
}

static void pyramids_cover_their_trace(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t end = random_next() >> (2 + random_below(62)), sum = 0;
		uint32_t lanes = 1 + (uint32_t)random_below(520);
		struct pyramid p;

		pyramid_init(&p, end, lanes, 64u << random_below(7));
		assert_int_equal(pyramid_tiles(&p, 0), 1);
		assert_true(pyramid_span(&p, 0) > end);
		assert_true(p.z_max == 0 || pyramid_span(&p, 1) <= end);
		assert_int_equal(pyramid_span(&p, p.z_max), p.tile_width);
		assert_true(1u << p.z_offset >= p.n_groups);
		for (unsigned z = 0; z <= p.z_max; z++) {
			uint64_t n = pyramid_tiles(&p, z);

			assert_true((n - 1) * pyramid_span(&p, z) <= end);
			assert_true(n * pyramid_span(&p, z) > end);
			assert_true(n <= UINT64_C(1) << z);
			assert_true(pyramid_has(&p, z, n - 1, p.n_groups - 1));
			assert_false(pyramid_has(&p, z, n, 0));
			sum += n * p.n_groups;
		}
		assert_int_equal(pyramid_addresses(&p, p.z_max), sum);
		sum = 0;
		for (uint32_t y = 0; y < p.n_groups; y++) {
			assert_in_range(pyramid_lanes(&p, y), 1, LANES_PER_TILE);
			sum += pyramid_lanes(&p, y);
		}
		assert_int_equal(sum, lanes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_numbers),
		cmocka_unit_test(numbers_go_back),
		cmocka_unit_test(pyramids_cover_their_trace),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
