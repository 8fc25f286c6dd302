/* ticks.js - where a time axis is marked, and with which words; pure */
import { grouped } from "./text.js";

const UNITS = { ns: [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]], ticks: [["million ticks", 1e6], ["ticks", 1]] };

/* The least of 1, 2, 5 times a power of ten that leaves room for a label. */
export function step_for(span, width, min_px) {
	const raw = Math.max(span / width * min_px, 1), base = 10 ** Math.floor(Math.log10(raw));

	return [1, 2, 5, 10].map((m) => m * base).find((s) => s >= raw * (1 - 1e-12)) || base * 10;
}

/*
 * {step, minor, unit, marks: [{t, label}]}.  When the step is far below the instants, labels would be long
 * and alike: then `base` is a round instant, shown once, and the labels are "+12 µs" from there.
 */
export function axis(v, clock, min_px = 110) {
	const step = step_for(v.span, v.width, min_px);
	const far = Math.max(Math.abs(v.from), Math.abs(v.from + v.span));
	const offset = far / step > 20000;
	const base = offset ? Math.floor(Math.max(v.from, 0) / (step * 100)) * step * 100 : 0;
	const units = UNITS[clock], size_for = offset ? step * 100 : far;
	const [unit, size] = units.find(([, s]) => s <= Math.max(size_for / 10, step)) || units[units.length - 1];
	const digits = Math.max(0, Math.round(Math.log10(size) - Math.floor(Math.log10(step) + 1e-9)));
	const marks = [];

	for (let i = Math.ceil(v.from / step), n = 0; i * step <= v.from + v.span && n < 500; i++, n++) {
		const t = i * step, d = t - base;

		marks.push({ t, label: (offset && d >= 0 ? "+" : "") + number(d, size, digits) });
	}
	return { step, minor: step / (String(step)[0] === "2" ? 4 : 5), unit, base: offset ? base : null, marks };
}

function number(t, size, digits) {
	const [whole, part] = (Math.abs(t) / size).toFixed(digits).split(".");

	return (t < 0 ? "\u2212" : "") + grouped(whole) + (part ? "." + part : "");
}
