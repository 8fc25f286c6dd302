/*
 * waits.c - see waits.h
 *
 * A bin says how long the longest wait is that touches it.  From some thousand bins per lane
 * follows how long a wait must be to be among the longest: neighbouring bins with the same maximum
 * count as one wait, for a long one touches many.  Then only bins that reach this are read, but for
 * those that lie wholly inside a wait.
 */
#include "waits.h"

#include <stdlib.h>
#include <string.h>

#include "strip.h"

#define BINS 4096
#define LANES_AT_ONCE 8
#define READ_MAX 1024		/* bins; where that many have the same maximum, the first ones do */

struct place { uint64_t max_wait; uint32_t bin, lane; };

struct places {
	struct place *p;	/* owned */
	size_t n, cap;
};

static int by_length(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->max_wait != y->max_wait)
		return x->max_wait < y->max_wait ? 1 : -1;
	if (x->bin != y->bin)
		return x->bin < y->bin ? -1 : 1;
	return x->lane < y->lane ? -1 : x->lane > y->lane;
}

/* Keeps the READ_MAX first by length once there are twice as many. */
static int add_place(struct places *l, struct place p, struct err *err)
{
	if (!l->p) {
		l->cap = 2 * READ_MAX;
		l->p = malloc(l->cap * sizeof(*l->p));
		if (!l->p)
			return err_memory(err, "long waits");
	}
	if (l->n == l->cap) {
		qsort(l->p, l->n, sizeof(*l->p), by_length);
		l->n = READ_MAX;
	}
	l->p[l->n++] = p;
	return 0;
}

struct search {
	struct timeline *tl;
	struct timeline_cursor *cursor;
	struct timeline_bin *bins;
	unsigned level;
	uint32_t n_bins;
	/* bins to read; where a new maximum begins: one wait each */
	struct places read, first;
};

/* The bin lies wholly inside one wait, and does not end it. */
static bool is_inside(const struct timeline_bin *b, unsigned level)
{
	return !b->acquires && b->wait + b->signal == UINT64_C(1) << level;
}

static int find_places(struct search *s, uint32_t lane0, uint32_t n_lanes, struct err *err)
{
	if (timeline_bins(s->cursor, s->level, 0, s->n_bins, lane0, n_lanes, s->bins, err))
		return -1;
	for (uint32_t l = 0; l < n_lanes; l++) {
		const struct timeline_bin *b = s->bins + (size_t)l * s->n_bins;
		uint64_t last = 0;

		for (uint32_t i = 0; i < s->n_bins; i++) {
			struct place p = { .max_wait = b[i].max_wait, .bin = i, .lane = lane0 + l };
			bool first = p.max_wait != last;

			last = p.max_wait;
			if (!p.max_wait)
				continue;
			if (first && add_place(&s->first, p, err))
				return -1;
			if ((first || !is_inside(&b[i], s->level)) && add_place(&s->read, p, err))
				return -1;
		}
	}
	return 0;
}

static int worse_first(const void *a, const void *b)
{
	const struct worst_wait *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? 1 : -1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->lane < y->lane ? -1 : x->lane > y->lane;
}

struct waits { struct worst_wait *w; size_t n, cap; };

static int add_wait(struct waits *l, struct worst_wait w, struct err *err)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 1024;
		struct worst_wait *p = realloc(l->w, cap * sizeof(*p));

		if (!p)
			return err_memory(err, "long waits");
		l->w = p;
		l->cap = cap;
	}
	l->w[l->n++] = w;
	return 0;
}

/* All waits of at least that length that touch the bin of its lane. */
static int read_place(struct search *s, struct strip *strip, const struct place *p, uint64_t least,
		      struct waits *out, struct err *err)
{
	uint64_t from = (uint64_t)p->bin << s->level;
	const struct strip_lane *l;

	if (strip_load(strip, s->tl, s->cursor, from, from + (UINT64_C(1) << s->level), p->lane, 1,
		       NULL, err))
		return -1;
	l = &strip->lane[0];
	for (size_t i = 0; i < l->n; i++) {
		const struct mark *m = &l->mark[i];
		bool waits = m->state == STATE_WAIT || m->state == STATE_SIGNAL;

		if (!waits || m->take < least ||
		    (i + 1 < l->n && l->mark[i + 1].since == m->since &&
		     l->mark[i + 1].take == m->take))
			continue;	/* the next mark tells of the same wait */
		if (add_wait(out, (struct worst_wait){ m->since, m->take, p->lane }, err))
			return -1;
	}
	return 0;
}

static size_t drop_doubles(struct worst_wait *w, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (!k || w[k - 1].begin != w[i].begin || w[k - 1].lane != w[i].lane)
			w[k++] = w[i];
	return k;
}

int worst_waits(struct timeline *tl, struct worst_wait *out, unsigned max, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	struct search s = { .tl = tl };
	struct strip strip = STRIP_INIT;
	struct waits found = { 0 };
	uint64_t least;
	int ret = -1;

	while (info->end >> s.level >= BINS)
		s.level++;
	s.n_bins = (uint32_t)(info->end >> s.level) + 1;
	s.bins = calloc((size_t)LANES_AT_ONCE * s.n_bins, sizeof(*s.bins));
	s.cursor = timeline_cursor_new(tl, err);
	if (!s.cursor)
		goto out;
	if (!s.bins) {
		err_memory(err, "long waits");
		goto out;
	}
	for (uint32_t lane = 0; lane < info->n_lanes; lane += LANES_AT_ONCE) {
		uint32_t n = info->n_lanes - lane;

		if (find_places(&s, lane, n < LANES_AT_ONCE ? n : LANES_AT_ONCE, err))
			goto out;
	}
	if (s.first.n)
		qsort(s.first.p, s.first.n, sizeof(*s.first.p), by_length);
	if (s.read.n)
		qsort(s.read.p, s.read.n, sizeof(*s.read.p), by_length);
	least = s.first.n > max ? s.first.p[max - 1].max_wait : 1;
	for (size_t i = 0; i < s.read.n && i < READ_MAX && s.read.p[i].max_wait >= least; i++)
		if (read_place(&s, &strip, &s.read.p[i], least, &found, err))
			goto out;
	if (found.n)
		qsort(found.w, found.n, sizeof(*found.w), worse_first);
	found.n = drop_doubles(found.w, found.n);
	ret = (int)(found.n < max ? found.n : max);
	if (ret)
		memcpy(out, found.w, (size_t)ret * sizeof(*out));
out:
	strip_release(&strip);
	timeline_cursor_free(s.cursor);
	free(s.bins);
	free(s.read.p);
	free(s.first.p);
	free(found.w);
	return ret;
}
