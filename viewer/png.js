/*
 * png.js - a tile's PNG as chunks: finds our chunk, and puts another theme's colours into its palette
 *
 *   8 bytes signature, then: length (big-endian u32) | type (4 bytes) | data | crc
 */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/* Calls chunk(type, data, offset of the chunk) for each; false if the bytes are no whole PNG. */
export function chunks(bytes, chunk) {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

	if (bytes.length < 8 || SIGNATURE.some((b, i) => bytes[i] !== b))
		return false;
	for (let at = 8; at + 12 <= bytes.length;) {
		const len = view.getUint32(at);

		if (len > bytes.length - at - 12)
			return false;
		const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));

		chunk(type, bytes.subarray(at + 8, at + 8 + len), at);
		if (type === "IEND")
			return true;
		at += 12 + len;
	}
	return false;
}

export function find_chunk(bytes, wanted) {
	let found = null;

	chunks(bytes, (type, data) => { if (type === wanted) found = data; });
	return found;
}

const crc_table = Uint32Array.from({ length: 256 }, (_, n) => {
	for (let k = 0; k < 8; k++)
		n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
	return n;
});

export function crc32(bytes) {
	let c = 0xffffffff;

	for (const b of bytes)
		c = crc_table[(c ^ b) & 255] ^ (c >>> 8);
	return (c ^ 0xffffffff) >>> 0;
}

/* "#rrggbb" or "#rrggbbaa" -> [r, g, b, a] */
export function rgba(text) {
	const n = [1, 3, 5, 7].map((i) => parseInt(text.slice(i, i + 2), 16));

	return [n[0], n[1], n[2], Number.isNaN(n[3]) ? 255 : n[3]];
}

/*
 * A copy of the PNG with the colours given (texts, in the order of its palette).  PLTE and tRNS keep their
 * lengths: entries past them stay as they are.
 */
export function recolour(bytes, colours) {
	const copy = new Uint8Array(bytes), values = colours.map(rgba);

	chunks(copy, (type, data, at) => {
		if (type === "PLTE")
			for (let i = 0; i < values.length && 3 * i + 2 < data.length; i++)
				data.set(values[i].slice(0, 3), 3 * i);
		else if (type === "tRNS")
			for (let i = 0; i < values.length && i < data.length; i++)
				data[i] = values[i][3];
		else
			return;
		new DataView(copy.buffer).setUint32(at + 8 + data.length, crc32(copy.subarray(at + 4, at + 8 + data.length)));
	});
	return copy;
}
