/*
 * gillog_format.h - what the reader, the decoder and the writer of the binary gillog share
 *
 * Inside gillog*.c alone; the bytes are drawn in docs/gillog-binary.md.
 *
 * A block is a row of varints.  The low three bits of each are a code: 0 to 6 make it an event,
 * whose kind is entry `code` of the row of follow[] that belongs to the kind before, and whose
 * upper bits are the time since the event before; 7 makes it an operation on what the events after
 * it carry.  An uncontended hold is two varints, mostly of two bytes each.
 */
#ifndef GILSCOPE_GILLOG_FORMAT_H
#define GILSCOPE_GILLOG_FORMAT_H

#include <zlib.h>
#include <zstd.h>

#include "gillog.h"

enum section { SEC_NAMES = 1, SEC_EVENTS, SEC_MARK, SEC_END, SEC_MIXED };
enum method { METHOD_STORED, METHOD_ZSTD, METHOD_PLANES };
enum name_tag { TAG_PROCESS = 1, TAG_FACT, TAG_THREAD, TAG_LOCK, TAG_FUNC, TAG_TOLD };
enum op { OP_LOCK, OP_CPU, OP_FUNC, OP_KIND, OP_ATTR, OP_CHECKS, OP_COUNTDOWN };

#define CODE_BITS 3
#define CODE_OP 7
#define OP_BITS 3
#define EVENT_ATTRS_MAX 8		/* given with one event, by whoever writes */
#define NAMES_MAX GILLOG_BLOCK_MAX
#define STRING_MAX 4096			/* longer names are cut */
/* of a log at a time, for its reader holds them: bytes of names and ids; threads, functions... */
#define NAMES_TOTAL (128u << 20)
#define NAMED_MAX (1u << 20)
/* a smaller block does not make up for a second frame's header */
#define PLANES_MIN 1024

/* Which kinds follow which, likeliest first; part of the format.  0: no such code. */
static const uint8_t follow[N_GL_KINDS][CODE_OP] = {
	[0] = { GL_ACQUIRE, GL_RELEASE, GL_ENTRY, GL_BUSY, GL_START, GL_TIMEOUT, GL_WOKEN },
	[GL_ENTRY] = { GL_BUSY, GL_ACQUIRE, GL_RETRY, GL_TIMEOUT, GL_WOKEN, GL_ENTRY, GL_END },
	[GL_BUSY] = { GL_TIMEOUT, GL_WOKEN, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT, GL_BUSY, GL_END },
	[GL_TIMEOUT] = { GL_DROP_REQUEST, GL_TIMEOUT, GL_WOKEN, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT,
			 GL_END },
	[GL_DROP_REQUEST] = { GL_WOKEN, GL_TIMEOUT, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT, GL_BUSY,
			      GL_END },
	[GL_RETRY] = { GL_WOKEN, GL_TIMEOUT, GL_ACQUIRE, GL_RETRY, GL_SCHED_OUT, GL_BUSY, GL_END },
	[GL_ACQUIRE] = { GL_RELEASE, GL_SCHED_OUT, GL_ACQUIRE, GL_ENTRY, GL_BUSY, GL_WAKEUP,
			 GL_END },
	[GL_RELEASE] = { GL_ACQUIRE, GL_SWITCH_WAIT, GL_ENTRY, GL_BUSY, GL_RELEASE, GL_WAKEUP,
			 GL_END },
	[GL_SWITCH_WAIT] = { GL_SWITCH_DONE, GL_ENTRY, GL_BUSY, GL_ACQUIRE, GL_SCHED_OUT, GL_WOKEN,
			     GL_END },
	[GL_SWITCH_DONE] = { GL_ENTRY, GL_ACQUIRE, GL_BUSY, GL_RELEASE, GL_SCHED_OUT, GL_WAKEUP,
			     GL_END },
	[GL_SCHED_IN] = { GL_SCHED_OUT, GL_ACQUIRE, GL_RELEASE, GL_RETRY, GL_TIMEOUT, GL_ENTRY,
			  GL_WAKEUP },
	[GL_SCHED_OUT] = { GL_SCHED_IN, GL_ACQUIRE, GL_RELEASE, GL_RETRY, GL_TIMEOUT, GL_WOKEN,
			   GL_END },
	[GL_WAKEUP] = { GL_SCHED_OUT, GL_RELEASE, GL_ACQUIRE, GL_ENTRY, GL_BUSY, GL_WAKEUP,
			GL_SCHED_IN },
	[GL_WOKEN] = { GL_ACQUIRE, GL_RETRY, GL_TIMEOUT, GL_SCHED_OUT, GL_BUSY, GL_WOKEN, GL_END },
	[GL_LOST] = { GL_ACQUIRE, GL_RELEASE, GL_ENTRY, GL_BUSY, GL_LOST, GL_WOKEN, GL_END },
	[GL_START] = { GL_ENTRY, GL_ACQUIRE, GL_BUSY, GL_SCHED_IN, GL_RELEASE, GL_LOST, GL_END },
	[GL_END] = { GL_ENTRY, GL_ACQUIRE, GL_BUSY, GL_START, GL_RELEASE, GL_LOST, GL_END },
};

static inline uint32_t crc_of(const void *data, size_t n)
{
	return (uint32_t)crc32_z(0, data, n);
}

/*
 * A section's header:
 *
 *   0 type u8 | 1 method u8 | 2 zero | 4 stored | 8 raw | 12 thread | 16 first u64 | 24 last u64
 *   32 events | 36 heads | 40 crc of the stored bytes | 44 crc of bytes 0 to 43
 */
struct section_header {
	uint8_t type, method;
	uint32_t stored, raw, thread, n_events, heads, crc;
	uint64_t first, last;
};

/* Makes room for element n of an array of elements of the given size, which are zero. */
int gillog_grow(void *array, uint32_t *cap, uint32_t n, size_t size, struct err *err);
/* A section's bytes, stored or one zstd frame, as exactly n_raw. */
int gillog_unpack(ZSTD_DCtx *dctx, uint8_t method, const uint8_t *data, uint32_t stored,
		  uint8_t *raw, uint32_t n_raw, struct err *err);

/* --- what the events of a block carry, the same on both sides --------------------------------- */

/* What operations have set for the events after them. */
struct carried {
	uint32_t lock;
	int64_t cpu, func;		/* -1: none */
	int64_t checks, countdown;	/* at the event before */
	bool has_checks, has_countdown;
	/*
	 * The thread's ticks: from a release to the next that was no check, and so far towards the
	 * next one.
	 */
	int64_t run, used;
	int64_t interval;		/* what the last check has set the countdown to */
};

static const struct carried carried_none = { .cpu = -1, .func = -1, .interval = 100 };

static inline bool kind_has_func(unsigned kind)
{
	return kind == GL_ACQUIRE || kind == GL_RELEASE;
}

/* Sums of what a log claims: they wrap. */
static inline int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* Checks and countdown of a 2.7. */
struct ticks { int64_t checks, countdown; };

/*
 * A thread that calls in a loop lets the lock go each time after as many ticks as the time before,
 * but for the checks between: those are releases too, and set the countdown anew.  One that only
 * computes lets it go at checks alone.  What is so needs no byte.
 */
static inline struct ticks expect_ticks(const struct carried *c, unsigned kind)
{
	struct ticks t = { c->has_checks ? c->checks : 0, c->has_countdown ? c->countdown : 0 };
	int64_t left = minus(c->run, c->used);

	if (kind != GL_RELEASE || !c->has_checks)
		return t;
	if (!c->has_countdown || left < 0 || left > t.countdown) {
		t.checks = plus(t.checks, 1);
		if (c->has_countdown)
			t.countdown = c->interval;
	} else {
		t.countdown = minus(t.countdown, left);
	}
	return t;
}

static inline void learn_ticks(struct carried *c, unsigned kind, struct ticks is)
{
	if (kind == GL_RELEASE && c->has_checks && c->has_countdown) {
		if (is.checks == plus(c->checks, 1)) {
			c->used = plus(c->used, plus(c->countdown, 1));
			c->interval = is.countdown;
		} else {
			c->run = plus(c->used, minus(c->countdown, is.countdown));
			c->used = 0;
		}
	}
	c->checks = is.checks;
	c->countdown = is.countdown;
}

#endif
