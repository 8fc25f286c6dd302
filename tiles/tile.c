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

uint64_t tile_id(unsigned z, uint32_t x, uint32_t y)
{
	uint64_t d = 0;

	for (uint32_t s = z ? 1u << (z - 1) : 0; s; s >>= 1) {
		uint32_t rx = !!(x & s), ry = !!(y & s);

		d += (uint64_t)s * s * ((3 * rx) ^ ry);
		x &= s - 1;
		y &= s - 1;
		rotate(s, &x, &y, rx, ry);
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
