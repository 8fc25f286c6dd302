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

/* What stands at its name on the way: a killed process's rest is used again, nothing else. */
static void test_on_the_way(void **state)
{
	struct outfile first, second;
	char victim[320];
	struct err err;
	struct stat st;

	(void)state;
	put(tmp, "much more than the new one, of a process that was killed");
	assert_int_equal(write_new(false, NULL, &err), 0);
	expect("new");
	snprintf(victim, sizeof(victim), "%s-victim", path);
	put(victim, "mine");
	assert_int_equal(symlink(victim, tmp), 0);
	assert_int_equal(write_new(true, NULL, &err), -1);
	assert_int_equal(lstat(tmp, &st), 0);
	assert_int_equal(unlink(tmp), 0);
	assert_int_equal(link(victim, tmp), 0);
	assert_int_equal(write_new(true, NULL, &err), -1);
	assert_int_equal(unlink(tmp), 0);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(unlink(victim), 0);
	assert_int_equal(mkdir(tmp, 0777), 0);
	assert_int_equal(write_new(true, NULL, &err), -1);
	assert_int_equal(rmdir(tmp), 0);
	/* two at once: the first one is not disturbed */
	assert_int_equal(outfile_open(&first, path, true, &err), 0);
	assert_int_equal(outfile_append(&first, "first", 5, &err), 0);
	assert_int_equal(outfile_open(&second, path, true, &err), -1);
	assert_non_null(strstr(err.msg, "another process"));
	assert_int_equal(outfile_commit(&first, &err), 0);
	expect("first");
}

static void test_inputs(void **state)
{
	const char *in[] = { "/nowhere/at/all", path };
	struct err err;

	(void)state;
	put(path, "old");
	assert_int_equal(files_check_inputs("/nowhere", in, 2, &err), 0);
	assert_int_equal(files_check_inputs(path, in, 1, &err), 0);
	assert_int_equal(files_check_inputs(path, in, 2, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(link(path, tmp), 0);
	in[1] = tmp;
	assert_int_equal(files_check_inputs(path, in, 2, &err), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(files_check_inputs(path, in, 2, &err), -1);
	assert_int_equal(unlink(tmp), 0);
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
		TEST(test_new), TEST(test_there), TEST(test_appears),
		TEST(test_link_to_nowhere), TEST(test_on_the_way), TEST(test_inputs),
		TEST(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
