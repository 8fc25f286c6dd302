/* figure_draw.c - a figure that has its place, onto a canvas: see figure_internal.h */
#include <stdio.h>

#include "figure_internal.h"

static void words(const struct figure *fig, struct figure_canvas *c, double x, double y,
		  double size, enum figure_anchor anchor, struct colour colour, const char *s)
{
	const struct figure_words w = {
		.x = x, .y = y, .size = size * fig->f, .anchor = anchor, .colour = colour, .s = s,
	};

	c->ops->words(c, &w);
}

static void bold_words(const struct figure *fig, struct figure_canvas *c, double x, double y,
		       double size, const char *s)
{
	const struct figure_words w = {
		.x = x, .y = y, .size = size * fig->f, .bold = true, .colour = fig->theme.text,
		.s = s,
	};

	c->ops->words(c, &w);
}

/* --- axis ------------------------------------------------------------------------------------- */

/* Lines of a whole number of pixels are as sharp as the lanes. */
static double thin(const struct figure *fig)
{
	double pixels = fig->f * fig->o->scale / 16;

	return (pixels < 1 ? 1 : (unsigned)pixels) / (double)fig->o->scale;
}

static void draw_axis(const struct figure *fig, const struct panel *p, struct figure_canvas *c)
{
	const struct figure_axis *a = &p->axis;
	double f = fig->f, y = p->y_axis, line = thin(fig), width = p->units;
	uint64_t minor = a->step / a->minor;
	char text[96];

	for (uint64_t t = figure_axis_first(minor, p->from) * minor; t <= p->to; t += minor) {
		bool major = t % a->step == 0;
		double x = figure_x(fig, p, t), length = (major ? 0.42 : 0.22) * f;

		if ((double)minor * width / (double)(p->to - p->from) < 0.25 * f && !major)
			continue;
		c->ops->rect(c, x - line / 2, y - length, line, length,
			     major ? fig->theme.dim : fig->theme.rule);
		if (major)
			words(fig, c, x, y - 0.62 * f, 0.85, ANCHOR_MIDDLE, fig->theme.text,
			      figure_axis_label(a, t, text));
	}
	c->ops->rect(c, fig->plot_x, y, width, line, fig->theme.rule);
	words(fig, c, 1.2 * f, y - 0.62 * f, 0.85, ANCHOR_START, fig->theme.dim,
	      figure_axis_words(a, text));
}

/* --- lanes ------------------------------------------------------------------------------------ */

/* Names where they have place: all of them, or every second, third... */
static void draw_names(const struct figure *fig, const struct panel *p, struct figure_canvas *c)
{
	double f = fig->f, pitch = fig->pitch, size = pitch / (1.15 * f);
	uint32_t every = 1;

	size = size > 1 ? 1 : size < 0.62 ? 0.62 : size;
	while (every * pitch < 1.1 * size * f)
		every++;
	for (uint32_t row = 0; row < p->n_rows; row += every)
		words(fig, c, fig->plot_x - 0.8 * f,
		      figure_row_y(fig, p, row) + figure_row_height(fig) / 2 + 0.36 * size * f,
		      size, ANCHOR_END, fig->theme.text, p->name[row]);
}

static void draw_lanes(const struct figure *fig, const struct panel *p, struct figure_canvas *c)
{
	double line = thin(fig), gap = fig->gap;
	uint64_t end = p->info->end < p->to ? p->info->end : p->to;
	double width = figure_x(fig, p, end) - fig->plot_x;

	line = line < gap ? line : gap;
	for (uint32_t row = 0; row < p->n_rows; row++) {
		struct figure_lane l = {
			.cell = p->columns.cell + (size_t)row * p->columns.n,
			.n = p->columns.n, .h = fig->h, .x = fig->plot_x,
			.y = figure_row_y(fig, p, row), .column = p->column,
			.row = fig->row,
		};

		/* a lane is seen, and how long its trace is, where it is idle too */
		if (width > 0)
			c->ops->rect(c, l.x, l.y + figure_row_height(fig), width, line,
				     fig->theme.rule);
		c->ops->lane(c, &l);
	}
}

/* --- arrows ----------------------------------------------------------------------------------- */

static void arrow(const struct figure *fig, struct figure_canvas *c, double x, double y0, double y1)
{
	double f = fig->f, down = y1 > y0 ? 1 : -1, head = 0.55 * f, wing = 0.24 * f,
	       halo = 0.09 * f;
	const struct figure_point line[] = { { x, y0 }, { x, y1 - down * 0.9 * head } };
	const struct figure_point around[] = {
		{ x, y1 + down * 1.8 * halo }, { x - wing - 1.5 * halo, y1 - down * (head + halo) },
		{ x + wing + 1.5 * halo, y1 - down * (head + halo) },
	};
	const struct figure_point tip[] = {
		{ x, y1 }, { x - wing, y1 - down * head }, { x + wing, y1 - down * head },
	};

	c->ops->disc(c, x, y0, 0.14 * f + halo, fig->theme.page);
	c->ops->line(c, line, 2, 0.1 * f + 2 * halo, fig->theme.page);
	c->ops->polygon(c, around, 3, fig->theme.page);
	c->ops->disc(c, x, y0, 0.14 * f, fig->theme.arrow);
	c->ops->line(c, line, 2, 0.1 * f, fig->theme.arrow);
	c->ops->polygon(c, tip, 3, fig->theme.arrow);
}

/*
 * From the middle of the lane that gives the lock away to the middle of the one that is signalled.
 */
static void draw_arrows(const struct figure *fig, const struct panel *p, struct figure_canvas *c)
{
	double middle = figure_row_height(fig) / 2;

	for (size_t i = 0; i < p->handoffs.n; i++) {
		const struct figure_handoff *h = &p->handoffs.h[i];

		arrow(fig, c, figure_x(fig, p, h->t), figure_row_y(fig, p, h->from_row) + middle,
		      figure_row_y(fig, p, h->to_row) + middle);
	}
}

/* --- notes ------------------------------------------------------------------------------------ */

static void draw_note(const struct figure *fig, const struct panel *p, const struct figure_note *n,
		      struct figure_canvas *c)
{
	double f = fig->f, bottom = p->y_notes + 0.1 * f,
	       end = p->y_list - (p->numbered ? 1.5 : 0.15) * f;
	double y = n->row == NO_THREAD ? p->y_lanes
				       : figure_row_y(fig, p, n->row) + figure_row_height(fig) / 2;
	const struct figure_point leader[] = {
		{ n->x, y }, { n->rail, y }, { n->rail, bottom }, { n->label, end }
	};
	char number[16];

	c->ops->line(c, leader, 3, 0.3 * f, fig->theme.page);
	c->ops->disc(c, n->x, y, 0.36 * f, fig->theme.page);
	c->ops->line(c, leader, 4, 0.12 * f, fig->theme.note);
	c->ops->disc(c, n->x, y, 0.24 * f, fig->theme.note);
	if (p->numbered) {
		snprintf(number, sizeof(number), "%u", n->number);
		c->ops->disc(c, n->label, end + 0.7 * p->disc * f, 0.7 * p->disc * f,
			     fig->theme.note);
		words(fig, c, n->label, end + 0.97 * p->disc * f, 0.75 * p->disc, ANCHOR_MIDDLE,
		      fig->theme.page, number);
		return;
	}
	for (unsigned k = 0; k < n->n_lines; k++)
		words(fig, c, n->label, p->y_list + (0.85 + 1.15 * k) * f, 0.9, ANCHOR_MIDDLE,
		      fig->theme.text, n->line[k]);
}

static void draw_notes(const struct figure *fig, const struct panel *p, struct figure_canvas *c)
{
	double f = fig->f;
	char number[16];

	for (unsigned i = 0; i < p->n_notes; i++)
		draw_note(fig, p, &p->note[i], c);
	for (unsigned i = 0; p->numbered && i < p->n_notes; i++) {
		double x = fig->plot_x + i / p->list_rows * p->list_width;
		double y = p->y_list + (0.95 + 1.35 * (i % p->list_rows)) * f;

		snprintf(number, sizeof(number), "%u", p->note[i].number);
		words(fig, c, x + 1.2 * f, y, 0.9, ANCHOR_END, fig->theme.note, number);
		words(fig, c, x + 1.8 * f, y, 0.9, ANCHOR_START, fig->theme.text,
		      p->note[i].line[0]);
	}
}

/* --- below ------------------------------------------------------------------------------------ */

static void draw_legend(const struct figure *fig, struct figure_canvas *c)
{
	double f = fig->f;

	for (unsigned i = 0; i < fig->n_legend; i++) {
		const struct legend_item *l = &fig->legend[i];

		if (l->arrow)
			arrow(fig, c, l->x + 0.4 * f, l->y + 0.1 * f, l->y + 1.1 * f);
		else
			c->ops->rect(c, l->x, l->y + 0.2 * f, 0.8 * f, 0.8 * f,
				     fig->theme.ink[l->ink]);
		words(fig, c, l->x + 1.2 * f, l->y + 0.9 * f, 0.85, ANCHOR_START, fig->theme.text,
		      l->words);
	}
}

void figure_draw(const struct figure *fig, struct figure_canvas *c)
{
	double f = fig->f;

	c->ops->rect(c, 0, 0, fig->width, fig->height, fig->theme.page);
	if (fig->title)
		bold_words(fig, c, 1.2 * f, fig->y_title, 1.35, fig->title);
	for (unsigned i = 0; i < fig->n_panels; i++) {
		const struct panel *p = &fig->panel[i];

		if (p->title)
			bold_words(fig, c, fig->plot_x, p->y_title, 1, p->title);
		if (p->has_axis)
			draw_axis(fig, p, c);
		draw_names(fig, p, c);
		draw_lanes(fig, p, c);
		draw_arrows(fig, p, c);
		draw_notes(fig, p, c);
	}
	draw_legend(fig, c);
	for (unsigned i = 0; i < fig->n_captions; i++)
		words(fig, c, 1.2 * f, fig->y_caption + 1.2 * f * i, 0.75, ANCHOR_START,
		      fig->theme.dim, fig->caption[i]);
}
