/*
 * owner.js - the row on top of a process: which thread holds its lock, as one line
 *
 * Each thread has a colour; a column stacks the shares of the threads that held the lock in it.  The shares are read
 * off the tiles' pixels; where those may not be read (pictures from file://) there is no such line.
 */
import * as grid from "./grid.js";
import { rgba } from "./png.js";
import { GAP } from "./raster.js";

/* Neighbours differ in hue and lightness; the same order in both themes. */
export const COLOURS = {
	light: ["#0b6e99", "#c2570c", "#5b4bb7", "#3f7d20", "#b3266b", "#8a6d00", "#1f8a8a", "#7a4b2a", "#4a5b8c", "#a13d3d"],
	dark: ["#4cc2ff", "#ff9d5c", "#a99bff", "#8fd460", "#ff86c0", "#f0cf4a", "#4fd6cf", "#d9a679", "#a3b6ea", "#ff8f87"],
};

export const colour_of = (lane, theme) => COLOURS[theme][lane % COLOURS[theme].length];

const HEIGHT = 24;		/* rows of an owner's tile */
const word = ([r, g, b]) => (r | g << 8 | b << 16 | 0xff << 24) >>> 0;
const known = new WeakMap();	/* of a tile's picture: read once */
let scratch = null;

/* How many rows of each lane and column show a held lock: Uint8Array[lane in the tile][column]. */
function held_rows(bitmap, n, lane_height, palette) {
	const held = new Set(["run", "acquire", "stall"].map((name) => word(rgba(palette[name])))), lost = word(rgba(palette.lost));

	scratch ||= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
	if (scratch.canvas.width !== bitmap.width || scratch.canvas.height < bitmap.height)
		Object.assign(scratch.canvas, { width: bitmap.width, height: bitmap.height });
	scratch.clearRect(0, 0, bitmap.width, bitmap.height);
	scratch.drawImage(bitmap, 0, 0);
	const px = new Uint32Array(scratch.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer), out = [];

	/* Holds are at the bottom of the stack, under the mark of what was lost. */
	for (let lane = 0; lane < n; lane++) {
		const rows = new Uint8Array(bitmap.width), first = lane * lane_height, last = first + lane_height - GAP - 1;

		for (let x = 0; x < bitmap.width; x++) {
			let y = last;

			while (y >= first && (held.has(px[y * bitmap.width + x]) || (px[y * bitmap.width + x] === lost && y > last - 2)))
				y--;
			if (y < last - 2 || held.has(px[last * bitmap.width + x]))
				rows[x] = last - y;
		}
		out.push(rows);
	}
	return out;
}

/*
 * The owner's picture of (z, x) for the lanes of a process, or null while a tile is missing or when the time `until`
 * is over: what was read so far is kept for the next try.  bitmap(a) gives a tile's picture.  n_locks locks share the height.
 */
export function strip(pyramid, z, x, lanes, n_locks, theme, bitmap, until) {
	const t = pyramid.trace, per = t.lanesPerTile, h = t.laneHeight - 2, tiles = new Map();

	for (const lane of lanes) {
		const y = Math.floor(lane / per);

		if (tiles.has(y))
			continue;
		const b = bitmap({ z, x, y });

		if (!b)
			return null;
		tiles.set(y, b);
	}
	for (const [y, b] of tiles) {
		if (!known.has(b))
			known.set(b, held_rows(b, pyramid.n_lanes(y), t.laneHeight, pyramid.palette()));
		tiles.set(y, known.get(b));
		if (performance.now() > until && [...tiles.values()].some((v) => !Array.isArray(v)))
			return null;
	}
	const canvas = new OffscreenCanvas(t.tileWidth, HEIGHT), image = new ImageData(t.tileWidth, HEIGHT);
	const px = new Uint32Array(image.data.buffer), height = new Float32Array(t.tileWidth);

	for (const lane of lanes) {
		const rows = tiles.get(Math.floor(lane / per))[lane % per], colour = word(rgba(colour_of(lane, theme)));

		for (let c = 0; c < t.tileWidth; c++) {
			if (!rows[c])
				continue;
			const from = height[c], to = Math.min(HEIGHT, from + rows[c] / (h * n_locks) * HEIGHT);

			for (let k = Math.round(from); k < Math.max(Math.round(to), Math.round(from) + 1) && k < HEIGHT; k++)
				px[(HEIGHT - 1 - k) * t.tileWidth + c] = colour;
			height[c] = to;
		}
	}
	canvas.getContext("2d").putImageData(image, 0, 0);
	return canvas.transferToImageBitmap();
}

export const strip_key = (process, z, x, theme) => `${theme}:${process}:${grid.key(z, x, 0)}`;
