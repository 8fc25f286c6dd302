/*
 * figure_theme.h - the colours of a figure: those of the tiles, and what stands around the lanes
 *
 * Light and dark are the palettes of the tiles.  Print is for paper that may come out of a grey
 * printer: its inks keep their hues, but each has a lightness of its own, in steps that are seen
 * without any colour (tests/render/figure_themes.c).
 */
#ifndef GILSCOPE_FIGURE_THEME_H
#define GILSCOPE_FIGURE_THEME_H

#include "palette.h"

enum figure_look { LOOK_LIGHT, LOOK_DARK, LOOK_PRINT, N_LOOKS };

struct figure_theme {
	struct colour ink[N_INKS];	/* INK_IDLE is the page */
	struct colour page, text, dim, rule, arrow, note;
};

extern const char *const figure_look_names[N_LOOKS];

void figure_theme_init(struct figure_theme *t, enum figure_look look);

#endif
