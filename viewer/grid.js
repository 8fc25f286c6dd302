/*
 * grid.js - which tiles show a viewport, in which order, and what stands in for one that is not there; pure
 *
 * A grid is a trace of the manifest: {zMax, tileWidth, end, lanes, lanesPerTile, depth, stored}.
 */

export const unit = (g, z) => 2 ** (g.zMax - z);			/* clock units per pixel of a tile */
export const tile_span = (g, z) => g.tileWidth * unit(g, z);
export const tile_from = (g, z, x) => x * tile_span(g, z);
/* Those that begin no later than the trace ends: its last event lies at the end itself. */
export const n_tiles = (g, z) => Math.floor(g.end / tile_span(g, z)) + 1;
export const n_groups = (g) => Math.max(1, Math.ceil(g.lanes.length / g.lanesPerTile));
export const key = (z, x, y) => `${z}/${x}/${y}`;

/*
 * A tile's pixel is never narrower than the screen's: nothing is left out between two columns.  So a column is
 * one to two device pixels wide.
 */
export function level(g, units_per_px) {
	const z = g.zMax - Math.ceil(Math.log2(Math.max(units_per_px, 1)) - 1e-9);

	return Math.min(Math.max(z, 0), g.zMax);
}

/* The addresses at level z that touch [from, to), those in the middle first. */
export function wanted(g, z, from, to, groups) {
	const span = tile_span(g, z), last = n_tiles(g, z) - 1;
	const x0 = Math.max(0, Math.floor(from / span)), x1 = Math.min(last, Math.ceil(to / span) - 1);
	const middle = (from + to) / 2 / span - 0.5, out = [];

	for (let x = x0; x <= x1; x++)
		for (const y of groups)
			out.push({ z, x, y });
	return out.sort((a, b) => Math.abs(a.x - middle) - Math.abs(b.x - middle) || a.y - b.y);
}

/* x / 2^n: x can pass 2^31, where the shift operators end. */
export const up = ({ z, x, y }, n) => ({ z: z - n, x: Math.floor(x / 2 ** n), y });

/*
 * Whether the manifest lists the address: true or false, or null where it does not say.  With nothing to
 * say, every address of a full or served pyramid is there.
 */
export function listed(g, { z, x, y }) {
	if (z < 0 || z > g.zMax || x < 0 || x >= n_tiles(g, z))
		return false;
	if (g.stored) {
		const runs = g.stored[z]?.[y] || [];

		for (let i = 0; i + 1 < runs.length; i += 2)
			if (x >= runs[i] && x < runs[i] + runs[i + 1])
				return true;
		return false;
	}
	return g.depth === "full" || g.store === "server" ? true : null;
}

/*
 * The deepest stored address at or above a: a pyramid is closed upward, so halving finds it.  probe(a) answers
 * a promise of true or false, and is asked about the address itself first, as it is the likeliest.
 */
export async function deepest(a, known_z, probe) {
	if (await probe(a))
		return a;
	let lo = known_z, hi = a.z;		/* lo is there (or -1: nothing known), hi is not */

	while (hi - lo > 1) {
		const mid = (lo + hi) >> 1;

		if (await probe(up(a, a.z - mid)))
			lo = mid;
		else
			hi = mid;
	}
	return lo < 0 ? null : up(a, a.z - lo);
}
