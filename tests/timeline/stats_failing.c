/*
 * Whichever allocation fails while stats are made and printed, that is told; nothing crashes and
 * nothing wrong is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "findings.h"
#include "io.h"
#include "render/random_timeline.h"
#include "scratch.h"
#include "stats_show.h"
#include "failing_malloc.h"

#if OWN_MALLOC
/* All that stats prints. */
static int print_all(void *tl, long n, struct buf *out, struct err *err)
{
	struct stats_options o = {
		.from = 100,
		.to = NO_TIME,
		.findings = true,
		.interval = 50,
		.long_hold = 1,
		.convoy = 1,
		.starvation = 1,
	};
	struct stats s;
	struct stats_shown x = { "t.gtl", &s, true };
	int r;

	fail_begin(n);
	r = stats_collect(&s, tl, &o, err);
	if (!r) {
		stats_show_table(out, &x);
		stats_show_json(out, &x);
		stats_show_csv(out, &x);
		stats_compare_table(out, &x, &x);
		stats_compare_json(out, &x, &x);
		stats_compare_csv(out, &x, &x);
		r = buf_failed(out) ? err_memory(err, "the output") : 0;
	}
	stats_release(&s);
	fail_end();
	return r;
}
#endif

static void test_every_allocation(void **state)
{
	(void)state;
#if OWN_MALLOC
	const struct sim_options o = { .n_threads = 3,
				       .n_events = 900,
				       .max_step = 500,
				       .checks = true,
				       .block_events = 200 };
	struct timeline *tl;
	struct err err = { 0 };
	char path[300];

	scratch_path(path, sizeof(path), "-stats-failing.gtl");
	random_state = 1;
	random_timeline(path, &o);
	assert_int_equal(timeline_open(&tl, path, &err), 0);
	unlink(path);
	fail_each("stats", print_all, tl);
	timeline_close(tl);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
