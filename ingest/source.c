/*
 * source.c - see source.h
 *
 *   worker:  input (256 KiB reads) --> codec --> the piece being filled --> queue --\
 *   worker:  ...                                                     queue ---+--> source_next()
 *
 * Bytes are decompressed in jobs, numbered in the order of the file.  A job is the whole input, or
 * a run of zstd frames that begins at a known byte.  Where the run ends is found by hopping from
 * block header to block header; where that would take too long (a frame of more than WALK_BLOCKS
 * blocks) or finds nonsense, the job is one frame whose end only its decoder will find, and nobody
 * starts behind it before.  So one worker and many walk the same way through a file and stop at the
 * same byte with the same sentence.
 *
 * Each worker queues its pieces in the order of its jobs, the reader takes the pieces of job 0,
 * 1, 2...  A queue is bounded; it cannot block the reader, because what stands before a job in its
 * worker's queue is of earlier jobs.
 *
 * zstd is fed block by block, so that the byte of a damage does not depend on how the input was
 * read.  Its content checksum is computed here, piece by piece, for its byte to be told: libzstd is
 * given the frame's header without the flag, and the four bytes are kept from it.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "bytes.h"
#include "pool.h"

#define READ_SIZE (256u << 10)
/* that may wait of a job nobody works beside: 1 MiB stays in a core's cache */
#define STREAM_PIECES 8u
#define WAITING_BYTES (16u << 20)	/* decompressed bytes that may wait, of all workers */
#define MAX_WORKERS 32u			/* leaves each 4 pieces of WAITING_BYTES */

#define ZSTD_MAGIC 0xfd2fb528u
#define SKIP_MAGIC 0x184d2a50u		/* and the 15 after it */
#define ZSTD_BLOCK (128u << 10)		/* no block is larger, packed or unpacked */
#define ZSTD_HEADER 18			/* bytes of the longest frame header */
#define WINDOW_USUAL (UINT64_C(128) << 20)	/* without long_window */
#define WINDOW_MOST (UINT64_C(1) << 31)		/* what libzstd takes (on 64 bits) */
/* frames with more are not decompressed beside others: memory */
#define WINDOW_BESIDE (UINT64_C(8) << 20)
#define DEFLATE_MATCH 258u		/* bytes of the longest match */
#define XZ_MEMORY (UINT64_C(128) << 20)		/* xz -9 needs 65 MiB */

/* a frame of more gains little from company: the others' queues fill first */
#define WALK_BLOCKS 1024u
/* bytes read at once at a block header: a page costs what 3 bytes do */
#define WALK_WINDOW 4096u
#define JOB_BYTES (2u << 20)		/* decompressed bytes after which a job is large enough */

enum outcome {
	GO_ON,
	END,			/* all of the input was decompressed */
	CUT,			/* damaged or cut off: worker.err says where */
	FAILED,			/* a system error: worker.err */
	STOPPED,		/* source_close() */
};

/* The checksum of a zstd frame, and where it stands. */
struct checksum { uint32_t said; uint64_t at, frame; };

/*
 * Of a frame that one thread decompresses alone, the reader takes the checksum: the bytes come into
 * its cache anyway, and the decompressing thread is the one that everything waits for.  Where that
 * one has to wait for the reader, it takes the checksum of the pieces that wait with it.
 */
struct piece {
	/* SOURCE_PIECE + SOURCE_PAD bytes, or NULL: nothing but what follows */
	uint8_t *data;
	size_t len;
	uint64_t job;
	bool last;		/* of its job */
	enum outcome outcome;	/* not GO_ON: nothing comes after this piece */
	bool ends, begins;	/* such a frame ends in it, one begins in it and goes on */
	size_t ends_at, begins_at;
	struct checksum sum;	/* of the one that ends */
	bool hashed;		/* the checksum's part in it was done */
	bool wrong;		/* ... and sum is not what it says */
};

struct input {
	uint8_t *buf;
	size_t pos, len, cap;	/* bytes [pos, len) of buf wait to be decoded */
	size_t counted;		/* of pos, in source.n_read */
	uint64_t off;		/* of buf[len] in the file */
	uint64_t limit;		/* the input ends here at the latest */
	bool eof;
};

struct worker {
	struct source *s;
	pthread_t thread;
	struct input in;
	ZSTD_DCtx *dctx;
	XXH64_state_t *xxh;
	struct piece cur;	/* being filled */
	uint64_t job;
	bool alone;		/* nobody works beside this job */
	/* the frame being decoded */
	bool hashed;		/* it has a checksum */
	bool spans;		/* it began in an earlier piece */
	size_t start;		/* else: where in cur */
	struct err err;		/* set before the piece with its outcome is queued */

	/* under source.lock */
	struct piece *queue;
	unsigned head, n;
	uint8_t **spare;	/* buffers to use again, the warmest on top */
	unsigned n_spare;
	unsigned wants;		/* it sleeps until so few pieces are queued; 0: it does not */
	pthread_cond_t room;
};

struct source {
	char *path;
	int fd, wake;		/* wake: becomes readable when the source is closed */
	bool regular, long_window, whole_pieces;
	uint64_t base, size;	/* where in the file we began; its bytes from there, 0 unknown */
	_Atomic uint64_t n_read;
	_Atomic bool stop;

	struct worker *worker;
	unsigned n_workers, n_started, n_queue;

	/* the reader's own */
	bool (*idle)(void *ctx);	/* NULL: nothing to do */
	void *idle_ctx;
	unsigned from;		/* the worker that had it last */
	struct piece held;
	struct worker *holder;
	enum outcome outcome;
	struct err err;

	pthread_mutex_t lock;
	pthread_cond_t ready;
	/*
	 * The checksum of a frame whose pieces are being given; for whoever has set `summing`, in
	 * their order.
	 */
	XXH64_state_t *xxh;
	bool hashing;		/* such a frame is open */
	bool summing;		/* under lock */
	pthread_cond_t summed;
	uint64_t job;		/* under lock: whose pieces are being given */
	bool waiting;		/* under lock: the reader sleeps */

	pthread_mutex_t walk;	/* guards what follows */
	pthread_cond_t known;
	uint64_t next_off, next_job;
	bool next_known, no_more;
};

static enum outcome cut(struct worker *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static enum outcome cut(struct worker *w, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_set(&w->err, ERR_FORMAT, "%s", what);
	return CUT;
}

static enum outcome no_memory(struct worker *w, const char *what)
{
	err_memory(&w->err, what);
	return FAILED;
}

/* --- pieces, on their way to the reader ------------------------------------------------------- */

/* Takes the checksum on through the piece, by whoever has set `summing`. */
static void sum_piece(struct source *s, struct piece *p)
{
	if (s->hashing)
		XXH64_update(s->xxh, p->data, p->ends ? p->ends_at : p->len);
	if (p->ends) {
		s->hashing = false;
		p->wrong = (uint32_t)XXH64_digest(s->xxh) != p->sum.said;
	}
	if (p->begins) {
		s->hashing = true;
		XXH64_reset(s->xxh, 0);
		XXH64_update(s->xxh, p->data + p->begins_at, p->len - p->begins_at);
	}
}

/*
 * Takes the checksum of the oldest piece in the queue of which the reader would have to; the lock
 * is held, and let go meanwhile.  false: there is none.
 */
static bool help_summing(struct worker *w)
{
	struct source *s = w->s;

	if (s->summing || !w->n || w->queue[w->head].job != s->job)
		return false;
	for (unsigned i = 0; i < w->n; i++) {
		struct piece *p = &w->queue[(w->head + i) % s->n_queue];

		if (p->job != s->job)
			return false;
		if (p->hashed)
			continue;
		s->summing = true;
		pthread_mutex_unlock(&s->lock);
		sum_piece(s, p);
		pthread_mutex_lock(&s->lock);
		s->summing = false;
		p->hashed = true;
		pthread_cond_signal(&s->summed);
		return true;
	}
	return false;
}

/*
 * Queues the piece being filled.  The reader is woken for several pieces, because waking costs as
 * much as decompressing a few kilobytes; urgent: there is no telling when the next one comes.
 */
static enum outcome put_piece(struct worker *w, bool urgent)
{
	struct source *s = w->s;
	unsigned most = w->alone && s->n_queue > STREAM_PIECES ? STREAM_PIECES : s->n_queue;
	bool stopped;

	w->cur.job = w->job;
	if (w->hashed && !w->alone) {
		XXH64_update(w->xxh, w->cur.data + w->start, w->cur.len - w->start);
	} else if (w->hashed && !w->spans) {
		w->cur.begins = true;
		w->cur.begins_at = w->start;
	}
	w->spans = w->hashed;
	w->start = 0;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && w->n >= most) {
		if (help_summing(w))
			continue;
		w->wants = most / 2;
		pthread_cond_wait(&w->room, &s->lock);
	}
	w->wants = 0;
	stopped = s->stop;
	if (!stopped)
		w->queue[(w->head + w->n++) % s->n_queue] = w->cur;
	if (s->waiting && w->queue[w->head].job == s->job && (urgent || w->n >= most / 2))
		pthread_cond_signal(&s->ready);
	pthread_mutex_unlock(&s->lock);
	if (stopped)
		return STOPPED;
	w->cur = (struct piece){ 0 };
	return GO_ON;
}

/* Gives the reader what there is: before a wait for more input. */
static enum outcome flush_piece(struct worker *w)
{
	struct source *s = w->s;

	if (w->cur.len && !s->whole_pieces)
		return put_piece(w, true);
	pthread_mutex_lock(&s->lock);
	if (s->waiting && w->n && w->queue[w->head].job == s->job)
		pthread_cond_signal(&s->ready);
	pthread_mutex_unlock(&s->lock);
	return GO_ON;
}

/* Room for at least one byte at cur.data + cur.len. */
static enum outcome make_room(struct worker *w)
{
	struct source *s = w->s;
	enum outcome r;

	if (w->cur.data && w->cur.len == SOURCE_PIECE) {
		r = put_piece(w, false);
		if (r)
			return r;
	}
	if (w->cur.data)
		return GO_ON;
	pthread_mutex_lock(&s->lock);
	if (w->n_spare)
		w->cur.data = w->spare[--w->n_spare];
	pthread_mutex_unlock(&s->lock);
	if (!w->cur.data)
		w->cur.data = aligned_alloc(64, SOURCE_PIECE + SOURCE_PAD);
	return w->cur.data ? GO_ON : no_memory(w, "decompressed bytes");
}

/* --- input ------------------------------------------------------------------------------------ */

/* Waits until a pipe has something, or the source is closed. */
static enum outcome wait_readable(struct worker *w)
{
	struct pollfd p[2] = { { .fd = w->s->fd, .events = POLLIN },
			       { .fd = w->s->wake, .events = POLLIN } };
	int timeout = 0;

	for (;;) {
		int n = poll(p, 2, timeout);
		enum outcome r;

		if (n < 0 && errno != EINTR) {
			err_system(&w->err, "cannot wait for input");
			return FAILED;
		}
		if (w->s->stop)
			return STOPPED;
		if (n > 0)
			return GO_ON;
		if (n == 0) {
			r = flush_piece(w);
			if (r)
				return r;
			timeout = -1;
		}
	}
}

/* Reads up to n bytes at in->off; *got 0 at the end of the input. */
static enum outcome read_some(struct worker *w, void *dst, size_t n, size_t *got)
{
	struct input *in = &w->in;
	struct source *s = w->s;
	ssize_t r;

	*got = 0;
	if (in->eof || in->off >= in->limit)
		return GO_ON;
	if (n > in->limit - in->off)
		n = (size_t)(in->limit - in->off);
	do {
		if (s->stop)
			return STOPPED;
		if (!s->regular) {
			enum outcome o = wait_readable(w);

			if (o)
				return o;
		}
		r = s->regular ? pread(s->fd, dst, n, (off_t)in->off) : read(s->fd, dst, n);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	if (r < 0) {
		err_system(&w->err, "cannot read at byte %" PRIu64, in->off);
		return FAILED;
	}
	in->eof = r == 0;
	in->off += (uint64_t)r;
	*got = (size_t)r;
	return GO_ON;
}

static size_t have(const struct worker *w)
{
	return w->in.len - w->in.pos;
}

/* The file's byte that is decoded next. */
static uint64_t here(const struct worker *w)
{
	return w->in.off - have(w);
}

static void count_read(struct worker *w)
{
	atomic_fetch_add_explicit(&w->s->n_read, w->in.pos - w->in.counted, memory_order_relaxed);
	w->in.counted = w->in.pos;
}

/*
 * At least need bytes at in.buf + in.pos; fewer only where the input ends.  A pipe that makes us
 * wait gets the piece being filled queued: make_room() comes after this.
 */
static enum outcome fill(struct worker *w, size_t need)
{
	struct input *in = &w->in;

	if (have(w) >= need)
		return GO_ON;
	count_read(w);
	in->len -= in->pos;
	memmove(in->buf, in->buf + in->pos, in->len);
	in->pos = in->counted = 0;
	while (in->len < need) {
		size_t got, room = in->cap - in->len;
		enum outcome r =
			read_some(w, in->buf + in->len, room < READ_SIZE ? room : READ_SIZE, &got);

		if (r)
			return r;
		if (!got)
			break;
		in->len += got;
	}
	return GO_ON;
}

/* Goes on at byte off of a regular file; behind byte limit nothing is read. */
static void seek_input(struct worker *w, uint64_t off, uint64_t limit)
{
	struct input *in = &w->in;

	if (off >= here(w) && off <= in->off) {
		in->pos += (size_t)(off - here(w));
	} else {
		in->pos = in->len = 0;
		in->off = off;
	}
	in->counted = in->pos;
	in->limit = limit;
	in->eof = false;
}

/* --- plain ------------------------------------------------------------------------------------ */

static enum outcome run_plain(struct worker *w)
{
	for (;;) {
		bool direct = w->s->regular && !have(w);
		enum outcome r = direct ? GO_ON : fill(w, 1);
		size_t room, got;

		if (!r)
			r = make_room(w);
		if (r)
			return r;
		room = SOURCE_PIECE - w->cur.len;
		if (direct) {
			r = read_some(w, w->cur.data + w->cur.len, room, &got);
			if (r)
				return r;
			atomic_fetch_add_explicit(&w->s->n_read, got, memory_order_relaxed);
		} else {
			got = have(w) < room ? have(w) : room;
			memcpy(w->cur.data + w->cur.len, w->in.buf + w->in.pos, got);
			w->in.pos += got;
		}
		if (!got)
			return END;
		w->cur.len += got;
	}
}

/* --- zstd ------------------------------------------------------------------------------------- */

struct frame {
	uint64_t at;		/* of its first byte in the file */
	uint64_t window;
	unsigned header;	/* bytes of the header */
	bool checksum;
};

static bool is_skippable(uint32_t magic)
{
	return (magic & ~15u) == SKIP_MAGIC;
}

/* How long the header is whose fifth byte this is. */
static unsigned header_size(uint8_t descriptor)
{
	static const uint8_t id[] = { 0, 1, 2, 4 }, content[] = { 0, 2, 4, 8 };
	bool single = descriptor & 0x20;
	unsigned size = 5 + !single + id[descriptor & 3] + content[descriptor >> 6];

	return size + (single && !(descriptor >> 6));
}

/* p: a whole header.  RFC 8878, 3.1.1.1. */
static void parse_header(const uint8_t *p, struct frame *f)
{
	unsigned descriptor = p[4], exponent, content = descriptor >> 6;

	f->header = header_size(p[4]);
	f->checksum = descriptor & 4;
	if (descriptor & 0x20) {	/* one segment: the window is the content */
		const uint8_t *size = p + f->header - (content ? 1u << content : 1);

		f->window = content == 0 ? size[0] : content == 1 ? get_le16(size) + 256u :
			    content == 2 ? get_le32(size) : get_le64(size);
	} else {
		exponent = 10 + (p[5] >> 3);
		f->window =
			(UINT64_C(1) << exponent) + ((UINT64_C(1) << exponent) >> 3) * (p[5] & 7);
	}
}

/* A block's header; false for what no block can be.  *size: the bytes behind the header. */
static bool parse_block(const uint8_t *p, unsigned *size, bool *last)
{
	unsigned h = p[0] | (unsigned)p[1] << 8 | (unsigned)p[2] << 16;
	unsigned type = h >> 1 & 3;

	*last = h & 1;
	*size = type == 1 ? 1 : h >> 3;		/* type 1: one byte, repeated */
	return type != 3 && h >> 3 <= ZSTD_BLOCK;
}

static enum outcome zstd_ends(struct worker *w, const struct frame *f)
{
	return cut(w,
		   "the input ends at byte %" PRIu64
		   ", inside the zstd frame that begins at byte %" PRIu64,
		   w->in.off, f->at);
}

#define ZSTD_DAMAGED \
	"damaged at byte %" PRIu64 ", in the zstd frame that begins at byte %" PRIu64 ": "
#define WRONG_CHECKSUM ZSTD_DAMAGED "the checksum of its content is another"

static enum outcome zstd_damaged(struct worker *w, const struct frame *f, uint64_t at,
				 const char *what)
{
	return cut(w, ZSTD_DAMAGED "%s", at, f->at, what);
}

static enum outcome zstd_refused(struct worker *w, const struct frame *f, uint64_t at, size_t code)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return no_memory(w, "a zstd window");
	return zstd_damaged(w, f, at, ZSTD_getErrorName(code));
}

static enum outcome check_window(struct worker *w, const struct frame *f)
{
	uint64_t mib = (f->window + (1 << 20) - 1) >> 20;

	if (f->window <= (w->s->long_window ? WINDOW_MOST : WINDOW_USUAL))
		return GO_ON;
	if (f->window > WINDOW_MOST)
		err_set(&w->err, ERR_FORMAT,
			"the zstd frame at byte %" PRIu64 " asks for a window of %" PRIu64
			" MiB, more than libzstd takes (%" PRIu64 ")",
			f->at, mib, WINDOW_MOST >> 20);
	else
		err_set(&w->err, ERR_FORMAT,
			"the zstd frame at byte %" PRIu64 " needs a window of %" PRIu64
			" MiB; above %" PRIu64 " MiB only with --long",
			f->at, mib, WINDOW_USUAL >> 20);
	return FAILED;
}

/* Gives the decoder [p, p+n) and queues all that comes of it. */
static enum outcome zstd_feed(struct worker *w, const struct frame *f, uint64_t at, const void *p,
			      size_t n)
{
	ZSTD_inBuffer in = { p, n, 0 };

	for (;;) {
		enum outcome r = make_room(w);
		ZSTD_outBuffer out = { w->cur.data, SOURCE_PIECE, w->cur.len };
		size_t code;

		if (r)
			return r;
		code = ZSTD_decompressStream(w->dctx, &out, &in);
		w->cur.len = out.pos;
		if (ZSTD_isError(code))
			return zstd_refused(w, f, at, code);
		if (!code || (in.pos == n && out.pos < out.size))	/* 0: the frame is whole */
			return GO_ON;
	}
}

static enum outcome zstd_skip(struct worker *w, const struct frame *f)
{
	uint64_t left;
	enum outcome r = fill(w, 8);

	if (r)
		return r;
	if (have(w) < 8)
		return zstd_ends(w, f);
	left = 8 + (uint64_t)get_le32(w->in.buf + w->in.pos + 4);
	while (left) {
		size_t n;

		r = fill(w, 1);
		if (r)
			return r;
		n = have(w);
		if (!n)
			return zstd_ends(w, f);
		n = n < left ? n : (size_t)left;
		w->in.pos += n;
		left -= n;
	}
	return GO_ON;
}

/* The four bytes behind the last block. */
static enum outcome zstd_checksum(struct worker *w, const struct frame *f)
{
	enum outcome r = fill(w, 4);
	uint64_t at = here(w);
	uint32_t said, is;

	if (r)
		return r;
	if (have(w) < 4)
		return zstd_ends(w, f);
	said = get_le32(w->in.buf + w->in.pos);
	w->in.pos += 4;
	w->hashed = false;
	if (w->spans && w->alone) {
		w->cur.ends = true;
		w->cur.ends_at = w->cur.len;
		w->cur.sum = (struct checksum){ said, at, f->at };
		return GO_ON;
	}
	if (w->spans && w->cur.len)
		XXH64_update(w->xxh, w->cur.data, w->cur.len);
	is = (uint32_t)(w->spans ? XXH64_digest(w->xxh) :
			XXH64(w->cur.data + w->start, w->cur.len - w->start, 0));
	return is == said ? GO_ON : cut(w, WRONG_CHECKSUM, at, f->at);
}

static enum outcome zstd_begin(struct worker *w, struct frame *f)
{
	uint8_t header[ZSTD_HEADER];
	enum outcome r = fill(w, 5);
	const uint8_t *p;

	if (r)
		return r;
	if (have(w) < 5)
		return zstd_ends(w, f);
	r = fill(w, header_size(w->in.buf[w->in.pos + 4]));
	if (r)
		return r;
	p = w->in.buf + w->in.pos;
	if (have(w) < header_size(p[4]))
		return zstd_ends(w, f);
	parse_header(p, f);
	r = check_window(w, f);
	if (r)
		return r;
	memcpy(header, p, f->header);
	header[4] &= (uint8_t)~4u;	/* the checksum is ours */
	w->in.pos += f->header;
	if (!w->dctx)
		w->dctx = ZSTD_createDCtx();
	if (!w->dctx)
		return no_memory(w, "a zstd decoder");
	ZSTD_DCtx_reset(w->dctx, ZSTD_reset_session_only);
	ZSTD_DCtx_setParameter(w->dctx, ZSTD_d_windowLogMax, w->s->long_window ? 31 : 27);
	r = make_room(w);
	if (r)
		return r;
	w->hashed = f->checksum;
	w->spans = false;
	w->start = w->cur.len;
	if (f->checksum)
		XXH64_reset(w->xxh, 0);
	return zstd_feed(w, f, f->at, header, f->header);
}

static enum outcome zstd_blocks(struct worker *w, const struct frame *f)
{
	bool last = false;

	while (!last) {
		enum outcome r = fill(w, 3);
		uint64_t at = here(w);
		unsigned size;

		if (r)
			return r;
		if (have(w) < 3)
			return zstd_ends(w, f);
		if (!parse_block(w->in.buf + w->in.pos, &size, &last))
			return zstd_damaged(w, f, at, "no block begins like this");
		r = fill(w, 3 + size);
		if (r)
			return r;
		if (have(w) < 3 + size)
			return zstd_ends(w, f);
		r = zstd_feed(w, f, at, w->in.buf + w->in.pos, 3 + size);
		if (r)
			return r;
		w->in.pos += 3 + size;
	}
	return GO_ON;
}

/* Decodes one frame; END where there is none. */
static enum outcome zstd_frame(struct worker *w)
{
	struct frame f = { .at = here(w) };
	enum outcome r = fill(w, 4);
	uint32_t magic;

	if (r)
		return r;
	if (!have(w))
		return END;
	if (have(w) < 4)
		return zstd_ends(w, &f);
	magic = get_le32(w->in.buf + w->in.pos);
	if (is_skippable(magic))
		return zstd_skip(w, &f);
	if (magic != ZSTD_MAGIC)
		return cut(w, "damaged at byte %" PRIu64 ": behind a zstd frame comes what is none",
			   f.at);
	r = zstd_begin(w, &f);
	if (!r)
		r = zstd_blocks(w, &f);
	if (!r && f.checksum)
		r = zstd_checksum(w, &f);
	w->hashed = false;
	/* that each should keep one is too much */
	if (w->s->n_workers > 1 && f.window > WINDOW_BESIDE) {
		ZSTD_freeDCtx(w->dctx);
		w->dctx = NULL;
	}
	return r;
}

static enum outcome run_zstd(struct worker *w)
{
	enum outcome r;

	do
		r = zstd_frame(w);
	while (!r);
	return r;
}

/* --- zstd, several workers -------------------------------------------------------------------- */

/* What of the file was read to find where frames end. */
struct hop {
	uint64_t off;
	size_t len;
	uint8_t buf[WALK_WINDOW];
};

/* n bytes at off, or NULL where the file has not so many. */
static const uint8_t *peek(struct source *s, struct hop *h, uint64_t off, size_t n)
{
	if (off < h->off || off + n > h->off + h->len) {
		ssize_t r;

		do
			r = pread(s->fd, h->buf, sizeof(h->buf), (off_t)off);
		while (r < 0 && errno == EINTR);
		h->off = off;
		h->len = r > 0 ? (size_t)r : 0;
	}
	return n <= h->len && off - h->off <= h->len - n ? h->buf + (off - h->off) : NULL;
}

/*
 * Moves *off behind the frame that begins there, and adds what it may decompress to.  false where
 * that is not to be found quickly, or the frame is no work for several: whoever decodes it will
 * say.
 */
static bool hop_frame(struct source *s, struct hop *h, uint64_t *off, uint64_t *bytes)
{
	const uint8_t *p = peek(s, h, *off, 8);		/* no frame is shorter */
	struct frame f;
	uint64_t at;

	if (p && is_skippable(get_le32(p))) {
		*off += 8 + (uint64_t)get_le32(p + 4);
		*bytes += 64;			/* it is some work, too */
		return true;
	}
	p = p && get_le32(p) == ZSTD_MAGIC ? peek(s, h, *off, header_size(p[4])) : NULL;
	if (!p)
		return false;
	parse_header(p, &f);
	if (f.window > WINDOW_BESIDE)
		return false;
	at = *off + f.header;
	for (unsigned i = 0; i < WALK_BLOCKS; i++) {
		unsigned size;
		bool last;

		p = peek(s, h, at, 3);
		if (!p || !parse_block(p, &size, &last))
			return false;
		at += 3 + size;
		*bytes += f.window < ZSTD_BLOCK ? f.window + 64 : ZSTD_BLOCK;
		if (last) {
			*off = at + (f.checksum ? 4 : 0);
			return true;
		}
	}
	return false;
}

/*
 * The next job: frames of bytes [*off, *end), or with w->alone the one frame at *off.  false: there
 * is none.
 */
static bool take_job(struct worker *w, uint64_t *off, uint64_t *end)
{
	struct source *s = w->s;
	struct hop h = { .len = 0 };
	uint64_t bytes = 0;
	bool ok;

	pthread_mutex_lock(&s->walk);
	while (!s->next_known && !s->no_more && !s->stop)
		pthread_cond_wait(&s->known, &s->walk);
	ok = !s->no_more && !s->stop;
	if (ok) {
		*off = *end = s->next_off;
		while (bytes < JOB_BYTES && hop_frame(s, &h, end, &bytes))
			;
		s->next_off = *end;
		w->alone = *end == *off;
		s->next_known = !w->alone;
		w->job = s->next_job++;
	}
	pthread_mutex_unlock(&s->walk);
	return ok;
}

static enum outcome run_job(struct worker *w, uint64_t off, uint64_t end)
{
	struct source *s = w->s;
	enum outcome r;

	seek_input(w, off, w->alone ? INT64_MAX : end);
	do
		r = zstd_frame(w);
	while (!r && here(w) < end);
	count_read(w);
	if (!r && !w->alone && here(w) != end)
		r = cut(w, "the file was changed at byte %" PRIu64 " while it was read", here(w));
	if (!r && !w->alone)
		return r;
	pthread_mutex_lock(&s->walk);
	s->no_more |= r != GO_ON;
	if (w->alone) {
		s->next_off = here(w);
		s->next_known = true;
	}
	pthread_cond_broadcast(&s->known);
	pthread_mutex_unlock(&s->walk);
	return r;
}

static enum outcome run_jobs(struct worker *w)
{
	uint64_t off, end;
	enum outcome r = GO_ON;

	while (!r && take_job(w, &off, &end)) {
		r = run_job(w, off, end);
		if (r)
			break;
		w->cur.last = true;
		r = put_piece(w, true);
	}
	return r ? r : STOPPED;		/* another has come to the end */
}

/* --- gzip ------------------------------------------------------------------------------------- */

struct member {
	uint64_t at;
	uint32_t crc;		/* of the header so far */
};

static enum outcome gzip_ends(struct worker *w, const struct member *m)
{
	return cut(w,
		   "the input ends at byte %" PRIu64
		   ", inside the gzip member that begins at byte %" PRIu64,
		   w->in.off, m->at);
}

static enum outcome gzip_damaged(struct worker *w, const struct member *m, uint64_t at,
				 const char *what)
{
	return cut(w,
		   "damaged at byte %" PRIu64 ", in the gzip member that begins at byte %" PRIu64
		   ": %s",
		   at, m->at, what);
}

/* The next n bytes of the header, at most 10, into p. */
static enum outcome gzip_bytes(struct worker *w, struct member *m, uint8_t *p, size_t n)
{
	enum outcome r = fill(w, n);

	if (r)
		return r;
	if (have(w) < n)
		return gzip_ends(w, m);
	memcpy(p, w->in.buf + w->in.pos, n);
	m->crc = crc32_gzip_refl(m->crc, p, n);
	w->in.pos += n;
	return GO_ON;
}

static enum outcome gzip_string(struct worker *w, struct member *m)
{
	enum outcome r;
	uint8_t c;

	do
		r = gzip_bytes(w, m, &c, 1);
	while (!r && c);
	return r;
}

/* RFC 1952, 2.3. */
static enum outcome gzip_header(struct worker *w, struct member *m)
{
	uint8_t h[10], b[2];
	enum outcome r = gzip_bytes(w, m, h, 10);
	uint32_t crc;

	if (r)
		return r;
	if (h[0] != 0x1f || h[1] != 0x8b)
		return cut(w,
			   "damaged at byte %" PRIu64 ": behind a gzip member comes what is none",
			   m->at);
	if (h[2] != 8)
		return gzip_damaged(w, m, m->at + 2, "its compression method is unknown");
	if (h[3] & 0xe0)
		return gzip_damaged(w, m, m->at + 3, "a reserved flag is set");
	if (h[3] & 4) {
		r = gzip_bytes(w, m, b, 2);
		for (unsigned n = get_le16(b); !r && n; n--)
			r = gzip_bytes(w, m, h, 1);
	}
	if (!r && h[3] & 8)
		r = gzip_string(w, m);
	if (!r && h[3] & 16)
		r = gzip_string(w, m);
	crc = m->crc & 0xffff;
	if (!r && h[3] & 2) {
		r = gzip_bytes(w, m, b, 2);
		if (!r && crc != get_le16(b))
			return gzip_damaged(w, m, here(w) - 2,
					    "the checksum of its header is another");
	}
	return r;
}

static enum outcome gzip_refused(struct worker *w, const struct member *m,
				 const struct inflate_state *z, int code)
{
	/* the decoder has taken some whole bytes that it has not looked at */
	uint64_t ahead = z->read_in_length > 0 ? (uint64_t)z->read_in_length / 8 : 0;
	uint64_t at = here(w) - m->at > ahead ? here(w) - ahead : m->at;

	if (code == ISAL_INCORRECT_CHECKSUM)
		return gzip_damaged(w, m, here(w) - 8,
				    "the checksum or the length of its content is another");
	return gzip_damaged(w, m, at,
			    code == ISAL_INVALID_BLOCK ? "no block begins like this"
			    : code == ISAL_INVALID_LOOKBACK
				    ? "a match reaches back before its first byte"
				    : "a code that stands for nothing");
}

static enum outcome gzip_member(struct worker *w, struct inflate_state *z)
{
	struct member m = { .at = here(w) };
	enum outcome r = gzip_header(w, &m);

	if (r)
		return r;
	isal_inflate_reset(z);
	z->crc_flag = ISAL_GZIP_NO_HDR_VER;
	while (z->block_state != ISAL_BLOCK_FINISH) {
		size_t n, room;
		int code;

		r = fill(w, 1);
		if (!r)
			r = make_room(w);
		if (r)
			return r;
		n = have(w);
		room = SOURCE_PIECE - w->cur.len;
		z->next_in = w->in.buf + w->in.pos;
		z->avail_in = (uint32_t)n;
		z->next_out = w->cur.data + w->cur.len;
		z->avail_out = (uint32_t)room;
		code = isal_inflate(z);
		w->in.pos = w->in.len - z->avail_in;
		w->cur.len = SOURCE_PIECE - z->avail_out;
		if (code < 0) {
			/* ISA-L counts a match as written, and then looks if its distance can be */
			room -= z->avail_out;
			if (code != ISAL_INCORRECT_CHECKSUM)
				w->cur.len -= room < DEFLATE_MATCH ? room : DEFLATE_MATCH;
			return gzip_refused(w, &m, z, code);
		}
		if (!n && z->avail_out == room && z->block_state != ISAL_BLOCK_FINISH)
			return gzip_ends(w, &m);
	}
	return GO_ON;
}

static enum outcome run_gzip(struct worker *w)
{
	struct inflate_state *z = malloc(sizeof(*z));
	enum outcome r = z ? GO_ON : no_memory(w, "a gzip decoder");

	if (z)
		isal_inflate_init(z);
	for (bool first = true; !r; first = false) {
		r = fill(w, 1);
		/* padding, as on tapes */
		while (!r && !first && have(w) && !w->in.buf[w->in.pos]) {
			w->in.pos++;
			r = fill(w, 1);
		}
		if (!r)
			r = have(w) ? gzip_member(w, z) : END;
	}
	free(z);
	return r;
}

/* --- xz --------------------------------------------------------------------------------------- */

static enum outcome xz_refused(struct worker *w, lzma_stream *z, lzma_ret code)
{
	switch (code) {
	case LZMA_STREAM_END:
		return END;
	case LZMA_BUF_ERROR:
		return cut(w, "the input ends at byte %" PRIu64 ", inside xz data", w->in.off);
	case LZMA_MEM_ERROR:
		return no_memory(w, "an xz decoder");
	case LZMA_MEMLIMIT_ERROR:
		err_set(&w->err, ERR_FORMAT,
			"the xz data at byte %" PRIu64 " needs %" PRIu64
			" MiB of memory, at most %" PRIu64 " are allowed",
			here(w), lzma_memusage(z) >> 20, XZ_MEMORY >> 20);
		return FAILED;
	case LZMA_FORMAT_ERROR:
		return cut(w, "damaged at byte %" PRIu64 ": no xz stream begins like this",
			   here(w));
	case LZMA_OPTIONS_ERROR:
		return cut(w, "damaged at byte %" PRIu64 ": xz options that liblzma does not know",
			   here(w));
	default:
		return cut(w, "damaged at byte %" PRIu64 ": the xz data or a checksum is wrong",
			   here(w));
	}
}

static enum outcome run_xz(struct worker *w)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_ret code = lzma_stream_decoder(&z, XZ_MEMORY, LZMA_CONCATENATED);
	enum outcome r = GO_ON;

	while (code == LZMA_OK) {
		r = fill(w, 1);
		if (!r)
			r = make_room(w);
		if (r)
			break;
		z.next_in = w->in.buf + w->in.pos;
		z.avail_in = have(w);
		z.next_out = w->cur.data + w->cur.len;
		z.avail_out = SOURCE_PIECE - w->cur.len;
		code = lzma_code(&z, have(w) ? LZMA_RUN : LZMA_FINISH);
		w->in.pos = w->in.len - z.avail_in;
		w->cur.len = SOURCE_PIECE - z.avail_out;
	}
	if (!r)
		r = xz_refused(w, &z, code);
	lzma_end(&z);
	return r;
}

/* --- which of them ---------------------------------------------------------------------------- */

static const struct codec {
	enum outcome (*run)(struct worker *w);
	uint8_t magic[6];
	uint8_t n;
	/*
	 * A shorter input is still one of these if it begins with so many bytes of the magic: no
	 * text does.
	 */
	uint8_t least;
} codecs[] = {
	{ run_zstd, { 0x28, 0xb5, 0x2f, 0xfd }, 4, 2 },
	{ run_gzip, { 0x1f, 0x8b }, 2, 1 },
	{ run_xz, { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, 1 },
	{ run_plain, { 0 }, 0, 0 },
};

static const struct codec *recognise(const uint8_t *p, size_t n)
{
	const struct codec *c = codecs;

	if (n >= 4 && is_skippable(get_le32(p)))
		return c;
	while (c->n && (n < c->least || memcmp(p, c->magic, n < c->n ? n : c->n)))
		c++;
	return c;
}

static enum outcome run_all(struct worker *w)
{
	enum outcome r = fill(w, sizeof(codecs->magic));

	return r ? r : recognise(w->in.buf + w->in.pos, have(w))->run(w);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	enum outcome r;

	w->alone = true;
	r = w->s->n_workers > 1 ? run_jobs(w) : run_all(w);
	count_read(w);
	if (r != STOPPED) {
		w->hashed = false;
		w->cur.last = true;
		w->cur.outcome = r;
		put_piece(w, true);
	}
	return NULL;
}

/* --- the reader ------------------------------------------------------------------------------- */

static void give_back(struct source *s, struct worker *w, uint8_t *data)
{
	if (!data)
		return;
	pthread_mutex_lock(&s->lock);
	w->spare[w->n_spare++] = data;
	pthread_mutex_unlock(&s->lock);
}

/* The worker whose queue begins with a piece of the job that is being given. */
static struct worker *find_piece(struct source *s)
{
	for (unsigned i = 0; i < s->n_workers; i++) {
		struct worker *w = &s->worker[(s->from + i) % s->n_workers];

		if (w->n && w->queue[w->head].job == s->job) {
			s->from = (unsigned)(w - s->worker);
			return w;
		}
	}
	return NULL;
}

static struct worker *take_piece(struct source *s, struct piece *p)
{
	struct worker *w;

	pthread_mutex_lock(&s->lock);
	while (!(w = find_piece(s))) {
		if (s->idle) {
			bool busy;

			pthread_mutex_unlock(&s->lock);
			busy = s->idle(s->idle_ctx);
			pthread_mutex_lock(&s->lock);
			if (busy || find_piece(s))
				continue;
		}
		s->waiting = true;
		pthread_cond_wait(&s->ready, &s->lock);
	}
	s->waiting = false;
	while (s->summing && !w->queue[w->head].hashed)		/* its worker is just doing it */
		pthread_cond_wait(&s->summed, &s->lock);
	*p = w->queue[w->head];
	if (!p->hashed)
		s->summing = true;		/* take_checksums() comes next, and ends it */
	w->head = (w->head + 1) % s->n_queue;
	w->n--;
	s->job += p->last;
	if (w->n <= w->wants)	/* not at each piece, for the reason put_piece() has */
		pthread_cond_signal(&w->room);
	pthread_mutex_unlock(&s->lock);
	return w;
}

/* Puts the path before the sentence that a worker has left. */
static void finish(struct source *s, enum outcome outcome)
{
	s->outcome = outcome;
	if (outcome != END)
		err_prefix(&s->err, s->path);
}

/* Takes the checksums that are left to the reader; behind a wrong one the piece ends. */
static void take_checksums(struct source *s, struct piece *p)
{
	if (!p->hashed) {
		sum_piece(s, p);
		pthread_mutex_lock(&s->lock);
		s->summing = false;
		pthread_mutex_unlock(&s->lock);
	}
	if (!p->wrong)
		return;
	p->len = p->ends_at;
	err_set(&s->err, ERR_FORMAT, WRONG_CHECKSUM, p->sum.at, p->sum.frame);
	finish(s, CUT);
}

void source_on_idle(struct source *s, bool (*idle)(void *ctx), void *ctx)
{
	s->idle = idle;
	s->idle_ctx = ctx;
}

int source_next(struct source *s, const uint8_t **data, size_t *len, struct err *err)
{
	*data = NULL;
	*len = 0;
	give_back(s, s->holder, s->held.data);
	s->held = (struct piece){ 0 };
	while (!s->outcome) {
		struct piece p;
		struct worker *w = take_piece(s, &p);

		take_checksums(s, &p);
		if (p.outcome && !s->outcome) {
			s->err = w->err;
			finish(s, p.outcome);
		}
		if (p.len) {
			s->held = p;
			s->holder = w;
			*data = p.data;
			*len = p.len;
			return 0;
		}
		give_back(s, w, p.data);
	}
	if (s->outcome != FAILED)
		return 0;
	if (err)
		*err = s->err;
	return -1;
}

bool source_cut(const struct source *s, struct err *why)
{
	if (s->outcome != CUT)
		return false;
	if (why)
		*why = s->err;
	return true;
}

uint64_t source_bytes_read(const struct source *s)
{
	return atomic_load_explicit(&s->n_read, memory_order_relaxed);
}

uint64_t source_bytes_total(const struct source *s)
{
	return s->size;
}

/* --- open and close --------------------------------------------------------------------------- */

/*
 * How many workers the file gives something to do: several only where frames can be found by their
 * headers.
 */
static unsigned count_workers(struct source *s, unsigned n_threads)
{
	uint8_t magic[sizeof(codecs->magic)];
	ssize_t n;

	if (!n_threads)
		n_threads = pool_cpus();
	if (n_threads == 1 || !s->regular)
		return 1;
	n = pread(s->fd, magic, sizeof(magic), (off_t)s->base);
	if (n < 4 || recognise(magic, (size_t)n)->run != run_zstd)
		return 1;
	return n_threads < MAX_WORKERS ? n_threads : MAX_WORKERS;
}

static int open_file(struct source *s, const char *path, struct err *err)
{
	struct stat st;
	off_t at;

	s->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC)
				  : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (s->fd < 0 || fstat(s->fd, &st))
		return err_system(err, "cannot open");
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "is a folder, not a log");
	at = lseek(s->fd, 0, SEEK_CUR);
	s->regular = S_ISREG(st.st_mode) && at >= 0;
	if (s->regular) {
		s->base = (uint64_t)at;
		s->size = st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
		posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	return 0;
}

static int worker_init(struct worker *w, struct source *s, struct err *err)
{
	w->s = s;
	pthread_cond_init(&w->room, NULL);
	w->cur = (struct piece){ 0 };
	w->in = (struct input){ .cap = READ_SIZE + ZSTD_BLOCK + 64,
				.off = s->base,
				.limit = INT64_MAX };
	w->in.buf = malloc(w->in.cap);
	w->queue = calloc(s->n_queue, sizeof(*w->queue));
	/* and one being filled, one being read */
	w->spare = calloc(s->n_queue + 2, sizeof(*w->spare));
	w->xxh = XXH64_createState();
	if (!w->in.buf || !w->queue || !w->spare || !w->xxh)
		return err_memory(err, "a decompressing thread");
	return 0;
}

static void worker_release(struct worker *w)
{
	if (!w->s)
		return;
	for (unsigned i = 0; i < w->n; i++)
		free(w->queue[(w->head + i) % w->s->n_queue].data);
	while (w->n_spare)
		free(w->spare[--w->n_spare]);
	free(w->cur.data);
	free(w->queue);
	free(w->spare);
	free(w->in.buf);
	ZSTD_freeDCtx(w->dctx);
	XXH64_freeState(w->xxh);
	pthread_cond_destroy(&w->room);
}

int source_open(struct source **out, const char *path, const struct source_options *o,
		struct err *err)
{
	struct source *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return err_memory(err, "a log");
	s->fd = s->wake = -1;
	s->long_window = o && o->long_window;
	s->whole_pieces = o && o->whole_pieces;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ready, NULL);
	pthread_mutex_init(&s->walk, NULL);
	pthread_cond_init(&s->known, NULL);
	pthread_cond_init(&s->summed, NULL);
	s->path = strdup(strcmp(path, "-") ? path : "standard input");
	if (!s->path) {
		err_memory(err, "a log");
		goto fail;
	}
	if (open_file(s, path, err)) {
		err_prefix(err, s->path);
		goto fail;
	}
	s->xxh = XXH64_createState();
	if (!s->xxh) {
		err_memory(err, "a log");
		goto fail;
	}
	s->next_off = s->base;
	s->next_known = true;
	s->n_workers = count_workers(s, o ? o->n_threads : 0);
	s->n_queue = s->n_workers > 1 ? WAITING_BYTES / SOURCE_PIECE / s->n_workers : STREAM_PIECES;
	s->worker = calloc(s->n_workers, sizeof(*s->worker));
	if (!s->worker) {
		err_memory(err, "a log");
		goto fail;
	}
	s->wake = eventfd(0, EFD_CLOEXEC);
	if (s->wake < 0) {
		err_system(err, "cannot make an eventfd");
		goto fail;
	}
	for (unsigned i = 0; i < s->n_workers; i++)
		if (worker_init(&s->worker[i], s, err))
			goto fail;
	while (s->n_started < s->n_workers && !pthread_create(&s->worker[s->n_started].thread, NULL,
							      work, &s->worker[s->n_started]))
		s->n_started++;
	if (!s->n_started) {
		err_set(err, ERR_SYSTEM, "cannot start a thread");
		goto fail;
	}
	*out = s;
	return 0;
fail:
	source_close(s);
	return -1;
}

static void stop_workers(struct source *s)
{
	uint64_t one = 1;

	s->stop = true;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n_started; i++)
		pthread_cond_signal(&s->worker[i].room);
	pthread_mutex_unlock(&s->lock);
	pthread_mutex_lock(&s->walk);
	pthread_cond_broadcast(&s->known);
	pthread_mutex_unlock(&s->walk);
	if (s->wake >= 0 && write(s->wake, &one, sizeof(one)) < 0)
		return;		/* an eventfd takes a first 1 always */
}

void source_close(struct source *s)
{
	if (!s)
		return;
	stop_workers(s);
	for (unsigned i = 0; i < s->n_started; i++)
		pthread_join(s->worker[i].thread, NULL);
	if (s->holder)
		free(s->held.data);
	for (unsigned i = 0; s->worker && i < s->n_workers; i++)
		worker_release(&s->worker[i]);
	free(s->worker);
	free(s->path);
	XXH64_freeState(s->xxh);
	if (s->fd >= 0)
		close(s->fd);
	if (s->wake >= 0)
		close(s->wake);
	pthread_cond_destroy(&s->known);
	pthread_cond_destroy(&s->summed);
	pthread_mutex_destroy(&s->walk);
	pthread_cond_destroy(&s->ready);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
