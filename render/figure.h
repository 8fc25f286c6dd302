/*
 * figure.h - a stretch of one or more timelines as a picture to show: PNG, SVG or PDF
 * (docs/figure.md)
 */
#ifndef GILSCOPE_FIGURE_H
#define GILSCOPE_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

#include "figure_canvas.h"

#define FIGURE_SIDE_MAX 16384			/* pixels */
#define FIGURE_PIXELS_MAX (UINT64_C(1) << 26)	/* 256 MB of them */
#define FIGURE_SCALE_MAX 16
#define FIGURE_LANE_MAX 2048			/* units */
#define FIGURE_TRACES_MAX 16
#define FIGURE_NOTES_MAX 64

/* Where a lane's n columns were drawn, in pixels of a PNG: h rows each. */
struct figure_placed {
	unsigned trace;
	uint32_t lane;
	uint64_t from, to;		/* of all columns */
	uint32_t x, y, n, h, column, row;	/* column: a column's width; row: a row's height */
};

struct figure_options {
	const char *const *paths;	/* of the timelines; borrowed, as all strings */
	unsigned n_paths;		/* 1 to FIGURE_TRACES_MAX */
	/* as time_parse() reads them; NULL: the trace's beginning, its end */
	const char *from, *to;
	const char *threads;		/* a list; NULL: all lanes */
	const char *title;		/* NULL: the trace's, if it is one */
	const char *family;		/* of the font */
	const char *const *notes;	/* T:THREAD:TEXT */
	unsigned n_notes;
	unsigned width, height;		/* units; 0: what is right for what there is */
	unsigned lane_height;		/* units; 0: likewise */
	unsigned scale;			/* PNG: pixels per unit; else 1 */
	enum figure_look look;
	enum figure_format format;
	bool no_legend, no_arrows, caption, own_axes;
	/* A sentence about what was left out; may be NULL. */
	void (*say)(void *ctx, const char *text);
	/* Told for every lane of a PNG; may be NULL. */
	void (*placed)(void *ctx, const struct figure_placed *p);
	void *ctx;
};

/* Appends the file's bytes to out.  ERR_USAGE: the options ask for what cannot be. */
int figure_make(const struct figure_options *o, struct buf *out, struct err *err);

#endif
