/*
 * chrome.c - the Trace Event Format, as giltracer, perf-viz-merge, sysTrace, VizTracer and we ourselves write it
 *
 *	{"traceEvents": [{"ph": "i", "name": "take", "pid": 1, "tid": 1, "ts": 186.49, ...}, ...], ...}
 *
 * or the array alone, which may lack its end.  An event is an object whose members stand in any order; what is
 * known of it is gathered until its bracket closes.  Spans (X, B and E, b and e) become the events at their
 * ends; where a writer tells one thing twice (a span that begins as another ends, instants beside spans) the
 * heap of reorder.h drops the second telling when it leaves it, for by then it is known what there is.
 * docs/formats.md says how names are mapped.
 */
#include "formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "decimal.h"
#include "json_read.h"
#include "reorder.h"
#include "stacks.h"

#define NS_PER_US_DIGITS 3
#define GIL_TID_OFFSET 100000000	/* perf-viz-merge puts a thread's GIL on a track of its own: its tid and this */
#define MAX_EVENT (64u << 10)		/* bytes of an event's members that we keep */
#define MAX_COMPANIONS (1u << 16)	/* names of threads that may be somebody else's */
#define MAX_COMPANION_BYTES (16u << 20)
#define DRAIN 8192			/* events handed on at once, at the end */

/* Members of an event, and below them those of its "args". */
enum slot {
	S_NAME, S_PH, S_CAT, S_TS, S_DUR, S_PID, S_TID, N_FIELDS,
	A_NAME = N_FIELDS, A_ID, A_PID, A_PPID, A_KIND, A_NUMBER, A_FILE, A_LINE, A_LOCK, A_CPU, A_TARGET,
	A_TARGET_PID, A_COUNT, A_SINCE, A_CHECKS, A_COUNTDOWN, A_FUNC, N_SLOTS
};

static const char *const slot_names[N_SLOTS] = {
	"name", "ph", "cat", "ts", "dur", "pid", "tid",
	"name", "id", "pid", "ppid", "kind", "number", "file", "line", "lock", "cpu", "target",
	"target_pid", "count", "since", "checks", "countdown", "func",
};

/* Who says it: struct reorder_event.source. */
enum by { BY_INSTANT, BY_TAKE, BY_HOLD, BY_DROP, BY_OFF, BY_ON, N_SOURCES };
#define BY_GILTRACER 0x80		/* ... a span beside its instants */

enum span { NO_SPAN, SPAN_TAKE, SPAN_HOLD, SPAN_DROP };

struct slot_text {
	uint32_t off, n;
	bool set;
};

/* What is kept of each thread. */
struct chrome_thread {
	uint32_t lock;			/* + 1; 0: not asked for yet */
	uint8_t open;			/* enum span: of a B without E */
	bool open_giltracer;
	uint32_t inner;			/* Bs since then */
};

/* A name for the thread or process of these ids, of whatever log. */
struct companion {
	char *pid, *tid, *name;		/* one allocation, at pid; tid NULL: the process */
};

struct chrome {
	struct json_reader json;
	struct reorder order;
	bool seen[N_SOURCES];
	bool ours;			/* written by gilscope convert */
	uint64_t offset;		/* what was taken off the times */
	unsigned base;			/* how many brackets are open around an event; 0: not among events */
	bool in_event, in_args, in_other;
	bool events_next;		/* the key was "traceEvents" */
	bool whole;			/* the outermost value is over */
	unsigned slot;			/* the key was this one's; N_SLOTS: nobody's */
	struct slot_text s[N_SLOTS];
	struct buf text;		/* of the slots */
	bool too_long;
	struct buf other_key;		/* of a member of "otherData" */
	struct buf key;			/* a thread's, for its alias */
	uint64_t n_events, n_calls, n_left;
	uint64_t n_calls_kept;
	uint32_t first_stack;		/* of this log's threads in the trace of calls */
	bool any_stack, calls_done;
	struct chrome_thread *thread;	/* by thread */
	uint32_t cap_threads;
	uint32_t last_thread;
	struct buf last_key;
	uint32_t *func, cap_funcs;	/* of the log's function numbers: the trace's + 1 */
	uint32_t *first_lock, cap_locks;	/* of each process: its first lock + 1 */
	struct companion *companion;
	uint32_t n_companions, cap_companions;
	size_t companion_bytes;
	struct err *err;
};

/* Where a function of names.h has failed with *l->err. */
static int bad_err(struct log *l)
{
	const struct chrome *c = l->state;
	struct err e = *l->err;

	return e.code == ERR_MEMORY ? -1 : log_bad(l, "event %" PRIu64 ": %s", c->n_events, e.msg);
}

/* --- members -------------------------------------------------------------------------------------- */

static const char *text(const struct chrome *c, unsigned slot, size_t *n)
{
	*n = c->s[slot].set ? c->s[slot].n : 0;
	return c->s[slot].set ? (const char *)c->text.data + c->s[slot].off : "";
}

static bool is(const struct chrome *c, unsigned slot, const char *word)
{
	size_t n = strlen(word);

	return c->s[slot].set && c->s[slot].n == n && !memcmp(c->text.data + c->s[slot].off, word, n);
}

static bool starts(const struct chrome *c, unsigned slot, const char *word)
{
	size_t n = strlen(word);

	return c->s[slot].set && c->s[slot].n >= n && !memcmp(c->text.data + c->s[slot].off, word, n);
}

/* A member that is a whole number, as a JSON number or as a string of digits. */
static bool number(const struct chrome *c, unsigned slot, uint64_t *v)
{
	size_t n;
	const char *s = text(c, slot, &n);

	return c->s[slot].set && parse_u64(s, s + n, v) == s + n && *v <= MAX_TIME;
}

static bool signed_number(const struct chrome *c, unsigned slot, int64_t *v)
{
	size_t n;
	const char *s = text(c, slot, &n);
	bool minus = c->s[slot].set && n && *s == '-';
	uint64_t u;

	if (!c->s[slot].set || parse_u64(s + minus, s + n, &u) != s + n || u > MAX_TIME)
		return false;
	*v = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

/* A time or a length: microseconds, of our own ticks logs ticks. */
static bool time_of(const struct log *l, const struct chrome *c, unsigned slot, uint64_t *v)
{
	size_t n;
	const char *s = text(c, slot, &n);

	return c->s[slot].set && decimal_parse(s, n, l->clock == CLOCK_NS ? NS_PER_US_DIGITS : 0, v);
}

/* --- processes, threads, locks -------------------------------------------------------------------- */

static int find_process(struct log *l, uint32_t *process)
{
	struct chrome *c = l->state;
	const char *s = "";
	size_t n = 0;
	uint64_t pid;
	bool known;

	if (c->s[S_PID].set)
		s = text(c, S_PID, &n);
	if (names_find(l->names, NAME_PROCESS, l->number, s, n, process, &known, l->err))
		return -1;
	if (!known && !c->ours && n && parse_u64(s, s + n, &pid) == s + n && pid <= INT32_MAX)
		l->names->process[*process].pid = (int64_t)pid;
	return 0;
}

static uint32_t alias_scope(const struct log *l)
{
	return 1u << 31 | l->number;
}

static int grow_threads(struct log *l, uint32_t thread)
{
	struct chrome *c = l->state;
	uint32_t cap = 2 * thread + 64;
	struct chrome_thread *p;

	if (thread < c->cap_threads)
		return 0;
	p = realloc(c->thread, cap * sizeof(*p));
	if (!p)
		return err_memory(l->err, "threads");
	memset(p + c->cap_threads, 0, (cap - c->cap_threads) * sizeof(*p));
	c->thread = p;
	c->cap_threads = cap;
	return 0;
}

/*
 * What NAME_ALIAS is used for: threads by "TPID\0TID", those of calls by "SPID\0TID", functions by "F" and a hash.
 */

/* The key of a thread by two members, into c->key. */
static int make_key(struct log *l, unsigned pid_slot, unsigned tid_slot, bool gil_track)
{
	struct chrome *c = l->state;
	uint64_t tid;
	size_t n;
	const char *s;

	buf_clear(&c->key);
	buf_str(&c->key, "T");
	s = text(c, pid_slot, &n);
	buf_add(&c->key, s, n);
	buf_add(&c->key, "", 1);
	s = text(c, tid_slot, &n);
	if (gil_track && number(c, tid_slot, &tid) && tid >= GIL_TID_OFFSET)
		buf_printf(&c->key, "%" PRIu64, tid - GIL_TID_OFFSET);
	else
		buf_add(&c->key, s, n);
	return buf_failed(&c->key) ? err_memory(l->err, "a thread's id") : 0;
}

/* The thread of an event: 0, 1 where it has none that can be (told as bad), or -1. */
static int find_thread(struct log *l, bool gil_track, uint32_t *thread)
{
	struct chrome *c = l->state;
	const char *tid;
	uint32_t process;

	if (!c->s[S_TID].set)
		return log_bad(l, "event %" PRIu64 ": no \"tid\"", c->n_events) ? -1 : 1;
	if (make_key(l, S_PID, S_TID, gil_track))
		return -1;
	if (c->last_key.len == c->key.len && !memcmp(c->last_key.data, c->key.data, c->key.len)) {
		*thread = c->last_thread;
		return 0;
	}
	if (!names_known(l->names, NAME_ALIAS, alias_scope(l), (char *)c->key.data, c->key.len, thread)) {
		tid = memchr(c->key.data, 0, c->key.len);
		tid++;
		if (find_process(l, &process) ||
		    names_find(l->names, NAME_THREAD, process, tid,
			       (size_t)((char *)c->key.data + c->key.len - tid), thread, NULL, l->err) ||
		    names_alias(l->names, alias_scope(l), (char *)c->key.data, c->key.len, *thread, l->err))
			return bad_err(l) ? -1 : 1;
	}
	if (grow_threads(l, *thread))
		return -1;
	buf_clear(&c->last_key);
	buf_add(&c->last_key, c->key.data, c->key.len);
	c->last_thread = *thread;
	return buf_failed(&c->last_key) ? err_memory(l->err, "a thread's id") : 0;
}

static int first_lock(struct log *l, uint32_t process, uint32_t **lock)
{
	struct chrome *c = l->state;

	if (process >= c->cap_locks) {
		uint32_t cap = 2 * process + 16, *p = realloc(c->first_lock, cap * sizeof(*p));

		if (!p)
			return err_memory(l->err, "locks");
		memset(p + c->cap_locks, 0, (cap - c->cap_locks) * sizeof(*p));
		c->first_lock = p;
		c->cap_locks = cap;
	}
	*lock = &c->first_lock[process];
	return 0;
}

/* The GIL of a thread's process. */
static int find_gil(struct log *l, uint32_t thread, uint16_t *lock)
{
	struct chrome *c = l->state;
	uint32_t process = l->names->thread[thread].process, *first, number_of;

	if (c->thread[thread].lock) {
		*lock = (uint16_t)(c->thread[thread].lock - 1);
		return 0;
	}
	if (first_lock(l, process, &first))
		return -1;
	if (!*first) {
		if (names_find(l->names, NAME_LOCK, process, "0", 1, &number_of, NULL, l->err) ||
		    (!l->names->lock[number_of].name &&
		     names_set(&l->names->lock[number_of].name, "GIL", 3, l->err)))
			return -1;
		*first = number_of + 1;
	}
	c->thread[thread].lock = *first;
	*lock = (uint16_t)(*first - 1);
	return 0;
}

/* --- names that accompany a log -------------------------------------------------------------------- */

static int keep_companion(struct log *l, bool of_thread)
{
	struct chrome *c = l->state;
	size_t n_pid = c->s[S_PID].set ? c->s[S_PID].n : 0, n_tid = of_thread ? c->s[S_TID].n : 0,
	       n_name = c->s[A_NAME].n;
	struct companion *p;
	char *s;

	if (!c->s[A_NAME].set || (of_thread && !c->s[S_TID].set) || n_pid > MAX_ID || n_tid > MAX_ID)
		return 0;
	if (n_name > MAX_NAME)
		n_name = MAX_NAME;
	if (c->n_companions == MAX_COMPANIONS || c->companion_bytes + n_name > MAX_COMPANION_BYTES) {
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
	*p = (struct companion){ .pid = s, .tid = of_thread ? s + n_pid + 1 : NULL, .name = s + n_pid + n_tid + 2 };
	if (n_pid)
		memcpy(p->pid, c->text.data + c->s[S_PID].off, n_pid);
	if (n_tid)
		memcpy(p->tid, c->text.data + c->s[S_TID].off, n_tid);
	memcpy(p->name, c->text.data + c->s[A_NAME].off, n_name);
	c->companion_bytes += n_name;
	return 0;
}

struct by_id { const char *id; uint32_t thread; };

static int by_id(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;
	int d = strcmp(x->id, y->id);

	return d ? d : x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* Gives a thread's name to all threads that it can mean. */
static int name_threads(struct log *l, const struct companion *p, const struct by_id *v, uint32_t n)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (strcmp(v[mid].id, p->tid) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < n && !strcmp(v[low].id, p->tid); low++) {
		struct name_thread *t = &l->names->thread[v[low].thread];

		if (names_is_pid(&l->names->process[t->process], p->pid) &&
		    names_set(&t->name, p->name, strlen(p->name), l->err))
			return -1;
	}
	return 0;
}

static int name_processes(struct log *l, const struct companion *p)
{
	for (uint32_t i = 0; *p->pid && i < l->names->n_processes; i++)
		if (l->names->process[i].pid >= 0 && names_is_pid(&l->names->process[i], p->pid) &&
		    names_set(&l->names->process[i].name, p->name, strlen(p->name), l->err))
			return -1;
	return 0;
}

static int chrome_end(struct log *l)
{
	struct chrome *c = l->state;
	uint32_t n = l->names->n_threads;
	struct by_id *v = malloc((n + 1) * sizeof(*v));
	int ret = 0;

	if (!v)
		return err_memory(l->err, "threads");
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct by_id){ l->names->thread[i].id, i };
	qsort(v, n, sizeof(*v), by_id);
	for (uint32_t i = 0; !ret && i < c->n_companions; i++)
		ret = c->companion[i].tid ? name_threads(l, &c->companion[i], v, n)
					  : name_processes(l, &c->companion[i]);
	free(v);
	if (!c->calls_done)
		c->n_calls_kept = 0;
	if (c->n_calls_kept)
		log_note(l, "%" PRIu64 " calls of functions: of each ACQUIRE it is told which one it is in", c->n_calls_kept);
	if (c->n_calls > c->n_calls_kept)
		log_note(l, "%" PRIu64 " calls of functions are left out", c->n_calls - c->n_calls_kept);
	if (c->n_left)
		log_note(l, "%" PRIu64 " events that say nothing of a lock are left out", c->n_left);
	return ret;
}

/* --- events of other programs ---------------------------------------------------------------------- */

/* Whether what an event tells is told by nobody better. */
static bool keep(const void *ctx, const struct reorder_event *e)
{
	const struct chrome *c = ctx;
	unsigned source = e->source & ~BY_GILTRACER;

	if ((e->source & BY_GILTRACER) && c->seen[BY_INSTANT])
		return false;
	if (source == BY_HOLD)
		return !c->seen[e->kind == EV_ACQUIRE ? BY_TAKE : BY_DROP];
	return source != BY_ON || !c->seen[BY_OFF];
}

static int add(struct log *l, uint64_t time, uint32_t thread, unsigned kind, unsigned source)
{
	struct chrome *c = l->state;
	uint16_t lock = 0;

	c->seen[source & ~BY_GILTRACER] = true;
	if (kind != EV_SCHED_IN && kind != EV_SCHED_OUT &&
	    (find_gil(l, thread, &lock) || names_lane(l->names, thread, l->err)))
		return bad_err(l);
	if (time > MAX_TIME - c->offset)
		return log_bad(l, "event %" PRIu64 ": a time that no clock shows", c->n_events);
	return reorder_add(&c->order, l, time + c->offset, thread, lock, kind, source);
}

static int span_begins(struct log *l, uint64_t time, uint32_t thread, enum span span, unsigned flag)
{
	switch (span) {
	case SPAN_TAKE: return add(l, time, thread, EV_ENTRY, BY_TAKE | flag);
	case SPAN_HOLD: return add(l, time, thread, EV_ACQUIRE, BY_HOLD | flag);
	case SPAN_DROP: return add(l, time, thread, EV_RELEASE, BY_DROP | flag);
	default: return 0;
	}
}

static int span_ends(struct log *l, uint64_t time, uint32_t thread, enum span span, unsigned flag)
{
	switch (span) {
	case SPAN_TAKE: return add(l, time, thread, EV_ACQUIRE, BY_TAKE | flag);
	case SPAN_HOLD: return add(l, time, thread, EV_RELEASE, BY_HOLD | flag);
	case SPAN_DROP: return add(l, time, thread, EV_SWITCH_DONE, BY_DROP | flag);
	default: return 0;
	}
}

static enum span span_of(const struct chrome *c)
{
	if (is(c, S_NAME, "take_gil") || is(c, S_NAME, "require_gil") || is(c, S_NAME, "GIL acquire"))
		return SPAN_TAKE;
	if (is(c, S_NAME, "hold_gil") || is(c, S_NAME, "GIL held") ||
	    (is(c, S_NAME, "LOCK") && is(c, S_CAT, "GIL state")))
		return SPAN_HOLD;
	if (is(c, S_NAME, "drop_gil") || is(c, S_NAME, "release_gil"))
		return SPAN_DROP;
	return NO_SPAN;
}

static int bad_time(struct log *l)
{
	const struct chrome *c = l->state;

	return log_bad(l, "event %" PRIu64 ": its time is no number of microseconds from 0 to 2^63 ns", c->n_events);
}

/* giltracer's instants; false: another one. */
static bool instant_kind(const struct chrome *c, unsigned *kind)
{
	static const struct { const char *name; unsigned kind; } names[] = {
		{ "take", EV_ENTRY }, { "GIL-take", EV_ACQUIRE }, { "drop", EV_RELEASE }, { "GIL-drop", EV_SWITCH_DONE },
	};

	if (!is(c, S_CAT, "GIL state"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is(c, S_NAME, names[i].name)) {
			*kind = names[i].kind;
			return true;
		}
	return false;
}

/* The event's thread if it has a span open, else *open is NULL. */
static int open_span(struct log *l, struct chrome_thread **open, uint32_t *thread)
{
	struct chrome *c = l->state;

	*open = NULL;
	if (!c->s[S_TID].set)
		return 0;
	if (make_key(l, S_PID, S_TID, true))
		return -1;
	if (names_known(l->names, NAME_ALIAS, alias_scope(l), (char *)c->key.data, c->key.len, thread) &&
	    *thread < c->cap_threads && c->thread[*thread].open)
		*open = &c->thread[*thread];
	return 0;
}

/* An E without a name ends the innermost B of its thread. */
static int nameless_end(struct log *l, uint64_t time)
{
	struct chrome_thread *t;
	uint32_t thread;
	enum span span;

	if (open_span(l, &t, &thread))
		return -1;
	if (!t)
		return 0;
	if (t->inner) {
		t->inner--;
		return 0;
	}
	span = t->open;
	t->open = NO_SPAN;
	return span_ends(l, time, thread, span, t->open_giltracer ? BY_GILTRACER : 0);
}

/* A B or E of something else, which may lie in a span of ours. */
static int other_span(struct log *l, bool begins)
{
	struct chrome *c = l->state;
	struct chrome_thread *t;
	uint32_t thread;

	c->n_left += begins;
	if (open_span(l, &t, &thread))
		return -1;
	if (t && begins && t->inner < UINT32_MAX)
		t->inner++;
	else if (t && !begins && t->inner)
		t->inner--;
	return 0;
}

static int gil_span(struct log *l, char ph, enum span span)
{
	struct chrome *c = l->state;
	unsigned flag = is(c, S_CAT, "GIL state") ? BY_GILTRACER : 0;
	uint64_t time, length = 0;
	uint32_t thread;
	int ret;

	if (!time_of(l, c, S_TS, &time) || (ph == 'X' && !time_of(l, c, S_DUR, &length)) ||
	    length > MAX_TIME - time)
		return bad_time(l);
	ret = find_thread(l, is(c, S_CAT, "gil"), &thread);
	if (ret)
		return ret < 0 ? -1 : 0;
	if (ph == 'B') {
		c->thread[thread].open = (uint8_t)span;
		c->thread[thread].open_giltracer = flag != 0;
		c->thread[thread].inner = 0;
	} else if (ph == 'E') {
		c->thread[thread].open = NO_SPAN;
	}
	if ((ph == 'X' || ph == 'B' || ph == 'b') && span_begins(l, time, thread, span, flag))
		return -1;
	return ph == 'X' || ph == 'E' || ph == 'e' ? span_ends(l, time + length, thread, span, flag) : 0;
}

/* giltracer's "R", "S", "S(GIL)" and the like: on the cpu and off it. */
static int scheduler_span(struct log *l)
{
	struct chrome *c = l->state;
	bool on = starts(c, S_NAME, "R");
	uint64_t time, length;
	uint32_t thread;
	int ret;

	if (!time_of(l, c, S_TS, &time) || !time_of(l, c, S_DUR, &length) || length > MAX_TIME - time)
		return bad_time(l);
	ret = find_thread(l, false, &thread);
	if (ret)
		return ret < 0 ? -1 : 0;
	if (add(l, time, thread, on ? EV_SCHED_IN : EV_SCHED_OUT, on ? BY_ON : BY_OFF))
		return -1;
	return add(l, time + length, thread, on ? EV_SCHED_OUT : EV_SCHED_IN, on ? BY_ON : BY_OFF);
}

/* --- calls of functions, as VizTracer tells them ----------------------------------------------------- */

/* "f (dir/a.py:12)": the function, of which equal ones are one. */
static int find_func(struct log *l, uint32_t *func)
{
	struct chrome *c = l->state;
	struct { char kind; XXH128_canonical_t hash; } key = { .kind = 'F' };
	size_t n, n_file = 0;
	const char *s = text(c, S_NAME, &n), *end = s + n, *file = "", *p;
	uint64_t line = 0;

	XXH128_canonicalFromHash(&key.hash, XXH3_128bits(s, n));
	if (names_known(l->names, NAME_ALIAS, alias_scope(l), (char *)&key, sizeof(key), func))
		return 0;
	for (p = end; p > s && *p != ':';)
		p--;
	if (n && end[-1] == ')' && *p == ':' && parse_u64(p + 1, end - 1, &line) == end - 1 && line <= UINT32_MAX) {
		const char *open = memmem(s, (size_t)(p - s), " (", 2);

		if (open) {
			file = open + 2;
			n_file = (size_t)(p - file);
			n = (size_t)(open - s);
		}
	}
	return names_func(l->names, s, n, file, n_file, n_file ? (uint32_t)line : 0, func, l->err) ||
	       names_alias(l->names, alias_scope(l), (char *)&key, sizeof(key), *func, l->err) ? -1 : 0;
}

/* The thread of the trace of calls; NO_THREAD: none. */
static int find_stack(struct log *l, uint32_t *number)
{
	struct chrome *c = l->state;
	size_t n_pid = 0, n_tid;
	const char *pid = text(c, S_PID, &n_pid), *tid = text(c, S_TID, &n_tid);

	buf_clear(&c->key);
	buf_str(&c->key, "S");
	buf_add(&c->key, pid, n_pid);
	buf_add(&c->key, "", 1);
	buf_add(&c->key, tid, n_tid);
	if (buf_failed(&c->key))
		return err_memory(l->err, "a thread's id");
	if (names_known(l->names, NAME_ALIAS, alias_scope(l), (char *)c->key.data, c->key.len, number))
		return 0;
	if (!l->names->stacks && stacks_new(&l->names->stacks, l->err))
		return -1;
	if (!c->any_stack)
		c->first_stack = stacks_n_threads(l->names->stacks);
	c->any_stack = true;
	return stacks_thread(l->names->stacks, pid, n_pid, tid, n_tid, number, l->err) ||
	       names_alias(l->names, alias_scope(l), (char *)c->key.data, c->key.len, *number, l->err) ? -1 : 0;
}

/* What comes after the first events were merged would be too late for them, so it is left out. */
static int call(struct log *l)
{
	struct chrome *c = l->state;
	uint64_t begin, length;
	uint32_t number_of, func;
	bool kept = false;

	if (!time_of(l, c, S_TS, &begin) || !time_of(l, c, S_DUR, &length) || length > MAX_TIME - begin)
		return bad_time(l);
	c->n_calls++;
	if (l->prefix_read || !c->s[S_NAME].set || !c->s[S_TID].set)
		return 0;
	if (find_stack(l, &number_of))
		return bad_err(l);
	if (number_of == NO_THREAD)
		return 0;
	if (find_func(l, &func))
		return bad_err(l);
	if (stacks_call(l->names->stacks, number_of, begin, begin + length, func, &kept, l->err))
		return -1;
	c->n_calls_kept += kept;
	return 0;
}

static int foreign_event(struct log *l, char ph)
{
	struct chrome *c = l->state;
	enum span span = span_of(c);
	uint64_t time;
	uint32_t thread;
	unsigned kind;
	int ret;

	if (span && (ph == 'X' || ph == 'B' || ph == 'E' || ph == 'b' || ph == 'e'))
		return gil_span(l, ph, span);
	if ((ph == 'i' || ph == 'I' || ph == 'n') && instant_kind(c, &kind)) {
		if (!time_of(l, c, S_TS, &time))
			return bad_time(l);
		ret = find_thread(l, false, &thread);
		return ret ? ret < 0 ? -1 : 0 : add(l, time, thread, kind, BY_INSTANT);
	}
	if (ph == 'X' && is(c, S_CAT, "process state"))
		return scheduler_span(l);
	if (ph == 'E' && !c->s[S_NAME].set)
		return time_of(l, c, S_TS, &time) ? nameless_end(l, time) : bad_time(l);
	if (ph == 'B' || ph == 'E')
		return other_span(l, ph == 'B');
	if (ph == 'X' && starts(c, S_CAT, "FEE"))
		return call(l);
	if (!(is(c, S_CAT, "GIL state") && (starts(c, S_NAME, "GIL"))))	/* giltracer's whole, of what we have */
		c->n_left++;
	return 0;
}

/* --- events of our own ----------------------------------------------------------------------------- */

static int our_process(struct log *l)
{
	struct chrome *c = l->state;
	struct name_process *p;
	uint32_t process;
	uint64_t v;

	if (find_process(l, &process))
		return bad_err(l);
	p = &l->names->process[process];
	if (number(c, A_PID, &v))
		p->pid = (int64_t)v;
	if (number(c, A_PPID, &v))
		p->ppid = (int64_t)v;
	return c->s[A_NAME].set && c->s[A_NAME].n ?
	       names_set(&p->name, (char *)c->text.data + c->s[A_NAME].off, c->s[A_NAME].n, l->err) : 0;
}

static int our_thread(struct log *l)
{
	struct chrome *c = l->state;
	size_t n;
	const char *id = text(c, c->s[A_ID].set ? A_ID : S_TID, &n);
	uint32_t process, thread;

	if (!c->s[S_TID].set)
		return log_bad(l, "event %" PRIu64 ": a thread's name without a \"tid\"", c->n_events);
	if (make_key(l, S_PID, S_TID, false))
		return -1;
	if (find_process(l, &process) ||
	    names_find(l->names, NAME_THREAD, process, id, n, &thread, NULL, l->err) ||
	    names_alias(l->names, alias_scope(l), (char *)c->key.data, c->key.len, thread, l->err))
		return bad_err(l);
	buf_clear(&c->last_key);
	if (!c->s[A_NAME].set || is(c, A_KIND, "nameless"))
		return 0;
	return names_set(&l->names->thread[thread].name, (char *)c->text.data + c->s[A_NAME].off, c->s[A_NAME].n,
			 l->err);
}

static int our_lock(struct log *l)
{
	struct chrome *c = l->state;
	size_t n;
	const char *s = text(c, A_ID, &n);
	uint32_t process, lock, *first;

	if (!c->s[A_ID].set)
		return log_bad(l, "event %" PRIu64 ": a lock without its id", c->n_events);
	if (find_process(l, &process) || names_find(l->names, NAME_LOCK, process, s, n, &lock, NULL, l->err) ||
	    first_lock(l, process, &first))
		return bad_err(l);
	if (!*first)
		*first = lock + 1;
	if (is(c, A_KIND, "park"))
		l->names->lock[lock].kind = LOCK_PARK;
	s = text(c, A_NAME, &n);
	return c->s[A_NAME].set && n ? names_set(&l->names->lock[lock].name, s, n, l->err) : 0;
}

static int our_func(struct log *l)
{
	struct chrome *c = l->state;
	const char *name, *file;
	size_t n_name, n_file;
	uint64_t at, line = 0;
	uint32_t func;

	name = text(c, A_NAME, &n_name);
	file = text(c, A_FILE, &n_file);
	if (!number(c, A_NUMBER, &at) || at >= MAX_FUNCS || (c->s[A_LINE].set && !number(c, A_LINE, &line)) ||
	    line > UINT32_MAX)
		return log_bad(l, "event %" PRIu64 ": a function with an impossible number or line", c->n_events);
	if (names_func(l->names, name, n_name, file, n_file, (uint32_t)line, &func, l->err))
		return bad_err(l);
	if (at >= c->cap_funcs) {
		uint32_t cap = 2 * (uint32_t)at + 64, *p = realloc(c->func, cap * sizeof(*p));

		if (!p)
			return err_memory(l->err, "functions");
		memset(p + c->cap_funcs, 0, (cap - c->cap_funcs) * sizeof(*p));
		c->func = p;
		c->cap_funcs = cap;
	}
	c->func[at] = func + 1;
	return 0;
}

/* Fills value[] from the args; NULL, or what is wrong. */
static const char *our_attrs(struct log *l, int64_t *value, unsigned *mask)
{
	static const struct { uint8_t slot, id; } plain[] = {
		{ A_CPU, ATTR_CPU }, { A_COUNT, ATTR_COUNT }, { A_SINCE, ATTR_SINCE }, { A_CHECKS, ATTR_CHECKS },
	};
	struct chrome *c = l->state;
	uint32_t target;
	uint64_t u;

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		if (!c->s[plain[i].slot].set)
			continue;
		if (!number(c, plain[i].slot, &u) || (plain[i].id == ATTR_CPU && u > INT32_MAX))
			return "an argument that is no number";
		value[plain[i].id] = (int64_t)u;
		*mask |= 1u << plain[i].id;
	}
	if (c->s[A_COUNTDOWN].set) {
		if (!signed_number(c, A_COUNTDOWN, &value[ATTR_COUNTDOWN]))
			return "a countdown that is no number";
		*mask |= 1u << ATTR_COUNTDOWN;
	}
	if (c->s[A_FUNC].set) {
		if (!number(c, A_FUNC, &u) || u >= c->cap_funcs || !c->func[u])
			return "a function that nothing has named";
		value[ATTR_FUNC] = c->func[u] - 1;
		*mask |= 1u << ATTR_FUNC;
	}
	if (c->s[A_TARGET].set) {
		if (make_key(l, c->s[A_TARGET_PID].set ? A_TARGET_PID : S_PID, A_TARGET, false) ||
		    !names_known(l->names, NAME_ALIAS, alias_scope(l), (char *)c->key.data, c->key.len, &target))
			return "a target that nothing has named";
		value[ATTR_TARGET] = target;
		*mask |= 1u << ATTR_TARGET;
	}
	return NULL;
}

static int our_event(struct log *l)
{
	struct chrome *c = l->state;
	int64_t value[N_ATTRS];
	unsigned mask = 0, n = 0, kind;
	uint32_t thread, number_of;
	uint16_t lock = 0;
	uint64_t time;
	const char *s, *wrong;
	size_t len;
	int ret;

	s = text(c, S_NAME, &len);
	kind = c->s[S_NAME].set ? event_kind_find(s, (unsigned)len) : 0;
	if (!kind)
		return log_bad(l, "event %" PRIu64 ": an unknown event of ours", c->n_events);
	if (!time_of(l, c, S_TS, &time) || time > MAX_TIME - c->offset)
		return bad_time(l);
	time += c->offset;
	ret = find_thread(l, false, &thread);
	if (ret)
		return ret < 0 ? -1 : 0;
	wrong = our_attrs(l, value, &mask);
	if (wrong)
		return log_bad(l, "event %" PRIu64 ": %s", c->n_events, wrong);
	if (event_has_lock(kind)) {
		if (c->s[A_LOCK].set) {
			s = text(c, A_LOCK, &len);
			if (names_find(l->names, NAME_LOCK, l->names->thread[thread].process, s, len, &number_of, NULL,
				       l->err))
				return bad_err(l);
			lock = (uint16_t)number_of;
		} else if (find_gil(l, thread, &lock)) {
			return bad_err(l);
		}
		if (names_lane(l->names, thread, l->err))
			return bad_err(l);
	}
	if (kind == EV_LOST) {
		if (!(mask & 1u << ATTR_COUNT))
			value[ATTR_COUNT] = 1;
		mask |= 1u << ATTR_COUNT;
		if (log_gap(l, time, mask & 1u << ATTR_SINCE ? (uint64_t)value[ATTR_SINCE] : 0, thread))
			return -1;
	}
	for (unsigned m = mask; m; m &= m - 1, n++) {
		unsigned id = (unsigned)__builtin_ctz(m);

		if (log_attr(l, id, value[id]))
			return -1;
	}
	return log_add(l, time, thread, lock, kind, n);
}

/* A member of "otherData". */
static int other_member(struct log *l, const char *s, size_t n)
{
	struct chrome *c = l->state;
	const char *key = (char *)c->other_key.data;
	size_t len = c->other_key.len;
	uint64_t v = 0;
	bool whole = parse_u64(s, s + n, &v) == s + n && v <= MAX_TIME;

#define KEY(word) (len == sizeof(word) - 1 && !memcmp(key, word, sizeof(word) - 1))
	if (KEY("gilscope"))
		c->ours = true;
	if (!c->ours)
		return 0;
	if (KEY("clock"))
		l->clock = n == 5 && !memcmp(s, "ticks", 5) ? CLOCK_TICKS : CLOCK_NS;
	else if (KEY("offset") && whole)
		c->offset = v;
	else if (KEY("title"))
		return names_set(&l->names->title, s, n, l->err);
	else if (KEY("waits"))
		l->waits = n == 4 && !memcmp(s, "busy", 4) ? WAITS_BUSY :
			   n == 5 && !memcmp(s, "entry", 5) ? WAITS_ENTRY : WAITS_UNKNOWN;
	else if (KEY("check_interval") && whole && v <= 100000)
		l->names->check_interval = v;
	else if (KEY("skipped_lines") && whole && v <= 1000000000000)
		l->skipped += v;
	else if (KEY("lost_events") && whole && v <= 1000000000000)
		l->names->lost_events += v;
	else if (KEY("truncated"))
		l->truncated |= n == 4 && !memcmp(s, "true", 4);
	else if (len > 5 && !memcmp(key, "fact:", 5))
		return names_fact(l->names, key + 5, len - 5, s, n, l->err) ? bad_err(l) : 0;
#undef KEY
	return 0;
}

/* --- events ---------------------------------------------------------------------------------------- */

static int metadata(struct log *l)
{
	struct chrome *c = l->state;

	if (c->ours) {
		if (is(c, S_NAME, "process_name"))
			return our_process(l);
		if (is(c, S_NAME, "thread_name"))
			return our_thread(l);
		if (is(c, S_NAME, "gilscope_lock"))
			return our_lock(l);
		return is(c, S_NAME, "gilscope_func") ? our_func(l) : 0;
	}
	if (is(c, S_NAME, "thread_name"))
		return keep_companion(l, true);
	return is(c, S_NAME, "process_name") ? keep_companion(l, false) : 0;
}

static int end_event(struct log *l)
{
	struct chrome *c = l->state;
	char ph = c->s[S_PH].set && c->s[S_PH].n == 1 ? (char)c->text.data[c->s[S_PH].off] : 0;

	c->n_events++;
	if (c->too_long)
		return log_bad(l, "event %" PRIu64 ": more than %u bytes that matter", c->n_events, MAX_EVENT);
	if (!ph)
		return log_bad(l, "event %" PRIu64 ": no \"ph\" of one letter", c->n_events);
	if (ph == 'M')
		return metadata(l);
	if (is(c, S_CAT, "gil.event"))
		return our_event(l);
	if (is(c, S_CAT, "gil.state"))		/* follows from our events */
		return 0;
	return foreign_event(l, ph);
}

static void begin_event(struct chrome *c)
{
	for (unsigned i = 0; i < N_SLOTS; i++)
		c->s[i].set = false;
	buf_clear(&c->text);
	c->in_event = true;
	c->in_args = c->too_long = false;
	c->slot = N_SLOTS;
}

static unsigned find_slot(unsigned from, unsigned to, const char *s, size_t n)
{
	for (unsigned i = from; i < to; i++)
		if (slot_names[i][0] == *s && strlen(slot_names[i]) == n && !memcmp(slot_names[i], s, n))
			return i;
	return N_SLOTS;
}

/* A value of an event, or of its args. */
static int keep_value(struct log *l, enum json_token type, bool cut, const char *s, size_t n)
{
	struct chrome *c = l->state;

	if (c->slot == N_SLOTS)
		return 0;
	if (type == JSON_WORD && n == 4 && !memcmp(s, "null", 4))
		return 0;
	if (c->text.len + n > MAX_EVENT || (cut && c->slot != A_NAME && c->slot != S_NAME)) {
		c->too_long = true;
		return 0;
	}
	c->s[c->slot] = (struct slot_text){
		.off = (uint32_t)c->text.len, .n = (uint32_t)n, .set = true,
	};
	if (!buf_reserve(&c->text, n + 1))
		return err_memory(l->err, "an event");
	buf_add(&c->text, s, n);
	c->slot = N_SLOTS;
	return 0;
}

static int on_key(struct log *l, const struct json_reader *r, const char *s, size_t n)
{
	struct chrome *c = l->state;

	if (c->in_event) {
		c->slot = r->depth == c->base + 1 ? find_slot(0, N_FIELDS, s, n) :
			  r->depth == c->base + 2 && c->in_args ? find_slot(N_FIELDS, N_SLOTS, s, n) : N_SLOTS;
		if (r->depth == c->base + 1)
			c->in_args = n == 4 && !memcmp(s, "args", 4);
		return 0;
	}
	if (r->depth == 1) {
		c->events_next = n == 11 && !memcmp(s, "traceEvents", 11);
		c->in_other = n == 9 && !memcmp(s, "otherData", 9);
	}
	if (r->depth == 2 && c->in_other) {
		buf_clear(&c->other_key);
		buf_add(&c->other_key, s, n);
		if (buf_failed(&c->other_key))
			return err_memory(l->err, "a key");
	}
	return 0;
}

static int on_token(void *ctx, const struct json_reader *r, enum json_token type, const char *s, size_t n)
{
	struct log *l = ctx;
	struct chrome *c = l->state;

	switch (type) {
	case JSON_BEGIN_OBJECT:
		if (c->base && !c->in_event && r->depth == c->base)
			begin_event(c);
		return 0;
	case JSON_END_OBJECT:
		if (c->in_event && r->depth == c->base) {
			c->in_event = false;
			return end_event(l);
		}
		c->in_other &= r->depth > 1;
		return 0;
	case JSON_BEGIN_ARRAY:
		if (!c->in_event && !c->base && (r->depth == 0 || (r->depth == 1 && c->events_next)))
			c->base = r->depth + 1;
		return 0;
	case JSON_END_ARRAY:
		if (!c->in_event && c->base && r->depth < c->base)
			c->base = 0;
		return 0;
	case JSON_KEY:
		return on_key(l, r, s, n);
	default:
		if (c->in_event && (r->depth == c->base + 1 || (c->in_args && r->depth == c->base + 2)))
			return keep_value(l, type, r->cut, s, n);
		if (c->base && !c->in_event && r->depth == c->base)
			return log_bad(l, "a value among the events that is none");
		return c->in_other && r->depth == 2 && c->other_key.len ? other_member(l, s, n) : 0;
	}
}

/* --- the format ------------------------------------------------------------------------------------ */

/* The first key of an object that says which format it is, or nothing. */
enum shape { SHAPE_UNKNOWN, SHAPE_CHROME, SHAPE_OTHER };

static int look_at_token(void *ctx, const struct json_reader *r, enum json_token type, const char *s, size_t n)
{
	static const char *const keys[] = {
		"traceEvents", "displayTimeUnit", "otherData", "systemTraceEvents", "stackFrames", "viztracer_metadata",
		"file_info", "powerTraceAsString", "controllerTraceDataKey", "traceViewerConfig",
	};
	enum shape *shape = ctx;

	if (r->depth == 0)
		*shape = type == JSON_BEGIN_OBJECT ? SHAPE_UNKNOWN : SHAPE_OTHER;
	if (*shape != SHAPE_UNKNOWN)
		return 1;
	for (size_t i = 0; r->depth == 1 && type == JSON_KEY && i < sizeof(keys) / sizeof(*keys); i++)
		if (strlen(keys[i]) == n && !memcmp(keys[i], s, n)) {
			*shape = SHAPE_CHROME;
			return 1;
		}
	return 0;
}

/* An array whose first value is an object, or an object with one of the format's keys. */
static bool chrome_recognise(const uint8_t *head, size_t n)
{
	const uint8_t *p = head, *end = head + n;
	struct json_reader r;
	enum shape shape = SHAPE_OTHER;
	struct err err;

	if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	if (p < end && *p == '[') {
		for (p++; p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r');)
			p++;
		return p < end && (*p == '{' || *p == ']');
	}
	if (p == end || *p != '{')
		return false;
	json_reader_init(&r, look_at_token, &shape);
	(void)json_read(&r, head, n, &err);
	json_reader_release(&r);
	return shape == SHAPE_CHROME;
}

static int chrome_open(struct log *l)
{
	struct chrome *c = calloc(1, sizeof(*c));

	if (!c)
		return err_memory(l->err, "a log");
	l->state = c;
	l->clock = CLOCK_NS;
	json_reader_init(&c->json, on_token, l);
	c->order.keep = keep;
	c->order.ctx = c;
	c->slot = N_SLOTS;
	return 0;
}

static void chrome_close(struct log *l)
{
	struct chrome *c = l->state;

	if (!c)
		return;
	json_reader_release(&c->json);
	reorder_release(&c->order);
	buf_release(&c->text);
	buf_release(&c->other_key);
	buf_release(&c->key);
	buf_release(&c->last_key);
	for (uint32_t i = 0; i < c->n_companions; i++)
		free(c->companion[i].pid);
	free(c->companion);
	free(c->thread);
	free(c->func);
	free(c->first_lock);
	free(c);
}

/* No more bytes, or none that can be read. */
static int end_input(struct log *l, const struct err *broken)
{
	struct chrome *c = l->state;
	struct err why = { 0 };

	c->whole = true;
	if (broken)
		return log_cut(l, broken->msg);
	if (source_cut(l->source, &why))
		return log_cut(l, why.msg);
	if (json_read_between(&c->json))	/* the format allows the array's end to be missing */
		return 0;
	if (json_read_end(&c->json, &why))
		return why.code == ERR_MEMORY ? err_memory(l->err, "an event") : log_cut(l, why.msg);
	return 0;
}

static int chrome_read(struct log *l)
{
	struct chrome *c = l->state;
	struct err broken = { 0 };
	const uint8_t *p;
	size_t n;

	if (c->whole) {
		if (reorder_drain(&c->order, l, DRAIN))
			return -1;
		l->eof = !c->order.n;
		c->calls_done = l->eof && !l->prefix_read && c->any_stack;
		return c->calls_done ? stacks_done(l->names->stacks, c->first_stack, l->err) : 0;
	}
	if (log_piece(l, &p, &n))
		return -1;
	if (!n)
		return end_input(l, NULL);
	/* The tokenizer's own errors go to `broken`, those of on_token() to l->err. */
	if (!json_read(&c->json, p, n, &broken))
		return 0;
	return broken.code && broken.code != ERR_MEMORY ? end_input(l, &broken) :
	       broken.code ? err_memory(l->err, "an event") : -1;
}

const struct format format_chrome = {
	.name = "chrome", .recognise = chrome_recognise, .open = chrome_open, .read = chrome_read,
	.end = chrome_end, .close = chrome_close,
};
