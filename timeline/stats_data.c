/* stats_data.c - figures as JSON and as CSV: see stats_show.h */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "findings.h"
#include "json.h"
#include "stats_internal.h"
#include "utf8.h"

/* --- JSON ------------------------------------------------------------------------------------- */

void stats_json_number(struct json *j, struct number n)
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

void stats_key_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	stats_json_number(j, number_whole(v));
}

void stats_key_str(struct json *j, const char *key, const char *v)
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
	for (size_t i = 0; i < n_stats_columns; i++) {
		json_key(j, stats_column[i].key);
		stats_json_number(j, stats_number(r->s, r->f, &stats_column[i]));
	}
}

static void json_row(struct json *j, const struct row *r)
{
	json_begin(j, '{');
	if (r->scope != SCOPE_TRACE) {
		stats_key_str(j, "id", r->id);
		stats_key_str(j, "name", r->name);
		json_pid(j, r->pid);
	}
	json_figures(j, r);
	json_end(j, '}');
}

static void json_rows(struct json *j, const struct stats *s, enum scope scope, const char *key)
{
	json_key(j, key);
	json_begin(j, '[');
	for (uint32_t i = 0; i < stats_n_rows(s, scope); i++) {
		struct row r = stats_row(s, scope, i);

		json_row(j, &r);
	}
	json_end(j, ']');
}

void stats_json_who(struct json *j, const char *key, const struct stats *s, enum scope scope,
		    uint32_t i)
{
	struct row r;

	json_key(j, key);
	if (i == NO_THREAD) {
		json_null(j);
		return;
	}
	r = stats_row(s, scope, i);
	json_begin(j, '{');
	stats_key_u64(j, "index", i);
	stats_key_str(j, "id", r.id);
	stats_key_str(j, "name", r.name);
	json_pid(j, r.pid);
	json_end(j, '}');
}

static void json_place(struct json *j, const struct stats_shown *x, const struct finding *f,
		       const struct finding_place *p)
{
	const struct timeline_info *info = timeline_info(x->s->tl);
	struct buf command = BUF_INIT;

	json_begin(j, '{');
	stats_key_u64(j, "from", p->from);
	stats_key_u64(j, "to", p->to);
	stats_key_u64(j, "length", p->length);
	stats_json_who(j, "thread", x->s, SCOPE_THREAD, p->lane);
	json_key(j, "function");
	if (p->func >= 0 && (uint64_t)p->func < info->n_funcs) {
		const struct timeline_func *func = timeline_func(x->s->tl, (uint32_t)p->func);

		json_begin(j, '{');
		stats_key_str(j, "name", func->name);
		stats_key_str(j, "file", func->file);
		stats_key_u64(j, "line", func->line);
		json_end(j, '}');
	} else {
		json_null(j);
	}
	stats_put_command(&command, x, f, p);
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
	stats_key_str(j, "kind", finding_name(f->kind));
	stats_json_who(j, "thread", x->s, SCOPE_THREAD, f->lane);
	stats_json_who(j, "lock", x->s, SCOPE_LOCK, f->lock);
	stats_json_who(j, "other", x->s, SCOPE_THREAD, f->other);
	stats_key_u64(j, "count", f->count);
	stats_key_u64(j, "total", f->total);
	stats_key_u64(j, "longest", f->longest);
	if (finding_keys[f->kind].of)
		stats_key_u64(j, finding_keys[f->kind].of, f->of);
	stats_key_u64(j, finding_keys[f->kind].more, f->more);
	stats_key_u64(j, "first", f->first);
	stats_key_u64(j, "last", f->last);
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

void stats_json_trace(struct json *j, const struct stats_shown *x)
{
	static const char *const from[] = { "default", "trace", "option" };
	const struct stats *s = x->s;
	const struct timeline_info *info = timeline_info(s->tl);
	struct row total = stats_row(s, SCOPE_TRACE, 0);

	json_begin(j, '{');
	stats_key_u64(j, "gilscope_stats", 1);
	stats_key_str(j, "path", x->path);
	stats_key_str(j, "title", info->title);
	stats_key_str(j, "clock", info->clock == CLOCK_TICKS ? "ticks" : "ns");
	stats_key_u64(j, "origin", info->origin);
	stats_key_u64(j, "from", s->from);
	stats_key_u64(j, "to", s->to);
	stats_key_u64(j, "length", s->length);
	json_key(j, "whole");
	json_bool(j, s->whole);
	stats_key_u64(j, "checks", s->checks);
	stats_key_u64(j, "interval", s->interval);
	stats_key_str(j, "interval_from", from[s->interval_from]);
	stats_key_str(j, "rate_unit", info->clock == CLOCK_TICKS ? "1/1000 ticks" : "1/s");
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

	stats_json_trace(&j, x);
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

void stats_csv_number(struct buf *out, struct number n)
{
	if (n.kind == WHOLE)
		buf_printf(out, "%" PRIu64, n.u);
	else if (n.kind == FRACTION)
		buf_printf(out, "%.9g", n.d);
}

void stats_csv_who(struct buf *out, const struct row *r)
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
	for (size_t i = 0; i < n_stats_columns; i++)
		buf_printf(out, ",%s", stats_column[i].key);
	buf_str(out, "\n");
	for (unsigned scope = 0; scope < N_SCOPES; scope++)
		for (uint32_t i = 0; i < stats_n_rows(s, scope); i++) {
			struct row r = stats_row(s, scope, i);

			buf_printf(out, "%s,", stats_scope_name[scope]);
			stats_csv_who(out, &r);
			buf_printf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, s->from,
				   s->to, s->length, s->checks);
			for (size_t k = 0; k < n_stats_columns; k++) {
				buf_str(out, ",");
				stats_csv_number(out, stats_number(s, r.f, &stats_column[k]));
			}
			buf_str(out, "\n");
		}
}
