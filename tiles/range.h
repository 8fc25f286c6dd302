/* range.h - the Range header of HTTP (RFC 9110, 14) */
#ifndef GILSCOPE_RANGE_H
#define GILSCOPE_RANGE_H

#include <stdint.h>

enum range {
	RANGE_ALL,		/* no Range, or one that may be ignored: the answer is 200 */
	RANGE_PART,		/* 206 */
	RANGE_NONE,		/* 416: it lies outside */
};

/*
 * value may be NULL.  Of several ranges none is honoured: that is allowed, and the usual server
 * does it.
 */
enum range range_parse(const char *value, uint64_t size, uint64_t *off, uint64_t *len);

#endif
