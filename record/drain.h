/*
 * drain.h - from a recorded process' memory to its log
 *
 * `gilscope record` makes one for each process that attaches, calls drain_pass() every few
 * milliseconds, and drain_finish() when the process is gone.  The process never waits for it, and
 * whatever it has written into the memory is taken for a claim: a wild program cannot crash the
 * recorder, nor keep it from going on.
 */
#ifndef GILSCOPE_DRAIN_H
#define GILSCOPE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "tsc.h"

struct drain;

struct drain_stats {
	uint64_t events, threads, bytes;
	uint64_t lost_events, late;
	uint64_t first_ns, last_ns;
	char python[160];
	bool free_threaded;
};

/* Maps memfd (which stays the caller's).  pid: as the kernel gave it.  0, or -1 with *err set. */
int drain_new(struct drain **out, int memfd, int32_t pid, struct err *err);
void drain_free(struct drain *d);		/* NULL is allowed */

/* Tells the process to record no more. */
void drain_stop(struct drain *d);
int32_t drain_pid(const struct drain *d);

/*
 * Makes the log: a new file at path.  One that is there is ERR_EXISTS, or with replace gives way
 * once the new one has been begun (as PATH.tmp); what is no file never does.  Until this has been
 * called, what the process records stays in its memory, and is counted as lost where that is full.
 */
int drain_open_log(struct drain *d, const char *path, bool replace, struct err *err);
int drain_fact(struct drain *d, const char *key, const char *value, struct err *err);

/*
 * Writes what was stamped before the clock's last knot but one; *n_events says how much that was.
 * -1 when writing fails or the memory makes no sense, once: the log is cut after its last whole
 * section, the process is told to stop, and what it has recorded since is thrown away.
 */
int drain_pass(struct drain *d, const struct tsc_clock *clock, uint64_t *n_events, struct err *err);
/* Writes the rest, the end and closes the log; the process writes no more. */
int drain_finish(struct drain *d, const struct tsc_clock *clock, struct err *err);

const struct drain_stats *drain_stats(const struct drain *d);
const char *drain_path(const struct drain *d);		/* NULL: no log was made */

#endif
