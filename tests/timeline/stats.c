/*
 * The figures of stats are the same from what a timeline has stored and from its events; those of
 * any stretch are its sums; and no timeline, however damaged, crashes it.
 */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FUZZER				/* no main() of its own */
#include "fuzz/timeline.c"		/* repair() */

#include "findings.h"
#include "ingest.h"
#include "io.h"
#include "render/random_timeline.h"
#include "scratch.h"
#include "stats.h"
#include "stats_show.h"

static struct timeline *open_or_fail(const char *path)
{
	struct timeline *tl;
	struct err err = { 0 };

	if (timeline_open(&tl, path, &err))
		fail_msg("%s", err.msg);
	return tl;
}

static void collect(struct stats *s, struct timeline *tl, uint64_t from, uint64_t to, bool findings,
		    bool from_events)
{
	struct stats_options o = {
		.from = from, .to = to, .findings = findings, .from_events = from_events
	};
	struct err err = { 0 };

	if (stats_collect(s, tl, &o, &err))
		fail_msg("%s", err.msg);
}

/* A hand-off's and a lock's longest may be known from the events only. */
static void same_figures(const char *what, uint32_t i, struct stats_figures a,
			 struct stats_figures b)
{
	for (unsigned h = 0; h < N_HISTS; h++) {
		if (a.value[h].max_at == NO_TIME)
			b.value[h].max_at = NO_TIME;
		/* of equally long ones, any */
		if (a.value[h].max == b.value[h].max)
			b.value[h].max_at = a.value[h].max_at;
	}
	if (memcmp(&a, &b, sizeof(a)))
		fail_msg("%s %" PRIu32
			 ": the stored figures are not those of the events (run %" PRIu64
			 ", %" PRIu64 "; acquires %" PRIu64 ", %" PRIu64 ")",
			 what, i, a.time[STATE_RUN], b.time[STATE_RUN], a.acquires, b.acquires);
}

static void stored_is_walked(void **state)
{
	static const char *const sample[] = {
		"samples/countdown2-py27.beazley.zst", "samples/echo-spin1-py313.perf.zst",
		"samples/lost-takes-py38.perf.zst", "samples/names-with-blanks-py312.perf.zst",
		"samples/convoy-py311.gillog",
	};
	struct ingest_options options = { .force = true, .n_threads = 1 };
	char path[300];

	(void)state;
	scratch_path(path, sizeof(path), "-stats.gtl");
	for (size_t i = 0; i < sizeof(sample) / sizeof(*sample); i++) {
		struct stats stored, walked;
		struct timeline *tl;
		struct err err = { 0 };

		if (ingest_logs(&sample[i], 1, path, &options, NULL, &err))
			fail_msg("%s", err.msg);
		tl = open_or_fail(path);
		collect(&stored, tl, 0, NO_TIME, false, false);
		collect(&walked, tl, 0, NO_TIME, true, true);
		assert_int_equal(stored.events_read, 0);
		assert_int_equal(stored.checks, walked.checks);
		same_figures(sample[i], NO_THREAD, stored.total, walked.total);
		for (uint32_t k = 0; k < timeline_info(tl)->n_lanes; k++)
			same_figures("lane", k, stored.lane[k], walked.lane[k]);
		for (uint32_t k = 0; k < timeline_info(tl)->n_locks; k++)
			same_figures("lock", k, stored.lock[k], walked.lock[k]);
		stats_release(&stored);
		stats_release(&walked);
		timeline_close(tl);
	}
	unlink(path);
}

static void same(const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: %" PRIu64 ", the sum says %" PRIu64, what, got, want);
}

static void stretches_are_sums(void **state)
{
	char path[300];

	(void)state;
	scratch_path(path, sizeof(path), "-stats.gtl");
	for (unsigned round = 0; round < 60; round++) {
		struct sim_options o = {
			.n_threads = 1 + (uint32_t)random_below(9),
			.n_events = 1 + random_below(3000),
			.max_step = 2 + random_below(100000),
			.checks = random_below(2),
			.block_events = 50,
		};
		struct timeline_bin sum[16];
		struct timeline_cursor *c;
		struct timeline *tl;
		struct err err = { 0 };

		random_timeline(path, &o);
		tl = open_or_fail(path);
		c = timeline_cursor_new(tl, &err);
		assert_non_null(c);
		for (unsigned k = 0; k < 8; k++) {
			uint64_t end = timeline_info(tl)->end, from = random_below(end + 1);
			uint64_t to = from + 1 + random_below(end - from + 1);
			struct stats s;

			collect(&s, tl, from, to, k & 1, true);
			assert_int_equal(timeline_sum(c, from, to, 0, o.n_threads, sum, &err), 0);
			for (uint32_t i = 0; i < o.n_threads; i++) {
				const struct stats_figures *f = &s.lane[i];
				uint64_t lost;

				same("run", f->time[STATE_RUN], sum[i].run);
				same("stall", f->time[STATE_STALL], sum[i].stall);
				same("wait", f->time[STATE_WAIT], sum[i].wait);
				same("signal", f->time[STATE_SIGNAL], sum[i].signal);
				same("idle", f->time[STATE_IDLE],
				     s.length - sum[i].run - sum[i].stall - sum[i].wait -
					     sum[i].signal);
				same("acquires", f->acquires, sum[i].acquires);
				same("releases", f->releases, sum[i].releases);
				same("busy", f->busy, sum[i].busy);
				same("retry", f->retry, sum[i].retry);
				same("timeouts", f->timeouts, sum[i].timeouts);
				same("switches", f->switches, sum[i].switches);
				same("events", f->events, sum[i].events);
				lost = f->lost_acquires + f->lost_releases + f->lost_events;
				same("lost", lost < UINT32_MAX ? lost : UINT32_MAX, sum[i].lost);
			}
			stats_release(&s);
		}
		timeline_cursor_free(c);
		timeline_close(tl);
	}
	unlink(path);
}

/* Everything that stats does with a timeline of which only the form is right. */
static void use(struct timeline *tl)
{
	struct stats_options o = {
		.to = NO_TIME, .findings = true, .long_hold = 1, .convoy = 1, .starvation = 1
	};
	struct err err = { 0 };

	for (unsigned k = 0; k < 3; k++) {
		struct buf out = BUF_INIT;
		struct stats s = { 0 };
		struct stats_shown x = { "t", &s, true };

		o.from_events = k == 1;
		o.from = k == 2 ? timeline_info(tl)->end / 3 : 0;
		o.interval = k == 1 ? 1 : 0;
		if (!stats_collect(&s, tl, &o, &err)) {
			stats_show_table(&out, &x);
			stats_show_json(&out, &x);
			stats_show_csv(&out, &x);
			stats_compare_table(&out, &x, &x);
		}
		stats_release(&s);
		buf_release(&out);
	}
}

enum { CHANGES = 40 };

/* With checksums that are right again, so that the damage reaches what lies behind them. */
static unsigned use_damaged(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + 1);
	unsigned n_open = 0;

	assert_non_null(copy);
	for (unsigned change = 0; len && change < CHANGES; change++) {
		struct timeline *tl;
		struct err err = { 0 };

		memcpy(copy, data, len);
		for (uint64_t n = change ? 1 + random_below(4) : 0; n; n--)
			copy[random_below(len)] = (uint8_t)random_next();
		repair(copy, len);
		if (!timeline_open_mem(&tl, copy, len, &err)) {
			use(tl);
			n_open++;
		}
		timeline_close(tl);
	}
	free(copy);
	return n_open;
}

static void damage_is_survived(void **state)
{
	static const char folder[] = "tests/fuzz/corpus/timeline";
	DIR *d = opendir(folder);
	unsigned n = 0;

	(void)state;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		struct err err = { 0 };
		uint8_t *data;
		char path[300];
		size_t len;

		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (io_read_file(path, 1 << 24, &data, &len, &err))
			fail_msg("%s", err.msg);
		n += use_damaged(data, len);
		free(data);
	}
	closedir(d);
	printf("%u damaged timelines open\n", n);
	assert_true(n > 0);
}

static void random_is_survived(void **state)
{
	char path[300];

	(void)state;
	scratch_path(path, sizeof(path), "-stats.gtl");
	for (unsigned round = 0; round < 40; round++) {
		struct sim_options o = {
			.n_threads = 1 + (uint32_t)random_below(40),
			.n_events = 1 + random_below(2000),
			.max_step = 2 + random_below(10000000),
			.block_events = 100,
		};
		struct timeline *tl;

		random_timeline(path, &o);
		tl = open_or_fail(path);
		use(tl);
		timeline_close(tl);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stored_is_walked),
		cmocka_unit_test(stretches_are_sums),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(random_is_survived),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
