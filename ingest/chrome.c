/*
 * chrome.c - the Trace Event Format, as giltracer, perf-viz-merge, sysTrace, VizTracer and we write
 * it
 *
 *	{"traceEvents": [{"ph": "i", "name": "take", "pid": 1, "tid": 1, "ts": 186.49, ...},
 *	                 ...], ...}
 *
 * or the array alone, which may lack its end.  An event is an object whose members stand in any
 * order; what is known of it is gathered until its bracket closes.  Spans (X, B and E, b and e)
 * become the events at their ends; where a writer tells one thing twice (a span that begins as
 * another ends, instants beside spans) the heap of reorder.h drops the second telling when it
 * leaves it, for by then it is known what there is.  chrome_*.c say what the events mean,
 * docs/formats.md how names are mapped.
 */
#include "chrome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decimal.h"
#include "stacks.h"

#define NS_PER_US_DIGITS 3
/* perf-viz-merge has the GIL on a track of its own: a tid and this */
#define GIL_TID_OFFSET 100000000
#define MAX_EVENT (64u << 10)		/* bytes of an event's members that we keep */
#define DRAIN 8192			/* events handed on at once, at the end */

#define NAMED(s) { s, sizeof(s) - 1 }
static const struct { const char *s; size_t n; } slot_names[N_SLOTS] = {
	NAMED("name"), NAMED("ph"), NAMED("cat"), NAMED("ts"), NAMED("dur"), NAMED("pid"),
	NAMED("tid"),
	/* of the args */
	NAMED("name"), NAMED("id"), NAMED("pid"), NAMED("ppid"), NAMED("kind"), NAMED("number"),
	NAMED("file"), NAMED("line"), NAMED("lock"), NAMED("cpu"), NAMED("target"),
	NAMED("target_pid"), NAMED("count"), NAMED("since"), NAMED("checks"), NAMED("countdown"),
	NAMED("func"), NAMED("waits"),
};

/* --- members ---------------------------------------------------------------------------------- */

const char *chrome_text(const struct chrome *c, unsigned slot, size_t *n)
{
	*n = c->s[slot].set ? c->s[slot].n : 0;
	return c->s[slot].set ? (const char *)c->text.data + c->s[slot].off : "";
}

bool chrome_is(const struct chrome *c, unsigned slot, const char *word)
{
	size_t n = strlen(word);

	return c->s[slot].set && c->s[slot].n == n &&
	       !memcmp(c->text.data + c->s[slot].off, word, n);
}

bool chrome_starts(const struct chrome *c, unsigned slot, const char *word)
{
	size_t n = strlen(word);

	return c->s[slot].set && c->s[slot].n >= n &&
	       !memcmp(c->text.data + c->s[slot].off, word, n);
}

/* A member that is a whole number, as a JSON number or as a string of digits. */
bool chrome_number(const struct chrome *c, unsigned slot, uint64_t *v)
{
	size_t n;
	const char *s = chrome_text(c, slot, &n);

	return c->s[slot].set && parse_u64(s, s + n, v) == s + n && *v <= MAX_TIME;
}

/* A time or a length: microseconds, of our own ticks logs ticks. */
bool chrome_time(const struct log *l, const struct chrome *c, unsigned slot, uint64_t *v)
{
	size_t n;
	const char *s = chrome_text(c, slot, &n);

	return c->s[slot].set &&
	       decimal_parse(s, n, l->clock == CLOCK_NS ? NS_PER_US_DIGITS : 0, v);
}

/* Where a function of names.h has failed with *l->err. */
int chrome_bad_err(struct log *l)
{
	const struct chrome *c = l->state;
	struct err e = *l->err;

	return e.code == ERR_MEMORY ? -1 : log_bad(l, "event %" PRIu64 ": %s", c->n_events, e.msg);
}

int chrome_bad_time(struct log *l)
{
	const struct chrome *c = l->state;

	return log_bad(l,
		       "event %" PRIu64 ": its time is no number of microseconds from 0 to 2^63 ns",
		       c->n_events);
}

/* --- processes, threads, locks ---------------------------------------------------------------- */

int chrome_process(struct log *l, uint32_t *process)
{
	struct chrome *c = l->state;
	const char *s = "";
	size_t n = 0;
	uint64_t pid;
	bool known;

	if (c->s[S_PID].set)
		s = chrome_text(c, S_PID, &n);
	if (names_find(l->names, NAME_PROCESS, l->number, s, n, process, &known, l->err))
		return -1;
	if (!known && !c->ours && n && parse_u64(s, s + n, &pid) == s + n && pid <= INT32_MAX)
		l->names->process[*process].pid = (int64_t)pid;
	return 0;
}

uint32_t chrome_scope(const struct log *l)
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
 * What NAME_ALIAS is used for: threads by "TPID\0TID", those of calls by "SPID\0TID", functions by
 * "F" and a hash.
 */

/* The key of a thread by two members, into c->key. */
int chrome_key(struct log *l, unsigned pid_slot, unsigned tid_slot, bool gil_track)
{
	struct chrome *c = l->state;
	uint64_t tid;
	size_t n;
	const char *s;

	buf_clear(&c->key);
	buf_str(&c->key, "T");
	s = chrome_text(c, pid_slot, &n);
	buf_add(&c->key, s, n);
	buf_add(&c->key, "", 1);
	s = chrome_text(c, tid_slot, &n);
	if (gil_track && chrome_number(c, tid_slot, &tid) && tid >= GIL_TID_OFFSET)
		buf_printf(&c->key, "%" PRIu64, tid - GIL_TID_OFFSET);
	else
		buf_add(&c->key, s, n);
	return buf_failed(&c->key) ? err_memory(l->err, "a thread's id") : 0;
}

/* The thread of an event: 0, 1 where it has none that can be (told as bad), or -1. */
int chrome_thread_of(struct log *l, bool gil_track, uint32_t *thread)
{
	struct chrome *c = l->state;
	const char *tid;
	uint32_t process;

	if (!c->s[S_TID].set || !c->s[S_TID].n)
		return log_bad(l, "event %" PRIu64 ": no \"tid\"", c->n_events) ? -1 : 1;
	if (chrome_key(l, S_PID, S_TID, gil_track))
		return -1;
	if (c->last_key.len == c->key.len && !memcmp(c->last_key.data, c->key.data, c->key.len)) {
		*thread = c->last_thread;
		return 0;
	}
	if (!names_known(l->names, NAME_ALIAS, chrome_scope(l), (char *)c->key.data, c->key.len,
			 thread)) {
		tid = memchr(c->key.data, 0, c->key.len);
		tid++;
		if (chrome_process(l, &process) ||
		    names_find(l->names, NAME_THREAD, process, tid,
			       (size_t)((char *)c->key.data + c->key.len - tid), thread, NULL,
			       l->err) ||
		    names_alias(l->names, chrome_scope(l), (char *)c->key.data, c->key.len, *thread,
				l->err))
			return chrome_bad_err(l) ? -1 : 1;
	}
	if (grow_threads(l, *thread))
		return -1;
	buf_clear(&c->last_key);
	buf_add(&c->last_key, c->key.data, c->key.len);
	c->last_thread = *thread;
	return buf_failed(&c->last_key) ? err_memory(l->err, "a thread's id") : 0;
}

int chrome_first_lock(struct log *l, uint32_t process, uint32_t **lock)
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
int chrome_gil(struct log *l, uint32_t thread, uint16_t *lock)
{
	struct chrome *c = l->state;
	uint32_t process = l->names->thread[thread].process, *first, number_of;

	if (c->thread[thread].lock) {
		*lock = (uint16_t)(c->thread[thread].lock - 1);
		return 0;
	}
	if (chrome_first_lock(l, process, &first))
		return -1;
	if (!*first) {
		if (names_find(l->names, NAME_LOCK, process, "0", 1, &number_of, NULL, l->err) ||
		    (!l->names->lock[number_of].name &&
		     names_set(l->names, &l->names->lock[number_of].name, "GIL", 3, l->err)))
			return -1;
		*first = number_of + 1;
	}
	l->names->lock[*first - 1].used = true;
	c->thread[thread].lock = *first;
	*lock = (uint16_t)(*first - 1);
	return 0;
}

/* --- events ----------------------------------------------------------------------------------- */

static int end_event(struct log *l)
{
	struct chrome *c = l->state;
	char ph = c->s[S_PH].set && c->s[S_PH].n == 1 ? (char)c->text.data[c->s[S_PH].off] : 0;

	c->n_events++;
	if (c->too_long)
		return log_bad(l, "event %" PRIu64 ": more than %u bytes that matter", c->n_events,
			       MAX_EVENT);
	if (!ph)
		return log_bad(l, "event %" PRIu64 ": no \"ph\" of one letter", c->n_events);
	if (ph == 'M')
		return c->ours ? chrome_own_metadata(l) : chrome_keep_name(l);
	if (chrome_is(c, S_CAT, "gil.event"))
		return chrome_own_event(l);
	if (chrome_is(c, S_CAT, "gil.state"))		/* follows from our events */
		return 0;
	return chrome_other_event(l, ph);
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
		if (slot_names[i].n == n && slot_names[i].s[0] == *s &&
		    !memcmp(slot_names[i].s, s, n))
			return i;
	return N_SLOTS;
}

/* A value of an event, or of its args. */
static int keep_value(struct log *l, enum json_token type, bool cut, const char *s, size_t n)
{
	struct chrome *c = l->state;
	uint8_t *p;

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
	p = buf_reserve(&c->text, n + 1);
	if (!p)
		return err_memory(l->err, "an event");
	memcpy(p, s, n);
	c->text.len += n;
	c->slot = N_SLOTS;
	return 0;
}

static int on_key(struct log *l, const struct json_reader *r, const char *s, size_t n)
{
	struct chrome *c = l->state;

	if (c->in_event) {
		c->slot = r->depth == c->base + 1 ? find_slot(0, N_FIELDS, s, n)
			  : r->depth == c->base + 2 && c->in_args
				  ? find_slot(N_FIELDS, N_SLOTS, s, n)
				  : N_SLOTS;
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

static int on_token(void *ctx, const struct json_reader *r, enum json_token type, const char *s,
		    size_t n)
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
		if (!c->in_other)	/* nobody said that they are ours */
			buf_clear(&c->others);
		return 0;
	case JSON_BEGIN_ARRAY:
		if (r == &c->json && !c->in_event && !c->base &&
		    (r->depth == 0 || (r->depth == 1 && c->events_next)))
			c->base = r->depth + 1;
		return 0;
	case JSON_END_ARRAY:
		if (!c->in_event && c->base && r->depth < c->base)
			c->base = 0;
		return 0;
	case JSON_KEY:
		return on_key(l, r, s, n);
	default:
		if (c->in_event &&
		    (r->depth == c->base + 1 || (c->in_args && r->depth == c->base + 2)))
			return keep_value(l, type, r->cut, s, n);
		if (c->base && !c->in_event && r->depth == c->base)
			return log_bad(l, "a value among the events that is none");
		if (!c->in_other || r->depth != 2 || !c->other_key.len ||
		    (c->ahead && r == &c->json))
			return 0;
		return chrome_own_member(l, s, n);
	}
}

/* --- the format ------------------------------------------------------------------------------- */

/* The first key of an object that says which format it is, or nothing. */
enum shape { SHAPE_UNKNOWN, SHAPE_CHROME, SHAPE_OTHER };

static int look_at_token(void *ctx, const struct json_reader *r, enum json_token type,
			 const char *s, size_t n)
{
	static const char *const keys[] = {
		"traceEvents",	     "displayTimeUnit",	   "otherData",
		"systemTraceEvents", "stackFrames",	   "viztracer_metadata",
		"file_info",	     "powerTraceAsString", "controllerTraceDataKey",
		"traceViewerConfig",
	};
	enum shape *shape = ctx;

	if (r->depth == 0)
		*shape = type == JSON_BEGIN_OBJECT ? SHAPE_UNKNOWN : SHAPE_OTHER;
	if (*shape != SHAPE_UNKNOWN)
		return 1;
	for (size_t i = 0; r->depth == 1 && type == JSON_KEY && i < sizeof(keys) / sizeof(*keys);
	     i++)
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

/*
 * Whether the log seems to be ours, but for "otherData" in front.  In a pipe, or where it begins
 * with more names than this, it has to stand there.
 */
static bool seems_ours_behind(const struct log *l)
{
	static const char *const words[] = { "\"gilscope_lock\"", "\"gil.event\"" };
	const uint8_t *other = memmem(l->piece, l->piece_len, "\"otherData\"", 11), *found;
	struct stat st;

	if (!strcmp(l->path, "-") || stat(l->path, &st) || !S_ISREG(st.st_mode))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		found = memmem(l->piece, l->piece_len, words[i], strlen(words[i]));
		if (found && (!other || found < other))
			return true;
	}
	return false;
}

/*
 * Reads the whole file for its "otherData", which then counts for the events before it.  What is
 * wrong with the file is said when it is read for these.
 */
static int read_ahead(struct log *l)
{
	struct source_options o = { .long_window = l->long_window, .n_threads = 1 };
	struct chrome *c = l->state;
	struct err broken = { 0 };
	struct json_reader r;
	struct source *s;
	const uint8_t *p;
	size_t n;
	int ret;

	if (source_open(&s, l->path, &o, l->err))
		return -1;
	json_reader_init(&r, on_token, l);
	while (!(ret = source_next(s, &p, &n, &broken)) && n) {
		size_t mark = r.pos || n < 3 || memcmp(p, "\xef\xbb\xbf", 3) ? 0 : 3;

		ret = json_read(&r, p + mark, n - mark, &broken);
		if (ret)
			break;
	}
	if (broken.code == ERR_MEMORY)
		err_memory(l->err, "the trace's other data");
	if (broken.code && broken.code != ERR_MEMORY)
		ret = 0;
	c->ahead = c->ours;
	c->in_other = c->events_next = false;
	buf_clear(&c->other_key);
	buf_clear(&c->others);
	c->others_cut = false;
	json_reader_release(&r);
	source_close(s);
	return ret;
}

static int chrome_open(struct log *l)
{
	struct chrome *c = calloc(1, sizeof(*c));

	if (!c)
		return err_memory(l->err, "a log");
	l->state = c;
	l->clock = CLOCK_NS;
	json_reader_init(&c->json, on_token, l);
	c->order.keep = chrome_keep;
	c->order.ctx = c;
	c->slot = N_SLOTS;
	return seems_ours_behind(l) ? read_ahead(l) : 0;
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
	buf_release(&c->others);
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
	/* the format allows the array's end to be missing */
	if (json_read_between(&c->json))
		return 0;
	if (json_read_end(&c->json, &why))
		return why.code == ERR_MEMORY ? err_memory(l->err, "an event")
					      : log_cut(l, why.msg);
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
