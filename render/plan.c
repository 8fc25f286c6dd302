/* plan.c - which jobs make a set of tiles, and how many tiles there are: see tiler.h */
#include <stdlib.h>
#include <string.h>

#include "tiler.h"

/*
 * Leaves of 256 events are drawn in no time at all.  In a large trace they are so many that each
 * one's own bytes, as a PNG, outweigh its events': then they may hold more.
 */
#define LEAVES_WISHED (UINT64_C(1) << 18)
#define LEAF_MAX (UINT64_C(1) << 16)

uint64_t tile_leaf_events(const struct pyramid *p, uint64_t n_events)
{
	uint64_t most = pyramid_addresses(p, p->z_max) / 10, leaf = 256;

	/*
	 * Where events are spread evenly, leaves hold between half of this and all of it, and there
	 * are as many tiles above them as leaves.
	 */
	if (most > LEAVES_WISHED)
		most = LEAVES_WISHED;
	while (most && leaf < LEAF_MAX && 4 * (n_events / leaf) > most)
		leaf *= 2;
	return leaf;
}

unsigned tile_bright_level(const struct pyramid *p, struct timeline *tl)
{
	uint64_t most = 0, held = 0, apart;
	unsigned level = 0;

	for (uint32_t i = 0; i < p->n_lanes; i++) {
		const struct timeline_thread *t = timeline_thread(tl, i);

		most = t->acquires > most ? t->acquires : most;
		held |= t->time[STATE_RUN] | t->time[STATE_STALL];
	}
	if (!held)
		return p->z_max;
	apart = most ? p->end / most / 4 : p->end;
	while (level < p->z_max && apart >> (level + 1))
		level++;
	return level;
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
	return depth < 31 &&
	       ((UINT64_C(2) << depth) - 1) * set->pyramid.n_groups <= TILER_STRIP_TILES;
}

static int plan_below(struct tile_plan *p, const struct tile_set *set, unsigned z, uint64_t x,
		      struct err *err)
{
	uint64_t span = pyramid_span(&set->pyramid, z);
	uint64_t events = timeline_count_about(set->tl, x * span, (x + 1) * span);
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

/* --- counting --------------------------------------------------------------------------------- */

/*
 * Counts without drawing: a tile's columns are the tiles that lie log2(width) zooms deeper.  Two
 * rules are counted at once, zoom by zoom: children until lanes are constant (`fine`), and children
 * until few events are left (`leaves`), whose tiles are some of the former.  With rule.fine = f the
 * tiles are fine[z] up to f and leaves[z] below it.
 */
struct counter {
	const struct tile_set *set;
	struct timeline_cursor *cursor;
	struct timeline_bin *bins;	/* LANES_PER_TILE * width */
	/* the same: the state of a lane that is constant, or MIXED */
	uint8_t *code;
	uint64_t max;
	uint64_t fine[64], leaves[64];	/* by zoom, which is at most 62 */
	uint64_t n_fine;		/* fine[0] to fine[best]: at most max, or best is 0 */
	uint64_t n_leaves;		/* all of leaves[] */
	/* the largest f that is still possible; deeper fine[] are not counted */
	unsigned best;
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
static void fold(uint8_t *code, uint64_t *events, uint32_t width, unsigned n_lanes, uint32_t n)
{
	for (unsigned l = 0; l < n_lanes; l++) {
		uint8_t *k = code + (size_t)l * width;

		for (uint32_t i = 0; i < n / 2; i++)
			k[i] = k[2 * i] == k[2 * i + 1] ? k[2 * i] : MIXED;
	}
	for (uint32_t i = 0; i < n / 2; i++)
		events[i] = events[2 * i] + events[2 * i + 1];
}

/*
 * n tiles of zoom z that are stored while lanes are not constant: what is too much makes `best`
 * shallower.
 */
static void count_fine(struct counter *c, unsigned z, unsigned n)
{
	if (z > c->best)
		return;
	c->fine[z] += n;
	c->n_fine += n;
	while (c->n_fine > c->max && c->best)
		c->n_fine -= c->fine[c->best--];
}

/* The children of tile (z, x): those that either rule stores. */
static void count_children(struct counter *c, unsigned z, uint64_t x, uint32_t y, bool mixed,
			   uint64_t events)
{
	const struct pyramid *p = &c->set->pyramid;
	unsigned n = 0;

	if (!mixed || z >= c->set->rule.z_limit)
		return;
	for (unsigned child = 0; child < 2; child++)
		n += pyramid_has(p, z + 1, 2 * x + child, y);
	count_fine(c, z + 1, n);
	if (events > c->set->rule.leaf_events) {
		c->leaves[z + 1] += n;
		c->n_leaves += n;
	}
}

/* Adds the stored tiles below (z, x) of group y, which is stored itself and was counted. */
static int count_below(struct counter *c, unsigned z, uint64_t x, uint32_t y, struct err *err)
{
	const struct tile_rule *rule = &c->set->rule;
	const struct pyramid *p = &c->set->pyramid;
	uint32_t width = p->tile_width, n_lanes = pyramid_lanes(p, y);
	unsigned level = pyramid_level(p, z), steps = (unsigned)__builtin_ctz(width);
	bool *deeper = calloc(width, sizeof(*deeper)), *dense = calloc(width, sizeof(*dense));
	uint64_t *events = calloc(width, sizeof(*events));
	int ret = -1;

	if (!deeper || !dense || !events) {
		err_memory(err, "counting tiles");
		goto out;
	}
	if (timeline_bins(c->cursor, level, x * width, width, y * LANES_PER_TILE, n_lanes, c->bins,
			  err))
		goto out;
	for (size_t i = 0; i < (size_t)n_lanes * width; i++) {
		c->code[i] = bin_code(&c->bins[i], UINT64_C(1) << level);
		events[i % width] += c->bins[i].events;
	}
	for (uint32_t i = 0; i < width; i++) {
		deeper[i] = is_mixed(c->code, width, n_lanes, i);
		dense[i] = events[i] > rule->leaf_events;
	}
	/* tiles k zooms below z, and their children */
	for (unsigned k = steps; k-- > 0;) {
		fold(c->code, events, width, n_lanes, 2u << k);
		for (uint32_t i = 0; i < 1u << k; i++)
			count_children(c, z + k, (x << k) + i, y,
				       is_mixed(c->code, width, n_lanes, i), events[i]);
	}
	ret = 0;
	for (uint32_t i = 0;
	     !ret && i < width && z + steps < rule->z_limit && c->n_leaves <= c->max; i++)
		if (dense[i] || (deeper[i] && z + steps < c->best))
			ret = count_below(c, z + steps, (x << steps) + i, y, err);
out:
	free(events);
	free(dense);
	free(deeper);
	return ret;
}

int tile_count_fine(const struct tile_set *set, uint64_t max, unsigned *fine, struct err *err)
{
	struct counter c = { .set = set, .max = max, .best = set->rule.z_limit };
	size_t n = (size_t)LANES_PER_TILE * set->pyramid.tile_width;
	uint64_t all;
	int ret = 0;

	*fine = 0;
	c.cursor = timeline_cursor_new(set->tl, err);
	c.bins = calloc(n, sizeof(*c.bins));
	c.code = calloc(n, 1);
	if (!c.cursor || !c.bins || !c.code)
		ret = err_memory(err, "counting tiles");
	c.leaves[0] = c.n_leaves = set->pyramid.n_groups;
	for (uint32_t y = 0; !ret && y < set->pyramid.n_groups && c.n_leaves <= max; y++) {
		count_fine(&c, 0, 1);
		ret = count_below(&c, 0, 0, y, err);
	}
	timeline_cursor_free(c.cursor);
	free(c.bins);
	free(c.code);
	if (ret || c.n_leaves > max)
		return ret;
	/*
	 * Zoom by zoom, more of them: fine[0] is leaves[0], and no fine[z] is less than leaves[z].
	 */
	all = c.n_leaves;
	for (unsigned z = 1; z <= c.best; z++) {
		all += c.fine[z] - c.leaves[z];
		if (all > max)
			break;
		*fine = z;
	}
	return 1;
}
