/*
 * hash.js - what the page shows as the part of the URL behind "#", and back; pure
 *
 *   #r=FROM,TO&s=FROM,TO&lane=ID&q=filter&sort=wait&h=48&hide=ID,ID&pin=ID&badness&fold=PID,PID
 *    &theme=dark&axes=free&embed&n=T,FROM,TO,LANE,TEXT
 *
 * Times are whole clock units since the trace's start, so a link shows the same on every screen.  With several
 * traces, keys of the second one begin with "1.", and so on.  Lanes are named by "id", or "id@process index" where an id
 * occurs twice; a note has an empty LANE if it belongs to none.
 */
const enc = (s) => encodeURIComponent(s).replace(/%2F/g, "/").replace(/%40/g, "@").replace(/%3A/g, ":");

function dec(s) {
	try {
		return decodeURIComponent(s);
	} catch {
		return s;
	}
}

/* Pairs in their order: [[key, [value, ...]]]. */
export function parse(hash) {
	return hash.replace(/^#/, "").split("&").filter(Boolean).map((part) => {
		const at = part.indexOf("=");

		return at < 0 ? [dec(part), []] : [dec(part.slice(0, at)), part.slice(at + 1).split(",").map(dec)];
	});
}

export const format = (pairs) => pairs.length ? "#" + pairs.map(([key, values]) =>
	values.length ? `${enc(key)}=${values.map(enc).join(",")}` : enc(key)).join("&") : "";

export function lane_key(trace, i) {
	const { id, process } = trace.lanes[i];

	return trace.lanes.some((l, k) => k !== i && l.id === id) ? `${id}@${process}` : id;
}

export function lane_index(trace, text) {
	const exact = trace.lanes.findIndex((_, i) => lane_key(trace, i) === text);

	return exact >= 0 ? exact : trace.lanes.findIndex((l) => l.id === text);
}

const whole = (t) => String(Math.round(t));

function range(values, end) {
	const [a, b] = values.map(Number);

	return values.length === 2 && Number.isFinite(a) && Number.isFinite(b) && b > a && a < end * 2 + 10 && b > -end - 10 ? [a, b] : null;
}

const set_of = (values, index) => new Set(values.map(index).filter((i) => i >= 0));

/* The state of one trace's view as pairs; what is as at the beginning is left out. */
export function view_pairs(trace, view, prefix = "") {
	const out = [], put = (key, ...values) => out.push([prefix + key, values]);
	const { look } = view, lanes = (set) => [...set].map((i) => lane_key(trace, i));

	if (view.range)
		put("r", ...view.range.map(whole));
	if (view.selection)
		put("s", ...view.selection.map(whole));
	if (view.lane !== null)
		put("lane", lane_key(trace, view.lane));
	if (look.filter)
		put("q", look.filter);
	if (look.sort !== "trace")
		put("sort", look.sort);
	if (look.height)
		put("h", String(look.height));
	if (look.hidden.size)
		put("hide", ...lanes(look.hidden));
	if (look.pinned.size)
		put("pin", ...lanes(look.pinned));
	if (view.badness)
		put("badness");
	if (look.folded.size)
		put("fold", ...[...look.folded].map(String));
	for (const n of view.notes)
		put("n", whole(n.t), ...n.range.map(whole), n.lane === null ? "" : lane_key(trace, n.lane), n.text);
	return out;
}

/* Reads what view_pairs() wrote; anything that makes no sense is left as it is by default. */
export function read_view(trace, pairs, look, prefix = "") {
	const view = { range: null, selection: null, lane: null, look, badness: false, notes: [] };
	const index = (text) => lane_index(trace, text);

	for (const [key, values] of pairs) {
		if (!key.startsWith(prefix) || (!prefix && /^\d+\./.test(key)))
			continue;
		switch (key.slice(prefix.length)) {
		case "r":
			view.range = range(values, trace.end) || view.range;
			break;
		case "s":
			view.selection = range(values, trace.end) || view.selection;
			break;
		case "lane":
			view.lane = index(values[0]) >= 0 ? index(values[0]) : null;
			break;
		case "q":
			look.filter = values.join(",").slice(0, 200);
			break;
		case "sort":
			look.sort = values[0];
			break;
		case "h":
			look.height = Math.min(Math.max(Number(values[0]) || 0, 0), 256);
			break;
		case "hide":
			look.hidden = set_of(values, index);
			break;
		case "pin":
			look.pinned = set_of(values, index);
			break;
		case "badness":
			view.badness = true;
			break;
		case "fold":
			look.folded = set_of(values, Number);
			break;
		case "n":
			view.notes.push(...[read_note(trace, values)].filter(Boolean));
			break;
		}
	}
	return view;
}

function read_note(trace, values) {
	const t = Number(values[0]), r = range(values.slice(1, 3), trace.end), lane = values[3] ? lane_index(trace, values[3]) : -1;

	if (values.length < 5 || !Number.isFinite(t) || !r)
		return null;
	return { t, range: r, lane: lane < 0 ? null : lane, text: values.slice(4).join(",").slice(0, 500) };
}
