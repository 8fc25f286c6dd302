/*
 * site.mjs - writes a site from a model (model.mjs), independently of the renderer: manifest, PNG tiles, PMTiles
 *
 * Slow and plain: each pixel column is a loop over the lane's periods.  Follows docs/site.md.
 */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateSync, gzipSync } from "node:zlib";
import { KIND, sums, takes } from "./model.mjs";

const TOP = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const PAGE = join(TOP, "build/viewer");
export const ORDER = ["idle", "run", "acquire", "stall", "signal", "wait", "busy", "retry", "lost"];
export const PALETTES = {
	light: { idle: "#ffffff00", run: "#006b4fff", acquire: "#15a771ff", stall: "#93387cff", signal: "#0b84c6ff", wait: "#8494b4ff", busy: "#c08a00ff", retry: "#a5001aff", lost: "#24292fff" },
	dark: { idle: "#12151a00", run: "#00936bff", acquire: "#5df2baff", stall: "#d683b8ff", signal: "#56b4e9ff", wait: "#5b6a86ff", busy: "#f0e442ff", retry: "#ff6a3dff", lost: "#ffffffff" },
};
const PER = 8, WIDTH = 512, HEIGHT = 32;

export function geometry(model) {
	let z_max = 0;

	while (WIDTH * 2 ** z_max <= model.end)
		z_max++;
	const groups = Math.max(1, Math.ceil(model.lanes.length / PER));

	return { z_max, groups, z_offset: Math.ceil(Math.log2(groups)) };
}

const bytes = (n) => {
	const out = [];

	while (n >= 128) {
		out.push(n % 128 | 128);
		n = Math.floor(n / 128);
	}
	return [...out, n];
};

/* Everything that lies in tile (z, x, y), as docs/site.md has it. */
export function tile(model, z, x, y, { leaf_events = 256, children = null, figures = true } = {}) {
	const { z_max } = geometry(model), unit = 2 ** (z_max - z), from = x * WIDTH * unit, to = from + WIDTH * unit;
	const lanes = model.lanes.slice(y * PER, (y + 1) * PER);
	const inside = lanes.flatMap((l, i) => l.events.slice(lower(l.events, (e) => e.t >= from), lower(l.events, (e) => e.t >= to)).map((e, k) => ({ ...e, lane: i, k })))
		.sort((a, b) => a.t - b.t || a.lane - b.lane || a.k - b.k);
	const n_events = inside.filter((e) => e.kind !== KIND.STATE).length, is_leaf = n_events <= leaf_events || z === z_max;
	const has_children = children ?? !is_leaf;
	const chunk = figures ? chunk_of(lanes, inside, from, to, is_leaf, has_children) : null;

	return { png: () => png(pixels(lanes, from, unit), lanes.length * HEIGHT, PALETTES.light, chunk), is_leaf, has_children };
}

function chunk_of(lanes, inside, from, to, is_leaf, has_children) {
	const out = [1, (is_leaf ? 1 : 0) | (has_children ? 2 : 0), lanes.length];

	for (const l of lanes) {
		const near = (list, end) => list.slice(Math.max(0, lower(list, (p) => p[end] >= from) - 40), lower(list, (p) => p[end] >= to) + 40);
		const all = sums({ periods: near(l.periods, "begin"), events: near(l.events, "t") }, from, to);

		for (const name of ["run", "stall", "wait", "signal", "maxWait", "acquires", "releases", "busy", "retry", "timeouts", "switches", "lost", "events", "checks"])
			out.push(...bytes(all[name]));
	}
	if (!is_leaf)
		return out;
	for (const l of lanes) {
		/* The state just before the tile's first instant: events at `from` itself are records. */
		const p = from === 0 ? { state: 0 } : l.periods.find((q) => from > q.begin && from <= q.end) || { state: 0 };

		out.push(p.state);
		if (p.state)
			out.push(...bytes(0), ...bytes(from - since(l, p)));
	}
	out.push(...bytes(inside.length));
	let t = from;

	for (const e of inside) {
		out.push(...bytes((e.t - t) * 8 + e.lane), e.kind | e.state << 5, e.flags);
		t = e.t;
	}
	for (const l of lanes) {
		const open = takes(l).find((w) => w.begin < to && w.end >= to);

		out.push(...bytes(open ? 1 + open.end - to : 0));
	}
	return out;
}

/* When the take or the hold began of which p is a part. */
function since(lane, p) {
	const kin = p.state <= 2 ? [1, 2] : [3, 4];
	let at = lane.periods.indexOf(p);

	while (at > 0 && kin.includes(lane.periods[at - 1].state) && lane.periods[at - 1].end === lane.periods[at].begin)
		at--;
	return lane.periods[at].begin;
}

/* Columns by the rule of docs/site.md: largest remainder, at least a row each. */
export function pixels(lanes, from, unit, far = false) {
	const h = HEIGHT - 2, rows = Array.from({ length: lanes.length * HEIGHT }, () => new Uint8Array(WIDTH));

	lanes.forEach((lane, n) => {
		for (let x = 0; x < WIDTH; x++) {
			const a = from + x * unit, s = sums_fast(lane, a, a + unit);
			const parts = [["run", s.run], ["stall", s.stall], ["signal", s.signal], ["wait", s.wait]];
			const idle = unit - parts.reduce((k, p) => k + p[1], 0);
			const all = [...parts, ["idle", idle]].map(([name, t], i) => ({ name, t, i, rows: Math.floor(t * h / unit), rest: t * h % unit }));
			let left = h - all.reduce((k, p) => k + p.rows, 0);

			for (const p of [...all].sort((p, q) => q.rest - p.rest || p.i - q.i)) {
				if (left-- <= 0)
					break;
				p.rows++;
			}
			for (const p of all.slice(0, 4)) {
				if (p.rows || !(p.t || (p.name === "run" && s.acquires)))
					continue;
				const top = all.reduce((m, q) => q.rows > m.rows ? q : m);

				top.rows--;
				p.rows++;
			}
			const column = [];

			for (const p of all)
				for (let k = 0; k < p.rows; k++)
					column.push(ORDER.indexOf(p.name === "run" && (far ? s.switches : s.acquires) ? "acquire" : p.name));
			column.reverse();
			const mark = (k, most) => k ? Math.min(most, 3 + Math.floor(Math.floor(Math.log2(k)) * h / 32)) : 0;
			const red = mark(s.retry, 15), yellow = mark(s.busy, 10);

			for (let k = 0; k < red + yellow; k++)
				column[k] = ORDER.indexOf(k < red ? "retry" : "busy");
			column.forEach((c, k) => { rows[n * HEIGHT + k][x] = c; });
		}
	});
	return rows;
}

/* As sums(), from the first period that can matter. */
function sums_fast(lane, a, b) {
	const first = lower(lane.periods, (p) => p.end > a), at = lower(lane.events, (e) => e.t >= a);
	const s = { run: 0, stall: 0, wait: 0, signal: 0, acquires: 0, switches: 0, busy: 0, retry: 0 };

	for (let i = first; i < lane.periods.length && lane.periods[i].begin < b; i++) {
		const p = lane.periods[i], name = [null, "wait", "signal", "run", "stall"][p.state];

		if (name)
			s[name] += Math.min(p.end, b) - Math.max(p.begin, a);
	}
	for (let i = at; i < lane.events.length && lane.events[i].t < b; i++) {
		const { kind } = lane.events[i];

		s.acquires += kind === KIND.ACQUIRE;
		s.switches += kind === KIND.ACQUIRE && !!(lane.events[i].flags & 2);
		s.busy += kind === KIND.BUSY;
		s.retry += kind === KIND.RETRY;
	}
	return s;
}

function lower(list, test) {
	let lo = 0, hi = list.length;

	while (lo < hi) {
		const mid = (lo + hi) >> 1;

		if (test(list[mid]))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

const crc_table = Array.from({ length: 256 }, (_, n) => {
	for (let k = 0; k < 8; k++)
		n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
	return n >>> 0;
});
const crc = (b) => (b.reduce((c, x) => crc_table[(c ^ x) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

function chunk(type, data) {
	const body = Buffer.concat([Buffer.from(type, "latin1"), Buffer.from(data)]), out = Buffer.alloc(body.length + 8);

	out.writeUInt32BE(data.length, 0);
	body.copy(out, 4);
	out.writeUInt32BE(crc(body), body.length + 4);
	return out;
}

const colour = (text) => [1, 3, 5, 7].map((i) => parseInt(text.slice(i, i + 2), 16));

function png(rows, height, palette, figures) {
	const head = Buffer.alloc(13), raw = Buffer.alloc(height * (WIDTH / 2 + 1)), colours = ORDER.map((n) => colour(palette[n]));

	head.writeUInt32BE(WIDTH, 0);
	head.writeUInt32BE(height, 4);
	head.set([4, 3, 0, 0, 0], 8);
	rows.forEach((row, y) => {
		for (let x = 0; x < WIDTH; x += 2)
			raw[y * (WIDTH / 2 + 1) + 1 + x / 2] = row[x] << 4 | row[x + 1];
	});
	return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", head), chunk("PLTE", colours.flatMap((c) => c.slice(0, 3))),
		chunk("tRNS", colours.map((c) => c[3])), chunk("IDAT", deflateSync(raw, { level: 1 })), ...(figures ? [chunk("giLs", figures)] : []), chunk("IEND", [])]);
}

/* Every stored address, from the top: a tile has children unless it is a leaf. */
export function* addresses(model, options = {}) {
	const { z_max, groups } = geometry(model), depth = options.z_max ?? z_max;
	const walk = function* (z, x, y) {
		if (x * WIDTH * 2 ** (z_max - z) > model.end)
			return;
		const t = tile(model, z, x, y, { ...options, children: null });

		t.has_children &&= z < depth;
		yield { z, x, y, ...t };
		if (t.has_children)
			for (const i of [0, 1])
				yield* walk(z + 1, 2 * x + i, y);
	};

	for (let y = 0; y < groups; y++)
		yield* walk(0, 0, y);
}

export function trace_of(model, more = {}) {
	const { z_max, z_offset } = geometry(model);
	const whole = (l) => sums(l, 0, model.end + 1);

	return { title: model.title, description: "", clock: model.clock, origin: model.origin, end: model.end, store: "dir", tiles: "tiles/{z}/{x}/{y}.png", depth: "auto",
		zMax: z_max, zOffset: z_offset, tileWidth: WIDTH, laneHeight: HEIGHT, lanesPerTile: PER, leafEvents: 256, theme: "light", stored: null,
		palette: PALETTES.light, palettes: PALETTES, paletteOrder: ORDER, processes: model.processes,
		locks: model.processes.map((_, i) => ({ id: String(i), name: "GIL", process: i, kind: "gil" })),
		lanes: model.lanes.map((l) => ({ id: l.id, name: l.name, process: l.process, first: l.events[0]?.t ?? 0, last: l.events[l.events.length - 1]?.t ?? 0,
			...whole(l), idle: model.end - l.periods.reduce((n, p) => n + (p.state ? p.end - p.begin : 0), 0), lostAcquires: 0, lostEvents: 0, dropRequests: 0,
			waits: takes(l).length, maxWaitAt: 0, waitP50: 0, waitP99: 0, maxRun: 0, maxRunAt: 0 })),
		worstWaits: model.lanes.flatMap((l, i) => takes(l).map((w) => ({ lane: i, begin: w.begin, length: w.end - w.begin }))).sort((a, b) => b.length - a.length).slice(0, 100),
		functions: [], checks: model.checks, checkInterval: 100, lostEvents: 0, skippedLines: 0, truncated: false, facts: {}, ...more };
}

export const manifest_of = (traces, more = {}) => ({ gilscope: 1, generator: "tests", title: traces[0].title, traces, axes: "linked", ...more });

function write_page(dir, manifest) {
	mkdirSync(dir, { recursive: true });
	for (const name of readdirSync(PAGE))
		if (/^(index\.html|gilscope\.(js|css)|notes\.js)$/.test(name))
			copyFileSync(join(PAGE, name), join(dir, name));
	writeFileSync(join(dir, "manifest.js"), `GILSCOPE_MANIFEST = ${JSON.stringify(manifest)};\n`);
}

/* Loose tiles, listed in the manifest. */
export function write_dir(dir, models, more = {}, options = {}) {
	const traces = [models].flat().map((model, n) => {
		const base = `tiles${n || ""}`, stored = [];

		for (const a of addresses(model, options)) {
			mkdirSync(join(dir, base, String(a.z), String(a.x)), { recursive: true });
			writeFileSync(join(dir, base, String(a.z), String(a.x), `${a.y}.png`), a.png());
			((stored[a.z] ||= [])[a.y] ||= []).push(a.x);
		}
		const runs = stored.map((by_y) => Array.from(by_y, (xs) => (xs || []).sort((p, q) => p - q).flatMap((x) => [x, 1])));

		return trace_of(model, { tiles: `${base}/{z}/{x}/{y}.png`, stored: runs, ...more });
	});

	write_page(dir, manifest_of(traces, more.manifest));
	return traces;
}

/* PMTiles' number of a tile (the spec's Hilbert curve), by plain recursion over quadrants. */
export function tile_id(z, x, y) {
	let id = 0;

	for (let i = 0; i < z; i++)
		id += 4 ** i;
	let d = 0;

	for (let s = 2 ** (z - 1); s >= 1; s /= 2) {
		const rx = x & s ? 1 : 0, ry = y & s ? 1 : 0;

		d += s * s * (3 * rx ^ ry);
		if (!ry) {
			if (rx) {
				x = s - 1 - (x & (s - 1));
				y = s - 1 - (y & (s - 1));
			}
			[x, y] = [y, x];
		}
		x &= s - 1;
		y &= s - 1;
	}
	return id + d;
}

function directory(entries) {
	let last = 0;
	const out = [...bytes(entries.length)];

	for (const e of entries) {
		out.push(...bytes(e.id - last));
		last = e.id;
	}
	for (const e of entries)
		out.push(...bytes(e.leaf ? 0 : 1));
	for (const e of entries)
		out.push(...bytes(e.length));
	for (const e of entries)
		out.push(...bytes(e.offset + 1));
	return gzipSync(Buffer.from(out));
}

/* A PMTiles v3 archive: leaf directories of 512 entries where the root would grow too large. */
export function archive(model, options = {}) {
	const { z_offset } = geometry(model), entries = [], data = [];
	let offset = 0, low = 99, high = 0;

	for (const a of addresses(model, options)) {
		const png_bytes = a.png();

		entries.push({ id: tile_id(a.z + z_offset, a.x, a.y), offset, length: png_bytes.length });
		data.push(png_bytes);
		offset += png_bytes.length;
		low = Math.min(low, a.z + z_offset);
		high = Math.max(high, a.z + z_offset);
	}
	entries.sort((a, b) => a.id - b.id);
	const leaves = [];
	let root = entries, leaf_bytes = 0;

	if (entries.length > 1500) {
		root = [];
		for (let i = 0; i < entries.length; i += 512) {
			const leaf = directory(entries.slice(i, i + 512));

			root.push({ id: entries[i].id, offset: leaf_bytes, length: leaf.length, leaf: true });
			leaves.push(leaf);
			leaf_bytes += leaf.length;
		}
	}
	const root_bytes = directory(root);
	const meta = gzipSync(JSON.stringify({ gilscope: 1, trace: trace_of(model, { store: "pmtiles", tiles: "tiles.pmtiles", ...options.meta }) }));
	const head = Buffer.alloc(127), put = (at, n) => head.writeBigUInt64LE(BigInt(n), at);
	let at = 127 + root_bytes.length;

	head.write("PMTiles", "latin1");
	head[7] = 3;
	put(8, 127);
	put(16, root_bytes.length);
	put(24, at);
	put(32, meta.length);
	at += meta.length;
	put(40, at);
	put(48, leaf_bytes);
	at += leaf_bytes;
	put(56, at);
	put(64, offset);
	for (const i of [72, 80, 88])
		put(i, entries.length);
	head.set([0, 2, 1, 2, low, high], 96);
	return Buffer.concat([head, root_bytes, meta, ...leaves, ...data]);
}

export function write_pmtiles(dir, model, more = {}, options = {}) {
	const trace = trace_of(model, { store: "pmtiles", tiles: "tiles.pmtiles", ...more });

	write_page(dir, manifest_of([trace], more.manifest));
	writeFileSync(join(dir, "tiles.pmtiles"), archive(model, options));
	return trace;
}
