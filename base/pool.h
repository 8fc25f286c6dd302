/*
 * pool.h - workers in parallel, results in order
 *
 *   job numbers --> [ work | work | work ] --> ring of slots --> emit
 *
 * Jobs are numbered 0, 1, 2...  Workers, the caller of pool_run() among them, take them in order
 * and run beside each other; emit is called for each result, in the order of the numbers, never
 * twice at once, by whichever worker has the time.  So n threads are n: no further one has to find
 * a cpu.  The ring bounds memory: a worker does not start job k before job k - ring has been
 * emitted.  An error sits in its slot like a result, so the one reported is the same for any number
 * of threads: the one of the lowest job.
 */
#ifndef GILSCOPE_POOL_H
#define GILSCOPE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct pool_ops {
	/*
	 * One state per worker, never shared.  NULL with *err set is an error.  May be NULL: state
	 * is ctx.
	 */
	void *(*start)(void *ctx, struct err *err);
	void (*stop)(void *state);			/* undoes start; NULL: nothing to undo */
	/* The result of a job, or NULL with *err set.  Runs on a worker. */
	void *(*work)(void *state, uint64_t job, struct err *err);
	/*
	 * Owns result, also when it fails.  Returns 0 to go on, -1 with *err set to end.  Runs on
	 * any worker.
	 */
	int (*emit)(void *ctx, uint64_t job, void *result, struct err *err);
	/* frees a result that will not be emitted; NULL: there is nothing to free */
	void (*drop)(void *result);
};

/*
 * Runs jobs 0 to n_jobs - 1, n_threads of them at once (0: as many as the process may use cpus; 1:
 * the caller alone); with fewer where the system gives no more threads.  Returns when all workers
 * have ended: 0 when every job was emitted; -1 when start, work or emit failed, with that error in
 * *err, which may be NULL.  Then the jobs before the one that failed were emitted, and none behind
 * it.
 */
int pool_run(const struct pool_ops *ops, void *ctx, uint64_t n_jobs, unsigned n_threads,
	     struct err *err);

/* The number of cpus this process may run on, at least 1. */
unsigned pool_cpus(void);

#endif
