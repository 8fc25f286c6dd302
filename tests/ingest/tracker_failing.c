/*
 * Whichever allocation fails while events are tracked, the trace is refused for want of memory or
 * its timeline is the same, percentiles and all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io.h"
#include "scratch.h"
#include "timeline.h"
#include "tracker.h"
#include "failing_malloc.h"

#if OWN_MALLOC
#define N_RECORDS 120

/* Two threads take turns; holds, waits and hand-offs are of all lengths. */
static void fill(struct record *rec)
{
	uint64_t time = 0;

	for (unsigned i = 0; i < N_RECORDS / 3; i++, rec += 3) {
		rec[0] = (struct record){ .time = time, .thread = i & 1, .kind = EV_BUSY };
		rec[1] = (struct record){ .time = time + (1ull << i / 2), .thread = !(i & 1),
					  .kind = EV_RELEASE };
		rec[2] = (struct record){ .time = rec[1].time + (1ull << i / 3), .thread = i & 1,
					  .kind = EV_ACQUIRE };
		time = rec[2].time + 3;
	}
}

/* The timeline of what is tracked. */
static int track(void *path, long n, struct buf *made, struct err *err)
{
	struct timeline_info info = { .version = 1, .title = "t", .clock = CLOCK_NS };
	struct record rec[N_RECORDS];
	struct names names = { 0 };
	struct log log = { .path = path, .names = &names, .err = err, .clock = CLOCK_NS,
			   .waits = WAITS_BUSY, .rec = rec, .n = N_RECORDS, .ready = N_RECORDS };
	struct tracker *t;
	uint32_t number;
	uint8_t *data;
	size_t len;
	int ret;

	fill(rec);
	*err = (struct err){ 0 };
	assert_int_equal(names_add_process(&names, 0, 1, &number, err), 0);
	assert_int_equal(names_find(&names, NAME_LOCK, 0, "", 0, &number, NULL, err), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(names_find(&names, NAME_THREAD, 0, i ? "b" : "a", 1, &number, NULL,
					    err),
				 0);
		assert_int_equal(names_lane(&names, number, err), 0);
	}
	if (tracker_new(&t, &names, path, true, 1, err))
		fail_msg("%s", err->msg);
	fail_begin(n);
	ret = tracker_events(t, &log, 0, N_RECORDS, err);
	fail_end();
	if (!ret)
		ret = tracker_finish(t, &info, err);
	tracker_free(t);
	names_release(&names);
	if (!ret) {
		assert_int_equal(io_read_file(path, 1 << 20, &data, &len, err), 0);
		unlink(path);
		buf_add(made, data, len);
		free(data);
	}
	return ret;
}
#endif

static void test_every_allocation(void **state)
{
	(void)state;
#if OWN_MALLOC
	char path[300];

	scratch_path(path, sizeof(path), "-tracker.gtl");
	fail_each("tracking", track, path);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
