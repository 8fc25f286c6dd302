/* figure_shapes.c - a lane's columns as rectangles: see figure_canvas.h */
#include "figure_canvas.h"

const uint8_t figure_shape_order[N_INKS - 1] = {
	INK_WAIT, INK_SIGNAL, INK_STALL, INK_RUN, INK_ACQUIRE, INK_LOST, INK_BUSY, INK_RETRY,
};

struct shaper {
	figure_shape_fn *shape;
	void *ctx;
	size_t n;
	double x0, x1;			/* the open rectangle; x1 <= x0: none */
	unsigned y0, y1;
};

static void flush(struct shaper *s)
{
	if (s->x1 > s->x0) {
		if (s->shape)
			s->shape(s->ctx, s->x0, s->x1, s->y0, s->y1);
		s->n++;
	}
	s->x0 = s->x1 = 0;
}

static void add(struct shaper *s, double x0, double x1, unsigned y0, unsigned y1)
{
	if (x1 <= x0 || y1 <= y0)
		return;
	if (s->x1 > s->x0 && s->x1 == x0 && s->y0 == y0 && s->y1 == y1) {
		s->x1 = x1;
		return;
	}
	flush(s);
	s->x0 = x0;
	s->x1 = x1;
	s->y0 = y0;
	s->y1 = y1;
}

/* The rows that an ink has in a column, if any. */
static void add_rows(struct shaper *s, uint64_t column, unsigned h, uint32_t i, enum ink ink)
{
	struct segment seg[COLUMN_SEGMENTS];
	unsigned n = column_segments(column, h, seg);

	for (unsigned k = 0; k < n; k++)
		if (seg[k].ink == ink)
			add(s, i, i + 1.0, seg[k].row, k + 1 < n ? seg[k + 1].row : h);
}

/* States side by side at the height of the lane, and over them the marks of the column. */
static void add_edge(struct shaper *s, const struct figure_cell *cell, const struct figure_lane *l,
		     uint32_t i, enum ink ink)
{
	double at[4] = { i, i + cell->cut[0] / 255.0, i + cell->cut[1] / 255.0, i + 1.0 };

	switch (ink) {
	case INK_BUSY:
	case INK_RETRY:
	case INK_LOST:
		add_rows(s, cell->column, l->h, i, ink);
		return;
	case INK_ACQUIRE:		/* as wide as a column, from the take on */
		if (cell->column >> COLUMN_ACQUIRE & 1)
			add(s, at[2], at[2] + 1 < l->n ? at[2] + 1 : l->n, 0, l->h);
		return;
	default:
		for (unsigned k = 0; k < 3; k++)
			if (cell->ink[k] == ink)
				add(s, at[k], at[k + 1], 0, l->h);
	}
}

size_t figure_shapes(const struct figure_lane *l, enum ink ink, figure_shape_fn *shape, void *ctx)
{
	struct shaper s = { .shape = shape, .ctx = ctx };

	for (uint32_t i = 0; i < l->n; i++) {
		if (l->cell[i].is_edge)
			add_edge(&s, &l->cell[i], l, i, ink);
		else
			add_rows(&s, l->cell[i].column, l->h, i, ink);
	}
	flush(&s);
	return s.n;
}
