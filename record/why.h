/*
 * why.h - why a program that was run under the recorder showed no GIL
 */
#ifndef GILSCOPE_WHY_H
#define GILSCOPE_WHY_H

#include <stddef.h>

/*
 * A sentence about the program called name (as execvp finds it), for a recording in which n_loaded
 * processes had the preload library in them and none had a GIL.
 */
void why_no_gil(char *out, size_t size, const char *name, unsigned n_loaded);

#endif
