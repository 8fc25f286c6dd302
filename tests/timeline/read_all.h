/*
 * read_all.h - asks a timeline everything there is to ask, and hashes the answers
 *
 * For the damage tests and the fuzz target: two timelines that answer alike have the same hash.
 */
#ifndef GILSCOPE_TESTS_READ_ALL_H
#define GILSCOPE_TESTS_READ_ALL_H

#include <stdlib.h>
#include <string.h>

#include "timeline.h"

enum { READ_ALL_BINS = 64, READ_ALL_LANES = 64 };

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static inline uint64_t mix_text(uint64_t hash, const char *s)
{
	for (; *s; s++)
		hash = mix(hash, (unsigned char)*s);
	return mix(hash, 256);
}

static int hash_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	uint64_t *hash = ctx;

	*hash = mix(*hash, e->time);
	*hash = mix(*hash, (uint64_t)e->thread << 32 | (uint64_t)e->lock << 16 | e->kind);
	*hash = mix(*hash, (uint64_t)e->state << 8 | e->flags);
	for (unsigned i = 0; i < e->n_attrs; i++)
		*hash = mix(mix(*hash, attrs[i].id), (uint64_t)attrs[i].value);
	return 0;
}

static int hash_period(void *ctx, const struct period *p)
{
	uint64_t *hash = ctx;

	*hash = mix(mix(*hash, p->begin), p->end);
	*hash = mix(*hash, (uint64_t)p->thread << 32 | (uint64_t)p->lock << 8 | p->state);
	*hash = mix(mix(*hash, p->since), (uint64_t)p->func);
	return 0;
}

static inline uint64_t hash_bin(uint64_t hash, const struct timeline_bin *b)
{
	const uint64_t value[] = { b->run,	b->stall,    b->wait,	b->signal, b->max_wait,
				   b->acquires, b->releases, b->busy,	b->retry,  b->timeouts,
				   b->switches, b->lost,     b->events, b->checks };

	for (unsigned i = 0; i < sizeof(value) / sizeof(*value); i++)
		hash = mix(hash, value[i]);
	return hash;
}

/* The part that needs no cursor. */
static inline uint64_t hash_facts(const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);
	uint64_t hash = mix_text(info->version, info->title);

	hash = mix(mix(mix(hash, info->clock), info->origin), info->end);
	hash = mix(mix(mix(hash, info->events), info->skipped_lines), info->lost_events);
	hash = mix(mix(mix(hash, info->truncated), info->checks), info->check_interval);
	for (uint32_t i = 0; i < info->n_threads; i++) {
		const struct timeline_thread *t = timeline_thread(tl, i);

		hash = mix_text(mix_text(hash, t->id), t->name);
		hash = mix(mix(mix(hash, t->process), t->first), t->last);
		for (unsigned s = 0; s < N_STATES; s++)
			hash = mix(hash, t->time[s]);
		hash = mix(mix(mix(hash, t->events), t->acquires), t->releases);
		hash = mix(mix(mix(hash, t->lost_acquires), t->lost_releases), t->lost_events);
		hash = mix(mix(mix(hash, t->busy), t->retry), t->timeouts);
		hash = mix(mix(mix(hash, t->drop_requests), t->switches), t->forced_switches);
		hash = mix(mix(mix(hash, t->waits), t->max_wait), t->max_run);
		hash = mix(mix(hash, t->max_wait_at), t->max_run_at);
		for (unsigned h = 0; i < info->n_lanes && h < N_HISTS; h++)
			hash = mix(hash, timeline_quantile(tl, (enum timeline_hist)h, i, 0.99));
	}
	for (uint32_t i = 0; i < info->n_processes; i++) {
		const struct timeline_process *p = timeline_process(tl, i);

		hash = mix_text(mix(mix(hash, (uint64_t)p->pid), (uint64_t)p->ppid), p->name);
	}
	for (uint32_t i = 0; i < info->n_locks; i++) {
		const struct timeline_lock *l = timeline_lock(tl, i);

		hash = mix(mix(mix_text(mix_text(hash, l->id), l->name), l->process), l->kind);
	}
	for (uint32_t i = 0; i < info->n_funcs; i++)
		hash = mix(mix_text(mix_text(hash, timeline_func(tl, i)->name),
				    timeline_func(tl, i)->file),
			   timeline_func(tl, i)->line);
	for (uint32_t i = 0; i < info->n_facts; i++)
		hash = mix_text(mix_text(hash, timeline_fact(tl, i)->key),
				timeline_fact(tl, i)->value);
	for (unsigned h = 0; h < N_HISTS; h++)
		hash = mix(hash, timeline_quantile(tl, (enum timeline_hist)h, NO_THREAD, 0.5));
	return hash;
}

/* Returns 0 with *hash set, or -1 with *err set by the first call that failed. */
static inline int read_all(struct timeline *tl, uint64_t *hash, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	uint32_t n_lanes = info->n_lanes < READ_ALL_LANES ? info->n_lanes : READ_ALL_LANES;
	struct timeline_bin *bins = calloc((size_t)READ_ALL_BINS * READ_ALL_LANES, sizeof(*bins));
	struct lane_state states[READ_ALL_LANES] = { { 0 } };
	struct timeline_cursor *c = NULL;
	uint64_t limit = info->end == UINT64_MAX ? info->end : info->end + 1;
	int r = -1;

	if (timeline_load_hists(tl, err))
		goto out;
	*hash = hash_facts(tl);
	if (!bins) {
		err_memory(err, "test bins");
		goto out;
	}
	c = timeline_cursor_new(tl, err);
	if (!c)
		goto out;
	if (timeline_events(c, 0, limit, hash_event, hash, err) ||
	    timeline_periods(c, 0, limit, hash_period, hash, err))
		goto out;
	for (unsigned level = 0; level <= 62; level += 3) {
		uint64_t last = info->end >> level;
		uint64_t first[] = { 0, last / 2,
				     last > READ_ALL_BINS / 2 ? last - READ_ALL_BINS / 2 : 0 };

		for (unsigned i = 0; i < 3 && n_lanes; i++) {
			if (timeline_bins(c, level, first[i], READ_ALL_BINS, 0, n_lanes, bins, err))
				goto out;
			for (uint32_t k = 0; k < READ_ALL_BINS * n_lanes; k++)
				*hash = hash_bin(*hash, &bins[k]);
		}
	}
	for (unsigned i = 0; i < 8 && n_lanes; i++) {
		uint64_t from = info->end / 8 * i, to = from + info->end / (i + 1) + 1;

		if (timeline_sum(c, from, to, 0, n_lanes, bins, err) ||
		    timeline_states_at(c, from, 0, n_lanes, states, err))
			goto out;
		for (uint32_t k = 0; k < n_lanes; k++) {
			*hash = hash_bin(*hash, &bins[k]);
			*hash = mix(mix(mix(*hash, states[k].state), states[k].lock),
				    states[k].since);
		}
		*hash = mix(*hash, timeline_count_bound(tl, from, to));
	}
	r = 0;
out:
	timeline_cursor_free(c);
	free(bins);
	return r;
}

#endif
