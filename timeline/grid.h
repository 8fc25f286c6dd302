/*
 * grid.h - text in columns for a terminal, each as wide as its widest cell; for the tables of stats
 *
 * Cells are added row by row.  The first column stands to the left, the others to the right.
 */
#ifndef GILSCOPE_TIMELINE_GRID_H
#define GILSCOPE_TIMELINE_GRID_H

#include "buf.h"

#define GRID_COLUMNS 16		/* no grid has more */

struct grid {
	struct buf text;	/* of all cells */
	struct grid_cell { size_t at, len; unsigned width; } *cell;	/* owned */
	size_t n, cap;
	unsigned n_columns;	/* set before the first cell; the rest begins as 0 */
	bool failed;		/* memory has run out */
};

/* The next cell; of its text 127 bytes. */
void grid_cell(struct grid *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next cell's text is what has been put behind `at` of g->text. */
void grid_end_cell(struct grid *g, size_t at);
/* Sets the number of columns, and the first row. */
void grid_headings(struct grid *g, const char *const *name, unsigned n);
/* Appends all rows to out, which fails if the grid did; and releases. */
void grid_put(struct buf *out, struct grid *g);
void grid_release(struct grid *g);	/* also one that was released */

#endif
