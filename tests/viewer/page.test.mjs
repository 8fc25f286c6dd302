/*
 * In a real browser, the page goes where it is told, measures exactly, and what it shows can be passed on.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open, scratch, serve, settled, skip_unless_release } from "./browser.mjs";
import * as oracle from "./model.mjs";
import * as site from "./site.mjs";

skip_unless_release();

const SUMS = ["run", "stall", "wait", "signal", "maxWait", "acquires", "releases", "busy", "retry", "timeouts", "switches", "events"];
const model = oracle.make({ seed: 71, lanes: 10, holds: 1500, title: "Ten workers", processes: 2 });
const second = oracle.make({ seed: 72, lanes: 3, holds: 300, title: "Three workers" });
let browser, one, two;

before(async () => {
	const a = join(scratch(), "one"), b = join(scratch(), "two");

	site.write_pmtiles(a, model);
	site.write_dir(b, [second, oracle.make({ seed: 73, lanes: 2, holds: 200, title: "Two workers" })], { description: "What is to be seen" });
	one = await serve(a);
	two = await serve(b);
	browser = await launch();
});
after(async () => {
	await browser?.close();
	await one?.close();
	await two?.close();
});

const view = (page, f, arg) => page.evaluate(`(${f})(gilscope.views[0], ${JSON.stringify(arg ?? null)})`);
const range = (page) => view(page, (v) => [v.viewport.from, v.viewport.from + v.viewport.span]);
const flown = (page) => page.waitForTimeout(60).then(() => settled(page));
const stage = async (page) => (await page.locator(".sticky").boundingBox());

async function on(url, f, options) {
	const page = await open(browser, url, options);

	try {
		await settled(page);
		await f(page);
		assert.deepEqual(page.said, [], "the console is silent");
	} finally {
		await page.context().close();
	}
}

test("a range that is dragged snaps to events, and its figures are exact", () => on(one.url, async (page) => {
	await view(page, (v) => v.go({ from: 3e6, span: 4e5, width: v.size.width }));
	await settled(page);
	const box = await stage(page);

	await page.keyboard.down("Shift");
	await page.mouse.move(box.x + 151, box.y + 60);
	await page.mouse.down();
	await page.mouse.move(box.x + 402, box.y + 90, { steps: 4 });
	await page.mouse.up();
	await page.keyboard.up("Shift");
	await page.waitForFunction(() => gilscope.views[0].measured);
	const { sel, m, px } = await view(page, (v) => ({ sel: v.selection, m: v.measured, px: v.viewport.span / v.size.width }));
	const times = model.lanes.flatMap((l) => l.events.filter((e) => e.kind !== oracle.KIND.STATE).map((e) => e.t));

	for (const [i, x] of [[0, 151], [1, 402]]) {
		const raw = 3e6 + x * px, near = Math.min(...times.map((t) => Math.abs(t - raw)));

		assert.ok(near > 7 * px ? Math.abs(sel[i] - raw) <= 1 : times.includes(sel[i]), `edge ${sel[i]} is no event`);
	}
	assert.ok(m.exact);
	model.lanes.forEach((lane, i) => {
		const want = oracle.sums(lane, ...sel);

		for (const name of SUMS)
			assert.equal(m.lanes[i][name], want[name], `lane ${i}: ${name}`);
	});
	const cells = await page.$$eval(".panel tbody tr", (rows) => rows.map((r) => [r.querySelector("th").textContent, r.querySelector("[data-column=acquires]").textContent,
		r.querySelector("[data-column=retry]").textContent]));
	const order = await view(page, (v) => v.rows.filter((r) => r.kind === "lane").map((r) => r.lane));

	assert.deepEqual(cells, order.map((i) => [`${model.lanes[i].name} (${100 + model.lanes[i].process})`, String(oracle.sums(model.lanes[i], ...sel).acquires), String(oracle.sums(model.lanes[i], ...sel).retry)]));
	await page.keyboard.press("Escape");
	assert.equal(await view(page, (v) => v.selection), null);
}));

test("pointing says the exact period, or the exact sums of the pixel", () => on(one.url, async (page) => {
	const r = oracle.random(3);

	for (let i = 0; i < 25; i++) {
		const t = r(model.end), lane = r(10), want = oracle.period_at(model.lanes[lane], t);

		await view(page, (v, span) => v.go({ from: 0, span, width: v.size.width }), i % 2 ? model.end : 4000);
		const got = await page.evaluate(([l, at]) => gilscope.views[0].describe(l, at), [lane, t]);

		if (got.period)
			assert.deepEqual([got.period.state, got.period.begin, got.period.end], [want.state, want.begin, want.end]);
		else
			for (const name of SUMS)
				assert.equal(got.sums[name], oracle.sums(model.lanes[lane], got.from, got.to)[name], name);
	}
	const box = await stage(page);

	await page.mouse.move(box.x + 300, box.y + 50);
	await page.waitForSelector(".tip.on .state");
}));

test("the picture's pixels are those of the list of periods, from everything down to single nanoseconds", () => on(one.url, async (page) => {
	const g = site.trace_of(model), colours = site.ORDER.map((n) => site.PALETTES.light[n]), per_lane = 32;

	for (const z of [0, 3, g.zMax - 6, g.zMax]) {
		const unit = 2 ** (g.zMax - z), x = Math.floor(model.end / 3 / (512 * unit));

		await view(page, (v, a) => {
			v.look.height = 32;
			v.arrange();
			v.go({ from: a.from, span: a.unit * v.size.width, width: v.size.width });
			v.viewport = { from: a.from, span: a.unit * v.size.width, width: v.size.width };
		}, { from: x * 512 * unit, unit });
		await settled(page);
		const rows = await view(page, (v) => v.rows.filter((r) => r.kind === "lane").map((r) => [r.lane, r.top]));
		const px = await page.evaluate(() => {
			const c = gilscope.views[0].canvas;
			const ctx = new OffscreenCanvas(c.width, c.height).getContext("2d");

			gilscope.views[0].dirty.lanes = true;
			gilscope.frame();
			return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
				ctx.drawImage(c, 0, 0);
				done({ width: c.width, height: c.height, data: [...new Uint32Array(ctx.getImageData(0, 0, 512, c.height).data.buffer)] });
			})));
		});
		let different = 0, compared = 0;

		for (const [lane, top] of rows.slice(0, 6)) {
			const want = site.pixels([model.lanes[lane]], x * 512 * unit, unit);

			/* Words and bands beyond the trace lie over pixels: marks at the top and the lowest rows are compared. */
			for (const y of [0, 1, 2, 24, 27, 29])
				for (let c = 0; c < 512; c++) {
					const t = x * 512 * unit + c * unit, p = px.data[(top + y) * 512 + c], index = want[y][c];

					if (t >= model.end - unit)
						continue;
					const hex = index ? colours[index] : "#ffffffff", got = "#" + [0, 8, 16].map((s) => (p >>> s & 255).toString(16).padStart(2, "0")).join("") + "ff";

					compared++;
					different += hex !== got;
				}
		}
		assert.ok(compared > 1000);
		assert.equal(different, 0, `z ${z}: ${different} of ${compared} pixels differ`);
	}
	assert.equal(per_lane, 32);
}));

test("wheel, drag, double click and pinch move the page about the pointer", () => on(one.url, async (page) => {
	const box = await stage(page), under = async (x) => view(page, (v, at) => v.viewport.from + at / v.size.width * v.viewport.span, x);

	await page.mouse.move(box.x + 400, box.y + 100);
	const t = await under(400), before_span = (await range(page)).reduce((a, b) => b - a);

	for (let i = 0; i < 5; i++)
		await page.mouse.wheel(0, -300);
	await settled(page);
	const span = (await range(page)).reduce((a, b) => b - a);

	assert.ok(span < before_span / 5);
	assert.ok(Math.abs(await under(400) - t) < span / 500, "the instant under the pointer stayed");
	await page.mouse.down();
	await page.mouse.move(box.x + 300, box.y + 100, { steps: 5 });
	await page.mouse.up();
	assert.ok(Math.abs(await under(300) - t) < span / 300, "the trace moved with the pointer");
	await page.mouse.dblclick(box.x + 300, box.y + 100);
	await flown(page);
	assert.ok(Math.abs((await range(page)).reduce((a, b) => b - a) / span - 0.25) < 0.01);
	const cdp = await page.context().newCDPSession(page), touch = (type, ...xs) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((x, id) => ({ x: box.x + x, y: box.y + 80, id })) });
	const s0 = (await range(page)).reduce((a, b) => b - a), p0 = await under(250);

	await touch("touchStart", 200, 300);
	await touch("touchMove", 150, 350);
	await touch("touchMove", 100, 400);
	await touch("touchEnd");
	const s1 = (await range(page)).reduce((a, b) => b - a);

	assert.ok(Math.abs(s0 / s1 - 3) < 0.1, `fingers 3 times as far apart: ${s0 / s1}`);
	assert.ok(Math.abs(await under(250) - p0) < s1 / 100);
}));

test("every key does what the help says", () => on(one.url, async (page) => {
	await page.locator(".stage").focus();
	const span = async () => (await range(page)).reduce((a, b) => b - a), press = async (k) => { await page.keyboard.press(k); await flown(page); };
	const s0 = await span();

	await press("+");
	assert.ok(Math.abs(await span() / s0 - 0.5) < 0.01);
	await press("KeyW");
	assert.ok(Math.abs(await span() / s0 - 0.3) < 0.01);
	const [from] = await range(page);

	await press("KeyD");
	assert.ok((await range(page))[0] > from);
	await press("KeyA");
	assert.ok(Math.abs((await range(page))[0] - from) < 2);
	await press("ArrowRight");
	assert.ok((await range(page))[0] > from);
	await press("-");
	await press(",");
	await press(",");
	const earlier = await range(page);

	await press(".");
	assert.notDeepEqual(await range(page), earlier);
	await press("0");
	assert.ok(await span() >= model.end);
	await press("ArrowDown");
	assert.equal(await view(page, (v) => v.lane), 0);
	await press("ArrowDown");
	assert.equal(await view(page, (v) => v.lane), 2, "lanes follow each other as they are shown: process by process");
	await page.evaluate(() => gilscope.views[0].select(1000000, 1200000));
	await press("f");
	assert.ok(Math.abs(await span() - 220000) < 10);
	await press("t");
	assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
	await press("m");
	assert.equal(await page.locator(".tool[aria-pressed=true]").count(), 1);
	await press("?");
	assert.ok(await page.locator("dialog[open]").isVisible());
	await press("Escape");
	await press("g");
	await page.keyboard.type("4ms");
	await press("Enter");
	assert.ok(Math.abs((await range(page)).reduce((a, b) => a + b) / 2 - 4e6) < 2);
}));

test("next and previous step from event to event, in one lane or in all", () => on(one.url, async (page) => {
	const all = (kind, lane) => model.lanes.flatMap((l, i) => lane === null || i === lane ? l.events.filter((e) => e.kind === kind).map((e) => e.t) : []).sort((a, b) => a - b);

	await page.selectOption("#kind", "RETRY");
	for (const lane of [null, 4]) {
		await view(page, (v, l) => { v.choose(l); v.at = 2e6; v.go({ from: 1.9e6, span: 2e5, width: v.size.width }); }, lane);
		for (const [key, pick] of [["]", (list, t) => list.find((x) => x > t)], ["]", (list, t) => list.find((x) => x > t)], ["[", (list, t) => list.findLast((x) => x < t)]]) {
			const from = await view(page, (v) => v.at), want = pick(all(oracle.KIND.RETRY, lane), from);

			await page.locator(".stage").focus();
			await page.keyboard.press(key);
			await page.waitForFunction((old) => gilscope.views[0].at !== old, from);
			assert.equal(await view(page, (v) => v.at), want);
		}
	}
	assert.match(await page.locator(".toast").textContent(), /^RETRY at .* in worker/);
}));

test("the worst waits are listed, each a click away", () => on(one.url, async (page) => {
	const worst = model.lanes.flatMap((l, i) => oracle.takes(l).map((w) => ({ ...w, lane: i }))).sort((a, b) => b.end - b.begin - (a.end - a.begin))[0];

	await page.click("#tab-spots");
	await page.waitForSelector("[data-list=waits]");
	await page.click("[data-list=waits] li:first-child button");
	await flown(page);
	assert.deepEqual(await view(page, (v) => [v.lane, ...v.selection]), [worst.lane, worst.begin, worst.end]);
	const [from, to] = await range(page);

	assert.ok(from < worst.begin && to > worst.end);
}));

test("a convoy is found where a thread pays the interval again and again, and nowhere else", async () => {
	const lanes = [{ id: "cpu", name: "spin", process: 0, periods: [], events: [] }, { id: "io", name: "echo", process: 0, periods: [], events: [] }];
	const K = oracle.KIND;

	for (let i = 0; i < 400; i++) {
		const t = i * 5100000, io = i >= 100 && i < 200;

		lanes[0].events.push({ t, kind: K.ACQUIRE, state: 3, flags: 2 }, { t: t + 5000000, kind: K.RELEASE, state: 0, flags: 0 });
		lanes[0].periods.push({ begin: t, end: t + 5000000, state: 3 }, { begin: t + 5000000, end: t + 5100000, state: 0 });
		lanes[1].periods.push(...io ? [{ begin: t, end: t + 1000, state: 0 }, { begin: t + 1000, end: t + 5000000, state: 1 }, { begin: t + 5000000, end: t + 5100000, state: 3 }] : [{ begin: t, end: t + 5100000, state: 0 }]);
		if (io)
			lanes[1].events.push({ t: t + 1000, kind: K.BUSY, state: 1, flags: 0 }, { t: t + 5000000, kind: K.ACQUIRE, state: 3, flags: 2 }, { t: t + 5100000, kind: K.RELEASE, state: 0, flags: 0 });
	}
	const dir = join(scratch(), "convoy"), m = { ...model, title: "Convoy", end: 400 * 5100000, lanes, processes: [model.processes[0]] };

	site.write_pmtiles(dir, m);
	const s = await serve(dir);

	await on(s.url, async (page) => {
		await page.click("#tab-spots");
		await page.waitForSelector("[data-list=stretches]");
		const found = await view(page, (v) => v.found);

		assert.equal(found.length, 1);
		assert.equal(found[0].kind, "convoy");
		assert.equal(found[0].lane, 1);
		assert.ok(Math.abs(found[0].from / 5100000 - 100) < 12 && Math.abs(found[0].to / 5100000 - 200) < 12, `${found[0].from / 5100000} to ${found[0].to / 5100000}`);
		await page.click("[data-list=stretches] button");
		await flown(page);
		assert.equal(await view(page, (v) => v.lane), 1);
	});
	await s.close();
});

test("the panel's table tells where it is cut off, and its first column stays", () => on(one.url, async (page) => {
	const shade = async (left) => {
		await page.$eval(".tab-body", (e, x) => e.scrollTo(x, 0), left);
		const box = await page.locator(".tab-body").boundingBox(), names = await page.locator("tbody th >> nth=0").boundingBox();
		const png = await page.screenshot({ clip: { x: box.x + box.width - 2, y: box.y + 2, width: 1, height: 1 } });

		assert.ok(names.x >= box.x && names.x < box.x + 20, `the names are at ${names.x}`);
		return page.evaluate(async (bytes) => {
			const ctx = new OffscreenCanvas(1, 1).getContext("2d");

			ctx.drawImage(await createImageBitmap(new Blob([new Uint8Array(bytes)])), 0, 0);
			return ctx.getImageData(0, 0, 1, 1).data[0];
		}, [...png]);
	};

	assert.ok(await shade(0) < 220);
	assert.ok(await shade(100) < 220);
	assert.equal(await shade(9999), 255);
	await page.click("#tab-lanes");
	assert.equal(await page.$eval(".tab-body", (e) => e.scrollWidth > e.clientWidth), false);
}));

test("lanes sort, filter, hide, pin, fold and grow", () => on(one.url, async (page) => {
	const shown = () => settled(page).then(() => page.$$eval(".labels .lane .name", (l) => l.map((e) => e.textContent)));

	await page.click("#tab-lanes");
	await page.selectOption("#sort", "wait");
	const wait = (i) => oracle.sums(model.lanes[i], 0, model.end).wait + oracle.sums(model.lanes[i], 0, model.end).signal;
	const names = await shown(), by_process = [0, 1].map((p) => model.lanes.map((l, i) => i).filter((i) => i % 2 === p).sort((a, b) => wait(b) - wait(a)).map((i) => model.lanes[i].name));

	assert.deepEqual([...names].sort(), by_process.flat().sort());
	assert.ok(JSON.stringify(names) === JSON.stringify(by_process.flat()) || JSON.stringify(names) === JSON.stringify([...by_process[1], ...by_process[0]]));
	await page.fill("#filter", "worker 1");
	assert.deepEqual((await shown()).sort(), ["worker 1", "worker 10"]);
	await page.fill("#filter", "w0rker");
	assert.deepEqual(await shown(), []);
	assert.match(await page.textContent(".none"), /^No lane matches \u201cw0rker\u201d/);
	await page.click("text=Clear the filter");
	assert.equal((await shown()).length, 10);
	assert.equal(await page.inputValue("#filter"), "");
	assert.equal(await page.textContent(".none"), "");
	await view(page, (v) => { v.look.hidden = new Set(v.trace.lanes.keys()); v.arrange(); });
	assert.deepEqual(await shown(), []);
	await page.click(".none button");
	assert.equal((await shown()).length, 10);
	await page.hover(".labels .lane-row:has-text('worker 3')");
	await page.click(".labels [aria-label='Hide worker 3 (100)']");
	assert.ok(!(await shown()).includes("worker 3"));
	await page.hover(".labels .lane-row:has-text('worker 6')");
	await page.click(".labels [aria-label='Pin worker 6 (101) on top']");
	assert.equal((await shown())[0], "worker 6");
	await page.click(".labels .process >> nth=0");
	assert.equal((await shown()).length, 5 + (await shown()).length - 5);
	assert.ok((await shown()).length < 9);
	await page.selectOption("#height", "64");
	assert.equal(await view(page, (v) => v.rows.find((r) => r.kind === "lane").height), 64);
	await settled(page);
	await page.waitForTimeout(350);
	const hash = await page.evaluate(() => location.hash), again = await open(browser, one.url + hash);

	await settled(again);
	assert.deepEqual(await again.$$eval(".labels .lane .name", (l) => l.map((e) => e.textContent)), await shown());
	await again.context().close();
}));

test("the owner's line shows who holds the lock", () => on(one.url, async (page) => {
	const hold = model.lanes[4].periods.filter((p) => p.state === 3).sort((a, b) => b.end - b.begin - a.end + a.begin)[0];

	await view(page, (v, h) => v.go({ from: h.begin - (h.end - h.begin), span: 3 * (h.end - h.begin), width: v.size.width }), hold);
	await settled(page);
	const [got, want] = await page.evaluate(() => {
		const v = gilscope.views[0], ctx = new OffscreenCanvas(v.canvas.width, v.canvas.height).getContext("2d"), row = v.rows.find((r) => r.kind === "process" && r.process === 0);

		ctx.drawImage(v.canvas, 0, 0);
		const px = ctx.getImageData(Math.round(v.canvas.width / 2), row.top + 15, 1, 1).data, swatch = getComputedStyle(document.querySelectorAll(".labels .lane-row .swatch")[2]).backgroundColor;

		return [`rgb(${px[0]}, ${px[1]}, ${px[2]})`, swatch];
	});

	assert.equal(got, want);
}));

test("a link shows the same view, selection, lane, theme and notes to others; notes play as a talk", () => on(one.url, async (page) => {
	await view(page, (v) => { v.go({ from: 1e6, span: 3e6, width: v.size.width }); v.choose(3); v.select(1.5e6, 2.5e6); });
	await page.click("#tab-notes");
	await page.fill("#note-text", "Look & see: <b>here</b>");
	await page.keyboard.press("Enter");
	await view(page, (v) => v.go({ from: 6e6, span: 1e5, width: v.size.width }));
	await page.fill("#note-text", "and there");
	await page.keyboard.press("Enter");
	await page.keyboard.press("t");
	await page.waitForTimeout(350);
	const state = (p) => p.evaluate(() => {
		const v = gilscope.views[0];

		return JSON.stringify([Math.round(v.viewport.from), Math.round(v.viewport.span), v.selection, v.lane, v.notes, gilscope.theme]);
	});
	const url = page.url(), other = await open(browser, url);

	await settled(other);
	assert.equal(await state(other), await state(page));
	await other.click("#tab-notes");
	await other.waitForSelector(".numbered li");
	await other.locator(".stage").focus();
	await other.keyboard.press("p");
	await flown(other);
	assert.match(await other.locator(".caption").textContent(), /1 \/ 2.*<b>here<\/b>/);
	assert.ok(Math.abs((await range(other))[0] - 1e6) < 3e4);
	await other.keyboard.press("PageDown");
	await flown(other);
	assert.match(await other.locator(".caption").textContent(), /2 \/ 2and there/);
	await other.keyboard.press("Escape");
	assert.ok(await other.locator(".bar").isVisible());
	const [file] = await Promise.all([other.waitForEvent("download"), other.click("text=Save notes.js")]);
	const text = readFileSync(await file.path(), "utf8");

	assert.equal(file.suggestedFilename(), "notes.js");
	await other.context().close();
	const dir = join(scratch(), "noted");

	site.write_pmtiles(dir, model);
	writeFileSync(join(dir, "notes.js"), text);
	const s = await serve(dir), third = await open(browser, s.url);

	await settled(third);
	assert.deepEqual(await third.evaluate(() => gilscope.views[0].notes.map((n) => n.text)), ["Look & see: <b>here</b>", "and there"]);
	await third.context().close();
	await s.close();
}));

test("the view is saved as PNG and as SVG with texts in it, and copied as a command", () => on(`${one.url}#r=2000000,2400000&n=2100000,2000000,2400000,t2,it%27s`, async (page) => {
	const save = async (what) => {
		await page.click("[aria-label='Share and save']");
		const [file] = await Promise.all([page.waitForEvent("download"), page.click(`text=${what}`)]);

		return [file.suggestedFilename(), readFileSync(await file.path())];
	};
	const [name, png] = await save("Save as PNG");

	assert.equal(name, "Ten-workers.png");
	assert.equal(png.subarray(1, 4).toString(), "PNG");
	assert.ok(png.readUInt32BE(16) > 1500, "twice the size of the screen's");
	const [, svg] = await save("Save as SVG"), text = svg.toString();

	assert.match(text, /<text [^>]*>Ten workers<\/text>/);
	assert.match(text, />worker 10<\/text>/);
	assert.match(text, />it's<\/text>/);
	assert.match(text, /<path fill="#006b4f"/);
	assert.ok(svg.length < 2e6, `${svg.length} bytes`);
	assert.ok(await page.evaluate((t) => !new DOMParser().parseFromString(t, "image/svg+xml").querySelector("parsererror"), text));
	await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
	await page.click("[aria-label='Share and save']");
	await page.click("text=Copy as command");
	await page.waitForSelector(".toast.on");
	assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "gilscope figure --from 0.002s --to 0.0024s --theme light --title 'Ten workers' " +
		"--note '0.0021s:t2:it'\\''s' -o figure.svg TRACE.gtl");
}));

test("notes at one instant, or nearly, show each its number", () => on(`${one.url}#r=2000000,2400000${[2100000, 2100000, 2104000].map((t) => `&n=${t},2000000,2400000,,x&n=${t},2000000,2400000,t2,y`).join("")}`, async (page) => {
	const hidden = await page.evaluate(() => [...document.querySelectorAll(".mark.note b")].filter((b) => {
		const r = b.getBoundingClientRect(), under = document.elementsFromPoint(r.left + r.width / 2, r.top + r.height / 2).filter((e) => e.closest(".mark"));

		return under[0] !== b;
	}).map((b) => b.textContent));

	assert.deepEqual(hidden, []);
}));

test("fingers go through the notes too: a tap on the text goes on, and after the last one ends", () =>
	on(`${one.url}#r=2000000,2400000&n=2100000,2000000,2400000,,first&n=2200000,2000000,2400000,,${"x".repeat(200)}`, async (page) => {
		const caption = page.locator(".caption");

		await page.evaluate(() => gilscope.present());
		assert.match(await caption.textContent(), /^1 \/ 2first$/);
		await caption.tap();
		assert.match(await caption.textContent(), /^2 \/ 2x+$/);
		assert.ok(await caption.evaluate((e) => e.scrollWidth <= e.clientWidth), "a word of any length is seen whole");
		await caption.tap();
		assert.ok(!await caption.isVisible() && await page.locator(".bar").isVisible());
	}, { width: 390, height: 844, context: { hasTouch: true } }));

test("the page is printed as it is on the screen, on paper of its size", () => on(one.url, async (page) => {
	const pdf = (await page.pdf({ preferCSSPageSize: true })).toString("latin1");

	assert.deepEqual(pdf.match(/\/MediaBox ?\[[^\]]*/g), ["/MediaBox [0 0 960 600"], "one page, 1280 x 800 pixels in points");
}));

test("#embed leaves the picture and its legend", () => on(`${one.url}#embed&r=1000000,2000000`, async (page) => {
	assert.ok(!await page.locator(".bar").isVisible() && !await page.locator(".panel").isVisible());
	assert.ok(await page.locator(".legend").isVisible());
	await page.setViewportSize({ width: 500, height: 300 });
	assert.ok(await page.locator(".legend").evaluate((e) => e.scrollWidth <= e.clientWidth), "nothing of it is out of sight");
	const box = await stage(page);

	await page.mouse.move(box.x + 200, box.y + 40);
	await page.mouse.wheel(0, -300);
	await page.waitForTimeout(350);
	assert.match(await page.evaluate(() => location.hash), /embed/);
}));

test("several traces stand below each other, on linked axes or on free ones", () => on(two.url, async (page) => {
	assert.deepEqual(await page.$$eval(".trace-head h2", (l) => l.map((e) => e.textContent)), ["Three workers", "Two workers"]);
	assert.equal(await page.locator(".trace-head p").first().textContent(), "What is to be seen");
	const both = () => page.evaluate(() => gilscope.views.map((v) => [Math.round(v.viewport.from), Math.round(v.viewport.span)]));

	assert.deepEqual((await both())[1], (await both())[0], "at first too: as wide as the longest");
	await view(page, (v) => v.go({ from: 1e5, span: 2e5, width: v.size.width }));
	assert.deepEqual((await both())[1], (await both())[0]);
	await page.uncheck("text=Link axes");
	await page.evaluate(() => gilscope.views[1].go({ from: 3e5, span: 1e5, width: gilscope.views[1].size.width }));
	const free = await both();

	assert.notDeepEqual(free[1], free[0]);
	await page.waitForTimeout(350);
	const again = await open(browser, page.url());

	await settled(again);
	const back = await again.evaluate(() => gilscope.views.map((v) => [Math.round(v.viewport.from), Math.round(v.viewport.span)]));

	assert.deepEqual(back, free);
	await again.context().close();
}));

test("memory is bounded and what scrolled away is not fetched", () => on(one.url, async (page) => {
	await page.evaluate(async () => {
		const v = gilscope.views[0];

		v.pyramid.bitmaps.limit = 12 << 20;
		for (let i = 0; i < 60; i++) {
			v.go({ from: i * v.end / 60, span: v.end / 500, width: v.size.width }, { soft: true });
			await new Promise(requestAnimationFrame);
		}
	});
	await settled(page);
	const { weight, waiting } = await view(page, (v) => ({ weight: v.pyramid.bitmaps.weight, waiting: v.pyramid.waiting.size }));

	assert.ok(weight <= (12 << 20) + (1 << 19), `${weight}`);
	assert.equal(waiting, 0);
}));
