/* figure_text.c - see figure_text.h */
#include "figure_text.h"

#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define ELLIPSIS "\342\200\246"

/*
 * What the sanitizers say of libraries that were not built with them: fontconfig loses 288 bytes
 * while it reads its configuration, and locks of Pango's thread that starts it are not seen.
 */
#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libfontconfig.so\n";
}

const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}
#endif
#ifdef __SANITIZE_THREAD__
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:libfontconfig.so\ncalled_from_lib:libglib-2.0.so\n"
	       "called_from_lib:libpangoft2-1.0.so\ncalled_from_lib:libpangocairo-1.0.so\n";
}
#endif

/*
 * A backslash stays one: utf8_show() doubles it, for terminals, where the text is to be read back.
 */
static void show_but_backslash(struct buf *b, const char *s, size_t n)
{
	while (n) {
		const char *slash = memchr(s, '\\', n);
		size_t len = slash ? (size_t)(slash - s) : n;

		utf8_show(b, s, len);
		if (!slash)
			return;
		buf_str(b, "\\");
		n -= len + 1;
		s += len + 1;
	}
}

/* Code points that are no characters, which XML and cairo refuse, become U+FFFD. */
static void replace_noncharacters(struct buf *b)
{
	struct buf out = BUF_INIT;
	bool any = false;
	uint32_t cp;

	for (size_t i = 0, used; i < b->len; i += used) {
		used = utf8_decode((const char *)b->data + i, b->len - i, &cp);
		if ((cp & 0xfffe) == 0xfffe || (cp >= 0xfdd0 && cp <= 0xfdef)) {
			buf_str(&out, "\357\277\275");
			any = true;
		} else {
			buf_add(&out, b->data + i, used);
		}
	}
	out.failed |= b->failed;
	if (any || out.failed) {
		buf_release(b);
		*b = out;
	} else {
		buf_release(&out);
	}
}

char *figure_shown(const char *s)
{
	struct buf b = BUF_INIT;
	size_t len = strnlen(s, FIGURE_TEXT_BYTES + 1), n = 0;

	if (len <= FIGURE_TEXT_BYTES) {
		show_but_backslash(&b, s, len);
	} else {
		for (uint32_t cp; n < FIGURE_TEXT_BYTES - 3;)
			n += utf8_decode(s + n, len - n, &cp);
		show_but_backslash(&b, s, n);
		buf_str(&b, ELLIPSIS);
	}
	replace_noncharacters(&b);
	buf_add(&b, "", 1);
	if (buf_failed(&b)) {
		buf_release(&b);
		return NULL;
	}
	return (char *)b.data;
}

struct figure_font {
	char *family;		/* owned */
	PangoFontMap *map;	/* not Pango's own one, which nobody ever frees */
	PangoContext *context;
	PangoLayout *layout;
	PangoFontDescription *desc;
};

const char *figure_font_family(const struct figure_font *f)
{
	return f->family;
}

struct figure_font *figure_font_new(const char *family)
{
	struct figure_font *f = calloc(1, sizeof(*f));
	cairo_font_options_t *o = cairo_font_options_create();

	if (!f || !(f->family = strdup(family))) {
		cairo_font_options_destroy(o);
		free(f);
		return NULL;
	}
	f->map = pango_cairo_font_map_new();
	f->context = pango_font_map_create_context(f->map);
	cairo_font_options_set_hint_metrics(o, CAIRO_HINT_METRICS_OFF);
	cairo_font_options_set_hint_style(o, CAIRO_HINT_STYLE_NONE);
	cairo_font_options_set_antialias(o, CAIRO_ANTIALIAS_GRAY);
	pango_cairo_context_set_font_options(f->context, o);
	pango_context_set_round_glyph_positions(f->context, FALSE);
	cairo_font_options_destroy(o);
	f->desc = pango_font_description_new();
	pango_font_description_set_family(f->desc, family);
	f->layout = pango_layout_new(f->context);
	pango_layout_set_single_paragraph_mode(f->layout, TRUE);
	return f;
}

void figure_font_free(struct figure_font *f)
{
	if (!f)
		return;
	g_object_unref(f->layout);
	g_object_unref(f->context);
	g_object_unref(f->map);
	pango_font_description_free(f->desc);
	free(f->family);
	free(f);
}

/* Not yet limited to any width. */
PangoLayout *figure_font_layout(struct figure_font *f, const char *s, double size, bool bold)
{
	pango_font_description_set_absolute_size(f->desc, size * PANGO_SCALE);
	pango_font_description_set_weight(f->desc, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
	pango_layout_set_font_description(f->layout, f->desc);
	pango_layout_set_width(f->layout, -1);
	pango_layout_set_text(f->layout, s, -1);
	return f->layout;
}

double figure_text_width(struct figure_font *f, const char *s, double size, bool bold)
{
	int width;

	pango_layout_get_size(figure_font_layout(f, s, size, bold), &width, NULL);
	return (double)width / PANGO_SCALE;
}

/* s's first n bytes without blanks at their end, and an ellipsis. */
static char *cut_at(const char *s, size_t n)
{
	char *out = malloc(n + sizeof(ELLIPSIS));

	while (n && s[n - 1] == ' ')
		n--;
	if (out) {
		memcpy(out, s, n);
		memcpy(out + n, ELLIPSIS, sizeof(ELLIPSIS));
	}
	return out;
}

char *figure_text_fit(struct figure_font *f, const char *s, double size, bool bold, double width)
{
	size_t *place, n_places = 0, lo = 0, hi;
	PangoLogAttr *attrs;
	int n_attrs;
	const char *p = s;
	char *out = NULL;

	if (figure_text_width(f, s, size, bold) <= width)
		return strdup(s);
	/* where a cursor may stand: never inside of what is read as one character */
	pango_layout_get_log_attrs(f->layout, &attrs, &n_attrs);
	place = malloc(((size_t)n_attrs + 1) * sizeof(*place));
	for (int i = 0; place && i < n_attrs; i++) {
		if (attrs[i].is_cursor_position)
			place[n_places++] = (size_t)(p - s);
		if (*p)
			p = g_utf8_next_char(p);
	}
	g_free(attrs);
	for (hi = n_places; place && lo + 1 < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		char *try = cut_at(s, place[mid]);

		if (!try) {
			free(place);
			return NULL;
		}
		if (figure_text_width(f, try, size, bold) <= width)
			lo = mid;
		else
			hi = mid;
		free(try);
	}
	if (place)
		out = cut_at(s, n_places ? place[lo] : 0);
	free(place);
	return out;
}

unsigned figure_text_break(struct figure_font *f, const char *s, double size, bool bold,
			   double width, unsigned max, char **line, bool *cut)
{
	PangoLayout *l = figure_font_layout(f, s, size, bold);
	size_t start[8], len[8];
	unsigned n, n_lines;

	pango_layout_set_width(l, (int)(width * PANGO_SCALE));
	pango_layout_set_wrap(l, PANGO_WRAP_WORD_CHAR);
	n_lines = (unsigned)pango_layout_get_line_count(l);
	n = n_lines < max ? n_lines : max;
	n = n < 8 ? n : 8;
	for (unsigned i = 0; i < n; i++) {
		PangoLayoutLine *pl = pango_layout_get_line_readonly(l, (int)i);

		start[i] = (size_t)pl->start_index;
		len[i] = (size_t)pl->length;
	}
	*cut = n_lines > n;
	for (unsigned i = 0; i < n; i++) {
		/* what is left, cut where there is more than a line of it */
		if (i + 1 == n)
			line[i] = figure_text_fit(f, s + start[i], size, bold, width);
		else
			line[i] = strndup(s + start[i], len[i]);
		for (size_t k = line[i] ? strlen(line[i]) : 0; k && line[i][k - 1] == ' '; k--)
			line[i][k - 1] = 0;
		if (line[i])
			continue;
		while (i)
			free(line[--i]);
		return 0;
	}
	return n;
}
