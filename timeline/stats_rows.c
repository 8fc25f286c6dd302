/* stats_rows.c - the table of columns, and the rows: see stats_internal.h */
#include "stats_internal.h"

#include <assert.h>
#include <string.h>

/* --- columns ---------------------------------------------------------------------------------- */

/* Those that are a field of struct stats_figures stand at an offset; the others are computed. */
const struct column stats_column[] = {
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

const size_t n_stats_columns = sizeof(stats_column) / sizeof(*stats_column);

struct number number_fraction(double part, double whole)
{
	return whole > 0 ? (struct number){ FRACTION, 0, part / whole }
			 : (struct number){ NONE, 0, 0 };
}

struct number number_whole(uint64_t v)
{
	return v == NO_TIME ? (struct number){ NONE, 0, 0 }
			    : (struct number){ WHOLE, v, (double)v };
}

struct number stats_rate(const struct stats *s, uint64_t n)
{
	double unit = timeline_info(s->tl)->clock == CLOCK_TICKS ? 1e3 : 1e9;

	return number_fraction((double)n * unit, (double)s->length);
}

double stats_waited(const struct stats_figures *f)
{
	return (double)f->time[STATE_WAIT] + (double)f->time[STATE_SIGNAL];
}

struct number stats_number(const struct stats *s, const struct stats_figures *f,
			   const struct column *c)
{
	uint64_t failed = f->busy + f->retry;

	switch (c->computed) {
	case FIELD: return number_whole(*(const uint64_t *)((const char *)f + c->offset));
	case WAIT_SHARE: return number_fraction(stats_waited(f), (double)s->length);
	case UTILISATION: return number_fraction((double)f->held, (double)s->length);
	case ACQUIRE_RATE: return stats_rate(s, f->acquires);
	case SWITCH_RATE: return stats_rate(s, f->switches);
	case FAILED: return number_whole(failed);
	case FAILED_SHARE: return number_fraction((double)failed, (double)f->acquires);
	case BADNESS: return number_fraction((double)failed, (double)s->checks);
	}
	return (struct number){ NONE, 0, 0 };
}

const struct column *stats_find_column(const char *key)
{
	size_t i = 0;

	while (i < n_stats_columns && strcmp(stats_column[i].key, key))
		i++;
	assert(i < n_stats_columns);
	return &stats_column[i];
}

/* --- rows: what a figure is of ---------------------------------------------------------------- */

const char *const stats_scope_name[] = { "trace", "lock", "thread" };

uint32_t stats_n_rows(const struct stats *s, enum scope scope)
{
	const struct timeline_info *info = timeline_info(s->tl);

	return scope == SCOPE_TRACE ? 1 : scope == SCOPE_LOCK ? info->n_locks : info->n_lanes;
}

struct row stats_row(const struct stats *s, enum scope scope, uint32_t i)
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
