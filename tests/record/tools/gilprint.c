/*
 * gilprint.c - prints a binary gillog: what the tests of the recorder read (no test itself)
 *
 *   gilprint LOG           facts as "# key: value", threads, locks; then one event a line, in the
 *                          log's order: TIME THREAD-INDEX KIND lock=N [attr=value...]
 *   gilprint --check LOG   and says by its exit code whether what every recording promises holds:
 *                          no two threads hold a lock at once, ACQUIRE and RELEASE alternate, the
 *                          log is complete
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gillog.h"

/* Blocks of an epoch, merged by time. */
struct entry {
	uint64_t time;
	uint32_t thread;
	struct gillog_event e;
	uint32_t n_attrs;
	struct gillog_attr attrs[8];
};

static struct entry *entries;
static size_t n_entries, cap_entries;
static int64_t holder[65536];		/* thread + 1 */
/* a thread with a gap: its next release may be without an acquire */
static uint8_t lost_in[1 << 20];
/*
 * Acquires of what another thread holds: forgiven where its release was in a gap, of which LOST
 * tells afterwards.
 */
static struct conflict { uint64_t time; uint32_t thread, holder; } conflicts[4096];
static size_t n_conflicts;
static bool checking;
static unsigned long long wrong;
static uint64_t raw;			/* bytes of all blocks, decompressed */

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x < y ? -1 : x > y;	/* stable enough: glibc's qsort merges */
}

static void forgive(const struct entry *lost)
{
	uint64_t since = 0;
	size_t kept = 0;

	for (unsigned i = 0; i < lost->n_attrs; i++)
		if (lost->attrs[i].id == GL_ATTR_SINCE)
			since = (uint64_t)lost->attrs[i].value;
	for (size_t i = 0; i < n_conflicts; i++)
		if (conflicts[i].holder != lost->thread || conflicts[i].time < lost->time - since)
			conflicts[kept++] = conflicts[i];
	n_conflicts = kept;
}

static void check(const struct gillog_info *info, const struct entry *x)
{
	int64_t *h = &holder[x->e.lock], me = (int64_t)x->thread + 1;

	if (info->locks[x->e.lock].park)
		return;
	if (x->e.kind == GL_LOST) {
		lost_in[x->thread & 0xfffff] = 1;
		if (*h == me)
			*h = 0;
		forgive(x);
	}
	if (x->e.kind == GL_ACQUIRE) {
		if (*h && n_conflicts == sizeof(conflicts) / sizeof(*conflicts))
			wrong++;
		else if (*h)
			conflicts[n_conflicts++] =
				(struct conflict){ x->time, x->thread, (uint32_t)(*h - 1) };
		*h = me;
	}
	if (x->e.kind == GL_RELEASE) {
		if (*h != me && !lost_in[x->thread & 0xfffff] && !wrong++)
			fprintf(stderr,
				"%" PRIu64 ": %" PRIu32 " releases what %" PRId64 " holds\n",
				x->time, x->thread, *h - 1);
		*h = 0;
	}
}

static void flush(const struct gillog_info *info)
{
	if (n_entries)		/* else entries may be NULL, which qsort() may not be given */
		qsort(entries, n_entries, sizeof(*entries), by_time);
	for (size_t i = 0; i < n_entries; i++) {
		const struct entry *x = &entries[i];

		check(info, x);
		if (checking)
			continue;
		printf("%" PRIu64 " %" PRIu32 " %s lock=%u", x->time, x->thread,
		       gillog_kind_name(x->e.kind), x->e.lock);
		for (unsigned a = 0; a < x->n_attrs; a++)
			printf(" %s=%" PRId64, gillog_attr_name(x->attrs[a].id), x->attrs[a].value);
		putchar('\n');
	}
	n_entries = 0;
}

static void add(const struct gillog_block *b, const struct gillog_event *e,
		const struct gillog_attr *attrs)
{
	for (uint32_t i = 0; i < b->n_events; i++, e++) {
		struct entry *x;

		if (n_entries == cap_entries) {
			cap_entries = cap_entries ? cap_entries * 2 : 4096;
			entries = realloc(entries, cap_entries * sizeof(*entries));
			if (!entries)
				abort();
		}
		x = &entries[n_entries++];
		*x = (struct entry){ .time = e->time, .thread = b->thread, .e = *e };
		for (unsigned a = 0; a < e->n_attrs && a < 8; a++)
			x->attrs[x->n_attrs++] = attrs[e->attr + a];
	}
}

static int input(void *ctx, void *data, size_t n, size_t *got, struct err *err)
{
	*got = fread(data, 1, n, ctx);
	return ferror((FILE *)ctx) ? err_system(err, "read") : 0;
}

static void names(const struct gillog_info *info)
{
	printf("# process: %" PRId64 " %" PRId64 " %s\n", info->processes[0].pid,
	       info->processes[0].ppid, info->processes[0].name);
	for (uint32_t i = 0; i < info->n_facts; i++)
		printf("# %s: %s\n", info->facts[i].key, info->facts[i].value);
	for (uint32_t i = 0; i < info->n_threads; i++)
		printf("# thread %u: %s %s\n", i, info->threads[i].id, info->threads[i].name);
	for (uint32_t i = 0; i < info->n_locks; i++)
		printf("# lock %u: %s %s%s\n", i, info->locks[i].id, info->locks[i].name,
		       info->locks[i].park ? " park" : "");
	for (uint32_t i = 0; i < info->n_funcs; i++)
		printf("# func %u: %s %s:%u\n", i, info->funcs[i].name, info->funcs[i].file,
		       info->funcs[i].line);
	printf("# end: %s blocks=%" PRIu64 " events=%" PRIu64 " raw=%" PRIu64 "\n",
	       info->complete ? "complete" : "cut", info->blocks, info->events, raw);
}

int main(int argc, char **argv)
{
	struct gillog *g;
	struct gillog_decoder *d;
	struct gillog_block b;
	struct err err = { 0 };
	enum gillog_next next;
	uint64_t mark;
	FILE *f;

	checking = argc == 3 && !strcmp(argv[1], "--check");
	f = fopen(argv[argc - 1], "rb");
	d = gillog_decoder_new(&err);
	if (argc < 2 || !f || !d || gillog_open(&g, input, f, &err)) {
		fprintf(stderr, "gilprint: %s\n", err.msg);
		return 1;
	}
	while ((next = gillog_next(g, &b, &mark, &err)) == GILLOG_BLOCK || next == GILLOG_MARK) {
		const struct gillog_event *e;
		const struct gillog_attr *attrs;

		if (next == GILLOG_MARK) {
			flush(gillog_info(g));
			continue;
		}
		if (gillog_decode(d, &b, &e, &attrs, &err)) {
			fprintf(stderr, "gilprint: %s\n", err.msg);
			return 1;
		}
		add(&b, e, attrs);
		raw += b.raw;
		gillog_block_release(&b);
	}
	flush(gillog_info(g));
	if (!checking)
		names(gillog_info(g));
	if (next != GILLOG_DONE)
		fprintf(stderr, "gilprint: %s\n", err.msg);
	if (n_conflicts)
		fprintf(stderr, "%" PRIu64 ": %" PRIu32 " acquires what %" PRIu32 " holds\n",
			conflicts[0].time, conflicts[0].thread, conflicts[0].holder);
	wrong += n_conflicts;
	if (wrong)
		fprintf(stderr, "gilprint: %llu events cannot be\n", wrong);
	gillog_close(g);
	gillog_decoder_free(d);
	free(entries);
	return next != GILLOG_DONE || (checking && wrong);
}
