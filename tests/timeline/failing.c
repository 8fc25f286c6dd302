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
#include "scratch.h"
#include "timeline/read_all.h"
#include "failing_malloc.h"

#if OWN_MALLOC
struct file { uint8_t *data; size_t size; };

static int whole(void *ctx, long n, struct buf *made, struct err *err)
{
	const struct file *f = ctx;
	struct timeline *tl;
	uint64_t hash = 0;
	int r;

	fail_begin(n);
	r = timeline_open_mem(&tl, f->data, f->size, err);
	if (!r)
		r = read_all(tl, &hash, err);
	timeline_close(tl);
	fail_end();
	buf_add(made, &hash, sizeof(hash));
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
	struct err err = { 0 };
	char path[1100];
	struct file f;

	scratch_path(path, sizeof(path), "-failing.gtl");
	random_state = 1;
	random_timeline(path, &o);
	if (io_read_file(path, 1 << 24, &f.data, &f.size, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	fail_each("reading", whole, &f);
	free(f.data);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
