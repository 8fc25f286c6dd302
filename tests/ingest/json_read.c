/*
 * A JSON text gives the same tokens however it is cut into pieces, and those that it was made of;
 * what is no JSON ends with a sentence; decimals are exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decimal.h"
#include "json_read.h"
#include "random.h"

/* Tokens as text: a letter, the depth, the text in hex. */
static void put_token(struct buf *b, enum json_token type, unsigned depth, bool cut, const char *s,
		      size_t n)
{
	buf_printf(b, "%c%u%s", "{}[]ksnw"[type], depth, cut ? "!" : "");
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%02x", (unsigned char)s[i]);
	buf_str(b, "\n");
}

static int on_token(void *ctx, const struct json_reader *r, enum json_token type, const char *s,
		    size_t n)
{
	put_token(ctx, type, r->depth, r->cut, s, n);
	return 0;
}

/* Reads text in random pieces of at most `most` bytes; 0: all at once. */
static int read_pieces(struct buf *tokens, const char *text, size_t n, size_t most, struct err *err)
{
	struct json_reader j;
	int ret = 0;

	buf_clear(tokens);
	json_reader_init(&j, on_token, tokens);
	for (size_t at = 0; !ret && at < n;) {
		size_t len = most ? 1 + random_below(most) : n;

		if (len > n - at)
			len = n - at;
		/* In memory of its own, so that a sanitizer sees what is read beyond it. */
		uint8_t *piece = malloc(len);

		assert_non_null(piece);
		memcpy(piece, text + at, len);
		ret = json_read(&j, piece, len, err);
		free(piece);
		at += len;
	}
	if (!ret)
		ret = json_read_end(&j, err);
	json_reader_release(&j);
	buf_add(tokens, "", 1);
	return ret;
}

/* --- random documents, with the tokens that they must give ------------------------------------ */

struct document { struct buf text, tokens; };

static void space(struct document *d)
{
	static const char *const blanks[] = { "", "", "", " ", "\n", "\t \r\n" };

	buf_str(&d->text, blanks[random_below(6)]);
}

static void make_string(struct document *d, enum json_token type, unsigned depth)
{
	static const struct { const char *text, *means;
	} parts[] = {
		{ "a", "a" },
		{ "key", "key" },
		{ "\\n", "\n" },
		{ "\\\"", "\"" },
		{ "\\\\", "\\" },
		{ "\\/", "/" },
		{ "\\u00e9", "\xc3\xa9" },
		{ "\\u20AC", "\xe2\x82\xac" },
		{ "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
		{ "\\ud83dx", "\xef\xbf\xbdx" },
		{ "\\ude00", "\xef\xbf\xbd" },
		{ "\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ "\\u0000", "\xef\xbf\xbd" },
		{ "\xc3\xa9", "\xc3\xa9" },
		{ "\xff", "\xff" },
		{ "\t", "\t" },
		{ "\\ud83d\\n", "\xef\xbf\xbd\n" },
		{ "{[,:]}", "{[,:]}" },
		{ "\\b\\f\\r\\t", "\b\f\r\t" },
	};
	struct buf means = BUF_INIT;

	buf_str(&d->text, "\"");
	for (unsigned i = (unsigned)random_below(5); i; i--) {
		size_t k = random_below(sizeof(parts) / sizeof(*parts));

		/* Half a pair before a whole one would be another pair. */
		if (parts[k].text[0] == '\\' && parts[k].text[1] == 'u' && parts[k].text[2] == 'd')
			buf_str(&d->text, "."), buf_str(&means, ".");
		buf_str(&d->text, parts[k].text);
		buf_str(&means, parts[k].means);
	}
	buf_str(&d->text, "\"");
	put_token(&d->tokens, type, depth, false, (char *)means.data, means.len);
	buf_release(&means);
}

static void make_value(struct document *d, unsigned depth)
{
	static const char *const scalars[] = {
		"0",	"-1",	 "1.5",	 "1e9", "-0.5E-3",  "12345678901234567890",
		"true", "false", "null", "NaN", "Infinity", "-Infinity",
	};
	size_t kind = random_below(depth > 6 ? 3 : 5);

	space(d);
	if (kind < 2) {
		size_t k = random_below(12);

		buf_str(&d->text, scalars[k]);
		put_token(&d->tokens, k < 6 ? JSON_NUMBER : JSON_WORD, depth, false, scalars[k],
			  strlen(scalars[k]));
	} else if (kind == 2) {
		make_string(d, JSON_STRING, depth);
	} else {
		bool object = kind == 3;
		size_t n = random_below(5);

		buf_str(&d->text, object ? "{" : "[");
		put_token(&d->tokens, object ? JSON_BEGIN_OBJECT : JSON_BEGIN_ARRAY, depth, false,
			  "", 0);
		for (size_t i = 0; i < n; i++) {
			space(d);
			if (object) {
				make_string(d, JSON_KEY, depth + 1);
				space(d);
				buf_str(&d->text, ":");
			}
			make_value(d, depth + 1);
			if (i + 1 < n || !random_below(8))
				buf_str(&d->text, ",");
			space(d);
		}
		buf_str(&d->text, object ? "}" : "]");
		put_token(&d->tokens, object ? JSON_END_OBJECT : JSON_END_ARRAY, depth, false, "",
			  0);
	}
	space(d);
}

static void test_documents(void **state)
{
	struct buf tokens = BUF_INIT;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct document d = { .text = BUF_INIT };

		make_value(&d, 0);
		buf_add(&d.tokens, "", 1);
		for (unsigned k = 0; k < 4; k++) {
			int ret = read_pieces(&tokens, (char *)d.text.data, d.text.len,
					      k == 0   ? 0
					      : k == 1 ? 1
						       : 9,
					      &err);

			if (ret)
				fail_msg("%.*s: %s", (int)d.text.len, (char *)d.text.data, err.msg);
			assert_string_equal((char *)tokens.data, (char *)d.tokens.data);
		}
		/*
		 * Every beginning: a prefix of the tokens, and said to be cut, but where only
		 * blanks are missing.
		 */
		for (size_t n = 0; i < 200 && n < d.text.len; n++) {
			int ret = read_pieces(&tokens, (char *)d.text.data, n, 5, &err);
			bool number = tokens.len > 1 && tokens.data[0] == 'n';

			if (!number &&
			    strncmp((char *)tokens.data, (char *)d.tokens.data, tokens.len - 1))
				fail_msg("%.*s: other tokens", (int)n, (char *)d.text.data);
			if (!ret && !number)
				assert_int_equal(tokens.len, d.tokens.len);
		}
		buf_release(&d.text);
		buf_release(&d.tokens);
	}
	buf_release(&tokens);
}

/* Any bytes at all, mostly of JSON: no crash, and the same end for any pieces. */
static void test_rubbish(void **state)
{
	static const char alphabet[] = "{}[]\",:\\u0d8aNnt -.e\n\xff";
	struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char text[40];
		size_t n = 1 + random_below(sizeof(text));
		struct err x = { 0 }, y = { 0 };
		int ret;

		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[random_below(sizeof(alphabet))];
		ret = read_pieces(&a, text, n, 0, &x);
		assert_int_equal(ret, read_pieces(&b, text, n, 3, &y));
		assert_string_equal((char *)a.data, (char *)b.data);
		assert_string_equal(x.msg, y.msg);
	}
	buf_release(&a);
	buf_release(&b);
}

static void refuse(const char *text, size_t n, const char *why)
{
	struct buf tokens = BUF_INIT;
	struct err err = { 0 };

	assert_int_equal(read_pieces(&tokens, text, n, 0, &err), -1);
	if (!strstr(err.msg, why))
		fail_msg("\"%.60s\": \"%s\" does not say \"%s\"", text, err.msg, why);
	buf_release(&tokens);
}

static void test_limits(void **state)
{
	struct buf text = BUF_INIT, tokens = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	refuse("[1 2]", 5, "byte 3");
	refuse("{1:2}", 5, "expected a key");
	refuse("[tru]", 5, "no value");
	refuse("[\"\\x\"]", 6, "escape");
	refuse("[\"\\u12g4\"]", 10, "four digits");
	refuse("[\"\\u12@4\"]", 10, "four digits");
	refuse("[1] 2", 5, "nothing more");
	refuse("[\"abc", 5, "in its middle");
	for (unsigned i = 0; i < 100000; i++)
		buf_str(&text, i % 2 ? "[" : "{\"a\":");
	refuse((char *)text.data, text.len, "nested deeper");

	/* A string of 10 MB is cut and costs nothing. */
	buf_clear(&text);
	buf_str(&text, "[\"");
	for (unsigned i = 0; i < 10 << 20; i += 16)
		buf_str(&text, "0123456789abcdef");
	buf_str(&text, "\",1]");
	assert_int_equal(read_pieces(&tokens, (char *)text.data, text.len, 0, &err), 0);
	assert_non_null(strstr((char *)tokens.data, "s1!3031"));
	assert_non_null(strstr((char *)tokens.data, "n131\n"));
	assert_true(tokens.len < 3 * JSON_MAX_TEXT);
	buf_release(&text);
	buf_release(&tokens);
}

/* --- decimals --------------------------------------------------------------------------------- */

static void same(const char *s, int shift, uint64_t want)
{
	uint64_t v = 7;

	if (!decimal_parse(s, strlen(s), shift, &v) || v != want)
		fail_msg("%s: %llu, not %llu", s, (unsigned long long)v, (unsigned long long)want);
}

static void none(const char *s, int shift)
{
	uint64_t v;

	if (decimal_parse(s, strlen(s), shift, &v))
		fail_msg("%s is no number, but %llu was found", s, (unsigned long long)v);
}

static void test_decimals(void **state)
{

	(void)state;
	same("1868491600.1599998", 3, 1868491600160);
	same("0.0004999", 3, 0);
	same("0.0005", 3, 1);
	same("1.5e3", 3, 1500000);
	same("15E-1", 0, 2);
	same("14E-1", 0, 1);
	same("0", 3, 0);
	same("-0", 3, 0);
	same("-0.0", 3, 0);
	same("0e99999999999", 3, 0);
	same("1e-99999999999", 3, 0);
	same("9223372036854775.807", 3, INT64_MAX);
	same("0.000000000000000000000000000000001e36", 0, 1000);
	none("9223372036854775.808", 3);
	none("9223372036854775807.5", 0);
	none("1e99999999999", 3);
	none("-1", 3);
	none("", 3);
	none("-", 3);
	none(".5", 3);
	none("5.", 3);
	none("1.2.3", 3);
	none("1e", 3);
	none("1e+", 3);
	none("1x", 3);
	none("NaN", 3);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t v = random_next() >> (2 + random_below(62));
		char s[64];

		snprintf(s, sizeof(s), "%llu.%03llu", (unsigned long long)(v / 1000),
			 (unsigned long long)(v % 1000));
		same(s, 3, v);
		snprintf(s, sizeof(s), "%llue-3", (unsigned long long)v);
		same(s, 3, v);
		/* As a program prints it that counts in doubles: still this nanosecond. */
		if (v < 1ull << 51) {
			snprintf(s, sizeof(s), "%.17g", (double)v / 1000);
			same(s, 3, v);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_decimals),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
