/*
 * gilgen.h - a log of any size from a simulated GIL, and the truth about it
 *
 *   gilgen_old.c, gilgen_new.c           gilgen.c              gilgen_write.c
 *   the simulated lock: who asks,  -->  act(): one event  -->  a line of the format  -->  stdout
 *   waits, is woken, holds                    |
 *                                             +--> gilgen_truth.c: what `gilscope info` must say
 *
 * A simulator sets gen.now and calls act() for everything that happens, in order of time, until
 * gen.left is 0.  What a format cannot show (perf has no RETRY) is neither written nor part of the
 * truth, which is therefore what the log can tell, no more: the rules are those of docs/gillog.md,
 * kept here by the simulator's own books (who holds, who waits, which signals are pending) and
 * never by reading the log.
 */
#ifndef GILGEN_H
#define GILGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define NONE UINT32_MAX
#define NEVER UINT64_MAX
#define unlikely(x) __builtin_expect(!!(x), 0)

enum gen_format { GEN_BEAZLEY, GEN_PERF, GEN_GILLOG, GEN_BINARY };

/* The numbers are those of docs/gillog.md. */
enum gen_kind {
	GEN_ENTRY = 1, GEN_BUSY, GEN_TIMEOUT, GEN_DROP_REQUEST, GEN_RETRY, GEN_ACQUIRE, GEN_RELEASE,
	GEN_SWITCH_WAIT, GEN_SWITCH_DONE,
	GEN_DROPPED,		/* drop_gil returned without a forced switch: only perf shows it */
	N_GEN_KINDS
};

/* --- numbers by chance ------------------------------------------------------------------------ */

struct rng { uint64_t state; };

/* wyrand (Wang Yi): one multiplication a number. */
static inline uint64_t rng_next(struct rng *r)
{
	unsigned __int128 m;

	r->state += 0xa0761d6478bd642fu;
	m = (unsigned __int128)r->state * (r->state ^ 0xe7037ed1a0b428dbu);
	return (uint64_t)(m >> 64) ^ (uint64_t)m;
}

/* 0 to n - 1, n below 2^32. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (rng_next(r) >> 32) * n >> 32;
}

/* At least 1, exponentially distributed around mean. */
uint64_t rng_exp(struct rng *r, uint64_t mean);

/* --- a heap of threads by time ---------------------------------------------------------------- */

/* Thread i is in it at most once; heap_set() puts or moves it. */
struct heap {
	uint64_t *key;		/* by thread; owned */
	/* at[thread] is its slot or NONE; slot[0] is the earliest thread; owned */
	uint32_t *at, *slot;
	uint32_t n;
};

int heap_init(struct heap *h, uint32_t n_threads, struct err *err);
void heap_release(struct heap *h);
void heap_set(struct heap *h, uint32_t thread, uint64_t key);
void heap_remove(struct heap *h, uint32_t thread);
static inline uint64_t heap_time(const struct heap *h) { return h->n ? h->key[h->slot[0]] : NEVER; }
static inline uint32_t heap_first(const struct heap *h) { return h->n ? h->slot[0] : NONE; }

/* --- the log ---------------------------------------------------------------------------------- */

struct gen;

#define WRITER_SIZE (1 << 20)
#define WRITER_LINE 256		/* no line is longer */

struct writer {
	char *buf, *p, *limit;	/* buf owned; a line may begin before limit */
	int fd;
	uint64_t written, max_bytes;
	void (*event)(struct gen *g, uint32_t thread, enum gen_kind kind);
	/* by thread; owned */
	struct prefix { char text[56]; uint32_t len; uint32_t cpu; } *prefix;
	/* beazley: the check that is running, as text, and when it began */
	char checks[24];
	uint32_t n_checks_digits;
	uint64_t check_begin, n_checks;
	struct { char text[8]; } *countdown;	/* by countdown, with a blank; owned */
	uint8_t *countdown_len;			/* owned */
	/* perf: the second that is running, as text */
	char second[24];
	uint32_t second_len;
	uint64_t second_begin;
	/* binary gillog: all of it */
	struct gillog_writer *gillog;		/* owned */
};

int writer_open(struct gen *g, int fd, struct err *err);
/* Also the end of the file; 0, or -1 with *err set when any write failed. */
int writer_close(struct gen *g, struct err *err);
/* Writes what is pending; ends the generation at max_bytes or when the write fails. */
void writer_flush(struct gen *g);

/* --- the truth -------------------------------------------------------------------------------- */

struct lane {
	bool waits_now, holds_now, seen;
	uint64_t wait_begin, part_begin, hold_begin;
	uint64_t run, wait, signal, events, acquires, releases, busy, retry, timeouts,
		drop_requests;
	uint64_t waits, max_wait, max_run;
	uint64_t *hist;		/* of contended waits; owned, NULL until the first */
};

struct truth {
	struct lane *lane;	/* owned */
	uint32_t owner, n_waiting;
	uint64_t *pending;	/* ring of the releases that signalled; owned */
	uint32_t first_pending, n_pending, max_pending;
	uint64_t start, end, events;
	bool waits_at_entry;	/* the format shows no BUSY */
};

int truth_init(struct truth *t, uint32_t n_threads, bool waits_at_entry, struct err *err);
void truth_release(struct truth *t);
void truth_event(struct truth *t, uint64_t now, uint32_t thread, enum gen_kind kind);
/* The figures in the shape of `gilscope info --json`, to path. */
int truth_write(struct gen *g, const char *path, struct err *err);

/* --- a generation ----------------------------------------------------------------------------- */

struct gen {
	enum gen_format format;
	bool old_gil;
	uint32_t n_threads, n_cpus, n_spinners, interval;	/* interval: ticks per check */
	uint64_t left;			/* events still to come */
	/* where the log's clock begins; no event is later than this */
	uint64_t origin, until;
	uint64_t now;			/* ns, or ticks of the old GIL; never decreases */
	/* old GIL: ticks' worth of time for which nobody held the lock */
	uint64_t skew;
	bool old_in_ns;			/* old GIL on the clock of ns */
	uint64_t time, last;		/* of the last event, on the log's clock; gen.now then */
	/* events are so far apart at least: 0 where equal times have an order */
	uint64_t apart;
	uint32_t shown;			/* bit k: the format shows kind k */
	uint32_t pid;
	struct rng rng, jitter;
	struct writer w;
	struct truth truth;
	struct err err;			/* of a failed write */
};

#define TICK_NS 90		/* an instruction or two of Python 2.7 */

static inline uint64_t time_of_now(struct gen *g)
{
	uint64_t t = g->now;

	/* numbers of its own, so that the ticks are the same on either clock */
	if (g->old_in_ns)
		t = (t + g->skew) * TICK_NS + (rng_next(&g->jitter) & 31);

	return t > g->time + g->apart ? t : g->time + g->apart;
}

/* Something happens to a thread at gen.now. */
static inline void act(struct gen *g, uint32_t thread, enum gen_kind kind)
{
	if (!(g->shown >> kind & 1) || unlikely(!g->left))
		return;
	g->time = time_of_now(g);
	if (unlikely(g->time > g->until)) {
		g->left = 0;
		return;
	}
	g->left--;
	g->last = g->now;
	truth_event(&g->truth, g->time, thread, kind);
	g->w.event(g, thread, kind);
	if (unlikely(g->w.p >= g->w.limit))
		writer_flush(g);
}

/* Thread 0 is the main thread, which mostly sleeps; then come the spinners; the others do I/O. */
static inline bool is_spinner(const struct gen *g, uint32_t thread)
{
	return thread - 1 < g->n_spinners;
}

/* Run until gen.left is 0.  0, or -1 with *err set for lack of memory. */
int simulate_old(struct gen *g, struct err *err);
int simulate_new(struct gen *g, struct err *err);

/* "t2", "10257" as the format has it, into out. */
const char *thread_id(const struct gen *g, uint32_t thread, char out[32]);
const char *thread_name(const struct gen *g, uint32_t thread, char out[32]);

#endif
