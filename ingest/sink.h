/*
 * sink.h - where a conversion goes: a file that appears whole or not at all, compressed or not, or
 * standard output
 *
 * Writers see a file descriptor.  Compressing runs on a thread of its own, behind a pipe.
 */
#ifndef GILSCOPE_SINK_H
#define GILSCOPE_SINK_H

#include <stdbool.h>

#include "err.h"

struct sink;

/*
 * path "-": standard output; ending in ".zst" or ".gz": compressed.  *fd is for writing and not to
 * be closed.
 */
int sink_open(struct sink **out, const char *path, bool force, int *fd, struct err *err);
/* Both free it.  After commit the file is there; after abort it is not. */
int sink_commit(struct sink *s, struct err *err);
void sink_abort(struct sink *s);	/* NULL is allowed */

#endif
