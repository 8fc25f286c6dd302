/*
 * format.h - the bytes of a .gtl file: constants, and the codec of a block of events
 *
 * Private to timeline/.  The tables are in docs/timeline.md; this header is their C side.
 *
 *   0        40
 *   +--------+--------------------------------+-----------------+
 *   | header | sections, in any order         | section table   |
 *   +--------+--------------------------------+-----------------+
 */
#ifndef GILSCOPE_FORMAT_H
#define GILSCOPE_FORMAT_H

#include "buf.h"
#include "bytes.h"
#include "err.h"
#include "event.h"
#include "timeline.h"

#define GTL_MAGIC "\x89GTL\r\n\x1a\n"	/* as PNG's: a text-mode copy or a cut file shows at once */
#define GTL_VERSION 2		/* the newest; a file has the oldest in which it can be written */
#define GTL_HEADER_SIZE 40
#define GTL_SECTION_SIZE 24
#define GTL_MAX_SECTIONS 64

enum gtl_section {
	GTL_META = 1,		/* title, clock, threads, locks... */
	GTL_BLOCKS,		/* blocks of events, one after the other */
	GTL_BLOCK_INDEX,	/* one entry per block */
	GTL_NODES,		/* nodes of the tree */
	GTL_NODE_INDEX,		/* one entry per node, by level, then x */
	GTL_HISTS,		/* per lane: wait, hold, hand-off */
	GTL_FUNCS,		/* the functions of ATTR_FUNC */
	GTL_PATCHES,		/* what was learned of waits after their block was written */
	N_GTL_SECTIONS
};

/*
 * A block holds at most this many entries, each of them an event or a row of pairs of events.
 * Larger ones compress better and make a shorter index; but what lies below the finest node is
 * drawn by decoding one to three blocks, about 5 ns per entry.  And it stands for at most so many
 * events, of which some places have to guess how many lie in a part of it.
 */
#define BLOCK_ENTRIES 5120
#define BLOCK_EVENTS 32768
#define BLOCK_ENTRY 32		/* bytes of an index entry */
#define NODE_ENTRY 32
/* nodes exist at level 0, 2, 4...; between them two bins are added */
#define NODE_LEVEL_STEP 2
#define NODE_MAX_BITS 10	/* a node has at most 2^10 bins per lane */
/* a node exists where more blocks than this would have to be read */
#define NODE_MIN_BLOCKS 2
/* no honest block comes near; a claim above it is refused */
#define BLOCK_MAX_RAW (64u << 20)

/* The state of a thread that is not idle, at a block's beginning. */
struct block_head {
	uint32_t thread;
	uint16_t lock;
	uint8_t state;
	uint64_t since;		/* when the take (WAIT) or the hold (RUN, STALL) began */
	uint64_t seg;		/* when this state began */
	int64_t func;		/* RUN, STALL: ATTR_FUNC of the ACQUIRE, or -1 */
};

/* What becomes of a take that is open at a block's end. */
struct block_tail {
	uint32_t thread;
	uint64_t end;		/* when the take ends */
	/* since when the thread was signalled, if before the block's end, else NO_TIME */
	uint64_t signal;
};

/* What was learned of a take after some of its blocks had been written. */
struct patch {
	uint32_t thread;
	/* signal != 0: [from, to) was signal, not wait; 0: the take lasted from..to */
	uint64_t from, to;
	uint8_t signal;
};

/*
 * count times a RELEASE and the ACQUIRE of the same thread at the same time, the next of them step
 * later: what a thread does at every check of the old GIL while nobody else wants the lock. Nothing
 * is told of them but that.
 */
struct block_pairs {
	uint64_t time;			/* of the first */
	uint32_t thread, step;		/* step: any where count is 1 */
	uint32_t at;			/* they come before event[at] */
	uint16_t lock;
	uint32_t count;
};

/*
 * A block's symbol with this kind stands for such pairs; state, flags and attributes are those of
 * the ACQUIREs.
 */
#define SYMBOL_PAIRS N_EVENT_KINDS

/* A block as a writer gathers it. */
struct block {
	struct event *event;		/* BLOCK_ENTRIES of them */
	struct block_pairs *pairs;	/* the same */
	struct attr *attr;		/* of all events, in order */
	struct block_head *head;
	struct block_tail *tail;
	size_t n_events, n_attrs, cap_attrs, n_heads, cap_heads, n_tails, cap_tails;
	size_t n_pairs, n_paired;	/* n_paired: events in pairs */
	/* its first event's time, the next block's first event's time */
	uint64_t begin, end;
	int64_t checks;			/* the value of ATTR_CHECKS before it */
};

/* Of all its events. */
static inline size_t block_count(const struct block *b)
{
	return b->n_events + b->n_paired;
}

/* Whether it has no room for two more events. */
static inline bool block_full(const struct block *b)
{
	return b->n_events + b->n_pairs + 2 > BLOCK_ENTRIES || block_count(b) + 2 > BLOCK_EVENTS;
}

/* For how many pairs block_add_pairs() has room in one call. */
static inline uint32_t block_room(const struct block *b)
{
	size_t entries = b->n_events + b->n_pairs, events = block_count(b);

	/* As many as would be there if each came as two events: it must not show how they came. */
	if (entries + 3 > BLOCK_ENTRIES || events + 3 > BLOCK_EVENTS)
		return 0;
	return entries + 4 > BLOCK_ENTRIES ? 1 : (uint32_t)(BLOCK_EVENTS - 1 - events) / 2;
}

/*
 * Adds pairs behind what is there.  They join those of the same thread and lock that came last,
 * where these go on; so the same events make the same bytes, in whatever portions they came.
 */
void block_add_pairs(struct block *b, uint64_t time, uint32_t thread, uint16_t lock, uint32_t step,
		     uint32_t count);
/*
 * The events that were added last make a pair, if they are one: an ACQUIRE was just added, without
 * attributes.
 */
void block_join_pair(struct block *b);

/* What an encoder keeps between blocks. */
struct block_encoder;
struct block_encoder *block_encoder_new(void);
void block_encoder_free(struct block_encoder *e);
/*
 * Appends the block's payload (not compressed) to out, which is cleared.  0, or -1: out of memory.
 */
int block_encode(struct block_encoder *e, const struct block *b, struct buf *out);

/* One kind of event of a block: everything of an event but its time and values. */
struct block_symbol {
	uint32_t thread;
	uint16_t lock;
	uint16_t attrs;			/* bit i: attribute i has a value */
	uint8_t kind, state, flags, n_attrs;
};

/*
 * An open payload, read from front to back.  Entries that are pairs are given event by event, the
 * first of them RELEASE; who can use them all at once asks block_at_pairs() and so on.
 */
struct block_reader {
	const uint8_t *symbols, *high, *high_end, *low;	/* what is left of the entries' planes */
	const uint8_t *counts, *counts_end;	/* of the column of pairs */
	struct block_symbol *symbol;	/* owned, grows */
	struct block_head *head;
	struct block_tail *tail;
	size_t n_symbols, cap_symbols, n_heads, cap_heads, n_tails, cap_tails;
	unsigned wide;			/* 1: a symbol takes two bytes */
	uint64_t begin, limit, time;
	uint32_t left;			/* entries; 0 amid pairs, and then behind them: */
	uint32_t left_behind;
	uint32_t hidden;		/* events of pairs to come, less one for each entry */
	uint32_t pairs, step;		/* amid pairs: how many are left, the time between two */
	bool between;			/* the RELEASE was given, its ACQUIRE comes next */
	struct block_symbol half[2];
	struct { const uint8_t *p, *end; int64_t last; } column[N_ATTRS];
	const uint32_t *perm;		/* thread number in the file -> index */
	uint32_t n_threads, n_locks;
};

/* What a payload's claims are compared with. */
struct block_bounds {
	uint64_t begin, end;		/* [begin of this block, begin of the next], inclusive */
	uint32_t n_events;
	const uint32_t *perm;
	uint32_t n_threads, n_locks;
};

/*
 * Reads the tables before the events.  The arrays of r are reused from call to call: start with all
 * 0.
 */
int block_open(struct block_reader *r, const uint8_t *data, size_t len,
	       const struct block_bounds *b, struct err *err);
void block_reader_release(struct block_reader *r);

/*
 * The next event if it is an entry whose step is below 2^15, as most are; NULL: ask
 * block_next_rare().
 */
static inline const struct block_symbol *block_next_usual(struct block_reader *r)
{
	size_t symbol;
	uint64_t step;

	if (!r->left || r->high == r->high_end || *r->high >= 0x80)
		return NULL;
	symbol = r->wide ? get_le16(r->symbols) : *r->symbols;
	step = (uint64_t)*r->high << 8 | *r->low;
	if (symbol >= r->n_symbols || step > r->limit - r->time ||
	    r->symbol[symbol].kind == SYMBOL_PAIRS)
		return NULL;
	r->symbols += 1 + r->wide;
	r->high++;
	r->low++;
	r->left--;
	r->time += step;
	return &r->symbol[symbol];
}

/* The next event whatever it is; NULL at the end, or with *err set. */
const struct block_symbol *block_next_rare(struct block_reader *r, struct err *err);
/* The value of ATTR_SIGNAL of the event that was read last, which has it. */
int block_signal(struct block_reader *r, uint64_t *signal, struct err *err);

/*
 * The next event: its symbol, r->time is its time, *signal its ATTR_SIGNAL or 0.  Other values are
 * skipped. NULL at the end, or with *err set (err->code tells).
 */
static inline const struct block_symbol *block_next(struct block_reader *r, uint64_t *signal,
						    struct err *err)
{
	const struct block_symbol *s = block_next_usual(r);

	*signal = 0;
	if (!s)
		s = block_next_rare(r, err);
	if (!s || !(s->attrs & 1u << ATTR_SIGNAL))
		return s;
	return block_signal(r, signal, err) ? NULL : s;
}

/*
 * Pairs that come next, the first of them r->step from now, the others r->step each from the one
 * before: r->pairs of them, each r->half[0] and r->half[1] at the same time.  (The very first pair
 * of a row has been given by then.)
 */
static inline bool block_at_pairs(const struct block_reader *r)
{
	return r->pairs && !r->between;
}

/* How many pairs come before time t, at most all of them. */
uint32_t block_pairs_before(const struct block_reader *r, uint64_t t);
/* Goes behind n pairs, at most all of them.  All are known to lie in the block. */
void block_skip_pairs(struct block_reader *r, uint32_t n);

/* The same as block_next() with all values: attrs has room for N_ATTRS. */
const struct block_symbol *block_next_attrs(struct block_reader *r, struct attr *attrs,
					    struct err *err);
/*
 * The same with the values of the attributes that `want` has a bit for, value[id] where the symbol
 * has it; the columns of others are left where they are, so a block is read to its end with one
 * `want`.
 */
const struct block_symbol *block_next_values(struct block_reader *r, unsigned want,
					     int64_t value[N_ATTRS], struct err *err);

#endif
