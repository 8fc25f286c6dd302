/* random.h - random numbers for tests, from a seed that is printed: SEED=n repeats a run */
#ifndef GILSCOPE_TEST_RANDOM_H
#define GILSCOPE_TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state = 1;

static inline uint64_t random_next(void)	/* splitmix64 */
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 to n - 1; n 0 gives 0. */
static inline uint64_t random_below(uint64_t n)
{
	return n ? random_next() % n : 0;
}

static inline void random_seed_from_env(void)
{
	const char *s = getenv("SEED");

	random_state = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)random_state);
}

#endif
