/* files.c - see files.h */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int files_remove_tree(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) && errno == ENOENT)
		return 0;
	/* depth first, no links followed, never onto another file system */
	if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT))
		return err_system(err, "%s: cannot remove", path);
	return 0;
}

bool files_is_empty(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	bool empty = d != NULL;

	while (d && empty && (e = readdir(d)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
	if (d)
		closedir(d);
	return empty;
}

bool files_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

const char *files_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int files_check_inputs(const char *out, const char *const *in, unsigned n, struct err *err)
{
	struct stat st[2], at;
	bool there[2];
	char *tmp;

	if (asprintf(&tmp, "%s.tmp", out) < 0)
		return err_memory(err, "a path");
	there[0] = !stat(out, &st[0]);
	there[1] = !stat(tmp, &st[1]);
	free(tmp);
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(in[i], "-") ? stat(in[i], &at) : fstat(STDIN_FILENO, &at))
			continue;
		for (unsigned k = 0; k < 2; k++)
			if (there[k] && S_ISREG(at.st_mode) && files_same(&st[k], &at))
				return err_set(err, ERR_USAGE, "%s%s: is an input, too", out,
					       k ? ".tmp" : "");
	}
	return 0;
}

/* The new name is on the disk only once its folder is. */
static void sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int fd = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(parent);
}

/* Exchanges them where the file system cannot: in three steps, undone where one fails. */
static int swap_by_hand(const char *tmp, const char *path, struct err *err)
{
	char *aside;
	int ret = 0;

	if (asprintf(&aside, "%s.old", tmp) < 0)
		return err_memory(err, "a path");
	if (rename(path, aside)) {
		ret = err_system(err, "cannot rename %s to %s", path, aside);
	} else if (rename(tmp, path)) {
		ret = err_system(err, "cannot rename %s to %s", tmp, path);
		rename(aside, path);
	} else if (rename(aside, tmp)) {
		ret = err_system(err, "cannot rename %s to %s", aside, tmp);
	}
	free(aside);
	return ret;
}

/* Fails with EEXIST where path is there, also if it has just appeared. */
static int rename_new(const char *tmp, const char *path)
{
	struct stat st;

	if (!renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* The file system or the kernel does not know how: nearly as good. */
	if (!lstat(path, &st)) {
		errno = EEXIST;
		return -1;
	}
	return rename(tmp, path);
}

int files_rename(const char *tmp, const char *path, bool force, struct err *err)
{
	if (force ? rename(tmp, path) : rename_new(tmp, path))
		return !force && errno == EEXIST ?
			       err_set(err, ERR_EXISTS, "%s: exists already (-f replaces it)",
				       path) :
			       err_system(err, "cannot rename %s to %s", tmp, path);
	sync_parent(path);
	return 0;
}

int files_replace(const char *tmp, const char *path, bool force, struct err *err)
{
	struct stat st;

	if (!force || lstat(path, &st))
		return files_rename(tmp, path, force, err);
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_EXCHANGE)) {
		if (errno != EINVAL && errno != ENOSYS)
			return err_system(err, "cannot exchange %s and %s", tmp, path);
		if (swap_by_hand(tmp, path, err))
			return -1;
	}
	sync_parent(path);
	if (!files_remove_tree(tmp, err))
		return 0;
	return err_prefix(err, "the new one is in place, the old one");
}
