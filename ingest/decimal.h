/* decimal.h - decimal numbers of text as integers, exactly: no float on the way */
#ifndef GILSCOPE_DECIMAL_H
#define GILSCOPE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number s[0..n) ("1868491600.1599998", "1.5e3") times 10^shift, rounded to the nearest
 * integer, halves up. False where it is no number, negative (but for -0) or 2^63 or more.
 */
bool decimal_parse(const char *s, size_t n, int shift, uint64_t *v);

#endif
