/* json_read.c - see json_read.h */
#include "json_read.h"

#include <inttypes.h>
#include <string.h>

#include "bytes.h"

/* What may stand next. */
enum expect {
	VALUE,			/* ... the first of all, or behind a colon */
	VALUE_OR_END,		/* in an array, at its begin or behind a comma */
	KEY_OR_END,		/* in an object, so too */
	COLON,
	COMMA_OR_END,
	NOTHING,		/* the one value is over */
};

/* What the current byte lies in. */
enum lex { BETWEEN, STRING, ESCAPE, HEX, NUMBER, WORD };

static const char *const wanted[] = {
	"a value", "a value or \"]\"",		 "a key or \"}\"",
	"\":\"",   "\",\" or a closing bracket", "nothing more",
};

void json_reader_init(struct json_reader *r, json_token_fn *token, void *ctx)
{
	memset(r, 0, sizeof(*r));
	r->token = token;
	r->ctx = ctx;
}

void json_reader_release(struct json_reader *r)
{
	buf_release(&r->text);
}

static int unexpected(const struct json_reader *r, unsigned char c, struct err *err)
{
	if (c > ' ' && c < 0x7f)
		return err_set(err, ERR_FORMAT,
			       "byte %" PRIu64 " of the JSON: found \"%c\", expected %s", r->pos, c,
			       wanted[r->expect]);
	return err_set(err, ERR_FORMAT,
		       "byte %" PRIu64 " of the JSON: found the byte 0x%02x, expected %s", r->pos,
		       c, wanted[r->expect]);
}

static bool is_space(unsigned char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool in_number(unsigned char c)
{
	return (unsigned)(c - '0') < 10 || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

static bool in_word(unsigned char c)
{
	return (unsigned)((c | 0x20) - 'a') < 26;
}

/* After a whole value. */
static void value_over(struct json_reader *r)
{
	r->expect = r->depth ? COMMA_OR_END : NOTHING;
}

static int add_text(struct json_reader *r, const void *p, size_t n, struct err *err)
{
	size_t room = JSON_MAX_TEXT - r->text.len;

	if (n > room) {
		r->cut = true;
		n = room;
	}
	if (n)
		buf_add(&r->text, p, n);
	return buf_failed(&r->text) ? err_memory(err, "a JSON text") : 0;
}

static int add_char(struct json_reader *r, uint32_t c, struct err *err)
{
	uint8_t b[4];
	size_t n = 0;

	if (c < 0x80) {
		b[n++] = (uint8_t)c;
	} else if (c < 0x800) {
		b[n++] = (uint8_t)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		b[n++] = (uint8_t)(0xe0 | c >> 12);
		b[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	} else {
		b[n++] = (uint8_t)(0xf0 | c >> 18);
		b[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		b[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		b[n++] = (uint8_t)(0x80 | (c & 0x3f));
	return add_text(r, b, n, err);
}

/* Half a pair that nothing completes. */
static int flush_high(struct json_reader *r, struct err *err)
{
	if (!r->high)
		return 0;
	r->high = 0;
	return add_char(r, 0xfffd, err);
}

/* The four digits of a "\u" are there. */
static int end_hex(struct json_reader *r, struct err *err)
{
	uint32_t c = r->hex;

	r->lex = STRING;
	if (c >= 0xdc00 && c < 0xe000 && r->high) {
		c = 0x10000 + ((uint32_t)(r->high - 0xd800) << 10) + (c - 0xdc00);
		r->high = 0;
		return add_char(r, c, err);
	}
	if (flush_high(r, err))
		return -1;
	if (c >= 0xd800 && c < 0xdc00) {
		r->high = (uint16_t)c;
		return 0;
	}
	return add_char(r, !c || (c >= 0xdc00 && c < 0xe000) ? 0xfffd : c, err);
}

static int give(struct json_reader *r, enum json_token type, const void *s, size_t n)
{
	bool cut = r->cut || n > JSON_MAX_TEXT;
	int ret;

	r->cut = cut;
	ret = r->token(r->ctx, r, type, s, n > JSON_MAX_TEXT ? JSON_MAX_TEXT : n);
	r->cut = false;
	return ret;
}

/* A token that began in the piece at p or before; its last bytes are [p, p + n). */
static int end_text(struct json_reader *r, enum json_token type, const uint8_t *p, size_t n,
		    struct err *err)
{
	int ret;

	if (!r->text.len && !r->cut) {
		ret = give(r, type, p, n);
	} else {
		if (add_text(r, p, n, err))
			return -1;
		ret = give(r, type, r->text.data, r->text.len);
		buf_clear(&r->text);
	}
	r->lex = BETWEEN;
	if (type == JSON_KEY)
		r->expect = COLON;
	else
		value_over(r);
	return ret;
}

static int end_word(struct json_reader *r, const uint8_t *p, size_t n, struct err *err)
{
	static const char *const words[] = {
		"true", "false", "null", "NaN", "Infinity", "-Infinity"
	};
	const char *s = (const char *)p;

	if (r->text.len) {
		if (add_text(r, p, n, err))
			return -1;
		s = (const char *)r->text.data;
		n = r->text.len;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) == n && !memcmp(words[i], s, n)) {
			int ret = give(r, JSON_WORD, s, n);

			buf_clear(&r->text);
			r->lex = BETWEEN;
			value_over(r);
			return ret;
		}
	return err_set(err, ERR_FORMAT,
		       "byte %" PRIu64 " of the JSON: the word \"%.*s\" is no value", r->begin,
		       n > 20 ? 20 : (int)n, s);
}

static int open_bracket(struct json_reader *r, bool object, struct err *err)
{
	int ret;

	if (r->depth == JSON_MAX_DEPTH)
		return err_set(err, ERR_FORMAT,
			       "byte %" PRIu64 " of the JSON: nested deeper than %u brackets",
			       r->pos, JSON_MAX_DEPTH);
	ret = give(r, object ? JSON_BEGIN_OBJECT : JSON_BEGIN_ARRAY, "", 0);
	r->open[r->depth++] = object;
	r->expect = object ? KEY_OR_END : VALUE_OR_END;
	return ret;
}

static int close_bracket(struct json_reader *r, bool object)
{
	r->depth--;
	value_over(r);
	return give(r, object ? JSON_END_OBJECT : JSON_END_ARRAY, "", 0);
}

/* A byte between tokens, no blank. */
static int between(struct json_reader *r, unsigned char c, struct err *err)
{
	bool in_object = r->depth && r->open[r->depth - 1];

	if (r->expect == COMMA_OR_END || r->expect == VALUE_OR_END || r->expect == KEY_OR_END) {
		if (r->depth && c == (in_object ? '}' : ']'))
			return close_bracket(r, in_object);
	}
	switch (r->expect) {
	case COMMA_OR_END:
		if (c != ',')
			return unexpected(r, c, err);
		r->expect = in_object ? KEY_OR_END : VALUE_OR_END;
		return 0;
	case COLON:
		if (c != ':')
			return unexpected(r, c, err);
		r->expect = VALUE;
		return 0;
	case KEY_OR_END:
		if (c != '"')
			return unexpected(r, c, err);
		r->key = true;
		r->lex = STRING;
		return 0;
	case NOTHING:
		return unexpected(r, c, err);
	}
	if (c == '"') {
		r->key = false;
		r->lex = STRING;
	} else if (c == '{' || c == '[') {
		return open_bracket(r, c == '{', err);
	} else if ((unsigned)(c - '0') < 10 || c == '-') {
		r->lex = NUMBER;
		r->begin = r->pos;
	} else if (in_word(c)) {
		r->lex = WORD;
		r->begin = r->pos;
	} else {
		return unexpected(r, c, err);
	}
	return 0;
}

/* The byte behind a backslash. */
static int escape(struct json_reader *r, unsigned char c, struct err *err)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (c == 'u') {
		r->lex = HEX;
		r->hex = 0;
		r->n_hex = 0;
		return 0;
	}
	at = c ? strchr(from, c) : NULL;
	if (!at)
		return err_set(err, ERR_FORMAT,
			       "byte %" PRIu64 " of the JSON: an escape that there is not", r->pos);
	r->lex = STRING;
	return flush_high(r, err) || add_char(r, (unsigned char)to[at - from], err) ? -1 : 0;
}

static int hex(struct json_reader *r, unsigned char c, struct err *err)
{
	unsigned d = (unsigned)(c - '0'), letter = (unsigned)((c | 0x20) - 'a');

	if (d > 9)
		d = letter < 6 ? letter + 10 : 16;
	if (d > 15)
		return err_set(err, ERR_FORMAT,
			       "byte %" PRIu64 " of the JSON: \"\\u\" without four digits", r->pos);
	r->hex = (uint16_t)(r->hex << 4 | d);
	return ++r->n_hex == 4 ? end_hex(r, err) : 0;
}

/* The first quote, backslash or zero of [s, end), or end; eight bytes at a time. */
static const uint8_t *find_special(const uint8_t *s, const uint8_t *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (; end - s >= 8; s += 8) {
		uint64_t v = get_le64(s), quote = v ^ ones * '"', back = v ^ ones * '\\';
		/* the lowest of these bits is right, which is all that is looked at */
		uint64_t hit = (((v - ones) & ~v) | ((quote - ones) & ~quote) |
				((back - ones) & ~back)) & ones << 7;

		if (hit)
			return s + __builtin_ctzll(hit) / 8;
	}
	while (s < end && *s != '"' && *s != '\\' && *s)
		s++;
	return s;
}

/* Bytes of a string, up to its end, an escape or the piece's end; *next is the byte behind them. */
static int string(struct json_reader *r, const uint8_t *p, const uint8_t *end, const uint8_t **next,
		  struct err *err)
{
	const uint8_t *s = find_special(p, end);

	*next = s;
	if (r->high && (s > p || (s < end && *s != '\\')) && flush_high(r, err))
		return -1;
	if (s < end && *s == '"') {
		*next = s + 1;
		return end_text(r, r->key ? JSON_KEY : JSON_STRING, p, (size_t)(s - p), err);
	}
	if (add_text(r, p, (size_t)(s - p), err))
		return -1;
	if (s == end)
		return 0;
	*next = s + 1;
	if (!*s)
		return add_char(r, 0xfffd, err);
	r->lex = ESCAPE;
	return 0;
}

/* Bytes of a number or a word, so too. */
static int plain(struct json_reader *r, const uint8_t *p, const uint8_t *end, const uint8_t **next,
		 struct err *err)
{
	const uint8_t *s = p;

	while (s < end && (r->lex == NUMBER ? in_number(*s) : in_word(*s)))
		s++;
	*next = s;
	if (s == end)
		return add_text(r, p, (size_t)(s - p), err);
	if (r->lex == NUMBER && in_word(*s) && s - p + r->text.len == 1) {	/* "-Infinity" */
		r->lex = WORD;
		return add_text(r, p, (size_t)(s - p), err);
	}
	return r->lex == NUMBER ? end_text(r, JSON_NUMBER, p, (size_t)(s - p), err) :
				  end_word(r, p, (size_t)(s - p), err);
}

static const uint8_t *skip_space(const uint8_t *s, const uint8_t *end)
{
	while (s < end && is_space(*s))
		s++;
	return s;
}

/*
 * The next members of an object, as most of a log are: a key, and a string or a number, each whole
 * in [p, end) and without an escape.  Stops in front of anything else, right or wrong, and leaves
 * it to the others: this only saves asking about every byte what may stand there.  *next is the
 * byte behind what was taken.
 */
static int members(struct json_reader *r, const uint8_t *p, const uint8_t *end,
		   const uint8_t **next)
{
	int ret = 0;

	*next = p;
	while (!ret) {
		const uint8_t *s = skip_space(p, end), *key;

		if (r->expect == COMMA_OR_END) {
			if (s == end || *s != ',')
				return 0;
			s = skip_space(s + 1, end);
		}
		if (s == end || *s != '"')
			return 0;
		key = s + 1;
		s = find_special(key, end);
		p = s == end || *s != '"' ? end : skip_space(s + 1, end);
		if (p == end || *p != ':')
			return 0;
		ret = give(r, JSON_KEY, key, (size_t)(s - key));
		r->expect = VALUE;
		*next = p = skip_space(p + 1, end);
		if (ret || p == end)
			return ret;
		if (*p == '"') {
			s = find_special(p + 1, end);
			if (s == end || *s != '"')
				return 0;
			ret = give(r, JSON_STRING, p + 1, (size_t)(s - p - 1));
			s++;
		} else {
			for (s = p; s < end && in_number(*s); s++)
				;
			if (s == end || in_word(*s) || !(*p == '-' || (unsigned)(*p - '0') < 10))
				return 0;
			ret = give(r, JSON_NUMBER, p, (size_t)(s - p));
		}
		r->expect = COMMA_OR_END;
		*next = p = s;
	}
	return ret;
}

/* Whether a member may come next. */
static bool in_object(const struct json_reader *r)
{
	return r->lex == BETWEEN && (r->expect == KEY_OR_END || r->expect == COMMA_OR_END) &&
	       r->depth && r->open[r->depth - 1];
}

int json_read(struct json_reader *r, const uint8_t *p, size_t n, struct err *err)
{
	const uint8_t *begin = p, *end = p + n, *next;
	uint64_t pos = r->pos;
	int ret = 0;

	while (p < end && !ret) {
		if (in_object(r)) {
			ret = members(r, p, end, &next);
			p = next;
			if (ret || p == end)
				break;
		}
		r->pos = pos + (size_t)(p - begin);
		next = p + 1;
		switch (r->lex) {
		case BETWEEN:
			if (is_space(*p))
				break;
			ret = between(r, *p, err);
			if (r->lex == NUMBER || r->lex == WORD)
				next = p;
			break;
		case STRING: ret = string(r, p, end, &next, err); break;
		case ESCAPE: ret = escape(r, *p, err); break;
		case HEX: ret = hex(r, *p, err); break;
		default: ret = plain(r, p, end, &next, err); break;
		}
		p = next;
	}
	r->pos = pos + (size_t)(p - begin);
	return ret;
}

bool json_read_between(const struct json_reader *r)
{
	return r->lex == BETWEEN && r->depth == 1 && !r->open[0] &&
	       (r->expect == COMMA_OR_END || r->expect == VALUE_OR_END);
}

int json_read_end(struct json_reader *r, struct err *err)
{
	int ret = 0;

	/* Inside a bracket more of it may be missing than the bracket. */
	if (r->lex == NUMBER && !r->depth)
		ret = end_text(r, JSON_NUMBER, (const uint8_t *)"", 0, err);
	else if (r->lex == WORD && !r->depth)
		ret = end_word(r, (const uint8_t *)"", 0, err);
	if (ret)
		return ret;
	if (r->expect != NOTHING || r->lex != BETWEEN)
		return err_set(err, ERR_FORMAT, "the JSON ends in its middle, at byte %" PRIu64,
			       r->pos);
	return 0;
}
