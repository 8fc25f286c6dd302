/* column.c - see column.h */
#include "column.h"

#include <string.h>

#include "clones.h"

/*
 * The rows of a mark that stands for n events: an eighth of the lane for one, more by the
 * logarithm.
 */
static unsigned mark_rows(uint32_t n, unsigned h, unsigned most)
{
	unsigned one = h / 8 ? h / 8 : 1, rows;

	if (!n)
		return 0;
	rows = one + (31 - (unsigned)__builtin_clz(n)) * h / 32;
	return rows < most ? rows : most;
}

enum { PART_RUN, PART_STALL, PART_SIGNAL, PART_WAIT, PART_IDLE, N_PARTS };

/* Gives every part that has any time its row, at the cost of the highest. */
static void give_rows(unsigned some, unsigned rows[N_PARTS])
{
	for (unsigned i = 0; i < PART_IDLE; i++) {
		unsigned top = 0;

		if (rows[i] || !(some >> i & 1))
			continue;
		for (unsigned k = 1; k < N_PARTS; k++)
			if (rows[k] > rows[top])
				top = k;
		rows[top]--;
		rows[i]++;
	}
}

/*
 * Bins of 2^54 units and more would overflow, times rows: their last bits, which cannot be seen,
 * are cut off.
 */
#define LEVEL_MAX 54

/*
 * Largest remainder: whole rows first, then one more for the largest rests; of equals the lower
 * part.  A part gets one if fewer rests than there are rows left are larger than its own: so there
 * is nothing to branch on, which noise would make the processor guess wrong.
 */
static inline void share_rows(const uint64_t part[N_PARTS], unsigned level, unsigned h,
			      unsigned rows[N_PARTS])
{
	uint64_t rest[N_PARTS], mask = (UINT64_C(1) << level) - 1;
	unsigned larger[N_PARTS] = { 0 }, left = h;

#pragma GCC unroll 5
	for (unsigned i = 0; i < N_PARTS; i++) {
		uint64_t scaled = part[i] * h;

		rows[i] = (unsigned)(scaled >> level);
		rest[i] = scaled & mask;
		left -= rows[i];
	}
#pragma GCC unroll 5
	for (unsigned i = 1; i < N_PARTS; i++)
#pragma GCC unroll 5
		for (unsigned k = 0; k < i; k++) {
			unsigned more = rest[i] > rest[k];

			larger[k] += more;
			larger[i] += 1 - more;
		}
#pragma GCC unroll 5
	for (unsigned i = 0; i < N_PARTS; i++)
		rows[i] += larger[i] < left;
}

/*
 * The rows of one part of which the rest is idle, as share_rows() and give_rows() would have it:
 * rounded, upward from the half on; at least one if there must be any.
 */
static inline uint64_t share_one(uint64_t part, unsigned level, unsigned h, bool any)
{
	uint64_t width = UINT64_C(1) << level,
		 rows = ((part < width ? part : width) * h + width / 2) >> level;

	return rows ? rows : any;
}

/*
 * The rows of several parts.  Apart from column_of(), which is mostly done sooner and needs few
 * registers for that.
 */
static __attribute__((noinline)) uint64_t share_many(const struct shares *s, unsigned level,
						     unsigned h)
{
	uint64_t part[N_PARTS] = { s->run, s->stall, s->signal, s->wait, 0 };
	uint64_t left = UINT64_C(1) << level;
	unsigned rows[N_PARTS], some = s->acquires != 0, missing = 0;

#pragma GCC unroll 5
	for (unsigned i = 0; i < PART_IDLE; i++) {
		if (part[i] > left)		/* a file may claim anything */
			part[i] = left;
		left -= part[i];
		some |= (unsigned)(part[i] != 0) << i;
	}
	part[PART_IDLE] = left;
	for (; level > LEVEL_MAX; level--)
		for (unsigned i = 0; i < N_PARTS; i++)
			part[i] >>= 1;
	share_rows(part, level, h, rows);
#pragma GCC unroll 5
	for (unsigned i = 0; i < PART_IDLE; i++)
		missing |= (rows[i] == 0) & some >> i;
	if (missing & 1)
		give_rows(some, rows);
	return (uint64_t)rows[PART_RUN] << COLUMN_RUN | (uint64_t)rows[PART_STALL] << COLUMN_STALL |
	       (uint64_t)rows[PART_SIGNAL] << COLUMN_SIGNAL |
	       (uint64_t)rows[PART_WAIT] << COLUMN_WAIT;
}

static inline uint64_t marks_of(const struct shares *s, unsigned h)
{
	uint64_t column = (uint64_t)(s->acquires && !s->plain) << COLUMN_ACQUIRE |
			  (uint64_t) !!s->lost << COLUMN_LOST;

	if (s->busy | s->retry)
		column |= (uint64_t)mark_rows(s->busy, h, h / 3) << COLUMN_BUSY |
			  (uint64_t)mark_rows(s->retry, h, h / 2) << COLUMN_RETRY;
	return column;
}

/* The rows of one state at most, beside idle: most columns.  false: they are several. */
static inline bool share_few(const struct shares *s, unsigned level, unsigned h, uint64_t *rows)
{
	if (s->run == UINT64_C(1) << level)		/* the usual case of all */
		*rows = (uint64_t)h << COLUMN_RUN;
	else if (level <= LEVEL_MAX && !(s->stall | s->signal | s->wait))
		*rows = share_one(s->run, level, h, s->run || s->acquires) << COLUMN_RUN;
	else if (level <= LEVEL_MAX && !(s->run | s->stall | s->signal | s->acquires))
		*rows = share_one(s->wait, level, h, true) << COLUMN_WAIT;
	else
		return false;
	return true;
}

uint64_t column_of(const struct shares *s, unsigned level, unsigned h)
{
	uint64_t rows;

	return marks_of(s, h) |
	       (share_few(s, level, h, &rows) ? rows : share_many(s, level, h));
}

/* --- several columns at once ------------------------------------------------------------------ */

#define EIGHTS_LEVEL_MAX 24

typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef uint64_t u64x4 __attribute__((vector_size(32)));

/* As give_rows(); missing: all bits of a column's part that has no row yet and must have one. */
static inline __attribute__((always_inline)) void give_rows_x8(i32x8 rows[N_PARTS],
							       const i32x8 missing[PART_IDLE])
{
#pragma GCC unroll 4
	for (unsigned i = 0; i < PART_IDLE; i++) {
		i32x8 most = rows[0], left = missing[i];

#pragma GCC unroll 4
		for (unsigned k = 1; k < N_PARTS; k++) {
			i32x8 more = rows[k] > most;

			most = (rows[k] & more) | (most & ~more);
		}
#pragma GCC unroll 5
		for (unsigned k = 0; k < N_PARTS; k++) {
			i32x8 top = (rows[k] == most) & left;

			rows[k] += top;
			left &= ~top;
		}
		rows[i] -= missing[i];
	}
}

/*
 * As share_many(), for n times eight columns.  The times are at most the bin's width, and so small
 * that 32 bits hold them, times rows too.
 */
CLONE_AVX2
static void share_eights(struct columns *c, unsigned n, unsigned level, unsigned h)
{
	const int32_t width = 1 << level, rows_of_all = (int32_t)h;

	for (; n--; c++) {
		i32x8 part[N_PARTS], rows[N_PARTS], rest[N_PARTS], larger[N_PARTS], taken;
		i32x8 zero = { 0 }, left = zero + width, spare = zero + rows_of_all;
		i32x8 missing[PART_IDLE], all;
		u64x4 any;

		memcpy(&part[PART_RUN], c->run, sizeof(*part));
		memcpy(&part[PART_STALL], c->stall, sizeof(*part));
		memcpy(&part[PART_SIGNAL], c->signal, sizeof(*part));
		memcpy(&part[PART_WAIT], c->wait, sizeof(*part));
		memcpy(&taken, c->taken, sizeof(taken));
#pragma GCC unroll 5
		for (unsigned i = 0; i < PART_IDLE; i++) {
			i32x8 over = part[i] > left;

			part[i] = (left & over) | (part[i] & ~over);
			left -= part[i];
		}
		part[PART_IDLE] = left;
#pragma GCC unroll 5
		for (unsigned i = 0; i < N_PARTS; i++) {
			i32x8 scaled = part[i] * rows_of_all;

			rows[i] = scaled >> (int)level;
			rest[i] = scaled & (width - 1);
			spare -= rows[i];
			larger[i] = zero;
		}
		/* A comparison that is true is -1. */
#pragma GCC unroll 5
		for (unsigned i = 1; i < N_PARTS; i++)
#pragma GCC unroll 5
			for (unsigned k = 0; k < i; k++) {
				i32x8 more = rest[i] > rest[k];

				larger[k] -= more;
				larger[i] += 1 + more;
			}
#pragma GCC unroll 5
		for (unsigned i = 0; i < N_PARTS; i++)
			rows[i] -= larger[i] < spare;
		all = missing[PART_RUN] = (rows[PART_RUN] == 0) & ((part[PART_RUN] | taken) != 0);
#pragma GCC unroll 5
		for (unsigned i = 1; i < PART_IDLE; i++)
			all |= missing[i] = (rows[i] == 0) & (part[i] != 0);
		any = (u64x4)all;
		if (any[0] | any[1] | any[2] | any[3])
			give_rows_x8(rows, missing);
		rows[PART_RUN] = rows[PART_RUN] << COLUMN_RUN | rows[PART_STALL] << COLUMN_STALL |
				 rows[PART_SIGNAL] << COLUMN_SIGNAL |
				 rows[PART_WAIT] << COLUMN_WAIT;
		memcpy(c->rows, &rows[PART_RUN], sizeof(c->rows));
	}
}

void column_put(struct column_batch *b, uint32_t x, const struct shares *s)
{
	uint64_t rows, all = s->run | s->stall | s->signal | s->wait;
	struct columns *c = &b->waiting[b->n / COLUMNS];
	unsigned i = b->n % COLUMNS;

	b->column[x] = marks_of(s, b->h);
	if (share_few(s, b->level, b->h, &rows)) {
		b->column[x] |= rows;
		return;
	}
	if (b->level > EIGHTS_LEVEL_MAX || all > UINT64_C(1) << b->level) {
		b->column[x] |= share_many(s, b->level, b->h);
		return;
	}
	c->run[i] = (uint32_t)s->run;
	c->stall[i] = (uint32_t)s->stall;
	c->signal[i] = (uint32_t)s->signal;
	c->wait[i] = (uint32_t)s->wait;
	c->taken[i] = s->acquires;
	c->at[i] = (uint16_t)x;
	b->n++;
}

void column_flush(struct column_batch *b)
{
	unsigned n = (b->n + COLUMNS - 1) / COLUMNS;

	if (!n)			/* as always above EIGHTS_LEVEL_MAX */
		return;
	/* What stands behind the last one is of no matter, but it is to be something. */
	for (uint32_t i = b->n; i < n * COLUMNS; i++) {
		struct columns *c = &b->waiting[i / COLUMNS];

		c->run[i % COLUMNS] = c->stall[i % COLUMNS] = 0;
		c->signal[i % COLUMNS] = c->wait[i % COLUMNS] = c->taken[i % COLUMNS] = 0;
	}
	share_eights(b->waiting, n, b->level, b->h);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct columns *c = &b->waiting[i / COLUMNS];

		b->column[c->at[i % COLUMNS]] |= c->rows[i % COLUMNS];
	}
	b->n = 0;
}

static unsigned field(uint64_t column, unsigned shift)
{
	return (column >> shift) & 127;
}

/* Adds rows [*row, end) of that ink, if there are any. */
static unsigned add(struct segment *seg, unsigned n, unsigned *row, unsigned end, enum ink ink)
{
	if (end <= *row)
		return n;
	if (n && seg[n - 1].ink == ink) {
		*row = end;
		return n;
	}
	seg[n] = (struct segment){ .row = (uint8_t)*row, .ink = ink };
	*row = end;
	return n + 1;
}

unsigned column_segments(uint64_t column, unsigned h, struct segment seg[COLUMN_SEGMENTS])
{
	unsigned run = field(column, COLUMN_RUN), stall = field(column, COLUMN_STALL);
	unsigned signal = field(column, COLUMN_SIGNAL), wait = field(column, COLUMN_WAIT);
	unsigned retry = field(column, COLUMN_RETRY), busy = field(column, COLUMN_BUSY);
	unsigned low = column >> COLUMN_LOST & 1 ? h - 2 : h, n = 0, row = 0, at;
	enum ink held = column >> COLUMN_ACQUIRE & 1 ? INK_ACQUIRE : INK_RUN;

	n = add(seg, n, &row, retry, INK_RETRY);
	n = add(seg, n, &row, retry + busy, INK_BUSY);
	at = h - run - stall - signal - wait;
	n = add(seg, n, &row, at < low ? at : low, INK_IDLE);
	at += wait;
	n = add(seg, n, &row, at < low ? at : low, INK_WAIT);
	at += signal;
	n = add(seg, n, &row, at < low ? at : low, INK_SIGNAL);
	at += stall;
	n = add(seg, n, &row, at < low ? at : low, INK_STALL);
	n = add(seg, n, &row, low, held);
	return add(seg, n, &row, h, INK_LOST);
}
