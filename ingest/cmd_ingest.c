/* cmd_ingest.c - gilscope ingest: event logs to a timeline */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest.h"
#include "names.h"
#include "opts.h"

int cmd_ingest(int argc, char **argv);

static int summary(const struct ingest_result *r, const char *out)
{
	struct err err;

	printf("%s: %" PRIu64 " event%s", out, r->events, plural(r->events));
	if (r->skipped_lines)
		printf(", %" PRIu64 " bad line%s skipped", r->skipped_lines,
		       plural(r->skipped_lines));
	if (r->lost_events)
		printf(", %" PRIu64 " event%s lost when it was recorded", r->lost_events,
		       plural(r->lost_events));
	printf("%s\n", r->truncated ? ", the log was cut off" : "");
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	err_system(&err, "%s is written; standard output: cannot write", out);
	fprintf(stderr, "gilscope ingest: %s\n", err.msg);
	return 1;
}

int cmd_ingest(int argc, char **argv)
{
	const char *out = NULL, *clock = NULL;
	char formats[300];
	uint64_t n_threads = 0;
	struct ingest_options o = { .report = stderr, .prefix = "gilscope ingest" };
	const struct opt table[] = {
		{ 'o', "output", "OUT.gtl", "the timeline to write", OPT_PATH, &out },
		{ 'f', "force", NULL, "replace OUT.gtl if it is there", OPT_FLAG, &o.force },
		{ 'j', "jobs", "N", "threads (default: one per cpu)", OPT_UINT, &n_threads },
		{ 0, "format", "NAME", formats, OPT_STR, &o.format },
		{ 0, "strict", NULL, "end at the first bad line, and where a log is cut off",
		  OPT_FLAG, &o.strict },
		{ 0, "title", "TEXT", "the trace's title (default: the log's, or its file's name)",
		  OPT_STR, &o.title },
		{ 0, "clock", "ns|ticks",
		  "which clock of a log that has both (a recorded 2.7; default ns)", OPT_STR,
		  &clock },
		{ 0, "check-interval", "N", "ticks per check in Beazley's columns (default 100)",
		  OPT_UINT, &o.check_interval },
		{ 0, "long", NULL, "allow zstd windows above 128 MiB", OPT_FLAG, &o.long_window },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope ingest [OPTIONS] -o OUT.gtl LOG...",
		.summary = "Turns event logs (plain, zstd, gzip or xz; \"-\" is standard input; a "
			   "folder stands for\n"
			   "the files in it) into one indexed timeline. Bad lines are skipped and "
			   "counted.",
		.table = table,
		.example = "gilscope ingest -o app.gtl app.gillog",
	};
	struct ingest_result r;
	struct err err = { 0 };
	int n, ret;

	snprintf(formats, sizeof(formats), "%s (default: by content)", ingest_format_names());
	ret = opts_parse(&opts, argc, argv, &n);
	if (ret)
		return ret < 0 ? 2 : 0;
	if (!n)
		return opts_usage(&opts, "which log?");
	if (!out)
		return opts_usage(&opts, "-o OUT.gtl is missing");
	if (n_threads > 1024)
		return opts_usage(&opts, "-j is at most 1024");
	if (o.check_interval > CHECK_INTERVAL_MAX)
		return opts_usage(&opts, "--check-interval is at most %d", CHECK_INTERVAL_MAX);
	if (clock && strcmp(clock, "ns") && strcmp(clock, "ticks"))
		return opts_usage(&opts, "--clock is ns or ticks, not \"%s\"", clock);
	o.ticks = clock && !strcmp(clock, "ticks");
	o.n_threads = (unsigned)n_threads;
	o.progress = isatty(STDERR_FILENO);
	if (ingest_logs((const char *const *)argv + 1, (unsigned)n, out, &o, &r, &err)) {
		fprintf(stderr, "gilscope ingest: %s\n", err.msg);
		return opts_exit_code(&err);
	}
	return summary(&r, out);
}
