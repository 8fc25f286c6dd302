/*
 * The page and the program agree: on sites that `gilscope render` wrote, the page's figures are those of `gilscope info`, its
 * pixels below a leaf are the renderer's own, in all four ways to share a site, and the first picture of a million
 * addresses is there within a second.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync, inflateSync } from "node:zlib";
import * as figures from "../../viewer/figures.js";
import * as grid from "../../viewer/grid.js";
import { chunks, find_chunk } from "../../viewer/png.js";
import * as raster from "../../viewer/raster.js";
import { TOP, launch, open, scratch, serve, settled, skip_unless_release } from "./browser.mjs";
import * as oracle from "./model.mjs";

skip_unless_release();

const GILSCOPE = process.env.GILSCOPE || join(TOP, "build/release/gilscope");

if (!existsSync(GILSCOPE)) {
	console.log("the program is not built");
	process.exit(77);
}

const top = scratch(), model = oracle.make({ seed: 95, lanes: 10, holds: 1500, hold: 400000, title: "Rendered" }), NAMES = Object.fromEntries(Object.entries(oracle.KIND).map(([k, v]) => [v, k]));
let browser, info;

/* The model's events in our plain text; what it says of stalls and signals is the program's to find. */
function gillog() {
	const events = model.lanes.flatMap((l) => l.events.filter((e) => e.kind !== oracle.KIND.STATE).map((e) => [e.t, l.id, NAMES[e.kind]])).sort((a, b) => a[0] - b[0]);

	return `# gillog 1\n# clock ns\n# title Rendered\n${model.lanes.map((l) => `# thread ${l.id} name="${l.name}"\n`).join("")}${events.map((e) => e.join(" ")).join("\n")}\n`;
}

const run = (...args) => execFileSync(GILSCOPE, args, { stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 }).toString();

before(async () => {
	writeFileSync(join(top, "log"), gillog());
	run("ingest", "-o", join(top, "t.gtl"), join(top, "log"));
	info = JSON.parse(run("info", "--json", join(top, "t.gtl")));
	for (const [name, ...args] of [["dir", "--store", "dir"], ["full", "--store", "dir", "--depth", "10"], ["pm", "--store", "pmtiles"], ["one.html", "--store", "html"]])
		run("render", ...args, "-o", join(top, name), join(top, "t.gtl"));
	browser = await launch();
});
after(() => browser?.close());

function manifest(dir) {
	return JSON.parse(readFileSync(join(dir, "manifest.js"), "utf8").replace(/^GILSCOPE_MANIFEST = /, "").replace(/;\s*$/, ""));
}

/* Palette indices of a 4-bit PNG, row by row. */
function decode(bytes, height) {
	const data = [];

	chunks(bytes, (type, part) => type === "IDAT" && data.push(part));
	const raw = inflateSync(Buffer.concat(data)), stride = raw.length / height, out = [];
	let above = new Uint8Array(stride - 1);

	for (let y = 0; y < height; y++) {
		const filter = raw[y * stride], row = Uint8Array.from(raw.subarray(y * stride + 1, (y + 1) * stride));

		assert.ok([0, 1, 2].includes(filter), `filter ${filter}`);
		for (let i = 0; i < row.length; i++)
			row[i] += filter === 2 ? above[i] : filter === 1 && i ? row[i - 1] : 0;
		above = row;
		out.push(Uint8Array.from({ length: row.length * 2 }, (_, x) => x % 2 ? row[x >> 1] & 15 : row[x >> 1] >> 4));
	}
	return out;
}

/* said: what the page complains of, rightly. */
async function figures_of(url, prepare = async () => {}, said = []) {
	const page = await open(browser, url);

	await prepare(page);
	await settled(page);
	await page.evaluate(() => gilscope.views[0].select(0, gilscope.views[0].trace.end + 1));
	await page.waitForFunction(() => gilscope.views[0].measured);
	const got = await page.evaluate(() => gilscope.views[0].measured.lanes);

	assert.deepEqual(page.said, said);
	await page.context().close();
	return got;
}

function same_as_info(lanes) {
	assert.equal(lanes.length, info.threads.length);
	info.threads.forEach((t, i) => {
		for (const [ours, theirs] of [["run", "run"], ["wait", "wait"], ["signal", "signal"], ["stall", "stall"], ["acquires", "acquires"], ["releases", "releases"], ["busy", "busy"], ["retry", "retry"], ["timeouts", "timeouts"], ["maxWait", "max_wait"]])
			assert.equal(lanes[i][ours], t[theirs], `${t.id}: ${ours}`);
	});
}

test("a release that was lost is told by the legend and the facts, and found", async () => {
	writeFileSync(join(top, "lost"), "# gillog 1\n0 a ACQUIRE\n2000 b ACQUIRE\n3000 b RELEASE\n4000 a ACQUIRE\n5000 b ACQUIRE\n6000 b RELEASE\n");
	run("ingest", "-o", join(top, "lost.gtl"), join(top, "lost"));
	run("render", "--store", "html", "-o", join(top, "lost.html"), join(top, "lost.gtl"));
	const page = await open(browser, pathToFileURL(join(top, "lost.html")).href, { width: 1600 });

	await settled(page);
	assert.match(await page.locator(".legend").textContent(), /something was lost/);
	assert.match(await page.locator(".facts").textContent(), /Lost releases2/);
	await page.selectOption("#kind", "lost");
	await page.evaluate(() => { gilscope.views[0].at = 0; });
	await page.click("[aria-label^='Next event']");
	await page.waitForFunction(() => /^lost at 2/.test(document.querySelector(".toast").textContent));
	await page.context().close();
});

test("a link to far below a leaf has that leaf's events, too, where pictures of that depth are stored", async () => {
	writeFileSync(join(top, "dense"), `# gillog 1\n${Array.from({ length: 1000 }, (_, i) => `${40 * i} a ACQUIRE\n${40 * i + 20} a RELEASE\n`).join("")}`);
	run("ingest", "-o", join(top, "dense.gtl"), join(top, "dense"));
	run("render", "--store", "dir", "--depth", "full", "-o", join(top, "deep"), join(top, "dense.gtl"));
	const s = await serve(join(top, "deep")), t = 20000, page = await open(browser, `${s.url}#r=${t},${t + 300}`);

	await page.waitForFunction((t) => {
		const { pyramid, trace } = gilscope.views[0];

		return pyramid.above({ z: trace.zMax, x: Math.floor(t / trace.tileWidth), y: 0 }, (k) => pyramid.figures.get(k))?.found.leaf;
	}, t);
	assert.deepEqual(page.said, []);
	await page.context().close();
	await s.close();
});

test("in every store, the page's figures are info's", async () => {
	for (const name of ["dir", "pm"]) {
		const s = await serve(join(top, name));

		same_as_info(await figures_of(s.url));
		await s.close();
	}
	same_as_info(await figures_of(pathToFileURL(join(top, "one.html")).href));
	same_as_info(await figures_of(pathToFileURL(join(top, "pm/index.html")).href, async (page) => {
		await page.waitForSelector(".banner b");
		await page.locator("input[type=file]").setInputFiles(join(top, "pm/tiles.pmtiles"));
		await page.waitForFunction(() => gilscope.views[0].pyramid);
	}, ["A page opened from a folder may not read archives beside it."]));
});

test("an archive shows itself on any page: one of another trace, and one that was opened from a folder", async () => {
	writeFileSync(join(top, "other.log"), "# gillog 1\n# clock ns\n# title Other\n1 a ACQUIRE\n5 a RELEASE\n");
	run("ingest", "-o", join(top, "other.gtl"), join(top, "other.log"));
	run("render", "-o", join(top, "other"), join(top, "other.gtl"));
	const got = await figures_of(pathToFileURL(join(top, "other/index.html")).href, async (page) => {
		await page.locator("input[type=file]").setInputFiles(join(top, "pm/tiles.pmtiles"));
		await page.waitForFunction(() => gilscope.views[0].trace.title === "Rendered");
	});

	same_as_info(got);
});

test("badness in any range is failures by checks, as the page's table has it", async () => {
	run("ingest", "-o", join(top, "old.gtl"), join(TOP, "samples/countdown2-py27.beazley.zst"));
	run("render", "--store", "html", "-o", join(top, "old.html"), join(top, "old.gtl"));
	const old = JSON.parse(run("info", "--json", join(top, "old.gtl"))), page = await open(browser, `${pathToFileURL(join(top, "old.html")).href}`, { width: 1600 });
	const shown = () => page.$$eval("[data-column=badness]", (l) => l.map((e) => e.textContent));

	await settled(page);
	const end = await page.evaluate(() => gilscope.views[0].trace.end), want = (t, width) => ((t.busy + t.retry) / (width / 100)).toFixed(2);

	assert.ok(old.threads.some((t) => t.busy + t.retry > 0));
	assert.deepEqual(await shown(), old.threads.map((t) => want(t, end)));
	/* Around one of its failures, in a range of a few checks. */
	const [lane, at] = await page.evaluate(async () => {
		const e = await gilscope.views[0].pyramid.find(1000, 1, null, (s) => s.busy > 0, (r) => r.kind === 2);

		return [e.lane, e.t];
	});

	await page.evaluate((t) => gilscope.views[0].select(t - 150, t + 150), at);
	await page.waitForFunction(() => gilscope.views[0].measured && document.querySelector("[data-column=badness]"));
	const m = await page.evaluate(() => gilscope.views[0].measured.lanes);

	assert.ok(m[lane].busy > 0);
	assert.deepEqual(await shown(), m.map((s) => want(s, 300)));
	await page.context().close();
});

test("our own server gives the same, from a site and from a timeline, and its sums of any range are the walk's", async (t) => {
	for (const what of ["pm", "t.gtl"]) {
		const child = spawn(GILSCOPE, ["serve", "--port", "0", join(top, what)], { stdio: ["ignore", "pipe", "pipe"] });

		t.after(() => child.kill());		/* where the test fails: it would wait for it forever */
		const url = await new Promise((done, failed) => {
			let text = "";

			for (const stream of [child.stdout, child.stderr])
				stream.on("data", (d) => {
					text += d;
					const m = /http:\/\/[^\s]+/.exec(text);

					if (m)
						done(m[0]);
				});
			child.on("exit", () => failed(new Error(`serve ended: ${text}`)));
		});

		same_as_info(await figures_of(url));
		child.kill("SIGTERM");
		await new Promise((done) => child.once("exit", done));
	}
});

test("below a leaf, the page's pixels are the renderer's", () => {
	const dir = join(top, "full"), t = manifest(dir).traces[0], colours = Object.fromEntries(t.paletteOrder.map((n, i) => [n, [i, 0, 0, 255]]));
	const read = (z, x, y) => readFileSync(join(dir, "tiles", `${z}/${x}/${y}.png`)), has = (z, x, y) => existsSync(join(dir, "tiles", `${z}/${x}/${y}.png`));
	let compared = 0;

	for (let y = 0; y < grid.n_groups(t); y++)
		for (let z = 1; z <= Math.min(9, t.zMax); z++)
			for (let x = 0; x < grid.n_tiles(t, z); x++) {
				const chunk = has(z, x, y) && find_chunk(read(z, x, y), "giLs"), from = grid.tile_from(t, z, x);
				const f = chunk && figures.parse(chunk, from, from + grid.tile_span(t, z));

				if (!f?.leaf || compared > 90)
					continue;
				for (const deeper of [z, z + 1, z + 3]) {
					const at = x * 2 ** (deeper - z);

					if (!has(deeper, at, y))
						continue;
					const n = Math.min(8, t.lanes.length - 8 * y), want = decode(read(deeper, at, y), n * t.laneHeight);
					const got = raster.draw(f.leaf, n, grid.tile_from(t, deeper, at), grid.unit(t, deeper), t.tileWidth, t.laneHeight, t.end, colours, deeper < t.acquireZoom);

					want.forEach((row, r) => row.forEach((index, c) => {
						const px = got[r * t.tileWidth + c];

						assert.equal(px ? px & 255 : 0, index, `tile ${deeper}/${at}/${y} from leaf ${z}/${x}, pixel ${c},${r}`);
					}));
					compared++;
				}
			}
	assert.ok(compared > 60, `${compared} tiles`);
});

test("a hold's function is told in every tile that it lies in, wherever it began", () => {
	const end = 900000000, out = ["# gillog 1", "# thread a", "# thread b", '# func 0 name="crunch" file="m.c" line=7', '# func 1 name="other" file="m.c" line=9', "500 b ACQUIRE", "600 b RELEASE", "1000 a ACQUIRE func=0", "2000 b BUSY"];

	for (let t = 102000; t < end; t += 100000)
		out.push(`${t} b TIMEOUT`);
	out.push(`${end} a RELEASE func=0`, `${end + 50} b ACQUIRE`, `${end + 90000} b RELEASE`, `${end + 90050} a ACQUIRE func=1`, `${end + 95000} a RELEASE func=1`, "");
	writeFileSync(join(top, "funcs"), out.join("\n"));
	run("ingest", "-o", join(top, "funcs.gtl"), join(top, "funcs"));
	run("render", "--store", "dir", "-o", join(top, "funcs.site"), join(top, "funcs.gtl"));
	const t = manifest(join(top, "funcs.site")).traces[0], versions = new Set();
	let told = 0, before = 0;

	for (let z = 0; z <= t.zMax; z++)
		for (let x = 0; x < grid.n_tiles(t, z); x++) {
			const path = join(top, "funcs.site/tiles", `${z}/${x}/0.png`), chunk = existsSync(path) && find_chunk(readFileSync(path), "giLs"), from = grid.tile_from(t, z, x);
			const leaf = chunk && figures.parse(chunk, from, from + grid.tile_span(t, z)).leaf;

			if (!leaf)
				continue;
			versions.add(chunk[0]);
			assert.equal(chunk[0], leaf.start.some((s) => s.func >= 0) ? 2 : 1, `${z}/${x}`);
			for (const p of figures.periods(leaf, t.end)[0].filter((p) => p.state === 3)) {
				assert.equal(p.func, p.begin < end - 1000 ? 0 : 1, `${z}/${x}: [${p.begin}, ${p.end})`);
				told++;
				before += p.since < from;
			}
			assert.ok(figures.periods(leaf, t.end)[1].every((p) => p.func === -1));
		}
	assert.ok(told > 30 && before > 20, `${told} holds, ${before} that began before their tile`);
	assert.deepEqual([...versions].sort(), [1, 2]);
});

test("the first picture of a million addresses is there within a second of the page's own time", async () => {
	const t = manifest(join(top, "pm")).traces[0];
	let addresses = 0;

	for (let z = 0; z <= t.zMax; z++)
		addresses += grid.n_tiles(t, z) * grid.n_groups(t);
	const s = await serve(join(top, "pm")), page = await open(browser, s.url);

	await page.waitForFunction(() => globalThis.gilscope?.views[0].pyramid.bitmaps.map.size > 0, null, { polling: "raf" });
	const took = await page.evaluate(() => performance.now());

	console.log(`${addresses} addresses: first tile drawn after ${Math.round(took)} ms, ${s.log.length} requests`);
	assert.ok(addresses > 1e6, `${addresses} addresses`);
	assert.ok(s.log.length < 40, `${s.log.length} requests for the first picture`);
	await page.context().close();
	await s.close();
});

test("all that a site's page loads before its tiles is at most 40 kB gzipped", () => {
	const bytes = ["index.html", "gilscope.js", "gilscope.css"].reduce((n, name) => n + gzipSync(readFileSync(join(top, "pm", name)), { level: 9 }).length, 0);

	console.log(`${bytes} bytes`);
	assert.ok(bytes <= 40000, `${bytes} bytes`);
});

test("two timelines make one page", async () => {
	const r = spawnSync(GILSCOPE, ["render", "-o", join(top, "two"), join(top, "t.gtl"), join(top, "t.gtl")]);

	assert.equal(r.status, 0, String(r.stderr));
	const s = await serve(join(top, "two")), page = await open(browser, s.url);

	await settled(page);
	assert.equal(await page.locator(".trace").count(), 2);
	assert.deepEqual(page.said, []);
	await page.context().close();
	await s.close();
});
