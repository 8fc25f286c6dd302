/*
 * huffman.h - the codes of a deflate block (RFC 1951, 3.2.2 and 3.2.7), and bits written least significant first
 */
#ifndef GILSCOPE_HUFFMAN_H
#define GILSCOPE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HUFF_MAX_BITS 15
#define HUFF_LITERALS 286
#define HUFF_DISTANCES 30

/* A code, its bits turned round as deflate wants them; bits 0: the symbol has none. */
struct huff_code { uint16_t code; uint8_t bits; };

/*
 * Gives the n symbols codes of at most max_bits, the shortest in all for how often each comes, but for the
 * rare ones that the limit lengthens.  n at most HUFF_LITERALS, the sum of freq below 2^31.
 */
void huff_build(const uint32_t *freq, unsigned n, unsigned max_bits, struct huff_code *out);
/* The codes of a block of type 1. */
void huff_fixed(struct huff_code lit[HUFF_LITERALS + 2], struct huff_code dist[HUFF_DISTANCES]);

/* The largest output is the caller's to make room for, and 8 bytes more. */
struct bits {
	uint8_t *p;
	uint64_t acc;
	unsigned n;		/* bits in acc, below 8 after a put */
};

/* Appends the low n bits of v, n at most 56; the others are zero. */
static inline void bits_put(struct bits *b, uint64_t v, unsigned n)
{
	b->acc |= v << b->n;
	b->n += n;
	memcpy(b->p, &b->acc, 8);	/* little-endian: tests/render/png.c fails elsewhere */
	b->p += b->n >> 3;
	b->acc >>= b->n & ~7u;
	b->n &= 7;
}

/* Fills the last byte with zeros; returns the end. */
static inline uint8_t *bits_end(struct bits *b)
{
	if (b->n)
		*b->p++ = (uint8_t)b->acc;
	return b->p;
}

/* The header of a block of type 2 (RFC 1951, 3.2.7) with these codes. */
#define HUFF_HEADER_MAX 640	/* bytes: 316 lengths of at most 14 bits, and what says how many */
void huff_put_header(struct bits *b, const struct huff_code lit[HUFF_LITERALS],
		     const struct huff_code dist[HUFF_DISTANCES]);

/* The code of a match's length 3 to 258: its symbol, how many extra bits, and their value. */
struct huff_length { uint16_t symbol; uint8_t extra, value; };
extern const uint8_t huff_length_extra[29];
struct huff_length huff_length(unsigned len);
/* The same for a distance of 1 to 32768. */
struct huff_distance { uint8_t symbol, extra; uint16_t value; };
struct huff_distance huff_distance(unsigned dist);

#endif
