/* A damaged binary gillog gives an error sentence or lawful events; it never crashes its reader. */
#include "record/logs.h"

#include <zlib.h>

#include "bytes.h"

/* Reads all that can be read, and checks what a reader may rely on. */
static struct outcome read_all(const void *data, size_t n)
{
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	struct outcome o = { 0, GILLOG_ERROR };
	struct err err = { 0 };
	struct gillog_block b;
	struct gillog *g;
	uint64_t mark, last_mark = 0;

	assert_non_null(d);
	if (gillog_open_mem(&g, data, n, &err)) {
		assert_true(err.msg[0]);
		assert_null(g);
		gillog_decoder_free(d);
		return o;
	}
	for (;;) {
		const struct gillog_event *e;
		const struct gillog_attr *attrs;

		err = (struct err){ 0 };
		o.last = gillog_next(g, &b, &mark, &err);
		if (o.last == GILLOG_MARK) {
			assert_true(mark >= last_mark);
			last_mark = mark;
			continue;
		}
		if (o.last == GILLOG_DAMAGED)
			assert_true(err.msg[0] && !b.data);
		if (o.last == GILLOG_DAMAGED)
			continue;
		if (o.last != GILLOG_BLOCK)
			break;
		assert_true(b.thread < gillog_info(g)->n_threads && b.first >= last_mark);
		if (gillog_decode(d, &b, &e, &attrs, &err)) {
			assert_true(err.msg[0]);
		} else {
			for (uint32_t i = 0; i < b.n_events; i++) {
				assert_true(e[i].time >= (i ? e[i - 1].time : b.first) &&
					    e[i].time <= b.last);
				assert_true(gillog_kind_name(e[i].kind) && e[i].lock < b.n_locks);
				for (unsigned a = 0; a < e[i].n_attrs; a++)
					assert_true(gillog_attr_name(attrs[e[i].attr + a].id));
			}
			o.events += b.n_events;
		}
		gillog_block_release(&b);
	}
	if (o.last != GILLOG_DONE)
		assert_true(err.msg[0]);
	assert_int_equal(gillog_info(g)->complete, o.last == GILLOG_DONE);
	gillog_close(g);
	gillog_decoder_free(d);
	return o;
}

static struct buf sample(size_t n)
{
	struct buf log = BUF_INIT;
	struct plain_log l;

	random_log(&l, &log, n, 3, 1500, true);		/* blocks of one plane and of two */
	plain_release(&l);
	return log;
}

static void test_prefixes(void **state)
{
	struct buf log = sample(1500);

	(void)state;
	cut_everywhere(&log, 1500, read_all);
	buf_release(&log);
}

static void test_bytes(void **state)
{
	struct buf log = sample(400);

	(void)state;
	change_each_byte(&log, 400, read_all);
	buf_release(&log);
}

/* What no crc protects, because a hostile writer computes it: any bytes as a block. */
static void test_hostile_blocks(void **state)
{
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	const struct gillog_event *e;
	const struct gillog_attr *attrs;
	uint64_t good = 0;

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		uint32_t n = 1 + (uint32_t)random_below(40);
		uint8_t *data = malloc(n);
		struct gillog_block b = { .first = 5,
					  .raw = n,
					  .stored = n,
					  .data = data,
					  .n_locks = 2,
					  .n_threads = 2,
					  .n_funcs = 2 };
		struct err err = { 0 };

		for (uint32_t i = 0; i < n; i++)
			data[i] = (uint8_t)(random_below(3) ? random_below(128) : random_next());
		/* Claims that may even be true: one event of no length. */
		b.n_events = 1 + (uint32_t)random_below(n);
		if (random_below(2)) {
			b.n_events = 1;
			data[0] &= 7;
			b.raw = b.stored = 1;
		}
		b.last = b.first + (random_below(2) ? 0 : random_below(1000));
		b.method = (uint8_t)(random_below(8) ? 0 : 1 + random_below(2));
		b.heads = (uint32_t)random_below(b.raw + 2);
		if (!gillog_decode(d, &b, &e, &attrs, &err))
			good++;
		else
			assert_true(err.msg[0]);
		free(data);
	}
	assert_true(good > 100);
	gillog_decoder_free(d);
}

/* A wrong number of heads is refused, or gives a block that is as lawful as any. */
static void test_planes(void **state)
{
	struct buf log = sample(3000);
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	const struct gillog_event *e;
	const struct gillog_attr *attrs;
	unsigned planes = 0, refused = 0, tried = 0;
	struct err err = { 0 };
	enum gillog_next next;
	struct gillog_block b;
	struct gillog *g;
	uint64_t mark;

	(void)state;
	assert_int_equal(gillog_open_mem(&g, log.data, log.len, &err), 0);
	while ((next = gillog_next(g, &b, &mark, &err)) == GILLOG_BLOCK || next == GILLOG_MARK) {
		uint32_t heads = b.heads;

		if (next == GILLOG_MARK)
			continue;
		assert_int_equal(gillog_decode(d, &b, &e, &attrs, &err), 0);
		if (b.method == 2) {
			planes++;
			for (b.heads = 0; b.heads <= b.raw + 1; b.heads++) {
				int r = gillog_decode(d, &b, &e, &attrs, &err);

				tried++;
				refused += r < 0;
				assert_true(b.heads != heads || !r);
			}
		}
		gillog_block_release(&b);
	}
	assert_int_equal(next, GILLOG_DONE);
	assert_true(planes && refused > tried / 2);
	gillog_close(g);
	gillog_decoder_free(d);
	buf_release(&log);
}

/* Each claim that an operation or an event can make beyond what its block may, one by one. */
static void test_claims(void **state)
{
	enum { OP = 7 };
#define OPERATION(op, x) ((uint64_t)(x) << 6 | (op) << 3 | OP)
	/*
	 * Numbers of a block from time 5 to 5 with two locks, threads and functions; then one event
	 * at 5.
	 */
	static const struct { uint64_t v[4]; unsigned n; bool good;
	} cases[] = {
		{ { 0 }, 0, true },
		{ { OPERATION(0, 1) }, 1, true },
		{ { OPERATION(0, 2) }, 1, false },
		{ { OPERATION(1, INT32_MAX) }, 1, true },
		{ { OPERATION(1, UINT64_C(1) << 31) }, 1, false },
		{ { OPERATION(2, 2) }, 1, true },
		{ { OPERATION(2, 3) }, 1, false },
		{ { OPERATION(3, 16) }, 1, true },
		{ { OPERATION(3, 17) }, 1, false },
		{ { OPERATION(3, 0) }, 1, false },
		{ { OPERATION(4, 3), 5 }, 2, true },
		{ { OPERATION(4, 8), 5 }, 2, false },
		{ { OPERATION(4, 0), 5 }, 2, false },
		{ { OPERATION(4, 2), 2 }, 2, true },
		{ { OPERATION(4, 2), 4 }, 2, false },
		{ { OPERATION(4, 2), 1 }, 2, false },
		{ { OPERATION(7, 0) }, 1, false },
	};
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	const struct gillog_event *e;
	const struct gillog_attr *attrs;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t raw[64], *p = raw;
		struct gillog_block b = { .first = 5,
					  .last = 5,
					  .n_events = 1,
					  .data = raw,
					  .n_locks = 2,
					  .n_threads = 2,
					  .n_funcs = 2 };

		for (unsigned k = 0; k < cases[i].n; k++)
			p = put_varint(p, cases[i].v[k]);
		p = put_varint(p, 0);
		b.raw = b.stored = (uint32_t)(p - raw);
		assert_int_equal(gillog_decode(d, &b, &e, &attrs, &err), cases[i].good ? 0 : -1);
		b.n_locks = 0;
		assert_int_equal(gillog_decode(d, &b, &e, &attrs, &err), -1);
	}
	/* Times that go once around: sixteen times 2^60 is nothing. */
	uint8_t raw[256], *p = put_varint(raw, 0);
	struct gillog_block b = {
		.first = 5, .last = 5, .n_events = 17, .data = raw, .n_locks = 1
	};

	for (unsigned k = 0; k < 16; k++)
		p = put_varint(p, UINT64_C(1) << 63);
	b.raw = b.stored = (uint32_t)(p - raw);
	assert_int_equal(gillog_decode(d, &b, &e, &attrs, &err), -1);
	gillog_decoder_free(d);
}

/* A newer version is refused by a sentence that says so. */
static void test_version(void **state)
{
	struct buf log = sample(1);
	struct err err = { 0 };
	struct gillog *g;

	(void)state;
	put_le16(log.data + 8, GILLOG_VERSION + 1);
	put_le32(log.data + 12, (uint32_t)crc32_z(0, log.data, 12));
	assert_int_equal(gillog_open_mem(&g, log.data, log.len, &err), -1);
	assert_int_equal(err.code, ERR_VERSION);
	buf_release(&log);
}

static enum gillog_next read_to_end(const struct buf *log, struct err *err)
{
	struct gillog_block b;
	enum gillog_next last;
	struct gillog *g;
	uint64_t mark;

	assert_int_equal(gillog_open_mem(&g, log->data, log->len, err), 0);
	while ((last = gillog_next(g, &b, &mark, err)) == GILLOG_MARK)
		;
	gillog_close(g);
	return last;
}

/* What a log of n functions, or threads, with names of so many bytes is read as; where it ends. */
static enum gillog_next read_names(uint32_t n, size_t name_bytes, bool threads, struct err *err)
{
	struct gillog_writer_options o = { 0 };
	char *name = calloc(1, name_bytes + 1);
	struct buf log = BUF_INIT;
	struct gillog_writer *w;
	enum gillog_next last;

	assert_non_null(name);
	memset(name, 'x', name_bytes);
	assert_int_equal(gillog_writer_new(&w, &o, write_buf, &log, err), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(threads ? gillog_put_thread(w, i, 0, name, name, err) :
					   gillog_put_func(w, i, name, name, i, err), 0);
	/* again: what is replaced is held no more */
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(gillog_put_fact(w, "a fact", name, err), 0);
	assert_int_equal(gillog_finish(w, err), 0);
	gillog_writer_free(w);
	free(name);
	last = read_to_end(&log, err);
	buf_release(&log);
	return last;
}

/* Names take no more than so much memory, however small the log is. */
static void test_many_names(void **state)
{
	static const struct {
		uint32_t n;
		size_t name_bytes;
		bool threads;
		const char *said;	/* NULL: it is read */
	} cases[] = {
		{ 16383, 4096, false, NULL },
		{ 16385, 4096, false, "more than 128 MiB of names in the log" },
		{ 16385, 4096, true, "more than 128 MiB of names in the log" },
		{ 1 << 20, 0, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = { 0 };
		enum gillog_next last = read_names(cases[i].n, cases[i].name_bytes,
						   cases[i].threads, &err);

		assert_int_equal(last, cases[i].said ? GILLOG_ERROR : GILLOG_DONE);
		if (cases[i].said)
			assert_true(strstr(err.msg, cases[i].said) &&
				    !strncmp(err.msg, "names at byte ", 14));
	}
}

/* Nor do things without a name: the writer refuses them, too. */
static void test_many_named(void **state)
{
	static const struct { uint8_t tag, at; const char *of; } cases[] = {
		{ 3, 0, "threads" }, { 5, 0, "functions" }, { 1, 3, "processes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (unsigned more = 0; more < 2; more++) {
			uint8_t section[GILLOG_SECTION_SIZE] = { 1 }, body[16] = { 0 }, raw[32];
			/* a name of 0 bytes, and whatever else of 0 stands beside it */
			uint8_t *p = put_varint(body + cases[i].at, (1u << 20) - 1 + more) + 3;
			uint32_t n = (uint32_t)(p - body) + 2;
			struct buf log = sample(1);
			struct err err = { 0 };
			char want[64] = "number 1048575 is named where";

			raw[0] = cases[i].tag;
			raw[1] = (uint8_t)(n - 2);
			memcpy(raw + 2, body, n - 2);
			put_le32(section + 4, n);
			put_le32(section + 8, n);
			put_le32(section + 40, (uint32_t)crc32_z(0, raw, n));
			put_le32(section + 44, (uint32_t)crc32_z(0, section, 44));
			log.len = GILLOG_HEADER_SIZE;
			buf_add(&log, section, sizeof(section));
			buf_add(&log, raw, n);
			assert_int_equal(read_to_end(&log, &err), GILLOG_ERROR);
			if (more)
				snprintf(want, sizeof(want), "more than 1048576 %s", cases[i].of);
			assert_non_null(strstr(err.msg, want));
			buf_release(&log);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_hostile_blocks),
		cmocka_unit_test(test_planes),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_many_named),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
