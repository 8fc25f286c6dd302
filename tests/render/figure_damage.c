/*
 * A damaged timeline, one of the fuzzer's corpus, or one whose times reach as far as they can,
 * becomes a figure or a sentence; never a crash, and never both.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "figure.h"
#include "io.h"
#include "random_timeline.h"
#include "scratch.h"

static char path[1024];

static bool draw(const char *file, enum figure_format format, unsigned i)
{
	static const char *const notes[] = { "0ns::all of it", "1ns:t1:one" };
	const struct figure_options o = {
		.paths = &file,
		.n_paths = 1,
		.family = "DejaVu Sans",
		.scale = 1,
		.width = 300,
		.caption = true,
		.format = format,
		.notes = notes,
		.n_notes = i % 3,
		.own_axes = i % 2,
	};
	struct buf out = BUF_INIT;
	struct err err = { 0 };
	int r = figure_make(&o, &out, &err);

	if (r)
		assert_true(err.code != ERR_NONE && err.msg[0]);
	else
		assert_true(out.len > 100);
	buf_release(&out);
	return !r;
}

static void put_file(const uint8_t *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void changed_bytes_and_cut_files(void **state)
{
	const struct sim_options so = {
		.n_threads = 3, .n_events = 400, .max_step = 1000, .block_events = 50
	};
	uint8_t *data, *copy;
	unsigned drawn = 0;
	struct err err;
	size_t len;

	(void)state;
	random_timeline(path, &so);
	assert_int_equal(io_read_file(path, 1 << 20, &data, &len, &err), 0);
	copy = malloc(len);
	for (unsigned i = 0; i < 150; i++) {
		size_t n = i % 3 ? len : random_below(len);

		memcpy(copy, data, len);
		if (i % 3)
			copy[random_below(len)] ^= (uint8_t)(1 + random_below(255));
		put_file(copy, n);
		drawn += draw(path, (enum figure_format)(i % 3), i);
	}
	assert_true(drawn < 150);
	put_file(data, len);
	assert_true(draw(path, FIGURE_PNG, 1));
	free(data);
	free(copy);
	unlink(path);
}

static void the_corpus(void **state)
{
	DIR *d = opendir("tests/fuzz/corpus/timeline");
	const struct dirent *e;
	char name[1024];
	unsigned i = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(name, sizeof(name), "tests/fuzz/corpus/timeline/%.500s",
				 e->d_name);
			draw(name, (enum figure_format)(i % 3), i);
			i++;
		}
	closedir(d);
	assert_true(i > 10);
}

static void the_longest_steps(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const struct sim_options so = {
			.n_threads = 3,
			.n_events = 60,
			.max_step = i % 2 ? TIMELINE_MAX_TIME / 64 : 1,
		};

		random_timeline(path, &so);
		assert_true(draw(path, (enum figure_format)(i % 3), 0));
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_bytes_and_cut_files),
		cmocka_unit_test(the_corpus),
		cmocka_unit_test(the_longest_steps),
	};

	random_seed_from_env();
	scratch_path(path, sizeof(path), ".gtl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
