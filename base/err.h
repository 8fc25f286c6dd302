/*
 * err.h - one failure, as a code for programs and a sentence for people
 *
 * A function that can fail takes a struct err * last and returns -1 (or NULL) with it filled.
 * err_set() is written where the fact is known, with the numbers: what was found, where, what was
 * expected.  Callers add what they know (a path) with err_prefix().  Only cmd_*.c prints.
 *
 * The four functions below take NULL for an err.  Others do only where they say so: some look at
 * err->code to tell an end from a failure, or copy an err that was filled on another thread.
 */
#ifndef GILSCOPE_ERR_H
#define GILSCOPE_ERR_H

#include <stdint.h>

enum err_code {
	ERR_NONE,
	ERR_SYSTEM,		/* a system call failed: the sentence holds strerror() */
	ERR_MEMORY,		/* an allocation failed */
	ERR_FORMAT,		/* the input's bytes are not what its format says */
	ERR_USAGE,		/* the caller (a command line) asked for what cannot be */
	ERR_EXISTS,		/* the output is there already */
	ERR_VERSION,		/* the input is of a newer version than this program reads */
};

struct err {
	enum err_code code;
	/* UTF-8, no newline at the end; cut at the array's end when longer */
	char msg[512];
};

/* Fills *err and returns -1, so that a failing path is one statement. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set() with ERR_SYSTEM; ": " and strerror(errno) are appended. */
int err_system(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fills *err with "out of memory (what)"; returns -1. */
int err_memory(struct err *err, const char *what);

/* Puts "prefix: " before the message that is there, once; returns -1. */
int err_prefix(struct err *err, const char *prefix);

/* What makes a count's noun right in a message: "1 event", "2 events". */
static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

#endif
