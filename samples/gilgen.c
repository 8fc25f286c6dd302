/* gilgen.c - the command: see gilgen.h */
#include "gilgen.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "opts.h"

/* --- numbers by chance ------------------------------------------------------------------------ */

#define EXP_BITS 10

/* -ln(u) in units of 2^-12, at the middles of 2^EXP_BITS equal parts of (0, 1). */
static uint32_t exp_table[1 << EXP_BITS];

static void exp_init(void)
{
	for (unsigned i = 0; i < 1 << EXP_BITS; i++)
		exp_table[i] = (uint32_t)(-log((i + 0.5) / (1 << EXP_BITS)) * 4096 + 0.5);
}

uint64_t rng_exp(struct rng *r, uint64_t mean)
{
	uint64_t v = rng_next(r);

	/* The low bits, which the table does not use, smooth its steps. */
	v = exp_table[v >> (64 - EXP_BITS)] + (v & 3);
	return 1 + (uint64_t)((unsigned __int128)mean * v >> 12);
}

/* --- a heap of threads by time ---------------------------------------------------------------- */

int heap_init(struct heap *h, uint32_t n_threads, struct err *err)
{
	*h = (struct heap){ 0 };
	h->key = calloc(n_threads, sizeof(*h->key));
	h->at = calloc(n_threads, sizeof(*h->at));
	h->slot = calloc(n_threads, sizeof(*h->slot));
	if (!h->key || !h->at || !h->slot) {
		heap_release(h);
		return err_memory(err, "threads");
	}
	for (uint32_t i = 0; i < n_threads; i++)
		h->at[i] = NONE;
	return 0;
}

void heap_release(struct heap *h)
{
	free(h->key);
	free(h->at);
	free(h->slot);
	*h = (struct heap){ 0 };
}

static bool before(const struct heap *h, uint32_t a, uint32_t b)
{
	return h->key[a] < h->key[b] || (h->key[a] == h->key[b] && a < b);
}

static void place(struct heap *h, uint32_t at, uint32_t thread)
{
	h->slot[at] = thread;
	h->at[thread] = at;
}

/*
 * Thread belongs somewhere between the root and the leaves below at: moves the others out of its
 * way.
 */
static void sift(struct heap *h, uint32_t at, uint32_t thread)
{
	while (at && before(h, thread, h->slot[(at - 1) / 2])) {
		place(h, at, h->slot[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && before(h, h->slot[child + 1], h->slot[child]))
			child++;
		if (before(h, thread, h->slot[child]))
			break;
		place(h, at, h->slot[child]);
		at = child;
	}
	place(h, at, thread);
}

void heap_set(struct heap *h, uint32_t thread, uint64_t key)
{
	h->key[thread] = key;
	if (h->at[thread] == NONE)
		h->at[thread] = h->n++;
	sift(h, h->at[thread], thread);
}

void heap_remove(struct heap *h, uint32_t thread)
{
	uint32_t at = h->at[thread], last;

	if (at == NONE)
		return;
	h->at[thread] = NONE;
	last = h->slot[--h->n];
	if (last != thread)
		sift(h, at, last);
}

/* --- the command ------------------------------------------------------------------------------ */

const char *thread_id(const struct gen *g, uint32_t thread, char out[32])
{
	if (g->old_gil)
		snprintf(out, 32, "t%" PRIu32, thread + 1);
	else
		snprintf(out, 32, "%" PRIu32, g->pid + thread);
	return out;
}

const char *thread_name(const struct gen *g, uint32_t thread, char out[32])
{
	if (g->format == GEN_BEAZLEY)
		out[0] = '\0';
	else if (g->format == GEN_PERF)
		snprintf(out, 32, "python3.11");
	else if (thread == 0)
		snprintf(out, 32, "MainThread");
	else
		snprintf(out, 32, "%s-%" PRIu32, is_spinner(g, thread) ? "spinner" : "io", thread);
	return out;
}

#define BIT(kind) (1u << (kind))

static const struct {
	const char *name;
	enum gen_format format;
	uint32_t shown;
} formats[] = {
	{ "beazley", GEN_BEAZLEY,
	  BIT(GEN_BUSY) | BIT(GEN_RETRY) | BIT(GEN_ACQUIRE) | BIT(GEN_RELEASE) },
	{ "perf", GEN_PERF,
	  BIT(GEN_ENTRY) | BIT(GEN_ACQUIRE) | BIT(GEN_RELEASE) | BIT(GEN_SWITCH_DONE) |
		  BIT(GEN_DROPPED) },
	{ "gillog", GEN_GILLOG, (BIT(GEN_DROPPED) - 1) & ~1u },
	{ "binary", GEN_BINARY, (BIT(GEN_DROPPED) - 1) & ~1u },
};

struct args {
	const char *gil, *format, *out, *truth;
	uint64_t events, bytes, until, threads, cpus, spinners, interval, seed;
	bool entries, ns;
};

/* Fills g from the command line; returns 0, or a sentence about what cannot be. */
static const char *check_args(struct gen *g, const struct args *a)
{
	size_t i = 0;

	if (strcmp(a->gil, "old") && strcmp(a->gil, "new"))
		return "--gil is old or new";
	while (i < sizeof(formats) / sizeof(*formats) && strcmp(formats[i].name, a->format))
		i++;
	if (i == sizeof(formats) / sizeof(*formats))
		return "--format is beazley, perf, gillog or binary";
	g->format = formats[i].format;
	g->shown = formats[i].shown;
	g->old_gil = !strcmp(a->gil, "old");
	if (g->format == GEN_BEAZLEY && !g->old_gil)
		return "beazley's format has ticks for a clock: only --gil old has them";
	if (g->format == GEN_PERF && g->old_gil)
		return "perf's probes are those of the new GIL";
	g->old_in_ns = g->old_gil && a->ns;
	/* In blocks of one thread equal times of several threads have no order. */
	g->apart = g->old_in_ns ? 25 : g->format == GEN_BINARY && !g->old_gil;
	if (a->ns && (!g->old_gil || g->format == GEN_BEAZLEY))
		return "--ns is for --gil old as gillog or binary";
	if (g->old_gil && !a->entries)
		g->shown &= ~BIT(GEN_ENTRY);
	if (a->entries)
		g->shown |= BIT(GEN_ENTRY);
	if (!a->threads || a->threads > 9999)
		return "--threads is 1 to 9999";
	if (!a->cpus || a->cpus > 999)
		return "--cpus is 1 to 999";
	if (a->interval < 80 || a->interval > 999999)
		return "--interval is 80 to 999999";
	g->n_threads = (uint32_t)a->threads;
	g->n_cpus = (uint32_t)a->cpus;
	g->interval = (uint32_t)a->interval;
	g->n_spinners = (uint32_t)(a->spinners < a->threads ? a->spinners : a->threads - 1);
	g->left = a->events ? a->events : a->bytes || a->until ? NEVER : 1000000;
	g->origin = g->old_gil ? 0 : 5369734822723;	/* ns since boot */
	g->until = a->until ? g->origin + a->until : NEVER;
	g->w.max_bytes = a->bytes ? a->bytes : NEVER;
	g->rng.state = a->seed * 0x9e3779b97f4a7c15u + 1;
	g->pid = 11015;
	return NULL;
}

static int generate(struct gen *g, const struct args *a, struct err *err)
{
	struct outfile o = { .fd = -1 };
	int r;

	if (a->out && outfile_open(&o, a->out, true, err))
		return -1;
	r = truth_init(&g->truth, g->n_threads, g->format == GEN_PERF, err);
	if (!r)
		r = writer_open(g, a->out ? o.fd : STDOUT_FILENO, err);
	if (!r)
		r = g->old_gil ? simulate_old(g, err) : simulate_new(g, err);
	if (writer_close(g, r ? NULL : err))
		r = -1;
	if (a->out && !r)
		r = outfile_commit(&o, err);
	outfile_abort(&o);
	if (!r && a->truth)
		r = truth_write(g, a->truth, err);
	truth_release(&g->truth);
	return r;
}

int main(int argc, char **argv)
{
	struct args a = { .gil = "old", .format = NULL, .threads = 4, .cpus = 2, .spinners = 2,
			  .interval = 100, .seed = 1 };
	const struct opt table[] = {
		{ 'g', "gil", "old|new", "checks every 100 ticks, or 5 ms (old)", OPT_STR, &a.gil },
		{ 'F', "format", "NAME",
		  "beazley, perf, gillog, binary (beazley; perf with --gil new)", OPT_STR,
		  &a.format },
		{ 'n', "events", "N", "stop after N events (1M)", OPT_UINT, &a.events },
		{ 0, "bytes", "N", "stop after the line that reaches N bytes", OPT_UINT, &a.bytes },
		{ 0, "until", "N", "stop before the clock has gone on by more than N", OPT_UINT,
		  &a.until },
		{ 't', "threads", "N", "threads, the sleeping main thread among them (4)", OPT_UINT,
		  &a.threads },
		{ 's', "spinners", "N", "threads that compute; the others do I/O (2)", OPT_UINT,
		  &a.spinners },
		{ 'c', "cpus", "N", "cpus (2)", OPT_UINT, &a.cpus },
		{ 0, "interval", "N", "old GIL: ticks per check (100)", OPT_UINT, &a.interval },
		{ 0, "entries", NULL, "old GIL: ENTRY lines, too", OPT_FLAG, &a.entries },
		{ 0, "ns", NULL, "old GIL: the clock counts ns (gillog, binary)", OPT_FLAG,
		  &a.ns },
		{ 0, "seed", "N", "another seed, another log (1)", OPT_UINT, &a.seed },
		{ 0, "truth", "FILE", "what `gilscope info --json` must say, from the simulation",
		  OPT_STR, &a.truth },
		{ 'o', "output", "FILE", "the log (stdout)", OPT_PATH, &a.out },
		{ 0 },
	};
	const struct opts opts = {
		.usage = "gilgen [OPTIONS] >LOG",
		.summary = "A log of any size from a simulated GIL, and the truth about it.",
		.table = table,
		.example = "gilgen --bytes 2G --truth t.json | zstd >beazley.zst",
	};
	struct gen *g;
	struct err err = { 0 };
	const char *wrong;
	int n, r;

	io_guard_stdio();
	g = calloc(1, sizeof(*g));
	if (!g)
		return 1;
	r = opts_parse(&opts, argc, argv, &n);
	if (r) {
		free(g);
		return r < 0 ? 2 : 0;
	}
	if (!a.format)
		a.format = strcmp(a.gil, "new") ? "beazley" : "perf";
	wrong = n ? "there are no operands" : check_args(g, &a);
	if (wrong) {
		free(g);
		return opts_usage(&opts, "%s", wrong);
	}
	exp_init();
	r = generate(g, &a, &err);
	if (r)
		fprintf(stderr, "gilgen: %s\n", err.msg);
	free(g);
	return r ? 1 : 0;
}
