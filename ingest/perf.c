/*
 * perf.c - the text that perf script prints for probes on take_gil and drop_gil, and scheduler
 * events
 *
 *	Thread-0 (cpu) 10258 [000]  1890.059327880:          python:take_gil: (7f7737cae9f0)
 *	        python  9989 [000]  1883.632590337:  python:drop_gil__return: (7fc9af265b10 <- ...)
 *
 * Names of threads hold anything, so a line is found by the leftmost " PID [CPU] TIME:" in it.
 * Lines without one that are indented, empty or begin with "#" are stacks and headers and belong to
 * perf's output; but events are indented too, and what was one before it was damaged is a bad line.
 *
 * But for its time, most lines of the lock repeat earlier ones byte for byte: as many heads as
 * there are threads and cpus, as many tails as there are calls of the two functions.  So what the
 * text before and the text behind the time mean is kept with the text.  Each means the same again:
 * no anchor reaches across the blank before the time.
 */
#include "formats.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define NO_PROCESS UINT32_MAX

#define COMM_COLUMNS 16		/* in which a thread's name stands, without a stack */

#define KNOWN 256		/* texts of each sort that are kept */
#define MAX_KNOWN 119		/* bytes of the longest */

struct known {
	char text[MAX_KNOWN];
	uint8_t len;		/* 0: none */
	uint8_t kind;		/* of a tail: the event's */
	uint8_t comm, comm_len;	/* of a head: where in it the thread's name is; 0: nowhere */
	uint32_t thread;
	int64_t cpu;
};

struct perf {
	/* the process of threads of which no pid is known, or NO_PROCESS */
	uint32_t base;
	uint32_t *lock;			/* of each process: its lock + 1, or 0 */
	uint32_t cap_locks;
	struct perf_thread {
		bool placed;		/* its pid is known */
		const struct known *head;	/* that has given it its name last, or NULL */
	} *thread;
	uint32_t cap_threads;
	uint64_t stack_line;		/* the newest line that was not an event's; 0: none */
	size_t head_len;		/* of the line before */
	struct known head[KNOWN], tail[KNOWN];
	struct thread_cache cache;
};

struct anchor {
	const char *comm, *comm_end;
	const char *pid, *pid_end;	/* NULL: only a tid */
	const char *tid, *tid_end;
	int64_t cpu;			/* -1: none */
	uint64_t time;
	bool bad_time;
	const char *rest;		/* what stands behind the time */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *digits_back(const char *s, const char *begin)
{
	while (s > begin && is_digit(s[-1]))
		s--;
	return s;
}

static const char *blanks_back(const char *s, const char *begin)
{
	while (s > begin && is_blank(s[-1]))
		s--;
	return s;
}

/* Whether the "." at dot is the one of a TIME with a PID before it. */
static bool anchor_at(struct anchor *a, const char *s, const char *dot, const char *end)
{
	const char *sec = digits_back(dot, s), *frac = dot + 1, *p = frac, *q;
	uint64_t seconds, ns = 0;

	while (p < end && is_digit(*p))
		p++;
	if (sec == dot || p == frac || p - frac > 9 || p == end || *p != ':' || p + 1 == end ||
	    !is_blank(p[1]) || sec == s || !is_blank(sec[-1]))
		return false;
	a->rest = p + 1;
	for (int i = 0; i < 9; i++)
		ns = 10 * ns + (unsigned)(frac + i < p ? frac[i] - '0' : 0);
	a->bad_time = !parse_u64(sec, dot, &seconds) || seconds > MAX_TIME / 1000000000 - 1;
	a->time = a->bad_time ? 0 : seconds * 1000000000 + ns;

	q = blanks_back(sec, s);
	a->cpu = -1;
	if (q > s && q[-1] == ']') {
		const char *c = digits_back(q - 1, s);
		uint64_t cpu;

		if (c == q - 1 || c == s || c[-1] != '[' || c - 1 == s || !is_blank(c[-2]) ||
		    !parse_u64(c, q - 1, &cpu) || cpu > INT32_MAX)
			return false;
		a->cpu = (int64_t)cpu;
		q = blanks_back(c - 1, s);
	}
	a->tid_end = q;
	q = digits_back(q, s);
	if (q == a->tid_end)
		return false;
	if (q > s && q[-1] == '-')
		q--;
	a->tid = q;
	a->pid = a->pid_end = NULL;
	if (q > s && q[-1] == '/') {
		a->pid_end = q - 1;
		q = digits_back(q - 1, s);
		if (q == a->pid_end)
			return false;
		if (q > s && q[-1] == '-')
			q--;
		a->pid = q;
	}
	if (q == s || !is_blank(q[-1]))
		return false;
	a->comm_end = blanks_back(q, s);
	while (s < a->comm_end && is_blank(*s))
		s++;
	a->comm = s;
	return s < a->comm_end;
}

static bool find_anchor(struct anchor *a, const char *s, const char *end)
{
	for (const char *dot = s; dot < end && (dot = memchr(dot, '.', (size_t)(end - dot))); dot++)
		if (anchor_at(a, s, dot, end))
			return true;
	return false;
}

struct perf_event {
	const char *name, *name_end;	/* behind its group: "take_gil" */
	const char *args, *end;
};

/* The event's name: words of letters joined by ":", then ":". */
static bool find_event(struct perf_event *e, const char *s, const char *end)
{
	const char *p;

	while (s < end && is_blank(*s))
		s++;
	for (p = s; p < end && is_digit(*p);)
		p++;
	if (p > s && p < end && is_blank(*p)) {		/* a count before the name */
		while (p < end && is_blank(*p))
			p++;
		s = p;
	}
	for (p = s; p < end && !is_blank(*p);)
		p++;
	if (p == s || p[-1] != ':' || p - 1 == s)
		return false;
	e->args = p;
	e->end = end;
	e->name_end = --p;
	while (p > s && p[-1] != ':')
		p--;
	e->name = p;
	return e->name < e->name_end;
}

static inline bool starts(const struct perf_event *e, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(e->name_end - e->name) >= n && !memcmp(e->name, word, n);
}

static inline bool is(const struct perf_event *e, const char *word)
{
	return starts(e, word) && (size_t)(e->name_end - e->name) == strlen(word);
}

static inline bool ends(const struct perf_event *e, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(e->name_end - e->name) >= n && !memcmp(e->name_end - n, word, n);
}

/* A second probe of one name gets "_1" behind it. */
static bool is_return(const struct perf_event *e)
{
	struct perf_event first = *e;

	first.name_end = digits_back(e->name_end, e->name);
	if (first.name_end > e->name && first.name_end[-1] == '_')
		first.name_end--;
	else
		first = *e;
	return memmem(e->args, (size_t)(e->end - e->args), "<-", 2) || ends(&first, "_return") ||
	       ends(&first, "%return");
}

/* --- threads ---------------------------------------------------------------------------------- */

static int base_process(struct log *l, uint32_t *process)
{
	struct perf *p = l->state;

	if (p->base == NO_PROCESS && names_add_process(l->names, l->number, -1, &p->base, l->err))
		return -1;
	*process = p->base;
	return 0;
}

/* The scope of the system's thread ids: the log. */
static uint32_t tid_scope(const struct log *l)
{
	return 1u << 31 | l->number;
}

static int find_tid(struct log *l, const char *s, size_t n, uint32_t *thread)
{
	struct perf *p = l->state;
	uint64_t id = thread_cache_id(s, n);
	uint32_t base;
	bool known;

	if (thread_cache_find(&p->cache, id, thread))
		return 0;
	if (names_find(l->names, NAME_THREAD, tid_scope(l), s, n, thread, &known, l->err))
		return -1;
	if (*thread >= p->cap_threads) {
		uint32_t cap = 2 * *thread + 64;
		struct perf_thread *a = realloc(p->thread, cap * sizeof(*a));

		if (!a)
			return err_memory(l->err, "threads");
		memset(a + p->cap_threads, 0, (cap - p->cap_threads) * sizeof(*a));
		p->thread = a;
		p->cap_threads = cap;
	}
	if (!known) {
		if (base_process(l, &base))
			return -1;
		l->names->thread[*thread].process = base;
	}
	thread_cache_add(&p->cache, id, *thread);
	return 0;
}

/* The first pid that is seen with a thread is its process. */
static int place_thread(struct log *l, const struct anchor *a, uint32_t thread)
{
	struct perf *p = l->state;
	uint64_t pid;
	uint32_t process;
	bool known;

	if (!a->pid || p->thread[thread].placed)
		return 0;
	if (names_find(l->names, NAME_PROCESS, l->number, a->pid, (size_t)(a->pid_end - a->pid),
		       &process, &known, l->err))
		return -1;
	if (!known && parse_u64(a->pid, a->pid_end, &pid) && pid <= INT32_MAX)
		l->names->process[process].pid = (int64_t)pid;
	l->names->thread[thread].process = process;
	p->thread[thread].placed = true;
	return 0;
}

static int find_lock(struct log *l, uint32_t thread, uint16_t *lock)
{
	struct perf *p = l->state;
	uint32_t process = l->names->thread[thread].process, number;

	if (process >= p->cap_locks) {
		uint32_t cap = 2 * process + 16;
		uint32_t *a = realloc(p->lock, cap * sizeof(*a));

		if (!a)
			return err_memory(l->err, "locks");
		memset(a + p->cap_locks, 0, (cap - p->cap_locks) * sizeof(*a));
		p->lock = a;
		p->cap_locks = cap;
	}
	if (!p->lock[process]) {
		if (names_find(l->names, NAME_LOCK, process, "0", 1, &number, NULL, l->err) ||
		    names_set(l->names, &l->names->lock[number].name, "GIL", 3, l->err))
			return -1;
		p->lock[process] = number + 1;
	}
	*lock = (uint16_t)(p->lock[process] - 1);
	return 0;
}

static int add_event_at(struct log *l, uint64_t time, int64_t cpu, uint32_t thread, uint16_t lock,
			unsigned kind, int64_t target)
{
	unsigned n = 0;

	if (cpu >= 0) {
		if (log_attr(l, ATTR_CPU, cpu))
			return -1;
		n++;
	}
	if (target >= 0) {
		if (log_attr(l, ATTR_TARGET, target))
			return -1;
		n++;
	}
	return log_add(l, time, thread, lock, kind, n);
}

static int add_event(struct log *l, const struct anchor *a, uint32_t thread, uint16_t lock,
		     unsigned kind, int64_t target)
{
	return add_event_at(l, a->time, a->cpu, thread, lock, kind, target);
}

/* "key=VALUE" behind its last occurrence before `before` (NULL: anywhere); the digits of VALUE. */
static const char *find_number(const struct perf_event *e, const char *key, const char *before,
			       const char **number_end)
{
	size_t n = strlen(key);
	const char *found = NULL, *end = before ? before : e->end;

	for (const char *p = e->args; (p = memmem(p, (size_t)(end - p), key, n)); p += n)
		found = p + n;
	if (!found)
		return NULL;
	for (*number_end = found; *number_end < e->end && is_digit(**number_end);)
		(*number_end)++;
	return *number_end > found ? found : NULL;
}

/* A scheduler's event without whom it is about; perf script prints none if it shall not. */
static int nobody(struct log *l, const struct perf_event *e)
{
	return blanks_back(e->end, e->args) == e->args ?
		       0 : log_bad(l, "a scheduler's event that does not say of which tasks");
}

static int add_task(struct log *l, const struct anchor *a, const char *tid, const char *end,
		    unsigned kind)
{
	uint32_t thread;

	if (end - tid == 1 && *tid == '0')
		return 0;
	return find_tid(l, tid, (size_t)(end - tid), &thread) ? log_bad_err(l) :
	       add_event(l, a, thread, 0, kind, -1);
}

/*
 * "COMM:PID [PRIO]" that ends at end, as perf's own formatting of scheduler events has it; the
 * digits of PID.
 */
static const char *short_pid(const char *s, const char *end, const char **pid_end)
{
	const char *p = blanks_back(end, s), *digits;

	if (p == s || p[-1] != ']')
		return NULL;
	digits = digits_back(--p, s);
	if (digits == p)
		return NULL;
	digits -= digits > s && digits[-1] == '-';
	if (digits - s < 2 || digits[-1] != '[' || digits[-2] != ' ')
		return NULL;
	*pid_end = digits - 2;
	p = digits_back(*pid_end, s);
	return p < *pid_end && p > s && p[-1] == ':' ? p : NULL;
}

/*
 * "python:302629 [120] S ==> swapper/11:0 [120]"; names may hold an arrow, but not what stands
 * before it.
 */
static int add_short_switch(struct log *l, const struct anchor *a, const struct perf_event *e)
{
	const char *prev = NULL, *prev_end, *next = NULL, *next_end, *arrow = e->args;

	for (; !prev && (arrow = memmem(arrow, (size_t)(e->end - arrow), " ==> ", 5)); arrow += 5) {
		const char *state = arrow;

		while (state > e->args && !is_blank(state[-1]))
			state--;
		prev = short_pid(e->args, state, &prev_end);
		next = short_pid(arrow + 5, e->end, &next_end);
	}
	if (!prev || !next)
		return nobody(l, e);
	return add_task(l, a, prev, prev_end, EV_SCHED_OUT) ||
			       add_task(l, a, next, next_end, EV_SCHED_IN)
		       ? -1
		       : 0;
}

static int add_switch(struct log *l, const struct anchor *a, const struct perf_event *e)
{
	const char *arrow = NULL, *prev, *prev_end, *next, *next_end;

	/* Names may hold the arrow too: the last one is perf's own but for a name in next_comm. */
	for (const char *p = e->args; (p = memmem(p, (size_t)(e->end - p), " ==> next_comm=", 15));
	     p++)
		arrow = arrow ? arrow : p;
	if (!arrow)
		return add_short_switch(l, a, e);
	prev = find_number(e, " prev_pid=", arrow, &prev_end);
	next = find_number(e, " next_pid=", NULL, &next_end);
	if (!prev || !next)
		return nobody(l, e);
	return add_task(l, a, prev, prev_end, EV_SCHED_OUT) ||
			       add_task(l, a, next, next_end, EV_SCHED_IN)
		       ? -1
		       : 0;
}

static int add_wakeup(struct log *l, const struct anchor *a, const struct perf_event *e,
		      uint32_t waker)
{
	const char *pid, *end;
	uint32_t target;

	pid = find_number(e, " pid=", NULL, &end);
	if (!pid) {		/* "python:302629 [120] success=1 CPU:001" */
		const char *bracket = memrchr(e->args, ']', (size_t)(e->end - e->args));

		pid = bracket ? short_pid(e->args, bracket + 1, &end) : NULL;
	}
	if (!pid)
		return nobody(l, e);
	if (end - pid == 1 && *pid == '0')
		return 0;
	if (find_tid(l, pid, (size_t)(end - pid), &target))
		return log_bad_err(l);
	return add_event(l, a, waker, 0, EV_WAKEUP, target);
}

/* The slot of a text of at least 16 bytes, by its last ones. */
static struct known *known_slot(struct known *k, const char *s, size_t n)
{
	uint64_t h = get_le64((const uint8_t *)s + n - 8) * 0x9e3779b97f4a7c15ull;

	h ^= get_le64((const uint8_t *)s + n - 16);
	return &k[(h * 0x9e3779b97f4a7c15ull) >> 56];
}

/* Where the text is kept, or NULL if it is too short or too long for that. */
static struct known *keep(struct known *table, const char *s, size_t n)
{
	struct known *k = n < 16 || n > MAX_KNOWN ? NULL : known_slot(table, s, n);

	if (k) {
		memcpy(k->text, s, n);
		k->len = (uint8_t)n;
	}
	return k;
}

/* At least 16 bytes, mostly equal: word by word, the last one over the one before it. */
static inline bool same_text(const char *a, const char *b, size_t n)
{
	const uint8_t *x = (const uint8_t *)a, *y = (const uint8_t *)b;
	uint64_t differs = get_le64(x + n - 8) ^ get_le64(y + n - 8);

	for (size_t i = 0; i + 8 < n; i += 8)
		differs |= get_le64(x + i) ^ get_le64(y + i);
	return !differs;
}

static const struct known *find_known(struct known *table, const char *s, size_t n)
{
	struct known *k = known_slot(table, s, n);

	return k->len == n && same_text(k->text, s, n) ? k : NULL;
}

/* This line of the lock, which begins at s, was read. */
static void learn(struct log *l, const char *s, const struct anchor *a, const struct perf_event *e,
		  uint32_t thread, unsigned kind)
{
	struct perf *p = l->state;
	const char *sec = a->rest - 2;
	struct known *k;

	while (*sec != '.')
		sec--;
	sec = digits_back(sec, s);
	p->head_len = (size_t)(sec - s);
	k = keep(p->head, s, p->head_len);
	if (k) {
		/* It may have taken the place of another thread's. */
		if (p->thread[k->thread].head == k)
			p->thread[k->thread].head = NULL;
		k->thread = thread;
		k->cpu = a->cpu;
		k->comm = (uint8_t)(a->comm - s);
		k->comm_len = *a->comm == ':' ? 0 : (uint8_t)(a->comm_end - a->comm);
	}
	p->thread[thread].head = k;
	k = keep(p->tail, a->rest, (size_t)(e->end - a->rest));
	if (k)
		k->kind = (uint8_t)kind;
}

static int add_lock_event(struct log *l, const char *s, const struct anchor *a,
			  const struct perf_event *e, uint32_t thread)
{
	bool back = is_return(e);
	unsigned kind = starts(e, "take_gil") ? (back ? EV_ACQUIRE : EV_ENTRY)
					      : (back ? EV_SWITCH_DONE : EV_RELEASE);
	uint16_t lock = 0;

	if (place_thread(l, a, thread) || find_lock(l, thread, &lock) ||
	    names_lane(l->names, thread, l->err))
		return log_bad_err(l);
	learn(l, s, a, e, thread, kind);
	return add_event(l, a, thread, lock, kind, -1);
}

/* "# hostname : x": what perf says of the machine. */
static int header_line(struct log *l, const char *s, const char *end)
{
	static const char *const keys[] = {
		"hostname", "os release",   "arch",    "nrcpus online",
		"cpudesc",  "total memory", "cmdline", "captured on",
	};
	const char *colon;

	for (s++; s < end && is_blank(*s);)
		s++;
	colon = memchr(s, ':', (size_t)(end - s));
	for (size_t i = 0; colon && i < sizeof(keys) / sizeof(*keys); i++) {
		size_t n = strlen(keys[i]);
		const char *value = colon + 1;

		if (blanks_back(colon, s) - s != (ptrdiff_t)n || memcmp(s, keys[i], n))
			continue;
		while (value < end && is_blank(*value))
			value++;
		return names_fact(l->names, keys[i], n, value, (size_t)(end - value), l->err) ?
			       log_bad_err(l) : 0;
	}
	return 0;
}

/* A line of perf's own about events that were lost, of whatever thread. */
static int lost_line(struct log *l, const char *s, const char *end)
{
	const char *p = memmem(s, (size_t)(end - s), "lost ", 5);
	uint64_t n;

	if (!p || !parse_u64(p + 5, end, &n))
		return log_bad(l, "lost events without their number");
	l->names->lost_events = count_add(l->names->lost_events, n);
	return 0;
}

/* "7fc9af265f40 take_gil+0x12 (/usr/bin/python3.11)" */
static bool is_frame(const char *s, const char *end)
{
	const char *p;

	while (s < end && is_blank(*s))
		s++;
	for (p = s; p < end && (is_digit(*p) || (*p >= 'a' && *p <= 'f'));)
		p++;
	return p > s && p < end && is_blank(*p) && p + 1 < end && !is_blank(p[1]) &&
	       !is_digit(p[1]);
}

/*
 * Whether the line begins with a thread's name, or a part of it, in the columns in which perf has
 * it: right-aligned, and a blank behind them.
 */
static bool begins_event(const char *s, const char *end)
{
	const char *name = s;

	while (name < end && *name == ' ')
		name++;
	return name < end && name < s + COMM_COLUMNS && *name != '\t' &&
	       (end - s <= COMM_COLUMNS ||
		(!is_blank(s[COMM_COLUMNS - 1]) && is_blank(s[COMM_COLUMNS])));
}

/*
 * Whether an indented line without an anchor was an event's, as " PID [CPU]" or an event of those
 * that we read tells.  Stacks have neither, whatever they were asked to show.  A line that is cut
 * before that has but a thread's name, as a source's in a stack may look.
 */
static bool was_event(const char *s, const char *end, bool in_stack)
{
	static const char *const names[] = { "take_gil", "drop_gil", "sched_switch", "sched_wak" };
	const char *p;

	if (is_frame(s, end))
		return false;
	if (!in_stack && begins_event(s, end))
		return true;
	for (p = s; (p = memchr(p, '[', (size_t)(end - p))); p++) {
		const char *pid = blanks_back(p, s), *c = p + 1;

		while (c < end && is_digit(*c))
			c++;
		if (pid < p && pid > s && is_digit(pid[-1]) &&
		    (c == end || (c > p + 1 && *c == ']')))
			return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (p = s; (p = memmem(p, (size_t)(end - p), names[i], strlen(names[i])));) {
			while (p < end && !is_blank(*p))
				p++;
			if (p[-1] == ':')
				return true;
		}
	return false;
}

/* Whether what stands behind the time is a record of perf's own, or has a name with blanks. */
static bool other_event(const char *s, const char *end)
{
	const char *p;

	while (s < end && is_blank(*s))
		s++;
	if (end - s > 12 && !memcmp(s, "PERF_RECORD_", 12))
		return true;
	for (p = s; p < end && (p = memchr(p, ':', (size_t)(end - p))); p++)
		if (p + 1 == end || is_blank(p[1]))
			return true;
	return false;
}

/*
 * "1890.059327880: " at s, with nine digits behind the point; the byte after the colon, or NULL for
 * any other time.
 */
static const char *usual_time(const char *s, const char *end, uint64_t *time)
{
	const uint64_t ones = 0x0101010101010101ull;
	uint64_t seconds = 0, ns;
	const char *p = s;

	for (; p < end && is_digit(*p) && p < s + 9; p++)
		seconds = 10 * seconds + (unsigned)(*p - '0');
	if (p == s || end - p < 12 || *p != '.' || !is_digit(p[9]) || p[10] != ':' ||
	    !is_blank(p[11]))
		return NULL;
	ns = get_le64((const uint8_t *)p + 1);
	if (((ns + 0x46 * ones) | (ns - '0' * ones)) & 0x80 * ones)
		return NULL;
	/* Eight digits at once: pairs, then fours, then all. */
	ns -= '0' * ones;
	ns = ns * 10 + (ns >> 8);
	ns = ((ns & 0xff000000ffull) * 0xf424000000064ull +
	      (ns >> 16 & 0xff000000ffull) * 0x271000000001ull) >> 32;
	*time = seconds * 1000000000 + (uint32_t)ns * 10 + (unsigned)(p[9] - '0');
	return p + 11;
}

/* A line of which all but the time was read before.  1: it was another, and nothing was done. */
static int known_line(struct log *l, const char *s, const char *end)
{
	struct perf *p = l->state;
	const struct known *head, *tail;
	uint32_t process;
	const char *rest;
	uint64_t time;

	if (p->head_len < 16 || (size_t)(end - s) < p->head_len)
		return 1;
	rest = usual_time(s + p->head_len, end, &time);
	if (!rest || end - rest < 16)
		return 1;
	head = find_known(p->head, s, p->head_len);
	tail = find_known(p->tail, rest, (size_t)(end - rest));
	if (!head || !tail)
		return 1;
	process = l->names->thread[head->thread].process;
	if (process >= p->cap_locks || !p->lock[process])
		return 1;
	if (p->thread[head->thread].head != head) {
		if (head->comm_len && names_set(l->names, &l->names->thread[head->thread].name,
						head->text + head->comm, head->comm_len, l->err))
			return -1;
		p->thread[head->thread].head = head;
	}
	return add_event_at(l, time, head->cpu, head->thread, (uint16_t)(p->lock[process] - 1),
			    tail->kind, -1);
}

/* A line without an anchor. */
static int other_line(struct log *l, const char *s, const char *end)
{
	struct perf *p = l->state;

	if (s < end && *s == '#')
		return header_line(l, s, end);
	if (blanks_back(end, s) == s)
		return 0;
	if (!is_blank(*s) || was_event(s, end, p->stack_line && p->stack_line == l->line - 1))
		return log_bad(l, "no \" PID [CPU] TIME:\" in it");
	p->stack_line = l->line;
	return 0;
}

static int perf_line(struct log *l, const char *s, size_t n)
{
	const char *end = s + n;
	int ret = known_line(l, s, end);
	struct perf_event e;
	struct anchor a;
	uint32_t thread;
	bool task;

	if (ret < 1)
		return ret;
	if (!find_anchor(&a, s, end))
		return other_line(l, s, end);
	if (a.bad_time)
		return log_bad(l, "a time that no clock shows");
	if (!find_event(&e, a.rest, end)) {
		if (memmem(a.rest, (size_t)(end - a.rest), "PERF_RECORD_LOST", 16))
			return lost_line(l, a.rest, end);
		return *s == '#' || (is_blank(*s) && other_event(a.rest, end)) ?
			       0 : log_bad(l, "no event's name behind the time");
	}
	task = is(&e, "sched_switch") || is(&e, "sched_waking") || is(&e, "sched_wakeup") ||
	       is(&e, "sched_wakeup_new");
	if (!task && !starts(&e, "take_gil") && !starts(&e, "drop_gil"))
		return 0;
	if (task && a.tid_end - a.tid == 1 && *a.tid == '0')	/* the idle task is nobody */
		return is(&e, "sched_switch") ? add_switch(l, &a, &e) : 0;
	if (find_tid(l, a.tid, (size_t)(a.tid_end - a.tid), &thread) || place_thread(l, &a, thread))
		return log_bad_err(l);
	((struct perf *)l->state)->thread[thread].head = NULL;
	if (*a.comm != ':' && names_set(l->names, &l->names->thread[thread].name, a.comm,
					(size_t)(a.comm_end - a.comm), l->err))
		return -1;
	if (!task)
		return add_lock_event(l, s, &a, &e, thread);
	return is(&e, "sched_switch") ? add_switch(l, &a, &e) : add_wakeup(l, &a, &e, thread);
}

static int perf_lines(struct log *l, const char *p, const char *end)
{
	return text_each(l, p, end, perf_line);
}

/* A line with an anchor and an event of the names that we know, or any event at all. */
static bool perf_recognise(const uint8_t *head, size_t n)
{
	const char *s = (const char *)head, *end = s + n;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s)), *stop = nl ? nl : end;
		struct perf_event e;
		struct anchor a;

		if (find_anchor(&a, s, stop) && find_event(&e, a.rest, stop))
			return true;
		if (!nl)
			break;
		s = nl + 1;
	}
	return false;
}

static int perf_open(struct log *l)
{
	struct perf *p = calloc(1, sizeof(*p));

	if (!p)
		return err_memory(l->err, "a log");
	p->base = NO_PROCESS;
	l->state = p;
	l->clock = CLOCK_NS;
	return 0;
}

static void perf_close(struct log *l)
{
	struct perf *p = l->state;

	if (p) {
		free(p->lock);
		free(p->thread);
	}
	free(p);
}

const struct format format_perf = {
	.name = "perf", .recognise = perf_recognise, .open = perf_open, .read = text_read,
	.lines = perf_lines, .close = perf_close,
};
