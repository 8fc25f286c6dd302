/* plan.c - which jobs make a set of tiles, and how many tiles there are: see tiler.h */
#include <stdlib.h>
#include <string.h>

#include "tiler.h"

/*
 * Leaves of 256 events are drawn in no time at all.  In a large trace they are so many that each one's own
 * bytes, as a PNG, outweigh its events': then they may hold more.
 */
#define LEAVES_WISHED (UINT64_C(1) << 18)
#define LEAF_MAX (UINT64_C(1) << 16)

uint64_t tile_leaf_events(const struct pyramid *p, uint64_t n_events)
{
	uint64_t most = pyramid_addresses(p, p->z_max) / 10, leaf = 256;

	/*
	 * Where events are spread evenly, leaves hold between half of this and all of it, and there are as many
	 * tiles above them as leaves.
	 */
	if (most > LEAVES_WISHED)
		most = LEAVES_WISHED;
	while (most && leaf < LEAF_MAX && 4 * (n_events / leaf) > most)
		leaf *= 2;
	return leaf;
}

static int add_job(struct tile_plan *p, struct tile_job job, struct err *err)
{
	struct tile_job *q;
	size_t cap;

	if (p->n == p->cap) {
		cap = p->cap ? 2 * p->cap : 256;
		q = realloc(p->job, cap * sizeof(*q));
		if (!q)
			return err_memory(err, "the plan of a site");
		p->job = q;
		p->cap = cap;
	}
	p->job[p->n++] = job;
	return 0;
}

/* Whether the subtree at z is small enough to be made at once. */
static bool is_small(const struct tile_set *set, unsigned z, uint64_t events)
{
	unsigned depth = set->rule.z_limit - z;

	if (events > TILER_STRIP_EVENTS)
		return false;
	if (!set->rule.full)
		return true;
	return depth < 31 && ((UINT64_C(2) << depth) - 1) * set->pyramid.n_groups <= TILER_STRIP_TILES;
}

static int plan_below(struct tile_plan *p, const struct tile_set *set, unsigned z, uint64_t x,
		      struct err *err)
{
	uint64_t span = pyramid_span(&set->pyramid, z);
	uint64_t events = timeline_count_bound(set->tl, x * span, (x + 1) * span);
	struct tile_job job = { .x = x, .z = (uint8_t)z };

	job.subtree = is_small(set, z, events) || (z == set->rule.z_limit && !set->rule.cut);
	if (add_job(p, job, err))
		return -1;
	if (job.subtree || z == set->rule.z_limit)
		return 0;
	if (plan_below(p, set, z + 1, 2 * x, err))
		return -1;
	if (2 * x + 1 >= pyramid_tiles(&set->pyramid, z + 1))
		return 0;
	return plan_below(p, set, z + 1, 2 * x + 1, err);
}

int tile_plan_make(struct tile_plan *p, const struct tile_set *set, struct err *err)
{
	*p = (struct tile_plan){ 0 };
	if (plan_below(p, set, 0, 0, err)) {
		tile_plan_release(p);
		return -1;
	}
	return 0;
}

void tile_plan_release(struct tile_plan *p)
{
	free(p->job);
	*p = (struct tile_plan){ 0 };
}

/* --- counting --------------------------------------------------------------------------------------- */

/* Counts without drawing: a tile's columns are the tiles that lie log2(width) zooms deeper. */
struct counter {
	const struct tile_set *set;
	struct timeline_cursor *cursor;
	struct timeline_bin *bins;	/* LANES_PER_TILE * width */
	uint8_t *code;			/* the same: the state of a lane that is constant, or MIXED */
	uint64_t n, max;
};

enum { MIXED = N_STATES };

static uint8_t bin_code(const struct timeline_bin *b, uint64_t width)
{
	if (b->events)
		return MIXED;
	if (!(b->run | b->stall | b->wait | b->signal))
		return STATE_IDLE;
	return b->run == width ? STATE_RUN : b->stall == width ? STATE_STALL :
	       b->wait == width ? STATE_WAIT : b->signal == width ? STATE_SIGNAL : MIXED;
}

/* Whether, of n_lanes lanes with `width` codes each, any is mixed at place i. */
static bool is_mixed(const uint8_t *code, uint32_t width, unsigned n_lanes, uint32_t i)
{
	for (unsigned l = 0; l < n_lanes; l++)
		if (code[(size_t)l * width + i] == MIXED)
			return true;
	return false;
}

/* Halves the number of places, n of each lane: two that are constant alike make one that is. */
static void fold_codes(uint8_t *code, uint32_t width, unsigned n_lanes, uint32_t n)
{
	for (unsigned l = 0; l < n_lanes; l++) {
		uint8_t *k = code + (size_t)l * width;

		for (uint32_t i = 0; i < n / 2; i++)
			k[i] = k[2 * i] == k[2 * i + 1] ? k[2 * i] : MIXED;
	}
}

/* Adds the stored tiles below (z, x) of group y, which is stored itself and was counted. */
static int count_below(struct counter *c, unsigned z, uint64_t x, uint32_t y, struct err *err)
{
	const struct pyramid *p = &c->set->pyramid;
	uint32_t width = p->tile_width, n_lanes = pyramid_lanes(p, y);
	unsigned level = pyramid_level(p, z), steps = (unsigned)__builtin_ctz(width);
	bool *deeper = calloc(width, sizeof(*deeper));
	int ret = -1;

	if (!deeper)
		return err_memory(err, "counting tiles");
	if (timeline_bins(c->cursor, level, x * width, width, y * LANES_PER_TILE, n_lanes, c->bins, err))
		goto out;
	for (size_t i = 0; i < (size_t)n_lanes * width; i++)
		c->code[i] = bin_code(&c->bins[i], UINT64_C(1) << level);
	for (uint32_t i = 0; i < width; i++)
		deeper[i] = is_mixed(c->code, width, n_lanes, i);
	for (unsigned k = steps; k-- > 0;) {		/* tiles k zooms below z, and their children */
		fold_codes(c->code, width, n_lanes, 2u << k);
		if (z + k >= c->set->rule.z_limit)
			continue;
		for (uint32_t i = 0; i < 1u << k; i++)
			if (is_mixed(c->code, width, n_lanes, i))
				for (unsigned child = 0; child < 2; child++)
					c->n += pyramid_has(p, z + k + 1,
							    (((x << k) + i) << 1) + child, y);
	}
	ret = 0;
	for (uint32_t i = 0; !ret && i < width && c->n <= c->max && z + steps < c->set->rule.z_limit; i++)
		if (deeper[i])
			ret = count_below(c, z + steps, (x << steps) + i, y, err);
out:
	free(deeper);
	return ret;
}

int tile_count_exceeds(const struct tile_set *set, uint64_t max, struct err *err)
{
	struct counter c = { .set = set, .max = max, .n = set->pyramid.n_groups };
	size_t n = (size_t)LANES_PER_TILE * set->pyramid.tile_width;
	int ret = 0;

	if (pyramid_addresses(&set->pyramid, set->rule.z_limit) <= max)
		return 0;
	if (set->rule.full)
		return 1;
	c.cursor = timeline_cursor_new(set->tl, err);
	c.bins = calloc(n, sizeof(*c.bins));
	c.code = calloc(n, 1);
	if (!c.cursor || !c.bins || !c.code)
		ret = err_memory(err, "counting tiles");
	for (uint32_t y = 0; !ret && y < set->pyramid.n_groups && c.n <= max; y++)
		ret = count_below(&c, 0, 0, y, err);
	timeline_cursor_free(c.cursor);
	free(c.bins);
	free(c.code);
	return ret ? ret : c.n > max;
}
