/*
 * gil.h - a GIL laid out and made as CPython 3.7 and later do, by which the recorder knows it
 */
#ifndef GILSCOPE_TEST_GIL_H
#define GILSCOPE_TEST_GIL_H

#include <pthread.h>
#include <string.h>

struct gil {
	unsigned long interval;
	void *last_holder;
	int locked;
	unsigned long switch_number;
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	pthread_cond_t switch_cond;
	pthread_mutex_t switch_mutex;
};

static inline void gil_make(struct gil *g)
{
	memset(g, 0, sizeof(*g));
	g->interval = 5000;
	g->locked = -1;
	pthread_mutex_init(&g->mutex, NULL);
	pthread_mutex_init(&g->switch_mutex, NULL);
	pthread_cond_init(&g->cond, NULL);
	pthread_cond_init(&g->switch_cond, NULL);
	g->locked = 0;
}

#endif
