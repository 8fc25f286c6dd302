/*
 * What the page copies as a command is one that gilscope figure takes, whatever the threads, the file and the notes are called; and
 * it shows those threads.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { command } from "../../viewer/figure.js";

const gilscope = process.env.GILSCOPE || "build/release/gilscope";
const dir = mkdtempSync(join(tmpdir(), "gilscope-figure-"));

/* id, name, process; of the second process one thread has the first one's id. */
const THREADS = [["t1", "a, b", "p"], ["t,2", "it's $HOME `x` \"q\" \\", "p"], ["t:3\\", "", "p"], ["-t4", "\u51e6\u7406", "p"], ["t1", "other", "q"]];

function make(path) {
	const q = (s) => `"${s.replace(/[\\"]/g, "\\$&")}"`;
	const lines = ["# gillog 1", "# title -x 'y' $(z)", "# process p pid=10 name=\"p\"", "# process q pid=11 name=\"q\""];

	lines.push("# lock L process=p kind=gil", "# lock M process=q kind=gil");
	for (const [id, name, process] of THREADS)
		lines.push(`# thread ${q(id)} process=${process} name=${q(name)}`);
	let t = 1000;

	for (let i = 0; i < 200; i++) {
		const [id, , process] = THREADS[i % THREADS.length], lock = process === "p" ? "L" : "M";

		lines.push(`${t} ${q(id)} ACQUIRE process=${process} lock=${lock}`, `${t + 700} ${q(id)} RELEASE process=${process} lock=${lock}`);
		t += 1000;
	}
	writeFileSync(join(dir, "log"), lines.join("\n") + "\n");
	execFileSync(gilscope, ["ingest", "-f", "--strict", "-o", path, join(dir, "log")], { stdio: ["ignore", "ignore", "inherit"] });
	execFileSync(gilscope, ["render", "-f", "--store", "dir", "-o", join(dir, "site"), path], { stdio: ["ignore", "ignore", "pipe"] });
	const js = readFileSync(join(dir, "site/manifest.js"), "utf8");

	return JSON.parse(js.slice(js.indexOf("{"), js.lastIndexOf("}") + 1)).traces[0];
}

/* As much of a view as the command looks at. */
function view_of(trace, shown, more = {}) {
	return { trace, viewport: { from: 0, span: trace.end }, rows: shown.map((lane) => ({ kind: "lane", lane })), look: { sort: "trace" },
		page: { theme: "light" }, notes: [], ...more };
}

/* Runs the line in a shell, in the timeline's folder, with gilscope on the path; returns the figure's texts. */
function run(line) {
	rmSync(join(dir, "figure.svg"), { force: true });
	const r = spawnSync("sh", ["-c", line], { cwd: dir, env: { ...process.env, PATH: `${dir}/bin:${process.env.PATH}` }, encoding: "utf8" });

	assert.equal(r.status, 0, `${line}\n${r.stderr}`);
	const unescaped = (s) => s.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(n));

	return [...readFileSync(join(dir, "figure.svg"), "utf8").matchAll(/<text[^>]*>([^<]*)</g)].map((m) => unescaped(m[1]));
}

test("the command draws what is shown", () => {
	const path = join(dir, "-T 'x'.gtl"), trace = { ...make(join(dir, "t.gtl")), file: "-T 'x'.gtl" };
	const name = (i) => trace.lanes[i].name || trace.lanes[i].id, all = trace.lanes.map((_, i) => i);

	renameSync(join(dir, "t.gtl"), path);
	mkdirSync(join(dir, "bin"));
	symlinkSync(resolve(gilscope), join(dir, "bin/gilscope"));
	assert.equal(trace.lanes.length, 5);
	const title = run(command(view_of(trace, all)))[0];

	assert.equal(title, "-x 'y' $(z)");
	for (const shown of [[0], [4], [3, 1], [2, 4, 0], [1, 2]]) {
		const said = run(command(view_of(trace, shown, { look: { sort: "name" }, page: { theme: "dark" } })));
		const names = said.filter((s) => all.some((i) => s === name(i) || s.startsWith(`${name(i)} (`))).map((s) => s.replace(/ \(1[01]\)$/, ""));

		assert.deepEqual(names, shown.map(name));
	}
	const notes = all.map((lane) => ({ t: 500 + lane, lane, text: `note: ${lane} 'n' \n$` })).concat({ t: trace.end, lane: null, text: "last" }, { t: 5, lane: 0, text: "" });
	const said = run(command(view_of(trace, all, { notes, viewport: { from: -50.5, span: trace.end + 500 } }))).join(" ");

	for (const lane of all)
		assert.ok(said.includes(`note: ${lane} 'n' \\x0a$`), said);
	assert.ok(said.includes("last"));
	/* a view of less than a unit, at the very end, of nothing; more notes than a figure takes */
	run(command(view_of(trace, all, { viewport: { from: trace.end - 0.25, span: 0.5 } })));
	run(command(view_of(trace, [], { viewport: { from: trace.end, span: 10 } })));
	run(command(view_of(trace, all, { notes: Array.from({ length: 90 }, (_, i) => ({ t: i * 2000, lane: i % 5, text: `n${i}` })) })));
	rmSync(dir, { recursive: true });
});
