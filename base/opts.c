/* opts.c - see opts.h */
#include "opts.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt *find_long(const struct opt *table, const char *name, size_t len)
{
	for (const struct opt *o = table; o->name; o++)
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
	return NULL;
}

static const struct opt *find_letter(const struct opt *table, char c)
{
	for (const struct opt *o = table; o->name; o++)
		if (o->letter && o->letter == c)
			return o;
	return NULL;
}

static int parse_uint(const char *s, uint64_t *v)
{
	static const struct { const char *suffix; uint64_t factor; } units[] = {
		{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
		{ "Ki", 1 << 10 }, { "Mi", 1 << 20 }, { "Gi", 1 << 30 },
	};
	char *end;

	if (!isdigit((unsigned char)*s))
		return -1;
	errno = 0;
	*v = strtoull(s, &end, 10);
	if (errno)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(end, units[i].suffix))
			return __builtin_mul_overflow(*v, units[i].factor, v) ? -1 : 0;
	return -1;
}

static int set_value(const struct opts *o, const struct opt *opt, const char *value)
{
	struct opt_list *list;
	const char **item;

	switch (opt->type) {
	case OPT_FLAG:
		*(bool *)opt->into = true;
		return 0;
	case OPT_PATH:
		if (!*value) {
			opts_usage(o, "--%s wants a name, not an empty one", opt->name);
			return -1;
		}
		/* fall through */
	case OPT_STR:
		*(const char **)opt->into = value;
		return 0;
	case OPT_UINT:
		if (parse_uint(value, opt->into)) {
			opts_usage(o, "--%s wants a whole number, not '%s'", opt->name, value);
			return -1;
		}
		return 0;
	case OPT_LIST:
		list = opt->into;
		item = realloc(list->item, (list->n + 1) * sizeof(*item));
		if (!item) {
			opts_usage(o, "out of memory");
			return -1;
		}
		list->item = item;
		list->item[list->n++] = value;
		return 0;
	}
	return -1;
}

static int parse_long(const struct opts *o, int argc, char **argv, int *i)
{
	const char *arg = argv[*i] + 2, *eq = strchr(arg, '=');
	const struct opt *opt = find_long(o->table, arg, eq ? (size_t)(eq - arg) : strlen(arg));

	if (!opt) {
		opts_usage(o, "no option '%s'", argv[*i]);
		return -1;
	}
	if (opt->type == OPT_FLAG) {
		if (eq) {
			opts_usage(o, "--%s takes no value", opt->name);
			return -1;
		}
		return set_value(o, opt, NULL);
	}
	if (eq)
		return set_value(o, opt, eq + 1);
	if (*i + 1 >= argc) {
		opts_usage(o, "--%s wants a value: %s", opt->name, opt->arg);
		return -1;
	}
	return set_value(o, opt, argv[++*i]);
}

static int parse_letters(const struct opts *o, int argc, char **argv, int *i)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct opt *opt = find_letter(o->table, *p);

		if (!opt) {
			opts_usage(o, "no option '-%c'", *p);
			return -1;
		}
		if (opt->type == OPT_FLAG) {
			set_value(o, opt, NULL);
			continue;
		}
		if (p[1])
			return set_value(o, opt, p + 1);
		if (*i + 1 >= argc) {
			opts_usage(o, "-%c wants a value: %s", *p, opt->arg);
			return -1;
		}
		return set_value(o, opt, argv[++*i]);
	}
	return 0;
}

int opts_parse(const struct opts *o, int argc, char **argv, int *n_operands)
{
	bool ended = false;

	*n_operands = 0;
	for (int i = 1; i < argc; i++) {
		char *arg = argv[i];

		if (!ended && !strcmp(arg, "--")) {
			ended = true;
			continue;
		}
		if (!ended && (!strcmp(arg, "--help") || !strcmp(arg, "-h"))) {
			opts_help(o);
			return 1;
		}
		if (ended || arg[0] != '-' || !arg[1]) {
			argv[++*n_operands] = arg;
			ended |= o->stop_at_operand;
		} else if (arg[1] == '-' ? parse_long(o, argc, argv, &i)
					 : parse_letters(o, argc, argv, &i)) {
			return -1;
		}
	}
	return 0;
}

void opts_help(const struct opts *o)
{
	printf("usage: %s\n\n%s\n\n", o->usage, o->summary);
	for (const struct opt *p = o->table; p->name; p++) {
		char left[64], letter[8] = "";

		if (p->letter)
			snprintf(letter, sizeof(letter), "-%c, ", p->letter);
		snprintf(left, sizeof(left), "%4s--%s%s%s", letter, p->name, p->arg ? " " : "",
			 p->arg ? p->arg : "");
		printf("  %-26s %s\n", left, p->help);
	}
	printf("  %-26s %s\n", "-h, --help", "this text");
	if (o->example)
		printf("\n%s\n", o->example);
}

int opts_usage(const struct opts *o, const char *fmt, ...)
{
	va_list ap;

	fputs("gilscope: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nusage: %s\n", o->usage);
	return 2;
}

void opt_list_release(struct opt_list *l)
{
	free(l->item);
	*l = (struct opt_list){ 0 };
}
