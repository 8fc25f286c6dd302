/* stats_show.c - see stats_show.h */
#include "stats_show.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "json.h"
#include "time.h"
#include "utf8.h"

/* --- columns ---------------------------------------------------------------------------------- */

enum unit { TIME, INSTANT, COUNT, RATE, RATIO };
enum computed {
	FIELD, UTILISATION, WAIT_SHARE, ACQUIRE_RATE, SWITCH_RATE, FAILED, FAILED_SHARE, BADNESS
};

/* Those that are a field of struct stats_figures stand at an offset; the others are computed. */
static const struct column {
	const char *key;
	enum unit unit;
	enum computed computed;
	size_t offset;
} column[] = {
#define AT(key, unit, field) { key, unit, FIELD, offsetof(struct stats_figures, field) }
#define VALUES(one, many, i)                                                                       \
	AT(many, COUNT, value[i].n), AT(one "_p50", TIME, value[i].p50),                           \
		AT(one "_p90", TIME, value[i].p90), AT(one "_p99", TIME, value[i].p99),            \
		AT(one "_p999", TIME, value[i].p999), AT(one "_max", TIME, value[i].max),          \
		AT(one "_max_at", INSTANT, value[i].max_at)
	AT("run", TIME, time[STATE_RUN]), AT("wait", TIME, time[STATE_WAIT]),
	AT("signal", TIME, time[STATE_SIGNAL]), AT("idle", TIME, time[STATE_IDLE]),
	AT("stall", TIME, time[STATE_STALL]), AT("held", TIME, held),
	{ "utilisation", RATIO, UTILISATION, 0 }, { "wait_share", RATIO, WAIT_SHARE, 0 },
	AT("acquires", COUNT, acquires), { "acquire_rate", RATE, ACQUIRE_RATE, 0 },
	AT("releases", COUNT, releases), { "failed", COUNT, FAILED, 0 },
	{ "failed_share", RATIO, FAILED_SHARE, 0 }, { "badness", RATIO, BADNESS, 0 },
	AT("busy", COUNT, busy), AT("retry", COUNT, retry), AT("timeouts", COUNT, timeouts),
	AT("drop_requests", COUNT, drop_requests), AT("switches", COUNT, switches),
	{ "switch_rate", RATE, SWITCH_RATE, 0 }, AT("switch_waits", COUNT, switch_waits),
	AT("lost_acquires", COUNT, lost_acquires), AT("lost_releases", COUNT, lost_releases),
	AT("lost_events", COUNT, lost_events), AT("events", COUNT, events),
	VALUES("wait", "waits", HIST_WAIT), VALUES("hold", "holds", HIST_HOLD),
	VALUES("handoff", "handoffs", HIST_HANDOFF),
};

#define N_COLUMNS (sizeof(column) / sizeof(*column))

struct number {
	enum { NONE, WHOLE, FRACTION } kind;
	uint64_t u;
	double d;			/* also of a whole one */
};

static struct number fraction(double part, double whole)
{
	return whole > 0 ? (struct number){ FRACTION, 0, part / whole }
			 : (struct number){ NONE, 0, 0 };
}

static struct number whole(uint64_t v)
{
	return v == NO_TIME ? (struct number){ NONE, 0, 0 }
			    : (struct number){ WHOLE, v, (double)v };
}

/* Events in a second, or in a thousand ticks. */
static struct number rate(const struct stats *s, uint64_t n)
{
	double unit = timeline_info(s->tl)->clock == CLOCK_TICKS ? 1e3 : 1e9;

	return fraction((double)n * unit, (double)s->length);
}

static double waited(const struct stats_figures *f)
{
	return (double)f->time[STATE_WAIT] + (double)f->time[STATE_SIGNAL];
}

static struct number get(const struct stats *s, const struct stats_figures *f,
			 const struct column *c)
{
	uint64_t failed = f->busy + f->retry;

	switch (c->computed) {
	case FIELD: return whole(*(const uint64_t *)((const char *)f + c->offset));
	case WAIT_SHARE: return fraction(waited(f), (double)s->length);
	case UTILISATION: return fraction((double)f->held, (double)s->length);
	case ACQUIRE_RATE: return rate(s, f->acquires);
	case SWITCH_RATE: return rate(s, f->switches);
	case FAILED: return whole(failed);
	case FAILED_SHARE: return fraction((double)failed, (double)f->acquires);
	case BADNESS: return fraction((double)failed, (double)s->checks);
	}
	return (struct number){ NONE, 0, 0 };
}

static const struct column *find_column(const char *key)
{
	size_t i = 0;

	while (i < N_COLUMNS && strcmp(column[i].key, key))
		i++;
	assert(i < N_COLUMNS);
	return &column[i];
}

/* --- rows: what a figure is of ---------------------------------------------------------------- */

enum scope { SCOPE_TRACE, SCOPE_LOCK, SCOPE_THREAD, N_SCOPES };
static const char *const scope_name[] = { "trace", "lock", "thread" };

struct row {
	enum scope scope;
	const struct stats *s;
	const struct stats_figures *f;
	const char *id, *name;
	int64_t pid;			/* -1: unknown */
};

static uint32_t n_rows(const struct stats *s, enum scope scope)
{
	const struct timeline_info *info = timeline_info(s->tl);

	return scope == SCOPE_TRACE ? 1 : scope == SCOPE_LOCK ? info->n_locks : info->n_lanes;
}

static struct row get_row(const struct stats *s, enum scope scope, uint32_t i)
{
	struct row r = { .scope = scope, .s = s, .f = &s->total, .id = "", .name = "", .pid = -1 };

	if (scope == SCOPE_LOCK) {
		const struct timeline_lock *l = timeline_lock(s->tl, i);

		r.f = &s->lock[i];
		r.id = l->id;
		r.name = l->name;
		r.pid = timeline_process(s->tl, l->process)->pid;
	} else if (scope == SCOPE_THREAD) {
		const struct timeline_thread *t = timeline_thread(s->tl, i);

		r.f = &s->lane[i];
		r.id = t->id;
		r.name = t->name;
		r.pid = timeline_process(s->tl, t->process)->pid;
	}
	return r;
}

/* --- text in columns -------------------------------------------------------------------------- */

struct grid {
	struct buf text;
	struct cell { size_t at, len; unsigned width; } *cell;	/* owned */
	size_t n, cap;
	unsigned n_columns;
	bool failed;
};

/* Ends the cell whose text has been put at the end of g->text. */
static void end_cell(struct grid *g, size_t at)
{
	struct cell c = { .at = at, .len = g->text.len - at };

	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 64;
		struct cell *p = realloc(g->cell, cap * sizeof(*p));

		if (!p) {
			g->failed = true;
			return;
		}
		g->cell = p;
		g->cap = cap;
	}
	if (!buf_failed(&g->text))
		c.width = (unsigned)utf8_columns((const char *)g->text.data + at, c.len);
	g->cell[g->n++] = c;
}

__attribute__((format(printf, 2, 3))) static void cell(struct grid *g, const char *fmt, ...)
{
	size_t at = g->text.len;
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_str(&g->text, text);
	end_cell(g, at);
}

#define NAME_WIDTH 28

/* "name (id)": of a long one the name is cut, not the id, which tells equal names apart. */
static void name_cell(struct grid *g, const struct row *r)
{
	struct buf id = BUF_INIT;
	size_t at = g->text.len;
	const char *name = *r->name ? r->name : r->id;
	size_t width = 0;

	if (r->scope == SCOPE_TRACE) {
		cell(g, "all");
		return;
	}
	if (*r->name && *r->id) {
		buf_str(&id, " (");
		width = utf8_show_cut(&id, r->id, strlen(r->id), NAME_WIDTH / 2) + 3;
		buf_str(&id, ")");
	}
	utf8_show_cut(&g->text, name, strlen(name), NAME_WIDTH - width);
	buf_add(&g->text, id.data, id.len);
	g->failed |= buf_failed(&id);
	buf_release(&id);
	end_cell(g, at);
}

/* The first column to the left, the others to the right. */
static void put_grid(struct buf *out, struct grid *g)
{
	unsigned width[16] = { 0 };

	if (g->failed || buf_failed(&g->text))
		out->failed = true;
	for (size_t i = 0; i < g->n; i++)
		if (g->cell[i].width > width[i % g->n_columns])
			width[i % g->n_columns] = g->cell[i].width;
	for (size_t i = 0; !out->failed && i < g->n; i++) {
		const struct cell *c = &g->cell[i];
		unsigned k = (unsigned)(i % g->n_columns), pad = width[k] - c->width;
		bool last = k + 1 == g->n_columns;

		buf_printf(out, "%*s", k ? (int)pad + 2 : 2, "");
		buf_add(out, g->text.data + c->at, c->len);
		if (!k)
			buf_printf(out, "%*s", (int)pad, "");
		if (!last)
			continue;
		while (out->len && out->data[out->len - 1] == ' ')
			out->len--;
		buf_str(out, "\n");
	}
	buf_release(&g->text);
	free(g->cell);
	*g = (struct grid){ 0 };
}

static void percent_cell(struct grid *g, uint64_t part, uint64_t length)
{
	if (!length)
		cell(g, "-");
	else
		cell(g, "%.1f", 100.0 * (double)part / (double)length);
}

/* Three digits are enough for people. */
static void number_text(char out[32], struct number n)
{
	if (n.kind == NONE)
		snprintf(out, 32, "-");
	else if (n.kind == WHOLE)
		snprintf(out, 32, "%" PRIu64, n.u);
	else if (n.d >= 100 || n.d == 0)
		snprintf(out, 32, "%.0f", n.d);
	else
		snprintf(out, 32, "%.3g", n.d);
}

static void number_cell(struct grid *g, struct number n)
{
	char text[32];

	number_text(text, n);
	cell(g, "%s", text);
}

static void headings(struct grid *g, const char *const *name, unsigned n)
{
	g->n_columns = n;
	for (unsigned i = 0; i < n; i++)
		cell(g, "%s", name[i]);
}

/* --- for people ------------------------------------------------------------------------------- */

#define ROWS_SHOWN 32

static void put_rule(struct buf *out, const char *what, const char *note)
{
	buf_printf(out, "\n%s%s%s\n", what, *note ? "  " : "", note);
}

static void put_fact(struct buf *out, const struct stats *s, const char *key)
{
	const char *value = timeline_fact_value(s->tl, key);

	if (!value)
		return;
	buf_printf(out, "  %s: ", key);
	utf8_show(out, value, strlen(value));
	buf_str(out, "\n");
}

static void put_head(struct buf *out, const struct stats_shown *x)
{
	const struct stats *s = x->s;
	const struct timeline_info *info = timeline_info(s->tl);
	static const char *const from[] = { "assumed", "as the trace tells", "as asked for" };
	char a[48], b[48], c[32], d[32];

	utf8_show(out, x->path, strlen(x->path));
	if (*info->title) {
		buf_str(out, ": ");
		utf8_show(out, info->title, strlen(info->title));
	}
	buf_printf(out, "\n  from %s to %s: %s%s; %s %s (%s)\n",
		   time_exact(a, s->from, info->clock),
		   time_exact(b, s->from + s->length, info->clock),
		   time_text(c, s->length, info->clock), s->whole ? ", the whole trace" : "",
		   info->clock == CLOCK_TICKS ? "check interval" : "switch interval",
		   time_text(d, s->interval, info->clock), from[s->interval_from]);
	put_fact(out, s, "command");
	put_fact(out, s, "python");
	if (info->truncated || info->lost_events || info->skipped_lines)
		buf_printf(out, "  of the whole trace%s %" PRIu64 " events were lost and %" PRIu64
			   " lines skipped\n", info->truncated ? ", whose log was cut off," : "",
			   info->lost_events, info->skipped_lines);
}

/* What matters most: half of the rows are those that hold most, the others those that wait most. */
struct ranked { uint64_t held, waited; uint32_t i; };

static int holds_more(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->held != y->held)
		return x->held > y->held ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int waits_more(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->waited != y->waited)
		return x->waited > y->waited ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int by_index(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->i < y->i ? -1 : x->i > y->i;
}

/*
 * The rows that are shown, in order of display; *n of them.  The caller frees; NULL: out of memory.
 */
static struct ranked *choose_rows(const struct stats_shown *x, enum scope scope, uint32_t *n)
{
	uint32_t all = n_rows(x->s, scope), half = ROWS_SHOWN / 2;
	struct ranked *r = calloc((size_t)all + 1, sizeof(*r));

	*n = 0;
	if (!r)
		return NULL;
	for (uint32_t i = 0; i < all; i++) {
		const struct stats_figures *f = get_row(x->s, scope, i).f;

		r[i] = (struct ranked){ f->held, f->time[STATE_WAIT] + f->time[STATE_SIGNAL], i };
	}
	*n = all;
	if (x->all || all <= ROWS_SHOWN)
		return r;
	qsort(r, all, sizeof(*r), holds_more);
	qsort(r + half, all - half, sizeof(*r), waits_more);
	*n = ROWS_SHOWN;
	qsort(r, *n, sizeof(*r), by_index);
	return r;
}

static void put_left_out(struct buf *out, const struct stats_shown *x, enum scope scope, uint32_t n)
{
	uint32_t all = n_rows(x->s, scope);

	if (all > n)
		buf_printf(out,
			   "  and %" PRIu32 " more, which hold or wait less (--all shows them)\n",
			   all - n);
}

static const char *per(const struct stats *s)
{
	return timeline_info(s->tl)->clock == CLOCK_TICKS ? "/kt" : "/s";
}

/* Failed acquisitions per check, or per acquire in a trace without checks. */
static void failed_cells(struct grid *g, const struct row *r, const struct stats *s)
{
	number_cell(g, get(r->s, r->f, find_column("failed")));
	number_cell(g, get(r->s, r->f, find_column(s->checks ? "badness" : "failed_share")));
}

static void put_locks(struct buf *out, const struct stats_shown *x)
{
	const struct stats *s = x->s;
	const char *const head[] = {
		"lock",
		"held %",
		"free %",
		"threads waiting",
		"acquires",
		per(s),
		"switches",
		per(s),
		"waits",
		"failed",
		s->checks ? "a check" : "a take",
	};
	struct grid g = { 0 };
	uint32_t n;
	struct ranked *rows = choose_rows(x, SCOPE_LOCK, &n);

	headings(&g, head, sizeof(head) / sizeof(*head));
	for (uint32_t i = 0; rows && i < n; i++) {
		struct row r = get_row(s, SCOPE_LOCK, rows[i].i);
		bool park = timeline_lock(s->tl, rows[i].i)->kind == LOCK_PARK;

		name_cell(&g, &r);
		if (park) {
			cell(&g, "-");
			cell(&g, "-");
		} else {
			percent_cell(&g, r.f->held, s->length);
			percent_cell(&g, r.f->time[STATE_IDLE], s->length);
		}
		number_cell(&g, fraction(waited(r.f), (double)s->length));
		number_cell(&g, whole(r.f->acquires));
		number_cell(&g, rate(s, r.f->acquires));
		number_cell(&g, whole(r.f->switches));
		number_cell(&g, rate(s, r.f->switches));
		number_cell(&g, whole(r.f->value[HIST_WAIT].n));
		failed_cells(&g, &r, s);
	}
	out->failed |= !rows;
	put_rule(out, "Locks", "");
	put_grid(out, &g);
	put_left_out(out, x, SCOPE_LOCK, n);
	free(rows);
}

static void put_threads(struct buf *out, const struct stats_shown *x)
{
	const struct stats *s = x->s;
	const char *const head[] = {
		"thread", "run %", "stall %", "wait %", "signal %", "idle %", "acquires", per(s),
		"waits", "failed",
		s->checks ? "a check" : "a take",
	};
	static const unsigned order[] = { STATE_RUN, STATE_STALL, STATE_WAIT, STATE_SIGNAL,
					  STATE_IDLE };
	struct grid g = { 0 };
	uint32_t n;
	struct ranked *rows = choose_rows(x, SCOPE_THREAD, &n);

	headings(&g, head, sizeof(head) / sizeof(*head));
	for (uint32_t i = 0; rows && i < n; i++) {
		struct row r = get_row(s, SCOPE_THREAD, rows[i].i);

		name_cell(&g, &r);
		for (unsigned k = 0; k < N_STATES; k++)
			percent_cell(&g, r.f->time[order[k]], s->length);
		number_cell(&g, whole(r.f->acquires));
		number_cell(&g, rate(s, r.f->acquires));
		number_cell(&g, whole(r.f->value[HIST_WAIT].n));
		failed_cells(&g, &r, s);
	}
	out->failed |= !rows;
	put_rule(out, "Threads", "");
	put_grid(out, &g);
	put_left_out(out, x, SCOPE_THREAD, n);
	free(rows);
}

static void value_cells(struct grid *g, const struct stats *s, const struct stats_values *v)
{
	enum timeline_clock clock = timeline_info(s->tl)->clock;
	const uint64_t p[] = { v->p50, v->p90, v->p99, v->p999, v->max };
	char text[48];

	cell(g, "%" PRIu64, v->n);
	for (unsigned i = 0; i < sizeof(p) / sizeof(*p); i++)
		cell(g, "%s", time_text(text, p[i], clock));
	cell(g, "%s", v->max_at == NO_TIME ? "" : time_exact(text, v->max_at, clock));
}

static void put_values(struct buf *out, const struct stats_shown *x, enum timeline_hist which,
		       const char *what, const char *note)
{
	static const char *const head[] = {
		"thread", "n", "p50", "p90", "p99", "p99.9", "max", "the longest at",
	};
	struct row total = get_row(x->s, SCOPE_TRACE, 0);
	struct grid g = { 0 };
	uint32_t n;
	struct ranked *rows = choose_rows(x, SCOPE_THREAD, &n);

	out->failed |= !rows;
	headings(&g, head, sizeof(head) / sizeof(*head));
	for (uint32_t i = 0; rows && i < n; i++) {
		struct row r = get_row(x->s, SCOPE_THREAD, rows[i].i);

		if (!r.f->value[which].n)
			continue;
		name_cell(&g, &r);
		value_cells(&g, x->s, &r.f->value[which]);
	}
	name_cell(&g, &total);
	value_cells(&g, x->s, &x->s->total.value[which]);
	if (x->s->total.value[which].n) {
		put_rule(out, what, note);
		put_grid(out, &g);
	}
	buf_release(&g.text);
	free(g.cell);
	free(rows);
}

/* A path as a word of a shell's line, and never a control character on the terminal. */
static void put_word(struct buf *out, const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+,:@%=-";
	size_t n = strlen(s);
	bool hidden = false;

	if (*s == '-')
		buf_str(out, "./");
	if (n && strspn(s, plain) == n) {
		buf_str(out, s);
		return;
	}
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t used = utf8_decode(s + i, n - i, &cp);

		hidden |= utf8_is_hidden(cp) || (cp == 0xfffd && used == 1);
		i += used;
	}
	buf_str(out, hidden ? "$'" : "'");
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t used = utf8_decode(s + i, n - i, &cp);

		if (hidden && (utf8_is_hidden(cp) || cp == 0xfffd || cp == '\'' || cp == '\\'))
			for (size_t k = 0; k < used; k++)
				buf_printf(out, "\\x%02x", (uint8_t)s[i + k]);
		else if (cp == '\'')
			buf_str(out, "'\\''");
		else
			buf_add(out, s + i, used);
		i += used;
	}
	buf_str(out, "'");
}

/*
 * What to type to see a place.  A short one with a quarter more on each side; of a long one its
 * first twenty intervals, in which its pattern can be told.
 */
static void put_command(struct buf *out, const struct stats_shown *x, const struct finding *f,
			const struct finding_place *p)
{
	const struct timeline_info *info = timeline_info(x->s->tl);
	uint64_t length = p->to - p->from, most = x->s->interval, margin, from, to;
	char a[48], b[48];

	if (__builtin_mul_overflow(most, 20, &most))
		most = UINT64_MAX;
	if ((f->kind == FIND_CONVOYS || f->kind == FIND_BATTLES) && length > most)
		length = most;
	margin = length / 4 + 1;
	from = p->from > margin ? p->from - margin : 0;
	to = p->from + length < info->end && margin < info->end - p->from - length
	     ? p->from + length + margin : info->end + 1;
	buf_printf(out, "gilscope figure --from %s --to %s -o %s.png ",
		   time_exact(a, from, info->clock), time_exact(b, to, info->clock),
		   finding_name(f->kind));
	put_word(out, x->path);
}

#define FINDINGS_SHOWN 4	/* of a kind */

/* Words, broken at blanks before column 100. */
static void put_wrapped(struct buf *out, const char *s, size_t n)
{
	size_t column_now = 4;

	for (size_t i = 0; i < n;) {
		const char *blank = memchr(s + i, ' ', n - i);
		size_t end = blank ? (size_t)(blank - s) : n;
		size_t width = utf8_columns(s + i, end - i);

		if (column_now + width + 1 > 100 && column_now > 4) {
			buf_str(out, "\n   ");
			column_now = 4;
		}
		buf_str(out, " ");
		buf_add(out, s + i, end - i);
		column_now += width + 1;
		i = end + 1;
	}
	buf_str(out, "\n");
}

static void put_finding(struct buf *out, const struct stats_shown *x, const struct finding *f)
{
	enum timeline_clock clock = timeline_info(x->s->tl)->clock;
	struct buf text = BUF_INIT;
	char a[48];

	buf_printf(out, "  %s\n   ", finding_name(f->kind));
	finding_text(&text, x->s, f);
	buf_str(&text, ".");
	out->failed |= buf_failed(&text);
	if (!out->failed)
		put_wrapped(out, (const char *)text.data, text.len);
	buf_release(&text);
	if (f->n_places) {
		buf_str(out, "    worst at");
		for (unsigned i = 0; i < f->n_places; i++)
			buf_printf(out, "%s %s", i ? "," : "",
				   time_exact(a, f->place[i].from, clock));
		buf_str(out, "; see:\n    ");
		put_command(out, x, f, &f->place[0]);
		buf_str(out, "\n");
	}
}

static void put_findings(struct buf *out, const struct stats_shown *x)
{
	const struct findings *f = x->s->findings;
	unsigned shown = 0;

	if (!f)
		return;
	put_rule(out, "Findings", "");
	for (size_t i = 0; i < f->n; i++) {
		size_t same = i;

		shown = i && f->f[i - 1].kind == f->f[i].kind ? shown + 1 : 0;
		if (x->all || shown < FINDINGS_SHOWN) {
			put_finding(out, x, &f->f[i]);
			continue;
		}
		while (same < f->n && f->f[same].kind == f->f[i].kind)
			same++;
		buf_printf(out,
			   "    and %zu more of the kind, which cost less (--all shows them)\n",
			   same - i);
		i = same - 1;
		shown = 0;
	}
	if (!f->n)
		buf_str(out,
			"  None: no convoy, no long hold, no starvation, no battle, no stalls, "
			"no forced switches.\n");
}

void stats_show_table(struct buf *out, const struct stats_shown *x)
{
	put_head(out, x);
	put_locks(out, x);
	put_threads(out, x);
	put_values(out, x, HIST_WAIT, "Waits", "(contended: from asking to having)");
	put_values(out, x, HIST_HANDOFF, "Hand-offs", "(from being signalled to having)");
	put_values(out, x, HIST_HOLD, "Holds", "");
	put_findings(out, x);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_number(struct json *j, struct number n)
{
	char text[40];

	if (n.kind == NONE) {
		json_null(j);
	} else if (n.kind == WHOLE) {
		json_u64(j, n.u);
	} else {
		snprintf(text, sizeof(text), "%.9g", n.d);
		json_raw(j, text);
	}
}

static void key_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_number(j, whole(v));
}

static void key_str(struct json *j, const char *key, const char *v)
{
	json_key(j, key);
	json_str(j, v);
}

static void json_pid(struct json *j, int64_t pid)
{
	json_key(j, "pid");
	if (pid < 0)
		json_null(j);
	else
		json_i64(j, pid);
}

static void json_figures(struct json *j, const struct row *r)
{
	for (size_t i = 0; i < N_COLUMNS; i++) {
		json_key(j, column[i].key);
		json_number(j, get(r->s, r->f, &column[i]));
	}
}

static void json_row(struct json *j, const struct row *r)
{
	json_begin(j, '{');
	if (r->scope != SCOPE_TRACE) {
		key_str(j, "id", r->id);
		key_str(j, "name", r->name);
		json_pid(j, r->pid);
	}
	json_figures(j, r);
	json_end(j, '}');
}

static void json_rows(struct json *j, const struct stats *s, enum scope scope, const char *key)
{
	json_key(j, key);
	json_begin(j, '[');
	for (uint32_t i = 0; i < n_rows(s, scope); i++) {
		struct row r = get_row(s, scope, i);

		json_row(j, &r);
	}
	json_end(j, ']');
}

static void json_who(struct json *j, const char *key, const struct stats *s, enum scope scope,
		     uint32_t i)
{
	struct row r;

	json_key(j, key);
	if (i == NO_THREAD) {
		json_null(j);
		return;
	}
	r = get_row(s, scope, i);
	json_begin(j, '{');
	key_u64(j, "index", i);
	key_str(j, "id", r.id);
	key_str(j, "name", r.name);
	json_pid(j, r.pid);
	json_end(j, '}');
}

static void json_place(struct json *j, const struct stats_shown *x, const struct finding *f,
		       const struct finding_place *p)
{
	const struct timeline_info *info = timeline_info(x->s->tl);
	struct buf command = BUF_INIT;

	json_begin(j, '{');
	key_u64(j, "from", p->from);
	key_u64(j, "to", p->to);
	key_u64(j, "length", p->length);
	json_who(j, "thread", x->s, SCOPE_THREAD, p->lane);
	json_key(j, "function");
	if (p->func >= 0 && (uint64_t)p->func < info->n_funcs) {
		const struct timeline_func *func = timeline_func(x->s->tl, (uint32_t)p->func);

		json_begin(j, '{');
		key_str(j, "name", func->name);
		key_str(j, "file", func->file);
		key_u64(j, "line", func->line);
		json_end(j, '}');
	} else {
		json_null(j);
	}
	put_command(&command, x, f, p);
	json_key(j, "command");
	json_strn(j, (const char *)command.data, command.len);
	j->out->failed |= buf_failed(&command);
	buf_release(&command);
	json_end(j, '}');
}

/* What `of` and `more` of a finding are called. */
static const struct { const char *of, *more; } finding_keys[N_FINDINGS] = {
	[FIND_LONG_HOLDS] = { NULL, "hold_time" }, [FIND_CONVOYS] = { "span", "hold_time" },
	[FIND_STARVED] = { NULL, "takes_by_others" }, [FIND_BATTLES] = { "takes", "switches" },
	[FIND_STALLS] = { "held", "contested" }, [FIND_FORCED] = { "requests", "switches" },
};

static void json_finding(struct json *j, const struct stats_shown *x, const struct finding *f)
{
	struct buf text = BUF_INIT;

	json_begin(j, '{');
	key_str(j, "kind", finding_name(f->kind));
	json_who(j, "thread", x->s, SCOPE_THREAD, f->lane);
	json_who(j, "lock", x->s, SCOPE_LOCK, f->lock);
	json_who(j, "other", x->s, SCOPE_THREAD, f->other);
	key_u64(j, "count", f->count);
	key_u64(j, "total", f->total);
	key_u64(j, "longest", f->longest);
	if (finding_keys[f->kind].of)
		key_u64(j, finding_keys[f->kind].of, f->of);
	key_u64(j, finding_keys[f->kind].more, f->more);
	key_u64(j, "first", f->first);
	key_u64(j, "last", f->last);
	finding_text(&text, x->s, f);
	json_key(j, "text");
	json_strn(j, (const char *)text.data, text.len);
	j->out->failed |= buf_failed(&text);
	buf_release(&text);
	json_key(j, "places");
	json_begin(j, '[');
	for (unsigned i = 0; i < f->n_places; i++)
		json_place(j, x, f, &f->place[i]);
	json_end(j, ']');
	json_end(j, '}');
}

static void json_findings(struct json *j, const struct stats_shown *x)
{
	const struct findings *f = x->s->findings;

	json_key(j, "findings");
	if (!f) {
		json_null(j);
		return;
	}
	json_begin(j, '[');
	for (size_t i = 0; i < f->n; i++)
		json_finding(j, x, &f->f[i]);
	json_end(j, ']');
}

static void json_trace(struct json *j, const struct stats_shown *x)
{
	static const char *const from[] = { "default", "trace", "option" };
	const struct stats *s = x->s;
	const struct timeline_info *info = timeline_info(s->tl);
	struct row total = get_row(s, SCOPE_TRACE, 0);

	json_begin(j, '{');
	key_u64(j, "gilscope_stats", 1);
	key_str(j, "path", x->path);
	key_str(j, "title", info->title);
	key_str(j, "clock", info->clock == CLOCK_TICKS ? "ticks" : "ns");
	key_u64(j, "origin", info->origin);
	key_u64(j, "from", s->from);
	key_u64(j, "to", s->to);
	key_u64(j, "length", s->length);
	json_key(j, "whole");
	json_bool(j, s->whole);
	key_u64(j, "checks", s->checks);
	key_u64(j, "interval", s->interval);
	key_str(j, "interval_from", from[s->interval_from]);
	key_str(j, "rate_unit", info->clock == CLOCK_TICKS ? "1/1000 ticks" : "1/s");
	json_key(j, "percentile_error");
	json_raw(j, "0.008");
	json_key(j, "total");
	json_row(j, &total);
	json_rows(j, s, SCOPE_LOCK, "locks");
	json_rows(j, s, SCOPE_THREAD, "threads");
	json_findings(j, x);
	json_end(j, '}');
}

void stats_show_json(struct buf *out, const struct stats_shown *x)
{
	struct json j = json_new(out);

	json_trace(&j, x);
	buf_str(out, "\n");
}

/* --- CSV -------------------------------------------------------------------------------------- */

/*
 * RFC 4180, but that what could break a line is escaped as in the tables: a row is always one line.
 */
static void csv_text(struct buf *out, const char *s)
{
	struct buf shown = BUF_INIT;

	utf8_show(&shown, s, strlen(s));
	out->failed |= buf_failed(&shown);
	buf_str(out, "\"");
	for (size_t i = 0; i < shown.len; i++) {
		if (shown.data[i] == '"')
			buf_str(out, "\"");
		buf_add(out, &shown.data[i], 1);
	}
	buf_str(out, "\"");
	buf_release(&shown);
}

static void csv_number(struct buf *out, struct number n)
{
	if (n.kind == WHOLE)
		buf_printf(out, "%" PRIu64, n.u);
	else if (n.kind == FRACTION)
		buf_printf(out, "%.9g", n.d);
}

static void csv_who(struct buf *out, const struct row *r)
{
	if (r->pid >= 0)
		buf_printf(out, "%" PRId64, r->pid);
	buf_str(out, ",");
	csv_text(out, r->id);
	buf_str(out, ",");
	csv_text(out, r->name);
}

void stats_show_csv(struct buf *out, const struct stats_shown *x)
{
	const struct stats *s = x->s;

	buf_str(out, "scope,pid,id,name,from,to,length,checks");
	for (size_t i = 0; i < N_COLUMNS; i++)
		buf_printf(out, ",%s", column[i].key);
	buf_str(out, "\n");
	for (unsigned scope = 0; scope < N_SCOPES; scope++)
		for (uint32_t i = 0; i < n_rows(s, scope); i++) {
			struct row r = get_row(s, scope, i);

			buf_printf(out, "%s,", scope_name[scope]);
			csv_who(out, &r);
			buf_printf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, s->from,
				   s->to, s->length, s->checks);
			for (size_t k = 0; k < N_COLUMNS; k++) {
				buf_str(out, ",");
				csv_number(out, get(s, r.f, &column[k]));
			}
			buf_str(out, "\n");
		}
}

/* --- two beside each other -------------------------------------------------------------------- */

/* Rows of A and B that belong together; NO_THREAD: only the other one has it. */
struct pair { uint32_t a, b; };

struct keyed { const char *key; uint32_t i; };

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : x->i < y->i ? -1 : x->i > y->i;
}

enum match { BY_NAME, BY_ID, BY_ORDER };

/*
 * The rows that no partner has been found for, with what they are matched by; those without it are
 * left out.
 */
static uint32_t keys_of(struct keyed *out, const struct stats *s, enum scope scope,
			const uint32_t *partner, enum match by)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_rows(s, scope); i++) {
		struct row r = get_row(s, scope, i);
		const char *key = by == BY_NAME ? r.name : by == BY_ID ? r.id : "";

		if (partner[i] == NO_THREAD && (*key || by == BY_ORDER))
			out[n++] = (struct keyed){ key, i };
	}
	if (n)
		qsort(out, n, sizeof(*out), by_key);
	return n;
}

/* Equal keys are matched in their order. */
static void match_keys(const struct keyed *a, uint32_t n_a, const struct keyed *b, uint32_t n_b,
		       uint32_t *partner_a, uint32_t *partner_b)
{
	for (uint32_t i = 0, k = 0; i < n_a && k < n_b;) {
		int order = strcmp(a[i].key, b[k].key);

		if (!order) {
			partner_a[a[i].i] = b[k].i;
			partner_b[b[k].i] = a[i].i;
		}
		i += order <= 0;
		k += order >= 0;
	}
}

/* All pairs: A's rows in order, then those of B alone.  The caller frees; NULL: out of memory. */
static struct pair *match_rows(const struct stats *a, const struct stats *b, enum scope scope,
			       uint32_t *n)
{
	uint32_t n_a = n_rows(a, scope), n_b = n_rows(b, scope);
	struct pair *pair = malloc(((size_t)n_a + n_b + 1) * sizeof(*pair));
	uint32_t *partner = malloc(((size_t)n_a + n_b + 1) * sizeof(*partner));
	struct keyed *key = malloc(((size_t)n_a + n_b + 1) * sizeof(*key));

	*n = 0;
	if (!pair || !partner || !key) {
		free(pair);
		pair = NULL;
		goto out;
	}
	for (uint32_t i = 0; i < n_a + n_b; i++)
		partner[i] = NO_THREAD;
	/*
	 * Numbers and addresses differ from run to run: names say more; and a process's first lock
	 * is its GIL.
	 */
	for (unsigned by = BY_NAME; by <= BY_ORDER; by++) {
		uint32_t k_a, k_b;

		if (by == BY_ORDER && scope == SCOPE_THREAD)
			break;
		k_a = keys_of(key, a, scope, partner, by);
		k_b = keys_of(key + n_a, b, scope, partner + n_a, by);
		match_keys(key, k_a, key + n_a, k_b, partner, partner + n_a);
	}
	for (uint32_t i = 0; i < n_a; i++)
		pair[(*n)++] = (struct pair){ i, partner[i] };
	for (uint32_t i = 0; i < n_b; i++)
		if (partner[n_a + i] == NO_THREAD)
			pair[(*n)++] = (struct pair){ NO_THREAD, i };
out:
	free(partner);
	free(key);
	return pair;
}

struct change {
	struct number a, b, difference, ratio;
	bool negative;			/* of the difference */
};

/* Lengths and rates of clocks that differ have nothing in common. */
static bool comparable(const struct stats *a, const struct stats *b, enum unit unit)
{
	return unit == COUNT || unit == RATIO ||
	       timeline_info(a->tl)->clock == timeline_info(b->tl)->clock;
}

static struct change change_of(const struct stats *a, const struct stats_figures *fa,
			       const struct stats *b, const struct stats_figures *fb,
			       const struct column *c)
{
	struct change x = { 0 };

	if (fa)
		x.a = get(a, fa, c);
	if (fb)
		x.b = get(b, fb, c);
	if (x.a.kind == NONE || x.b.kind == NONE || c->unit == INSTANT ||
	    !comparable(a, b, c->unit))
		return x;
	if (x.a.kind == WHOLE && x.b.kind == WHOLE) {
		x.negative = x.b.u < x.a.u;
		x.difference = whole(x.negative ? x.a.u - x.b.u : x.b.u - x.a.u);
	} else {
		x.negative = x.b.d < x.a.d;
		x.difference = fraction(x.negative ? x.a.d - x.b.d : x.b.d - x.a.d, 1);
	}
	x.ratio = fraction(x.b.d, x.a.d);
	return x;
}

static const struct stats_figures *figures_of(const struct stats *s, enum scope scope, uint32_t i)
{
	return i == NO_THREAD ? NULL : get_row(s, scope, i).f;
}

static void json_change(struct json *j, const struct stats *a, const struct stats *b,
			enum scope scope, const struct pair *p)
{
	const struct stats_figures *fa = figures_of(a, scope, p->a),
				   *fb = figures_of(b, scope, p->b);

	json_begin(j, '{');
	key_str(j, "scope", scope_name[scope]);
	if (scope != SCOPE_TRACE) {
		json_who(j, "a", a, scope, p->a);
		json_who(j, "b", b, scope, p->b);
	}
	for (unsigned ratio = 0; ratio < 2; ratio++) {
		json_key(j, ratio ? "ratio" : "difference");
		json_begin(j, '{');
		for (size_t i = 0; i < N_COLUMNS; i++) {
			struct change c = change_of(a, fa, b, fb, &column[i]);

			json_key(j, column[i].key);
			if (ratio) {
				json_number(j, c.ratio);
			} else if (c.negative) {
				char text[48];

				if (c.difference.kind == WHOLE)
					snprintf(text, sizeof(text), "-%" PRIu64, c.difference.u);
				else
					snprintf(text, sizeof(text), "-%.9g", c.difference.d);
				json_raw(j, text);
			} else {
				json_number(j, c.difference);
			}
		}
		json_end(j, '}');
	}
	json_end(j, '}');
}

void stats_compare_json(struct buf *out, const struct stats_shown *a, const struct stats_shown *b)
{
	struct json j = json_new(out);

	json_begin(&j, '{');
	key_u64(&j, "gilscope_compare", 1);
	json_key(&j, "a");
	json_trace(&j, a);
	json_key(&j, "b");
	json_trace(&j, b);
	json_key(&j, "changes");
	json_begin(&j, '[');
	for (unsigned scope = 0; scope < N_SCOPES; scope++) {
		struct pair one = { 0, 0 };
		uint32_t n = 1;
		struct pair *p = scope == SCOPE_TRACE ? &one : match_rows(a->s, b->s, scope, &n);

		out->failed |= !p;
		for (uint32_t i = 0; p && i < n; i++)
			json_change(&j, a->s, b->s, scope, &p[i]);
		if (p != &one)
			free(p);
	}
	json_end(&j, ']');
	json_end(&j, '}');
	buf_str(out, "\n");
}

static void csv_change(struct buf *out, const struct stats *a, const struct stats *b,
		       enum scope scope, const struct pair *p)
{
	const struct stats_figures *fa = figures_of(a, scope, p->a),
				   *fb = figures_of(b, scope, p->b);
	struct row ra =
		get_row(a, p->a == NO_THREAD ? SCOPE_TRACE : scope, p->a == NO_THREAD ? 0 : p->a);
	struct row rb =
		get_row(b, p->b == NO_THREAD ? SCOPE_TRACE : scope, p->b == NO_THREAD ? 0 : p->b);

	for (size_t i = 0; i < N_COLUMNS; i++) {
		struct change c = change_of(a, fa, b, fb, &column[i]);

		buf_printf(out, "%s,", scope_name[scope]);
		csv_who(out, &ra);
		buf_str(out, ",");
		csv_who(out, &rb);
		buf_printf(out, ",%s,", column[i].key);
		csv_number(out, c.a);
		buf_str(out, ",");
		csv_number(out, c.b);
		buf_str(out, c.negative ? ",-" : ",");
		csv_number(out, c.difference);
		buf_str(out, ",");
		csv_number(out, c.ratio);
		buf_str(out, "\n");
	}
}

void stats_compare_csv(struct buf *out, const struct stats_shown *a, const struct stats_shown *b)
{
	buf_str(out, "scope,a_pid,a_id,a_name,b_pid,b_id,b_name,figure,a,b,difference,ratio\n");
	for (unsigned scope = 0; scope < N_SCOPES; scope++) {
		struct pair one = { 0, 0 };
		uint32_t n = 1;
		struct pair *p = scope == SCOPE_TRACE ? &one : match_rows(a->s, b->s, scope, &n);

		out->failed |= !p;
		for (uint32_t i = 0; p && i < n; i++)
			csv_change(out, a->s, b->s, scope, &p[i]);
		if (p != &one)
			free(p);
	}
}

/* What is compared for people. */
static const struct { const char *key, *label; bool thread;
} compared[] = {
	{ "utilisation", "held %", true },
	{ "wait_share", "waiting %", true },
	{ "stall", "stalled", true },
	{ "acquire_rate", "acquires", true },
	{ "switch_rate", "switches", false },
	{ "waits", "contended takes", true },
	{ "failed", "failed", true },
	{ "badness", "badness", false },
	{ "wait_p50", "wait p50", true },
	{ "wait_p99", "wait p99", true },
	{ "wait_max", "wait max", true },
	{ "handoff_p50", "hand-off p50", false },
	{ "handoff_p99", "hand-off p99", true },
	{ "hold_p50", "hold p50", true },
	{ "hold_p99", "hold p99", false },
	{ "hold_max", "hold max", true },
};

static void compared_cell(struct grid *g, const struct stats *s, const struct column *c,
			  struct number n)
{
	char text[32];

	if (n.kind == NONE)
		cell(g, "-");
	else if (c->unit == TIME)
		cell(g, "%s", time_text(text, n.u, timeline_info(s->tl)->clock));
	else if (c->computed == UTILISATION || c->computed == WAIT_SHARE)
		cell(g, "%.1f", 100 * n.d);
	else {
		number_text(text, n);
		cell(g, "%s%s", text, c->unit == RATE ? per(s) : "");
	}
}

static void change_cell(struct grid *g, const struct column *c, const struct change *x)
{
	if (x->difference.kind == NONE)
		cell(g, "-");
	else if (c->computed == UTILISATION || c->computed == WAIT_SHARE)
		cell(g, "%+.1f points", 100 * (x->b.d - x->a.d));
	else if (x->a.d == x->b.d)
		cell(g, "same");
	else if (x->ratio.kind == NONE || x->b.d == 0)
		cell(g, "%s", x->negative ? "to nothing" : "from nothing");
	else if (x->ratio.d >= 2)
		cell(g, "%.3g times", x->ratio.d);
	else if (x->ratio.d <= 0.5)
		cell(g, "1/%.3g", 1 / x->ratio.d);
	else
		cell(g, "%+.1f %%", 100 * (x->ratio.d - 1));
}

static void compare_rows(struct buf *out, const struct stats *a, const struct stats *b,
			 enum scope scope, const struct pair *p)
{
	const struct stats_figures *fa = figures_of(a, scope, p->a),
				   *fb = figures_of(b, scope, p->b);
	struct row r = p->a != NO_THREAD ? get_row(a, scope, p->a) : get_row(b, scope, p->b);
	struct grid g = { 0 };

	g.n_columns = 4;
	name_cell(&g, &r);
	cell(&g, "%s", fa ? "A" : "not in A");
	cell(&g, "%s", fb ? "B" : "not in B");
	cell(&g, "change");
	for (size_t i = 0; i < sizeof(compared) / sizeof(*compared); i++) {
		const struct column *c = find_column(compared[i].key);
		struct change x = change_of(a, fa, b, fb, c);

		if ((scope == SCOPE_THREAD && !compared[i].thread) || (x.a.d == 0 && x.b.d == 0))
			continue;
		cell(&g, "  %s", compared[i].label);
		compared_cell(&g, a, c, x.a);
		compared_cell(&g, b, c, x.b);
		change_cell(&g, c, &x);
	}
	put_grid(out, &g);
}

/* How often and for how long, by kind of finding. */
static void compare_findings(struct buf *out, const struct stats *s[2])
{
	struct grid g = { 0 };

	if (!s[0]->findings || !s[1]->findings)
		return;
	put_rule(out, "Findings", "");
	g.n_columns = 3;
	cell(&g, "kind");
	cell(&g, "A");
	cell(&g, "B");
	for (unsigned kind = 0; kind < N_FINDINGS; kind++) {
		cell(&g, "%s", finding_name(kind));
		for (unsigned k = 0; k < 2; k++) {
			const struct findings *f = s[k]->findings;
			uint64_t n = 0, total = 0;
			char text[32];

			for (size_t i = 0; i < f->n; i++) {
				n += f->f[i].kind == kind ? f->f[i].count : 0;
				total += f->f[i].kind == kind ? f->f[i].total : 0;
			}
			if (n)
				cell(&g, "%" PRIu64 ", %s", n,
				     time_text(text, total, timeline_info(s[k]->tl)->clock));
			else
				cell(&g, "none");
		}
	}
	put_grid(out, &g);
}

void stats_compare_table(struct buf *out, const struct stats_shown *a, const struct stats_shown *b)
{
	static const char *const title[] = { "Whole", "Locks", "Threads" };
	const struct stats *both[2] = { a->s, b->s };

	buf_str(out, "A  ");
	put_head(out, a);
	buf_str(out, "B  ");
	put_head(out, b);
	if (!comparable(a->s, b->s, TIME))
		buf_str(out, "  The clocks differ: times and rates stand beside each other, "
			     "but have no change.\n");
	for (unsigned scope = 0; scope < N_SCOPES; scope++) {
		struct pair one = { 0, 0 };
		uint32_t n = 1, shown;
		struct pair *p = scope == SCOPE_TRACE ? &one : match_rows(a->s, b->s, scope, &n);

		out->failed |= !p;
		/* One lock's figures are the whole's. */
		shown = a->all || n < ROWS_SHOWN ? n : ROWS_SHOWN;
		if (scope == SCOPE_LOCK && n == 1)
			shown = 0;
		if (shown)
			put_rule(out, title[scope], "");
		for (uint32_t i = 0; p && i < shown; i++)
			compare_rows(out, a->s, b->s, scope, &p[i]);
		if (shown && shown < n)
			buf_printf(out, "  and %" PRIu32 " more (--all shows them)\n", n - shown);
		if (p != &one)
			free(p);
	}
	compare_findings(out, both);
}
