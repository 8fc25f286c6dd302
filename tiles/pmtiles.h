/*
 * pmtiles.h - PMTiles version 3, one file for a whole pyramid: the writer and a reader
 *
 *   0        127            16384
 *   +--------+------+-------+-----------+----------+------------------+
 *   | header | root | zeros | tile data | metadata | leaf directories |
 *   +--------+------+-------+-----------+----------+------------------+
 *
 * A directory is a list of entries sorted by tile number: {id, run length, length, offset}; run
 * length 0 is the place of a leaf directory.  Tile data lies in the order in which it came, so the
 * writer keeps the entries in memory and nothing else; the header says "clustered" only where that
 * order is the one of the numbers.  Directories and metadata are gzip, tiles are PNG as they are.
 *
 * The specification: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
 */
#ifndef GILSCOPE_PMTILES_H
#define GILSCOPE_PMTILES_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define PMTILES_HEADER 127
/* the root must end within the first 16 KiB */
#define PMTILES_ROOT_MAX (16384 - PMTILES_HEADER)

struct pmtiles_header {
	uint64_t root_off, root_len, meta_off, meta_len, leaf_off, leaf_len, data_off, data_len;
	uint64_t n_addressed, n_entries, n_contents;
	uint8_t clustered, min_z, max_z;
};

struct pmtiles;			/* an open archive; any number of threads may read it */

/* 0, or -1 with *err set.  buf is borrowed until close. */
int pmtiles_open_mem(struct pmtiles **out, const void *buf, size_t len, struct err *err);
void pmtiles_close(struct pmtiles *p);			/* NULL is allowed */
const struct pmtiles_header *pmtiles_header(const struct pmtiles *p);

/*
 * Where the tile of that number lies: its offset in the file.  1 found, 0 there is none, -1 the
 * archive is damaged.  An offset and length that are given lie inside the file.
 */
int pmtiles_find(const struct pmtiles *p, uint64_t id, uint64_t *off, uint32_t *len,
		 struct err *err);

/* Calls entry() for every run of tiles in the order of their numbers; a non-zero return ends it. */
typedef int pmtiles_entry_fn(void *ctx, uint64_t id, uint64_t n, uint64_t off, uint32_t len);
int pmtiles_each(const struct pmtiles *p, pmtiles_entry_fn *entry, void *ctx, struct err *err);

/* The metadata's JSON; the caller frees it. */
char *pmtiles_metadata(const struct pmtiles *p, struct err *err);

#endif
