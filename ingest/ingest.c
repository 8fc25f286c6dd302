/* ingest.c - see ingest.h */
#include "ingest.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "formats.h"
#include "pool.h"
#include "stacks.h"
#include "tracker.h"

struct ingest {
	const struct ingest_options *o;
	struct names names;
	struct report report;
	struct log *log;
	uint32_t n_logs;
	char **path;			/* owned */
	uint32_t n_paths, cap_paths;
	uint32_t *heap;			/* logs with a record ready, by its time */
	uint32_t n_heap;
	struct tracker *tracker;
	struct timespec begun, told;
	bool told_any;
	struct err *err;
};

/* --- the logs --------------------------------------------------------------------------------- */

static int add_path(struct ingest *in, const char *folder, const char *name)
{
	char *path;

	if (in->n_paths == in->cap_paths) {
		uint32_t cap = in->cap_paths ? 2 * in->cap_paths : 16;
		char **p = realloc(in->path, cap * sizeof(*p));

		if (!p)
			return err_memory(in->err, "paths");
		in->path = p;
		in->cap_paths = cap;
	}
	if (asprintf(&path, folder ? "%s/%s" : "%.0s%s", folder ? folder : "", name) < 0)
		return err_memory(in->err, "paths");
	in->path[in->n_paths++] = path;
	return 0;
}

/* The length of a path without its extension. */
static size_t stem(const char *path)
{
	const char *dot = strrchr(files_name(path), '.');

	return dot ? (size_t)(dot - path) : strlen(path);
}

/* By the names without their extensions: a recorded LOG comes before its children's LOG.PID. */
static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t nx = stem(x), ny = stem(y);
	int c = memcmp(x, y, nx < ny ? nx : ny);

	if (!c && nx != ny)
		c = nx < ny ? -1 : 1;
	return c ? c : strcmp(x, y);
}

/* The files of a folder, by name, but for hidden and unfinished ones, and timelines. */
static int add_folder(struct ingest *in, const char *folder)
{
	uint32_t first = in->n_paths;
	DIR *dir = opendir(folder);
	struct dirent *d;
	int ret = 0;

	if (!dir)
		return err_system(in->err, "%s", folder);
	while (!ret && (d = readdir(dir))) {
		size_t n = strlen(d->d_name);
		struct stat st;

		if (d->d_name[0] == '.' || (n > 4 && (!strcmp(d->d_name + n - 4, ".tmp") ||
						      !strcmp(d->d_name + n - 4, ".gtl"))))
			continue;
		if (!fstatat(dirfd(dir), d->d_name, &st, 0) && S_ISREG(st.st_mode))
			ret = add_path(in, folder, d->d_name);
	}
	closedir(dir);
	if (!ret && first == in->n_paths)
		return err_set(in->err, ERR_FORMAT, "%s: no log in this folder", folder);
	if (!ret)
		qsort(in->path + first, in->n_paths - first, sizeof(*in->path), by_name);
	return ret;
}

static int gather_paths(struct ingest *in, const char *const *paths, unsigned n)
{
	struct stat st;

	for (unsigned i = 0, stdins = 0; i < n; i++) {
		bool folder = strcmp(paths[i], "-") && !stat(paths[i], &st) && S_ISDIR(st.st_mode);

		stdins += !strcmp(paths[i], "-");
		if (stdins > 1)
			return err_set(in->err, ERR_USAGE,
				       "\"-\" twice: there is one standard input");
		if (folder ? add_folder(in, paths[i]) : add_path(in, NULL, paths[i]))
			return -1;
	}
	return 0;
}

static int open_logs(struct ingest *in)
{
	const struct format *format = NULL;
	unsigned cpus = in->o->n_threads ? in->o->n_threads : pool_cpus();
	struct source_options so = {
		.long_window = in->o->long_window,
		/* names are numbered as they are met, from one log's piece to another's */
		.whole_pieces = in->n_paths > 1,
		.n_threads = in->n_paths > 1 ? 1 : cpus,
	};

	if (in->o->format) {
		format = format_find(in->o->format);
		if (!format)
			return err_set(in->err, ERR_USAGE,
				       "no format is called \"%s\"; there are: %s", in->o->format,
				       ingest_format_names());
	}
	in->log = calloc(in->n_paths, sizeof(*in->log));
	in->heap = calloc(in->n_paths, sizeof(*in->heap));
	if (!in->log || !in->heap)
		return err_memory(in->err, "logs");
	for (; in->n_logs < in->n_paths; in->n_logs++) {
		struct log *l = &in->log[in->n_logs];

		*l = (struct log){
			.path = in->path[in->n_logs], .number = in->n_logs, .names = &in->names,
			.report = &in->report, .err = in->err, .want_ticks = in->o->ticks,
			.want_pairs = in->n_paths == 1,
		};
		if (log_open(l, format, &so)) {
			in->n_logs++;
			return -1;
		}
	}
	return 0;
}

/* --- progress --------------------------------------------------------------------------------- */

static double seconds_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

static uint64_t bytes_read(const struct ingest *in, uint64_t *total)
{
	uint64_t n = 0;

	*total = 0;
	for (uint32_t i = 0; i < in->n_logs; i++) {
		uint64_t size = source_bytes_total(in->log[i].source);

		n += source_bytes_read(in->log[i].source);
		*total = size && (i == 0 || *total) ? *total + size : 0;
	}
	return n;
}

static void tell_progress(struct ingest *in)
{
	uint64_t total, n, events = tracker_count(in->tracker);
	double s;

	if (!in->o->progress || !in->report.out || (in->told_any && seconds_since(&in->told) < 0.2))
		return;
	s = seconds_since(&in->begun);
	if (s < 0.5)
		return;
	n = bytes_read(in, &total);
	fprintf(in->report.out, "\r\033[K%.1f", (double)n / 1e6);
	if (total)
		fprintf(in->report.out, " of %.1f", (double)total / 1e6);
	fprintf(in->report.out, " MB, %.1f M events, %.1f M events/s", (double)events / 1e6,
		(double)events / 1e6 / s);
	if (total && n && n < total)
		fprintf(in->report.out, ", %.0f s left", s * (double)(total - n) / (double)n);
	fflush(in->report.out);
	clock_gettime(CLOCK_MONOTONIC, &in->told);
	in->told_any = true;
}

static void end_progress(struct ingest *in)
{
	if (in->told_any)
		fprintf(in->report.out, "\r\033[K");
	in->told_any = false;
}

/* --- the merge -------------------------------------------------------------------------------- */

static uint64_t next_time(const struct ingest *in, uint32_t log)
{
	return in->log[log].rec[in->log[log].head].time;
}

static bool before(const struct ingest *in, uint32_t x, uint32_t y)
{
	uint64_t tx = next_time(in, x), ty = next_time(in, y);

	return tx < ty || (tx == ty && x < y);
}

static void sift_down(struct ingest *in, uint32_t i)
{
	for (;;) {
		uint32_t least = i, swap;

		for (uint32_t c = 2 * i + 1; c < 2 * i + 3 && c < in->n_heap; c++)
			if (before(in, in->heap[c], in->heap[least]))
				least = c;
		if (least == i)
			return;
		swap = in->heap[i];
		in->heap[i] = in->heap[least];
		in->heap[least] = swap;
		i = least;
	}
}

/* How many of the first log's records come before any other log's. */
static size_t run_of_first(const struct ingest *in)
{
	const struct log *l = &in->log[in->heap[0]];
	size_t end = l->head + 1;

	if (in->n_heap == 1)
		return l->ready;
	for (; end < l->ready; end++)
		for (uint32_t c = 1; c < 3 && c < in->n_heap; c++) {
			uint64_t t = next_time(in, in->heap[c]);

			if (l->rec[end].time > t ||
			    (l->rec[end].time == t && in->heap[c] < in->heap[0]))
				return end;
		}
	return end;
}

/* ACQUIREs that say no function get the one that a trace of calls beside this log tells. */
static int add_funcs(struct ingest *in, struct log *l, size_t end)
{
	for (size_t i = l->head; i < end; i++) {
		struct record *r = &l->rec[i];
		uint32_t attr = (uint32_t)l->n_attrs;
		int64_t func;

		if (r->kind != EV_ACQUIRE ||
		    (r->n_attrs && l->attr[r->attr + r->n_attrs - 1u].id == ATTR_FUNC))
			continue;
		func = stacks_func(in->names.stacks, &in->names, r->thread, r->time);
		if (func < 0)
			continue;
		for (unsigned k = 0; k < r->n_attrs; k++)
			if (log_attr(l, l->attr[r->attr + k].id, l->attr[r->attr + k].value))
				return -1;
		if (log_attr(l, ATTR_FUNC, func))
			return -1;
		r->attr = attr;
		r->n_attrs++;
	}
	return 0;
}

static int check_clocks(const struct ingest *in)
{
	for (uint32_t i = 0; in->o->ticks && i < in->n_logs; i++)
		if (in->log[i].clock != CLOCK_TICKS)
			return err_set(in->err, ERR_FORMAT, "%s: it has no clock of ticks",
				       in->log[i].path);
	for (uint32_t i = 1; i < in->n_logs; i++)
		if (in->log[i].clock != in->log[0].clock)
			return err_set(in->err, ERR_FORMAT,
				       "%s and %s are on different clocks: %s and %s",
				       in->log[0].path, in->log[i].path,
				       in->log[0].clock == CLOCK_NS ? "nanoseconds" : "ticks",
				       in->log[i].clock == CLOCK_NS ? "nanoseconds" : "ticks");
	return 0;
}

/*
 * The trace's ticks per check: the first log's that tells them.  On the clock of ticks they place
 * events and checks, so there they are one for all, and known before the first event.
 */
static int settle_interval(struct ingest *in)
{
	const struct log *first = NULL;

	for (uint32_t i = 0; i < in->n_logs; i++) {
		const struct log *l = &in->log[i];

		if (!l->check_interval)
			continue;
		if (!first)
			first = l;
		else if (l->clock == CLOCK_TICKS && l->check_interval != first->check_interval)
			return err_set(in->err, ERR_FORMAT,
				       "%s and %s have different check intervals: %" PRIu64
				       " and %" PRIu64 " ticks",
				       first->path, l->path, first->check_interval,
				       l->check_interval);
	}
	if (first)
		in->names.check_interval = first->check_interval;
	return 0;
}

static int merge(struct ingest *in)
{
	/* Every log's beginning is looked at before the first event is taken. */
	for (uint32_t i = 0; i < in->n_logs; i++) {
		if (log_fill(&in->log[i]))
			return -1;
		if (in->log[i].ready > in->log[i].head)
			in->heap[in->n_heap++] = i;
	}
	if (check_clocks(in) || settle_interval(in))
		return -1;
	for (uint32_t i = in->n_heap / 2; i--;)
		sift_down(in, i);
	while (in->n_heap) {
		struct log *l = &in->log[in->heap[0]];
		size_t end = run_of_first(in);

		if (in->names.stacks && add_funcs(in, l, end))
			return -1;
		if (tracker_events(in->tracker, l, l->head, end, in->err))
			return -1;
		l->head = end;
		if (l->head == l->ready) {
			if (log_fill(l))
				return -1;
			tell_progress(in);
			if (l->ready == l->head)
				in->heap[0] = in->heap[--in->n_heap];
		}
		if (in->n_heap)
			sift_down(in, 0);
	}
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The name of a log's file without its endings. */
static int title_from(const char *path, char **title, struct err *err)
{
	const char *name = files_name(path);
	static const char *const endings[] = { ".zst", ".gz",  ".xz",  ".gillog",
					       ".txt", ".log", ".json" };
	size_t n;

	if (!strcmp(path, "-"))
		return names_set(NULL, title, "", 0, err);
	n = strlen(name);
	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t len = strlen(endings[i]);

		if (n > len && !memcmp(name + n - len, endings[i], len))
			n -= len;
	}
	return names_set(NULL, title, name, n, err);
}

/*
 * Of several logs, a process that nothing is known of is called as its log's file is.  Where there
 * is one log, the title says that already.
 */
static int name_processes(struct ingest *in)
{
	if (in->n_logs < 2 || in->names.n_processes < 2)
		return 0;
	for (uint32_t i = 0; i < in->names.n_processes; i++) {
		struct name_process *p = &in->names.process[i];

		if (!p->name && p->pid < 0 &&
		    title_from(in->log[p->log].path, &p->name, in->err))
			return -1;
	}
	return 0;
}

static int run(struct ingest *in, const char *out_path, struct ingest_result *result)
{
	struct timeline_info info = { .version = 1 };

	if (open_logs(in) ||
	    tracker_new(&in->tracker, &in->names, out_path, in->o->force,
			in->o->n_threads ? in->o->n_threads : pool_cpus(), in->err))
		return -1;
	for (uint32_t i = 0; i < in->n_logs; i++)
		source_on_idle(in->log[i].source, tracker_idle, in->tracker);
	if (merge(in))
		return -1;
	end_progress(in);
	if (settle_interval(in))	/* nanoseconds: also what was told later */
		return -1;
	for (uint32_t i = 0; i < in->n_logs; i++)
		if (in->log[i].format->end && in->log[i].format->end(&in->log[i]))
			return -1;
	if (name_processes(in))
		return -1;
	if (in->names.n_left)
		log_note(&in->log[0], "all names are more than %u MiB: %" PRIu64 " are left out",
			 MAX_NAMES >> 20, in->names.n_left);
	for (uint32_t i = 0; i < in->n_logs; i++) {
		info.skipped_lines = count_add(info.skipped_lines, in->log[i].skipped);
		info.truncated |= in->log[i].truncated;
	}
	if (!tracker_lanes(in->tracker))
		return err_set(in->err, ERR_FORMAT, "%s: no event of a lock in %s",
			       strcmp(in->log[0].path, "-") ? in->log[0].path : "standard input",
			       in->n_logs > 1 ? "these logs" : "this log");
	if (in->o->title &&
	    names_set(NULL, &in->names.title, in->o->title, strlen(in->o->title), in->err))
		return -1;
	if (!in->names.title && title_from(in->log[0].path, &in->names.title, in->err))
		return -1;
	info.title = in->names.title;
	info.clock = in->log[0].clock;
	if (tracker_finish(in->tracker, &info, in->err))
		return -1;
	if (result)
		*result = (struct ingest_result){
			.events = info.events, .skipped_lines = info.skipped_lines,
			.lost_events = info.lost_events, .truncated = info.truncated,
		};
	return 0;
}

int ingest_logs(const char *const *paths, unsigned n_paths, const char *out_path,
		const struct ingest_options *o, struct ingest_result *result, struct err *err)
{
	struct ingest in = {
		.o = o, .err = err,
		.report = { .out = o->report, .prefix = o->prefix ? o->prefix : "gilscope",
			    .strict = o->strict },
		.names = { .check_interval = o->check_interval },
	};
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &in.begun);
	ret = gather_paths(&in, paths, n_paths);
	if (!ret)
		ret = files_check_inputs(out_path, (const char *const *)in.path, in.n_paths, err);
	if (!ret)
		ret = run(&in, out_path, result);
	end_progress(&in);
	tracker_free(in.tracker);
	for (uint32_t i = 0; i < in.n_logs; i++)
		log_close(&in.log[i]);
	for (uint32_t i = 0; i < in.n_paths; i++)
		free(in.path[i]);
	names_release(&in.names);
	free(in.log);
	free(in.path);
	free(in.heap);
	return ret;
}
