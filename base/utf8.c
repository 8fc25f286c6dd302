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
