/*
 * Whatever a block of events holds once it is decompressed, its reader ends, within the block's
 * bounds; and who takes pairs at once reads the same events as who reads one by one.
 */
#define FUZZ_NAME "block"
#define FUZZ_DEFAULT_ROUNDS 4000
#include "fuzz/replay.h"

#include "internal.h"

enum { THREADS = 5, LOCKS = 2 };

/* Something of all events read, in which their order counts. */
struct digest { uint64_t n, sum; };

static void digest_event(struct digest *d, const struct block_symbol *s, uint64_t time)
{
	d->sum = (d->sum + (s->thread << 8 | s->kind) + 1) * 0x9e3779b97f4a7c15u + time;
	d->n++;
}

static struct digest read_all(struct block_reader *r, bool pairs, struct err *err)
{
	const struct block_symbol *s;
	struct digest d = { 0 };
	uint64_t signal;

	for (;;) {
		uint64_t time = r->time, t;
		uint32_t n;

		if (!pairs || !block_at_pairs(r)) {
			s = block_next(r, &signal, err);
			if (!s)
				return d;
			digest_event(&d, s, r->time);
			continue;
		}
		t = time + d.sum % (1 + (uint64_t)r->step * (r->pairs + 1));
		n = block_pairs_before(r, t);
		if (n > r->pairs || (n && time + (uint64_t)n * r->step >= t) ||
		    (n < r->pairs && time + (n + 1) * (uint64_t)r->step < t))
			abort();
		n = n ? n : r->pairs;
		for (uint32_t i = 0; i < n; i++) {
			digest_event(&d, &r->half[0], time += r->step);
			digest_event(&d, &r->half[1], time);
		}
		block_skip_pairs(r, n);
		if (r->time != time)
			abort();
	}
}

/* The first eight bytes: how many events and what time the index promises. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t perm[THREADS] = { 2, 0, 1, 4, 3 };
	struct block_bounds bounds = { .perm = perm, .n_threads = THREADS, .n_locks = LOCKS };
	struct block_reader r = { 0 };
	struct attr attrs[N_ATTRS];
	struct err err = { 0 };
	struct digest one_by_one, pairs;
	uint64_t time = 0, signal, n = 0;

	if (size < 8)
		return 0;
	bounds.n_events = (uint32_t)data[0] << 8 | data[1];
	bounds.begin = (uint64_t)data[2] << 8 | data[3];
	bounds.end = bounds.begin + ((uint64_t)data[4] << 24 | (uint64_t)data[5] << 16 |
				     (uint64_t)data[6] << 8 | data[7]);
	for (unsigned with_attrs = 0; with_attrs < 2; with_attrs++) {
		const struct block_symbol *s;

		err = (struct err){ 0 };
		if (block_open(&r, data + 8, size - 8, &bounds, &err)) {
			if (!err.msg[0])
				abort();
			continue;
		}
		time = bounds.begin;
		n = 0;
		while ((s = with_attrs ? block_next_attrs(&r, attrs, &err)
				       : block_next(&r, &signal, &err))) {
			if (s->thread >= THREADS || s->lock >= LOCKS || s->state >= N_STATES ||
			    s->n_attrs > N_ATTRS || r.time < time || r.time > bounds.end ||
			    ++n > bounds.n_events)
				abort();
			time = r.time;
		}
	}
	if (!block_open(&r, data + 8, size - 8, &bounds, &err)) {
		one_by_one = read_all(&r, false, &err);
		if (!block_open(&r, data + 8, size - 8, &bounds, &err))
			pairs = read_all(&r, true, &err);
		if (pairs.n != one_by_one.n || pairs.sum != one_by_one.sum)
			abort();
	}
	block_reader_release(&r);
	return 0;
}
