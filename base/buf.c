/* buf.c - see buf.h */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

void buf_release(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->cap - b->len || !b->data) {	/* NULL is for a failure, even if n is 0 */
		size_t cap = b->cap ? b->cap : 256;
		uint8_t *data;

		while (cap - b->len < n) {
			if (cap > SIZE_MAX / 2) {
				b->failed = true;
				return NULL;
			}
			cap *= 2;
		}
		data = realloc(b->data, cap);
		if (!data) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
	uint8_t *p = n ? buf_reserve(b, n) : NULL;

	if (p) {
		memcpy(p, data, n);
		b->len += n;
	}
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n + 1)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf_le32(struct buf *b, uint32_t v)
{
	uint8_t *p = buf_reserve(b, 4);

	if (p) {
		put_le32(p, v);
		b->len += 4;
	}
}

void buf_le64(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_reserve(b, 8);

	if (p) {
		put_le64(p, v);
		b->len += 8;
	}
}

void buf_varint(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_reserve(b, VARINT_MAX);

	if (p)
		b->len = (size_t)(put_varint(p, v) - b->data);
}

void buf_vstr(struct buf *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	buf_varint(b, n);
	buf_add(b, s, n);
}
