/* figure_theme.c - see figure_theme.h */
#include "figure_theme.h"

#include <string.h>

#define RGB(hex) { (hex) >> 16 & 0xff, (hex) >> 8 & 0xff, (hex) & 0xff, 0xff }

const char *const figure_look_names[N_LOOKS] = { "light", "dark", "print" };

/* CIE lightness from 0 to 88 in steps of ten and more; what often lies side by side is 18 apart. */
static const struct colour print_inks[N_INKS] = {
	[INK_IDLE] = RGB(0xffffff),
	[INK_RUN] = RGB(0x003d2d),
	[INK_ACQUIRE] = RGB(0x54cf9f),
	[INK_STALL] = RGB(0xc088b3),
	[INK_SIGNAL] = RGB(0x1d66a2),
	[INK_WAIT] = RGB(0xd8dde8),
	[INK_BUSY] = RGB(0xa0760f),
	[INK_RETRY] = RGB(0x42000b),
	[INK_LOST] = RGB(0x000000),
};

static const struct figure_theme around[N_LOOKS] = {
	[LOOK_LIGHT] = {
		.page = RGB(0xffffff), .text = RGB(0x1d232b), .dim = RGB(0x5a6472),
		.rule = RGB(0xc3cad4), .arrow = RGB(0x1d232b), .note = RGB(0xb3261e),
	},
	[LOOK_DARK] = {
		.page = RGB(0x12151a), .text = RGB(0xe9edf3), .dim = RGB(0x9fabba),
		.rule = RGB(0x3c4552), .arrow = RGB(0xffffff), .note = RGB(0xffb4a2),
	},
	[LOOK_PRINT] = {
		.page = RGB(0xffffff), .text = RGB(0x000000), .dim = RGB(0x404040),
		.rule = RGB(0xa0a0a0), .arrow = RGB(0x000000), .note = RGB(0x000000),
	},
};

void figure_theme_init(struct figure_theme *t, enum figure_look look)
{
	*t = around[look];
	if (look == LOOK_PRINT) {
		memcpy(t->ink, print_inks, sizeof(t->ink));
		return;
	}
	memcpy(t->ink, palette[look == LOOK_DARK ? THEME_DARK : THEME_LIGHT], sizeof(t->ink));
	t->ink[INK_IDLE] = t->page;
}
