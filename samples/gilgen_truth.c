/* gilgen_truth.c - the figures of a generated log, kept while it is generated; see gilgen.h */
#include "gilgen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "io.h"
#include "json.h"

/* Waits are counted in 256 buckets an octave: a percentile is within 0.2 % of the exact one. */
#define SUB_BITS 8
#define N_BUCKETS ((64 - SUB_BITS + 1) << SUB_BITS)

int truth_init(struct truth *t, uint32_t n_threads, bool waits_at_entry, struct err *err)
{
	*t = (struct truth){ .owner = NONE, .waits_at_entry = waits_at_entry, .start = NEVER,
			     .max_pending = n_threads };
	t->lane = calloc(n_threads, sizeof(*t->lane));
	t->pending = calloc(n_threads, sizeof(*t->pending));
	if (t->lane && t->pending)
		return 0;
	truth_release(t);
	return err_memory(err, "truth");
}

void truth_release(struct truth *t)
{
	for (uint32_t i = 0; t->lane && i < t->max_pending; i++)
		free(t->lane[i].hist);
	free(t->lane);
	free(t->pending);
	*t = (struct truth){ 0 };
}

static unsigned bucket_of(uint64_t v)
{
	unsigned shift;

	if (v < 2 << SUB_BITS)
		return (unsigned)v;
	shift = 63 - (unsigned)__builtin_clzll(v) - SUB_BITS;
	return (shift << SUB_BITS) + (unsigned)(v >> shift);
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned b)
{
	unsigned shift;

	if (b < 2 << SUB_BITS)
		return b;
	shift = (b >> SUB_BITS) - 1;
	return ((uint64_t)((b & ((1 << SUB_BITS) - 1)) | 1 << SUB_BITS) << shift) +
	       (1ull << shift) / 2;
}

/* The least value that at least a share of percent / 100 of the waits does not exceed. */
static uint64_t percentile(const struct lane *l, unsigned percent)
{
	uint64_t rank = (l->waits * percent + 99) / 100, n = 0;

	for (unsigned b = 0; l->hist && b < N_BUCKETS; b++) {
		n += l->hist[b];
		if (n >= rank)
			return bucket_value(b);
	}
	return 0;
}

/*
 * A wait that ends in ACQUIRE or RETRY takes the oldest pending signal and was in signal since
 * then.
 */
static void end_part(struct truth *t, struct lane *l, uint64_t now)
{
	uint64_t from = now;

	if (t->n_pending) {
		from = t->pending[t->first_pending];
		if (++t->first_pending == t->max_pending)
			t->first_pending = 0;
		t->n_pending--;
		if (from < l->part_begin)
			from = l->part_begin;
	}
	l->wait += from - l->part_begin;
	l->signal += now - from;
	l->part_begin = now;
}

static void begin_wait(struct truth *t, struct lane *l, uint64_t now)
{
	l->waits_now = true;
	l->wait_begin = l->part_begin = now;
	t->n_waiting++;
}

static void end_wait(struct truth *t, struct lane *l, uint64_t now)
{
	uint64_t length = now - l->wait_begin;

	end_part(t, l, now);
	l->waits_now = false;
	t->n_waiting--;
	l->waits++;
	if (length > l->max_wait)
		l->max_wait = length;
	if (!l->hist)
		l->hist = calloc(N_BUCKETS, sizeof(*l->hist));
	if (l->hist)
		l->hist[bucket_of(length)]++;
}

static void end_hold(struct lane *l, uint64_t now)
{
	uint64_t length = now - l->hold_begin;

	l->holds_now = false;
	l->run += length;
	if (length > l->max_run)
		l->max_run = length;
}

/* A release signals one waiter, unless as many signals are pending as threads wait. */
static void add_signal(struct truth *t, uint64_t now)
{
	uint32_t at = t->first_pending + t->n_pending;

	if (t->n_pending >= t->n_waiting)
		return;
	t->pending[at < t->max_pending ? at : at - t->max_pending] = now;
	t->n_pending++;
}

void truth_event(struct truth *t, uint64_t now, uint32_t thread, enum gen_kind kind)
{
	struct lane *l = &t->lane[thread];

	if (t->start == NEVER)
		t->start = now;
	t->end = now;
	t->events++;
	l->seen = true;
	l->events++;
	switch (kind) {
	case GEN_ACQUIRE:
		if (l->waits_now)
			end_wait(t, l, now);
		l->acquires++;
		l->holds_now = true;
		l->hold_begin = now;
		t->owner = thread;
		break;
	case GEN_RELEASE:
		end_hold(l, now);
		l->releases++;
		t->owner = NONE;
		add_signal(t, now);
		break;
	case GEN_BUSY:
		l->busy++;
		begin_wait(t, l, now);
		break;
	case GEN_RETRY:
		l->retry++;
		end_part(t, l, now);
		break;
	case GEN_ENTRY:
		if (t->waits_at_entry && t->owner != NONE)
			begin_wait(t, l, now);
		break;
	case GEN_TIMEOUT:
		l->timeouts++;
		break;
	case GEN_DROP_REQUEST:
		l->drop_requests++;
		break;
	default:
		break;
	}
}

static void put_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_lane(struct gen *g, struct json *j, uint32_t i)
{
	struct lane *l = &g->truth.lane[i];
	char text[32];

	json_begin(j, '{');
	json_key(j, "id");
	json_str(j, thread_id(g, i, text));
	put_u64(j, "pid", g->format == GEN_PERF ? g->pid : 0);
	json_key(j, "name");
	json_str(j, thread_name(g, i, text));
	put_u64(j, "run", l->run);
	put_u64(j, "wait", l->wait);
	put_u64(j, "signal", l->signal);
	put_u64(j, "idle", g->truth.end - g->truth.start - l->run - l->wait - l->signal);
	put_u64(j, "stall", 0);
	put_u64(j, "acquires", l->acquires);
	put_u64(j, "releases", l->releases);
	put_u64(j, "lost_acquires", 0);
	put_u64(j, "busy", l->busy);
	put_u64(j, "retry", l->retry);
	put_u64(j, "timeouts", l->timeouts);
	put_u64(j, "drop_requests", l->drop_requests);
	put_u64(j, "waits", l->waits);
	put_u64(j, "max_wait", l->max_wait);
	put_u64(j, "wait_p50", percentile(l, 50));
	put_u64(j, "wait_p99", percentile(l, 99));
	put_u64(j, "max_run", l->max_run);
	json_end(j, '}');
}

/*
 * What is open at the end lasts to the last event; an unfinished wait is time, but not yet a wait.
 */
static void close_lanes(struct gen *g)
{
	struct truth *t = &g->truth;

	for (uint32_t i = 0; i < g->n_threads; i++) {
		struct lane *l = &t->lane[i];

		if (l->holds_now)
			end_hold(l, t->end);
		if (l->waits_now)
			l->wait += t->end - l->part_begin;
	}
}

int truth_write(struct gen *g, const char *path, struct err *err)
{
	struct truth *t = &g->truth;
	struct buf b = BUF_INIT;
	struct json j = json_new(&b);
	struct outfile o;
	int r;

	if (t->start == NEVER)
		t->start = t->end = 0;
	close_lanes(g);
	json_begin(&j, '{');
	json_key(&j, "clock");
	json_str(&j, g->old_gil && !g->old_in_ns ? "ticks" : "ns");
	put_u64(&j, "start", t->start);
	put_u64(&j, "end", t->end);
	put_u64(&j, "events", t->events);
	put_u64(&j, "skipped_lines", 0);
	put_u64(&j, "lost_events", 0);
	json_key(&j, "truncated");
	json_bool(&j, false);
	put_u64(&j, "checks", g->old_gil ? g->last / g->interval : 0);
	json_key(&j, "threads");
	json_begin(&j, '[');
	for (uint32_t i = 0; i < g->n_threads; i++)
		if (t->lane[i].seen)
			put_lane(g, &j, i);
	json_end(&j, ']');
	json_end(&j, '}');
	buf_str(&b, "\n");
	if (buf_failed(&b)) {
		buf_release(&b);
		return err_memory(err, path);
	}
	r = outfile_open(&o, path, true, err);
	if (!r) {
		r = outfile_append(&o, b.data, b.len, err);
		if (!r)
			r = outfile_commit(&o, err);
		outfile_abort(&o);
	}
	buf_release(&b);
	return r;
}
