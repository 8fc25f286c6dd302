/*
 * gilgen_new.c - the GIL of CPython 3.2 and later: 5 ms, then a request to drop
 *
 * As ceval_gil.h has it: a waiter sleeps 5 ms at a time; if no switch happened meanwhile it asks
 * the holder to drop.  The holder sees that at its next instruction, releases, signals, and waits
 * until another thread has taken the lock (forced switching).  A release for I/O signals, too, but
 * the holder may be back, and take the lock again, before the signalled thread has got a cpu: then
 * that one finds it held (RETRY). take_gil and drop_gil are atomic here as they are there, under
 * the GIL's mutex: what another thread does meanwhile happens after.
 */
#include "gilgen.h"

#include <stdlib.h>

#define US 1000u
#define MS 1000000u
#define SWITCH_INTERVAL (5 * MS)
#define TAKE_NS 450		/* ENTRY to ACQUIRE, uncontended */
#define DROP_NS 480		/* RELEASE to the return of drop_gil */

enum doing { AWAY, WAITING, SIGNALLED, HOLDING, SWITCHING };

struct actor {
	uint8_t doing;		/* enum doing */
	bool dropping;		/* HOLDING: asked to drop */
	uint64_t seen_switches;	/* WAITING: gil->switch_number when this sleep began */
	uint64_t work_left;	/* a spinner's, before it rests */
};

struct new {
	struct gen *g;
	struct actor *actor;	/* owned */
	/* by time: what each thread does next; not: who waits for a switch */
	struct heap next;
	/* ring of who waits in pthread_cond_timedwait, first come first; owned */
	uint32_t *queue;
	uint32_t head, n_queue;
	uint32_t holder, last_holder, switching;
	uint64_t switches;
	uint32_t n_io;
};

/* The sleepers are few: a linear search and a shift. */
static void leave_queue(struct new *n, uint32_t thread)
{
	uint32_t size = n->g->n_threads, i = 0;

	while (i < n->n_queue && n->queue[(n->head + i) % size] != thread)
		i++;
	if (i == n->n_queue)
		return;
	if (i == 0) {
		n->head = (n->head + 1) % size;
	} else {
		for (; i + 1 < n->n_queue; i++)
			n->queue[(n->head + i) % size] = n->queue[(n->head + i + 1) % size];
	}
	n->n_queue--;
}

static void sleep_on_cond(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;
	struct actor *a = &n->actor[thread];

	a->doing = WAITING;
	a->seen_switches = n->switches;
	n->queue[(n->head + n->n_queue++) % g->n_threads] = thread;
	heap_set(&n->next, thread,
		 g->now + SWITCH_INTERVAL + 52 * US + rng_below(&g->rng, 30 * US));
}

/* How long the lock is kept if nobody asks for it. */
static uint64_t hold_time(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;
	struct actor *a = &n->actor[thread];

	if (!is_spinner(g, thread))
		return 600 + rng_exp(&g->rng, rng_below(&g->rng, 8) ? 3 * US : 40 * US);
	if (!a->work_left)
		a->work_left = rng_exp(&g->rng, thread == 1 ? 400 * MS : 100 * MS);
	return a->work_left;
}

static void acquire(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;

	n->holder = thread;
	n->actor[thread].doing = HOLDING;
	n->actor[thread].dropping = false;
	if (n->last_holder != thread) {
		n->last_holder = thread;
		n->switches++;
	}
	act(g, thread, GEN_ACQUIRE);
	heap_set(&n->next, thread, g->now + hold_time(n, thread));
	if (n->switching != NONE) {
		heap_set(&n->next, n->switching, g->now + 3 * US + rng_below(&g->rng, 20 * US));
		n->switching = NONE;
	}
}

/* take_gil() */
static void ask(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;

	g->w.prefix[thread].cpu = (uint32_t)rng_below(&g->rng, g->n_cpus);
	if (n->holder == NONE) {
		if (g->format == GEN_PERF)
			act(g, thread, GEN_ENTRY);
		g->now += TAKE_NS + rng_below(&g->rng, 100);
		acquire(n, thread);
		return;
	}
	act(g, thread, GEN_ENTRY);
	g->now += 60 + rng_below(&g->rng, 40);
	act(g, thread, GEN_BUSY);
	sleep_on_cond(n, thread);
}

static void signal_one(struct new *n)
{
	struct gen *g = n->g;
	uint64_t latency = 3 * US + rng_exp(&g->rng, (g->n_cpus == 1 ? 60 : 15) * US);
	uint32_t thread;

	if (!n->n_queue)
		return;
	thread = n->queue[n->head];
	leave_queue(n, thread);
	n->actor[thread].doing = SIGNALLED;
	heap_set(&n->next, thread, g->now + latency);
}

static uint64_t away(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;

	if (thread == 0)
		return rng_exp(&g->rng, 200 * MS);
	if (is_spinner(g, thread))
		return rng_exp(&g->rng, thread == 1 ? 2 * MS : 300 * MS);
	if (rng_below(&g->rng, 16))		/* a call that does not block */
		return 500 + rng_exp(&g->rng, 3 * US);
	return rng_exp(&g->rng, (uint64_t)n->n_io * 200 * US);
}

/* drop_gil(), for I/O or because it was asked for. */
static void drop(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;
	struct actor *a = &n->actor[thread];

	act(g, thread, GEN_RELEASE);
	n->holder = NONE;
	signal_one(n);
	g->now += DROP_NS + rng_below(&g->rng, 80);
	if (a->dropping) {
		act(g, thread, GEN_SWITCH_WAIT);
		a->doing = SWITCHING;
		n->switching = thread;
		heap_remove(&n->next, thread);
		return;
	}
	act(g, thread, GEN_DROPPED);
	a->doing = AWAY;
	a->work_left = 0;
	heap_set(&n->next, thread, g->now + away(n, thread));
}

static void time_out(struct new *n, uint32_t thread)
{
	struct gen *g = n->g;
	uint32_t holder = n->holder;

	leave_queue(n, thread);
	act(g, thread, GEN_TIMEOUT);
	if (holder == NONE) {
		g->now += 200;
		acquire(n, thread);
		return;
	}
	if (n->actor[thread].seen_switches == n->switches) {
		g->now += 50;
		act(g, thread, GEN_DROP_REQUEST);
		if (!n->actor[holder].dropping) {
			/* One time in 32 it is in C code that does not look. */
			uint64_t at =
				g->now + (rng_below(&g->rng, 32) ? 100 + rng_exp(&g->rng, 2 * US)
								 : rng_exp(&g->rng, 20 * MS));

			n->actor[holder].dropping = true;
			if (at < n->next.key[holder]) {
				if (is_spinner(g, holder))
					n->actor[holder].work_left = n->next.key[holder] - at + 1;
				heap_set(&n->next, holder, at);
			}
		}
	}
	sleep_on_cond(n, thread);
}

static void step(struct new *n)
{
	struct gen *g = n->g;
	uint32_t thread = heap_first(&n->next);

	if (heap_time(&n->next) > g->now)
		g->now = heap_time(&n->next);
	switch ((enum doing)n->actor[thread].doing) {
	case AWAY:
		ask(n, thread);
		break;
	case WAITING:
		time_out(n, thread);
		break;
	case SIGNALLED:
		if (n->holder == NONE) {
			g->w.prefix[thread].cpu = (uint32_t)rng_below(&g->rng, g->n_cpus);
			acquire(n, thread);
		} else {
			act(g, thread, GEN_RETRY);
			sleep_on_cond(n, thread);
		}
		break;
	case HOLDING:
		drop(n, thread);
		break;
	case SWITCHING:
		act(g, thread, GEN_SWITCH_DONE);
		g->now += 60;
		ask(n, thread);
		break;
	}
}

int simulate_new(struct gen *g, struct err *err)
{
	struct new n = { .g = g, .holder = NONE, .last_holder = NONE, .switching = NONE };
	int r = -1;

	n.n_io = g->n_threads > g->n_spinners + 1 ? g->n_threads - g->n_spinners - 1 : 1;
	if (heap_init(&n.next, g->n_threads, err))
		return -1;
	n.actor = calloc(g->n_threads, sizeof(*n.actor));
	n.queue = calloc(g->n_threads, sizeof(*n.queue));
	if (!n.actor || !n.queue) {
		err_memory(err, "threads");
		goto out;
	}
	g->now = g->origin;
	for (uint32_t i = 0; i < g->n_threads; i++)
		heap_set(&n.next, i, g->now + i * 80ull * US);
	while (g->left)
		step(&n);
	r = 0;
out:
	heap_release(&n.next);
	free(n.actor);
	free(n.queue);
	return r;
}
