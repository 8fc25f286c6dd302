/*
 * pyramid.js - a trace's tiles: fetched, kept, made from a leaf's events where none is stored; and exact
 * figures for any range, by walking down to where its edges lie
 *
 * A tile here is {a: address, bitmap, figures}: figures as figures.js parses them, or null (a picture alone).
 */
import { Cache } from "./cache.js";
import * as figures from "./figures.js";
import * as grid from "./grid.js";
import { find_chunk, recolour, rgba } from "./png.js";
import { draw } from "./raster.js";

const PARALLEL = 12;			/* requests at a time: HTTP/1.1 allows six, HTTP/2 more */
const BITMAP_BYTES = 192 << 20;		/* of decoded pictures; a screen of 2560x1440 needs some 40 MiB */
const N_FIGURES = 6000;			/* parsed chunks: some 300 records each at most */
const N_ABSENT = 20000;
const RETRY_MS = 4000;

export class Pyramid {
	constructor(trace, source) {
		this.trace = trace;
		this.source = source;
		this.theme = trace.theme;
		this.bitmaps = new Cache(BITMAP_BYTES, (b) => b.image.close?.());
		this.figures = new Cache(N_FIGURES);
		this.absent = new Cache(N_ABSENT);
		this.waiting = new Map();	/* key -> {a, promise, stop, users} */
		this.queue = [];
		this.running = 0;
		this.on_tile = () => {};	/* something new can be drawn */
		this.on_error = () => {};
		this.failed = new Map();	/* key -> when: asked again after a pause */
		this.broken = false;		/* the host cannot serve this site: nothing more is asked */
		this.fetched = 0;
	}

	get readable() {
		return !this.source.pictures;
	}

	n_lanes(y) {
		return Math.min(this.trace.lanesPerTile, this.trace.lanes.length - y * this.trace.lanesPerTile);
	}

	set_theme(theme) {
		if (theme === this.theme || !this.readable)
			return;
		this.theme = theme;
		this.bitmaps.clear();
	}

	palette(theme = this.theme) {
		return this.trace.palettes?.[theme] || this.trace.palette;
	}

	/* The first ancestor-or-self of which something is known, going up. */
	above(a, known) {
		for (let n = 0; n <= a.z; n++) {
			const b = grid.up(a, n), found = known(grid.key(b.z, b.x, b.y));

			if (found)
				return { a: b, found };
		}
		return null;
	}

	/*
	 * What to draw for address a now: {a, bitmap} of itself or of an ancestor, or null.  `missing` is what to fetch for
	 * better; `make` says that the tile can be made here from events, which costs a millisecond (made()).
	 */
	look(a) {
		const own = this.bitmaps.get(grid.key(a.z, a.x, a.y));

		if (own)
			return { shown: { a, bitmap: own.image }, missing: null, make: null };
		const shown = this.above(grid.up(a, 1), (k) => this.bitmaps.get(k));
		const leaf = this.above(a, (k) => this.figures.get(k));
		const out = { shown: shown && { a: shown.a, bitmap: shown.found.image }, missing: null, make: null };

		if (leaf?.found.leaf && leaf.a.z < a.z)
			out.make = leaf.found.leaf;
		else if (leaf && leaf.a.z < a.z && !leaf.found.children && shown?.a.z === leaf.a.z)
			return out;			/* constant: its picture, stretched, is right */
		else
			out.missing = this.stored_at(a);
		if (out.missing && shown && shown.a.z >= out.missing.z)
			out.missing = null;
		return out;
	}

	/* The address to fetch for a: itself, or the deepest above it that the manifest or an answer allows. */
	stored_at(a) {
		for (let b = a; b.z >= 0; b = grid.up(b, 1))
			if (grid.listed(this.trace, b) !== false)
				return this.absent.get(grid.key(b.z, b.x, b.y)) || b;
		return null;
	}

	/* Makes and keeps the picture of a from a leaf's events. */
	make(a, leaf) {
		const t = this.trace, unit = grid.unit(t, a.z), n = this.n_lanes(a.y), height = n * t.laneHeight;
		const palette = this.palette(), colours = {};

		for (const name of t.paletteOrder)
			colours[name] = rgba(palette[name]);
		const pixels = draw(leaf, n, grid.tile_from(t, a.z, a.x), unit, t.tileWidth, t.laneHeight, t.end, colours, a.z < t.acquireZoom);
		const canvas = new OffscreenCanvas(t.tileWidth, height);

		canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), t.tileWidth, height), 0, 0);
		const image = canvas.transferToImageBitmap();

		this.keep(a, image);
		return image;
	}

	keep(a, image) {
		this.bitmaps.set(grid.key(a.z, a.x, a.y), { image }, this.trace.tileWidth * this.trace.laneHeight * this.n_lanes(a.y) * 4);
	}

	/*
	 * Says which addresses the picture wants, the most wanted first.  What was asked for by an earlier call, has not begun
	 * and is not among them is forgotten; what is under way and not among them is aborted.
	 */
	want(list) {
		const keys = new Set(list.map((a) => grid.key(a.z, a.x, a.y)));

		for (const [k, w] of this.waiting)
			if (keys.has(k))
				w.picture = true;
			else if (!w.figures)
				w.stop.abort();
		this.queue = this.broken ? [] : list.filter((a) => {
			const k = grid.key(a.z, a.x, a.y);

			return !this.waiting.has(k) && !(performance.now() - this.failed.get(k) < RETRY_MS);
		});
		this.pump();
	}

	pump() {
		while (this.running < PARALLEL && this.queue.length) {
			const a = this.queue.shift();

			if (this.waiting.has(grid.key(a.z, a.x, a.y)))
				continue;
			this.running++;
			this.fetch(a, true, false).catch((e) => this.trouble(a, e)).finally(() => {
				this.running--;
				this.pump();
				this.on_tile();
			});
		}
	}

	trouble(a, e) {
		if (e.name === "AbortError")
			return;
		this.broken ||= e.cure !== undefined;
		this.failed.set(grid.key(a.z, a.x, a.y), performance.now());
		setTimeout(() => this.on_tile(), RETRY_MS);
		this.on_error(e);
	}

	/* One request per address at a time; a figure's request is never aborted by the picture's scrolling away. */
	fetch(a, picture, for_figures) {
		const k = grid.key(a.z, a.x, a.y);
		let w = this.waiting.get(k);

		if (w && !w.stop.signal.aborted) {
			w.figures ||= for_figures;
			w.picture ||= picture;
			return w.promise;
		}
		w = { stop: new AbortController(), figures: for_figures, picture };
		w.promise = this.bring(a, w).finally(() => {
			if (this.waiting.get(k) === w)
				this.waiting.delete(k);
			if (w.figures && w.picture)	/* the picture may have been asked for too late */
				this.on_tile();
		});
		this.waiting.set(k, w);
		return w.promise;
	}

	/* true if the address is stored. */
	async bring(a, w) {
		const k = grid.key(a.z, a.x, a.y);

		if (!this.readable) {
			this.keep(a, await this.source.image(a));
			return true;
		}
		const bytes = await this.source.get(a, w.stop.signal);

		this.fetched++;
		if (!bytes) {
			if (w.picture)
				await this.bring_deepest(a, w);
			else
				this.absent.set(k, null, 1);
			return false;
		}
		const chunk = find_chunk(bytes, "giLs"), from = grid.tile_from(this.trace, a.z, a.x);

		if (chunk)
			this.figures.set(k, this.parsed(chunk, from, a), 1);
		if (w.picture || !chunk) {
			const theme = this.theme, t = this.trace;
			const own = theme === t.theme ? bytes : recolour(bytes, t.paletteOrder.map((name) => this.palette()[name]));
			const image = await createImageBitmap(new Blob([own], { type: "image/png" }));

			if (theme === this.theme)
				this.keep(a, image);
			/* Below a leaf: its events are what words on periods are read off. */
			if (!chunk)
				this.measure(from, from + 1, [a.y]).then(() => this.on_tile(), () => {});
		}
		return true;
	}

	parsed(chunk, from, a) {
		try {
			return figures.parse(chunk, from, from + grid.tile_span(this.trace, a.z));
		} catch (e) {
			if (!(e instanceof RangeError))
				throw e;
			this.on_error(e);
			return { children: true, lanes: null, leaf: null };
		}
	}

	/* An address that is not stored: looks for the one above it that is, and remembers. */
	async bring_deepest(a, w) {
		const known = this.above(a, (k) => this.figures.get(k));
		const parent = await grid.deepest(grid.up(a, 1), known ? known.a.z : -1, async (b) => {
			const k = grid.key(b.z, b.x, b.y);

			if (this.figures.has(k))
				return true;
			if (this.absent.has(k))
				return false;
			return this.fetch_stored(b, w);
		});

		for (let b = a; parent && b.z > parent.z; b = grid.up(b, 1))
			this.absent.set(grid.key(b.z, b.x, b.y), parent, 1);
		if (parent && !this.bitmaps.has(grid.key(parent.z, parent.x, parent.y)))
			await this.bring(parent, w);
	}

	async fetch_stored(b, w) {
		const bytes = await this.source.get(b, w.stop.signal), k = grid.key(b.z, b.x, b.y);

		this.fetched++;
		if (!bytes) {
			this.absent.set(k, null, 1);
			return false;
		}
		const chunk = find_chunk(bytes, "giLs");

		if (chunk)
			this.figures.set(k, this.parsed(chunk, grid.tile_from(this.trace, b.z, b.x), b), 1);
		return true;
	}

	/* The figures of a stored address, or null if it has none. */
	async load(a) {
		const k = grid.key(a.z, a.x, a.y);
		const have = this.figures.get(k);

		if (have)
			return have;
		if (grid.listed(this.trace, a) === false || this.absent.has(k))
			return null;
		await this.fetch(a, false, true);
		return this.figures.get(k) || null;
	}

	groups() {
		return Array.from({ length: grid.n_groups(this.trace) }, (_, y) => y);
	}

	/*
	 * The sums of every lane over [a, b): {lanes: [sums], exact, partial}.  Tiles inside the range count as they
	 * are; at its edges the walk goes down to leaves, whose events are cut.  exact is false where a tile at an edge has
	 * neither events nor children to look into: then its sums count in proportion.  Throws where tiles cannot be read.
	 */
	async measure(from, to, groups = this.groups()) {
		const out = { from, to, lanes: this.trace.lanes.map(() => null), exact: true };

		if (!this.readable)
			throw new Error("pictures only");
		await Promise.all(groups.map(async (y) => {
			const sums = Array.from({ length: this.n_lanes(y) }, figures.no_sums);

			await this.walk({ z: 0, x: 0, y }, from, to, sums, out);
			sums.forEach((s, i) => { out.lanes[y * this.trace.lanesPerTile + i] = s; });
		}));
		return out;
	}

	async walk(a, from, to, sums, out) {
		const t = this.trace, span = grid.tile_span(t, a.z), begin = a.x * span, end = begin + span;

		if (begin >= to || end <= from || begin > t.end)
			return;
		const tile = await this.load(a);

		if (!tile?.lanes)
			throw new Error(`tile ${grid.key(a.z, a.x, a.y)} has no figures`);
		if (from <= begin && to >= Math.min(end, t.end + 1)) {
			sums.forEach((s, i) => figures.add(s, tile.lanes[i]));
		} else if (tile.leaf) {
			sums.forEach((s, i) => figures.add(s, figures.clip(tile.leaf, i, from, to, t.end)));
		} else if (tile.children && a.z < t.zMax) {
			await Promise.all([0, 1].map((i) => this.walk({ z: a.z + 1, x: 2 * a.x + i, y: a.y }, from, to, sums, out)));
		} else {
			this.in_part(tile, Math.max(from, begin), Math.min(to, end, t.end), begin, Math.min(end, t.end), sums, out);
		}
	}

	/* Constant lanes can be cut anywhere; anything else only in proportion. */
	in_part(tile, a, b, begin, end, sums, out) {
		const part = end > begin ? (b - a) / (end - begin) : 0;

		sums.forEach((s, i) => {
			const whole = tile.lanes[i], piece = figures.no_sums();

			for (const name of ["run", "stall", "wait", "signal"])
				piece[name] = Math.round(whole[name] * part);
			piece.maxWait = whole.maxWait;
			if (whole.events)
				out.exact = false;
			figures.add(s, piece);
		});
	}

	/* The leaf that holds instant t in group y, or null. */
	async leaf_at(t, y) {
		const g = this.trace;
		let a = { z: 0, x: 0, y }, tile = null;

		for (;;) {
			tile = await this.load(a);
			if (!tile || tile.leaf || !tile.children || a.z >= g.zMax)
				break;
			a = { z: a.z + 1, x: Math.floor(t / grid.tile_span(g, a.z + 1)), y };
		}
		return tile?.leaf ? tile : null;
	}

	/*
	 * The nearest record after t (dir 1) or before it (dir -1) that test(record) takes, in one lane or, with lane
	 * null, in any: {t, lane, kind, ...} with the lane of the manifest, or null.  may(sums) says whether a tile can hold one, so
	 * the walk enters only those.
	 */
	async find(t, dir, lane, may, test) {
		const per = this.trace.lanesPerTile;
		const groups = lane === null ? this.groups() : [Math.floor(lane / per)];
		const found = await Promise.all(groups.map((y) => this.find_in({ z: 0, x: 0, y }, t, dir,
			lane === null ? null : lane % per, may, test)));

		return found.filter(Boolean).sort((a, b) => dir * (a.t - b.t) || a.lane - b.lane)[0] || null;
	}

	async find_in(a, t, dir, row, may, test) {
		const g = this.trace, span = grid.tile_span(g, a.z), begin = a.x * span;

		if (begin > g.end || (dir > 0 ? begin + span <= t : begin >= t))
			return null;
		const tile = await this.load(a);

		if (!tile?.lanes || !tile.lanes.some((s, i) => (row === null || i === row) && may(s)))
			return null;
		if (tile.leaf)
			return first_record(tile.leaf, t, dir, row, test, a.y * g.lanesPerTile);
		if (!tile.children || a.z >= g.zMax)
			return null;
		for (const i of dir > 0 ? [0, 1] : [1, 0]) {
			const hit = await this.find_in({ z: a.z + 1, x: 2 * a.x + i, y: a.y }, t, dir, row, may, test);

			if (hit)
				return hit;
		}
		return null;
	}

	/*
	 * The state of a lane at instant t and the whole period around it: {state, begin, end, since, lock, func}, or null
	 * where it cannot be known.
	 */
	async period_at(lane, t) {
		const g = this.trace, tile = await this.leaf_at(t, Math.floor(lane / g.lanesPerTile));

		if (!tile)
			return null;
		const row = lane % g.lanesPerTile, list = figures.periods(tile.leaf, g.end)[row];
		const p = list.find((q) => t >= q.begin && t < q.end);

		if (!p)
			return null;
		const out = { ...p }, changes = (e) => e.state !== p.state;
		const any = (s) => s.events > 0 || s.lost > 0 || s.signal > 0;	/* a change to signal is no event */

		if (p.begin === tile.from && p.begin > 0) {
			const before = await this.last_change(lane, p.begin, p.state, any);

			out.begin = before ?? 0;
		}
		if (p.end >= Math.min(tile.to, g.end) && p.end < g.end)
			out.end = (await this.find(p.end, 1, lane, any, changes))?.t ?? g.end;
		return out;
	}

	/* When the lane came into `state`, in which it is before t. */
	async last_change(lane, t, state, any) {
		for (;;) {
			const e = await this.find(t, -1, lane, any, () => true);

			if (!e)
				return 0;
			const leaf = await this.leaf_at(e.t, Math.floor(lane / this.trace.lanesPerTile));
			const list = leaf && figures.periods(leaf.leaf, this.trace.end)[lane % this.trace.lanesPerTile];
			const p = list?.find((q) => q.end > e.t && q.begin <= e.t);

			if (!p || p.state !== state)
				return e.t;
			if (p.begin > leaf.from)
				return p.begin;
			if (p.begin === 0)
				return 0;
			t = p.begin;
		}
	}
}

function first_record(leaf, t, dir, row, test, lane0) {
	const list = leaf.records;

	for (let n = 0; n < list.length; n++) {
		const e = list[dir > 0 ? n : list.length - 1 - n];

		if ((row === null || e.lane === row) && (dir > 0 ? e.t > t : e.t < t) && test(e))
			return { ...e, lane: lane0 + e.lane };
	}
	return null;
}
