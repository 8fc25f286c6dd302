/*
 * source.h - a log's bytes: read, recognised by their first bytes, and decompressed beside whoever
 * parses them
 *
 *   file --> [ decompress | decompress | ... ] --> pieces in a ring per thread --> source_next()
 *
 * Plain bytes, zstd (several frames, skippable ones), gzip (several members) and xz (several
 * streams); what a file is called is of no account.  At least one thread decompresses while the
 * caller works on the piece before.  A regular file of several zstd frames is decompressed by
 * n_threads threads, some frames each; the pieces come in the file's order, and bytes, errors and
 * cuts are the same for any n_threads.
 *
 * Memory: 1 MiB of pieces and what the codec needs itself (zstd: the window, at most 128 MiB unless
 * long_window; xz: at most 128 MiB); with several threads at most 16 MiB of pieces wait in all, and
 * a thread whose share is full stalls.  Frames with windows above 8 MiB are never decompressed
 * beside each other.
 *
 * A source belongs to one thread, but for the two calls of the progress bar.  Every sentence of
 * *err and *why begins with the path.
 */
#ifndef GILSCOPE_SOURCE_H
#define GILSCOPE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define SOURCE_PIECE (128u << 10)	/* at most so many bytes in a piece */
/* bytes behind a piece that may be read; their values mean nothing */
#define SOURCE_PAD 64

struct source;

struct source_options {
	bool long_window;	/* zstd windows above 128 MiB are allowed */
	/* a pipe gives the pieces of a file, so each is waited for: all but the last are full */
	bool whole_pieces;
	unsigned n_threads;	/* at most so many threads decompress; 0: one per cpu */
};

/*
 * path "-" is standard input, from where it stands.  o NULL: the defaults.  A folder, a missing or
 * an unreadable file is an error here; what is wrong with the bytes comes later.  Returns 0, or -1
 * with *err set and *out NULL.
 */
int source_open(struct source **out, const char *path, const struct source_options *o,
		struct err *err);
void source_close(struct source *s);	/* NULL is allowed; also before the end */

/*
 * The next piece of decompressed bytes, borrowed until the next call.  *len 0: the end, which also
 * comes after a cut.  -1: a system error, no memory, or a window or dictionary larger than allowed;
 * all bytes before it were given.  After either, every call answers the same.
 */
int source_next(struct source *s, const uint8_t **data, size_t *len, struct err *err);

/*
 * While source_next() would have to wait, it calls idle() first, as long as that finds something to
 * do and returns true.  Some microseconds at a time are best: what was waited for may be there
 * meanwhile.
 */
void source_on_idle(struct source *s, bool (*idle)(void *ctx), void *ctx);

/*
 * After the end: whether the input was cut off or is damaged.  *why (may be NULL) says at which
 * byte of the file, and what.  All that was decoded before that byte was given (of a damaged gzip
 * member all but its last 258 bytes: ISA-L does not tell which of them it decoded).
 */
bool source_cut(const struct source *s, struct err *why);

/*
 * For a progress bar, from any thread: bytes of the file used so far, and its size, 0 if unknown (a
 * pipe).
 */
uint64_t source_bytes_read(const struct source *s);
uint64_t source_bytes_total(const struct source *s);

#endif
