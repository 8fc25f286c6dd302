/*
 * The longest waits that a page lists are those that a plain walk over all events finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "random_timeline.h"
#include "scratch.h"
#include "waits.h"

struct walk {
	struct { uint8_t state; uint64_t since; } lane[64];
	struct worst_wait *w;
	size_t n;
};

static int see(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct walk *v = ctx;
	bool waited = v->lane[e->thread].state == STATE_WAIT;
	uint64_t since = v->lane[e->thread].since;

	(void)attrs;
	if (waited && e->kind == EV_ACQUIRE && e->time > since)
		v->w[v->n++] = (struct worst_wait){ since, e->time - since, e->thread };
	if (waited != (e->state == STATE_WAIT) || e->kind == EV_ACQUIRE)
		v->lane[e->thread].since = e->time;
	v->lane[e->thread].state = e->state;
	return 0;
}

static int worse(const void *a, const void *b)
{
	const struct worst_wait *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? 1 : -1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->lane < y->lane ? -1 : x->lane > y->lane;
}

static void the_worst_are_found(void **state)
{
	char path[1024];

	(void)state;
	scratch_path(path, sizeof(path), ".gtl");
	for (unsigned i = 0; i < 60; i++) {
		struct sim_options o = {
			.n_threads = 1 + (uint32_t)random_below(i % 5 ? 6 : 40),
			.n_events = 1 + random_below(i % 3 ? 2000 : 20000),
			.max_step = i % 2 ? 1 + random_below(200) : 1 + random_below(2000000),
			.block_events = random_below(2) ? 20 + (unsigned)random_below(500) : 0,
		};
		struct walk v = { .n = 0 };
		struct worst_wait w[100];
		struct timeline_cursor *c;
		struct timeline *tl;
		struct err err;
		int n;

		random_timeline(path, &o);
		if (timeline_open(&tl, path, &err))
			fail_msg("%s", err.msg);
		unlink(path);
		c = timeline_cursor_new(tl, &err);
		v.w = calloc(o.n_events, sizeof(*v.w));
		assert_int_equal(timeline_events(c, 0, UINT64_MAX, see, &v, &err), 0);
		qsort(v.w, v.n, sizeof(*v.w), worse);
		n = worst_waits(tl, w, 100, &err);
		assert_int_equal(n, v.n < 100 ? v.n : 100);
		for (int k = 0; k < n; k++) {
			assert_int_equal(w[k].length, v.w[k].length);
			assert_int_equal(w[k].begin, v.w[k].begin);
			assert_int_equal(w[k].lane, v.w[k].lane);
		}
		free(v.w);
		timeline_cursor_free(c);
		timeline_close(tl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_worst_are_found) };

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
