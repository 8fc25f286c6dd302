/* utf8.h - text from outside: what is valid UTF-8, and what may be shown as it is */
#ifndef GILSCOPE_UTF8_H
#define GILSCOPE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * Decodes one character of [s, s+n), n > 0; *cp is U+FFFD for a byte that starts no valid character
 * (overlong forms and surrogates are none).  Returns the bytes used, at least 1.
 */
size_t utf8_decode(const char *s, size_t n, uint32_t *cp);
/*
 * Control characters, and the bidi and invisible ones that change how the text around them is read.
 */
bool utf8_is_hidden(uint32_t cp);
/*
 * Appends s to b for a terminal: hidden characters and invalid bytes as \xHH or \u{HEX}, backslash
 * as \\.
 */
void utf8_show(struct buf *b, const char *s, size_t n);
/*
 * Columns of a terminal that a character takes, 0 to 2: the usual ranges, not Unicode's whole
 * tables.
 */
unsigned utf8_char_columns(uint32_t cp);
/* Columns that [s, s+n) takes as it is. */
size_t utf8_columns(const char *s, size_t n);
/*
 * Appends what utf8_show() would; but if that takes more columns than `most`, as much of it as fits
 * before an ellipsis (of most = 0, nothing).  Returns the columns of what was appended.
 */
size_t utf8_show_cut(struct buf *b, const char *s, size_t n, size_t most);

#endif
