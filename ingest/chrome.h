/*
 * chrome.h - what the files of the Trace Event Format share: chrome.c takes the JSON apart,
 * chrome_other.c knows other programs' events, chrome_own.c ours, chrome_beside.c the names and
 * calls that go with another log
 *
 * Private to ingest/chrome*.c.
 */
#ifndef GILSCOPE_CHROME_H
#define GILSCOPE_CHROME_H

#include "formats.h"
#include "json_read.h"
#include "reorder.h"

/* Members of an event, and below them those of its "args". */
enum slot {
	S_NAME,
	S_PH,
	S_CAT,
	S_TS,
	S_DUR,
	S_PID,
	S_TID,
	N_FIELDS,
	A_NAME = N_FIELDS,
	A_ID,
	A_PID,
	A_PPID,
	A_KIND,
	A_NUMBER,
	A_FILE,
	A_LINE,
	A_LOCK,
	A_CPU,
	A_TARGET,
	A_TARGET_PID,
	A_COUNT,
	A_SINCE,
	A_CHECKS,
	A_COUNTDOWN,
	A_FUNC,
	A_WAITS,
	N_SLOTS
};

/* Who says it: struct reorder_event.source. */
enum by { BY_INSTANT, BY_TAKE, BY_HOLD, BY_DROP, BY_OFF, BY_ON, N_SOURCES };
#define BY_GILTRACER 0x80		/* ... a span beside its instants */

struct slot_text {
	uint32_t off, n;
	bool set;
};

/* What is kept of each thread. */
struct chrome_thread {
	uint32_t lock;			/* + 1; 0: not asked for yet */
	uint8_t open;			/* enum span: of a B without E */
	bool open_giltracer;
	uint32_t inner;			/* Bs since then */
};

/* A name for the thread or process of these ids, of whatever log. */
struct companion {
	char *pid, *tid, *name;		/* one allocation, at pid; tid NULL: the process */
};

struct chrome {
	struct json_reader json;
	struct reorder order;
	bool seen[N_SOURCES];
	bool ours;			/* written by gilscope convert */
	bool ahead;			/* "otherData" was read ahead of the rest */
	uint64_t offset;		/* what was taken off the times */
	/* how many brackets are open around an event; 0: not among events */
	unsigned base;
	bool in_event, in_args, in_other;
	bool events_next;		/* the key was "traceEvents" */
	bool whole;			/* the outermost value is over */
	unsigned slot;			/* the key was this one's; N_SLOTS: nobody's */
	struct slot_text s[N_SLOTS];
	struct buf text;		/* of the slots */
	bool too_long;
	struct buf other_key;		/* of a member of "otherData" */
	struct buf others;		/* its members before "gilscope", with their lengths */
	bool others_cut;		/* there were too many of them */
	struct buf key;			/* a thread's, for its alias */
	uint64_t n_events, n_calls, n_left;
	uint64_t n_calls_kept;
	uint32_t first_stack;		/* of this log's threads in the trace of calls */
	bool any_stack, calls_done;
	struct chrome_thread *thread;	/* by thread */
	uint32_t cap_threads;
	uint32_t last_thread;
	struct buf last_key;
	uint32_t *func, cap_funcs;	/* of the log's function numbers: the trace's + 1 */
	uint32_t *first_lock, cap_locks;	/* of each process: its first lock + 1 */
	struct companion *companion;
	uint32_t n_companions, cap_companions;
	size_t companion_bytes;
};

/* --- members of the event that has been read -------------------------------------------------- */

/* Its bytes, not NUL-terminated; none if it is not set. */
const char *chrome_text(const struct chrome *c, unsigned slot, size_t *n);
bool chrome_is(const struct chrome *c, unsigned slot, const char *word);
bool chrome_starts(const struct chrome *c, unsigned slot, const char *word);
/* A whole number, as a JSON number or as a string of digits. */
bool chrome_number(const struct chrome *c, unsigned slot, uint64_t *v);
/* A time or a length: microseconds, of our own logs of ticks ticks. */
bool chrome_time(const struct log *l, const struct chrome *c, unsigned slot, uint64_t *v);

/*
 * The event is bad, as a function of names.h says in *l->err, or since its time is none; -1 if that
 * ends it.
 */
int chrome_bad_err(struct log *l);
int chrome_bad_time(struct log *l);

/* --- whom it names: 0, or -1 with *l->err set ------------------------------------------------- */

int chrome_process(struct log *l, uint32_t *process);
/* Also 1: it has no thread that can be, which was told as bad. */
int chrome_thread_of(struct log *l, bool gil_track, uint32_t *thread);
int chrome_gil(struct log *l, uint32_t thread, uint16_t *lock);
int chrome_first_lock(struct log *l, uint32_t process, uint32_t **lock);
/* The key of a thread by two members, into c->key; it is an alias in this scope. */
int chrome_key(struct log *l, unsigned pid_slot, unsigned tid_slot, bool gil_track);
uint32_t chrome_scope(const struct log *l);

/* --- the other files -------------------------------------------------------------------------- */

int chrome_other_event(struct log *l, char ph);
/* struct reorder.keep: whether what an event tells is told by nobody better. */
bool chrome_keep(const void *ctx, const struct reorder_event *e);

int chrome_own_event(struct log *l);
int chrome_own_metadata(struct log *l);
int chrome_own_member(struct log *l, const char *s, size_t n); /* of "otherData", by c->other_key */

int chrome_keep_name(struct log *l);
int chrome_call(struct log *l);
int chrome_end(struct log *l);		/* struct format.end */

#endif
