/*
 * findings.h - what stands out in a stretch of events: convoys, long holds, starvation, battles,
 * stalls, forced switches
 *
 * stats.c walks over the events and tells what happens; each detector keeps a few numbers per lane
 * or lock, and the three worst places.  All thresholds stand here, each with its reason, and are
 * told on docs/stats.md.  I is the switch interval: what CPython 3 lets a thread wait before it
 * asks the holder to let go (5 ms), and between two checks of the old GIL (100 ticks).
 */
#ifndef GILSCOPE_TIMELINE_FINDINGS_H
#define GILSCOPE_TIMELINE_FINDINGS_H

#include "buf.h"
#include "stats.h"

/*
 * A hold is long when others waited for it N intervals on end while its thread was on the CPU.  Two
 * are lawful: the waiter that finds a new owner waits a second interval before it asks.  A loaded
 * machine adds one more (its time slice is 8 ms).  From four on the holder cannot have looked at
 * the request.
 */
#define FIND_LONG_HOLD 4

/*
 * A paid wait is a contended take of at least 0.7 I (timers round, and a holder may let go just
 * before it is asked), the last half interval or more of it for one other thread's hold; after it
 * the thread held the lock for less than I / 4 (it wanted it only for a moment: one that computes
 * would have kept it).  Where the log tells TIMEOUTs there was one.  A hold that is long as above
 * is another finding.
 *
 * Paid waits are one convoy as long as the next begins within 20 I of the last one's end: rarer
 * ones cost the thread less than a twentieth of its time.  Fewer than five are no convoy: that many
 * any thread pays that starts or ends beside one that computes.
 */
#define FIND_CONVOY 5
#define CONVOY_WAIT_PERCENT 70
#define CONVOY_HOLDER_PERCENT 50
#define CONVOY_HOLD_PERCENT 25
#define CONVOY_GAP 20

/*
 * With n threads after the lock, itself and the holder included, a fair lock lets a thread wait up
 * to n intervals.  One is starved when it waits N times as long and sees the lock taken N * n times
 * by others meanwhile: so that a single long hold, which nobody could have passed, is none.
 */
#define FIND_STARVATION 8

/*
 * Stalls are told from 1 % of a thread's holds on, and from one interval in all: less cannot be
 * felt.
 */
#define STALL_PERCENT 1

/*
 * A battle: a take with ten RETRYs was woken ten times in vain, so the holder lets go and takes
 * back before anyone else can; or at least one RETRY for each switch over the whole stretch, but
 * ten in all: a short trace's two or three are none.
 */
#define BATTLE_RETRIES 10

/*
 * Forced switches are told where a request to let go comes at least every tenth interval, the most
 * possible being one in each: then threads that compute share the lock a tenth of the time or more.
 */
#define FORCED_PERCENT 10
#define FORCED_MIN 10

enum finding_kind {
	FIND_LONG_HOLDS,
	FIND_CONVOYS,
	FIND_STARVED,
	FIND_BATTLES,
	FIND_STALLS,
	FIND_FORCED,
	N_FINDINGS
};

#define FINDING_PLACES 3

struct finding_place {
	uint64_t from, to;	/* the whole hold, take...: it may begin before the stretch */
	uint64_t length;	/* what the worst are chosen by: time, or of a battle the RETRYs */
	int64_t func;		/* index of a function, or -1 */
	uint32_t lane;		/* whose */
};

/*
 * What the figures mean.  `longest` is of the values that `total` sums, but of battles.
 *
 *             count            total                     of                 more
 *   long hold holds            their contested time (1)  -                  their whole time
 *   convoy    paid waits       their time                first to last      time held after them
 *   starved   waits            their time                -                  takes of others in the
 *                                                                           longest one
 *   battle    RETRYs           time of the takes         takes with RETRYs  switches
 *                              with RETRYs (2)
 *   stalls    stalls           their time                time held          of total, while others
 *                                                                           waited
 *   forced    forced switches  until another thread      drop requests      switches
 *                              had the lock
 *
 *   (1) of each hold the longest part through which others waited, less the holder's stalls in it
 *   (2) longest: the RETRYs of the take that has the most
 */
struct finding {
	enum finding_kind kind;
	uint32_t lane;		/* NO_THREAD: of a lock, not of a lane */
	uint16_t lock;
	uint32_t other;		/* convoy: who held; or NO_THREAD */
	bool others;		/* convoy: there were more of them */
	uint64_t count, total, longest, of, more;
	uint64_t first, last;	/* when the first one began and the last one ended */
	unsigned n_places;	/* the worst first */
	struct finding_place place[FINDING_PLACES];
};

struct findings {
	struct finding *f;	/* owned; by kind, the costliest first */
	size_t n;
	uint64_t long_hold, convoy, starvation;	/* as used */
	bool old_gil;		/* no switch interval, hence no convoys and no forced switches */
	bool has_sched;		/* the log tells when threads are off the CPU */
};

const char *finding_name(enum finding_kind kind);
/* The finding as a sentence: whose, how often, how much, when. */
void finding_text(struct buf *out, const struct stats *s, const struct finding *f);
/* "name (id)", fit for a terminal. */
void stats_thread_name(struct buf *out, const struct stats *s, uint32_t lane);
void findings_free(struct findings *f);		/* NULL is allowed */

/* --- for stats.c: what happens, in order of time ---------------------------------------------- */

struct finder;
struct finder *finder_new(const struct stats *s, const struct stats_options *o, struct err *err);
void finder_free(struct finder *f);		/* NULL is allowed */

/*
 * The lane waits for the lock from t on; the take began at since, which is earlier at the stretch's
 * begin.
 */
void finder_wait(struct finder *f, uint32_t lane, uint16_t lock, uint64_t since, uint64_t t);
/* Its take is over: it ended in ACQUIRE or not. */
void finder_wait_end(struct finder *f, uint32_t lane, uint64_t t, bool acquired);
void finder_hold(struct finder *f, uint32_t lane, uint16_t lock, uint64_t since, uint64_t t,
		 int64_t func);
void finder_hold_end(struct finder *f, uint32_t lane, uint16_t lock, uint64_t t, int64_t func);
/* A holder goes off the CPU, and comes back or lets go. */
void finder_stall(struct finder *f, uint32_t lane, uint16_t lock, uint64_t t);
void finder_stall_end(struct finder *f, uint32_t lane, uint64_t t);
/* RETRY, TIMEOUT, DROP_REQUEST, SWITCH_WAIT, SWITCH_DONE, RELEASE. */
void finder_event(struct finder *f, const struct event *e);
/* The stretch ends at t, as all holds have.  NULL with *err set when memory has run out. */
struct findings *finder_finish(struct finder *f, uint64_t t, struct err *err);

#endif
