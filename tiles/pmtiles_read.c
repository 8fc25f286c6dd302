/*
 * pmtiles_read.c - see pmtiles.h
 *
 * Every number of an archive is a claim.  Offsets are compared with the file's size, a directory's
 * entries with the bytes that it has, and leaves are followed LEAF_DEPTH deep at most.
 */
#include "pmtiles.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bytes.h"

#define DIRECTORY_MAX (64u << 20)	/* unpacked bytes of one directory: a bound against bombs */
/* the specification wants one or two; the usual reader follows four */
#define LEAF_DEPTH 4

struct pmtiles {
	const uint8_t *data;		/* borrowed */
	size_t size;
	struct pmtiles_header h;
};

struct dir_entry { uint64_t id, off; uint64_t run; uint32_t len; };
struct directory { struct dir_entry *entry; size_t n; };

static bool fits(const struct pmtiles *p, uint64_t off, uint64_t len)
{
	return off <= p->size && len <= p->size - off;
}

int pmtiles_open_mem(struct pmtiles **out, const void *buf, size_t len, struct err *err)
{
	const uint8_t *d = buf;
	struct pmtiles *p;
	uint64_t *words[] = { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL };

	*out = NULL;
	if (len < PMTILES_HEADER || memcmp(d, "PMTiles", 7))
		return err_set(err, ERR_FORMAT, "not a PMTiles archive");
	if (d[7] != 3)
		return err_set(err, ERR_VERSION, "PMTiles version %u; this program reads 3", d[7]);
	if (d[97] != 2)
		return err_set(err, ERR_FORMAT, "directories are packed by method %u, not gzip",
			       d[97]);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_memory(err, "an archive");
	p->data = d;
	p->size = len;
	words[0] = &p->h.root_off;
	words[1] = &p->h.root_len;
	words[2] = &p->h.meta_off;
	words[3] = &p->h.meta_len;
	words[4] = &p->h.leaf_off;
	words[5] = &p->h.leaf_len;
	words[6] = &p->h.data_off;
	words[7] = &p->h.data_len;
	words[8] = &p->h.n_addressed;
	words[9] = &p->h.n_entries;
	words[10] = &p->h.n_contents;
	for (unsigned i = 0; i < 11; i++)
		*words[i] = get_le64(d + 8 + 8 * i);
	p->h.clustered = d[96];
	p->h.min_z = d[100];
	p->h.max_z = d[101];
	for (unsigned i = 0; i < 8; i += 2) {
		if (fits(p, *words[i], *words[i + 1]))
			continue;
		err_set(err, ERR_FORMAT,
			"bytes %" PRIu64 "+%" PRIu64 " do not fit in a file of %zu", *words[i],
			*words[i + 1], len);
		free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void pmtiles_close(struct pmtiles *p)
{
	free(p);
}

const struct pmtiles_header *pmtiles_header(const struct pmtiles *p)
{
	return &p->h;
}

/* Unpacks gzip; *out is the caller's and has a NUL behind it. */
static int gunzip(const uint8_t *data, size_t len, uint8_t **out, size_t *n, struct err *err)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)len };
	size_t cap = 4 * len + 1024;
	uint8_t *p = NULL, *q;
	int r = Z_OK;

	*out = NULL;
	if (len > DIRECTORY_MAX)
		return err_set(err, ERR_FORMAT, "a directory of %zu bytes", len);
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return err_memory(err, "unpacking a directory");
	while (r == Z_OK) {
		q = realloc(p, cap + 1);
		if (!q) {
			err_memory(err, "a directory");
			goto fail;
		}
		p = q;
		z.next_out = p + z.total_out;
		z.avail_out = (uInt)(cap - z.total_out);
		r = inflate(&z, Z_NO_FLUSH);
		if (r == Z_BUF_ERROR && !z.avail_out)
			r = Z_OK;
		if (r == Z_OK && z.avail_out) {
			r = Z_DATA_ERROR;		/* the input ends too early */
		} else if (r == Z_OK && cap >= DIRECTORY_MAX) {
			err_set(err, ERR_FORMAT, "a directory of more than %u bytes",
				DIRECTORY_MAX);
			goto fail;
		}
		cap *= 2;
	}
	if (r != Z_STREAM_END) {
		err_set(err, ERR_FORMAT, "a directory's gzip data is damaged");
		goto fail;
	}
	*n = z.total_out;
	p[*n] = 0;
	*out = p;
	inflateEnd(&z);
	return 0;
fail:
	inflateEnd(&z);
	free(p);
	return -1;
}

static int parse_directory(const uint8_t *d, size_t len, struct directory *dir, struct err *err)
{
	const uint8_t *p = d, *end = d + len;
	uint64_t n, v, id = 0;

	p = get_varint(p, end, &n);
	if (!p || n > len / 4)		/* an entry has four numbers of a byte or more */
		return err_set(err, ERR_FORMAT, "a directory of %zu bytes claims too many entries",
			       len);
	dir->n = (size_t)n;
	dir->entry = calloc(dir->n + 1, sizeof(*dir->entry));
	if (!dir->entry)
		return err_memory(err, "a directory");
	for (unsigned column = 0; column < 4; column++)
		for (size_t i = 0; i < n; i++) {
			struct dir_entry *e = &dir->entry[i];

			p = get_varint(p, end, &v);
			if (!p)
				goto cut;
			if (column == 0) {
				if (__builtin_add_overflow(id, v, &id))
					goto cut;
				e->id = id;
			} else if (column == 1) {
				e->run = v;
			} else if (column == 2) {
				if (v > UINT32_MAX)
					goto cut;
				e->len = (uint32_t)v;
			} else if (v) {
				e->off = v - 1;
			} else if (!i || __builtin_add_overflow(e[-1].off, e[-1].len, &e->off)) {
				goto cut;
			}
		}
	return 0;
cut:
	free(dir->entry);
	dir->entry = NULL;
	return err_set(err, ERR_FORMAT, "a directory is cut off or out of range");
}

/*
 * The root (leaf false), or the leaf at an offset of the leaves' section.  dir->entry is the
 * caller's.
 */
static int load_directory(const struct pmtiles *p, bool leaf, uint64_t off, uint64_t len,
			  struct directory *dir, struct err *err)
{
	uint8_t *raw;
	size_t n;
	int ret;

	dir->entry = NULL;
	if (leaf) {
		if (off > p->h.leaf_len || len > p->h.leaf_len - off)
			return err_set(err, ERR_FORMAT,
				       "a leaf directory lies outside its section");
		off += p->h.leaf_off;
	}
	if (gunzip(p->data + off, len, &raw, &n, err))
		return -1;
	ret = parse_directory(raw, n, dir, err);
	free(raw);
	return ret;
}

/* The last entry whose id is at most that one; NULL if there is none. */
static const struct dir_entry *search(const struct directory *dir, uint64_t id)
{
	size_t lo = 0, hi = dir->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dir->entry[mid].id <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &dir->entry[lo - 1] : NULL;
}

static int tile_place(const struct pmtiles *p, const struct dir_entry *e, uint64_t *off,
		      uint32_t *len, struct err *err)
{
	if (e->off > p->h.data_len || e->len > p->h.data_len - e->off)
		return err_set(err, ERR_FORMAT, "tile %" PRIu64 " lies outside the tile data",
			       e->id);
	*off = p->h.data_off + e->off;
	*len = e->len;
	return 0;
}

int pmtiles_find(const struct pmtiles *p, uint64_t id, uint64_t *off, uint32_t *len,
		 struct err *err)
{
	uint64_t dir_off = p->h.root_off, dir_len = p->h.root_len;

	for (unsigned depth = 0; depth < LEAF_DEPTH; depth++) {
		const struct dir_entry *e;
		struct directory dir;
		int ret = 0;

		if (load_directory(p, depth > 0, dir_off, dir_len, &dir, err))
			return -1;
		e = search(&dir, id);
		if (e && !e->run) {
			dir_off = e->off;
			dir_len = e->len;
			free(dir.entry);
			continue;
		}
		if (e && id - e->id < e->run)
			ret = tile_place(p, e, off, len, err) ? -1 : 1;
		free(dir.entry);
		return ret;
	}
	return err_set(err, ERR_FORMAT, "directories nest more than %u deep", LEAF_DEPTH);
}

static int each_in(const struct pmtiles *p, unsigned depth, uint64_t dir_off, uint64_t dir_len,
		   pmtiles_entry_fn *entry, void *ctx, struct err *err)
{
	struct directory dir;
	int ret = 0;

	if (depth >= LEAF_DEPTH)
		return err_set(err, ERR_FORMAT, "directories nest more than %u deep", LEAF_DEPTH);
	if (load_directory(p, depth > 0, dir_off, dir_len, &dir, err))
		return -1;
	for (size_t i = 0; i < dir.n && !ret; i++) {
		const struct dir_entry *e = &dir.entry[i];
		uint64_t off = 0;
		uint32_t len = 0;

		if (!e->run)
			ret = each_in(p, depth + 1, e->off, e->len, entry, ctx, err);
		else if (tile_place(p, e, &off, &len, err))
			ret = -1;
		else
			ret = entry(ctx, e->id, e->run, off, len);
	}
	free(dir.entry);
	return ret;
}

int pmtiles_each(const struct pmtiles *p, pmtiles_entry_fn *entry, void *ctx, struct err *err)
{
	return each_in(p, 0, p->h.root_off, p->h.root_len, entry, ctx, err);
}

char *pmtiles_metadata(const struct pmtiles *p, struct err *err)
{
	uint8_t *out;
	size_t n;

	if (gunzip(p->data + p->h.meta_off, p->h.meta_len, &out, &n, err))
		return NULL;
	return (char *)out;
}
