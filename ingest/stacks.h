/*
 * stacks.h - which function each thread was in, as a trace of calls beside a log of a lock tells it
 *
 * Calls come in any order and are kept until their log has been read; then each thread's become
 * steps, "from here on in this function", of which an ACQUIRE finds its own.  Memory: 24 bytes a
 * call, then 32, of MAX_CALLS at most.
 */
#ifndef GILSCOPE_STACKS_H
#define GILSCOPE_STACKS_H

#include "names.h"

#define MAX_CALLS (2u << 20)
#define MAX_STACK_THREADS 1024

struct stacks;

/* All that return int: 0, or -1 with *err set. */
int stacks_new(struct stacks **out, struct err *err);
void stacks_free(struct stacks *s);	/* NULL is allowed */

/* A thread of a trace of calls; *number is NO_THREAD where there are too many.  pid may be "". */
int stacks_thread(struct stacks *s, const char *pid, size_t pid_len, const char *tid,
		  size_t tid_len, uint32_t *number, struct err *err);
/* A call of func by that thread in [begin, end); *kept is false where there are too many. */
int stacks_call(struct stacks *s, uint32_t number, uint64_t begin, uint64_t end, uint32_t func,
		bool *kept, struct err *err);
/* The threads from first on have all their calls. */
int stacks_done(struct stacks *s, uint32_t first, struct err *err);
uint32_t stacks_n_threads(const struct stacks *s);

/*
 * The function that a thread of the trace is in at a time, or -1.  A thread's times must not
 * decrease.
 */
int64_t stacks_func(struct stacks *s, const struct names *names, uint32_t thread, uint64_t time);

#endif
