/*
 * The number of loose files is known before they are made: tiles of the zoom that is chosen fit
 * into the number wished, those of one zoom more do not; and a tile that has no children carries
 * its events, or is one state alone, so nothing is lost below it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "painter.h"
#include "random_timeline.h"
#include "scratch.h"
#include "tiler.h"

static char path[1024];

/* Makes all tiles of the set, the slow way round: one job for all of them. */
static void make(const struct tile_set *set, struct tile_batch *out)
{
	struct tile_job all = { .subtree = true };
	struct err err;
	struct tiler *t = tiler_new(set, &err);

	assert_non_null(t);
	if (tiler_run(t, &all, out, &err))
		fail_msg("%s", err.msg);
	tiler_free(t);
}

static uint64_t count(const struct tile_set *set)
{
	struct tile_batch b = { 0 };
	uint64_t n = 0;

	make(set, &b);
	for (size_t i = 0; i < b.n; i++)
		n += b.tile[i].n;
	tile_batch_release(&b);
	return n;
}

static void check_ends(const struct tile_set *set)
{
	struct tile_batch b = { 0 };

	make(set, &b);
	for (size_t i = 0; i < b.n; i++) {
		struct picture p;
		bool constant = true;

		assert_int_equal(picture_decode(&p, b.data.data + b.tile[i].off, b.tile[i].len), 0);
		assert_non_null(p.chunk);
		for (size_t k = 0; k < (size_t)p.width * p.height; k++)
			constant &= p.pixels[k] == p.pixels[k - k % p.width];
		if (!(p.chunk[1] & 3) && !constant)
			fail_msg("tile %u/%d/%u has neither events nor children", b.tile[i].z,
				 (int)b.tile[i].x, b.tile[i].y);
		picture_release(&p);
	}
	tile_batch_release(&b);
}

static void as_deep_as_the_number_allows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 120; i++) {
		struct sim_options o = {
			.n_threads = 1 + (uint32_t)random_below(i % 4 ? 5 : 20),
			.n_events = 1 + random_below(i % 3 ? 300 : 3000),
			.max_step = 1 + random_below(400),
			.block_events = 3 + (unsigned)random_below(40),
		};
		struct tile_set set = { .lane_height = 32, .all_bytes = true };
		uint64_t max = 1 + random_below(4000);
		struct err err;
		unsigned fine;
		int fits;

		random_timeline(path, &o);
		if (timeline_open(&set.tl, path, &err))
			fail_msg("%s", err.msg);
		unlink(path);
		pyramid_init(&set.pyramid, timeline_info(set.tl)->end,
			     timeline_info(set.tl)->n_lanes, 64);
		set.rule.leaf_events = random_below(60);
		set.rule.z_limit = set.pyramid.z_max;
		fits = tile_count_fine(&set, max, &fine, &err);
		assert_in_range(fits, 0, 1);
		set.rule.fine = fine;
		assert_int_equal(count(&set) <= max, fits);
		if (fits)
			check_ends(&set);
		if (fits && fine < set.rule.z_limit) {
			set.rule.fine++;
			assert_true(count(&set) > max);
		}
		timeline_close(set.tl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_deep_as_the_number_allows) };

	random_seed_from_env();
	scratch_path(path, sizeof(path), ".gtl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
