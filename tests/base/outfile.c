/*
 * An output file appears whole or not at all, and puts nothing out of the way that was not to be
 * replaced, even if it was not there yet at the begin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "files.h"
#include "io.h"
#include "scratch.h"

static char path[300], tmp[310];

static int set_up(void **state)
{
	(void)state;
	scratch_path(path, sizeof(path), "-outfile");
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	unlink(path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	rmdir(path);
	return 0;
}

static void put(const char *where, const char *text)
{
	FILE *f = fopen(where, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void expect(const char *text)
{
	struct err err;
	struct stat st;
	uint8_t *data;
	size_t n;

	assert_int_equal(io_read_file(path, 1000, &data, &n, &err), 0);
	assert_string_equal((char *)data, text);
	free(data);
	assert_int_equal(lstat(tmp, &st), -1);
}

/* -1: not opened; else what the commit returns, before which *meanwhile is written to path. */
static int write_new(bool force, const char *meanwhile, struct err *err)
{
	struct outfile o;

	*err = (struct err){ 0 };
	if (outfile_open(&o, path, force, err))
		return -1;
	assert_int_equal(outfile_append(&o, "new", 3, err), 0);
	if (meanwhile)
		put(path, meanwhile);
	return outfile_commit(&o, err);
}

static void test_new(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(write_new(false, NULL, &err), 0);
	expect("new");
}

static void test_there(void **state)
{
	struct err err;

	(void)state;
	put(path, "old");
	assert_int_equal(write_new(false, NULL, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	expect("old");
	assert_int_equal(write_new(true, NULL, &err), 0);
	expect("new");
}

static void test_appears(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(write_new(false, "other", &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	expect("other");
	assert_int_equal(write_new(true, "another", &err), 0);
	expect("new");
}

static void test_link_to_nowhere(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	assert_int_equal(write_new(false, NULL, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_int_equal(write_new(true, NULL, &err), 0);
	expect("new");
}

/* The same of folders. */
static void test_folder(void **state)
{
	struct err err = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(mkdir(tmp, 0777), 0);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(files_replace(tmp, path, false, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_int_equal(lstat(tmp, &st), 0);
	assert_int_equal(files_replace(tmp, path, true, &err), 0);
	assert_int_equal(lstat(tmp, &st), -1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkdir(tmp, 0777), 0);
	assert_int_equal(files_replace(tmp, path, false, &err), 0);
	assert_int_equal(lstat(path, &st), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new), TEST(test_there), TEST(test_appears), TEST(test_link_to_nowhere),
		TEST(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
