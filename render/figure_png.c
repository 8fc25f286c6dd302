/* figure_png.c - see figure_png.h */
#include "figure_png.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLOURS 256
#define SLOTS 1024		/* of the table of colours: a power of two, mostly empty */
#define FREE UINT32_MAX

struct colours {
	uint32_t slot[SLOTS];	/* the colour, or FREE */
	uint8_t index[SLOTS];
	uint32_t list[MAX_COLOURS];
	unsigned n;
};

/* The slot of that colour, or the free one where it would be. */
static unsigned find(const struct colours *c, uint32_t rgb)
{
	unsigned i = rgb * 2654435761u >> 22;

	while (c->slot[i] != FREE && c->slot[i] != rgb)
		i = (i + 1) % SLOTS;
	return i;
}

static bool add(struct colours *c, uint32_t rgb)
{
	unsigned i = find(c, rgb);

	if (c->slot[i] == rgb)
		return true;
	if (c->n == MAX_COLOURS)
		return false;
	c->slot[i] = rgb;
	c->index[i] = (uint8_t)c->n;
	c->list[c->n++] = rgb;
	return true;
}

static void reset(struct colours *c)
{
	memset(c->slot, 0xff, sizeof(c->slot));
	c->n = 0;
}

struct image {
	struct buf *out;
	uint32_t *pixels;
	uint32_t width, height;
	size_t stride;
	unsigned per_metre;
	const uint32_t *keep;
	unsigned n_keep;
};

static uint32_t rounded(const struct image *im, uint32_t rgb)
{
	for (unsigned i = 0; i < im->n_keep; i++)
		if (im->keep[i] == rgb)
			return rgb;
	/* the upper bits again below, so that black and white stay what they are */
	return (rgb & 0xf8f8f8) | (rgb >> 5 & 0x070707);
}

/* Whether all colours find place; round: those that may be changed are. */
static bool gather(const struct image *im, struct colours *c, bool round)
{
	uint32_t last = FREE;

	reset(c);
	for (uint32_t y = 0; y < im->height; y++) {
		const uint32_t *row = im->pixels + y * im->stride;

		for (uint32_t x = 0; x < im->width; x++) {
			if ((row[x] & 0xffffff) == last)
				continue;
			last = row[x] & 0xffffff;
			if (!add(c, round ? rounded(im, last) : last))
				return false;
		}
	}
	return true;
}

static void round_pixels(const struct image *im)
{
	for (uint32_t y = 0; y < im->height; y++)
		for (uint32_t x = 0; x < im->width; x++) {
			uint32_t *p = &im->pixels[y * im->stride + x];

			*p = rounded(im, *p & 0xffffff);
		}
}

static void write_bytes(png_structp png, png_bytep data, png_size_t n)
{
	buf_add(png_get_io_ptr(png), data, n);
}

static void flush_bytes(png_structp png)
{
	(void)png;
}

static void fail(png_structp png, png_const_charp msg)
{
	err_set(png_get_error_ptr(png), ERR_SYSTEM, "libpng: %s", msg);
	longjmp(png_jmpbuf(png), 1);
}

static void ignore(png_structp png, png_const_charp msg)
{
	(void)png;
	(void)msg;
}

static unsigned depth_for(unsigned n)
{
	return n <= 2 ? 1 : n <= 4 ? 2 : n <= 16 ? 4 : 8;
}

static void write_header(png_structp png, png_infop info, const struct image *im,
			 const struct colours *c)
{
	png_color list[MAX_COLOURS];

	for (unsigned i = 0; c && i < c->n; i++)
		list[i] = (png_color){ c->list[i] >> 16 & 0xff, c->list[i] >> 8 & 0xff,
				       c->list[i] & 0xff };
	png_set_write_fn(png, im->out, write_bytes, flush_bytes);
	png_set_compression_level(png, c ? 9 : 6);
	png_set_IHDR(png, info, im->width, im->height, c ? (int)depth_for(c->n) : 8,
		     c ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_pHYs(png, info, im->per_metre, im->per_metre, PNG_RESOLUTION_METER);
	if (c) {
		png_set_PLTE(png, info, list, (int)c->n);
		png_set_filter(png, 0, PNG_FILTER_NONE);
	}
	png_write_info(png, info);
	png_set_packing(png);
}

static void fill_row(uint8_t *row, const uint32_t *p, uint32_t width, const struct colours *c)
{
	for (uint32_t x = 0; x < width; x++) {
		if (c) {
			row[x] = c->index[find(c, p[x] & 0xffffff)];
			continue;
		}
		row[3 * x] = (uint8_t)(p[x] >> 16);
		row[3 * x + 1] = (uint8_t)(p[x] >> 8);
		row[3 * x + 2] = (uint8_t)p[x];
	}
}

/* The only function that libpng jumps back into. */
static int encode(const struct image *im, const struct colours *c, uint8_t *row, struct err *err)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, err, fail, ignore);
	png_infop info = png ? png_create_info_struct(png) : NULL;

	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return err_memory(err, "a PNG");
	}
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return -1;
	}
	write_header(png, info, im, c);
	for (uint32_t y = 0; y < im->height; y++) {
		fill_row(row, im->pixels + y * im->stride, im->width, c);
		png_write_row(png, row);
	}
	png_write_end(png, info);
	png_destroy_write_struct(&png, &info);
	return 0;
}

int figure_png_write(struct buf *out, uint32_t *pixels, uint32_t width, uint32_t height,
		     size_t stride, unsigned pixels_per_metre, const uint32_t *keep,
		     unsigned n_keep, struct err *err)
{
	struct image im = { out, pixels, width, height, stride, pixels_per_metre, keep, n_keep };
	struct colours *c = malloc(sizeof(*c));
	uint8_t *row = malloc((size_t)width * 3);
	bool few;
	int ret;

	if (!c || !row) {
		ret = err_memory(err, "a PNG");
		goto out;
	}
	few = gather(&im, c, false);
	if (!few && gather(&im, c, true)) {
		few = true;
		round_pixels(&im);
	}
	ret = encode(&im, few ? c : NULL, row, err);
	if (!ret && buf_failed(out))
		ret = err_memory(err, "a PNG");
out:
	free(c);
	free(row);
	return ret;
}
