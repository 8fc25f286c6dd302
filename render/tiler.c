/* tiler.c - see tiler.h */
#include "tiler.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "chunk.h"
#include "png.h"

/* from about this many in a tile on, bins are faster than marks */
#define DENSE_EVENTS 3072
#define ONE_STRIP_EVENTS 1024	/* up to about this many in the tile above, it is loaded, too */
/* groups of lanes whose bins are asked for together: each question reads blocks */
#define AT_ONCE 16
#define SEEN_BITS 16		/* hashes of tiles that a thread remembers having made */

/* One tile as it is drawn: where, its columns (inside words), its sums. */
struct drawing {
	unsigned z;
	uint64_t x;
	uint32_t y;
	struct tile_columns columns;
	size_t n_words;
	struct lane_sums sums[LANES_PER_TILE];
	uint64_t events;
	bool constant;			/* each lane is one state alone */
};

/* A tile of a subtree as it was drawn from bins: its runs begin at dense_words[words]. */
struct dense {
	struct drawing d;
	size_t words;
};

struct tiler {
	const struct tile_set *set;
	struct timeline_cursor *cursor;
	struct png_encoder *encoder;
	struct strip strip;
	struct timeline_bin *bins;	/* AT_ONCE * LANES_PER_TILE * tile_width */
	/* the lanes in the tile above (z, x): asked for once a job */
	struct timeline_bin *parents;
	uint32_t parents_lane0, parents_lanes;
	bool have_parents;
	struct column_batch columns;	/* of a lane, from bins */
	bool *skip;			/* per group */
	/* a tile's bins, one for each zoom of a subtree; made when it is needed */
	struct timeline_bin *folded[64];
	/* whether its lanes' bins hold anything; those that do not were not written */
	bool folded_some[64][LANES_PER_TILE];
	struct dense *dense;		/* of a subtree, each in front of those below it */
	size_t n_dense, cap_dense, next_dense;
	uint64_t *dense_words;
	size_t n_dense_words, cap_dense_words;
	bool have_strip;		/* the subtree's is loaded */
	uint64_t *words;		/* what is hashed: the tile's runs, then its chunk */
	size_t cap_words;
	struct buf chunk;
	/* half of each hash, by bits of the other half; 0: none; made by the first job */
	uint64_t *seen;
	struct tile_batch *out;		/* of this call */
	uint64_t constant[N_STATES];	/* the column of one state alone */
};

/* --- columns from marks ----------------------------------------------------------------------- */

struct pen {
	uint64_t *runs;
	size_t n;
};

static inline void pen_add(struct pen *p, uint64_t column, uint64_t n)
{
	if (p->n && RUN_COLUMN(p->runs[p->n - 1]) == column)
		p->runs[p->n - 1] += RUN_OF(0, n);
	else
		p->runs[p->n++] = RUN_OF(column, n);
}

/* The column that is being gathered. */
struct gather {
	struct shares s;
	uint64_t idle;
	bool switched;			/* the lock came from another thread */
	bool marked;			/* an event or a change of state lies in it */
};

/*
 * Where a state's time is added: in place, for what is copied just after it was written makes the
 * processor wait.
 */
static inline uint64_t *time_in(struct gather *g, unsigned state)
{
	static const uint8_t at[N_STATES] = {
		[STATE_IDLE] = offsetof(struct gather, idle),
		[STATE_RUN] = offsetof(struct gather, s.run),
		[STATE_STALL] = offsetof(struct gather, s.stall),
		[STATE_SIGNAL] = offsetof(struct gather, s.signal),
		[STATE_WAIT] = offsetof(struct gather, s.wait),
	};

	return (uint64_t *)(void *)((char *)g + at[state]);
}

static void end_column(struct pen *p, struct gather *g, unsigned level, unsigned h, bool plain)
{
	g->s.plain = plain && !g->switched;
	pen_add(p, column_of(&g->s, level, h), 1);
	*g = (struct gather){ .marked = false };
}

/* Counts what the mark is in its column. */
static inline void count_mark(const struct mark *m, struct gather *g)
{
	struct shares *s = &g->s;

	s->lost = lost_add(s->lost, m->lost);
	switch (m->kind) {
	case EV_ACQUIRE:
		s->acquires++;
		g->switched |= m->flags & EVF_SWITCH;
		break;
	case EV_BUSY: s->busy++; break;
	case EV_RETRY: s->retry++; break;
	}
}

static inline void sum_mark(const struct mark *m, struct lane_sums *sums)
{
	sums->events += m->kind != EV_STATE;
	sums->checks += m->checks;
	sums->lost += m->lost;
	switch (m->kind) {
	case EV_ACQUIRE:
		sums->acquires++;
		sums->switches += m->flags & EVF_SWITCH ? 1 : 0;
		break;
	case EV_RELEASE: sums->releases++; break;
	case EV_BUSY: sums->busy++; break;
	case EV_RETRY: sums->retry++; break;
	case EV_TIMEOUT: sums->timeouts++; break;
	}
}

static inline void count_wait(const struct mark *m, struct lane_sums *sums)
{
	if ((m->state == STATE_WAIT || m->state == STATE_SIGNAL) && m->take > sums->max_wait)
		sums->max_wait = m->take;
}

/*
 * Draws lane i of a tile from its marks; returns the number of runs.  sums NULL: nobody asks for
 * them.  Inlined for either case, as this is where the tiles of a full set, nearly all of them
 * without sums, take most of their time.
 */
static inline __attribute__((always_inline)) size_t
draw_lane(const struct tiler *t, const struct tile_marks *tm, unsigned i, unsigned level,
	  uint64_t *runs, struct lane_sums *sums)
{
	const struct mark *m = tm->lane[i].mark + tm->lo[i], *end = tm->lane[i].mark + tm->hi[i];
	const struct mark *start = tile_start(tm, i);
	unsigned h = t->set->lane_height - LANE_GAP, state = start->state;
	uint64_t pos = 0, column = 0, time[N_STATES] = { 0 };
	uint32_t width = t->set->pyramid.tile_width;
	struct gather g = { .marked = false };
	struct pen pen = { .runs = runs };

	if (sums)
		count_wait(start, sums);
	for (;; m++) {
		uint64_t rel = m < end ? m->t - tm->from : (uint64_t)width << level;
		uint64_t next = rel >> level;

		if (sums)
			time[state] += rel - pos;
		if (next != column) {
			if (g.marked) {
				*time_in(&g, state) += ((column + 1) << level) - pos;
				end_column(&pen, &g, level, h, level > t->set->bright_level);
				column++;
			}
			if (next != column)
				pen_add(&pen, t->constant[state], next - column);
			column = next;
			pos = column << level;
		}
		if (m >= end)
			break;
		*time_in(&g, state) += rel - pos;
		g.marked = true;
		pos = rel;
		count_mark(m, &g);
		if (sums)
			sum_mark(m, sums);
		state = m->state;
		if (sums && rel)	/* what is over at the tile's begin does not touch it */
			count_wait(m, sums);
	}
	if (sums) {
		sums->run = time[STATE_RUN];
		sums->stall = time[STATE_STALL];
		sums->wait = time[STATE_WAIT];
		sums->signal = time[STATE_SIGNAL];
	}
	return pen.n;
}

/* --- columns from bins ------------------------------------------------------------------------ */

static inline void add_bin(struct lane_sums *s, const struct timeline_bin *b)
{
	s->run += b->run;
	s->stall += b->stall;
	s->wait += b->wait;
	s->signal += b->signal;
	if (b->max_wait > s->max_wait)
		s->max_wait = b->max_wait;
	s->acquires += b->acquires;
	s->releases += b->releases;
	s->busy += b->busy;
	s->retry += b->retry;
	s->timeouts += b->timeouts;
	s->switches += b->switches;
	s->lost += b->lost;
	s->events += b->events;
	s->checks += b->checks;
}

/*
 * A bin as vectors: most of the time for a tile of many events goes by here.  The counters are
 * eight in a row, in a bin as in the sums of a lane.
 */
typedef uint64_t u64x4 __attribute__((vector_size(32)));
typedef uint64_t u64x2 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));

struct bin_sums {
	/* in run, stall, wait, signal; acquires to retry; timeouts to events */
	u64x4 time, first, last;
	uint64_t max_wait, checks;
};

_Static_assert(offsetof(struct timeline_bin, signal) == 24 &&
		       offsetof(struct timeline_bin, acquires) == 40 &&
		       offsetof(struct timeline_bin, retry) == 52 &&
		       offsetof(struct timeline_bin, timeouts) == 56 &&
		       offsetof(struct timeline_bin, events) == 68,
	       "a bin's counters are eight in a row");
_Static_assert(offsetof(struct lane_sums, signal) == 24 &&
		       offsetof(struct lane_sums, acquires) == 40 &&
		       offsetof(struct lane_sums, timeouts) == 72 &&
		       offsetof(struct lane_sums, events) == 96,
	       "and so are a lane's");

/* Adds the bin; false: the lane is idle in it and nothing else is to be told of it. */
static inline bool sum_bin(struct bin_sums *s, const struct timeline_bin *b)
{
	u64x2 time[2], any;
	u32x4 first, last;
	u64x4 times;

	memcpy(time, &b->run, sizeof(time));
	memcpy(&times, &b->run, sizeof(times));
	memcpy(&first, &b->acquires, sizeof(first));
	memcpy(&last, &b->timeouts, sizeof(last));
	any = time[0] | time[1] | (u64x2)first | (u64x2)last;
	if (!(any[0] | any[1] | b->max_wait | b->checks))
		return false;
	s->time += times;
	s->first += __builtin_convertvector(first, u64x4);
	s->last += __builtin_convertvector(last, u64x4);
	s->max_wait = b->max_wait > s->max_wait ? b->max_wait : s->max_wait;
	s->checks += b->checks;
	return true;
}

/* Two neighbours as one of twice the width. */
static inline void join_bins(struct timeline_bin *o, const struct timeline_bin *a,
			     const struct timeline_bin *b)
{
	u64x4 times[2];
	u32x4 counts[2][2];

	memcpy(&times[0], &a->run, sizeof(*times));
	memcpy(&times[1], &b->run, sizeof(*times));
	memcpy(counts[0], &a->acquires, sizeof(*counts));
	memcpy(counts[1], &b->acquires, sizeof(*counts));
	times[0] += times[1];
	counts[0][0] += counts[1][0];
	counts[0][1] += counts[1][1];
	counts[0][1] |= (u32x4)(counts[0][1] < counts[1][1]);	/* lost_add() */
	memcpy(&o->run, &times[0], sizeof(*times));
	o->max_wait = a->max_wait > b->max_wait ? a->max_wait : b->max_wait;
	memcpy(&o->acquires, counts[0], sizeof(*counts));
	o->checks = a->checks + b->checks;
}

/* The columns of a lane as runs; how many of these. */
static size_t join_columns(uint64_t *runs, const uint64_t *column, uint32_t width)
{
	uint32_t begin = 0;
	size_t n = 0;

	for (uint32_t x = 1; x <= width; x++)
		if (x == width || column[x] != column[begin]) {
			runs[n++] = RUN_OF(column[begin], x - begin);
			begin = x;
		}
	return n;
}

static size_t draw_bins(struct tiler *t, const struct timeline_bin *bin, unsigned level,
			uint64_t *runs, struct lane_sums *out)
{
	struct column_batch *columns = &t->columns;
	struct bin_sums sums = { .max_wait = 0 };
	uint32_t width = t->set->pyramid.tile_width;
	bool plain = level > t->set->bright_level;

	columns->level = level;
	for (uint32_t x = 0; x < width; x++, bin++) {
		struct shares s;

		if (!sum_bin(&sums, bin)) {
			columns->column[x] = t->constant[STATE_IDLE];
			continue;
		}
		s = (struct shares){
			.run = bin->run,
			.stall = bin->stall,
			.signal = bin->signal,
			.wait = bin->wait,
			.acquires = bin->acquires,
			.busy = bin->busy,
			.retry = bin->retry,
			.lost = bin->lost,
			.plain = plain && !bin->switches,
		};
		column_put(columns, x, &s);
	}
	column_flush(columns);
	memcpy(&out->run, &sums.time, sizeof(sums.time));
	memcpy(&out->acquires, &sums.first, sizeof(sums.first));
	memcpy(&out->timeouts, &sums.last, sizeof(sums.last));
	out->max_wait = sums.max_wait;
	out->checks = sums.checks;
	return join_columns(runs, columns->column, width);
}

/* --- a drawing -------------------------------------------------------------------------------- */

static bool lane_is_constant(const struct lane_sums *s, uint64_t span)
{
	return !s->events && (s->run == span || s->stall == span || s->wait == span ||
			      s->signal == span || !(s->run | s->stall | s->wait | s->signal));
}

/* Room for n lanes of runs, and for more bytes behind them. */
static int reserve_words(struct tiler *t, size_t words, struct err *err)
{
	uint64_t *p;

	if (words <= t->cap_words)
		return 0;
	p = realloc(t->words, 2 * words * sizeof(*p));
	if (!p)
		return err_memory(err, "a tile's columns");
	t->words = p;
	t->cap_words = 2 * words;
	return 0;
}

static void begin_drawing(const struct tiler *t, struct drawing *d, unsigned z, uint64_t x,
			  uint32_t y)
{
	memset(d, 0, sizeof(*d));
	d->z = z;
	d->x = x;
	d->y = y;
	d->columns.n_lanes = pyramid_lanes(&t->set->pyramid, y);
}

static void end_lane(const struct tiler *t, struct drawing *d, unsigned i, size_t n_runs)
{
	d->columns.n_runs[i] = (uint32_t)n_runs;
	d->n_words += n_runs;
	d->events += d->sums[i].events;
	d->constant &= lane_is_constant(&d->sums[i], pyramid_span(&t->set->pyramid, d->z));
}

/* Without sums: nor events and constant, which follow from them. */
static void draw_without_sums(struct tiler *t, struct drawing *d, const struct tile_marks *m)
{
	unsigned level = pyramid_level(&t->set->pyramid, d->z);

	for (unsigned i = 0; i < d->columns.n_lanes; i++) {
		d->columns.n_runs[i] =
			(uint32_t)draw_lane(t, m, i, level, t->words + d->n_words, NULL);
		d->n_words += d->columns.n_runs[i];
	}
}

static void draw_from_marks(struct tiler *t, struct drawing *d, const struct tile_marks *m)
{
	unsigned level = pyramid_level(&t->set->pyramid, d->z);

	d->constant = true;
	for (unsigned i = 0; i < d->columns.n_lanes; i++)
		end_lane(t, d, i, draw_lane(t, m, i, level, t->words + d->n_words, &d->sums[i]));
}

/* Reads the bins of the tiles (z, x) of n groups from y on, at most AT_ONCE. */
static int load_bins(struct tiler *t, unsigned z, uint64_t x, uint32_t y, uint32_t n,
		     struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	uint32_t lane0 = y * LANES_PER_TILE, lanes = p->n_lanes - lane0;

	if (lanes > n * LANES_PER_TILE)
		lanes = n * LANES_PER_TILE;
	return timeline_bins(t->cursor, pyramid_level(p, z), x * p->tile_width, p->tile_width,
			     lane0, lanes, t->bins, err);
}

/* The runs of a lane of whose bins none holds anything. */
static size_t draw_nothing(const struct tiler *t, uint64_t *runs)
{
	runs[0] = RUN_OF(t->constant[STATE_IDLE], t->set->pyramid.tile_width);
	return 1;
}

/* bins, some: of the drawing's first lane. */
static void draw_from_bins(struct tiler *t, struct drawing *d, const struct timeline_bin *bins,
			   const bool *some)
{
	const struct pyramid *p = &t->set->pyramid;

	d->constant = true;
	for (unsigned i = 0; i < d->columns.n_lanes; i++, bins += p->tile_width) {
		uint64_t *runs = t->words + d->n_words;

		end_lane(t, d, i,
			 some[i] ? draw_bins(t, bins, pyramid_level(p, d->z), runs, &d->sums[i])
				 : draw_nothing(t, runs));
	}
}

/* --- a finished tile -------------------------------------------------------------------------- */

static int hash_tile(struct tiler *t, const struct drawing *d, const struct buf *chunk,
		     struct tile_hash *hash, struct err *err)
{
	size_t bytes = d->n_words * sizeof(*t->words);
	XXH128_hash_t h;

	/* Each lane's runs are as wide as the tile, so their borders are in their lengths. */
	if (reserve_words(t, d->n_words + chunk->len / sizeof(*t->words) + 1, err))
		return -1;
	if (chunk->len)
		memcpy(t->words + d->n_words, chunk->data, chunk->len);
	h = XXH3_128bits_withSeed(t->words, bytes + chunk->len,
				  d->n_words << 4 | d->columns.n_lanes);
	*hash = (struct tile_hash){ .lo = h.low64, .hi = h.high64 };
	return 0;
}

/*
 * Whether this thread has given that tile's bytes before; now it has.  Of the hash 64 + SEEN_BITS
 * bits are compared: were two tiles the same in these, the writer, who compares all of it, would
 * miss the second one's bytes.
 */
static bool seen_before(struct tiler *t, const struct tile_hash *h)
{
	uint64_t *s = &t->seen[h->hi >> (64 - SEEN_BITS)];

	if (*s == h->lo)
		return !t->set->all_bytes;
	*s = h->lo;
	return false;
}

static struct batch_tile *add_tile(struct tile_batch *b)
{
	struct batch_tile *p;
	size_t cap;

	if (b->n == b->cap) {
		cap = b->cap ? 2 * b->cap : 256;
		p = realloc(b->tile, cap * sizeof(*p));
		if (!p)
			return NULL;
		b->tile = p;
		b->cap = cap;
	}
	return &b->tile[b->n++];
}

static void encode(struct tiler *t, struct drawing *d, const struct buf *chunk, struct buf *out)
{
	const uint64_t *runs = t->words;

	for (unsigned i = 0; i < d->columns.n_lanes; i++) {
		d->columns.runs[i] = runs;
		runs += d->columns.n_runs[i];
	}
	png_encode(t->encoder, &d->columns, chunk->data, chunk->len, out);
}

/* Puts n tiles from x on that look like d into the batch. */
static int finish_tile(struct tiler *t, struct drawing *d, const struct buf *chunk, uint64_t n,
		       struct err *err)
{
	struct batch_tile tile = {
		.x = d->x, .n = n, .y = d->y, .z = (uint8_t)d->z, .off = t->out->data.len,
	};
	struct batch_tile *p;

	if (hash_tile(t, d, chunk, &tile.hash, err))
		return -1;
	if (!seen_before(t, &tile.hash)) {
		encode(t, d, chunk, &t->out->data);
		tile.has_data = true;
		tile.len = (uint32_t)(t->out->data.len - tile.off);
	}
	p = add_tile(t->out);
	if (!p || buf_failed(&t->out->data) || buf_failed(chunk))
		return err_memory(err, "tiles");
	*p = tile;
	return 0;
}

static const struct buf no_chunk = BUF_INIT;

/* Whether the tile is a leaf of `auto`: what lies deeper is drawn from its events. */
static bool is_leaf(const struct tile_set *set, unsigned z, uint64_t events)
{
	return events <= set->rule.leaf_events || z == set->rule.z_limit;
}

static bool has_children(const struct tile_set *set, const struct drawing *d)
{
	if (d->z >= set->rule.z_limit)
		return false;
	if (set->rule.full)
		return true;
	return d->z < set->rule.fine ? !d->constant : !is_leaf(set, d->z, d->events);
}

/*
 * A leaf of `auto`; and below leaves whatever else ends there, so that the deepest tile stored
 * always tells all.
 */
static bool carries_events(const struct tile_set *set, const struct drawing *d, bool in_auto)
{
	if (d->events > set->rule.leaf_events)
		return in_auto && d->z == set->rule.z_limit && !set->rule.cut;
	return in_auto || !(set->rule.full || d->constant || has_children(set, d));
}

/*
 * in_auto: `auto` would have stored this tile as it does in an archive.  marks may be NULL for one
 * that carries none.
 */
static void make_chunk(struct tiler *t, const struct drawing *d, const struct tile_marks *marks,
		       bool in_auto)
{
	buf_clear(&t->chunk);
	if (in_auto || !t->set->rule.full)
		chunk_write(&t->chunk, d->sums, d->columns.n_lanes,
			    carries_events(t->set, d, in_auto) ? marks : NULL,
			    has_children(t->set, d));
}

/* --- subtrees --------------------------------------------------------------------------------- */

static bool has_marks(const struct tile_marks *m)
{
	for (unsigned i = 0; i < m->n_lanes; i++)
		if (m->lo[i] != m->hi[i])
			return true;
	return false;
}

/* Below a tile without marks all look like it: one tile and its repetitions for each zoom. */
static int repeat_below(struct tiler *t, struct drawing *d, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;

	for (unsigned z = d->z + 1; z <= t->set->rule.z_limit; z++) {
		uint64_t n = pyramid_tiles(p, z);

		d->x <<= 1;
		n = n - d->x < UINT64_C(1) << (z - d->z) ? n - d->x : UINT64_C(1) << (z - d->z);
		if (finish_tile(t,
				&(struct drawing){ .z = z,
						   .x = d->x,
						   .y = d->y,
						   .columns = d->columns,
						   .n_words = d->n_words },
				&no_chunk, n, err))
			return -1;
	}
	return 0;
}

/* The tile of group y at (z, x) and all below it. */
static int draw_subtree(struct tiler *t, unsigned z, uint64_t x, uint32_t y,
			const struct tile_marks *m, bool in_auto, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	struct tile_marks half[2];
	struct drawing d;
	uint64_t mid;
	bool child_in_auto;

	begin_drawing(t, &d, z, x, y);
	if (t->set->rule.full && !in_auto)
		draw_without_sums(t, &d, m);
	else
		draw_from_marks(t, &d, m);
	make_chunk(t, &d, m, in_auto);
	if (finish_tile(t, &d, &t->chunk, 1, err))
		return -1;
	if (!has_children(t->set, &d))
		return 0;
	if (t->set->rule.full && !has_marks(m))
		return repeat_below(t, &d, err);
	child_in_auto = in_auto && !is_leaf(t->set, z, d.events);
	mid = m->from + pyramid_span(p, z + 1);
	half[0] = half[1] = *m;
	half[0].to = half[1].from = mid;
	for (unsigned i = 0; i < m->n_lanes; i++) {
		half[1].lo[i] = m->lo[i];
		while (half[1].lo[i] < m->hi[i] && m->lane[i].mark[half[1].lo[i]].t < mid)
			half[1].lo[i]++;
		half[0].hi[i] = half[1].lo[i];
	}
	if (draw_subtree(t, z + 1, 2 * x, y, &half[0], child_in_auto, err))
		return -1;
	if (!pyramid_has(p, z + 1, 2 * x + 1, y))
		return 0;
	return draw_subtree(t, z + 1, 2 * x + 1, y, &half[1], child_in_auto, err);
}

/* All marks of a strip's group. */
static struct tile_marks group_marks(const struct strip *s, uint32_t lane, unsigned n_lanes)
{
	struct tile_marks m = {
		.from = s->from,
		.to = s->to,
		.n_lanes = n_lanes,
		.lane = s->lane + (lane - s->lane0),
	};

	for (unsigned i = 0; i < n_lanes; i++) {
		m.lo[i] = 1;
		m.hi[i] = m.lane[i].n;
	}
	return m;
}

/* --- jobs ------------------------------------------------------------------------------------- */

struct parent { bool in_auto, constant; };

/*
 * What becomes of a tile follows from the one above it: whether `auto` stores it, and whether that
 * is constant. events: how many the tile holds, or as many as it has at least.
 */
static int ask_parent(struct tiler *t, unsigned z, uint64_t x, uint32_t y, uint64_t events,
		      struct parent *above, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	unsigned width = (unsigned)__builtin_ctz(p->tile_width);
	uint64_t sum = 0;

	*above = (struct parent){ .in_auto = true, .constant = false };
	if (!z || events > t->set->rule.leaf_events)	/* the one above holds these, too */
		return 0;
	if (!t->have_parents &&
	    timeline_bins(t->cursor, pyramid_level(p, z - 1) + width, x >> 1, 1, t->parents_lane0,
			  t->parents_lanes, t->parents, err))
		return -1;
	t->have_parents = true;
	above->constant = true;
	for (unsigned i = 0; i < pyramid_lanes(p, y); i++) {
		struct lane_sums s = { 0 };

		add_bin(&s, &t->parents[y * LANES_PER_TILE + i - t->parents_lane0]);
		sum += s.events;
		above->constant &= lane_is_constant(&s, pyramid_span(p, z - 1));
	}
	above->in_auto = !is_leaf(t->set, z - 1, sum);
	return 0;
}

/* Begins a job, or a tile, whose lanes these are. */
static void begin_lanes(struct tiler *t, uint32_t lane0, uint32_t n_lanes)
{
	t->parents_lane0 = lane0;
	t->parents_lanes = n_lanes;
	t->have_parents = false;
}

/* Whether a tile is stored at all, given the one above it. */
static bool is_stored(const struct tile_set *set, unsigned z, struct parent above)
{
	if (set->rule.full)
		return true;
	return z <= set->rule.fine ? !above.constant : above.in_auto;
}

static int load_strip(struct tiler *t, unsigned z, uint64_t x, uint32_t lane0, uint32_t n_lanes,
		      const bool *skip, struct err *err)
{
	uint64_t span = pyramid_span(&t->set->pyramid, z);

	return strip_load(&t->strip, t->set->tl, t->cursor, x * span, (x + 1) * span, lane0,
			  n_lanes, skip, err);
}

/* Counts no further than one more than most. */
static uint64_t count_events(const struct tile_marks *m, uint64_t most)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < m->n_lanes; i++)
		for (size_t k = m->lo[i]; k < m->hi[i] && n <= most; k++)
			n += m->lane[i].mark[k].kind != EV_STATE;
	return n;
}

/* The part of m that lies in [from, to). */
static struct tile_marks cut_marks(const struct tile_marks *m, uint64_t from, uint64_t to)
{
	struct tile_marks part = *m;

	part.from = from;
	part.to = to;
	for (unsigned i = 0; i < m->n_lanes; i++) {
		part.lo[i] = strip_find(&m->lane[i], m->lo[i], from);
		part.hi[i] = strip_find(&m->lane[i], part.lo[i], to);
	}
	return part;
}

/* --- dense subtrees --------------------------------------------------------------------------- */

/*
 * Where many events lie in a pixel, a subtree's upper tiles are drawn from bins: the finest are
 * asked for, and those above are their sums.  What lies deeper is drawn from the strip, if there is
 * anything deeper.
 */
static bool is_dense(const struct tiler *t, unsigned z, uint64_t x)
{
	uint64_t span = pyramid_span(&t->set->pyramid, z);

	return timeline_count_about(t->set->tl, x * span, (x + 1) * span) > DENSE_EVENTS;
}

/*
 * Two bins of a child, of folded[k + 1], make one of the tile above, of folded[k]: the left half of
 * its lanes, and then the right one.
 */
static void fold_bins(struct tiler *t, unsigned k, bool right)
{
	uint32_t width = t->set->pyramid.tile_width, half = width / 2;
	const struct timeline_bin *in = t->folded[k + 1];
	struct timeline_bin *out = t->folded[k];
	const bool *some = t->folded_some[k + 1];

	for (unsigned l = 0; l < t->set->pyramid.n_lanes; l++, in += width, out += width) {
		struct timeline_bin *o = right ? out + half : out;
		bool left_some = right && t->folded_some[k][l];

		t->folded_some[k][l] = some[l] || left_some;
		if (some[l] && right && !left_some)
			memset(out, 0, half * sizeof(*out));
		if (!some[l] && left_some)
			memset(o, 0, half * sizeof(*o));
		for (uint32_t i = 0; some[l] && i < half; i++)
			join_bins(&o[i], &in[2 * i], &in[2 * i + 1]);
	}
}

/* Draws a dense tile from its bins, folded[level], behind those that were drawn. */
static int keep_dense(struct tiler *t, size_t at, unsigned level, struct err *err)
{
	struct dense *k = &t->dense[at];
	uint64_t *p = t->dense_words;

	draw_from_bins(t, &k->d, t->folded[level], t->folded_some[level]);
	if (t->n_dense_words + k->d.n_words > t->cap_dense_words) {
		size_t cap = 2 * (t->n_dense_words + k->d.n_words);

		p = realloc(p, cap * sizeof(*p));
		if (!p)
			return err_memory(err, "the columns of tiles");
		t->dense_words = p;
		t->cap_dense_words = cap;
	}
	memcpy(p + t->n_dense_words, t->words, k->d.n_words * sizeof(*p));
	k->words = t->n_dense_words;
	t->n_dense_words += k->d.n_words;
	return 0;
}

/* Takes place `at` for the tile among the dense ones. */
static int begin_dense(struct tiler *t, unsigned z, uint64_t x, size_t *at, struct err *err)
{
	if (t->n_dense == t->cap_dense) {
		size_t cap = t->cap_dense ? 2 * t->cap_dense : 64;
		struct dense *p = realloc(t->dense, cap * sizeof(*p));

		if (!p)
			return err_memory(err, "tiles from bins");
		t->dense = p;
		t->cap_dense = cap;
	}
	*at = t->n_dense++;
	begin_drawing(t, &t->dense[*at].d, z, x, 0);
	return 0;
}

/*
 * Makes the bins of tile (z, x), k zooms below the subtree's top, and draws the dense tiles from
 * there on.
 */
static int make_dense(struct tiler *t, unsigned z, uint64_t x, unsigned k, bool dense,
		      struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	struct timeline_bin *bins;
	size_t at = 0;
	bool below[2] = { false, false };

	if (!t->folded[k])
		t->folded[k] =
			malloc((size_t)LANES_PER_TILE * p->tile_width * sizeof(*t->folded[k]));
	bins = t->folded[k];
	if (!bins)
		return err_memory(err, "bins of tiles");
	if (dense && begin_dense(t, z, x, &at, err))
		return -1;
	for (unsigned i = 0; i < 2 && dense && z < t->set->rule.z_limit; i++)
		below[i] = pyramid_has(p, z + 1, 2 * x + i, 0) && is_dense(t, z + 1, 2 * x + i);
	if (!below[0] && !below[1]) {
		if (timeline_bins(t->cursor, pyramid_level(p, z), x * p->tile_width, p->tile_width,
				  0, p->n_lanes, bins, err))
			return -1;
		memcpy(t->folded_some[k], timeline_bins_some(t->cursor),
		       p->n_lanes * sizeof(bool));
	} else {
		for (unsigned i = 0; i < 2; i++) {	/* behind the trace its bins are all zero */
			if (make_dense(t, z + 1, 2 * x + i, k + 1, below[i], err))
				return -1;
			fold_bins(t, k, i);
		}
	}
	return dense ? keep_dense(t, at, k, err) : 0;
}

/*
 * The marks of tile (z, x) of the subtree that begins at (top_z, top_x); the strip is loaded when
 * it is first needed.
 */
static int dense_marks(struct tiler *t, const struct tile_job *top, unsigned z, uint64_t x,
		       struct tile_marks *m, struct err *err)
{
	uint64_t span = pyramid_span(&t->set->pyramid, z);

	if (!t->have_strip && load_strip(t, top->z, top->x, 0, t->set->pyramid.n_lanes, NULL, err))
		return -1;
	t->have_strip = true;
	*m = group_marks(&t->strip, 0, t->set->pyramid.n_lanes);
	*m = cut_marks(m, x * span, (x + 1) * span);
	return 0;
}

/* The tile (z, x) and all below it, as draw_subtree() does. */
static int draw_dense(struct tiler *t, const struct tile_job *top, unsigned z, uint64_t x,
		      bool in_auto, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	struct tile_marks m, *marks = NULL;
	struct drawing d;

	if (!is_dense(t, z, x))
		return dense_marks(t, top, z, x, &m, err) ||
				       draw_subtree(t, z, x, 0, &m, in_auto, err)
			       ? -1
			       : 0;
	while (t->dense[t->next_dense].d.z != z || t->dense[t->next_dense].d.x != x) {
		t->next_dense++;	/* those below a leaf */
		assert(t->next_dense < t->n_dense);
	}
	d = t->dense[t->next_dense].d;
	memcpy(t->words, t->dense_words + t->dense[t->next_dense].words,
	       d.n_words * sizeof(*t->words));
	if ((t->set->rule.full && !d.events) || carries_events(t->set, &d, in_auto)) {
		if (dense_marks(t, top, z, x, &m, err))
			return -1;
		marks = &m;
	}
	make_chunk(t, &d, marks, in_auto);
	if (finish_tile(t, &d, &t->chunk, 1, err))
		return -1;
	if (!has_children(t->set, &d))
		return 0;
	if (t->set->rule.full && !d.events && !has_marks(marks))
		return repeat_below(t, &d, err);
	in_auto = in_auto && !is_leaf(t->set, z, d.events);
	for (unsigned i = 0; i < 2; i++)
		if (pyramid_has(p, z + 1, 2 * x + i, 0) &&
		    draw_dense(t, top, z + 1, 2 * x + i, in_auto, err))
			return -1;
	return 0;
}

static int run_dense(struct tiler *t, const struct tile_job *job, struct err *err)
{
	struct parent above;

	t->n_dense = t->next_dense = t->n_dense_words = 0;
	t->have_strip = false;
	if (make_dense(t, job->z, job->x, 0, true, err) ||
	    ask_parent(t, job->z, job->x, 0, t->dense[0].d.events, &above, err))
		return -1;
	return is_stored(t->set, job->z, above)
		       ? draw_dense(t, job, job->z, job->x, above.in_auto, err)
		       : 0;
}

static int run_subtree(struct tiler *t, unsigned z, uint64_t x, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;

	if (load_strip(t, z, x, 0, p->n_lanes, NULL, err))
		return -1;
	for (uint32_t y = 0; y < p->n_groups; y++) {
		struct tile_marks m =
			group_marks(&t->strip, y * LANES_PER_TILE, pyramid_lanes(p, y));
		struct parent above;

		if (ask_parent(t, z, x, y, count_events(&m, t->set->rule.leaf_events), &above, err))
			return -1;
		if (is_stored(t->set, z, above) && draw_subtree(t, z, x, y, &m, above.in_auto, err))
			return -1;
	}
	return 0;
}

/*
 * The tiles of n groups from bins.  *any: some are leaves, and wait for their marks with skip
 * false.
 */
static int run_groups(struct tiler *t, unsigned z, uint64_t x, uint32_t first, uint32_t n,
		      bool *any, struct err *err)
{
	struct parent above[AT_ONCE];
	bool stored[AT_ONCE], some = false;

	/*
	 * One group alone is here because it has many events, and that answers it; of several most
	 * may have none.
	 */
	bool alone = t->set->pyramid.n_groups == 1;

	for (uint32_t i = 0; i < n; i++) {
		if (!alone && ask_parent(t, z, x, first + i, 0, &above[i], err))
			return -1;
		stored[i] = alone || is_stored(t->set, z, above[i]);
		some |= stored[i];
		t->skip[first + i] = true;
	}
	if (some && load_bins(t, z, x, first, n, err))
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		size_t lane = (size_t)i * LANES_PER_TILE;
		struct drawing d;

		if (!stored[i])
			continue;
		begin_drawing(t, &d, z, x, first + i);
		draw_from_bins(t, &d, t->bins + lane * t->set->pyramid.tile_width,
			       timeline_bins_some(t->cursor) + lane);
		if (alone && ask_parent(t, z, x, first + i, d.events, &above[i], err))
			return -1;
		if (!is_stored(t->set, z, above[i]))
			continue;
		if (carries_events(t->set, &d, above[i].in_auto)) {
			t->skip[first + i] = false;
			*any = true;
			continue;
		}
		make_chunk(t, &d, NULL, above[i].in_auto);
		if (finish_tile(t, &d, &t->chunk, 1, err))
			return -1;
	}
	return 0;
}

/*
 * The tiles of all groups from bins; those with few events among so many are leaves, drawn from
 * marks.
 */
static int run_tile(struct tiler *t, unsigned z, uint64_t x, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	bool any = false;

	for (uint32_t y = 0; y < p->n_groups; y += AT_ONCE)
		if (run_groups(t, z, x, y, p->n_groups - y < AT_ONCE ? p->n_groups - y : AT_ONCE,
			       &any, err))
			return -1;
	if (!any)
		return 0;
	if (load_strip(t, z, x, 0, p->n_lanes, t->skip, err))
		return -1;
	for (uint32_t y = 0; y < p->n_groups; y++) {
		struct tile_marks m =
			group_marks(&t->strip, y * LANES_PER_TILE, pyramid_lanes(p, y));
		struct parent above;
		struct drawing d;

		if (t->skip[y])
			continue;
		begin_drawing(t, &d, z, x, y);
		draw_from_marks(t, &d, &m);
		if (ask_parent(t, z, x, y, d.events, &above, err))
			return -1;
		make_chunk(t, &d, &m, above.in_auto);
		if (finish_tile(t, &d, &t->chunk, 1, err))
			return -1;
	}
	return 0;
}

int tiler_run(struct tiler *t, const struct tile_job *job, struct tile_batch *out, struct err *err)
{
	t->out = out;
	if (!t->seen)
		t->seen = calloc((size_t)1 << SEEN_BITS, sizeof(*t->seen));
	if (!t->seen)
		return err_memory(err, "tiles that were made");
	begin_lanes(t, 0, t->set->pyramid.n_lanes);
	if (!job->subtree)
		return run_tile(t, job->z, job->x, err);
	/* With several groups, most of them have few of the events. */
	if (t->set->pyramid.n_groups == 1 && is_dense(t, job->z, job->x))
		return run_dense(t, job, err);
	return run_subtree(t, job->z, job->x, err);
}

/* A tile among few events: it and the one above it are drawn from one strip. */
static int one_from_shared_strip(struct tiler *t, struct drawing *d, struct err *err)
{
	uint32_t lane0 = d->y * LANES_PER_TILE, n_lanes = d->columns.n_lanes;
	unsigned up = d->z ? 1 : 0;
	uint64_t span = pyramid_span(&t->set->pyramid, d->z);
	struct tile_marks above, m;

	if (load_strip(t, d->z - up, d->x >> up, lane0, n_lanes, NULL, err))
		return -1;
	above = group_marks(&t->strip, lane0, n_lanes);
	m = cut_marks(&above, d->x * span, (d->x + 1) * span);
	draw_from_marks(t, d, &m);
	make_chunk(
		t, d, &m,
		!up || !is_leaf(t->set, d->z - 1, count_events(&above, t->set->rule.leaf_events)));
	return 0;
}

/*
 * Whether `auto` stores that tile: the one above it is no leaf.  That one holds the tile's events
 * and its neighbour's.
 */
static int ask_auto(struct tiler *t, const struct drawing *d, bool *in_auto, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	unsigned width = (unsigned)__builtin_ctz(p->tile_width);
	uint32_t lane0 = d->y * LANES_PER_TILE, n_lanes = d->columns.n_lanes;
	uint64_t sum = d->events;

	*in_auto = true;
	if (!d->z || sum > t->set->rule.leaf_events)
		return 0;
	if (timeline_bins(t->cursor, pyramid_level(p, d->z) + width, d->x ^ 1, 1, lane0, n_lanes,
			  t->parents, err))
		return -1;
	for (unsigned i = 0; i < n_lanes; i++)
		sum += t->parents[i].events;
	*in_auto = !is_leaf(t->set, d->z - 1, sum);
	return 0;
}

/*
 * A tile by itself, from its own strip or from bins; those of bins that turn out to carry events
 * need the strip, too.
 */
static int one_by_itself(struct tiler *t, struct drawing *d, bool from_bins, struct err *err)
{
	uint32_t lane0 = d->y * LANES_PER_TILE, n_lanes = d->columns.n_lanes;
	struct tile_marks m, *marks = NULL;
	bool in_auto;

	if (from_bins) {
		if (load_bins(t, d->z, d->x, d->y, 1, err))
			return -1;
		draw_from_bins(t, d, t->bins, timeline_bins_some(t->cursor));
		if (ask_auto(t, d, &in_auto, err))
			return -1;
	}
	if (!from_bins || (in_auto && is_leaf(t->set, d->z, d->events))) {
		begin_drawing(t, d, d->z, d->x, d->y);
		if (load_strip(t, d->z, d->x, lane0, n_lanes, NULL, err))
			return -1;
		m = group_marks(&t->strip, lane0, n_lanes);
		marks = &m;
		draw_from_marks(t, d, marks);
		if (ask_auto(t, d, &in_auto, err))
			return -1;
	}
	make_chunk(t, d, marks, in_auto);
	return 0;
}

int tiler_one(struct tiler *t, unsigned z, uint64_t x, uint32_t y, struct buf *out, struct err *err)
{
	const struct pyramid *p = &t->set->pyramid;
	unsigned up = z ? 1 : 0;
	uint64_t above = pyramid_span(p, z - up), span = pyramid_span(p, z),
		 from = (x >> up) * above;
	struct drawing d;
	int ret;

	assert(t->set->rule.full && pyramid_has(p, z, x, y));
	begin_drawing(t, &d, z, x, y);
	if (timeline_count_about(t->set->tl, from, from + above) <= ONE_STRIP_EVENTS)
		ret = one_from_shared_strip(t, &d, err);
	else
		ret = one_by_itself(t, &d,
				    timeline_count_about(t->set->tl, x * span, (x + 1) * span) >
					    DENSE_EVENTS,
				    err);
	if (ret)
		return -1;
	buf_clear(out);
	encode(t, &d, &t->chunk, out);
	return buf_failed(out) || buf_failed(&t->chunk) ? err_memory(err, "a tile") : 0;
}

void tile_batch_release(struct tile_batch *b)
{
	free(b->tile);
	buf_release(&b->data);
	*b = (struct tile_batch){ 0 };
}

struct tiler *tiler_new(const struct tile_set *set, struct err *err)
{
	const struct pyramid *p = &set->pyramid;
	struct tiler *t = calloc(1, sizeof(*t));
	unsigned h = set->lane_height - LANE_GAP;

	if (!t)
		goto memory;
	t->set = set;
	t->cursor = timeline_cursor_new(set->tl, err);
	t->encoder = png_encoder_new(p->tile_width, set->lane_height, set->theme, err);
	if (!t->cursor || !t->encoder) {
		tiler_free(t);
		return NULL;
	}
	t->bins = malloc((size_t)(p->n_groups < AT_ONCE ? p->n_groups : AT_ONCE) * LANES_PER_TILE *
			 p->tile_width * sizeof(*t->bins));
	t->parents = calloc(p->n_lanes + 1, sizeof(*t->parents));
	t->skip = calloc(p->n_groups, sizeof(*t->skip));
	t->columns.h = h;
	t->columns.column = malloc(p->tile_width * sizeof(*t->columns.column));
	t->columns.waiting = malloc(p->tile_width / COLUMNS * sizeof(*t->columns.waiting));
	if (!t->bins || !t->parents || !t->skip || !t->columns.column || !t->columns.waiting ||
	    reserve_words(t, (size_t)LANES_PER_TILE * p->tile_width, err))
		goto memory;
	for (unsigned s = 0; s < N_STATES; s++) {
		struct shares one = {
			.run = s == STATE_RUN,
			.stall = s == STATE_STALL,
			.signal = s == STATE_SIGNAL,
			.wait = s == STATE_WAIT,
		};

		t->constant[s] = column_of(&one, 0, h);
	}
	return t;
memory:
	tiler_free(t);
	err_memory(err, "what draws tiles");
	return NULL;
}

void tiler_free(struct tiler *t)
{
	if (!t)
		return;
	timeline_cursor_free(t->cursor);
	png_encoder_free(t->encoder);
	strip_release(&t->strip);
	buf_release(&t->chunk);
	for (unsigned i = 0; i < 64; i++)
		free(t->folded[i]);
	free(t->dense);
	free(t->dense_words);
	free(t->bins);
	free(t->parents);
	free(t->skip);
	free(t->columns.column);
	free(t->columns.waiting);
	free(t->words);
	free(t->seen);
	free(t);
}
