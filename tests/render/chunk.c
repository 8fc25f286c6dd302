/*
 * A tile's giLs chunk, read as docs/site.md says and by nothing else, gives the exact sums of the
 * tile, every event in it, the state of each lane at every instant, and how an open take ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "bytes.h"
#include "painter.h"
#include "random_timeline.h"
#include "scratch.h"
#include "tiler.h"

#define SPAN_MAX 65536		/* instants of a tile that are compared one by one */

struct reader { const uint8_t *p, *end; };

static uint64_t take(struct reader *r)
{
	uint64_t v = 0;

	r->p = get_varint(r->p, r->end, &v);
	assert_non_null(r->p);
	return v;
}

static unsigned take_byte(struct reader *r)
{
	assert_true(r->p < r->end);
	return *r->p++;
}

struct tile {
	struct timeline *tl;
	struct timeline_cursor *c;
	uint64_t from, to;
	uint32_t lane0, n_lanes;
	/* [lane * SPAN_MAX + t - from], from the timeline's periods */
	uint8_t *state;
	uint64_t since[8];		/* at the tile's begin */
	struct event event[4096];
	size_t n_events;
	uint64_t open_end[8];		/* as in the chunk */
	bool known[8];
};

static int paint(void *ctx, const struct period *p)
{
	struct tile *t = ctx;
	uint32_t lane = p->thread - t->lane0;
	uint64_t a = p->begin > t->from ? p->begin : t->from, b = p->end < t->to ? p->end : t->to;

	if (lane >= t->n_lanes || a >= b)
		return 0;
	memset(t->state + lane * SPAN_MAX + (a - t->from), p->state, b - a);
	if (p->begin <= t->from)
		t->since[lane] = p->since;
	return 0;
}

static int keep(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct tile *t = ctx;

	(void)attrs;
	if (e->thread - t->lane0 < t->n_lanes && e->kind != EV_STATE) {
		assert_true(t->n_events < 4096);
		t->event[t->n_events++] = *e;
	}
	return 0;
}

static int find_end(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct tile *t = ctx;
	uint32_t lane = e->thread - t->lane0;

	(void)attrs;
	if (lane >= t->n_lanes || t->known[lane] ||
	    (e->state == STATE_WAIT && e->kind != EV_ACQUIRE))
		return 0;
	t->known[lane] = true;
	if (e->kind == EV_ACQUIRE)
		t->open_end[lane] = 1 + (e->time - t->to);
	return 0;
}

static void load(struct tile *t)
{
	struct err err;

	memset(t->state, STATE_IDLE, (size_t)8 * SPAN_MAX);
	t->n_events = 0;
	memset(t->open_end, 0, sizeof(t->open_end));
	memset(t->known, 0, sizeof(t->known));
	assert_int_equal(timeline_periods(t->c, t->from, t->to, paint, t, &err), 0);
	assert_int_equal(timeline_events(t->c, t->from, t->to, keep, t, &err), 0);
	assert_int_equal(timeline_events(t->c, t->to, UINT64_MAX, find_end, t, &err), 0);
}

static void check_sums(struct tile *t, struct reader *r)
{
	struct timeline_bin sum[8];
	struct err err;

	assert_int_equal(timeline_sum(t->c, t->from, t->to, t->lane0, t->n_lanes, sum, &err), 0);
	for (uint32_t i = 0; i < t->n_lanes; i++) {
		const struct timeline_bin *b = &sum[i];
		const uint64_t want[] = {
			b->run, b->stall, b->wait, b->signal, b->max_wait, b->acquires, b->releases,
			b->busy, b->retry, b->timeouts, b->switches, b->lost, b->events, b->checks,
		};

		for (unsigned k = 0; k < 14; k++)
			assert_int_equal(take(r), want[k]);
	}
}

static void check_events(struct tile *t, struct reader *r)
{
	uint8_t state[8], last[8];
	uint64_t at[8], n, time = t->from;
	size_t seen = 0;

	for (uint32_t i = 0; i < t->n_lanes; i++) {
		state[i] = (uint8_t)take_byte(r);
		at[i] = t->from;
		assert_int_equal(state[i], t->state[i * SPAN_MAX]);
		if (state[i] == STATE_IDLE)
			continue;
		assert_int_equal(take(r), 0);		/* there is one lock */
		assert_int_equal(t->from - take(r), t->since[i]);
	}
	for (n = take(r); n; n--) {
		uint64_t v = take(r);
		unsigned lane = v & 7, kind_state = take_byte(r), bits = take_byte(r);

		time += v >> 3;
		assert_true(lane < t->n_lanes && time < t->to && bits < 8);
		for (; at[lane] < time; at[lane]++)
			assert_int_equal(t->state[lane * SPAN_MAX + (at[lane] - t->from)],
					 state[lane]);
		state[lane] = (uint8_t)(kind_state >> 5);
		if ((kind_state & 31) == 31)
			continue;
		assert_true(seen < t->n_events);
		const struct event *e = &t->event[seen++];
		assert_int_equal(e->time, time);
		assert_int_equal(e->thread - t->lane0, lane);
		assert_int_equal(e->kind, kind_state & 31);
		assert_int_equal(e->flags, (bits & 1 ? EVF_LOST_ACQUIRE : 0) |
						   (bits & 2 ? EVF_SWITCH : 0) |
						   (bits & 4 ? EVF_LOST_RELEASE : 0));
	}
	assert_int_equal(seen, t->n_events);
	for (uint32_t i = 0; i < t->n_lanes; i++) {
		for (; at[i] < t->to; at[i]++)
			assert_int_equal(t->state[i * SPAN_MAX + (at[i] - t->from)], state[i]);
		last[i] = state[i] == STATE_WAIT || state[i] == STATE_SIGNAL;
		assert_int_equal(take(r), last[i] ? t->open_end[i] : 0);
	}
	assert_ptr_equal(r->p, r->end);
}

static void every_chunk_says_what_the_timeline_does(void **state)
{
	struct tile *t = calloc(1, sizeof(*t));
	unsigned n_checked = 0;
	char path[1024];

	(void)state;
	t->state = malloc((size_t)8 * SPAN_MAX);
	scratch_path(path, sizeof(path), ".gtl");
	for (unsigned i = 0; i < 60; i++) {
		struct sim_options o = {
			.n_threads = 1 + (uint32_t)random_below(i % 3 ? 5 : 20),
			.n_events = 1 + random_below(3000),
			.max_step = 1 + random_below(i % 2 ? 40 : 1000),
			.checks = i & 1,
			.block_events = random_below(2) ? 4 + (unsigned)random_below(60) : 0,
		};
		struct tile_set set = {
			.lane_height = 32, .all_bytes = true,
			.rule = { .full = true, .leaf_events = 1 + random_below(200) },
		};
		struct buf png = BUF_INIT;
		struct tiler *tiler;
		struct err err;

		random_timeline(path, &o);
		assert_int_equal(timeline_open(&t->tl, path, &err), 0);
		unlink(path);
		set.tl = t->tl;
		pyramid_init(&set.pyramid, timeline_info(t->tl)->end, o.n_threads, 64);
		set.rule.z_limit = set.pyramid.z_max;
		t->c = timeline_cursor_new(t->tl, &err);
		tiler = tiler_new(&set, &err);
		for (unsigned k = 0; k < 60; k++) {
			unsigned z = (unsigned)random_below(set.pyramid.z_max + 1);
			uint64_t x = random_below(pyramid_tiles(&set.pyramid, z));
			uint32_t y = (uint32_t)random_below(set.pyramid.n_groups);
			struct picture pic;

			t->from = x * pyramid_span(&set.pyramid, z);
			t->to = t->from + pyramid_span(&set.pyramid, z);
			t->lane0 = y * LANES_PER_TILE;
			t->n_lanes = pyramid_lanes(&set.pyramid, y);
			if (t->to - t->from > SPAN_MAX)
				continue;
			assert_int_equal(tiler_one(tiler, z, x, y, &png, &err), 0);
			assert_int_equal(picture_decode(&pic, png.data, png.len), 0);
			if (pic.chunk) {
				struct reader r = { pic.chunk, pic.chunk + pic.chunk_len };
				unsigned flags;

				load(t);
				assert_int_equal(take_byte(&r), 1);
				flags = take_byte(&r);
				assert_int_equal(take_byte(&r), t->n_lanes);
				assert_int_equal(!!(flags & 2), z < set.pyramid.z_max);
				check_sums(t, &r);
				if (flags & 1)
					check_events(t, &r);
				else
					assert_ptr_equal(r.p, r.end);
				n_checked++;
			}
			picture_release(&pic);
		}
		buf_release(&png);
		tiler_free(tiler);
		timeline_cursor_free(t->c);
		timeline_close(t->tl);
	}
	assert_true(n_checked > 300);
	free(t->state);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(
		every_chunk_says_what_the_timeline_does) };

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
