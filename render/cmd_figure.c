/* cmd_figure.c - gilscope figure: a stretch of time as PNG, SVG or PDF */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "figure.h"
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
	static const char *const ends[] = { [FIGURE_PNG] = ".png", [FIGURE_SVG] = ".svg", [FIGURE_PDF] = ".pdf" };

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

static int write_figure(const struct figure_options *o, const char *path, bool force, struct err *err)
{
	struct buf out = BUF_INIT;
	struct outfile file;
	struct stat st;
	int ret = -1;

	/* before the work is done, and again by outfile_open() */
	if (!force && !stat(path, &st))
		return err_set(err, ERR_EXISTS, "%s: exists already (-f replaces it)", path);
	if (figure_make(o, &out, err) || outfile_open(&file, path, force, err))
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

int cmd_figure(int argc, char **argv)
{
	const char *out = NULL, *size = NULL, *theme = "light", *axis = "shared";
	uint64_t scale = 2, lane_height = 0;
	struct opt_list notes = { 0 };
	struct figure_options o = { .family = "DejaVu Sans", .say = say };
	bool force = false;
	const struct opt table[] = {
		{ 'o', "output", "FIG", "the file to make: its name ends in .png, .svg or .pdf", OPT_STR, &out },
		{ 'f', "force", NULL, "replace a file that is there", OPT_FLAG, &force },
		{ 0, "from", "T", "show from here (1.25s, 300us, 539373t; default: the start)", OPT_STR, &o.from },
		{ 0, "to", "T", "... to here (default: the end)", OPT_STR, &o.to },
		{ 0, "threads", "LIST", "these, in this order: ids, names or PID/ID, with commas", OPT_STR,
		  &o.threads },
		{ 0, "size", "WxH", "in units, as 1600x400; or W alone (default 1600)", OPT_STR, &size },
		{ 0, "scale", "N", "pixels per unit, 1 to 16 (default 2)", OPT_UINT, &scale },
		{ 0, "lane-height", "N", "units of a lane, 12 to 2048, instead of what the size leaves", OPT_UINT,
		  &lane_height },
		{ 0, "theme", "NAME", "light, dark, or print: also for grey printers", OPT_STR, &theme },
		{ 0, "title", "TEXT", "default: the trace's, if it is one", OPT_STR, &o.title },
		{ 0, "note", "T:THREAD:TEXT", "a note at an instant; several may be given", OPT_LIST, &notes },
		{ 0, "caption", NULL, "python, machine and command below it, where the log has them", OPT_FLAG,
		  &o.caption },
		{ 0, "axis", "KIND", "of several timelines: shared or own (default shared)", OPT_STR, &axis },
		{ 0, "no-legend", NULL, "without the legend", OPT_FLAG, &o.no_legend },
		{ 0, "no-arrows", NULL, "without arrows from a RELEASE to the thread signalled", OPT_FLAG,
		  &o.no_arrows },
		{ 0, "font", "FAMILY", "of all texts (default DejaVu Sans)", OPT_STR, &o.family },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope figure [OPTIONS] -o FIG.png|svg|pdf T.gtl [U.gtl ...]",
		.summary = "Draws a stretch of time for a slide or a page. The lanes are those of the tiles, pixel for pixel;\n"
			   "in SVG and PDF they are shapes, and texts stay texts.",
		.table = table,
		.example = "gilscope figure --from 1.2s --to 1.3s --note '1.25s:worker:woken in vain' -o fig.svg trace.gtl",
	};
	struct err err = { 0 };
	int n, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		r = r < 0 ? 2 : 0;
	else if (!n)
		r = opts_usage(&opts, "no timeline given");
	else if (n > FIGURE_TRACES_MAX)
		r = opts_usage(&opts, "at most %u timelines in one figure", FIGURE_TRACES_MAX);
	else if (!out || !*out)
		r = opts_usage(&opts, "where to? give -o FIG.png, .svg or .pdf");
	else if (parse_format(out, &o))
		r = opts_usage(&opts, "'%s': the name of a figure ends in .png, .svg or .pdf", out);
	else if (size && parse_size(size, &o))
		r = opts_usage(&opts, "--size is WIDTHxHEIGHT, each 1 to %u, not '%s'", FIGURE_SIDE_MAX, size);
	else if (!scale || scale > FIGURE_SCALE_MAX)
		r = opts_usage(&opts, "--scale is 1 to %u", FIGURE_SCALE_MAX);
	else if (lane_height && (lane_height < LANE_HEIGHT_MIN || lane_height > 2048))
		r = opts_usage(&opts, "--lane-height is %u to 2048", LANE_HEIGHT_MIN);
	else if (parse_look(theme, &o))
		r = opts_usage(&opts, "--theme is light, dark or print, not '%s'", theme);
	else if (strcmp(axis, "shared") && strcmp(axis, "own"))
		r = opts_usage(&opts, "--axis is shared or own, not '%s'", axis);
	else if (notes.n > FIGURE_NOTES_MAX)
		r = opts_usage(&opts, "at most %u notes in one figure", FIGURE_NOTES_MAX);
	else
		goto make;
	opt_list_release(&notes);
	return r;
make:
	o.paths = (const char *const *)argv + 1;
	o.n_paths = (unsigned)n;
	o.notes = notes.item;
	o.n_notes = notes.n;
	o.scale = (unsigned)scale;
	o.lane_height = (unsigned)lane_height;
	o.own_axes = !strcmp(axis, "own");
	r = write_figure(&o, out, force, &err);
	if (r)
		fprintf(stderr, "gilscope figure: %s\n", err.msg);
	opt_list_release(&notes);
	return !r ? 0 : err.code == ERR_USAGE ? 2 : 1;
}
