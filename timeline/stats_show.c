/* stats_show.c - tables for people: see stats_show.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "grid.h"
#include "stats_internal.h"
#include "time.h"
#include "utf8.h"

/* --- cells ------------------------------------------------------------------------------------ */

#define NAME_WIDTH 28

void stats_name_cell(struct grid *g, const struct row *r)
{
	struct buf id = BUF_INIT;
	size_t at = g->text.len;
	const char *name = *r->name ? r->name : r->id;
	size_t width = 0;

	if (r->scope == SCOPE_TRACE) {
		grid_cell(g, "all");
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
	grid_end_cell(g, at);
}

static void percent_cell(struct grid *g, uint64_t part, uint64_t length)
{
	if (!length)
		grid_cell(g, "-");
	else
		grid_cell(g, "%.1f", 100.0 * (double)part / (double)length);
}

void stats_number_text(char out[32], struct number n)
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

	stats_number_text(text, n);
	grid_cell(g, "%s", text);
}

const char *stats_per(const struct stats *s)
{
	return timeline_info(s->tl)->clock == CLOCK_TICKS ? "/kt" : "/s";
}

/* --- the trace -------------------------------------------------------------------------------- */

void stats_put_rule(struct buf *out, const char *what, const char *note)
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

void stats_put_head(struct buf *out, const struct stats_shown *x)
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
		buf_printf(out, "  of the whole trace%s %" PRIu64 " event%s lost and %" PRIu64
			   " line%s skipped\n", info->truncated ? ", whose log was cut off," : "",
			   info->lost_events, info->lost_events == 1 ? " was" : "s were",
			   info->skipped_lines, plural(info->skipped_lines));
}

/* --- locks and threads ------------------------------------------------------------------------ */

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
	uint32_t all = stats_n_rows(x->s, scope), half = ROWS_SHOWN / 2;
	struct ranked *r = calloc((size_t)all + 1, sizeof(*r));

	*n = 0;
	if (!r)
		return NULL;
	for (uint32_t i = 0; i < all; i++) {
		const struct stats_figures *f = stats_row(x->s, scope, i).f;

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
	uint32_t all = stats_n_rows(x->s, scope);

	if (all > n)
		buf_printf(out,
			   "  and %" PRIu32 " more, which hold or wait less (--all shows them)\n",
			   all - n);
}

/* Failed acquisitions per check, or per acquire in a trace without checks. */
static void failed_cells(struct grid *g, const struct row *r, const struct stats *s)
{
	const char *share = s->checks ? "badness" : "failed_share";

	number_cell(g, stats_number(r->s, r->f, stats_find_column("failed")));
	number_cell(g, stats_number(r->s, r->f, stats_find_column(share)));
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
		stats_per(s),
		"switches",
		stats_per(s),
		"waits",
		"failed",
		s->checks ? "a check" : "a take",
	};
	struct grid g = { 0 };
	uint32_t n;
	struct ranked *rows = choose_rows(x, SCOPE_LOCK, &n);

	grid_headings(&g, head, sizeof(head) / sizeof(*head));
	for (uint32_t i = 0; rows && i < n; i++) {
		struct row r = stats_row(s, SCOPE_LOCK, rows[i].i);
		bool park = timeline_lock(s->tl, rows[i].i)->kind == LOCK_PARK;

		stats_name_cell(&g, &r);
		if (park) {
			grid_cell(&g, "-");
			grid_cell(&g, "-");
		} else {
			percent_cell(&g, r.f->held, s->length);
			percent_cell(&g, r.f->time[STATE_IDLE], s->length);
		}
		number_cell(&g, number_fraction(stats_waited(r.f), (double)s->length));
		number_cell(&g, number_whole(r.f->acquires));
		number_cell(&g, stats_rate(s, r.f->acquires));
		number_cell(&g, number_whole(r.f->switches));
		number_cell(&g, stats_rate(s, r.f->switches));
		number_cell(&g, number_whole(r.f->value[HIST_WAIT].n));
		failed_cells(&g, &r, s);
	}
	out->failed |= !rows;
	stats_put_rule(out, "Locks", "");
	grid_put(out, &g);
	put_left_out(out, x, SCOPE_LOCK, n);
	free(rows);
}

static void put_threads(struct buf *out, const struct stats_shown *x)
{
	const struct stats *s = x->s;
	const char *const head[] = {
		"thread", "run %", "stall %", "wait %", "signal %", "idle %", "acquires",
		stats_per(s), "waits", "failed", s->checks ? "a check" : "a take",
	};
	static const unsigned order[] = { STATE_RUN, STATE_STALL, STATE_WAIT, STATE_SIGNAL,
					  STATE_IDLE };
	struct grid g = { 0 };
	uint32_t n;
	struct ranked *rows = choose_rows(x, SCOPE_THREAD, &n);

	grid_headings(&g, head, sizeof(head) / sizeof(*head));
	for (uint32_t i = 0; rows && i < n; i++) {
		struct row r = stats_row(s, SCOPE_THREAD, rows[i].i);

		stats_name_cell(&g, &r);
		for (unsigned k = 0; k < N_STATES; k++)
			percent_cell(&g, r.f->time[order[k]], s->length);
		number_cell(&g, number_whole(r.f->acquires));
		number_cell(&g, stats_rate(s, r.f->acquires));
		number_cell(&g, number_whole(r.f->value[HIST_WAIT].n));
		failed_cells(&g, &r, s);
	}
	out->failed |= !rows;
	stats_put_rule(out, "Threads", "");
	grid_put(out, &g);
	put_left_out(out, x, SCOPE_THREAD, n);
	free(rows);
}

static void value_cells(struct grid *g, const struct stats *s, const struct stats_values *v)
{
	enum timeline_clock clock = timeline_info(s->tl)->clock;
	const uint64_t p[] = { v->p50, v->p90, v->p99, v->p999, v->max };
	char text[48];

	grid_cell(g, "%" PRIu64, v->n);
	for (unsigned i = 0; i < sizeof(p) / sizeof(*p); i++)
		grid_cell(g, "%s", time_text(text, p[i], clock));
	grid_cell(g, "%s", v->max_at == NO_TIME ? "" : time_exact(text, v->max_at, clock));
}

static void put_values(struct buf *out, const struct stats_shown *x, enum timeline_hist which,
		       const char *what, const char *note)
{
	static const char *const head[] = {
		"thread", "n", "p50", "p90", "p99", "p99.9", "max", "the longest at",
	};
	struct row total = stats_row(x->s, SCOPE_TRACE, 0);
	struct grid g = { 0 };
	uint32_t n;
	struct ranked *rows = choose_rows(x, SCOPE_THREAD, &n);

	out->failed |= !rows;
	grid_headings(&g, head, sizeof(head) / sizeof(*head));
	for (uint32_t i = 0; rows && i < n; i++) {
		struct row r = stats_row(x->s, SCOPE_THREAD, rows[i].i);

		if (!r.f->value[which].n)
			continue;
		stats_name_cell(&g, &r);
		value_cells(&g, x->s, &r.f->value[which]);
	}
	stats_name_cell(&g, &total);
	value_cells(&g, x->s, &x->s->total.value[which]);
	if (x->s->total.value[which].n) {
		stats_put_rule(out, what, note);
		grid_put(out, &g);
	}
	grid_release(&g);
	free(rows);
}

/* --- findings --------------------------------------------------------------------------------- */

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

void stats_put_command(struct buf *out, const struct stats_shown *x, const struct finding *f,
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
		stats_put_command(out, x, f, &f->place[0]);
		buf_str(out, "\n");
	}
}

static void put_findings(struct buf *out, const struct stats_shown *x)
{
	const struct findings *f = x->s->findings;
	unsigned shown = 0;

	if (!f)
		return;
	stats_put_rule(out, "Findings", "");
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

/* --- all of it -------------------------------------------------------------------------------- */

void stats_show_table(struct buf *out, const struct stats_shown *x)
{
	stats_put_head(out, x);
	put_locks(out, x);
	put_threads(out, x);
	put_values(out, x, HIST_WAIT, "Waits", "(contended: from asking to having)");
	put_values(out, x, HIST_HANDOFF, "Hand-offs", "(from being signalled to having)");
	put_values(out, x, HIST_HOLD, "Holds", "");
	put_findings(out, x);
}
