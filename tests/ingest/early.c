/*
 * Whether somebody has the time to build the tree while the events still come, changes no byte of
 * the timeline: with threads that begin later, so that what was built must be built again; with
 * takes that outlast the blocks that wait, so that patches say otherwise of what was built; on
 * either clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io.h"
#include "random.h"
#include "scratch.h"
#include "timeline.h"
#include "tracker.h"

#define EVENTS 900000
#define AT_ONCE 3000
#define MANY 24

enum idle { NEVER, ALWAYS, AT_TIMES };

struct shape {
	unsigned threads, late;		/* so many of them begin in the middle */
	bool ticks, long_takes;
};

struct trace {
	struct names names;
	struct tracker *tracker;
	struct log log;
	struct record rec[AT_ONCE];
	struct err err;
};

static void add_threads(struct trace *t, unsigned n)
{
	while (t->names.n_threads < n) {
		uint32_t number;
		char id[16];

		/* In order of display the later ones come first. */
		snprintf(id, sizeof(id), "t%u", t->names.n_threads);
		assert_int_equal(names_find(&t->names, NAME_THREAD, t->names.n_threads < n / 2, id,
					    strlen(id), &number, NULL, &t->err),
				 0);
		assert_int_equal(names_lane(&t->names, number, &t->err), 0);
	}
}

/* One thread at a time has the lock; the next one waits for it before. */
static void fill(struct trace *t, const struct shape *s, uint64_t *time, unsigned *owner)
{
	for (unsigned i = 0; i + 2 < AT_ONCE; i += 3) {
		unsigned next = random_below(t->names.n_threads);

		/* The first thread waits all the time, but for now and then. */
		if (s->long_takes && (next == 0 || *owner == 0) && random_below(50000))
			next = *owner ? *owner : 1;
		*time += 1 + random_below(500) * random_below(20);
		t->rec[i] =
			(struct record){ .time = *time,
					 .thread = s->long_takes && !random_below(40) ? 0 : next,
					 .kind = EV_BUSY };
		if (t->rec[i].thread == *owner)
			t->rec[i].kind = EV_TIMEOUT;
		*time += random_below(300);
		t->rec[i + 1] =
			(struct record){ .time = *time, .thread = *owner, .kind = EV_RELEASE };
		*time += random_below(60);
		t->rec[i + 2] =
			(struct record){ .time = *time, .thread = next, .kind = EV_ACQUIRE };
		*owner = next;
	}
}

/* Returns how often the writer had something to do. */
static uint64_t make(const char *path, const struct shape *s, uint64_t seed, enum idle idle)
{
	struct trace *t = calloc(1, sizeof(*t));
	struct timeline_info info = { .version = 1,
				      .title = "early",
				      .clock = s->ticks ? CLOCK_TICKS : CLOCK_NS };
	uint64_t time = 1000, helped = 0;
	uint32_t chance = 1;		/* apart from random.h's, so that the events are the same */
	unsigned owner = 0;
	uint32_t number;

	random_state = seed;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(names_add_process(&t->names, 0, 100 + i, &number, &t->err), 0);
	assert_int_equal(names_find(&t->names, NAME_LOCK, 0, "", 0, &number, NULL, &t->err), 0);
	t->names.check_interval = s->ticks ? 100 : 0;
	t->log = (struct log){ .path = path,
			       .names = &t->names,
			       .err = &t->err,
			       .clock = info.clock,
			       .waits = WAITS_BUSY,
			       .rec = t->rec };
	if (tracker_new(&t->tracker, &t->names, path, true, 2, &t->err))
		fail_msg("%s", t->err.msg);
	add_threads(t, s->threads - s->late);
	for (unsigned n = 0; n < EVENTS; n += AT_ONCE) {
		if (n > EVENTS / 2)
			add_threads(t, s->threads);
		fill(t, s, &time, &owner);
		t->log.n = t->log.ready = AT_ONCE / 3 * 3;
		if (tracker_events(t->tracker, &t->log, 0, AT_ONCE / 3 * 3, &t->err))
			fail_msg("%s", t->err.msg);
		while (idle != NEVER &&
		       (idle == ALWAYS || (chance = chance * 1664525u + 1013904223u) >> 30) &&
		       tracker_idle(t->tracker))
			helped++;
	}
	if (tracker_finish(t->tracker, &info, &t->err))
		fail_msg("%s", t->err.msg);
	tracker_free(t->tracker);
	names_release(&t->names);
	free(t);
	return helped;
}

static void same_bytes(const char *a, const char *b)
{
	uint8_t *p, *q;
	size_t n, m;
	struct err err;

	assert_int_equal(io_read_file(a, 1u << 30, &p, &n, &err), 0);
	assert_int_equal(io_read_file(b, 1u << 30, &q, &m, &err), 0);
	assert_int_equal(n, m);
	assert_memory_equal(p, q, n);
	free(p);
	free(q);
}

static void same_with_any_idleness(void **state)
{
	static const struct shape shapes[] = {
		{ 3, 0, false, false }, { 4, 0, true, false },	{ MANY, 0, false, false },
		{ 5, 2, false, false }, { 12, 3, true, false }, { 4, 0, false, true },
		{ 6, 1, false, true },
	};

	const char *mode = getenv("GILSCOPE_MODE");
	/* tsan is slow, and to it most of them are alike */
	size_t step = mode && !strcmp(mode, "tsan") ? 3 : 1;
	char never[512], always[512], times[512];

	(void)state;
	scratch_path(never, sizeof(never), "-never.gtl");
	scratch_path(always, sizeof(always), "-always.gtl");
	scratch_path(times, sizeof(times), "-times.gtl");
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i += step) {
		uint64_t seed = random_next(), helped;
		struct timeline *tl;
		struct err err;

		make(never, &shapes[i], seed, NEVER);
		helped = make(always, &shapes[i], seed, ALWAYS);
		make(times, &shapes[i], seed, AT_TIMES);
		same_bytes(never, always);
		same_bytes(never, times);
		assert_int_equal(timeline_open(&tl, always, &err), 0);
		/*
		 * So that this is a test at all: there is more to do than the blocks, if they do
		 * not wait for takes to end.
		 */
		assert_true(timeline_info(tl)->n_blocks > 100 && timeline_info(tl)->n_nodes > 20);
		assert_true(shapes[i].late || shapes[i].long_takes ||
			    helped > timeline_info(tl)->n_blocks);
		timeline_close(tl);
	}
	unlink(never);
	unlink(always);
	unlink(times);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_with_any_idleness) };

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
