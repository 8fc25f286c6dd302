/*
 * figure_handoff.c - see figure_handoff.h
 *
 * The end of a hand-off, an ACQUIRE or RETRY, says how long the thread was signalled before.  So far back lies
 * the RELEASE (or, in a log that has them, the WAKEUP) of the thread that signalled it.
 */
#include "figure_handoff.h"

#include <stdlib.h>

struct search {
	const struct figure_columns *c;
	const uint32_t *row_of;		/* per thread; NO_THREAD: not shown */
	uint32_t n_threads;
	/* the end that was found, and what is looked for */
	uint64_t signal;		/* NO_TIME: none yet */
	uint32_t to, from;		/* threads */
	uint16_t lock;
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
		if (attrs[i].id == ATTR_SIGNAL && attrs[i].value > 0 && (uint64_t)attrs[i].value <= e->time) {
			s->signal = e->time - (uint64_t)attrs[i].value;
			s->to = e->thread;
			s->lock = e->lock;
			return 1;
		}
	return 0;
}

static int see_begin(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct search *s = ctx;

	if (e->thread == s->to)
		return 0;
	if (e->kind == EV_RELEASE && e->lock == s->lock)
		s->from = e->thread;
	for (unsigned i = 0; e->kind == EV_WAKEUP && s->from == NO_THREAD && i < e->n_attrs; i++)
		if (attrs[i].id == ATTR_TARGET && attrs[i].value == (int64_t)s->to)
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

/* The hand-off that ends in column i, if there is one to be drawn. */
static int look_at(struct search *s, struct timeline_cursor *cursor, uint32_t i, struct figure_handoffs *out,
		   struct err *err)
{
	uint64_t from = figure_column_time(s->c, i), to = figure_column_time(s->c, i + 1);
	struct figure_handoff h;

	s->signal = NO_TIME;
	s->from = NO_THREAD;
	if (timeline_events(cursor, from, to > from ? to : from + 1, see_end, s, err) < 0)
		return -1;
	if (s->signal == NO_TIME || s->signal < s->c->from)
		return 0;
	if (timeline_events(cursor, s->signal, s->signal + 1, see_begin, s, err) < 0)
		return -1;
	h = (struct figure_handoff){ s->signal, row_of(s, s->from), row_of(s, s->to) };
	if (h.from_row == NO_THREAD || h.from_row == h.to_row)
		return 0;
	return add(out, h, err);
}

static int by_time(const void *a, const void *b)
{
	const struct figure_handoff *x = a, *y = b;

	if (x->t != y->t)
		return x->t < y->t ? -1 : 1;
	return x->to_row < y->to_row ? -1 : x->to_row > y->to_row;
}

/* Signals can come long before their takes end: those that then lie too near to each other go, all of them. */
static void drop_crowded(struct figure_handoffs *out, const struct figure_columns *c, double apart)
{
	double last = -apart;
	bool crowded = false;
	size_t k = 0;

	if (out->n)
		qsort(out->h, out->n, sizeof(*out->h), by_time);
	for (size_t i = 0; i < out->n; i++) {
		double at = figure_column_at(c, out->h[i].t), next = at + apart;

		if (i + 1 < out->n)
			next = figure_column_at(c, out->h[i + 1].t);
		crowded = at - last < apart || next - at < apart;
		last = at;
		if (!crowded)
			out->h[k++] = out->h[i];
	}
	out->n = k;
}

/* Column i has one hand-off, and its neighbours have none. */
static bool is_alone(const struct figure_columns *c, uint32_t i, uint32_t apart)
{
	uint32_t first = i > apart ? i - apart : 0, last = c->n - i > apart ? i + apart : c->n - 1;

	for (uint32_t k = first; k <= last; k++)
		if (c->handoffs[k] != (k == i))
			return false;
	return true;
}

int figure_handoffs_find(struct figure_handoffs *out, const struct figure_columns *c, struct timeline *tl,
			 const uint32_t *lane, double apart, struct err *err)
{
	struct search s = { .c = c, .n_threads = timeline_info(tl)->n_threads };
	struct timeline_cursor *cursor = timeline_cursor_new(tl, err);
	uint32_t *rows = malloc((size_t)s.n_threads * sizeof(*rows) + 1), near = (uint32_t)apart;
	int ret = -1;

	if (!cursor)
		goto out;
	if (!rows) {
		err_memory(err, "a figure's arrows");
		goto out;
	}
	for (uint32_t i = 0; i < s.n_threads; i++)
		rows[i] = NO_THREAD;
	for (uint32_t row = 0; row < c->n_rows; row++)
		rows[lane[row]] = row;
	s.row_of = rows;
	for (uint32_t i = 0; i < c->n; i++)
		if (c->handoffs[i] == 1 && is_alone(c, i, near) && look_at(&s, cursor, i, out, err))
			goto out;
	drop_crowded(out, c, apart);
	ret = 0;
out:
	free(rows);
	timeline_cursor_free(cursor);
	return ret;
}

void figure_handoffs_release(struct figure_handoffs *h)
{
	free(h->h);
	*h = (struct figure_handoffs){ 0 };
}
