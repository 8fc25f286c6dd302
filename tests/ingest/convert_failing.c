/*
 * Whichever allocation fails while a timeline is converted, the command says so, or it writes the
 * same file and says the same of what the format cannot carry.
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
#include "failing_malloc.h"

int cmd_convert(int argc, char **argv);

#if OWN_MALLOC
static char gtl[300], out[300], said[300];

/* The exit code; of 0, *text is what it said and *data what it wrote, both the caller's. */
static int convert(const char *to, long fails, long *n, uint8_t **text, uint8_t **data)
{
	char *argv[] = { "convert", "--to", (char *)to, "-f", "-o", out, gtl, NULL };
	int old = dup(STDERR_FILENO), ret;
	size_t len;
	struct err err;

	*text = *data = NULL;
	assert_non_null(freopen(said, "w", stderr));
	n_calls = 0;
	fail_at = fails;
	ret = cmd_convert(7, argv);
	fail_at = -1;
	*n = n_calls;
	fflush(stderr);
	dup2(old, STDERR_FILENO);
	close(old);
	assert_int_equal(io_read_file(said, 1 << 20, text, &len, &err), 0);
	if (!ret)
		assert_int_equal(io_read_file(out, 1 << 24, data, &len, &err), 0);
	return ret;
}
#endif

static void test_every_allocation(void **state)
{
	(void)state;
#if OWN_MALLOC
	static const char *const formats[] = { "chrome", "perfetto", "csv", "folded" };
	const struct sim_options o = {
		.n_threads = 3, .n_events = 900, .max_step = 5000, .checks = true,
		.block_events = 400
	};

	scratch_path(gtl, sizeof(gtl), "-convert.gtl");
	scratch_path(out, sizeof(out), "-convert.out");
	scratch_path(said, sizeof(said), "-convert.said");
	random_state = 1;
	random_timeline(gtl, &o);
	for (size_t f = 0; f < sizeof(formats) / sizeof(*formats); f++) {
		uint8_t *good_text, *good, *text, *data;
		long total, ignored, refused = 0;

		assert_int_equal(convert(formats[f], -1, &total, &good_text, &good), 0);
		for (long i = 0; i < total; i++) {
			int ret = convert(formats[f], i, &ignored, &text, &data);

			if (ret && !strstr((char *)text, "out of memory"))
				fail_msg("%s: allocation %ld fails: '%s'", formats[f], i,
					 (char *)text);
			if (!ret && strcmp((char *)text, (char *)good_text))
				fail_msg("%s: allocation %ld of %ld fails, and it says '%s', not "
					 "'%s'", formats[f], i, total, (char *)text,
					 (char *)good_text);
			if (!ret && strcmp((char *)data, (char *)good))
				fail_msg("%s: allocation %ld of %ld fails, and the file is another "
					 "one", formats[f], i, total);
			refused += ret != 0;
			free(text);
			free(data);
		}
		print_message("%s: %ld allocations, %ld of them refused; it says %zu bytes\n",
			      formats[f], total, refused, strlen((char *)good_text));
		assert_true(refused > total / 2);
		free(good_text);
		free(good);
	}
	unlink(gtl);
	unlink(out);
	unlink(said);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_allocation) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
