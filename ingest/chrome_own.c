/* chrome_own.c - the events that gilscope convert writes: see chrome.h and docs/convert.md */
#include "chrome.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* bytes of "otherData" that may stand before "gilscope" */
#define MAX_OTHERS (16u << 20)

static bool signed_number(const struct chrome *c, unsigned slot, int64_t *v)
{
	size_t n;
	const char *s = chrome_text(c, slot, &n);
	bool minus = c->s[slot].set && n && *s == '-';
	uint64_t u;

	if (!c->s[slot].set || parse_u64(s + minus, s + n, &u) != s + n || u > MAX_TIME)
		return false;
	*v = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

static int our_process(struct log *l)
{
	struct chrome *c = l->state;
	struct name_process *p;
	uint32_t process;
	uint64_t v;

	if (chrome_process(l, &process))
		return chrome_bad_err(l);
	p = &l->names->process[process];
	if (chrome_number(c, A_PID, &v))
		p->pid = (int64_t)v;
	if (chrome_number(c, A_PPID, &v))
		p->ppid = (int64_t)v;
	if (c->s[A_WAITS].set && (log_begun(l) || (!chrome_is(c, A_WAITS, "busy") &&
						   !chrome_is(c, A_WAITS, "entry"))))
		return log_bad(l, "event %" PRIu64 ": \"waits\" that are unknown or come late",
			       c->n_events);
	if (c->s[A_WAITS].set)
		p->waits = chrome_is(c, A_WAITS, "busy") ? WAITS_BUSY : WAITS_ENTRY;
	return c->s[A_NAME].set && c->s[A_NAME].n
		       ? names_set(l->names, &p->name, (char *)c->text.data + c->s[A_NAME].off,
				   c->s[A_NAME].n, l->err)
		       : 0;
}

static int our_thread(struct log *l)
{
	struct chrome *c = l->state;
	size_t n;
	const char *id = chrome_text(c, c->s[A_ID].set ? A_ID : S_TID, &n);
	uint32_t process, thread;

	if (!c->s[S_TID].set || !c->s[S_TID].n || !n)
		return log_bad(l, "event %" PRIu64 ": a thread's name without a \"tid\"",
			       c->n_events);
	if (chrome_key(l, S_PID, S_TID, false))
		return -1;
	if (chrome_process(l, &process) ||
	    names_find(l->names, NAME_THREAD, process, id, n, &thread, NULL, l->err) ||
	    names_alias(l->names, chrome_scope(l), (char *)c->key.data, c->key.len, thread, l->err))
		return chrome_bad_err(l);
	buf_clear(&c->last_key);
	if (!c->s[A_NAME].set || chrome_is(c, A_KIND, "nameless"))
		return 0;
	return names_set(l->names, &l->names->thread[thread].name,
			 (char *)c->text.data + c->s[A_NAME].off, c->s[A_NAME].n, l->err);
}

static int our_lock(struct log *l)
{
	struct chrome *c = l->state;
	size_t n;
	const char *s = chrome_text(c, A_ID, &n);
	uint32_t process, lock, *first;

	if (!c->s[A_ID].set)
		return log_bad(l, "event %" PRIu64 ": a lock without its id", c->n_events);
	if (chrome_process(l, &process) ||
	    names_find(l->names, NAME_LOCK, process, s, n, &lock, NULL, l->err) ||
	    chrome_first_lock(l, process, &first))
		return chrome_bad_err(l);
	if (!*first)
		*first = lock + 1;
	if (chrome_is(c, A_KIND, "park") && names_park(l->names, lock, l->err))
		return chrome_bad_err(l);
	s = chrome_text(c, A_NAME, &n);
	return n ? names_set(l->names, &l->names->lock[lock].name, s, n, l->err) : 0;
}

static int our_func(struct log *l)
{
	struct chrome *c = l->state;
	const char *name, *file;
	size_t n_name, n_file;
	uint64_t at, line = 0;
	uint32_t func;

	name = chrome_text(c, A_NAME, &n_name);
	file = chrome_text(c, A_FILE, &n_file);
	if (!chrome_number(c, A_NUMBER, &at) || at >= MAX_FUNCS ||
	    (c->s[A_LINE].set && !chrome_number(c, A_LINE, &line)) || line > UINT32_MAX)
		return log_bad(l, "event %" PRIu64 ": a function with an impossible number or line",
			       c->n_events);
	if (names_func(l->names, name, n_name, file, n_file, (uint32_t)line, &func, l->err))
		return chrome_bad_err(l);
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
	static const struct { uint8_t slot, id;
	} plain[] = {
		{ A_CPU, ATTR_CPU },
		{ A_COUNT, ATTR_COUNT },
		{ A_SINCE, ATTR_SINCE },
		{ A_CHECKS, ATTR_CHECKS },
	};
	struct chrome *c = l->state;
	uint32_t target;
	uint64_t u;

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		if (!c->s[plain[i].slot].set)
			continue;
		if (!chrome_number(c, plain[i].slot, &u) ||
		    (plain[i].id == ATTR_CPU && u > INT32_MAX))
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
		if (!chrome_number(c, A_FUNC, &u) || u >= c->cap_funcs || !c->func[u])
			return "a function that nothing has named";
		value[ATTR_FUNC] = c->func[u] - 1;
		*mask |= 1u << ATTR_FUNC;
	}
	if (c->s[A_TARGET].set) {
		if (chrome_key(l, c->s[A_TARGET_PID].set ? A_TARGET_PID : S_PID, A_TARGET, false) ||
		    !names_known(l->names, NAME_ALIAS, chrome_scope(l), (char *)c->key.data,
				 c->key.len, &target))
			return "a target that nothing has named";
		value[ATTR_TARGET] = target;
		*mask |= 1u << ATTR_TARGET;
	}
	return NULL;
}

int chrome_own_event(struct log *l)
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

	s = chrome_text(c, S_NAME, &len);
	kind = c->s[S_NAME].set ? event_kind_find(s, (unsigned)len) : 0;
	if (!kind)
		return log_bad(l, "event %" PRIu64 ": an unknown event of ours", c->n_events);
	if (!chrome_time(l, c, S_TS, &time) || time > MAX_TIME - c->offset)
		return chrome_bad_time(l);
	time += c->offset;
	ret = chrome_thread_of(l, false, &thread);
	if (ret)
		return ret < 0 ? -1 : 0;
	wrong = our_attrs(l, value, &mask);
	if (wrong)
		return log_bad(l, "event %" PRIu64 ": %s", c->n_events, wrong);
	if (event_has_lock(kind)) {
		if (c->s[A_LOCK].set) {
			s = chrome_text(c, A_LOCK, &len);
			if (names_find(l->names, NAME_LOCK, l->names->thread[thread].process, s,
				       len, &number_of, NULL, l->err))
				return chrome_bad_err(l);
			lock = (uint16_t)number_of;
			l->names->lock[lock].used = true;
		} else if (chrome_gil(l, thread, &lock)) {
			return chrome_bad_err(l);
		}
		if (names_lane(l->names, thread, l->err))
			return chrome_bad_err(l);
	}
	if (kind == EV_LOST) {
		if (!(mask & 1u << ATTR_COUNT))
			value[ATTR_COUNT] = 1;
		mask |= 1u << ATTR_COUNT;
		if (log_gap(l, time, mask & 1u << ATTR_SINCE ? (uint64_t)value[ATTR_SINCE] : 0,
			    thread))
			return -1;
	}
	for (unsigned m = mask; m; m &= m - 1, n++) {
		unsigned id = (unsigned)__builtin_ctz(m);

		if (log_attr(l, id, value[id]))
			return -1;
	}
	return log_add(l, time, thread, lock, kind, n);
}

/* --- "otherData": what the file is ------------------------------------------------------------ */

/* A count or a time of a member; false: it is none, which was told as *ret says. */
static bool member_number(struct log *l, const char *key, const char *s, size_t n, uint64_t *v,
			  int *ret)
{
	if (parse_u64(s, s + n, v) == s + n && *v <= MAX_COUNT)
		return true;
	*ret = log_bad(l, "\"%s\" in \"otherData\" is no whole number below 2^63", key);
	return false;
}

static int bad_member(struct log *l, const char *key)
{
	return log_bad(l, "\"%s\" in \"otherData\" is nothing that we know", key);
}

static bool equal(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && !memcmp(s, word, n);
}

static int our_member(struct log *l, const char *key, size_t len, const char *s, size_t n)
{
	struct chrome *c = l->state;
	uint64_t v = 0;
	int ret;

	if (log_begun(l) && (equal(key, len, "clock") || equal(key, len, "offset") ||
			     equal(key, len, "waits") || equal(key, len, "check_interval")))
		return log_bad(l, "its \"%.*s\" stands behind the first event", (int)len, key);
	if (equal(key, len, "clock")) {
		if (!equal(s, n, "ns") && !equal(s, n, "ticks"))
			return bad_member(l, "clock");
		l->clock = n == 2 ? CLOCK_NS : CLOCK_TICKS;
	} else if (equal(key, len, "offset")) {
		if (!member_number(l, "offset", s, n, &v, &ret))
			return ret;
		c->offset = v;
	} else if (equal(key, len, "title")) {
		return names_set(NULL, &l->names->title, s, n, l->err);
	} else if (equal(key, len, "waits")) {
		if (!equal(s, n, "busy") && !equal(s, n, "entry"))
			return bad_member(l, "waits");
		l->waits = n == 4 ? WAITS_BUSY : WAITS_ENTRY;
	} else if (equal(key, len, "check_interval")) {
		if (!member_number(l, "check_interval", s, n, &v, &ret))
			return ret;
		if (v > CHECK_INTERVAL_MAX)
			return bad_member(l, "check_interval");
		l->check_interval = v;
	} else if (equal(key, len, "skipped_lines")) {
		if (!member_number(l, "skipped_lines", s, n, &v, &ret))
			return ret;
		l->skipped = count_add(l->skipped, v);
	} else if (equal(key, len, "lost_events")) {
		if (!member_number(l, "lost_events", s, n, &v, &ret))
			return ret;
		l->names->lost_events = count_add(l->names->lost_events, v);
	} else if (equal(key, len, "truncated")) {
		l->truncated |= equal(s, n, "true");
	} else if (len > 5 && !memcmp(key, "fact:", 5)) {
		return names_fact(l->names, key + 5, len - 5, s, n, l->err) ? chrome_bad_err(l) : 0;
	}
	return 0;
}

/* A member before the one that says whether the file is ours: kept until that comes. */
static int keep_member(struct log *l, const char *s, size_t n)
{
	struct chrome *c = l->state;
	const uint32_t len[2] = { (uint32_t)c->other_key.len, (uint32_t)n };

	if (c->others.len + n + len[0] > MAX_OTHERS) {
		c->others_cut = true;
		return 0;
	}
	buf_add(&c->others, len, sizeof(len));
	buf_add(&c->others, c->other_key.data, len[0]);
	buf_add(&c->others, s, n);
	return buf_failed(&c->others) ? err_memory(l->err, "the trace's other data") : 0;
}

/* The file is ours: what was kept counts. */
static int begin_ours(struct log *l)
{
	struct chrome *c = l->state;
	const char *path = strcmp(l->path, "-") ? l->path : "standard input";
	uint32_t len[2];

	if (c->n_events)
		return err_set(l->err, ERR_FORMAT,
			       "%s: event %" PRIu64 " comes before \"otherData\", which says on "
			       "which clock gilscope convert wrote the events: expected before "
			       "\"traceEvents\"; jq '{otherData} + .' puts it there", path,
			       c->n_events);
	if (c->others_cut)
		return err_set(l->err, ERR_FORMAT,
			       "%s: more than %u bytes in \"otherData\" before \"gilscope\"",
			       path, MAX_OTHERS);
	c->ours = true;
	for (size_t at = 0; at < c->others.len; at += sizeof(len) + len[0] + len[1]) {
		const char *key = (const char *)c->others.data + at + sizeof(len);

		memcpy(len, c->others.data + at, sizeof(len));
		if (our_member(l, key, len[0], key + len[0], len[1]))
			return -1;
	}
	buf_release(&c->others);
	return 0;
}

int chrome_own_member(struct log *l, const char *s, size_t n)
{
	struct chrome *c = l->state;
	const char *key = (const char *)c->other_key.data;
	size_t len = c->other_key.len;

	if (equal(key, len, "gilscope"))
		return begin_ours(l);
	return c->ours ? our_member(l, key, len, s, n) : keep_member(l, s, n);
}

int chrome_own_metadata(struct log *l)
{
	struct chrome *c = l->state;

	if (chrome_is(c, S_NAME, "process_name"))
		return our_process(l);
	if (chrome_is(c, S_NAME, "thread_name"))
		return our_thread(l);
	if (chrome_is(c, S_NAME, "gilscope_lock"))
		return our_lock(l);
	return chrome_is(c, S_NAME, "gilscope_func") ? our_func(l) : 0;
}
