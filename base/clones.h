/*
 * clones.h - functions in two versions, of which the loader chooses the processor's
 *
 * Not for ThreadSanitizer, whose runtime is not there yet when that happens.
 */
#ifndef GILSCOPE_CLONES_H
#define GILSCOPE_CLONES_H

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && \
	!defined(__SANITIZE_THREAD__)
#define CLONE_AVX2 __attribute__((target_clones("avx2", "default")))
#else
#define CLONE_AVX2
#endif

#endif
