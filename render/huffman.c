/* huffman.c - see huffman.h */
#include "huffman.h"

#include <assert.h>

struct leaf { uint32_t freq; uint16_t symbol; };

#define FREQUENT 64

/* By frequency, those with the same by symbol: most are rare and are counted into place. */
static void sort_leaves(struct leaf *out, const struct leaf *in, unsigned n)
{
	uint16_t at[FREQUENT + 1] = { 0 };
	unsigned first;

	for (unsigned i = 0; i < n; i++)
		at[in[i].freq < FREQUENT ? in[i].freq : FREQUENT]++;
	for (unsigned f = 0, sum = 0; f <= FREQUENT; f++) {
		unsigned count = at[f];

		at[f] = (uint16_t)sum;
		sum += count;
	}
	first = at[FREQUENT];
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

/* The symbols that are used, in order; few are, so four at a time are passed over. */
static unsigned find_used(struct leaf *leaf, const uint32_t *freq, unsigned n)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n; i += 4) {
		unsigned end = n - i < 4 ? n : i + 4;
		uint32_t any = 0;

		if (end == i + 4)
			any = freq[i] | freq[i + 1] | freq[i + 2] | freq[i + 3];
		if (end == i + 4 && !any)
			continue;
		for (unsigned k = i; k < end; k++) {
			leaf[used] = (struct leaf){ .freq = freq[k], .symbol = (uint16_t)k };
			used += freq[k] != 0;
		}
	}
	return used;
}

/* How many codes have each length: Huffman's tree by two queues, leaves and inner nodes, both ascending. */
static void count_lengths(const struct leaf *leaf, unsigned n, unsigned count[2 * HUFF_LITERALS])
{
	uint32_t weight[HUFF_LITERALS];
	uint16_t leaf_up[HUFF_LITERALS], node_up[HUFF_LITERALS], depth[HUFF_LITERALS];
	unsigned l = 0, q = 0;

	for (unsigned node = 0; node + 1 < n; node++) {
		weight[node] = 0;
		for (unsigned k = 0; k < 2; k++) {
			if (q >= node || (l < n && leaf[l].freq <= weight[q])) {
				weight[node] += leaf[l].freq;
				leaf_up[l++] = (uint16_t)node;
			} else {
				weight[node] += weight[q];
				node_up[q++] = (uint16_t)node;
			}
		}
	}
	depth[n - 2] = 0;
	for (unsigned node = n - 2; node-- > 0;)
		depth[node] = (uint16_t)(depth[node_up[node]] + 1);
	for (unsigned i = 0; i < n; i++)
		count[depth[leaf_up[i]] + 1]++;
}

/* Shortens codes over the limit to it, and lengthens others until the codes fit again (Kraft's sum is 1). */
static void limit_lengths(unsigned count[2 * HUFF_LITERALS], unsigned n, unsigned max_bits)
{
	uint32_t sum = 0;

	for (unsigned i = max_bits + 1; i <= n; i++) {
		count[max_bits] += count[i];
		count[i] = 0;
	}
	for (unsigned i = 1; i <= max_bits; i++)
		sum += count[i] << (max_bits - i);
	for (; sum > 1u << max_bits; sum--) {
		unsigned i = max_bits - 1;

		count[max_bits]--;
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

/* Canonical codes: by length, then by symbol.  leaf lists the n that have a length, in order. */
static void assign_codes(struct huff_code *out, const struct leaf *leaf, unsigned n)
{
	unsigned count[HUFF_MAX_BITS + 1] = { 0 }, next[HUFF_MAX_BITS + 2] = { 0 };

	for (unsigned i = 0; i < n; i++)
		count[out[leaf[i].symbol].bits]++;
	for (unsigned b = 1; b <= HUFF_MAX_BITS; b++)
		next[b + 1] = (next[b] + count[b]) << 1;
	for (unsigned i = 0; i < n; i++) {
		struct huff_code *c = &out[leaf[i].symbol];

		c->code = reverse(next[c->bits]++, c->bits);
	}
}

void huff_build(const uint32_t *freq, unsigned n, unsigned max_bits, struct huff_code *out)
{
	struct leaf leaf[HUFF_LITERALS], by_freq[HUFF_LITERALS];
	unsigned count[2 * HUFF_LITERALS], used, k;

	assert(n <= HUFF_LITERALS && max_bits <= HUFF_MAX_BITS);
	memset(out, 0, n * sizeof(*out));
	used = find_used(leaf, freq, n);
	if (used < 2) {
		if (used)
			out[leaf[0].symbol].bits = 1;
		return;
	}
	memset(count, 0, (used + max_bits + 1) * sizeof(*count));
	sort_leaves(by_freq, leaf, used);
	count_lengths(by_freq, used, count);
	limit_lengths(count, used, max_bits);
	k = used;
	for (unsigned bits = 1; bits <= max_bits; bits++)	/* the shortest to the most frequent */
		for (unsigned i = 0; i < count[bits]; i++)
			out[by_freq[--k].symbol].bits = (uint8_t)bits;
	assign_codes(out, leaf, used);
}

void huff_fixed(struct huff_code lit[HUFF_LITERALS + 2], struct huff_code dist[HUFF_DISTANCES])
{
	struct leaf leaf[HUFF_LITERALS + 2];

	for (unsigned i = 0; i < HUFF_LITERALS + 2; i++) {
		lit[i] = (struct huff_code){ .bits = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8 };
		leaf[i] = (struct leaf){ .symbol = (uint16_t)i };
	}
	assign_codes(lit, leaf, HUFF_LITERALS + 2);
	for (unsigned i = 0; i < HUFF_DISTANCES; i++)
		dist[i] = (struct huff_code){ .code = reverse(i, 5), .bits = 5 };
}

/* A code length, or a repetition of one, with its extra bits. */
struct run { uint8_t symbol, extra, value; };

/* The code lengths as runs: 16 repeats the last 3 to 6 times, 17 and 18 are 3 to 10 and 11 to 138 zeros. */
static unsigned find_runs(const uint8_t *len, unsigned n, struct run *run)
{
	unsigned n_runs = 0;

	for (unsigned i = 0, k; i < n; i = k) {
		unsigned c;
		const uint64_t same = len[i] * UINT64_C(0x0101010101010101);
		uint64_t next;

		for (k = i + 1; n - k >= 8; k += 8) {	/* more than 200 zeros stand in a row as a rule */
			memcpy(&next, len + k, 8);
			if (next != same)
				break;
		}
		while (k < n && len[k] == len[i])
			k++;
		c = k - i;
		while (!len[i] && c >= 3) {
			unsigned m = c > 138 ? 138 : c;

			run[n_runs++] = m > 10 ? (struct run){ 18, 7, (uint8_t)(m - 11) }
					       : (struct run){ 17, 3, (uint8_t)(m - 3) };
			c -= m;
		}
		if (len[i] && c > 3) {
			run[n_runs++] = (struct run){ len[i], 0, 0 };
			for (c--; c >= 3;) {
				unsigned m = c > 6 ? 6 : c;

				run[n_runs++] = (struct run){ 16, 2, (uint8_t)(m - 3) };
				c -= m;
			}
		}
		while (c--)
			run[n_runs++] = (struct run){ len[i], 0, 0 };
	}
	return n_runs;
}

void huff_put_header(struct bits *b, const struct huff_code lit[HUFF_LITERALS],
		     const struct huff_code dist[HUFF_DISTANCES])
{
	static const uint8_t order[19] = {
		16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
	};
	uint8_t len[HUFF_LITERALS + HUFF_DISTANCES];
	struct run run[HUFF_LITERALS + HUFF_DISTANCES];
	struct huff_code code[19];
	uint32_t freq[19] = { 0 };
	unsigned n_lit = 257, n_dist = 1, n_order = 4, n_runs;

	for (unsigned i = 257; i < HUFF_LITERALS; i++)
		if (lit[i].bits)
			n_lit = i + 1;
	for (unsigned i = 1; i < HUFF_DISTANCES; i++)
		if (dist[i].bits)
			n_dist = i + 1;
	for (unsigned i = 0; i < n_lit; i++)
		len[i] = lit[i].bits;
	for (unsigned i = 0; i < n_dist; i++)
		len[n_lit + i] = dist[i].bits;
	n_runs = find_runs(len, n_lit + n_dist, run);
	for (unsigned i = 0; i < n_runs; i++)
		freq[run[i].symbol]++;
	huff_build(freq, 19, 7, code);
	for (unsigned i = 4; i < 19; i++)
		if (code[order[i]].bits)
			n_order = i + 1;
	bits_put(b, n_lit - 257, 5);
	bits_put(b, n_dist - 1, 5);
	bits_put(b, n_order - 4, 4);
	for (unsigned i = 0; i < n_order; i++)
		bits_put(b, code[order[i]].bits, 3);
	for (unsigned i = 0; i < n_runs; i++) {
		const struct huff_code *c = &code[run[i].symbol];

		bits_put(b, c->code | (uint64_t)run[i].value << c->bits, c->bits + run[i].extra);
	}
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
