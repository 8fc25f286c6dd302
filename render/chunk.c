/* chunk.c - see chunk.h */
#include "chunk.h"

#include <stdbool.h>

#include "bytes.h"

enum {
	CHUNK_VERSION = 1,
	CHUNK_VERSION_FUNC = 2,		/* where a lane's start tells a function */
	START_FUNC = 16,
	FLAG_EVENTS = 1, FLAG_CHILDREN = 2,
	KIND_STATE = 31,		/* no event, only the change of state */
	RECORD_LOST_ACQUIRE = 1, RECORD_SWITCH = 2, RECORD_LOST_RELEASE = 4, RECORD_LOCK = 8,
	RECORD_FUNC = 16,
	RECORD_MAX = 2 + 3 * VARINT_MAX
};

const struct mark *tile_start(const struct tile_marks *m, unsigned i)
{
	const struct mark *mark = m->lane[i].mark;
	size_t k = m->lo[i];

	while (k < m->hi[i] && mark[k].t == m->from)
		k++;
	return &mark[k - 1];
}

static void put_sums(struct buf *out, const struct lane_sums *s)
{
	/* as in a bin, whichever the sum is of: bins or events */
	uint64_t lost = s->lost < MAX_LOST ? s->lost : MAX_LOST;
	const uint64_t v[] = {
		s->run,	 s->stall, s->wait,	s->signal,   s->max_wait, s->acquires, s->releases,
		s->busy, s->retry, s->timeouts, s->switches, lost,	  s->events,   s->checks,
	};
	uint8_t *p = buf_reserve(out, sizeof(v) / sizeof(*v) * VARINT_MAX);

	if (!p)
		return;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		p = put_varint(p, v[i]);
	out->len = (size_t)(p - out->data);
}

/* The function + 1 of the hold that the lane is in at that mark, which is of mark[]; 0: none. */
static uint32_t func_of_hold(const struct mark *mark, const struct mark *at)
{
	if (at->state != STATE_RUN && at->state != STATE_STALL)
		return 0;
	while (at > mark && at->kind != EV_ACQUIRE)
		at--;
	return at->func;
}

/* Returns whether it tells a function. */
static bool put_start(struct buf *out, const struct tile_marks *m, unsigned i, uint16_t *lock)
{
	const struct mark *at = tile_start(m, i);
	uint32_t func = func_of_hold(m->lane[i].mark, at);
	uint8_t *p = buf_reserve(out, 1 + 3 * VARINT_MAX);

	*lock = 0;
	if (!p)
		return false;
	*p++ = (uint8_t)(at->state | (func ? START_FUNC : 0));
	if (at->state != STATE_IDLE) {
		*lock = at->lock;
		p = put_varint(p, at->lock);
		p = put_varint(p, m->from - at->since);
	}
	if (func)
		p = put_varint(p, func - 1);
	out->len = (size_t)(p - out->data);
	return func;
}

static bool is_earlier(const struct mark *a, const struct mark *b)
{
	return a->t < b->t || (a->t == b->t && a->seq < b->seq);
}

/*
 * The lane whose next mark is the earliest; *limit: the earliest of the others, or NULL.  Some are
 * left.
 */
static unsigned next_lane(const struct tile_marks *m, const size_t at[LANES_PER_TILE],
			  const struct mark **limit)
{
	const struct mark *best = NULL, *second = NULL;
	unsigned lane = 0;

	for (unsigned i = 0; i < m->n_lanes; i++) {
		const struct mark *k = &m->lane[i].mark[at[i]];

		if (at[i] == m->hi[i])
			continue;
		if (!best || is_earlier(k, best)) {
			second = best;
			best = k;
			lane = i;
		} else if (!second || is_earlier(k, second)) {
			second = k;
		}
	}
	*limit = second;
	return lane;
}

static uint8_t *put_record(uint8_t *p, const struct mark *m, uint64_t delta, unsigned lane,
			   uint16_t *lock)
{
	unsigned kind = m->kind == EV_STATE ? KIND_STATE : m->kind, bits = 0;

	bits |= m->flags & EVF_LOST_ACQUIRE ? RECORD_LOST_ACQUIRE : 0;
	bits |= m->flags & EVF_SWITCH ? RECORD_SWITCH : 0;
	bits |= m->flags & EVF_LOST_RELEASE ? RECORD_LOST_RELEASE : 0;
	bits |= m->lock != *lock ? RECORD_LOCK : 0;
	bits |= m->func ? RECORD_FUNC : 0;
	p = put_varint(p, delta << 3 | lane);
	*p++ = (uint8_t)(kind | m->state << 5);
	*p++ = (uint8_t)bits;
	if (bits & RECORD_LOCK)
		p = put_varint(p, *lock = m->lock);
	if (bits & RECORD_FUNC)
		p = put_varint(p, m->func - 1);
	return p;
}

static void put_records(struct buf *out, const struct tile_marks *m, uint16_t lock[LANES_PER_TILE])
{
	size_t at[LANES_PER_TILE] = { 0 }, n = 0;
	uint64_t t = m->from;
	uint8_t *p;

	for (unsigned i = 0; i < m->n_lanes; i++) {
		at[i] = m->lo[i];
		n += m->hi[i] - m->lo[i];
	}
	p = buf_reserve(out, VARINT_MAX + n * RECORD_MAX);
	if (!p)
		return;
	p = put_varint(p, n);
	while (n) {
		const struct mark *limit, *k, *end;
		unsigned i = next_lane(m, at, &limit);

		k = &m->lane[i].mark[at[i]];
		end = &m->lane[i].mark[m->hi[i]];
		for (; k < end && (!limit || is_earlier(k, limit)); k++, n--) {
			p = put_record(p, k, k->t - t, i, &lock[i]);
			t = k->t;
		}
		at[i] = (size_t)(k - m->lane[i].mark);
	}
	out->len = (size_t)(p - out->data);
}

/* How the take that is open at the tile's end ends. */
static void put_open_end(struct buf *out, const struct tile_marks *m, unsigned i)
{
	const struct mark *last = &m->lane[i].mark[m->hi[i] - 1];
	bool open = (last->state == STATE_WAIT || last->state == STATE_SIGNAL) && last->take;

	buf_varint(out, open ? 1 + (last->since + last->take - m->to) : 0);
}

void chunk_write(struct buf *out, const struct lane_sums *sums, unsigned n_lanes,
		 const struct tile_marks *marks, bool has_children)
{
	const uint8_t head[3] = {
		CHUNK_VERSION, (marks ? FLAG_EVENTS : 0) | (has_children ? FLAG_CHILDREN : 0),
		(uint8_t)n_lanes,
	};
	uint16_t lock[LANES_PER_TILE];

	buf_clear(out);
	buf_add(out, head, sizeof(head));
	for (unsigned i = 0; i < n_lanes; i++)
		put_sums(out, &sums[i]);
	if (!marks)
		return;
	for (unsigned i = 0; i < n_lanes; i++)
		if (put_start(out, marks, i, &lock[i]))
			*out->data = CHUNK_VERSION_FUNC;
	put_records(out, marks, lock);
	for (unsigned i = 0; i < n_lanes; i++)
		put_open_end(out, marks, i);
}
