/* text.js - times and names as people read them */

/*
 * What a name may do to the page: nothing.  It only ever becomes a text node; and characters that would not
 * be seen, or would reorder what stands beside them (controls, bidi marks, lone surrogates), are spelled out.
 */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

export function visible(text) {
	return String(text ?? "").replace(UNSEEN, (c) =>
		c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) :
		`\u27e8U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
}

const UNITS = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];

/* 1234567 -> "1 234 567", with thin spaces that do not break. */
export const grouped = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

/* A length in at most four significant digits or whole seconds: "5.185 ms", "10 800 s", "129 240 ticks". */
export function length_text(t, clock) {
	if (clock === "ticks")
		return `${grouped(Math.round(t))}\u202f${Math.round(t) === 1 ? "tick" : "ticks"}`;
	const [unit, size] = UNITS.find(([, s]) => Math.abs(t) >= s) || UNITS[3];
	const n = t / size, digits = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(n) || 1)));

	return `${grouped(Number(n.toFixed(unit === "ns" ? 0 : digits)))}\u202f${unit}`;
}

/* An instant since the trace's start, to the resolution given in clock units: "1.250 034 s". */
export function time_text(t, clock, resolution = 1) {
	if (clock === "ticks")
		return grouped(Math.round(t));
	const unit = UNITS.find(([, size]) => Math.max(Math.abs(t) + resolution / 2, resolution) >= size) || UNITS[3];
	const digits = Math.max(0, Math.ceil(Math.log10(unit[1] / Math.max(resolution, 1)) - 1e-9));
	const sign = t < 0 ? "\u2212" : "";
	const [whole, part] = decimal(Math.round(Math.abs(t)), unit[1], digits).split(".");

	return `${sign}${grouped(whole)}${part ? "." + part.replace(/(\d{3})(?=\d)/g, "$1\u202f") : ""}\u202f${unit[0]}`;
}

/* t / size with so many digits, by integers: t is a whole number below 2^53 and size a power of ten. */
function decimal(t, size, digits) {
	const step = BigInt(size) / 10n ** BigInt(Math.min(digits, Math.round(Math.log10(size))));
	const rounded = (BigInt(t) + step / 2n) / step * step;
	const part = String(rounded % BigInt(size)).padStart(Math.round(Math.log10(size)), "0").slice(0, digits);

	return `${rounded / BigInt(size)}${digits ? "." + part : ""}`;
}

/* As the command line reads it back: "1.250000001s", "539373t". */
export function time_exact(t, clock) {
	const n = BigInt(Math.round(t));

	if (clock === "ticks")
		return `${n}t`;
	const part = String(n % 1000000000n).padStart(9, "0").replace(/0+$/, "");

	return `${n / 1000000000n}${part ? "." + part : ""}s`;
}

/* The trace's own clock: origin is a decimal string, for it may pass 2^53. */
export function absolute_text(t, trace) {
	const n = BigInt(trace.origin) + BigInt(Math.round(t));

	return trace.clock === "ticks" ? grouped(n) : `${n / 1000000000n}.${String(n % 1000000000n).padStart(9, "0")}\u202fs`;
}

const SUFFIX = { s: 9, ms: 6, us: 3, "µs": 3, "μs": 3, ns: 0 };

/*
 * What people type: "1.25s", "300us", "@1883.632596058s", "539373t", "50%".  A bare number is in clock units
 * of a tick trace and in seconds otherwise.  Returns clock units since the start, or NaN.
 */
export function parse_time(text, trace) {
	const m = /^(@?)(-?)(\d+)(?:\.(\d+))?\s*(s|ms|us|µs|μs|ns|t|ticks|%)?$/i.exec(text.replace(/[\s\u202f_]+(?=\d)/g, "").trim());

	if (!m)
		return NaN;
	const unit = (m[5] || (trace.clock === "ticks" ? "t" : "s")).toLowerCase();

	if (unit === "%")
		return Math.round(trace.end * Number(`${m[3]}.${m[4] || 0}`) / 100);
	if ((unit[0] === "t") !== (trace.clock === "ticks"))
		return NaN;
	const shift = SUFFIX[unit] ?? 0;
	const part = (m[4] || "").padEnd(shift, "0").slice(0, shift);
	let n = BigInt(m[3]) * 10n ** BigInt(shift) + BigInt(part || 0);

	if (m[2])
		n = -n;
	if (m[1])
		n -= BigInt(trace.origin);
	return Number(n);
}

export const percent = (part, whole) => {
	const p = whole ? 100 * part / whole : 0;

	return p && p < 0.1 ? "<0.1\u202f%" : `${p < 9.95 && p ? p.toFixed(1) : Math.round(p)}\u202f%`;
};

export const plural = (n, word) => `${grouped(n)} ${word}${n === 1 ? "" : "s"}`;
