/*
 * Whichever allocation or write fails while a timeline is dumped, dump says so or prints all that
 * it should; and where nobody reads any more it ends without an error.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "dump.h"
#include "io.h"
#include "render/random_timeline.h"
#include "scratch.h"
#include "failing_malloc.h"

enum what { EVENTS, BINARY, PERIODS, BINS, N_WHATS };

static int dump(enum what what, struct timeline *tl, int fd, struct err *err)
{
	const struct dump_range all = { 0, timeline_info(tl)->end + 1 };

	*err = (struct err){ 0 };
	return what == EVENTS ? dump_events(tl, fd, all, err) :
	       what == BINARY ? dump_binary(tl, fd, all, err) :
	       what == PERIODS ? dump_periods(tl, fd, all, err) : dump_bins(tl, fd, 9, all, err);
}

static struct timeline *make(uint64_t n_events)
{
	const struct sim_options o = { .n_threads = 3,
				       .n_events = n_events,
				       .max_step = 5000,
				       .checks = true,
				       .block_events = 400 };
	char path[1100];
	struct timeline *tl;
	struct err err = { 0 };

	scratch_path(path, sizeof(path), ".gtl");
	random_state = 1;
	random_timeline(path, &o);
	if (timeline_open(&tl, path, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	return tl;
}

/* What was written to the file since it was last emptied; the caller frees it. */
static uint8_t *written(FILE *f, size_t *n)
{
	off_t size = lseek(fileno(f), 0, SEEK_END);
	uint8_t *data = malloc((size_t)size + 1);
	struct err err = { 0 };

	*n = (size_t)size;
	assert_non_null(data);
	if (io_pread_all(fileno(f), data, *n, 0, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(ftruncate(fileno(f), 0), 0);
	lseek(fileno(f), 0, SEEK_SET);
	return data;
}

#if OWN_MALLOC
struct dumped { enum what what; struct timeline *tl; FILE *f; };

static int dump_failing(void *ctx, long n, struct buf *made, struct err *err)
{
	const struct dumped *d = ctx;
	uint8_t *data;
	size_t len;
	int ret;

	fail_begin(n);
	ret = dump(d->what, d->tl, fileno(d->f), err);
	fail_end();
	data = written(d->f, &len);
	if (!ret)
		assert_true(len > 1000);
	/* Where zstd gets no memory, a block is stored as it is. */
	if (d->what != BINARY)
		buf_add(made, data, len);
	free(data);
	return ret;
}
#endif

static void test_every_allocation(void **state)
{
	(void)state;
#if OWN_MALLOC
	static const char *const names[] = { "events", "binary", "periods", "bins" };
	struct dumped d = { .tl = make(900), .f = tmpfile() };

	assert_non_null(d.f);
	for (d.what = EVENTS; d.what < N_WHATS; d.what++)
		fail_each(names[d.what], dump_failing, &d);
	fclose(d.f);
	timeline_close(d.tl);
#else
	skip();
#endif
}

/* The disk is full after some bytes. */
static void test_full(void **state)
{
	struct timeline *tl = make(500000);
	struct rlimit before, limit;
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (enum what what = EVENTS; what < N_WHATS; what++) {
		struct err err;
		size_t n_good, n;
		uint8_t *data;

		assert_int_equal(dump(what, tl, fileno(f), &err), 0);
		free(written(f, &n_good));
		assert_true(n_good > 300000);		/* more than one write */
		for (unsigned i = 0; i < 6; i++) {
			limit = before;
			limit.rlim_cur = i < 5 ? n_good * i / 5 : n_good - 1;
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
			if (dump(what, tl, fileno(f), &err) != -1)
				fail_msg("no room behind byte %zu of %zu, and no error",
					 (size_t)limit.rlim_cur, n_good);
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
			if (!strstr(err.msg, "cannot write"))
				fail_msg("no room: '%s'", err.msg);
			data = written(f, &n);
			assert_true(n == limit.rlim_cur);
			free(data);
		}
	}
	fclose(f);
	timeline_close(tl);
}

static void test_nobody_reads(void **state)
{
	struct timeline *tl = make(20000);
	struct err err;
	int end[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	for (enum what what = EVENTS; what < N_WHATS; what++) {
		assert_int_equal(pipe(end), 0);
		close(end[0]);
		if (dump(what, tl, end[1], &err))
			fail_msg("a closed pipe is an error: %s", err.msg);
		close(end[1]);
	}
	timeline_close(tl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation), cmocka_unit_test(test_full),
		cmocka_unit_test(test_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
