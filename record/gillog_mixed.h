/*
 * gillog_mixed.h - the codec of a mixed block: events of any threads, in the order in which they
 * stand
 *
 * Inside gillog*.c alone: docs/gillog-binary.md draws the bytes.
 */
#ifndef GILSCOPE_GILLOG_MIXED_H
#define GILSCOPE_GILLOG_MIXED_H

#include "buf.h"
#include "gillog.h"

/* --- writing ---------------------------------------------------------------------------------- */

struct mixed_encoder;

struct mixed_encoder *mixed_encoder_new(void);		/* NULL: no memory */
void mixed_encoder_free(struct mixed_encoder *m);	/* NULL is allowed */
uint32_t mixed_events(const struct mixed_encoder *m);
/* Time of the block's first event; of an empty block anything. */
uint64_t mixed_first(const struct mixed_encoder *m);
/*
 * Adds an event, which has been checked and is not before the last one.  true: it is the last for
 * which the block has room.
 */
bool mixed_put(struct mixed_encoder *m, uint32_t thread, const struct gillog_event *e,
	      const struct gillog_attr *attrs);
/* Appends the block's bytes, at most GILLOG_BLOCK_MAX, to an empty out; then it is empty again. */
int mixed_take(struct mixed_encoder *m, struct buf *out);

/* --- reading ---------------------------------------------------------------------------------- */

#define MIXED_ROWS 2048		/* read at once */

/* What an event has beside its time and its values. */
struct mixed_symbol {
	uint32_t thread;
	uint16_t lock;
	uint8_t kind;
	uint8_t attrs;			/* bit k: attribute k */
};

struct mixed_reader {
	struct mixed_symbol *symbol;	/* owned */
	size_t cap_symbols, n_symbols;
	bool wide;			/* two bytes for each symbol */
	const uint8_t *symbols, *low, *high, *high_end, *counts, *counts_end;
	struct { const uint8_t *p, *end; int64_t last; } column[N_GL_ATTRS];
	uint32_t left, hidden;		/* entries; events above one each that may still come */
	uint64_t time, last;		/* of the event before; of the block's last one */
	uint32_t n_threads, n_funcs;
	struct gillog_row row[MIXED_ROWS];
	struct gillog_attr attr[MIXED_ROWS * (N_GL_ATTRS - 1)];
};

/* raw: the block's bytes after decompression, borrowed until the last read. */
int mixed_open(struct mixed_reader *r, const struct gillog_block *b, const uint8_t *raw,
	       struct err *err);
/* Fills r->row and r->attr; how many rows, 0 at the block's end, -1. */
int mixed_read(struct mixed_reader *r, struct err *err);
void mixed_release(struct mixed_reader *r);

#endif
