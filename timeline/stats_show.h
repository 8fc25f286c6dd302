/*
 * stats_show.h - figures as a table for people, as JSON, as CSV; one trace's, or two and the change
 *
 * One table of columns (stats_rows.c) gives the keys of JSON, the columns of CSV and what is
 * compared.
 */
#ifndef GILSCOPE_TIMELINE_STATS_SHOW_H
#define GILSCOPE_TIMELINE_STATS_SHOW_H

#include "buf.h"
#include "stats.h"

struct stats_shown {
	/* as the user wrote it: it stands in the commands that are proposed */
	const char *path;
	const struct stats *s;
	bool all;		/* tables: every thread, lock and finding */
};

/* All append to out, whose failure the caller looks for. */
void stats_show_table(struct buf *out, const struct stats_shown *x);
void stats_show_json(struct buf *out, const struct stats_shown *x);
void stats_show_csv(struct buf *out, const struct stats_shown *x);

/* Two: threads and locks are matched by name, else by id; locks that are left over by order. */
void stats_compare_table(struct buf *out, const struct stats_shown *a, const struct stats_shown *b);
void stats_compare_json(struct buf *out, const struct stats_shown *a, const struct stats_shown *b);
void stats_compare_csv(struct buf *out, const struct stats_shown *a, const struct stats_shown *b);

#endif
