/*
 * A figure's lanes are the tiles, pixel for pixel, where its columns are the tiles' bins; and for
 * any from and to each column is what a naive painter makes of the periods and events in it, to
 * within the row that a tie may go to; read from bins or from events, columns are the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "figure.h"
#include "painter.h"
#include "random_timeline.h"
#include "scratch.h"
#include "site.h"

static char path[1024];

struct drawn {
	png_image image;
	uint8_t *rgb;
	struct figure_placed *at;
	size_t n;
};

static void remember(void *ctx, const struct figure_placed *p)
{
	struct drawn *d = ctx;

	d->at = realloc(d->at, (d->n + 1) * sizeof(*d->at));
	d->at[d->n++] = *p;
}

static void draw(struct drawn *d, struct figure_options *o)
{
	const char *const paths[] = { path };
	struct buf out = BUF_INIT;
	struct err err;

	*d = (struct drawn){ .image.version = PNG_IMAGE_VERSION };
	o->paths = paths;
	o->n_paths = 1;
	o->family = "DejaVu Sans";
	o->placed = remember;
	o->ctx = d;
	o->no_arrows = true;
	if (figure_make(o, &out, &err))
		fail_msg("%s", err.msg);
	assert_int_not_equal(png_image_begin_read_from_memory(&d->image, out.data, out.len), 0);
	d->image.format = PNG_FORMAT_RGB;
	d->rgb = malloc(PNG_IMAGE_SIZE(d->image));
	assert_int_not_equal(png_image_finish_read(&d->image, NULL, d->rgb, 0, NULL), 0);
	buf_release(&out);
}

static void forget(struct drawn *d)
{
	free(d->rgb);
	free(d->at);
}

static bool is_colour(const struct drawn *d, uint32_t x, uint32_t y, const struct colour *c)
{
	const uint8_t *p = d->rgb + 3 * ((size_t)y * d->image.width + x);

	return p[0] == c->r && p[1] == c->g && p[2] == c->b;
}

/* The ink of a column's row, all pixels of which must be the same. */
static unsigned ink_at(const struct drawn *d, const struct figure_placed *p,
		       const struct figure_theme *t, uint32_t i, uint32_t row)
{
	uint32_t x = p->x + i * p->column, y = p->y + row * p->row;

	for (unsigned ink = 0; ink < N_INKS; ink++) {
		bool all = true;

		for (uint32_t dy = 0; dy < p->row; dy++)
			for (uint32_t dx = 0; dx < p->column; dx++)
				all &= is_colour(d, x + dx, y + dy, &t->ink[ink]);
		if (all)
			return ink;
	}
	fail_msg("lane %u, column %u, row %u is of no one ink", p->lane, i, row);
	return 0;
}

static struct timeline *open_timeline(void)
{
	struct timeline *tl;
	struct err err;

	if (timeline_open(&tl, path, &err))
		fail_msg("%s", err.msg);
	return tl;
}

/* --- the tiles -------------------------------------------------------------------------------- */

static void check_tile(const struct drawn *d, struct timeline *tl, enum figure_look look,
		       unsigned lane_height, unsigned width, unsigned z, uint64_t x, uint32_t first)
{
	enum theme theme = look == LOOK_DARK ? THEME_DARK : THEME_LIGHT;
	struct buf png = BUF_INIT;
	struct figure_theme t;
	struct tile_set set;
	struct tiler *tiler;
	struct picture pic;
	struct err err;

	figure_theme_init(&t, look);
	if (tile_set_init(&set, tl, width, lane_height, theme, &err))
		fail_msg("%s", err.msg);
	set.rule = (struct tile_rule){ .full = true, .z_limit = set.pyramid.z_max };
	tiler = tiler_new(&set, &err);
	for (uint32_t y = 0; y < set.pyramid.n_groups; y++) {
		buf_clear(&png);
		if (tiler_one(tiler, z, x, y, &png, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(picture_decode(&pic, png.data, png.len), 0);
		for (size_t k = 0; k < d->n; k++) {
			const struct figure_placed *p = &d->at[k];
			uint32_t top = p->lane % LANES_PER_TILE * lane_height;

			if (p->lane / LANES_PER_TILE != y)
				continue;
			assert_int_equal(p->h * p->row, (lane_height - LANE_GAP) * p->row);
			for (uint32_t i = 0; i < width; i++)
				for (uint32_t row = 0; row < p->h; row++) {
					unsigned want = pic.pixels[(top + row) * width + i];

					if (ink_at(d, p, &t, first + i, row) != want)
						fail_msg("tile %u/%d/%u, lane %u, column %u, row "
							 "%u: not %s",
							 z, (int)x, y, p->lane, i, row,
							 ink_names[want]);
				}
		}
		picture_release(&pic);
	}
	tiler_free(tiler);
	buf_release(&png);
}

static void whole_tiles_are_the_same(void **state)
{
	static const unsigned heights[] = { 12, 32, 33, 128 };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct sim_options so = {
			.n_threads = 1 + (uint32_t)random_below(i % 3 ? 4 : 11),
			.n_events = 1 + random_below(4000),
			.max_step = 1 + random_below(i % 2 ? 400 : 40000),
			.block_events = random_below(2) ? 20 + (unsigned)random_below(400) : 0,
		};
		unsigned width = 256u << random_below(2), n = 1024 / width,
			 height = heights[random_below(4)];
		struct figure_options o = {
			.scale = 1 + (unsigned)random_below(3),
			.lane_height = height,
			.look = i % 2 ? LOOK_DARK : LOOK_LIGHT,
		};
		char from[32], to[32];
		struct pyramid pyramid;
		struct timeline *tl;
		struct drawn d;
		unsigned z;
		uint64_t x, span;

		random_timeline(path, &so);
		tl = open_timeline();
		pyramid_init(&pyramid, timeline_info(tl)->end, so.n_threads, width);
		z = (unsigned)random_below(pyramid.z_max + 1);
		span = pyramid_span(&pyramid, z);
		x = random_below(pyramid_tiles(&pyramid, z));
		snprintf(from, sizeof(from), "%lluns", (unsigned long long)(x * span));
		snprintf(to, sizeof(to), "%lluns", (unsigned long long)((x + n) * span));
		o.from = from;
		o.to = to;
		draw(&d, &o);
		assert_int_equal(d.n, so.n_threads);
		assert_int_equal(d.at[0].n, n * width);
		for (unsigned k = 0; k < n && x + k < pyramid_tiles(&pyramid, z); k++)
			check_tile(&d, tl, o.look, height, width, z, x + k, k * width);
		forget(&d);
		timeline_close(tl);
	}
	unlink(path);
}

/* --- any stretch ------------------------------------------------------------------------------ */

struct naive {
	uint64_t from, to;
	uint64_t bright;		/* in wider columns only a switch is bright */
	uint32_t n, n_lanes;
	struct naive_bin *bin;		/* [lane * n + column] */
};

static uint64_t column_begin(const struct naive *v, uint32_t i)
{
	return v->from + (uint64_t)((unsigned __int128)(v->to - v->from) * i / v->n);
}

static uint64_t column_end(const struct naive *v, uint32_t i)
{
	uint64_t a = column_begin(v, i), b = column_begin(v, i + 1);

	return b > a ? b : a + 1;
}

static uint64_t bright_width(struct timeline *tl)
{
	struct pyramid p;

	pyramid_init(&p, timeline_info(tl)->end, timeline_info(tl)->n_lanes, 64);
	return UINT64_C(1) << tile_bright_level(&p, tl);
}

static int add_period(void *ctx, const struct period *p)
{
	struct naive *v = ctx;

	for (uint32_t i = 0; p->thread < v->n_lanes && i < v->n; i++) {
		uint64_t a = column_begin(v, i), b = column_end(v, i);
		struct naive_bin *bin = &v->bin[p->thread * v->n + i];
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

	for (uint32_t i = 0; e->thread < v->n_lanes && i < v->n; i++) {
		struct naive_bin *bin = &v->bin[e->thread * v->n + i];

		if (e->time < column_begin(v, i) || e->time >= column_end(v, i))
			continue;
		bin->acquires += e->kind == EV_ACQUIRE;
		bin->switches += e->kind == EV_ACQUIRE && e->flags & EVF_SWITCH;
		bin->busy += e->kind == EV_BUSY;
		bin->retry += e->kind == EV_RETRY;
		bin->lost = plain_lost(bin->lost, !!(e->flags & EVF_LOST_ACQUIRE) +
						  !!(e->flags & EVF_LOST_RELEASE));
		for (unsigned k = 0; k < e->n_attrs; k++)
			if (attrs[k].id == ATTR_COUNT && e->kind == EV_LOST)
				bin->lost = plain_lost(bin->lost, attrs[k].value);
	}
	return 0;
}

static void check_column(const struct drawn *d, const struct figure_placed *p,
			 const struct figure_theme *t, const struct naive *v, uint32_t i)
{
	uint8_t want[LANE_HEIGHT_MAX] = { 0 };
	int rows[N_INKS] = { 0 };

	v->bin[p->lane * v->n + i].far = column_end(v, i) - column_begin(v, i) > v->bright;
	naive_column(&v->bin[p->lane * v->n + i], column_end(v, i) - column_begin(v, i), p->h,
		     want);
	for (uint32_t row = 0; row < p->h; row++) {
		rows[ink_at(d, p, t, i, row)]++;
		rows[want[row]]--;
	}
	for (unsigned ink = 0; ink < N_INKS; ink++)
		if (rows[ink] < -1 || rows[ink] > 1 ||
		    (rows[ink] && (ink == INK_BUSY || ink == INK_RETRY)))
			fail_msg("lane %u, column %u of %u: %s is %d rows off", p->lane, i, v->n,
				 ink_names[ink], rows[ink]);
}

static void any_stretch_is_exact(void **state)
{
	struct figure_theme theme;

	(void)state;
	figure_theme_init(&theme, LOOK_LIGHT);
	for (unsigned i = 0; i < 8; i++) {
		struct sim_options so = {
			.n_threads = 1 + (uint32_t)random_below(i % 3 ? 3 : 10),
			.n_events = 1 + random_below(1500),
			.max_step = 1 + random_below(i % 2 ? 30 : 100000),
			.block_events = random_below(2) ? 20 + (unsigned)random_below(400) : 0,
		};
		struct figure_options o = {
			.scale = 1, .lane_height = 12 + (unsigned)random_below(60),
			.width = random_below(2) ? 300 + (unsigned)random_below(500) : 0,
		};
		struct naive v = { .n_lanes = so.n_threads };
		char from[32], to[32];
		struct timeline_cursor *c;
		struct timeline *tl;
		struct drawn d;
		struct err err;
		uint64_t end;

		random_timeline(path, &so);
		tl = open_timeline();
		end = timeline_info(tl)->end;
		v.from = random_below(end + 1);
		v.to = v.from + 1 + random_below(end - v.from + 5);
		snprintf(from, sizeof(from), "%lluns", (unsigned long long)v.from);
		snprintf(to, sizeof(to), "%lluns", (unsigned long long)v.to);
		if (i % 4) {
			o.from = from;
			o.to = to;
		} else {
			v.from = 0;
			v.to = end + 1;
		}
		draw(&d, &o);
		v.n = d.at[0].n;
		v.bright = bright_width(tl);
		assert_true(d.at[0].from == v.from && d.at[0].to == v.to);
		v.bin = calloc((size_t)v.n * v.n_lanes, sizeof(*v.bin));
		c = timeline_cursor_new(tl, &err);
		assert_int_equal(timeline_periods(c, v.from, v.to, add_period, &v, &err), 0);
		assert_int_equal(timeline_events(c, v.from, v.to, add_event, &v, &err), 0);
		for (size_t k = 0; k < d.n; k++)
			for (uint32_t x = 0; x < v.n; x++)
				check_column(&d, &d.at[k], &theme, &v, x);
		free(v.bin);
		forget(&d);
		timeline_cursor_free(c);
		timeline_close(tl);
	}
	unlink(path);
}

static void bins_and_events_agree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct sim_options so = {
			.n_threads = 1 + (uint32_t)random_below(i % 5 ? 4 : 20),
			.n_events = 1 + random_below(i % 4 ? 3000 : 30000),
			.max_step = 1 + random_below(i % 2 ? 300 : 1000000),
			.block_events = random_below(2) ? 20 + (unsigned)random_below(400) : 0,
		};
		struct figure_columns c = { .h = 5 + (unsigned)random_below(100),
					    .few = UINT64_MAX },
				      d;
		uint32_t lane[20];
		struct timeline *tl;
		struct err err;
		uint64_t end;

		random_timeline(path, &so);
		tl = open_timeline();
		end = timeline_info(tl)->end;
		c.from = random_below(2) ? 0 : random_below(end + 1);
		c.to = random_below(2) ? end + 1 : c.from + 1 + random_below(end + 50 - c.from);
		c.n = 1 + (uint32_t)random_below(c.to - c.from < 2000 ? c.to - c.from : 2000);
		while (c.n_rows < so.n_threads) {
			lane[c.n_rows] = so.n_threads - 1 - c.n_rows;
			c.n_rows++;
		}
		c.bright = 1 + random_below(end);
		d = c;
		d.few = 0;
		if (figure_columns_load(&c, tl, lane, &err) ||
		    figure_columns_load(&d, tl, lane, &err))
			fail_msg("%s", err.msg);
		assert_memory_equal(c.handoffs, d.handoffs, c.n * sizeof(*c.handoffs));
		for (size_t k = 0; k < (size_t)c.n * c.n_rows; k++) {
			assert_true(c.cell[k].column == d.cell[k].column &&
				    c.cell[k].is_edge == d.cell[k].is_edge);
			assert_memory_equal(c.cell[k].ink, d.cell[k].ink, sizeof(c.cell[k].ink));
			assert_memory_equal(c.cell[k].cut, d.cell[k].cut, sizeof(c.cell[k].cut));
		}
		figure_columns_release(&c);
		figure_columns_release(&d);
		timeline_close(tl);
	}
	unlink(path);
}

/* --- shapes ----------------------------------------------------------------------------------- */

struct canvas { uint8_t *ink; uint32_t n; unsigned h, now; };

/* Paints the columns that it covers as a whole. */
static void paint(void *ctx, double x0, double x1, unsigned y0, unsigned y1)
{
	struct canvas *c = ctx;

	assert_true(x0 >= 0 && x0 < x1 && x1 <= c->n && y0 < y1 && y1 <= c->h);
	for (uint32_t i = (uint32_t)x0 + (x0 > (uint32_t)x0); i + 1.0 <= x1; i++)
		for (unsigned y = y0; y < y1; y++)
			c->ink[i * c->h + y] = (uint8_t)c->now;
}

static void check_edge(const struct figure_lane *l, uint32_t i)
{
	const struct figure_cell *cell = &l->cell[i];
	static const unsigned shift[N_INKS] = {
		[INK_RUN] = COLUMN_RUN,
		[INK_STALL] = COLUMN_STALL,
		[INK_SIGNAL] = COLUMN_SIGNAL,
		[INK_WAIT] = COLUMN_WAIT,
	};
	double at[4] = { 0, cell->cut[0] / 255.0, cell->cut[1] / 255.0, 1 };

	/* what is drawn side by side has the shares of what would be drawn one over the other */
	for (unsigned k = 0; k < 3; k++) {
		double rows = (double)(cell->column >> shift[cell->ink[k]] & 127), d;

		if (cell->ink[k] == INK_IDLE || at[k] == at[k + 1])
			continue;
		d = (at[k + 1] - at[k]) * l->h - rows;
		/*
		 * two parts that are hardly there have a row each, which the third one has not; and
		 * rounding
		 */
		assert_true(d > -1.6 && d < 2.1);
	}
}

static void shapes_are_the_columns(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		struct sim_options so = {
			.n_threads = 3,
			.n_events = 1 + random_below(i % 2 ? 60 : 3000),
			.max_step = 100000,
		};
		struct figure_columns c = { .n = 1 + (uint32_t)random_below(900),
					    .n_rows = 3,
					    .h = 20 };
		const uint32_t lane[] = { 2, 0, 1 };
		struct timeline *tl;
		struct err err;

		random_timeline(path, &so);
		tl = open_timeline();
		c.to = timeline_info(tl)->end + 1;
		if (figure_columns_load(&c, tl, lane, &err))
			fail_msg("%s", err.msg);
		for (uint32_t row = 0; row < 3; row++) {
			struct figure_lane l = { .cell = c.cell + row * c.n, .n = c.n, .h = c.h };
			struct canvas canvas = { .ink = calloc(c.n, c.h), .n = c.n, .h = c.h };

			for (unsigned k = 0; k < N_INKS - 1; k++) {
				canvas.now = figure_shape_order[k];
				figure_shapes(&l, canvas.now, paint, &canvas);
			}
			for (uint32_t x = 0; x < c.n; x++) {
				struct segment seg[COLUMN_SEGMENTS];
				unsigned n = column_segments(l.cell[x].column, c.h, seg);

				if (l.cell[x].is_edge)
					check_edge(&l, x);
				/*
				 * a take is marked a column wide from its instant on, and so in the
				 * next one
				 */
				if (l.cell[x].is_edge || (x && l.cell[x - 1].is_edge))
					continue;
				for (unsigned k = 0; k < n; k++)
					for (unsigned y = seg[k].row;
					     y < (k + 1 < n ? seg[k + 1].row : c.h); y++)
						assert_int_equal(canvas.ink[x * c.h + y],
								 seg[k].ink);
			}
			free(canvas.ink);
		}
		figure_columns_release(&c);
		timeline_close(tl);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_tiles_are_the_same),
		cmocka_unit_test(any_stretch_is_exact),
		cmocka_unit_test(bins_and_events_agree),
		cmocka_unit_test(shapes_are_the_columns),
	};

	random_seed_from_env();
	scratch_path(path, sizeof(path), ".gtl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
