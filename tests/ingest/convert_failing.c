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

/* What it said, and what it wrote. */
static int convert(void *to, long n, struct buf *made, struct err *err)
{
	char *argv[] = { "convert", "--to", to, "-f", "-o", out, gtl, NULL };
	int old = dup(STDERR_FILENO), ret;
	struct err ignored;
	uint8_t *text;
	size_t len;

	assert_non_null(freopen(said, "w", stderr));
	fail_begin(n);
	ret = cmd_convert(7, argv);
	fail_end();
	fflush(stderr);
	dup2(old, STDERR_FILENO);
	close(old);
	assert_int_equal(io_read_file(said, 1 << 20, &text, &len, &ignored), 0);
	if (ret)
		err_set(err, strstr((char *)text, "out of memory") ? ERR_MEMORY : ERR_FORMAT, "%s",
			(char *)text);
	buf_add(made, text, len);
	free(text);
	if (!ret) {
		assert_int_equal(io_read_file(out, 1 << 24, &text, &len, &ignored), 0);
		buf_add(made, text, len);
		free(text);
	}
	return ret;
}
#endif

static void test_every_allocation(void **state)
{
	(void)state;
#if OWN_MALLOC
	static char formats[][16] = { "chrome", "perfetto", "csv", "folded" };
	const struct sim_options o = {
		.n_threads = 3, .n_events = 900, .max_step = 5000, .checks = true,
		.block_events = 400
	};

	scratch_path(gtl, sizeof(gtl), "-convert.gtl");
	scratch_path(out, sizeof(out), "-convert.out");
	scratch_path(said, sizeof(said), "-convert.said");
	random_state = 1;
	random_timeline(gtl, &o);
	for (size_t f = 0; f < sizeof(formats) / sizeof(*formats); f++)
		fail_each(formats[f], convert, formats[f]);
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
