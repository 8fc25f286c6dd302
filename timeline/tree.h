/* tree.h - builds the tree of bins over a file's blocks; private to timeline/ */
#ifndef GILSCOPE_TREE_H
#define GILSCOPE_TREE_H

#include "internal.h"
#include "io.h"

/*
 * tl: a timeline whose blocks are all in o's file, with its block index.  Appends the nodes to o and fills
 * tl->node and tl->level_first.  The bytes are the same for any n_threads.
 */
int tree_build(struct timeline *tl, struct outfile *o, unsigned n_threads, struct err *err);

#endif
