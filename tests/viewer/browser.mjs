/* browser.mjs - a static server with the faults of real hosts, and a Chromium to look at it */
import { createServer } from "node:http";
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";

export const TOP = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const from_viewer = createRequire(join(TOP, "viewer/package.json"));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png" };

/* In the sanitizers' modes nothing new is learnt from a page that no C program made. */
export function skip_unless_release({ browser = true } = {}) {
	const mode = process.env.GILSCOPE_MODE || "release";

	if (["asan", "tsan"].includes(mode)) {
		console.log(`the page is the same in every mode: ${mode} skips it`);
		process.exit(77);
	}
	if (browser && !existsSync("/usr/bin/chromium") && !process.env.CHROMIUM) {
		console.log("no chromium here");
		process.exit(77);
	}
}

/* make(path) may answer {body, type} for paths that are no files.  log collects what was asked for. */
export async function serve(dir, { range = true, gzip = false, make = null, log = [] } = {}) {
	const server = createServer((q, a) => {
		const path = normalize(decodeURIComponent(q.url.replace(/[?#].*/, ""))).replace(/\/$/, "/index.html"), file = join(dir, path);
		const made = make?.(path);

		log.push({ path, range: q.headers.range });
		if (made) {
			a.writeHead(made.status || 200, { "Content-Type": made.type || "application/octet-stream" }).end(made.body);
			return;
		}
		if (!existsSync(file) || !statSync(file).isFile()) {
			a.writeHead(404).end();
			return;
		}
		const type = { "Content-Type": TYPES[extname(file)] || "application/octet-stream" }, { size } = statSync(file);
		const m = range && /^bytes=(\d+)-(\d+)$/.exec(q.headers.range || "");

		if (gzip && file.endsWith(".pmtiles")) {
			a.writeHead(200, { ...type, "Content-Encoding": "gzip" }).end(gzipSync(readFileSync(file)));
		} else if (m) {
			const from = Number(m[1]), to = Math.min(Number(m[2]), size - 1);

			a.writeHead(206, { ...type, "Content-Length": to - from + 1, "Content-Range": `bytes ${from}-${to}/${size}`, ETag: `"${size}"` });
			createReadStream(file, { start: from, end: to }).pipe(a);
		} else {
			a.writeHead(200, { ...type, "Content-Length": size });
			createReadStream(file).pipe(a);
		}
	});

	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	server.unref();
	return { url: `http://127.0.0.1:${server.address().port}/`, log, close: () => { server.closeAllConnections?.(); return new Promise((done) => server.close(done)); } };
}

export async function launch(args = []) {
	const { chromium } = from_viewer("playwright-core");

	return chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true,
		args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run", "--font-render-hinting=none", ...args] });
}

/* A page that must not complain: what the console or the policy says is kept in page.said. */
export async function open(browser, url, { width = 1280, height = 800, scheme = "light", context = {}, motion = "reduce" } = {}) {
	const c = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: motion, acceptDownloads: true, ...context });
	const page = await c.newPage();

	page.setDefaultTimeout(10000);
	page.said = [];
	page.on("console", (m) => ["error", "warning"].includes(m.type()) && page.said.push(m.text()));
	page.on("pageerror", (e) => page.said.push(String(e)));
	page.asked = [];
	page.on("request", (r) => page.asked.push(r.url()));
	await page.goto(url);
	return page;
}

/* Until nothing is under way: no request, no frame that wants another. */
export const settled = (page) => page.waitForFunction(() => {
	const p = globalThis.gilscope;

	return p && !p.pending && p.views.every((v) => !v.pyramid || (!v.pyramid.waiting.size && !v.pyramid.queue.length && !v.dirty.lanes && v.started && !v.dirty.mini && (v.pyramid.broken || !v.missing?.length)));
}, null, { polling: 30 });

export function scratch() {
	const dir = mkdtempSync(join(tmpdir(), "gilscope-viewer-"));

	process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
	return dir;
}
