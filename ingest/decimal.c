/* decimal.c - see decimal.h */
#include "decimal.h"

#define MAX_DIGITS 512		/* more would be somebody's joke */

static bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* "e-12"; saturates far outside what any number of MAX_DIGITS digits needs. */
static bool parse_exponent(const char *s, const char *end, int *exponent)
{
	bool minus = false;
	int e = 0;

	if (s < end && (*s == '+' || *s == '-'))
		minus = *s++ == '-';
	if (s == end)
		return false;
	for (; s < end; s++) {
		if (!is_digit(*s))
			return false;
		if (e < 10000)
			e = 10 * e + (*s - '0');
	}
	*exponent = minus ? -e : e;
	return true;
}

bool decimal_parse(const char *s, size_t n, int shift, uint64_t *v)
{
	const char *end = s + n, *p = s, *point = NULL, *digits;
	int n_digits = 0, n_int = 0, exponent = 0, at = 0;
	bool minus = p < end && *p == '-', up = false;
	uint64_t r = 0;

	if (minus)
		p++;
	digits = p;
	for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
		if (*p == '.') {
			point = p;
			continue;
		}
		n_digits++;
		n_int += !point;
	}
	if (!n_digits || n_digits > MAX_DIGITS || (point && (!n_int || p == point + 1)))
		return false;
	end = p;
	if (p < s + n && ((*p != 'e' && *p != 'E') || !parse_exponent(p + 1, s + n, &exponent)))
		return false;

	/* The first n_int + exponent + shift digits are the integer; the next one rounds it. */
	n_int += exponent + shift;
	for (p = digits; p < end; p++) {
		unsigned d = (unsigned)(*p - '0');

		if (p == point)
			continue;
		if (at < n_int) {
			if (r > ((uint64_t)INT64_MAX - d) / 10)
				return false;
			r = 10 * r + d;
		} else if (at == n_int) {
			up = d >= 5;
		}
		at++;
	}
	for (; at < n_int && r; at++) {
		if (r > INT64_MAX / 10)
			return false;
		r *= 10;
	}
	r += up;
	if ((minus && r) || r > INT64_MAX)
		return false;
	*v = r;
	return true;
}
