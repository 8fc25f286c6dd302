/*
 * painter.h - docs/site.md's "What a tile looks like", painted the slow way: one pixel after
 * another
 *
 * Knows nothing of render/column.h but the inks' numbers.
 */
#ifndef GILSCOPE_TEST_PAINTER_H
#define GILSCOPE_TEST_PAINTER_H

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"

struct naive_bin {
	uint64_t run, stall, signal, wait;
	uint32_t acquires, busy, retry, lost;
	uint32_t switches;
	bool far;		/* only an ACQUIRE from another thread is bright */
};

/* Rows for n events of a mark in a lane of h rows. */
static inline unsigned naive_mark(uint32_t n, unsigned h, unsigned most)
{
	unsigned rows = h / 8 > 1 ? h / 8 : 1, log = 0;

	if (n == 0)
		return 0;
	while (n >>= 1)
		log++;
	rows += log * h / 32;
	return rows > most ? most : rows;
}

/* The inks of one column, from the top, into ink[0 .. h - 1]. */
static inline void naive_column(const struct naive_bin *b, uint64_t width, unsigned h, uint8_t *ink)
{
	bool bright = b->far ? b->switches : b->acquires;

	/* run, stall, signal, wait, idle */
	uint64_t part[5] = { b->run, b->stall, b->signal, b->wait, 0 };
	static const uint8_t inks[5] = { INK_RUN, INK_STALL, INK_SIGNAL, INK_WAIT, INK_IDLE };
	unsigned rows[5], sum = 0, at = h;
	int taken[5] = { 0 };

	part[4] = width - part[0] - part[1] - part[2] - part[3];
	for (int i = 0; i < 5; i++) {
		rows[i] = (unsigned)((unsigned __int128)part[i] * h / width);
		sum += rows[i];
	}
	for (; sum < h; sum++) {
		int best = -1;
		uint64_t best_rest = 0;

		for (int i = 0; i < 5; i++) {
			uint64_t rest = (uint64_t)((unsigned __int128)part[i] * h % width);

			if (!taken[i] && (best < 0 || rest > best_rest)) {
				best = i;
				best_rest = rest;
			}
		}
		taken[best] = 1;
		rows[best]++;
	}
	for (int i = 0; i < 4; i++) {
		int top = 0;

		if (rows[i] || (!part[i] && !(i == 0 && b->acquires)))
			continue;
		for (int k = 1; k < 5; k++)
			if (rows[k] > rows[top])
				top = k;
		rows[top]--;
		rows[i] = 1;
	}
	for (int i = 0; i < 5; i++)
		for (unsigned k = 0; k < rows[i]; k++)
			ink[--at] = i == 0 && bright ? INK_ACQUIRE : inks[i];
	if (b->lost)
		ink[h - 1] = ink[h - 2] = INK_LOST;
	at = naive_mark(b->retry, h, h / 2);
	memset(ink, INK_RETRY, at);
	memset(ink + at, INK_BUSY, naive_mark(b->busy, h, h / 3));
}

/* A PNG read by libpng: one byte a pixel; free pixels. */
struct picture {
	unsigned width, height;
	uint8_t *pixels;
	uint8_t *chunk;		/* the body of giLs, or NULL */
	size_t chunk_len;
};

static inline int picture_chunk(png_structp png, png_unknown_chunkp c)
{
	struct picture *p = png_get_user_chunk_ptr(png);

	if (memcmp(c->name, "giLs", 4))
		return 0;
	p->chunk = malloc(c->size + 1);
	memcpy(p->chunk, c->data, c->size);
	p->chunk_len = c->size;
	return 1;
}

struct picture_source { const uint8_t *p; size_t left; };

static inline void picture_read(png_structp png, png_bytep out, png_size_t n)
{
	struct picture_source *s = png_get_io_ptr(png);

	if (n > s->left)
		png_error(png, "the PNG is cut off");
	memcpy(out, s->p, n);
	s->p += n;
	s->left -= n;
}

static inline void picture_fail(png_structp png, png_const_charp msg)
{
	(void)msg;
	longjmp(png_jmpbuf(png), 1);
}

/* 0, or -1 where libpng finds any fault, a warning included. */
static inline int picture_decode(struct picture *p, const void *data, size_t len)
{
	struct picture_source s = { data, len };
	png_structp png =
		png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, picture_fail, picture_fail);
	png_infop info = png_create_info_struct(png);

	memset(p, 0, sizeof(*p));
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_read_struct(&png, &info, NULL);
		return -1;
	}
	png_set_read_user_chunk_fn(png, p, picture_chunk);
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_ALWAYS, NULL, 0);
	png_set_read_fn(png, &s, picture_read);
	png_read_info(png, info);
	p->width = png_get_image_width(png, info);
	p->height = png_get_image_height(png, info);
	if (png_get_bit_depth(png, info) != 4 ||
	    png_get_color_type(png, info) != PNG_COLOR_TYPE_PALETTE)
		png_error(png, "not a palette of 4 bits");
	png_set_packing(png);
	p->pixels = malloc((size_t)p->width * p->height);
	for (unsigned y = 0; y < p->height; y++)
		png_read_row(png, p->pixels + (size_t)y * p->width, NULL);
	png_read_end(png, info);
	png_destroy_read_struct(&png, &info, NULL);
	return s.left ? -1 : 0;
}

static inline void picture_release(struct picture *p)
{
	free(p->pixels);
	free(p->chunk);
}

#endif
