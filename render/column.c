/* column.c - see column.h */
#include "column.h"

#include <string.h>

/* The rows of a mark that stands for n events: an eighth of the lane for one, more by the logarithm. */
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
static void give_rows(const uint64_t part[N_PARTS], unsigned acquires, unsigned rows[N_PARTS])
{
	for (unsigned i = 0; i < PART_IDLE; i++) {
		unsigned top = 0;

		if (rows[i] || !(part[i] || (i == PART_RUN && acquires)))
			continue;
		for (unsigned k = 1; k < N_PARTS; k++)
			if (rows[k] > rows[top])
				top = k;
		rows[top]--;
		rows[i]++;
	}
}

/* Largest remainder: whole rows first, then one more for the largest rests; of equals the lower part. */
static void share_rows(const uint64_t part[N_PARTS], unsigned level, unsigned h, unsigned rows[N_PARTS])
{
	uint64_t rest[N_PARTS], mask;
	unsigned given = 0;

	/* Bins of 2^54 units and more would overflow: their last bits cannot be seen. */
	unsigned cut = level > 54 ? level - 54 : 0;

	level -= cut;
	mask = (UINT64_C(1) << level) - 1;
	for (unsigned i = 0; i < N_PARTS; i++) {
		uint64_t scaled = (part[i] >> cut) * h;

		rows[i] = (unsigned)(scaled >> level);
		rest[i] = scaled & mask;
		given += rows[i];
	}
	while (given < h) {
		unsigned best = 0;

		for (unsigned i = 1; i < N_PARTS; i++)
			if (rest[i] > rest[best])
				best = i;
		rows[best]++;
		rest[best] = 0;
		given++;
	}
}

/*
 * The same where only parts a and b have any time, which is nearly always: what one is rounded up by, the other
 * is rounded down by.  level at most 54.
 */
static void share_two(const uint64_t part[N_PARTS], unsigned level, unsigned h, unsigned a, unsigned b,
		      unsigned rows[N_PARTS])
{
	uint64_t scaled = part[a] * h, rest = scaled & ((UINT64_C(1) << level) - 1);

	/* a is the lower part, which wins where both rests are a half */
	rows[a] = (unsigned)(scaled >> level) + (rest && 2 * rest >= UINT64_C(1) << level);
	rows[b] = h - rows[a];
}

uint64_t column_of(const struct shares *s, unsigned level, unsigned h)
{
	uint64_t part[N_PARTS] = { s->run, s->stall, s->signal, s->wait, 0 };
	uint64_t width = UINT64_C(1) << level, left = width, column;
	unsigned rows[N_PARTS], some = 0, others;

	column = (uint64_t)mark_rows(s->busy, h, h / 3) << COLUMN_BUSY |
		 (uint64_t)mark_rows(s->retry, h, h / 2) << COLUMN_RETRY |
		 (uint64_t)(s->acquires && !s->plain) << COLUMN_ACQUIRE | (uint64_t)!!s->lost << COLUMN_LOST;
	if (s->run == width)		/* the usual case of all */
		return column | (uint64_t)h << COLUMN_RUN;
	for (unsigned i = 0; i < PART_IDLE; i++) {
		if (part[i] > left)		/* a file may claim anything */
			part[i] = left;
		left -= part[i];
	}
	part[PART_IDLE] = left;
	for (unsigned i = 0; i < N_PARTS; i++)
		some |= (unsigned)(part[i] != 0) << i;
	others = some & (some - 1);		/* without the lowest bit */
	if (level <= 54 && others && !(others & (others - 1))) {
		memset(rows, 0, sizeof(rows));
		share_two(part, level, h, (unsigned)__builtin_ctz(some),
			  31 - (unsigned)__builtin_clz(some), rows);
	} else {
		share_rows(part, level, h, rows);
	}
	give_rows(part, s->acquires, rows);
	return column | (uint64_t)rows[PART_RUN] << COLUMN_RUN |
	       (uint64_t)rows[PART_STALL] << COLUMN_STALL |
	       (uint64_t)rows[PART_SIGNAL] << COLUMN_SIGNAL | (uint64_t)rows[PART_WAIT] << COLUMN_WAIT;
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
