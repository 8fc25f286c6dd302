/*
 * A log's bytes are the same however it is compressed, cut into frames, handed over and
 * decompressed by however many threads; of a damaged or cut log all that came before is given, and
 * the sentence says where.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "buf.h"
#include "random.h"
#include "source.h"

/* --- logs, packed by the formats' own libraries ----------------------------------------------- */

/* Lines like a log's, between them bytes that compress badly or very well. */
static struct buf random_log(size_t n)
{
	struct buf b = BUF_INIT;

	while (b.len < n) {
		uint64_t kind = random_below(40);

		if (kind == 0)
			for (uint64_t i = random_below(3000); i; i--)
				buf_add(&b, (uint8_t[]){ (uint8_t)random_next() }, 1);
		else if (kind == 1)
			buf_printf(&b, "%0*u\n", (int)random_below(20000), 7u);
		else
			buf_printf(&b, "t%u %u %u BUSY\n", (unsigned)random_below(5),
				   (unsigned)random_below(100), (unsigned)b.len);
	}
	b.len = n;
	assert_false(buf_failed(&b));
	return b;
}

static void zstd_pack(struct buf *out, const uint8_t *p, size_t n, int level, bool checksum,
		      bool sized, int window)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = { p, n, 0 };
	size_t left;

	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, checksum);
	if (window)
		ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window);
	if (sized)
		ZSTD_CCtx_setPledgedSrcSize(c, n);
	else	/* else libzstd takes the size from the first call, and the frame is one segment */
		ZSTD_compressStream2(c, &(ZSTD_outBuffer){ buf_reserve(out, 64), 64, 0 },
				     &(ZSTD_inBuffer){ p, 0, 0 }, ZSTD_e_continue);
	do {
		ZSTD_outBuffer o = { buf_reserve(out, 1 << 16), 1 << 16, 0 };

		left = ZSTD_compressStream2(c, &o, &in, ZSTD_e_end);
		assert_false(ZSTD_isError(left));
		out->len += o.pos;
	} while (left);
	ZSTD_freeCCtx(c);
}

static void pack_zstd(struct buf *out, const uint8_t *p, size_t n)
{
	zstd_pack(out, p, n, (int)random_below(5) + 1, true, random_below(2), 0);
}

static void pack_zstd_unchecked(struct buf *out, const uint8_t *p, size_t n)
{
	zstd_pack(out, p, n, 1, false, random_below(2), 0);
}

static void add_skippable(struct buf *out, size_t n)
{
	buf_le32(out, 0x184d2a50u + (uint32_t)random_below(16));
	buf_le32(out, (uint32_t)n);
	while (n--)
		buf_add(out, "\x28", 1);
}

/* Before, between and behind the frames. */
static void pack_zstd_skippable(struct buf *out, const uint8_t *p, size_t n)
{
	add_skippable(out, random_below(30));
	pack_zstd(out, p, n);
	zstd_pack(out, p, 0, 3, true, true, 0);
	add_skippable(out, n < 10000 || random_below(8) ? random_below(9) : random_below(300000));
}

static void gzip_pack(struct buf *out, const uint8_t *p, size_t n, int level, bool named)
{
	size_t room = n + n / 100 + 1000;
	gz_header h = { .name = (Bytef *)"a name.log",
			.comment = (Bytef *)"remark",
			.extra = (Bytef *)"ab\4\0wxyz",
			.extra_len = 8,
			.hcrc = 1 };
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (named)
		deflateSetHeader(&z, &h);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = buf_reserve(out, room);
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

static void pack_gzip(struct buf *out, const uint8_t *p, size_t n)
{
	gzip_pack(out, p, n, (int)random_below(10), random_below(2));
}

static void pack_xz(struct buf *out, const uint8_t *p, size_t n)
{
	static const lzma_check checks[] = { LZMA_CHECK_CRC32, LZMA_CHECK_CRC64,
					     LZMA_CHECK_SHA256 };
	size_t room = lzma_stream_buffer_bound(n), at = 0;

	assert_int_equal(lzma_easy_buffer_encode(0, checks[random_below(3)], NULL, p, n,
						 buf_reserve(out, room), &at, room),
			 LZMA_OK);
	out->len += at;
}

static void pack_plain(struct buf *out, const uint8_t *p, size_t n)
{
	buf_add(out, p, n);
}

static const struct packer {
	const char *name;
	void (*pack)(struct buf *out, const uint8_t *p, size_t n);
	bool checked;		/* no changed byte goes unseen */
} packers[] = {
	{ "plain", pack_plain, false },
	{ "zstd", pack_zstd, true },
	{ "zstd without checksums", pack_zstd_unchecked, false },
	/* a longer one swallows what follows */
	{ "zstd with skippable frames", pack_zstd_skippable, false },
	{ "gzip", pack_gzip, true },
	{ "xz", pack_xz, true },
};
#define N_PACKERS (sizeof(packers) / sizeof(*packers))

#define MAX_PARTS 4000

/* A log in n frames (members, streams) of random lengths, some of them empty. */
struct packed {
	struct buf file;
	size_t n;
	size_t plain_end[MAX_PARTS], file_end[MAX_PARTS];
};

static void pack_parts(struct packed *p, const struct packer *how, const struct buf *log, size_t n)
{
	size_t at = 0;

	p->file = (struct buf)BUF_INIT;
	p->n = n;
	for (size_t i = 0; i < n; i++) {
		size_t end = i + 1 == n ? log->len
					: at + random_below(2 * (log->len - at) / (n - i) + 1);

		end = end > log->len || !random_below(50) ? (i + 1 == n ? log->len : at) : end;
		how->pack(&p->file, log->data + at, end - at);
		at = end;
		p->plain_end[i] = at;
		p->file_end[i] = p->file.len;
	}
	assert_false(buf_failed(&p->file));
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return !n || !memcmp(a, b, n);		/* of no bytes there need not be a place */
}

struct got {
	struct buf data;
	bool failed, cut;
	struct err err;
};

static void read_to_end(struct source *s, struct got *g)
{
	const uint8_t *p;
	size_t n;
	int r;

	*g = (struct got){ 0 };
	while (!(r = source_next(s, &p, &n, &g->err)) && n) {
		unsigned sum = 0;

		assert_true(n <= SOURCE_PIECE);
		for (unsigned i = 0; i < SOURCE_PAD; i++)
			sum += p[n + i];
		buf_add(&g->data, p, n);
		if (sum == 1)	/* so that the sum is needed */
			buf_add(&g->data, "", 0);
	}
	g->failed = r;
	assert_int_equal(source_next(s, &p, &n, &g->err), r);
	assert_int_equal(n, 0);
	if (!r)
		g->cut = source_cut(s, &g->err);
	if (g->cut || g->failed)
		assert_true(g->err.msg[0] && g->err.code);
	assert_false(buf_failed(&g->data));
}

static int memory_file(const void *p, size_t n)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	return fd;
}

static void fd_path(char path[64], int fd)
{
	snprintf(path, 64, "/proc/self/fd/%d", fd);
}

static void read_fd(int fd, unsigned n_threads, struct got *g)
{
	struct source_options o = { .n_threads = n_threads };
	struct err err = { 0 };
	struct source *s;
	char path[64];

	fd_path(path, fd);
	if (source_open(&s, path, &o, &err))
		fail_msg("%s", err.msg);
	read_to_end(s, g);
	source_close(s);
}

/* What a shell pipe does, in pieces of any length. */
struct feeder { int fd; const struct buf *b; uint64_t seed; };

static void *feed(void *arg)
{
	struct feeder *f = arg;
	uint64_t x = f->seed;

	for (size_t at = 0; at < f->b->len; ) {
		size_t n;

		x = x * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (size_t)(x >> 33) % (f->b->len / 8 + 1);
		n = n < f->b->len - at ? n : f->b->len - at;
		if (write(f->fd, f->b->data + at, n) != (ssize_t)n)
			break;
		at += n;
	}
	close(f->fd);
	return NULL;
}

static void read_pipe(const struct buf *b, struct got *g)
{
	struct feeder f = { .b = b, .seed = random_next() };
	struct source *s;
	struct err err = { 0 };
	pthread_t t;
	char path[64];
	int p[2];

	assert_int_equal(pipe(p), 0);
	f.fd = p[1];
	fd_path(path, p[0]);
	if (source_open(&s, path, &(struct source_options){ .n_threads = 3 }, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(source_bytes_total(s), 0);
	assert_int_equal(pthread_create(&t, NULL, feed, &f), 0);
	read_to_end(s, g);
	assert_true(g->failed || g->cut || source_bytes_read(s) == b->len);
	pthread_join(t, NULL);
	source_close(s);
	close(p[0]);
}

static void check_whole(const struct got *g, const struct buf *log, const char *what)
{
	if (g->failed || g->cut)
		fail_msg("%s: %s", what, g->err.msg);
	if (g->data.len != log->len || !same(g->data.data, log->data, log->len))
		fail_msg("%s: %zu bytes for %zu, or others", what, g->data.len, log->len);
}

/* --- the tests -------------------------------------------------------------------------------- */

static struct packed packed;

static void test_whole(void **state)
{
	static const size_t sizes[] = {
		0, 1, 40, 5000, SOURCE_PIECE - 1, SOURCE_PIECE, SOURCE_PIECE + 1, 3u << 19, 5u << 20
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (unsigned k = 0; k < N_PACKERS; k++) {
			struct buf log = random_log(sizes[i]);
			struct got g;
			char what[100];
			int fd;

			pack_parts(&packed, &packers[k], &log,
				   1 + random_below(random_below(3) ? 4 : 300));
			fd = memory_file(packed.file.data, packed.file.len);
			for (unsigned threads = 0; threads <= 5; threads++) {
				snprintf(what, sizeof(what), "%s, %zu bytes in %zu, %u threads",
					 packers[k].name, log.len, packed.n, threads);
				read_fd(fd, threads, &g);
				check_whole(&g, &log, what);
				buf_release(&g.data);
			}
			close(fd);
			snprintf(what, sizeof(what), "%s, %zu bytes in %zu, a pipe",
				 packers[k].name, log.len, packed.n);
			read_pipe(&packed.file, &g);
			check_whole(&g, &log, what);
			buf_release(&g.data);
			buf_release(&packed.file);
			buf_release(&log);
		}
}

/* Frames larger than what may wait, among many small ones and large windows. */
static void test_large_frames(void **state)
{
	struct buf log = random_log(24u << 20), file = BUF_INIT;
	static const size_t ends[] = { 100,	  100,	     9u << 20, (9u << 20) + 1,
				       20u << 20, 22u << 20, 24u << 20 };
	size_t at = 0;
	struct got g;
	int fd;

	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		zstd_pack(&file, log.data + at, ends[i] - at, 1, i != 2, i % 2, i == 5 ? 24 : 0);
		at = ends[i];
	}
	fd = memory_file(file.data, file.len);
	for (unsigned threads = 1; threads <= 40; threads += threads < 4 ? 1 : 36) {
		read_fd(fd, threads, &g);
		check_whole(&g, &log, "large frames");
		buf_release(&g.data);
	}
	close(fd);
	buf_release(&file);
	buf_release(&log);
}

static void test_padding(void **state)
{
	struct buf log = random_log(3000), file = BUF_INIT;
	struct got g;
	int fd;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {	/* zeros are padding, anything else is not */
		pack_gzip(&file, log.data, log.len);
		for (unsigned n = 0; n < 512; n++)
			buf_add(&file, n == 300 && i ? "x" : "", 1);
		fd = memory_file(file.data, file.len);
		read_fd(fd, 1, &g);
		assert_int_equal(g.cut, i);
		g.cut = false;
		check_whole(&g, &log, "gzip, padded");
		buf_release(&g.data);
		buf_release(&file);
		close(fd);
	}
	pack_xz(&file, log.data, 1000);
	buf_le64(&file, 0);
	pack_xz(&file, log.data + 1000, 2000);
	buf_le32(&file, 0);
	fd = memory_file(file.data, file.len);
	read_fd(fd, 1, &g);
	check_whole(&g, &log, "xz, padded");
	buf_release(&g.data);
	buf_release(&file);
	close(fd);
	buf_release(&log);
}

/* The input is given as far as it goes, wherever it ends, and the sentence names that byte. */
static void test_prefixes(void **state)
{
	(void)state;
	for (unsigned k = 1; k < N_PACKERS; k++) {
		struct buf log = random_log(1500);
		char byte[40];

		pack_parts(&packed, &packers[k], &log, 4);
		for (size_t n = 0; n <= packed.file.len; n++) {
			int fd = memory_file(packed.file.data, n);
			size_t least = 0;
			bool whole = n == 0;
			struct got g;

			for (size_t i = 0; i < packed.n; i++)
				if (packed.file_end[i] <= n) {
					least = packed.plain_end[i];
					whole |= packed.file_end[i] == n;
				}
			read_fd(fd, 1 + n % 2, &g);
			assert_false(g.failed);
			snprintf(byte, sizeof(byte), "ends at byte %zu,", n);
			if (!g.cut && g.data.len == n && same(g.data.data, packed.file.data, n)) {
				assert_true(n < 4);	/* too little to tell it from text */
			} else if (g.data.len < least || g.data.len > log.len ||
				   !same(g.data.data, log.data, g.data.len)) {
				fail_msg("%s, first %zu bytes: %zu given, %zu at least",
					 packers[k].name, n, g.data.len, least);
			} else if (whole && packers[k].pack != pack_zstd_skippable) {
				assert_false(g.cut);
			} else if (!whole && packers[k].pack == pack_zstd_skippable) {
				assert_true(!g.cut || strstr(g.err.msg, byte));
			} else if (!whole && (!g.cut || !strstr(g.err.msg, byte))) {
				fail_msg("%s, first %zu bytes: cut %d, %s", packers[k].name, n,
					 g.cut, g.err.msg);
			}
			buf_release(&g.data);
			close(fd);
		}
		buf_release(&packed.file);
		buf_release(&log);
	}
}

static void test_changed_bytes(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	unsigned seen = 0, unseen = 0;

	(void)state;
	for (unsigned k = 1; k < N_PACKERS; k++) {
		struct buf log = random_log(900);

		pack_parts(&packed, &packers[k], &log, 3);
		for (size_t i = 0; i < packed.file.len * sizeof(flips); i++) {
			size_t at = i / sizeof(flips), least = 0;
			uint8_t *byte = &packed.file.data[at];
			struct got g[2];
			int fd;

			*byte ^= flips[i % sizeof(flips)];
			for (size_t part = 0; part < packed.n; part++)
				if (packed.file_end[part] <= at)
					least = packed.plain_end[part];
			fd = memory_file(packed.file.data, packed.file.len);
			read_fd(fd, 1, &g[0]);
			read_fd(fd, 2, &g[1]);
			assert_int_equal(g[0].cut, g[1].cut);
			assert_int_equal(g[0].failed, g[1].failed);
			assert_string_equal(g[0].err.msg, g[1].err.msg);
			assert_int_equal(g[0].data.len, g[1].data.len);
			if (!same(g[0].data.data, g[1].data.data, g[0].data.len))
				fail_msg("%s, byte %zu changed: other bytes from two threads; %s",
					 packers[k].name, at, g[0].err.msg);
			if (g[0].cut || g[0].failed)
				seen++;
			else
				unseen++;
			if (g[0].data.len < least || !same(g[0].data.data, log.data, least))
				fail_msg("%s, byte %zu changed: %zu bytes given, or others; %zu "
					 "came before it",
					 packers[k].name, at, g[0].data.len, least);
			if (!g[0].cut && !g[0].failed && packers[k].checked &&
			    (g[0].data.len != packed.file.len ||
			     !same(g[0].data.data, packed.file.data, packed.file.len)))
				check_whole(&g[0], &log, packers[k].name);
			buf_release(&g[0].data);
			buf_release(&g[1].data);
			close(fd);
			*byte ^= flips[i % sizeof(flips)];
		}
		buf_release(&packed.file);
		buf_release(&log);
	}
	print_message("%u changes seen, %u without effect\n", seen, unseen);
}

/* Wrong bytes that decompress are found by the checksum, in frames of one piece and of many. */
static void test_checksums(void **state)
{
	static const size_t sizes[] = { 100, SOURCE_PIECE, SOURCE_PIECE + 1, 3u << 20 };

	(void)state;
	for (unsigned i = 0; i < 4 * 3; i++) {
		struct buf log = random_log(sizes[i / 3]), file = BUF_INIT;
		size_t begin, end;
		char says[100];

		/* so that blocks hold the bytes as they are */
		for (size_t k = 0; k < log.len; k++)
			log.data[k] = (uint8_t)random_next();
		zstd_pack(&file, log.data, log.len, 1, true, true, 0);
		begin = file.len;
		zstd_pack(&file, log.data, log.len, 1, true, true, 0);
		end = file.len;
		zstd_pack(&file, log.data, log.len, 1, true, true, 0);
		file.data[i % 3 == 0 ? end - 1 : i % 3 == 1 ? end - 5 : begin + log.len / 2] ^= 4;
		snprintf(says, sizeof(says),
			 "damaged at byte %zu, in the zstd frame that begins at byte %zu: "
			 "the checksum",
			 end - 4, begin);
		for (unsigned threads = 1; threads <= 4; threads++) {
			int fd = memory_file(file.data, file.len);
			struct got g;

			read_fd(fd, threads, &g);
			if (!g.cut || !strstr(g.err.msg, says))
				fail_msg("said %s", g.err.msg);
			assert_int_equal(g.data.len, 2 * log.len);
			assert_true(same(g.data.data, log.data, log.len));
			buf_release(&g.data);
			close(fd);
		}
		buf_release(&file);
		buf_release(&log);
	}
}

/* n bits of a deflate stream; codes begin with their most significant bit. */
static void add_bits(struct buf *b, unsigned *used, unsigned code, unsigned n)
{
	while (n--) {
		if (!(*used % 8))
			buf_add(b, "", 1);
		b->data[b->len - 1] |= (uint8_t)((code >> n & 1) << (*used)++ % 8);
	}
}

/* A match from before the first byte gives nothing, least of all what lay in memory. */
static void test_far_match(void **state)
{
	struct buf log = random_log(1000), file = BUF_INIT;
	unsigned used = 0;
	struct got g;
	int fd;

	(void)state;
	pack_gzip(&file, log.data, log.len);
	buf_add(&file, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
	add_bits(&file, &used, 6, 3);			/* the last block, fixed codes */
	add_bits(&file, &used, 0x30 + 'a', 8);
	add_bits(&file, &used, 0xc5, 8);		/* 258 bytes */
	/* from 16385 bytes before, and 13 bits more */
	add_bits(&file, &used, 0x1c, 5);
	add_bits(&file, &used, 0, 13);
	for (unsigned i = 0; i < 100; i++)
		buf_add(&file, "", 1);
	fd = memory_file(file.data, file.len);
	read_fd(fd, 1, &g);
	assert_true(g.cut && strstr(g.err.msg, "a match reaches back before its first byte"));
	assert_true(g.data.len == log.len ||
		    (g.data.len == log.len + 1 && g.data.data[log.len] == 'a'));
	assert_true(same(g.data.data, log.data, log.len));
	buf_release(&g.data);
	buf_release(&file);
	buf_release(&log);
	close(fd);
}

/*
 * Damage in the midst of many frames, large ones among them: bytes and sentence are those of one
 * thread.
 */
static void test_damage_threads(void **state)
{
	struct buf log = random_log(6u << 20);

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct got one, many;
		size_t at;
		int fd;

		pack_parts(&packed, &packers[round % 4 == 1 ? 2 : round % 4 == 2 ? 3 : 1], &log,
			   1 + random_below(round % 2 ? 4 : 800));
		at = random_below(packed.file.len);
		if (random_below(3))
			packed.file.data[at] ^= (uint8_t)(1 + random_below(255));
		else
			packed.file.len = at;
		fd = memory_file(packed.file.data, packed.file.len);
		read_fd(fd, 1, &one);
		for (unsigned threads = 2; threads <= 5; threads++) {
			read_fd(fd, threads, &many);
			assert_string_equal(one.err.msg, many.err.msg);
			assert_int_equal(one.cut, many.cut);
			assert_int_equal(one.failed, many.failed);
			assert_int_equal(one.data.len, many.data.len);
			assert_true(same(one.data.data, many.data.data, one.data.len));
			buf_release(&many.data);
		}
		buf_release(&one.data);
		buf_release(&packed.file);
		close(fd);
	}
	buf_release(&log);
}

static void test_close(void **state)
{
	struct buf log = random_log(4u << 20);

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		const struct packer *how = &packers[round % N_PACKERS];
		struct source_options o = { .n_threads = (unsigned)random_below(5) };
		struct err err = { 0 };
		const uint8_t *p;
		struct source *s;
		char path[64];
		size_t n = 1;
		int fd;

		pack_parts(&packed, how, &log, 1 + random_below(20));
		fd = memory_file(packed.file.data, packed.file.len);
		fd_path(path, fd);
		if (source_open(&s, path, &o, &err))
			fail_msg("%s", err.msg);
		for (uint64_t i = random_below(30); i && n; i--)
			if (source_next(s, &p, &n, &err))
				fail_msg("%s", err.msg);
		source_close(s);
		close(fd);
		buf_release(&packed.file);
	}
	buf_release(&log);
	source_close(NULL);
}

/*
 * A pipe from which nothing more comes: what is there is given at once, and closing does not wait
 * for more.
 */
static void test_close_pipe(void **state)
{
	(void)state;
	for (unsigned k = 0; k < N_PACKERS; k++) {
		struct buf log = random_log(30000), file = BUF_INIT;
		struct err err = { 0 };
		struct source *s;
		const uint8_t *p;
		size_t n, sum = 0;
		char path[64];
		int fd[2];

		packers[k].pack(&file, log.data, log.len);
		assert_int_equal(pipe(fd), 0);
		fd_path(path, fd[0]);
		if (source_open(&s, path, NULL, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(write(fd[1], file.data, file.len), (ssize_t)file.len);
		while (sum < log.len) {
			assert_int_equal(source_next(s, &p, &n, &err), 0);
			assert_true(n && n <= log.len - sum);
			assert_memory_equal(p, log.data + sum, n);
			sum += n;
		}
		source_close(s);
		close(fd[0]);
		close(fd[1]);
		buf_release(&file);
		buf_release(&log);
	}
}

/* Standard input is read from where it stands. */
static void test_stdin(void **state)
{
	struct buf log = random_log(200000), file = BUF_INIT;
	int fd, saved = dup(STDIN_FILENO);
	struct err err = { 0 };
	struct source *s;
	struct got g;

	(void)state;
	buf_str(&file, "not ours");
	pack_zstd(&file, log.data, 100000);
	pack_zstd(&file, log.data + 100000, 100000);
	fd = memory_file(file.data, file.len);
	assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
	dup2(fd, STDIN_FILENO);
	for (unsigned threads = 1; threads < 4; threads++) {
		if (source_open(&s, "-", &(struct source_options){ .n_threads = threads }, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(source_bytes_total(s), file.len - 8);
		read_to_end(s, &g);
		check_whole(&g, &log, "standard input");
		assert_int_equal(source_bytes_read(s), file.len - 8);
		buf_release(&g.data);
		source_close(s);
	}
	if (saved >= 0)
		dup2(saved, STDIN_FILENO);
	close(saved);
	close(fd);
	buf_release(&file);
	buf_release(&log);
}

/*
 * What is read with o: all of log, or (says) its first least bytes and an error with these words.
 */
static void check_limit(const struct buf *file, const struct source_options *o,
			const struct buf *log, size_t least, const char *says)
{
	int fd = memory_file(file->data, file->len);
	struct err err = { 0 };
	struct source *s;
	struct got g;
	char path[64];

	fd_path(path, fd);
	if (source_open(&s, path, o, &err))
		fail_msg("%s", err.msg);
	read_to_end(s, &g);
	if (!says) {
		check_whole(&g, log, "a large window");
	} else {
		assert_true(g.failed);
		if (!strstr(g.err.msg, says) || strncmp(g.err.msg, path, strlen(path)))
			fail_msg("said %s", g.err.msg);
		assert_int_equal(g.data.len, least);
		assert_true(same(g.data.data, log->data, least));
	}
	buf_release(&g.data);
	source_close(s);
	close(fd);
}

static void test_windows(void **state)
{
	struct buf log = random_log(5000), file = BUF_INIT;
	size_t at = 13;
	uint32_t crc;

	(void)state;
	for (unsigned threads = 1; threads <= 3; threads += 2) {
		struct source_options usual = { .n_threads = threads };
		struct source_options large = { .n_threads = threads, .long_window = true };

		zstd_pack(&file, log.data, 2000, 1, true, false, 27);
		zstd_pack(&file, log.data + 2000, 3000, 1, true, false, 27);
		check_limit(&file, &usual, &log, 0, NULL);
		file.len = 0;
		zstd_pack(&file, log.data, 2000, 1, true, false, 10);
		zstd_pack(&file, log.data + 2000, 3000, 1, true, false, 28);
		check_limit(&file, &usual, &log, 2000, "256 MiB; above 128 MiB only with --long");
		check_limit(&file, &large, &log, 0, NULL);
		file.len = 0;
		buf_add(&file, "\x28\xb5\x2f\xfd\x00\xa9\x01\x00\x00", 9);
		check_limit(&file, &usual, &log, 0, "2304 MiB, more than libzstd takes (2048)");
		check_limit(&file, &large, &log, 0, "2304 MiB, more than libzstd takes (2048)");
		file.len = 0;
	}
	/*
	 * xz: the block header behind 12 bytes holds a filter (0x21, 1, dictionary), and its crc
	 * behind it
	 */
	pack_xz(&file, log.data, log.len);
	while (file.data[at] != 0x21 || file.data[at + 1] != 1)
		at++;
	file.data[at + 2] = 38;	/* 2 GiB */
	crc = lzma_crc32(file.data + 12, (size_t)file.data[12] * 4, 0);
	for (unsigned i = 0; i < 4; i++)
		file.data[12 + (size_t)file.data[12] * 4 + i] = (uint8_t)(crc >> 8 * i);
	check_limit(&file, NULL, &log, 0, "MiB of memory, at most 128 are allowed");
	buf_release(&file);
	buf_release(&log);
}

static void test_open_errors(void **state)
{
	struct source *s = NULL;
	struct err err = { 0 };
	int saved = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(source_open(&s, "/", NULL, &err), -1);
	assert_null(s);
	assert_string_equal(err.msg, "/: is a folder, not a log");
	assert_int_equal(source_open(&s, "/proc/self/no such file", NULL, &err), -1);
	assert_null(s);
	assert_non_null(strstr(err.msg, "/proc/self/no such file: cannot open: "));
	if (saved >= 0) {
		close(STDIN_FILENO);
		assert_int_equal(source_open(&s, "-", NULL, &err), -1);
		assert_non_null(strstr(err.msg, "standard input: "));
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
	/* a file that opens but cannot be read is an error, too, and not the end of a log */
	if (source_open(&s, "/proc/self/mem", NULL, &err) == 0) {
		const uint8_t *p;
		size_t n;

		assert_int_equal(source_next(s, &p, &n, &err), -1);
		assert_non_null(strstr(err.msg, "/proc/self/mem: cannot read at byte 0: "));
		source_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	      cmocka_unit_test(test_large_frames),
		cmocka_unit_test(test_padding),	      cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_changed_bytes), cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_far_match),     cmocka_unit_test(test_damage_threads),
		cmocka_unit_test(test_close),	      cmocka_unit_test(test_close_pipe),
		cmocka_unit_test(test_stdin),	      cmocka_unit_test(test_windows),
		cmocka_unit_test(test_open_errors),
	};

	random_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
