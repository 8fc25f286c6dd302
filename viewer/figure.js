/*
 * figure.js - the view as a picture to keep: PNG, SVG, or the command that draws it better
 *
 * Both pictures are laid out by scene(): texts at places, and the lanes' pixels.  In the SVG, texts stay texts and the pixels
 * become rectangles, each as large as its colour reaches.
 */
import { h } from "./dom.js";
import * as lanes from "./lanes.js";
import * as paint from "./paint.js";
import { colour_of } from "./owner.js";
import { time_exact, time_text, visible } from "./text.js";

const SCALE = 2, MARGIN = 24, NAMES = 170, RULER = 36, TITLE = 34;
const FONT = "system-ui, 'DejaVu Sans', sans-serif";
const MAX_ROUNDS = 30;
const MAX_NOTES = 64;		/* of the command: FIGURE_NOTES_MAX */

export const LEGEND_WORDS = { run: "runs, holding the lock", acquire: "acquires it", wait: "waits", signal: "signalled, not yet running", stall: "holds it, off the CPU",
	busy: "BUSY: found it held", retry: "RETRY: woken in vain", lost: "something was lost" };

/* Only what occurs in these lanes. */
export const legend_of = (list) => Object.entries(LEGEND_WORDS).filter(([k]) => list.some((l) => l[k === "acquire" ? "acquires" : k] > 0));

/* Draws the lanes at twice the screen's size, fetching what that needs. */
async function lanes_canvas(view, opts) {
	const canvas = h("canvas", { width: opts.width * SCALE, height: opts.height * SCALE }), ctx = canvas.getContext("2d", { alpha: false, willReadFrequently: true });

	for (let i = 0; i < MAX_ROUNDS; i++) {
		const out = paint.lanes(ctx, view, opts);

		if (!out.missing.length && !out.again)
			break;
		await Promise.all(out.missing.map((a) => view.pyramid.fetch(a, true, true).catch(() => null)));
	}
	return canvas;
}

/* Where texts are cut: within it they keep their end, which tells threads of one name apart. */
const TAIL = 8;
let pen;

function measured(s, size = 12, weight = 400) {
	pen ||= h("canvas").getContext("2d");
	pen.font = `${weight} ${size}px ${FONT}`;
	return pen.measureText(s).width;
}

function fit(s, room, size, weight) {
	const all = [...s];
	let out = s;

	for (let n = all.length - TAIL; n > 0 && measured(out, size, weight) > room;)
		out = `${all.slice(0, --n).join("")}\u2026${all.slice(-TAIL).join("")}`;
	return out;
}

async function scene(view) {
	const colours = view.page.colours(view), t = view.trace, top = view.scroll.scrollTop;
	const rows = lanes.visible_rows(view.rows, top, top + view.size.height), width = view.size.width, last = rows.at(-1);
	const opts = { rows, top, width, height: last ? Math.min(view.size.height, last.top + last.height - top) : 1, dpr: SCALE, colours, theme: view.page.theme, words: false, budget: Infinity };
	const canvas = await lanes_canvas(view, opts), x0 = NAMES + MARGIN, y0 = TITLE + RULER + MARGIN, scale = view.scale(), texts = [], rects = [];
	const text = (x, y, s, more = {}) => texts.push({ x, y, text: s, size: 12, weight: 400, fill: colours.text, anchor: "start", ...more });

	text(MARGIN, MARGIN + 14, fit(visible(t.title) || "gilscope", NAMES + width, 17, 600), { size: 17, weight: 600 });
	for (const m of scale.marks) {
		const x = x0 + (m.t - view.viewport.from) / view.viewport.span * width;

		text(x, y0 - 14, m.label, { anchor: "middle" });
		rects.push({ x: x - 0.5, y: y0 - 9, w: 1, h: 7, fill: colours.tick });
	}
	text(MARGIN, y0 - 14, `${scale.base !== null ? `${time_text(scale.base, t.clock)} + ` : ""}${scale.unit}`, { fill: colours.dim });
	for (const r of rows) {
		/* The middle of what is seen of it. */
		const from = Math.max(r.top - top, 0), to = Math.min(r.top + r.height - top, opts.height), y = y0 + (from + to) / 2 + 4;
		const lane = r.kind === "lane", indent = lane ? 16 : 0, weight = lane ? 400 : 600;

		if (to - from < Math.min(r.height, 9))
			continue;
		if (lane)
			rects.push({ x: MARGIN, y: y - 9, w: 8, h: 8, fill: colour_of(r.lane, view.page.theme) });
		text(MARGIN + indent, y, fit(visible(lane ? lanes.label(t.lanes[r.lane]) : lanes.process_label(t.processes[r.process])), NAMES - indent - 8, 13, weight),
			{ weight, size: 13 });
	}
	let x = x0, y = y0 + opts.height + 28, right = x0 + width;

	for (const [key, words] of legend_of(t.lanes)) {
		const w = 18 + measured(words);

		if (x > x0 && x + w > x0 + width) {
			x = x0;
			y += 20;
		}
		rects.push({ x, y: y - 10, w: 12, h: 12, fill: colours.palette[key] });
		text(x + 18, y, words);
		right = Math.max(right, x + w);
		x += w + 20;
	}
	for (const [i, n] of view.notes.entries()) {
		const nx = x0 + (n.t - view.viewport.from) / view.viewport.span * width;

		if (nx < x0 || nx > x0 + width)
			continue;
		const row = rows.find((r) => r.kind === "lane" && r.lane === n.lane), ny = row ? y0 + row.top - top : y0;
		const words = fit(visible(n.text), width - 10, 12, 600), w = 10 + measured(words, 12, 600);
		const left = Math.min(nx, x0 + width - w), down = ny + 15 * (row ? 0 : i % 3);

		rects.push({ x: nx, y: ny, w: 1.5, h: row ? row.height : opts.height, fill: colours.note });
		rects.push({ x: left, y: down, w, h: 16, fill: colours.note });
		text(left + 5, down + 12, words, { weight: 600, fill: colours.page });
	}
	return { canvas, x: x0, y: y0, width: right + MARGIN, height: y + 12 + MARGIN, texts, rects, colours };
}

export async function png(view) {
	const s = await scene(view), canvas = h("canvas", { width: s.width * SCALE, height: s.height * SCALE }), ctx = canvas.getContext("2d");
	const rect = (r) => {
		ctx.fillStyle = r.fill;
		ctx.fillRect(r.x, r.y, r.w, r.h);
	};

	ctx.fillStyle = s.colours.page;
	ctx.fillRect(0, 0, canvas.width, canvas.height);
	ctx.drawImage(s.canvas, s.x * SCALE, s.y * SCALE);
	ctx.scale(SCALE, SCALE);
	s.rects.forEach(rect);
	for (const t of s.texts) {
		ctx.font = `${t.weight} ${t.size}px ${FONT}`;
		ctx.textAlign = { start: "left", middle: "center", end: "right" }[t.anchor];
		ctx.fillStyle = t.fill;
		ctx.fillText(t.text, t.x, t.y);
	}
	return new Promise((done, failed) => {
		try {
			canvas.toBlob((b) => b ? done(b) : failed(new Error("the picture is too large")), "image/png");
		} catch (e) {
			failed(e);
		}
	});
}

const escaped = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const hex = (word) => "#" + [0, 8, 16].map((n) => (word >>> n & 255).toString(16).padStart(2, "0")).join("");

/*
 * The pixels of a canvas as rectangles of one colour: runs down each column, joined to the right while the next
 * column has the same run.  Returns a path per colour, without the background's.
 */
export function trace_pixels(px, width, height, background) {
	const paths = new Map();
	let open = new Map();
	const close = ([k, from], x) => {
		const [y, n, colour] = k.split(":");

		paths.set(colour, `${paths.get(colour) || ""}M${from} ${y}h${x - from}v${n}H${from}z`);
	};

	for (let x = 0; x <= width; x++) {
		const now = new Map();

		for (let y = 0; x < width && y < height;) {
			const colour = px[y * width + x];
			let n = 1;

			while (y + n < height && px[(y + n) * width + x] === colour)
				n++;
			if (colour !== background)
				now.set(`${y}:${n}:${colour}`, open.get(`${y}:${n}:${colour}`) ?? x);
			y += n;
		}
		for (const e of open)
			if (!now.has(e[0]))
				close(e, x);
		open = now;
	}
	return paths;
}

export async function svg(view) {
	const s = await scene(view), { width, height } = s.canvas;
	const px = new Uint32Array(s.canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
	const rect = (r) => `<rect x="${r.x.toFixed(1)}" y="${r.y.toFixed(1)}" width="${r.w}" height="${r.h}" fill="${r.fill}"/>`;
	const words = (t) => `<text x="${t.x.toFixed(1)}" y="${t.y.toFixed(1)}" font-size="${t.size}" font-weight="${t.weight}" ` +
		`text-anchor="${t.anchor}" fill="${t.fill}">${escaped(t.text)}</text>`;
	const paths = [...trace_pixels(px, width, height, background(s.colours.page))].map(([c, d]) => `<path fill="${hex(Number(c))}" d="${d}"/>`);

	return `<svg xmlns="http://www.w3.org/2000/svg" width="${s.width.toFixed(0)}" height="${s.height}" viewBox="0 0 ${s.width.toFixed(0)} ${s.height}" ` +
		`font-family="system-ui, sans-serif">\n<rect width="100%" height="100%" fill="${s.colours.page}"/>\n` +
		`<g shape-rendering="crispEdges" transform="translate(${s.x} ${s.y}) scale(${1 / SCALE})">\n${paths.join("\n")}\n</g>\n` +
		`${s.rects.map(rect).join("\n")}\n${s.texts.map(words).join("\n")}\n</svg>\n`;
}

function background(text) {
	const n = parseInt(text.slice(1, 7), 16);

	return ((n >> 16 & 255) | (n & 0xff00) | (n & 255) << 16 | 0xff << 24) >>> 0;
}

const quoted = (s) => /^[\w.,:@%+=/-]+$/.test(s) ? s : `'${s.replace(/'/g, "'\\''")}'`;

/* A thread as --threads and --note take it: with its process where its id alone would mean several. */
function thread_word(t, lane, stops) {
	const { id, process } = t.lanes[lane], word = id.replace(stops, "\\$&");

	return t.lanes.filter((l) => l.id === id).length > 1 ? `${t.processes[process].pid}/${word}` : word;
}

/* The line that makes the same figure at any size: docs/figure.md. */
export function command(view) {
	const t = view.trace, v = view.viewport, c = t.clock, from = Math.min(Math.max(0, Math.floor(v.from)), t.end);
	const to = Math.max(from + 1, Math.min(t.end, Math.ceil(v.from + v.span)));
	const shown = view.rows.filter((r) => r.kind === "lane").map((r) => thread_word(t, r.lane, /[\\,]/g)), args = ["gilscope", "figure"];

	if (from > 0 || to < t.end)
		args.push("--from", time_exact(from, c), "--to", time_exact(to, c));
	if (shown.length && (shown.length !== t.lanes.length || view.look.sort !== "trace"))
		args.push("--threads", shown.join(","));
	args.push("--theme", view.page.theme);
	if (t.title)
		args.push("--title", t.title);
	for (const n of view.notes.filter((x) => x.text).slice(0, MAX_NOTES))
		args.push("--note", `${time_exact(n.t, c)}:${n.lane === null ? "" : thread_word(t, n.lane, /[\\:]/g)}:${n.text}`);
	args.push("-o", "figure.svg", (t.file || "TRACE.gtl").replace(/^-/, "./-"));
	return args.map(quoted).join(" ");
}

