/* tree.h - builds the tree of bins over a file's blocks; private to timeline/ */
#ifndef GILSCOPE_TREE_H
#define GILSCOPE_TREE_H

#include "internal.h"
#include "io.h"
#include "writer.h"

/*
 * Nodes built while blocks still come, by somebody who has nothing better to do: of the stretches
 * of time of which all blocks are in the file.  They wait in memory, EARLY_BYTES at most, and
 * tree_build() takes them in place of building them. All of it is for one thread at a time.
 */
struct tree_early;
#define EARLY_BYTES (16u << 20)

/* fd: the file, borrowed; o: copied.  NULL: no memory, and then there are none. */
struct tree_early *tree_early_new(int fd, const struct writer_outline *o);
void tree_early_free(struct tree_early *t);	/* NULL is allowed */
/* How many blocks it knows; and the ones behind these.  Returns -1 if there is no memory. */
size_t tree_early_blocks(const struct tree_early *t);
int tree_early_add(struct tree_early *t, const struct block_entry *e, size_t n);
/*
 * Builds a node; in_file: so many bytes are in the file.  false: there is none to build, or it went
 * wrong.
 */
bool tree_early_step(struct tree_early *t, uint64_t in_file);

/*
 * tl: a timeline whose blocks are all in o's file, with its block index.  Appends the nodes to o
 * and fills tl->node and tl->level_first.  The bytes are the same for any n_threads, and with early
 * nodes or none (NULL).
 */
int tree_build(struct timeline *tl, struct outfile *o, unsigned n_threads,
	       const struct tree_early *early, struct err *err);

#endif
