/*
 * preload.h - inside a recorded Python: what the parts of the preload library share
 *
 * preload.c          the interposed functions and the events they stand for
 * preload_ring.c     the memory shared with `gilscope record`, threads' slots and chunks
 * preload_python.c   what is known of the Python: version, thread names
 * preload_frames.c   the Python function on top of the stack
 *
 * All of it runs inside somebody else's program: it prints nothing, keeps errno, never waits for
 * the reader, and allocates nothing on the way of an event.
 */
#ifndef GILSCOPE_PRELOAD_H
#define GILSCOPE_PRELOAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "ring.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT __attribute__((visibility("default")))
#define NO_VALUE UINT64_MAX
#define NAME_SIZE 80			/* as ring_slot.name */

/* The same numbers as enum gillog_kind: this library has no other part of the program in it. */
enum {
	EV_ENTRY = 1, EV_BUSY, EV_TIMEOUT, EV_DROP_REQUEST, EV_RETRY, EV_ACQUIRE, EV_RELEASE,
	EV_SWITCH_WAIT, EV_SWITCH_DONE, EV_WOKEN = 13, EV_LOST, EV_START, EV_END,
};

/* A GIL, or another lock that threads park on.  Never freed: a thread may be inside its wait. */
struct lock {
	pthread_mutex_t *mutex;		/* M, C and SC of preload.c; 2.7: sem */
	pthread_cond_t *cond, *switch_cond;
	sem_t *sem;
	uintptr_t addr;			/* is_park: of what is waited for */
	uint32_t number;
	bool dead, is_park;
	/* The rest is written under mutex, or by sem's holder. */
	bool held;
	uint32_t holder;		/* serial of the last thread that took it */
	uint64_t switches;		/* takes by another thread than the one before */
	uint64_t last;			/* the latest stamp: see stamp() */
	uint64_t checks;		/* 2.7: checks so far */
	/* where Python keeps its switch interval; NULL: unknown */
	const volatile unsigned long *interval;
	unsigned long interval_told;
};

/* What a thread keeps: thread-local, without constructor or destructor. */
struct self {
	struct ring_slot *slot;
	_Atomic uint64_t *pos, *limit;	/* the next record; at limit a new chunk is due */
	_Atomic uint32_t *link;		/* where the number of that chunk goes */
	uint64_t lock, cpu, func, checks, countdown;	/* as last recorded */
	uint64_t entry;			/* when it found the mutex taken; 0: it did not */
	uint64_t began;			/* when the thread began; 0: unknown */
	struct lock *holds;
	struct lock *inherited;		/* held since before the fork, which the log must be told */
	uint32_t serial;		/* of the thread in this process; 0: none yet */
	bool waiting;			/* BUSY has been recorded for the take under way */
	bool ended, off;		/* its destructor has run; no slot was left */
	/* The four init calls that make a GIL, as far as seen. */
	unsigned n_inits;
	void *inits[3];
	char name[NAME_SIZE];
};
extern __thread struct self self __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* What this process was told to do, and the state of its recording. */
struct recorder {
	struct ring_header *ring;	/* NULL: not attached */
	_Atomic int state;		/* enum below */
	uint64_t base, gap;		/* gap: units of the clock that are surely more than 1 ns */
	bool tsc, cpu, frames;
	uint64_t buffer;
	char socket[108];
	ptrdiff_t rseq;			/* offset of this thread's struct rseq; 0: none */
	pthread_key_t key;
	bool has_key;
	atomic_flag busy;		/* guards what is not on an event's way */
};
enum { REC_OFF, REC_READY, REC_ATTACHED };	/* OFF: not told to, refused or stopped */
extern struct recorder rec __attribute__((visibility("hidden")));

/* What the Python is, as far as it lets itself be known. */
struct python {
	bool known, free_threaded, is_2;
	unsigned version;		/* 0x030b07: 3.11.7; 0: unknown */
	uintptr_t lo, hi;		/* the object that holds the interpreter */
	void *handle;			/* of dlopen; never closed */
	const volatile int *ticker, *check_interval;	/* 2.7 */
};
extern struct python py __attribute__((visibility("hidden")));

static inline uint64_t now(void)
{
	struct timespec ts;

#if defined(__x86_64__)
	if (likely(rec.tsc))
		return __builtin_ia32_rdtsc();
#endif
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void rec_lock(void);		/* a spin lock, for what happens rarely; reset by fork */
void rec_unlock(void);

/* preload_ring.c */
/* reads the environment; once, in the constructor */
void ring_configure(void);
/* under rec_lock(); the caller then tells the log of all names, and sets the state */
bool ring_attach(void);
void ring_forget(void);				/* in a forked child */
bool ring_thread(void);				/* self gets a slot; false: it has none */
bool ring_next_chunk(void);			/* false: there is none */
void ring_thread_ended(void);
void ring_thread_name(const char *name);	/* self's */
/* Append to the meta area, under a lock of its own; false and counted where it is full. */
bool ring_fact(const char *key, const char *value);
bool ring_lock_named(uint32_t number, bool park, const char *id, const char *name);
bool ring_func(uint32_t number, uint32_t line, const char *name, const char *file);

/* preload_python.c */
/* whether code lies in a Python; fills py the first time */
bool python_at(const void *code);
void python_tell(void);				/* facts, into a log that has just been made */
bool python_makes_2(const void *code, const void *const *frame, bool reinit);
/* a release in 2.7: by a check (not by a blocking call) */
bool python_checks_2(const void *const *frame);
bool python_exports(const void *data, const char *symbol);
/* of the threading.Thread whose start() is running */
bool python_thread_name(char name[NAME_SIZE]);
void *python_symbol(const char *name);		/* of the Python's object, or what it depends on */

/* preload_frames.c */
uint32_t python_func(void);			/* number + 1 of the function on top; 0: none */
/* there will be a new log: functions are numbered anew; no thread is in python_func() */
void python_funcs_again(void);
void python_funcs_forked(void);			/* in a forked child: no thread is */

#endif
