/*
 * gils.c - makes GILs as CPython 3.7 and later do, takes them and ends them
 *
 *   gils again		one that is made again, and then ended, while it is held, as up to 3.11
 *			by Py_Finalize()
 *   gils many N	N of them, one after the other, no two in one place
 *   gils alive N	N of them that are there at once
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gil.h"

static void end(struct gil *g)
{
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->mutex);
	pthread_cond_destroy(&g->switch_cond);
	pthread_mutex_destroy(&g->switch_mutex);
}

static void take(struct gil *g)
{
	pthread_mutex_lock(&g->mutex);
	g->locked = 1;
	pthread_mutex_lock(&g->switch_mutex);
	pthread_cond_signal(&g->switch_cond);
	pthread_mutex_unlock(&g->switch_mutex);
	pthread_mutex_unlock(&g->mutex);
}

static void drop(struct gil *g)
{
	pthread_mutex_lock(&g->mutex);
	g->locked = 0;
	pthread_cond_signal(&g->cond);
	pthread_mutex_unlock(&g->mutex);
}

static void again(void)
{
	static struct gil g;

	gil_make(&g);
	take(&g);
	gil_make(&g);
	take(&g);
	drop(&g);
	take(&g);
	end(&g);
	gil_make(&g);
	take(&g);
	drop(&g);
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	bool alive = argc == 3 && !strcmp(argv[1], "alive");
	struct gil *g = calloc(n ? n : 1, sizeof(*g));

	if (!g)
		return 1;
	if (!n)
		again();
	for (unsigned long i = 0; i < n; i++) {
		gil_make(&g[i]);
		take(&g[i]);
		drop(&g[i]);
		if (!alive)
			end(&g[i]);
	}
	free(g);
	return 0;
}
