/*
 * out.h - text or bytes on their way to a file descriptor, and numbers as digits, written by hand
 *
 *	p = out.data + out.len; ... put_time(), put_u64(), memcpy() ...; out_end(&out, p)
 *
 * Behind out.len there is always room for a line, as long as out_init() was told.  When nobody
 * reads any more (EPIPE, with SIGPIPE ignored) out.closed is set and the calls return 1, which ends
 * a walk and is no error.
 */
#ifndef GILSCOPE_OUT_H
#define GILSCOPE_OUT_H

#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "err.h"

#define OUT_SIZE (256u << 10)	/* a write of this size costs nothing per byte */

struct out {
	int fd;
	uint8_t *data;			/* owned */
	size_t len, cap;
	bool closed;			/* nobody reads any more */
	struct err *err;
	/* the time's digits before the last eight, as text in high_text */
	uint64_t high;
	char high_text[24];
	unsigned n_high;
};

/* Room for a line of at most line bytes. */
int out_init(struct out *o, int fd, size_t line, struct err *err);
/* All of these: 0 to go on, 1 when nobody reads, -1 with the error set. */
int out_flush(struct out *o);
/* a piece that was made before, of any length */
int out_text(struct out *o, const struct buf *b);
int out_bytes(struct out *o, const void *data, size_t n);
/* What a walk returned: writes the rest and frees; 0 or -1. */
int out_finish(struct out *o, int ret);

/* The bytes up to end were added. */
static inline int out_end(struct out *o, uint8_t *end)
{
	o->len = (size_t)(end - o->data);
	return o->len >= OUT_SIZE ? out_flush(o) : 0;
}

static inline int out_line(struct out *o, uint8_t *end)
{
	*end++ = '\n';
	return out_end(o, end);
}

/* At most 20 bytes, and 24 are written. */
uint8_t *put_u64(uint8_t *p, uint64_t v);
uint8_t *put_i64(uint8_t *p, int64_t v);
/* As put_u64(); of times in order, as most are, only the last digits are made anew. */
uint8_t *put_time(struct out *o, uint8_t *p, uint64_t t);

static inline uint8_t *put_str(uint8_t *p, const char *s)
{
	size_t n = strlen(s);

	memcpy(p, s, n);
	return p + n;
}

#endif
