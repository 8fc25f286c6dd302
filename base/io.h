/*
 * io.h - files: positioned reads, and outputs that appear whole or not at all
 */
#ifndef GILSCOPE_IO_H
#define GILSCOPE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/*
 * For main(): a descriptor 0 to 2 that is closed is made one that can neither be read nor written,
 * so that no file that is opened later gets its number, and messages in it.
 */
void io_guard_stdio(void);

/*
 * For who would leave something half behind: the signals that end a program (INT, TERM, HUP, QUIT)
 * call handler, but for those that our caller has switched off, as nohup does.
 */
void io_on_end(void (*handler)(int sig));

/* write(2) until all n bytes are out.  Returns 0, or -1 with *err set. */
int io_write_all(int fd, const void *data, size_t n, struct err *err);
/*
 * The same to standard output; a reader that has seen enough (head) is no error, if SIGPIPE is
 * ignored.
 */
int io_print(const void *data, size_t n, struct err *err);
int io_pwrite_all(int fd, const void *data, size_t n, uint64_t off, struct err *err);
/* Reads exactly n bytes at off; a file that ends before is ERR_FORMAT. */
int io_pread_all(int fd, void *data, size_t n, uint64_t off, struct err *err);
/* Reads up to n bytes, fewer only at the end of the input; *got says how many. */
int io_read_full(int fd, void *data, size_t n, size_t *got, struct err *err);
/*
 * A whole file of at most max bytes; *data is the caller's, with a NUL behind it that *len does not
 * count.
 */
int io_read_file(const char *path, size_t max, uint8_t **data, size_t *len, struct err *err);

/*
 * An output file.  Bytes go to PATH.tmp; outfile_commit() fsyncs, renames it to PATH and fsyncs the
 * folder, outfile_abort() removes it.  Whoever dies between leaves only PATH.tmp.  All of these
 * return 0, or -1 with *err set; *o needs no release when outfile_open() failed, and
 * outfile_abort() when any of the others but commit did: it is good for nothing else then.
 */
struct outfile {
	int fd;			/* -1 when closed */
	bool force;		/* replaces PATH */
	char *path, *tmp;	/* owned */
	uint64_t len;		/* bytes appended so far */
	uint8_t *pend;		/* owned: bytes not yet written */
	size_t n_pend;
	/* bytes that the disk was told to write, and those after them */
	uint64_t n_begun, n_new;
};

/*
 * With force false an existing path is ERR_EXISTS, then as in outfile_commit(), and what is no file
 * in any case.  PATH.tmp is replaced.
 */
int outfile_open(struct outfile *o, const char *path, bool force, struct err *err);
/* n 0: data may be NULL.  What is appended may wait in memory until the next flush. */
int outfile_append(struct outfile *o, const void *data, size_t n, struct err *err);
/* Gives the system all that was appended, for whoever reads o->fd; it is not synced. */
int outfile_flush(struct outfile *o, struct err *err);
/* Overwrites bytes that were appended before. */
int outfile_patch(struct outfile *o, uint64_t off, const void *data, size_t n, struct err *err);
/* Releases *o in any case; when it fails PATH.tmp is removed, and PATH is what it was. */
int outfile_commit(struct outfile *o, struct err *err);
/* After a commit, or an open that failed: does nothing. */
void outfile_abort(struct outfile *o);

#endif
