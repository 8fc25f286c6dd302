/*
 * store_dir.c - tiles as files: path/z/x/y.png
 *
 * One folder stays open: that of the last (z, x).  Files are not synced one by one; finish syncs
 * the file system once.  Whoever makes the site renames its folder afterwards, so half a set is
 * never taken for one.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io.h"
#include "store.h"

struct dir_store {
	struct tile_store base;
	char *path;
	int top;		/* the folder of all */
	int column;		/* the folder z/x below it, or -1 */
	unsigned z;
	uint64_t x;
};

static int make_dir(int at, const char *name, struct err *err)
{
	if (mkdirat(at, name, 0777) && errno != EEXIST)
		return err_system(err, "%s: cannot create the folder", name);
	return 0;
}

static int enter_column(struct dir_store *s, unsigned z, uint64_t x, struct err *err)
{
	char name[64];

	if (s->column >= 0 && s->z == z && s->x == x)
		return 0;
	if (s->column >= 0)
		close(s->column);
	s->column = -1;
	snprintf(name, sizeof(name), "%u", z);
	if (make_dir(s->top, name, err))
		return -1;
	snprintf(name, sizeof(name), "%u/%" PRIu64, z, x);
	if (make_dir(s->top, name, err))
		return -1;
	s->column = openat(s->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->column < 0)
		return err_system(err, "%s: cannot open the folder", name);
	s->z = z;
	s->x = x;
	return 0;
}

static int write_tile(struct dir_store *s, uint32_t y, const void *data, size_t len,
		      struct err *err)
{
	char name[32];
	int fd, ret;

	snprintf(name, sizeof(name), "%" PRIu32 ".png", y);
	fd = openat(s->column, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_system(err, "%u/%" PRIu64 "/%s: cannot create", s->z, s->x, name);
	ret = io_write_all(fd, data, len, err);
	if (close(fd) && !ret)
		ret = err_system(err, "%u/%" PRIu64 "/%s: cannot close", s->z, s->x, name);
	return ret;
}

static int dir_put(struct tile_store *base, const struct tile_run *run, struct err *err)
{
	struct dir_store *s = (struct dir_store *)base;

	for (uint64_t i = 0; i < run->n; i++)
		if (enter_column(s, run->z, run->x + i, err) ||
		    write_tile(s, run->y, run->data, run->len, err))
			return err_prefix(err, s->path);
	return 0;
}

static void dir_free(struct tile_store *base)
{
	struct dir_store *s = (struct dir_store *)base;

	if (s->column >= 0)
		close(s->column);
	if (s->top >= 0)
		close(s->top);
	free(s->path);
	free(s);
}

static int dir_finish(struct tile_store *base, const struct buf *metadata, struct err *err)
{
	struct dir_store *s = (struct dir_store *)base;
	int ret = 0;

	(void)metadata;
	if (syncfs(s->top))
		ret = err_system(err, "%s: cannot sync", s->path);
	dir_free(base);
	return ret;
}

static const struct tile_store_ops dir_ops = {
	.put = dir_put, .finish = dir_finish, .abort = dir_free,
};

struct tile_store *tile_store_dir(const char *path, struct err *err)
{
	struct dir_store *s = calloc(1, sizeof(*s));

	if (!s || !(s->path = strdup(path))) {
		free(s);
		err_memory(err, "a folder of tiles");
		return NULL;
	}
	s->base.ops = &dir_ops;
	s->top = s->column = -1;
	if (make_dir(AT_FDCWD, path, err))
		goto fail;
	s->top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->top < 0) {
		err_system(err, "%s: cannot open the folder", path);
		goto fail;
	}
	return &s->base;
fail:
	dir_free(&s->base);
	return NULL;
}
