/*
 * ingest.h - from event logs to a timeline
 *
 *   LOG -> source (decompress) -> format (parse) -> log (order) -+
 *   LOG -> ...                                                  -+-> merge -> tracker -> writer
 *
 * Each log is decompressed on a thread of its own; parsing, merging and tracking run on the
 * caller's; the timeline's writer encodes on a third.  Memory does not grow with the logs: per log
 * the pieces of its source and a window of about 70,000 events, per thread of the trace about 400
 * bytes, per million events 4 KB of index.
 */
#ifndef GILSCOPE_INGEST_H
#define GILSCOPE_INGEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"

struct ingest_options {
	const char *format;	/* a format's name for all logs; NULL: by content */
	const char *title;	/* NULL: the log's own, or its file's name */
	bool strict;		/* the first bad line, or a cut log, is an error */
	bool force;		/* replace the output */
	bool long_window;	/* zstd windows above 128 MiB */
	bool ticks;		/* on the clock of ticks where a log has both */
	uint64_t check_interval;	/* Beazley's columns: ticks per check; 0: 100 */
	unsigned n_threads;	/* 0: one per cpu */
	bool progress;		/* a line of progress on report */
	FILE *report;		/* warnings; NULL: none */
	const char *prefix;	/* before each warning: "gilscope ingest" */
};

struct ingest_result {
	uint64_t events, skipped_lines, lost_events;
	bool truncated;
};

/*
 * Reads the logs (a folder stands for the files in it, "-" for standard input) and writes the
 * timeline. Returns 0, or -1 with *err set and no file.  result may be NULL.
 */
int ingest_logs(const char *const *paths, unsigned n_paths, const char *out_path,
		const struct ingest_options *o, struct ingest_result *result, struct err *err);

/* The names of the formats, for --help, separated by ", ". */
const char *ingest_format_names(void);

#endif
