/* palette.c - see palette.h */
#include "palette.h"

#define RGB(hex) { (hex) >> 16 & 0xff, (hex) >> 8 & 0xff, (hex) & 0xff, 0xff }

const struct colour palette[N_THEMES][N_INKS] = {
	[THEME_LIGHT] = {
		[INK_IDLE] = { 0xff, 0xff, 0xff, 0 },
		[INK_RUN] = RGB(0x006b4f),
		[INK_ACQUIRE] = RGB(0x15a771),
		[INK_STALL] = RGB(0x93387c),
		[INK_SIGNAL] = RGB(0x0b84c6),
		[INK_WAIT] = RGB(0x8494b4),
		[INK_BUSY] = RGB(0xc08a00),
		[INK_RETRY] = RGB(0xa5001a),
		[INK_LOST] = RGB(0x24292f),
	},
	[THEME_DARK] = {
		[INK_IDLE] = { 0x12, 0x15, 0x1a, 0 },
		[INK_RUN] = RGB(0x00936b),
		[INK_ACQUIRE] = RGB(0x5df2ba),
		[INK_STALL] = RGB(0xd683b8),
		[INK_SIGNAL] = RGB(0x56b4e9),
		[INK_WAIT] = RGB(0x5b6a86),
		[INK_BUSY] = RGB(0xf0e442),
		[INK_RETRY] = RGB(0xff6a3d),
		[INK_LOST] = RGB(0xffffff),
	},
};

const struct colour palette_page[N_THEMES] = {
	[THEME_LIGHT] = RGB(0xffffff),
	[THEME_DARK] = RGB(0x12151a),
};

const char *const ink_names[N_INKS] = {
	"idle", "run", "acquire", "stall", "signal", "wait", "busy", "retry", "lost",
};

const char *const theme_names[N_THEMES] = { "light", "dark" };
