/*
 * A Range header means what RFC 9110 says: the bytes asked for as far as they are there, an answer
 * 416 where none is, and the whole file for anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "range.h"

static void ranges(void **state)
{
	static const struct {
		const char *s;
		uint64_t size;
		enum range is;
		uint64_t off, len;
	} cases[] = {
		{ 0, 10, RANGE_ALL, 0, 10 },
		{ "bytes=0-0", 10, RANGE_PART, 0, 1 },
		{ "bytes=0-9", 10, RANGE_PART, 0, 10 },
		{ "bytes=0-", 10, RANGE_PART, 0, 10 },
		{ "Bytes=3-5", 10, RANGE_PART, 3, 3 },
		{ "bytes=3-99", 10, RANGE_PART, 3, 7 },
		{ "bytes=9-", 10, RANGE_PART, 9, 1 },
		{ "bytes=10-", 10, RANGE_NONE, 0, 0 },
		{ "bytes=10-12", 10, RANGE_NONE, 0, 0 },
		{ "bytes=-3", 10, RANGE_PART, 7, 3 },
		{ "bytes=-30", 10, RANGE_PART, 0, 10 },
		{ "bytes=-0", 10, RANGE_NONE, 0, 0 },
		{ "bytes=-1", 0, RANGE_NONE, 0, 0 },
		{ "bytes=0-", 0, RANGE_NONE, 0, 0 },
		{ "bytes= 1-2 ", 10, RANGE_PART, 1, 2 },
		{ "bytes=0-18446744073709551615", 10, RANGE_PART, 0, 10 },
		{ "bytes=99999999999999999999999-", 10, RANGE_NONE, 0, 0 },
		{ "bytes=0-99999999999999999999999", 10, RANGE_PART, 0, 10 },
		{ "bytes=5-3", 10, RANGE_ALL, 0, 10 },
		{ "bytes=0-1,4-5", 10, RANGE_ALL, 0, 10 },
		{ "bytes=", 10, RANGE_ALL, 0, 10 },
		{ "bytes=-", 10, RANGE_ALL, 0, 10 },
		{ "bytes=a-b", 10, RANGE_ALL, 0, 10 },
		{ "bytes=1-2x", 10, RANGE_ALL, 0, 10 },
		{ "bytes=+1-2", 10, RANGE_ALL, 0, 10 },
		{ "lines=1-2", 10, RANGE_ALL, 0, 10 },
		{ "", 10, RANGE_ALL, 0, 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t off, len;
		enum range r = range_parse(cases[i].s, cases[i].size, &off, &len);

		if (r != cases[i].is ||
		    (r != RANGE_NONE && (off != cases[i].off || len != cases[i].len)))
			fail_msg("'%s' of %d", cases[i].s ? cases[i].s : "(none)",
				 (int)cases[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ranges) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
