/*
 * figures.js - the chunk "giLs" behind a tile's pixels: exact sums, and in a leaf the events themselves
 *
 * docs/site.md has the bytes.  Whatever is wrong in them throws a RangeError; the tile is then only a picture.
 */
export const STATES = ["idle", "wait", "signal", "run", "stall"];
export const IDLE = 0, WAIT = 1, SIGNAL = 2, RUN = 3, STALL = 4;
export const KINDS = ["", "ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE", "SWITCH_WAIT",
	"SWITCH_DONE", "SCHED_IN", "SCHED_OUT", "WAKEUP", "WOKEN", "LOST", "START", "END"];
export const BUSY = 2, TIMEOUT = 3, RETRY = 5, ACQUIRE = 6, RELEASE = 7, LOST = 14, STATE_ONLY = 31;
export const F_LOST_ACQUIRE = 1, F_SWITCH = 2, F_LOST_RELEASE = 4;

/* The order of the chunk's varints. */
export const SUMS = ["run", "stall", "wait", "signal", "maxWait", "acquires", "releases", "busy", "retry", "timeouts",
	"switches", "lost", "events", "checks"];

const VERSION = 2, MAX_LANES = 8;

class Reader {
	constructor(bytes) {
		this.bytes = bytes;
		this.at = 0;
	}

	byte() {
		if (this.at >= this.bytes.length)
			throw new RangeError(`giLs: ends at byte ${this.at}`);
		return this.bytes[this.at++];
	}

	/* By multiplication: a varint can pass 2^31, and below 2^53 a Number is exact. */
	varint() {
		let n = 0, scale = 1;

		for (let i = 0; i < 8; i++) {
			const b = this.byte();

			n += (b & 127) * scale;
			if (b < 128) {
				if (n > Number.MAX_SAFE_INTEGER)
					break;
				return n;
			}
			scale *= 128;
		}
		throw new RangeError(`giLs: a number of more than 53 bits before byte ${this.at}`);
	}
}

const class_of = (state) => state === IDLE ? 0 : state <= SIGNAL ? 1 : 2;	/* idle, take, hold */

/*
 * {children, lanes: [sums], leaf}; leaf is null or {from, to, start, records, ends}: records
 * [{t, lane, kind, state, flags, lock, func}] in order, start [{state, lock, since, func}] and ends [instant or null] per lane.
 * from and to are the tile's span, of which nothing past `end` counts.
 */
export function parse(bytes, from, to) {
	const r = new Reader(bytes);
	const version = r.byte();

	if (!version || version > VERSION)
		throw new RangeError(`giLs: version ${version}; this page knows ${VERSION}`);
	const flags = r.byte(), n = r.byte();

	if (n > MAX_LANES)
		throw new RangeError(`giLs: ${n} lanes`);
	const lanes = Array.from({ length: n }, () => Object.fromEntries(SUMS.map((name) => [name, r.varint()])));

	return { children: !!(flags & 2), lanes, from, to, leaf: flags & 1 ? parse_leaf(r, n, from, to) : null };
}

function parse_leaf(r, n, from, to) {
	const start = Array.from({ length: n }, () => {
		const bits = r.byte(), state = bits & 15;

		if (state > STALL)
			throw new RangeError(`giLs: state ${state}`);
		return { state, ...(state ? { lock: r.varint(), since: from - r.varint() } : { lock: 0, since: from }), func: bits & 16 ? r.varint() : -1 };
	});
	const locks = start.map((s) => s.lock), count = r.varint(), records = [];
	let t = from;

	if (count > r.bytes.length)		/* a record is at least three bytes */
		throw new RangeError(`giLs: ${count} records in ${r.bytes.length} bytes`);
	for (let i = 0; i < count; i++) {
		const head = r.varint(), lane = head % 8, kind_state = r.byte(), bits = r.byte();

		t += Math.floor(head / 8);
		if (lane >= n || kind_state >> 5 > STALL)
			throw new RangeError(`giLs: record ${i}: lane ${lane}, state ${kind_state >> 5}`);
		if (bits & 8)
			locks[lane] = r.varint();
		const func = bits & 16 ? r.varint() : -1;

		records.push({ t, lane, kind: kind_state & 31, state: kind_state >> 5, flags: bits & 7, lock: locks[lane], func });
	}
	const ends = Array.from({ length: n }, () => {
		const end = r.varint();

		return end ? to + end - 1 : null;
	});

	return { from, to, start, records, ends, periods: null };
}

/*
 * The leaf's periods, per lane: [{begin, end, state, since, lock, func}], end to end over [from, min(to, end)).
 * since is when the take or the hold began of which the period is a part, which can lie before the tile.
 */
export function periods(leaf, end) {
	if (leaf.periods)
		return leaf.periods;
	const last = Math.min(leaf.to, end);
	const open = leaf.start.map((s) => ({ begin: leaf.from, end: last, state: s.state, since: s.since, lock: s.lock, func: s.func }));
	const out = leaf.start.map(() => []);
	const close = (lane, t) => {
		open[lane].end = t;
		if (t > open[lane].begin)
			out[lane].push(open[lane]);
	};

	for (const e of leaf.records) {
		const p = open[e.lane];
		const fresh = class_of(p.state) !== class_of(e.state) || (e.kind === ACQUIRE && class_of(e.state) === 2);

		if (p.state === e.state && !fresh)
			continue;
		close(e.lane, e.t);
		open[e.lane] = { begin: e.t, end: last, state: e.state, since: fresh ? e.t : p.since, lock: e.lock,
			func: fresh ? e.func : p.func };
	}
	open.forEach((p, lane) => close(lane, Math.max(last, p.begin)));
	leaf.periods = out;
	return out;
}

export const no_sums = () => Object.fromEntries(SUMS.map((name) => [name, 0]));

export function add(sum, more) {
	for (const name of SUMS)
		sum[name] = name === "maxWait" ? Math.max(sum[name], more[name]) : sum[name] + more[name];
	return sum;
}

/*
 * What of one lane of a leaf lies in [a, b): the same sums that a tile carries.  checks is not told by events
 * one by one: it stays 0, and `partial` says so.
 */
export function clip(leaf, lane, a, b, end) {
	const sum = no_sums(), list = periods(leaf, end)[lane];

	for (const p of list) {
		const d = Math.min(p.end, b) - Math.max(p.begin, a);

		if (d > 0 && p.state !== IDLE)
			sum[STATES[p.state]] += d;
	}
	for (const e of leaf.records)
		if (e.lane === lane && e.t >= a && e.t < b)
			count(sum, e);
	for (const w of waits(leaf, lane, end))
		if (w.begin < b && w.end > a)
			sum.maxWait = Math.max(sum.maxWait, w.end - w.begin);
	return sum;
}

function count(sum, e) {
	sum.lost += (e.flags & F_LOST_ACQUIRE ? 1 : 0) + (e.flags & F_LOST_RELEASE ? 1 : 0);
	if (e.kind === STATE_ONLY)
		return;
	sum.events++;
	if (e.kind === ACQUIRE) {
		sum.acquires++;
		sum.switches += e.flags & F_SWITCH ? 1 : 0;
	} else if (e.kind === RELEASE) {
		sum.releases++;
	} else if (e.kind === BUSY) {
		sum.busy++;
	} else if (e.kind === RETRY) {
		sum.retry++;
	} else if (e.kind === TIMEOUT) {
		sum.timeouts++;
	} else if (e.kind === LOST) {
		sum.lost++;
	}
}

/* The contended takes that touch the leaf, at their whole length: [{begin, end}]. */
export function waits(leaf, lane, end) {
	const out = [];
	let open = null;

	for (const p of periods(leaf, end)[lane]) {
		if (class_of(p.state) === 1) {
			if (open && open.begin === p.since)
				open.end = p.end;
			else
				out.push(open = { begin: p.since, end: p.end });
		} else {
			open = null;
		}
	}
	if (open && leaf.ends[lane] !== null)
		open.end = leaf.ends[lane];
	return out;
}
