/* cmd_info.c - gilscope info: what a timeline holds, as tables for people or as JSON */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "json.h"
#include "opts.h"
#include "time.h"
#include "timeline.h"
#include "utf8.h"

int cmd_info(int argc, char **argv);

/* What is summed up over the lanes; times as integers of the clock. */
struct sums {
	struct timeline_thread all;	/* sums, and the longest of max_wait and max_run */
	uint32_t max_wait_lane, max_run_lane;
	uint32_t n_gils;		/* locks whose holds are seen */
	uint32_t n_processes;		/* that have lanes */
};

static void sum_up(struct sums *s, const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);
	struct timeline_thread *a = &s->all;

	*s = (struct sums){ 0 };
	for (uint32_t i = 0; i < info->n_locks; i++)
		s->n_gils += timeline_lock(tl, i)->kind == LOCK_GIL;
	for (uint32_t i = 0; i < info->n_lanes; i++) {
		const struct timeline_thread *t = timeline_thread(tl, i);

		/* Lanes stand by process. */
		s->n_processes += !i || t->process != timeline_thread(tl, i - 1)->process;
		for (unsigned k = 0; k < N_STATES; k++)
			a->time[k] += t->time[k];
		a->events += t->events;
		a->acquires += t->acquires;
		a->releases += t->releases;
		a->lost_acquires += t->lost_acquires;
		a->lost_releases += t->lost_releases;
		a->lost_events = count_add(a->lost_events, t->lost_events);
		a->busy += t->busy;
		a->retry += t->retry;
		a->timeouts += t->timeouts;
		a->drop_requests += t->drop_requests;
		a->switches += t->switches;
		a->forced_switches += t->forced_switches;
		a->waits += t->waits;
		if (t->max_wait > a->max_wait) {
			a->max_wait = t->max_wait;
			a->max_wait_at = t->max_wait_at;
			s->max_wait_lane = i;
		}
		if (t->max_run > a->max_run) {
			a->max_run = t->max_run;
			a->max_run_at = t->max_run_at;
			s->max_run_lane = i;
		}
	}
}

/* --- JSON: the keys are promised in docs/info.md ---------------------------------------------- */

static void put(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_text(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_str(j, s);
}

static void put_real(struct json *j, const char *key, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.9g", v);
	json_key(j, key);
	json_raw(j, text);
}

static void put_pid(struct json *j, const char *key, int64_t pid)
{
	json_key(j, key);
	if (pid < 0)
		json_null(j);
	else
		json_i64(j, pid);
}

static void json_locks(struct json *j, const struct timeline *tl)
{
	json_key(j, "locks");
	json_begin(j, '[');
	for (uint32_t i = 0; i < timeline_info(tl)->n_locks; i++) {
		const struct timeline_lock *l = timeline_lock(tl, i);

		json_begin(j, '{');
		put_text(j, "id", l->id);
		put_text(j, "name", l->name);
		put(j, "process", l->process);
		put_text(j, "kind", l->kind == LOCK_GIL ? "gil" : "park");
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void json_thread(struct json *j, const struct timeline *tl, uint32_t i)
{
	const struct timeline_thread *t = timeline_thread(tl, i);

	json_begin(j, '{');
	put_text(j, "id", t->id);
	put_pid(j, "pid", timeline_process(tl, t->process)->pid);
	put_text(j, "name", t->name);
	put(j, "run", t->time[STATE_RUN]);
	put(j, "wait", t->time[STATE_WAIT]);
	put(j, "signal", t->time[STATE_SIGNAL]);
	put(j, "idle", t->time[STATE_IDLE]);
	put(j, "stall", t->time[STATE_STALL]);
	put(j, "acquires", t->acquires);
	put(j, "releases", t->releases);
	put(j, "lost_acquires", t->lost_acquires);
	put(j, "busy", t->busy);
	put(j, "retry", t->retry);
	put(j, "timeouts", t->timeouts);
	put(j, "drop_requests", t->drop_requests);
	put(j, "waits", t->waits);
	put(j, "max_wait", t->max_wait);
	put(j, "wait_p50", timeline_quantile(tl, HIST_WAIT, i, 0.5));
	put(j, "wait_p99", timeline_quantile(tl, HIST_WAIT, i, 0.99));
	put(j, "max_run", t->max_run);

	put(j, "process", t->process);
	put(j, "events", t->events);
	put(j, "first", t->first);
	put(j, "last", t->last);
	put(j, "switches", t->switches);
	put(j, "forced_switches", t->forced_switches);
	put(j, "lost_releases", t->lost_releases);
	put(j, "lost_events", t->lost_events);
	put(j, "max_wait_at", t->max_wait_at);
	put(j, "max_run_at", t->max_run_at);
	put(j, "run_p50", timeline_quantile(tl, HIST_HOLD, i, 0.5));
	put(j, "run_p99", timeline_quantile(tl, HIST_HOLD, i, 0.99));
	put(j, "signal_p50", timeline_quantile(tl, HIST_HANDOFF, i, 0.5));
	put(j, "signal_p99", timeline_quantile(tl, HIST_HANDOFF, i, 0.99));
	json_end(j, '}');
}

static void json_processes(struct json *j, const struct timeline *tl)
{
	json_key(j, "processes");
	json_begin(j, '[');
	for (uint32_t i = 0; i < timeline_info(tl)->n_processes; i++) {
		const struct timeline_process *p = timeline_process(tl, i);

		json_begin(j, '{');
		put_pid(j, "pid", p->pid);
		put_pid(j, "ppid", p->ppid);
		put_text(j, "name", p->name);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void json_facts(struct json *j, const struct timeline *tl)
{
	json_key(j, "facts");
	json_begin(j, '[');
	for (uint32_t i = 0; i < timeline_info(tl)->n_facts; i++) {
		json_begin(j, '{');
		put_text(j, "key", timeline_fact(tl, i)->key);
		put_text(j, "value", timeline_fact(tl, i)->value);
		json_end(j, '}');
	}
	json_end(j, ']');
}

/* Figures of the whole; more may follow here in later versions. */
static void json_more(struct json *j, const struct timeline *tl, const struct sums *s,
		      uint64_t bytes)
{
	const struct timeline_info *info = timeline_info(tl);

	put(j, "check_interval", info->check_interval);
	put(j, "acquires", s->all.acquires);
	put(j, "releases", s->all.releases);
	put(j, "lost_acquires", s->all.lost_acquires);
	put(j, "lost_releases", s->all.lost_releases);
	put(j, "switches", s->all.switches);
	put(j, "held", s->all.time[STATE_RUN] + s->all.time[STATE_STALL]);
	put(j, "waits", s->all.waits);
	put(j, "wait_p50", timeline_quantile(tl, HIST_WAIT, NO_THREAD, 0.5));
	put(j, "wait_p99", timeline_quantile(tl, HIST_WAIT, NO_THREAD, 0.99));
	put(j, "max_wait", s->all.max_wait);
	put(j, "signal_p50", timeline_quantile(tl, HIST_HANDOFF, NO_THREAD, 0.5));
	put(j, "signal_p99", timeline_quantile(tl, HIST_HANDOFF, NO_THREAD, 0.99));
	json_processes(j, tl);
	put(j, "other_threads", info->n_threads - info->n_lanes);
	put(j, "functions", info->n_funcs);
	json_facts(j, tl);
	put(j, "bytes", bytes);
	put(j, "blocks", info->n_blocks);
	put(j, "nodes", info->n_nodes);
}

static void info_json(struct buf *out, const struct timeline *tl, const struct sums *s,
		      uint64_t bytes)
{
	const struct timeline_info *info = timeline_info(tl);
	struct json j = json_new(out);

	json_begin(&j, '{');
	put(&j, "version", info->version);
	put_text(&j, "title", info->title);
	put_text(&j, "clock", info->clock == CLOCK_TICKS ? "ticks" : "ns");
	put(&j, "start", info->origin);
	put(&j, "end", info->origin + info->end);
	put(&j, "events", info->events);
	put(&j, "skipped_lines", info->skipped_lines);
	put(&j, "lost_events", info->lost_events);
	json_key(&j, "truncated");
	json_bool(&j, info->truncated);
	json_locks(&j, tl);
	json_key(&j, "threads");
	json_begin(&j, '[');
	for (uint32_t i = 0; i < info->n_lanes; i++)
		json_thread(&j, tl, i);
	json_end(&j, ']');
	put(&j, "checks", info->checks);
	if (info->checks) {
		put_real(&j, "badness",
			 (double)(s->all.busy + s->all.retry) / (double)info->checks);
	} else {
		json_key(&j, "badness");
		json_null(&j);
	}
	json_more(&j, tl, s, bytes);
	json_end(&j, '}');
	buf_str(out, "\n");
}

/* --- text ------------------------------------------------------------------------------------- */

#define LINE_COLUMNS 100	/* of a terminal: names are cut so that the tables fit */
#define NAME_LEAST 10		/* ... but not below this */
#define ID_MOST 20
#define KEY_COLUMNS 15

/* 1234567 as 1,234,567. */
static char *grouped(char out[32], uint64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, v), k = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = 0;
	return out;
}

#define WHOLE_SECONDS UINT64_C(999950000000)	/* from here on time_text() has no others */

/* A length; ticks are many, and so may seconds be. */
static const char *length_text(char out[40], uint64_t t, enum timeline_clock clock)
{
	if (clock == CLOCK_TICKS)
		return strcat(grouped(out, t), "t");
	if (t >= WHOLE_SECONDS)
		return strcat(grouped(out, (t + 500000000) / 1000000000), "s");
	return time_text(out, t, clock);
}

/* Appends what fits of a name into so many columns, and blanks behind it. */
static void put_cut(struct buf *b, const char *name, size_t columns)
{
	size_t used = utf8_show_cut(b, name, strlen(name), columns);

	buf_printf(b, "%*s", (int)(columns - used), "");
}

static size_t shown_columns(const char *name)
{
	struct buf shown = BUF_INIT;
	size_t columns;

	utf8_show(&shown, name, strlen(name));
	columns = buf_failed(&shown) ? 0 : utf8_columns((const char *)shown.data, shown.len);
	buf_release(&shown);
	return columns;
}

enum form { TIME, COUNT, SHARE, QUANTILE };

/* A column of a table of lanes: a number of struct timeline_thread, and how it is shown. */
struct column {
	const char *title;
	enum form form;
	size_t field;			/* its offset; QUANTILE: the histogram */
	double q;
	bool always;			/* also where it is 0 for all lanes */
	/* 1, 2...: left out first, second... where the table is too wide */
	unsigned minor;
};

#define FIELD(f) offsetof(struct timeline_thread, f)

static const struct column times[] = {
	{ "run", TIME, FIELD(time[STATE_RUN]), 0, true, 0 },
	{ "share", SHARE, FIELD(time[STATE_RUN]), 0, true, 0 },
	{ "wait", TIME, FIELD(time[STATE_WAIT]), 0, true, 0 },
	{ "signal", TIME, FIELD(time[STATE_SIGNAL]), 0, true, 0 },
	{ "stall", TIME, FIELD(time[STATE_STALL]), 0, false, 0 },
	{ "idle", TIME, FIELD(time[STATE_IDLE]), 0, true, 1 },
	{ "acquires", COUNT, FIELD(acquires), 0, true, 0 },
	{ "longest", TIME, FIELD(max_run), 0, true, 0 },
};

static const struct column waits[] = {
	{ "waits", COUNT, FIELD(waits), 0, true, 0 },
	{ "median", QUANTILE, HIST_WAIT, 0.5, true, 0 },
	{ "99 %", QUANTILE, HIST_WAIT, 0.99, true, 0 },
	{ "longest", TIME, FIELD(max_wait), 0, true, 0 },
	{ "busy", COUNT, FIELD(busy), 0, false, 2 },
	{ "retry", COUNT, FIELD(retry), 0, false, 0 },
	{ "timeouts", COUNT, FIELD(timeouts), 0, false, 0 },
	{ "drops", COUNT, FIELD(drop_requests), 0, false, 1 },
	{ "switches", COUNT, FIELD(switches), 0, false, 0 },
};

#define N_TIMES (sizeof(times) / sizeof(*times))
#define N_WAITS (sizeof(waits) / sizeof(*waits))
#define MAX_COLUMNS 12

struct table {
	const struct timeline *tl;
	const struct sums *sums;
	const struct column *column;
	unsigned n;
	bool shown[MAX_COLUMNS];
	size_t width[MAX_COLUMNS];
	size_t id_width, name_width, pid_width;	/* name and pid: 0 if there is none */
};

static uint64_t field_of(const struct timeline_thread *t, size_t field)
{
	uint64_t v;

	memcpy(&v, (const char *)t + field, sizeof(v));
	return v;
}

/* A cell's text; i NO_THREAD: of all lanes together. */
static const char *cell(char out[40], const struct table *t, const struct column *c, uint32_t i)
{
	const struct timeline_info *info = timeline_info(t->tl);
	const struct timeline_thread *of =
		i == NO_THREAD ? &t->sums->all : timeline_thread(t->tl, i);
	uint64_t v = c->form == QUANTILE
			     ? timeline_quantile(t->tl, (enum timeline_hist)c->field, i, c->q)
			     : field_of(of, c->field);

	/* Of what did not occur, there is no length. */
	if (c->form == QUANTILE && !of->waits)
		return "-";
	if (c->form == COUNT)
		return grouped(out, v);
	if (c->form != SHARE)
		return length_text(out, v, info->clock);
	snprintf(out, 40, "%.1f %%", info->end ? 100.0 * (double)v / (double)info->end : 0.0);
	return out;
}

static const char *pid_text(char out[40], const struct timeline *tl, uint32_t lane)
{
	int64_t pid = timeline_process(tl, timeline_thread(tl, lane)->process)->pid;

	snprintf(out, 40, pid < 0 ? "-" : "%" PRId64, pid);
	return out;
}

static void measure(struct table *t)
{
	const struct timeline_info *info = timeline_info(t->tl);
	size_t longest = 0, used = 2;
	char text[40];

	t->id_width = 6;
	for (uint32_t i = 0; i < info->n_lanes; i++) {
		const struct timeline_thread *l = timeline_thread(t->tl, i);
		size_t id = shown_columns(l->id), name = shown_columns(l->name);
		size_t pid = strlen(pid_text(text, t->tl, i));

		t->id_width = id > t->id_width ? id : t->id_width;
		longest = name > longest ? name : longest;
		if (t->sums->n_processes > 1 && pid > t->pid_width)
			t->pid_width = pid < 3 ? 3 : pid;
	}
	t->id_width = t->id_width < ID_MOST ? t->id_width : ID_MOST;
	for (unsigned k = 0; k < t->n; k++) {
		const struct column *c = &t->column[k];

		t->width[k] = strlen(c->title);
		t->shown[k] = c->always || field_of(&t->sums->all, c->field);
		for (uint32_t i = 0; i <= info->n_lanes; i++) {
			size_t n = strlen(cell(text, t, c, i < info->n_lanes ? i : NO_THREAD));

			t->width[k] = n > t->width[k] ? n : t->width[k];
		}
		used += t->shown[k] ? t->width[k] + 2 : 0;
	}
	used += t->id_width + (t->pid_width ? t->pid_width + 2 : 0);
	for (unsigned minor = 1; minor < 3; minor++)
		for (unsigned k = 0; k < t->n; k++)
			if (t->column[k].minor == minor && t->shown[k] &&
			    used + (longest ? 2 + NAME_LEAST : 0) > LINE_COLUMNS) {
				t->shown[k] = false;
				used -= t->width[k] + 2;
			}
	if (longest)
		t->name_width =
			used + 2 + NAME_LEAST < LINE_COLUMNS ? LINE_COLUMNS - used - 2 : NAME_LEAST;
	if (t->name_width > longest)
		t->name_width = longest < 6 ? 6 : longest;
}

static void put_cells(struct buf *b, const struct table *t, uint32_t i, bool titles)
{
	for (unsigned k = 0; k < t->n; k++) {
		char text[40];

		if (t->shown[k])
			buf_printf(b, "  %*s", (int)t->width[k],
				   titles ? t->column[k].title : cell(text, t, &t->column[k], i));
	}
	buf_str(b, "\n");
}

static void put_table(struct buf *b, struct table *t)
{
	const struct timeline_info *info = timeline_info(t->tl);

	measure(t);
	buf_str(b, "\n  ");
	put_cut(b, "thread", t->id_width);
	if (t->pid_width)
		buf_printf(b, "  %*s", (int)t->pid_width, "pid");
	if (t->name_width) {
		buf_str(b, "  ");
		put_cut(b, "name", t->name_width);
	}
	put_cells(b, t, 0, true);
	for (uint32_t i = 0; i < info->n_lanes; i++) {
		const struct timeline_thread *l = timeline_thread(t->tl, i);
		char pid[40];

		buf_str(b, "  ");
		put_cut(b, l->id, t->id_width);
		if (t->pid_width)
			buf_printf(b, "  %*s", (int)t->pid_width, pid_text(pid, t->tl, i));
		if (t->name_width) {
			buf_str(b, "  ");
			put_cut(b, l->name, t->name_width);
		}
		put_cells(b, t, i, false);
	}
	if (info->n_lanes < 2)
		return;
	buf_str(b, "  ");
	put_cut(b, "all", t->id_width + (t->pid_width ? t->pid_width + 2 : 0) +
			  (t->name_width ? t->name_width + 2 : 0));
	put_cells(b, t, NO_THREAD, false);
}

static void put_key(struct buf *b, const char *key)
{
	buf_str(b, "  ");
	put_cut(b, key, KEY_COLUMNS);
	buf_str(b, "  ");
}

static void put_clock(struct buf *b, const struct timeline_info *info)
{
	char from[48], to[48], length[40];

	put_key(b, "time");
	buf_printf(b, "%s, from %s to %s\n", length_text(length, info->end, info->clock),
		   time_exact(from, info->origin, info->clock),
		   time_exact(to, info->origin + info->end, info->clock));
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void put_gil(struct buf *b, const struct timeline *tl, const struct sums *s)
{
	const struct timeline_info *info = timeline_info(tl);
	uint64_t run = s->all.time[STATE_RUN], stall = s->all.time[STATE_STALL];
	char a[32], c[32];

	put_key(b, s->n_gils > 1 ? "GILs" : "GIL");
	if (!s->n_gils) {
		buf_str(b, "none: only waits for other locks were seen\n");
		return;
	}
	if (s->n_gils > 1)
		buf_printf(b, "%u, of which on average %.2f were held", s->n_gils,
			   share(run + stall, info->end) / 100.0);
	else
		buf_printf(b, "held %.1f %% of the time", share(run + stall, info->end));
	if (stall)
		buf_printf(b, " (%.1f %% of that off the cpu)", share(stall, run + stall));
	buf_printf(b, "; %s acquire%s, %s after another thread\n", grouped(a, s->all.acquires),
		   plural(s->all.acquires), grouped(c, s->all.switches));
}

static void put_longest_wait(struct buf *b, const struct timeline *tl, const struct sums *s)
{
	const struct timeline_info *info = timeline_info(tl);
	char length[40], at[48];

	if (!s->all.max_wait)
		return;
	put_key(b, "longest wait");
	buf_printf(b, "%s of thread ", length_text(length, s->all.max_wait, info->clock));
	put_cut(b, timeline_thread(tl, s->max_wait_lane)->id,
		shown_columns(timeline_thread(tl, s->max_wait_lane)->id) < 40
		? shown_columns(timeline_thread(tl, s->max_wait_lane)->id) : 40);
	buf_printf(b, ", from %s after the start\n",
		   time_exact(at, s->all.max_wait_at, info->clock));
}

static void put_badness(struct buf *b, const struct timeline_info *info, const struct sums *s)
{
	char a[32], c[32];

	if (!info->checks)
		return;
	put_key(b, "badness");
	buf_printf(b, "%.4f: %s failed acquisitions (busy, retry) in %s checks",
		   (double)(s->all.busy + s->all.retry) / (double)info->checks,
		   grouped(a, s->all.busy + s->all.retry), grouped(c, info->checks));
	if (info->check_interval)
		buf_printf(b, " of %" PRIu64 " ticks", info->check_interval);
	buf_str(b, "\n");
}

/* One of several things that are not in the timeline. */
static void put_missing(struct buf *b, uint64_t n, const char *one, const char *many, bool *any)
{
	char text[32];

	if (!n)
		return;
	if (!*any)
		put_key(b, "missing");
	buf_printf(b, "%s%s %s", *any ? ", " : "", grouped(text, n), n == 1 ? one : many);
	*any = true;
}

static void put_losses(struct buf *b, const struct timeline_info *info, const struct sums *s)
{
	bool any = false;

	put_missing(b, info->lost_events, "lost event", "lost events", &any);
	put_missing(b, s->all.lost_acquires, "lost acquire", "lost acquires", &any);
	put_missing(b, s->all.lost_releases, "lost release", "lost releases", &any);
	put_missing(b, info->skipped_lines, "skipped line", "skipped lines", &any);
	if (info->truncated) {
		if (!any)
			put_key(b, "missing");
		buf_printf(b, "%sthe end: the log was cut off", any ? ", " : "");
		any = true;
	}
	if (any)
		buf_str(b, "\n");
}

static void info_text(struct buf *b, const struct timeline *tl, const struct sums *s,
		      uint64_t bytes)
{
	const struct timeline_info *info = timeline_info(tl);
	const char *title = *info->title ? info->title : "(no title)";
	struct table state = { .tl = tl, .sums = s, .column = times, .n = N_TIMES };
	struct table wait = { .tl = tl, .sums = s, .column = waits, .n = N_WAITS };
	char a[32], c[32];

	utf8_show(b, title, strlen(title));
	buf_str(b, "\n");
	put_clock(b, info);
	put_key(b, "events");
	buf_printf(b, "%s of %u thread%s", grouped(a, info->events), info->n_lanes,
		   plural(info->n_lanes));
	if (s->n_processes > 1)
		buf_printf(b, " of %u processes", s->n_processes);
	buf_printf(b, "; the file has %s bytes", grouped(c, bytes));
	if (info->events)
		buf_printf(b, ", %.2f an event", (double)bytes / (double)info->events);
	buf_str(b, "\n");
	put_gil(b, tl, s);
	put_longest_wait(b, tl, s);
	put_badness(b, info, s);
	put_losses(b, info, s);
	for (uint32_t i = 0; i < info->n_facts; i++) {
		const struct timeline_fact *f = timeline_fact(tl, i);

		put_key(b, f->key);
		utf8_show(b, f->value, strlen(f->value));
		buf_str(b, "\n");
	}
	put_table(b, &state);
	put_table(b, &wait);
}

int cmd_info(int argc, char **argv)
{
	bool json = false;
	const struct opt table[] = {
		{ 0, "json", NULL, "all figures as JSON, for programs: docs/info.md", OPT_FLAG,
		  &json },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope info [--json] T.gtl",
		.summary = "Says what a timeline holds: its length, and for each thread the time "
			   "in each state, how\n"
			   "often it took the lock, and how long it waited for it.",
		.table = table,
		.example = "gilscope info --json trace.gtl | jq '.threads[] | {id, wait_p99}'",
	};
	struct timeline *tl = NULL;
	struct buf out = BUF_INIT;
	struct err err = { 0 };
	struct sums sums;
	struct stat st;
	int n, ret, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (n != 1)
		return opts_usage(&opts, n ? "one timeline at a time" : "no timeline given");
	signal(SIGPIPE, SIG_IGN);
	ret = timeline_open(&tl, argv[1], &err);
	if (!ret && timeline_load_hists(tl, &err))
		ret = err_prefix(&err, argv[1]);
	if (!ret && stat(argv[1], &st))
		ret = err_system(&err, "%s", argv[1]);
	if (!ret) {
		sum_up(&sums, tl);
		(json ? info_json : info_text)(&out, tl, &sums, (uint64_t)st.st_size);
		ret = buf_failed(&out) ? err_memory(&err, "the text")
				       : io_print(out.data, out.len, &err);
	}
	timeline_close(tl);
	buf_release(&out);
	if (ret)
		fprintf(stderr, "gilscope info: %s\n", err.msg);
	return ret ? 1 : 0;
}
