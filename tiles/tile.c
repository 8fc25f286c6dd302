/* tile.c - see tile.h */
#include "tile.h"

void pyramid_init(struct pyramid *p, uint64_t end, uint32_t n_lanes, uint32_t tile_width)
{
	*p = (struct pyramid){ .end = end, .tile_width = tile_width, .n_lanes = n_lanes };
	p->n_groups = n_lanes ? (n_lanes + LANES_PER_TILE - 1) / LANES_PER_TILE : 1;
	while (((uint64_t)tile_width << p->z_max) <= end)
		p->z_max++;
	while ((1u << p->z_offset) < p->n_groups)
		p->z_offset++;
}

uint64_t pyramid_addresses(const struct pyramid *p, unsigned z)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= z && i <= p->z_max; i++)
		if (__builtin_add_overflow(n, pyramid_tiles(p, i), &n))
			return UINT64_MAX;
	return __builtin_mul_overflow(n, p->n_groups, &n) ? UINT64_MAX : n;
}

/* The number of tiles in all zooms above z: (4^z - 1) / 3. */
static uint64_t id_base(unsigned z)
{
	return ((UINT64_C(1) << 2 * z) - 1) / 3;
}

/* Turns a quadrant's own coordinates into those of the curve inside it. */
static void rotate(uint32_t n, uint32_t *x, uint32_t *y, uint32_t rx, uint32_t ry)
{
	uint32_t t;

	if (ry)
		return;
	if (rx) {
		*x = n - 1 - *x;
		*y = n - 1 - *y;
	}
	t = *x;
	*x = *y;
	*y = t;
}

/*
 * Two zooms at a time: what rotate() does to all that is inside a quadrant is one of four things,
 * turned over (1) or not, exchanged (2) or not.  For each, by two bits of x and two of y: four bits
 * of the id, and what holds inside.
 */
uint64_t tile_id(unsigned z, uint32_t x, uint32_t y)
{
	static const uint8_t next[4][16] = {
		{ 0, 13, 18, 20, 6, 10, 31, 24, 59, 55, 34, 36, 60, 49, 47, 40 },
		{ 41, 46, 48, 61, 37, 35, 54, 58, 25, 30, 11, 7, 21, 19, 12, 1 },
		{ 2, 4, 57, 62, 15, 8, 53, 51, 16, 29, 32, 45, 22, 26, 38, 42 },
		{ 43, 39, 27, 23, 44, 33, 28, 17, 50, 52, 9, 14, 63, 56, 5, 3 },
	};
	/* of an odd z the first zoom is one that is not there */
	unsigned inside = (z & 1) << 1;
	uint64_t d = 0;

	for (int bit = (int)((z + 1) & ~1u) - 2; bit >= 0; bit -= 2) {
		unsigned found = next[inside][(x >> bit & 3) << 2 | (y >> bit & 3)];

		d = d << 4 | found >> 2;
		inside = found & 3;
	}
	return id_base(z) + d;
}

void tile_from_id(uint64_t id, unsigned *z, uint32_t *x, uint32_t *y)
{
	uint64_t d;

	*z = 0;
	while (id_base(*z + 1) <= id)
		++*z;
	d = id - id_base(*z);
	*x = *y = 0;
	for (uint32_t s = 1; s < 1u << *z; s <<= 1, d >>= 2) {
		uint32_t rx = 1 & (d >> 1), ry = 1 & (d ^ rx);

		rotate(s, x, y, rx, ry);
		*x += s * rx;
		*y += s * ry;
	}
}
