/*
 * Whatever the bytes of a .gtl are, the reader answers or refuses: checksums are put right first,
 * so that the changes reach what lies behind them.
 */
#define FUZZ_NAME "timeline"
#define FUZZ_DEFAULT_ROUNDS 400
#include "fuzz/replay.h"

#include "bytes.h"
#include "internal.h"
#include "timeline/read_all.h"

/* The bytes [off, off + n) if they are there. */
static uint8_t *bytes(uint8_t *data, size_t size, uint64_t off, uint64_t n)
{
	return off <= size && n <= size - off ? data + off : NULL;
}

static void repair_node(uint8_t *data, size_t size, uint8_t *entry)
{
	uint64_t off = get_le64(entry + 8), len = get_le32(entry + 16);
	uint8_t *table = bytes(data, size, off, len);
	size_t n = 0;

	if (!table)
		return;
	/*
	 * the frames' table has no count of its own: it ends where the frames and it fill the node
	 */
	for (uint64_t sum = 0; 12 * (n + 1) <= len; ) {
		sum += get_le32(table + 12 * n++);
		if (12 * n + sum >= len)
			break;
	}
	for (uint64_t i = 0, at = 12 * n; i < n; at += get_le32(table + 12 * i++))
		if (bytes(table, len, at, get_le32(table + 12 * i)))
			put_le32(table + 12 * i + 8, tl_crc(table + at, get_le32(table + 12 * i)));
	put_le32(entry + 24, tl_crc(table, 12 * n));
}

static void repair(uint8_t *data, size_t size)
{
	uint8_t *p, *s;
	uint64_t n;

	if (size < GTL_HEADER_SIZE)
		return;
	put_le64(data + 24, size);
	n = get_le32(data + 12) % (GTL_MAX_SECTIONS + 1);
	p = bytes(data, size, get_le64(data + 16), n * GTL_SECTION_SIZE);
	if (p) {
		for (uint64_t i = 0; i < n; i++) {
			uint64_t len = get_le64(p + GTL_SECTION_SIZE * i + 16);

			s = bytes(data, size, get_le64(p + GTL_SECTION_SIZE * i + 8), len);
			if (!s)
				continue;
			if (get_le32(p + GTL_SECTION_SIZE * i) == GTL_BLOCK_INDEX)
				for (uint64_t at = 0; at + BLOCK_ENTRY <= len; at += BLOCK_ENTRY) {
					uint8_t *b = bytes(data, size, get_le64(s + at + 8),
							   get_le32(s + at + 16));

					if (b)
						put_le32(s + at + 28,
							 tl_crc(b, get_le32(s + at + 16)));
				}
			if (get_le32(p + GTL_SECTION_SIZE * i) == GTL_NODE_INDEX)
				for (uint64_t at = 8; at + NODE_ENTRY <= len; at += NODE_ENTRY)
					repair_node(data, size, s + at);
			put_le32(p + GTL_SECTION_SIZE * i + 4, tl_crc(s, len));
		}
		put_le32(data + 32, tl_crc(p, n * GTL_SECTION_SIZE));
	}
	put_le32(data + 36, tl_crc(data, 36));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct timeline *tl = NULL;
	struct err err = { 0 };
	uint64_t hash;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	repair(copy, size);
	if (!timeline_open_mem(&tl, copy, size, &err))
		read_all(tl, &hash, &err);
	timeline_close(tl);
	free(copy);
	return 0;
}
