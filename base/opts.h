/*
 * opts.h - a command's options and its --help, from one table
 *
 * Options may come before or after operands; "--" ends them; "-j4", "-j 4", "--jobs=4" and
 * "--jobs 4" are the same.  --help and -h are known to every command.
 */
#ifndef GILSCOPE_OPTS_H
#define GILSCOPE_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum opt_type {
	OPT_FLAG,		/* bool *: set to true */
	OPT_STR,		/* const char **: borrowed from argv; the last one wins */
	OPT_PATH,		/* likewise, and not empty */
	OPT_LIST,		/* struct opt_list *: every value, in order */
	OPT_UINT,		/* uint64_t *: decimal, with k, M, G or Ki, Mi, Gi behind it */
};

struct opt_list {
	const char **item;	/* owned by the list: opt_list_release() */
	unsigned n;
};

struct opt {
	char letter;		/* 0: none */
	const char *name;	/* long name without dashes; NULL ends the table */
	const char *arg;	/* the value's name in the help; NULL for a flag */
	const char *help;	/* one line */
	enum opt_type type;
	void *into;
};

struct opts {
	const char *usage;	/* "gilscope info [--json] T.gtl" */
	const char *summary;	/* one or a few lines: what it does */
	const struct opt *table;
	const char *example;	/* one or a few lines, shown last */
	/* the first operand ends the options (record ... -- python3 -c x) */
	bool stop_at_operand;
};

/*
 * Parses argv[1..argc-1].  Operands are moved to argv[1..*n_operands], in order.  Returns 0; or 1
 * when --help was printed to stdout; or -1 when a sentence about wrong usage was printed to stderr
 * (exit code 2).
 */
int opts_parse(const struct opts *o, int argc, char **argv, int *n_operands);
void opts_help(const struct opts *o);
/* Prints "usage: ..." with a reason to stderr and returns 2, the exit code. */
int opts_usage(const struct opts *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void opt_list_release(struct opt_list *l);

/* The exit code of a command that ends with *err: 2 for what cannot be asked for, 1 else. */
static inline int opts_exit_code(const struct err *err)
{
	return err->code == ERR_USAGE ? 2 : 1;
}

#endif
