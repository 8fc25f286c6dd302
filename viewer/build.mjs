/*
 * build.mjs OUT - bundles the page into OUT: index.html, gilscope.js, gilscope.css, an empty notes.js, and single.html
 *
 * single.html is the page in one file, script and style inlined under a policy that names their hashes; a
 * renderer puts the manifest and the archive where it says "<!--gilscope-data-->".  assets.c holds them all
 * for the program.  Files are written beside their place and renamed: who builds at the same time sees whole ones.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const BUDGET = 40000;	/* gzipped, all that a site's page loads */
const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];

/*
 * pmtiles from its own source, of which the bundler can leave out what maps need; and without the fallback for browsers
 * that cannot inflate by themselves, which every target of ours can.
 */
const lean = {
	name: "lean",
	setup(b) {
		b.onResolve({ filter: /^pmtiles$/ }, () => ({ path: join(here, "node_modules/pmtiles/src/index.ts"), sideEffects: false }));
		/*
		 * Our sources fetch by themselves (source.js): without its mention the class is left out; nor do we need TileJSON and a map's
		 * place.  They throw no EtagMismatch either: there is nothing to try again.
		 */
		b.onLoad({ filter: /pmtiles.src.index\.ts$/ }, (a) => ({ loader: "ts", contents: readFileSync(a.path, "utf8")
			.replace(/ {2}async (getZxy|getMetadata|invalidate|getHeader(?=\(\)))\([^]*?\n {2}}\n/g, "").replaceAll("Attempt", "")
			.replace(/ +if \((typeof source === "string"|decompress|cache)\) \{[^]*?\} else \{([^]*?)\n +}/g, "$2").replace(/ {2}async getTileJson[^]*?\n {2}}\n/, "")
			.replace(/ {4}if \(typeof \(globalThis as any\).Decomp[^]*?\n {4}}\n/, "").replace(/\n {4}(num|m..L|center|tileType|clustered)\w*: .*/g, "")
			.replace(/ +if \((!stream|z > 26)\) \{[^]*?\n +}/g, "")	/* never so: source.js asks for no such zoom */
			.replace(/\n +(cacheControl: resp|expires: resp|this.invalidations|(private |public )?invalidations).*/g, "") }));
		b.onResolve({ filter: /adapters$/ }, (a) => ({ path: join(a.resolveDir, "adapters.ts"), sideEffects: false }));
		b.onResolve({ filter: /^fflate$/ }, () => ({ path: "fflate", namespace: "none" }));
		b.onLoad({ filter: /./, namespace: "none" }, () => ({ contents:
			"export function decompressSync() { throw new Error('this browser cannot inflate'); }" }));
	},
};

/*
 * pmtiles' long names, and what its sources are asked by: minified like variables.  So are our objects' names with a "_", which
 * neither a browser nor a manifest knows; but for those that tests ask for, or that a module exports too.
 */
const OWN = [...new Set(readdirSync(here).filter((f) => f.endsWith(".js")).flatMap((f) => [...readFileSync(join(here, f), "utf8").matchAll(/\bthis\.([a-z]+_[a-z]+)\b/g)]
	.map((m) => m[1])))].filter((name) => !["period_at", "process_label"].includes(name));
const LONG = new RegExp("^((root|leaf)Directory|specVersion|minZoom|maxZoom|jsonMetadata|tileData|(internal|tile)Compression|pendingFetches|trackSignal|lastUsed|runLength|maxCache|" +
	"getHeader|getDirectory|getZxy|getMetadata|getKey|getBytes|tileId|decompress)|^(" + OWN.join("|") + ")$");

async function bundle(entry, options) {
	const result = await build({
		entryPoints: [join(here, entry)],
		bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none",
		target: ["chrome109", "firefox115", "safari16.4"], plugins: [lean],
		...options,
	});

	return result.outputFiles[0].text;
}

function write(name, text) {
	const path = join(out, name);

	writeFileSync(`${path}.${process.pid}.tmp`, text);
	renameSync(`${path}.${process.pid}.tmp`, path);
}

const sha = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/* A function as replacement: "$&" in a script must stay what it is. */
function inline(html, js, css) {
	const policy = `default-src 'none'; script-src ${sha(js)}; style-src ${sha(css)}; ` +
		`img-src data: blob:; base-uri 'none'; form-action 'none'`;

	return html
		.replace(/(Content-Security-Policy" content=")[^"]*/, (_, head) => head + policy)
		.replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css}</style>`)
		.replace(/<script src="manifest.js"><\/script>/, () => "<!--gilscope-data-->")
		.replace(/<script src="notes.js"><\/script>\n/, "")
		.replace(/<script src="gilscope.js"><\/script>/, () => `<script>${js}</script>`);
}

const TYPES = [
	["index.html", "text/html; charset=utf-8"],
	["gilscope.js", "text/javascript; charset=utf-8"],
	["gilscope.css", "text/css; charset=utf-8"],
	["notes.js", "text/javascript; charset=utf-8"],
	["single.html", "text/html; charset=utf-8"],
];

/* The bytes come in through .incbin: no array of a hundred thousand numbers for the compiler to read. */
function assets() {
	const blob = ([name], i) => `__asm__(".section .rodata\\n"
	".global viewer_asset_${i}\\n.hidden viewer_asset_${i}\\nviewer_asset_${i}:\\n"
	".incbin \\"${join(out, name)}\\"\\n"
	".global viewer_asset_${i}_end\\n.hidden viewer_asset_${i}_end\\nviewer_asset_${i}_end:\\n"
	".byte 0\\n.previous\\n");
extern const uint8_t viewer_asset_${i}[];
`;
	const row = ([name, type], i) => `	{ "${name}", "${type}", viewer_asset_${i}, ${sizes[i]} },\n`;
	const sizes = TYPES.map(([name]) => readFileSync(join(out, name)).length);
	const page = TYPES.slice(0, -1), last = TYPES.length - 1;

	return `/* Written by viewer/build.mjs. */
#include "assets.h"

${TYPES.map(blob).join("")}
const struct asset viewer_assets[] = {
${page.map(row).join("")}};
const unsigned n_viewer_assets = ${page.length};
const struct asset viewer_single =
${row(TYPES[last], last).replace(" },", " };")}`;
}

mkdirSync(out, { recursive: true });
const html = readFileSync(join(here, "index.html"), "utf8");
const js = (await bundle("main.js", { format: "iife", mangleProps: LONG })).replaceAll("</script", "<\\/script").trim();
const css = (await bundle("gilscope.css")).trim();
const total = [html, js, css].reduce((n, text) => n + gzipSync(text, { level: 9 }).length, 0);

if (total > BUDGET) {
	console.error(`the page is ${total} bytes gzipped, more than ${BUDGET}`);
	process.exit(1);
}
write("index.html", html);
write("gilscope.js", js);
write("gilscope.css", css);
write("notes.js", readFileSync(join(here, "notes.default.js"), "utf8"));
write("single.html", inline(html, js, css));
write("assets.c", assets());
console.log(`  PAGE  ${total} bytes gzipped`);
