/*
 * The page is for everyone: axe-core finds nothing in either theme, no text lies over another at 320 pixels or at 200 %
 * zoom, the keyboard alone is enough, and a name is text, whatever it holds.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { from_viewer, launch, open, scratch, serve, settled, skip_unless_release } from "./browser.mjs";
import * as oracle from "./model.mjs";
import * as site from "./site.mjs";

skip_unless_release();

const HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "\u202egnp.exe\u202c", "a\u0000b\u0007\u001b[31m", "\"'`${alert(3)}", "x".repeat(300), "\u200b", "javascript:alert(4)"];
const model = oracle.make({ seed: 91, lanes: 12, holds: 500, title: "A rather long title of a trace, as people write them when they mean it well" });
const hostile = oracle.make({ seed: 92, lanes: 8, holds: 200, names: HOSTILE, title: HOSTILE[1] });
const two = oracle.make({ seed: 93, lanes: 4, holds: 100, processes: 2 });
let browser, plain, bad, several;

before(async () => {
	const a = join(scratch(), "a"), b = join(scratch(), "b"), c = join(scratch(), "c");

	site.write_pmtiles(a, model, { facts: { python: "3.13.1", machine: "2 cores" } });
	site.write_pmtiles(b, hostile, { description: HOSTILE[0], facts: { [HOSTILE[0]]: HOSTILE[1] } });
	two.processes.forEach((p) => { p.pid += 4194000; });
	site.write_pmtiles(c, two);
	plain = await serve(a);
	bad = await serve(b);
	several = await serve(c);
	browser = await launch();
});
after(async () => {
	await browser?.close();
	await plain?.close();
	await bad?.close();
	await several?.close();
});

async function on(url, options, f) {
	const page = await open(browser, url, options);

	try {
		await settled(page);
		await f(page);
		assert.deepEqual(page.said, [], "the console is silent");
	} finally {
		await page.context().close();
	}
}

test("axe-core finds nothing, in both themes, on every tab and in the help", async () => {
	const { source } = from_viewer("axe-core");

	for (const scheme of ["light", "dark"])
		await on(`${plain.url}#s=100000,900000&n=200000,100000,900000,t1,a%20note&lane=t2`, { scheme, width: 1440, height: 900 }, async (page) => {
			const check = async (where) => {
				await settled(page);
				const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));

				assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).slice(0, 3).join(" ")}`), [], `${scheme}, ${where}`);
			};

			await page.evaluate(source);
			await page.waitForFunction(() => gilscope.views[0].measured);
			for (const tab of ["measure", "spots", "notes", "lanes"]) {
				await page.click(`#tab-${tab}`);
				await check(tab);
			}
			await page.click("[aria-label='Share and save']");
			await check("menu");
			await page.keyboard.press("Escape");
			await page.click("[aria-label^='Keys']");
			await check("help");
		});
});

/* Pairs of texts that lie over each other, among those in sight that no panel or menu covers on purpose. */
const overlaps = () => {
	const out = [], boxes = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);

	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement, range = document.createRange();

		if (!n.data.trim() || !e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || e.closest("script, style, option, .unseen, dialog, .menu, .tip, .toast"))
			continue;
		range.selectNodeContents(n);
		for (const r of range.getClientRects()) {
			let [l, t, right, b] = [r.left, r.top, r.right, r.bottom];

			for (let p = e; p && p !== document.body; p = p.parentElement) {
				const s = getComputedStyle(p), c = p.getBoundingClientRect();

				if (s.overflowX !== "visible" || s.overflowY !== "visible")
					[l, t, right, b] = [Math.max(l, c.left), Math.max(t, c.top), Math.min(right, c.right), Math.min(b, c.bottom)];
			}
			if (right - l > 1 && b - t > 1 && t < innerHeight)
				boxes.push({ l, t, r: right, b, text: n.data.slice(0, 30), e });
		}
	}
	for (const [i, p] of boxes.entries())
		for (const q of boxes.slice(i + 1))
			if (p.e !== q.e && Math.min(p.r, q.r) - Math.max(p.l, q.l) > 2 && Math.min(p.b, q.b) - Math.max(p.t, q.t) > 4)
				out.push(`${p.text} / ${q.text}`);
	for (const p of boxes)
		if (p.r > innerWidth + 1)
			out.push(`${p.text} goes beyond the right edge`);
	return [...new Set(out)];
};

test("no text lies over another at 320 pixels, at 200 % zoom, or on a low screen", async () => {
	for (const [width, height, context] of [[320, 640, {}], [640, 400, { deviceScaleFactor: 2 }], [390, 844, { deviceScaleFactor: 3, hasTouch: true, isMobile: true }], [1280, 420, {}], [1440, 900, {}], [2560, 1440, {}]])
		for (const url of [plain.url, bad.url]) {
			await on(`${url}#s=100000,900000`, { width, height, context }, async (page) => {
				const where = `${width}x${height}`;

				await page.waitForTimeout(100);
				assert.deepEqual(await page.evaluate(overlaps), [], where);
				assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${where} scrolls sideways`);
				const lanes_height = await page.evaluate(() => document.querySelector(".scroll").clientHeight);

				assert.ok(lanes_height > height * 0.3, `${where}: ${lanes_height} pixels are left for lanes`);
			});
		}
});

test("on a phone a process shows its name and its pid, and the focus its whole frame", () => on(several.url, { width: 390, height: 844 }, async (page) => {
	const cut = await page.$$eval(".process span", (l) => l.filter((e) => e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > 104).map((e) => e.textContent));

	assert.deepEqual(cut, []);
	const tall = await page.$$eval(".process", (l) => l.filter((e) => e.scrollHeight > e.clientHeight).length);

	assert.equal(tall, 0, "both lines have room");
	for (const e of await page.locator(".row button.lane, .row button.process").all()) {
		await e.focus();
		await page.keyboard.press("Shift");
		assert.equal(await e.evaluate((b) => b.matches(":focus-visible") && getComputedStyle(b).outlineOffset), "-2px");
	}
}));

test("everything can be reached by the keyboard, and said by a screen reader", () => on(plain.url, {}, async (page) => {
	const reached = new Set();

	for (let i = 0; i < 70; i++) {
		await page.keyboard.press("Tab");
		reached.add(await page.evaluate(() => {
			const e = document.activeElement;

			return e.getAttribute("aria-label") || e.getAttribute("placeholder") || e.textContent || e.id;
		}));
	}
	for (const name of ["Zoom in (+)", "Kind of event", "Go to a time", "Share and save", "Light or dark (T)", "Measure", `Timeline of ${model.title}`])
		assert.ok(reached.has(name), `${name} is reached by Tab: ${[...reached].join(" | ")}`);
	assert.ok([...reached].some((t) => /^worker 3/.test(t)), "lanes are buttons");
	const names = await page.getByRole("list", { name: "Lanes" }).getByRole("button", { pressed: false }).count();

	assert.ok(names >= 12);
	assert.equal(await page.getByRole("table").count(), 1);
	assert.ok(await page.getByRole("rowheader", { name: "worker 1", exact: true }).isVisible());
	await page.locator(".stage").focus();
	await page.keyboard.press("ArrowDown");
	await page.keyboard.press("]");
	await page.waitForFunction(() => /^ACQUIRE at/.test(document.querySelector(".toast").textContent));
	assert.equal(await page.locator(".toast").getAttribute("aria-live"), "polite");
}));

test("who comes to the timeline by the keyboard sees a ring all around it, who clicks sees none", () => on(plain.url, {}, async (page) => {
	const ring = () => page.evaluate(() => {
		const e = document.querySelector(".stage"), r = e.getBoundingClientRect(), s = getComputedStyle(e, "::after");

		return document.activeElement === e && (s.content === "none" ? "none" : Math.abs(parseFloat(s.width) + 4 - r.width) + Math.abs(parseFloat(s.height) + 4 - r.height) < 1 && s.borderTopWidth);
	});

	await page.locator(".sticky").click({ position: { x: 200, y: 100 } });
	assert.equal(await ring(), "none");
	await page.locator(".tool[aria-label^=Panel]").focus();
	await page.keyboard.press("Tab");
	assert.equal(await ring(), "2px");
}));

test("names are text: nothing runs, nothing is loaded, and what cannot be seen is shown", () => on(bad.url, {}, async (page) => {
	let dialogs = 0;

	page.on("dialog", (d) => { dialogs++; d.dismiss(); });
	for (const tab of ["measure", "spots", "notes", "lanes"])
		await page.click(`#tab-${tab}`);
	const names = await page.$$eval(".labels .lane .name", (l) => l.map((e) => e.textContent));

	assert.equal(names[0], HOSTILE[0]);
	assert.equal(names[2], "\u27e8U+202E\u27e9gnp.exe\u27e8U+202C\u27e9");
	assert.equal(names[3], "a\u2400b\u2407\u241b[31m");
	assert.equal(names[6], "\u27e8U+200B\u27e9");
	assert.equal(await page.evaluate(() => document.querySelectorAll("img, body script:not([src])").length), 0);
	assert.equal(dialogs, 0);
	assert.deepEqual(page.asked.filter((u) => !u.startsWith(bad.url) && !/^(data|blob):/.test(u)), []);
	const svg = await page.evaluate(async () => {
		let text = null;
		const old = URL.createObjectURL;

		URL.createObjectURL = (b) => { text = b.text(); return old.call(URL, b); };
		await gilscope.save(gilscope.views[0], "svg");
		return text;
	});

	assert.doesNotMatch(svg, /<img|<script/);
	assert.match(svg, /&#60;img/);
}));

test("in a saved picture no text is cut off, or lies over another or over the lanes", async () => {
	for (const width of [390, 1280])
		await on(bad.url, { width, height: 600 }, async (page) => {
			await page.evaluate(() => {
				const [v] = gilscope.views;

				Object.assign(v.trace, { title: "W".repeat(300) });
				Object.assign(v.trace.lanes[4], { name: "W".repeat(30) });
				v.scroll.scrollTop = 40;
				v.go({ from: 100, span: 0.9 * v.trace.end, width: v.size.width });
			});
			const wrong = await page.evaluate(async () => {
				let text = null;
				const old = URL.createObjectURL;

				URL.createObjectURL = (b) => { text = b.text(); return old.call(URL, b); };
				await gilscope.save(gilscope.views[0], "svg");
				const svg = document.importNode(new DOMParser().parseFromString(await text, "image/svg+xml").documentElement, true);

				document.body.append(svg);
				const boxes = [...svg.querySelectorAll("text")].map((e) => [e.textContent, e.getBBox(), e.getAttribute("font-size")]);
				const [left, top] = /translate\(([\d.]+) ([\d.]+)\)/.exec(svg.querySelector("g").getAttribute("transform")).slice(1).map(Number);
				const { width: w, height: h } = svg.viewBox.baseVal, over = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

				svg.remove();
				return [...w > Math.max(left + gilscope.views[0].size.width, ...boxes.map(([, b]) => b.x + b.width)) + 30 ? [`${w} wide`] : [], ...boxes.filter(([, b]) => b.x < 0 || b.y < 0 || b.x + b.width > w || b.y + b.height > h),
					...boxes.filter(([, b, size]) => size === "13" && b.x + b.width > left), ...boxes.filter(([, b], i) => boxes.some(([, c], k) => k < i && over(b, c))),
					...boxes.some(([t, b]) => t.startsWith("RETRY") && b.y > top) ? [] : ["no legend"]].map(String);
			});

			assert.deepEqual(wrong, [], `${width} pixels wide`);
		});
});

test("the policy allows the page's own files and nothing else", () => on(plain.url, {}, async (page) => {
	const blocked = await page.evaluate(async () => {
		const out = [], heard = new Promise((done) => document.addEventListener("securitypolicyviolation", (e) => { out.push(e.effectiveDirective); if (out.length === 4) done(); }));
		const script = document.createElement("script"), inline = document.createElement("script"), style = document.createElement("style"), img = document.createElement("img");

		script.src = "http://example.invalid/x.js";
		inline.textContent = "globalThis.ran = true";
		style.textContent = "body { display: none }";
		img.src = "http://example.invalid/x.png";
		document.body.append(script, inline, style, img);
		await heard;
		return [...out.sort(), String(globalThis.ran)];
	});

	assert.deepEqual(blocked, ["img-src", "script-src-elem", "script-src-elem", "style-src-elem", "undefined"]);
	page.said.length = 0;
}));
