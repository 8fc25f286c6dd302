/*
 * cmd_record.c - gilscope record: runs a program with the preload library in it, and writes its log
 *
 *   program (and its children) --memory--> this process --blocks--> LOG
 *                              --socket-->   "here I am", with the memory's descriptor
 *
 * This process is the program's parent.  It looks into the memories every few milliseconds; nothing
 * waits for it, and it is alive when the program is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drain.h"
#include "err.h"
#include "files.h"
#include "gillog.h"
#include "left.h"
#include "opts.h"
#include "ring.h"
#include "tsc.h"
#include "why.h"

#define PRELOAD_NAME "libgilscope-record.so"
/* how often memories are looked into; longer, the longer there was nothing */
#define BUSY_MS 10
#define QUIET_MS 50
/* how long processes that the program has left behind may take until they have a GIL */
#define LEFT_MS 1000
#define UNSURE_MS 50
/* below TMPDIR; the whole must fit in a socket's address */
#define SOCKET_DIR "/gilscope-XXXXXX"
#define SOCKET_NAME "/s"
#define SOCKET_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)
#define BUFFER_MIN (1u << 20)
#define BUFFER_MAX (1u << 30)

int cmd_record(int argc, char **argv);

struct process {
	struct drain *drain;
	int pidfd;		/* -1: the kernel has none; then kill(pid, 0) tells */
	int32_t pid;
	bool over;
};

struct recording {
	const char *log, *program;
	bool force, children, no_cpu, frames;
	uint64_t buffer;
	char dir[SOCKET_MAX - sizeof(SOCKET_NAME) + 1];	/* of the socket; removed at the end */
	int socket;
	struct tsc_clock clock;
	struct process *procs;
	unsigned n_procs, n_hellos, n_refused, n_failed;
	int32_t recorded;	/* the pid of the first process that had a GIL; 0: none yet */
	int32_t child;
	bool logs_failed;
};

static __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("gilscope: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

/* --- what the program is started with --------------------------------------------------------- */

/* The library beside the program, or where `make install` puts it. */
static int find_preload(char path[PATH_MAX], struct err *err)
{
	static const char *const places[] = { "%.*s/" PRELOAD_NAME,
					      "%.*s/../lib/gilscope/" PRELOAD_NAME };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n > 0 ? n : 0] = 0;
	slash = strrchr(exe, '/');
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(*places); i++) {
		char found[PATH_MAX];

		if (snprintf(found, sizeof(found), places[i], (int)(slash - exe), exe) < PATH_MAX &&
		    realpath(found, path))
			return 0;
	}
	return err_set(err, ERR_SYSTEM, PRELOAD_NAME " is neither beside %s nor in ../lib/gilscope",
		       exe);
}

/* Below TMPDIR, or elsewhere where that is no place for it. */
static int make_folder(struct recording *r, struct err *err)
{
	const char *places[] = { getenv("TMPDIR"), "/tmp", "/dev/shm" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		/* A relative one would be another one once the program has gone elsewhere. */
		if (!places[i] || *places[i] != '/' ||
		    strlen(places[i]) + sizeof(SOCKET_DIR) > sizeof(r->dir))
			continue;
		snprintf(r->dir, sizeof(r->dir), "%s" SOCKET_DIR, places[i]);
		if (mkdtemp(r->dir))
			return 0;
	}
	r->dir[0] = 0;
	return err_system(err, "a folder for the socket, in TMPDIR, /tmp or /dev/shm");
}

static int make_socket(struct recording *r, struct err *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int on = 1;

	if (make_folder(r, err))
		return -1;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s" SOCKET_NAME, r->dir);
	r->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->socket < 0 || bind(r->socket, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(r->socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		return err_system(err, "%s", at.sun_path);
	/* Servers that root starts give up their rights before they fork or make their GIL. */
	if (!geteuid() && (chmod(r->dir, 0711) || chmod(at.sun_path, 0666)))
		return err_system(err, "%s", at.sun_path);
	return 0;
}

static void remove_socket(struct recording *r)
{
	char path[PATH_MAX + 16];

	if (!r->dir[0])
		return;
	if (r->socket >= 0)
		close(r->socket);
	snprintf(path, sizeof(path), "%s" SOCKET_NAME, r->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/record.so", r->dir);
	unlink(path);
	rmdir(r->dir);
}

static int set_environment(struct recording *r, struct err *err)
{
	char preload[PATH_MAX], link[PATH_MAX + 16], value[2 * PATH_MAX + 256];
	const char *old = getenv("LD_PRELOAD");

	if (find_preload(preload, err))
		return -1;
	/* The dynamic linker divides its list at blanks and colons. */
	if (strpbrk(preload, " :")) {
		snprintf(link, sizeof(link), "%s/record.so", r->dir);
		if (symlink(preload, link))
			return err_system(err, "%s", link);
		snprintf(preload, sizeof(preload), "%.*s", PATH_MAX - 1, link);
	}
	snprintf(value, sizeof(value), "%s%s%s", preload, old && *old ? ":" : "", old ? old : "");
	if (setenv("LD_PRELOAD", value, 1))
		return err_system(err, "LD_PRELOAD");
	snprintf(value, sizeof(value), "tsc=%d,cpu=%d,frames=%d,buffer=%" PRIu64 ",gap=%" PRIu64
		 ":%s" SOCKET_NAME, r->clock.tsc, !r->no_cpu, r->frames, r->buffer,
		 tsc_gap(&r->clock), r->dir);
	if (setenv(RING_ENV, value, 1))
		return err_system(err, RING_ENV);
	return 0;
}

static void clear_environment(const char *old_preload)
{
	unsetenv(RING_ENV);
	if (old_preload)
		setenv("LD_PRELOAD", old_preload, 1);
	else
		unsetenv("LD_PRELOAD");
}

static volatile sig_atomic_t child_pid, stop_asked;

/* What is sent to us is meant for the program; how it was before is how the program finds it. */
static const int passed[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH
};
#define N_PASSED (sizeof(passed) / sizeof(*passed))
static struct sigaction before[N_PASSED];

/* A write that cannot be done fails, and that is told. */
static const int ignored[] = { SIGPIPE, SIGXFSZ };
#define N_IGNORED (sizeof(ignored) / sizeof(*ignored))
static struct sigaction before_ignored[N_IGNORED];

static bool ends_recording(int sig)
{
	return sig == SIGHUP || sig == SIGINT || sig == SIGQUIT || sig == SIGTERM;
}

/*
 * The terminal sends ^C to the program too, and the program itself knows what it sends to all of
 * its group: neither is passed on.
 */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	int e = errno;
	bool of_terminal = info->si_code > 0 &&
			   (sig == SIGINT || sig == SIGQUIT || sig == SIGWINCH);

	(void)context;
	if (!child_pid)
		stop_asked |= ends_recording(sig);
	else if (!of_terminal && info->si_pid != child_pid)
		kill(child_pid, sig);
	errno = e;
}

static void set_signals(void)
{
	struct sigaction pass = { .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < N_PASSED; i++)
		sigaction(passed[i], &pass, &before[i]);
	for (size_t i = 0; i < N_IGNORED; i++)
		sigaction(ignored[i], &ignore, &before_ignored[i]);
}

static void reset_signals(void)
{
	for (size_t i = 0; i < N_PASSED; i++)
		sigaction(passed[i], &before[i], NULL);
	for (size_t i = 0; i < N_IGNORED; i++)
		sigaction(ignored[i], &before_ignored[i], NULL);
}

/*
 * The program is gone: from now on ^C and SIGTERM end the recording of what it has left running,
 * but for what was ignored to begin with (nohup).
 */
static void signals_end_recording(void)
{
	child_pid = 0;
	for (size_t i = 0; i < N_PASSED; i++)
		if (before[i].sa_handler == SIG_IGN)
			sigaction(passed[i], &before[i], NULL);
}

/* fork, and exec in the child; an exec that fails is *exec_errno.  The pid, or -1. */
static pid_t launch(char **argv, int *exec_errno, struct err *err)
{
	sigset_t all, mask;
	int ends[2], e = 0;
	pid_t pid;

	*exec_errno = 0;
	if (pipe2(ends, O_CLOEXEC))
		return err_system(err, "pipe");
	/* A signal waits until there is someone to pass it on to. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	set_signals();
	pid = fork();
	if (!pid) {
		reset_signals();
		sigprocmask(SIG_SETMASK, &mask, NULL);
		execvp(argv[0], argv);
		e = errno;
		if (write(ends[1], &e, sizeof(e)) != sizeof(e))
			_exit(126);
		_exit(e == ENOENT ? 127 : 126);
	}
	e = errno;
	child_pid = pid > 0 ? pid : 0;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	close(ends[1]);
	if (pid > 0 && read(ends[0], exec_errno, sizeof(*exec_errno)) != sizeof(*exec_errno))
		*exec_errno = 0;
	close(ends[0]);
	errno = e;
	return pid < 0 ? err_system(err, "fork") : pid;
}

/* --- processes that come ---------------------------------------------------------------------- */

/*
 * LOG for the first, and then LOG with ".PID" before its extension; ".2" and so on where that is
 * there.
 */
static void log_path(char path[PATH_MAX], const char *log, bool first, int32_t pid, unsigned again)
{
	const char *name = files_name(log), *dot = strrchr(name, '.');
	int stem = dot && dot != name ? (int)(dot - log) : (int)strlen(log);
	char number[32] = "", repeat[32] = "";

	if (!first)
		snprintf(number, sizeof(number), ".%" PRId32, pid);
	if (again)
		snprintf(repeat, sizeof(repeat), ".%u", again + 1);
	snprintf(path, PATH_MAX, "%.*s%s%s%s", stem, log, number, repeat, log + stem);
}

static int open_log(struct recording *r, struct drain *d, struct err *err)
{
	bool first = !r->n_procs;
	char path[PATH_MAX];

	for (unsigned again = 0;; again++) {
		log_path(path, r->log, first, drain_pid(d), again);
		if (!drain_open_log(d, path, first && r->force && !again, err))
			return 0;
		if (err->code != ERR_EXISTS || again == 1000)
			return -1;
	}
}

static void tell_machine(struct drain *d, struct err *err)
{
	char text[256], model[128] = "", line[256], date[32];
	FILE *f = fopen("/proc/cpuinfo", "re");
	time_t now = time(NULL);
	struct utsname u;
	struct tm tm;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
			snprintf(model, sizeof(model), ", %.100s", strchr(line, ':') + 2);
			model[strcspn(model, "\n")] = 0;
			break;
		}
	if (f)
		fclose(f);
	if (!uname(&u)) {
		snprintf(text, sizeof(text), "%.40s%s, %ld cpus", u.machine, model,
			 sysconf(_SC_NPROCESSORS_ONLN));
		drain_fact(d, "machine", text, err);
		snprintf(text, sizeof(text), "%.40s %.80s", u.sysname, u.release);
		drain_fact(d, "system", text, err);
	}
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &tm));
	drain_fact(d, "recorded", date, err);
	drain_fact(d, "recorder", "gilscope " GILSCOPE_VERSION, err);
}

static bool wanted(struct recording *r, int32_t pid)
{
	return r->children || !r->recorded || r->recorded == pid;
}

static void finish(struct recording *r, struct process *p);

/* Who sends a second memory has called exec: into the first one nothing comes any more. */
static void finish_before_exec(struct recording *r, int32_t pid)
{
	for (unsigned i = 0; i < r->n_procs; i++)
		if (r->procs[i].pid == pid)
			finish(r, &r->procs[i]);
}

static void attach(struct recording *r, int memfd, int32_t pid)
{
	struct process *grown, *p;
	struct drain *d;
	struct err err = { 0 };

	if (drain_new(&d, memfd, pid, &err)) {
		say("%s; it runs on unrecorded", err.msg);
		r->n_failed++;
		return;
	}
	if (!wanted(r, pid)) {
		drain_stop(d);
		drain_free(d);
		r->n_refused++;
		return;
	}
	finish_before_exec(r, pid);
	grown = realloc(r->procs, (r->n_procs + 1) * sizeof(*grown));
	if (!grown) {
		say("process %" PRId32 " runs on unrecorded: out of memory", pid);
		r->n_failed++;
		drain_stop(d);
		drain_free(d);
		return;
	}
	r->procs = grown;
	r->recorded = r->recorded ? r->recorded : pid;
	if (open_log(r, d, &err)) {
		say("%s; the program runs on unrecorded", err.msg);
		r->logs_failed = true;
		drain_stop(d);
	} else {
		tell_machine(d, &err);
	}
	p = &r->procs[r->n_procs++];
	*p = (struct process){ .drain = d, .pid = pid };
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* It may have died before it was looked at: then ESRCH, and kill() says the same. */
	if (p->pidfd >= 0)
		fcntl(p->pidfd, F_SETFD, FD_CLOEXEC);
}

/* The first one that came, and no other. */
static int take_descriptor(struct cmsghdr *c, int memfd)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (memfd < 0)
			memfd = fd;
		else
			close(fd);
	}
	return memfd;
}

static bool take_message(struct recording *r)
{
	union { struct cmsghdr align; char space[256]; } control;
	struct ring_message m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(r->socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int memfd = -1;
	int32_t pid = 0;

	if (n < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			memfd = take_descriptor(c, memfd);
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			pid = cred.pid;
		}
	}
	if (n == sizeof(m) && m.magic == RING_MESSAGE_MAGIC) {
		m.text[sizeof(m.text) - 1] = 0;
		if (m.word == RING_HELLO)
			r->n_hellos++;
		else if (m.word == RING_ATTACH && memfd >= 0)
			attach(r, memfd, pid);
		else if (m.word == RING_ATTACH && ++r->n_failed)
			say("process %" PRId32 " runs on unrecorded: its memory did not arrive%s",
			    pid, msg.msg_flags & MSG_CTRUNC ? " (too many open files?)" : "");
		else if (m.word == RING_FAILED && ++r->n_failed == 1)
			say("process %" PRId32 " cannot be recorded: %s", pid, m.text);
	}
	if (memfd >= 0)
		close(memfd);
	return true;
}

/* --- processes that go ------------------------------------------------------------------------ */

static bool is_gone(const struct process *p)
{
	struct pollfd f = { .fd = p->pidfd, .events = POLLIN };

	if (p->pidfd >= 0)
		return poll(&f, 1, 0) > 0;
	return kill(p->pid, 0) && errno == ESRCH;
}

static const char *amount(char out[32], uint64_t bytes)
{
	if (bytes < 10000)
		snprintf(out, 32, "%" PRIu64 " byte%s", bytes, plural(bytes));
	else if (bytes < 10000000)
		snprintf(out, 32, "%" PRIu64 " kB", bytes / 1000);
	else
		snprintf(out, 32, "%" PRIu64 " MB", bytes / 1000000);
	return out;
}

static void report(const struct process *p)
{
	const struct drain_stats *s = drain_stats(p->drain);
	uint64_t ns = s->events ? s->last_ns - s->first_ns : 0;
	char size[32];

	if (!drain_path(p->drain))
		return;
	say("%s: %" PRIu64 " event%s of %" PRIu64 " thread%s in %" PRIu64 ".%02" PRIu64
	    " s, %s (Python %.*s)",
	    drain_path(p->drain), s->events, plural(s->events), s->threads,
	    plural(s->threads), ns / 1000000000, ns / 10000000 % 100,
	    amount(size, s->bytes), (int)strcspn(s->python, " "), s->python);
	if (s->lost_events)
		say("  %" PRIu64 " event%s lost, as the buffer was full; --buffer makes it larger",
		    s->lost_events, s->lost_events == 1 ? " was" : "s were");
	if (s->free_threaded)
		say("  this Python is built without a GIL: the log shows where threads waited for "
		    "other locks");
}

static void finish(struct recording *r, struct process *p)
{
	struct err err = { 0 };

	if (p->over)
		return;
	p->over = true;
	if (p->pidfd >= 0)
		close(p->pidfd);
	p->pidfd = -1;
	/* Twice, so that all that was stamped lies before the last knot but one. */
	tsc_tick(&r->clock);
	tsc_tick(&r->clock);
	if (drain_finish(p->drain, &r->clock, &err)) {
		say("%s: the log ends before the program", err.msg);
		r->logs_failed = true;
	}
	report(p);
	drain_free(p->drain);		/* a program may have thousands of children */
	p->drain = NULL;
}

/* One look at all of them; how many events there were, and in *alive how many still run. */
static uint64_t look(struct recording *r, unsigned *alive)
{
	uint64_t sum = 0, n;

	*alive = 0;
	tsc_tick(&r->clock);
	for (unsigned i = 0; i < r->n_procs; i++) {
		struct process *p = &r->procs[i];
		struct err err = { 0 };
		bool gone;

		if (p->over)
			continue;
		gone = is_gone(p);
		if (drain_pass(p->drain, &r->clock, &n, &err)) {
			say("%s: %s; the program runs on unrecorded", drain_path(p->drain),
			    err.msg);
			r->logs_failed = true;
		}
		sum += n;
		if (gone)
			finish(r, p);
		else
			++*alive;
	}
	return sum;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/*
 * Once nothing that is recorded runs, which is so since then: whether to wait for what the program
 * has left behind, a daemon or a script's `python3 x.py &`, which has no GIL yet.
 */
static bool more_may_come(const struct recording *r, int64_t since)
{
	char tail[sizeof(r->dir) + sizeof(SOCKET_NAME)];
	int64_t waited = now_ms() - since;

	if (stop_asked || (r->recorded && !r->children))
		return false;
	if (waited >= LEFT_MS) {
		say("what %s has left running had no GIL within %d ms and is not recorded",
		    r->program, LEFT_MS);
		return false;
	}
	snprintf(tail, sizeof(tail), "%s" SOCKET_NAME, r->dir);
	switch (left_look(RING_ENV, tail)) {
	case LEFT_SOME:
		return true;
	case LEFT_UNSURE:
		return waited < UNSURE_MS;
	default:
		return false;
	}
}

/* Each process that is recorded takes two descriptors: more than the soft limit, if need be. */
static void allow_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) || lim.rlim_cur == lim.rlim_max)
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

/* Until the program and all that are recorded have ended; the program's wait status. */
static int watch(struct recording *r)
{
	bool child_gone = false, told = false;
	int status = 0, ms = BUSY_MS;
	int64_t none_since = 0;
	unsigned alive;

	for (;;) {
		struct pollfd f = { .fd = r->socket, .events = POLLIN };
		bool news = poll(&f, 1, ms) > 0;

		/* Before the messages are read: what it sent before it died has arrived then. */
		if (!child_gone && waitpid(r->child, &status, WNOHANG) == r->child) {
			child_gone = true;
			signals_end_recording();
		}
		while (take_message(r))
			;
		ms = look(r, &alive) || news ? BUSY_MS : ms * 2 < QUIET_MS ? ms * 2 : QUIET_MS;
		if (child_gone && !alive) {
			none_since = none_since ? none_since : now_ms();
			/* What came while it looked may have gone again. */
			if (!more_may_come(r, none_since) && !take_message(r))
				break;
			ms = BUSY_MS;
			continue;
		}
		none_since = 0;
		if (child_gone && stop_asked)
			break;
		if (child_gone && !told) {
			told = true;
			say("%s has ended; %u recorded process%s still run%s (^C ends the "
			    "recording)",
			    r->program, alive, alive == 1 ? "" : "es", alive == 1 ? "s" : "");
		}
	}
	for (unsigned i = 0; i < r->n_procs; i++) {
		if (!r->procs[i].over)
			drain_stop(r->procs[i].drain);
		finish(r, &r->procs[i]);
	}
	return status;
}

static void summarize(struct recording *r, int status)
{
	char why[PATH_MAX + 256];

	if (!r->n_procs && !r->n_failed && WIFSIGNALED(status)) {
		say("no GIL was seen, so there is no log: signal %d ended %s before it made one",
		    WTERMSIG(status), r->program);
	} else if (!r->n_procs && !r->n_failed) {
		why_no_gil(why, sizeof(why), r->program, r->n_hellos);
		say("no GIL was seen, so there is no log: %s", why);
	}
	if (r->n_refused)
		say("%u other process%s had a GIL too; --children records them as well",
		    r->n_refused, r->n_refused == 1 ? "" : "es");
}

static int run(struct recording *r, char **argv, struct err *err)
{
	const char *old = getenv("LD_PRELOAD");
	char *old_preload = old ? strdup(old) : NULL;
	int exec_errno = 0, status;

	r->program = argv[0];
	tsc_start(&r->clock, tsc_is_usable());
	if (make_socket(r, err) || set_environment(r, err)) {
		say("%s; the program runs unrecorded", err->msg);
		r->logs_failed = true;
		clear_environment(old_preload);
	}
	r->child = launch(argv, &exec_errno, err);
	clear_environment(old_preload);
	free(old_preload);
	if (r->child < 0)
		return -1;
	if (exec_errno) {
		waitpid(r->child, &status, 0);
		errno = exec_errno;
		err_system(err, "%s", argv[0]);
		return exec_errno == ENOENT ? 127 : 126;
	}
	allow_descriptors();
	status = watch(r);
	if (!r->logs_failed || r->n_procs)
		summarize(r, status);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Before the program is started: whether the log can stand at its place. */
static int check_free(const struct recording *r, struct err *err)
{
	struct stat st;

	if (lstat(r->log, &st))
		return 0;
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s: exists already and is no file", r->log);
	if (!r->force)
		return err_set(err, ERR_EXISTS, "%s: exists already (-f replaces it)", r->log);
	return 0;
}

int cmd_record(int argc, char **argv)
{
	struct recording r = { .log = "gilscope.gillog", .buffer = 64 << 20, .socket = -1 };
	const struct opt table[] = {
		{ 'o', "output", "LOG", "the log to write (default: gilscope.gillog)", OPT_PATH,
		  &r.log },
		{ 'f', "force", NULL, "replace LOG if it is there", OPT_FLAG, &r.force },
		{ 0, "children", NULL,
		  "record children too: app.gillog gets app.PID.gillog beside it", OPT_FLAG,
		  &r.children },
		{ 0, "frames", NULL, "record the Python function that takes or lets go", OPT_FLAG,
		  &r.frames },
		{ 0, "no-cpu", NULL, "do not record on which cpu", OPT_FLAG, &r.no_cpu },
		{ 0, "buffer", "SIZE",
		  "memory per process for what is not written yet (default: 64Mi)", OPT_UINT,
		  &r.buffer },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilscope record [-o LOG] [-f] [--children] [--frames] [--no-cpu] "
			 "[--buffer SIZE] "
			 "[--] PROGRAM ARG...",
		.summary = "Runs a program and records what the GIL of the Python in it does.\n"
			   "The exit code is the program's.",
		.table = table,
		.example =
			"gilscope record -o app.gillog -- python3 app.py\ngilscope view app.gillog",
		.stop_at_operand = true,
	};
	struct err err = { 0 };
	int n, code;

	n = opts_parse(&opts, argc, argv, &argc);
	if (n)
		return n > 0 ? 0 : 2;
	if (!argc)
		return opts_usage(&opts, "which program?");
	if (r.buffer < BUFFER_MIN || r.buffer > BUFFER_MAX)
		return opts_usage(&opts, "--buffer wants 1Mi to 1Gi");
	if (check_free(&r, &err)) {
		say("%s", err.msg);
		return 1;
	}
	argv[argc + 1] = NULL;
	code = run(&r, argv + 1, &err);
	if (code < 0 || (code >= 126 && err.msg[0] && !r.logs_failed))
		say("%s", err.msg);
	remove_socket(&r);
	for (unsigned i = 0; i < r.n_procs; i++)
		drain_free(r.procs[i].drain);
	free(r.procs);
	return code < 0 ? 1 : code;
}
