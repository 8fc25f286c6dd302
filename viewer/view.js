/*
 * view.js - one trace on the page: its elements, its state, and when what is drawn anew
 *
 * State: viewport, selection ([from, to) or null), lane (the selected one or null), look (lanes.js), notes, cursor.
 * The page (main.js) is told of changes by page.changed(view); linked views share their viewport through it.
 */
import { Cache } from "./cache.js";
import { h, icon, ICONS } from "./dom.js";
import * as figures from "./figures.js";
import * as grid from "./grid.js";
import * as lanes from "./lanes.js";
import { colour_of } from "./owner.js";
import * as marks from "./marks.js";
import * as paint from "./paint.js";
import { Pyramid } from "./pyramid.js";
import { axis } from "./ticks.js";
import { length_text, percent, time_text, visible } from "./text.js";
import * as vp from "./viewport.js";
import { listen } from "./input.js";

const STRIP_BYTES = 24 << 20;
const FLIGHT_MS = 260;
const HOVER_MS = 40;
const SNAP_PX = 7;

/* What can be looked for: which tiles may hold one, which record is one. */
export const FINDS = {
	ACQUIRE: [(s) => s.acquires > 0, (e) => e.kind === figures.ACQUIRE],
	RELEASE: [(s) => s.releases > 0, (e) => e.kind === figures.RELEASE],
	BUSY: [(s) => s.busy > 0, (e) => e.kind === figures.BUSY],
	RETRY: [(s) => s.retry > 0, (e) => e.kind === figures.RETRY],
	TIMEOUT: [(s) => s.timeouts > 0, (e) => e.kind === figures.TIMEOUT],
	switch: [(s) => s.switches > 0, (e) => e.kind === figures.ACQUIRE && !!(e.flags & figures.F_SWITCH)],
	lost: [(s) => s.lost > 0, (e) => e.kind === figures.LOST || !!(e.flags & ~figures.F_SWITCH)],
	"any event": [(s) => s.events > 0, (e) => e.kind !== figures.STATE_ONLY],
};

export class View {
	constructor(page, index, trace, source) {
		Object.assign(this, { page, index, trace, selection: null, lane: null, look: lanes.defaults(), notes: [],
			cursor: null, pointed: null, measured: null, badness: false, stack: [], place: -1, hover: 0, measuring: 0 });
		lanes.prepare(trace);
		this.strips = new Cache(STRIP_BYTES, (b) => b.close?.());
		this.dirty = { lanes: true, over: true, mini: true, labels: true };
		this.viewport = vp.all(Math.max(trace.end, 1), 800);
		this.whole = true;
		this.set_source(source);
		this.build();
		this.resize();
		listen(this);
	}

	set_source(source) {
		this.pyramid = source && new Pyramid(this.trace, source);
		if (!source)
			return;
		this.pyramid.set_theme(this.page.theme);
		this.pyramid.on_tile = () => this.redraw("lanes", "mini");
		this.pyramid.on_error = (e) => this.page.trouble(e, this);
		this.strips.clear();
	}

	/* How far the axis goes: linked ones as far as the longest of them. */
	get end() {
		const { linked, manifest } = this.page, same = linked ? manifest.traces.filter((t) => t.clock === this.trace.clock) : [];

		return Math.max(1, this.trace.end, ...same.map((t) => t.end));
	}

	/* What lies on either side of an instant within one pixel. */
	get resolution() {
		return Math.max(1, vp.units_per_px(this.viewport));
	}

	lanes_of(process) {
		this.by_process ||= this.trace.processes.map((_, p) => this.trace.lanes.flatMap((l, i) => l.process === p ? [i] : []));
		return this.by_process[process] || [];
	}

	locks_of(process) {
		return this.trace.locks.filter((l) => l.process === process && l.kind === "gil").length;
	}

	shows_owner(process) {
		return this.locks_of(process) > 0 && !!this.pyramid?.readable;
	}

	/* With its process where there are several and that is not beside it. */
	name_of(lane) {
		const l = this.trace.lanes[lane], p = this.trace.processes;

		return visible(lanes.label(l)) + (p[1] && p[l.process].pid >= 0 ? ` (${p[l.process].pid})` : "");
	}

	/* --- elements --- */

	build() {
		const t = this.trace;

		this.canvas = h("canvas", { "aria-hidden": "true" });
		this.marks = marks.make();
		this.flags = [];
		this.over = h("div", { class: "marks", "aria-hidden": "true" }, this.marks);
		this.ruler = h("canvas", { "aria-hidden": "true" });
		this.ruler_over = h("canvas", { "aria-hidden": "true" });
		this.mini = h("canvas", { "aria-hidden": "true" });
		this.mini_over = h("canvas", { "aria-hidden": "true" });
		this.corner = h("div", { class: "corner" });
		this.labels = h("ul", { class: "labels", "aria-label": "Lanes" });
		this.sticky = h("div", { class: "sticky" }, this.canvas, this.over);
		this.none = h("div", { class: "none", role: "status" });
		this.tall = h("div", { class: "tall" }, this.labels, this.sticky, this.none);
		this.scroll = h("div", { class: "scroll" }, this.tall);
		this.tip = h("div", { class: "tip", role: "status", "aria-live": "off" });
		this.ruler_box = h("div", { class: "ruler", title: "Drag here to measure" }, this.ruler, this.ruler_over);
		this.mini_box = h("div", { class: "mini", title: "The whole trace: drag to move" }, this.mini, this.mini_over);
		this.stage = h("div", { class: "stage", tabindex: "0", role: "application", "aria-roledescription": "timeline",
			"aria-label": `Timeline of ${visible(t.title) || "a trace"}`, "aria-describedby": "keys-short" },
			h("div", { class: "corner mini-corner" }, h("span", {}, "whole trace")), this.mini_box, this.corner, this.ruler_box, this.scroll, this.tip);
		this.element = h("section", { class: "trace", "aria-label": visible(t.title) || `Trace ${this.index + 1}` },
			this.page.manifest.traces.length > 1 && h("header", { class: "trace-head" },
				h("h2", {}, visible(t.title)), t.description && h("p", {}, visible(t.description))),
			this.stage);
		this.scroll.addEventListener("scroll", () => this.redraw("lanes", "over"));
		this.arrange();
	}

	/* Heights and order of the rows, and their labels. */
	arrange() {
		const out = lanes.layout(this.trace, this.look, this.lane_height(), this.trace.processes.some((_, p) => this.shows_owner(p)));

		this.rows = out.rows;
		this.tall.style.height = `${out.height}px`;
		this.dirty.labels = true;
		this.redraw("lanes", "over");
	}

	/* Chosen by hand, or such that few lanes fill the page and many are still readable. */
	lane_height() {
		const t = this.trace, room = (this.scroll?.clientHeight || 0) - this.trace.processes.length * lanes.HEADER;

		if (this.look.height)
			return this.look.height;
		const step = t.laneHeight / 4, fitting = Math.floor(room / Math.max(t.lanes.length - this.look.hidden.size, 1) / step) * step;

		return Math.max(t.laneHeight, Math.min(t.laneHeight * 2.5, fitting));
	}

	draw_labels() {
		this.dirty.labels = false;
		const focus = this.labels.contains(document.activeElement) && document.activeElement.dataset.key;

		this.labels.replaceChildren(...this.rows.map((r) => r.kind === "process" ? this.process_label(r) : this.lane_label(r)));
		this.draw_none();
		if (focus)
			[...this.labels.querySelectorAll("button")].find((b) => b.dataset.key === focus)?.focus();
	}

	/* Why there is no lane at all, and the way back. */
	draw_none() {
		const { filter, hidden } = this.look;

		this.none.replaceChildren(...this.rows.length ? [] : [filter ? `No lane matches \u201c${visible(filter)}\u201d. ` : "All lanes are hidden. ",
			h("button", { type: "button", class: "plain-button", onclick: () => {
				this.look.filter = "";
				if (!filter)
					hidden.clear();
				this.arrange();
				this.page.changed(this);
			} }, filter ? "Clear the filter" : "Show all")]);
	}

	row_element(r, cls, ...children) {
		const li = h("li", { class: cls }, ...children);

		li.style.top = `${r.top}px`;
		li.style.height = `${r.height}px`;
		return li;
	}

	process_label(r) {
		const p = this.trace.processes[r.process], folded = this.look.folded.has(r.process), name = visible(lanes.process_label(p));
		const button = h("button", { type: "button", class: "process", "aria-expanded": String(!folded), title: `${name}: fold or unfold; the line shows who holds the lock`,
			onclick: () => this.toggle("folded", r.process) }, icon(ICONS.fold), h("span", { class: "name" }, visible(p.label || p.name || "process")),
			h("span", { class: "id" }, p.label || p.pid < 0 ? "" : p.pid),
			h("span", { class: "extra" }, this.shows_owner(r.process) && !p.label ? "owner" : ""));

		button.dataset.key = `p${r.process}`;
		return this.row_element(r, "row process-row", button);
	}

	lane_label(r) {
		const lane = this.trace.lanes[r.lane], chosen = this.lane === r.lane, name = this.name_of(r.lane), t = this.trace;
		const id = lane.name && !lane.twin ? visible(lane.id) : "";
		const swatch = h("span", { class: "swatch" });

		swatch.style.background = colour_of(r.lane, this.page.theme);
		const main = h("button", { type: "button", class: "lane", "aria-pressed": String(chosen),
			title: `${name}${id ? ` (${id})` : ""}: run ${percent(lane.run, t.end)}, wait ${percent(lane.wait, t.end)}, signal ${percent(lane.signal, t.end)}`,
			onclick: () => this.choose(chosen ? null : r.lane) }, swatch, h("span", { class: "name" }, visible(lane.name || lane.id)),
			lane.name && lane.twin && h("span", { class: "id" }, visible(lane.id)), h("span", { class: "extra" }, percent(lane.run, t.end)));
		const pin = h("button", { type: "button", class: "act", "aria-pressed": String(!!r.pinned), "aria-label": `Pin ${name} on top`,
			title: "Pin on top", onclick: () => this.toggle("pinned", r.lane) }, "\u2191");
		const hide = h("button", { type: "button", class: "act", "aria-label": `Hide ${name}`, title: "Hide",
			onclick: () => this.toggle("hidden", r.lane) }, "\u00d7");

		main.dataset.key = `l${r.lane}`;
		pin.dataset.key = `pin${r.lane}`;
		hide.dataset.key = `hide${r.lane}`;
		return this.row_element(r, `row lane-row${chosen ? " chosen" : ""}${r.pinned ? " pinned" : ""}`, main, h("span", { class: "acts" }, pin, hide));
	}

	toggle(set, i) {
		const s = this.look[set];

		if (!s.delete(i))
			s.add(i);
		this.arrange();
		this.page.changed(this);
	}

	/* --- drawing --- */

	redraw(...what) {
		for (const w of what)
			this.dirty[w] = true;
		this.page.frame();
	}

	resize() {
		const dpr = devicePixelRatio || 1, box = (c, w, hh) => {
			if (c.width === Math.round(w * dpr) && c.height === Math.round(hh * dpr))
				return;
			c.width = Math.round(w * dpr);
			c.height = Math.round(hh * dpr);
			c.style.width = `${w}px`;
			c.style.height = `${hh}px`;
		};
		const width = Math.max(this.ruler_box.clientWidth, 40), height = Math.max(this.scroll.clientHeight, 40);

		this.dpr = dpr;
		this.size = { width, height, ruler: this.ruler_box.clientHeight, mini: this.mini_box.clientHeight };
		this.sticky.style.height = `${height}px`;
		box(this.canvas, width, height);
		box(this.ruler, width, this.size.ruler);
		box(this.ruler_over, width, this.size.ruler);
		box(this.mini, width, this.size.mini);
		box(this.mini_over, width, this.size.mini);
		this.viewport = vp.clamp({ ...this.viewport, width }, this.end);
		if (this.whole)
			this.viewport = vp.all(this.end, width);
		this.arrange();
		this.redraw("lanes", "over", "mini");
	}

	/* Draws what is dirty; true if there is more to do in the next frame. */
	frame() {
		const d = this.dirty;
		let again = false;

		if (d.labels)
			this.draw_labels();
		if (!this.pyramid)
			return false;
		const { width, height } = this.size, top = this.scroll.scrollTop, colours = this.page.colours(this);
		const rows = lanes.visible_rows(this.rows, top, top + height);
		const opts = { rows, top, width, height, dpr: this.dpr, colours, theme: this.page.theme, words: true };

		if (d.lanes) {
			d.lanes = false;
			const out = paint.lanes(this.canvas.getContext("2d", { alpha: false }), this, opts);

			this.missing = out.missing;
			again = out.again;
			if (out.again)
				d.lanes = true;
			const scale = paint.ruler(this.ruler.getContext("2d", { alpha: false }), this, { width, height: this.size.ruler, dpr: this.dpr, colours });

			this.draw_corner(scale);
			d.over = true;
		}
		if (d.mini) {
			d.mini = false;
			this.mini_missing = this.size.mini && paint.minimap(this.mini.getContext("2d", { alpha: false }), this,
				{ width, height: this.size.mini, dpr: this.dpr, colours });
		}
		if (d.over) {
			d.over = false;
			const length = this.selection ? length_text(this.selection[1] - this.selection[0], this.trace.clock) : "";

			marks.place(this.over, this, opts);
			paint.ruler_overlay(this.ruler_over.getContext("2d"), this, { width, height: this.size.ruler, dpr: this.dpr, colours, length });
			if (this.size.mini)
				paint.minimap_frame(this.mini_over.getContext("2d"), this, { width, height: this.size.mini, dpr: this.dpr, colours });
		}
		/* The coarsest tile of each group first: something of everything is seen at once. */
		const first = this.started ? [] : this.pyramid.groups().map((y) => ({ z: 0, x: 0, y }));

		this.started = true;
		this.pyramid.want([...first, ...(this.missing || []), ...(this.mini_missing || [])]);
		return again;
	}

	draw_corner(scale) {
		const text = scale.base !== null ? `${time_text(scale.base, this.trace.clock, scale.step * 100)} +` : "";

		if (this.corner.textContent !== text + scale.unit)
			this.corner.replaceChildren(h("span", { class: "base" }, text), h("span", { class: "unit" }, scale.unit));
	}

	/* --- moving --- */

	/* soft: one of many steps of a gesture, which leave no trace in "back". */
	go(viewport, { soft = false, from_link = false } = {}) {
		this.viewport = vp.clamp({ ...viewport, width: this.size.width }, this.end);
		this.whole = this.viewport.span >= this.end;
		this.redraw("lanes");
		this.hide_tip();
		if (!from_link)
			this.page.moved(this);
		if (!soft)
			this.remember();
		this.page.changed(this, soft);
	}

	remember() {
		const last = this.stack[this.place];

		if (last && Math.abs(last.from - this.viewport.from) + Math.abs(last.span - this.viewport.span) < last.span * 1e-6)
			return;
		this.stack.length = this.place + 1;
		this.stack.push(this.viewport);
		if (this.stack.length > 200)
			this.stack.shift();
		this.place = this.stack.length - 1;
		this.page.toolbar();
	}

	travel(dir) {
		if (!this.stack[this.place + dir])
			return;
		this.place += dir;
		this.fly(this.stack[this.place], { silent: true });
		this.page.toolbar();
	}

	/* Moves there in a few frames, or at once for those who want no motion. */
	fly(target, { silent = false } = {}) {
		const from = this.viewport, goal = vp.clamp({ ...target, width: this.size.width }, this.end), began = performance.now();

		if (!silent && this.stack.length === 0)
			this.remember();
		cancelAnimationFrame(this.flight);
		if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
			this.go(goal, { soft: silent });
			return;
		}
		const step = (now) => {
			const k = Math.min(1, Math.max(0, now - began) / FLIGHT_MS), eased = 1 - (1 - k) ** 3;

			if (k >= 1) {
				this.go(goal, { soft: silent });
				return;
			}
			this.go(vp.between(from, goal, eased), { soft: true });
			this.flight = requestAnimationFrame(step);
		};

		this.flight = requestAnimationFrame(step);
	}

	land() {
		cancelAnimationFrame(this.flight);
	}

	zoom_by(factor, x = this.size.width / 2) {
		this.fly(vp.zoom(this.viewport, x, factor, this.end));
	}

	show_all() {
		this.fly(vp.all(this.end, this.size.width));
	}

	fit() {
		if (this.selection)
			this.fly(vp.around(...this.selection, this.size.width, this.end, 0.05));
		else
			this.show_all();
	}

	/* The instant in the middle, with at least `span` around it. */
	show(t, span = this.viewport.span) {
		this.fly({ from: t - span / 2, span, width: this.size.width });
	}

	/* --- pointing --- */

	row_at(y) {
		const top = y + this.scroll.scrollTop;

		return this.rows.find((r) => top >= r.top && top < r.top + r.height) || null;
	}

	point(x, y) {
		const row = this.row_at(y), t = vp.time_at(this.viewport, x);

		this.cursor = { x, t, show: true };
		this.pointed = row?.kind === "lane" ? { lane: row.lane } : null;
		this.redraw("over");
		clearTimeout(this.hover);
		const turn = this.turn = {};

		this.show_tip(x, y, row, t, null);
		if (row?.kind === "lane" && t >= 0 && t < this.trace.end)
			this.hover = setTimeout(() => this.look_up(row.lane, t, turn, x, y, row), HOVER_MS);
	}

	async look_up(lane, t, turn, x, y, row) {
		const at = await this.describe(lane, t).catch((e) => (this.trouble(e), null));

		if (turn !== this.turn || !at)
			return;
		if (at.period)
			this.pointed = { lane, begin: at.period.begin, end: at.period.end };
		this.redraw("over");
		this.show_tip(x, y, row, t, at);
	}

	trouble(e) {
		if (e.name !== "AbortError" && this.pyramid.readable)
			this.page.trouble(e, this);
	}

	/*
	 * What lies at an instant of a lane: {period} if one state fills the pixel, else {sums} of the pixel; both
	 * exact.  null where figures cannot be read.
	 */
	async describe(lane, t) {
		if (!this.pyramid.readable)
			return null;
		const half = this.resolution / 2, y = Math.floor(lane / this.trace.lanesPerTile);

		if (half > 0.5) {
			const from = Math.max(0, Math.floor(t - half)), to = Math.min(Math.ceil(t + half), this.trace.end);
			const m = await this.pyramid.measure(from, to, [y]), s = m.lanes[lane];

			if (s.events > 1)
				return { sums: s, from, to, exact: m.exact };
		}
		return { period: await this.pyramid.period_at(lane, Math.floor(Math.max(t, 0))) };
	}

	show_tip(x, y, row, t, at) {
		const c = this.trace.clock, box = this.tip;

		if (t < 0 || t > this.trace.end) {
			this.hide_tip();
			return;
		}
		const lines = [h("b", {}, row?.kind === "lane" ? this.name_of(row.lane) : row?.kind === "process" ?
			visible(lanes.process_label(this.trace.processes[row.process])) : "")];

		if (at?.period)
			lines.push(...period_lines(at.period, this.trace, this.page.colours(this).palette));
		else if (at?.sums)
			lines.push(...sums_lines(at, this.trace, this.page.colours(this).palette));
		else if (!this.pyramid.readable)
			lines.push(h("span", {}, `at ${time_text(t, c, this.resolution)}, to the pixel`));
		box.replaceChildren(...lines);
		box.classList.add("on");
		const stage = this.stage.getBoundingClientRect(), base = this.over.getBoundingClientRect();
		const left = base.left - stage.left + x + 14, top = base.top - stage.top + y + 16;
		const w = box.offsetWidth, tall = box.offsetHeight;

		box.style.left = `${Math.max(4, left + w > stage.width - 4 ? left - w - 28 : left)}px`;
		box.style.top = `${Math.max(4, top + tall > stage.height - 4 ? top - tall - 28 : top)}px`;
	}

	hide_tip() {
		this.tip.classList.remove("on");
		clearTimeout(this.hover);
		this.turn = null;
	}

	leave() {
		this.cursor = this.pointed = null;
		this.hide_tip();
		this.redraw("over");
	}

	/* --- choosing and measuring --- */

	choose(lane) {
		this.lane = lane;
		this.dirty.labels = true;
		this.redraw("lanes", "over");
		this.page.changed(this);
		this.page.chosen(this);
		if (lane !== null)
			this.scroll_to(lane);
	}

	/* Up and down among the lanes that are shown. */
	choose_next(dir) {
		const list = this.rows.filter((r) => r.kind === "lane").map((r) => r.lane), at = list.indexOf(this.lane);

		if (!list.length)
			return;
		this.choose(list[at < 0 ? (dir > 0 ? 0 : list.length - 1) : Math.min(Math.max(at + dir, 0), list.length - 1)]);
		this.page.announce(`Lane ${this.name_of(this.lane)}`);
	}

	scroll_to(lane) {
		const r = this.rows.find((row) => row.kind === "lane" && row.lane === lane);

		if (!r)
			return;
		if (r.top < this.scroll.scrollTop)
			this.scroll.scrollTop = r.top;
		else if (r.top + r.height > this.scroll.scrollTop + this.size.height)
			this.scroll.scrollTop = r.top + r.height - this.size.height;
	}

	/* While it is dragged; settle() snaps and measures. */
	drag_selection(x0, x1) {
		const a = vp.time_at(this.viewport, Math.min(x0, x1)), b = vp.time_at(this.viewport, Math.max(x0, x1));

		this.selection = [Math.round(Math.max(a, 0)), Math.max(Math.round(Math.min(b, this.trace.end)), Math.round(Math.max(a, 0)) + 1)];
		this.redraw("over", "mini");
	}

	async settle() {
		if (!this.selection)
			return;
		const raw = this.selection;

		this.page.show_measure(this);
		const [a, b] = await Promise.all(raw.map((t) => this.snap(t))).catch(() => raw);

		if (this.selection === raw)
			this.select(a < b ? a : raw[0], a < b ? b : raw[1]);
	}

	/* The nearest event within a few pixels; without figures, the nearest pixel of the tiles. */
	async snap(t) {
		if (!this.pyramid.readable) {
			const unit = grid.unit(this.trace, grid.level(this.trace, vp.units_per_px(this.viewport) / this.dpr));

			return Math.round(t / unit) * unit;
		}
		const reach = SNAP_PX * this.resolution, [may, test] = FINDS["any event"];
		const [before, after] = await Promise.all([this.pyramid.find(t + 1, -1, this.lane, may, test), this.pyramid.find(t, 1, this.lane, may, test)]);
		const near = [before, after].filter((e) => e && Math.abs(e.t - t) <= reach).sort((p, q) => Math.abs(p.t - t) - Math.abs(q.t - t));

		return near.length ? near[0].t : t;
	}

	select(from, to) {
		this.selection = [Math.round(from), Math.round(to)];
		this.redraw("over", "mini");
		this.page.changed(this);
		return this.measure();
	}

	unselect() {
		this.selection = this.measured = null;
		this.redraw("over", "mini");
		this.page.changed(this);
		this.page.measured(this);
	}

	async measure() {
		const turn = ++this.measuring, [from, to] = this.selection;

		this.measured = null;
		this.page.measured(this);
		if (!this.pyramid?.readable)
			return;
		try {
			const m = await this.pyramid.measure(from, to);

			if (turn === this.measuring && this.selection) {
				this.measured = m;
				this.page.measured(this);
			}
		} catch (e) {
			this.trouble(e);
		}
	}

	/* Steps to the next event of a kind, in the selected lane or in all. */
	async step(kind, dir) {
		if (!this.pyramid.readable) {
			this.page.announce("Events cannot be read from a folder of pictures.");
			return;
		}
		const [may, test] = FINDS[kind], middle = this.at ?? vp.time_at(this.viewport, this.size.width / 2);
		const inside = middle >= this.viewport.from && middle <= vp.to(this.viewport);
		const start = inside ? middle : dir > 0 ? this.viewport.from : vp.to(this.viewport);
		const e = await this.pyramid.find(start, dir, this.lane, may, test).catch((x) => (this.trouble(x), null));

		if (!e) {
			this.page.announce(`No ${dir > 0 ? "later" : "earlier"} ${kind}${this.lane === null ? "" : ` of ${this.name_of(this.lane)}`}.`);
			return;
		}
		this.at = e.t;
		if (e.t < this.viewport.from + this.viewport.span * 0.1 || e.t > vp.to(this.viewport) - this.viewport.span * 0.1)
			this.show(e.t);
		this.cursor = { x: vp.x_at(this.viewport, e.t), t: e.t, show: true };
		this.pointed = { lane: e.lane };
		this.flash(e);
		this.page.announce(`${kind} at ${time_text(e.t, this.trace.clock)} in ${this.name_of(e.lane)}`);
		this.scroll_to(e.lane);
	}

	/* The crosshair follows the instant while the page moves to it. */
	flash(e) {
		const until = performance.now() + FLIGHT_MS + 60, follow = () => {
			this.cursor = { x: vp.x_at(this.viewport, e.t), t: e.t, show: true };
			this.redraw("over");
			if (performance.now() < until)
				requestAnimationFrame(follow);
		};

		follow();
	}

	scale() {
		return axis(this.viewport, this.trace.clock);
	}
}

function state_line(state, text, palette) {
	const mark = h("i");

	mark.style.background = state === "idle" ? "none" : palette[state];
	return h("span", { class: "state" }, mark, text);
}

function period_lines(p, trace, palette) {
	const c = trace.clock, state = figures.STATES[p.state], f = trace.functions?.[p.func];
	const whole = p.since < p.begin && p.state !== figures.IDLE;

	return [state_line(state, `${state} ${length_text(p.end - p.begin, c)}`, palette),
		h("span", {}, `${time_text(p.begin, c)} \u2013 ${time_text(p.end, c)}`),
		whole && h("span", {}, `${p.state <= figures.SIGNAL ? "asked" : "held"} since ${time_text(p.since, c)}`),
		f && h("span", {}, `${visible(f.name)} ${visible(f.file)}:${f.line}`),
		trace.locks.length > 1 && p.state !== figures.IDLE && h("span", {}, `lock ${visible(trace.locks[p.lock]?.name || trace.locks[p.lock]?.id)}`)].filter(Boolean);
}

function sums_lines({ sums, from, to, exact }, trace, palette) {
	const width = to - from, counts = [["acquires", "ACQUIRE"], ["busy", "BUSY"], ["retry", "RETRY"], ["timeouts", "TIMEOUT"]]
		.filter(([k]) => sums[k]).map(([k, name]) => `${sums[k]} ${name}`);

	return [...["run", "stall", "signal", "wait"].filter((s) => sums[s]).map((s) =>
		state_line(s, `${s} ${percent(sums[s], width)} \u00b7 ${length_text(sums[s], trace.clock)}`, palette)),
	counts.length && h("span", {}, counts.join(", ")),
	h("span", {}, `in this pixel's ${length_text(width, trace.clock)}${exact ? "" : ", about"}`)].filter(Boolean);
}
