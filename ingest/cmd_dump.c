/*
 * cmd_dump.c - gilscope dump: a log or a timeline as text
 *
 * A log is ingested into a file in a new folder below TMPDIR.  Its name is removed as soon as the file is open,
 * and a signal that ends us before removes it too, so nothing is left however this ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump.h"
#include "ingest.h"
#include "opts.h"
#include "time.h"

int cmd_dump(int argc, char **argv);

#define MAGIC "\x89GTL\r\n\x1a\n"		/* docs/timeline.md */

static bool is_timeline(const char *path)
{
	char head[8];
	struct stat st;
	bool is;
	int fd;

	/* A pipe is a log, and who opens and closes one drives its writer away. */
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	is = fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) && !memcmp(head, MAGIC, 8);
	if (fd >= 0)
		close(fd);
	return is;
}

/* --- the temporary timeline ----------------------------------------------------------------------- */

/* Read by the signal handler, so they are not on the heap; empty: there is none. */
static char scratch_folder[4096], scratch_file[4096 + 16], scratch_half[4096 + 32];

static void scratch_remove(void)
{
	if (!*scratch_folder)
		return;
	unlink(scratch_file);
	unlink(scratch_half);		/* while the writer has not finished */
	rmdir(scratch_folder);
	*scratch_folder = 0;
}

static void on_signal(int sig)
{
	int saved = errno;

	scratch_remove();
	signal(sig, SIG_DFL);
	raise(sig);		/* kills us when this returns */
	errno = saved;
}

static int scratch_make(struct err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	const char *tmp = getenv("TMPDIR");
	char path[sizeof(scratch_folder)];

	tmp = tmp && *tmp ? tmp : P_tmpdir;
	if (snprintf(path, sizeof(path), "%s/gilscope-XXXXXX", tmp) >= (int)sizeof(path))
		return err_set(err, ERR_USAGE, "TMPDIR is a path of more than %zu bytes", sizeof(path) - 20);
	if (!mkdtemp(path))
		return err_system(err, "%s: cannot create a folder for the timeline", path);
	snprintf(scratch_file, sizeof(scratch_file), "%s/dump.gtl", path);
	snprintf(scratch_half, sizeof(scratch_half), "%s/dump.gtl.tmp", path);
	memcpy(scratch_folder, path, sizeof(path));
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (signal(signals[i], on_signal) == SIG_IGN)
			signal(signals[i], SIG_IGN);
	return 0;
}

/* Opens the timeline of a log. */
static int open_log(struct timeline **tl, const char *path, const char *format, struct err *err)
{
	const struct ingest_options o = {
		.format = format, .force = true, .progress = isatty(STDERR_FILENO), .report = stderr,
		.prefix = "gilscope dump",
	};
	int ret;

	*tl = NULL;
	if (scratch_make(err))
		return -1;
	ret = ingest_logs(&path, 1, scratch_file, &o, NULL, err);
	if (!ret)
		ret = timeline_open(tl, scratch_file, err);
	scratch_remove();
	return ret;
}

/* --- the command ---------------------------------------------------------------------------------- */

static int parse_range(struct dump_range *r, const struct timeline *tl, const char *from, const char *to,
		       struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);

	*r = (struct dump_range){ 0, info->end + 1 };
	if ((from && time_parse(from, info->clock, info->origin, &r->from, err)) ||
	    (to && time_parse(to, info->clock, info->origin, &r->to, err)))
		return -1;
	if (from && to && r->from > r->to)
		return err_set(err, ERR_USAGE, "--from %.60s lies behind --to %.60s", from, to);
	if (r->to > info->end + 1)
		r->to = info->end + 1;
	if (r->from > r->to)
		r->from = r->to;
	return 0;
}

int cmd_dump(int argc, char **argv)
{
	bool events = false, periods = false;
	uint64_t level = NO_TIME;
	const char *from = NULL, *to = NULL, *format = NULL;
	const struct opt table[] = {
		{ 0, "events", NULL, "every event, as gillog text (the default)", OPT_FLAG, &events },
		{ 0, "periods", NULL, "every period of a state: BEGIN END THREAD STATE", OPT_FLAG, &periods },
		{ 0, "bins", "LEVEL", "the sums over bins of 2^LEVEL clock units (0 to 62)", OPT_UINT, &level },
		{ 0, "from", "TIME", "begin there: 1.25s, 300us, 42ns, 539373t since the start, or @ABSOLUTE",
		  OPT_STR, &from },
		{ 0, "to", "TIME", "end before that time", OPT_STR, &to },
		{ 0, "format", "NAME", "the log's format, as of gilscope ingest", OPT_STR, &format },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope dump [--events | --periods | --bins LEVEL] [--from T] [--to T] LOG | T.gtl",
		.summary = "Prints a log or a timeline as text, one event, period or bin a line. Events are printed\n"
			   "as gillog text, which gilscope ingest reads.",
		.table = table,
		.example = "gilscope dump --from 1.25s --to 1.26s trace.gtl",
	};
	struct timeline *tl = NULL;
	struct dump_range range;
	struct err err = { 0 };
	int n, ret, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (n != 1)
		return opts_usage(&opts, n ? "one log or timeline at a time" : "what is to be printed?");
	if (events + periods + (level != NO_TIME) > 1)
		return opts_usage(&opts, "either --events, --periods or --bins");
	if (level != NO_TIME && level > 62)
		return opts_usage(&opts, "--bins is 0 to 62");
	signal(SIGPIPE, SIG_IGN);
	ret = is_timeline(argv[1]) ? timeline_open(&tl, argv[1], &err)
				   : open_log(&tl, argv[1], format, &err);
	if (!ret)
		ret = parse_range(&range, tl, from, to, &err);
	if (!ret && periods)
		ret = dump_periods(tl, STDOUT_FILENO, range, &err);
	else if (!ret && level != NO_TIME)
		ret = dump_bins(tl, STDOUT_FILENO, (unsigned)level, range, &err);
	else if (!ret)
		ret = dump_events(tl, STDOUT_FILENO, range, &err);
	timeline_close(tl);
	if (!ret)
		return 0;
	fprintf(stderr, "gilscope dump: %s\n", err.msg);
	return err.code == ERR_USAGE ? 2 : 1;
}
