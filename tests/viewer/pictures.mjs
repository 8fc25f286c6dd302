/*
 * pictures.mjs FOLDER - the page's two pictures for README.md, taken from sites that the program made
 *
 * viewer-light.png: the recorded convoy of samples/, at a hand-off.  viewer-dark.png: a battle for the old GIL, from
 * gilgen.  Run by `make pictures`; needs GILSCOPE and GILSCOPE_BUILD as a test does.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { TOP, launch, open, scratch, settled } from "./browser.mjs";

const MOST = 150000;		/* bytes of a picture: README.md loads both */
const out = resolve(process.argv[2] || join(TOP, "docs/pictures")), dir = scratch();
const gilscope = process.env.GILSCOPE || join(TOP, "build/release/gilscope"), gilgen = join(process.env.GILSCOPE_BUILD || join(TOP, "build/release"), "gilgen");

function site(name, log, title) {
	const page = join(dir, `${name}.html`);

	execFileSync(gilscope, ["ingest", "-o", join(dir, `${name}.gtl`), log], { stdio: ["ignore", "ignore", "inherit"] });
	execFileSync(gilscope, ["render", "--store", "html", "--title", title, "-o", page, join(dir, `${name}.gtl`)]);
	return pathToFileURL(page).href;
}

async function picture(browser, name, scheme, url, act) {
	const page = await open(browser, url, { width: 1600, height: 680, scheme });

	await settled(page);
	await act(page);
	await settled(page);
	if (page.said.length)
		throw new Error(page.said.join("\n"));
	const png = await page.screenshot();

	if (png.length > MOST)
		throw new Error(`${name}: ${png.length} bytes, more than ${MOST}`);
	writeFileSync(join(out, name), png);
	console.log(`${join(out, name)}: ${statSync(join(out, name)).size} bytes`);
	await page.context().close();
}

mkdirSync(out, { recursive: true });
execFileSync(gilgen, ["--gil", "old", "--events", "100000", "--threads", "3", "--spinners", "2", "--cpus", "2", "-o", join(dir, "battle.log")]);
const convoy = site("convoy", join(TOP, "samples/convoy-py311.gillog"), "An echo server against one thread that computes, Python 3.11");
const battle = site("battle", join(dir, "battle.log"), "Two threads that compute on two cpus, the old GIL (simulated)");
const browser = await launch();

/* The wait after a hand-off, measured. */
await picture(browser, "viewer-light.png", "light", `${convoy}#r=106900000,113600000&h=128`, async (page) => {
	const wait = await page.evaluate(async () => {
		const v = gilscope.views[0], lane = v.trace.lanes.findIndex((l) => l.name === "echo server"), p = await v.pyramid.period_at(lane, 110000000);

		v.choose(lane);
		await v.select(p.begin, p.end);
		return p.state;
	});

	if (wait !== 1)
		throw new Error("the sample has no wait there any more");
	await page.locator(".tab-body").evaluate((e) => { e.scrollTop = 0; });
});
await picture(browser, "viewer-dark.png", "dark", `${battle}#h=128`, async (page) => {
	await page.click("#tab-spots");
	await page.waitForSelector("[data-list=stretches]");
});
await browser.close();
