/*
 * raster.js - a leaf's periods as the pixels of any tile below it, by the renderer's own rules (render/column.c)
 *
 * A lane is laneHeight rows, of which the two lowest are the gap between lanes.  In the others: RETRY from the top,
 * BUSY below it, and from the bottom each column's shares of run, stall, signal and wait.  Where something was
 * lost, the two lowest rows say so.
 */
import { ACQUIRE, BUSY, F_LOST_ACQUIRE, F_LOST_RELEASE, F_SWITCH, LOST, RETRY, RUN, SIGNAL, STALL, WAIT, periods } from "./figures.js";

export const GAP = 2;
const rest = [0, 0, 0, 0, 0];
export const STACK = [RUN, STALL, SIGNAL, WAIT];	/* from the bottom; idle is the rest */

/*
 * How many of h rows each part of the stack gets, out[STACK.length] idle: whole rows first, then one more for the
 * largest remainders (of equals the lower part); and whatever has any time, or an ACQUIRE, gets its row at the cost of the
 * highest.
 */
export function share_rows(times, acquires, width, h, out) {
	const n = STACK.length;
	let left = width, given = 0;

	for (let i = 0; i <= n; i++) {
		const part = i < n ? Math.min(times[i], left) : left, scaled = part * h;

		left -= part;
		out[i] = Math.floor(scaled / width);
		rest[i] = scaled % width;
		given += out[i];
	}
	for (; given < h; given++) {
		let best = 0;

		for (let i = 1; i <= n; i++)
			if (rest[i] > rest[best])
				best = i;
		out[best]++;
		rest[best] = 0;
	}
	for (let i = 0; i < n; i++) {
		let top = 0;

		if (out[i] || !(times[i] || (!i && acquires)))
			continue;
		for (let k = 1; k <= n; k++)
			if (out[k] > out[top])
				top = k;
		out[top]--;
		out[i]++;
	}
	return out;
}

/* The rows of a mark that stands for n events: an eighth of the lane for one, more by the logarithm. */
export const mark_rows = (n, h, most) =>
	n ? Math.min(most, Math.max(1, Math.floor(h / 8)) + Math.floor((31 - Math.clz32(n)) * h / 32)) : 0;

/*
 * Columns of tile (from, unit clock units per pixel) for one lane of a leaf, into out: per column
 * {times: [per STACK], acquire, switch, busy, retry, lost}.  Reused between lanes: see Columns.
 */
export class Columns {
	constructor(width) {
		this.width = width;
		this.times = STACK.map(() => new Float64Array(width));
		this.acquire = new Uint32Array(width);
		this.switch = new Uint32Array(width);
		this.busy = new Uint32Array(width);
		this.retry = new Uint32Array(width);
		this.lost = new Uint32Array(width);
	}

	fill(leaf, lane, from, unit, end) {
		for (const a of [...this.times, this.acquire, this.switch, this.busy, this.retry, this.lost])
			a.fill(0);
		const to = from + this.width * unit;

		for (const p of periods(leaf, end)[lane])
			if (p.begin < to && p.end > from)
				this.span(STACK.indexOf(p.state), Math.max(p.begin, from) - from, Math.min(p.end, to) - from, unit);
		for (const e of leaf.records)
			if (e.lane === lane && e.t >= from && e.t < to)
				this.mark(e, Math.floor((e.t - from) / unit));
	}

	span(i, a, b, unit) {
		if (i < 0)
			return;
		const first = Math.floor(a / unit), last = Math.min(this.width - 1, Math.floor((b - 1) / unit)), times = this.times[i];

		for (let c = first; c <= last; c++)
			times[c] += Math.min(b, (c + 1) * unit) - Math.max(a, c * unit);
	}

	mark(e, c) {
		if (e.kind === ACQUIRE) {
			this.acquire[c]++;
			this.switch[c] += e.flags & F_SWITCH;
		} else if (e.kind === BUSY)
			this.busy[c]++;
		else if (e.kind === RETRY)
			this.retry[c]++;
		if (e.kind === LOST || e.flags & (F_LOST_ACQUIRE | F_LOST_RELEASE))
			this.lost[c]++;
	}
}

/* A colour as the little-endian word that lies in ImageData. */
const word = ([r, g, b, a]) => (r | g << 8 | b << 16 | a << 24) >>> 0;

/*
 * The tile's pixels as a Uint32Array of width times laneHeight * lanes.  colours: {run: [r, g, b, a], ...}.  far: only an
 * ACQUIRE from another thread is bright.
 */
export function draw(leaf, n_lanes, from, unit, width, lane_height, end, colours, far = false) {
	const h = lane_height - GAP, pixels = new Uint32Array(width * lane_height * n_lanes);
	const columns = new Columns(width), count = new Array(STACK.length + 1), times = new Array(STACK.length);
	const c = Object.fromEntries(Object.entries(colours).map(([name, v]) => [name, word(v)]));
	const paint = [c.run, c.stall, c.signal, c.wait];
	const fill = (x, y, n, value) => {
		for (let i = 0; i < n; i++)
			pixels[(y + i) * width + x] = value;
	};

	for (let lane = 0; lane < n_lanes; lane++) {
		const top = lane * lane_height;

		columns.fill(leaf, lane, from, unit, end);
		for (let x = 0; x < width; x++) {
			const acquires = columns.acquire[x];
			let y = top + h;

			for (let i = 0; i < STACK.length; i++)
				times[i] = columns.times[i][x];
			paint[0] = (far ? columns.switch[x] : acquires) ? c.acquire : c.run;
			const alone = times.indexOf(unit);	/* most columns are of one state */

			if (alone >= 0 && (!alone || !acquires)) {
				fill(x, top, h, paint[alone]);
			} else if (acquires || times[0] || times[1] || times[2] || times[3]) {
				share_rows(times, acquires, unit, h, count);
				for (let i = 0; i < STACK.length; i++)
					fill(x, y -= count[i], count[i], paint[i]);
			}
			if (columns.lost[x])
				fill(x, top + h - 2, 2, c.lost);
			const retry = mark_rows(columns.retry[x], h, Math.floor(h / 2));

			fill(x, top + retry, mark_rows(columns.busy[x], h, Math.floor(h / 3)), c.busy);
			fill(x, top, retry, c.retry);
		}
	}
	return pixels;
}
