/* json.c - see json.h */
#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "utf8.h"

static void before_value(struct json *j)
{
	if (j->comma && !j->after_key)
		buf_str(j->out, ",");
	j->comma = true;
	j->after_key = false;
}

void json_begin(struct json *j, char bracket)
{
	before_value(j);
	buf_add(j->out, &bracket, 1);
	j->comma = false;
}

void json_end(struct json *j, char bracket)
{
	buf_add(j->out, &bracket, 1);
	j->comma = true;
}

static void put_string(struct buf *b, const char *s, size_t n)
{
	buf_str(b, "\"");
	while (n) {
		uint32_t cp;
		size_t used = utf8_decode(s, n, &cp);

		if (cp == '"' || cp == '\\')
			buf_printf(b, "\\%c", (int)cp);
		else if (cp < 0x20 || cp == 0x7f || cp == '<' || cp == '>' || cp == '&' ||
			 cp == 0x2028 || cp == 0x2029)
			buf_printf(b, "\\u%04x", (unsigned)cp);
		else if (cp == 0xfffd && used == 1)
			buf_str(b, "\xef\xbf\xbd");
		else
			buf_add(b, s, used);
		s += used;
		n -= used;
	}
	buf_str(b, "\"");
}

void json_key(struct json *j, const char *key)
{
	before_value(j);
	put_string(j->out, key, strlen(key));
	buf_str(j->out, ":");
	j->after_key = true;
}

void json_strn(struct json *j, const char *s, size_t n)
{
	before_value(j);
	put_string(j->out, s, n);
}

void json_str(struct json *j, const char *s)
{
	json_strn(j, s, strlen(s));
}

void json_u64(struct json *j, uint64_t v)
{
	before_value(j);
	buf_printf(j->out, "%" PRIu64, v);
}

void json_i64(struct json *j, int64_t v)
{
	before_value(j);
	buf_printf(j->out, "%" PRId64, v);
}

void json_bool(struct json *j, bool v)
{
	before_value(j);
	buf_str(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
	before_value(j);
	buf_str(j->out, "null");
}

void json_raw(struct json *j, const char *text)
{
	before_value(j);
	buf_str(j->out, text);
}
