/* huffman.c - see huffman.h */
#include "huffman.h"

#include <assert.h>

struct leaf { uint32_t freq; uint16_t symbol; };

#define FREQUENT 64

/* By frequency, those with the same by symbol: most are rare and are counted into place. */
static void sort_leaves(struct leaf *out, const struct leaf *in, unsigned n)
{
	uint16_t at[FREQUENT + 1] = { 0 };
	uint64_t some = 0;		/* frequencies below FREQUENT that come */
	unsigned sum = 0, first;

	for (unsigned i = 0; i < n; i++) {
		unsigned f = in[i].freq < FREQUENT ? in[i].freq : FREQUENT;

		at[f]++;
		some |= (uint64_t)(f < FREQUENT) << (f % FREQUENT);
	}
	for (; some; some &= some - 1) {
		unsigned f = (unsigned)__builtin_ctzll(some), count = at[f];

		at[f] = (uint16_t)sum;
		sum += count;
	}
	first = sum;
	at[FREQUENT] = (uint16_t)sum;
	for (unsigned i = 0; i < n; i++)
		out[at[in[i].freq < FREQUENT ? in[i].freq : FREQUENT]++] = in[i];
	for (unsigned i = first + 1; i < n; i++) {
		struct leaf t = out[i];
		unsigned k = i;

		for (; k > first && out[k - 1].freq > t.freq; k--)
			out[k] = out[k - 1];
		out[k] = t;
	}
}

/*
 * How many codes have each length: Huffman's tree by two queues, leaves and inner nodes, both
 * ascending.  Which of them is next is as good as chance, so there is no branch for the processor
 * to guess wrong.
 */
static void count_lengths(struct leaf *leaf, unsigned n, unsigned count[2 * HUFF_LITERALS])
{
	uint32_t weight[HUFF_LITERALS];
	uint16_t leaf_up[HUFF_LITERALS + 1], node_up[HUFF_LITERALS], depth[HUFF_LITERALS];
	unsigned l = 0, q = 0;

	leaf[n].freq = UINT32_MAX;	/* none */
	weight[0] = UINT32_MAX;
	for (unsigned node = 0; node + 1 < n; node++) {
		uint32_t sum = 0;

		for (unsigned k = 0; k < 2; k++) {
			uint32_t a = leaf[l].freq, b = weight[q];
			unsigned is_leaf = a <= b;

			sum += is_leaf ? a : b;
			/* the other one's place is written again */
			leaf_up[l] = node_up[q] = (uint16_t)node;
			l += is_leaf;
			q += !is_leaf;
		}
		weight[node] = sum;
		weight[node + 1] = UINT32_MAX;
	}
	depth[n - 2] = 0;
	for (unsigned node = n - 2; node-- > 0;)
		depth[node] = (uint16_t)(depth[node_up[node]] + 1);
	for (unsigned i = 0; i < n; i++)
		count[depth[leaf_up[i]] + 1]++;
}

/*
 * Shortens codes over the limit to it, and lengthens others until the codes fit again (Kraft's sum
 * is 1).
 */
static void limit_lengths(unsigned count[2 * HUFF_LITERALS], unsigned n)
{
	uint32_t sum = 0;

	for (unsigned i = HUFF_MAX_BITS + 1; i <= n; i++) {
		count[HUFF_MAX_BITS] += count[i];
		count[i] = 0;
	}
	for (unsigned i = 1; i <= HUFF_MAX_BITS; i++)
		sum += count[i] << (HUFF_MAX_BITS - i);
	for (; sum > 1u << HUFF_MAX_BITS; sum--) {
		unsigned i = HUFF_MAX_BITS - 1;

		count[HUFF_MAX_BITS]--;
		while (!count[i])
			i--;
		count[i]--;
		count[i + 1] += 2;
	}
}

/* The bits of a byte turned round: 16 values that repeat with an offset. */
static uint8_t reverse_byte(unsigned b)
{
	static const uint8_t nibble[16] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 };

	return (uint8_t)(nibble[b & 15] << 4 | nibble[b >> 4]);
}

static uint16_t reverse(unsigned code, unsigned bits)
{
	unsigned r = (unsigned)reverse_byte(code & 255) << 8 | reverse_byte(code >> 8);

	return (uint16_t)(r >> (16 - bits));
}

/* Canonical codes: by length, then by symbol.  used lists the n that have a length, in order. */
static void assign_codes(struct huff_code *out, const uint16_t *used, unsigned n)
{
	unsigned count[HUFF_MAX_BITS + 1] = { 0 }, next[HUFF_MAX_BITS + 2] = { 0 };

	for (unsigned i = 0; i < n; i++)
		count[out[used[i]].bits]++;
	for (unsigned b = 1; b <= HUFF_MAX_BITS; b++)
		next[b + 1] = (next[b] + count[b]) << 1;
	for (unsigned i = 0; i < n; i++) {
		struct huff_code *c = &out[used[i]];

		c->code = reverse(next[c->bits]++, c->bits);
	}
}

void huff_build(struct huff_alphabet *a)
{
	struct leaf leaf[HUFF_LITERALS], by_freq[HUFF_LITERALS + 1];
	unsigned count[2 * HUFF_LITERALS], n = 0, k;

	for (unsigned w = 0; w < HUFF_WORDS; w++)
		for (uint64_t mask = a->mask[w]; mask; mask &= mask - 1) {
			unsigned symbol = 64 * w + (unsigned)__builtin_ctzll(mask);

			a->used[n] = (uint16_t)symbol;
			leaf[n++] = (struct leaf){ .freq = a->freq[symbol],
						   .symbol = (uint16_t)symbol };
		}
	a->n_used = n;
	if (n <= 2) {
		for (unsigned i = 0; i < n; i++)
			a->code[leaf[i].symbol] =
				(struct huff_code){ .code = (uint16_t)i, .bits = 1 };
		return;
	}
	memset(count, 0, (n + HUFF_MAX_BITS + 1) * sizeof(*count));
	sort_leaves(by_freq, leaf, n);
	count_lengths(by_freq, n, count);
	limit_lengths(count, n);
	k = n;
	/* the shortest to the most frequent */
	for (unsigned bits = 1; bits <= HUFF_MAX_BITS; bits++)
		for (unsigned i = 0; i < count[bits]; i++)
			a->code[by_freq[--k].symbol].bits = (uint8_t)bits;
	assign_codes(a->code, a->used, n);
}

void huff_clear(struct huff_alphabet *a)
{
	for (unsigned w = 0; w < HUFF_WORDS; w++) {
		for (uint64_t mask = a->mask[w]; mask; mask &= mask - 1) {
			unsigned symbol = 64 * w + (unsigned)__builtin_ctzll(mask);

			a->freq[symbol] = 0;
			a->code[symbol] = (struct huff_code){ .bits = 0 };
		}
		a->mask[w] = 0;
	}
	a->n_used = 0;
}

void huff_fixed(struct huff_code lit[HUFF_LITERALS + 2], struct huff_code dist[HUFF_DISTANCES])
{
	uint16_t all[HUFF_LITERALS + 2];

	for (unsigned i = 0; i < HUFF_LITERALS + 2; i++) {
		lit[i] = (struct huff_code){ .bits = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8 };
		all[i] = (uint16_t)i;
	}
	assign_codes(lit, all, HUFF_LITERALS + 2);
	for (unsigned i = 0; i < HUFF_DISTANCES; i++)
		dist[i] = (struct huff_code){ .code = reverse(i, 5), .bits = 5 };
}

/*
 * The code of the code lengths is always the same, that of tiles of real and of generated logs, for
 * building one takes longer than what it saves is worth: a tile is half a byte to three larger than
 * with the best one code for all tiles of its log.
 */
static const struct huff_code length_code[19] = {
	{ 0, 3 }, { 1, 4 }, { 47, 7 }, { 9, 4 }, { 5, 4 }, { 13, 4 }, { 4, 3 }, { 2, 3 },
	{ 3, 4 }, { 7, 5 }, { 23, 5 }, { 15, 6 }, { 111, 7 }, { 31, 7 }, { 95, 7 }, { 63, 7 },
	/* 16 repeats the last length 3 to 6 times; 17 and 18 are 3 to 10 and 11 to 138 zeros */
	{ 127, 7 }, { 11, 4 }, { 6, 3 },
};
/* Its lengths in deflate's order, 16, 17, 18, 0, 8, 7, 9, 6, 10 and so on, three bits each. */
#define LENGTH_CODE_HEADER UINT64_C(0x1e7fe79a575c6e7)
#define LENGTH_CODE_BITS 57

/* The code lengths on their way: how many were told, and what waits for its end. */
struct lengths {
	struct bits *b;
	unsigned at, last, n;	/* n times last */
};

static void put_length(struct bits *b, unsigned symbol, unsigned value, unsigned extra)
{
	const struct huff_code *c = &length_code[symbol];

	bits_put(b, c->code | (uint64_t)value << c->bits, c->bits + extra);
}

/* Zeros up to that symbol. */
static void put_zeros(struct lengths *l, unsigned to)
{
	unsigned c = to - l->at;

	l->at = to;
	while (c >= 3) {
		unsigned m = c > 138 ? 138 : c;

		if (m > 10)
			put_length(l->b, 18, m - 11, 7);
		else
			put_length(l->b, 17, m - 3, 3);
		c -= m;
	}
	while (c--)
		put_length(l->b, 0, 0, 0);
}

/* What waits. */
static void put_last(struct lengths *l)
{
	unsigned c = l->n;

	l->at += c;
	l->n = 0;
	if (c > 3) {
		put_length(l->b, l->last, 0, 0);
		for (c--; c >= 3;) {
			unsigned m = c > 6 ? 6 : c;

			put_length(l->b, 16, m - 3, 2);
			c -= m;
		}
	}
	while (c--)
		put_length(l->b, l->last, 0, 0);
}

/* The lengths of an alphabet whose first symbol is number `first` of all. */
static void put_alphabet(struct lengths *l, const struct huff_alphabet *a, unsigned first)
{
	for (unsigned i = 0; i < a->n_used; i++) {
		unsigned at = first + a->used[i], bits = a->code[a->used[i]].bits;

		if (bits != l->last || at != l->at + l->n) {
			put_last(l);
			put_zeros(l, at);
			l->last = bits;
		}
		l->n++;
	}
}

void huff_put_header(struct bits *b, const struct huff_alphabet *lit,
		     const struct huff_alphabet *dist)
{
	struct lengths l = { .b = b };
	unsigned n_lit = 257, n_dist = 1;

	if (lit->n_used && lit->used[lit->n_used - 1] >= n_lit)
		n_lit = lit->used[lit->n_used - 1] + 1u;
	if (dist->n_used)
		n_dist = dist->used[dist->n_used - 1] + 1u;
	bits_put(b, n_lit - 257, 5);
	bits_put(b, n_dist - 1, 5);
	bits_put(b, 19 - 4, 4);
	bits_put(b, LENGTH_CODE_HEADER & 0xffffffff, 32);
	bits_put(b, LENGTH_CODE_HEADER >> 32, LENGTH_CODE_BITS - 32);
	put_alphabet(&l, lit, 0);
	put_alphabet(&l, dist, n_lit);
	put_last(&l);
	put_zeros(&l, n_lit + n_dist);
}

const uint8_t huff_length_extra[29] = {
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
};

struct huff_length huff_length(unsigned len)
{
	unsigned base = 3;

	assert(len >= 3 && len <= 258);
	if (len == 258)
		return (struct huff_length){ .symbol = 285 };
	for (unsigned i = 0;; i++) {
		unsigned next = base + (1u << huff_length_extra[i]);

		if (len < next)
			return (struct huff_length){
				(uint16_t)(257 + i), huff_length_extra[i], (uint8_t)(len - base),
			};
		base = next;
	}
}

struct huff_distance huff_distance(unsigned dist)
{
	unsigned d = dist - 1, bits;

	assert(dist >= 1 && dist <= 32768);
	if (d < 4)
		return (struct huff_distance){ .symbol = (uint8_t)d };
	bits = 30 - (unsigned)__builtin_clz(d);		/* the two top bits choose the symbol */
	return (struct huff_distance){
		(uint8_t)(2 * bits + 2 + (d >> bits & 1)), (uint8_t)bits,
		(uint16_t)(d & ((1u << bits) - 1)),
	};
}
