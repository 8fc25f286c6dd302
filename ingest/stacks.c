/* stacks.c - see stacks.h */
#include "stacks.h"

#include <stdlib.h>
#include <string.h>

#define NO_FUNC UINT32_MAX
#define MAX_STACK 4096		/* calls in each other */

struct call { uint64_t begin, end; uint32_t func; };

/* From time on the thread is in func. */
struct step { uint64_t time; uint32_t func; };

struct stack_thread {
	char *pid, *tid;	/* one allocation, at pid */
	struct call *call;
	struct step *step;	/* once it is done */
	uint32_t n, cap, n_steps;
};

struct stacks {
	struct stack_thread *thread;
	uint32_t n_threads, n_calls;
	/*
	 * Of each thread of the trace: the one here + 1, or 0: nobody has looked; and where it is
	 * in the steps.
	 */
	struct { uint32_t of, at; } *map;
	uint32_t cap_map;
};

#define NOBODY UINT32_MAX

int stacks_new(struct stacks **out, struct err *err)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : err_memory(err, "calls");
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n_threads; i++) {
		free(s->thread[i].pid);
		free(s->thread[i].call);
		free(s->thread[i].step);
	}
	free(s->thread);
	free(s->map);
	free(s);
}

uint32_t stacks_n_threads(const struct stacks *s)
{
	return s->n_threads;
}

int stacks_thread(struct stacks *s, const char *pid, size_t pid_len, const char *tid,
		  size_t tid_len, uint32_t *number, struct err *err)
{
	char *text;

	*number = NO_THREAD;
	if (s->n_threads == MAX_STACK_THREADS)
		return 0;
	if (!s->thread)
		s->thread = calloc(MAX_STACK_THREADS, sizeof(*s->thread));
	text = calloc(1, pid_len + tid_len + 2);
	if (!s->thread || !text) {
		free(text);
		return err_memory(err, "calls");
	}
	if (pid_len)
		memcpy(text, pid, pid_len);
	memcpy(text + pid_len + 1, tid, tid_len);
	*number = s->n_threads++;
	s->thread[*number].pid = text;
	s->thread[*number].tid = text + pid_len + 1;
	return 0;
}

int stacks_call(struct stacks *s, uint32_t number, uint64_t begin, uint64_t end, uint32_t func,
		bool *kept, struct err *err)
{
	struct stack_thread *t = &s->thread[number];

	*kept = s->n_calls < MAX_CALLS;
	if (!*kept)
		return 0;
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? 2 * t->cap : 256;
		struct call *p = realloc(t->call, cap * sizeof(*p));

		if (!p)
			return err_memory(err, "calls");
		t->call = p;
		t->cap = cap;
	}
	t->call[t->n++] = (struct call){ begin, end, func };
	s->n_calls++;
	return 0;
}

/* By begin; of two that begin at once the longer one is the outer one. */
static int by_begin(const void *a, const void *b)
{
	const struct call *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static void add_step(struct stack_thread *t, uint64_t time, uint32_t func)
{
	if (t->n_steps && t->step[t->n_steps - 1].time == time)
		t->step[t->n_steps - 1].func = func;
	else
		t->step[t->n_steps++] = (struct step){ time, func };
}

/* Ends the calls that are over at time: the caller's function goes on. */
static uint32_t unwind(struct stack_thread *t, const struct call *const *stack, uint32_t depth,
		       uint64_t time)
{
	while (depth && stack[depth - 1]->end <= time) {
		uint64_t end = stack[--depth]->end;

		/* Who was called may seem to end after its caller, by a clock's grain. */
		if (t->n_steps && end < t->step[t->n_steps - 1].time)
			end = t->step[t->n_steps - 1].time;
		add_step(t, end, depth ? stack[depth - 1]->func : NO_FUNC);
	}
	return depth;
}

static int make_steps(struct stack_thread *t, struct err *err)
{
	const struct call *stack[MAX_STACK];
	uint32_t depth = 0;

	if (t->n)
		qsort(t->call, t->n, sizeof(*t->call), by_begin);
	t->step = malloc((2 * (size_t)t->n + 1) * sizeof(*t->step));
	if (!t->step)
		return err_memory(err, "calls");
	for (uint32_t i = 0; i < t->n; i++) {
		depth = unwind(t, stack, depth, t->call[i].begin);
		/* whoever called so deep is taken to be there still */
		if (depth == MAX_STACK)
			continue;
		stack[depth++] = &t->call[i];
		add_step(t, t->call[i].begin, t->call[i].func);
	}
	unwind(t, stack, depth, UINT64_MAX);
	free(t->call);
	t->call = NULL;
	return 0;
}

int stacks_done(struct stacks *s, uint32_t first, struct err *err)
{
	for (uint32_t i = first; i < s->n_threads; i++)
		if (make_steps(&s->thread[i], err))
			return -1;
	return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static uint32_t find_thread(const struct stacks *s, const struct names *names, uint32_t thread)
{
	const struct name_thread *t = &names->thread[thread];

	for (uint32_t i = 0; i < s->n_threads; i++)
		if (s->thread[i].step && !strcmp(s->thread[i].tid, t->id) &&
		    names_is_pid(&names->process[t->process], s->thread[i].pid))
			return i;
	return NOBODY;
}

static bool grow_map(struct stacks *s, uint32_t thread)
{
	uint32_t cap = 2 * thread + 64;
	void *p;

	if (thread < s->cap_map)
		return true;
	p = realloc(s->map, cap * sizeof(*s->map));
	if (!p)
		return false;
	s->map = p;
	memset(s->map + s->cap_map, 0, (cap - s->cap_map) * sizeof(*s->map));
	s->cap_map = cap;
	return true;
}

int64_t stacks_func(struct stacks *s, const struct names *names, uint32_t thread, uint64_t time)
{
	const struct stack_thread *t;
	uint32_t at;

	if (!grow_map(s, thread))
		return -1;		/* what it costs is a function's name */
	if (!s->map[thread].of) {
		uint32_t found = find_thread(s, names, thread);

		s->map[thread].of = found == NOBODY ? NOBODY : found + 1;
	}
	if (s->map[thread].of == NOBODY)
		return -1;
	t = &s->thread[s->map[thread].of - 1];
	/* at: how many steps lie before or at the time */
	for (at = s->map[thread].at; at < t->n_steps && t->step[at].time <= time;)
		at++;
	s->map[thread].at = at;
	return at && t->step[at - 1].func != NO_FUNC ? (int64_t)t->step[at - 1].func : -1;
}
