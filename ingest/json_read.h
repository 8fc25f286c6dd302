/*
 * json_read.h - JSON that comes in pieces, as a stream of tokens
 *
 * Memory is bounded whatever the input: a string is given up to its first JSON_MAX_TEXT bytes, a
 * number up to as many digits, and nothing is kept of what was given.  Numbers are text: who wants
 * one reads its digits.
 *
 * What well-known writers get wrong is taken as it is meant: NaN and Infinity are words, a comma
 * may stand before a closing bracket, control characters in strings.  "\u" escapes become UTF-8;
 * half a surrogate pair and U+0000 become U+FFFD; other bytes are given as they are.
 */
#ifndef GILSCOPE_JSON_READ_H
#define GILSCOPE_JSON_READ_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"

#define JSON_MAX_TEXT 8192	/* bytes of a key, string or number */
#define JSON_MAX_DEPTH 256	/* of arrays and objects in each other */

enum json_token {
	JSON_BEGIN_OBJECT, JSON_END_OBJECT, JSON_BEGIN_ARRAY, JSON_END_ARRAY,
	JSON_KEY, JSON_STRING, JSON_NUMBER,
	JSON_WORD,		/* true, false, null, NaN, Infinity, -Infinity */
};

struct json_reader;

/*
 * A token; its text, s[0..n), is borrowed for the call.  r->depth is how many brackets are open,
 * the one of this token not counted; r->cut says that the text was longer.  0 to go on, else what
 * json_read() returns.
 */
typedef int json_token_fn(void *ctx, const struct json_reader *r, enum json_token type,
			  const char *s, size_t n);

struct json_reader {
	json_token_fn *token;
	void *ctx;
	unsigned depth;
	bool cut;
	uint64_t pos;		/* bytes before the current one */

	/* Private. */
	uint8_t expect, lex;
	uint64_t begin;		/* of a number or a word */
	bool key;		/* the string is a key */
	bool open[JSON_MAX_DEPTH];	/* true: an object */
	uint16_t high;		/* the first half of a surrogate pair, or 0 */
	uint16_t hex;
	unsigned n_hex;
	struct buf text;	/* a token that does not lie in one piece, or has escapes */
};

void json_reader_init(struct json_reader *r, json_token_fn *token, void *ctx);
void json_reader_release(struct json_reader *r);

/*
 * Reads on.  0, or what token() returned, or -1 with *err set where the text is no JSON, with its
 * byte.
 */
int json_read(struct json_reader *r, const uint8_t *p, size_t n, struct err *err);
/* Whether what was read ends between two values of the outermost array. */
bool json_read_between(const struct json_reader *r);
/* At the end of the input: 0 where it was whole, else -1 with *err set. */
int json_read_end(struct json_reader *r, struct err *err);

#endif
