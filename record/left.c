/*
 * left.c - processes that a program has left behind, by /proc/PID/environ
 */
#include "left.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The buffer is getdelim()'s, kept between calls. */
static enum left look_into(FILE *f, const char *name, const char *tail, char **entry, size_t *size)
{
	size_t n = strlen(name), n_tail = strlen(tail);
	enum left found = LEFT_UNSURE;
	ssize_t len;

	while ((len = getdelim(entry, size, 0, f)) > 0) {
		const char *s = *entry;

		found = LEFT_NONE;
		len -= !s[len - 1];
		if ((size_t)len > n + n_tail && !memcmp(s, name, n) && s[n] == '=' &&
		    !memcmp(s + len - n_tail, tail, n_tail))
			return LEFT_SOME;
	}
	return found;
}

enum left left_look(const char *name, const char *tail)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	char *entry = NULL;
	size_t size = 0;
	enum left found = LEFT_NONE;

	while (proc && found != LEFT_SOME && (d = readdir(proc))) {
		char path[sizeof(d->d_name) + 16];
		enum left one;
		FILE *f;
		int fd;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/environ", d->d_name);
		fd = openat(dirfd(proc), path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		f = fdopen(fd, "r");
		if (!f) {
			close(fd);
			continue;
		}
		one = look_into(f, name, tail, &entry, &size);
		found = one > found ? one : found;
		fclose(f);
	}
	free(entry);
	if (proc)
		closedir(proc);
	return found;
}
