/* why.c - see why.h */
#include "why.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that execvp() would run; false where there is none. */
static bool find_program(char path[PATH_MAX], const char *name)
{
	const char *dirs = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		return !access(path, X_OK);
	}
	for (const char *d = dirs ? dirs : "/bin:/usr/bin"; *d;) {
		size_t n = strcspn(d, ":");

		snprintf(path, PATH_MAX, "%.*s/%s", (int)n, n ? d : ".", name);
		if (!access(path, X_OK))
			return true;
		d += n + (d[n] == ':');
	}
	return false;
}

/* Whether an ELF file names no dynamic linker, so that nothing can be loaded into it. */
static bool is_static(const char *path)
{
	union { Elf64_Ehdr h; Elf64_Phdr p[64]; } u;
	unsigned n, size;
	uint64_t at;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool elf, dynamic = false;

	if (fd < 0)
		return false;
	elf = pread(fd, &u.h, sizeof(u.h), 0) == sizeof(u.h) &&
	      !memcmp(u.h.e_ident, ELFMAG, SELFMAG) && u.h.e_ident[EI_CLASS] == ELFCLASS64 &&
	      u.h.e_phentsize == sizeof(Elf64_Phdr);
	if (elf) {
		n = u.h.e_phnum < 64 ? u.h.e_phnum : 64;
		at = u.h.e_phoff;
		size = n * (unsigned)sizeof(Elf64_Phdr);
		elf = pread(fd, u.p, size, (off_t)at) == (ssize_t)size;
		for (unsigned i = 0; elf && i < n; i++)
			dynamic |= u.p[i].p_type == PT_INTERP;
	}
	close(fd);
	return elf && !dynamic;
}

void why_no_gil(char *out, size_t size, const char *name, unsigned n_loaded)
{
	char path[PATH_MAX];
	struct stat st;

	if (!find_program(path, name))
		snprintf(out, size, "there is no program %s", name);
	else if (is_static(path))
		snprintf(out, size,
			 "%s is statically linked, so the recorder could not be loaded into it",
			 path);
	else if (!stat(path, &st) && st.st_mode & (S_ISUID | S_ISGID))
		snprintf(out, size,
			 "%s is setuid or setgid, so the system did not load the recorder into it",
			 path);
	else if (!n_loaded)
		snprintf(out, size,
			 "the recorder was not loaded into %s: is it for another kind of machine, "
			 "or "
			 "another libc?",
			 path);
	else
		snprintf(out, size,
			 "%s is no Python and started none that could be seen (env -i, sudo and an "
			 "LD_PRELOAD of its own drop the recorder); or it is one before 3.7, which "
			 "makes its GIL with its first thread, and had no second thread",
			 path);
}
