/*
 * The parts of the page that need no browser say what is true: time and pixel map onto each other, tiles cover what is
 * seen, and every figure taken from tiles equals a plain loop over the list of periods.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "../../viewer/cache.js";
import { legend_of } from "../../viewer/figure.js";
import * as figures from "../../viewer/figures.js";
import * as grid from "../../viewer/grid.js";
import * as hash from "../../viewer/hash.js";
import * as lanes from "../../viewer/lanes.js";
import { badness_of, checks_in } from "../../viewer/paint.js";
import { hot_stretches } from "../../viewer/panel.js";
import { crc32, find_chunk, recolour } from "../../viewer/png.js";
import { Pyramid } from "../../viewer/pyramid.js";
import * as raster from "../../viewer/raster.js";
import { length_text, parse_time, percent, time_exact, time_text, visible } from "../../viewer/text.js";
import { axis } from "../../viewer/ticks.js";
import * as vp from "../../viewer/viewport.js";
import { skip_unless_release } from "./browser.mjs";
import * as oracle from "./model.mjs";
import * as site from "./site.mjs";

skip_unless_release({ browser: false });

const SUMS = ["run", "stall", "wait", "signal", "maxWait", "acquires", "releases", "busy", "retry", "timeouts", "switches", "lost", "events"];

/* A source over the model itself: what is stored is what addresses() lists. */
function source_of(model, options = {}) {
	const stored = new Map([...site.addresses(model, options)].map((a) => [grid.key(a.z, a.x, a.y), a]));

	return { asked: 0, stored, get(a) {
		this.asked++;
		return Promise.resolve(stored.get(grid.key(a.z, a.x, a.y))?.png() || null);
	} };
}

function pyramid_of(model, options) {
	const p = new Pyramid(site.trace_of(model, { store: "pmtiles" }), source_of(model, options));

	p.on_error = (e) => { throw e; };
	return p;
}

test("an instant below the pointer stays there while the page zooms, and back again", () => {
	const r = oracle.random(7);

	for (let i = 0; i < 2000; i++) {
		const end = 1000 + r(2 ** 31) * 1000, width = 200 + r(2400);
		let v = vp.all(end, width);
		const x = r(width), t0 = vp.time_at(v, x);

		v = vp.zoom(v, x, 0.5, end);
		if (t0 > end * 0.1 && t0 < end * 0.9)
			assert.ok(Math.abs(vp.time_at(v, x) - t0) <= end * 1e-9, "the instant moved");
		assert.ok(Math.abs(vp.x_at(v, vp.time_at(v, x)) - x) < 1e-6);
		const p = vp.pinch(v, x, x + 50, x + 10, x + 110, end), middle = vp.time_at(v, x + 25);

		if (middle > end * 0.2 && middle < end * 0.8)
			assert.ok(Math.abs(vp.time_at(p, x + 60) - middle) < end * 1e-6);
	}
});

test("a viewport never leaves the trace, and never shows less than a few units", () => {
	const r = oracle.random(8);

	for (let i = 0; i < 3000; i++) {
		const end = 1 + r(2 ** 30), v = vp.clamp({ from: r(2 ** 31) - 2 ** 30, span: 1 + r(2 ** 31), width: 800 }, end);

		assert.ok(v.span >= 8 && v.span <= Math.max(end * 1.04, 8) + 1e-6);
		assert.ok(v.from < end && vp.to(v) > 0, `${v.from} ${v.span} of ${end}`);
	}
});

test("the tiles of a viewport cover it, once each, and a pixel of theirs is one to two of the screen's", () => {
	const r = oracle.random(9);

	for (let i = 0; i < 1000; i++) {
		const end = 1000 + r(2 ** 31) * 4096, z_max = Math.ceil(Math.log2(end / 512));
		const g = { end, zMax: z_max, tileWidth: 512, lanesPerTile: 8, lanes: new Array(20), stored: null };
		const from = r(2 ** 31) % end, to = Math.min(end, from + 1 + r(end)), z = grid.level(g, (to - from) / 1000);
		const list = grid.wanted(g, z, from, to, [0, 2]), xs = list.filter((a) => a.y === 2).map((a) => a.x).sort((a, b) => a - b);
		const upp = (to - from) / 1000;

		assert.equal(new Set(list.map((a) => grid.key(a.z, a.x, a.y))).size, list.length);
		assert.ok(xs[0] * grid.tile_span(g, z) <= from && (xs[xs.length - 1] + 1) * grid.tile_span(g, z) >= to);
		xs.forEach((x, k) => assert.equal(x, xs[0] + k));
		assert.ok(z === 0 || z === g.zMax || (grid.unit(g, z) >= upp * 0.999 && grid.unit(g, z) < upp * 2));
	}
});

test("the deepest stored address is found, with few questions", async () => {
	for (let depth = 0; depth <= 40; depth++) {
		let asked = 0;
		const a = { z: 40, x: 2 ** 39 + 12345, y: 3 };
		const found = await grid.deepest(a, -1, async (b) => { asked++; return b.z <= depth; });

		assert.equal(found.z, depth);
		assert.equal(found.x, Math.floor(a.x / 2 ** (40 - depth)));
		assert.ok(asked <= 8, `${asked} questions`);
	}
});

test("a cache keeps its bound and drops what was not used for longest", () => {
	const dropped = [], c = new Cache(10, (v) => dropped.push(v));

	for (let i = 0; i < 5; i++)
		c.set(i, i, 2);
	c.get(0);
	c.set(5, 5, 2);
	assert.deepEqual(dropped, [1]);
	assert.equal(c.weight, 10);
	c.set(6, 6, 100);
	assert.ok(c.has(6) && c.map.size === 1);
	c.clear();
	assert.equal(c.weight, 0);
	assert.equal(dropped.length, 7);
});

test("a link says the same to whoever opens it, whatever the names", () => {
	const trace = { end: 1e9, lanes: [{ id: "t1", process: 0 }, { id: "a,b&c=d%#", process: 0 }, { id: "t1", process: 1 }, { id: "\u202e\u0000", process: 1 }] };
	const view = { range: [-10, 123456789], selection: [5, 77], lane: 2, badness: true, notes: [{ t: 6, range: [1, 9], lane: 1, text: "so, what & why? #1 = 100 %" }, { t: 6, range: [1, 9], lane: null, text: "x" }],
		look: { ...lanes.defaults(), sort: "wait", filter: "a, b", height: 48, hidden: new Set([1]), pinned: new Set([0, 3]), folded: new Set([1]) } };
	const pairs = [...hash.view_pairs(trace, view), ...hash.view_pairs(trace, { ...view, range: [1, 2] }, "1.")];
	const text = hash.format(pairs), back = hash.parse(text);

	assert.deepEqual(hash.read_view(trace, back, lanes.defaults()), view);
	assert.deepEqual(hash.read_view(trace, back, lanes.defaults(), "1.").range, [1, 2]);
	assert.match(text, /^#[\x21-\x7e]+$/);
	assert.doesNotMatch(text, /["<>]/);
	for (let i = 0; i < text.length; i++)		/* a link that was cut or changed is no error */
		hash.read_view(trace, hash.parse(text.slice(0, i) + "%\uffff" + text.slice(i + 1)), lanes.defaults());
});

test("times are written as they are, to any depth, and read back", () => {
	const ns = { clock: "ns", origin: "1883632596058000001", end: 1e15 }, ticks = { clock: "ticks", origin: "539200", end: 1e6 };

	assert.equal(time_text(1250034000, "ns", 1000), "1.250\u202f034\u202fs");
	assert.equal(time_text(999999999, "ns", 1e6), "1.000\u202fs");
	assert.equal(time_text(49123456, "ns", 1e7), "49\u202fms");
	assert.equal(time_text(0, "ns", 1e6), "0\u202fms");
	assert.equal(time_text(5184828, "ns", 1), "5.184\u202f828\u202fms");
	assert.equal(time_text(1883632596, "ticks"), "1\u202f883\u202f632\u202f596");
	assert.equal(length_text(5184828, "ns"), "5.185\u202fms");
	assert.equal(length_text(0, "ns"), "0\u202fns");
	assert.equal(length_text(999.9e9, "ns"), "999.9\u202fs");
	assert.equal(length_text(10800e9, "ns"), "10\u202f800\u202fs");
	assert.equal(length_text(1234567.8e9, "ns"), "1\u202f234\u202f568\u202fs");
	assert.equal(length_text(1, "ticks"), "1\u202ftick");
	for (const t of [0, 1, 999, 1000000001, 8999999999999999])
		assert.equal(parse_time(time_exact(t, "ns"), ns), t);
	assert.equal(parse_time("300us", ns), 300000);
	assert.equal(parse_time("1.5", ns), 1.5e9);
	assert.equal(parse_time("@1883632596.058000002s", ns), 1);
	assert.equal(parse_time("@539373t", ticks), 173);
	assert.equal(parse_time("50%", ticks), 500000);
	for (const bad of ["", "x", "1.2.3s", "12t", "1e9", "--1s"])
		assert.ok(Number.isNaN(parse_time(bad, ns)), bad);
});

test("ticks of the axis lie on round instants, with labels that differ", () => {
	for (let k = 3; k < 15; k++)
		for (const from of [0, 10 ** k * 0.731, 10 ** k * 12345.678])
			for (const clock of ["ns", "ticks"]) {
				const a = axis(vp.make(from, from + 10 ** k, 900), clock), labels = a.marks.map((m) => m.label);

				assert.ok(a.marks.length >= 3 && a.marks.length <= 10, `${a.marks.length} marks`);
				assert.equal(new Set(labels).size, labels.length, labels.join(" "));
				assert.ok(labels.every((l) => l.length <= 12), labels.join(" "));
			}
});

test("what cannot be seen in a name is spelled out", () => {
	assert.equal(visible("a\u202eb\u0007c\u200bd\u0000"), "a\u27e8U+202E\u27e9b\u2407c\u27e8U+200B\u27e9d\u2400");
	assert.equal(visible("<img src=x> \u4f60\u597d \u{1f40d}"), "<img src=x> \u4f60\u597d \u{1f40d}");
	assert.equal(visible("\ud800x"), "\u27e8U+D800\u27e9x");
	assert.equal(visible(null), "");
});

test("lanes are sorted, filtered, folded, pinned and hidden as asked", () => {
	const trace = { laneHeight: 32, processes: [{ pid: 1, name: "a" }, { pid: 2, name: "b" }], lanes: [
		{ id: "1", name: "w10", process: 0, run: 5, wait: 1, signal: 0, busy: 0, retry: 0, first: 9 }, { id: "2", name: "w9", process: 1, run: 7, wait: 0, signal: 0, busy: 2, retry: 0, first: 2 },
		{ id: "3", name: "main", process: 0, run: 1, wait: 0, signal: 4, busy: 0, retry: 9, first: 1 }] };
	const order = (look) => lanes.layout(trace, { ...lanes.defaults(), ...look }, 32).rows.map((r) => r.kind === "lane" ? r.lane : `p${r.process}`);

	assert.deepEqual(order({}), ["p0", 0, 2, "p1", 1]);
	assert.deepEqual(order({ sort: "name" }), ["p0", 2, 0, "p1", 1]);
	assert.deepEqual(order({ sort: "run" }), ["p1", 1, "p0", 0, 2]);
	assert.deepEqual(order({ sort: "failures" }), ["p0", 2, 0, "p1", 1]);
	assert.deepEqual(order({ filter: "B 2" }), ["p1", 1]);
	assert.deepEqual(order({ filter: " w 10" }), ["p0", 0]);
	assert.deepEqual(order({ pinned: new Set([1]), folded: new Set([0]) }), [1, "p0", "p1"]);
	assert.deepEqual(order({ hidden: new Set([0, 2]) }), ["p1", 1]);
	assert.deepEqual(order({ sort: "nonsense" }), ["p0", 0, 2, "p1", 1]);
});

test("a share has two digits, and is never said to be none where there is one", () => {
	assert.deepEqual([0, 0.0001, 0.05, 9.94, 9.96, 10.4, 99.6, 100].map((p) => percent(p, 100).replace("\u202f", "")), ["0%", "<0.1%", "<0.1%", "9.9%", "10%", "10%", "100%", "100%"]);
});

test("the legend names what occurs in any trace, always in one order", () => {
	const none = { run: 0, wait: 0, signal: 0, stall: 0, acquires: 0, busy: 0, retry: 0, lost: 0 }, of = (...l) => legend_of(l.map((x) => ({ ...none, ...x }))).map(([k]) => k);

	assert.deepEqual(of({}), []);
	assert.deepEqual(of({ wait: 5, acquires: 2, busy: 2 }), ["acquire", "wait", "busy"], "without a GIL nothing runs");
	assert.deepEqual(of({ run: 1, acquires: 1, retry: 1 }, { wait: 1, lost: 1 }, { stall: 3 }), ["run", "acquire", "wait", "stall", "retry", "lost"]);
});

test("lanes of one name are told apart by their ids, and a process that is nothing but there is its lock's row", () => {
	const lane = (id, name, process) => ({ id, name, process, run: 0, wait: 0, signal: 0, lostAcquires: 1, lostReleases: 4, lostEvents: 2 });
	const trace = { laneHeight: 32, processes: [{ pid: -1, name: "" }, { pid: 7, name: "" }], lanes: [lane("11", "python", 0), lane("12", "python", 0), lane("13", "main", 0), lane("14", "python", 1), lane("15", "", 1), lane("16", "", 1)] };

	lanes.prepare(trace);
	assert.deepEqual(trace.lanes.map(lanes.label), ["python 11", "python 12", "main", "python", "15", "16"]);
	assert.deepEqual(trace.processes.map(lanes.process_label), ["process", "process 7"]);
	assert.equal(trace.lanes[0].lost, 7);
	const alone = { ...trace, processes: [{ pid: -1, name: "" }], lanes: trace.lanes.slice(0, 2) };

	lanes.prepare(alone);
	assert.equal(lanes.process_label(alone.processes[0]), "lock owner");
	const kinds = (...args) => lanes.layout(alone, lanes.defaults(), 32, ...args).rows.map((r) => r.kind);

	assert.deepEqual(kinds(), ["process", "lane", "lane"]);
	assert.deepEqual(kinds(false), ["lane", "lane"], "without an owner to show it says nothing");
});

test("checks follow from the ticks; on a clock of nanoseconds they are those that the events tell; badness is failures by checks", () => {
	const old = { clock: "ticks", checkInterval: 100, checks: 11888, end: 1188855 }, ns = { clock: "ns", checkInterval: 100, checks: 500, end: 1e6 };
	const lane = (busy, retry, checks, acquires = 40) => ({ busy, retry, checks, acquires });

	assert.equal(checks_in(old, [lane(1, 2, 0), lane(3, 4, 0)], 25000), 250);
	assert.equal(checks_in(old, [null, lane(1, 2, 999)], 25000), 250, "whatever the events tell");
	assert.equal(checks_in(ns, [lane(1, 2, 30), null, lane(3, 4, 20)], 25000), 50);
	assert.equal(checks_in(ns, [lane(1, 2, 0)], 1e6), 500, "the whole trace knows its own");
	assert.equal(checks_in({ clock: "ns", checkInterval: 0, checks: 0, end: 1e6 }, [lane(1, 2, 0)], 25000), 0);
	assert.equal(badness_of(lane(3, 7, 0), 250), 0.04);
	assert.equal(badness_of(lane(3, 7, 0), 0), 0.25, "of a lock without checks: by its acquires");
	assert.equal(badness_of(lane(0, 0, 0, 0), 0), 0);
});

test("convoys are found in short traces and in long ones, with BUSY in the log or without", async () => {
	const K = oracle.KIND, STEP = 5100000;

	for (const [n, from, to, told] of [[60, 20, 50, true], [60, 20, 50, false], [4000, 1500, 1560, true], [4000, 100, 3900, false]]) {
		const model = { ...oracle.make({ seed: 71, lanes: 2, holds: 3 }), end: n * STEP, lanes: [0, 1].map((i) => ({ id: `t${i}`, name: "python", process: 0, periods: [], events: [] })) };
		const [cpu, io] = model.lanes;

		for (let i = 0; i < n; i++) {
			const t = i * STEP, waits = i >= from && i < to;

			cpu.events.push({ t, kind: K.ACQUIRE, state: 3, flags: waits ? 2 : 0 }, { t: t + 5000000, kind: K.RELEASE, state: 0, flags: 0 });
			cpu.periods.push({ begin: t, end: t + 5000000, state: 3 }, { begin: t + 5000000, end: t + STEP, state: 0 });
			io.periods.push(...waits ? [{ begin: t, end: t + 1000, state: 0 }, { begin: t + 1000, end: t + 5000000, state: 1 }, { begin: t + 5000000, end: t + STEP, state: 3 }] : [{ begin: t, end: t + STEP, state: 0 }]);
			if (waits)
				io.events.push({ t: t + 1000, kind: told ? K.BUSY : K.ENTRY, state: 1, flags: 0 }, { t: t + 5000000, kind: K.ACQUIRE, state: 3, flags: 2 }, { t: t + STEP, kind: K.RELEASE, state: 0, flags: 0 });
		}
		const found = await hot_stretches(pyramid_of(model));

		assert.deepEqual(found.map((s) => [s.kind, s.lane, s.from, s.to]), [["convoy", 1, from * STEP + (told ? 1000 : 5000000), (to - 1) * STEP + 5000000]], `${n} turns`);
	}
});

test("the sums of any range equal a loop over the periods", async () => {
	for (const [seed, n] of [[11, 3], [12, 9], [13, 1], [14, 20]]) {
		const model = oracle.make({ seed, lanes: n, holds: 1200, hold: seed === 13 ? 40 : 30000 }), p = pyramid_of(model, { leaf_events: 64 }), r = oracle.random(seed);

		for (let i = 0; i < 60; i++) {
			const a = r(model.end), b = Math.min(model.end, a + 1 + r(i % 3 ? model.end : 3000)), m = await p.measure(a, b);

			assert.ok(m.exact);
			model.lanes.forEach((lane, k) => {
				const want = oracle.sums(lane, a, b);

				for (const name of SUMS)
					assert.equal(m.lanes[k][name], want[name], `seed ${seed}, lane ${k}, [${a}, ${b}): ${name}`);
			});
		}
		const whole = await p.measure(0, model.end + 1);

		model.lanes.forEach((lane, k) => assert.equal(whole.lanes[k].acquires, oracle.sums(lane, 0, model.end + 1).acquires));
	}
});

test("next and previous events and whole periods are those of the list", async () => {
	for (const seed of [21, 22]) {
		const model = oracle.make({ seed, lanes: 10, holds: 900 }), p = pyramid_of(model, { leaf_events: 40 }), r = oracle.random(seed);
		const may = (s) => s.retry > 0, is = (e) => e.kind === figures.RETRY;
		const all = model.lanes.flatMap((l, lane) => l.events.filter((e) => e.kind === oracle.KIND.RETRY).map((e) => ({ t: e.t, lane })));

		for (let i = 0; i < 80; i++) {
			const t = i % 4 < 2 ? r(model.end) : all[r(all.length)].t, lane = i % 2 ? null : r(10), mine = all.filter((e) => lane === null || e.lane === lane);
			const after = mine.filter((e) => e.t > t).sort((a, b) => a.t - b.t)[0], before = mine.filter((e) => e.t < t).sort((a, b) => b.t - a.t)[0];

			assert.equal((await p.find(t, 1, lane, may, is))?.t, after?.t);
			assert.equal((await p.find(t, -1, lane, may, is))?.t, before?.t);
			const k = r(10), want = oracle.period_at(model.lanes[k], t), got = await p.period_at(k, t);

			if (want) {
				assert.equal(got.state, want.state);
				assert.equal(got.begin, want.begin, `lane ${k} at ${t}: begin`);
				assert.equal(got.end, want.end, `lane ${k} at ${t}: end`);
			}
		}
	}
});

test("below the last stored tile, pixels are made from events exactly as the renderer's rule makes them from sums", () => {
	const colours = Object.fromEntries(site.ORDER.map((name, i) => [name, [i, 0, 0, 255]]));

	for (const seed of [31, 32, 33]) {
		const model = oracle.make({ seed, lanes: 11, holds: 500, hold: seed * 10 }), g = site.trace_of(model), r = oracle.random(seed);
		const leaves = [...site.addresses(model, { leaf_events: 100 })].filter((a) => a.is_leaf);

		for (let i = 0; i < 40; i++) {
			const leaf = leaves[r(leaves.length)], z = leaf.z + r(g.zMax - leaf.z + 1), x = leaf.x * 2 ** (z - leaf.z) + r(2 ** (z - leaf.z));
			const from = grid.tile_from(g, leaf.z, leaf.x), f = figures.parse(find_chunk(leaf.png(), "giLs"), from, from + grid.tile_span(g, leaf.z));
			const lanes_here = model.lanes.slice(leaf.y * 8, leaf.y * 8 + 8), unit = grid.unit(g, z);
			const far = i % 2 === 1, got = raster.draw(f.leaf, lanes_here.length, x * 512 * unit, unit, 512, 32, model.end, colours, far);
			const want = site.pixels(lanes_here, x * 512 * unit, unit, far);

			want.forEach((row, y) => row.forEach((index, c) => {
				const px = got[y * 512 + c];

				assert.equal(px ? px & 255 : 0, index, `seed ${seed}: tile ${z}/${x}/${leaf.y}, pixel ${c},${y}`);
			}));
		}
	}
});

test("a tile of a wide screen costs a few requests, not one per address", async () => {
	const model = oracle.make({ seed: 41, lanes: 3, holds: 3000 }), p = pyramid_of(model, { leaf_events: 256 });

	await p.measure(Math.floor(model.end / 3), Math.floor(model.end / 2));
	assert.ok(p.source.asked < 4 * p.trace.zMax, `${p.source.asked} tiles for one range`);
});

test("damaged figures are refused by a sentence, never by a hang or a wrong shape", () => {
	const model = oracle.make({ seed: 51, lanes: 3, holds: 20 }), [a] = [...site.addresses(model)], chunk = find_chunk(a.png(), "giLs");
	const span = 512 * 2 ** site.geometry(model).z_max, r = oracle.random(5);
	const parse = (bytes) => {
		try {
			const f = figures.parse(bytes, 0, span);

			if (f.leaf)
				figures.periods(f.leaf, model.end);
		} catch (e) {
			assert.ok(e instanceof RangeError, `${e}`);
			assert.match(e.message, /^giLs: /);
		}
	};

	for (let n = 0; n < chunk.length; n++)
		parse(chunk.slice(0, n));
	for (let n = 0; n < chunk.length; n++) {
		const copy = chunk.slice();

		copy[n] = r(256);
		parse(copy);
	}
});

test("another theme's palette is put into a tile with its checksum right", () => {
	const png = [...site.addresses(oracle.make({ seed: 61, lanes: 2, holds: 20 }))][0].png();
	const other = recolour(png, site.ORDER.map((n) => site.PALETTES.dark[n])), plte = find_chunk(other, "PLTE");

	assert.equal(plte[3], 0x00);
	assert.equal(plte[4], 0x93);
	const at = Buffer.from(other).indexOf("PLTE"), len = plte.length;

	assert.equal(Buffer.from(other).readUInt32BE(at + 4 + len), crc32(other.subarray(at, at + 4 + len)));
	assert.equal(find_chunk(other.slice(0, 40), "PLTE"), null);
});
