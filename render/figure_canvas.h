/*
 * figure_canvas.h - what a figure is drawn on: pixels (PNG), or shapes and text (SVG, PDF)
 *
 * All lengths are in the figure's units, x to the right and y down; a canvas is width x height of
 * them.  Texts stay texts in SVG and PDF.  A lane of pixels is its columns, as the tiles are: each
 * pixel of a tile is scale x scale of them.  A lane of shapes is a rectangle per run of equal
 * columns, and per period where that is wider than a column.
 */
#ifndef GILSCOPE_FIGURE_CANVAS_H
#define GILSCOPE_FIGURE_CANVAS_H

#include "buf.h"
#include "figure_columns.h"
#include "figure_theme.h"

enum figure_format { FIGURE_PNG, FIGURE_SVG, FIGURE_PDF };
enum figure_anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

struct figure_point { double x, y; };

struct figure_words {
	double x, y;			/* y: of the line that letters stand on */
	double size;
	enum figure_anchor anchor;
	bool bold;
	struct colour colour;
	const char *s;			/* UTF-8, one line, as figure_shown() makes it */
};

struct figure_lane {
	const struct figure_cell *cell;
	uint32_t n;
	unsigned h;			/* rows */
	/* the upper left corner; a column's width, a row's height */
	double x, y, column, row;
};

struct figure_canvas;

struct figure_canvas_ops {
	void (*rect)(struct figure_canvas *c, double x, double y, double w, double h,
		     struct colour colour);
	void (*line)(struct figure_canvas *c, const struct figure_point *p, unsigned n,
		     double width, struct colour colour);
	void (*polygon)(struct figure_canvas *c, const struct figure_point *p, unsigned n,
			struct colour colour);
	void (*disc)(struct figure_canvas *c, double x, double y, double r, struct colour colour);
	void (*words)(struct figure_canvas *c, const struct figure_words *w);
	void (*lane)(struct figure_canvas *c, const struct figure_lane *l);
	/* appends the file */
	int (*finish)(struct figure_canvas *c, struct buf *out, struct err *err);
	void (*free)(struct figure_canvas *c);
};

/* The head of every canvas. */
struct figure_canvas {
	const struct figure_canvas_ops *ops;
	struct figure_theme theme;
};

struct figure_font;

struct figure_canvas_options {
	enum figure_format format;
	double width, height;		/* units */
	unsigned scale;			/* PNG: pixels per unit */
	const struct figure_theme *theme;
	struct figure_font *font;	/* borrowed until free */
	/* what the file says of itself; any text that figure_shown() made */
	const char *title;
};

#define FIGURE_PDF_POINTS 0.75		/* of a unit: it is a CSS pixel, of which 96 are an inch */

/* NULL with *err set on failure. */
struct figure_canvas *figure_canvas_new(const struct figure_canvas_options *o, struct err *err);
struct figure_canvas *figure_svg_new(const struct figure_canvas_options *o, struct err *err);

/* --- lanes as shapes -------------------------------------------------------------------------- */

/* Inks in the order in which shapes lie over each other. */
extern const uint8_t figure_shape_order[N_INKS - 1];

/* Columns x0 to x1, rows y0 to y1. */
typedef void figure_shape_fn(void *ctx, double x0, double x1, unsigned y0, unsigned y1);
/*
 * Calls shape() for every rectangle of that ink, from left to right; returns how many.  shape may
 * be NULL.
 */
size_t figure_shapes(const struct figure_lane *l, enum ink ink, figure_shape_fn *shape, void *ctx);

#endif
