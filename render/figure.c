/*
 * figure.c - where everything of a figure stands: see figure_internal.h
 *
 * Widths first (names, then the lanes' columns), as notes and the legend are broken into lines by
 * them; then heights: either the lanes have one and the figure's follows, or the figure has one and
 * the lanes share what is left.
 */
#include "figure.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figure_internal.h"
#include "figure_place.h"
#include "tiler.h"

#define WIDTH_DEFAULT 1600
#define LANE_ROWS_MAX (LANE_HEIGHT_MAX - LANE_GAP)

/*
 * Shapes of a vector figure.  About 12 bytes each in SVG, 5 in PDF: a few hundred KB at most.
 * Where there are more, columns are made twice as wide.
 */
#define SHAPES_MAX 36000

/* --- widths ----------------------------------------------------------------------------------- */

static double text_width(struct figure *fig, const char *s, double size, bool bold)
{
	return figure_text_width(fig->font, s, size * fig->f, bold);
}

/* Letters are a ninetieth of the width: on a slide they are as large as the slide's own. */
static void choose_width(struct figure *fig)
{
	fig->width = fig->o->width ? fig->o->width : WIDTH_DEFAULT;
	fig->f = fig->width / 90;
	fig->f = fig->f < 11 ? 11 : fig->f > 24 ? 24 : fig->f;
}

/*
 * The name, cut before its last `kept` bytes so that all of it is at most so wide; cut at its end
 * if those leave no room for a beginning.  NULL: no memory.
 */
static char *fit_name(struct figure *fig, const char *name, size_t kept, double most)
{
	size_t n = strlen(name) - kept;
	double room = most - text_width(fig, name + n, 1, false);
	char *head, *fit, *out = NULL;

	if (!kept || room < most / 4 || text_width(fig, name, 1, false) <= most)
		return figure_text_fit(fig->font, name, fig->f, false, most);
	head = strndup(name, n);
	fit = head ? figure_text_fit(fig->font, head, fig->f, false, room) : NULL;
	if (fit && asprintf(&out, "%s%s", fit, name + n) < 0)
		out = NULL;
	free(head);
	free(fit);
	return out;
}

static int fit_names(struct figure *fig, struct err *err)
{
	double most = 0.2 * fig->width, widest = 0, words_width = 0, half = 0, side;
	char words[96];

	for (unsigned i = 0; i < fig->n_panels; i++) {
		struct panel *p = &fig->panel[i];
		double w;

		for (uint32_t row = 0; row < p->n_rows; row++) {
			char *fit = fit_name(fig, p->name[row], p->kept[row], most);

			if (!fit)
				return err_memory(err, "a figure's names");
			free(p->name[row]);
			p->name[row] = fit;
			w = text_width(fig, fit, 1, false);
			widest = w > widest ? w : widest;
		}
		figure_axis_init(&p->axis, p->info->clock, p->from, p->to, 10);
		figure_axis_label(&p->axis, p->to / p->axis.step * p->axis.step, words);
		w = text_width(fig, words, 0.85, false) / 2;
		half = w > half ? w : half;
		w = text_width(fig, figure_axis_words(&p->axis, words), 0.85, false);
		words_width = w > words_width ? w : words_width;
	}
	/*
	 * labels stand in the middle above their marks: half of the first one and of the last one
	 * beside the lanes
	 */
	side = words_width + half;
	fig->plot_x = ceil(2 * fig->f + (side > widest ? side : widest));
	fig->plot_width = floor(fig->width - fig->plot_x - fig->f -
				(half > 0.8 * fig->f ? half : 0.8 * fig->f));
	if (fig->plot_width < 8 * fig->f)
		return err_set(err, ERR_USAGE,
			       "--size: %.0f is too narrow: names take %.0f of it, "
			       "and the lanes need %.0f",
			       fig->width, fig->plot_x, ceil(8 * fig->f));
	return 0;
}

/*
 * Columns that are the tiles' where that is possible; a figure whose width is not asked for gets
 * narrower by that.
 */
static void choose_columns(struct figure *fig)
{
	uint32_t max = (uint32_t)fig->plot_width, most = 0;

	for (unsigned i = 0; i < fig->n_panels; i++) {
		struct panel *p = &fig->panel[i];
		uint32_t exact = figure_columns_exact(p->from, p->to, max);

		p->units = exact ? exact : max;
		most = p->units > most ? p->units : most;
		p->columns.from = p->from;	/* for figure_x() */
		p->columns.to = p->to;
		p->columns.n = p->units;
		p->column = 1;
	}
	if (!fig->o->width)
		fig->width -= max - most;
}

/* As many labels as have place. */
static void choose_ticks(struct figure *fig, struct panel *p)
{
	double width = p->units;
	unsigned room = (unsigned)(width / (4 * fig->f));

	for (room = room ? room : 1; ; room--) {
		const struct figure_axis *a = &p->axis;
		double widest = 0, step;
		char label[64];

		figure_axis_init(&p->axis, p->info->clock, p->from, p->to, room);
		for (uint64_t i = figure_axis_first(a->step, p->from), t = i * a->step; t <= p->to;
		     t += a->step) {
			double w = text_width(fig, figure_axis_label(a, t, label), 0.85, false);

			widest = w > widest ? w : widest;
		}
		step = (double)a->step * width / (double)(p->to - p->from);
		if (room == 1 || step > widest + 1.6 * fig->f)
			return;
	}
}

/* --- notes ------------------------------------------------------------------------------------ */

static void forget_lines(struct panel *p)
{
	for (unsigned i = 0; i < p->n_notes; i++)
		while (p->note[i].n_lines)
			free(p->note[i].line[--p->note[i].n_lines]);
}

/*
 * Notes in a row below the lanes, broken at that width: whether they have place; -1 with *err set.
 */
static int try_labels(struct figure *fig, struct panel *p, double width, struct err *err)
{
	struct figure_label label[FIGURE_NOTES_MAX];
	double size = 0.9 * fig->f;
	bool cut, fit;

	forget_lines(p);
	for (unsigned i = 0; i < p->n_notes; i++) {
		struct figure_note *n = &p->note[i];

		n->n_lines = figure_text_break(fig->font, n->text, size, false, width, NOTE_LINES,
					       n->line, &cut);
		if (!n->n_lines)
			return err_memory(err, "a figure's notes");
		if (cut)
			return 0;
		label[i] = (struct figure_label){ .want = n->x };
		for (unsigned k = 0; k < n->n_lines; k++) {
			double w = figure_text_width(fig->font, n->line[k], size, false);

			label[i].width = w > label[i].width ? w : label[i].width;
		}
	}
	fit = figure_place(label, p->n_notes, 1.5 * fig->f, fig->f, fig->width - fig->f);
	for (unsigned i = 0; fit && i < p->n_notes; i++)
		p->note[i].label = label[i].at;
	return fit;
}

/* A row of numbers, and the texts in a list below it. */
static int number_notes(struct figure *fig, struct panel *p, struct err *err)
{
	struct figure_label label[FIGURE_NOTES_MAX];
	double room = fig->width - fig->plot_x - fig->f, widest = 0;
	unsigned n_columns;

	forget_lines(p);
	p->numbered = true;
	p->disc = fmin(1, (fig->width - 2 * fig->f) / (1.75 * fig->f * p->n_notes));
	for (unsigned i = 0; i < p->n_notes; i++) {
		struct figure_note *n = &p->note[i];

		label[i] = (struct figure_label){ .want = n->x, .width = 1.5 * fig->f * p->disc };
		n->number = i + 1;
		n->line[0] = figure_text_fit(fig->font, n->text, 0.9 * fig->f, false,
					     room - 1.8 * fig->f);
		if (!n->line[0])
			return err_memory(err, "a figure's notes");
		n->n_lines = 1;
		widest = fmax(widest, text_width(fig, n->line[0], 0.9, false));
	}
	p->list_width = widest + 3.2 * fig->f;
	n_columns = room > p->list_width ? (unsigned)(room / p->list_width) : 1;
	p->list_rows = (p->n_notes + n_columns - 1) / n_columns;
	if (p->disc < 0.5 ||
	    !figure_place(label, p->n_notes, 0.2 * fig->f * p->disc, fig->f, fig->width - fig->f))
		return err_set(err, ERR_USAGE, "%u notes have no place in a width of %.0f",
			       p->n_notes, fig->width);
	for (unsigned i = 0; i < p->n_notes; i++)
		p->note[i].label = label[i].at;
	return 0;
}

/* Lines down through the lanes, apart from each other also where instants are not. */
static int place_notes(struct figure *fig, struct panel *p, struct err *err)
{
	static const double widths[] = { 22, 16, 12, 9 };
	struct figure_label rail[FIGURE_NOTES_MAX];
	double right = fig->plot_x + p->units;
	int fit = 0;

	if (!p->n_notes)
		return 0;
	for (unsigned i = 0; i < p->n_notes; i++) {
		p->note[i].x = figure_x(fig, p, p->note[i].t);
		rail[i] = (struct figure_label){ .want = p->note[i].x };
	}
	if (!figure_place(rail, p->n_notes, 0.35 * fig->f, fig->plot_x, right))
		return err_set(err, ERR_USAGE, "%u notes have no place in a width of %.0f",
			       p->n_notes, fig->width);
	for (unsigned i = 0; i < p->n_notes; i++)
		p->note[i].rail = rail[i].at;
	for (unsigned i = 0; i < sizeof(widths) / sizeof(*widths) && !fit; i++) {
		fit = try_labels(fig, p, widths[i] * fig->f, err);
		if (fit < 0)
			return -1;
	}
	return fit ? 0 : number_notes(fig, p, err);
}

static unsigned note_lines(const struct panel *p)
{
	unsigned most = 0;

	for (unsigned i = 0; i < p->n_notes; i++)
		most = p->note[i].n_lines > most ? p->note[i].n_lines : most;
	return most;
}

/* --- legend ----------------------------------------------------------------------------------- */

/*
 * From left to right, and on to the next line where one is full; from the lanes' beginning, or in a
 * narrow figure the names'.  Returns the height.
 */
static double flow_legend(struct figure *fig, double y, bool arrows)
{
	static const struct { enum ink ink; const char *words; } all[] = {
		{ INK_RUN, "runs, holding the lock" },
		{ INK_ACQUIRE, "acquires it" },
		{ INK_WAIT, "waits" },
		{ INK_SIGNAL, "signalled, not yet running" },
		{ INK_STALL, "holds it, off the CPU" },
		{ INK_BUSY, "BUSY: found it held" },
		{ INK_RETRY, "RETRY: woken in vain" },
		{ INK_LOST, "something was lost" },
	};
	double left = fig->plot_x, right = fig->width - fig->f, x, first = y;

	fig->n_legend = 0;
	if (fig->o->no_legend)
		return 0;
	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (fig->seen[all[i].ink])
			fig->legend[fig->n_legend++] =
				(struct legend_item){ .ink = all[i].ink, .words = all[i].words };
	if (arrows)
		fig->legend[fig->n_legend++] = (struct legend_item){
			.arrow = true, .words = "signals the next thread"
		};
	for (unsigned i = 0; i < fig->n_legend; i++) {
		struct legend_item *l = &fig->legend[i];

		l->width = text_width(fig, l->words, 0.85, false) + 1.2 * fig->f;
		if (left + l->width > right)	/* no place below the lanes alone */
			left = 1.2 * fig->f;
	}
	x = left;
	for (unsigned i = 0; i < fig->n_legend; i++) {
		struct legend_item *l = &fig->legend[i];

		if (x > left && x + l->width > right) {
			x = left;
			y += 1.5 * fig->f;
		}
		l->x = x;
		l->y = y;
		x += l->width + 1.3 * fig->f;
	}
	return fig->n_legend ? y - first + 1.5 * fig->f : 0;
}

/* --- heights ---------------------------------------------------------------------------------- */

/* The lanes' height where nobody asked for one: the more there are, the lower. */
static unsigned wished_pitch(const struct figure *fig)
{
	uint32_t n = fig->n_rows;
	double f = n <= 4 ? 3.4 : n <= 8 ? 2.6 : n <= 16 ? 2 : n <= 32 ? 1.4 : n <= 64 ? 1.1 : 0.6;
	double room = 0.9 * FIGURE_SIDE_MAX / n / fig->o->scale, pitch = f * fig->f;

	return (unsigned)lround(pitch < room ? pitch : room);
}

/*
 * Divides a lane's units into rows, each of as many units as a column's height needs, and the gap.
 */
static void divide_pitch(struct figure *fig, unsigned pitch)
{
	unsigned rows;

	fig->pitch = pitch;
	/* a lane of the tiles' height looks as theirs do */
	fig->gap = fig->o->lane_height ? LANE_GAP : pitch / 12;
	if (fig->gap < LANE_GAP)
		fig->gap = LANE_GAP;
	rows = pitch - fig->gap;
	fig->row = (rows + LANE_ROWS_MAX - 1) / LANE_ROWS_MAX;
	fig->h = rows / fig->row;
}

/*
 * From top to bottom, with lanes of that many units; returns the height.  Lanes begin on whole
 * units, and nothing above the legend depends on what is in it.
 */
static double stack(struct figure *fig, unsigned pitch, bool arrows)
{
	double f = fig->f, y = 1.1 * f, height;

	if (fig->title) {
		fig->y_title = y + 1.1 * f;
		y += 2.0 * f;
	}
	for (unsigned i = 0; i < fig->n_panels; i++) {
		struct panel *p = &fig->panel[i];

		p->has_axis = fig->o->own_axes || !i;
		if (i)
			y += 0.9 * f;
		if (p->title && fig->o->own_axes) {
			p->y_title = y + 0.9 * f;
			y += 1.7 * f;
		}
		if (p->has_axis) {
			p->y_axis = y + 1.6 * f;
			y += 1.75 * f;
		}
		if (p->title && !fig->o->own_axes) {
			p->y_title = y + 1.15 * f;
			y += 1.6 * f;
		}
		p->y_lanes = ceil(y);
		y = p->y_lanes + (double)p->n_rows * pitch;
		p->y_notes = y;
		if (p->n_notes) {
			p->y_list = y += (p->numbered ? 2.6 : 1.9) * f;
			p->list_height = f * (p->numbered ? 1.35 * p->list_rows
							  : 1.15 * note_lines(p));
			y += p->list_height + 0.3 * f;
		}
	}
	y += 0.7 * f;
	fig->y_legend = y;
	height = flow_legend(fig, y, arrows);
	y += height;
	if (fig->n_captions) {
		y += 0.2 * f;
		fig->y_caption = y + 0.8 * f;
		y += 1.2 * f * fig->n_captions;
	}
	return y + 0.6 * f;
}

static int choose_height(struct figure *fig, struct err *err)
{
	const struct figure_options *o = fig->o;
	unsigned pitch = o->lane_height ? o->lane_height : wished_pitch(fig);
	bool arrows = !o->no_arrows && fig->seen[INK_SIGNAL];	/* there may be some */

	if (o->height && !o->lane_height) {
		double rest = o->height - stack(fig, 0, arrows) - 1;

		pitch = rest > 0 ? (unsigned)(rest / fig->n_rows) : 0;
		if (pitch < PITCH_MIN)
			return err_set(err, ERR_USAGE,
				       "--size: %" PRIu32 " threads do not fit into a height of "
				       "%u: it takes %.0f, or a choice of --threads",
				       fig->n_rows, o->height,
				       ceil(o->height - rest + (double)PITCH_MIN * fig->n_rows));
	}
	if (pitch < PITCH_MIN)
		pitch = PITCH_MIN;
	divide_pitch(fig, pitch);
	fig->height = ceil(stack(fig, pitch, arrows));
	if (o->height && fig->height > o->height)
		return err_set(err, ERR_USAGE, "--size: lanes of %u make a height of %.0f, not %u",
			       o->lane_height, fig->height, o->height);
	if (o->height)
		fig->height = o->height;
	return 0;
}

/* Before anything is allocated by it. */
static int check_size(const struct figure *fig, struct err *err)
{
	double w = fig->width * fig->o->scale, h = fig->height * fig->o->scale;

	if (w > FIGURE_SIDE_MAX || h > FIGURE_SIDE_MAX)
		return err_set(err, ERR_USAGE,
			       "the figure would be %.0f x %.0f pixels, with %" PRIu32
			       " threads at a scale of %u: at most %u a side (choose some with "
			       "--threads)",
			       w, h, fig->n_rows, fig->o->scale, FIGURE_SIDE_MAX);
	if (w * h > (double)FIGURE_PIXELS_MAX)
		return err_set(err, ERR_USAGE, "the figure would be %.0f x %.0f pixels, which are "
			       "%.0f million: at most %.0f million", w, h, w * h / 1e6,
			       (double)FIGURE_PIXELS_MAX / 1e6);
	return 0;
}

/* --- contents --------------------------------------------------------------------------------- */

/* As in the tiles, whose width does not matter for that. */
static uint64_t bright_width(const struct panel *p)
{
	struct pyramid pyramid;

	pyramid_init(&pyramid, p->info->end, p->info->n_lanes, 1);
	return UINT64_C(1) << tile_bright_level(&pyramid, p->tl);
}

/* Columns of so many units. */
static int load(struct figure *fig, unsigned units, struct err *err)
{
	for (unsigned i = 0; i < fig->n_panels; i++) {
		struct panel *p = &fig->panel[i];

		uint32_t n = p->units > units ? p->units / units : 1;

		figure_columns_release(&p->columns);
		p->columns = (struct figure_columns){
			.from = p->from, .to = p->to, .n = n, .n_rows = p->n_rows, .h = fig->h,
			.few = FIGURE_FEW_EVENTS, .bright = bright_width(p),
		};
		p->column = (double)p->units / n;
		if (figure_columns_load(&p->columns, p->tl, p->lane, err))
			return err_prefix(err, p->path);
	}
	return 0;
}

static size_t count_shapes(const struct figure *fig)
{
	size_t n = 0;

	for (unsigned i = 0; i < fig->n_panels; i++) {
		const struct figure_columns *c = &fig->panel[i].columns;

		for (uint32_t row = 0; row < c->n_rows; row++) {
			struct figure_lane l = {
				.cell = c->cell + (size_t)row * c->n, .n = c->n, .h = c->h,
			};

			for (unsigned k = 0; k < N_INKS - 1; k++)
				n += figure_shapes(&l, figure_shape_order[k], NULL, NULL);
		}
	}
	return n;
}

/* In pixels a column is a unit wide; as shapes, as wide as it takes to keep the file small. */
static int load_columns(struct figure *fig, struct err *err)
{
	unsigned units = 1;

	do {
		if (load(fig, units, err))
			return -1;
		units *= 2;
	} while (fig->o->format != FIGURE_PNG && units <= fig->plot_width &&
		 count_shapes(fig) > SHAPES_MAX);
	return 0;
}

static int find_handoffs(struct figure *fig, struct err *err)
{
	for (unsigned i = 0; i < fig->n_panels && !fig->o->no_arrows; i++) {
		struct panel *p = &fig->panel[i];

		if (figure_handoffs_find(&p->handoffs, &p->columns, p->tl, p->lane,
					 1.1 * fig->f / p->column, err))
			return err_prefix(err, p->path);
	}
	return 0;
}

static int fit_words(struct figure *fig, struct err *err)
{
	char *fit;

	for (unsigned i = 0; i <= fig->n_captions; i++) {
		char **s = i < fig->n_captions ? &fig->caption[i] : &fig->title;

		if (!*s)
			continue;
		fit = figure_text_fit(fig->font, *s, (i < fig->n_captions ? 0.75 : 1.35) * fig->f,
				      i == fig->n_captions, fig->width - 2.4 * fig->f);
		if (!fit)
			return err_memory(err, "a figure's words");
		free(*s);
		*s = fit;
	}
	for (unsigned i = 0; i < fig->n_panels; i++) {
		struct panel *p = &fig->panel[i];

		if (!p->title)
			continue;
		fit = figure_text_fit(fig->font, p->title, fig->f, true,
				      fig->width - fig->plot_x - fig->f);
		if (!fit)
			return err_memory(err, "a figure's words");
		free(p->title);
		p->title = fit;
	}
	return 0;
}

static int lay_out(struct figure *fig, struct err *err)
{
	bool arrows = false;
	double height;

	choose_width(fig);
	if (fit_names(fig, err))
		return -1;
	choose_columns(fig);
	for (unsigned i = 0; i < fig->n_panels; i++) {
		choose_ticks(fig, &fig->panel[i]);
		if (place_notes(fig, &fig->panel[i], err))
			return -1;
	}
	if (fit_words(fig, err) || choose_height(fig, err) || check_size(fig, err))
		return -1;
	if (load_columns(fig, err) || find_handoffs(fig, err))
		return -1;
	fig->seen[INK_ACQUIRE] = false;
	for (unsigned i = 0; i < fig->n_panels; i++) {
		arrows |= fig->panel[i].handoffs.n != 0;
		fig->seen[INK_ACQUIRE] |= fig->panel[i].columns.any_bright;
	}
	height = ceil(stack(fig, fig->pitch, arrows));
	if (!fig->o->height)
		fig->height = height;
	return 0;
}

static void tell_places(const struct figure *fig)
{
	const struct figure_options *o = fig->o;

	for (unsigned i = 0; o->placed && i < fig->n_panels; i++) {
		const struct panel *p = &fig->panel[i];

		for (uint32_t row = 0; row < p->n_rows; row++) {
			struct figure_placed at = {
				.trace = i, .lane = p->lane[row], .from = p->from, .to = p->to,
				.x = (uint32_t)lround(fig->plot_x * o->scale),
				.y = (uint32_t)lround(figure_row_y(fig, p, row) * o->scale),
				.n = p->columns.n, .h = fig->h, .column = o->scale,
				.row = fig->row * o->scale,
			};

			o->placed(o->ctx, &at);
		}
	}
}

static int draw(struct figure *fig, struct buf *out, struct err *err)
{
	const struct figure_canvas_options co = {
		.format = fig->o->format, .width = fig->width, .height = fig->height,
		.scale = fig->o->scale, .theme = &fig->theme, .font = fig->font,
		.title = fig->title ? fig->title : "gilscope",
	};
	struct figure_canvas *c = figure_canvas_new(&co, err);
	int ret;

	if (!c)
		return -1;
	figure_draw(fig, c);
	ret = c->ops->finish(c, out, err);
	c->ops->free(c);
	return ret;
}

int figure_make(const struct figure_options *o, struct buf *out, struct err *err)
{
	struct figure *fig = calloc(1, sizeof(*fig));
	int ret = -1;

	if (!fig)
		return err_memory(err, "a figure");
	fig->o = o;
	figure_theme_init(&fig->theme, o->look);
	fig->font = figure_font_new(o->family);
	if (!fig->font)
		err_memory(err, "a font");
	else if (!figure_open(fig, err) && !lay_out(fig, err))
		ret = draw(fig, out, err);
	if (!ret)
		tell_places(fig);
	figure_close(fig);
	free(fig);
	return ret;
}
