/*
 * model.mjs - traces as plain lists of periods and events, and what is true of them
 *
 * The naive oracle of the page's figures: every answer is a loop over all periods or all events of a lane, with
 * no levels and no tiles.  Traces are made up from a seed: a lock that threads take, wait for, and hand over.
 */
export const STATES = ["idle", "wait", "signal", "run", "stall"];
export const KIND = { ENTRY: 1, BUSY: 2, TIMEOUT: 3, RETRY: 5, ACQUIRE: 6, RELEASE: 7, LOST: 14, STATE: 31 };

/* xorshift: the same numbers everywhere. */
export function random(seed) {
	let s = seed >>> 0 || 1;

	return (n) => {
		s ^= s << 13;
		s ^= s >>> 17;
		s ^= s << 5;
		s >>>= 0;
		return s % n;
	};
}

/*
 * n_lanes threads over `holds` holds.  Now and then a thread is woken in vain, times out, hands over by a signal, is
 * taken off the cpu while it holds, or leaves the lock free for long.
 */
export function make({ seed = 1, lanes = 3, holds = 200, hold = 50000, clock = "ns", names = null, title = `seed ${seed}`, processes = 1 } = {}) {
	const r = random(seed), list = Array.from({ length: lanes }, (_, i) => ({ id: `t${i + 1}`, name: names ? names[i % names.length] : `worker ${i + 1}`,
		process: i % processes, periods: [], events: [] }));
	const state = list.map(() => ({ state: 0, begin: 0 }));
	const put = (i, t, kind, s, flags = 0) => {
		const p = state[i];

		if (s !== p.state) {
			if (t > p.begin)
				list[i].periods.push({ begin: p.begin, end: t, state: p.state });
			state[i] = { state: s, begin: t };
		}
		list[i].events.push({ t, kind, flags, state: s });
	};
	let t = 0, owner = r(lanes), last = -1, checks = 0;

	for (let n = 0; n < holds; n++) {
		put(owner, t, KIND.ACQUIRE, 3, last !== owner && last >= 0 ? 2 : 0);
		last = owner;
		const length = 1 + r(hold), begin = t, waiters = [];

		for (let i = 0; i < lanes; i++) {
			if (i === owner)
				continue;
			if (state[i].state === 0 && r(lanes) < 3) {
				const at = begin + 1 + r(length);

				waiters.push([at, i, KIND.BUSY]);
			} else if (state[i].state === 1 && r(6) === 0) {
				waiters.push([begin + 1 + r(length), i, r(2) ? KIND.RETRY : KIND.TIMEOUT]);
			}
		}
		if (length > 1000 && r(10) === 0) {
			const off = begin + 1 + r(Math.floor(length / 2));

			waiters.push([off, owner, KIND.STATE, 4], [off + 1 + r(Math.floor(length / 4)), owner, KIND.STATE, 3]);
		}
		for (const [at, i, kind, s] of waiters.sort((a, b) => a[0] - b[0]))
			put(i, at, kind, s ?? 1);
		t = begin + length + (r(3) ? 1 : 0);
		put(owner, t, KIND.RELEASE, 0);
		const waiting = state.flatMap((p, i) => p.state === 1 && p.begin < t ? [i] : []);

		checks++;
		if (waiting.length && r(4)) {
			owner = waiting[r(waiting.length)];
			if (r(2)) {
				put(owner, t, KIND.STATE, 2);
				t += 1 + r(Math.ceil(hold / 20));
			} else {
				t += r(3);
			}
		} else {
			const free = state.flatMap((p, i) => p.state !== 1 ? [i] : []);

			owner = (free.length ? free : waiting)[r((free.length ? free : waiting).length)];
			t += 1 + (r(30) ? r(200) : r(hold * 8));
		}
	}
	const end = t;

	state.forEach((p, i) => p.begin < end && list[i].periods.push({ begin: p.begin, end, state: p.state }));
	return { title, clock, origin: "5369734822723", end, lanes: list, checks: clock === "ticks" ? checks : 0,
		processes: Array.from({ length: processes }, (_, i) => ({ pid: 100 + i, ppid: -1, name: "python3" })) };
}

/* Contended takes: wait and signal without a break.  {begin, end} at their whole length. */
export function takes(lane) {
	const out = [];

	for (const p of lane.periods) {
		const last = out[out.length - 1];

		if (p.state !== 1 && p.state !== 2)
			continue;
		if (last && last.end === p.begin)
			last.end = p.end;
		else
			out.push({ begin: p.begin, end: p.end });
	}
	return out;
}

/* The sums over [a, b). */
export function sums(lane, a, b) {
	const s = { run: 0, stall: 0, wait: 0, signal: 0, maxWait: 0, acquires: 0, releases: 0, busy: 0, retry: 0, timeouts: 0, switches: 0, lost: 0, events: 0, checks: 0 };

	for (const p of lane.periods)
		if (p.state && p.begin < b && p.end > a)
			s[STATES[p.state]] += Math.min(p.end, b) - Math.max(p.begin, a);
	for (const w of takes(lane))
		if (w.begin < b && w.end > a)
			s.maxWait = Math.max(s.maxWait, w.end - w.begin);
	for (const e of lane.events) {
		if (e.t < a || e.t >= b || e.kind === KIND.STATE)
			continue;
		s.events++;
		s.acquires += e.kind === KIND.ACQUIRE;
		s.releases += e.kind === KIND.RELEASE;
		s.busy += e.kind === KIND.BUSY;
		s.retry += e.kind === KIND.RETRY;
		s.timeouts += e.kind === KIND.TIMEOUT;
		s.switches += e.kind === KIND.ACQUIRE && e.flags & 2 ? 1 : 0;
	}
	return s;
}

/* The period that holds instant t. */
export const period_at = (lane, t) => lane.periods.find((p) => t >= p.begin && t < p.end);
