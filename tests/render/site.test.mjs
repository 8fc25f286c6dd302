/*
 * What render writes is what docs/site.md says: every tile is a sound PNG, also for pngcheck; the npm reader finds
 * in an archive exactly what the loose files are; sites are the same for any -j; and a site is there whole or not
 * at all.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import vm from "node:vm";

const gilscope = process.env.GILSCOPE;
const { PMTiles } = createRequire(join(process.cwd(), "viewer/package.json"))("pmtiles");
const dir = mkdtempSync(join(tmpdir(), "gilscope-site-"));
const gtl = join(dir, "a.gtl"), convoy = join(dir, "b.gtl"), small = join(dir, "c.gtl");
const at = (...names) => join(dir, ...names);

function run(...args) {
	const r = spawnSync(gilscope, args, { encoding: "utf8" });
	assert.equal(r.status, 0, `gilscope ${args.join(" ")}: ${r.stderr}`);
	return r;
}

function files(folder, below = "") {
	return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((e) =>
		e.isDirectory() ? files(folder, join(below, e.name)) : [join(below, e.name)]).sort();
}

function same(a, b) {
	assert.deepEqual(files(a), files(b));
	for (const f of files(a))
		assert.ok(readFileSync(join(a, f)).equals(readFileSync(join(b, f))), `${f} differs`);
}

function manifest(site) {
	const box = {};
	vm.runInNewContext(readFileSync(join(site, "manifest.js"), "utf8"), box);
	return box.GILSCOPE_MANIFEST;
}

/* An archive in memory, for the npm reader. */
function archive(bytes) {
	return new PMTiles({
		getKey: () => "memory",
		getBytes: async (offset, length) => ({
			data: bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + length),
		}),
	});
}

/* The chunks of a PNG, by name. */
function chunks(png) {
	const found = {};
	for (let p = 8; p < png.length;) {
		const n = png.readUInt32BE(p);
		found[png.toString("latin1", p + 4, p + 8)] = png.subarray(p + 8, p + 8 + n);
		p += 12 + n;
	}
	return found;
}

const addresses = function* (t) {
	for (let z = 0; z <= t.zMax; z++)
		for (let x = 0; x <= Math.floor(t.end / (t.tileWidth * 2 ** (t.zMax - z))); x++)
			for (let y = 0; y < Math.ceil(t.lanes.length / t.lanesPerTile); y++)
				yield [z, x, y];
};

before(() => {
	run("ingest", "-o", gtl, "samples/countdown2-py27.beazley.zst");
	run("ingest", "-o", convoy, "samples/echo-spin1-py313.perf.zst");
	/* Thousands of files are made at once and removed slowly: most of these tests make do with a few hundred. */
	const lines = execFileSync("zstd", ["-dc", "samples/countdown2-py27.beazley.zst"], { encoding: "utf8" }).split("\n");
	writeFileSync(join(dir, "small.log"), lines.slice(0, 2500).join("\n") + "\n");
	run("ingest", "-o", small, join(dir, "small.log"));
});
after(() => rmSync(dir, { recursive: true }));

test("loose files: what the manifest lists, each sound", () => {
	run("render", "-o", at("loose"), small);
	const t = manifest(at("loose")).traces[0];
	assert.equal(t.store, "dir");
	const listed = new Set();
	t.stored.forEach((groups, z) => groups.forEach((runs, y) => {
		for (let i = 0; i < runs.length; i += 2)
			for (let x = runs[i]; x < runs[i] + runs[i + 1]; x++)
				listed.add(`tiles/${z}/${x}/${y}.png`);
	}));
	const there = files(at("loose")).filter((f) => f.startsWith("tiles/"));
	assert.deepEqual(there, [...listed].sort());
	assert.ok(listed.has("tiles/0/0/0.png"));
	for (let i = 0; i < there.length; i += 500)
		execFileSync("pngcheck", ["-q", ...there.slice(i, i + 500).map((f) => at("loose", f))]);
	for (const f of there)
		assert.ok(chunks(readFileSync(at("loose", f))).giLs, "each tile of an auto site has its figures");
});

test("an archive: the npm reader finds every address, with the pixels of the loose files", async () => {
	run("render", "--store", "pmtiles", "--depth", "full", "-o", at("full"), small);
	const t = manifest(at("full")).traces[0], a = archive(readFileSync(at("full", "tiles.pmtiles")));
	const header = await a.getHeader();
	let n = 0;
	assert.equal(header.tileType, 2);
	assert.equal(header.minZoom, t.zOffset);
	assert.equal((await a.getMetadata()).type, "overlay");
	for (const [z, x, y] of addresses(t)) {
		const tile = await a.getZxy(z + t.zOffset, x, y);
		assert.ok(tile, `${z}/${x}/${y} is absent`);
		const loose = at("loose", `tiles/${z}/${x}/${y}.png`);
		if (existsSync(loose))
			assert.ok(chunks(Buffer.from(tile.data)).IDAT.equals(chunks(readFileSync(loose)).IDAT));
		n++;
	}
	assert.equal(header.numAddressedTiles, n);
	assert.equal(await a.getZxy(t.zMax + t.zOffset + 1, 0, 0), undefined);
});

test("an archive of depth auto: a leaf carries its events, all others have children", async () => {
	run("render", "--store", "pmtiles", "-o", at("auto"), convoy);
	const t = manifest(at("auto")).traces[0], a = archive(readFileSync(at("auto", "tiles.pmtiles")));
	const header = await a.getHeader();
	let n = 0;
	const walk = async (z, x, y) => {
		const tile = await a.getZxy(z + t.zOffset, x, y);
		assert.ok(tile, `${z}/${x}/${y} is absent`);
		n++;
		const flags = chunks(Buffer.from(tile.data)).giLs[1];
		assert.ok((flags & 3) === 1 || (flags & 3) === 2, "events or children");
		for (const child of [2 * x, 2 * x + 1])
			if (flags & 2 && child * t.tileWidth * 2 ** (t.zMax - z - 1) <= t.end)
				await walk(z + 1, child, y);
	};
	for (let y = 0; y < Math.ceil(t.lanes.length / t.lanesPerTile); y++)
		await walk(0, 0, y);
	assert.equal(header.numAddressedTiles, n, "and there are no others");
});

test("a depth that is asked for is the deepest zoom", async () => {
	for (const z of [0, 3]) {
		run("render", "--depth", String(z), "--store", "pmtiles", "-o", at(`depth${z}`), convoy);
		const t = manifest(at(`depth${z}`)).traces[0];
		const header = await archive(readFileSync(at(`depth${z}`, "tiles.pmtiles"))).getHeader();
		assert.equal(header.maxZoom, z + t.zOffset);
		assert.ok(t.zMax > z, "the pyramid is deeper than what is stored");
	}
});

test("a log of a few thousand events becomes loose files, down to where its events stand apart", () => {
	const r = run("render", "-o", at("deep"), convoy), t = manifest(at("deep")).traces[0], { store } = t;
	const n = files(at("deep")).filter((f) => f.startsWith("tiles/")).length, deepest = t.stored.findLastIndex((groups) => groups.some((runs) => runs.length));
	assert.equal(store, "dir");
	assert.match(r.stderr, /loose files/);
	assert.ok(n > 5000 && n <= 10000, `${n} tiles`);
	assert.ok(2 ** (t.zMax - deepest) <= 16, `a pixel is ${2 ** (t.zMax - deepest)} ns`);
});

test("the same bytes for every -j", () => {
	for (const store of ["dir", "pmtiles"]) {
		run("render", "-j", "1", "--store", store, "-o", at(`${store}1`), small);
		run("render", "-j", "7", "--store", store, "-o", at(`${store}7`), small);
		same(at(`${store}1`), at(`${store}7`));
	}
});

test("several timelines in one site, and in one file", () => {
	run("render", "--title", "two </script> of them", "-o", at("two"), small, convoy);
	const m = manifest(at("two"));
	assert.equal(m.axes, "linked");
	for (const axes of ["linked", "free"]) {
		run("render", "--axes", axes, "--depth", "1", "-o", at(axes), small, convoy);
		assert.equal(manifest(at(axes)).axes, axes);
	}
	assert.equal(m.title, "two </script> of them");
	assert.equal(m.traces.length, 2);
	for (const t of m.traces)
		assert.ok(existsSync(at("two", t.tiles.replace("{z}/{x}/{y}", "0/0/0"))));
	run("render", "--title", "two </script> of them", "--store", "html", "-o", at("one.html"), gtl, convoy);
	const page = readFileSync(at("one.html"), "utf8");
	const json = /<script type="application\/json" id="gilscope-manifest">(.*?)<\/script>/s.exec(page)[1];
	assert.equal(JSON.parse(json).title, "two </script> of them");
	for (const t of JSON.parse(json).traces) {
		const text = new RegExp(`<script type="application/octet-stream" id="${t.tiles}">(.*?)</script>`).exec(page)[1];
		assert.equal(Buffer.from(text, "base64").toString("latin1", 0, 7), "PMTiles");
	}
});

test("a site that is there stays, unless -f says otherwise; what is no site stays in any case", () => {
	run("render", "-o", at("s"), small);
	const inode = statSync(at("s")).ino;
	const r = spawnSync(gilscope, ["render", "-o", at("s"), small], { encoding: "utf8" });
	assert.equal(r.status, 1);
	assert.match(r.stderr, /-f/);
	assert.equal(statSync(at("s")).ino, inode);
	run("render", "-f", "--theme", "dark", "-o", at("s"), small);
	assert.equal(manifest(at("s")).traces[0].theme, "dark");
	assert.equal(manifest(at("s")).traces[0].file, "c.gtl");
	execFileSync("mkdir", [at("mine")]);
	writeFileSync(at("mine/thesis.txt"), "years of work");
	assert.equal(spawnSync(gilscope, ["render", "-f", "-o", at("mine"), small]).status, 1);
	assert.equal(readFileSync(at("mine/thesis.txt"), "utf8"), "years of work");
	writeFileSync(at("s/talk.html"), "my talk");
	const mixed = spawnSync(gilscope, ["render", "-f", "-o", at("s"), small], { encoding: "utf8" });
	assert.equal(mixed.status, 1);
	assert.match(mixed.stderr, /talk\.html in it is no part of a site: not replaced/);
	rmSync(at("s/talk.html"));
	writeFileSync(at("s/notes.js"), "GILSCOPE_NOTES = [];\n// mine\n");
	assert.match(run("render", "-f", "-o", at("s"), small).stderr, /notes\.js stays/);
	assert.equal(readFileSync(at("s/notes.js"), "utf8"), "GILSCOPE_NOTES = [];\n// mine\n");
	for (const [out, cwd] of [[".", at("s")], ["../s", at("s")], ["s/.", dir], ["s/tiles/..", dir]]) {
		const r = spawnSync(gilscope, ["render", "-f", "-o", out, small], { encoding: "utf8", cwd });
		assert.equal(r.status, 1, out);
		assert.match(r.stderr, /from outside, by its name/);
		assert.ok(existsSync(at("s/index.html")));
	}
	run("render", "-f", "-o", at("s/"), small);
	execFileSync("mkdir", [at("s.tmp")]);
	writeFileSync(at("s.tmp/tiles.pmtiles.tmp"), "half of a killed one");
	run("render", "-f", "-o", at("s"), small);
	execFileSync("mkdir", [at("s.tmp")]);
	writeFileSync(at("s.tmp/thesis.txt"), "years of work");
	assert.match(spawnSync(gilscope, ["render", "-f", "-o", at("s"), small], { encoding: "utf8" }).stderr, /thesis\.txt in it is no part/);
	assert.equal(readFileSync(at("s.tmp/thesis.txt"), "utf8"), "years of work");
	rmSync(at("s.tmp"), { recursive: true });
	assert.equal(spawnSync(gilscope, ["render", "-f", "--store", "html", "-o", small, small]).status, 2);
	assert.deepEqual(readdirSync(dir).filter((n) => n.endsWith(".tmp")), []);
});

test("a render that ends early leaves no site", async () => {
	for (const signal of ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"]) {
		for (let wait = 1; wait < 200; wait *= 3) {
			const site = at(`early-${signal}-${wait}`);
			const p = spawn(gilscope, ["render", "--depth", "full", "--store", "dir", "-o", site, gtl]);
			const ended = new Promise((resolve) => p.on("exit", (code, sig) => resolve([code, sig])));
			await new Promise((resolve) => setTimeout(resolve, wait));
			p.kill(signal);
			const [code] = await ended;
			assert.equal(existsSync(site), code === 0);
			if (code === 0)
				assert.ok(existsSync(join(site, "index.html")));
			else if (code !== null)		/* told to end, not killed: nothing half is left either */
				assert.ok(!existsSync(`${site}.tmp`));
		}
	}
	assert.equal(spawnSync(gilscope, ["render", "-o", at("none"), "README.md"]).status, 1);
	assert.ok(!existsSync(at("none")));
});

test("wrong usage is told, with exit code 2", () => {
	const long = at("long.gtl");
	writeFileSync(at("long.log"), "# gillog 1\n0 1 ACQUIRE\n600000000000 1 RELEASE\n");	/* 2^30 tiles and more */
	run("ingest", "-o", long, at("long.log"));
	for (const args of [[], ["-o", at("x")], [gtl], ["--depth", "-1", "-o", at("x"), gtl],
			    ["--tile-width", "500", "-o", at("x"), gtl], ["--lane-height", "5", "-o", at("x"), gtl],
			    ["--theme", "blue", "-o", at("x"), gtl], ["--store", "zip", "-o", at("x"), gtl],
			    ["--axes", "own", "-o", at("x"), gtl], ["--depth", "full", "-o", at("x"), long]])
		assert.equal(spawnSync(gilscope, ["render", ...args]).status, 2, args.join(" "));
	assert.ok(!existsSync(at("x")));
});
