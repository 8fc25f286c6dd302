/* figure_png.h - pixels to a PNG: with a palette where there are few colours */
#ifndef GILSCOPE_FIGURE_PNG_H
#define GILSCOPE_FIGURE_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

/*
 * Appends the PNG of width x height pixels 0x00RRGGBB, stride words a row.  Up to 256 colours are a
 * palette.  Where there are more, those that are not one of keep[n_keep] (which are the edges of
 * letters) are rounded to 5 bits a channel if that makes 256 of them; the pixels of rounded ones
 * are changed in place.
 */
int figure_png_write(struct buf *out, uint32_t *pixels, uint32_t width, uint32_t height,
		     size_t stride, unsigned pixels_per_metre, const uint32_t *keep,
		     unsigned n_keep, struct err *err);

#endif
