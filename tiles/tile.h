/*
 * tile.h - where a tile is: (z, x, y), and the span of time that it shows
 *
 *   z 0      |                  x 0                  |	one tile shows everything
 *   z 1      |        x 0        |        x 1        |
 *   z_max    | x 0 | x 1 | ...                             one pixel is one clock unit
 *
 * A pyramid in time only: y is a group of LANES_PER_TILE lanes, and is the same at every z.  At
 * zoom z a pixel is 2^(z_max - z) clock units wide.  A tile exists where it begins no later than
 * the trace ends, so the last event, which lies at the end itself, is always in one.
 */
#ifndef GILSCOPE_TILE_H
#define GILSCOPE_TILE_H

#include <stdbool.h>
#include <stdint.h>

#define LANES_PER_TILE 8

struct pyramid {
	uint64_t end;			/* the trace's length in clock units */
	uint32_t tile_width;		/* pixels; a power of two */
	uint32_t n_lanes;
	uint32_t n_groups;		/* of lanes: y < n_groups; at least 1 */
	unsigned z_max;			/* the zoom at which a pixel is one clock unit */
	/* least with 2^z_offset >= n_groups: PMTiles wants y < 2^z */
	unsigned z_offset;
};

/* end below 2^62, tile_width a power of two. */
void pyramid_init(struct pyramid *p, uint64_t end, uint32_t n_lanes, uint32_t tile_width);

/* log2 of the clock units in one pixel of zoom z. */
static inline unsigned pyramid_level(const struct pyramid *p, unsigned z)
{
	return p->z_max - z;
}

/* Clock units in one tile of zoom z. */
static inline uint64_t pyramid_span(const struct pyramid *p, unsigned z)
{
	return (uint64_t)p->tile_width << (p->z_max - z);
}

/* How many tiles zoom z has in one group: x is below it. */
static inline uint64_t pyramid_tiles(const struct pyramid *p, unsigned z)
{
	return p->end / pyramid_span(p, z) + 1;
}

static inline bool pyramid_has(const struct pyramid *p, unsigned z, uint64_t x, uint64_t y)
{
	return z <= p->z_max && y < p->n_groups && x < pyramid_tiles(p, z);
}

/* Lanes of group y. */
static inline uint32_t pyramid_lanes(const struct pyramid *p, uint32_t y)
{
	uint32_t rest = p->n_lanes - y * LANES_PER_TILE;

	return rest < LANES_PER_TILE ? rest : LANES_PER_TILE;
}

/* Every address from z 0 down to z, all groups; saturates at UINT64_MAX. */
uint64_t pyramid_addresses(const struct pyramid *p, unsigned z);

/*
 * The PMTiles number of a tile: those of all lower zooms first, then along a Hilbert curve
 * (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md).  z at most TILE_ID_MAX_Z, x and
 * y < 2^z.
 */
#define TILE_ID_MAX_Z 26	/* where today's readers stop: ids stay below 2^53 */
uint64_t tile_id(unsigned z, uint32_t x, uint32_t y);
void tile_from_id(uint64_t id, unsigned *z, uint32_t *x, uint32_t *y);

#endif
