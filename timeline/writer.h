/*
 * writer.h - writes a timeline, event by event: ingest/ calls it
 *
 * Events come in order of time with everything decided: the state after each, what it means.  They
 * gather in blocks; a thread of the writer's own, or the caller's, encodes, compresses and appends
 * them.  What becomes of a take is known only when it ends, perhaps blocks later: a block waits for
 * that in a ring of OPEN_BLOCKS, and what is learned after it had to go is kept as a patch.  At the
 * end the tree of bins is built from the blocks, level by level, by n_threads workers; what of it
 * the caller has had the time for is done by then.
 *
 * Memory: the ring (about 10 MiB), 64 bytes per block for the index, nodes that wait (EARLY_BYTES
 * in tree.h).
 */
#ifndef GILSCOPE_TIMELINE_WRITER_H
#define GILSCOPE_TIMELINE_WRITER_H

#include "format.h"
#include "hist.h"

#define OPEN_BLOCKS 16

struct timeline_writer;

/* What the tree has to know of the threads. */
struct writer_outline {
	uint32_t n_threads, n_lanes;
	uint32_t *order;		/* as in struct writer_end */
	bool checks_follow;		/* timeline_checks_follow() of the trace */
};

/* What the caller knows of its threads. */
struct writer_ops {
	/*
	 * At each block's begin: calls timeline_writer_head() for each thread that is not idle, in
	 * order of their numbers.
	 */
	void (*heads)(void *ctx, struct timeline_writer *w);
	/*
	 * What is known of the threads so far: n_threads covers all that events were put of.  *o:
	 * order is the caller's to free.  Returns -1 if there is no memory.  NULL: nothing is built
	 * early.
	 */
	int (*outline)(void *ctx, struct writer_outline *o);
	/* A number that is another one when the outline may be another one. */
	uint64_t (*outline_stamp)(void *ctx);
};

int timeline_writer_open(struct timeline_writer **out, const char *path, bool force,
			 unsigned n_threads, const struct writer_ops *ops, void *ctx,
			 struct err *err);

/*
 * The block being filled: the caller puts an event at event[n_events] and its attributes behind
 * attr[n_attrs], or pairs of events at pairs[n_pairs], and counts them, while block_full() says
 * that there is room; attributes after timeline_writer_attr_room() has returned 0.
 */
struct block *timeline_writer_block(struct timeline_writer *w);
int timeline_writer_next_block(struct timeline_writer *w, uint64_t time, struct err *err);
/*
 * Encodes a block that waits for it, or builds a node of the tree, while the caller has nothing
 * better to do; false: there is nothing to do.  The writer's own thread begins only when several
 * blocks wait, for it may take the cpu from somebody whom everybody waits for.
 */
bool timeline_writer_help(struct timeline_writer *w);
/* Room for the attributes of one event in the current block. */
int timeline_writer_attr_room(struct timeline_writer *w, struct err *err);

/*
 * The number of checks before the first event, from which they are counted; before the first block.
 */
void timeline_writer_checks(struct timeline_writer *w, int64_t checks);

/* From ops->heads() only.  A waiting thread's take is told again by the two below. */
void timeline_writer_head(struct timeline_writer *w, const struct block_head *h);

/*
 * A take that was open when a block began: the stretch of waiting that began at seg ended, and from
 * signal on (NO_TIME: never) the thread was signalled.
 */
void timeline_writer_signal(struct timeline_writer *w, uint32_t thread, uint64_t seg,
			    uint64_t signal);
/* ... and the whole take that began at since ended at end with an ACQUIRE; NO_TIME: without one. */
void timeline_writer_take_end(struct timeline_writer *w, uint32_t thread, uint64_t since,
			      uint64_t end);

/* What the file says beside its events; numbers of threads as in the events. */
struct writer_end {
	struct timeline_info info;
	const struct timeline_thread *thread;
	/* order[i]: the number of the i-th in order of display, lanes first */
	const uint32_t *order;
	const struct timeline_process *process;
	const struct timeline_lock *lock;
	const struct timeline_fact *fact;
	const struct timeline_func *func;
	struct hist (*const *hist)[N_HISTS];	/* hist[number] */
};

/* Writes what is left, builds the tree, fsyncs and renames.  Closes the writer in any case. */
int timeline_writer_finish(struct timeline_writer *w, const struct writer_end *end,
			   struct err *err);
void timeline_writer_abort(struct timeline_writer *w);	/* leaves no file; NULL is allowed */

#endif
