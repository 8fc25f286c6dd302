/*
 * palette.h - the colours of the inks, light and dark
 *
 * After Okabe and Ito: told apart with every kind of colour vision, and each state by its place in
 * the stack too.  tests/render/palette.c holds the contrasts that are promised.
 */
#ifndef GILSCOPE_PALETTE_H
#define GILSCOPE_PALETTE_H

#include <stdint.h>

#include "column.h"

enum theme { THEME_LIGHT, THEME_DARK, N_THEMES };

struct colour { uint8_t r, g, b, a; };

extern const struct colour palette[N_THEMES][N_INKS];
extern const struct colour palette_page[N_THEMES];	/* what lies behind a tile */
extern const char *const ink_names[N_INKS]; /* "idle", "run"...: paletteOrder of the manifest */
extern const char *const theme_names[N_THEMES];

#endif
