/*
 * Labels in a row never touch, keep their order and stay inside, and no other such row is nearer to
 * their places; where they do not fit, this is said.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "figure_place.h"
#include "random.h"

#define MAX 12

static double random_double(double most)
{
	return (double)random_below(1000001) / 1e6 * most;
}

static int by_want(const void *a, const void *b)
{
	const struct figure_label *x = a, *y = b;

	return x->want < y->want ? -1 : x->want > y->want;
}

static bool is_valid(const struct figure_label *l, unsigned n, double gap, double from, double to)
{
	for (unsigned i = 0; i < n; i++) {
		double left = i ? l[i - 1].at + l[i - 1].width / 2 + gap : from;

		if (l[i].at - l[i].width / 2 < left - 1e-6)
			return false;
	}
	return !n || l[n - 1].at + l[n - 1].width / 2 <= to + 1e-6;
}

static double cost(const struct figure_label *l, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += (l[i].at - l[i].want) * (l[i].at - l[i].want);
	return sum;
}

/*
 * The problem is convex: where no run of neighbours can be moved together for the better, nothing
 * is better.
 */
static void assert_best(const struct figure_label *best, unsigned n, double gap, double from,
			double to)
{
	for (unsigned first = 0; first < n; first++)
		for (unsigned last = first; last < n; last++)
			for (int way = -1; way <= 1; way += 2) {
				struct figure_label l[MAX];

				for (unsigned i = 0; i < n; i++) {
					l[i] = best[i];
					if (i >= first && i <= last)
						l[i].at += way * 1e-3;
				}
				if (is_valid(l, n, gap, from, to))
					assert_true(cost(l, n) > cost(best, n) - 1e-6);
			}
}

static void labels_are_placed_best(void **state)
{
	unsigned fitting = 0;

	(void)state;
	for (unsigned k = 0; k < 20000; k++) {
		unsigned n = (unsigned)random_below(MAX + 1);
		double from = random_double(50), to = from + random_double(400),
		       gap = random_double(10), total = 0;
		struct figure_label l[MAX];
		bool fit;

		for (unsigned i = 0; i < n; i++) {
			l[i] = (struct figure_label){ .want = random_double(500) - 20,
						      .width = random_double(60) };
			total += l[i].width + (i ? gap : 0);
		}
		qsort(l, n, sizeof(*l), by_want);
		fit = figure_place(l, n, gap, from, to);
		if (fabs(total - (to - from)) > 1e-9)
			assert_int_equal(fit, total <= to - from);
		if (!fit)
			continue;
		fitting += n > 1;
		assert_true(is_valid(l, n, gap, from, to));
		assert_best(l, n, gap, from, to);
	}
	assert_true(fitting > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(labels_are_placed_best) };

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
