/*
 * Text that is cut to so many columns of a terminal never takes more of them, is cut only where it
 * must be, and no sooner; how many it takes is what its characters take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "utf8.h"

#define ELLIPSIS "\u2026"

static void test_columns(void **state)
{
	static const struct { const char *text; size_t columns; } known[] = {
		{ "", 0 }, { "a b", 3 }, { "\u00e9", 1 }, { "e\u0301", 1 }, { "\u036f", 0 },
		{ "\u0370", 1 }, { "a\u20d0", 1 }, { "a\u20ff", 1 }, { "\u20cf", 1 },
		{ "\u2100", 1 }, { "\u2764\ufe0f", 1 }, { "\u1100", 2 }, { "\u1160", 1 },
		{ "\u2e7f", 1 }, { "\u2e80", 2 }, { "\u4e16\u754c", 4 }, { "\ud7a3", 2 },
		{ "\uff21", 2 }, { "\uff61", 1 }, { "\U0001f40d", 2 }, { "\U0001fb00", 1 },
		{ "\U0003fffd", 2 }, { ELLIPSIS, 1 },
		/* each byte that is no text is one character */
		{ "\xff\xfe", 2 }, { "\xe4\xb8", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_int_equal(utf8_columns(known[i].text, strlen(known[i].text)),
				 known[i].columns);
}

static void test_cut(void **state)
{
	static const struct { const char *text; size_t most, columns; const char *cut; } known[] = {
		{ "", 0, 0, "" }, { "", 3, 0, "" }, { "abc", 3, 3, "abc" },
		{ "abcd", 3, 3, "ab" ELLIPSIS }, { "abc", 1, 1, ELLIPSIS }, { "abc", 0, 0, "" },
		{ "\u0301", 0, 0, "\u0301" }, { "abe\u0301", 3, 3, "abe\u0301" },
		{ "ae\u0301bc", 3, 3, "ae\u0301" ELLIPSIS },
		{ "a\u20d0\u20d0\u20d0\u20d0", 1, 1, "a\u20d0\u20d0\u20d0\u20d0" },
		{ "\u4e16\u754c", 4, 4, "\u4e16\u754c" },
		{ "\u4e16\u754c", 3, 3, "\u4e16" ELLIPSIS },
		/* there is no half of a wide one */
		{ "\u4e16\u754c!", 4, 3, "\u4e16" ELLIPSIS }, { "\u4e16", 1, 1, ELLIPSIS },
		{ "\x1b[m", 6, 6, "\\x1b[m" }, { "\x1b[m", 5, 5, "\\x1b" ELLIPSIS },
		{ "\\", 2, 2, "\\\\" }, { "\xff", 4, 4, "\\xff" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(utf8_show_cut(&b, known[i].text, strlen(known[i].text),
					       known[i].most), known[i].columns);
		buf_add(&b, "", 1);
		assert_false(buf_failed(&b));
		assert_string_equal((const char *)b.data, known[i].cut);
		buf_release(&b);
	}
}

/* Bytes of the longest part of s that takes no more columns. */
static size_t naive_fit(const char *s, size_t n, size_t most)
{
	size_t fit = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp;

		i += utf8_decode(s + i, n - i, &cp);
		if (utf8_columns(s, i) <= most)
			fit = i;
	}
	return fit;
}

static void check_cut(const char *text, size_t n, size_t most)
{
	struct buf whole = BUF_INIT, cut = BUF_INIT, want = BUF_INIT;
	size_t got = utf8_show_cut(&cut, text, n, most);
	const char *s;

	utf8_show(&whole, text, n);
	buf_add(&whole, "", 1);
	s = (const char *)whole.data;
	if (utf8_columns(s, whole.len - 1) <= most) {
		buf_add(&want, s, whole.len - 1);
	} else if (most) {
		buf_add(&want, s, naive_fit(s, whole.len - 1, most - 1));
		buf_str(&want, ELLIPSIS);
	}
	assert_int_equal(cut.len, want.len);
	if (want.len)
		assert_memory_equal(cut.data, want.data, want.len);
	assert_int_equal(got, utf8_columns((const char *)cut.data, cut.len));
	assert_true(got <= most);
	buf_release(&whole);
	buf_release(&cut);
	buf_release(&want);
}

static void test_random(void **state)
{
	static const char *const piece[] = {
		"a", "\u00e9", "\u0301", "\u20d0", "\u4e16", "\U0001f40d", "\ufe0f", "\x1b", "\\",
		"\xff", "\xe4\xb8", "\u202e", " ",
	};

	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		char text[64];
		size_t n = 0, pieces = random_below(12);

		while (pieces--) {
			const char *p = piece[random_below(sizeof(piece) / sizeof(*piece))];

			memcpy(text + n, p, strlen(p));
			n += strlen(p);
		}
		check_cut(text, n, random_below(30));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_random),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
