/*
 * figure_text.h - words of a figure: made harmless, measured, cut to a width, broken into lines
 *
 * Names in any script: Pango finds the glyphs and knows where a text may be cut.  All lengths are
 * in the figure's units, unhinted, so that they are the same at every scale and in every format.
 */
#ifndef GILSCOPE_FIGURE_TEXT_H
#define GILSCOPE_FIGURE_TEXT_H

#include <stdbool.h>

#include "buf.h"

#define FIGURE_TEXT_BYTES 600	/* of a text from outside; what is longer ends in an ellipsis */

/*
 * A text from outside as it may be shown, in a string that the caller frees, or NULL without
 * memory: hidden characters and bytes that are no UTF-8 are spelled out (base/utf8.h), and it is at
 * most FIGURE_TEXT_BYTES long or so.
 */
char *figure_shown(const char *s);

struct figure_font;		/* opaque: one per thread */
struct _PangoLayout;
/* family is any text; what no font has is found elsewhere.  NULL without memory. */
struct figure_font *figure_font_new(const char *family);
void figure_font_free(struct figure_font *f);		/* NULL is allowed */
const char *figure_font_family(const struct figure_font *f);
/* A layout of s for cairo, lent until the next call that has to do with f. */
struct _PangoLayout *figure_font_layout(struct figure_font *f, const char *s, double size,
					bool bold);

double figure_text_width(struct figure_font *f, const char *s, double size, bool bold);
/*
 * The text itself, or its beginning and an ellipsis, at most so wide.  The caller frees it; NULL
 * without memory.
 */
char *figure_text_fit(struct figure_font *f, const char *s, double size, bool bold, double width);
/*
 * Breaks s into lines of at most so wide, at most max; the last one ends in an ellipsis where there
 * were more.  Returns how many, each to be freed, or 0 without memory.  *cut says whether anything
 * was left out.
 */
unsigned figure_text_break(struct figure_font *f, const char *s, double size, bool bold,
			   double width, unsigned max, char **line, bool *cut);

#endif
