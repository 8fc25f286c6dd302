/*
 * hist.h - a histogram of lengths, from which percentiles are read to 1 %
 *
 * The buckets are those of Gil Tene's HdrHistogram: values below 64 have one each, and every octave
 * above is cut into 64 of equal width (so values below 128 have one each, too): a bucket is at most
 * 1/64 of its values wide, and its middle is within 0.8 % of each.  Octaves are allocated when
 * first met.
 */
#ifndef GILSCOPE_HIST_H
#define GILSCOPE_HIST_H

#include <stdint.h>
#include <stdlib.h>

#include "buf.h"

#define HIST_SUB_BITS 6
#define HIST_SUB (1u << HIST_SUB_BITS)
#define HIST_OCTAVES (64 - HIST_SUB_BITS + 1)

struct hist {
	uint64_t *octave[HIST_OCTAVES];	/* owned; HIST_SUB counters each, or NULL */
	uint64_t n, max;
	/* values that found no memory: whoever reads or writes it, asks first */
	uint64_t failed;
};

static inline void hist_where(uint64_t v, unsigned *octave, unsigned *sub)
{
	unsigned msb = v < HIST_SUB ? 0 : 63u - (unsigned)__builtin_clzll(v);

	*octave = msb ? msb - HIST_SUB_BITS + 1 : 0;
	*sub = (unsigned)(*octave > 1 ? v >> (*octave - 1) : v) & (HIST_SUB - 1);
}

static inline void hist_add(struct hist *h, uint64_t v, uint64_t times)
{
	unsigned octave, sub;

	hist_where(v, &octave, &sub);
	if (__builtin_expect(!h->octave[octave], 0)) {
		h->octave[octave] = calloc(HIST_SUB, sizeof(uint64_t));
		if (!h->octave[octave]) {
			h->failed += times;
			return;
		}
	}
	h->octave[octave][sub] += times;
	h->n += times;
	if (v > h->max)
		h->max = v;
}

void hist_release(struct hist *h);
/* Adds all of b's values to a, which has failed, too, if b has. */
void hist_merge(struct hist *a, const struct hist *b);
/*
 * The value at quantile q, 0 to 1: the middle of its bucket, at most the largest value; 0 if empty.
 */
uint64_t hist_quantile(const struct hist *h, double q);
void hist_encode(struct buf *b, const struct hist *h);
/* Returns the byte after it, or NULL if it is damaged; h->failed as after hist_add(). */
const uint8_t *hist_decode(struct hist *h, const uint8_t *p, const uint8_t *end);

#endif
