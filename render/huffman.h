/*
 * huffman.h - the codes of a deflate block (RFC 1951, 3.2.2 and 3.2.7), and bits written least
 * significant first
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

/* Symbols, how often each comes, and their codes; begins as all 0. */
#define HUFF_WORDS ((HUFF_LITERALS + 63) / 64)
struct huff_alphabet {
	uint64_t mask[HUFF_WORDS];		/* those that come */
	uint16_t used[HUFF_LITERALS];		/* the same, in order: huff_build() */
	unsigned n_used;
	uint32_t freq[HUFF_LITERALS];
	struct huff_code code[HUFF_LITERALS];
};

/* The symbol comes n times more; of all symbols together below 2^31. */
static inline void huff_count(struct huff_alphabet *a, unsigned symbol, uint32_t n)
{
	a->freq[symbol] += n;
	a->mask[symbol / 64] |= (uint64_t)(n != 0) << symbol % 64;
}

/*
 * Gives the symbols that come codes of at most HUFF_MAX_BITS, the shortest in all for how often
 * each comes, but for the rare ones that the limit lengthens.
 */
void huff_build(struct huff_alphabet *a);
/* All 0 again. */
void huff_clear(struct huff_alphabet *a);
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
void huff_put_header(struct bits *b, const struct huff_alphabet *lit,
		     const struct huff_alphabet *dist);

/* The code of a match's length 3 to 258: its symbol, how many extra bits, and their value. */
struct huff_length { uint16_t symbol; uint8_t extra, value; };
extern const uint8_t huff_length_extra[29];
struct huff_length huff_length(unsigned len);
/* The same for a distance of 1 to 32768. */
struct huff_distance { uint8_t symbol, extra; uint16_t value; };
struct huff_distance huff_distance(unsigned dist);

#endif
