/* scratch.h - where a test may write: its build's folder, or where temporary files go */
#ifndef GILSCOPE_TEST_SCRATCH_H
#define GILSCOPE_TEST_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A path of this process's own that ends in suffix. */
static inline void scratch_path(char *out, size_t size, const char *suffix)
{
	const char *folder = getenv("GILSCOPE_BUILD");

	if (!folder)
		folder = getenv("TMPDIR");
	snprintf(out, size, "%s/test-%d%s", folder ? folder : P_tmpdir, (int)getpid(), suffix);
}

#endif
