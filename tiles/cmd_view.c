/*
 * cmd_view.c - gilscope view: a log or a timeline in the browser
 *
 * A log is ingested by this program itself, run once more, into a file in a new folder below
 * TMPDIR.  Once it is open its name is removed, and before that by any signal that we can take, so
 * nothing is left however we end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "opts.h"
#include "serve.h"
#include "timeline.h"

int cmd_view(int argc, char **argv);

#define NOT_RUN 127		/* exit code of a child that could not become the program */

struct scratch { char *folder, *file; };	/* owned; NULL: none */

static int scratch_make(struct scratch *s, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	if (asprintf(&s->folder, "%s/gilscope-XXXXXX", tmp && *tmp ? tmp : P_tmpdir) < 0) {
		s->folder = NULL;
		return err_memory(err, "a path");
	}
	if (!mkdtemp(s->folder)) {
		err_system(err, "%s: cannot create a folder", s->folder);
		free(s->folder);
		s->folder = NULL;
		return -1;
	}
	if (asprintf(&s->file, "%s/view.gtl", s->folder) < 0) {
		s->file = NULL;
		return err_memory(err, "a path");
	}
	return 0;
}

static void scratch_remove(struct scratch *s)
{
	char *half;

	if (s->file) {
		unlink(s->file);
		if (asprintf(&half, "%s.tmp", s->file) >= 0) {
			unlink(half);
			free(half);
		}
	}
	if (s->folder)
		rmdir(s->folder);
	free(s->file);
	free(s->folder);
	*s = (struct scratch){ 0 };
}

/* Those that end us: of them a caller may have switched off HUP and QUIT (nohup, a job of sh). */
static void block_signals(sigset_t *set)
{
	static const int may_be_off[] = { SIGHUP, SIGQUIT };
	struct sigaction a;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	for (size_t i = 0; i < sizeof(may_be_off) / sizeof(*may_be_off); i++)
		if (!sigaction(may_be_off[i], NULL, &a) && a.sa_handler != SIG_IGN)
			sigaddset(set, may_be_off[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

/*
 * Runs "gilscope ingest -o file LOG...".  signals are the caller's blocked ones.  Its exit code, 1
 * where a signal ended it; -1 with *err set where it could not be run.
 */
static int run_ingest(const char *file, char **logs, int n, const char *format,
		      const sigset_t *signals, struct err *err)
{
	char **args = calloc((size_t)n + 8, sizeof(*args));
	int k = 0, status, sig;
	sigset_t wait_for = *signals;
	pid_t pid;

	if (!args)
		return err_memory(err, "a command line");
	args[k++] = "gilscope";
	args[k++] = "ingest";
	args[k++] = "-o";
	args[k++] = (char *)(uintptr_t)file;
	if (format) {
		args[k++] = "--format";
		args[k++] = (char *)(uintptr_t)format;
	}
	args[k++] = "--";
	memcpy(args + k, logs, (size_t)n * sizeof(*args));
	sigaddset(&wait_for, SIGCHLD);
	sigprocmask(SIG_BLOCK, &wait_for, NULL);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		/*
		 * Its result names a file that nobody will see; what it has to complain about is on
		 * stderr.
		 */
		dup2(null, STDOUT_FILENO);
		sigprocmask(SIG_UNBLOCK, &wait_for, NULL);
		execv("/proc/self/exe", args);
		_exit(NOT_RUN);
	}
	free(args);
	if (pid < 0)
		return err_system(err, "cannot start gilscope ingest");
	while (waitpid(pid, &status, WNOHANG) == 0)
		if (!sigwait(&wait_for, &sig) && sig != SIGCHLD)
			kill(pid, SIGTERM);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_RUN)
		return err_set(err, ERR_SYSTEM, "cannot run gilscope ingest");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Whether there is a desktop, and a program that opens pages on it. */
static const char *find_opener(void)
{
	static const char *const names[] = { "xdg-open", "open", "wslview" };
	const char *path = getenv("PATH");

	if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY") && !getenv("WSL_DISTRO_NAME"))
		return NULL;
	for (size_t i = 0; path && i < sizeof(names) / sizeof(*names); i++) {
		for (const char *p = path; *p;) {
			size_t n = strcspn(p, ":");
			char *full;
			bool found;

			if (asprintf(&full, "%.*s/%s", (int)n, p, names[i]) < 0)
				return NULL;
			found = !access(full, X_OK);
			free(full);
			if (found)
				return names[i];
			p += n + (p[n] == ':');
		}
	}
	return NULL;
}

/* The opener is a grandchild: nobody waits for the browser. */
static void open_browser(const char *opener, const char *url, const sigset_t *signals)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) {
			int null = open("/dev/null", O_RDWR);

			sigprocmask(SIG_UNBLOCK, signals, NULL);
			setsid();
			dup2(null, STDIN_FILENO);
			dup2(null, STDOUT_FILENO);
			dup2(null, STDERR_FILENO);
			execlp(opener, opener, url, (char *)NULL);
			_exit(NOT_RUN);
		}
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "gilscope view: %s\n", text);
}

static int serve_until_signal(const struct serve_options *o, struct scratch *scratch, bool browser,
			      const sigset_t *signals)
{
	struct err err = { 0 };
	const char *opener;
	struct server *s;
	int sig;

	if (server_open(&s, o, &err)) {
		fprintf(stderr, "gilscope view: %s\n", err.msg);
		return opts_exit_code(&err);
	}
	scratch_remove(scratch);	/* it is open */
	printf("%s\n", server_url(s));
	fflush(stdout);
	opener = browser ? find_opener() : NULL;
	if (opener)
		open_browser(opener, server_url(s), signals);
	fprintf(stderr,
		opener ? "Ctrl-C ends.\n" : "Open this address in a browser; Ctrl-C ends.\n");
	sigwait(signals, &sig);
	server_close(s);
	return 0;
}

int cmd_view(int argc, char **argv)
{
	const char *bind = "127.0.0.1", *title = NULL, *format = NULL;
	bool no_browser = false;
	uint64_t port = 0;
	const struct opt table[] = {
		{ 'p', "port", "N", "the port to listen on (default: any that is free)", OPT_UINT,
		  &port },
		{ 0, "bind", "ADDRESS",
		  "the address to listen on (default 127.0.0.1: this machine only)", OPT_STR,
		  &bind },
		{ 0, "no-browser", NULL, "only print the address", OPT_FLAG, &no_browser },
		{ 0, "format", "NAME", "the logs' format, as of gilscope ingest", OPT_STR,
		  &format },
		{ 0, "title", "TEXT", "the title (default: the trace's)", OPT_STR, &title },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope view [OPTIONS] LOG... | T.gtl...",
		.summary = "Shows logs or timelines in the browser: reads the logs, serves what is "
			   "in them on this\n"
			   "machine and opens the page. Several logs become one timeline.",
		.table = table,
		.example = "gilscope view perf.txt.zst",
	};
	struct serve_options o = { 0 };
	struct scratch scratch = { 0 };
	const char *made[1];
	struct err err = { 0 };
	sigset_t set;
	int n, ret = 0, r = opts_parse(&opts, argc, argv, &n);

	if (r)
		return r < 0 ? 2 : 0;
	if (!n)
		return opts_usage(&opts, "what is to be seen?");
	if (port > 65535)
		return opts_usage(&opts, "a port is at most 65535");
	o = (struct serve_options){
		.paths = (const char *const *)argv + 1, .n_paths = (unsigned)n, .bind = bind,
		.port = (uint16_t)port, .title = title, .say = say,
	};
	signal(SIGPIPE, SIG_IGN);
	block_signals(&set);
	if (!timeline_is(argv[1])) {
		ret = scratch_make(&scratch, &err);
		if (!ret)
			ret = run_ingest(scratch.file, argv + 1, n, format, &set, &err);
		made[0] = scratch.file;
		o.paths = made;
		o.n_paths = 1;
		if (n == 1)		/* what gilscope figure would draw */
			o.names = (const char *const *)argv + 1;
	}
	if (ret < 0) {
		fprintf(stderr, "gilscope view: %s\n", err.msg);
		ret = opts_exit_code(&err);
	} else if (!ret) {
		ret = serve_until_signal(&o, &scratch, !no_browser, &set);
	}
	scratch_remove(&scratch);
	return ret;
}
