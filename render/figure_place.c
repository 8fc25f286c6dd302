/* figure_place.c - see figure_place.h */
#include "figure_place.h"

#include <stdlib.h>

/* Labels that touch: first .. first + n - 1, moved as one. */
struct pool { double sum; size_t n; };

bool figure_place(struct figure_label *l, size_t n, double gap, double from, double to)
{
	struct pool *pool = malloc((n + 1) * sizeof(*pool));
	double offset = 0, total = n ? (double)(n - 1) * gap : 0, low, high;
	size_t n_pools = 0, i = 0;

	for (size_t k = 0; k < n; k++)
		total += l[k].width;
	if (!pool || total > to - from) {
		free(pool);
		return false;
	}
	/*
	 * Less the place that those before it take at least, each label has the same lower and
	 * upper bound.
	 */
	low = n ? from + l[0].width / 2 : from;
	high = low + (to - from - total);
	for (size_t k = 0; k < n; k++) {
		if (k)
			offset += (l[k - 1].width + l[k].width) / 2 + gap;
		l[k].at = offset;
		pool[n_pools++] = (struct pool){ l[k].want - offset, 1 };
		while (n_pools > 1 && pool[n_pools - 2].sum / (double)pool[n_pools - 2].n >
					      pool[n_pools - 1].sum / (double)pool[n_pools - 1].n) {
			pool[n_pools - 2].sum += pool[n_pools - 1].sum;
			pool[n_pools - 2].n += pool[n_pools - 1].n;
			n_pools--;
		}
	}
	for (size_t p = 0; p < n_pools; p++) {
		double at = pool[p].sum / (double)pool[p].n;

		at = at < low ? low : at > high ? high : at;
		for (size_t k = 0; k < pool[p].n; k++)
			l[i++].at += at;
	}
	free(pool);
	return true;
}
