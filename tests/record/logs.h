/* logs.h - lawful random logs in memory, for the tests of the binary gillog */
#ifndef GILSCOPE_TEST_RECORD_LOGS_H
#define GILSCOPE_TEST_RECORD_LOGS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "gillog.h"
#include "random.h"

/* One event as it was put. */
struct plain {
	uint64_t time;
	uint32_t thread;
	uint16_t lock;
	uint8_t kind, n_attrs;
	struct gillog_attr attrs[8];
};

struct plain_log {
	struct plain *events;
	size_t n;
	uint64_t *marks;		/* after how many events there was one */
	size_t n_marks;
	uint32_t n_threads;
	uint16_t n_locks;
	uint32_t n_funcs;
};

static inline int write_buf(void *ctx, const void *data, size_t n, struct err *err)
{
	buf_add(ctx, data, n);
	return buf_failed(ctx) ? err_memory(err, "test") : 0;
}

static inline struct plain random_event(struct plain_log *l, uint64_t time, bool with_checks)
{
	struct plain e = { .time = time, .thread = (uint32_t)random_below(l->n_threads),
			   .kind = (uint8_t)(1 + random_below(N_GL_KINDS - 1)),
			   .lock = (uint16_t)(random_below(8) ? 0 : random_below(l->n_locks)) };

	if (!random_below(4))
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_CPU, (int64_t)random_below(64) };
	if (with_checks && e.thread % 2) {
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_CHECKS, (int64_t)(time / 100) };
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_COUNTDOWN, (int64_t)(100 - time % 100) -
									 (int64_t)random_below(2) };
	}
	if ((e.kind == GL_ACQUIRE || e.kind == GL_RELEASE) && random_below(3))
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_FUNC, (int64_t)random_below(l->n_funcs) };
	if (e.kind == GL_WAKEUP)
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_TARGET, (int64_t)random_below(l->n_threads) };
	if (e.kind == GL_LOST) {
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_COUNT, (int64_t)(random_next() >> 10) };
		e.attrs[e.n_attrs++] =
			(struct gillog_attr){ GL_ATTR_SINCE, (int64_t)random_below(time + 1) };
	}
	return e;
}

/* Some checks of the old GIL: a RELEASE and an ACQUIRE at one time, from l->events[i] on. */
static inline size_t random_pairs(struct plain_log *l, size_t i, size_t n, uint64_t *time)
{
	static const uint8_t kinds[] = { GL_RELEASE, GL_ACQUIRE };
	uint32_t thread = (uint32_t)random_below(l->n_threads);
	uint64_t step = random_below(3) ? 100 : random_below(3) * 70;

	for (size_t left = random_below(40); left-- && i + 1 < n; *time += step)
		for (unsigned k = 0; k < 2; k++)
			l->events[i++] = (struct plain){ .time = *time, .thread = thread,
							 .kind = kinds[k] };
	return i;
}

/*
 * Puts n random events of n_threads threads into a log at out; *l is the same as a plain list.
 * mixed: in mixed blocks.
 */
static inline void random_log_of(struct plain_log *l, struct buf *out, size_t n, uint32_t n_threads,
				 uint32_t block_size, bool with_checks, bool mixed)
{
	struct gillog_writer_options o = { .block_size = block_size, .mixed = mixed };
	struct gillog_writer *w;
	struct err err = { 0 };
	uint64_t time = random_below(1000000);
	size_t made = 0;

	*l = (struct plain_log){ .n_threads = n_threads, .n_locks = 3, .n_funcs = 5 };
	l->events = calloc(n + 1, sizeof(*l->events));
	l->marks = calloc(n + 1, sizeof(*l->marks));
	assert_true(l->events && l->marks);
	assert_int_equal(gillog_writer_new(&w, &o, write_buf, out, &err), 0);
	assert_int_equal(gillog_put_process(w, 0, 42, -1, "py\xff", GILLOG_WAITS_ENTRY, &err), 0);
	assert_int_equal(gillog_put_fact(w, "python", "2.7", &err), 0);
	assert_int_equal(gillog_put_fact(w, "python", "3.13", &err), 0);
	for (uint32_t i = 0; i < n_threads; i++) {
		char id[16];

		snprintf(id, sizeof(id), "t%u", i);
		assert_int_equal(gillog_put_thread(w, i, 0, id, NULL, &err), 0);
	}
	for (uint16_t i = 0; i < l->n_locks; i++)
		assert_int_equal(gillog_put_lock(w, i, 0, "id", "GIL", i == 2, &err), 0);
	for (uint32_t i = 0; i < l->n_funcs; i++)
		assert_int_equal(gillog_put_func(w, i, "f", "a.py", i * 1000, &err), 0);
	for (size_t i = 0; i < n; i++) {
		struct gillog_event e;

		if (mixed && i == made && !random_below(20))
			made = random_pairs(l, i, n, &time);
		if (i >= made) {
			time += random_below(4) ? random_below(3000)
						: random_next() >> (24 + random_below(40));
			l->events[i] = random_event(l, time, with_checks);
			made = i + 1;
		}
		e = (struct gillog_event){ .time = l->events[i].time,
					   .lock = l->events[i].lock,
					   .kind = l->events[i].kind,
					   .n_attrs = l->events[i].n_attrs };
		assert_int_equal(
			gillog_put_event(w, l->events[i].thread, &e, l->events[i].attrs, &err), 0);
		if (i + 1 == made && !random_below(300)) {
			assert_int_equal(gillog_mark(w, ++time, &err), 0);
			l->marks[l->n_marks++] = i + 1;
		}
	}
	l->n = n;
	assert_int_equal(gillog_put_thread(w, 0, 0, "t0", "late name", &err), 0);
	assert_int_equal(gillog_finish(w, &err), 0);
	gillog_writer_free(w);
}

static inline void random_log(struct plain_log *l, struct buf *out, size_t n, uint32_t n_threads,
			      uint32_t block_size, bool with_checks)
{
	random_log_of(l, out, n, n_threads, block_size, with_checks, false);
}

/* What became of reading a log to where it can be read. */
struct outcome { uint64_t events; enum gillog_next last; };

/* A log of so many events that is cut off gives all whole blocks before the cut, and says so. */
static inline void cut_everywhere(const struct buf *log, uint64_t n_events,
				  struct outcome (*read)(const void *data, size_t n))
{
	uint64_t before = 0;

	for (size_t n = 0; n < log->len; n++) {
		/* exact: asan sees a byte too far */
		uint8_t *copy = malloc(n ? n : 1);
		struct outcome o;

		memcpy(copy, log->data, n);
		o = read(copy, n);
		assert_true(o.last == (n < GILLOG_HEADER_SIZE ? GILLOG_ERROR : GILLOG_CUT));
		assert_true(o.events >= before);
		before = o.events;
		free(copy);
	}
	assert_int_equal(read(log->data, log->len).events, n_events);
}

/* One changed byte is noticed wherever it is: nothing reads as if it were whole. */
static inline void change_each_byte(const struct buf *log, uint64_t n_events,
				    struct outcome (*read)(const void *data, size_t n))
{
	for (size_t i = 0; i < log->len; i++) {
		uint8_t was = log->data[i];
		struct outcome o;

		log->data[i] = (uint8_t)(was ^ (1u << random_below(8)));
		o = read(log->data, log->len);
		assert_true(o.last != GILLOG_DONE || o.events < n_events);
		log->data[i] = was;
	}
}

static inline void plain_release(struct plain_log *l)
{
	free(l->events);
	free(l->marks);
}

#endif
