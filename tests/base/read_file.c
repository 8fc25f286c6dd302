/* A file is read whole if it is not larger than it may be, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io.h"
#include "scratch.h"

static void test_limit(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 65535, 65536, 65537, 131072, 200000 };
	static uint8_t bytes[200001];
	char path[300];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	scratch_path(path, sizeof(path), "-read");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (unsigned more = 0; more < 2; more++) {
			FILE *f = fopen(path, "w");
			struct err err = { 0 };
			uint8_t *data;
			size_t n;
			int ret;

			assert_non_null(f);
			fwrite(bytes, 1, sizes[i] + more, f);
			assert_int_equal(fclose(f), 0);
			ret = io_read_file(path, sizes[i], &data, &n, &err);
			if (ret != (more ? -1 : 0))
				fail_msg("%zu bytes of at most %zu: %d '%s'", sizes[i] + more,
					 sizes[i], ret, err.msg);
			if (more) {
				assert_int_equal(err.code, ERR_FORMAT);
				assert_null(data);
				continue;
			}
			assert_int_equal(n, sizes[i]);
			assert_memory_equal(data, bytes, n);
			assert_int_equal(data[n], 0);
			free(data);
			assert_int_equal(io_read_file(path, SIZE_MAX, &data, &n, &err), 0);
			assert_int_equal(n, sizes[i]);
			free(data);
		}
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_limit) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
