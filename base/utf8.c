/* utf8.c - see utf8.h */
#include "utf8.h"

size_t utf8_decode(const char *str, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *s = (const uint8_t *)str;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4 : 0;
	uint32_t c;

	*cp = 0xfffd;
	if (len == 1)
		*cp = s[0];
	if (len <= 1 || len > n)
		return 1;
	c = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*cp = c;
	return len;
}

bool utf8_is_hidden(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

void utf8_show(struct buf *b, const char *s, size_t n)
{
	while (n) {
		uint32_t cp;
		size_t used = utf8_decode(s, n, &cp);

		if (cp == 0xfffd && used == 1)
			buf_printf(b, "\\x%02x", (uint8_t)*s);
		else if (cp == '\\')
			buf_str(b, "\\\\");
		else if (utf8_is_hidden(cp))
			buf_printf(b, cp < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)cp);
		else
			buf_add(b, s, used);
		s += used;
		n -= used;
	}
}

unsigned utf8_char_columns(uint32_t c)
{
	/* Combining marks, and variation selectors. */
	if ((c >= 0x300 && c <= 0x36f) || (c >= 0x20d0 && c <= 0x20ff) ||
	    (c >= 0xfe00 && c <= 0xfe0f))
		return 0;
	return 1 + ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
		    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
		    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
		    (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
		    (c >= 0x20000 && c <= 0x3fffd));
}

size_t utf8_columns(const char *s, size_t n)
{
	size_t columns = 0;
	uint32_t cp;

	for (size_t i = 0; i < n; columns += utf8_char_columns(cp))
		i += utf8_decode(s + i, n - i, &cp);
	return columns;
}

size_t utf8_show_cut(struct buf *b, const char *s, size_t n, size_t most)
{
	struct buf shown = BUF_INIT;
	size_t columns = 0, i = 0;
	size_t fits = 0, fits_columns = 0;	/* before an ellipsis */

	utf8_show(&shown, s, n);
	b->failed |= buf_failed(&shown);
	while (i < shown.len) {
		uint32_t cp;

		i += utf8_decode((const char *)shown.data + i, shown.len - i, &cp);
		columns += utf8_char_columns(cp);
		if (columns < most) {
			fits = i;
			fits_columns = columns;
		}
	}
	if (columns <= most) {
		buf_add(b, shown.data, shown.len);
	} else {
		buf_add(b, shown.data, fits);
		if (most)
			buf_str(b, "\u2026");
		columns = fits_columns + (most > 0);
	}
	buf_release(&shown);
	return columns;
}
