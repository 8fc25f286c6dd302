/* cmd_stats.c - gilscope stats: figures and findings of a timeline, or of two beside each other */
#include <signal.h>
#include <stdio.h>

#include "findings.h"
#include "io.h"
#include "opts.h"
#include "stats.h"
#include "stats_show.h"
#include "time.h"

int cmd_stats(int argc, char **argv);

struct asked {
	const char *from, *to, *interval;
	bool json, csv, all, no_findings, compare;
	uint64_t long_hold, convoy, starvation;
};

struct trace {
	struct timeline *tl;
	struct stats stats;
};

/* Times are read for this trace's clock. */
static int parse_range(const struct asked *a, const struct timeline_info *info,
		       struct stats_options *o, struct err *err)
{
	char text[48];

	o->from = 0;
	o->to = NO_TIME;
	o->interval = 0;
	if (a->from && time_parse(a->from, info->clock, info->origin, &o->from, err))
		return -1;
	if (a->to && time_parse(a->to, info->clock, info->origin, &o->to, err))
		return -1;
	if (a->interval && time_parse(a->interval, info->clock, 0, &o->interval, err))
		return -1;
	if (a->interval && !o->interval)
		return err_set(err, ERR_USAGE, "--interval is more than nothing, not '%.60s'",
			       a->interval);
	if (o->from > info->end)
		return err_set(err, ERR_USAGE, "--from '%.60s' lies behind the trace's end, %s",
			       a->from, time_exact(text, info->end, info->clock));
	if (o->to <= o->from)
		return err_set(err, ERR_USAGE, "--to '%.60s' is not after --from", a->to);
	return 0;
}

static int collect(struct trace *t, const char *path, const struct asked *a, struct err *err)
{
	struct stats_options o = {
		.findings = !a->no_findings, .long_hold = a->long_hold, .convoy = a->convoy,
		.starvation = a->starvation,
	};

	if (timeline_open(&t->tl, path, err))
		return -1;
	if (parse_range(a, timeline_info(t->tl), &o, err) ||
	    stats_collect(&t->stats, t->tl, &o, err))
		return err_prefix(err, path);
	return 0;
}

static void show(struct buf *out, const struct asked *a, const struct stats_shown *x)
{
	if (a->compare)
		(a->json ? stats_compare_json : a->csv ? stats_compare_csv : stats_compare_table)(
			out, &x[0], &x[1]);
	else
		(a->json ? stats_show_json : a->csv ? stats_show_csv : stats_show_table)(out, x);
}

static int run(const struct asked *a, char **paths, unsigned n)
{
	struct trace t[2] = { 0 };
	struct stats_shown x[2] = { 0 };
	struct buf out = BUF_INIT;
	struct err err = { 0 };
	int ret = 0;

	for (unsigned i = 0; i < n && !ret; i++) {
		ret = collect(&t[i], paths[i], a, &err);
		x[i] = (struct stats_shown){ paths[i], &t[i].stats, a->all };
	}
	if (!ret) {
		show(&out, a, x);
		ret = buf_failed(&out) ? err_memory(&err, "the output")
				       : io_print(out.data, out.len, &err);
	}
	if (ret) {
		fprintf(stderr, "gilscope stats: %s\n", err.msg);
		ret = opts_exit_code(&err);
	}
	for (unsigned i = 0; i < n; i++) {
		stats_release(&t[i].stats);
		timeline_close(t[i].tl);
	}
	buf_release(&out);
	return ret;
}

int cmd_stats(int argc, char **argv)
{
	struct asked a = {
		.long_hold = FIND_LONG_HOLD, .convoy = FIND_CONVOY, .starvation = FIND_STARVATION,
	};
	const struct opt table[] = {
		{ 0, "from", "T",
		  "the stretch's begin (1.25s, 300us, 539373t; @ before it: absolute)", OPT_STR,
		  &a.from },
		{ 0, "to", "T", "its end, which is no part of it", OPT_STR, &a.to },
		{ 0, "json", NULL, "as JSON", OPT_FLAG, &a.json },
		{ 0, "csv", NULL, "as CSV: a row for each thread and each lock", OPT_FLAG, &a.csv },
		{ 0, "compare", NULL, "two timelines, and the change from the first to the second",
		  OPT_FLAG, &a.compare },
		{ 0, "all", NULL, "tables: all threads, locks and findings, not the main ones",
		  OPT_FLAG, &a.all },
		{ 0, "no-findings", NULL,
		  "figures only: of a whole trace at once, whatever its size", OPT_FLAG,
		  &a.no_findings },
		{ 0, "interval", "T", "the switch interval (default: the trace's, else 5ms)",
		  OPT_STR, &a.interval },
		{ 0, "long-hold", "N", "tell holds that make others wait N intervals (default 4)",
		  OPT_UINT, &a.long_hold },
		{ 0, "convoy", "N", "tell convoys of N paid waits or more (default 5)", OPT_UINT,
		  &a.convoy },
		{ 0, "starvation", "N", "tell waits of N times the fair share (default 8)",
		  OPT_UINT, &a.starvation },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope stats [OPTIONS] T.gtl   or   gilscope stats --compare A.gtl "
			 "B.gtl",
		.summary = "Prints what each thread and each lock did, percentiles of waits, holds "
			   "and\n"
			   "hand-offs, and what stands out: convoys, long holds, starvation, "
			   "battles,\n"
			   "stalls, forced switches.",
		.table = table,
		.example = "gilscope stats --from 1.2s --to 1.7s trace.gtl",
	};
	int n, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (!n)
		return opts_usage(&opts, "no timeline given");
	if (a.compare && n != 2)
		return opts_usage(&opts, "--compare wants two timelines, not %d", n);
	if (!a.compare && n > 1)
		return opts_usage(&opts, "one timeline, or --compare and two");
	if (a.json && a.csv)
		return opts_usage(&opts, "--json or --csv, not both");
	if (!a.long_hold || !a.convoy || !a.starvation)
		return opts_usage(&opts, "--long-hold, --convoy and --starvation are at least 1");
	signal(SIGPIPE, SIG_IGN);
	return run(&a, argv + 1, (unsigned)n);
}
