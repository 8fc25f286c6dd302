/*
 * Every event that is put into a binary gillog comes out of it as it was, in its thread's order and
 * epoch.
 */
#include "record/logs.h"

/* The events of a thread in the order in which they were put, from *at on. */
static const struct plain *next_of(const struct plain_log *l, uint32_t thread, size_t *at)
{
	while (*at < l->n && l->events[*at].thread != thread)
		++*at;
	assert_true(*at < l->n);
	return &l->events[(*at)++];
}

static void same_attrs(const struct plain *p, const struct gillog_event *e,
		       const struct gillog_attr *attrs, int64_t *cpu)
{
	int64_t found[N_GL_ATTRS];

	for (unsigned i = 0; i < N_GL_ATTRS; i++)
		found[i] = INT64_MIN;
	for (unsigned i = 0; i < e->n_attrs; i++) {
		assert_true(found[attrs[i].id] == INT64_MIN);
		found[attrs[i].id] = attrs[i].value;
	}
	/* The cpu is said where it changes. */
	if (found[GL_ATTR_CPU] != INT64_MIN)
		*cpu = found[GL_ATTR_CPU];
	for (unsigned i = 0; i < p->n_attrs; i++) {
		const struct gillog_attr *a = &p->attrs[i];

		assert_true((a->id == GL_ATTR_CPU ? *cpu : found[a->id]) == a->value);
		found[a->id] = INT64_MIN;
	}
	found[GL_ATTR_CPU] = INT64_MIN;
	for (unsigned i = 0; i < N_GL_ATTRS; i++)
		assert_true(found[i] == INT64_MIN);
}

static void read_back(const struct plain_log *l, const struct buf *log)
{
	size_t *at = calloc(l->n_threads, sizeof(*at)), seen = 0, epoch = 0;
	int64_t *cpu = calloc(l->n_threads, sizeof(*cpu));
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	struct gillog_block b;
	struct err err = { 0 };
	enum gillog_next next;
	struct gillog *g;
	uint64_t mark;

	assert_true(at && cpu && d);
	assert_int_equal(gillog_open_mem(&g, log->data, log->len, &err), 0);
	while ((next = gillog_next(g, &b, &mark, &err)) != GILLOG_DONE) {
		const struct gillog_event *e;
		const struct gillog_attr *attrs;

		if (next == GILLOG_MARK) {
			/* All that was put before the mark, and nothing else. */
			assert_int_equal(seen, epoch < l->n_marks ? l->marks[epoch] : l->n);
			epoch++;
			continue;
		}
		assert_int_equal(next, GILLOG_BLOCK);
		assert_int_equal(gillog_decode(d, &b, &e, &attrs, &err), 0);
		for (uint32_t i = 0; i < b.n_events; i++) {
			const struct plain *p = next_of(l, b.thread, &at[b.thread]);

			assert_true(p->time == e[i].time && p->lock == e[i].lock &&
				    p->kind == e[i].kind);
			same_attrs(p, &e[i], attrs + e[i].attr, &cpu[b.thread]);
		}
		seen += b.n_events;
		gillog_block_release(&b);
	}
	assert_int_equal(seen, l->n);
	assert_true(gillog_info(g)->complete && gillog_info(g)->events == l->n);
	assert_string_equal(gillog_info(g)->threads[0].name, "late name");
	assert_string_equal(gillog_info(g)->processes[0].name, "py\xff");
	assert_int_equal(gillog_info(g)->n_facts, 1);
	assert_string_equal(gillog_info(g)->facts[0].value, "3.13");
	assert_true(gillog_info(g)->processes[0].pid == 42 &&
		    gillog_info(g)->processes[0].ppid == -1 &&
		    gillog_info(g)->locks[2].park);
	assert_int_equal(gillog_info(g)->funcs[4].line, 4000);
	gillog_close(g);
	gillog_decoder_free(d);
	free(at);
	free(cpu);
}

static void test_roundtrip(void **state)
{
	static const struct { size_t n; uint32_t threads, block_size; bool checks;
	} cases[] = {
		{ 0, 1, 0, false },	 { 1, 1, 0, false },	 { 3000, 1, 0, false },
		{ 3000, 4, 100, true },	 { 20000, 64, 0, true }, { 60000, 2, 1 << 20, false },
		{ 5000, 512, 50, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf log = BUF_INIT;
		struct plain_log l;

		random_log(&l, &log, cases[i].n, cases[i].threads, cases[i].block_size,
			   cases[i].checks);
		read_back(&l, &log);
		plain_release(&l);
		buf_release(&log);
	}
}

/* An uncontended hold of some hundred nanoseconds is two varints of two bytes. */
static void test_small(void **state)
{
	struct gillog_writer_options o = { 0 };
	struct gillog_writer *w;
	struct buf log = BUF_INIT;
	struct err err = { 0 };
	uint64_t time = 1000000;

	(void)state;
	assert_int_equal(gillog_writer_new(&w, &o, write_buf, &log, &err), 0);
	assert_int_equal(gillog_put_thread(w, 0, 0, "1", "", &err), 0);
	assert_int_equal(gillog_put_lock(w, 0, 0, "0", "GIL", false, &err), 0);
	for (unsigned i = 0; i < 200000; i++) {
		struct gillog_event e = { .time = time += 100 + random_below(400), .n_attrs = 1,
					  .kind = i % 2 ? GL_RELEASE : GL_ACQUIRE };

		assert_int_equal(
			gillog_put_event(w, 0, &e, &(struct gillog_attr){ GL_ATTR_CPU, 1 }, &err),
			0);
	}
	assert_int_equal(gillog_finish(w, &err), 0);
	assert_true(gillog_written(w)->raw_bytes <= 2 * 200000 + 100);
	gillog_writer_free(w);
	buf_release(&log);
}

/* On 2.7 checks and countdown of a thread that calls in a loop cost next to nothing. */
static void test_small_ticks(void **state)
{
	struct gillog_writer_options o = { 0 };
	struct gillog_writer *w;
	struct buf log = BUF_INIT;
	struct err err = { 0 };
	uint64_t time = 1000000;
	int64_t checks = 0, countdown = 100;

	(void)state;
	assert_int_equal(gillog_writer_new(&w, &o, write_buf, &log, &err), 0);
	assert_int_equal(gillog_put_thread(w, 0, 0, "1", "", &err), 0);
	assert_int_equal(gillog_put_lock(w, 0, 0, "0", "GIL", false, &err), 0);
	/* Five ticks and a call, again and again; a check where the countdown falls below 0. */
	for (unsigned i = 0, ticks = 0; i < 200000; i++) {
		struct gillog_event e = { .time = time += 100 + random_below(400), .n_attrs = 2,
					  .kind = i % 2 ? GL_RELEASE : GL_ACQUIRE };

		for (; e.kind == GL_RELEASE; ticks++) {
			if (ticks == 5) {
				ticks = 0;
				break;
			}
			if (--countdown < 0) {
				countdown = 100;
				checks++;
				ticks++;
				break;
			}
		}
		assert_int_equal(gillog_put_event(w, 0, &e, (struct gillog_attr[]){
			{ GL_ATTR_CHECKS, checks }, { GL_ATTR_COUNTDOWN, countdown } }, &err), 0);
	}
	assert_int_equal(gillog_finish(w, &err), 0);
	assert_true(gillog_written(w)->raw_bytes <= 2 * 200000 + 200);
	gillog_writer_free(w);
	buf_release(&log);
}

/* What a log cannot hold is refused with a sentence, and leaves the log as it was. */
static void test_refused(void **state)
{
	struct gillog_writer_options o = { 0 };
	struct gillog_writer *w;
	struct gillog_event e = { .time = 10, .kind = GL_ACQUIRE };
	struct gillog_attr bad[] = {
		{ GL_ATTR_FUNC, 0 }, { GL_ATTR_CPU, -1 }, { GL_ATTR_TARGET, 7 }, { 99, 0 }
	};
	struct buf log = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(gillog_writer_new(&w, &o, write_buf, &log, &err), 0);
	assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), -1);		/* no thread */
	assert_int_equal(gillog_put_thread(w, 1, 0, "1", "", &err), -1);	/* 0 is next */
	assert_int_equal(gillog_put_thread(w, 0, 0, "1", "", &err), 0);
	assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), -1);		/* no lock */
	assert_int_equal(gillog_put_lock(w, 0, 0, "0", "", false, &err), 0);
	assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), 0);
	e.n_attrs = 1;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(gillog_put_event(w, 0, &e, &bad[i], &err), -1);
	e.n_attrs = 0;
	e.time = 9;
	assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), -1);		/* backwards */
	/* an event lies at 10 */
	assert_int_equal(gillog_mark(w, 10, &err), -1);
	assert_int_equal(gillog_mark(w, 11, &err), 0);
	e.time = 10;
	/* before the mark */
	assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), -1);
	e.kind = 77;
	assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), -1);
	assert_int_equal(gillog_finish(w, &err), 0);
	assert_int_equal(gillog_written(w)->events, 1);
	gillog_writer_free(w);
	buf_release(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_small_ticks),
		cmocka_unit_test(test_refused),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
