/*
 * json.h - JSON written piece by piece into a buffer (RFC 8259)
 *
 * Commas are put by the writer.  Strings may hold any bytes: what is not UTF-8 becomes U+FFFD,
 * control characters are escaped, and so are '<', '>', '&', U+2028 and U+2029, so that the text is
 * safe inside a <script> of a page and inside JavaScript.
 */
#ifndef GILSCOPE_JSON_H
#define GILSCOPE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct json {
	struct buf *out;	/* borrowed */
	bool comma;		/* a value stands before at this depth */
	bool after_key;
};

static inline struct json json_new(struct buf *out) { return (struct json){ .out = out }; }
void json_begin(struct json *j, char bracket);	/* '{' or '[' */
void json_end(struct json *j, char bracket);	/* '}' or ']' */
void json_key(struct json *j, const char *key);
void json_str(struct json *j, const char *s);
void json_strn(struct json *j, const char *s, size_t n);
void json_u64(struct json *j, uint64_t v);
void json_i64(struct json *j, int64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
void json_raw(struct json *j, const char *text);	/* a finished value */

#endif
