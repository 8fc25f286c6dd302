/*
 * A PMTiles archive gives back exactly the tiles that were put, in whatever order they came, each
 * different one stored once, with the root inside the first 16 KiB at any number of tiles; and any
 * damage to it is told, or changes only what a tile's bytes are, but never crashes the reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "io.h"
#include "pmtiles.h"
#include "random.h"
#include "scratch.h"
#include "store.h"

struct put { uint64_t id; unsigned content; };

static char path[1024];

static void content_bytes(unsigned content, uint8_t *out, uint32_t *len)
{
	*len = 4 + content % 61;
	for (uint32_t i = 0; i < *len; i++)
		out[i] = (uint8_t)(i < 4 ? content >> 8 * i : i * 7);
}

static void put(struct tile_store *s, unsigned z, uint64_t x, uint64_t n, uint32_t y,
		unsigned content, bool with_bytes)
{
	uint8_t bytes[128];
	struct tile_run run = {
		.hash = { content * UINT64_C(0x9e3779b97f4a7c15), content }, .x = x, .n = n, .y = y,
		.z = (uint8_t)z, .data = with_bytes ? bytes : NULL,
	};
	struct err err;

	content_bytes(content, bytes, &run.len);
	if (tile_store_put(s, &run, &err))
		fail_msg("%s", err.msg);
}

static void finish(struct tile_store *s)
{
	struct buf meta = BUF_INIT;
	struct err err;

	buf_str(&meta, "{\"name\":\"a test\"}");
	if (tile_store_finish(s, &meta, &err))
		fail_msg("%s", err.msg);
	buf_release(&meta);
}

static void load(uint8_t **data, size_t *len)
{
	struct err err;

	if (io_read_file(path, SIZE_MAX, data, len, &err))
		fail_msg("%s", err.msg);
	unlink(path);
}

static int by_id(const void *a, const void *b)
{
	const struct put *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct expect { const struct put *put; size_t n, at; const uint8_t *data; };

static int check_entry(void *ctx, uint64_t id, uint64_t n, uint64_t off, uint32_t len)
{
	struct expect *e = ctx;
	uint8_t bytes[128];
	uint32_t want;

	for (; n--; id++, e->at++) {
		assert_true(e->at < e->n);
		assert_int_equal(e->put[e->at].id, id);
		content_bytes(e->put[e->at].content, bytes, &want);
		assert_int_equal(len, want);
		assert_memory_equal(e->data + off, bytes, len);
	}
	return 0;
}

/* zooms full of tiles of a few groups, in random order; each content is one of `contents`. */
static void round_trip(unsigned z_max, uint32_t n_groups, unsigned contents, bool shuffled)
{
	struct pyramid p;
	struct tile_store *s;
	struct pmtiles *a;
	struct put *list;
	struct err err;
	size_t n = 0, len, cap;
	uint8_t *data, *known = calloc(contents, 1);
	unsigned distinct = 0;
	uint64_t off;
	uint32_t size;

	pyramid_init(&p, ((uint64_t)64 << z_max) - 1, n_groups * LANES_PER_TILE, 64);
	cap = pyramid_addresses(&p, z_max);
	list = calloc(cap, sizeof(*list));
	s = tile_store_pmtiles(path, &p, 1, NULL, &err);
	assert_non_null(s);
	for (unsigned z = 0; z <= z_max; z++)
		for (uint32_t y = 0; y < n_groups; y++)
			for (uint64_t x = 0, run; x < UINT64_C(1) << z; x += run) {
				unsigned c = (unsigned)random_below(contents);
				uint64_t at = shuffled ? x ^ (((UINT64_C(1) << z) - 1) & 0x15) : x;

				run = shuffled ? 1 : 1 + random_below(5);
				if (run > (UINT64_C(1) << z) - x)
					run = (UINT64_C(1) << z) - x;
				if (random_below(10) == 0)
					continue;		/* absent */
				put(s, z, at, run, y, c, !known[c]);
				distinct += !known[c];
				known[c] = 1;
				for (uint64_t i = 0; i < run; i++)
					list[n++] = (struct put){
						tile_id(z + p.z_offset, (uint32_t)(at + i), y), c,
					};
			}
	finish(s);
	load(&data, &len);
	qsort(list, n, sizeof(*list), by_id);
	if (pmtiles_open_mem(&a, data, len, &err))
		fail_msg("%s", err.msg);
	assert_true(pmtiles_header(a)->root_off + pmtiles_header(a)->root_len <= 16384);
	assert_int_equal(pmtiles_header(a)->n_addressed, n);
	assert_int_equal(pmtiles_header(a)->n_contents, distinct);
	assert_int_equal(pmtiles_header(a)->min_z, p.z_offset);
	struct expect e = { list, n, 0, data };
	if (pmtiles_each(a, check_entry, &e, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(e.at, n);
	for (unsigned i = 0; n && i < 50; i++) {
		const struct put *one = &list[random_below(n)];

		assert_int_equal(pmtiles_find(a, one->id, &off, &size, &err), 1);
		struct expect alone = { one, 1, 0, data };
		check_entry(&alone, one->id, 1, off, size);
	}
	assert_int_equal(pmtiles_find(a, tile_id(z_max + p.z_offset + 1, 0, 0), &off, &size, &err),
			 0);
	char *meta = pmtiles_metadata(a, &err);
	assert_string_equal(meta, "{\"name\":\"a test\"}");
	free(meta);
	pmtiles_close(a);
	free(data);
	free(list);
	free(known);
}

static void every_tile_comes_back(void **state)
{
	(void)state;
	round_trip(0, 1, 1, false);
	round_trip(3, 5, 2, false);
	round_trip(11, 1, 10000, false);
	round_trip(11, 1, 10000, true);
	round_trip(9, 64, 1000, true);
	round_trip(17, 1, 40000, true);
}

/* A read of everything: a sentence or right answers. */
static int touch(void *ctx, uint64_t id, uint64_t n, uint64_t off, uint32_t len)
{
	const uint8_t *data = *(const uint8_t **)ctx;
	static volatile uint8_t sink;

	(void)id;
	(void)n;
	for (uint32_t i = 0; i < len; i++)
		sink ^= data[off + i];
	return 0;
}

static void read_damaged(const uint8_t *data, size_t len)
{
	/* Behind the archive asan sees every step too far. */
	uint8_t *copy = malloc(len ? len : 1);
	struct err err = { 0 };
	struct pmtiles *a;
	uint64_t off;
	uint32_t size;

	memcpy(copy, data, len);
	if (pmtiles_open_mem(&a, copy, len, &err)) {
		assert_null(a);
		assert_true(err.msg[0]);
	} else {
		if (pmtiles_each(a, touch, &copy, &err))
			assert_true(err.msg[0]);
		for (uint64_t id = 0; id < 100; id++)
			if (pmtiles_find(a, id, &off, &size, &err) == 1)
				touch(&copy, id, 1, off, size);
		free(pmtiles_metadata(a, &err));
		pmtiles_close(a);
	}
	free(copy);
}

static void damage_is_told(void **state)
{
	struct pyramid p;
	struct tile_store *s;
	struct err err;
	uint8_t *data;
	size_t len;

	(void)state;
	pyramid_init(&p, (64 << 5) - 1, 8, 64);
	s = tile_store_pmtiles(path, &p, 3, NULL, &err);
	assert_non_null(s);
	for (unsigned z = 0; z <= 5; z++)
		for (uint64_t x = 0; x < 1u << z; x++)
			put(s, z, x, 1, 0, (unsigned)(x % 7), true);
	finish(s);
	load(&data, &len);
	for (size_t i = 0; i < len; i++) {
		uint8_t was = data[i];

		if (i > 1024 && i < 16384)		/* zeros that nobody reads */
			i = 16384;
		was = data[i];
		data[i] ^= (uint8_t)(1u << random_below(8));
		read_damaged(data, len);
		data[i] = 0xff;
		read_damaged(data, len);
		data[i] = was;
	}
	for (size_t n = 0; n < len; n += n < 1024 || n > 16000 ? 1 : 101)
		read_damaged(data, n);
	free(data);
}

static void an_aborted_archive_leaves_nothing(void **state)
{
	char tmp[1100];
	struct pyramid p;
	struct tile_store *s;
	struct err err;

	(void)state;
	pyramid_init(&p, 1000, 8, 64);
	s = tile_store_pmtiles(path, &p, 3, NULL, &err);
	assert_non_null(s);
	put(s, 0, 0, 1, 0, 1, true);
	tile_store_abort(s);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(tmp, F_OK), 0);
	tile_store_abort(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tile_comes_back),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(an_aborted_archive_leaves_nothing),
	};

	random_seed_from_env();
	scratch_path(path, sizeof(path), ".pmtiles");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
