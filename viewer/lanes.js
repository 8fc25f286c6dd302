/*
 * lanes.js - which lanes are shown, in which order and where; pure
 *
 * A look at lanes is {sort, filter, hidden, pinned, folded, height}: hidden and pinned are Sets of lane numbers, folded one of
 * process numbers.  Rows come out top to bottom: {kind: "process", process, top, height} and {kind: "lane", lane, ...}.
 */
export const SORTS = {
	trace: ["order of the trace", () => 0],
	name: ["name", (a, b) => compare(label(a), label(b))],
	id: ["id", (a, b) => compare(a.id, b.id)],
	start: ["start", (a, b) => a.first - b.first],
	run: ["most run", (a, b) => b.run - a.run],
	wait: ["most wait", (a, b) => b.wait + b.signal - a.wait - a.signal],
	failures: ["most failures", (a, b) => b.busy + b.retry - a.busy - a.retry],
};

const compare = (a, b) => String(a).localeCompare(String(b), "en", { numeric: true });

export const label = (lane) => lane.name ? lane.twin ? `${lane.name} ${lane.id}` : lane.name : lane.id;
export const defaults = () => ({ sort: "trace", filter: "", hidden: new Set(), pinned: new Set(), folded: new Set(), height: 0 });

export const HEADER = 30;		/* pixels of a process' row, which shows who holds its lock */

/*
 * What the manifest does not say in so many words: twin, that a lane's name alone does not tell it from others of its process; and
 * lost, as in a tile's figures.  The row of a process that is alone and has no name is there for its lock.
 */
export function prepare(trace) {
	const names = trace.lanes.map((l) => `${l.process} ${l.name}`), [p, more] = trace.processes;

	trace.lanes.forEach((l, i) => {
		l.twin = names.indexOf(names[i]) !== names.lastIndexOf(names[i]);
		l.lost ??= (l.lostAcquires || 0) + (l.lostReleases || 0) + (l.lostEvents || 0);
	});
	if (p && !more && p.pid < 0 && !p.name)
		p.label = "lock owner";
}

export function process_label(p) {
	if (p.label)
		return p.label;
	const name = p.name || "process";

	return p.pid >= 0 ? `${name} ${p.pid}` : name;
}

/* Every word in the lane's name or id; or all of it in its process' name. */
export function matches(lane, processes, filter) {
	const text = filter.trim().toLowerCase(), p = processes[lane.process], own = `${lane.name} ${lane.id}`.toLowerCase();

	return text.split(/\s+/).every((w) => own.includes(w)) || (!!p && process_label(p).toLowerCase().includes(text));
}

/* Pinned lanes first, then process by process; processes in the order of their first lane.  owner: their locks' owners are drawn. */
export function layout(trace, look, lane_height, owner = true) {
	const order = SORTS[look.sort]?.[1] || SORTS.trace[1], rows = [];
	const shown = trace.lanes.map((lane, i) => ({ lane, i }))
		.filter(({ lane, i }) => !look.hidden.has(i) && matches(lane, trace.processes, look.filter))
		.sort((a, b) => order(a.lane, b.lane) || a.i - b.i);
	const groups = new Map();
	let top = 0;
	const row = (fields, height) => {
		rows.push({ ...fields, top, height });
		top += height;
	};

	for (const { i } of shown.filter(({ i: n }) => look.pinned.has(n)))
		row({ kind: "lane", lane: i, pinned: true }, lane_height);
	for (const { lane, i } of shown) {
		if (!groups.has(lane.process))
			groups.set(lane.process, []);
		if (!look.pinned.has(i))
			groups.get(lane.process).push(i);
	}
	for (const [process, lanes] of groups) {
		if (owner || !trace.processes[process]?.label)
			row({ kind: "process", process, lanes: lanes.length }, HEADER);
		if (!look.folded.has(process))
			for (const lane of lanes)
				row({ kind: "lane", lane, pinned: false }, lane_height);
	}
	return { rows, height: top };
}

/* Rows that touch [from, to) pixels. */
export const visible_rows = (rows, from, to) => rows.filter((r) => r.top < to && r.top + r.height > from);

/* By the tiles' own height, so that every row of pixels stays one. */
export const lane_height_choices = (trace) => [["0", "automatic"], ...[0.5, 1, 1.5, 2, 3, 4].map((n) =>
	[String(Math.round(trace.laneHeight * n)), `${Math.round(trace.laneHeight * n)} pixels`])];
