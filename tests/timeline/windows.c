/*
 * Any window at any level, any sum over any range and the states at any instant are what a plain
 * loop over the timeline's own events and periods makes of them (which tests/ingest compares with
 * the oracle).
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "render/random_timeline.h"
#include "timeline.h"

enum { MAX_BINS = 40 };

struct list {
	struct event *event;
	int64_t *count, *checks;	/* of each event: ATTR_COUNT, ATTR_CHECKS or -1 */
	size_t n_events, cap_events;
	struct period *period;
	size_t n_periods, cap_periods;
};

struct plain {			/* what a plain loop needs */
	const struct timeline *tl;
	struct list list;
	struct period *take;	/* contended takes that ended in ACQUIRE: since to end */
	size_t n_takes;
	int64_t first_checks;	/* from which checks are counted; -1: the first that is seen */
};

static int keep_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct list *l = ctx;

	if (l->n_events == l->cap_events) {
		l->cap_events = l->cap_events ? 2 * l->cap_events : 1024;
		l->event = realloc(l->event, l->cap_events * sizeof(*l->event));
		l->count = realloc(l->count, l->cap_events * sizeof(*l->count));
		l->checks = realloc(l->checks, l->cap_events * sizeof(*l->checks));
	}
	l->count[l->n_events] = l->checks[l->n_events] = -1;
	for (unsigned i = 0; i < e->n_attrs; i++) {
		if (attrs[i].id == ATTR_COUNT)
			l->count[l->n_events] = attrs[i].value;
		if (attrs[i].id == ATTR_CHECKS)
			l->checks[l->n_events] = attrs[i].value;
	}
	l->event[l->n_events++] = *e;
	return 0;
}

static int keep_period(void *ctx, const struct period *p)
{
	struct list *l = ctx;

	if (l->n_periods == l->cap_periods) {
		l->cap_periods = l->cap_periods ? 2 * l->cap_periods : 1024;
		l->period = realloc(l->period, l->cap_periods * sizeof(*l->period));
	}
	l->period[l->n_periods++] = *p;
	return 0;
}

static uint64_t overlap(uint64_t a, uint64_t b, uint64_t from, uint64_t to)
{
	if (a < from)
		a = from;
	if (b > to)
		b = to;
	return b > a ? b - a : 0;
}

/* The bin [from, to) of a lane, by going through everything. */
static struct timeline_bin plain_bin(const struct plain *x, uint32_t lane, uint64_t from,
				     uint64_t to)
{
	struct timeline_bin b = { 0 };
	int64_t checks = x->first_checks;

	for (size_t i = 0; i < x->list.n_periods; i++) {
		const struct period *p = &x->list.period[i];
		uint64_t n = p->thread == lane ? overlap(p->begin, p->end, from, to) : 0;

		*(p->state == STATE_RUN ? &b.run : p->state == STATE_STALL ? &b.stall :
		  p->state == STATE_WAIT ? &b.wait : &b.signal) += n;
	}
	for (size_t i = 0; i < x->n_takes; i++) {
		const struct period *p = &x->take[i];

		if (p->thread == lane && overlap(p->begin, p->end, from, to) &&
		    p->end - p->begin > b.max_wait)
			b.max_wait = p->end - p->begin;
	}
	for (size_t i = 0; i < x->list.n_events; i++) {
		const struct event *e = &x->list.event[i];
		int64_t now = x->list.checks[i];
		bool mine = e->thread == lane && e->time >= from && e->time < to;

		if (now >= 0 && !timeline_checks_follow(timeline_info(x->tl))) {
			if (checks >= 0 && now > checks && mine)
				b.checks += (uint64_t)(now - checks);
			if (now > checks)
				checks = now;
		}
		if (!mine)
			continue;
		b.events += e->kind != EV_STATE;
		b.acquires += e->kind == EV_ACQUIRE;
		b.releases += e->kind == EV_RELEASE;
		b.busy += e->kind == EV_BUSY;
		b.retry += e->kind == EV_RETRY;
		b.timeouts += e->kind == EV_TIMEOUT;
		b.switches += (e->flags & EVF_SWITCH) != 0;
		b.lost = plain_lost(b.lost, (e->flags & EVF_LOST_ACQUIRE) != 0);
		b.lost = plain_lost(b.lost, (e->flags & EVF_LOST_RELEASE) != 0);
		if (e->kind == EV_LOST)
			b.lost = plain_lost(b.lost, x->list.count[i] >= 0 ? x->list.count[i] : 1);
	}
	return b;
}

static void same_bin(const char *what, const struct timeline_bin *got,
		     const struct timeline_bin *want)
{
	const uint64_t pair[][2] = {
		{ got->run, want->run },	   { got->stall, want->stall },
		{ got->wait, want->wait },	   { got->signal, want->signal },
		{ got->max_wait, want->max_wait }, { got->acquires, want->acquires },
		{ got->releases, want->releases }, { got->busy, want->busy },
		{ got->retry, want->retry },	   { got->timeouts, want->timeouts },
		{ got->switches, want->switches }, { got->lost, want->lost },
		{ got->events, want->events },	   { got->checks, want->checks },
	};
	static const char *const name[] = { "run",	"stall",    "wait",   "signal", "max_wait",
					    "acquires", "releases", "busy",   "retry",	"timeouts",
					    "switches", "lost",	    "events", "checks" };

	for (unsigned i = 0; i < sizeof(pair) / sizeof(*pair); i++)
		if (pair[i][0] != pair[i][1])
			fail_msg("%s: %s is %" PRIu64 ", the plain loop says %" PRIu64, what,
				 name[i], pair[i][0], pair[i][1]);
}

/* The first event at time t or later. */
static size_t event_at(const struct list *l, uint64_t t)
{
	size_t lo = 0, hi = l->n_events;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->event[mid].time < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Takes are what begins with a wait, runs over neighbouring periods and ends at an ACQUIRE. */
static void find_takes(struct plain *x)
{
	x->take = calloc(x->list.n_periods + 1, sizeof(*x->take));
	for (size_t i = 0; i < x->list.n_periods; i++) {
		const struct period *p = &x->list.period[i];
		size_t k;

		if (p->state != STATE_WAIT && p->state != STATE_SIGNAL)
			continue;
		for (k = x->n_takes; k; k--)
			if (x->take[k - 1].thread == p->thread)
				break;
		if (k && x->take[k - 1].since == p->since && x->take[k - 1].end == p->begin)
			x->take[k - 1].end = p->end;
		else
			x->take[x->n_takes++] = (struct period){ .thread = p->thread,
								 .since = p->since,
								 .begin = p->begin,
								 .end = p->end };
	}
	for (size_t i = 0; i < x->n_takes; i++) {
		bool acquired = false;

		/* what ended it is the first event there that leaves the wait */
		for (size_t k = event_at(&x->list, x->take[i].end); k < x->list.n_events; k++) {
			const struct event *e = &x->list.event[k];

			if (e->time != x->take[i].end)
				break;
			if (e->thread == x->take[i].thread && e->state != STATE_WAIT) {
				acquired = e->kind == EV_ACQUIRE;
				break;
			}
		}
		if (!acquired)
			x->take[i--] = x->take[--x->n_takes];
	}
}

/* A lane that is said to have nothing has nothing. */
static void nothing_hidden(const struct timeline_bin *bins, uint32_t n, uint32_t n_lanes,
			   const bool *some)
{
	const struct timeline_bin none = { 0 };

	for (uint32_t lane = 0; lane < n_lanes; lane++)
		for (uint32_t i = 0; !some[lane] && i < n; i++)
			assert_memory_equal(&bins[lane * n + i], &none, sizeof(none));
}

static void check(const char *name, struct timeline *tl, int64_t first_checks, unsigned rounds)
{
	const struct timeline_info *info = timeline_info(tl);
	struct plain x = { .tl = tl, .first_checks = first_checks };
	struct timeline_bin bins[MAX_BINS * 4], want;
	struct lane_state states[4];
	struct err err = { 0 };
	struct timeline_cursor *c = timeline_cursor_new(tl, &err);
	uint64_t end = info->end;
	char what[512];

	assert_non_null(c);
	if (timeline_events(c, 0, end + 1, keep_event, &x.list, &err) ||
	    timeline_periods(c, 0, end + 1, keep_period, &x.list, &err))
		fail_msg("%s: %s", name, err.msg);
	find_takes(&x);
	for (unsigned round = 0; round < rounds; round++) {
		uint32_t lane0 = (uint32_t)(random_next() % info->n_lanes);
		uint32_t n_lanes = 1 + (uint32_t)(random_next() % 4);
		unsigned level = (unsigned)(random_next() % 40);
		uint32_t n = 1 + (uint32_t)(random_next() % MAX_BINS);
		uint64_t first, from, to;

		if (n_lanes > info->n_lanes - lane0)
			n_lanes = info->n_lanes - lane0;
		while (level && !(end >> level))
			level--;
		first = random_next() % ((end >> level) + 3);
		if (timeline_bins(c, level, first, n, lane0, n_lanes, bins, &err))
			fail_msg("%s: bins: %s", name, err.msg);
		nothing_hidden(bins, n, n_lanes, timeline_bins_some(c));
		for (unsigned k = 0; k < 4; k++) {
			uint32_t lane = (uint32_t)(random_next() % n_lanes),
				 i = (uint32_t)(random_next() % n);

			want = plain_bin(&x, lane0 + lane, (first + i) << level,
					 (first + i + 1) << level);
			snprintf(what, sizeof(what),
				 "%s: level %u, bin %" PRIu64 " (of %u from %" PRIu64 "), lane %u",
				 name, level, first + i, n, first, lane0 + lane);
			same_bin(what, &bins[lane * n + i], &want);
		}
		from = random_next() % (end + 1);
		to = random_next() % 3
			     ? from + random_next() % (end / (1 + random_next() % 1000) + 2)
			     : end + 1;
		if (timeline_sum(c, from, to, lane0, n_lanes, bins, &err) ||
		    timeline_states_at(c, from, lane0, n_lanes, states, &err))
			fail_msg("%s: sum: %s", name, err.msg);
		for (uint32_t lane = 0; lane < n_lanes; lane++) {
			struct lane_state is = { STATE_IDLE, 0, 0 };

			want = plain_bin(&x, lane0 + lane, from, to);
			snprintf(what, sizeof(what),
				 "%s: sum of [%" PRIu64 ", %" PRIu64 "), lane %u", name, from, to,
				 lane0 + lane);
			same_bin(what, &bins[lane], &want);
			for (size_t i = 0; i < x.list.n_periods; i++) {
				const struct period *p = &x.list.period[i];

				if (p->thread == lane0 + lane && p->begin <= from && from < p->end)
					is = (struct lane_state){ p->state, p->lock, p->since };
			}
			if (from < end &&
			    (states[lane].state != is.state ||
			     (is.state != STATE_IDLE &&
			      (states[lane].lock != is.lock || states[lane].since != is.since))))
				fail_msg("%s: at %" PRIu64 " lane %u is %s since %" PRIu64
					 ", the plain loop says %s since %" PRIu64,
					 name, from, lane0 + lane, state_name(states[lane].state),
					 states[lane].since, state_name(is.state), is.since);
		}
		/* the periods of a part are those of the whole that touch it */
		if (round % 8 == 0) {
			struct list part = { 0 };
			size_t k = 0;

			if (timeline_periods(c, from, to, keep_period, &part, &err))
				fail_msg("%s: periods: %s", name, err.msg);
			for (size_t i = 0; i < x.list.n_periods; i++) {
				const struct period *p = &x.list.period[i];

				if (p->begin >= to || p->end <= from)
					continue;
				for (k = 0; k < part.n_periods; k++)
					if (part.period[k].thread == p->thread &&
					    part.period[k].begin == p->begin &&
					    part.period[k].end == p->end &&
					    part.period[k].state == p->state &&
					    part.period[k].since == p->since &&
					    part.period[k].lock == p->lock)
						break;
				if (k == part.n_periods)
					fail_msg("%s: [%" PRIu64 ", %" PRIu64
						 "): no %s of thread %u from %" PRIu64
						 " to %" PRIu64,
						 name, from, to, state_name(p->state), p->thread,
						 p->begin, p->end);
				part.period[k] = part.period[--part.n_periods];
			}
			if (part.n_periods)
				fail_msg("%s: [%" PRIu64 ", %" PRIu64 "): %zu periods too many",
					 name, from, to, part.n_periods);
			free(part.period);
		}
		{
			uint64_t n_in = 0, bound = timeline_count_bound(tl, from, to);

			for (size_t i = 0; i < x.list.n_events; i++)
				n_in += x.list.event[i].time >= from && x.list.event[i].time < to;
			if (n_in > bound)
				fail_msg("%s: %" PRIu64 " events in [%" PRIu64 ", %" PRIu64
					 "), bound %" PRIu64,
					 name, n_in, from, to, bound);
		}
	}
	timeline_cursor_free(c);
	free(x.list.event);
	free(x.list.count);
	free(x.list.checks);
	free(x.list.period);
	free(x.take);
}

/* ingests what genlog.py makes of the words, and checks it */
static void check_log(const char *words, unsigned rounds)
{
	const char *gilscope = getenv("GILSCOPE"), *build = getenv("GILSCOPE_BUILD"),
		   *mode = getenv("GILSCOPE_MODE");
	char gtl[1100], cmd[4096];
	struct timeline *tl;
	struct err err = { 0 };
	int fd;

	if (!gilscope || !build)
		skip();
	if (mode && strcmp(mode, "release"))
		rounds /= 8;
	random_state = 1;
	snprintf(gtl, sizeof(gtl), "%s/windows-XXXXXX", build);
	fd = mkstemp(gtl);
	assert_true(fd >= 0);
	close(fd);
	snprintf(cmd, sizeof(cmd), "python3 tests/oracle/genlog.py %s | '%s' ingest -f -o '%s' -",
		 words, gilscope, gtl);
	assert_int_equal(system(cmd), 0);
	if (timeline_open(&tl, gtl, &err))
		fail_msg("%s: %s", words, err.msg);
	unlink(gtl);
	check(words, tl, -1, rounds);
	timeline_close(tl);
}

/* As random as the writer allows: blocks of any size, losses, takes that never end. */
static void test_written(void **state)
{
	const char *build = getenv("GILSCOPE_BUILD"), *mode = getenv("GILSCOPE_MODE");
	unsigned n = mode && strcmp(mode, "release") ? 12 : 60;
	char path[1100], what[64];
	struct timeline *tl;
	struct err err = { 0 };

	(void)state;
	random_seed_from_env();
	snprintf(path, sizeof(path), "%s/windows-%ld.gtl", build ? build : ".", (long)getpid());
	for (unsigned i = 0; i < n; i++) {
		struct sim_options o = {
			.n_threads = 1 + (uint32_t)random_below(random_below(4) ? 6 : 100),
			.n_events = 1 + random_below(random_below(4) ? 2000 : 30000),
			.max_step = 1 + random_below(random_below(2) ? 100 : 1000000),
			.checks = random_below(2),
			.block_events = random_below(3) ? 1 + (unsigned)random_below(300) : 0,
		};

		/* threads that wait while dozens of blocks go by */
		o.idle_threads = (unsigned)random_below(o.n_threads);
		if (o.n_events > 2000 && o.block_events && o.block_events < 50)
			o.block_events = 50;
		snprintf(what, sizeof(what), "written timeline %u", i);
		random_timeline(path, &o);
		if (timeline_open(&tl, path, &err))
			fail_msg("%s: %s", what, err.msg);
		unlink(path);
		check(what, tl, 0, 100);
		timeline_close(tl);
	}
}

static void test_small(void **state)
{
	char words[64];

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		snprintf(words, sizeof(words), "w%u %s 600", i, i % 3 ? "gillog" : "perf");
		check_log(words, 400);
	}
}

static void test_large(void **state)
{
	(void)state;
	check_log("l1 gillog 100000 7", 240);
	check_log("l2 beazley 100000 3", 240);
	check_log("l3 perf 60000 70", 160);
	check_log("l4 gillog 50000 512", 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_written),
					    cmocka_unit_test(test_small),
					    cmocka_unit_test(test_large) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
