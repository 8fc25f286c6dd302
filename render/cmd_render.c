/* cmd_render.c - gilscope render: a site of tiles to zoom into */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "column.h"
#include "io.h"
#include "opts.h"
#include "png.h"
#include "site.h"

int cmd_render(int argc, char **argv);

static _Atomic bool stopped;		/* lock-free: a signal may set it, and any worker sees it */

static void on_signal(int sig)
{
	(void)sig;
	stopped = true;
}

struct meter {
	double begin, last;		/* seconds */
	bool shown, tty;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void clear_line(struct meter *m)
{
	if (m->shown)
		fputs("\r\033[K", stderr);
	m->shown = false;
}

/* Jobs hold about the same number of events each, so their share is the work's. */
static void show_progress(void *ctx, uint64_t tiles, uint64_t jobs, uint64_t n_jobs)
{
	struct meter *m = ctx;
	double t = now(), rate;

	if (!m->tty || t - m->last < 0.1)
		return;
	m->last = t;
	rate = (double)tiles / (t - m->begin + 1e-9);
	fprintf(stderr, "\r\033[K%3.0f %%  %" PRIu64 " tiles, %.0f/s, %.0f s left",
		100.0 * (double)jobs / (double)n_jobs, tiles, rate,
		(t - m->begin) * (double)(n_jobs - jobs) / (double)jobs);
	m->shown = true;
}

static void show_choice(void *ctx, const char *text)
{
	clear_line(ctx);
	fprintf(stderr, "gilscope render: %s\n", text);
}

static int parse_depth(const char *s, struct site_options *o)
{
	char *end;
	unsigned long z;

	o->depth = !strcmp(s, "full") ? SITE_DEPTH_FULL : SITE_DEPTH_AUTO;
	if (!strcmp(s, "full") || !strcmp(s, "auto"))
		return 0;
	errno = 0;
	z = strtoul(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || errno || z > 62)
		return -1;
	o->depth = SITE_DEPTH_Z;
	o->z = (unsigned)z;
	return 0;
}

static int parse_store(const char *s, struct site_options *o)
{
	static const char *const names[] = { "auto", "dir", "pmtiles", "html" };

	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(s, names[i])) {
			o->store = (enum site_store)i;
			return 0;
		}
	return -1;
}

static int parse_theme(const char *s, struct site_options *o)
{
	for (unsigned i = 0; i < N_THEMES; i++)
		if (!strcmp(s, theme_names[i])) {
			o->theme = (enum theme)i;
			return 0;
		}
	return -1;
}

static void show_result(struct meter *m, const struct site_options *o, const struct site_counts *c)
{
	clear_line(m);
	fprintf(stderr, "%s: %" PRIu64 " tile%s", o->out, c->tiles, plural(c->tiles));
	if (c->distinct)
		fprintf(stderr, " (%" PRIu64 " different)", c->distinct);
	fprintf(stderr, ", %.1f MB, in %.1f s\n", (double)c->bytes / 1e6, now() - m->begin);
}

int cmd_render(int argc, char **argv)
{
	const char *store = "auto", *depth = "auto", *theme = "light", *axes = "linked";
	uint64_t n_threads = 0, tile_width = 512, lane_height = 32;
	struct site_options o = { 0 };
	const struct opt table[] = {
		{ 'o', "output", "SITE", "the folder to make (with --store html: the file)",
		  OPT_PATH, &o.out },
		{ 'f', "force", NULL, "replace a site that is there", OPT_FLAG, &o.force },
		{ 'j', "jobs", "N", "work on N tiles at once (default: one per cpu)", OPT_UINT,
		  &n_threads },
		{ 0, "store", "KIND",
		  "dir: files; pmtiles: one archive; html: one page (default: by number)", OPT_STR,
		  &store },
		{ 0, "depth", "Z", "how deep: a zoom, auto (all that says something new) or full",
		  OPT_STR, &depth },
		{ 0, "tile-width", "PIXELS", "a power of two, 64 to 4096 (default 512)", OPT_UINT,
		  &tile_width },
		{ 0, "lane-height", "PIXELS", "of a thread's lane, 12 to 128 (default 32)",
		  OPT_UINT, &lane_height },
		{ 0, "theme", "NAME", "light or dark: the colours in the tiles (default light)",
		  OPT_STR, &theme },
		{ 0, "title", "TEXT", "the site's title (default: the first timeline's)", OPT_STR,
		  &o.title },
		{ 0, "axes", "KIND", "of several timelines: linked or free (default linked)",
		  OPT_STR, &axes },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope render [OPTIONS] -o SITE T.gtl [U.gtl ...]",
		.summary = "Makes a site of timelines: a page and its tiles, to zoom from the "
			   "whole run to single\n"
			   "events. It is static: put it on any web server, or look at it with "
			   "gilscope serve.",
		.table = table,
		.example = "gilscope render -o site trace.gtl && gilscope serve site",
	};
	struct meter meter = { .begin = now(), .tty = isatty(STDERR_FILENO) };
	struct site_counts counts;
	struct err err = { 0 };
	int n, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (!n)
		return opts_usage(&opts, "no timeline given");
	if (n > SITE_TRACES_MAX)
		return opts_usage(&opts, "at most %u timelines in one site", SITE_TRACES_MAX);
	if (!o.out || !*o.out)
		return opts_usage(&opts, "where to? give -o SITE");
	if (parse_store(store, &o))
		return opts_usage(&opts, "--store is dir, pmtiles or html, not '%s'", store);
	if (parse_depth(depth, &o))
		return opts_usage(&opts, "--depth is a zoom, auto or full, not '%s'", depth);
	if (parse_theme(theme, &o))
		return opts_usage(&opts, "--theme is light or dark, not '%s'", theme);
	if (strcmp(axes, "linked") && strcmp(axes, "free"))
		return opts_usage(&opts, "--axes is linked or free, not '%s'", axes);
	if (tile_width < TILE_WIDTH_MIN || tile_width > TILE_WIDTH_MAX ||
	    tile_width & (tile_width - 1))
		return opts_usage(&opts, "--tile-width is a power of two, %d to %d", TILE_WIDTH_MIN,
				  TILE_WIDTH_MAX);
	if (lane_height < LANE_HEIGHT_MIN || lane_height > LANE_HEIGHT_MAX)
		return opts_usage(&opts, "--lane-height is %d to %d", LANE_HEIGHT_MIN,
				  LANE_HEIGHT_MAX);
	if (n_threads > 1024)
		return opts_usage(&opts, "-j is at most 1024");
	o.paths = (const char *const *)argv + 1;
	o.n_paths = (unsigned)n;
	o.n_threads = (unsigned)n_threads;
	o.tile_width = (unsigned)tile_width;
	o.lane_height = (unsigned)lane_height;
	o.free_axes = !strcmp(axes, "free");
	o.progress = show_progress;
	o.say = show_choice;
	o.ctx = &meter;
	o.stop = &stopped;
	io_on_end(on_signal);
	if (site_make(&o, &counts, &err)) {
		clear_line(&meter);
		fprintf(stderr, "gilscope render: %s\n", err.msg);
		return opts_exit_code(&err);
	}
	show_result(&meter, &o, &counts);
	return 0;
}
