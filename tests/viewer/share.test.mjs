/*
 * One page, four ways to pass a site on: loose tiles from file://, an archive from any host, an archive picked or dropped, one
 * HTML file; in Chromium and in Firefox.  A host that cannot serve an archive is named together with its cure.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { TOP, launch, open, scratch, serve, settled, skip_unless_release } from "./browser.mjs";
import { firefox, have_firefox } from "./firefox.mjs";
import * as oracle from "./model.mjs";
import * as site from "./site.mjs";

skip_unless_release();

const model = oracle.make({ seed: 81, lanes: 4, holds: 700, title: "Four </script> & workers" }), other = oracle.make({ seed: 82, lanes: 2, holds: 300, title: "Another" });
const RANGE = [1234567, 2345678];
let dirs, single, browser, fox;

before(async () => {
	const top = scratch();

	dirs = { dir: join(top, "dir"), pm: join(top, "pm") };
	site.write_dir(dirs.dir, model);
	site.write_pmtiles(dirs.pm, model);
	single = join(top, "single.html");
	const trace = site.trace_of(model, { store: "inline", tiles: "tiles" }), manifest = JSON.stringify(site.manifest_of([trace])).replaceAll("<", "\\u003c");

	writeFileSync(single, readFileSync(join(TOP, "build/viewer/single.html"), "utf8").replace("<!--gilscope-data-->",
		() => `<script type="application/json" id="gilscope-manifest">${manifest}</script>\n<script type="application/octet-stream" id="tiles">${site.archive(model).toString("base64")}</script>`));
	browser = await launch();
	fox = have_firefox() ? await firefox() : null;
	if (!fox)
		console.log("no firefox-esr here: Firefox's cases are skipped");
});
after(async () => {
	await browser?.close();
	await fox?.close();
});

function right(measured, range = RANGE, of = model) {
	of.lanes.forEach((lane, i) => {
		const want = oracle.sums(lane, ...range);

		for (const name of ["run", "wait", "acquires", "retry", "maxWait"])
			assert.equal(measured.lanes[i][name], want[name], `lane ${i}: ${name}`);
	});
}

/* Some of the lanes' canvas is neither background nor header: something is drawn. */
const drawn = (w) => {
	const v = w.gilscope.views[0];

	return v.pyramid.bitmaps.weight > 0 && v.canvas.width > 300;
};

async function in_chromium(url, f, options) {
	const page = await open(browser, url, options);

	try {
		await settled(page);
		return await f(page);
	} finally {
		await page.context().close();
	}
}

/* Marionette talks JSON: promises of the page are awaited by polling a field. */
async function in_firefox(url, range = RANGE) {
	await fox.go("about:blank");
	await fox.go(url);
	return JSON.parse(await fox.run(`async (w, a, b) => {
		for (let i = 0; i < 200; i++) {
			const p = w.gilscope;

			if (p && p.views[0].started && !p.views[0].pyramid.waiting.size && !p.pending)
				break;
			await new Promise((done) => setTimeout(done, 30));
		}
		const v = w.gilscope.views[0];

		v.select(a, b);
		for (let i = 0; i < 200 && !v.measured && v.pyramid.readable; i++)
			await new Promise((done) => setTimeout(done, 30));
		return JSON.stringify({ readable: v.pyramid.readable, measured: v.measured, weight: v.pyramid.bitmaps.weight, banner: w.document.querySelector(".banner").textContent,
			text: w.document.body.innerText });
	}`, ...range));
}

test("loose tiles from file:// are drawn, and the page says that there are no figures", async () => {
	await in_chromium(pathToFileURL(join(dirs.dir, "index.html")).href, async (page) => {
		assert.ok(await page.evaluate(`(${drawn})(window)`));
		assert.match(await page.locator(".rounded").textContent(), /pictures without figures/);
		await page.evaluate(([a, b]) => gilscope.views[0].select(a, b), RANGE);
		await page.waitForSelector(".panel .warn");
		assert.match(await page.locator(".panel .warn").textContent(), /may show its pictures but not read them/);
		assert.deepEqual(page.said, []);
		const { width, data } = await shot(page);

		assert.ok(data.size > 6, `a screenshot of ${width} pixels with ${data.size} colours`);
	});
	if (fox) {
		const got = await in_firefox(pathToFileURL(join(dirs.dir, "index.html")).href);

		assert.equal(got.readable, false);
		assert.ok(got.weight > 0);
		assert.match(got.text, /pictures without figures/);
	}
});

async function shot(page) {
	const png = await page.locator(".sticky").screenshot();

	return page.evaluate(async (base64) => {
		const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))])), ctx = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");

		ctx.drawImage(bitmap, 0, 0);
		return { width: bitmap.width, data: { size: new Set(new Uint32Array(ctx.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size } };
	}, png.toString("base64"));
}

test("loose tiles and archives from a host give exact figures", async () => {
	for (const dir of [dirs.dir, dirs.pm]) {
		const s = await serve(dir);

		await in_chromium(`${s.url}#s=${RANGE}`, async (page) => {
			await page.waitForFunction(() => gilscope.views[0].measured);
			right(await page.evaluate(() => gilscope.views[0].measured));
			assert.deepEqual(page.said, []);
			assert.ok(page.asked.every((u) => u.startsWith(s.url) || /^(data|blob):/.test(u)), "nothing is asked for outside the folder");
		});
		if (fox)
			right((await in_firefox(s.url)).measured);
		assert.ok(s.log.every((l) => l.path.startsWith("/")));
		await s.close();
	}
});

test("one HTML file from file:// gives exact figures and asks for nothing", async () => {
	const url = pathToFileURL(single).href;

	await in_chromium(`${url}#s=${RANGE}`, async (page) => {
		await page.waitForFunction(() => gilscope.views[0].measured);
		right(await page.evaluate(() => gilscope.views[0].measured));
		assert.deepEqual(page.said, []);
		assert.deepEqual(page.asked.filter((u) => !/^(data|blob):/.test(u)).map((u) => u.replace(/#.*/, "")), [url]);
		assert.equal(await page.locator("h1").textContent(), "Four </script> & workers");
	});
	if (fox)
		right((await in_firefox(url)).measured);
});

test("an archive from file:// is asked for, and shown when it is dropped or picked, even that of another trace", async () => {
	await in_chromium(pathToFileURL(join(dirs.pm, "index.html")).href, async (page) => {
		assert.match(await page.locator(".banner").textContent(), /may not read archives.*Drop tiles\.pmtiles on this page/s);
		const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.click(".banner >> text=Open a .pmtiles file")]);

		await chooser.setFiles(join(dirs.pm, "tiles.pmtiles"));
		await page.waitForFunction(() => gilscope.views[0].pyramid);
		await settled(page);
		await page.evaluate(([a, b]) => gilscope.views[0].select(a, b), RANGE);
		await page.waitForFunction(() => gilscope.views[0].measured);
		right(await page.evaluate(() => gilscope.views[0].measured));
		assert.equal(await page.locator(".banner").textContent(), "");
		/* Dropped: a file made in the page, as dragging one from the desktop gives it. */
		const bytes = site.archive(other).toString("base64");

		await page.evaluate((base64) => {
			const data = new DataTransfer();

			data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "another.pmtiles"));
			dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
		}, bytes);
		await page.waitForFunction(() => gilscope.views[0].trace.title === "Another");
		await settled(page);
		const range = [Math.floor(other.end / 4), Math.floor(other.end / 2)];

		await page.evaluate(([a, b]) => gilscope.views[0].select(a, b), range);
		await page.waitForFunction(() => gilscope.views[0].measured);
		right(await page.evaluate(() => gilscope.views[0].measured), range, other);
	});
});

test("a host without Range, or one that compresses archives, is named with its cure; the whole can be loaded", async () => {
	const no_range = await serve(dirs.pm, { range: false }), gzip = await serve(dirs.pm, { gzip: true });

	await in_chromium(gzip.url, async (page) => {
		await page.waitForSelector(".banner b");
		assert.match(await page.locator(".banner").textContent(), /compressed \(gzip\).*no-transform/s);
	});
	await in_chromium(no_range.url, async (page) => {
		await page.waitForSelector(".banner b");
		assert.match(await page.locator(".banner").textContent(), /does not answer Range requests.*gilscope serve SITE/s);
		await page.click("text=/^Load all of it/");
		await page.waitForFunction(() => gilscope.views[0].pyramid.bitmaps.weight > 0);
		await page.evaluate(([a, b]) => gilscope.views[0].select(a, b), RANGE);
		await page.waitForFunction(() => gilscope.views[0].measured);
		right(await page.evaluate(() => gilscope.views[0].measured));
	});
	if (fox)
		assert.match((await in_firefox(no_range.url)).banner, /does not answer Range/);
	await no_range.close();
	await gzip.close();
});

test("a site of another version, or without its manifest, says so", async () => {
	const s = await serve(dirs.pm, { make: (path) => path === "/manifest.js" ? { body: "GILSCOPE_MANIFEST = {gilscope: 2, traces: []}", type: "text/javascript" } : null });
	const none = await serve(dirs.pm, { make: (path) => path === "/manifest.js" ? { body: "", status: 404 } : null });
	const text = async (url) => {
		const page = await open(browser, url), words = await page.locator("body").innerText();

		await page.context().close();
		return words;
	};

	assert.match(await text(s.url), /version 2; this page shows version 1/);
	assert.match(await text(none.url), /manifest.js is missing/);
	await s.close();
	await none.close();
});
