/*
 * gilgen_old.c - the GIL of CPython 2: handed over at every check, by chance
 *
 * Time is ticks of the interpreter, so it stands still while nobody holds the lock; I/O goes on
 * meanwhile, hence the second clock, wall = gen.now + gen.skew.  At each check (every gen.interval
 * ticks) the holder releases and takes again at once.  The release wakes one waiter, which arrives
 * some ticks later, on another cpu, and finds the lock taken: RETRY, once a check for as long as
 * the battle lasts.  A spinner wins about one check in a thousand, a thread back from I/O (which
 * the kernel prefers) one in two.  With one cpu the one that was woken runs when the kernel's
 * quantum is over, and gets the lock.
 */
#include "gilgen.h"

#include <stdlib.h>

#define QUANTUM 100000		/* ticks: about 10 ms of Python 2.7 */
#define SPIN_TICKS 2000000	/* what a spinner computes before it rests */
#define IO_EVERY 16000		/* ticks between two I/O threads that come back, on average */

struct old {
	struct gen *g;
	uint32_t holder;
	uint64_t next_check, yield_at;
	uint64_t quick;			/* how many I/O calls that do not block are still to come */
	struct heap idle;		/* by wall: who comes back when */
	uint32_t *queue;		/* ring of who waits; owned */
	/* ring, a pending signal each: when the woken thread arrives; owned */
	uint64_t *due;
	uint32_t head, n_waiting, due_head, n_due;
};

static uint32_t ring(const struct old *o, uint32_t head, uint32_t i)
{
	return head + i < o->g->n_threads ? head + i : head + i - o->g->n_threads;
}

static void enqueue(struct old *o, uint32_t thread)
{
	o->queue[ring(o, o->head, o->n_waiting++)] = thread;
}

static uint32_t dequeue(struct old *o)
{
	uint32_t thread = o->queue[o->head];

	o->head = ring(o, o->head, 1);
	o->n_waiting--;
	return thread;
}

static void drop_due(struct old *o)
{
	if (o->n_due) {
		o->due_head = ring(o, o->due_head, 1);
		o->n_due--;
	}
}

/*
 * The lock was released: one waiter is woken, which takes a while, and at most cpus - 1 wake at
 * once.
 */
static void wake_one(struct old *o)
{
	struct gen *g = o->g;
	uint64_t due = g->now, last = 0;

	if (o->n_due >= o->n_waiting)
		return;
	if (g->n_cpus == 1) {
		due += QUANTUM / 2 + rng_below(&g->rng, QUANTUM);
	} else {
		if (o->n_due >= g->n_cpus - 1)
			due = o->due[ring(o, o->due_head, o->n_due - (g->n_cpus - 1))];
		due += 8 + rng_below(&g->rng, 64);
	}
	if (o->n_due)
		last = o->due[ring(o, o->due_head, o->n_due - 1)];
	o->due[ring(o, o->due_head, o->n_due++)] = due > last ? due : last;
}

static void acquire(struct old *o, uint32_t thread)
{
	struct gen *g = o->g;
	uint64_t work = 5 + rng_below(&g->rng, 60);

	if (is_spinner(g, thread))
		work = rng_exp(&g->rng, thread == 1 ? 8 * SPIN_TICKS : SPIN_TICKS);
	o->quick = is_spinner(g, thread) ? 0 : rng_below(&g->rng, 3);
	o->holder = thread;
	o->yield_at = g->now + work;
	act(g, thread, GEN_ACQUIRE);
}

static void ask(struct old *o, uint32_t thread)
{
	struct gen *g = o->g;

	act(g, thread, GEN_ENTRY);
	if (o->holder == NONE) {
		acquire(o, thread);
		return;
	}
	act(g, thread, GEN_BUSY);
	enqueue(o, thread);
}

static bool waiter_wins(struct old *o)
{
	struct gen *g = o->g;

	if (g->n_cpus == 1)
		return o->n_due && o->due[o->due_head] <= g->now;
	return rng_below(&g->rng, is_spinner(g, o->queue[o->head]) ? 1024 : 2) == 0;
}

static void check(struct old *o)
{
	struct gen *g = o->g;
	uint32_t me = o->holder;
	uint64_t yield_at = o->yield_at;

	g->now = o->next_check;
	o->next_check += g->interval;
	act(g, me, GEN_RELEASE);
	if (o->n_waiting) {
		wake_one(o);
		if (waiter_wins(o)) {
			drop_due(o);
			acquire(o, dequeue(o));
			ask(o, me);
			return;
		}
	}
	act(g, me, GEN_ENTRY);
	act(g, me, GEN_ACQUIRE);
	o->yield_at = yield_at;
}

/* How long the holder stays away; 0: its I/O does not block. */
static uint64_t away(struct old *o)
{
	struct gen *g = o->g;
	uint32_t n_io = g->n_threads > g->n_spinners + 1 ? g->n_threads - g->n_spinners - 1 : 1;

	if (o->quick) {
		o->quick--;
		return 0;
	}
	if (o->holder == 0)
		return rng_exp(&g->rng, 100 * IO_EVERY);
	if (o->holder == 1)
		return rng_exp(&g->rng, SPIN_TICKS / 64);
	if (is_spinner(g, o->holder))
		return rng_exp(&g->rng, 20 * SPIN_TICKS);
	return rng_exp(&g->rng, (uint64_t)n_io * IO_EVERY);
}

/* The holder lets go for I/O.  Whoever waits arrives before the clock of ticks goes on. */
static void yield_lock(struct old *o)
{
	struct gen *g = o->g;
	uint32_t me = o->holder;
	uint64_t pause = away(o), quick = o->quick;

	g->now = o->yield_at;
	act(g, me, GEN_RELEASE);
	wake_one(o);
	o->holder = NONE;
	if (!pause) {
		acquire(o, me);
		o->quick = quick;
		return;
	}
	heap_set(&o->idle, me, g->now + g->skew + pause);
	if (o->n_waiting) {
		drop_due(o);
		acquire(o, dequeue(o));
		return;
	}
	me = heap_first(&o->idle);
	if (heap_time(&o->idle) > g->now + g->skew)
		g->skew = heap_time(&o->idle) - g->now;
	heap_remove(&o->idle, me);
	ask(o, me);
}

/* The next thing that happens while the lock is held. */
static void step(struct old *o)
{
	struct gen *g = o->g;
	uint64_t back = heap_time(&o->idle), next = o->yield_at;
	uint64_t due = o->n_due && g->n_cpus > 1 ? o->due[o->due_head] : NEVER;
	uint32_t thread;

	if (back != NEVER)
		back = back > g->skew + g->now ? back - g->skew : g->now;
	if (back < next)
		next = back;
	if (due < next)
		next = due;
	/*
	 * A check at the same tick comes first: that is where a countdown of the whole interval
	 * belongs.
	 */
	if (o->next_check <= next) {
		check(o);
	} else if (next == due) {
		g->now = due > g->now ? due : g->now;
		drop_due(o);
		thread = dequeue(o);
		act(g, thread, GEN_RETRY);
		enqueue(o, thread);
	} else if (next == back) {
		g->now = back;
		thread = heap_first(&o->idle);
		heap_remove(&o->idle, thread);
		ask(o, thread);
	} else {
		yield_lock(o);
	}
}

int simulate_old(struct gen *g, struct err *err)
{
	struct old o = { .g = g, .holder = NONE, .next_check = g->interval };
	int r = -1;

	if (heap_init(&o.idle, g->n_threads, err))
		return -1;
	o.queue = calloc(g->n_threads, sizeof(*o.queue));
	o.due = calloc(g->n_threads, sizeof(*o.due));
	if (!o.queue || !o.due) {
		err_memory(err, "waiting threads");
		goto out;
	}
	/* The main thread starts the others, one after another. */
	for (uint32_t i = 1; i < g->n_threads; i++)
		heap_set(&o.idle, i, 20 * (uint64_t)i + rng_below(&g->rng, 10));
	g->now = 4;
	ask(&o, 0);
	while (g->left)
		step(&o);
	r = 0;
out:
	heap_release(&o.idle);
	free(o.queue);
	free(o.due);
	return r;
}
