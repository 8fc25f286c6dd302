/*
 * viewport.js - which stretch of time is seen, and where in it a pixel lies; pure
 *
 * A viewport is {from, span, width}: from and span in clock units since the trace's start (Numbers; whole
 * nanoseconds fit for 104 days), width in CSS pixels.  Functions return new viewports.
 */

/* Fewer clock units than this are never spread over the page: 8 single nanoseconds are wide enough. */
const MIN_SPAN = 8;

export const make = (from, to, width) => ({ from, span: to - from, width });
export const time_at = (v, x) => v.from + x / v.width * v.span;
export const x_at = (v, t) => (t - v.from) / v.span * v.width;
export const to = (v) => v.from + v.span;
export const units_per_px = (v) => v.span / v.width;

/* Keeps some of [0, end) in sight, and the span between a few units and a bit more than everything. */
export function clamp(v, end) {
	const span = Math.min(Math.max(v.span, MIN_SPAN), Math.max(end * 1.04, MIN_SPAN));
	const middle = v.from + v.span / 2;
	let from = span === v.span ? v.from : middle - span / 2;
	const margin = span > end ? (span - end) / 2 : span * 0.02;

	if (span >= end)
		from = -(span - end) / 2;
	else
		from = Math.min(Math.max(from, -margin), end - span + margin);
	return { from, span, width: v.width };
}

/* The instant below x stays below x. */
export function zoom(v, x, factor, end) {
	const span = Math.min(Math.max(v.span * factor, MIN_SPAN), Math.max(end * 1.04, MIN_SPAN));
	const t = time_at(v, x);

	return clamp({ from: t - x / v.width * span, span, width: v.width }, end);
}

export const pan = (v, dx, end) => clamp({ ...v, from: v.from - dx / v.width * v.span }, end);

export function all(end, width) {
	const margin = end * 0.01;

	return clamp(make(-margin, end + margin, width), end);
}

/* [a, b) with some air at both sides. */
export function around(a, b, width, end, air = 0.1) {
	const span = Math.max(b - a, MIN_SPAN / 2);

	return clamp(make(a - span * air, a + span * (1 + air), width), end);
}

/* Two fingers: the instants below x0 and x1 move to below x0b and x1b. */
export function pinch(v, x0, x1, x0b, x1b, end) {
	const d = Math.abs(x1 - x0) < 8 || Math.abs(x1b - x0b) < 8 ? 1 : Math.abs(x1 - x0) / Math.abs(x1b - x0b);
	const t = time_at(v, (x0 + x1) / 2), span = v.span * d;

	return clamp({ from: t - (x0b + x1b) / 2 / v.width * span, span, width: v.width }, end);
}

/* Between a and b, at k of 0..1: the span shrinks geometrically, so a zoom over six orders looks even. */
export function between(a, b, k) {
	if (k >= 1)
		return b;
	const span = a.span * (b.span / a.span) ** k;
	const s = Math.abs(b.span - a.span) < a.span * 1e-9 ? k : (span - a.span) / (b.span - a.span);

	return { from: a.from + (b.from - a.from) * s, span, width: b.width };
}
