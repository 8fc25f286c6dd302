/* range.c - see range.h */
#include "range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Digits at *s, at least one; saturates.  Moves *s behind them. */
static bool number(const char **s, uint64_t *v)
{
	const char *p = *s;

	for (*v = 0; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(*p - '0'), v))
			*v = UINT64_MAX / 20;
	if (p == *s)
		return false;
	*s = p;
	return true;
}

static void skip_blanks(const char **s)
{
	while (**s == ' ' || **s == '\t')
		++*s;
}

enum range range_parse(const char *s, uint64_t size, uint64_t *off, uint64_t *len)
{
	uint64_t first, last = UINT64_MAX;
	bool has_first;

	*off = 0;
	*len = size;
	if (!s || strncasecmp(s, "bytes=", 6))
		return RANGE_ALL;
	s += 6;
	skip_blanks(&s);
	has_first = number(&s, &first);
	if (*s++ != '-')
		return RANGE_ALL;
	if (*s >= '0' && *s <= '9')
		number(&s, &last);
	else if (!has_first)
		return RANGE_ALL;
	skip_blanks(&s);
	if (*s || (has_first && last < first))
		return RANGE_ALL;
	if (!has_first) {			/* the last so many bytes */
		if (!last || !size)
			return RANGE_NONE;
		*len = last < size ? last : size;
		*off = size - *len;
		return RANGE_PART;
	}
	if (first >= size)
		return RANGE_NONE;
	*off = first;
	*len = last < size ? last - first + 1 : size - first;
	return RANGE_PART;
}
