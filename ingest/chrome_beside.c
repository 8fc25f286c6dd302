/*
 * chrome_beside.c - names and calls that go with the threads of any log: see chrome.h and stacks.h
 */
#include "chrome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "stacks.h"

#define MAX_COMPANIONS (1u << 16)	/* names of threads that may be somebody else's */
#define MAX_COMPANION_BYTES (16u << 20)

/* --- names that accompany a log --------------------------------------------------------------- */

static int keep_companion(struct log *l, bool of_thread)
{
	struct chrome *c = l->state;
	size_t n_pid = c->s[S_PID].set ? c->s[S_PID].n : 0, n_tid = of_thread ? c->s[S_TID].n : 0,
	       n_name = c->s[A_NAME].n;
	struct companion *p;
	char *s;

	if (!c->s[A_NAME].set || (of_thread && !c->s[S_TID].set) || n_pid > MAX_ID ||
	    n_tid > MAX_ID)
		return 0;
	if (n_name > MAX_NAME)
		n_name = MAX_NAME;
	if (c->n_companions == MAX_COMPANIONS ||
	    c->companion_bytes + n_name > MAX_COMPANION_BYTES) {
		c->n_left++;
		return 0;
	}
	if (c->n_companions == c->cap_companions) {
		uint32_t cap = c->cap_companions ? 2 * c->cap_companions : 64;

		p = realloc(c->companion, cap * sizeof(*p));
		if (!p)
			return err_memory(l->err, "names");
		c->companion = p;
		c->cap_companions = cap;
	}
	s = calloc(1, n_pid + n_tid + n_name + 3);
	if (!s)
		return err_memory(l->err, "names");
	p = &c->companion[c->n_companions++];
	*p = (struct companion){
		.pid = s, .tid = of_thread ? s + n_pid + 1 : NULL, .name = s + n_pid + n_tid + 2,
	};
	if (n_pid)
		memcpy(p->pid, c->text.data + c->s[S_PID].off, n_pid);
	if (n_tid)
		memcpy(p->tid, c->text.data + c->s[S_TID].off, n_tid);
	memcpy(p->name, c->text.data + c->s[A_NAME].off, n_name);
	c->companion_bytes += n_name;
	return 0;
}

int chrome_keep_name(struct log *l)
{
	const struct chrome *c = l->state;

	if (chrome_is(c, S_NAME, "thread_name"))
		return keep_companion(l, true);
	return chrome_is(c, S_NAME, "process_name") ? keep_companion(l, false) : 0;
}

/* Whom a companion's name is for, and the how manieth it is. */
struct claim {
	const char *tid;	/* NULL: the process */
	int64_t pid;		/* or one of: */
	uint32_t number;
};

#define ANY_PID (-1)
#define NO_PID (-2)		/* none that a process has: only of threads without one */

static int64_t pid_of(const char *s)
{
	size_t n = strlen(s);
	uint64_t v;

	if (!n)
		return ANY_PID;
	return parse_u64(s, s + n, &v) == s + n && v <= INT64_MAX ? (int64_t)v : NO_PID;
}

static int by_tid(const struct claim *x, const struct claim *y)
{
	if (!x->tid || !y->tid)
		return (x->tid != NULL) - (y->tid != NULL);
	return strcmp(x->tid, y->tid);
}

static int by_number(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int d = by_tid(x, y);

	return d ? d : x->number < y->number ? -1 : x->number > y->number;
}

static int by_pid(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int d = by_tid(x, y);

	return d ? d : x->pid != y->pid ? x->pid < y->pid ? -1 : 1 : by_number(x, y);
}

/* The last of the claims, which are in this order, that is before a key: at the key's place. */
static const struct claim *last_before(const struct claim *v, uint32_t n, const struct claim *key,
				       int (*order)(const void *a, const void *b))
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (order(&v[mid], key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low && !by_tid(&v[low - 1], key) ? &v[low - 1] : NULL;
}

/* The claims, in two orders. */
struct claims { struct claim *by_number, *by_pid; uint32_t n; };

/* The newest companion that a thread (or process: tid NULL) can be meant by, or NULL. */
static const struct claim *newest(const struct claims *c, const char *tid, int64_t pid)
{
	const struct claim *found = NULL, *x;
	int64_t said[] = { ANY_PID, pid };

	if (pid < 0)	/* unknown: any will do */
		return last_before(c->by_number, c->n, &(struct claim){ tid, 0, UINT32_MAX },
				   by_number);
	for (unsigned i = tid ? 0 : 1; i < 2; i++) {
		x = last_before(c->by_pid, c->n, &(struct claim){ tid, said[i], UINT32_MAX },
				by_pid);
		if (x && x->pid == said[i] && (!found || x->number > found->number))
			found = x;
	}
	return found;
}

static int name_all(struct log *l, const struct claims *c)
{
	const struct companion *from = ((struct chrome *)l->state)->companion;
	struct names *n = l->names;
	const struct claim *x;

	for (uint32_t i = 0; i < n->n_threads; i++) {
		struct name_thread *t = &n->thread[i];

		x = newest(c, t->id, n->process[t->process].pid);
		if (x && names_set(n, &t->name, from[x->number].name, strlen(from[x->number].name),
				   l->err))
			return -1;
	}
	for (uint32_t i = 0; i < n->n_processes; i++) {
		struct name_process *p = &n->process[i];

		x = p->pid >= 0 ? newest(c, NULL, p->pid) : NULL;
		if (x && names_set(n, &p->name, from[x->number].name, strlen(from[x->number].name),
				   l->err))
			return -1;
	}
	return 0;
}

/* Gives the names that accompany the log to all threads and processes that they can mean. */
static int give_names(struct log *l)
{
	const struct chrome *c = l->state;
	struct claims x = { .n = c->n_companions };
	int ret = -1;

	if (!x.n)
		return 0;
	x.by_number = malloc(x.n * sizeof(*x.by_number));
	x.by_pid = malloc(x.n * sizeof(*x.by_pid));
	if (x.by_number && x.by_pid) {
		for (uint32_t i = 0; i < x.n; i++)
			x.by_number[i] = x.by_pid[i] = (struct claim){
				c->companion[i].tid, pid_of(c->companion[i].pid), i,
			};
		qsort(x.by_number, x.n, sizeof(*x.by_number), by_number);
		qsort(x.by_pid, x.n, sizeof(*x.by_pid), by_pid);
		ret = name_all(l, &x);
	} else {
		err_memory(l->err, "names");
	}
	free(x.by_number);
	free(x.by_pid);
	return ret;
}

int chrome_end(struct log *l)
{
	struct chrome *c = l->state;
	int ret = give_names(l);

	if (!c->calls_done)
		c->n_calls_kept = 0;
	if (c->n_calls_kept)
		log_note(l,
			 "%" PRIu64
			 " call%s of functions: of each ACQUIRE it is told which one it is in",
			 c->n_calls_kept, plural(c->n_calls_kept));
	if (c->n_calls > c->n_calls_kept)
		log_note(l, "left out: %" PRIu64 " call%s of functions",
			 c->n_calls - c->n_calls_kept, plural(c->n_calls - c->n_calls_kept));
	if (c->n_left)
		log_note(l, "left out: %" PRIu64 " event%s without a word of a lock",
			 c->n_left, plural(c->n_left));
	return ret;
}

/* --- calls of functions, as VizTracer tells them ---------------------------------------------- */

/* "f (dir/a.py:12)": the function, of which equal ones are one. */
static int find_func(struct log *l, uint32_t *func)
{
	struct chrome *c = l->state;
	struct { char kind; XXH128_canonical_t hash; } key = { .kind = 'F' };
	size_t n, n_file = 0;
	const char *s = chrome_text(c, S_NAME, &n), *end = s + n, *file = "", *p;
	uint64_t line = 0;

	XXH128_canonicalFromHash(&key.hash, XXH3_128bits(s, n));
	if (names_known(l->names, NAME_ALIAS, chrome_scope(l), (char *)&key, sizeof(key), func))
		return 0;
	for (p = end; p > s && *p != ':';)
		p--;
	if (n && end[-1] == ')' && *p == ':' && parse_u64(p + 1, end - 1, &line) == end - 1 &&
	    line <= UINT32_MAX) {
		const char *open = memmem(s, (size_t)(p - s), " (", 2);

		if (open) {
			file = open + 2;
			n_file = (size_t)(p - file);
			n = (size_t)(open - s);
		}
	}
	return names_func(l->names, s, n, file, n_file, n_file ? (uint32_t)line : 0, func,
			  l->err) ||
			       names_alias(l->names, chrome_scope(l), (char *)&key, sizeof(key),
					   *func, l->err)
		       ? -1
		       : 0;
}

/* The thread of the trace of calls; NO_THREAD: none. */
static int find_stack(struct log *l, uint32_t *number)
{
	struct chrome *c = l->state;
	size_t n_pid = 0, n_tid;
	const char *pid = chrome_text(c, S_PID, &n_pid), *tid = chrome_text(c, S_TID, &n_tid);

	buf_clear(&c->key);
	buf_str(&c->key, "S");
	buf_add(&c->key, pid, n_pid);
	buf_add(&c->key, "", 1);
	buf_add(&c->key, tid, n_tid);
	if (buf_failed(&c->key))
		return err_memory(l->err, "a thread's id");
	if (names_known(l->names, NAME_ALIAS, chrome_scope(l), (char *)c->key.data, c->key.len,
			number))
		return 0;
	if (!l->names->stacks && stacks_new(&l->names->stacks, l->err))
		return -1;
	if (!c->any_stack)
		c->first_stack = stacks_n_threads(l->names->stacks);
	c->any_stack = true;
	return stacks_thread(l->names->stacks, pid, n_pid, tid, n_tid, number, l->err) ||
			       names_alias(l->names, chrome_scope(l), (char *)c->key.data,
					   c->key.len, *number, l->err)
		       ? -1
		       : 0;
}

/*
 * What comes when the first events may have been merged would be too late for them, so it is left
 * out.
 */
int chrome_call(struct log *l)
{
	struct chrome *c = l->state;
	uint64_t begin, length;
	uint32_t number_of, func;
	bool kept = false;

	if (!chrome_time(l, c, S_TS, &begin) || !chrome_time(l, c, S_DUR, &length) ||
	    length > MAX_TIME - begin)
		return chrome_bad_time(l);
	c->n_calls++;
	if (l->n_added >= PREFIX_EVENTS + ORDER_WINDOW || !c->s[S_NAME].set || !c->s[S_TID].set)
		return 0;
	if (find_stack(l, &number_of))
		return chrome_bad_err(l);
	if (number_of == NO_THREAD)
		return 0;
	if (find_func(l, &func))
		return chrome_bad_err(l);
	if (stacks_call(l->names->stacks, number_of, begin, begin + length, func, &kept, l->err))
		return -1;
	c->n_calls_kept += kept;
	return 0;
}
