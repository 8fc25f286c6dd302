/*
 * tiles.c - what tests/bench/run.py cannot measure from outside: single tiles
 *
 *   tiles sizes ARCHIVE              bytes of a sample of its distinct tiles, and of libpng's at
 *                                    level 9
 *   tiles strip ARCHIVE Z N OUT.pgm  the pixels of N neighbouring tiles of zoom Z, side by side
 *   tiles rate T.gtl Z WORKERS       tiles per second: every tile down to zoom Z, encoded, thrown
 *                                    away
 *   tiles latency T.gtl [Z]          how long one tile takes, at every zoom: hot (the timeline is
 *                                    open, other tiles of the zoom were asked for) and cold (opened
 *                                    for this one)
 *
 * Results are JSON on stdout.  ARCHIVE is a .pmtiles.
 */
#include <png.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "bytes.h"
#include "err.h"
#include "io.h"
#include "pmtiles.h"
#include "pool.h"
#include "tile.h"
#include "tiler.h"
#include "timeline.h"

static _Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- archives --------------------------------------------------------------------------------- */

struct archive {
	uint8_t *data;
	size_t len;
	struct pmtiles *p;
};

static void archive_open(struct archive *a, const char *path)
{
	struct err err;

	if (io_read_file(path, (size_t)1 << 34, &a->data, &a->len, &err) ||
	    pmtiles_open_mem(&a->p, a->data, a->len, &err))
		die("%s: %s", path, err.msg);
}

static void archive_close(struct archive *a)
{
	pmtiles_close(a->p);
	free(a->data);
}

/* --- pixels ----------------------------------------------------------------------------------- */

struct pixels {
	uint32_t width, height;
	uint8_t *index;			/* a byte a pixel; owned */
	png_color palette[16];
	int n_palette;
};

struct input { const uint8_t *data; size_t left; };

static void read_mem(png_structp png, png_bytep out, png_size_t n)
{
	struct input *in = png_get_io_ptr(png);

	if (n > in->left)
		png_error(png, "cut off");
	memcpy(out, in->data, n);
	in->data += n;
	in->left -= n;
}

static void write_mem(png_structp png, png_bytep data, png_size_t n)
{
	buf_add(png_get_io_ptr(png), data, n);
}

static void flush_mem(png_structp png)
{
	(void)png;
}

static void decode(const uint8_t *data, size_t len, struct pixels *px)
{
	png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	struct input in = { data, len };
	png_colorp colours;
	png_bytep *rows;

	if (setjmp(png_jmpbuf(png)))
		die("a tile is no PNG");
	png_set_read_fn(png, &in, read_mem);
	png_read_png(png, info, PNG_TRANSFORM_PACKING, NULL);
	px->width = png_get_image_width(png, info);
	px->height = png_get_image_height(png, info);
	if (!png_get_PLTE(png, info, &colours, &px->n_palette) || px->n_palette > 16)
		die("a tile has no palette of 4 bits");
	memcpy(px->palette, colours, (size_t)px->n_palette * sizeof(*colours));
	rows = png_get_rows(png, info);
	px->index = malloc((size_t)px->width * px->height);
	if (!px->index)
		die("out of memory");
	for (uint32_t y = 0; y < px->height; y++)
		memcpy(px->index + (size_t)y * px->width, rows[y], px->width);
	png_destroy_read_struct(&png, &info, NULL);
}

/* How long libpng's own file of these pixels is, level 9, 4 bits, with its filters or without. */
static size_t libpng_size(const struct pixels *px, int filters)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	png_byte alpha[1] = { 0 };
	struct buf out = BUF_INIT;
	size_t len;

	if (setjmp(png_jmpbuf(png)))
		die("libpng cannot write");
	png_set_write_fn(png, &out, write_mem, flush_mem);
	png_set_IHDR(png, info, px->width, px->height, 4, PNG_COLOR_TYPE_PALETTE,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_PLTE(png, info, px->palette, px->n_palette);
	png_set_tRNS(png, info, alpha, 1, NULL);
	png_set_compression_level(png, 9);
	png_set_filter(png, 0, filters);
	png_write_info(png, info);
	png_set_packing(png);
	for (uint32_t y = 0; y < px->height; y++)
		png_write_row(png, px->index + (size_t)y * px->width);
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	len = out.len;
	if (buf_failed(&out))
		die("out of memory");
	buf_release(&out);
	return len;
}

/* The PNG's length without the chunks that are not its picture. */
static size_t picture_size(const uint8_t *data, size_t len)
{
	size_t sum = 8, at = 8;

	while (len - at >= 12) {
		size_t n = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
			   (size_t)data[at + 2] << 8 | data[at + 3];

		if (n > len - at - 12)
			die("a tile is no PNG");
		if (memcmp(data + at + 4, "giLs", 4))
			sum += n + 12;
		at += n + 12;
	}
	return sum;
}

/* --- sizes ------------------------------------------------------------------------------------ */

#define SAMPLE 4000		/* tiles */

struct sizes {
	const uint8_t *data;
	uint64_t every, seen, next_off;
	uint64_t tiles, whole, ours, none, filtered;
};

/* Tiles lie in the order in which they came: an offset that is new is a new tile. */
static int size_one(void *ctx, uint64_t id, uint64_t n, uint64_t off, uint32_t len)
{
	struct sizes *s = ctx;
	struct pixels px;

	(void)id;
	(void)n;
	if (s->seen++ % s->every)
		return 0;
	decode(s->data + off, len, &px);
	s->tiles++;
	s->whole += len;
	s->ours += picture_size(s->data + off, len);
	s->none += libpng_size(&px, PNG_FILTER_NONE);
	s->filtered += libpng_size(&px, PNG_ALL_FILTERS);
	free(px.index);
	return 0;
}

static int sizes(const char *path)
{
	struct archive a;
	struct sizes s = { 0 };
	struct err err;

	archive_open(&a, path);
	s.data = a.data;
	s.every = pmtiles_header(a.p)->n_entries / SAMPLE + 1;
	if (pmtiles_each(a.p, size_one, &s, &err) || !s.tiles)
		die("%s: %s", path, s.tiles ? err.msg : "no tiles");
	printf("{\"tiles\": %" PRIu64 ", \"whole\": %.1f, \"ours\": %.1f, \"libpng9\": %.1f,"
	       " \"libpng9_filters\": %.1f}\n",
	       s.tiles, (double)s.whole / (double)s.tiles, (double)s.ours / (double)s.tiles,
	       (double)s.none / (double)s.tiles, (double)s.filtered / (double)s.tiles);
	archive_close(&a);
	return 0;
}

/* --- strip ------------------------------------------------------------------------------------ */

static int strip(const char *path, unsigned z, uint32_t n, const char *out)
{
	struct archive a;
	struct err err;
	struct pixels px;
	uint8_t *all = NULL;
	uint32_t width = 0, height = 0, got = 0;
	FILE *f;

	archive_open(&a, path);
	for (; got < n; got++) {
		uint64_t off;
		uint32_t len;
		int r = pmtiles_find(a.p, tile_id(z + pmtiles_header(a.p)->min_z, got, 0), &off,
				     &len, &err);

		if (r < 0)
			die("%s: %s", path, err.msg);
		if (!r)
			break;
		decode(a.data + off, len, &px);
		if (!all) {
			width = px.width;
			height = px.height;
			all = calloc((size_t)width * n, height);
			if (!all)
				die("out of memory");
		}
		for (uint32_t y = 0; y < height; y++)
			memcpy(all + ((size_t)y * n + got) * width, px.index + (size_t)y * width,
			       width);
		free(px.index);
	}
	if (!got)
		die("%s: no tile at zoom %u", path, z);
	f = fopen(out, "wb");
	if (!f)
		die("%s: cannot be written", out);
	fprintf(f, "P5\n%" PRIu64 " %" PRIu32 "\n255\n", (uint64_t)width * got, height);
	for (uint32_t y = 0; y < height; y++)
		for (size_t i = 0; i < (size_t)width * got; i++)
			putc(all[(size_t)y * n * width + i] * 17, f);	/* 4 bits of grey */
	if (fclose(f))
		die("%s: cannot be written", out);
	printf("{\"tiles\": %" PRIu32 ", \"width\": %" PRIu32 ", \"height\": %" PRIu32 "}\n",
	       got, width, height);
	free(all);
	archive_close(&a);
	return 0;
}

/* --- tiles from a timeline -------------------------------------------------------------------- */

#define TILE_WIDTH 512
#define LANE_HEIGHT 32

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void set_open(struct tile_set *set, const char *path, unsigned z_limit)
{
	struct err err;

	*set = (struct tile_set){ .lane_height = LANE_HEIGHT, .theme = THEME_LIGHT };
	if (timeline_open(&set->tl, path, &err))
		die("%s: %s", path, err.msg);
	pyramid_init(&set->pyramid, timeline_info(set->tl)->end, timeline_info(set->tl)->n_lanes,
		     TILE_WIDTH);
	set->rule.full = true;
	set->rule.z_limit = z_limit < set->pyramid.z_max ? z_limit : set->pyramid.z_max;
	set->rule.cut = z_limit < set->pyramid.z_max;		/* as render --depth Z */
	set->rule.leaf_events = tile_leaf_events(&set->pyramid, timeline_info(set->tl)->events);
}

struct rate {
	struct tile_set set;
	struct tile_plan plan;
	uint64_t tiles, distinct, bytes;
};

struct rate_worker {
	struct rate *r;
	struct tiler *tiler;
};

static void *rate_start(void *ctx, struct err *err)
{
	struct rate_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return err_memory(err, "worker"), NULL;
	w->r = ctx;
	w->tiler = tiler_new(&w->r->set, err);
	if (w->tiler)
		return w;
	free(w);
	return NULL;
}

static void rate_stop(void *state)
{
	struct rate_worker *w = state;

	tiler_free(w->tiler);
	free(w);
}

static void rate_drop(void *result)
{
	tile_batch_release(result);
	free(result);
}

static void *rate_work(void *state, uint64_t job, struct err *err)
{
	struct rate_worker *w = state;
	struct tile_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return err_memory(err, "batch"), NULL;
	if (!tiler_run(w->tiler, &w->r->plan.job[job], b, err))
		return b;
	rate_drop(b);
	return NULL;
}

static int rate_emit(void *ctx, uint64_t job, void *result, struct err *err)
{
	struct rate *r = ctx;
	struct tile_batch *b = result;

	(void)job;
	(void)err;
	for (size_t i = 0; i < b->n; i++) {
		r->tiles += b->tile[i].n;
		if (b->tile[i].has_data) {
			r->distinct++;
			r->bytes += b->tile[i].len;
		}
	}
	rate_drop(b);
	return 0;
}

/* Repeated until half a second has gone by, so that small sets give a figure, too. */
static int rate(const char *path, unsigned z, unsigned workers)
{
	static const struct pool_ops ops = { rate_start, rate_stop, rate_work, rate_emit,
					     rate_drop };
	struct rate r = { 0 };
	struct err err;
	double began, took = 0;
	unsigned rounds = 0;

	set_open(&r.set, path, z);
	began = seconds();
	while (took < 0.5) {
		if (tile_plan_make(&r.plan, &r.set, &err) ||
		    pool_run(&ops, &r, r.plan.n, workers, &err))
			die("%s: %s", path, err.msg);
		tile_plan_release(&r.plan);
		r.plan = (struct tile_plan){ 0 };
		took = seconds() - began;
		rounds++;
	}
	printf("{\"tiles\": %" PRIu64 ", \"distinct\": %" PRIu64 ", \"tiles_per_s\": %.0f,"
	       " \"distinct_per_s\": %.0f}\n",
	       r.tiles / rounds, r.distinct / rounds, (double)r.tiles / took,
	       (double)r.distinct / took);
	timeline_close(r.set.tl);
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#define N_HOT 1000
#define N_COLD 200

struct latency { double median, p99; };

static struct latency summary(double *us, size_t n)
{
	qsort(us, n, sizeof(*us), compare);
	return (struct latency){ us[n / 2], us[n * 99 / 100] };
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 20;
}

/*
 * One tile of zoom z, anywhere; returns how long it took, in microseconds, since began or since
 * now.
 */
static double one_tile(struct tiler *t, const struct pyramid *p, unsigned z, uint64_t *random,
		       struct buf *out, double began)
{
	uint64_t x = next_random(random) % pyramid_tiles(p, z);
	uint32_t y = (uint32_t)(next_random(random) % p->n_groups);
	struct err err;

	if (began == 0)
		began = seconds();
	if (tiler_one(t, z, x, y, out, &err))
		die("tile %u/%" PRIu64 "/%" PRIu32 ": %s", z, x, y, err.msg);
	return (seconds() - began) * 1e6;
}

static struct latency hot(const char *path, unsigned z, uint64_t *random, struct buf *out)
{
	double us[N_HOT];
	struct tile_set set;
	struct tiler *t;
	struct err err;

	set_open(&set, path, 64);
	t = tiler_new(&set, &err);
	if (!t)
		die("%s: %s", path, err.msg);
	for (size_t i = 0; i < 50; i++)
		one_tile(t, &set.pyramid, z, random, out, 0);
	for (size_t i = 0; i < N_HOT; i++)
		us[i] = one_tile(t, &set.pyramid, z, random, out, 0);
	tiler_free(t);
	timeline_close(set.tl);
	return summary(us, N_HOT);
}

static struct latency cold(const char *path, unsigned z, uint64_t *random, struct buf *out)
{
	double us[N_COLD];

	for (size_t i = 0; i < N_COLD; i++) {
		struct tile_set set;
		struct tiler *t;
		struct err err;
		double began = seconds();

		set_open(&set, path, 64);
		t = tiler_new(&set, &err);
		if (!t)
			die("%s: %s", path, err.msg);
		us[i] = one_tile(t, &set.pyramid, z, random, out, began);
		tiler_free(t);
		timeline_close(set.tl);
	}
	return summary(us, N_COLD);
}

static int latency(const char *path, unsigned from, unsigned to)
{
	struct tile_set set;
	struct buf out = BUF_INIT;
	uint64_t random = 1;

	set_open(&set, path, 64);
	printf("[");
	for (unsigned z = from; z <= to && z <= set.pyramid.z_max; z++) {
		struct latency h = hot(path, z, &random, &out), c = cold(path, z, &random, &out);

		printf("%s\n {\"z\": %u, \"hot_median_us\": %.1f, \"hot_p99_us\": %.1f, "
		       "\"cold_median_us\": %.1f,"
		       " \"cold_p99_us\": %.1f}",
		       z > from ? "," : "", z, h.median, h.p99, c.median, c.p99);
	}
	printf("\n]\n");
	buf_release(&out);
	timeline_close(set.tl);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "sizes"))
		return sizes(argv[2]);
	if (argc == 6 && !strcmp(argv[1], "strip"))
		return strip(argv[2], (unsigned)atoi(argv[3]), (uint32_t)atoi(argv[4]), argv[5]);
	if (argc == 5 && !strcmp(argv[1], "rate"))
		return rate(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
	if (argc == 3 && !strcmp(argv[1], "latency"))
		return latency(argv[2], 0, 64);
	if (argc == 4 && !strcmp(argv[1], "latency"))
		return latency(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[3]));
	die("usage: tiles sizes ARCHIVE | strip ARCHIVE Z N OUT.pgm | rate T.gtl Z WORKERS |"
	    " latency T.gtl [Z]");
}
