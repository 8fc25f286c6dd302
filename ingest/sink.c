/* sink.c - see sink.h */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "io.h"

#define PIECE (256u << 10)
#define GZIP_LEVEL 4		/* a Chrome trace becomes about 17 times smaller */
#define GZIP_WRAPPER 16		/* zlib: a gzip header around the stream */

enum packing { PLAIN, ZSTD, GZIP };

struct sink {
	struct outfile file;
	bool is_stdout, threaded;
	enum packing packing;
	int in, out;			/* ends of the pipe; -1 when closed */
	pthread_t thread;
	int ret;			/* of the thread */
	struct err err;
};

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n > m && !strcmp(s + n - m, with);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Appends n bytes to the file, packed; the last ones with end. */
struct packer {
	int (*add)(struct packer *p, struct sink *s, uint8_t *data, size_t n, bool end);
	ZSTD_CCtx *zstd;
	z_stream gzip;
	uint8_t *packed;
};

static int add_zstd(struct packer *p, struct sink *s, uint8_t *data, size_t n, bool end)
{
	ZSTD_inBuffer in = { data, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { p->packed, PIECE, 0 };

		left = ZSTD_compressStream2(p->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_set(&s->err, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(left));
		if (outfile_append(&s->file, p->packed, out.pos, &s->err))
			return -1;
	} while (end ? left : in.pos < in.size);
	return 0;
}

static int add_gzip(struct packer *p, struct sink *s, uint8_t *data, size_t n, bool end)
{
	int ret;

	p->gzip.next_in = data;
	p->gzip.avail_in = (unsigned)n;
	do {
		p->gzip.next_out = p->packed;
		p->gzip.avail_out = PIECE;
		ret = deflate(&p->gzip, end ? Z_FINISH : Z_NO_FLUSH);
		if (ret == Z_STREAM_ERROR)
			return err_set(&s->err, ERR_SYSTEM, "zlib: stream error");
		if (outfile_append(&s->file, p->packed, PIECE - p->gzip.avail_out, &s->err))
			return -1;
	} while (end ? ret != Z_STREAM_END : !p->gzip.avail_out);
	return 0;
}

static int packer_init(struct packer *p, struct sink *s)
{
	*p = (struct packer){ .add = s->packing == ZSTD ? add_zstd : add_gzip,
			      .packed = malloc(PIECE) };
	if (s->packing == ZSTD)
		p->zstd = ZSTD_createCCtx();
	if (!p->packed || (s->packing == ZSTD && !p->zstd))
		return err_memory(&s->err, "compressing");
	if (s->packing == ZSTD)
		ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
	else if (deflateInit2(&p->gzip, GZIP_LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_WRAPPER, 9,
			      Z_DEFAULT_STRATEGY) != Z_OK)
		return err_memory(&s->err, "compressing");
	return 0;
}

static void packer_release(struct packer *p, const struct sink *s)
{
	if (s->packing == ZSTD)
		ZSTD_freeCCtx(p->zstd);
	else if (p->gzip.state)
		deflateEnd(&p->gzip);
	free(p->packed);
}

static void *run(void *ctx)
{
	struct sink *s = ctx;
	uint8_t *data = malloc(PIECE);
	struct packer p;
	size_t n = 0;

	s->ret = packer_init(&p, s);
	if (!data)
		s->ret = err_memory(&s->err, "compressing");
	while (!s->ret) {
		s->ret = io_read_full(s->out, data, PIECE, &n, &s->err);
		if (!s->ret)
			s->ret = p.add(&p, s, data, n, n < PIECE);
		if (n < PIECE)
			break;
	}
	/* Whoever still writes is told (EPIPE). */
	close(s->out);
	packer_release(&p, s);
	free(data);
	return NULL;
}

/* --- the sink --------------------------------------------------------------------------------- */

static int start(struct sink *s, struct err *err)
{
	int pipe_fd[2], ret;

	if (pipe2(pipe_fd, O_CLOEXEC))
		return err_system(err, "cannot make a pipe");
	s->out = pipe_fd[0];
	s->in = pipe_fd[1];
	ret = pthread_create(&s->thread, NULL, run, s);
	if (ret) {
		close(s->out);
		errno = ret;
		return err_system(err, "cannot start a thread");
	}
	s->threaded = true;
	return 0;
}

int sink_open(struct sink **out, const char *path, bool force, int *fd, struct err *err)
{
	struct sink *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return err_memory(err, "the output");
	s->in = -1;
	s->file.fd = -1;
	s->is_stdout = !strcmp(path, "-");
	s->packing = ends(path, ".zst") ? ZSTD : ends(path, ".gz") ? GZIP : PLAIN;
	*fd = STDOUT_FILENO;
	if (!s->is_stdout && outfile_open(&s->file, path, force, err)) {
		free(s);
		return -1;
	}
	if (s->packing != PLAIN && start(s, err)) {
		sink_abort(s);
		return -1;
	}
	if (!s->is_stdout)
		*fd = s->packing == PLAIN ? s->file.fd : s->in;
	*out = s;
	return 0;
}

/* Nothing more comes: the thread ends. */
static void join(struct sink *s)
{
	if (s->in >= 0)
		close(s->in);
	s->in = -1;
	if (s->threaded)
		pthread_join(s->thread, NULL);
	s->threaded = false;
}

int sink_commit(struct sink *s, struct err *err)
{
	int ret;

	join(s);
	ret = s->ret;
	if (ret)
		*err = s->err;
	if (!ret && !s->is_stdout)
		ret = outfile_commit(&s->file, err);
	sink_abort(s);
	return ret;
}

void sink_abort(struct sink *s)
{
	if (!s)
		return;
	join(s);
	if (!s->is_stdout)
		outfile_abort(&s->file);
	free(s);
}
