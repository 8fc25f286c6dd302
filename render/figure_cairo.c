/*
 * figure_cairo.c - a figure drawn by cairo and Pango: as pixels, or as PDF
 *
 * cairo's pixels are 0x00RRGGBB in the machine's own order here (CAIRO_FORMAT_RGB24).  Lanes are
 * written into them, not painted: each pixel is one column's ink, never a mixture.
 */
#include <cairo-pdf.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

#include "figure_canvas.h"
#include "figure_png.h"
#include "figure_text.h"

#define PER_METRE (96 / 0.0254)		/* units */

struct canvas {
	struct figure_canvas base;
	cairo_surface_t *surface;
	cairo_t *cr;
	struct figure_font *font;	/* borrowed */
	double scale;			/* PNG: pixels per unit */
	bool is_pdf;
	struct buf pdf;
};

static void set_colour(cairo_t *cr, struct colour c)
{
	cairo_set_source_rgb(cr, c.r / 255.0, c.g / 255.0, c.b / 255.0);
}

static void draw_rect(struct figure_canvas *base, double x, double y, double w, double h,
		      struct colour colour)
{
	struct canvas *c = (struct canvas *)base;

	set_colour(c->cr, colour);
	cairo_new_path(c->cr);
	cairo_rectangle(c->cr, x, y, w, h);
	cairo_fill(c->cr);
}

static void add_points(struct canvas *c, const struct figure_point *p, unsigned n)
{
	cairo_new_path(c->cr);
	for (unsigned i = 0; i < n; i++)
		cairo_line_to(c->cr, p[i].x, p[i].y);
}

static void draw_line(struct figure_canvas *base, const struct figure_point *p, unsigned n,
		      double width, struct colour colour)
{
	struct canvas *c = (struct canvas *)base;

	set_colour(c->cr, colour);
	cairo_set_line_width(c->cr, width);
	add_points(c, p, n);
	cairo_stroke(c->cr);
}

static void draw_polygon(struct figure_canvas *base, const struct figure_point *p, unsigned n,
			 struct colour colour)
{
	struct canvas *c = (struct canvas *)base;

	set_colour(c->cr, colour);
	add_points(c, p, n);
	cairo_close_path(c->cr);
	cairo_fill(c->cr);
}

static void draw_disc(struct figure_canvas *base, double x, double y, double r,
		      struct colour colour)
{
	struct canvas *c = (struct canvas *)base;

	set_colour(c->cr, colour);
	cairo_new_path(c->cr);
	cairo_arc(c->cr, x, y, r, 0, 2 * M_PI);
	cairo_fill(c->cr);
}

static void draw_words(struct figure_canvas *base, const struct figure_words *w)
{
	struct canvas *c = (struct canvas *)base;
	PangoLayout *layout = figure_font_layout(c->font, w->s, w->size, w->bold);
	double x = w->x;
	int width;

	pango_layout_get_size(layout, &width, NULL);
	if (w->anchor != ANCHOR_START)
		x -= (w->anchor == ANCHOR_END ? 1 : 0.5) * width / PANGO_SCALE;
	set_colour(c->cr, w->colour);
	cairo_move_to(c->cr, x, w->y - (double)pango_layout_get_baseline(layout) / PANGO_SCALE);
	pango_cairo_show_layout(c->cr, layout);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static uint32_t pixel_of(struct colour c)
{
	return (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
}

/* Each column is a whole number of pixels wide, each row a whole number of pixels high. */
static void put_lane_pixels(struct canvas *c, const struct figure_lane *l)
{
	uint32_t x0 = (uint32_t)lround(l->x * c->scale), y0 = (uint32_t)lround(l->y * c->scale);
	uint32_t width = (uint32_t)lround(l->column * c->scale),
		 per_row = (uint32_t)lround(l->row * c->scale);
	size_t stride = (size_t)cairo_image_surface_get_stride(c->surface) / 4;
	uint32_t *pixels;

	cairo_surface_flush(c->surface);
	pixels = (uint32_t *)(void *)cairo_image_surface_get_data(c->surface);
	for (uint32_t i = 0; i < l->n; i++) {
		struct segment seg[COLUMN_SEGMENTS];
		unsigned n = column_segments(l->cell[i].column, l->h, seg);

		for (unsigned k = 0; k < n; k++) {
			unsigned end = k + 1 < n ? seg[k + 1].row : l->h;
			uint32_t ink = pixel_of(c->base.theme.ink[seg[k].ink]);

			for (uint32_t y = seg[k].row * per_row; y < end * per_row; y++)
				for (uint32_t x = 0; x < width; x++)
					pixels[(y0 + y) * stride + x0 + i * width + x] = ink;
		}
	}
	cairo_surface_mark_dirty(c->surface);
}

static void put_shape(void *ctx, double x0, double x1, unsigned y0, unsigned y1)
{
	cairo_rectangle(ctx, x0, y0, x1 - x0, y1 - y0);
}

static void draw_lane_shapes(struct canvas *c, const struct figure_lane *l)
{
	cairo_save(c->cr);
	cairo_new_path(c->cr);
	cairo_translate(c->cr, l->x, l->y);
	cairo_scale(c->cr, l->column, l->row);
	for (unsigned i = 0; i < N_INKS - 1; i++) {
		enum ink ink = figure_shape_order[i];

		set_colour(c->cr, c->base.theme.ink[ink]);
		if (figure_shapes(l, ink, put_shape, c->cr))
			cairo_fill(c->cr);
	}
	cairo_restore(c->cr);
}

static void draw_lane(struct figure_canvas *base, const struct figure_lane *l)
{
	struct canvas *c = (struct canvas *)base;

	if (c->is_pdf)
		draw_lane_shapes(c, l);
	else
		put_lane_pixels(c, l);
}

/* --- begin and end ---------------------------------------------------------------------------- */

static cairo_status_t take_pdf(void *ctx, const unsigned char *data, unsigned n)
{
	buf_add(ctx, data, n);
	return buf_failed(ctx) ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static int check(struct canvas *c, struct err *err)
{
	cairo_status_t s = cairo_status(c->cr);

	if (s == CAIRO_STATUS_SUCCESS)
		s = cairo_surface_status(c->surface);
	if (s == CAIRO_STATUS_NO_MEMORY)
		return err_memory(err, "a figure");
	if (s != CAIRO_STATUS_SUCCESS)
		return err_set(err, ERR_SYSTEM, "cairo: %s", cairo_status_to_string(s));
	return 0;
}

static int finish_png(struct canvas *c, struct buf *out, struct err *err)
{
	uint32_t keep[N_INKS + 6];
	unsigned n = 0;
	const struct figure_theme *t = &c->base.theme;
	const struct colour others[] = { t->page, t->text, t->dim, t->rule, t->arrow, t->note };

	for (unsigned i = 0; i < N_INKS; i++)
		keep[n++] = pixel_of(t->ink[i]);
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		keep[n++] = pixel_of(others[i]);
	cairo_surface_flush(c->surface);
	return figure_png_write(out, (uint32_t *)(void *)cairo_image_surface_get_data(c->surface),
				(uint32_t)cairo_image_surface_get_width(c->surface),
				(uint32_t)cairo_image_surface_get_height(c->surface),
				(size_t)cairo_image_surface_get_stride(c->surface) / 4,
				(unsigned)lround(PER_METRE * c->scale), keep, n, err);
}

static int finish(struct figure_canvas *base, struct buf *out, struct err *err)
{
	struct canvas *c = (struct canvas *)base;

	if (check(c, err))
		return -1;
	if (!c->is_pdf)
		return finish_png(c, out, err);
	cairo_show_page(c->cr);
	cairo_surface_finish(c->surface);
	if (check(c, err))
		return -1;
	buf_add(out, c->pdf.data, c->pdf.len);
	return buf_failed(&c->pdf) || buf_failed(out) ? err_memory(err, "a PDF") : 0;
}

static void free_canvas(struct figure_canvas *base)
{
	struct canvas *c = (struct canvas *)base;

	cairo_destroy(c->cr);
	cairo_surface_destroy(c->surface);
	buf_release(&c->pdf);
	free(c);
}

static const struct figure_canvas_ops ops = {
	.rect = draw_rect, .line = draw_line, .polygon = draw_polygon, .disc = draw_disc,
	.words = draw_words, .lane = draw_lane, .finish = finish, .free = free_canvas,
};

static void make_pdf(struct canvas *c, const struct figure_canvas_options *o)
{
	c->surface = cairo_pdf_surface_create_for_stream(take_pdf, &c->pdf,
							 o->width * FIGURE_PDF_POINTS,
							 o->height * FIGURE_PDF_POINTS);
	cairo_pdf_surface_set_metadata(c->surface, CAIRO_PDF_METADATA_TITLE, o->title);
	cairo_pdf_surface_set_metadata(c->surface, CAIRO_PDF_METADATA_CREATOR,
				       "gilscope " GILSCOPE_VERSION);
	/* the same file for the same figure */
	cairo_pdf_surface_set_metadata(c->surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
	c->cr = cairo_create(c->surface);
	cairo_scale(c->cr, FIGURE_PDF_POINTS, FIGURE_PDF_POINTS);
}

static void make_pixels(struct canvas *c, const struct figure_canvas_options *o)
{
	c->scale = o->scale;
	c->surface =
		cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)lround(o->width * o->scale),
					   (int)lround(o->height * o->scale));
	c->cr = cairo_create(c->surface);
	cairo_scale(c->cr, o->scale, o->scale);
}

struct figure_canvas *figure_canvas_new(const struct figure_canvas_options *o, struct err *err)
{
	struct canvas *c;

	if (o->format == FIGURE_SVG)
		return figure_svg_new(o, err);
	c = calloc(1, sizeof(*c));
	if (!c) {
		err_memory(err, "a figure");
		return NULL;
	}
	c->base = (struct figure_canvas){ &ops, *o->theme };
	c->is_pdf = o->format == FIGURE_PDF;
	c->font = o->font;
	if (c->is_pdf)
		make_pdf(c, o);
	else
		make_pixels(c, o);
	if (check(c, err)) {
		free_canvas(&c->base);
		return NULL;
	}
	return &c->base;
}
