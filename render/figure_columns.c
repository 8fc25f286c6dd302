/*
 * figure_columns.c - see figure_columns.h
 *
 * A few hundred thousand periods and events are added to the columns one by one.  Where there are
 * more, bins are, and columns are seldom whole bins.  Bins of at most an eighth of a column are
 * added to the column that holds their last unit; then, for each edge that lies inside of a bin,
 * the exact sum of the bin's part before the edge moves from the column on its right to the one on
 * its left:
 *
 *   bins     |    |    |    |    |    |    |
 *   edges       ^               ^
 *   parts    |--|            |--|              one timeline_sum() each, of all rows at once
 */
#include "figure_columns.h"

#include <stdlib.h>
#include <string.h>

#define LANES_AT_ONCE 8		/* the timeline keeps its bins in groups of so many lanes */
#define BINS_AT_ONCE 8192	/* of each of them: 7 MB */
#define SUMS_AT_ONCE (1u << 18)	/* columns of all lanes that are worked on: 27 MB */

uint64_t figure_column_time(const struct figure_columns *c, uint32_t i)
{
	return c->from + (uint64_t)((unsigned __int128)(c->to - c->from) * i / c->n);
}

double figure_column_at(const struct figure_columns *c, uint64_t t)
{
	double d = t >= c->from ? (double)(t - c->from) : -(double)(c->from - t);

	return d * c->n / (double)(c->to - c->from);
}

uint32_t figure_columns_exact(uint64_t from, uint64_t to, uint32_t max)
{
	uint64_t span = to - from, n;
	unsigned level = 0;

	while (span >> level > max)
		level++;
	if ((from | to) & ((UINT64_C(1) << level) - 1))
		return 0;
	n = span >> level;
	if (!level)
		n *= max / n;
	return n >= max / 2 ? (uint32_t)n : 0;
}

/* The columns [from, to) of which one holds an instant. */
static uint32_t column_of_time(const struct figure_columns *c, uint64_t t)
{
	uint64_t span = c->to - c->from;
	/* the largest i with i * span / n <= t - from */
	unsigned __int128 i = ((unsigned __int128)(t - c->from) * c->n + c->n - 1) / span;

	i = i < c->n ? i : c->n - 1;
	while (i && figure_column_time(c, (uint32_t)i) > t)
		i--;
	while (i + 1 < c->n && figure_column_time(c, (uint32_t)i + 1) <= t)
		i++;
	return (uint32_t)i;
}

/* What a column shows. */
static void add_bin(struct timeline_bin *a, const struct timeline_bin *b)
{
	a->run += b->run;
	a->stall += b->stall;
	a->wait += b->wait;
	a->signal += b->signal;
	a->acquires += b->acquires;
	a->releases += b->releases;
	a->busy += b->busy;
	a->retry += b->retry;
	a->switches += b->switches;
	a->lost = lost_add(a->lost, b->lost);
}

static void take_bin(struct timeline_bin *a, const struct timeline_bin *b)
{
	a->run -= b->run;
	a->stall -= b->stall;
	a->wait -= b->wait;
	a->signal -= b->signal;
	a->acquires -= b->acquires;
	a->releases -= b->releases;
	a->busy -= b->busy;
	a->retry -= b->retry;
	a->switches -= b->switches;
	if (a->lost != MAX_LOST)	/* else nobody knows: count_lost() */
		a->lost -= b->lost;
}

struct load {
	struct figure_columns *c;
	struct timeline *tl;
	struct timeline_cursor *cursor;
	uint32_t lane0, n_lanes;	/* those that are worked on */
	struct timeline_bin *sum;	/* n_lanes * c->n */
	struct timeline_bin *bins;	/* LANES_AT_ONCE * BINS_AT_ONCE */
	unsigned level;			/* of the bins */
};

/* The largest bins that are columns, or at most an eighth of one. */
static unsigned level_for(const struct figure_columns *c)
{
	uint64_t span = c->to - c->from, width = span / c->n;
	unsigned level = 0;

	while (width >> (level + 1))
		level++;
	if (span % c->n == 0 && width == UINT64_C(1) << level && !(c->from & (width - 1)))
		return level;
	return level > 3 ? level - 3 : 0;
}

/* Adds each bin of the lanes [lane, lane + n_lanes) to the column of its last unit. */
static int add_bins(struct load *l, uint32_t lane, uint32_t n_lanes, struct err *err)
{
	struct figure_columns *c = l->c;
	uint64_t bin = c->from >> l->level, last = (c->to - 1) >> l->level;
	uint64_t end = timeline_info(l->tl)->end >> l->level;

	for (last = last < end ? last : end; bin <= last; bin += BINS_AT_ONCE) {
		uint32_t n = last - bin < BINS_AT_ONCE ? (uint32_t)(last - bin + 1) : BINS_AT_ONCE;
		uint32_t col = 0;

		if (timeline_bins(l->cursor, l->level, bin, n, lane, n_lanes, l->bins, err))
			return -1;
		for (uint32_t i = 0; i < n; i++) {
			uint64_t unit = ((bin + i + 1) << l->level) - 1;

			if (unit >= c->to)	/* its part before `to` is added at that edge */
				continue;
			if (!i)
				col = column_of_time(c, unit);
			while (col + 1 < c->n && figure_column_time(c, col + 1) <= unit)
				col++;
			for (uint32_t k = 0; k < n_lanes; k++)
				add_bin(&l->sum[(size_t)(lane - l->lane0 + k) * c->n + col],
					&l->bins[(size_t)k * n + i]);
		}
	}
	return 0;
}

/* Counts anew what was lost in columns of so much that nothing could be taken from it. */
static int count_lost(struct load *l, struct timeline_bin *part, struct err *err)
{
	struct figure_columns *c = l->c;

	for (uint32_t i = 0; i < c->n; i++) {
		bool any = false;

		for (uint32_t k = 0; k < l->n_lanes; k++)
			any |= l->sum[(size_t)k * c->n + i].lost == MAX_LOST;
		if (any && timeline_sum(l->cursor, figure_column_time(c, i),
					figure_column_time(c, i + 1), l->lane0, l->n_lanes, part,
					err))
			return -1;
		for (uint32_t k = 0; any && k < l->n_lanes; k++)
			l->sum[(size_t)k * c->n + i].lost = part[k].lost;
	}
	return 0;
}

/* Moves the parts of bins before the columns' edges to where they belong. */
static int cut_bins(struct load *l, struct err *err)
{
	struct figure_columns *c = l->c;
	uint64_t end = timeline_info(l->tl)->end;
	struct timeline_bin *part = calloc(l->n_lanes, sizeof(*part));
	int ret = -1;

	if (!part)
		return err_memory(err, "a figure's columns");
	for (uint32_t i = 0; i <= c->n; i++) {
		uint64_t t = figure_column_time(c, i), bin = t >> l->level << l->level;

		if (t == bin || bin > end)
			continue;
		if (timeline_sum(l->cursor, bin, t, l->lane0, l->n_lanes, part, err))
			goto out;
		for (uint32_t k = 0; k < l->n_lanes; k++) {
			struct timeline_bin *col = &l->sum[(size_t)k * c->n];

			if (i)
				add_bin(&col[i - 1], &part[k]);
			if (i < c->n)
				take_bin(&col[i], &part[k]);
		}
	}
	ret = count_lost(l, part, err);
out:
	free(part);
	return ret;
}

/*
 * Fewer units than columns: each shows the unit in which it begins, as a tile does that is
 * stretched.
 */
static int load_units(struct load *l, struct err *err)
{
	struct figure_columns *c = l->c;
	uint32_t span = (uint32_t)(c->to - c->from);
	struct timeline_bin *unit = calloc((size_t)l->n_lanes * span, sizeof(*unit));

	if (!unit)
		return err_memory(err, "a figure's columns");
	if (timeline_bins(l->cursor, 0, c->from, span, l->lane0, l->n_lanes, unit, err)) {
		free(unit);
		return -1;
	}
	for (uint32_t k = 0; k < l->n_lanes; k++)
		for (uint32_t i = 0; i < c->n; i++)
			l->sum[(size_t)k * c->n + i] =
				unit[(size_t)k * span + (figure_column_time(c, i) - c->from)];
	free(unit);
	return 0;
}

/* --- events ----------------------------------------------------------------------------------- */

static int add_period(void *ctx, const struct period *p)
{
	struct load *l = ctx;
	const struct figure_columns *c = l->c;
	uint64_t t = p->begin > c->from ? p->begin : c->from, end = p->end < c->to ? p->end : c->to;
	struct timeline_bin *sum;

	if (p->thread - l->lane0 >= l->n_lanes || t >= end)
		return 0;
	sum = &l->sum[(size_t)(p->thread - l->lane0) * c->n];
	for (uint32_t i = column_of_time(c, t); t < end; i++) {
		uint64_t next = figure_column_time(c, i + 1), part;

		next = next < end ? next : end;
		part = next - t;
		switch (p->state) {
		case STATE_RUN: sum[i].run += part; break;
		case STATE_STALL: sum[i].stall += part; break;
		case STATE_SIGNAL: sum[i].signal += part; break;
		case STATE_WAIT: sum[i].wait += part; break;
		}
		t = next;
	}
	return 0;
}

/* As a bin counts them. */
static int add_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct load *l = ctx;
	struct timeline_bin *b;

	if (e->thread - l->lane0 >= l->n_lanes)
		return 0;
	b = &l->sum[(size_t)(e->thread - l->lane0) * l->c->n + column_of_time(l->c, e->time)];
	b->acquires += e->kind == EV_ACQUIRE;
	b->switches += e->kind == EV_ACQUIRE && e->flags & EVF_SWITCH;
	b->releases += e->kind == EV_RELEASE;
	b->busy += e->kind == EV_BUSY;
	b->retry += e->kind == EV_RETRY;
	b->lost = lost_add(b->lost, !!(e->flags & EVF_LOST_ACQUIRE) +
				   !!(e->flags & EVF_LOST_RELEASE));
	for (unsigned i = 0; e->kind == EV_LOST && i < e->n_attrs; i++)
		if (attrs[i].id == ATTR_COUNT)
			b->lost = lost_add(b->lost, (uint64_t)attrs[i].value);
	return 0;
}

static int load_events(struct load *l, struct err *err)
{
	uint64_t from = l->c->from, to = l->c->to;

	return timeline_periods(l->cursor, from, to, add_period, l, err) ||
	       timeline_events(l->cursor, from, to, add_event, l, err) ? -1 : 0;
}

/* --- cells ------------------------------------------------------------------------------------ */

/*
 * A share of a stretch of any width as one of 2^54 units: exact where the width is a power of two.
 */
static uint64_t scaled(uint64_t part, uint64_t width)
{
	uint64_t v = (uint64_t)(((unsigned __int128)(part < width ? part : width) << 54) / width);

	return part && !v ? 1 : v;
}

static uint64_t cell_width(const struct figure_columns *c, uint32_t i)
{
	uint64_t width = figure_column_time(c, i + 1) - figure_column_time(c, i);

	return width ? width : 1;
}

static uint64_t column_of_sum(const struct timeline_bin *b, uint64_t width,
			      const struct figure_columns *c)
{
	struct shares s = {
		.run = scaled(b->run, width), .stall = scaled(b->stall, width),
		.signal = scaled(b->signal, width), .wait = scaled(b->wait, width),
		.acquires = b->acquires, .busy = b->busy, .retry = b->retry, .lost = b->lost,
		.plain = width > c->bright && !b->switches,
	};

	return column_of(&s, 54, c->h);
}

/* The ink of a column that is of one state throughout, or N_INKS. */
static uint8_t whole_ink(const struct timeline_bin *b, uint64_t width)
{
	if (!(b->run | b->stall | b->signal | b->wait))
		return INK_IDLE;
	if (b->run >= width)
		return INK_RUN;
	if (b->stall >= width)
		return INK_STALL;
	if (b->signal >= width)
		return INK_SIGNAL;
	return b->wait >= width ? INK_WAIT : N_INKS;
}

static uint64_t share_of(const struct timeline_bin *b, uint8_t ink, uint64_t width)
{
	uint64_t held = b->run + b->stall + b->signal + b->wait;

	switch (ink) {
	case INK_RUN: return b->run;
	case INK_STALL: return b->stall;
	case INK_SIGNAL: return b->signal;
	case INK_WAIT: return b->wait;
	default: return held < width ? width - held : 0;
	}
}

/*
 * A column between one whose end, and one that as a whole, are of one state each: if it holds time
 * of these two alone, or of a hand-off between a wait and a run, it is where the one ends and the
 * other begins.
 */
static void find_edge(struct figure_cell *cell, const struct timeline_bin *b, uint8_t left,
		      uint8_t right, uint64_t width)
{
	uint64_t a, z, mid;
	bool handoff = left == INK_WAIT && right == INK_RUN;

	if (left == N_INKS || right == N_INKS || left == right || b->acquires > 1 ||
	    b->releases > 1 || (b->acquires && right != INK_RUN))
		return;
	a = share_of(b, left, width);
	z = share_of(b, right, width);
	mid = width - a - z;
	if (a + z > width || (mid && !(handoff && mid == b->signal)))
		return;
	cell->is_edge = 1;
	cell->ink[0] = left;
	cell->ink[1] = INK_SIGNAL;
	cell->ink[2] = right;
	cell->cut[0] = (uint8_t)((unsigned __int128)a * 255 / width);
	cell->cut[1] = (uint8_t)((unsigned __int128)(a + mid) * 255 / width);
}

static void make_row(struct figure_columns *c, uint32_t row, const struct timeline_bin *sum)
{
	struct figure_cell *cell = &c->cell[(size_t)row * c->n];
	uint8_t left = N_INKS, right;

	for (uint32_t i = 0; i < c->n; i++) {
		uint64_t width = cell_width(c, i);
		uint8_t whole = whole_ink(&sum[i], width);

		cell[i].column = column_of_sum(&sum[i], width, c);
		c->any_bright |= cell[i].column >> COLUMN_ACQUIRE & 1;
		right = i + 1 < c->n ? whole_ink(&sum[i + 1], cell_width(c, i + 1)) : N_INKS;
		if (whole == N_INKS)
			find_edge(&cell[i], &sum[i], left, right, width);
		left = cell[i].is_edge ? right : whole;
		/* a unit wider than a column shows in several: it counts in its first one */
		if (!i || figure_column_time(c, i) != figure_column_time(c, i - 1))
			c->handoffs[i] += sum[i].switches + sum[i].retry;
	}
}

/* The lanes [lane0, lane0 + n_lanes), of which at least one is shown. */
static int load_lanes(struct load *l, const uint32_t *lane, struct err *err)
{
	struct figure_columns *c = l->c;

	memset(l->sum, 0, (size_t)l->n_lanes * c->n * sizeof(*l->sum));
	if (c->to - c->from < c->n) {
		if (load_units(l, err))
			return -1;
	} else if (timeline_count_bound(l->tl, c->from, c->to) <= c->few) {
		if (load_events(l, err))
			return -1;
	} else {
		for (uint32_t k = 0; k < l->n_lanes; k += LANES_AT_ONCE) {
			uint32_t n =
				l->n_lanes - k < LANES_AT_ONCE ? l->n_lanes - k : LANES_AT_ONCE;

			if (add_bins(l, l->lane0 + k, n, err))
				return -1;
		}
		if (cut_bins(l, err))
			return -1;
	}
	for (uint32_t row = 0; row < c->n_rows; row++)
		if (lane[row] - l->lane0 < l->n_lanes)
			make_row(c, row, &l->sum[(size_t)(lane[row] - l->lane0) * c->n]);
	return 0;
}

/*
 * The next lanes to work on, from `first` on: as many as there is room for, in groups, without
 * those not shown.
 */
static bool next_lanes(struct load *l, const uint32_t *lane, uint32_t first)
{
	uint32_t n_lanes = timeline_info(l->tl)->n_lanes, least = UINT32_MAX, most;
	uint32_t room = SUMS_AT_ONCE / l->c->n / LANES_AT_ONCE * LANES_AT_ONCE;

	room = room ? room : LANES_AT_ONCE;
	for (uint32_t row = 0; row < l->c->n_rows; row++)
		if (lane[row] >= first && lane[row] < least)
			least = lane[row];
	if (least == UINT32_MAX)
		return false;
	l->lane0 = least / LANES_AT_ONCE * LANES_AT_ONCE;
	if (room > n_lanes - l->lane0)
		room = n_lanes - l->lane0;
	most = least;
	for (uint32_t row = 0; row < l->c->n_rows; row++)
		if (lane[row] > most && lane[row] - l->lane0 < room)
			most = lane[row];
	l->n_lanes = most - l->lane0 + 1;
	return true;
}

int figure_columns_load(struct figure_columns *c, struct timeline *tl, const uint32_t *lane,
			struct err *err)
{
	struct load l = { .c = c, .tl = tl, .level = level_for(c) };
	uint32_t first = 0;
	int ret = -1;

	l.cursor = timeline_cursor_new(tl, err);
	if (!l.cursor)
		return -1;
	c->cell = calloc((size_t)c->n_rows * c->n, sizeof(*c->cell));
	c->handoffs = calloc(c->n, sizeof(*c->handoffs));
	l.bins = malloc(sizeof(*l.bins) * LANES_AT_ONCE * BINS_AT_ONCE);
	if (!c->cell || !c->handoffs || !l.bins) {
		err_memory(err, "a figure's columns");
		goto out;
	}
	while (next_lanes(&l, lane, first)) {
		free(l.sum);
		l.sum = malloc((size_t)l.n_lanes * c->n * sizeof(*l.sum));
		if (!l.sum) {
			err_memory(err, "a figure's columns");
			goto out;
		}
		if (load_lanes(&l, lane, err))
			goto out;
		first = l.lane0 + l.n_lanes;
	}
	ret = 0;
out:
	free(l.bins);
	free(l.sum);
	timeline_cursor_free(l.cursor);
	return ret;
}

void figure_columns_release(struct figure_columns *c)
{
	free(c->cell);
	free(c->handoffs);
	c->cell = NULL;
	c->handoffs = NULL;
}
