/*
 * figure_columns.h - a stretch of a timeline as pixel columns: what the tiles show, at any from and
 * to
 *
 * Column i of n covers [from + i * span / n, from + (i + 1) * span / n), rounded down, at least one
 * unit.  Its sums are exact wherever its edges lie, and column_of() makes a picture of them; so
 * where the columns are whole bins, they are the tiles' own.
 */
#ifndef GILSCOPE_FIGURE_COLUMNS_H
#define GILSCOPE_FIGURE_COLUMNS_H

#include <stdbool.h>

#include "column.h"
#include "timeline.h"

/*
 * A column, and for vectors: where one period ends in it and another one begins, from cut to the
 * column's end, perhaps with a hand-off between them.  In 255ths of the column's width.
 */
struct figure_cell {
	uint64_t column;
	uint8_t is_edge;		/* the following are of use */
	uint8_t ink[3], cut[2];		/* ink[0] to cut[0], ink[1] to cut[1], ink[2] */
};

struct figure_columns {
	uint64_t from, to;
	uint32_t n;			/* columns */
	uint32_t n_rows;		/* lanes, in the figure's order */
	unsigned h;			/* rows of a column: column_of()'s */
	/* with at most so many events they are read, not bins: the same, sooner */
	uint64_t few;
	/* in wider columns only an ACQUIRE from another thread is bright */
	uint64_t bright;
	struct figure_cell *cell;	/* owned: cell[row * n + i] */
	/* owned, per column: contended takes that ended or failed, of all rows */
	uint32_t *handoffs;
	bool any_bright;		/* an ACQUIRE is seen somewhere */
};

#define FIGURE_FEW_EVENTS (UINT64_C(1) << 19)

/*
 * Fills c, which is all 0 but for from, to, n, n_rows, h, few and bright: lane[row] is the lane of
 * a row. At least one column, unit and row.  release in any case.
 */
int figure_columns_load(struct figure_columns *c, struct timeline *tl, const uint32_t *lane,
			struct err *err);
void figure_columns_release(struct figure_columns *c);

/* Where column i begins; i may be n. */
uint64_t figure_column_time(const struct figure_columns *c, uint32_t i);
/* Where an instant lies, in columns. */
double figure_column_at(const struct figure_columns *c, uint64_t t);

/*
 * How many columns, of at most max, make each of them whole bins of the tiles, or each bin a whole
 * number of columns; 0: from and to do not lie on bins that would need at least max / 2 columns.
 */
uint32_t figure_columns_exact(uint64_t from, uint64_t to, uint32_t max);

#endif
