/* io.c - see io.h */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

/* bytes gathered before one write: large enough that the call's cost vanishes */
#define PEND_SIZE (256 << 10)

void io_guard_stdio(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", (fd ? O_RDONLY : O_WRONLY) | O_CLOEXEC) < 0)
			return;
}

void io_on_end(void (*handler)(int sig))
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (signal(signals[i], handler) == SIG_IGN)
			signal(signals[i], SIG_IGN);
}

/* -1 with errno set. */
static int try_write(int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int io_write_all(int fd, const void *data, size_t n, struct err *err)
{
	return try_write(fd, data, n) ? err_system(err, "cannot write") : 0;
}

int io_print(const void *data, size_t n, struct err *err)
{
	if (!try_write(STDOUT_FILENO, data, n) || errno == EPIPE)
		return 0;
	return err_system(err, "cannot write");
}

int io_pwrite_all(int fd, const void *data, size_t n, uint64_t off, struct err *err)
{
	const uint8_t *p = data;

	while (n) {
		ssize_t w = pwrite(fd, p, n, (off_t)off);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return err_system(err, "cannot write at byte %llu",
					  (unsigned long long)off);
		p += w;
		off += (uint64_t)w;
		n -= (size_t)w;
	}
	return 0;
}

int io_pread_all(int fd, void *data, size_t n, uint64_t off, struct err *err)
{
	uint8_t *p = data;

	while (n) {
		ssize_t r = pread(fd, p, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_system(err, "cannot read at byte %llu", (unsigned long long)off);
		if (r == 0)
			return err_set(err, ERR_FORMAT,
				       "the file ends at byte %llu, %zu bytes too early",
				       (unsigned long long)off, n);
		p += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int io_read_full(int fd, void *data, size_t n, size_t *got, struct err *err)
{
	uint8_t *p = data;

	*got = 0;
	while (*got < n) {
		ssize_t r = read(fd, p + *got, n - *got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_system(err, "cannot read");
		if (r == 0)
			break;
		*got += (size_t)r;
	}
	return 0;
}

int io_read_file(const char *path, size_t max, uint8_t **data, size_t *len, struct err *err)
{
	/* one byte more tells that there are more */
	size_t most = max < SIZE_MAX ? max + 1 : max, cap = 64 << 10, n = 0, got;
	uint8_t *p = NULL, *q;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*data = NULL;
	*len = 0;
	if (fd < 0) {
		err_system(err, "cannot open");
		return err_prefix(err, path);
	}
	for (;;) {
		if (cap > most)
			cap = most;
		q = realloc(p, cap + 1);
		if (!q) {
			err_memory(err, "a file's bytes");
			goto fail;
		}
		p = q;
		if (io_read_full(fd, p + n, cap - n, &got, err))
			goto fail;
		n += got;
		if (n < cap)
			break;
		if (n > max) {
			err_set(err, ERR_FORMAT, "larger than %zu bytes", max);
			goto fail;
		}
		cap *= 2;
	}
	close(fd);
	p[n] = 0;
	*data = p;
	*len = n;
	return 0;
fail:
	close(fd);
	free(p);
	return err_prefix(err, path);
}

/*
 * Opens path for its bytes on their way, whatever a killed process has left there: never through a
 * link, and only for one process at a time.  Returns the descriptor, or -1 with *err set.
 */
static int open_tmp(const char *path, struct err *err)
{
	struct stat st, now;

	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);

		if (fd < 0)
			return err_system(err, "%s: cannot create", path);
		if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink > 1) {
			close(fd);
			return err_set(err, ERR_EXISTS, "%s: is there and is not ours", path);
		}
		/* where a file system has no locks there is none to be met */
		if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
			close(fd);
			return err_set(err, ERR_EXISTS, "%s: another process is writing it", path);
		}
		/* whoever had the lock may have renamed it since we opened it */
		if (!lstat(path, &now) && files_same(&now, &st)) {
			if (!ftruncate(fd, 0))
				return fd;
			close(fd);
			return err_system(err, "%s: cannot be emptied", path);
		}
		close(fd);
	}
}

int outfile_open(struct outfile *o, const char *path, bool force, struct err *err)
{
	struct stat st;

	*o = (struct outfile){ .fd = -1, .force = force };
	/* a rename would put a file in the place of a device */
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s: exists already and is no file", path);
	/* a link that leads nowhere is there, too */
	if (!force && !lstat(path, &st))
		return err_set(err, ERR_EXISTS, "%s: exists already (-f replaces it)", path);
	o->path = strdup(path);
	o->pend = malloc(PEND_SIZE);
	if (asprintf(&o->tmp, "%s.tmp", path) < 0)
		o->tmp = NULL;
	if (!o->path || !o->tmp || !o->pend) {
		err_memory(err, "an output file");
		goto fail;
	}
	o->fd = open_tmp(o->tmp, err);
	if (o->fd >= 0)
		return 0;
	free(o->tmp);		/* not ours to remove */
	o->tmp = NULL;
fail:
	outfile_abort(o);
	return -1;
}

#define EARLY_SIZE (8u << 20)

/*
 * Writes n bytes at the end; the disk begins with what is there, so that the fsync finds little to
 * do.
 */
static int write_end(struct outfile *o, const void *data, size_t n, struct err *err)
{
	if (io_write_all(o->fd, data, n, err))
		return err_prefix(err, o->tmp);
	o->n_new += n;
	if (o->n_new >= EARLY_SIZE) {
		/* Best effort: what is wrong with the disk, the fsync will say. */
		sync_file_range(o->fd, (off64_t)o->n_begun, (off64_t)o->n_new,
				SYNC_FILE_RANGE_WRITE);
		o->n_begun += o->n_new;
		o->n_new = 0;
	}
	return 0;
}

int outfile_flush(struct outfile *o, struct err *err)
{
	size_t n = o->n_pend;

	o->n_pend = 0;
	return write_end(o, o->pend, n, err);
}

int outfile_append(struct outfile *o, const void *data, size_t n, struct err *err)
{
	if (!n)			/* data may be NULL then */
		return 0;
	if (n > PEND_SIZE - o->n_pend && outfile_flush(o, err))
		return -1;
	o->len += n;
	if (n > PEND_SIZE)
		return write_end(o, data, n, err);
	memcpy(o->pend + o->n_pend, data, n);
	o->n_pend += n;
	return 0;
}

int outfile_patch(struct outfile *o, uint64_t off, const void *data, size_t n, struct err *err)
{
	if (outfile_flush(o, err))
		return -1;
	if (io_pwrite_all(o->fd, data, n, off, err))
		return err_prefix(err, o->tmp);
	return 0;
}

int outfile_commit(struct outfile *o, struct err *err)
{
	if (outfile_flush(o, err))
		goto fail;
	if (fsync(o->fd)) {
		err_system(err, "%s: cannot fsync", o->tmp);
		goto fail;
	}
	/* Before it is closed, with which the lock goes. */
	if (files_rename(o->tmp, o->path, o->force, err))
		goto fail;
	free(o->tmp);
	o->tmp = NULL;
	outfile_abort(o);
	return 0;
fail:
	outfile_abort(o);
	return -1;
}

void outfile_abort(struct outfile *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	if (o->tmp)
		unlink(o->tmp);
	free(o->tmp);
	free(o->path);
	free(o->pend);
	o->tmp = o->path = NULL;
	o->pend = NULL;
}
