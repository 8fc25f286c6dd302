/* png.c - see png.h */
#include "png.h"

#include <assert.h>
#include <isa-l/crc.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>

#include "huffman.h"

/*
 * A token is a piece of the stream whose bits are known once the codes are: a literal, a gap of
 * zeros (a literal zero and a match behind it), a match at distance 1, a match at the distance of a
 * row.
 */
enum {
	GAP_MAX = 259,			/* 1 literal + a match of 258 */
	MATCH_MAX = 258,
	TOKEN_GAP = 256,		/* + the number of zeros, 1 to GAP_MAX */
	TOKEN_MATCH = TOKEN_GAP + GAP_MAX + 1,		/* + length, 3 to MATCH_MAX */
	TOKEN_ROW = TOKEN_MATCH + MATCH_MAX + 1,	/* + length */
	N_TOKENS = TOKEN_ROW + MATCH_MAX + 1
};

/* From column first on, n columns of this row differ from the row above by diff. */
struct change { uint16_t first, n; int8_t diff; uint8_t row; };

/*
 * Where a column's rows differ from the row above: worked out once, as a few columns make most of a
 * picture.
 */
#define SHAPES_BITS 9
struct shape {
	uint64_t column;
	uint8_t n, row[COLUMN_SEGMENTS];
	int8_t diff[COLUMN_SEGMENTS];
};

struct token_bits { uint64_t v; unsigned n; };

struct head { uint8_t data[256]; size_t len; };

struct png_encoder {
	unsigned width, lane_height, row_bytes;		/* row_bytes with the filter's byte */
	struct head head[PNG_LANES_MAX];		/* up to IDAT, by number of lanes - 1 */
	struct huff_code fixed_lit[HUFF_LITERALS + 2], fixed_dist[HUFF_DISTANCES];
	struct huff_alphabet lit, dist;	/* all 0 between tiles */

	/* by a hash of the column; all 0 is that of the column 0 */
	struct shape shape[1 << SHAPES_BITS];

	/* One lane's changes: as found, and by row. */
	struct change *found, *change;

	/*
	 * For each row of a lane its bytes less those of the row above, and which of them are not
	 * 0.
	 */
	uint8_t *diff;
	uint64_t *changed;
	unsigned row_words;

	/* The stream so far. */
	uint16_t *token;
	size_t n_tokens;
	uint32_t hist[N_TOKENS];
	uint16_t used[N_TOKENS + 1];	/* those that have come, each once */
	unsigned n_used;
	size_t zeros;			/* at its end, not yet a token */
	uint64_t s1, s2;		/* Adler-32; s2 is reduced at the end, s1 once a row */
	struct token_bits bits[N_TOKENS];

	struct huff_length length[MATCH_MAX + 1];	/* of a match */
	struct huff_distance row_distance;
};

/* --- the stream of tokens --------------------------------------------------------------------- */

static void put_token(struct png_encoder *e, unsigned token)
{
	e->token[e->n_tokens++] = (uint16_t)token;
	e->used[e->n_used] = (uint16_t)token;
	e->n_used += e->hist[token]++ == 0;
}

/*
 * n bytes more as matches of that kind; fewer than 3 cannot be one, so the one before gives some.
 */
static void put_matches(struct png_encoder *e, unsigned kind, size_t n)
{
	while (n > MATCH_MAX) {
		unsigned m = n < MATCH_MAX + 3 ? MATCH_MAX - 3 : MATCH_MAX;

		put_token(e, kind + m);
		n -= m;
	}
	put_token(e, kind + (unsigned)n);
}

static void flush_zeros(struct png_encoder *e)
{
	size_t n = e->zeros;

	if (!n)
		return;
	e->zeros = 0;
	if (n <= GAP_MAX) {
		put_token(e, TOKEN_GAP + (unsigned)n);
		return;
	}
	put_token(e, 0);
	put_matches(e, TOKEN_MATCH, n - 1);
}

static void add_zeros(struct png_encoder *e, size_t n)
{
	e->zeros += n;
	e->s2 += n * e->s1;
}

/* n bytes of v, which is not 0. */
static void add_bytes(struct png_encoder *e, unsigned v, unsigned n)
{
	flush_zeros(e);
	e->s2 += n * e->s1 + (uint64_t)v * n * (n + 1) / 2;
	e->s1 += (uint64_t)n * v;
	put_token(e, v);
	if (n > 3)
		put_matches(e, TOKEN_MATCH, n - 1);
	else
		for (unsigned i = 1; i < n; i++)
			put_token(e, v);
}

static void end_row(struct png_encoder *e)
{
	e->s1 %= 65521;
}

enum filter { FILTER_NONE = 0, FILTER_UP = 2 };

static void begin_row(struct png_encoder *e, enum filter filter)
{
	if (filter == FILTER_NONE)
		add_zeros(e, 1);
	else
		add_bytes(e, filter, 1);
}

/* n rows that look like the one above. */
static void add_same_rows(struct png_encoder *e, unsigned n)
{
	unsigned pixels = e->row_bytes - 1;

	if (!n)
		return;
	begin_row(e, FILTER_UP);
	add_zeros(e, pixels);
	end_row(e);
	if (n == 1)
		return;
	flush_zeros(e);
	put_matches(e, TOKEN_ROW, (size_t)(n - 1) * e->row_bytes);
	/*
	 * Each of the n - 1 rows adds FILTER_UP to s1 at its begin, and its s1 to s2 for each of
	 * its bytes.
	 */
	e->s2 += e->row_bytes * ((n - 1) * e->s1 + (uint64_t)FILTER_UP * n * (n - 1) / 2);
	e->s1 += (uint64_t)FILTER_UP * (n - 1);
	end_row(e);
}

static void add_empty_rows(struct png_encoder *e, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		add_zeros(e, e->row_bytes);
}

/*
 * A row's changes come by column.  Two pixels share a byte, the left one in its upper half.  A byte
 * that changes is never 0: neither half's difference is, and both are below 9.
 *
 * Few changes: as they come, for sorting them is cheap.  A byte of which the left half changes
 * waits in v for the other half.
 */
static void add_few_changes(struct png_encoder *e, const struct change *c, unsigned n)
{
	/* bytes before at are done; v is byte v_at, if it is not 0 */
	unsigned at = 0, v = 0, v_at = 0;

	for (; n--; c++) {
		unsigned d = (unsigned)c->diff, b = c->first / 2, end = c->first + c->n;

		if (v && v_at != b) {
			add_zeros(e, v_at - at);
			add_bytes(e, v & 0xff, 1);
			at = v_at + 1;
			v = 0;
		}
		if (c->first & 1) {
			v += d;
			add_zeros(e, b - at);
			add_bytes(e, v & 0xff, 1);
			at = ++b;
			v = 0;
		}
		if (end / 2 > b) {
			add_zeros(e, b - at);
			add_bytes(e, 17 * d & 0xff, end / 2 - b);
			at = end / 2;
		}
		if (end & 1 && end / 2 >= b) {
			v = 16 * d & 0xff;
			v_at = end / 2;
		}
	}
	if (v) {
		add_zeros(e, v_at - at);
		add_bytes(e, v & 0xff, 1);
		at = v_at + 1;
	}
	add_zeros(e, e->row_bytes - 1 - at);
}

/*
 * The bytes of a row as tokens: gaps of zeros, and between them what changed.  Leaves them all 0
 * again.
 */
static void add_bytes_of_row(struct png_encoder *e, uint8_t *diff, uint64_t *changed)
{
	unsigned pixels = e->row_bytes - 1, at = 0, n;

	for (unsigned w = 0; w < e->row_words; w++) {
		uint64_t mask = changed[w];

		changed[w] = 0;
		while (mask) {
			unsigned p = 64 * w + (unsigned)__builtin_ctzll(mask);
			uint8_t v = diff[p];

			mask &= mask - 1;
			if (p < at)		/* was part of a run */
				continue;
			add_zeros(e, p - at);
			for (n = 1; p + n < pixels && diff[p + n] == v; n++)
				diff[p + n] = 0;
			diff[p] = 0;
			add_bytes(e, v, n);
			at = p + n;
		}
	}
	add_zeros(e, pixels - at);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static struct shape make_shape(uint64_t column, unsigned h)
{
	struct segment seg[COLUMN_SEGMENTS];
	struct shape s = { .column = column };
	unsigned n = column_segments(column, h, seg), ink = INK_IDLE;

	for (unsigned k = 0; k < n; k++) {
		if (seg[k].ink == ink)
			continue;
		s.row[s.n] = seg[k].row;
		s.diff[s.n++] = (int8_t)(seg[k].ink - ink);
		ink = seg[k].ink;
	}
	return s;
}

static inline const struct shape *shape_of(struct png_encoder *e, uint64_t column)
{
	struct shape *s = &e->shape[column * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SHAPES_BITS)];

	if (s->column != column)
		*s = make_shape(column, e->lane_height - LANE_GAP);
	return s;
}

/* Finds where the lane's rows change and sorts that by row; start[r] is the first of row r. */
static void find_changes(struct png_encoder *e, const uint64_t *runs, uint32_t n_runs,
			 unsigned start[LANE_HEIGHT_MAX + 1])
{
	unsigned h = e->lane_height - LANE_GAP, x = 0, n = 0, sum = 0;
	unsigned at[LANE_HEIGHT_MAX] = { 0 };

	for (uint32_t i = 0; i < n_runs; i++) {
		const struct shape *s = shape_of(e, RUN_COLUMN(runs[i]));
		unsigned len = RUN_LENGTH(runs[i]);

		for (unsigned k = 0; k < s->n; k++) {
			e->found[n++] = (struct change){
				.first = (uint16_t)x,
				.n = (uint16_t)len,
				.row = s->row[k],
				.diff = s->diff[k],
			};
			at[s->row[k]]++;
		}
		x += len;
	}
	assert(x == e->width);
	for (unsigned r = 0; r < h; r++) {
		start[r] = sum;
		sum += at[r];
		at[r] = start[r];
	}
	start[h] = sum;
	for (unsigned i = 0; i < n; i++)
		e->change[at[e->found[i].row]++] = e->found[i];
}

/* Adds n columns from x on that differ by d to a row's bytes, which are 0 to begin with. */
static inline void add_diff(uint8_t *diff, uint64_t *changed, unsigned x, unsigned n, unsigned d)
{
	unsigned end = x + n;

	if (n == 1) {		/* most are, where it matters */
		diff[x / 2] += (uint8_t)(d << (x & 1 ? 0 : 4));
		changed[x / 128] |= UINT64_C(1) << (x / 2 % 64);
		return;
	}
	for (; x < end; x++) {
		diff[x / 2] += (uint8_t)(d << (x & 1 ? 0 : 4));
		changed[x / 128] |= UINT64_C(1) << (x / 2 % 64);
	}
}

/* Many changes: straight into the bytes of all rows, which also finds neighbours that are equal. */
static void find_dense_changes(struct png_encoder *e, const uint64_t *runs, uint32_t n_runs,
			       bool *has)
{
	unsigned x = 0, pixels = e->row_bytes - 1;

	for (uint32_t i = 0; i < n_runs; i++) {
		const struct shape *s = shape_of(e, RUN_COLUMN(runs[i]));
		unsigned len = RUN_LENGTH(runs[i]);

		for (unsigned k = 0; k < s->n; k++) {
			unsigned r = s->row[k];

			add_diff(e->diff + (size_t)r * pixels,
				 e->changed + (size_t)r * e->row_words, x, len,
				 (unsigned)s->diff[k]);
			has[r] = true;
		}
		x += len;
	}
	assert(x == e->width);
}

/* From how many runs on a lane's rows are gathered as bytes. */
#define DENSE_RUNS 96

static void add_lane(struct png_encoder *e, const uint64_t *runs, uint32_t n_runs)
{
	unsigned start[LANE_HEIGHT_MAX + 1], h = e->lane_height - LANE_GAP, same = 0;
	bool empty = true;		/* nothing but transparent so far, so that "none" is "up" */
	bool dense = n_runs >= DENSE_RUNS, has[LANE_HEIGHT_MAX] = { false };

	if (dense)
		find_dense_changes(e, runs, n_runs, has);
	else
		find_changes(e, runs, n_runs, start);
	for (unsigned r = 0; r < h; r++) {
		if (dense ? !has[r] : start[r + 1] == start[r]) {
			same++;
			continue;
		}
		if (empty)
			add_empty_rows(e, same);
		else
			add_same_rows(e, same);
		begin_row(e, empty ? FILTER_NONE : FILTER_UP);
		if (dense)
			add_bytes_of_row(e, e->diff + (size_t)r * (e->row_bytes - 1),
					 e->changed + (size_t)r * e->row_words);
		else
			add_few_changes(e, e->change + start[r], start[r + 1] - start[r]);
		end_row(e);
		empty = false;
		same = 0;
	}
	if (empty)
		add_empty_rows(e, same);
	else
		add_same_rows(e, same);
	add_empty_rows(e, LANE_GAP);
}

/* --- codes and bits --------------------------------------------------------------------------- */

/* How often each symbol comes, from how often each token does. */
static void count_symbols(struct png_encoder *e)
{
	huff_count(&e->lit, 256, 1);
	for (unsigned k = 0; k < e->n_used; k++) {
		unsigned t = e->used[k];
		uint32_t n = e->hist[t];

		if (t < TOKEN_GAP) {
			huff_count(&e->lit, t, n);
		} else if (t < TOKEN_GAP + 4) {
			huff_count(&e->lit, 0, (t - TOKEN_GAP) * n);
		} else if (t < TOKEN_MATCH) {
			huff_count(&e->lit, 0, n);
			huff_count(&e->lit, e->length[t - TOKEN_GAP - 1].symbol, n);
			huff_count(&e->dist, 0, n);
		} else if (t < TOKEN_ROW) {
			huff_count(&e->lit, e->length[t - TOKEN_MATCH].symbol, n);
			huff_count(&e->dist, 0, n);
		} else {
			huff_count(&e->lit, e->length[t - TOKEN_ROW].symbol, n);
			huff_count(&e->dist, e->row_distance.symbol, n);
		}
	}
}

/* Extra bits are the same under any codes, so only the symbols' own bits are compared. */
static uint64_t cost(const struct huff_alphabet *a, const struct huff_code *code)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < a->n_used; i++)
		bits += (uint64_t)a->freq[a->used[i]] * code[a->used[i]].bits;
	return bits;
}

/* Appends n bits to a token. */
static inline void add_bits(struct token_bits *t, uint64_t v, unsigned n)
{
	t->v |= v << t->n;
	t->n += n;
}

static inline void add_match(struct token_bits *t, const struct huff_code *lit,
			     struct huff_length l, const struct huff_code *dist,
			     struct huff_distance d)
{
	add_bits(t, lit[l.symbol].code, lit[l.symbol].bits);
	add_bits(t, l.value, l.extra);
	add_bits(t, dist[d.symbol].code, dist[d.symbol].bits);
	add_bits(t, d.value, d.extra);
}

/* The bits of every token that comes. */
static void make_bits(struct png_encoder *e, const struct huff_code *lit,
		      const struct huff_code *dist)
{
	static const struct huff_distance near = { 0 };

	for (unsigned k = 0; k < e->n_used; k++) {
		unsigned t = e->used[k];
		struct token_bits b = { 0 };

		if (t < TOKEN_GAP) {
			add_bits(&b, lit[t].code, lit[t].bits);
		} else if (t < TOKEN_GAP + 4) {
			for (unsigned i = TOKEN_GAP; i < t; i++)
				add_bits(&b, lit[0].code, lit[0].bits);
		} else if (t < TOKEN_MATCH) {
			add_bits(&b, lit[0].code, lit[0].bits);
			add_match(&b, lit, e->length[t - TOKEN_GAP - 1], dist, near);
		} else if (t < TOKEN_ROW) {
			add_match(&b, lit, e->length[t - TOKEN_MATCH], dist, near);
		} else {
			add_match(&b, lit, e->length[t - TOKEN_ROW], dist, e->row_distance);
		}
		e->bits[t] = b;
	}
}

static uint8_t *put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
	return p + 4;
}

/* The zlib stream of the tokens, from p on; returns its end. */
static uint8_t *put_stream(struct png_encoder *e, uint8_t *p)
{
	struct bits b = { .p = p }, fixed;
	uint64_t own_bits, fixed_bits;
	struct huff_code end;

	bits_put(&b, 0x5e78, 16);		/* zlib: a window of 32 KiB */
	bits_put(&b, 1, 1);			/* the only block */
	fixed = b;
	count_symbols(e);
	huff_build(&e->lit);
	huff_build(&e->dist);
	bits_put(&b, 2, 2);
	huff_put_header(&b, &e->lit, &e->dist);
	own_bits = (uint64_t)(b.p - fixed.p) * 8 + b.n + cost(&e->lit, e->lit.code) +
		   cost(&e->dist, e->dist.code);
	fixed_bits = fixed.n + 2 + cost(&e->lit, e->fixed_lit) + cost(&e->dist, e->fixed_dist);
	if (fixed_bits <= own_bits) {
		b = fixed;
		bits_put(&b, 1, 2);
		make_bits(e, e->fixed_lit, e->fixed_dist);
		end = e->fixed_lit[256];
	} else {
		make_bits(e, e->lit.code, e->dist.code);
		end = e->lit.code[256];
	}
	huff_clear(&e->lit);
	huff_clear(&e->dist);
	for (size_t i = 0; i < e->n_tokens; i++)
		bits_put(&b, e->bits[e->token[i]].v, e->bits[e->token[i]].n);
	bits_put(&b, end.code, end.bits);
	return put_be32(bits_end(&b), (uint32_t)(e->s2 % 65521) << 16 | (uint32_t)(e->s1 % 65521));
}

/* --- PNG -------------------------------------------------------------------------------------- */

/* Closes the chunk that begins at p (its length's place) and whose body ends at end. */
static uint8_t *end_chunk(uint8_t *p, uint8_t *end)
{
	put_be32(p, (uint32_t)(end - p - 8));
	return put_be32(end, crc32_gzip_refl(0, p + 4, (uint64_t)(end - p - 4)));
}

/*
 * The most bytes that e->n_tokens tokens can take: 37 bits for a gap under the fixed codes or
 * shorter.
 */
static size_t stream_max(const struct png_encoder *e)
{
	return e->n_tokens * 7 + HUFF_HEADER_MAX + 64;
}

void png_encode(struct png_encoder *e, const struct tile_columns *t, const void *chunk, size_t len,
		struct buf *out)
{
	const struct head *head = &e->head[t->n_lanes - 1];
	uint8_t *p, *begin;

	assert(t->n_lanes >= 1 && t->n_lanes <= PNG_LANES_MAX);
	e->n_tokens = e->zeros = 0;
	e->s1 = 1;
	e->s2 = 0;
	for (unsigned i = 0; i < e->n_used; i++)
		e->hist[e->used[i]] = 0;
	e->n_used = 0;
	for (unsigned i = 0; i < t->n_lanes; i++)
		add_lane(e, t->runs[i], t->n_runs[i]);
	flush_zeros(e);

	p = buf_reserve(out, head->len + stream_max(e) + len + 64);
	if (!p)
		return;
	memcpy(p, head->data, head->len);
	begin = p + head->len;
	memcpy(begin + 4, "IDAT", 4);
	begin = end_chunk(begin, put_stream(e, begin + 8));
	if (len) {
		memcpy(begin + 4, "giLs", 4);
		memcpy(begin + 8, chunk, len);
		begin = end_chunk(begin, begin + 8 + len);
	}
	memcpy(begin + 4, "IEND", 4);
	begin = end_chunk(begin, begin + 8);
	out->len = (size_t)(begin - out->data);
}

/* --- the head, by libpng ---------------------------------------------------------------------- */

static void head_write(png_structp png, png_bytep data, png_size_t n)
{
	struct head *h = png_get_io_ptr(png);

	if (n > sizeof(h->data) - h->len)
		png_error(png, "the head of a PNG is larger than expected");
	memcpy(h->data + h->len, data, n);
	h->len += n;
}

static void head_flush(png_structp png)
{
	(void)png;
}

static void png_failed(png_structp png, png_const_charp msg)
{
	err_set(png_get_error_ptr(png), ERR_MEMORY, "libpng: %s", msg);
	longjmp(png_jmpbuf(png), 1);
}

/* libpng's longjmp ends here. */
static int make_head(struct head *h, unsigned width, unsigned height, enum theme theme,
		     struct err *err)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, err, png_failed, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	png_color colour[N_INKS];
	/* the only one that is not opaque */
	png_byte alpha[1] = { palette[theme][INK_IDLE].a };

	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return err_memory(err, "libpng");
	}
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return -1;
	}
	for (unsigned i = 0; i < N_INKS; i++) {
		const struct colour *c = &palette[theme][i];

		colour[i] = (png_color){ .red = c->r, .green = c->g, .blue = c->b };
	}
	h->len = 0;
	png_set_write_fn(png, h, head_write, head_flush);
	png_set_IHDR(png, info, width, height, 4, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE,
		     PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_PLTE(png, info, colour, N_INKS);
	png_set_tRNS(png, info, alpha, 1, NULL);
	png_write_info(png, info);
	png_destroy_write_struct(&png, &info);
	return 0;
}

struct png_encoder *png_encoder_new(unsigned width, unsigned lane_height, enum theme theme,
				    struct err *err)
{
	struct png_encoder *e = calloc(1, sizeof(*e));
	size_t changes = (size_t)width * COLUMN_SEGMENTS;
	size_t rows = (size_t)PNG_LANES_MAX * lane_height;

	assert(width % 2 == 0 && width >= TILE_WIDTH_MIN && width <= TILE_WIDTH_MAX);
	assert(lane_height >= LANE_HEIGHT_MIN && lane_height <= LANE_HEIGHT_MAX);
	if (!e)
		goto memory;
	e->width = width;
	e->lane_height = lane_height;
	e->row_bytes = width / 2 + 1;
	e->row_words = (e->row_bytes - 1 + 63) / 64;
	e->diff = calloc((size_t)lane_height * (e->row_bytes - 1), 1);
	e->changed = calloc((size_t)lane_height * e->row_words, sizeof(*e->changed));
	e->found = malloc(changes * sizeof(*e->found));
	e->change = malloc(changes * sizeof(*e->change));
	/* A token stands for a byte or more, but for up to six around a gap or a match. */
	e->token = malloc(rows * (e->row_bytes + 8) * sizeof(*e->token));
	if (!e->diff || !e->changed || !e->found || !e->change || !e->token)
		goto memory;
	huff_fixed(e->fixed_lit, e->fixed_dist);
	for (unsigned i = 3; i <= MATCH_MAX; i++)
		e->length[i] = huff_length(i);
	e->row_distance = huff_distance(e->row_bytes);
	for (unsigned n = 1; n <= PNG_LANES_MAX; n++)
		if (make_head(&e->head[n - 1], width, n * lane_height, theme, err)) {
			png_encoder_free(e);
			return NULL;
		}
	return e;
memory:
	err_memory(err, "an encoder of tiles");
	png_encoder_free(e);
	return NULL;
}

void png_encoder_free(struct png_encoder *e)
{
	if (!e)
		return;
	free(e->diff);
	free(e->changed);
	free(e->found);
	free(e->change);
	free(e->token);
	free(e);
}
