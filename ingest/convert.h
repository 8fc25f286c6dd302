/*
 * convert.h - a timeline in other programs' formats
 *
 * A converter walks the timeline once or twice and writes through struct out; what its format
 * cannot carry it counts with convert_lost(), which the command says.  Memory does not grow with
 * the trace (but for folded's sums, which grow with the functions).  docs/convert.md
 */
#ifndef GILSCOPE_CONVERT_H
#define GILSCOPE_CONVERT_H

#include "dump.h"
#include "out.h"

struct convert {
	struct timeline *tl;
	struct timeline_cursor *cursor;
	int fd;
	struct dump_range range;	/* since the origin */
	struct buf lost;		/* sentences, a line each */
	struct err *err;
};

/* Each returns 0, or -1 with *c->err set. */
int convert_chrome(struct convert *c);
int convert_perfetto(struct convert *c);
int convert_gillog(struct convert *c);
int convert_beazley(struct convert *c);
int convert_csv(struct convert *c);
int convert_folded(struct convert *c);

/* "N things": nothing is said of none. */
void convert_lost(struct convert *c, uint64_t n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void convert_say(struct convert *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What a format without events loses: those of the range, by kind. */
void convert_lost_events(struct convert *c, const uint64_t n[N_EVENT_KINDS]);

/*
 * Numbers for processes and threads, as most formats want them: their own where they are numbers
 * from 1 to 2^31 - 1 that no other has, else ones that are free.
 */
struct convert_ids {
	uint32_t *pid, *tid;		/* by process, by thread */
	uint32_t n_new_pids, n_new_tids;	/* that are not their own */
};

int convert_ids_init(struct convert_ids *ids, const struct timeline *tl, struct err *err);
void convert_ids_release(struct convert_ids *ids);

/* The first lock of each process, which is the one that is meant where none is said.  Free it. */
uint16_t *convert_first_locks(const struct timeline *tl, struct err *err);
/* How many names of the timeline are no UTF-8. */
uint64_t convert_bad_names(const struct timeline *tl);
/* Whether s is UTF-8. */
bool convert_is_utf8(const char *s);

#endif
