/*
 * Blocks that wait are encoded whoever was at it when they came: an encoder that finds its caller
 * encoding goes to sleep, and is woken when blocks are left behind by him.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>
#include <zstd.h>

/* The writer waits and compresses through these two, which decide who comes first. */
static int ordered_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
static size_t ordered_compress(ZSTD_CCtx *c, void *dst, size_t cap, const void *src, size_t n,
			       int level);
#define pthread_cond_wait ordered_wait
#define ZSTD_compressCCtx ordered_compress
#include "writer.c"
#undef pthread_cond_wait
#undef ZSTD_compressCCtx

#include "scratch.h"

static pthread_t caller;
static sem_t sleeps, may_wake;	/* the encoder begins to wait; it may go on */
static unsigned n_sleeps;	/* the encoder's; under the writer's lock */
static bool compressed;		/* the caller's */

static bool is_caller(void)
{
	return pthread_equal(pthread_self(), caller);
}

/* The encoder is slow to come back from its first sleep; its caller does not wait for ever. */
static int ordered_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
	struct timespec until;
	int ret;

	if (is_caller()) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 20;
		ret = pthread_cond_timedwait(cond, lock, &until);
		if (ret)
			fail_msg("nobody encodes the blocks that wait");
		return ret;
	}
	n_sleeps++;
	sem_post(&sleeps);
	ret = pthread_cond_wait(cond, lock);
	if (n_sleeps == 1) {
		pthread_mutex_unlock(lock);
		sem_wait(&may_wake);
		pthread_mutex_lock(lock);
	}
	return ret;
}

/* While the caller is at its first block, the encoder wakes up and goes to sleep again. */
static size_t ordered_compress(ZSTD_CCtx *c, void *dst, size_t cap, const void *src, size_t n,
			       int level)
{
	if (is_caller() && !compressed) {
		compressed = true;
		sem_post(&may_wake);
		sem_wait(&sleeps);
	}
	return ZSTD_compressCCtx(c, dst, cap, src, n, level);
}

static bool waiting;		/* the only thread waits for the lock */

static void heads(void *ctx, struct timeline_writer *w)
{
	(void)ctx;
	if (waiting)
		timeline_writer_head(w, &(struct block_head){ .state = STATE_WAIT, .func = -1 });
}

/* A block of one event. */
static void add_block(struct timeline_writer *w, uint64_t time)
{
	struct block *b = timeline_writer_block(w);
	struct err err;

	b->event[b->n_events++] = (struct event){ .time = time, .kind = EV_BUSY,
						  .state = waiting ? STATE_WAIT : STATE_IDLE };
	if (timeline_writer_next_block(w, time + 1, &err))
		fail_msg("%s", err.msg);
}

static void test_left_behind(void **state)
{
	static const struct writer_ops ops = { .heads = heads };
	struct timeline_writer *w;
	struct err err;
	char path[300];
	uint64_t time = 0;

	(void)state;
	caller = pthread_self();
	sem_init(&sleeps, 0, 0);
	sem_init(&may_wake, 0, 0);
	scratch_path(path, sizeof(path), "-wakes.gtl");
	if (timeline_writer_open(&w, path, true, 1, &ops, NULL, &err))
		fail_msg("%s", err.msg);
	sem_wait(&sleeps);
	if (timeline_writer_next_block(w, 0, &err))
		fail_msg("%s", err.msg);
	/* As many wait as the ring holds beside the open ones, and the caller takes one more. */
	while (time < RING - OPEN_BLOCKS + 1)
		add_block(w, time++);
	assert_true(timeline_writer_help(w));
	/* Then nothing is sent, for it is not known how the take ends; the ring is full. */
	waiting = true;
	while (time < RING + 8)
		add_block(w, time++);
	timeline_writer_abort(w);
	sem_destroy(&sleeps);
	sem_destroy(&may_wake);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_left_behind) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
