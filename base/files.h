/*
 * files.h - files and folders renamed for good; folders removed whole, and put in place of another
 * in one step; whether two are the same
 */
#ifndef GILSCOPE_FILES_H
#define GILSCOPE_FILES_H

#include <stdbool.h>

#include "err.h"

struct stat;

/* Whether two paths, or descriptors, led to one file. */
bool files_same(const struct stat *a, const struct stat *b);
/* What stands behind the path's last slash, or all of it. */
const char *files_name(const char *path);

/*
 * Removes a file, or a folder and all below it, following no link; a path that is not there is no
 * error.  err may be NULL.
 */
int files_remove_tree(const char *path, struct err *err);
/* False also where there is no such folder, or it cannot be read. */
bool files_is_empty(const char *folder);

/*
 * ERR_USAGE if out is one of the n inputs ("-": standard input), or its PATH.tmp is: writing the
 * one would take the other away.
 */
int files_check_inputs(const char *out, const char *const *in, unsigned n, struct err *err);

/*
 * Renames tmp to path and has the disk know of it.  Without force, a path that is there, even since
 * a moment ago, is ERR_EXISTS.
 */
int files_rename(const char *tmp, const char *path, bool force, struct err *err);

/*
 * Makes the folder tmp appear as path.  With force a folder that is there is replaced, in one step
 * where the file system can exchange two names, else in three, and removed then; without, it is
 * ERR_EXISTS.
 */
int files_replace(const char *tmp, const char *path, bool force, struct err *err);

#endif
