/*
 * source.js - fetches a tile, from wherever the site keeps them
 *
 * A source has get({z, x, y}, signal): a promise of the PNG's bytes, or null where there is no such tile; or, with
 * `pictures` set, image(address): a promise of an <img>, which can be drawn but not read (file:// pages).
 */
import { PMTiles } from "pmtiles";

/* What is wrong with where the site lies, and what cures it: shown to the reader, in words. */
export class HostError extends Error {
	constructor(what, cure, url, size) {
		super(what);
		this.cure = cure;
		this.url = url;
		this.size = size;
	}
}

const RANGE_CURE = "Put the site on a host that answers Range requests (GitHub Pages, S3, nginx, Apache, or " +
	"\u201cgilscope serve SITE\u201d; Python's http.server does not), render it with --store dir, or open the .pmtiles file here.";
const RECODE_CURE = "Switch off compression for .pmtiles on that host (nginx: \u201cgzip off\u201d for it; a CDN: \u201cno transform\u201d, " +
	"that is Cache-Control: no-transform), render with --store dir, or open the .pmtiles file here.";

/* Loose files or our own server. */
class Folder {
	constructor(pattern) {
		this.pattern = pattern;
	}

	async get(a, signal) {
		const reply = await fetch(address(this.pattern, a), { signal });

		if (reply.status === 404 || reply.status === 204)
			return null;
		if (!reply.ok)
			throw new HostError(`The host answers ${reply.status} for a tile.`, "", reply.url);
		return new Uint8Array(await reply.arrayBuffer());
	}
}

/* file://: nothing can be fetched, but pictures load. */
class Pictures {
	constructor(pattern) {
		this.pattern = pattern;
		this.pictures = true;
	}

	image(a) {
		return new Promise((done, failed) => {
			const image = new Image();

			image.onload = () => done(image);
			image.onerror = () => failed(new Error(`${image.src} is not there`));
			image.src = address(this.pattern, a);
		});
	}
}

const address = (pattern, a) => pattern.replace(/\{([zxy])\}/g, (_, name) => a[name]);

/* What pmtiles asks of a place with bytes: getKey() and getBytes(offset, length). */
class Remote {
	constructor(url) {
		this.url = url;
	}

	getKey() {
		return this.url;
	}

	async getBytes(offset, length, signal) {
		const stop = new AbortController(), give_up = () => stop.abort();

		signal?.addEventListener("abort", give_up);
		try {
			return await this.range(offset, length, stop);
		} finally {
			signal?.removeEventListener("abort", give_up);
		}
	}

	async range(offset, length, stop) {
		const init = { signal: stop.signal, headers: { Range: `bytes=${offset}-${offset + length - 1}` } };
		/* A compressed part is no answer to a browser: it fails without a reason, which HEAD then tells. */
		const reply = await fetch(this.url, init).catch((e) => e.name === "AbortError" ? Promise.reject(e) :
			fetch(this.url, { method: "HEAD", signal: stop.signal }).catch(() => { throw e; }));
		const coding = reply.headers.get("Content-Encoding"), size = Number(reply.headers.get("Content-Length")) || 0;

		if (coding && coding !== "identity") {
			stop.abort();
			throw new HostError(`This host sends ${this.url} compressed (${coding}), so places in it cannot be found.`,
				RECODE_CURE, this.url, size);
		}
		if (!reply.body && reply.ok)
			throw new Error("the host broke off");
		/* A small file may come whole: then it is what was asked for, and there is no more of it. */
		if (reply.status === 200 && !(offset === 0 && size && size <= length)) {
			stop.abort();
			throw new HostError(`This host does not answer Range requests: it sends all of ${this.url}` +
				`${size ? ` (${Math.ceil(size / 1e6)} MB)` : ""} for every tile.`, RANGE_CURE, this.url, size);
		}
		if (reply.status !== 206 && reply.status !== 200) {
			throw new HostError(`The host answers ${reply.status} for ${this.url}.`,
				reply.status === 404 ? "Was the file copied along with the page?" : RANGE_CURE, this.url);
		}
		const data = await reply.arrayBuffer();

		if (data.byteLength > length)
			throw new HostError(`This host answers Range requests wrongly: ${data.byteLength} bytes for ${length}.`, RANGE_CURE, this.url, size);
		return { data };
	}
}

class Memory {
	constructor(bytes, name) {
		this.bytes = bytes;
		this.name = name;
	}

	getKey() {
		return this.name;
	}

	async getBytes(offset, length) {
		return { data: this.bytes.slice(offset, offset + length).buffer };
	}
}

class Picked {
	constructor(file) {
		this.file = file;
	}

	getKey() {
		return `${this.file.name}:${this.file.size}:${this.file.lastModified}`;
	}

	async getBytes(offset, length) {
		return { data: await this.file.slice(offset, offset + length).arrayBuffer() };
	}
}

const MAX_Z = 26;		/* where pmtiles' numbers end */

class Archive {
	constructor(place, z_offset) {
		this.tiles = new PMTiles(place);
		this.z_offset = z_offset;
	}

	async get({ z, x, y }, signal) {
		if (z + this.z_offset > MAX_Z)
			return null;
		try {
			const tile = await this.tiles.getZxy(z + this.z_offset, x, y, signal);

			return tile ? new Uint8Array(tile.data) : null;
		} catch (e) {
			if (e instanceof HostError || e.name === "AbortError")
				throw e;
			throw new HostError(`The archive cannot be read: ${e.message}.`, RECODE_CURE);
		}
	}

	metadata() {
		return this.tiles.getMetadata();
	}
}

function from_base64(text) {
	const binary = atob(text.trim()), bytes = new Uint8Array(binary.length);

	for (let i = 0; i < binary.length; i++)
		bytes[i] = binary.charCodeAt(i);
	return bytes;
}

/* The source of a trace of the manifest, as it was found: throws where a file:// page can have none. */
export function open_source(trace, page = location) {
	if (trace.store === "inline")
		return new Archive(new Memory(from_base64(document.getElementById(trace.tiles).textContent), trace.tiles), trace.zOffset);
	if (trace.store === "pmtiles") {
		if (page.protocol === "file:")
			throw new HostError("A page opened from a folder may not read archives beside it.",
				`Drop ${trace.tiles} on this page or pick it here; or look at it with \u201cgilscope serve SITE\u201d.`);
		return new Archive(new Remote(trace.tiles), trace.zOffset);
	}
	return page.protocol === "file:" ? new Pictures(trace.tiles) : new Folder(trace.tiles);
}

export const open_file = (file, z_offset) => new Archive(new Picked(file), z_offset);

/* The cure for impatient readers: the whole archive at once. */
export async function open_whole(url, z_offset) {
	return new Archive(new Memory(new Uint8Array(await (await fetch(url)).arrayBuffer()), url), z_offset);
}
