/* cmd_serve.c - gilscope serve: a site, or timelines, over HTTP */
#include <signal.h>
#include <stdio.h>

#include "opts.h"
#include "serve.h"

int cmd_serve(int argc, char **argv);

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "gilscope serve: %s\n", text);
}

int cmd_serve(int argc, char **argv)
{
	const char *bind = "127.0.0.1", *title = NULL;
	uint64_t port = 8000, n_threads = 0;
	const struct opt table[] = {
		{ 'p', "port", "N", "the port to listen on (default 8000); 0: any that is free",
		  OPT_UINT, &port },
		{ 0, "bind", "ADDRESS",
		  "the address to listen on (default 127.0.0.1: this machine only)", OPT_STR,
		  &bind },
		{ 'j', "jobs", "N", "answer with N threads (default: one per cpu)", OPT_UINT,
		  &n_threads },
		{ 0, "title", "TEXT", "the title over timelines (default: the first one's)",
		  OPT_STR, &title },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope serve [OPTIONS] SITE | T.gtl [U.gtl ...]",
		.summary = "Serves a site over HTTP, or timelines, whose tiles are made when they "
			   "are asked for:\n"
			   "nothing has to be rendered, at any size and to the full depth.",
		.table = table,
		.example = "gilscope serve trace.gtl      and open http://127.0.0.1:8000/",
	};
	struct serve_options o = { 0 };
	struct err err = { 0 };
	struct server *s;
	sigset_t set;
	int n, sig, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (!n)
		return opts_usage(&opts, "what is to be served?");
	if (port > 65535)
		return opts_usage(&opts, "a port is at most 65535");
	if (n_threads > 1024)
		return opts_usage(&opts, "-j is at most 1024");
	o.paths = (const char *const *)argv + 1;
	o.n_paths = (unsigned)n;
	o.bind = bind;
	o.port = (uint16_t)port;
	o.n_threads = (unsigned)n_threads;
	o.title = title;
	o.say = say;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);		/* blocked before the threads begin, which inherit it */
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (server_open(&s, &o, &err)) {
		fprintf(stderr, "gilscope serve: %s\n", err.msg);
		return opts_exit_code(&err);
	}
	printf("%s\n", server_url(s));
	fflush(stdout);
	sigwait(&set, &sig);
	server_close(s);
	return 0;
}
