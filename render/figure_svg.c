/*
 * figure_svg.c - a figure as SVG 1.1
 *
 * Written here and not by cairo, whose texts would become outlines of glyphs: here they can be
 * searched, selected and edited.  A lane's rectangles of one ink are one path, in its own
 * coordinates: columns and rows.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure_canvas.h"
#include "figure_text.h"
#include "utf8.h"

struct svg {
	struct figure_canvas base;
	struct buf b;
};

/*
 * At most so many digits behind the point, none of them a trailing zero.  printf would ask the
 * locale.
 */
static void put_decimal(struct buf *b, double v, unsigned scale, unsigned digits)
{
	int64_t n = llround(v * scale);
	uint64_t u = (uint64_t)(n < 0 ? -n : n), part = u % scale;

	while (digits && part % 10 == 0) {
		part /= 10;
		digits--;
	}
	if (n < 0)
		buf_str(b, "-");
	if (u / scale || !digits)
		buf_printf(b, "%" PRIu64, u / scale);
	if (digits)
		buf_printf(b, ".%0*" PRIu64, (int)digits, part);
}

static void put(struct buf *b, double v)
{
	put_decimal(b, v, 100, 2);
}

static void put_attr(struct buf *b, const char *name, double v)
{
	buf_printf(b, " %s=\"", name);
	put(b, v);
	buf_str(b, "\"");
}

static void put_colour(struct buf *b, const char *name, struct colour c)
{
	buf_printf(b, " %s=\"#%02x%02x%02x\"", name, c.r, c.g, c.b);
}

/*
 * XML 1.0 has no place for control characters, or for U+FFFE and U+FFFF; what is no UTF-8 comes out
 * as U+FFFD.
 */
static void put_escaped(struct buf *b, const char *s)
{
	size_t n = strlen(s);

	while (n) {
		uint32_t cp;
		size_t used = utf8_decode(s, n, &cp);

		if (cp == '<' || cp == '>' || cp == '&' || cp == '"' || cp == '\'')
			buf_printf(b, "&#%u;", (unsigned)cp);
		else if ((cp == 0xfffd && used == 1) || cp < 0x20 || cp == 0xfffe || cp == 0xffff)
			buf_str(b, "\357\277\275");
		else
			buf_add(b, s, used);
		s += used;
		n -= used;
	}
}

static void svg_rect(struct figure_canvas *base, double x, double y, double w, double h,
		     struct colour colour)
{
	struct buf *b = &((struct svg *)base)->b;

	buf_str(b, "<rect");
	put_attr(b, "x", x);
	put_attr(b, "y", y);
	put_attr(b, "width", w);
	put_attr(b, "height", h);
	put_colour(b, "fill", colour);
	buf_str(b, "/>\n");
}

static void put_points(struct buf *b, const struct figure_point *p, unsigned n)
{
	buf_str(b, " points=\"");
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_str(b, " ");
		put(b, p[i].x);
		buf_str(b, ",");
		put(b, p[i].y);
	}
	buf_str(b, "\"");
}

static void svg_line(struct figure_canvas *base, const struct figure_point *p, unsigned n,
		     double width, struct colour colour)
{
	struct buf *b = &((struct svg *)base)->b;

	buf_str(b, "<polyline fill=\"none\"");
	put_colour(b, "stroke", colour);
	put_attr(b, "stroke-width", width);
	put_points(b, p, n);
	buf_str(b, "/>\n");
}

static void svg_polygon(struct figure_canvas *base, const struct figure_point *p, unsigned n,
			struct colour colour)
{
	struct buf *b = &((struct svg *)base)->b;

	buf_str(b, "<polygon");
	put_colour(b, "fill", colour);
	put_points(b, p, n);
	buf_str(b, "/>\n");
}

static void svg_disc(struct figure_canvas *base, double x, double y, double r, struct colour colour)
{
	struct buf *b = &((struct svg *)base)->b;

	buf_str(b, "<circle");
	put_attr(b, "cx", x);
	put_attr(b, "cy", y);
	put_attr(b, "r", r);
	put_colour(b, "fill", colour);
	buf_str(b, "/>\n");
}

static void svg_words(struct figure_canvas *base, const struct figure_words *w)
{
	static const char *const anchor[] = { "", " text-anchor=\"middle\"",
					      " text-anchor=\"end\"" };
	struct buf *b = &((struct svg *)base)->b;

	buf_str(b, "<text");
	put_attr(b, "x", w->x);
	put_attr(b, "y", w->y);
	put_attr(b, "font-size", w->size);
	put_colour(b, "fill", w->colour);
	buf_printf(b, "%s%s>", anchor[w->anchor], w->bold ? " font-weight=\"bold\"" : "");
	put_escaped(b, w->s);
	buf_str(b, "</text>\n");
}

struct path { struct buf *b; double x; unsigned y; bool any; };

static void put_shape(void *ctx, double x0, double x1, unsigned y0, unsigned y1)
{
	struct path *p = ctx;

	/*
	 * After z the pen is where the rectangle began.  What is written is rounded, and the pen's
	 * place is that.
	 */
	x0 = round(x0 * 100) / 100;
	x1 = round(x1 * 100) / 100;
	buf_str(p->b, p->any ? "m" : "M");
	put(p->b, x0 - p->x);
	buf_printf(p->b, " %d", (int)y0 - (int)p->y);
	buf_str(p->b, "h");
	put(p->b, x1 - x0);
	buf_printf(p->b, "v%uh", y1 - y0);
	put(p->b, x0 - x1);
	buf_str(p->b, "z");
	p->x = x0;
	p->y = y0;
	p->any = true;
}

static void svg_lane(struct figure_canvas *base, const struct figure_lane *l)
{
	struct svg *s = (struct svg *)base;

	buf_str(&s->b, "<g shape-rendering=\"crispEdges\" transform=\"translate(");
	put(&s->b, l->x);
	buf_str(&s->b, " ");
	put(&s->b, l->y);
	buf_str(&s->b, ") scale(");
	put_decimal(&s->b, l->column, 100000000, 8);
	buf_str(&s->b, " ");
	put_decimal(&s->b, l->row, 100000000, 8);
	buf_str(&s->b, ")\">\n");
	for (unsigned i = 0; i < N_INKS - 1; i++) {
		enum ink ink = figure_shape_order[i];
		struct path p = { .b = &s->b };

		if (!figure_shapes(l, ink, NULL, NULL))
			continue;
		buf_str(&s->b, "<path");
		put_colour(&s->b, "fill", base->theme.ink[ink]);
		buf_str(&s->b, " d=\"");
		figure_shapes(l, ink, put_shape, &p);
		buf_str(&s->b, "\"/>\n");
	}
	buf_str(&s->b, "</g>\n");
}

static int svg_finish(struct figure_canvas *base, struct buf *out, struct err *err)
{
	struct svg *s = (struct svg *)base;

	buf_str(&s->b, "</svg>\n");
	buf_add(out, s->b.data, s->b.len);
	return buf_failed(&s->b) || buf_failed(out) ? err_memory(err, "an SVG") : 0;
}

static void svg_free(struct figure_canvas *base)
{
	struct svg *s = (struct svg *)base;

	buf_release(&s->b);
	free(s);
}

static const struct figure_canvas_ops svg_ops = {
	.rect = svg_rect, .line = svg_line, .polygon = svg_polygon, .disc = svg_disc,
	.words = svg_words, .lane = svg_lane, .finish = svg_finish, .free = svg_free,
};

/* A family as CSS has it: quoted, for it is any text. */
static void put_family(struct buf *b, const char *family)
{
	struct buf quoted = BUF_INIT;

	for (; *family; family++)
		if (*family != '\'' && *family != '\\')
			buf_add(&quoted, family, 1);
	buf_add(&quoted, "", 1);
	buf_str(b, " font-family=\"'");
	put_escaped(b, buf_failed(&quoted) ? "" : (const char *)quoted.data);
	buf_str(b, "', 'DejaVu Sans', Verdana, sans-serif\"");
	buf_release(&quoted);
}

struct figure_canvas *figure_svg_new(const struct figure_canvas_options *o, struct err *err)
{
	struct svg *s = calloc(1, sizeof(*s));

	if (!s) {
		err_memory(err, "an SVG");
		return NULL;
	}
	s->base = (struct figure_canvas){ &svg_ops, *o->theme };
	buf_str(&s->b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		       "<svg xmlns=\"http://www.w3.org/2000/svg\"");
	put_attr(&s->b, "width", o->width);
	put_attr(&s->b, "height", o->height);
	buf_str(&s->b, " viewBox=\"0 0 ");
	put(&s->b, o->width);
	buf_str(&s->b, " ");
	put(&s->b, o->height);
	buf_str(&s->b, "\"");
	put_family(&s->b, figure_font_family(o->font));
	buf_str(&s->b, " xml:space=\"preserve\">\n<title>");
	put_escaped(&s->b, o->title);
	buf_str(&s->b, "</title>\n");
	return &s->base;
}
