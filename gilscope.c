/* gilscope.c - the table of subcommands */
#include <stdio.h>
#include <string.h>

#include "io.h"

struct command {
	const char *name, *summary;
	/* argv[0] is the command's name; returns the exit code */
	int (*run)(int argc, char **argv);
};

#define COMMANDS(X)                                                                                \
	X(record, "run a Python program and record what its GIL does")                             \
	X(ingest, "turn event logs into a timeline")                                               \
	X(info, "what a timeline holds: threads, times, counts")                                   \
	X(dump, "print a log's or a timeline's events or periods as text")                         \
	X(convert, "write a log or a timeline in another format: Chrome, Perfetto, csv")           \
	X(stats, "figures and findings: waits, holds, convoys, battles")                           \
	X(render, "make a site of tiles to zoom into")                                             \
	X(figure, "a figure of a stretch of time as PNG, SVG or PDF")                              \
	X(serve, "serve a site, or a timeline whose tiles are made on demand")                     \
	X(view, "look at a log or a timeline in the browser")

#define DECLARE(name, summary) int cmd_##name(int argc, char **argv);
COMMANDS(DECLARE)

#define ENTRY(name, summary) { #name, summary, cmd_##name },
static const struct command commands[] = { COMMANDS(ENTRY) };

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void usage(FILE *out)
{
	fprintf(out, "usage: gilscope COMMAND [OPTIONS] ...\n\n"
		     "See what Python's Global Interpreter Lock does.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n  gilscope help COMMAND   or   gilscope COMMAND --help\n"
		     "  gilscope --version\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct command *c;

	io_guard_stdio();
	if (!strcmp(name, "--version")) {
		puts("gilscope " GILSCOPE_VERSION);
		return 0;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    (!strcmp(name, "help") && argc == 2)) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(name, "help")) {
		char *args[] = { argv[2], "--help", NULL };

		c = find(argv[2]);
		if (c)
			return c->run(2, args);
		name = argv[2];
	}
	c = find(name);
	if (c)
		return c->run(argc - 1, argv + 1);
	if (*name)
		fprintf(stderr, "gilscope: no command '%s'\n", name);
	usage(stderr);
	return 2;
}
