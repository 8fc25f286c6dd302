/*
 * png.h - a tile's columns as PNG: 4 bits a pixel, a palette, its deflate stream made from the runs
 *
 *   libpng:  signature IHDR PLTE tRNS      once for each number of lanes
 *   here:    IDAT                          from the runs of equal columns, never from pixels
 *            giLs                          as it is given
 *            IEND
 *
 * A lane's rows differ from the row above only where a column changes its ink, so with PNG's filter
 * "up" a row is zeros but for those places, and they are known from the runs.  The rows of the gap
 * are zeros with the filter "none".  Then a general compressor has nothing left to find: the stream
 * is literals, zeros (matches at distance 1) and rows that repeat (matches at a row's distance),
 * and only their codes are chosen per tile.  Measured against zlib and ISA-L in docs/render.md.
 */
#ifndef GILSCOPE_PNG_H
#define GILSCOPE_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "palette.h"

#define PNG_LANES_MAX 8
#define TILE_WIDTH_MIN 64
#define TILE_WIDTH_MAX 4096

/* The columns of a tile: for each lane runs that together are as wide as the tile. */
struct tile_columns {
	unsigned n_lanes;			/* 1 to PNG_LANES_MAX */
	uint32_t n_runs[PNG_LANES_MAX];
	const uint64_t *runs[PNG_LANES_MAX];	/* borrowed */
};

struct png_encoder;				/* one per thread */

/*
 * width: even, TILE_WIDTH_MIN to TILE_WIDTH_MAX; lane_height: LANE_HEIGHT_MIN to LANE_HEIGHT_MAX.
 */
struct png_encoder *png_encoder_new(unsigned width, unsigned lane_height, enum theme theme,
				    struct err *err);
void png_encoder_free(struct png_encoder *e);	/* NULL is allowed */

/*
 * Appends the PNG to out; chunk is the body of giLs, len 0: none.  The same bytes for the same
 * input.
 */
void png_encode(struct png_encoder *e, const struct tile_columns *t, const void *chunk, size_t len,
		struct buf *out);

#endif
