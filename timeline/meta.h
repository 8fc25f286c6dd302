/*
 * meta.h - the section that says what a timeline is: clock, threads, locks, where it came from
 *
 * Private to timeline/, but for the structs that a writer hands over.
 */
#ifndef GILSCOPE_META_H
#define GILSCOPE_META_H

#include "buf.h"
#include "internal.h"

/*
 * Appends the section.  Threads are given in the order of their numbers in the file; order[i] is
 * the number of the thread that is shown as the i-th (the lanes first).
 */
void meta_encode(struct buf *b, const struct timeline_info *info,
		 const struct timeline_thread *thread, const uint32_t *order,
		 const struct timeline_process *process, const struct timeline_lock *lock,
		 const struct timeline_fact *fact);
int meta_decode(struct timeline *tl, const uint8_t *p, size_t len, struct err *err);

void funcs_encode(struct buf *b, const struct timeline_func *func, uint32_t n);
int funcs_decode(struct timeline *tl, const uint8_t *p, size_t len, struct err *err);

#endif
