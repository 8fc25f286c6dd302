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
	uint64_t n_jobs, next, emitted;		/* under lock */
	unsigned ring;
	bool stop;				/* under lock: take no further job */
	struct slot *slot;			/* job k sits in slot[k % ring] */
	pthread_mutex_t lock;
	pthread_cond_t room, ready;
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

/* The next job, or false when there is none left to take. */
static bool take_job(struct pool *p, uint64_t *job)
{
	bool ok;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && p->next < p->n_jobs && p->next - p->emitted >= p->ring)
		pthread_cond_wait(&p->room, &p->lock);
	ok = !p->stop && p->next < p->n_jobs;
	if (ok)
		*job = p->next++;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static void put_result(struct pool *p, uint64_t job, void *result, const struct err *err)
{
	struct slot *s = &p->slot[job % p->ring];

	pthread_mutex_lock(&p->lock);
	s->result = result;
	if (!result)
		s->err = *err;
	s->done = true;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct err start_err = { 0 };
	void *state = p->ops->start ? p->ops->start(p->ctx, &start_err) : p->ctx;
	uint64_t job;

	while (take_job(p, &job)) {
		struct err err = start_err;
		void *result = state ? p->ops->work(state, job, &err) : NULL;

		put_result(p, job, result, &err);
	}
	if (state && p->ops->start && p->ops->stop)
		p->ops->stop(state);
	return NULL;
}

/* Waits for each job in turn and emits it.  Ends at the first error. */
static int emit_all(struct pool *p, struct err *err)
{
	for (uint64_t job = 0; job < p->n_jobs; job++) {
		struct slot *s = &p->slot[job % p->ring];
		void *result;

		pthread_mutex_lock(&p->lock);
		while (!s->done)
			pthread_cond_wait(&p->ready, &p->lock);
		result = s->result;
		s->result = NULL;
		s->done = false;
		pthread_mutex_unlock(&p->lock);
		if (!result) {
			if (err)
				*err = s->err;
			return -1;
		}
		if (p->ops->emit(p->ctx, job, result, err))
			return -1;
		pthread_mutex_lock(&p->lock);
		p->emitted = job + 1;
		pthread_cond_broadcast(&p->room);
		pthread_mutex_unlock(&p->lock);
	}
	return 0;
}

int pool_run(const struct pool_ops *ops, void *ctx, uint64_t n_jobs, unsigned n_threads, struct err *err)
{
	struct pool p = { .ops = ops, .ctx = ctx, .n_jobs = n_jobs };
	unsigned started = 0;
	pthread_t *threads;
	int ret = -1;

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
		err_memory(err, "a pool of workers");
		goto out;
	}
	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.room, NULL);
	pthread_cond_init(&p.ready, NULL);
	while (started < n_threads && !pthread_create(&threads[started], NULL, worker, &p))
		started++;
	if (started)		/* fewer threads than asked for still do the work */
		ret = emit_all(&p, err);
	else
		err_set(err, ERR_SYSTEM, "cannot start a worker thread");

	pthread_mutex_lock(&p.lock);
	p.stop = true;
	pthread_cond_broadcast(&p.room);
	pthread_mutex_unlock(&p.lock);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < p.ring; i++)
		if (p.slot[i].done && p.slot[i].result && ops->drop)
			ops->drop(p.slot[i].result);
	pthread_cond_destroy(&p.ready);
	pthread_cond_destroy(&p.room);
	pthread_mutex_destroy(&p.lock);
out:
	free(threads);
	free(p.slot);
	return ret;
}
