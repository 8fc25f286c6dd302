/*
 * main.js - the page: bars, panel, keys, theme, links; and one view (view.js) per trace of the manifest
 */
import { download, h, icon, ICONS } from "./dom.js";
import * as figure from "./figure.js";
import * as hash from "./hash.js";
import * as lanes from "./lanes.js";
import { panel, select } from "./panel.js";
import * as sources from "./source.js";
import { parse_time, visible } from "./text.js";
import { FINDS, View } from "./view.js";
import * as vp from "./viewport.js";

const INK = {
	light: { page: "#ffffff", header: "#f3f5f8", chosen: "#e6effa", beyond: "#eef0f3", text: "#1b2129", dim: "#5b6675", tick: "#9aa5b4", line: "#d5dae2",
		accent: "#0b5cad", on_accent: "#ffffff", selection: "#0b5cad22", veil: "#ffffff8c", note: "#7a3e9d", bad: "#a5001a" },
	dark: { page: "#12151a", header: "#1a1f26", chosen: "#1c2a3c", beyond: "#0c0e12", text: "#e8ecf2", dim: "#9aa6b6", tick: "#5c6878", line: "#2c343f",
		accent: "#6cb2ff", on_accent: "#0c1118", selection: "#6cb2ff2b", veil: "#12151a99", note: "#d3a4f2", bad: "#ff8a70" },
};
const HASH_MS = 250;
const KEYS = [
	["Wheel, pinch, + and \u2212", "zoom at the pointer"], ["W S A D, by their place", "zoom in, out, move left, right"], ["Drag, \u2190 \u2192", "move"], ["Home, End", "begin, end"],
	["\u2191 \u2193", "select a lane"], ["Double click", "zoom in (Shift: out)"], ["Shift and drag, or drag on the axis", "measure a range"], ["M", "measuring by plain drag, on and off"],
	["0", "everything"], ["F", "fit the selection"], [", and .", "back and forward"], ["[ and ]", "previous and next event"], ["G", "go to a time"], ["/", "filter lanes"],
	["N", "new note"], ["P", "present the notes (then Space, PageDown, \u2192; Escape ends)"], ["T", "light or dark"], ["I", "panel"], ["Escape", "clear the selection"], ["?", "this help"],
];

class Page {
	constructor(manifest) {
		Object.assign(this, { manifest, views: [], tab: "measure", measuring: false, kind: "ACQUIRE", pending: 0, writing: 0, presenting: -1 });
		this.linked = manifest.axes !== "free";
		this.pairs = hash.parse(location.hash);
		this.embed = this.pairs.some(([k]) => k === "embed");
		this.system = matchMedia("(prefers-color-scheme: dark)");
		this.chosen_theme = this.value("theme");
		this.panel_open = !this.embed && matchMedia("(min-width: 1100px)").matches && manifest.traces.length > 0;
		if (this.value("axes"))
			this.linked = this.value("axes") !== "free";
		document.title = visible(manifest.title || manifest.traces[0]?.title || "gilscope");
		this.build();
		this.apply_theme();
		for (const [i, t] of manifest.traces.entries())
			this.add(i, t);
		this.active = this.views[0];
		this.read_hash();
		this.legend();
		this.panel();
		this.toolbar();
		this.listen();
		this.ready = true;
	}

	value(key) {
		return this.pairs.findLast(([k]) => k === key)?.[1][0];
	}

	get theme() {
		return ["light", "dark"].includes(this.chosen_theme) ? this.chosen_theme : this.system.matches ? "dark" : "light";
	}

	/* --- elements --- */

	build() {
		const tool = (name, title, run, props = {}) => h("button", { type: "button", class: "tool", title, "aria-label": title, onclick: run, ...props }, icon(ICONS[name]));
		const act = (f) => () => this.active && f(this.active);

		this.tools = {
			back: tool("back", "Back ( , )", act((v) => v.travel(-1))), forward: tool("forward", "Forward ( . )", act((v) => v.travel(1))),
			measure: tool("measure", "Measure by dragging (M)", () => this.set_measuring(!this.measuring), { "aria-pressed": "false" }),
			panel: tool("panel", "Panel (I)", () => this.toggle_panel(), { "aria-expanded": "false" }),
		};
		this.goto = h("input", { type: "text", class: "goto", "aria-label": "Go to a time", placeholder: "Go to time", size: "11", autocomplete: "off", spellcheck: "false",
			onkeydown: (e) => { if (e.key === "Escape") this.goto.blur(); } });
		this.link_box = this.manifest.traces.length > 1 && h("label", { class: "check" }, h("input", { type: "checkbox", checked: this.linked, onchange: (e) => this.set_linked(e.target.checked) }), "Link axes");
		this.menu = h("div", { class: "menu", hidden: true, id: "share-menu" },
			...[["Copy link", () => this.copy(location.href, "The link")], ["Save as PNG", act((v) => this.save(v, "png"))], ["Save as SVG", act((v) => this.save(v, "svg"))],
				["Copy as command", act((v) => this.copy(figure.command(v), "The command"))], ["Open a .pmtiles file\u2026", () => this.pick(".pmtiles")]]
				.map(([text, run]) => h("button", { type: "button", onclick: () => { this.toggle_menu(false); run(); } }, text)));
		this.share = tool("share", "Share and save", () => this.toggle_menu(), { "aria-expanded": "false", "aria-controls": "share-menu" });
		this.bar = h("header", { class: "bar" },
			h("div", { class: "title" }, h("h1", { title: document.title }, document.title)),
			h("div", { class: "tools", role: "toolbar", "aria-label": "Time" },
				h("span", { class: "group" }, this.tools.back, this.tools.forward),
				h("span", { class: "group" }, tool("out", "Zoom out (\u2212)", act((v) => v.zoom_by(2))), tool("in", "Zoom in (+)", act((v) => v.zoom_by(0.5))),
					tool("all", "Everything (0)", act((v) => v.show_all())), tool("fit", "Fit the selection (F)", act((v) => v.fit())), this.tools.measure),
				h("span", { class: "group find" }, tool("prev", "Previous event ( [ )", act((v) => v.step(this.kind, -1))),
					select("kind", Object.keys(FINDS).map((k) => [k, k]), this.kind, (k) => { this.kind = k; }, { "aria-label": "Kind of event" }),
					tool("next", "Next event ( ] )", act((v) => v.step(this.kind, 1)))),
				h("form", { class: "group", onsubmit: (e) => { e.preventDefault(); this.go_to(); } }, this.goto), this.link_box,
				h("span", { class: "group last" }, h("span", { class: "holder" }, this.share, this.menu), tool("theme", "Light or dark (T)", () => this.switch_theme()),
					tool("help", "Keys ( ? )", () => this.help.showModal()), this.tools.panel)));
		this.banner = h("div", { class: "banner", role: "alert" });
		this.main = h("main", { class: "traces" }, h("p", { id: "keys-short", class: "unseen" },
			"Arrow keys move and select lanes, plus and minus zoom, brackets step from event to event, question mark lists all keys."));
		this.aside = h("aside", { class: "panel", "aria-label": "Figures and notes" });
		this.foot = h("footer", { class: "legend", "aria-label": "Legend" });
		this.live = h("div", { class: "toast", role: "status", "aria-live": "polite" });
		this.caption = h("div", { class: "caption", role: "status", "aria-live": "polite", onclick: () => this.next_note() });
		this.help = h("dialog", { class: "help", "aria-label": "Keys" }, h("h2", {}, "Keys"), h("dl", {}, KEYS.map(([k, what]) => [h("dt", {}, k), h("dd", {}, what)])),
			h("form", { method: "dialog" }, h("button", { class: "plain-button" }, "Close")));
		this.file = h("input", { type: "file", hidden: true, "aria-label": "Open a file", onchange: () => this.opened([...this.file.files]) });
		document.body.append(this.bar, this.banner, this.main, this.aside, this.foot, this.caption, this.live, this.help, this.file);
		document.body.classList.toggle("embed", this.embed);
		document.body.classList.toggle("several", this.manifest.traces.length > 1);
	}

	add(i, trace) {
		let source = null, trouble = null;

		try {
			source = sources.open_source(trace);
		} catch (e) {
			trouble = e;
		}
		const view = new View(this, i, trace, source);

		this.views.push(view);
		this.main.append(view.element);
		view.element.addEventListener("focusin", () => this.activate(view));
		view.element.addEventListener("pointerdown", () => this.activate(view));
		if (trouble)
			this.trouble(trouble, view);
		view.stack = [];
		if (source?.pictures)
			view.element.append(h("p", { class: "rounded" }, "Opened from a folder: pictures without figures."));
	}

	legend() {
		if (!this.active)
			return;
		this.foot.replaceChildren(...figure.legend_of(this.views.flatMap((v) => v.trace.lanes)).map(([key, text]) => {
			const swatch = h("span", { class: `key ${key}` }, h("i"));

			swatch.firstChild.style.background = this.colours(this.active).palette[key];
			return h("span", { class: "item" }, swatch, text);
		}));
	}

	/* --- looks --- */

	colours(view) {
		const theme = view.pyramid && !view.pyramid.readable ? view.trace.theme : this.theme, ink = INK[theme];
		const palette = view.trace.palettes?.[theme] || view.trace.palette;
		const dark = theme === "dark";

		return { ...ink, palette, on: { run: dark ? "#04140f" : "#ffffff", stall: dark ? "#1d0716" : "#ffffff", signal: dark ? "#04121c" : "#06121a", wait: dark ? "#ffffff" : "#0d1420" } };
	}

	apply_theme() {
		document.documentElement.dataset.theme = this.theme;
		for (const v of this.views) {
			v.pyramid?.set_theme(this.theme);
			v.strips.clear();
			v.redraw("lanes", "mini", "labels");
		}
		if (this.active) {
			this.legend();
			this.panel();
		}
	}

	switch_theme() {
		this.chosen_theme = this.theme === "dark" ? "light" : "dark";
		this.apply_theme();
		this.changed();
	}

	toggle_panel(open = !this.panel_open) {
		this.panel_open = open;
		this.panel();
		this.resize();
	}

	open_tab(tab, focus) {
		this.tab = tab;
		this.panel_open = true;
		this.panel();
		if (focus)
			this.aside.querySelector("[aria-selected=true]").focus();
	}

	panel() {
		document.body.classList.toggle("with-panel", this.panel_open && !this.embed);
		this.tools.panel.setAttribute("aria-expanded", String(this.panel_open));
		if (!this.panel_open || !this.active || this.embed) {
			this.aside.replaceChildren();
			return;
		}
		const focus = this.aside.contains(document.activeElement) ? document.activeElement.id : "", at = document.activeElement?.selectionStart;
		const scrolled = this.aside.querySelector(".tab-body")?.scrollTop;

		/* A field that is being typed in stays. */
		if (focus === "filter" || focus === "note-text")
			return;
		this.aside.replaceChildren(...panel(this, this.active, this.tab));
		if (focus)
			document.getElementById(focus)?.focus();
		if (scrolled)
			this.aside.querySelector(".tab-body").scrollTop = scrolled;
		return at;
	}

	toolbar() {
		const v = this.active;

		if (!v)
			return;
		this.tools.back.disabled = v.place <= 0;
		this.tools.forward.disabled = v.place >= v.stack.length - 1;
	}

	toggle_menu(open = this.menu.hidden) {
		this.menu.hidden = !open;
		this.share.setAttribute("aria-expanded", String(open));
		if (open)
			this.menu.firstChild.focus();
	}

	set_measuring(on) {
		this.measuring = on;
		this.tools.measure.setAttribute("aria-pressed", String(on));
		document.body.classList.toggle("measuring", on);
	}

	set_linked(on) {
		this.linked = on;
		if (on)
			this.moved(this.active);
		this.changed();
	}

	announce(text) {
		this.live.textContent = text;
		this.live.classList.add("on");
		clearTimeout(this.toast);
		this.toast = setTimeout(() => this.live.classList.remove("on"), 3500);
	}

	/* --- frames --- */

	frame() {
		this.pending ||= requestAnimationFrame(() => {
			this.pending = 0;
			if (this.views.map((v) => v.frame()).some(Boolean))
				this.frame();
		});
	}

	resize() {
		this.views.forEach((v) => v.resize());
	}

	/* --- told by views --- */

	activate(view) {
		if (this.active === view)
			return;
		this.active = view;
		this.panel();
		this.toolbar();
	}

	/* Linked axes: the others show the same stretch, each within its own bounds. */
	moved(view) {
		if (!this.linked || this.moving)
			return;
		this.moving = true;
		for (const v of this.views)
			if (v !== view && v.trace.clock === view.trace.clock)
				v.go(view.viewport, { soft: true });
		this.moving = false;
	}

	changed(view, soft) {
		if (!this.ready)
			return;
		clearTimeout(this.writing);
		this.writing = setTimeout(() => this.write_hash(), HASH_MS);
		if (!soft && view)
			this.panel();
	}

	chosen() {
		this.panel();
	}

	measured() {
		this.panel();
	}

	show_measure(view) {
		this.activate(view);
		this.tab = "measure";
	}

	/* --- links --- */

	write_hash() {
		const pairs = this.views.flatMap((v, i) => hash.view_pairs(v.trace, { ...v, look: v.look,
			range: v.whole ? null : [v.viewport.from, vp.to(v.viewport)] }, i ? `${i}.` : ""));

		if (["light", "dark"].includes(this.chosen_theme))
			pairs.push(["theme", [this.chosen_theme]]);
		if (this.linked !== (this.manifest.axes !== "free"))
			pairs.push(["axes", [this.linked ? "linked" : "free"]]);
		if (this.embed)
			pairs.push(["embed", []]);
		this.written = hash.format(pairs);
		try {
			history.replaceState(null, "", this.written || location.href.replace(/#.*/, ""));
		} catch {
			/* a page without an address of its own: links cannot be had there */
		}
	}

	read_hash() {
		this.pairs = hash.parse(location.hash);
		this.chosen_theme = this.value("theme") ?? this.chosen_theme;
		this.views.forEach((v, i) => {
			const state = hash.read_view(v.trace, this.pairs, lanes.defaults(), i ? `${i}.` : "");

			v.look = state.look;
			v.lane = state.lane;
			v.badness = state.badness;
			v.notes = state.notes.length || this.ready ? state.notes : notes_of(globalThis.GILSCOPE_NOTES, i, v.trace);
			v.resize();
			const moving = this.moving;

			this.moving = true;
			v.go(state.range ? vp.make(...state.range, v.size.width) : vp.all(v.end, v.size.width), { from_link: true });
			this.moving = moving;
			v.selection = null;
			if (state.selection)
				v.select(...state.selection);
			v.redraw("lanes", "over", "mini", "labels");
		});
		if (this.ready)
			this.apply_theme();
	}

	async copy(text, what) {
		if (text === location.href) {
			clearTimeout(this.writing);
			this.write_hash();
			text = location.href;
		}
		try {
			await navigator.clipboard.writeText(text);
			this.announce(`${what} is copied.`);
		} catch {
			prompt(`${what}:`, text);		/* no clipboard on insecure pages */
		}
	}

	async save(view, kind) {
		try {
			const blob = kind === "png" ? await figure.png(view) : new Blob([await figure.svg(view)], { type: "image/svg+xml" });

			download(`${(view.trace.title || "gilscope").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "gilscope"}.${kind}`, blob);
		} catch (e) {
			this.announce(e.name === "SecurityError" ? "A page opened from a folder may not read its pictures. Use \u201cCopy as command\u201d, or serve the site." : `Could not be saved: ${e.message}`);
		}
	}

	/* --- going --- */

	go_to() {
		const v = this.active, t = parse_time(this.goto.value, v.trace);

		this.goto.setAttribute("aria-invalid", String(!Number.isFinite(t)));
		if (!Number.isFinite(t) || t < 0 || t > v.trace.end) {
			this.announce(Number.isFinite(t) ? "That is outside the trace." : "A time is like 1.25s, 300us, 539373t, 50% or @1883.6325s.");
			return;
		}
		v.at = t;
		v.show(t);
		v.flash({ t });
		this.goto.blur();
		v.stage.focus({ preventScroll: true });
	}

	/* --- notes --- */

	add_note(view, text) {
		text ??= prompt("Note:");
		if (!text)
			return;
		const v = view.viewport, t = view.selection && view.selection[0] < vp.to(v) && view.selection[1] > v.from ? (view.selection[0] + view.selection[1]) / 2 :
			view.at >= v.from && view.at <= vp.to(v) ? view.at : v.from + v.span / 2;

		view.notes.push({ t: Math.round(Math.min(Math.max(t, 0), view.trace.end)), range: [Math.round(v.from), Math.round(vp.to(v))], lane: view.lane, text });
		document.activeElement?.blur();
		this.open_tab("notes");
		view.redraw("over");
		this.changed(view);
	}

	remove_note(view, i) {
		view.notes.splice(i, 1);
		view.redraw("over");
		this.changed(view);
	}

	show_note(view, i) {
		const n = view.notes[i];

		this.activate(view);
		view.lane = n.lane;
		view.fly(vp.make(...n.range, view.size.width));
		view.redraw("labels", "over");
		if (n.lane !== null)
			view.scroll_to(n.lane);
	}

	save_notes() {
		const list = this.views.flatMap((v, trace) => v.notes.map((n) => ({ trace, t: n.t, from: n.range[0], to: n.range[1],
			lane: n.lane === null ? "" : hash.lane_key(v.trace, n.lane), text: n.text })));

		download("notes.js", new Blob([`GILSCOPE_NOTES = ${JSON.stringify(list, null, 1)};\n`], { type: "text/javascript" }));
	}

	present(dir = 1) {
		const list = this.views.flatMap((v) => v.notes.map((_, i) => [v, i]));

		if (!list.length) {
			this.announce("There are no notes to present: N makes one.");
			return;
		}
		this.presenting = Math.min(Math.max(this.presenting + dir, 0), list.length - 1);
		document.body.classList.add("presenting");
		this.resize();
		const [view, i] = list[this.presenting];

		this.show_note(view, i);
		this.caption.replaceChildren(h("span", { class: "count" }, `${this.presenting + 1} / ${list.length}`), h("span", {}, visible(view.notes[i].text)));
	}

	/* For fingers: a tap on the text goes on, and after the last one ends. */
	next_note() {
		const at = this.presenting;

		this.present();
		if (at === this.presenting)
			this.end_presenting();
	}

	end_presenting() {
		this.presenting = -1;
		this.caption.replaceChildren();
		document.body.classList.remove("presenting");
		this.resize();
	}

	/* --- files --- */

	pick(accept) {
		this.file.accept = accept;
		this.file.value = "";
		this.file.click();
	}

	async opened(files) {
		for (const file of files) {
			if (/\.js(on)?$/.test(file.name)) {
				const text = (await file.text()).replace(/^[^[]*/, "").replace(/;?\s*$/, "");

				try {
					this.views.forEach((v, i) => {
						v.notes = notes_of(JSON.parse(text), i, v.trace);
						v.redraw("over");
					});
					this.open_tab("notes");
					this.changed(this.active);
				} catch {
					this.announce(`${file.name} holds no notes.`);
				}
			} else {
				await this.open_archive(file);
			}
		}
	}

	/* An archive says itself which trace it shows; an older one is taken for the first trace. */
	async open_archive(file) {
		try {
			const meta = await sources.open_file(file, 0).metadata();

			if (meta?.trace?.lanes) {
				const trace = { ...meta.trace, store: "file" }, at = this.views.length === 1 ? 0 : this.views.findIndex((v) => v.trace.title === trace.title);

				this.replace(Math.max(at, 0), trace, sources.open_file(file, trace.zOffset));
			} else if (this.active) {
				this.replace(this.active.index, this.active.trace, sources.open_file(file, this.active.trace.zOffset));
			} else {
				this.announce("This archive does not say what it shows.");
			}
		} catch (e) {
			this.announce(`${file.name} cannot be read: ${e.message}`);
		}
	}

	replace(i, trace, source) {
		const old = this.views[i], view = new View(this, i, trace, source);

		this.banner.replaceChildren();
		if (old) {
			old.element.replaceWith(view.element);
			this.views[i] = view;
		} else {
			this.views.push(view);
			this.main.append(view.element);
		}
		view.element.addEventListener("focusin", () => this.activate(view));
		view.element.addEventListener("pointerdown", () => this.activate(view));
		this.active = null;
		this.activate(view);
		this.read_hash();
		this.apply_theme();
	}

	/* What is wrong with the host, and its cure. */
	trouble(e, view) {
		console.warn(e.message);
		if (!(e instanceof sources.HostError) && this.banner.childNodes.length)
			return;
		const whole = e.size && h("button", { type: "button", class: "plain-button", onclick: async () => {
			view.set_source(await sources.open_whole(e.url, view.trace.zOffset));
			view.pyramid.set_theme(this.theme);
			this.banner.replaceChildren();
			view.redraw("lanes", "mini");
		} }, `Load all of it${e.size > 1e6 ? ` (${Math.ceil(e.size / 1e6)} MB)` : ""}`);

		this.banner.replaceChildren(h("p", {}, h("b", {}, visible(e.message)), " ", visible(e.cure || "")),
			h("p", { class: "buttons" }, whole, e instanceof sources.HostError && h("button", { type: "button", class: "plain-button", onclick: () => this.pick(".pmtiles") }, "Open a .pmtiles file\u2026"),
				h("button", { type: "button", class: "act", "aria-label": "Dismiss", onclick: () => { this.banner.replaceChildren(); this.resize(); } }, "\u00d7")));
		this.resize();
	}

	/* --- events of the window --- */

	listen() {
		addEventListener("resize", () => this.resize());
		addEventListener("beforeprint", () => {
			const sheet = new CSSStyleSheet();

			/* Canvases have the screen's pixels: so has the paper. */
			sheet.replaceSync(`@page{size:${innerWidth}px ${innerHeight}px;margin:0}`);
			document.adoptedStyleSheets = [sheet];
		});
		addEventListener("hashchange", () => location.hash !== this.written && this.read_hash());
		this.system.addEventListener("change", () => this.apply_theme());
		addEventListener("keydown", (e) => this.key(e));
		addEventListener("pointerdown", (e) => !this.menu.hidden && !e.target.closest(".holder") && this.toggle_menu(false));
		addEventListener("dragover", (e) => e.preventDefault());
		addEventListener("drop", (e) => {
			e.preventDefault();
			this.opened([...e.dataTransfer.files]);
		});
		new ResizeObserver(() => this.resize()).observe(this.main);
	}

	key(e) {
		const v = this.active, field = e.target.closest?.("input, select, textarea, dialog"), on_button = e.target.closest?.("button, [role=tab]");

		if (!v || e.ctrlKey || e.metaKey || e.altKey || field)
			return;
		if (this.presenting >= 0 && this.present_key(e)) {
			e.preventDefault();
			return;
		}
		if (on_button && [" ", "Enter"].includes(e.key))
			return;
		const run = this.by_place(e, v) || this.by_letter(e, v);

		if (!run)
			return;
		e.preventDefault();
		run();
	}

	present_key(e) {
		if ([" ", "PageDown", "ArrowRight", "p", "Enter"].includes(e.key))
			this.present(1);
		else if (["PageUp", "ArrowLeft", "Backspace"].includes(e.key))
			this.present(-1);
		else if (e.key === "Escape")
			this.end_presenting();
		else
			return false;
		return true;
	}

	/* WASD by where the keys are, on any layout. */
	by_place(e, v) {
		const x = v.cursor?.x ?? v.size.width / 2, move = v.size.width * (e.shiftKey ? 0.75 : 0.25);

		return { KeyW: () => v.zoom_by(0.6, x), KeyS: () => v.zoom_by(1 / 0.6, x), KeyA: () => v.fly(vp.pan(v.viewport, move, v.end)),
			KeyD: () => v.fly(vp.pan(v.viewport, -move, v.end)) }[e.code];
	}

	by_letter(e, v) {
		const move = v.size.width * (e.shiftKey ? 0.75 : 0.15);

		return { ArrowLeft: () => v.fly(vp.pan(v.viewport, move, v.end)), ArrowRight: () => v.fly(vp.pan(v.viewport, -move, v.end)),
			ArrowUp: () => v.choose_next(-1), ArrowDown: () => v.choose_next(1), "+": () => v.zoom_by(0.5), "=": () => v.zoom_by(0.5), "-": () => v.zoom_by(2), "_": () => v.zoom_by(2),
			0: () => v.show_all(), f: () => v.fit(), ",": () => v.travel(-1), ".": () => v.travel(1), "[": () => v.step(this.kind, -1), "]": () => v.step(this.kind, 1),
			g: () => this.goto.focus(), "/": () => { this.open_tab("lanes"); document.getElementById("filter")?.focus(); }, n: () => this.add_note(v), p: () => this.present(1),
			t: () => this.switch_theme(), m: () => this.set_measuring(!this.measuring), i: () => this.toggle_panel(), "?": () => this.help.showModal(),
			Home: () => v.fly({ ...v.viewport, from: 0 }), End: () => v.fly({ ...v.viewport, from: v.end }),
			Escape: () => { this.toggle_menu(false); v.unselect(); } }[e.key.length === 1 ? e.key.toLowerCase() : e.key];
	}
}

/* The notes of a notes.js that belong to a trace; anything else in it is passed over. */
function notes_of(list, trace, t) {
	if (!Array.isArray(list))
		return [];
	return list.filter((n) => n && (n.trace ?? 0) === trace && Number.isFinite(n.t) && Number.isFinite(n.from) && n.to > n.from).map((n) => {
		const lane = n.lane ? hash.lane_index(t, String(n.lane)) : -1;

		return { t: n.t, range: [n.from, n.to], lane: lane < 0 ? null : lane, text: String(n.text ?? "").slice(0, 500) };
	});
}

function start() {
	const inline = document.getElementById("gilscope-manifest");
	const manifest = globalThis.GILSCOPE_MANIFEST || (inline && JSON.parse(inline.textContent));

	if (!manifest) {
		document.body.append(h("p", { class: "plain" }, "manifest.js is missing beside this page, or could not be read: it says what there is to show."));
		return;
	}
	if (manifest.gilscope !== 1) {
		document.body.append(h("p", { class: "plain" }, `This site is of version ${visible(manifest.gilscope)}; this page shows version 1.`));
		return;
	}
	globalThis.gilscope = new Page(manifest);
}

start();
