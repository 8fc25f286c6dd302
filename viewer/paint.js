/*
 * paint.js - a view's canvases: lanes, ruler, minimap, and what lies over them
 *
 * All of it works in device pixels of the context it is given, scaled by dpr: the same functions draw the page and
 * the pictures that are saved from it.
 */
import * as figures from "./figures.js";
import * as grid from "./grid.js";
import { HEADER } from "./lanes.js";
import { strip, strip_key } from "./owner.js";
import { axis } from "./ticks.js";
import { time_text, visible } from "./text.js";
import * as vp from "./viewport.js";

const MAKE_MS = 6;		/* of a frame, for tiles that are made from events */
const MAX_LEAVES = 64;		/* in sight, above which their periods are too narrow for words */
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/* The tiles of what is seen: the level, the groups whose lanes are in sight, the addresses. */
function plan(view, rows, dpr) {
	const t = view.trace, v = view.viewport, z = grid.level(t, vp.units_per_px(v) / dpr);
	const groups = new Set();

	for (const r of rows)
		if (r.kind === "lane")
			groups.add(Math.floor(r.lane / t.lanesPerTile));
	return { z, addresses: grid.wanted(t, z, v.from, vp.to(v), [...groups].sort((a, b) => a - b)) };
}

/* For each address what can be shown at once; makes tiles from events while `budget` lasts, and says what to fetch. */
function gather(view, addresses, budget) {
	const shown = new Map(), missing = new Map(), started = performance.now();
	let unmade = false;

	for (const a of addresses) {
		const l = view.pyramid.look(a), k = grid.key(a.z, a.x, a.y);

		if (l.make && performance.now() - started < budget)
			l.shown = { a, bitmap: view.pyramid.make(a, l.make) };
		else if (l.make)
			unmade = true;
		if (l.shown)
			shown.set(k, l.shown);
		if (l.missing)
			missing.set(grid.key(l.missing.z, l.missing.x, l.missing.y), l.missing);
	}
	return { shown, missing: [...missing.values()], unmade };
}

/*
 * Where tile a stands on the canvas, and which part of the picture (its own or an ancestor's) is to be seen there:
 * {sx, sw, dx, dw}, cut to the canvas at whole source pixels, so that deep zooms keep their edges; or null.
 */
export function place(t, v, a, shown, dpr) {
	const unit = grid.unit(t, shown.a.z), begin = grid.tile_from(t, shown.a.z, shown.a.x);
	const span = grid.tile_span(t, a.z), from = Math.max(a.x * span, v.from), to = Math.min((a.x + 1) * span, vp.to(v));
	let s0, s1;

	if (to <= from)
		return null;
	if (span >= unit) {
		s0 = Math.max(Math.floor((from - begin) / unit), 0);
		s1 = Math.min(Math.ceil((to - begin) / unit), t.tileWidth);
		const d0 = Math.round(vp.x_at(v, begin + s0 * unit) * dpr), d1 = Math.round(vp.x_at(v, begin + s1 * unit) * dpr);

		return s1 > s0 && d1 > d0 ? { sx: s0, sw: s1 - s0, dx: d0, dw: d1 - d0 } : null;
	}
	s0 = Math.min(Math.floor((a.x * span - begin) / unit), t.tileWidth - 1);	/* within one pixel of the ancestor */
	const d0 = Math.round(vp.x_at(v, from) * dpr), d1 = Math.round(vp.x_at(v, to) * dpr);

	return d1 > d0 ? { sx: s0, sw: 1, dx: d0, dw: d1 - d0 } : null;
}

/* Lanes that follow each other on the screen as they do in their tile: drawn in one go. */
function stretches(rows, per) {
	const out = [];

	for (const r of rows) {
		const last = out[out.length - 1];

		if (r.kind !== "lane")
			continue;
		if (last && last.y === Math.floor(r.lane / per) && last.row + last.n === r.lane % per && last.top + last.height === r.top &&
		    r.height === last.height / last.n) {
			last.n++;
			last.height += r.height;
		} else {
			out.push({ y: Math.floor(r.lane / per), row: r.lane % per, n: 1, top: r.top, height: r.height });
		}
	}
	return out;
}

/*
 * The lanes.  opts: {rows (those to draw), top (scrolled pixels), width, height, dpr, colours, theme, words, budget}.
 * Returns {missing, again}: what to fetch, and whether more can be made in a next frame.
 */
export function lanes(ctx, view, opts) {
	const { rows, top, dpr, colours } = opts, t = view.trace, v = view.viewport;
	const p = plan(view, rows, dpr), got = gather(view, p.addresses, opts.budget ?? MAKE_MS);

	ctx.setTransform(1, 0, 0, 1, 0, 0);
	ctx.fillStyle = colours.page;
	ctx.fillRect(0, 0, opts.width * dpr, opts.height * dpr);
	backdrop(ctx, view, opts);
	for (const s of stretches(rows, t.lanesPerTile)) {
		const dy = Math.round((s.top - top) * dpr), dh = Math.round((s.top + s.height - top) * dpr) - dy;
		/* Shrunk upright, thin rows must not fall out: then, and only then, pixels are mixed. */
		const small = dh < s.n * t.laneHeight;

		ctx.imageSmoothingEnabled = small;
		for (const a of p.addresses) {
			const shown = a.y === s.y && got.shown.get(grid.key(a.z, a.x, a.y));
			const at = shown && place(t, v, a, shown, dpr);

			if (at)
				ctx.drawImage(shown.bitmap, at.sx, s.row * t.laneHeight, at.sw, s.n * t.laneHeight, at.dx, dy, at.dw, dh);
		}
	}
	const line = view.pyramid.readable ? owners(ctx, view, opts, p.z) : { missing: [] };

	if (opts.words)
		words(ctx, view, opts, p.addresses);
	if (view.badness)
		badness(ctx, view, opts, p);
	return { missing: [...got.missing, ...line.missing], again: got.unmade || line.again };
}

/* Bands behind the lanes: the selected one, and time before and after the trace. */
function backdrop(ctx, view, { rows, top, width, height, dpr, colours }) {
	const v = view.viewport, x0 = vp.x_at(v, 0), x1 = vp.x_at(v, view.trace.end);

	for (const r of rows) {
		if (r.kind === "process")
			ctx.fillStyle = colours.header;
		else if (r.lane === view.lane)
			ctx.fillStyle = colours.chosen;
		else
			continue;
		ctx.fillRect(0, Math.round((r.top - top) * dpr), width * dpr, Math.round(r.height * dpr));
	}
	ctx.fillStyle = colours.beyond;
	if (x0 > 0)
		ctx.fillRect(0, 0, Math.round(x0 * dpr), height * dpr);
	if (x1 < width)
		ctx.fillRect(Math.round(x1 * dpr), 0, Math.ceil((width - x1) * dpr), height * dpr);
}

/* {missing, again} as lanes() returns them: strips are made while half the budget lasts. */
function owners(ctx, view, opts, z) {
	const { rows, top, dpr } = opts, t = view.trace, v = view.viewport, turn = { until: performance.now() + (opts.budget ?? MAKE_MS) / 2, again: false, missing: [] };

	ctx.imageSmoothingEnabled = false;
	for (const r of rows) {
		if (r.kind !== "process")
			continue;
		const y = Math.round((r.top + 5 - top) * dpr), h = Math.round((HEADER - 10) * dpr);

		for (const a of grid.wanted(t, z, v.from, vp.to(v), [0])) {
			const shown = owner_tile(view, r.process, a, opts, turn), at = shown && place(t, v, a, shown, dpr);

			if (at)
				ctx.drawImage(shown.bitmap, at.sx, 0, at.sw, shown.bitmap.height, at.dx, y, at.dw, h);
		}
	}
	return turn;
}

/* The strip of a, or of the nearest ancestor that has one. */
function owner_tile(view, process, a, opts, turn) {
	const lanes_of = view.lanes_of(process), locks = Math.max(1, view.locks_of(process));

	for (let n = 0; n <= a.z; n++) {
		const b = grid.up(a, n), k = strip_key(process, b.z, b.x, opts.theme);
		let got = view.strips.get(k);

		if (!got && n === 0 && performance.now() > turn.until) {
			turn.again = true;
		} else if (!got && n === 0) {
			const made = strip(view.pyramid, b.z, b.x, lanes_of, locks, opts.theme, (c) => {
				const l = view.pyramid.look(c);

				if (l.shown?.a.z === c.z || (l.make && performance.now() < turn.until))
					return l.shown?.a.z === c.z ? l.shown.bitmap : view.pyramid.make(c, l.make);
				turn.again ||= !!l.make;
				if (l.missing)
					turn.missing.push(l.missing);
				return null;
			}, turn.until);

			turn.again ||= !made && performance.now() > turn.until;
			if (made)
				view.strips.set(k, got = made, made.width * made.height * 4);
		}
		if (got)
			return { a: b, bitmap: got };
	}
	return null;
}

/* The leaves whose periods are seen, with the rows of their lanes. */
function leaves(view, addresses) {
	const out = new Set();

	for (const a of addresses) {
		const hit = view.pyramid.above(a, (k) => view.pyramid.figures.get(k));

		if (hit?.found.leaf)
			out.add(hit);
	}
	return [...new Map([...out].map((l) => [grid.key(l.a.z, l.a.x, l.a.y), l])).values()].sort((a, b) => a.found.from - b.found.from);
}

/* Words on periods that are wide enough: state is told by more than its colour. */
function words(ctx, view, opts, addresses) {
	const { rows, top, dpr, colours } = opts, t = view.trace, v = view.viewport, list = leaves(view, addresses);

	if (list.length > MAX_LEAVES)
		return;
	ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
	ctx.font = `600 11px ${FONT}`;
	ctx.textBaseline = "middle";
	for (const r of rows) {
		if (r.kind !== "lane" || r.height < 18)
			continue;
		row_words(ctx, view, joined(list.filter(({ a }) => a.y === Math.floor(r.lane / t.lanesPerTile)), r.lane % t.lanesPerTile, t.end), r.top - top, r.height, colours);
	}
	ctx.setTransform(1, 0, 0, 1, 0, 0);
}

/* The periods of one lane: those that were cut at a tile's edge in one piece again. */
function joined(list, lane, end) {
	const out = [];

	for (const p of list.flatMap(({ found }) => figures.periods(found.leaf, end)[lane] || [])) {
		const last = out.at(-1);

		if (last?.end === p.begin && last.state === p.state && last.since === p.since)
			last.end = p.end;
		else
			out.push({ ...p });
	}
	return out;
}

function row_words(ctx, view, periods, y, h, colours) {
	const v = view.viewport;

	for (const p of periods) {
		const x0 = Math.max(vp.x_at(v, p.begin), 0), x1 = Math.min(vp.x_at(v, p.end), v.width);

		if (p.state === figures.IDLE || x1 - x0 < 34)
			continue;
		const func = p.state === figures.RUN && view.trace.functions?.[p.func]?.name;
		const text = func ? visible(func) : figures.STATES[p.state];

		if (ctx.measureText(text).width > x1 - x0 - 12)
			continue;
		ctx.fillStyle = colours.on[figures.STATES[p.state]];
		ctx.fillText(text, x0 + 6, y + h / 2);
	}
}

/* Beazley's number under each tile: failed acquisitions per check (or per acquire, where there are no checks). */
function badness(ctx, view, opts, p) {
	const { rows, top, dpr, colours } = opts, t = view.trace, v = view.viewport;

	ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
	ctx.font = `600 11px ${FONT}`;
	ctx.textBaseline = "alphabetic";
	for (const a of p.addresses) {
		const own = view.pyramid.figures.get(grid.key(a.z, a.x, a.y));

		if (!own?.lanes)
			continue;
		const span = grid.tile_span(t, a.z), x = vp.x_at(v, a.x * span);
		const checks = checks_in(t, own.lanes, Math.min(span, t.end - a.x * span));

		ctx.strokeStyle = colours.line;
		ctx.beginPath();
		ctx.moveTo(Math.round(x) + 0.5, 0);
		ctx.lineTo(Math.round(x) + 0.5, opts.height);
		ctx.stroke();
		for (const r of rows) {
			if (r.kind !== "lane" || Math.floor(r.lane / t.lanesPerTile) !== a.y)
				continue;
			const s = own.lanes[r.lane % t.lanesPerTile], n = badness_of(s, checks);
			const text = n.toFixed(2), w = ctx.measureText(text).width;

			if (!s.busy && !s.retry)
				continue;
			ctx.fillStyle = colours.page;
			ctx.fillRect(Math.max(x, 0) + 3, r.top - top + 2, w + 6, 15);
			ctx.fillStyle = colours.bad;
			ctx.fillText(text, Math.max(x, 0) + 6, r.top - top + 13);
		}
	}
	ctx.setTransform(1, 0, 0, 1, 0, 0);
}

/* How many checks lie in a stretch of so many clock units: told by the ticks, or by the lanes' own events. */
export const checks_in = (t, lanes, width) => t.clock === "ticks" && t.checkInterval ? width / t.checkInterval
	: lanes.reduce((n, s) => n + (s?.checks || 0), 0) || (width >= t.end ? t.checks : 0);

/* Failed acquisitions by checks; without checks (no tick GIL) by the lane's acquires. */
export const badness_of = (s, checks) => (s.busy + s.retry) / (checks || s.acquires || 1);

/* The ruler: labels over long ticks, short ones between; `at` is its lower edge. */
export function ruler(ctx, view, { width, height, dpr, colours, scale = axis(view.viewport, view.trace.clock) }) {
	const v = view.viewport;

	ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
	ctx.fillStyle = colours.page;
	ctx.fillRect(0, 0, width, height);
	ctx.strokeStyle = colours.tick;
	ctx.lineWidth = 1;
	ctx.beginPath();
	for (let i = Math.ceil(v.from / scale.minor), n = 0; i * scale.minor <= vp.to(v) && n < 3000; i++, n++) {
		const x = Math.round(vp.x_at(v, i * scale.minor)) + 0.5;

		ctx.moveTo(x, height - 4);
		ctx.lineTo(x, height);
	}
	for (const m of scale.marks) {
		const x = Math.round(vp.x_at(v, m.t)) + 0.5;

		ctx.moveTo(x, height - 10);
		ctx.lineTo(x, height);
	}
	ctx.stroke();
	ctx.font = `500 12px ${FONT}`;
	ctx.textBaseline = "alphabetic";
	ctx.textAlign = "center";
	ctx.fillStyle = colours.text;
	for (const m of scale.marks) {
		const half = ctx.measureText(m.label).width / 2 + 1, x = vp.x_at(v, m.t);

		if (x >= 0 && x <= width)
			ctx.fillText(m.label, Math.min(Math.max(x, half), width - half), height - 14);
	}
	ctx.textAlign = "start";
	return scale;
}

/*
 * Everything at once, squeezed: all lanes of the trace.  Where there are many, each by itself, a pixel high, from its lowest rows:
 * there any run is seen, and what is idle beside it does not thin it out.
 */
export function minimap(ctx, view, { width, height, dpr, colours }) {
	const t = view.trace, groups = view.pyramid.groups(), n = t.lanes.length, missing = [];
	const whole = vp.make(0, Math.max(t.end, 1), width);
	const z = Math.min(grid.level(t, vp.units_per_px(whole) / dpr), Math.max(0, Math.floor(Math.log2(96 / groups.length))));

	ctx.setTransform(1, 0, 0, 1, 0, 0);
	ctx.fillStyle = colours.page;
	ctx.fillRect(0, 0, width * dpr, height * dpr);
	ctx.imageSmoothingEnabled = true;
	for (const a of grid.wanted(t, z, 0, t.end || 1, groups)) {
		const l = view.pyramid.look(a);

		if (l.missing)
			missing.push(l.missing);
		const at = l.shown && place(t, whole, a, l.shown, dpr), top = (i) => Math.round((2 + (a.y * t.lanesPerTile + i) / n * (height - 4)) * dpr);
		const rows = height / n < 4 ? 2 : t.laneHeight - 2;

		for (let i = 0; at && i < view.pyramid.n_lanes(a.y); i++)
			ctx.drawImage(l.shown.bitmap, at.sx, (i + 1) * t.laneHeight - 2 - rows, at.sw, rows, at.dx, top(i), at.dw, Math.max(top(i + 1) - top(i), 1));
	}
	return missing;
}

export function minimap_frame(ctx, view, { width, height, dpr, colours }) {
	const whole = vp.make(0, Math.max(view.trace.end, 1), width), v = view.viewport;
	const x0 = Math.max(vp.x_at(whole, v.from), 0), x1 = Math.min(Math.max(vp.x_at(whole, vp.to(v)), x0 + 3), width);

	ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
	ctx.clearRect(0, 0, width, height);
	ctx.fillStyle = colours.veil;
	ctx.fillRect(0, 0, x0, height);
	ctx.fillRect(x1, 0, width - x1, height);
	if (view.selection) {
		const s0 = vp.x_at(whole, view.selection[0]), s1 = vp.x_at(whole, view.selection[1]);

		ctx.fillStyle = colours.selection;
		ctx.fillRect(s0, 0, Math.max(s1 - s0, 1), height);
	}
	ctx.strokeStyle = colours.accent;
	ctx.lineWidth = 1.5;
	ctx.strokeRect(x0 + 0.75, 0.75, Math.max(x1 - x0 - 1.5, 1.5), height - 1.5);
}

/* On the ruler: the selection's bracket with its length, and the pointer's instant. */
export function ruler_overlay(ctx, view, { width, height, dpr, colours, length }) {
	const v = view.viewport;
	const tag = (x, text, back, front) => {
		const w = ctx.measureText(text).width + 12, left = Math.min(Math.max(x - w / 2, 0), width - w);

		ctx.fillStyle = back;
		ctx.beginPath();
		ctx.roundRect(left, 1, w, 17, 5);
		ctx.fill();
		ctx.fillStyle = front;
		ctx.fillText(text, left + 6, 10);
	};

	ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
	ctx.clearRect(0, 0, width, height);
	ctx.font = `600 11px ${FONT}`;
	ctx.textBaseline = "middle";
	if (view.selection) {
		const x0 = vp.x_at(v, view.selection[0]), x1 = vp.x_at(v, view.selection[1]);

		ctx.fillStyle = colours.accent;
		ctx.fillRect(x0, height - 3, Math.max(x1 - x0, 2), 3);
		if (x1 > 0 && x0 < width)
			tag((Math.max(x0, 0) + Math.min(x1, width)) / 2, length, colours.accent, colours.on_accent);
	}
	if (view.cursor && view.cursor.show)
		tag(view.cursor.x, time_text(view.cursor.t, view.trace.clock, Math.max(1, 10 ** Math.floor(Math.log10(vp.units_per_px(v))))),
			colours.text, colours.page);
}
