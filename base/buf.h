/*
 * buf.h - a growing array of bytes
 *
 * A failed allocation sticks: every later call does nothing, and buf_failed() tells once, at the
 * end.
 */
#ifndef GILSCOPE_BUF_H
#define GILSCOPE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;		/* owned; NULL while cap is 0 */
	size_t len, cap;
	bool failed;
};

#define BUF_INIT { 0 }

void buf_release(struct buf *b);
static inline void buf_clear(struct buf *b) { b->len = 0; }
static inline bool buf_failed(const struct buf *b) { return b->failed; }

/* Room for n more bytes at data + len, or NULL; the caller adds to len what it used. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_str(struct buf *b, const char *s);		/* without its NUL */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_le32(struct buf *b, uint32_t v);
void buf_le64(struct buf *b, uint64_t v);
void buf_varint(struct buf *b, uint64_t v);
/* A string as a varint length and its bytes; NULL is "". */
void buf_vstr(struct buf *b, const char *s);

#endif
