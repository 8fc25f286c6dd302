/*
 * figure_handoff.c - see figure_handoff.h
 *
 * The end of a hand-off, an ACQUIRE or RETRY, says how long the thread was signalled before.  So
 * far back lies the RELEASE (or, in a log that has them, the WAKEUP) of the thread that signalled
 * it.  Bins count such ends, but not whether there was a signal: so a few near to each other are
 * read all the same.
 */
#include "figure_handoff.h"

#include <stdlib.h>

#define CROWD 4			/* more ends than this near to each other are not looked at */

struct handoff_end { uint64_t signal; uint32_t thread; uint16_t lock; };

struct search {
	const struct figure_columns *c;
	const uint32_t *row_of;		/* per thread; NO_THREAD: not shown */
	uint32_t n_threads;
	struct handoff_end end[CROWD];	/* of a column */
	unsigned n_ends;
	struct handoff_end of;		/* the one whose begin is looked for */
	uint32_t from;			/* the thread that signalled, or NO_THREAD */
};

static uint32_t row_of(const struct search *s, uint32_t thread)
{
	return thread < s->n_threads ? s->row_of[thread] : NO_THREAD;
}

static int see_end(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct search *s = ctx;

	if ((e->kind != EV_ACQUIRE && e->kind != EV_RETRY) || row_of(s, e->thread) == NO_THREAD)
		return 0;
	for (unsigned i = 0; i < e->n_attrs; i++)
		if (attrs[i].id == ATTR_SIGNAL && attrs[i].value > 0 &&
		    (uint64_t)attrs[i].value <= e->time) {
			s->end[s->n_ends++] = (struct handoff_end){
				e->time - (uint64_t)attrs[i].value, e->thread, e->lock
			};
			return s->n_ends == CROWD;
		}
	return 0;
}

static int see_begin(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct search *s = ctx;

	if (e->thread == s->of.thread)
		return 0;
	if (e->kind == EV_RELEASE && e->lock == s->of.lock)
		s->from = e->thread;
	for (unsigned i = 0; e->kind == EV_WAKEUP && s->from == NO_THREAD && i < e->n_attrs; i++)
		if (attrs[i].id == ATTR_TARGET && attrs[i].value == (int64_t)s->of.thread)
			s->from = e->thread;
	return 0;
}

static int add(struct figure_handoffs *out, struct figure_handoff h, struct err *err)
{
	if (out->n == out->cap) {
		size_t cap = out->cap ? 2 * out->cap : 32;
		struct figure_handoff *p = realloc(out->h, cap * sizeof(*p));

		if (!p)
			return err_memory(err, "a figure's arrows");
		out->h = p;
		out->cap = cap;
	}
	out->h[out->n++] = h;
	return 0;
}

/* The hand-offs that end in column i.  crowded: not to be drawn, they keep others away. */
static int look_at(struct search *s, struct timeline_cursor *cursor, uint32_t i, bool crowded,
		   struct figure_handoffs *out, struct err *err)
{
	uint64_t from = figure_column_time(s->c, i), to = figure_column_time(s->c, i + 1);
	struct figure_handoff h;

	s->n_ends = 0;
	if (timeline_events(cursor, from, to > from ? to : from + 1, see_end, s, err) < 0)
		return -1;
	for (unsigned k = 0; k < s->n_ends; k++) {
		s->of = s->end[k];
		s->from = NO_THREAD;
		if (s->of.signal < s->c->from)
			continue;
		if (timeline_events(cursor, s->of.signal, s->of.signal + 1, see_begin, s, err) < 0)
			return -1;
		h = (struct figure_handoff){ s->of.signal, row_of(s, s->from),
					     row_of(s, s->of.thread), crowded };
		if (h.from_row != NO_THREAD && h.from_row != h.to_row && add(out, h, err))
			return -1;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct figure_handoff *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return x->to_row < y->to_row ? -1 : x->to_row > y->to_row;
}

/* Arrows that lie too near to each other go, all of them. */
static void drop_crowded(struct figure_handoffs *out, const struct figure_columns *c, double apart)
{
	double last = -2 * apart;
	size_t k = 0;

	if (out->n)
		qsort(out->h, out->n, sizeof(*out->h), by_time);
	for (size_t i = 0; i < out->n; i++) {
		double at = figure_column_at(c, out->h[i].t), next = at + 2 * apart;

		if (i + 1 < out->n)
			next = figure_column_at(c, out->h[i + 1].t);
		if (!out->h[i].crowded && at - last >= apart && next - at >= apart)
			out->h[k++] = out->h[i];
		last = at;
	}
	out->n = k;
}

/* Column i and its neighbours have few ends. */
static bool is_no_crowd(const struct figure_columns *c, uint32_t i, uint32_t apart)
{
	uint32_t first = i > apart ? i - apart : 0, last = c->n - i > apart ? i + apart : c->n - 1;
	uint64_t n = 0;

	for (uint32_t k = first; k <= last && n <= CROWD; k++)
		n += c->handoffs[k];
	return n <= CROWD;
}

/* One of the columns from i - apart to i + apart that has ends, and few around it. */
static bool is_beside_few(const bool *few, uint32_t n, uint32_t i, uint32_t apart)
{
	uint32_t first = i > apart ? i - apart : 0, last = n - i > apart ? i + apart : n - 1;

	for (uint32_t k = first; k <= last; k++)
		if (few[k])
			return true;
	return false;
}

/* At the edge of a crowd one can have few around it that has not: then both are read. */
static int look_for(struct search *s, struct timeline_cursor *cursor, bool *few, uint32_t apart,
		    struct figure_handoffs *out, struct err *err)
{
	const struct figure_columns *c = s->c;

	for (uint32_t i = 0; i < c->n; i++)
		few[i] = c->handoffs[i] && is_no_crowd(c, i, apart);
	for (uint32_t i = 0; i < c->n; i++)
		if (c->handoffs[i] && is_beside_few(few, c->n, i, apart) &&
		    look_at(s, cursor, i, !few[i], out, err))
			return -1;
	return 0;
}

int figure_handoffs_find(struct figure_handoffs *out, const struct figure_columns *c,
			 struct timeline *tl, const uint32_t *lane, double apart, struct err *err)
{
	struct search s = { .c = c, .n_threads = timeline_info(tl)->n_threads };
	struct timeline_cursor *cursor = timeline_cursor_new(tl, err);
	uint32_t *rows = malloc((size_t)s.n_threads * sizeof(*rows) + 1);
	bool *few = malloc((size_t)c->n * sizeof(*few));
	int ret = -1;

	if (!cursor)
		goto out;
	if (!rows || !few) {
		err_memory(err, "a figure's arrows");
		goto out;
	}
	for (uint32_t i = 0; i < s.n_threads; i++)
		rows[i] = NO_THREAD;
	for (uint32_t row = 0; row < c->n_rows; row++)
		rows[lane[row]] = row;
	s.row_of = rows;
	if (look_for(&s, cursor, few, (uint32_t)apart, out, err))
		goto out;
	drop_crowded(out, c, apart);
	ret = 0;
out:
	free(rows);
	free(few);
	timeline_cursor_free(cursor);
	return ret;
}

void figure_handoffs_release(struct figure_handoffs *h)
{
	free(h->h);
	*h = (struct figure_handoffs){ 0 };
}
