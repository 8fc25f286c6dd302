/*
 * The server gives what it has and nothing else: single ranges, HEAD, tags; a timeline's tiles on demand are the
 * bytes of a full site; no path leads out; and view leaves nothing behind.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import vm from "node:vm";

const gilscope = process.env.GILSCOPE;
const { PMTiles } = createRequire(join(process.cwd(), "viewer/package.json"))("pmtiles");
const dir = mkdtempSync(join(tmpdir(), "gilscope-serve-"));
const log = "samples/countdown2-py27.beazley.zst", gtl = join(dir, "a.gtl");
const at = (...names) => join(dir, ...names);
const servers = [];

function run(...args) {
	const r = spawnSync(gilscope, args, { encoding: "utf8" });
	assert.equal(r.status, 0, r.stderr);
}

/* Starts a server; its address. */
async function start(command, args, env = {}) {
	const p = spawn(gilscope, [command, "--port", "0", ...args],
			{ env: { ...process.env, DISPLAY: "", WAYLAND_DISPLAY: "", ...env }, stdio: ["ignore", "pipe", "pipe"] });
	let out = "", err = "";
	servers.push(p);
	p.stderr.on("data", (d) => { err += d; });
	p.said = () => err;
	p.ended = new Promise((resolve) => p.on("exit", resolve));
	const url = await new Promise((resolve, reject) => {
		p.stdout.on("data", (d) => { out += d; if (out.includes("\n")) resolve(out.trim()); });
		p.on("exit", () => reject(new Error(err)));
	});
	return { p, url };
}

/* One request, its path as it is, on a connection of its own. */
function get(url, path, { method = "GET", headers = {}, body } = {}) {
	const { hostname, port } = new URL(url);
	return new Promise((resolve, reject) => {
		const r = http.request({ hostname, port, path, method, headers, agent: false }, (res) => {
			const parts = [];
			res.on("data", (d) => parts.push(d));
			res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
		});
		r.on("error", reject);
		r.end(body);
	});
}

function manifestOf(text) {
	const box = {};
	vm.runInNewContext(text, box);
	return JSON.parse(JSON.stringify(box.GILSCOPE_MANIFEST));
}

before(() => {
	run("ingest", "-o", gtl, log);
	run("render", "--store", "pmtiles", "--depth", "full", "-o", at("full"), gtl);
	run("render", "--store", "dir", "-o", at("loose"), gtl);
});
after(() => {
	for (const p of servers)
		p.kill("SIGKILL");
	rmSync(dir, { recursive: true });
});

test("a site: every file with its type, and headers that keep a browser honest", async () => {
	const { url } = await start("serve", [at("loose")]);
	for (const [path, file, type] of [["/", "index.html", /^text\/html/], ["/index.html", "index.html", /^text\/html/],
					  ["/gilscope.js", "gilscope.js", /^text\/javascript/],
					  ["/gilscope.css", "gilscope.css", /^text\/css/],
					  ["/manifest.js", "manifest.js", /^text\/javascript/],
					  ["/tiles/0/0/0.png", "tiles/0/0/0.png", /^image\/png$/]]) {
		const r = await get(url, path);
		assert.equal(r.status, 200, path);
		assert.match(r.headers["content-type"], type);
		assert.equal(r.headers["x-content-type-options"], "nosniff");
		assert.match(r.headers["content-security-policy"], /default-src 'none'/);
		assert.equal(r.headers["content-encoding"], undefined);
		assert.ok(r.body.equals(readFileSync(at("loose", file))));
		const same = await get(url, path, { headers: { "If-None-Match": r.headers.etag } });
		assert.equal(same.status, 304);
		assert.ok([undefined, r.headers["content-length"]].includes(same.headers["content-length"]));
		const head = await get(url, path, { method: "HEAD" });
		assert.equal(head.status, 200);
		assert.equal(head.headers["content-length"], String(r.body.length));
		assert.equal(head.body.length, 0);
	}
});

test("a site: nothing else, however it is asked for", async () => {
	mkdirSync(at("loose/secret"));
	writeFileSync(at("loose/secret.txt"), "secret");
	symlinkSync("/etc/passwd", at("loose/tiles1.pmtiles"));
	const { url } = await start("serve", [at("loose")]);
	for (const path of ["/secret.txt", "/secret", "/../a.gtl", "/%2e%2e/a.gtl", "//etc/passwd", "/tiles/../secret.txt",
			    "/tiles/0/0/../../../secret.txt", "/tiles/0/0/0.png/", "/tiles/00/0/0.png", "/tiles/0/0/0.png%00",
			    "/tiles/+0/0/0.png", "/tiles/0/0/ 0.png".replace(" ", "%20"), "/tiles/0/0/99.png", "/tiles/70/0/0.png",
			    "/tiles/0/99999999999999999999/0.png", "/tiles1.pmtiles", "/tiles0.pmtiles", "/tiles.pmtiles",
			    "/tiles/", "/index.html/", "/INDEX.HTML", "/manifest.js.tmp"])
		assert.equal((await get(url, path)).status, 404, path);
	for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
		const r = await get(url, "/index.html", { method, body: method === "POST" ? "x".repeat(100000) : undefined });
		assert.equal(r.status, 405, method);
		assert.equal(r.headers.allow, "GET, HEAD");
	}
});

test("a site that is rendered again is served anew", async () => {
	run("render", "--store", "dir", "-o", at("again"), gtl);
	const { url } = await start("serve", [at("again")]);
	assert.equal((await get(url, "/manifest.js")).status, 200);
	run("render", "-f", "--store", "dir", "--theme", "dark", "-o", at("again"), gtl);
	assert.equal(manifestOf((await get(url, "/manifest.js")).body.toString()).traces[0].theme, "dark");
});

test("only this machine's own names are answered, unless all may come", async () => {
	for (const [address, foreign] of [["127.0.0.1", 403], ["0.0.0.0", 200]]) {
		const { url } = await start("serve", ["--bind", address, gtl]), { port } = new URL(url), here = `http://127.0.0.1:${port}/`;
		for (const host of ["127.0.0.1", `127.0.0.1:${port}`, "localhost", `LocalHost:${port}`, "[::1]:8000", "10.1.2.3"])
			assert.equal((await get(here, "/", { headers: { Host: host } })).status, 200, host);
		for (const host of ["evil.example", `127.0.0.1.evil.example:${port}`, "localhost.evil.example", "localhos", "1.2.3"])
			assert.equal((await get(here, "/manifest.js", { headers: { Host: host } })).status, foreign, host);
		assert.equal((await get(here, `http://127.0.0.1:${port}/manifest.js`)).status, 200);
		assert.equal((await get(here, "http:///etc/passwd")).status, 404);
	}
});

test("an archive: single ranges, as a reader of PMTiles asks for them", async () => {
	const { url } = await start("serve", [at("full")]), whole = readFileSync(at("full/tiles.pmtiles"));
	const part = (range, more = {}) => get(url, "/tiles.pmtiles", { headers: { Range: range, ...more } });
	let r = await part("bytes=0-126");
	assert.equal(r.status, 206);
	assert.equal(r.headers["content-range"], `bytes 0-126/${whole.length}`);
	assert.ok(r.body.equals(whole.subarray(0, 127)));
	const tag = r.headers.etag;
	r = await part(`bytes=${whole.length - 5}-${whole.length + 100}`);
	assert.equal(r.status, 206);
	assert.ok(r.body.equals(whole.subarray(-5)));
	r = await part("bytes=-7");
	assert.equal(r.headers["content-range"], `bytes ${whole.length - 7}-${whole.length - 1}/${whole.length}`);
	assert.ok(r.body.equals(whole.subarray(-7)));
	r = await part(`bytes=${whole.length}-`);
	assert.equal(r.status, 416);
	assert.equal(r.headers["content-range"], `bytes */${whole.length}`);
	assert.equal((await part("bytes=0-1,5-6")).status, 200);
	assert.equal((await part("bytes=0-1", { "If-Range": tag })).status, 206);
	assert.equal((await part("bytes=0-1", { "If-Range": '"other"' })).status, 200);
	for (const range of ["bytes=0-1", "bytes=-7", `bytes=${whole.length}-`]) {	// a range is for GET alone
		r = await get(url, "/tiles.pmtiles", { method: "HEAD", headers: { Range: range } });
		assert.equal(r.status, 200, range);
		assert.equal(r.headers["content-length"], String(whole.length));
		assert.equal(r.headers["content-range"], undefined);
		assert.equal(r.headers["accept-ranges"], "bytes");
		assert.equal(r.headers.etag, tag);
		assert.equal(r.body.length, 0);
	}
	assert.ok((await get(url, "/tiles.pmtiles")).body.equals(whole));
	const a = new PMTiles(`${url}tiles.pmtiles`);
	assert.ok(await a.getZxy((await a.getHeader()).minZoom, 0, 0));
});

test("a timeline: each tile has the bytes of a full site, and its page shows it", async () => {
	const { url } = await start("serve", [gtl]), a = readFileSync(at("full/tiles.pmtiles"));
	const t = manifestOf((await get(url, "/manifest.js")).body.toString()).traces[0];
	const full = manifestOf(readFileSync(at("full/manifest.js"), "utf8")).traces[0];
	const reader = new PMTiles({ getKey: () => "a", getBytes: async (off, n) =>
		({ data: a.buffer.slice(a.byteOffset + off, a.byteOffset + off + n) }) });
	assert.equal(t.store, "server");
	assert.equal(t.depth, "full");
	assert.deepEqual(t.lanes, full.lanes);
	assert.deepEqual(t.worstWaits, full.worstWaits);
	assert.equal((await get(url, "/")).status, 200);
	for (let z = 0; z <= t.zMax; z++) {
		const n = Math.floor(t.end / (t.tileWidth * 2 ** (t.zMax - z))) + 1;
		for (let x = 0; x < n; x += 1 + Math.floor(n / 40)) {
			const tile = await get(url, `/tiles/${z}/${x}/0.png`);
			assert.equal(tile.status, 200);
			assert.ok(tile.body.equals(Buffer.from((await reader.getZxy(z + t.zOffset, x, 0)).data)), `${z}/${x}`);
		}
		assert.equal((await get(url, `/tiles/${z}/${n}/0.png`)).status, 404);
		assert.equal((await get(url, `/tiles/${z}/0/1.png`)).status, 404);
	}
	assert.equal((await get(url, `/tiles/${t.zMax + 1}/0/0.png`)).status, 404);
	assert.equal((await get(url, "/tiles1/0/0/0.png")).status, 404);
	const many = await Promise.all(Array.from({ length: 200 }, (_, i) => get(url, `/tiles/5/${i % 17}/0.png`)));
	assert.ok(many.every((r) => r.status === 200));
});

test("noise on the wire does no harm", async () => {
	const { url } = await start("serve", [gtl]), { hostname, port } = new URL(url);
	for (const text of ["\r\n\r\n", "GET\r\n\r\n", `GET /${"a".repeat(100000)} HTTP/1.1\r\n\r\n`, "\0\xff\x16\x03\x01", "GET / HTTP/9.9\r\n\r\n",
			    `GET / HTTP/1.1\r\nRange: bytes=${"1,".repeat(9000)}\r\n\r\n`])
		await new Promise((resolve) => {
			const s = net.connect(Number(port), hostname, () => s.end(text, "latin1"));
			s.on("error", resolve);
			s.on("close", resolve);
			s.resume();
		});
	assert.equal((await get(url, "/")).status, 200);
});

test("view: a log in, a page out, nothing left", async () => {
	mkdirSync(at("tmp"));
	const { p, url } = await start("view", ["--no-browser", log], { TMPDIR: at("tmp") });
	assert.deepEqual(readdirSync(at("tmp")), [], "the timeline's name is gone while it is served");
	assert.equal((await get(url, "/tiles/0/0/0.png")).status, 200);
	p.kill("SIGINT");
	assert.equal(await p.ended, 0);
	for (const signal of ["SIGHUP", "SIGQUIT", "SIGTERM"]) {
		const v = await start("view", ["--no-browser", "--format", "beazley", log], { TMPDIR: at("tmp") });
		v.p.kill(signal);
		assert.equal(await v.p.ended, 0, signal);
		/* while it still reads a log that does not end */
		execFileSync("mkfifo", [at(signal)]);
		const reading = spawn(gilscope, ["view", "--no-browser", at(signal)], { env: { ...process.env, TMPDIR: at("tmp") }, stdio: "ignore" });
		const ended = new Promise((resolve) => reading.on("exit", resolve)), pipe = await open(at(signal), "w");
		await pipe.write("t1 100 0 ACQUIRE\n");
		while (!readdirSync(at("tmp")).length)
			await new Promise((resolve) => setTimeout(resolve, 10));
		reading.kill(signal);
		assert.equal(await ended, 1, signal);
		await pipe.close();
		assert.deepEqual(readdirSync(at("tmp")), [], signal);
	}
	const bad = spawnSync(gilscope, ["view", "--no-browser", "Makefile"], { env: { ...process.env, TMPDIR: at("tmp") } });
	assert.equal(bad.status, 1);
	assert.deepEqual(readdirSync(at("tmp")), []);
});

test("a tile that cannot be drawn is told by the command that serves it", async () => {
	for (const command of ["serve", "view"]) {
		copyFileSync(gtl, at("torn.gtl"));
		const { p, url } = await start(command, [...(command === "view" ? ["--no-browser"] : []), at("torn.gtl")]);
		const file = await open(at("torn.gtl"), "r+");
		await file.write(Buffer.from("torn"), 0, 4, 60);		/* in the first block */
		await file.close();
		const r = await get(url, "/tiles/3/0/0.png");
		assert.equal(r.status, 500);
		for (let i = 0; i < 100 && !/tile/.test(p.said()); i++)
			await new Promise((resolve) => setTimeout(resolve, 10));
		assert.match(p.said(), new RegExp(`^gilscope ${command}: tile 3/0/0: .*damaged block`, "m"));
	}
});

test("what cannot be served is told", async () => {
	const { url } = await start("serve", [gtl]);
	assert.equal(spawnSync(gilscope, ["serve", "--port", new URL(url).port, gtl]).status, 1, "the port is taken");
	assert.equal(spawnSync(gilscope, ["serve", at("nowhere")]).status, 1);
	assert.equal(spawnSync(gilscope, ["serve", dir]).status, 1, "a folder that is no site");
	for (const args of [["serve"], ["serve", "--port", "70000", gtl], ["serve", "-j", "1025", gtl], ["serve", "--bind", "example", gtl],
			    ["serve", at("full"), at("loose")], ["view"], ["view", "--bind", "example", gtl], ["view", "--format", "nonsense", log]])
		assert.equal(spawnSync(gilscope, args).status, 2, args.join(" "));
	const few = await start("serve", ["-j", "1", gtl]);
	assert.equal((await get(few.url, "/tiles/0/0/0.png")).status, 200);
});
