/*
 * failing_malloc.h - a malloc that fails when told: for the one .c file of a test that includes it,
 * behind cmocka.h
 */
#ifndef GILSCOPE_FAILING_MALLOC_H
#define GILSCOPE_FAILING_MALLOC_H

#include <stddef.h>
#include <string.h>

#include "buf.h"
#include "err.h"

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

/* Allocation n from here on fails, to fail_end(); negative: none. */
static void fail_begin(long n)
{
	n_calls = 0;
	fail_at = n;
}

static void fail_end(void)
{
	fail_at = -1;
}

/*
 * Does what is tested between fail_begin(n) and fail_end(): 0, and puts what came of it into made,
 * or not 0, with *err set.
 */
typedef int fail_run(void *ctx, long n, struct buf *made, struct err *err);

/*
 * Every allocation fails once: that is told, as want of memory, or the same comes of it.  Behind
 * all that none fails, and the same comes of it again.
 */
static void fail_each(const char *what, fail_run *run, void *ctx)
{
	struct buf good = BUF_INIT;
	struct err err = { 0 };
	long total, refused = 0;

	assert_int_equal(run(ctx, -1, &good, &err), 0);
	total = n_calls;
	for (long i = 0; i <= total; i++) {
		struct buf made = BUF_INIT;

		err = (struct err){ 0 };
		if (run(ctx, i, &made, &err)) {
			refused++;
			if (i == total || err.code != ERR_MEMORY || !err.msg[0])
				fail_msg("%s: allocation %ld fails: '%s'", what, i, err.msg);
		} else if (made.len != good.len ||
			   (good.len && memcmp(made.data, good.data, good.len))) {
			fail_msg("%s: allocation %ld of %ld fails, and something else comes of it",
				 what, i, total);
		}
		buf_release(&made);
	}
	print_message("%s: %ld allocations, %ld of them refused\n", what, total, refused);
	assert_true(total > 10 && refused > total / 2);
	buf_release(&good);
}
#endif

#endif
