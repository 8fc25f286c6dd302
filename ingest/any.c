/* any.c - see any.h */
#include "any.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "time.h"

/* --- the temporary timeline ------------------------------------------------------------------- */

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
	const char *tmp = getenv("TMPDIR");
	char path[sizeof(scratch_folder)];

	tmp = tmp && *tmp ? tmp : P_tmpdir;
	if (snprintf(path, sizeof(path), "%s/gilscope-XXXXXX", tmp) >= (int)sizeof(path))
		return err_set(err, ERR_USAGE, "TMPDIR is a path of more than %zu bytes",
			       sizeof(path) - 20);
	if (!mkdtemp(path))
		return err_system(err, "%s: cannot create a folder for the timeline", path);
	snprintf(scratch_file, sizeof(scratch_file), "%s/log.gtl", path);
	snprintf(scratch_half, sizeof(scratch_half), "%s/log.gtl.tmp", path);
	memcpy(scratch_folder, path, sizeof(path));
	io_on_end(on_signal);
	return 0;
}

int any_open(struct timeline **tl, const char *path, const struct ingest_options *o,
	     struct err *err)
{
	struct ingest_options own = *o;
	int ret;

	*tl = NULL;
	if (timeline_is(path))
		return timeline_open(tl, path, err);
	if (scratch_make(err))
		return -1;
	own.force = true;
	ret = ingest_logs(&path, 1, scratch_file, &own, NULL, err);
	if (!ret)
		ret = timeline_open(tl, scratch_file, err);
	scratch_remove();
	return ret;
}

int any_range(struct dump_range *r, const struct timeline *tl, const char *from, const char *to,
	      const char *to_name, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);

	*r = (struct dump_range){ 0, info->end + 1 };
	if ((from && time_parse(from, info->clock, info->origin, &r->from, err)) ||
	    (to && time_parse(to, info->clock, info->origin, &r->to, err)))
		return -1;
	if (from && to && r->from > r->to)
		return err_set(err, ERR_USAGE, "--from %.60s lies behind %s %.60s", from, to_name,
			       to);
	if (r->to > info->end + 1)
		r->to = info->end + 1;
	if (r->from > r->to)
		r->from = r->to;
	return 0;
}
