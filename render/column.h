/*
 * column.h - what one pixel column of a lane looks like: a bin's sums to rows of ink
 *
 *   row 0       RETRY   red, from the top: the more, the higher
 *               BUSY    yellow, below it
 *               idle    nothing
 *               wait
 *               signal
 *               stall
 *   row h - 1   run     or acquire, brighter, where the lock is taken in this bin (see `plain`)
 *   h, h + 1    nothing: the gap between lanes
 *
 * The states are stacked by their share of the bin: rows by largest remainder, and any time at all
 * is at least one row.  Marks lie over them.  So one state alone is a solid band, a lane far away
 * is an exact stacked chart, and nothing rare disappears.  Where something was lost, the two lowest
 * rows of the h say so.
 *
 * A column is a number: six heights of seven bits and two flags.  Equal columns are equal numbers,
 * and bits 48 and up are zero, where a run of columns keeps its length.  All of this is pure.
 */
#ifndef GILSCOPE_COLUMN_H
#define GILSCOPE_COLUMN_H

#include <stdbool.h>
#include <stdint.h>

/* The pixel's value, and its place in the PNG's palette. */
enum ink {
	INK_IDLE,
	INK_RUN,
	INK_ACQUIRE,
	INK_STALL,
	INK_SIGNAL,
	INK_WAIT,
	INK_BUSY,
	INK_RETRY,
	INK_LOST,
	N_INKS
};

#define LANE_GAP 2		/* transparent rows below each lane */
#define LANE_HEIGHT_MIN 12
#define LANE_HEIGHT_MAX 128	/* with the gap; a height in a column has seven bits */

enum {
	COLUMN_RUN = 0, COLUMN_STALL = 7, COLUMN_SIGNAL = 14, COLUMN_WAIT = 21, COLUMN_BUSY = 28,
	/* shifts; the last two are single bits */
	COLUMN_RETRY = 35, COLUMN_ACQUIRE = 42, COLUMN_LOST = 43,
	COLUMN_BITS = 48
};

/* What a bin holds, as far as it can be seen.  Idle is the rest of its width. */
struct shares {
	uint64_t run, stall, signal, wait;	/* their sum is at most the width */
	uint32_t acquires, busy, retry, lost;
	bool plain;			/* the acquires are not worth a brighter column */
};

/* The column of a bin of 2^level units; h is the lane's height without the gap. */
uint64_t column_of(const struct shares *s, unsigned level, unsigned h);

/*
 * The same for the columns of a lane: those of several states wait until there are all, and go
 * through the processor's vectors, eight side by side.
 */
#define COLUMNS 8
struct columns {
	uint32_t run[COLUMNS], stall[COLUMNS], signal[COLUMNS], wait[COLUMNS];	/* times */
	uint32_t taken[COLUMNS];	/* whether the lock was taken */
	uint32_t rows[COLUMNS];		/* of the states: the bits of a column below COLUMN_BUSY */
	uint16_t at[COLUMNS];
};
struct column_batch {
	/* as many as the lane has; those that wait lack their rows */
	uint64_t *column;
	struct columns *waiting;	/* room for as many */
	uint32_t n;
	unsigned level, h;
};

/* Column number x, below 65536. */
void column_put(struct column_batch *b, uint32_t x, const struct shares *s);
/* Gives those that wait their rows; then b->column is whole, and none waits. */
void column_flush(struct column_batch *b);

/*
 * Where a column's ink changes, from the top: seg[0].row is 0, the last one ends at h.  Returns
 * their number.
 */
#define COLUMN_SEGMENTS 8
struct segment { uint8_t row, ink; };
unsigned column_segments(uint64_t column, unsigned h, struct segment seg[COLUMN_SEGMENTS]);

/*
 * Neighbouring columns that are equal: the column, and how many from bit 48 up.  A lane of a tile
 * is a row of these.
 */
#define RUN_COLUMN(run) ((run) & ((UINT64_C(1) << COLUMN_BITS) - 1))
#define RUN_LENGTH(run) ((uint32_t)((run) >> COLUMN_BITS))
#define RUN_OF(column, n) ((column) | (uint64_t)(n) << COLUMN_BITS)

#endif
