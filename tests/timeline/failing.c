/*
 * Whichever allocation fails while a timeline is opened and read, the call that needed it says so;
 * nothing crashes, and the next try gives the right answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "io.h"
#include "render/random_timeline.h"
#include "timeline/read_all.h"
#include "failing_malloc.h"

#if OWN_MALLOC
static int whole(const uint8_t *data, size_t size, uint64_t *hash, struct err *err)
{
	struct timeline *tl;
	int r = timeline_open_mem(&tl, data, size, err);

	if (!r)
		r = read_all(tl, hash, err);
	timeline_close(tl);
	return r;
}
#endif

static void test_every_allocation(void **state)
{
	(void)state;
#if OWN_MALLOC
	const struct sim_options o = {
		.n_threads = 3, .n_events = 900, .max_step = 500, .checks = true,
		.block_events = 40, .hists = true,
	};
	const char *build = getenv("GILSCOPE_BUILD");
	struct err err = { 0 };
	uint64_t good, hash;
	long total, refused = 0;
	char path[1100];
	uint8_t *data;
	size_t size;

	fail_at = -1;
	snprintf(path, sizeof(path), "%s/failing-%ld.gtl", build ? build : ".", (long)getpid());
	random_state = 1;
	random_timeline(path, &o);
	if (io_read_file(path, 1 << 24, &data, &size, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	n_calls = 0;
	assert_int_equal(whole(data, size, &good, &err), 0);
	total = n_calls;
	for (long n = 0; n < total; n++) {
		int r;

		err = (struct err){ 0 };
		fail_at = n;
		r = whole(data, size, &hash, &err);
		fail_at = -1;
		if (r) {
			refused++;
			if (err.code != ERR_MEMORY)
				fail_msg("allocation %ld fails: '%s'", n, err.msg);
		} else if (hash != good) {
			fail_msg("allocation %ld of %ld fails, and the answers are wrong", n,
				 total);
		}
	}
	print_message("%ld allocations, %ld of them refused\n", total, refused);
	assert_true(refused > total / 2);
	assert_int_equal(whole(data, size, &hash, &err), 0);
	assert_true(hash == good);
	free(data);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
