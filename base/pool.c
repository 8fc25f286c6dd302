/* pool.c - see pool.h */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct slot {
	void *result;
	struct err err;
	bool done;
};

struct pool {
	const struct pool_ops *ops;
	void *ctx;
	uint64_t n_jobs;
	unsigned ring;
	struct slot *slot;		/* job k sits in slot[k % ring] */
	pthread_mutex_t lock;		/* guards what follows, and the slots */
	pthread_cond_t room;
	uint64_t next, emitted;
	bool emitting;			/* somebody is: nobody else */
	bool stop;			/* take no further job */
	int ret;
	struct err err;			/* where ret is -1 */
};

unsigned pool_cpus(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

/* Emits what is ready and nobody emits; the lock is held. */
static void emit_ready(struct pool *p)
{
	while (!p->emitting && !p->stop && p->emitted < p->n_jobs &&
	       p->slot[p->emitted % p->ring].done) {
		struct slot *s = &p->slot[p->emitted % p->ring];
		void *result = s->result;
		int ret = -1;

		s->result = NULL;
		s->done = false;
		if (result) {
			p->emitting = true;
			pthread_mutex_unlock(&p->lock);
			ret = p->ops->emit(p->ctx, p->emitted, result, &p->err);
			pthread_mutex_lock(&p->lock);
			p->emitting = false;
		} else {
			p->err = s->err;
		}
		p->emitted++;
		if (ret) {
			p->ret = -1;
			p->stop = true;
		}
		pthread_cond_broadcast(&p->room);
	}
}

/* The next job, or false when there is none left to take; the lock is held. */
static bool take_job(struct pool *p, uint64_t *job)
{
	while (!p->stop && p->next < p->n_jobs && p->next - p->emitted >= p->ring)
		pthread_cond_wait(&p->room, &p->lock);
	if (p->stop || p->next == p->n_jobs)
		return false;
	*job = p->next++;
	return true;
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct err start_err = { 0 };
	void *state = p->ops->start ? p->ops->start(p->ctx, &start_err) : p->ctx;
	uint64_t job;

	pthread_mutex_lock(&p->lock);
	while (take_job(p, &job)) {
		struct slot *s = &p->slot[job % p->ring];
		struct err err = start_err;
		void *result;

		pthread_mutex_unlock(&p->lock);
		result = state ? p->ops->work(state, job, &err) : NULL;
		pthread_mutex_lock(&p->lock);
		*s = (struct slot){ .result = result, .err = err, .done = true };
		emit_ready(p);
	}
	pthread_mutex_unlock(&p->lock);
	if (state && p->ops->start && p->ops->stop)
		p->ops->stop(state);
	return NULL;
}

int pool_run(const struct pool_ops *ops, void *ctx, uint64_t n_jobs, unsigned n_threads,
	     struct err *err)
{
	struct pool p = { .ops = ops, .ctx = ctx, .n_jobs = n_jobs };
	unsigned started = 0;
	pthread_t *threads;

	if (!n_jobs)
		return 0;
	if (!n_threads)
		n_threads = pool_cpus();
	if (n_threads > n_jobs)
		n_threads = (unsigned)n_jobs;
	p.ring = 4 * n_threads;
	p.slot = calloc(p.ring, sizeof(*p.slot));
	threads = calloc(n_threads, sizeof(*threads));
	if (!p.slot || !threads) {
		free(threads);
		free(p.slot);
		return err_memory(err, "a pool of workers");
	}
	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.room, NULL);
	/* The caller is a worker, too; fewer of the others than asked for still do the work. */
	while (started + 1 < n_threads && !pthread_create(&threads[started], NULL, worker, &p))
		started++;
	worker(&p);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < p.ring; i++)
		if (p.slot[i].done && p.slot[i].result && ops->drop)
			ops->drop(p.slot[i].result);
	pthread_cond_destroy(&p.room);
	pthread_mutex_destroy(&p.lock);
	free(threads);
	free(p.slot);
	if (p.ret && err)
		*err = p.err;
	return p.ret;
}
