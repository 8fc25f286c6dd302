/*
 * A tile is the same whether it is drawn from bins, from a strip of its own, or as part of a larger
 * strip; its pixels are those that a naive painter makes from the plain list of periods and events;
 * and a tile made on demand has the same bytes as one of a full set.
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

static char path[1024];

struct fixture {
	struct timeline *tl;
	struct tile_set set;
};

static void make(struct fixture *f, const struct sim_options *o, unsigned width,
		 uint64_t leaf_events)
{
	struct err err;

	random_timeline(path, o);
	if (timeline_open(&f->tl, path, &err))
		fail_msg("%s", err.msg);
	unlink(path);
	f->set = (struct tile_set){
		.tl = f->tl, .lane_height = 32, .all_bytes = true,
		.rule = { .full = true, .leaf_events = leaf_events },
	};
	pyramid_init(&f->set.pyramid, timeline_info(f->tl)->end, timeline_info(f->tl)->n_lanes,
		     width);
	f->set.rule.z_limit = f->set.pyramid.z_max;
	f->set.bright_level = tile_bright_level(&f->set.pyramid, f->tl);
}

static void run(struct tiler *t, unsigned z, uint64_t x, bool subtree, struct tile_batch *out)
{
	struct tile_job job = { .z = (uint8_t)z, .x = x, .subtree = subtree };
	struct err err;

	if (tiler_run(t, &job, out, &err))
		fail_msg("%s", err.msg);
}

/* The tile of the batch that covers the address. */
static const struct batch_tile *find(const struct tile_batch *b, unsigned z, uint64_t x, uint32_t y)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct batch_tile *t = &b->tile[i];

		if (t->z == z && t->y == y && x >= t->x && x - t->x < t->n)
			return t;
	}
	fail_msg("no tile %u/%d/%u", z, (int)x, y);
	return NULL;
}

/* The sums in a tile's chunk, for whoever reads a failure. */
static void show(const uint8_t *png, size_t len)
{
	struct picture p;
	const uint8_t *q, *end;
	uint64_t v = 0;

	assert_int_equal(picture_decode(&p, png, len), 0);
	for (q = p.chunk + 3, end = p.chunk + p.chunk_len; p.chunk && q && q < end;) {
		q = get_varint(q, end, &v);
		fprintf(stderr, "%llu ", (unsigned long long)v);
	}
	fprintf(stderr, "\n");
	picture_release(&p);
}

static void assert_same(const struct tile_batch *a, const struct batch_tile *x,
			const struct tile_batch *b, const struct batch_tile *y)
{
	if (x->len != y->len || memcmp(a->data.data + x->off, b->data.data + y->off, x->len)) {
		show(a->data.data + x->off, x->len);
		show(b->data.data + y->off, y->len);
		fail_msg("tile %u/%d/%u differs", x->z, (int)x->x, x->y);
	}
	assert_int_equal(x->hash.lo, y->hash.lo);
}

/* --- the naive painter ------------------------------------------------------------------------ */

struct naive {
	uint64_t from, width;		/* of a column */
	uint32_t n, lane0, n_lanes;
	struct naive_bin *bin;		/* [lane * n + column] */
};

static int add_period(void *ctx, const struct period *p)
{
	struct naive *v = ctx;
	uint32_t lane = p->thread - v->lane0;

	if (lane >= v->n_lanes)
		return 0;
	for (uint32_t i = 0; i < v->n; i++) {
		uint64_t a = v->from + i * v->width, b = a + v->width;
		struct naive_bin *bin = &v->bin[lane * v->n + i];
		uint64_t *part[] = {
			[STATE_RUN] = &bin->run, [STATE_STALL] = &bin->stall,
			[STATE_SIGNAL] = &bin->signal, [STATE_WAIT] = &bin->wait,
		};

		a = p->begin > a ? p->begin : a;
		b = p->end < b ? p->end : b;
		if (a < b)
			*part[p->state] += b - a;
	}
	return 0;
}

static int add_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct naive *v = ctx;
	struct naive_bin *bin;

	if (e->thread - v->lane0 >= v->n_lanes)
		return 0;
	bin = &v->bin[(e->thread - v->lane0) * v->n + (e->time - v->from) / v->width];
	bin->acquires += e->kind == EV_ACQUIRE;
	bin->switches += e->kind == EV_ACQUIRE && e->flags & EVF_SWITCH;
	bin->busy += e->kind == EV_BUSY;
	bin->retry += e->kind == EV_RETRY;
	bin->lost = plain_lost(bin->lost, !!(e->flags & EVF_LOST_ACQUIRE) +
						  !!(e->flags & EVF_LOST_RELEASE));
	for (unsigned i = 0; i < e->n_attrs; i++)
		if (attrs[i].id == ATTR_COUNT && e->kind == EV_LOST)
			bin->lost = plain_lost(bin->lost, attrs[i].value);
	return 0;
}

static void check_pixels(const struct fixture *f, const struct batch_tile *t, const uint8_t *png,
			 size_t len)
{
	const struct pyramid *p = &f->set.pyramid;
	unsigned h = f->set.lane_height - LANE_GAP;
	struct naive v = {
		.from = t->x * pyramid_span(p, t->z),
		.width = UINT64_C(1) << pyramid_level(p, t->z),
		.n = p->tile_width,
		.lane0 = t->y * LANES_PER_TILE,
		.n_lanes = pyramid_lanes(p, t->y),
	};
	uint64_t to = v.from + pyramid_span(p, t->z);
	struct timeline_cursor *c;
	struct picture pic;
	struct err err;

	v.bin = calloc((size_t)v.n * v.n_lanes, sizeof(*v.bin));
	c = timeline_cursor_new(f->tl, &err);
	assert_int_equal(timeline_periods(c, v.from, to, add_period, &v, &err), 0);
	assert_int_equal(timeline_events(c, v.from, to, add_event, &v, &err), 0);
	assert_int_equal(picture_decode(&pic, png, len), 0);
	for (uint32_t l = 0; l < v.n_lanes; l++)
		for (uint32_t x = 0; x < v.n; x++) {
			uint8_t want[LANE_HEIGHT_MAX] = { 0 };

			v.bin[l * v.n + x].far = pyramid_level(p, t->z) > f->set.bright_level;
			naive_column(&v.bin[l * v.n + x], v.width, h, want);
			for (unsigned r = 0; r < f->set.lane_height; r++)
				if (pic.pixels[(l * f->set.lane_height + r) * v.n + x] != want[r])
					fail_msg("tile %u/%d/%u lane %u column %u row %u", t->z,
						 (int)t->x, t->y, l, x, r);
		}
	picture_release(&pic);
	timeline_cursor_free(c);
	free(v.bin);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void random_options(struct sim_options *o, unsigned i)
{
	*o = (struct sim_options){
		.n_threads = 1 + (uint32_t)random_below(i % 4 ? 5 : 20),
		.n_events = 1 + random_below(i % 3 ? 300 : 5000),
		.max_step = 1 + random_below(i % 5 ? 40 : 4000),
		.checks = i & 1,
		.block_events = random_below(3) ? 3 + (unsigned)random_below(40) : 0,
	};
	if (o->n_threads > 9 && random_below(2))
		o->idle_threads = 8;
	/* beyond what is drawn from marks when one tile is asked for */
	if (i % 50 == 49) {
		o->n_events = 40000;
		o->max_step = 300;
	}
}

/* With no events in the chunks, bins and marks must agree on everything. */
static void bins_and_marks_agree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		struct tile_batch whole = { 0 }, one = { 0 };
		struct sim_options o;
		struct fixture f;
		struct tiler *t;
		struct err err;

		random_options(&o, i);
		make(&f, &o, 64, 0);
		f.set.rule.cut = true;
		t = tiler_new(&f.set, &err);
		assert_non_null(t);
		run(t, 0, 0, true, &whole);
		for (unsigned k = 0; k < 40; k++) {
			unsigned z = (unsigned)random_below(f.set.pyramid.z_max + 1);
			uint64_t x = random_below(pyramid_tiles(&f.set.pyramid, z));

			one.n = one.data.len = 0;
			run(t, z, x, false, &one);
			for (size_t n = 0; n < one.n; n++)
				assert_same(&one, &one.tile[n], &whole,
					    find(&whole, z, x, one.tile[n].y));
			check_pixels(&f, &one.tile[0], one.data.data + one.tile[0].off,
				     one.tile[0].len);
		}
		tile_batch_release(&whole);
		tile_batch_release(&one);
		tiler_free(t);
		timeline_close(f.tl);
	}
}

/* A tile for the server, and strips that begin elsewhere, with events in the chunks. */
static void any_strip_gives_the_same_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 150; i++) {
		struct tile_batch whole = { 0 }, part = { 0 };
		struct buf png = BUF_INIT;
		struct sim_options o;
		struct fixture f;
		struct tiler *t;
		struct err err;

		random_options(&o, i);
		make(&f, &o, 64, random_below(4) ? 1 + random_below(100) : 0);
		t = tiler_new(&f.set, &err);
		assert_non_null(t);
		run(t, 0, 0, true, &whole);
		for (unsigned k = 0; k < 40; k++) {
			unsigned z = (unsigned)random_below(f.set.pyramid.z_max + 1);
			uint64_t x = random_below(pyramid_tiles(&f.set.pyramid, z));
			uint32_t y = (uint32_t)random_below(f.set.pyramid.n_groups);
			const struct batch_tile *w = find(&whole, z, x, y);

			if (tiler_one(t, z, x, y, &png, &err))
				fail_msg("%s", err.msg);
			assert_int_equal(png.len, w->len);
			assert_memory_equal(png.data, whole.data.data + w->off, w->len);
			if (k % 8)
				continue;
			part.n = part.data.len = 0;
			run(t, z, x, true, &part);
			for (size_t n = 0; n < part.n; n++)
				assert_same(&part, &part.tile[n], &whole,
					    find(&whole, part.tile[n].z, part.tile[n].x,
						 part.tile[n].y));
		}
		buf_release(&png);
		tile_batch_release(&whole);
		tile_batch_release(&part);
		tiler_free(t);
		timeline_close(f.tl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bins_and_marks_agree),
		cmocka_unit_test(any_strip_gives_the_same_bytes),
	};

	random_seed_from_env();
	scratch_path(path, sizeof(path), ".gtl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
