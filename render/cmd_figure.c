/* cmd_figure.c - gilscope figure: a stretch of time as PNG, SVG or PDF */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "figure.h"
#include "files.h"
#include "io.h"
#include "opts.h"

int cmd_figure(int argc, char **argv);

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "gilscope figure: %s\n", text);
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && !strcasecmp(s + n - k, end);
}

/* The format is the file's name's. */
static int parse_format(const char *out, struct figure_options *o)
{
	static const char *const ends[] = {
		[FIGURE_PNG] = ".png", [FIGURE_SVG] = ".svg", [FIGURE_PDF] = ".pdf",
	};

	for (unsigned i = 0; i < 3; i++)
		if (ends_in(out, ends[i])) {
			o->format = (enum figure_format)i;
			return 0;
		}
	return -1;
}

/* "1600x400", or "1600": as high as it needs. */
static int parse_size(const char *s, struct figure_options *o)
{
	unsigned long v[2] = { 0, 0 };
	char *end;

	for (unsigned i = 0; i < 2; i++) {
		if (*s < '0' || *s > '9')
			return -1;
		v[i] = strtoul(s, &end, 10);
		if (!v[i] || v[i] > FIGURE_SIDE_MAX)
			return -1;
		s = end;
		if (!i && !*s)
			break;
		if (*s != (i ? 0 : 'x'))
			return -1;
		s += !i;
	}
	o->width = (unsigned)v[0];
	o->height = (unsigned)v[1];
	return 0;
}

static int parse_look(const char *s, struct figure_options *o)
{
	for (unsigned i = 0; i < N_LOOKS; i++)
		if (!strcmp(s, figure_look_names[i])) {
			o->look = (enum figure_look)i;
			return 0;
		}
	return -1;
}

static int write_figure(const struct figure_options *o, const char *path, bool force,
			struct err *err)
{
	struct buf out = BUF_INIT;
	struct outfile file;
	struct stat st;
	int ret = -1;

	/* before the work is done, and again by outfile_open() */
	if (!force && !stat(path, &st))
		return err_set(err, ERR_EXISTS, "%s: exists already (-f replaces it)", path);
	if (files_check_inputs(path, o->paths, o->n_paths, err) || figure_make(o, &out, err) ||
	    outfile_open(&file, path, force, err))
		goto out;
	if (outfile_append(&file, out.data, out.len, err) || outfile_commit(&file, err)) {
		outfile_abort(&file);
		goto out;
	}
	ret = 0;
out:
	buf_release(&out);
	return ret;
}

/* What the options say in words. */
struct request {
	struct figure_options o;
	const char *out, *size, *theme, *axis;
	uint64_t scale, lane_height;
	struct opt_list notes;
	bool force;
};

/* 0, or 2 with a sentence on stderr. */
static int check_request(struct request *q, const struct opts *opts, int n_paths)
{
	if (!n_paths)
		return opts_usage(opts, "no timeline given");
	if (n_paths > FIGURE_TRACES_MAX)
		return opts_usage(opts, "at most %u timelines in one figure", FIGURE_TRACES_MAX);
	if (!q->out || !*q->out)
		return opts_usage(opts, "where to? give -o FIG.png, .svg or .pdf");
	if (parse_format(q->out, &q->o))
		return opts_usage(opts, "'%s': the name of a figure ends in .png, .svg or .pdf",
				  q->out);
	if (q->size && parse_size(q->size, &q->o))
		return opts_usage(opts, "--size is WIDTHxHEIGHT, each 1 to %u, not '%s'",
				  FIGURE_SIDE_MAX, q->size);
	if (!q->scale || q->scale > FIGURE_SCALE_MAX)
		return opts_usage(opts, "--scale is 1 to %u", FIGURE_SCALE_MAX);
	if (q->lane_height &&
	    (q->lane_height < LANE_HEIGHT_MIN || q->lane_height > FIGURE_LANE_MAX))
		return opts_usage(opts, "--lane-height is %u to %u", LANE_HEIGHT_MIN,
				  FIGURE_LANE_MAX);
	if (parse_look(q->theme, &q->o))
		return opts_usage(opts, "--theme is light, dark or print, not '%s'", q->theme);
	if (strcmp(q->axis, "shared") && strcmp(q->axis, "own"))
		return opts_usage(opts, "--axis is shared or own, not '%s'", q->axis);
	if (q->notes.n > FIGURE_NOTES_MAX)
		return opts_usage(opts, "at most %u notes in one figure", FIGURE_NOTES_MAX);
	return 0;
}

static int run(struct request *q, char **paths, int n_paths)
{
	struct err err = { 0 };

	q->o.paths = (const char *const *)paths;
	q->o.n_paths = (unsigned)n_paths;
	q->o.notes = q->notes.item;
	q->o.n_notes = q->notes.n;
	q->o.scale = q->o.format == FIGURE_PNG ? (unsigned)q->scale : 1;
	q->o.lane_height = (unsigned)q->lane_height;
	q->o.own_axes = !strcmp(q->axis, "own");
	if (!write_figure(&q->o, q->out, q->force, &err))
		return 0;
	fprintf(stderr, "gilscope figure: %s\n", err.msg);
	return opts_exit_code(&err);
}

int cmd_figure(int argc, char **argv)
{
	struct request q = {
		.o = { .family = "DejaVu Sans", .say = say },
		.theme = "light",
		.axis = "shared",
		.scale = 2,
	};
	const struct opt table[] = {
		{ 'o', "output", "FIG", "the file to make: its name ends in .png, .svg or .pdf",
		  OPT_PATH, &q.out },
		{ 'f', "force", NULL, "replace a file that is there", OPT_FLAG, &q.force },
		{ 0, "from", "T", "show from here (1.25s, 300us, 539373t; default: the start)",
		  OPT_STR, &q.o.from },
		{ 0, "to", "T", "... to here (default: the end)", OPT_STR, &q.o.to },
		{ 0, "threads", "LIST", "these, in this order: ids, names or PID/ID, with commas",
		  OPT_STR, &q.o.threads },
		{ 0, "size", "WxH", "in units, as 1600x400; or W alone (default 1600)", OPT_STR,
		  &q.size },
		{ 0, "scale", "N", "pixels of a PNG per unit, 1 to 16 (default 2)", OPT_UINT,
		  &q.scale },
		{ 0, "lane-height", "N",
		  "units of a lane, 12 to 2048, instead of what the size leaves", OPT_UINT,
		  &q.lane_height },
		{ 0, "theme", "NAME", "light, dark, or print: also for grey printers", OPT_STR,
		  &q.theme },
		{ 0, "title", "TEXT", "default: the trace's, if it is one", OPT_STR, &q.o.title },
		{ 0, "note", "T:THREAD:TEXT", "a note at an instant; several may be given",
		  OPT_LIST, &q.notes },
		{ 0, "caption", NULL,
		  "python, machine and command below it, where the log has them", OPT_FLAG,
		  &q.o.caption },
		{ 0, "axis", "KIND", "of several timelines: shared or own (default shared)",
		  OPT_STR, &q.axis },
		{ 0, "no-legend", NULL, "without the legend", OPT_FLAG, &q.o.no_legend },
		{ 0, "no-arrows", NULL, "without arrows from a RELEASE to the thread signalled",
		  OPT_FLAG, &q.o.no_arrows },
		{ 0, "font", "FAMILY", "of all texts (default DejaVu Sans)", OPT_STR, &q.o.family },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope figure [OPTIONS] -o FIG.png|svg|pdf T.gtl [U.gtl ...]",
		.summary = "Draws a stretch of time for a slide or a page. The lanes are those of "
			   "the tiles,\n"
			   "pixel for pixel; in SVG and PDF they are shapes, and texts stay texts.",
		.table = table,
		.example = "gilscope figure --from 1.2s --to 1.3s --note '1.25s:worker:woken in "
			   "vain' \\\n"
			   "    -o fig.svg trace.gtl",
	};
	int n, r = opts_parse(&opts, argc, argv, &n);

	if (r) {
		r = r < 0 ? 2 : 0;
	} else {
		r = check_request(&q, &opts, n);
		if (!r)
			r = run(&q, argv + 1, n);
	}
	opt_list_release(&q.notes);
	return r;
}
