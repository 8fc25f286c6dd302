/*
 * stats_internal.h - what the files that show figures share; private to stats_*.c
 *
 *   stats_rows.c       the table of columns, and the rows
 *   stats_show.c       tables for people
 *   stats_data.c       JSON and CSV
 *   stats_compare.c    two traces beside each other, in all three
 *
 * A figure is that of a column (what) and a row (of whom).  Whatever appends to out or to j leaves
 * a failure there.
 */
#ifndef GILSCOPE_TIMELINE_STATS_INTERNAL_H
#define GILSCOPE_TIMELINE_STATS_INTERNAL_H

#include "stats_show.h"

/* --- columns: what is told (stats_rows.c) ----------------------------------------------------- */

enum unit { TIME, INSTANT, COUNT, RATE, RATIO };
enum computed {
	FIELD, UTILISATION, WAIT_SHARE, ACQUIRE_RATE, SWITCH_RATE, FAILED, FAILED_SHARE, BADNESS
};

struct column {
	const char *key;
	enum unit unit;
	enum computed computed;
	size_t offset;			/* FIELD: in struct stats_figures */
};

extern const struct column stats_column[];
extern const size_t n_stats_columns;
/* There must be one with the key. */
const struct column *stats_find_column(const char *key);

struct number {
	enum { NONE, WHOLE, FRACTION } kind;
	uint64_t u;
	double d;			/* also of a whole one */
};

struct number number_whole(uint64_t v);				/* NO_TIME is NONE */
struct number number_fraction(double part, double whole);	/* of nothing is NONE */
/* Events in a second, or in a thousand ticks. */
struct number stats_rate(const struct stats *s, uint64_t n);
/* The figure of a column. */
struct number stats_number(const struct stats *s, const struct stats_figures *f,
			   const struct column *c);
double stats_waited(const struct stats_figures *f);	/* time, signalled or not */

/* --- rows: of whom (stats_rows.c) ------------------------------------------------------------- */

enum scope { SCOPE_TRACE, SCOPE_LOCK, SCOPE_THREAD, N_SCOPES };
extern const char *const stats_scope_name[];

struct row {				/* all borrowed from s */
	enum scope scope;
	const struct stats *s;
	const struct stats_figures *f;
	const char *id, *name;
	int64_t pid;			/* -1: unknown */
};

uint32_t stats_n_rows(const struct stats *s, enum scope scope);
struct row stats_row(const struct stats *s, enum scope scope, uint32_t i);

/* --- for people (stats_show.c) ---------------------------------------------------------------- */

#define ROWS_SHOWN 32

struct grid;

/* "name (id)": of a long one the name is cut, not the id, which tells equal names apart. */
void stats_name_cell(struct grid *g, const struct row *r);
/* Three digits are enough for people. */
void stats_number_text(char out[32], struct number n);
const char *stats_per(const struct stats *s);		/* the unit of a rate */
/* The trace: its title, the stretch, what is missing. */
void stats_put_head(struct buf *out, const struct stats_shown *x);
/* A table's heading; note: "" or what it says beside it. */
void stats_put_rule(struct buf *out, const char *what, const char *note);

struct finding;
struct finding_place;

/*
 * What to type to see a place.  A short one with a quarter more on each side; of a long one its
 * first twenty intervals, in which its pattern can be told.
 */
void stats_put_command(struct buf *out, const struct stats_shown *x, const struct finding *f,
		       const struct finding_place *p);

/* --- JSON and CSV (stats_data.c) -------------------------------------------------------------- */

struct json;

void stats_json_number(struct json *j, struct number n);
void stats_key_u64(struct json *j, const char *key, uint64_t v);	/* NO_TIME is null */
void stats_key_str(struct json *j, const char *key, const char *v);
/* All of a trace, findings too. */
void stats_json_trace(struct json *j, const struct stats_shown *x);
/* The key, and who row i is; null of NO_THREAD. */
void stats_json_who(struct json *j, const char *key, const struct stats *s, enum scope scope,
		    uint32_t i);
void stats_csv_number(struct buf *out, struct number n);
void stats_csv_who(struct buf *out, const struct row *r);	/* pid,id,name */

#endif
