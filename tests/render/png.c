/*
 * A tile's PNG, whatever its columns are, decodes without a warning to exactly the pixels that
 * docs/site.md describes, painted one by one; and the same columns always give the same bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "painter.h"
#include "png.h"
#include "random.h"

struct tile {
	unsigned width, lane_height, n_lanes, level;
	struct naive_bin *bin;		/* [lane * width + x] */
	uint64_t *runs;
	struct tile_columns columns;
};

static void random_bin(struct naive_bin *b, uint64_t width, unsigned style)
{
	uint64_t *part[4] = { &b->run, &b->stall, &b->signal, &b->wait }, left = width;

	memset(b, 0, sizeof(*b));
	if (style == 0 || random_below(8) < 4) {		/* one state alone, or idle */
		unsigned k = (unsigned)random_below(5);

		if (k < 4)
			*part[k] = width;
	} else {
		for (unsigned i = 0; i < 4; i++) {
			unsigned k = (unsigned)random_below(4);
			uint64_t v = random_below(3) ? random_below(left + 1) : random_below(3);

			if (v > left || *part[k])
				continue;
			*part[k] = v;
			left -= v;
		}
	}
	if (style == 2 || random_below(16) == 0) {
		b->acquires = (uint32_t)random_below(3);
		b->busy = random_below(2) ? 0 : (uint32_t)(random_next() >> random_below(64));
		b->retry = random_below(3) ? 0 : (uint32_t)(random_next() >> random_below(64));
		b->lost = random_below(9) == 0;
	}
}

static void make_tile(struct tile *t, unsigned style)
{
	uint64_t n = 0;

	t->bin = calloc((size_t)t->n_lanes * t->width, sizeof(*t->bin));
	t->runs = calloc((size_t)t->n_lanes * t->width, sizeof(*t->runs));
	t->columns.n_lanes = t->n_lanes;
	for (unsigned l = 0; l < t->n_lanes; l++) {
		uint64_t *runs = t->runs + n, r = 0, last = 0;

		for (unsigned x = 0; x < t->width; x++) {
			struct naive_bin *b = &t->bin[l * t->width + x];
			struct shares s;
			uint64_t c;

			if (x && style < 3 && random_below(1 + style * 4))
				*b = b[-1];
			else
				random_bin(b, UINT64_C(1) << t->level, style);
			s = (struct shares){ b->run, b->stall, b->signal, b->wait,
					     b->acquires, b->busy, b->retry, b->lost, false };
			c = column_of(&s, t->level, t->lane_height - LANE_GAP);
			if (r && last == c)
				runs[r - 1] += RUN_OF(0, 1);
			else
				runs[r++] = RUN_OF(c, 1);
			last = c;
		}
		t->columns.runs[l] = runs;
		t->columns.n_runs[l] = (uint32_t)r;
		n += r;
	}
}

static void check_tile(const struct tile *t, const struct buf *png)
{
	unsigned h = t->lane_height - LANE_GAP;
	struct picture p;

	assert_int_equal(picture_decode(&p, png->data, png->len), 0);
	assert_int_equal(p.width, t->width);
	assert_int_equal(p.height, t->n_lanes * t->lane_height);
	for (unsigned l = 0; l < t->n_lanes; l++)
		for (unsigned x = 0; x < t->width; x++) {
			uint8_t want[LANE_HEIGHT_MAX] = { 0 };

			naive_column(&t->bin[l * t->width + x], UINT64_C(1) << t->level, h, want);
			for (unsigned r = 0; r < t->lane_height; r++)
				if (p.pixels[(l * t->lane_height + r) * t->width + x] != want[r])
					fail_msg("lane %u column %u row %u: ink %u, not %u", l, x,
						 r,
						 p.pixels[(l * t->lane_height + r) * t->width + x],
						 want[r]);
		}
	picture_release(&p);
}

static void every_tile_decodes_to_its_pixels(void **state)
{
	static const unsigned widths[] = { 64, 128, 256, 512, 1024, 4096 };
	static const unsigned heights[] = { 12, 13, 16, 31, 32, 33, 64, 128 };

	(void)state;
	for (unsigned i = 0; i < 1200; i++) {
		struct tile t = {
			.width = widths[i % 25 ? random_below(4) : random_below(6)],
			.lane_height = heights[random_below(8)],
			.n_lanes = 1 + (unsigned)random_below(8),
			.level = (unsigned)random_below(random_below(2) ? 62 : 4),
		};
		struct png_encoder *e = png_encoder_new(t.width, t.lane_height, i & 1, NULL);
		struct buf a = BUF_INIT, b = BUF_INIT;

		make_tile(&t, i % 5);
		png_encode(e, &t.columns, "abc", i % 3, &a);
		png_encode(e, &t.columns, "abc", i % 3, &b);
		assert_false(buf_failed(&a));
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.data, b.data, a.len);
		check_tile(&t, &a);
		buf_release(&a);
		buf_release(&b);
		free(t.bin);
		free(t.runs);
		png_encoder_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tile_decodes_to_its_pixels),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
