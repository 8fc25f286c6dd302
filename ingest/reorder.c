/* reorder.c - see reorder.h */
#include "reorder.h"

#include <stdlib.h>
#include <string.h>

void reorder_release(struct reorder *o)
{
	free(o->heap);
	free(o->owner);
}

static bool before(const struct reorder_event *a, const struct reorder_event *b)
{
	return a->time < b->time || (a->time == b->time && a->number < b->number);
}

static void sift_up(struct reorder *o, size_t i)
{
	struct reorder_event e = o->heap[i];

	while (i && before(&e, &o->heap[(i - 1) / 2])) {
		o->heap[i] = o->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	o->heap[i] = e;
}

static struct reorder_event pop(struct reorder *o)
{
	struct reorder_event first = o->heap[0], e = o->heap[--o->n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < o->n) {
		if (child + 1 < o->n && before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!before(&o->heap[child], &e))
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	o->heap[i] = e;
	return first;
}

static int grow_owners(struct reorder *o, struct log *l, uint16_t lock)
{
	uint32_t cap = 2u * lock + 16, *p;

	if (lock < o->cap_owners)
		return 0;
	p = realloc(o->owner, cap * sizeof(*p));
	if (!p)
		return err_memory(l->err, "locks");
	memset(p + o->cap_owners, 0, (cap - o->cap_owners) * sizeof(*p));
	o->owner = p;
	o->cap_owners = cap;
	return 0;
}

/* Whether a lock allows this event now. */
static bool lawful(const struct reorder *o, const struct reorder_event *e)
{
	if (e->kind == EV_ACQUIRE)
		return !o->owner[e->lock];
	return e->kind != EV_RELEASE || o->owner[e->lock] == e->thread + 1;
}

static bool comes_first_of_thread(const struct reorder_event *e, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (e[k].thread == e[i].thread)
			return false;
	return true;
}

/* Which of an instant's events is next. */
static size_t choose(const struct reorder *o, const struct reorder_event *e, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lawful(o, &e[i]) && comes_first_of_thread(e, i))
			return i;
	return 0;
}

static int hand_on(struct reorder *o, struct log *l, const struct reorder_event *e)
{
	if (e->kind == EV_ACQUIRE)
		o->owner[e->lock] = e->thread + 1;
	else if (e->kind == EV_RELEASE)
		o->owner[e->lock] = 0;
	return log_add(l, e->time, e->thread, e->lock, e->kind, 0);
}

/* The events of the earliest instant; *n is how many. */
static int drain_instant(struct reorder *o, struct log *l, size_t *n)
{
	struct reorder_event e[REORDER_INSTANT];
	uint64_t time = o->heap[0].time;
	size_t left = 0;

	for (*n = 0; o->n && o->heap[0].time == time && left < REORDER_INSTANT; ++*n) {
		e[left] = pop(o);
		if (grow_owners(o, l, e[left].lock))
			return -1;
		left += !o->keep || o->keep(o->ctx, &e[left]);
	}
	while (left) {
		size_t i = choose(o, e, left);

		if (hand_on(o, l, &e[i]))
			return -1;
		left--;
		memmove(&e[i], &e[i + 1], (left - i) * sizeof(*e));
	}
	return 0;
}

int reorder_drain(struct reorder *o, struct log *l, size_t least)
{
	size_t n;

	for (size_t done = 0; o->n && done < least; done += n)
		if (drain_instant(o, l, &n))
			return -1;
	return 0;
}

int reorder_add(struct reorder *o, struct log *l, uint64_t time, uint32_t thread, uint16_t lock,
		unsigned kind, unsigned source)
{
	if (o->n == REORDER_WINDOW && reorder_drain(o, l, 1))
		return -1;
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 1024;
		struct reorder_event *p = realloc(o->heap, cap * sizeof(*p));

		if (!p)
			return err_memory(l->err, "events to put in order");
		o->heap = p;
		o->cap = cap;
	}
	o->heap[o->n] = (struct reorder_event){
		.time = time,
		.number = o->number++,
		.thread = thread,
		.lock = lock,
		.kind = (uint8_t)kind,
		.source = (uint8_t)source,
	};
	sift_up(o, o->n++);
	return 0;
}
