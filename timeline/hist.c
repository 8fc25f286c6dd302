/* hist.c - see hist.h */
#include "hist.h"

#include "bytes.h"

void hist_release(struct hist *h)
{
	for (unsigned i = 0; i < HIST_OCTAVES; i++)
		free(h->octave[i]);
	*h = (struct hist){ 0 };
}

/* The smallest value of a bucket. */
static uint64_t bucket_low(unsigned octave, unsigned sub)
{
	return octave ? (uint64_t)(HIST_SUB + sub) << (octave - 1) : sub;
}

static uint64_t bucket_width(unsigned octave)
{
	return octave ? 1ull << (octave - 1) : 1;
}

void hist_merge(struct hist *a, const struct hist *b)
{
	for (unsigned o = 0; o < HIST_OCTAVES; o++)
		for (unsigned s = 0; b->octave[o] && s < HIST_SUB; s++)
			if (b->octave[o][s])
				hist_add(a, bucket_low(o, s), b->octave[o][s]);
	if (b->max > a->max)
		a->max = b->max;
	a->failed += b->failed;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t rank, seen = 0;

	if (!h->n)
		return 0;
	if (q >= 1)
		return h->max;
	/*
	 * The nearest-rank definition: the least value that at least q of all values do not pass.
	 */
	rank = (uint64_t)(q * (double)h->n);
	if ((double)rank < q * (double)h->n || !rank)
		rank++;
	for (unsigned o = 0; o < HIST_OCTAVES; o++)
		for (unsigned s = 0; h->octave[o] && s < HIST_SUB; s++) {
			uint64_t mid = bucket_low(o, s) + (bucket_width(o) - 1) / 2;

			seen += h->octave[o][s];
			if (seen >= rank)
				return mid < h->max ? mid : h->max;
		}
	return h->max;
}

void hist_encode(struct buf *b, const struct hist *h)
{
	uint64_t n = 0, last = 0;

	for (unsigned o = 0; o < HIST_OCTAVES; o++)
		for (unsigned s = 0; h->octave[o] && s < HIST_SUB; s++)
			n += h->octave[o][s] != 0;
	buf_varint(b, h->max);
	buf_varint(b, n);
	for (unsigned o = 0; o < HIST_OCTAVES; o++)
		for (unsigned s = 0; h->octave[o] && s < HIST_SUB; s++)
			if (h->octave[o][s]) {
				buf_varint(b, o * HIST_SUB + s - last);
				buf_varint(b, h->octave[o][s]);
				last = o * HIST_SUB + s;
			}
}

const uint8_t *hist_decode(struct hist *h, const uint8_t *p, const uint8_t *end)
{
	uint64_t max, n, at = 0, step, count;

	*h = (struct hist){ 0 };
	p = get_varint(p, end, &max);
	p = p ? get_varint(p, end, &n) : NULL;
	for (uint64_t i = 0; p && i < n; i++) {
		p = get_varint(p, end, &step);
		p = p ? get_varint(p, end, &count) : NULL;
		if (!p || step >= HIST_OCTAVES * HIST_SUB || at + step >= HIST_OCTAVES * HIST_SUB) {
			p = NULL;
			break;
		}
		at += step;
		hist_add(h, bucket_low((unsigned)at / HIST_SUB, (unsigned)at % HIST_SUB), count);
	}
	if (!p) {
		hist_release(h);
		return NULL;
	}
	h->max = max;
	return p;
}
