/*
 * log.h - one event log being read: what its format's parser fills, and what the merge takes from
 * it
 *
 * A format appends records as it meets them; those of the last ORDER_WINDOW events may still be put
 * in order among each other, since the buffers of several cpus are interleaved in many logs.  A
 * record from before that window is a jump of the clock: its line is bad.
 *
 * A new format is one file with a struct format in it and its line in formats.c.
 */
#ifndef GILSCOPE_LOG_H
#define GILSCOPE_LOG_H

#include <stdio.h>

#include "buf.h"
#include "names.h"
#include "source.h"

#define ORDER_WINDOW 4096
/*
 * So many events are looked at before anything is decided.  What else was read with them decides
 * nothing: how the log comes in pieces is no property of the log.
 */
#define PREFIX_EVENTS 65536
#define MAX_TIME ((1ull << 63) - 1)
#define MAX_LINE 65536		/* bytes of a line, without its newline; longer ones are bad */

/*
 * An event as the log tells it.  kind EV_STATE: a gap begins, of which an EV_LOST record tells the
 * end. attr is the index of its first attribute; these stand in the order of their ids.
 */
struct record {
	uint64_t time;		/* absolute, in clock units */
	uint32_t thread, attr;
	uint16_t lock;
	uint8_t kind, n_attrs;
	uint32_t step;		/* of REC_PAIRS; of EV_STATE: whether it lies before its EV_LOST */
};

/*
 * A kind of its own: attr times a RELEASE and the same thread's ACQUIRE at the same time, the next
 * of them step later, as at the checks of the old GIL.  They stand for all but a few events of such
 * logs, and what has to be done for each of them is done for all at once.
 */
#define REC_PAIRS 0xff

static inline uint64_t record_events(const struct record *r)
{
	return r->kind == REC_PAIRS ? 2 * (uint64_t)r->attr : 1;
}

/* One event of the first pair. */
static inline struct record record_plain(const struct record *pairs, unsigned kind)
{
	return (struct record){
		.time = pairs->time, .thread = pairs->thread, .lock = pairs->lock,
		.kind = (uint8_t)kind,
	};
}

/* Where warnings go; shared by all logs of an ingest. */
struct report {
	FILE *out;		/* NULL: nowhere */
	const char *prefix;
	bool strict;
	unsigned told;		/* bad lines that were told one by one */
};

struct log {
	const char *path;	/* borrowed; "-" for standard input */
	uint32_t number;	/* of the log, from 0 */
	struct source *source;
	const struct format *format;
	void *state;		/* the format's own */
	struct names *names;	/* shared */
	struct report *report;
	struct err *err;	/* the caller's; format functions that return -1 have filled it */

	/* What the format says, first when it is opened. */
	enum timeline_clock clock;
	enum waits waits;
	uint64_t check_interval;	/* ticks per check; 0: not told */
	bool want_ticks;	/* the clock of ticks where the log has both */
	bool long_window;	/* as its source has it */
	bool want_pairs;	/* REC_PAIRS are allowed: no other log's events come in between */
	uint64_t skipped;	/* bad lines, and what an earlier conversion left out */
	bool truncated;

	uint64_t line;		/* the number of the line that is parsed; 0: none */
	struct buf scratch;	/* for the format: a line's quoted words */
	struct buf carry;	/* a line that its piece holds only the beginning of */
	bool skip_line;		/* ... which was too long */
	const uint8_t *piece;	/* the first one, while nobody has read it */
	size_t piece_len;
	struct buf first;	/* ... which is these bytes where several were needed */

	/* rec[head..ready) are in order and may be taken; up to n they may still be moved. */
	struct record *rec, *spare;
	size_t head, ready, n, cap, cap_spare;
	bool has_pairs;		/* there may be some in rec; then: */
	/* from rec[kept] on there are at least ORDER_WINDOW events, or all */
	size_t kept;
	uint64_t before_kept;	/* how many had been added before those, in n_added's count */
	struct attr *attr;
	size_t n_attrs, cap_attrs;
	uint64_t last;		/* the largest time so far */
	/*
	 * What last was when an event had been added, for the last ORDER_WINDOW records at least;
	 * log_floor() tells it of the event that is ORDER_WINDOW before the next.  Records were
	 * given away up to no later time, however the log comes in pieces: so what is late does not
	 * depend on them.
	 */
	struct floor { uint64_t event, last; } floor[ORDER_WINDOW];
	uint32_t floor_step[ORDER_WINDOW];	/* of REC_PAIRS, else not used */
	uint64_t n_floors, n_added;		/* records, events */
	bool unsorted, prefix_read, eof;
	bool moved;		/* rec[0] is no longer the log's first event */
};

struct format {
	const char *name;
	/* Whether a log that begins with these bytes is of this format. */
	bool (*recognise)(const uint8_t *head, size_t n);
	/* All return 0, or -1 with *l->err set. */
	int (*open)(struct log *l);
	/* Reads on, about one piece of input, and appends what is in it; sets l->eof at the end. */
	int (*read)(struct log *l);
	/* For text_read(): [p, end) are whole lines, each with its newline. */
	int (*lines)(struct log *l, const char *p, const char *end);
	/*
	 * NULL allowed: when every log of the ingest has been read, while names may still be set.
	 */
	int (*end)(struct log *l);
	void (*close)(struct log *l);	/* also when open has failed */
};

/* The table of formats.  NULL: nobody knows it. */
const struct format *format_find(const char *name);
const struct format *format_recognise(const uint8_t *head, size_t n);

int log_open(struct log *l, const struct format *format, const struct source_options *o);
void log_close(struct log *l);
/* Makes more records ready; none at the end. */
int log_fill(struct log *l);

/* --- for formats ------------------------------------------------------------------------------ */

/* struct format.read of a format of lines. */
int text_read(struct log *l);
/* Calls line() for each line of [p, end), without its end, and counts them. */
int text_each(struct log *l, const char *p, const char *end,
	      int (*line)(struct log *l, const char *s, size_t n));

/*
 * Whether there was an event: what tells how events are meant (clock, waits, ticks per check) comes
 * too late then.
 */
static inline bool log_begun(const struct log *l)
{
	return l->n_added != 0;
}

/* The next piece of the source, *len 0 at the end. */
int log_piece(struct log *l, const uint8_t **data, size_t *len);

/*
 * A bad line, or something else that is left out: counted, told.  -1 if that ends it
 * (l->report->strict).
 */
int log_bad(struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int log_bad_long(struct log *l);	/* a line of more than MAX_LINE */
/* What the log's reader has to say, of nothing that is wrong with it. */
void log_note(struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Where a function of names.h has failed with *l->err: a bad line, if not out of memory. */
int log_bad_err(struct log *l);
/* Events of a thread were lost in [time - since, time): the gap's beginning; EV_LOST comes next. */
int log_gap(struct log *l, uint64_t time, uint64_t since, uint32_t thread);
/* The log ends in its middle: said, and an error if strict. */
int log_cut(struct log *l, const char *why);

int log_grow(struct log *l, size_t n);
int log_grow_attrs(struct log *l);
int log_late(struct log *l, uint64_t time);

/* Room for n records; then log_add_fast() may be called so often. */
static inline int log_room(struct log *l, size_t n)
{
	return l->cap - l->n >= n ? 0 : log_grow(l, n);
}

/* An attribute of the record that is added next; in the order of their ids. */
static inline int log_attr(struct log *l, unsigned id, int64_t value)
{
	if (l->n_attrs == l->cap_attrs && log_grow_attrs(l))
		return -1;
	l->attr[l->n_attrs++] = (struct attr){ (uint8_t)id, value };
	return 0;
}

/* No event before this time may be added any more. */
uint64_t log_floor(const struct log *l);

/* 1: the record is too late and was told as a bad line. */
static inline int log_add_fast(struct log *l, uint64_t time, uint32_t thread, uint16_t lock,
			       unsigned kind, unsigned n_attrs)
{
	if (time < l->last) {
		if (time < log_floor(l)) {
			l->n_attrs -= n_attrs;
			return log_late(l, time);
		}
		l->unsorted = true;
	} else {
		l->last = time;
	}
	l->floor[l->n_floors++ % ORDER_WINDOW] = (struct floor){ l->n_added++, l->last };
	l->rec[l->n++] = (struct record){
		.time = time, .thread = thread, .attr = (uint32_t)(l->n_attrs - n_attrs),
		.lock = lock, .kind = (uint8_t)kind, .n_attrs = (uint8_t)n_attrs,
	};
	return 0;
}

/* REC_PAIRS: time is not before the newest event's, and count not 0. */
static inline int log_add_pairs(struct log *l, uint64_t time, uint32_t thread, uint16_t lock,
				uint32_t step, uint32_t count)
{
	if (log_room(l, 1))
		return -1;
	if (!l->has_pairs) {
		l->kept = l->head;
		l->before_kept = l->n_added - (l->n - l->head);
	}
	l->floor[l->n_floors % ORDER_WINDOW] = (struct floor){ l->n_added, time };
	l->floor_step[l->n_floors++ % ORDER_WINDOW] = step;
	l->n_added += 2 * (uint64_t)count;
	l->last = time + (uint64_t)step * (count - 1);
	l->has_pairs = true;
	l->rec[l->n++] = (struct record){
		.time = time, .thread = thread, .attr = count, .lock = lock, .kind = REC_PAIRS,
		.step = step,
	};
	return 0;
}

static inline int log_add(struct log *l, uint64_t time, uint32_t thread, uint16_t lock,
			  unsigned kind, unsigned n_attrs)
{
	if (log_room(l, 1))
		return -1;
	return log_add_fast(l, time, thread, lock, kind, n_attrs) < 0 ? -1 : 0;
}

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/*
 * Digits at s, at most up to end; the first byte behind them, or NULL if there are none or too
 * many.
 */
const char *parse_u64(const char *s, const char *end, uint64_t *v);

#endif
