/*
 * bench.mjs [SITE|URL] - how fast the page is: first picture, and frames while it zooms and pans
 *
 * Without a site, one of 64 lanes is made.  Frames are counted from the browser's own trace (devtools.timeline.frame),
 * at 2560x1440, while wheel events come in at the screen's rate.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, open, serve, settled } from "./browser.mjs";
import * as oracle from "./model.mjs";
import * as site from "./site.mjs";

const SECONDS = 4;
let dir = process.argv[2];

if (!dir) {
	dir = mkdtempSync(join(tmpdir(), "gilscope-bench-"));
	process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
	site.write_pmtiles(dir, oracle.make({ seed: 5, lanes: 64, holds: 12000, hold: 300000 }));
}
const server = /^http/.test(dir) ? { url: dir, close() {} } : await serve(dir), browser = await launch(process.env.FLAGS?.split(" "));
const page = await open(browser, "about:blank", { width: 2560, height: 1440, motion: "no-preference" });

await page.goto(server.url);
await page.waitForFunction(() => {
	const v = globalThis.gilscope?.views[0];

	return v?.started && !v.pyramid.waiting.size && !v.missing?.length && !v.pending;
}, null, { polling: "raf" });
console.log(`first whole picture: ${Math.round(await page.evaluate(() => performance.now()))} ms after navigation began; ` +
	`${await page.evaluate(() => gilscope.views[0].trace.lanes.length)} lanes, ${await page.evaluate(() => gilscope.views[0].pyramid.fetched)} tiles`);

const input = await page.context().newCDPSession(page);
const wheel = (deltaX, deltaY) => input.send("Input.dispatchMouseEvent", { type: "mouseWheel", x: 1200, y: 700, deltaX, deltaY }).catch(() => {});
const cdp = await browser.newBrowserCDPSession();

async function traced(name, step) {
	const events = [];
	const collect = (e) => events.push(...e.value);

	cdp.on("Tracing.dataCollected", collect);
	await cdp.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["disabled-by-default-devtools.timeline.frame", "devtools.timeline.frame", "devtools.timeline"] } });
	const until = Date.now() + SECONDS * 1000;

	for (let i = 0; Date.now() < until; i++) {
		step(i);			/* as a wheel does: it does not wait for the page */
		await new Promise((f) => setTimeout(f, 1000 / 60));
	}
	const done = new Promise((f) => cdp.once("Tracing.tracingComplete", f));

	await cdp.send("Tracing.end");
	await done;
	cdp.off("Tracing.dataCollected", collect);
	const drawn = events.filter((e) => e.name === "DrawFrame").map((e) => e.ts / 1000).sort((a, b) => a - b);
	const gaps = drawn.slice(1).map((t, i) => t - drawn[i]).sort((a, b) => a - b), at = (q) => gaps[Math.min(gaps.length - 1, Math.floor(q * gaps.length))].toFixed(1);
	/* Of the processor: a busy machine makes frames late, but not these longer. */
	const script = events.filter((e) => e.name === "FireAnimationFrame" && e.tdur).map((e) => e.tdur / 1000).sort((a, b) => a - b);

	console.log(`${name}: ${((drawn.length - 1) / (drawn[drawn.length - 1] - drawn[0]) * 1000).toFixed(1)} frames/s; between frames p50 ${at(0.5)} p95 ${at(0.95)} p99 ${at(0.99)} ms; ` +
		`dropped ${events.filter((e) => e.name === "DroppedFrame").length}; script (cpu time) p50 ${script[script.length >> 1]?.toFixed(1)} p95 ${script[Math.floor(script.length * 0.95)]?.toFixed(1)} ms`);
}

await page.mouse.move(1200, 700);
await traced("zoom in", (i) => wheel(0, i % 260 < 130 ? -40 : 40));
await traced("pan", (i) => wheel(i % 300 < 150 ? 30 : -30, 0));
await page.evaluate(() => gilscope.views[0].go({ from: gilscope.views[0].end / 3, span: gilscope.views[0].end / 3000, width: gilscope.views[0].size.width }));
await settled(page);
await traced("pan, deep", (i) => wheel(i % 300 < 150 ? 30 : -30, 0));
console.log(`memory of tiles: ${((await page.evaluate(() => gilscope.views[0].pyramid.bitmaps.weight)) / 1048576).toFixed(0)} MiB`);
await browser.close();
await server.close();
process.exit(0);
