/* out.c - see out.h */
#include "out.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define LOW_DIGITS 8		/* of a time, written for each line */
#define LOW_TIMES 100000000u	/* 10^LOW_DIGITS */

int out_init(struct out *o, int fd, size_t line, struct err *err)
{
	*o = (struct out){ .fd = fd, .cap = OUT_SIZE + line, .err = err, .high = UINT64_MAX };
	o->data = malloc(o->cap);
	return o->data ? 0 : err_memory(err, "text to write");
}

int out_flush(struct out *o)
{
	const uint8_t *p = o->data;
	size_t n = o->len;

	o->len = 0;
	while (n && !o->closed) {
		ssize_t w = write(o->fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EPIPE)
			o->closed = true;
		else if (w <= 0)
			return err_system(o->err, "%scannot write",
					  o->fd == STDOUT_FILENO ? "standard output: " : "");
		p += w;
		n -= (size_t)w;
	}
	return o->closed;
}

int out_text(struct out *o, const struct buf *b)
{
	return buf_failed(b) ? err_memory(o->err, "text to write") : out_bytes(o, b->data, b->len);
}

int out_bytes(struct out *o, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		size_t part = o->cap - o->len < n ? o->cap - o->len : n;
		int ret;

		memcpy(o->data + o->len, p, part);
		o->len += part;
		p += part;
		n -= part;
		ret = o->len >= OUT_SIZE ? out_flush(o) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

int out_finish(struct out *o, int ret)
{
	if (!ret)
		ret = out_flush(o);
	free(o->data);
	return ret < 0 ? -1 : 0;
}

static const char pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

uint8_t *put_u64(uint8_t *p, uint64_t v)
{
	uint8_t digit[20], *d = digit + sizeof(digit);

	while (v >= 100) {
		d -= 2;
		memcpy(d, pairs + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		d -= 2;
		memcpy(d, pairs + 2 * v, 2);
	} else {
		*--d = (uint8_t)('0' + v);
	}
	memcpy(p, d, (size_t)(digit + sizeof(digit) - d));
	return p + (digit + sizeof(digit) - d);
}

uint8_t *put_i64(uint8_t *p, int64_t v)
{
	if (v >= 0)
		return put_u64(p, (uint64_t)v);
	*p++ = '-';
	return put_u64(p, 0 - (uint64_t)v);
}

uint8_t *put_time(struct out *o, uint8_t *p, uint64_t t)
{
	uint64_t high = t / LOW_TIMES;
	uint32_t low = (uint32_t)(t % LOW_TIMES);

	if (!high)
		return put_u64(p, t);
	if (high != o->high) {
		o->high = high;
		o->n_high = (unsigned)(put_u64((uint8_t *)o->high_text, high) -
				       (uint8_t *)o->high_text);
	}
	memcpy(p, o->high_text, sizeof(o->high_text));	/* a constant length is one or two moves */
	p += o->n_high;
	memcpy(p, pairs + 2 * (low / 1000000), 2);
	memcpy(p + 2, pairs + 2 * (low / 10000 % 100), 2);
	memcpy(p + 4, pairs + 2 * (low / 100 % 100), 2);
	memcpy(p + 6, pairs + 2 * (low % 100), 2);
	return p + LOW_DIGITS;
}
