/*
 * gillog.h - the binary event log: `gilscope record` writes it, ingest/ reads it
 *
 *   +--------+-------+--------+--------+------+------+--------+------+ ... +------+-----+
 *   | header | names | events | events | mark | names| events | mark |     | mark | end |
 *   |        |       | thr. 0 | thr. 1 |  T1  |      | thr. 0 |  T2  |     |  Tn  |     |
 *   +--------+-------+--------+--------+------+------+--------+------+ ... +------+-----+
 *
 * After 16 bytes of header come sections; each has a header of 48 bytes with its own crc.  An
 * *events* section is a block: the events of one thread over a range of time, compressed on its
 * own, so blocks can be decoded beside each other.  A *names* section says what the numbers in
 * later blocks mean.  A *mark* T divides time, and is what a merge needs (an *epoch* is what lies
 * between two marks):
 *
 *   - every event before T stands before the mark, every event at T or later after it: first and
 *     last of all blocks of an epoch lie in [T of the mark before, T of its own mark);
 *   - the blocks of one thread stand in the order of time, and so do the events of a block;
 *   - an epoch holds at most GILLOG_EPOCH_MAX bytes of blocks before compression.
 *
 * So a reader reads to the next mark, merges those blocks by time (one decoded block per thread),
 * and is done with them.  Events with equal times that are of one lock never are ACQUIRE or RELEASE
 * of different threads: the recorder stamps those under the lock's own mutex, at least one unit
 * apart.
 *
 * A log that was merged already has *mixed* blocks instead, each with the events of all threads
 * over a range of time, in order: there equal times of several threads have an order, too, and
 * nothing is left to merge.
 *
 * Times are unsigned 64-bit integers on the log's clock.  Byte tables: docs/gillog-binary.md.
 */
#ifndef GILSCOPE_GILLOG_H
#define GILSCOPE_GILLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define GILLOG_MAGIC "\211GILLOG\n"		/* 8 bytes */
#define GILLOG_VERSION 2		/* a log without mixed blocks is of version 1 */
#define GILLOG_HEADER_SIZE 16
#define GILLOG_SECTION_SIZE 48
/* bytes of one block before compression: the format's limit */
#define GILLOG_BLOCK_MAX (1u << 18)
#define GILLOG_EPOCH_MAX (32u << 20)
#define GILLOG_MIXED_EVENTS (1u << 20)	/* of a mixed block at most */
#define GILLOG_STORED_MAX (GILLOG_BLOCK_MAX + (GILLOG_BLOCK_MAX >> 7) + 1024)

/* The same numbers as enum event_kind of the timeline: docs/gillog.md says what each means. */
enum gillog_kind {
	GL_ENTRY = 1, GL_BUSY, GL_TIMEOUT, GL_DROP_REQUEST, GL_RETRY, GL_ACQUIRE, GL_RELEASE,
	GL_SWITCH_WAIT, GL_SWITCH_DONE, GL_SCHED_IN, GL_SCHED_OUT, GL_WAKEUP, GL_WOKEN, GL_LOST,
	GL_START, GL_END,
	N_GL_KINDS
};

/* The same numbers as enum event_attr. */
enum gillog_attr_id {
	/* on a block's first event, then only where it differs from the event before */
	GL_ATTR_CPU = 1,
	GL_ATTR_TARGET,		/* WAKEUP: index of the thread that was woken */
	GL_ATTR_COUNT,		/* LOST: how many events were lost */
	GL_ATTR_SINCE,		/* LOST: the gap began so long before the event's time */
	GL_ATTR_CHECKS,		/* 2.7, on every event: checks so far in the process */
	GL_ATTR_COUNTDOWN,	/* 2.7, on every event: the tick counter */
	GL_ATTR_FUNC,		/* ACQUIRE, RELEASE: index of the function on top of the stack */
	N_GL_ATTRS
};

struct gillog_attr {
	uint8_t id;		/* enum gillog_attr_id */
	int64_t value;
};

/* An event of a decoded block; its thread is the block's. */
struct gillog_event {
	uint64_t time;
	uint32_t attr;		/* index of its first attribute in the decoded block's attrs */
	uint16_t lock;
	uint8_t kind;		/* enum gillog_kind, never anything else */
	uint8_t n_attrs;
};

/*
 * An event of a mixed block; or of kind GL_PAIRS: count times a RELEASE and the same thread's
 * ACQUIRE at the same time, the next of them step later, as at the checks of the old GIL.
 */
#define GL_PAIRS 0xff

struct gillog_row {
	uint64_t time;
	uint32_t thread;
	uint32_t count, step;		/* of GL_PAIRS */
	uint32_t attr;			/* as in struct gillog_event */
	uint16_t lock;
	uint8_t kind, n_attrs;
};

enum gillog_clock { GILLOG_NS, GILLOG_TICKS };

/* What begins a wait. */
enum gillog_waits { GILLOG_WAITS_UNKNOWN, GILLOG_WAITS_BUSY, GILLOG_WAITS_ENTRY };

struct gillog_fact { char *key, *value; };
struct gillog_process {
	int64_t pid, ppid;		/* -1: unknown */
	char *name;			/* "" if unknown */
	enum gillog_waits waits;	/* of its threads; UNKNOWN: as in the whole log */
};
/* id: "9989", as the OS or the log names it; process: its number */
struct gillog_thread { char *id, *name; uint32_t process; };
/* park: only contention is seen, no holds */
struct gillog_lock { char *id, *name; uint32_t process; bool park; };
struct gillog_func { char *name, *file; uint32_t line; };

/*
 * What a log says that was made of another one: of a recorder's own it is all 0.
 */
struct gillog_told {
	enum gillog_waits waits;
	bool truncated;
	/* left out by an earlier conversion; events lost of unknown threads */
	uint64_t skipped, lost;
	uint64_t check_interval;	/* 0: unknown */
};

/*
 * What the log says about itself so far: a names section may come at any place, but always before
 * the blocks that need it, and a later one may give a thread its (new) name.  Strings are whatever
 * bytes the program had, without NUL; never trust them.
 */
struct gillog_info {
	enum gillog_clock clock;
	struct gillog_process *processes;	/* at least one; a recorder's log has one */
	struct gillog_told told;
	char *title;			/* "": none */
	/* a later fact with the same key has replaced the earlier one */
	struct gillog_fact *facts;
	struct gillog_thread *threads;
	struct gillog_lock *locks;
	struct gillog_func *funcs;
	uint32_t n_processes, n_facts, n_threads, n_locks, n_funcs;
	uint64_t changes;		/* sections of names read so far */
	uint64_t blocks, events;	/* read so far */
	uint64_t damaged_blocks, damaged_events;
	bool complete;			/* the end section was read: nothing is missing */
};

/* A block as it is stored. */
struct gillog_block {
	uint32_t thread;		/* < info.n_threads; 0 of a mixed block */
	bool mixed;			/* gillog_mixed_open() is for it, not gillog_decode() */
	uint32_t n_events;		/* at least 1 */
	uint64_t first, last;		/* time of its first and last event */
	uint64_t offset;		/* of its section in the log */
	uint32_t raw;			/* bytes after decompression */
	/* bounds for what its events may name: the info's, at this point */
	uint32_t n_locks, n_threads;
	uint32_t n_funcs;
	uint8_t method;			/* 0 stored, 1 zstd, 2 zstd of two planes */
	uint32_t heads;			/* method 2: bytes of the first plane */
	uint32_t stored;		/* bytes at data */
	uint8_t *data;			/* owned by the block: gillog_block_release() */
};

/* --- reading ---------------------------------------------------------------------------------- */

/* opaque: made by open, released by close; for one thread at a time */
struct gillog;

/* Reads up to n bytes into data, fewer only at the end of the input; 0, or -1 with *err set. */
typedef int gillog_read_fn(void *ctx, void *data, size_t n, size_t *got, struct err *err);

/* Both return 0, or -1 with *err set and *out NULL.  The _mem form borrows buf until close. */
int gillog_open(struct gillog **out, gillog_read_fn *read, void *ctx, struct err *err);
int gillog_open_mem(struct gillog **out, const void *buf, size_t len, struct err *err);
void gillog_close(struct gillog *g);		/* NULL is allowed */

/* Whether a log begins with these n bytes: 8 are enough. */
bool gillog_is(const void *data, size_t n);

/* Borrowed until close; the arrays may move with every gillog_next(). */
const struct gillog_info *gillog_info(const struct gillog *g);

enum gillog_next {
	GILLOG_ERROR = -1,	/* *err: the log cannot be read on */
	GILLOG_DONE,		/* the end section, and nothing behind it */
	GILLOG_BLOCK,		/* *b is a block, now the caller's */
	GILLOG_MARK,		/* *mark: an epoch ends */
	/* *b says which block, without data: its crc is wrong, *err says so; read on */
	GILLOG_DAMAGED,
	GILLOG_CUT,		/* the input ends without an end section; *err says where */
};

/*
 * The next block or mark; names are taken into the info on the way.  After DONE, CUT or ERROR there
 * is nothing more.  A cut log has no last mark: treat CUT as one that lies after everything.
 */
enum gillog_next gillog_next(struct gillog *g, struct gillog_block *b, uint64_t *mark,
			     struct err *err);
void gillog_block_release(struct gillog_block *b);	/* may be called twice */

/* What one thread needs to decode blocks; NULL on failure. */
struct gillog_decoder;
struct gillog_decoder *gillog_decoder_new(struct err *err);
void gillog_decoder_free(struct gillog_decoder *d);	/* NULL is allowed */

/*
 * Decodes a block.  *events (b->n_events of them) and *attrs are the decoder's, until it decodes
 * the next block or is freed.  Times are in order and within [b->first, b->last].
 */
int gillog_decode(struct gillog_decoder *d, const struct gillog_block *b,
		  const struct gillog_event **events, const struct gillog_attr **attrs,
		  struct err *err);

/* Decompresses a mixed block, which may be released then, for gillog_mixed_read(). */
int gillog_mixed_open(struct gillog_decoder *d, const struct gillog_block *b, struct err *err);
/*
 * The next rows of it, as many as the result says: 0 behind its last one, -1 where it is damaged.
 * *rows and *attrs are the decoder's, until it is used again.
 */
int gillog_mixed_read(struct gillog_decoder *d, const struct gillog_row **rows,
		      const struct gillog_attr **attrs, struct err *err);

/* Memory of a decoded block; start with all 0. */
struct gillog_arrays {
	struct gillog_event *event;
	struct gillog_attr *attr;
	size_t cap_events, cap_attrs;
};

/*
 * Gives the caller what was decoded last, to keep, and the decoder *a to decode into from now on.
 */
void gillog_decoder_swap(struct gillog_decoder *d, struct gillog_arrays *a);
void gillog_arrays_release(struct gillog_arrays *a);	/* may be called twice */

/* "ACQUIRE", "cpu"; NULL for a number that has no name. */
const char *gillog_kind_name(unsigned kind);
const char *gillog_attr_name(unsigned id);

/* --- writing ---------------------------------------------------------------------------------- */

struct gillog_writer;

struct gillog_writer_options {
	enum gillog_clock clock;
	int level;			/* of zstd; 0: 3 */
	/* a block is written when it has so many bytes; 0: 64 KiB; not for mixed ones */
	uint32_t block_size;
	/*
	 * Mixed blocks: the events of all threads come in order, and no marks are needed.
	 */
	bool mixed;
};

/* Appends n bytes to the log; 0, or -1 with *err set: then the writer is stuck with that error. */
typedef int gillog_write_fn(void *ctx, const void *data, size_t n, struct err *err);

int gillog_writer_new(struct gillog_writer **out, const struct gillog_writer_options *o,
		      gillog_write_fn *write, void *ctx, struct err *err);
void gillog_writer_free(struct gillog_writer *w);	/* NULL is allowed */

/*
 * Names: collected, and written before the next block.  NULL is "".  Indexes count up from 0: i is
 * at most the number of those named before, and naming one again replaces its strings.
 */
int gillog_put_process(struct gillog_writer *w, uint32_t i, int64_t pid, int64_t ppid,
		       const char *name, enum gillog_waits waits, struct err *err);
int gillog_put_told(struct gillog_writer *w, const struct gillog_told *t, const char *title,
		    struct err *err);
int gillog_put_fact(struct gillog_writer *w, const char *key, const char *value, struct err *err);
/* process: the number of one that was named, or 0. */
int gillog_put_thread(struct gillog_writer *w, uint32_t i, uint32_t process, const char *id,
		      const char *name, struct err *err);
int gillog_put_lock(struct gillog_writer *w, uint16_t i, uint32_t process, const char *id,
		    const char *name, bool park, struct err *err);
int gillog_put_func(struct gillog_writer *w, uint32_t i, const char *name, const char *file,
		    uint32_t line, struct err *err);

/*
 * One event of a thread that has been named.  A thread's events come in the order of time, and none
 * before the last mark (else ERR_USAGE).  attrs: e->n_attrs of them, at most 8 (e->attr is
 * ignored); CPU may be given with every event, it is stored where it changes.
 */
int gillog_put_event(struct gillog_writer *w, uint32_t thread, const struct gillog_event *e,
		     const struct gillog_attr *attrs, struct err *err);
/* Bytes of blocks since the last mark: at GILLOG_EPOCH_MAX / 2 at the latest a mark is due. */
uint64_t gillog_epoch_bytes(const struct gillog_writer *w);
/*
 * Writes out all blocks and a mark.  No event before t may follow, and none at t or after has been
 * put.
 */
int gillog_mark(struct gillog_writer *w, uint64_t t, struct err *err);
/*
 * A mark after everything, and the end section.  The writer is only good for gillog_writer_free()
 * then.
 */
int gillog_finish(struct gillog_writer *w, struct err *err);

/* What was written so far: for bytes per event before and after compression. */
struct gillog_written { uint64_t events, raw_bytes, stored_bytes, blocks; };
const struct gillog_written *gillog_written(const struct gillog_writer *w);

#endif
