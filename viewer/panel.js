/*
 * panel.js - the page's side: what was measured, where it is bad, notes, lanes
 *
 * Everything that a picture tells stands here as text and tables too, for keyboards and screen readers.
 */
import { h, icon, ICONS } from "./dom.js";
import * as figures from "./figures.js";
import * as grid from "./grid.js";
import { SORTS, lane_height_choices } from "./lanes.js";
import { badness_of, checks_in } from "./paint.js";
import { colour_of } from "./owner.js";
import { absolute_text, grouped, length_text, percent, plural, time_text, visible } from "./text.js";

export const TABS = { measure: "Measure", spots: "Hot spots", notes: "Notes", lanes: "Lanes" };

/* --- measure --- */

const COLUMNS = [
	["run", (s, w, c) => [percent(s.run, w), length_text(s.run, c)]],
	["wait", (s, w, c) => [percent(s.wait, w), length_text(s.wait, c)]],
	["signal", (s, w, c) => [percent(s.signal, w), length_text(s.signal, c)]],
	["idle", (s, w, c) => [percent(idle(s, w), w), length_text(idle(s, w), c)]],
	["stall", (s, w, c) => [percent(s.stall, w), length_text(s.stall, c)]],
	["acquires", (s) => [grouped(s.acquires)]],
	["busy", (s) => [grouped(s.busy)]],
	["retry", (s) => [grouped(s.retry)]],
	["badness", (s, w, c, checks) => [badness_of(s, checks).toFixed(2)]],
	["longest wait", (s, w, c) => [s.maxWait ? length_text(s.maxWait, c) : "\u2013"]],
];

const idle = (s, w) => Math.max(0, w - s.run - s.wait - s.signal - s.stall);

function measure_tab(page, view) {
	const t = view.trace, c = t.clock, sel = view.selection;

	if (!sel)
		return [h("p", { class: "hint" }, "Drag on the time axis, or hold Shift and drag over the lanes, to measure a range. Its edges snap to events."),
			h("h2", {}, "The whole trace"), facts(t), totals_table(page, view, t.lanes, t.end)];
	const width = sel[1] - sel[0], m = view.measured;
	const out = [h("dl", { class: "facts" }, fact("Length", length_text(width, c)), fact("From", time_text(sel[0], c)), fact("To", time_text(sel[1], c)),
		m && fact("Switches", rate(sum(m.lanes, "switches"), width, c)), m && fact("Acquires", rate(sum(m.lanes, "acquires"), width, c)),
		m && fact("Lock held", percent(sum(m.lanes, "run") + sum(m.lanes, "stall"), width * Math.max(1, t.locks.length)))),
	h("p", { class: "buttons" }, button("Zoom to it", () => view.fit()), button("Add a note", () => page.add_note(view)), button("Clear", () => view.unselect()))];

	if (!view.pyramid?.readable)
		out.push(h("p", { class: "warn" }, "A page opened from a folder may show its pictures but not read them. " +
			"\u201cgilscope serve SITE\u201d, or a site rendered with --store html, gives exact figures."));
	else if (!m)
		out.push(h("p", { class: "hint", role: "status" }, "Adding up\u2026"));
	else
		out.push(!m.exact && h("p", { class: "warn" }, "Not exact at its edges: this site stores no events there."), totals_table(page, view, m.lanes, width));
	return out;
}

const sum = (list, name) => list.reduce((n, s) => n + (s ? s[name] : 0), 0);
const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
const button = (text, onclick, props = {}) => h("button", { type: "button", class: "plain-button", onclick, ...props }, text);

function rate(n, width, clock) {
	return clock === "ns" ? `${grouped(n)} (${grouped(Math.round(n / width * 1e9))}\u202f/s)` : grouped(n);
}

/* A row per lane that is shown; sums are of a range or of the whole trace, in the same words. */
function totals_table(page, view, lanes, width) {
	const rows = view.rows.filter((r) => r.kind === "lane").map((r) => r.lane).filter((i) => lanes[i]);
	const checks = checks_in(view.trace, lanes, width);
	const used = COLUMNS.filter(([name]) => !["stall", "signal"].includes(name) || rows.some((i) => lanes[i][name]));

	return h("table", { "aria-label": "Figures per lane" },
		h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "lane"), used.map(([name]) => h("th", { scope: "col" }, name)))),
		h("tbody", {}, rows.map((i) => h("tr", { class: view.lane === i ? "chosen" : "" }, h("th", { scope: "row" }, swatch(page, i), view.name_of(i)),
			used.map(([name, text]) => {
				const [big, small] = text(lanes[i], width, view.trace.clock, checks);

				return h("td", { "data-column": name }, big, small && h("small", {}, small));
			})))));
}

function swatch(page, lane) {
	const s = h("span", { class: "swatch" });

	s.style.background = colour_of(lane, page.theme);
	return s;
}

function facts(t) {
	const some = (name, n) => n > 0 && fact(name, grouped(n));

	return h("dl", { class: "facts" }, fact("Length", length_text(t.end, t.clock)), fact("Begins at", absolute_text(0, t)),
		fact("Lanes", grouped(t.lanes.length)), some("Checks", t.checks), some("Lost acquires", sum(t.lanes, "lostAcquires")), some("Lost releases", sum(t.lanes, "lostReleases")),
		some("Lost events", t.lostEvents), some("Skipped lines", t.skippedLines), t.truncated && fact("Truncated", "the log was cut off"),
		Object.entries(t.facts || {}).map(([k, v]) => fact(visible(k), visible(v))));
}

/* --- hot spots --- */

const INTERVAL = 5e6;		/* of CPython's switch interval, unless the trace says otherwise ("5000 us") */
const waits_of = (s) => s.busy || s.switches;		/* perf's logs have no BUSY */

/*
 * Stretches where a thread pays the switch interval again and again (convoys), or is woken in vain (battles): tiles of
 * a middling zoom, at least 16 intervals wide, whose sums say so, neighbours joined.  A convoy: at least three waits, each of 0.7 intervals
 * or more on average, and holds that are short beside them.
 */
export async function hot_stretches(pyramid) {
	const t = pyramid.trace, groups = pyramid.groups();
	const interval = parseFloat(t.facts?.["switch interval"]) * 1e3 || INTERVAL, ns = t.clock === "ns", open = new Map(), out = [];
	const z = Math.min(Math.max(3, Math.floor(Math.log2(256 / groups.length))), ns ? grid.level(t, 16 * interval / t.tileWidth) : t.zMax);
	const join = (kind, lane, x, s) => {
		const k = `${kind}${lane}`, last = open.get(k), to = Math.min(x.to, t.end);

		if (last && last.edge === x.from)
			Object.assign(last, { to, edge: x.to, sums: figures.add(last.sums, s) });
		else
			open.set(k, out[out.push({ kind, lane, from: x.from, to, edge: x.to, sums: { ...s } }) - 1]);
	};

	await Promise.all(groups.map(async (y) => {
		const tiles = (await cover(pyramid, { z: 0, x: 0, y }, z)).sort((a, b) => a.from - b.from);

		for (const x of tiles)
			x.lanes.forEach((s, i) => {
				const lane = y * t.lanesPerTile + i, waited = s.wait + s.signal;

				if (ns && waits_of(s) >= 3 && waited >= 0.7 * interval * waits_of(s) && s.run < interval / 4 * Math.max(s.acquires, 1))
					join("convoy", lane, x, s);
				if (s.retry >= 3 && s.retry > s.busy)
					join("battle", lane, x, s);
			});
	}));
	return Promise.all(out.sort((a, b) => cost(b) - cost(a)).slice(0, 50).map((s) => trim(pyramid, s)));
}

/* From tiles' edges to those of the waits in them. */
async function trim(pyramid, s) {
	const may = (x) => waits_of(x) > 0, is = (e) => e.kind === figures.BUSY || (e.kind === figures.ACQUIRE && !!(e.flags & figures.F_SWITCH));
	const first = await pyramid.find(s.from - 1, 1, s.lane, may, is), last = await pyramid.find(s.to, -1, s.lane, may, is);

	return first && last && first.t < last.t ? { ...s, from: first.t, to: last.t } : s;
}

const cost = (s) => s.kind === "convoy" ? s.sums.wait + s.sums.signal : s.sums.retry;

/* The stored tiles that cover everything at level z or, where the pyramid ends before, above it. */
async function cover(pyramid, a, z) {
	const tile = await pyramid.load(a);

	if (!tile?.lanes)
		return [];
	if (a.z >= z || !tile.children || tile.from + grid.tile_span(pyramid.trace, a.z + 1) > pyramid.trace.end && a.z >= z)
		return [tile];
	return (await Promise.all([0, 1].map((i) => cover(pyramid, { z: a.z + 1, x: 2 * a.x + i, y: a.y }, z)))).flat();
}

function spots_tab(page, view) {
	const t = view.trace, c = t.clock, out = [];
	const jump = (text, more, go) => h("li", {}, h("button", { type: "button", class: "jump", onclick: go }, h("b", {}, text), h("span", {}, more)));

	if (view.pyramid?.readable && !view.stretches)
		view.stretches = hot_stretches(view.pyramid).then((list) => { view.found = list; page.panel(); }).catch((e) => view.trouble(e));
	out.push(h("h2", {}, "Convoys and battles"));
	if (!view.pyramid?.readable)
		out.push(h("p", { class: "hint" }, "Figures cannot be read from a folder of pictures."));
	else if (!view.found)
		out.push(h("p", { class: "hint", role: "status" }, "Looking\u2026"));
	else if (!view.found.length)
		out.push(h("p", { class: "hint" }, "None: no thread pays the switch interval again and again, and none is woken in vain."));
	else
		out.push(h("ol", { class: "jumps", "data-list": "stretches" }, view.found.map((s) => jump(
			s.kind === "convoy" ? `${length_text(s.sums.wait + s.sums.signal, c)} lost in ${s.sums.busy ? plural(s.sums.busy, "wait") : "waits"}` : `${plural(s.sums.retry, "false alarm")}`,
			`${s.kind} \u00b7 ${view.name_of(s.lane)} at ${time_text(s.from, c, Math.max(1, 10 ** Math.floor(Math.log10((s.to - s.from) / 10 || 1))))}`, () => {
				view.choose(s.lane);
				view.fly({ from: s.from, span: s.to - s.from });
			}))));
	out.push(h("h2", {}, "Longest waits"));
	out.push(t.worstWaits?.length ? h("ol", { class: "jumps", "data-list": "waits" }, t.worstWaits.map((w) => jump(length_text(w.length, c),
		`${view.name_of(w.lane)} at ${time_text(w.begin, c)}`, () => {
			view.choose(w.lane);
			view.fly({ from: w.begin - w.length * 0.25, span: w.length * 1.5 });
			view.select(w.begin, w.begin + w.length);
		}))) : h("p", { class: "hint" }, "No thread had to wait."));
	return out;
}

/* --- notes --- */

function notes_tab(page, view) {
	const input = h("input", { type: "text", id: "note-text", maxlength: "300", placeholder: "What is to be seen here" });
	const add = () => {
		if (input.value.trim())
			page.add_note(view, input.value.trim());
	};

	return [h("form", { class: "note-form", onsubmit: (e) => { e.preventDefault(); add(); } }, h("label", { for: "note-text" }, `New note, ${view.selection ? "in the selection" : "at the point last clicked"}`),
		h("span", { class: "line" }, input, h("button", { type: "submit", class: "plain-button" }, "Add"))),
	view.notes.length ? h("ol", { class: "jumps numbered" }, view.notes.map((n, i) => h("li", {},
		h("button", { type: "button", class: "jump", onclick: () => page.show_note(view, i) }, h("b", {}, `${i + 1}. ${visible(n.text)}`),
			h("span", {}, `${n.lane === null ? "" : `${view.name_of(n.lane)} at `}${time_text(n.t, view.trace.clock)}`)),
		h("button", { type: "button", class: "act", "aria-label": `Remove note ${i + 1}`, onclick: () => page.remove_note(view, i) }, "\u00d7")))) :
		h("p", { class: "hint" }, "Notes stay in the page's address, so a copied link carries them. N adds one; P plays through them, for talks."),
	h("p", { class: "buttons" }, button("Present", () => page.present(), { disabled: !page.views.some((v) => v.notes.length) }),
		button("Save notes.js", () => page.save_notes(), { title: "Put the file beside index.html and everybody who opens the site sees them" }),
		button("Load\u2026", () => page.pick(".js,.json")))];
}

/* --- lanes --- */

function lanes_tab(page, view) {
	const look = view.look, change = (fields) => {
		Object.assign(look, fields);
		view.arrange();
		page.changed(view);
	};
	const hidden = [...look.hidden];

	return [h("div", { class: "fields" },
		h("label", { for: "filter" }, "Filter"), h("input", { id: "filter", type: "search", value: look.filter, placeholder: "name or id", oninput: (e) => change({ filter: e.target.value }) }),
		h("label", { for: "sort" }, "Sort by"), select("sort", Object.entries(SORTS).map(([k, [text]]) => [k, text]), look.sort, (v) => change({ sort: v })),
		h("label", { for: "height" }, "Height"), select("height", lane_height_choices(view.trace), String(look.height), (v) => change({ height: Number(v) }))),
	h("label", { class: "check" }, h("input", { type: "checkbox", checked: view.badness, disabled: !view.pyramid?.readable, onchange: (e) => {
		view.badness = e.target.checked;
		view.redraw("lanes");
		page.changed(view);
	} }), `Badness in each tile (failed acquisitions per ${view.trace.checks ? "check" : "acquire"})`),
	hidden.length > 0 && h("p", { class: "buttons" }, `${plural(hidden.length, "lane")} hidden `, button("Show all", () => change({ hidden: new Set() }))),
	h("ul", { class: "lane-list", "aria-label": "All lanes" }, view.trace.lanes.map((l, i) => h("li", {}, h("label", { class: "check" },
		h("input", { type: "checkbox", checked: !look.hidden.has(i), onchange: () => view.toggle("hidden", i) }), swatch(page, i), h("span", { class: "name" }, view.name_of(i))),
	h("button", { type: "button", class: "act", "aria-pressed": String(look.pinned.has(i)), "aria-label": `Pin ${view.name_of(i)}`, onclick: () => { view.toggle("pinned", i); page.panel(); } },
		"\u2191"))))];
}

export function select(id, options, value, onchange, props = {}) {
	return h("select", { id, onchange: (e) => onchange(e.target.value), ...props },
		options.map(([v, text]) => h("option", { value: v, selected: v === value }, text)));
}

const MAKERS = { measure: measure_tab, spots: spots_tab, notes: notes_tab, lanes: lanes_tab };

/* The whole panel for the view that was used last. */
export function panel(page, view, tab) {
	const body = h("div", { class: "tab-body", role: "tabpanel", id: "tab-body", tabindex: "0", "aria-labelledby": `tab-${tab}` }, MAKERS[tab](page, view));

	return [h("div", { class: "tabs" }, h("div", { role: "tablist", "aria-label": "Panel" }, Object.entries(TABS).map(([key, text]) => h("button", { type: "button", role: "tab", id: `tab-${key}`,
		"aria-selected": String(key === tab), "aria-controls": "tab-body", tabindex: key === tab ? "0" : "-1", onclick: () => page.open_tab(key),
		onkeydown: (e) => {
			const keys = Object.keys(TABS), step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];

			if (!step)
				return;
			e.preventDefault();
			e.stopPropagation();
			page.open_tab(keys[(keys.indexOf(key) + step + keys.length) % keys.length], true);
		} }, text))), h("button", { type: "button", class: "act close", "aria-label": "Close the panel", onclick: () => page.toggle_panel(false) }, icon(ICONS.close))),
	page.views.length > 1 && h("p", { class: "which" }, visible(view.trace.title)), body].filter(Boolean);
}
