/*
 * bytes.h - integers as bytes: little-endian words of fixed width, and LEB128 varints
 *
 * A varint holds seven bits a byte, least significant first, with the top bit set on all bytes but
 * the last (LEB128, as in DWARF and protobuf); a uint64_t takes 1 to 10 bytes.  Signed values go
 * through zigzag() first.
 */
#ifndef GILSCOPE_BYTES_H
#define GILSCOPE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_MAX 10			/* bytes of the longest varint */

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Writes v at p, which has room for VARINT_MAX bytes; returns the byte after it. */
static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/*
 * Reads a varint from [p, end); returns the byte after it, or NULL where it is cut off or over 64
 * bits.
 */
static inline const uint8_t *get_varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t r = 0;

	for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
		uint8_t b = *p++;

		if (shift == 63 && b > 1)
			return NULL;
		r |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*v = r;
			return p;
		}
	}
	return NULL;
}

/* Bytes that are read one after the other; p NULL: a varint was cut off. */
struct scan { const uint8_t *p, *end; };

/* The next varint; a cut off one makes this and every later one 0. */
static inline uint64_t scan_varint(struct scan *s)
{
	uint64_t v = 0;

	if (s->p)
		s->p = get_varint(s->p, s->end, &v);
	return s->p ? v : 0;
}

#endif
