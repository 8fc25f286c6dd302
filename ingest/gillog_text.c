/* gillog_text.c - our plain format, one event a line: docs/gillog.md */
#include "formats.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define MAX_WORDS 32

struct gillog_text {
	/* the first one that a header names, or the nameless one; NONE: not yet */
	uint32_t first_process;
	uint32_t *first_lock;		/* of each process: its first lock + 1, or 0 */
	uint32_t cap_locks;
	uint32_t *func;			/* the log's numbers of functions -> the trace's + 1 */
	uint32_t cap_funcs;
	enum waits waits;		/* as a header tells it */
	struct thread_cache cache;
};

/* A word of a line: "key=value", or a value with an empty key. */
struct word {
	const char *key, *s;
	size_t key_len, n;
	bool quoted;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * Undoes a quoted string in place of scratch; s stands behind the first quote. Where it ended, or
 * NULL, also where it holds a NUL: no string of ours does.
 */
static const char *unquote(struct buf *scratch, const char *s, const char *end)
{
	for (; s < end && *s != '"'; s++) {
		char c = *s;

		if (c == '\\') {
			if (++s == end)
				return NULL;
			c = *s;
			if (c == 'n') {
				c = '\n';
			} else if (c == 't') {
				c = '\t';
			} else if (c == 'x' && end - s > 2 && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
				c = (char)(hex(s[1]) << 4 | hex(s[2]));
				s += 2;
			}
		}
		if (!c)
			return NULL;
		buf_add(scratch, &c, 1);
	}
	return s < end ? s + 1 : NULL;
}

/*
 * Splits [s, end) into words; those that were quoted lie in scratch, whose room was reserved for
 * all of them beforehand.  The number of words, or -1 if the line cannot be split.
 */
static int split(struct word *w, struct buf *scratch, const char *s, const char *end)
{
	int n = 0;

	buf_clear(scratch);
	if (!buf_reserve(scratch, (size_t)(end - s) + 1))
		return -1;
	for (;;) {
		const char *start, *p;

		while (s < end && is_blank(*s))
			s++;
		if (s == end)
			return n;
		if (n == MAX_WORDS)
			return -1;
		w[n] = (struct word){ .key = s };
		for (p = s; p < end && !is_blank(*p) && *p != '"' && *p != '=';)
			p++;
		start = s;
		if (p < end && *p == '=' && p > s) {
			w[n].key_len = (size_t)(p - s);
			start = p + 1;
		}
		if (start < end && *start == '"') {
			size_t at = scratch->len;

			p = unquote(scratch, start + 1, end);
			if (!p || (p < end && !is_blank(*p)))
				return -1;
			w[n].s = (const char *)scratch->data + at;
			w[n].n = scratch->len - at;
			w[n].quoted = true;
		} else {
			for (p = start; p < end && !is_blank(*p);)
				p++;
			w[n].s = start;
			w[n].n = (size_t)(p - start);
		}
		n++;
		s = p;
	}
}

static int cannot_split(struct log *l)
{
	return log_bad(l, "a quoted string that does not end or holds a NUL, or too many words");
}

static bool value_is(const struct word *w, const char *s)
{
	return w->n == strlen(s) && !memcmp(w->s, s, w->n);
}

static bool is(const struct word *w, const char *s)
{
	return !w->key_len && value_is(w, s);
}

static bool key_is(const struct word *w, const char *s)
{
	return w->key_len == strlen(s) && !memcmp(w->key, s, w->key_len);
}

static const struct word *find_key(const struct word *w, int n, const char *key)
{
	for (int i = 0; i < n; i++)
		if (key_is(&w[i], key))
			return &w[i];
	return NULL;
}

static bool number(const struct word *w, uint64_t max, uint64_t *v)
{
	return w->n && parse_u64(w->s, w->s + w->n, v) == w->s + w->n && *v <= max;
}

/* A whole number that may be negative, as countdowns are now and then. */
static bool signed_number(const struct word *w, int64_t *v)
{
	bool minus = w->n && *w->s == '-';
	struct word digits = { .s = w->s + minus, .n = w->n - minus };
	uint64_t u;

	if (!number(&digits, INT64_MAX, &u))
		return false;
	*v = minus ? -(int64_t)u : (int64_t)u;
	return true;
}

/* --- processes, threads, locks ---------------------------------------------------------------- */

/* The process that a line's process= names; without one the first. */
static int find_process(struct log *l, const struct word *w, uint32_t *process)
{
	struct gillog_text *g = l->state;

	if (w)
		return names_find(l->names, NAME_PROCESS, l->number, w->s, w->n, process, NULL,
				  l->err);
	if (g->first_process == NONE &&
	    names_find(l->names, NAME_PROCESS, l->number, "", 0, &g->first_process, NULL, l->err))
		return -1;
	*process = g->first_process;
	return 0;
}

/*
 * The scope of ids as lines without process= use them: an id means the thread that a header line
 * has named so first, else the one of the first process.
 */
static uint32_t plain_scope(const struct log *l)
{
	return 1u << 31 | l->number;
}

/* A thread by its process and id. */
static int find_thread_in(struct log *l, uint32_t process, const char *s, size_t n,
			  uint32_t *thread)
{
	return names_find(l->names, NAME_THREAD, process, s, n, thread, NULL, l->err);
}

static int find_thread(struct log *l, const struct word *w, const struct word *process,
		       uint32_t *thread)
{
	struct gillog_text *g = l->state;
	uint64_t id = thread_cache_id(w->s, w->n);
	uint32_t p;

	if (!process && thread_cache_find(&g->cache, id, thread))
		return 0;
	if (process) {
		if (find_process(l, process, &p))
			return -1;
		return find_thread_in(l, p, w->s, w->n, thread);
	}
	if (!names_known(l->names, NAME_ALIAS, plain_scope(l), w->s, w->n, thread) &&
	    (find_process(l, NULL, &p) || find_thread_in(l, p, w->s, w->n, thread)))
		return -1;
	thread_cache_add(&g->cache, id, *thread);
	return 0;
}

/* Whom a WAKEUP wakes: a thread of the waker's process if one is called so. */
static int find_target(struct log *l, const struct word *w, uint32_t process, uint32_t *thread)
{
	if (names_known(l->names, NAME_THREAD, process, w->s, w->n, thread) ||
	    names_known(l->names, NAME_ALIAS, plain_scope(l), w->s, w->n, thread))
		return 0;
	return find_thread_in(l, process, w->s, w->n, thread);
}

/* A process's lock by its id; w NULL: its first one. */
static int find_lock(struct log *l, uint32_t process, const struct word *w, uint16_t *lock)
{
	struct gillog_text *g = l->state;
	uint32_t number;

	if (process >= g->cap_locks) {
		uint32_t cap = 2 * process + 16, *p = realloc(g->first_lock, cap * sizeof(*p));

		if (!p)
			return err_memory(l->err, "locks");
		memset(p + g->cap_locks, 0, (cap - g->cap_locks) * sizeof(*p));
		g->first_lock = p;
		g->cap_locks = cap;
	}
	if (!w && g->first_lock[process]) {
		*lock = (uint16_t)(g->first_lock[process] - 1);
		return 0;
	}
	if (w) {
		if (names_find(l->names, NAME_LOCK, process, w->s, w->n, &number, NULL, l->err))
			return -1;
	} else {
		if (names_find(l->names, NAME_LOCK, process, "0", 1, &number, NULL, l->err) ||
		    (!l->names->lock[number].name &&
		     names_set(l->names, &l->names->lock[number].name, "GIL", 3, l->err)))
			return -1;
		g->first_lock[process] = number + 1;
	}
	*lock = (uint16_t)number;
	return 0;
}

/* --- header lines ----------------------------------------------------------------------------- */

/*
 * Whether w holds two words and then nothing but the keys of this list, each once; a NULL ends it.
 * A word too many is mostly a name that should have been quoted.  If not, it is told as a bad line,
 * with the answer in *ret.
 */
static bool has_only(struct log *l, const struct word *w, int n, const char *const *keys, int *ret)
{
	if (n < 2 || w[1].key_len) {
		*ret = log_bad(l, "a \"# %.*s\" line that does not say which one", (int)w[0].n,
			       w[0].s);
		return false;
	}
	for (int i = 2; i < n; i++) {
		const char *const *key = keys;

		while (w[i].key_len && *key && !key_is(&w[i], *key))
			key++;
		if (w[i].key_len && *key && find_key(w, n, *key) == &w[i])
			continue;
		*ret = log_bad(l,
			       !w[i].key_len ? "a word that is no key=value in a \"# %.*s\" line" :
			       *key	     ? "a key that stands twice in a \"# %.*s\" line" :
					       "an unknown key in a \"# %.*s\" line",
			       (int)w[0].n, w[0].s);
		return false;
	}
	return true;
}

static int header_process(struct log *l, const struct word *w, int n)
{
	static const char *const keys[] = { "pid", "ppid", "name", "waits", NULL };
	struct gillog_text *g = l->state;
	const struct word *pid = find_key(w, n, "pid"), *ppid = find_key(w, n, "ppid"),
			  *name = find_key(w, n, "name"), *waits = find_key(w, n, "waits");
	uint64_t pid_v = 0, ppid_v = 0;
	struct name_process *p;
	uint32_t number_of;
	int ret;

	if (!has_only(l, w, n, keys, &ret))
		return ret;
	if ((pid && !number(pid, INT64_MAX, &pid_v)) || (ppid && !number(ppid, INT64_MAX, &ppid_v)))
		return log_bad(l, "a \"# process\" line with an impossible pid");
	if (waits && !value_is(waits, "busy") && !value_is(waits, "entry"))
		return log_bad(l, "waits that are neither \"busy\" nor \"entry\"");
	if (names_find(l->names, NAME_PROCESS, l->number, w[1].s, w[1].n, &number_of, NULL, l->err))
		return log_bad_err(l);
	if (g->first_process == NONE)
		g->first_process = number_of;
	p = &l->names->process[number_of];
	if (waits && log_begun(l))
		return log_bad(l, "what begins a wait, behind the first event");
	if (waits)
		p->waits = value_is(waits, "busy") ? WAITS_BUSY : WAITS_ENTRY;
	if (pid)
		p->pid = (int64_t)pid_v;
	if (ppid)
		p->ppid = (int64_t)ppid_v;
	return name ? names_set(l->names, &p->name, name->s, name->n, l->err) : 0;
}

static int header_thread(struct log *l, const struct word *w, int n)
{
	static const char *const keys[] = { "process", "name", NULL };
	struct gillog_text *g = l->state;
	const struct word *name = find_key(w, n, "name");
	uint32_t process, thread;
	int ret;

	if (!has_only(l, w, n, keys, &ret))
		return ret;
	if (!w[1].n)
		return log_bad(l, "an empty thread");
	if (find_process(l, find_key(w, n, "process"), &process) ||
	    find_thread_in(l, process, w[1].s, w[1].n, &thread) ||
	    names_alias(l->names, plain_scope(l), w[1].s, w[1].n, thread, l->err))
		return log_bad_err(l);
	memset(&g->cache, 0, sizeof(g->cache));
	return name ? names_set(l->names, &l->names->thread[thread].name, name->s, name->n, l->err)
		    : 0;
}

static int header_lock(struct log *l, const struct word *w, int n)
{
	static const char *const keys[] = { "process", "name", "kind", NULL };
	struct gillog_text *g = l->state;
	const struct word *name = find_key(w, n, "name"), *kind = find_key(w, n, "kind");
	bool park = kind && value_is(kind, "park");
	uint32_t process;
	uint16_t lock;
	int ret;

	if (!has_only(l, w, n, keys, &ret))
		return ret;
	if (kind && !park && !value_is(kind, "gil"))
		return log_bad(l, "a lock of a kind that is neither \"gil\" nor \"park\"");
	if (find_process(l, find_key(w, n, "process"), &process) ||
	    find_lock(l, process, &w[1], &lock))
		return log_bad_err(l);
	if (!g->first_lock[process])
		g->first_lock[process] = lock + 1u;
	if (park && names_park(l->names, lock, l->err))
		return log_bad_err(l);
	return name ? names_set(l->names, &l->names->lock[lock].name, name->s, name->n, l->err) : 0;
}

static int header_func(struct log *l, const struct word *w, int n)
{
	static const char *const keys[] = { "name", "file", "line", NULL };
	struct gillog_text *g = l->state;
	const struct word *name = find_key(w, n, "name"), *file = find_key(w, n, "file"),
			  *line = find_key(w, n, "line");
	uint64_t at, first = 0;
	uint32_t func;
	int ret;

	if (!has_only(l, w, n, keys, &ret))
		return ret;
	if (!number(&w[1], MAX_FUNCS - 1, &at))
		return log_bad(l, "a \"# func\" line without the function's number");
	if (line && !number(line, UINT32_MAX, &first))
		return log_bad(l, "a \"# func\" line with an impossible line=");
	if (names_func(l->names, name ? name->s : "", name ? name->n : 0, file ? file->s : "",
		       file ? file->n : 0, (uint32_t)first, &func, l->err))
		return log_bad_err(l);
	if (at >= g->cap_funcs) {
		uint32_t cap = 2 * (uint32_t)at + 64, *p = realloc(g->func, cap * sizeof(*p));

		if (!p)
			return err_memory(l->err, "functions");
		memset(p + g->cap_funcs, 0, (cap - g->cap_funcs) * sizeof(*p));
		g->func = p;
		g->cap_funcs = cap;
	}
	g->func[at] = func + 1;
	return 0;
}

static int header_number(struct log *l, const struct word *w, int n)
{
	uint64_t v;

	if (is(&w[0], "truncated")) {
		l->truncated |= n == 1;
		return n == 1 ? 0 : log_bad(l, "a \"# truncated\" line with a word too many");
	}
	if (n != 2 || !number(&w[1], MAX_COUNT, &v))
		return log_bad(l, "a \"# %.*s\" line without its number", (int)w[0].n, w[0].s);
	if (is(&w[0], "skipped-lines"))
		l->skipped = count_add(l->skipped, v);
	else if (is(&w[0], "lost-events"))
		l->names->lost_events = count_add(l->names->lost_events, v);
	else if (v > CHECK_INTERVAL_MAX)
		return log_bad(l, "a check interval of more than %d ticks", CHECK_INTERVAL_MAX);
	else if (log_begun(l) && v != l->check_interval)
		return log_bad(l, "a check interval behind the first event");
	else
		l->check_interval = v;
	return 0;
}

static int header_clock(struct log *l, const struct word *w, int n)
{
	enum timeline_clock clock = n == 2 && is(&w[1], "ticks") ? CLOCK_TICKS : CLOCK_NS;

	if (n == 2 && (clock == CLOCK_TICKS || is(&w[1], "ns"))) {
		if (log_begun(l) && clock != l->clock)
			return log_bad(l, "a clock behind the first event");
		l->clock = clock;
		return 0;
	}
	return log_bad(l, "a clock that is neither \"ns\" nor \"ticks\"");
}

static int header_waits(struct log *l, const struct word *w, int n)
{
	struct gillog_text *g = l->state;
	enum waits waits = n == 2 && is(&w[1], "busy") ? WAITS_BUSY : WAITS_ENTRY;

	if (n == 2 && (waits == WAITS_BUSY || is(&w[1], "entry"))) {
		if (log_begun(l) && waits != g->waits)
			return log_bad(l, "what begins a wait, behind the first event");
		l->waits = g->waits = waits;
		return 0;
	}
	return log_bad(l, "waits that are neither \"busy\" nor \"entry\"");
}

/* "# title TEXT": to the end of the line, or a quoted string. */
static int header_title(struct log *l, const char *s, const char *end, const struct word *w, int n)
{
	while (s < end && is_blank(*s))
		s++;
	if (n == 2 && w[1].quoted && !w[1].key_len)
		return names_set(NULL, &l->names->title, w[1].s, w[1].n, l->err);
	return names_set(NULL, &l->names->title, s, (size_t)(end - s), l->err);
}

/* "# fact KEY=VALUE" or "# fact KEY VALUE". */
static int header_fact(struct log *l, const struct word *w, int n)
{
	const struct word *v = &w[n - 1];

	if (n == 2 && v->key_len)
		return names_fact(l->names, v->key, v->key_len, v->s, v->n, l->err) ?
			       log_bad_err(l) : 0;
	if (n == 3 && !w[1].key_len && !v->key_len)
		return names_fact(l->names, w[1].s, w[1].n, v->s, v->n, l->err) ?
			       log_bad_err(l) : 0;
	return log_bad(l, "a \"# fact\" line that is not KEY=\"VALUE\" or \"KEY\" \"VALUE\"");
}

/* What stands behind "# ": a header line by its first word, else a comment. */
static int header_line(struct log *l, const char *s, const char *end)
{
	static const struct {
		const char *word;
		int (*line)(struct log *l, const struct word *w, int n);
	} headers[] = {
		{ "title", NULL },
		{ "clock", header_clock },
		{ "process", header_process },
		{ "thread", header_thread },
		{ "lock", header_lock },
		{ "func", header_func },
		{ "waits", header_waits },
		{ "check-interval", header_number },
		{ "skipped-lines", header_number },
		{ "lost-events", header_number },
		{ "truncated", header_number },
		{ "fact", header_fact },
	};
	struct word w[MAX_WORDS];
	const char *p;
	size_t i = 0;
	int n;

	while (s < end && is_blank(*s))
		s++;
	for (p = s; p < end && !is_blank(*p);)
		p++;
	while (i < sizeof(headers) / sizeof(*headers) &&
	       (strlen(headers[i].word) != (size_t)(p - s) ||
		memcmp(headers[i].word, s, (size_t)(p - s))))
		i++;
	if (i == sizeof(headers) / sizeof(*headers))
		return 0;
	n = split(w, &l->scratch, s, end);
	if (!headers[i].line)
		return header_title(l, p, end, w, n);
	if (n < 0)
		return cannot_split(l);
	return headers[i].line(l, w, n);
}

/* --- events ----------------------------------------------------------------------------------- */

/* Fills value[id] from key=value; NULL, or what is wrong.  Memory that ran out is *failed. */
static const char *get_value(struct log *l, const struct word *w, uint32_t thread, int64_t *value,
			     unsigned *mask, bool *failed)
{
	struct gillog_text *g = l->state;
	unsigned id = event_attr_find(w->key, (unsigned)w->key_len);
	uint32_t target;
	uint64_t u;

	if (!id || id == ATTR_SIGNAL)
		return "an unknown key";
	if (id == ATTR_TARGET) {
		if (!w->n)
			return "an empty target=";
		if (find_target(l, w, l->names->thread[thread].process, &target)) {
			*failed = l->err->code == ERR_MEMORY;
			return "an impossible target=";
		}
		value[id] = target;
	} else if (id == ATTR_COUNTDOWN) {
		if (!signed_number(w, &value[id]))
			return "a value that is no number";
	} else {
		if (!number(w, id == ATTR_CPU ? INT32_MAX : INT64_MAX, &u))
			return "a value that is no number";
		if (id == ATTR_FUNC && (u >= g->cap_funcs || !g->func[u]))
			return "a function that no \"# func\" line has named";
		value[id] = id == ATTR_FUNC ? g->func[u] - 1 : (int64_t)u;
	}
	*mask |= 1u << id;
	return NULL;
}

static int add_event(struct log *l, uint64_t time, uint32_t thread, unsigned kind,
		     const struct word *lock, const int64_t *value, unsigned mask)
{
	uint16_t number_of = 0;
	unsigned n = 0;

	if (event_has_lock(kind)) {
		if (find_lock(l, l->names->thread[thread].process, lock, &number_of) ||
		    names_lane(l->names, thread, l->err))
			return log_bad_err(l);
		l->names->lock[number_of].used = true;
	}
	if (kind == EV_LOST &&
	    log_gap(l, time, mask & 1u << ATTR_SINCE ? (uint64_t)value[ATTR_SINCE] : 0, thread))
		return -1;
	for (unsigned m = mask; m; m &= m - 1, n++) {
		unsigned id = (unsigned)__builtin_ctz(m);

		if (log_attr(l, id, value[id]))
			return -1;
	}
	return log_add(l, time, thread, number_of, kind, n);
}

static int event_line(struct log *l, const char *s, const char *end)
{
	struct word w[MAX_WORDS];
	const struct word *process = NULL, *lock = NULL;
	int64_t value[N_ATTRS];
	unsigned mask = 0, kind;
	uint32_t thread;
	uint64_t time;
	int n = split(w, &l->scratch, s, end);

	if (n < 0)
		return cannot_split(l);
	if (n < 3 || w[0].key_len || w[1].key_len || w[2].key_len)
		return log_bad(l, "not TIME THREAD EVENT");
	if (!number(&w[0], MAX_TIME, &time))
		return log_bad(l, "its time is no whole number below 2^63");
	kind = event_kind_find(w[2].s, (unsigned)w[2].n);
	if (!kind)
		return log_bad(l, "an unknown event");
	if (!w[1].n)
		return log_bad(l, "an empty thread");
	if (!*w[1].s)	/* in the cache of threads it would be what is behind it */
		return log_bad(l, "a thread that begins with a NUL");
	for (int i = 3; i < n; i++) {
		if (!w[i].key_len)
			return log_bad(l, "a word that is no key=value");
		if (key_is(&w[i], "process"))
			process = &w[i];
		if (key_is(&w[i], "lock"))
			lock = &w[i];
	}
	if (find_thread(l, &w[1], process, &thread))
		return log_bad_err(l);
	for (int i = 3; i < n; i++) {
		bool failed = false;
		const char *wrong = &w[i] == process || &w[i] == lock ? NULL :
				    get_value(l, &w[i], thread, value, &mask, &failed);

		if (wrong)
			return failed ? -1 : log_bad(l, "%s", wrong);
	}
	if (kind == EV_LOST && !(mask & 1u << ATTR_COUNT)) {
		value[ATTR_COUNT] = 1;
		mask |= 1u << ATTR_COUNT;
	}
	return add_event(l, time, thread, kind, lock, value, mask);
}

/*
 * "TIME THREAD EVENT" and nothing more, with single blanks: most lines.  False: not one of these.
 */
static bool plain_event(struct log *l, const char *s, const char *end, int *ret)
{
	const char *id, *name, *p;
	struct word w = { 0 };
	uint64_t time;
	uint32_t thread;
	unsigned kind;

	if (end - s > 64 || !(id = parse_u64(s, end, &time)) || id == end || *id != ' ' ||
	    time > MAX_TIME)
		return false;
	for (p = ++id; p < end && (unsigned char)*p > ' ' && *p != '"' && *p != '=';)
		p++;
	if (p == id || p == end || *p != ' ')
		return false;
	w.s = id;
	w.n = (size_t)(p - id);
	name = p + 1;
	for (p = name; p < end && (unsigned char)*p > ' ' && *p != '=' && *p != '"';)
		p++;
	if (p != end)
		return false;
	kind = event_kind_find(name, (unsigned)(end - name));
	if (!kind || kind == EV_LOST || find_thread(l, &w, NULL, &thread))
		return false;
	*ret = add_event(l, time, thread, kind, NULL, NULL, 0);
	return true;
}

static int gillog_line(struct log *l, const char *s, size_t n)
{
	const char *end = s + n;
	int ret;

	if (n && *s == '#')
		return n > 1 && is_blank(s[1]) ? header_line(l, s + 2, end) : 0;
	if (plain_event(l, s, end, &ret))
		return ret;
	while (s < end && is_blank(*s))
		s++;
	return s == end ? 0 : event_line(l, s, end);
}

static int gillog_lines(struct log *l, const char *p, const char *end)
{
	return text_each(l, p, end, gillog_line);
}

static bool gillog_recognise(const uint8_t *head, size_t n)
{
	static const char magic[] = "# gillog 1";
	size_t len = sizeof(magic) - 1;

	return n >= len && !memcmp(head, magic, len) &&
	       (n == len || head[len] == '\n' || head[len] == '\r' || head[len] == ' ');
}

static int gillog_open_text(struct log *l)
{
	struct gillog_text *g = calloc(1, sizeof(*g));

	if (!g)
		return err_memory(l->err, "a log");
	g->first_process = NONE;
	l->state = g;
	l->clock = CLOCK_NS;
	return 0;
}

static void gillog_close_text(struct log *l)
{
	struct gillog_text *g = l->state;

	if (g) {
		free(g->first_lock);
		free(g->func);
	}
	free(g);
}

const struct format format_gillog = {
	.name = "gillog",
	.recognise = gillog_recognise,
	.open = gillog_open_text,
	.read = text_read,
	.lines = gillog_lines,
	.close = gillog_close_text,
};
