/*
 * cache.js - a bounded memory of tiles: what was not used for longest goes first
 *
 * Entries have a weight; drop(value) releases one.  What is fetched but never weighed in (0) stays until its turn.
 */
export class Cache {
	constructor(limit, drop = () => {}) {
		this.limit = limit;
		this.weight = 0;
		this.drop = drop;
		this.map = new Map();	/* in order of use: the oldest first */
	}

	get(key) {
		const e = this.map.get(key);

		if (!e)
			return undefined;
		this.map.delete(key);
		this.map.set(key, e);
		return e.value;
	}

	has(key) {
		return this.map.has(key);
	}

	set(key, value, weight) {
		this.delete(key);
		this.map.set(key, { value, weight });
		this.weight += weight;
		for (const [k, e] of this.map) {
			if (this.weight <= this.limit || k === key)
				break;
			this.map.delete(k);
			this.weight -= e.weight;
			this.drop(e.value);
		}
	}

	delete(key) {
		const e = this.map.get(key);

		if (!e)
			return;
		this.map.delete(key);
		this.weight -= e.weight;
		this.drop(e.value);
	}

	clear() {
		for (const k of [...this.map.keys()])
			this.delete(k);
	}
}
