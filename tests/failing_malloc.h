/*
 * failing_malloc.h - a malloc that fails when told: for the one .c file of a test that includes it
 */
#ifndef GILSCOPE_FAILING_MALLOC_H
#define GILSCOPE_FAILING_MALLOC_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0			/* they bring their own, that must stay */
#else
#define OWN_MALLOC 1

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

/* the allocation that fails, counted down to 0; negative: none */
static long fail_at = -1;
static long n_calls;

static int fails(void)
{
	n_calls++;
	return fail_at >= 0 && fail_at-- == 0;
}

void *malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}
#endif

#endif
