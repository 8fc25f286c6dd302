/*
 * event.h - the words of a timeline: states, events, and what an event carries
 *
 * docs/gillog.md says what each means.  The numbers are part of the .gtl format and never change.
 */
#ifndef GILSCOPE_EVENT_H
#define GILSCOPE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/* A thread is in exactly one of these at any time. */
enum state {
	STATE_IDLE,		/* neither holds a lock nor wants one */
	STATE_WAIT,		/* asked for a lock and sleeps until it is free */
	STATE_SIGNAL,		/* was signalled for it but does not hold it yet: the hand-off */
	STATE_RUN,		/* holds the lock */
	STATE_STALL,		/* holds the lock while off the cpu */
	N_STATES
};

enum event_kind {
	/* no event of the log: only the thread's state changes (another took its lock) */
	EV_STATE,
	EV_ENTRY,		/* asks for the lock */
	EV_BUSY,		/* found it held, begins to wait */
	EV_TIMEOUT,		/* its wait ran out */
	EV_DROP_REQUEST,	/* asks the holder to let go */
	EV_RETRY,		/* was woken and found the lock held again */
	EV_ACQUIRE,		/* now holds the lock */
	EV_RELEASE,		/* let go of it, and signalled one waiter */
	/* after a requested drop: waits until another thread has taken the lock */
	EV_SWITCH_WAIT,
	EV_SWITCH_DONE,
	EV_SCHED_IN,		/* the kernel put the thread on a cpu */
	EV_SCHED_OUT,		/* ... and took it off */
	EV_WAKEUP,		/* ATTR_TARGET was made runnable by this thread */
	EV_WOKEN,		/* its wait returned because it was signalled */
	/* ATTR_COUNT events of this thread before this one were lost, since ATTR_SINCE */
	EV_LOST,
	EV_START,		/* the thread began */
	EV_END,			/* the thread ended */
	N_EVENT_KINDS
};

enum event_attr {
	ATTR_CPU = 1,		/* the cpu's number */
	ATTR_TARGET,		/* WAKEUP: the index of the thread that was woken */
	ATTR_COUNT,		/* LOST: how many */
	/* LOST: how long before the event's time the gap began, in clock units */
	ATTR_SINCE,
	ATTR_CHECKS,		/* total checks at this event (old GIL) */
	ATTR_COUNTDOWN,		/* the tick countdown at this event (old GIL) */
	ATTR_FUNC,		/* index of the function on top of the stack (timeline_func()) */
	/* ACQUIRE, RETRY: how long the thread was in signal before, in clock units */
	ATTR_SIGNAL,
	N_ATTRS
};

/* Set in event.flags by ingest; they are stored. */
enum event_flag {
	EVF_LOST_ACQUIRE = 1,	/* a RELEASE whose ACQUIRE is not in the log */
	EVF_SWITCH = 2,		/* an ACQUIRE whose lock was held by another thread before */
	/* an ACQUIRE by a thread that held it, or while another's hold was open */
	EVF_LOST_RELEASE = 4,
};

struct event {
	uint64_t time;		/* clock units since the timeline's origin */
	uint32_t thread;	/* index into the threads */
	uint16_t lock;		/* index into the locks */
	uint8_t kind;		/* enum event_kind */
	/* enum state that the thread is in from this event on (never SIGNAL) */
	uint8_t state;
	uint8_t flags;		/* enum event_flag */
	uint8_t n_attrs;	/* how many attributes belong to this event */
};

struct attr {
	uint8_t id;		/* enum event_attr */
	int64_t value;
};

/* "ACQUIRE", "run"; NULL for a number that has no name. */
const char *event_kind_name(unsigned kind);
const char *state_name(unsigned state);
bool event_has_lock(unsigned kind);	/* it is one of a lock: the scheduler's are not */
const char *event_attr_name(unsigned attr);		/* "cpu", "target"... as in gillog text */
unsigned event_kind_find(const char *s, unsigned n);	/* 0: no such kind */
unsigned event_attr_find(const char *s, unsigned n);	/* 0: no such attribute */

#endif
