/* cmd_convert.c - gilscope convert: a log or a timeline in another program's format */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "any.h"
#include "convert.h"
#include "files.h"
#include "opts.h"
#include "sink.h"

int cmd_convert(int argc, char **argv);

static const struct target {
	const char *name, *ending;
	int (*convert)(struct convert *c);
} targets[] = {
	{ "chrome", ".json", convert_chrome },
	{ "perfetto", ".pftrace", convert_perfetto },
	{ "gillog", ".gillog", convert_gillog },
	{ "beazley", ".beazley", convert_beazley },
	{ "csv", ".csv", convert_csv },
	{ "folded", ".folded", convert_folded },
};

#define N_TARGETS (sizeof(targets) / sizeof(*targets))

/* By its name, or, without one, by the output's. */
static const struct target *find_target(const char *name, const char *path)
{
	size_t n = strlen(path);

	if (!name && n > 4 && !strcmp(path + n - 4, ".zst"))
		n -= 4;
	else if (!name && n > 3 && !strcmp(path + n - 3, ".gz"))
		n -= 3;
	for (size_t i = 0; i < N_TARGETS; i++) {
		size_t len = strlen(targets[i].ending);

		if (name ? !strcmp(targets[i].name, name) :
			   n > len && !memcmp(path + n - len, targets[i].ending, len))
			return &targets[i];
	}
	return NULL;
}

/* Each line ends: none has failed. */
static void say_lost(const struct convert *c, const struct target *t)
{
	const char *s = (const char *)c->lost.data, *end = s + c->lost.len;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		fprintf(stderr, "gilscope convert: %s: %.*s\n", t->name, (int)(nl - s), s);
		s = nl + 1;
	}
}

static int convert(struct timeline *tl, const struct target *t, const char *path, bool force,
		   struct dump_range range, struct err *err)
{
	struct convert c = { .tl = tl, .range = range, .err = err };
	struct sink *sink = NULL;
	int ret = -1;

	c.cursor = timeline_cursor_new(tl, err);
	if (c.cursor && !sink_open(&sink, path, force, &c.fd, err)) {
		ret = t->convert(&c);
		/* a format writes to a descriptor, whose name it does not know */
		if (ret && c.fd != STDOUT_FILENO && !strncmp(err->msg, "cannot write", 12))
			err_prefix(err, path);
	}
	if (!ret && buf_failed(&c.lost))
		ret = err_memory(err, "what the format cannot carry");
	if (!ret) {
		ret = sink_commit(sink, err);
		sink = NULL;
	}
	sink_abort(sink);
	if (!ret)
		say_lost(&c, t);
	timeline_cursor_free(c.cursor);
	buf_release(&c.lost);
	return ret;
}

int cmd_convert(int argc, char **argv)
{
	const char *to = NULL, *from = NULL, *to_time = NULL, *out = NULL, *format = NULL;
	bool force = false;
	const struct opt table[] = {
		{ 'o', "output", "OUT",
		  "the file to write; \"-\": standard output; OUT.zst and OUT.gz are compressed",
		  OPT_PATH, &out },
		{ 'f', "force", NULL, "replace OUT if it is there", OPT_FLAG, &force },
		{ 0, "to", "FORMAT",
		  "chrome, perfetto, gillog, beazley, csv or folded (default: by OUT's ending)",
		  OPT_STR, &to },
		{ 0, "from", "TIME",
		  "begin there: 1.25s, 300us, 42ns, 539373t since the start, or @ABSOLUTE", OPT_STR,
		  &from },
		{ 0, "to-time", "TIME", "end before that time", OPT_STR, &to_time },
		{ 0, "format", "NAME", "the log's format, as of gilscope ingest", OPT_STR,
		  &format },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope convert [--to FORMAT] [--from T] [--to-time T] [-f] -o OUT LOG "
			 "| T.gtl",
		.summary = "Writes a log or a timeline in another format: chrome and perfetto open "
			   "in ui.perfetto.dev,\n"
			   "csv is a period a row, folded is for flame graphs. What a format "
			   "cannot carry is said.",
		.table = table,
		.example = "gilscope convert -o trace.pftrace trace.gtl\n"
			   "gilscope convert --to folded -o - trace.gtl | flamegraph.pl >gil.svg",
	};
	struct ingest_options o = {
		.report = stderr, .prefix = "gilscope convert", .progress = isatty(STDERR_FILENO),
	};
	const struct target *t;
	struct timeline *tl = NULL;
	struct dump_range range;
	struct err err = { 0 };
	int n, ret, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (n != 1)
		return opts_usage(&opts,
				  n ? "one log or timeline at a time" : "what is to be converted?");
	if (!out)
		return opts_usage(&opts, "-o OUT is missing");
	t = find_target(to, out);
	if (!t && to)
		return opts_usage(
			&opts,
			"--to is chrome, perfetto, gillog, beazley, csv or folded, not \"%.40s\"",
			to);
	if (!t)
		return opts_usage(&opts,
				  "--to FORMAT is missing, and OUT's ending does not tell it");
	signal(SIGPIPE, SIG_IGN);
	o.format = format;
	ret = strcmp(out, "-") ? files_check_inputs(out, (const char *const *)argv + 1, 1, &err)
			       : 0;
	if (!ret)
		ret = any_open(&tl, argv[1], &o, &err);
	if (!ret)
		ret = any_range(&range, tl, from, to_time, "--to-time", &err);
	if (!ret) {
		ret = convert(tl, t, out, force, range, &err);
		if (ret && err.code == ERR_FORMAT)
			err_prefix(&err, argv[1]);
	}
	timeline_close(tl);
	if (!ret)
		return 0;
	fprintf(stderr, "gilscope convert: %s\n", err.msg);
	return opts_exit_code(&err);
}
