/* cmd_dump.c - gilscope dump: a log or a timeline as text */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "any.h"
#include "opts.h"

int cmd_dump(int argc, char **argv);

int cmd_dump(int argc, char **argv)
{
	bool events = false, binary = false, periods = false;
	uint64_t level = NO_TIME;
	const char *from = NULL, *to = NULL, *format = NULL;
	const struct opt table[] = {
		{ 0, "events", NULL, "every event, as gillog text (the default)", OPT_FLAG,
		  &events },
		{ 0, "binary", NULL, "every event, as binary gillog: small, and quick to read",
		  OPT_FLAG, &binary },
		{ 0, "periods", NULL, "every period of a state: BEGIN END THREAD STATE", OPT_FLAG,
		  &periods },
		{ 0, "bins", "LEVEL", "the sums over bins of 2^LEVEL clock units (0 to 62)",
		  OPT_UINT, &level },
		{ 0, "from", "TIME",
		  "begin there: 1.25s, 300us, 42ns, 539373t since the start, or @ABSOLUTE", OPT_STR,
		  &from },
		{ 0, "to", "TIME", "end before that time", OPT_STR, &to },
		{ 0, "format", "NAME", "the log's format, as of gilscope ingest", OPT_STR,
		  &format },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope dump [--events | --binary | --periods | --bins LEVEL] "
			 "[--from T] [--to T] LOG | T.gtl",
		.summary = "Prints a log or a timeline as text, one event, period or bin a line. "
			   "Events are printed\n"
			   "as gillog text, or as a binary gillog; gilscope ingest reads both.",
		.table = table,
		.example = "gilscope dump --from 1.25s --to 1.26s trace.gtl",
	};
	struct timeline *tl = NULL;
	struct ingest_options o = { .report = stderr,
				    .prefix = "gilscope dump",
				    .progress = isatty(STDERR_FILENO) };
	struct dump_range range;
	struct err err = { 0 };
	bool opened;
	int n, ret, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (n != 1)
		return opts_usage(&opts,
				  n ? "one log or timeline at a time" : "what is to be printed?");
	if (binary && isatty(STDOUT_FILENO))
		return opts_usage(&opts, "--binary is not for a terminal: > FILE");
	if (events + binary + periods + (level != NO_TIME) > 1)
		return opts_usage(&opts, "either --events, --binary, --periods or --bins");
	if (level != NO_TIME && level > 62)
		return opts_usage(&opts, "--bins is 0 to 62");
	signal(SIGPIPE, SIG_IGN);
	o.format = format;
	ret = any_open(&tl, argv[1], &o, &err);
	opened = !ret;
	if (!ret)
		ret = any_range(&range, tl, from, to, "--to", &err);
	if (!ret && periods)
		ret = dump_periods(tl, STDOUT_FILENO, range, &err);
	else if (!ret && level != NO_TIME)
		ret = dump_bins(tl, STDOUT_FILENO, (unsigned)level, range, &err);
	else if (!ret && binary)
		ret = dump_binary(tl, STDOUT_FILENO, range, &err);
	else if (!ret)
		ret = dump_events(tl, STDOUT_FILENO, range, &err);
	timeline_close(tl);
	if (!ret)
		return 0;
	if (opened && err.code == ERR_FORMAT)
		err_prefix(&err, argv[1]);
	fprintf(stderr, "gilscope dump: %s\n", err.msg);
	return opts_exit_code(&err);
}
