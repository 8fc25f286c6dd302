/*
 * reorder.h - events of a log whose order is looser than a log's own window
 *
 * A trace of spans is in the order of their begins or of their ends, so one of the two comes out of
 * order by as much as a span lasts.  REORDER_WINDOW events wait in a heap, and the earliest leaves
 * it when one more comes. Events of one instant leave in an order that a lock allows, where there
 * is one: who holds it lets go before another takes it.  Each thread's events of an instant stay as
 * they came.
 */
#ifndef GILSCOPE_REORDER_H
#define GILSCOPE_REORDER_H

#include "log.h"

#define REORDER_WINDOW (1u << 17)	/* events; 4 MiB */
/* of so many events of one instant the order is looked for */
#define REORDER_INSTANT 256

struct reorder_event {
	uint64_t time, number;
	uint32_t thread;
	uint16_t lock;
	uint8_t kind;
	uint8_t source;		/* the format's own */
};

struct reorder {
	struct reorder_event *heap;
	size_t n, cap;
	uint64_t number;
	uint32_t *owner;	/* of each lock: its thread + 1, or 0 */
	uint32_t cap_owners;
	/* Asked when the event leaves the heap; NULL: all are kept. */
	bool (*keep)(const void *ctx, const struct reorder_event *e);
	const void *ctx;
};

void reorder_release(struct reorder *o);
/* Both return 0, or -1 with *l->err set. */
int reorder_add(struct reorder *o, struct log *l, uint64_t time, uint32_t thread, uint16_t lock,
		unsigned kind, unsigned source);
/* Hands at least `least` events on, or all. */
int reorder_drain(struct reorder *o, struct log *l, size_t least);

#endif
