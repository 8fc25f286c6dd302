/*
 * A damaged timeline is refused with a sentence, or still gives the right answers; it never crashes
 * the reader: every prefix and every single changed byte of small .gtl files.
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

static const char small[] =
	"# gillog 1\n# clock ns\n# title damage\n# process p pid=7 name=\"x\"\n# thread a "
	"process=p name=\"A\"\n"
	"# thread b process=p name=\"B\"\n# lock g process=p name=\"GIL\"\n# func 0 name=\"f\" "
	"file=\"f.py\" line=3\n"
	"# fact machine=\"test\"\n"
	"1000 a ACQUIRE func=0\n1500 b BUSY\n2000 b TIMEOUT\n2001 b DROP_REQUEST\n2100 a RELEASE\n"
	"2150 a WAKEUP target=b\n2200 a SCHED_OUT cpu=1\n2500 b RETRY\n2600 b ACQUIRE\n2700 b "
	"SCHED_OUT cpu=0\n"
	"2900 b SCHED_IN cpu=0\n3000 a BUSY\n5000 b RELEASE\n5001 a ACQUIRE\n5002 a LOST count=3 "
	"since=1\n"
	"9000 a RELEASE\n9001 c BUSY\n9900 c END\n";

/* Makes a timeline of text by the program itself. */
static void make(const char *text, size_t len, uint8_t **data, size_t *size)
{
	const char *gilscope = getenv("GILSCOPE"), *build = getenv("GILSCOPE_BUILD");
	char log[1024], gtl[1100], cmd[4096];
	struct err err = { 0 };
	int fd;

	if (!gilscope || !build)
		skip();
	snprintf(log, sizeof(log), "%s/damage-XXXXXX", build);
	fd = mkstemp(log);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
	snprintf(gtl, sizeof(gtl), "%s.gtl", log);
	snprintf(cmd, sizeof(cmd), "'%s' ingest -o '%s' '%s'", gilscope, gtl, log);
	assert_int_equal(system(cmd), 0);
	if (io_read_file(gtl, 1 << 24, data, size, &err))
		fail_msg("%s", err.msg);
	unlink(log);
	unlink(gtl);
}

/* 0: all was read; -1: refused with a sentence. */
static int try(const uint8_t *data, size_t len, uint64_t *hash)
{
	/* an exact copy, so that asan sees a read past its end */
	uint8_t *copy = malloc(len ? len : 1);
	struct err err = { 0 };
	struct timeline *tl = NULL;
	int r;

	memcpy(copy, data, len);
	r = timeline_open_mem(&tl, copy, len, &err);
	if (r)
		assert_null(tl);
	else
		r = read_all(tl, hash, &err);
	if (r) {
		assert_int_not_equal(err.code, ERR_NONE);
		assert_int_not_equal(err.msg[0], 0);
	}
	timeline_close(tl);
	free(copy);
	return r;
}

/* most: so many changes may be of bytes that no answer depends on. */
static void damage(uint8_t *data, size_t size, unsigned step, unsigned most)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	uint64_t good, hash;
	unsigned refused = 0, right = 0;

	assert_int_equal(try(data, size, &good), 0);
	for (size_t n = 0; n < size; n += step)
		if (!try(data, n, &hash))
			fail_msg("the first %zu of %zu bytes pass for a timeline", n, size);
	for (size_t i = 0; i < size; i += step)
		for (unsigned f = 0; f < sizeof(flips); f++) {
			data[i] ^= flips[f];
			if (try(data, size, &hash)) {
				refused++;
			} else {
				right++;
				if (hash != good)
					fail_msg("byte %zu ^ 0x%02x gives a wrong answer", i,
						 flips[f]);
			}
			data[i] ^= flips[f];
		}
	print_message("%zu bytes: %u changes refused, %u without effect\n", size, refused, right);
	assert_true(right <= most);
}

static void test_small(void **state)
{
	const char *mode = getenv("GILSCOPE_MODE");
	uint8_t *data;
	size_t size;

	(void)state;
	make(small, sizeof(small) - 1, &data, &size);
	/* there is but one thread */
	damage(data, size, mode && !strcmp(mode, "tsan") ? 13 : 1, 8);
	free(data);
}

/* Many blocks, nodes above them, patches. */
static void test_nodes(void **state)
{
	const struct sim_options o = { .n_threads = 4,
				       .n_events = 1500,
				       .max_step = 2000,
				       .checks = true,
				       .block_events = 40 };
	const char *build = getenv("GILSCOPE_BUILD"), *mode = getenv("GILSCOPE_MODE");
	struct err err = { 0 };
	char path[1100];
	uint8_t *data;
	unsigned step;
	size_t size;

	(void)state;
	snprintf(path, sizeof(path), "%s/damage-%ld.gtl", build ? build : ".", (long)getpid());
	random_state = 1;
	random_timeline(path, &o);
	if (io_read_file(path, 1 << 24, &data, &size, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	step = mode && strcmp(mode, "release") ? 61 : 7;
	/* nodes lie where nobody looks: 45 of 100 changes are of them, more would be of others */
	damage(data, size, step, (unsigned)(3 * size / step) * 46 / 100);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_small),
					    cmocka_unit_test(test_nodes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
