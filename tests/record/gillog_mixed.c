/*
 * Mixed blocks: the events of all threads come out in the order and as they were put; damaged ones
 * give an error sentence or lawful events, and never crash their reader.
 */
#include "record/logs.h"

#include <zstd.h>

#include "bytes.h"

/* The next event that was put is this one. */
static void same_event(const struct plain *p, const struct gillog_row *row, unsigned kind,
		       uint64_t time, const struct gillog_attr *attrs)
{
	assert_true(p->time == time && p->thread == row->thread && p->lock == row->lock &&
		    p->kind == kind && p->n_attrs == row->n_attrs);
	for (unsigned i = 0; i < p->n_attrs; i++) {
		bool found = false;

		for (unsigned k = 0; k < row->n_attrs; k++)
			found |= attrs[row->attr + k].id == p->attrs[i].id &&
				 attrs[row->attr + k].value == p->attrs[i].value;
		assert_true(found);
	}
}

/* The rows of a block, held against the list if there is one; how many events. */
static uint64_t read_rows(struct gillog_decoder *d, const struct gillog_block *b,
			  const struct plain *p, struct err *err)
{
	const struct gillog_attr *attrs;
	const struct gillog_row *row;
	uint64_t events = 0, time = b->first;
	int n;

	while ((n = gillog_mixed_read(d, &row, &attrs, err)) > 0) {
		for (int i = 0; i < n; i++) {
			assert_true(row[i].time >= time && row[i].time <= b->last &&
				    row[i].thread < b->n_threads && row[i].lock < b->n_locks);
			time = row[i].time;
			if (row[i].kind != GL_PAIRS) {
				assert_non_null(gillog_kind_name(row[i].kind));
				for (unsigned a = 0; a < row[i].n_attrs; a++)
					assert_non_null(
						gillog_attr_name(attrs[row[i].attr + a].id));
				if (p)
					same_event(&p[events], &row[i], row[i].kind, time, attrs);
				events++;
				continue;
			}
			assert_true(row[i].count > 0 && !row[i].n_attrs);
			for (uint32_t k = 0; k < row[i].count; k++) {
				time = row[i].time + (uint64_t)k * row[i].step;
				if (p) {
					same_event(&p[events], &row[i], GL_RELEASE, time, attrs);
					same_event(&p[events + 1], &row[i], GL_ACQUIRE, time,
						   attrs);
				}
				events += 2;
			}
			assert_true(time <= b->last);
		}
	}
	if (n < 0)
		assert_true(err->msg[0]);
	else
		assert_int_equal(events, b->n_events);
	return events;
}

static struct outcome read_all(const void *data, size_t n, const struct plain *p)
{
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	struct outcome o = { 0, GILLOG_ERROR };
	struct err err = { 0 };
	struct gillog_block b;
	struct gillog *g;
	uint64_t mark;

	assert_non_null(d);
	if (gillog_open_mem(&g, data, n, &err)) {
		assert_true(err.msg[0]);
		gillog_decoder_free(d);
		return o;
	}
	for (;;) {
		const struct gillog_event *e;
		const struct gillog_attr *a;

		err = (struct err){ 0 };
		o.last = gillog_next(g, &b, &mark, &err);
		if (o.last == GILLOG_MARK || o.last == GILLOG_DAMAGED)
			continue;
		if (o.last != GILLOG_BLOCK)
			break;
		assert_true(b.mixed);
		assert_int_equal(gillog_decode(d, &b, &e, &a, &err), -1);
		if (gillog_mixed_open(d, &b, &err))
			assert_true(err.msg[0]);
		else
			o.events += read_rows(d, &b, p ? p + o.events : NULL, &err);
		gillog_block_release(&b);
	}
	assert_int_equal(gillog_info(g)->complete, o.last == GILLOG_DONE);
	gillog_close(g);
	gillog_decoder_free(d);
	return o;
}

static struct outcome read_events(const void *data, size_t n)
{
	return read_all(data, n, NULL);
}

static void test_roundtrip(void **state)
{
	static const struct { size_t n; uint32_t threads; bool checks; } cases[] = {
		{ 0, 1, false },    { 1, 1, false },	 { 3000, 1, false },  { 3000, 4, true },
		{ 40000, 64, true }, { 200000, 2, false }, { 60000, 3000, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf log = BUF_INIT;
		struct plain_log l;
		struct outcome o;

		random_log_of(&l, &log, cases[i].n, cases[i].threads, 0, cases[i].checks, true);
		o = read_all(log.data, log.len, l.events);
		assert_true(o.last == GILLOG_DONE && o.events == cases[i].n);
		plain_release(&l);
		buf_release(&log);
	}
}

/* A million checks are a few bytes. */
static void test_small(void **state)
{
	struct gillog_writer_options o = { .clock = GILLOG_TICKS, .mixed = true };
	struct gillog_writer *w;
	struct buf log = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(gillog_writer_new(&w, &o, write_buf, &log, &err), 0);
	assert_int_equal(gillog_put_thread(w, 0, 0, "1", "", &err), 0);
	assert_int_equal(gillog_put_lock(w, 0, 0, "0", "GIL", false, &err), 0);
	for (unsigned i = 0; i < 2000000; i++) {
		struct gillog_event e = { .time = i / 2 * 100,
					  .kind = i % 2 ? GL_ACQUIRE : GL_RELEASE };

		assert_int_equal(gillog_put_event(w, 0, &e, NULL, &err), 0);
	}
	assert_int_equal(gillog_put_event(w, 0, &(struct gillog_event){ .kind = GL_RELEASE }, NULL,
					  &err), -1);
	assert_int_equal(gillog_finish(w, &err), 0);
	assert_true(log.len < 1000 && gillog_written(w)->events == 2000000);
	assert_int_equal(read_all(log.data, log.len, NULL).events, 2000000);
	gillog_writer_free(w);
	buf_release(&log);
}

static struct buf sample(size_t n)
{
	struct buf log = BUF_INIT;
	struct plain_log l;

	random_log_of(&l, &log, n, 3, 0, true, true);
	plain_release(&l);
	return log;
}

static void test_prefixes(void **state)
{
	struct buf log = sample(1500);

	(void)state;
	cut_everywhere(&log, 1500, read_events);
	buf_release(&log);
}

static void test_bytes(void **state)
{
	struct buf log = sample(400);

	(void)state;
	change_each_byte(&log, 400, read_events);
	buf_release(&log);
}

/* The bytes of a block that its writer makes, decompressed. */
static struct buf raw_block(struct gillog_block *b)
{
	struct buf log = sample(300), raw = BUF_INIT;
	struct err err = { 0 };
	struct gillog *g;
	uint64_t mark;

	assert_int_equal(gillog_open_mem(&g, log.data, log.len, &err), 0);
	while (gillog_next(g, b, &mark, &err) == GILLOG_MARK)
		;
	assert_true(b->mixed && b->method <= 1);
	if (b->method == 0)
		buf_add(&raw, b->data, b->raw);
	else
		raw.len = ZSTD_decompress(buf_reserve(&raw, b->raw), b->raw, b->data, b->stored);
	assert_int_equal(raw.len, b->raw);
	gillog_block_release(b);
	b->method = 0;
	b->stored = b->raw;
	gillog_close(g);
	buf_release(&log);
	return raw;
}

/* What no crc protects: a lawful block of which some bytes, or claims, are others. */
static void test_hostile_blocks(void **state)
{
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	unsigned good = 0, refused = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t bytes[64], *p = bytes, *data;
		struct gillog_block b = { .first = 5, .last = 5, .mixed = true,
					  .n_locks = 2, .n_threads = 2, .n_funcs = 2 };
		struct err err = { 0 };
		/* one symbol, one or two entries, columns of random lengths */
		unsigned attrs = random_below(3) ? 0 : (unsigned)random_below(256);
		unsigned kind = (unsigned)(random_below(3) ? random_below(18) : 31);
		unsigned n = 1 + (unsigned)random_below(2);

		p = put_varint(p, 1);
		p = put_varint(p, random_below(3));
		p = put_varint(p, random_below(3));
		p = put_varint(p, attrs << 5 | kind);
		p = put_varint(p, n);
		for (unsigned i = 0; i < 8; i++)
			p = put_varint(p, random_below(4) || round % 2 ? 0 : random_below(4));
		for (size_t i = random_below(4) ? 3 * n : random_below(16); i--;)
			*p++ = (uint8_t)(random_below(4) ? 0 : random_below(2) ? random_below(6) :
							   random_next());
		b.raw = b.stored = (uint32_t)(p - bytes);
		if (random_below(2))
			b.last += random_below(500);
		b.n_events = (uint32_t)(random_below(2) ? n : 1 + random_below(40));
		data = malloc(b.raw);
		memcpy(data, bytes, b.raw);
		b.data = data;
		if (gillog_mixed_open(d, &b, &err) || read_rows(d, &b, NULL, &err) != b.n_events) {
			assert_true(err.msg[0]);
			refused++;
		} else {
			good++;
		}
		free(data);
	}
	assert_true(good > 20 && refused > 1000);
	gillog_decoder_free(d);
}

/* Each byte of a real block, changed: refused, or lawful. */
static void test_changed_blocks(void **state)
{
	struct gillog_decoder *d = gillog_decoder_new(NULL);
	struct gillog_block b;
	struct buf raw = raw_block(&b);
	uint8_t *data = malloc(raw.len);

	(void)state;
	for (size_t i = 0; i < 30 * raw.len; i++) {
		struct err err = { 0 };

		memcpy(data, raw.data, raw.len);
		for (unsigned k = 0; k < 1 + i % 3; k++)
			data[(i + k * random_below(raw.len)) % raw.len] ^=
				(uint8_t)(1u << random_below(8));
		b.data = data;
		if (!gillog_mixed_open(d, &b, &err))
			read_rows(d, &b, NULL, &err);
		else
			assert_true(err.msg[0]);
	}
	free(data);
	buf_release(&raw);
	gillog_decoder_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_hostile_blocks),
		cmocka_unit_test(test_changed_blocks),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
