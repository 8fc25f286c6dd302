/*
 * gecko.c - profiles for the Firefox Profiler, as CPython's sampler writes them: its markers of the
 * GIL
 *
 *	{"meta": {"startTime": 5369734.8, ...}, "threads": [{"tid": 7, "markers": {"name": [3, 4],
 *	 "startTime": [0.5, 1.25], "endTime": [1.25, 9], "phase": [1, 1], ...}, ...}],
 *	 "shared": {"stringArray": [...]}}
 *
 * A marker "Has GIL" is a hold, "Waiting for GIL" a wait; both are as coarse as the samples.  The
 * threads stand one behind the other and the names of the markers behind all of them, so nothing
 * can be said before the end has been read: up to 48 bytes a marker are kept until then, of at most
 * MAX_MARKERS, and 32 for each of the GIL.  Older profiles, whose markers are rows ("schema",
 * "data") and whose threads have string tables of their own, are read too.
 */
#include "formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "json_read.h"
#include "reorder.h"

#define NS_PER_MS_DIGITS 6
#define MAX_MARKERS (4u << 20)		/* 192 MiB, and 128 if all are of the GIL */
#define MAX_GECKO_THREADS (1u << 16)
#define NO_VALUE UINT32_MAX
#define NO_GECKO_TIME UINT64_MAX
#define HANDED_ON 8192			/* events of one call of read() */

enum column { C_NAME, C_START, C_END, C_PHASE, N_COLUMNS, NO_COLUMN = N_COLUMNS };

static const char *const column_names[N_COLUMNS] = { "name", "startTime", "endTime", "phase" };

struct marker {
	uint64_t begin, end;
	uint32_t name;
	uint8_t phase;			/* 1: a whole interval */
};

/* Which strings of a table are the names that we look for. */
struct strings { uint32_t n, has, waits; bool any; };

struct gecko_thread {
	struct marker *m;
	uint32_t n, cap;
	uint32_t filled[N_COLUMNS];	/* of a table of columns: how many values came of each */
	struct strings own;
	char *tid, *pid, *name, *process_name;
};

/* What is to be told of a marker: one of its ends. */
enum change { LETS_GO, ASKS, TAKES, GIVES_UP };

struct happening {
	uint64_t time;
	uint32_t thread;
	uint8_t change;
	bool at_once;			/* a hold without length: both its ends */
};

/* The keys above the current value: which member of the profile it is. */
enum place {
	P_NONE,
	P_META,
	P_THREADS,
	P_THREAD,
	P_MARKERS,
	P_COLUMN,
	P_SCHEMA,
	P_ROWS,
	P_ROW,
	P_SHARED,
	P_STRINGS,
	P_STRING_TABLE,
};

struct gecko {
	struct json_reader json;
	uint8_t place[JSON_MAX_DEPTH + 1];	/* of the brackets that are open */
	char key[24];			/* the newest, cut; a longer one is none of ours */
	enum column column;		/* of the array that is read */
	unsigned cell;			/* in a row */
	unsigned schema[N_COLUMNS];	/* where a row has its columns */
	struct marker row;
	uint64_t start;			/* meta.startTime */
	struct gecko_thread *thread;
	uint32_t n_threads, cap_threads;
	uint64_t n_markers, n_others, n_bad;
	struct strings shared;
	struct strings *table;		/* that is read */
	bool over, full;
	/* At the end. */
	struct happening *h;
	size_t n_h, next_h;
	uint32_t *number;		/* of each thread of the profile: the trace's */
	uint16_t *lock;
	bool *holds, *waits;
	uint32_t n_lost;
};

/* --- what is read ----------------------------------------------------------------------------- */

static bool key_is(const struct gecko *g, const char *word)
{
	return !strcmp(g->key, word);
}

static struct gecko_thread *thread_now(struct gecko *g)
{
	return g->n_threads ? &g->thread[g->n_threads - 1] : NULL;
}

static int new_thread(struct log *l)
{
	struct gecko *g = l->state;

	if (g->n_threads == MAX_GECKO_THREADS)
		return err_set(l->err, ERR_FORMAT, "more than %u threads in a profile",
			       MAX_GECKO_THREADS);
	if (g->n_threads == g->cap_threads) {
		uint32_t cap = g->cap_threads ? 2 * g->cap_threads : 16;
		struct gecko_thread *p = realloc(g->thread, cap * sizeof(*p));

		if (!p)
			return err_memory(l->err, "threads");
		g->thread = p;
		g->cap_threads = cap;
	}
	g->thread[g->n_threads++] =
		(struct gecko_thread){ .own = { .has = NO_VALUE, .waits = NO_VALUE } };
	/* the order of the rows that most profiles have */
	for (unsigned i = 0; i < N_COLUMNS; i++)
		g->schema[i] = i;
	return 0;
}

/* The marker at a place of the thread's table; NULL: no room, or *l->err is set. */
static struct marker *marker_at(struct log *l, struct gecko_thread *t, uint32_t at)
{
	struct gecko *g = l->state;

	if (at < t->n)
		return &t->m[at];
	if (g->n_markers == MAX_MARKERS) {
		g->full = true;
		return NULL;
	}
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? 2 * t->cap : 256;
		struct marker *p = realloc(t->m, cap * sizeof(*p));

		if (!p) {
			err_memory(l->err, "markers");
			return NULL;
		}
		t->m = p;
		t->cap = cap;
	}
	g->n_markers++;
	t->m[t->n] =
		(struct marker){ .begin = NO_GECKO_TIME, .end = NO_GECKO_TIME, .name = NO_VALUE };
	return &t->m[t->n++];
}

static void set_cell(struct marker *m, enum column column, enum json_token type, const char *s,
		     size_t n)
{
	uint64_t v;

	if (type != JSON_NUMBER)
		return;
	switch (column) {
	case C_NAME:
		if (parse_u64(s, s + n, &v) == s + n && v < NO_VALUE)
			m->name = (uint32_t)v;
		break;
	case C_START:
		if (decimal_parse(s, n, NS_PER_MS_DIGITS, &v))
			m->begin = v;
		break;
	case C_END:
		if (decimal_parse(s, n, NS_PER_MS_DIGITS, &v))
			m->end = v;
		break;
	case C_PHASE:
		m->phase = n == 1 && *s == '1';
		break;
	default:
		break;
	}
}

static void next_string(struct strings *t, enum json_token type, const char *s, size_t n)
{
	if (type == JSON_STRING && n == 7 && !memcmp(s, "Has GIL", 7))
		t->has = t->n;
	else if (type == JSON_STRING && n == 15 && !memcmp(s, "Waiting for GIL", 15))
		t->waits = t->n;
	t->any = true;
	t->n++;
}

/* A number or a string of a thread. */
static int thread_member(struct log *l, const char *s, size_t n)
{
	struct gecko *g = l->state;
	struct gecko_thread *t = thread_now(g);
	size_t id = n > MAX_ID ? MAX_ID : n;

	if (key_is(g, "tid"))
		return names_set(NULL, &t->tid, s, id, l->err);
	if (key_is(g, "pid"))
		return names_set(NULL, &t->pid, s, id, l->err);
	if (key_is(g, "name"))
		return names_set(l->names, &t->name, s, n, l->err);
	return key_is(g, "processName") ? names_set(l->names, &t->process_name, s, n, l->err) : 0;
}

/* A value that is no array and no object. */
static int scalar(struct log *l, enum place place, enum json_token type, const char *s, size_t n)
{
	struct gecko *g = l->state;
	struct gecko_thread *t = thread_now(g);
	struct marker *m;
	uint64_t v;

	switch (place) {
	case P_META:
		if (key_is(g, "startTime") && type == JSON_NUMBER &&
		    decimal_parse(s, n, NS_PER_MS_DIGITS, &v) && v <= MAX_TIME / 2)
			g->start = v;
		return 0;
	case P_THREAD:
		return type == JSON_STRING || type == JSON_NUMBER ? thread_member(l, s, n) : 0;
	case P_COLUMN:
		if (g->column == NO_COLUMN)
			return 0;
		m = marker_at(l, t, t->filled[g->column]);
		if (!m)
			return g->full ? 0 : -1;
		t->filled[g->column]++;
		set_cell(m, g->column, type, s, n);
		return 0;
	case P_SCHEMA:
		for (unsigned i = 0; i < N_COLUMNS; i++)
			if (key_is(g, column_names[i]) && parse_u64(s, s + n, &v) == s + n &&
			    v < 64)
				g->schema[i] = (unsigned)v;
		return 0;
	case P_ROW:
		for (unsigned i = 0; i < N_COLUMNS; i++)
			if (g->schema[i] == g->cell)
				set_cell(&g->row, i, type, s, n);
		g->cell++;
		return 0;
	case P_STRINGS:
		next_string(g->table, type, s, n);
		return 0;
	default:
		return 0;
	}
}

/* Where the value of a bracket that opens belongs. */
static enum place place_of(struct gecko *g, enum place outer, unsigned depth, bool object)
{
	switch (outer) {
	case P_NONE:
		if (depth != 1)
			return P_NONE;
		return object ? key_is(g, "meta") ? P_META : key_is(g, "shared") ? P_SHARED : P_NONE
			      : key_is(g, "threads") ? P_THREADS : P_NONE;
	case P_THREADS: return object ? P_THREAD : P_NONE;
	case P_THREAD:
		if (object)
			return key_is(g, "markers") ? P_MARKERS :
			       key_is(g, "stringTable") ? P_STRING_TABLE : P_NONE;
		return key_is(g, "stringArray") || key_is(g, "stringTable") ? P_STRINGS : P_NONE;
	case P_SHARED:
	case P_STRING_TABLE:
		return !object && (key_is(g, "stringArray") || key_is(g, "_array")) ? P_STRINGS
										    : P_NONE;
	case P_MARKERS:
		if (object)
			return key_is(g, "schema") ? P_SCHEMA : P_NONE;
		return key_is(g, "data") ? P_ROWS : P_COLUMN;
	case P_ROWS: return object ? P_NONE : P_ROW;
	default: return P_NONE;
	}
}

static int open_bracket(struct log *l, unsigned depth, bool object)
{
	struct gecko *g = l->state;
	enum place outer = g->place[depth], place = place_of(g, outer, depth, object);

	if (outer == P_STRINGS)
		next_string(g->table, JSON_WORD, "", 0);
	else if (outer == P_ROW)
		g->cell++;
	g->place[depth + 1] = (uint8_t)place;
	switch (place) {
	case P_THREAD: return new_thread(l);
	case P_ROW:
		g->row = (struct marker){ .begin = NO_GECKO_TIME,
					  .end = NO_GECKO_TIME,
					  .name = NO_VALUE };
		g->cell = 0;
		break;
	case P_COLUMN:
		for (g->column = 0; g->column < N_COLUMNS && !key_is(g, column_names[g->column]);)
			g->column++;
		break;
	case P_STRINGS:
		g->table = outer == P_SHARED ? &g->shared : &thread_now(g)->own;
		break;
	default:
		break;
	}
	g->key[0] = 0;
	return 0;
}

static int close_bracket(struct log *l, unsigned depth)
{
	struct gecko *g = l->state;
	struct gecko_thread *t = thread_now(g);
	struct marker *m;

	if (g->place[depth + 1] != P_ROW)
		return 0;
	m = marker_at(l, t, t->n);
	if (m)
		*m = g->row;
	return m || g->full ? 0 : -1;
}

static int on_token(void *ctx, const struct json_reader *r, enum json_token type, const char *s,
		    size_t n)
{
	struct log *l = ctx;
	struct gecko *g = l->state;

	switch (type) {
	case JSON_BEGIN_OBJECT:
	case JSON_BEGIN_ARRAY:
		return open_bracket(l, r->depth, type == JSON_BEGIN_OBJECT);
	case JSON_END_OBJECT:
	case JSON_END_ARRAY:
		return close_bracket(l, r->depth);
	case JSON_KEY:
		if (n >= sizeof(g->key))
			n = 0;
		memcpy(g->key, s, n);
		g->key[n] = 0;
		return 0;
	default:
		return scalar(l, g->place[r->depth], type, s, n);
	}
}

/* --- the end: what the markers tell ----------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct happening *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->change != y->change)
		return x->change < y->change ? -1 : 1;
	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* The threads of the trace. */
static int find_threads(struct log *l)
{
	struct gecko *g = l->state;

	for (uint32_t i = 0; i < g->n_threads; i++) {
		struct gecko_thread *t = &g->thread[i];
		const char *pid = t->pid ? t->pid : "", *end = pid + strlen(pid);
		uint32_t process, lock;
		uint64_t v;
		bool known;
		char none[16];

		snprintf(none, sizeof(none), "#%u", i + 1);
		if (names_find(l->names, NAME_PROCESS, l->number, pid, strlen(pid), &process,
			       &known, l->err))
			return -1;
		if (!known && *pid && parse_u64(pid, end, &v) == end && v <= INT32_MAX)
			l->names->process[process].pid = (int64_t)v;
		if (t->process_name && names_set(l->names, &l->names->process[process].name,
						 t->process_name, strlen(t->process_name), l->err))
			return -1;
		if ((!t->tid || !*t->tid) && names_set(NULL, &t->tid, none, strlen(none), l->err))
			return -1;
		if (names_find(l->names, NAME_THREAD, process, t->tid, strlen(t->tid),
			       &g->number[i], NULL, l->err) ||
		    names_find(l->names, NAME_LOCK, process, "0", 1, &lock, NULL, l->err) ||
		    names_set(l->names, &l->names->lock[lock].name, "GIL", 3, l->err) ||
		    (t->name && names_set(l->names, &l->names->thread[g->number[i]].name, t->name,
					  strlen(t->name), l->err)))
			return -1;
		g->lock[i] = (uint16_t)lock;
	}
	return 0;
}

static void add_marker(struct gecko *g, uint32_t thread, const struct marker *m, bool wait)
{
	struct happening *h = &g->h[g->n_h];

	if (m->begin == NO_GECKO_TIME || m->end == NO_GECKO_TIME || m->end < m->begin ||
	    m->end > MAX_TIME - g->start) {
		g->n_bad++;
		return;
	}
	h[0] = (struct happening){ g->start + m->begin, thread, wait ? ASKS : TAKES,
				   m->begin == m->end && !wait };
	h[1] = (struct happening){ g->start + m->end, thread, wait ? GIVES_UP : LETS_GO, false };
	g->n_h += h[0].at_once ? 1 : 2;
}

static const struct strings *strings_of(const struct gecko *g, const struct gecko_thread *t)
{
	return t->own.any ? &t->own : &g->shared;
}

/* Whether a marker is one of the GIL's, and which. */
static bool of_gil(const struct strings *names, const struct marker *m, bool *wait)
{
	*wait = m->name == names->waits;
	return m->phase && m->name != NO_VALUE && (*wait || m->name == names->has);
}

static int gather(struct log *l)
{
	struct gecko *g = l->state;
	size_t n = 0;
	bool wait;

	for (uint32_t i = 0; i < g->n_threads; i++)
		for (uint32_t k = 0; k < g->thread[i].n; k++)
			n += of_gil(strings_of(g, &g->thread[i]), &g->thread[i].m[k], &wait);
	g->h = malloc((2 * n + 2) * sizeof(*g->h));
	g->number = calloc(g->n_threads + 1, sizeof(*g->number));
	g->lock = calloc(g->n_threads + 1, sizeof(*g->lock));
	g->holds = calloc(g->n_threads + 1, sizeof(*g->holds));
	g->waits = calloc(g->n_threads + 1, sizeof(*g->waits));
	if (!g->h || !g->number || !g->lock || !g->holds || !g->waits)
		return err_memory(l->err, "markers");
	if (find_threads(l))
		return -1;
	for (uint32_t i = 0; i < g->n_threads; i++) {
		struct gecko_thread *t = &g->thread[i];
		const struct strings *names = strings_of(g, t);

		for (uint32_t k = 0; k < t->n; k++) {
			if (of_gil(names, &t->m[k], &wait))
				add_marker(g, i, &t->m[k], wait);
			else
				g->n_others++;
		}
		free(t->m);
		t->m = NULL;
	}
	qsort(g->h, g->n_h, sizeof(*g->h), by_time);
	return 0;
}

static int tell(struct log *l, const struct happening *h, unsigned kind, unsigned n_attrs)
{
	const struct gecko *g = l->state;

	if (names_lane(l->names, g->number[h->thread], l->err))
		return -1;
	return log_add(l, h->time, g->number[h->thread], kind == EV_LOST ? 0 : g->lock[h->thread],
		       kind, n_attrs);
}

/*
 * Between two samples a thread may get the lock and lose it again: a wait that ends without a hold
 * is one of which events are missing, so it says that.
 */
static int happen(struct log *l, const struct happening *h)
{
	struct gecko *g = l->state;
	bool *holds = &g->holds[h->thread], *waits = &g->waits[h->thread];

	switch (h->change) {
	case ASKS:
		if (*holds || *waits)
			return 0;
		*waits = true;
		return tell(l, h, EV_BUSY, 0);
	case TAKES:
		if (*holds)
			return 0;
		*waits = false;
		*holds = !h->at_once;
		return tell(l, h, EV_ACQUIRE, 0) || (h->at_once && tell(l, h, EV_RELEASE, 0)) ? -1
											      : 0;
	case LETS_GO:
		if (!*holds)
			return 0;
		*holds = false;
		return tell(l, h, EV_RELEASE, 0);
	default:
		if (!*waits)
			return 0;
		*waits = false;
		g->n_lost++;
		if (log_gap(l, h->time, 0, g->number[h->thread]) || log_attr(l, ATTR_COUNT, 1) ||
		    log_attr(l, ATTR_SINCE, 0))
			return -1;
		return tell(l, h, EV_LOST, 2);
	}
}

/* --- the format ------------------------------------------------------------------------------- */

static int look_at_token(void *ctx, const struct json_reader *r, enum json_token type,
			 const char *s, size_t n)
{
	static const char *const keys[] = { "meta", "libs", "threads",
					    "preprocessedProfileVersion" };
	bool *found = ctx;

	if (r->depth == 0 && type != JSON_BEGIN_OBJECT)
		return 1;
	for (size_t i = 0; r->depth == 1 && type == JSON_KEY && i < sizeof(keys) / sizeof(*keys);
	     i++)
		if (strlen(keys[i]) == n && !memcmp(keys[i], s, n)) {
			*found = true;
			return 1;
		}
	return 0;
}

static bool gecko_recognise(const uint8_t *head, size_t n)
{
	struct json_reader r;
	bool found = false;
	struct err err;

	if (!memchr(head, '{', n < 64 ? n : 64))
		return false;
	json_reader_init(&r, look_at_token, &found);
	(void)json_read(&r, head, n, &err);
	json_reader_release(&r);
	return found;
}

static int gecko_open(struct log *l)
{
	struct gecko *g = calloc(1, sizeof(*g));

	if (!g)
		return err_memory(l->err, "a log");
	g->shared.has = g->shared.waits = NO_VALUE;
	l->state = g;
	l->clock = CLOCK_NS;
	json_reader_init(&g->json, on_token, l);
	return 0;
}

static void gecko_close(struct log *l)
{
	struct gecko *g = l->state;

	if (!g)
		return;
	json_reader_release(&g->json);
	for (uint32_t i = 0; i < g->n_threads; i++) {
		free(g->thread[i].m);
		free(g->thread[i].tid);
		free(g->thread[i].pid);
		free(g->thread[i].name);
		free(g->thread[i].process_name);
	}
	free(g->thread);
	free(g->h);
	free(g->number);
	free(g->lock);
	free(g->holds);
	free(g->waits);
	free(g);
}

static int end_input(struct log *l, const struct err *broken)
{
	struct gecko *g = l->state;
	struct err why = { 0 };

	g->over = true;
	if (broken			  ? log_cut(l, broken->msg)
	    : source_cut(l->source, &why) ? log_cut(l, why.msg)
					  : 0)
		return -1;
	if (!broken && !why.code && json_read_end(&g->json, &why) &&
	    (why.code == ERR_MEMORY ? err_memory(l->err, "a profile") : log_cut(l, why.msg)))
		return -1;
	if (g->full && log_bad(l, "more than %u markers: the rest is left out", MAX_MARKERS))
		return -1;
	if (gather(l))
		return -1;
	return g->n_bad ? log_bad(l, "%" PRIu64 " marker%s of the GIL without a time that can be",
				  g->n_bad, plural(g->n_bad))
			: 0;
}

static int gecko_read(struct log *l)
{
	struct gecko *g = l->state;
	struct err broken = { 0 };
	const uint8_t *p;
	size_t n;

	if (g->over) {
		for (unsigned i = 0; i < HANDED_ON && g->next_h < g->n_h; i++)
			if (happen(l, &g->h[g->next_h++]))
				return -1;
		l->eof = g->next_h == g->n_h;
		return 0;
	}
	if (log_piece(l, &p, &n))
		return -1;
	if (!n)
		return end_input(l, NULL);
	if (!json_read(&g->json, p, n, &broken))
		return 0;
	return broken.code && broken.code != ERR_MEMORY ? end_input(l, &broken) :
	       broken.code ? err_memory(l->err, "a profile") : -1;
}

static int gecko_end(struct log *l)
{
	const struct gecko *g = l->state;

	if (g->n_others)
		log_note(
			l,
			"%" PRIu64
			" marker%s other than \"Has GIL\" and \"Waiting for GIL\", and all samples,"
			" are left out",
			g->n_others, plural(g->n_others));
	if (g->n_lost)
		log_note(l, "%u wait%s ended without a hold that a sample saw", g->n_lost,
			 plural(g->n_lost));
	return 0;
}

const struct format format_gecko = {
	.name = "gecko", .recognise = gecko_recognise, .open = gecko_open, .read = gecko_read,
	.end = gecko_end, .close = gecko_close,
};
