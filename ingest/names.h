/*
 * names.h - the numbers of a trace's threads, locks and processes, and what is known of each
 *
 * A number is given when a name is first met and stays.  The same words name different things in
 * different scopes: a thread's scope is its process (or its log, where ids are the system's), a
 * lock's its process, a process's its log.
 */
#ifndef GILSCOPE_NAMES_H
#define GILSCOPE_NAMES_H

#include "timeline.h"

#define MAX_THREADS (1u << 20)
#define MAX_LANES (1u << 16)
#define MAX_LOCKS (1u << 16)
#define MAX_PROCESSES (1u << 16)
#define MAX_FUNCS (1u << 20)
#define MAX_FACTS 1024
/* ticks per check: what sys.setcheckinterval() takes, a C int */
#define CHECK_INTERVAL_MAX INT32_MAX
#define MAX_ID 255		/* bytes of an id */
#define MAX_IDS (1u << 22)	/* threads, locks, processes and aliases of them */
#define MAX_NAMES (64u << 20)	/* bytes of all names together; of all ids too */
#define MAX_NAME 4096		/* bytes of a name; longer ones are cut, and at a NUL */

enum name_kind { NAME_PROCESS, NAME_THREAD, NAME_LOCK, NAME_ALIAS };

struct name_thread {
	char *id, *name;	/* owned; name may be NULL */
	uint32_t process;
	bool is_lane;		/* it has an event of a lock, in what was parsed of its log */
	bool early_lane;	/* ... among the log's first PREFIX_EVENTS */
};

/* What begins a wait: a BUSY, or an ENTRY at a lock that is held. */
enum waits { WAITS_UNKNOWN, WAITS_BUSY, WAITS_ENTRY };

struct name_process {
	char *name;		/* owned; may be NULL */
	int64_t pid, ppid;	/* -1: unknown */
	enum waits waits;	/* of its threads; WAITS_UNKNOWN: as in its log */
	uint32_t log;		/* the number of the one that told of it */
};

struct name_lock {
	char *id, *name;	/* owned; name may be NULL */
	uint32_t process;
	enum lock_kind kind;
	bool used;		/* it has had an event: its kind stays */
};

struct name_slot;
struct stacks;

struct names {
	struct name_thread *thread;
	struct name_process *process;
	struct name_lock *lock;
	struct timeline_func *func;	/* strings owned */
	struct timeline_fact *fact;	/* strings owned */
	uint32_t n_threads, n_processes, n_locks, n_funcs, n_facts, n_lanes;
	uint32_t cap_threads, cap_processes, cap_locks, cap_funcs, cap_facts;
	struct name_slot *slot;
	uint32_t n_slots, n_used;
	char *title;			/* owned; NULL: none */
	uint64_t n_bytes, n_id_bytes;	/* of names, of ids: each up to MAX_NAMES */
	uint64_t n_left;		/* names that are "" as there were so many bytes already */
	/* ticks per check, 0: unknown; of the trace: each log tells its own first */
	uint64_t check_interval;
	uint64_t lost_events;		/* that no thread is known of */
	struct stacks *stacks;		/* owned; NULL: no log tells of calls (stacks.h) */
};

void names_release(struct names *n);

/*
 * The number of a name, new or known; it is told by *known if that is not NULL.  Returns 0, or -1
 * with *err set: ERR_MEMORY, or ERR_FORMAT where an id is too long or has a NUL, or there are too
 * many.
 */
int names_find(struct names *n, enum name_kind kind, uint32_t scope, const char *s, size_t len,
	       uint32_t *number, bool *known, struct err *err);
/* The number of a name that is known: true, else false. */
bool names_known(const struct names *n, enum name_kind kind, uint32_t scope, const char *s,
		 size_t len, uint32_t *number);
/*
 * A name in this scope, as NAME_ALIAS, for a thread that has one in another; the first one stays.
 */
int names_alias(struct names *n, uint32_t scope, const char *s, size_t len, uint32_t thread,
		struct err *err);
/* What begins the waits of a thread, where its process has been told to differ from its log. */
static inline enum waits names_waits(const struct names *n, uint32_t thread)
{
	return n->process[n->thread[thread].process].waits;
}

/* A process without a name of its own, as the next number. */
int names_add_process(struct names *n, uint32_t log, int64_t pid, uint32_t *number,
		      struct err *err);

/*
 * Set or replace a name; *to is one of the pointers above.  n NULL: of which there are not many, so
 * that it is not counted.
 */
int names_set(struct names *n, char **to, const char *s, size_t len, struct err *err);
int names_fact(struct names *n, const char *key, size_t key_len, const char *value,
	       size_t value_len, struct err *err);
/* Functions are numbered by their log; *number is the trace's.  Equal ones are not joined. */
int names_func(struct names *n, const char *name, size_t name_len, const char *file,
	       size_t file_len, uint32_t line, uint32_t *number, struct err *err);

/*
 * Threads by ids of at most eight bytes, so that the usual line needs no look into the table.  An
 * id of 0 is none: it is empty, or too long to be kept.
 */
#define THREAD_CACHE 1024

struct thread_cache { struct { uint64_t id; uint32_t thread; } slot[THREAD_CACHE]; };

static inline uint64_t thread_cache_id(const char *s, size_t n)
{
	uint64_t id = 0;

	if (n > 8)
		return 0;
	for (size_t i = 0; i < n; i++)
		id = id << 8 | (unsigned char)s[i];
	return id;
}

static inline size_t thread_cache_at(uint64_t id)
{
	return (id * 0x9e3779b97f4a7c15ull) >> 54;
}

static inline bool thread_cache_find(const struct thread_cache *c, uint64_t id, uint32_t *thread)
{
	size_t at = thread_cache_at(id);

	*thread = c->slot[at].thread;
	return id && c->slot[at].id == id;
}

static inline void thread_cache_add(struct thread_cache *c, uint64_t id, uint32_t thread)
{
	size_t at = thread_cache_at(id);

	c->slot[at].id = id;
	c->slot[at].thread = thread;
}

/* A lock is one of LOCK_PARK; an error (ERR_FORMAT) where it has had events as another one. */
int names_park(struct names *n, uint32_t lock, struct err *err);

/* Whether a process may be the one of this pid, of which one of the two may not know it. */
bool names_is_pid(const struct name_process *p, const char *pid);

/* A thread has an event of a lock: it will be a lane, of which there may be MAX_LANES. */
int names_lane(struct names *n, uint32_t thread, struct err *err);

#endif
