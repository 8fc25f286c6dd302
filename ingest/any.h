/*
 * any.h - a timeline, or a log as one
 *
 * A log is ingested into a file in a new folder below TMPDIR.  Its name is removed as soon as the
 * file is open, and a signal that ends us before removes it too, so nothing is left however this
 * ends.
 */
#ifndef GILSCOPE_ANY_H
#define GILSCOPE_ANY_H

#include "dump.h"
#include "ingest.h"

/*
 * Opens what lies at path ("-": standard input): a timeline by its magic, anything else as a log,
 * as o says.
 */
int any_open(struct timeline **tl, const char *path, const struct ingest_options *o,
	     struct err *err);

/* The range of two options, --from and the one called to_name; NULL: the whole. */
int any_range(struct dump_range *r, const struct timeline *tl, const char *from, const char *to,
	      const char *to_name, struct err *err);

#endif
