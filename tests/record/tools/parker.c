/*
 * parker.c - parks as the free-threaded builds of CPython do: a stand-in for a Python in the tests
 *
 * It makes the four objects of a GIL that is never taken, has the exported functions by which the
 * recorder knows a Python, and waits for a lock on a semaphore that lies on the stack behind the
 * lock's address.
 *
 *   parker THREADS ROUNDS		prints "ADDRESS WAITS" of the one lock that all threads want
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gil.h"

const char *Py_GetVersion(void);
int _PyParkingLot_Park(const void *addr, int64_t timeout_ns);

const char *Py_GetVersion(void)
{
	return "3.13.0 experimental free-threading build (main) [GCC]";
}

static struct gil gil;
static uint8_t lock;
static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned rounds;
static long waits;

struct wait_entry {
	void *park_arg;
	uintptr_t addr;
	sem_t sema;
	struct wait_entry *next;
};
static struct wait_entry *queue;

/* Sleeps until somebody calls wake(); a timeout of -1 is none. */
__attribute__((noinline)) int _PyParkingLot_Park(const void *addr, int64_t timeout_ns)
{
	struct wait_entry e = { .addr = (uintptr_t)addr };
	int r;

	sem_init(&e.sema, 0, 0);
	pthread_mutex_lock(&queue_mutex);
	e.next = queue;
	queue = &e;
	waits++;
	pthread_mutex_unlock(&queue_mutex);
	if (timeout_ns < 0) {
		while (sem_wait(&e.sema))
			;
		r = 0;
	} else {
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		ts.tv_nsec += timeout_ns;
		ts.tv_sec += ts.tv_nsec / 1000000000;
		ts.tv_nsec %= 1000000000;
		r = sem_clockwait(&e.sema, CLOCK_MONOTONIC, &ts);
		if (r) {		/* nobody woke it: it leaves the queue */
			pthread_mutex_lock(&queue_mutex);
			for (struct wait_entry **p = &queue; *p; p = &(*p)->next)
				if (*p == &e) {
					*p = e.next;
					break;
				}
			pthread_mutex_unlock(&queue_mutex);
		}
	}
	sem_destroy(&e.sema);
	return r;
}

/* 1 if there was somebody to wake. */
static unsigned wake(void)
{
	struct wait_entry *e;

	pthread_mutex_lock(&queue_mutex);
	e = queue;
	if (e) {
		queue = e->next;
		sem_post(&e->sema);
	}
	pthread_mutex_unlock(&queue_mutex);
	return e != NULL;
}

static void *worker(void *arg)
{
	for (unsigned i = 0; i < rounds; i++)
		_PyParkingLot_Park(&lock, -1);
	return arg;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 2, left;
	pthread_t *threads = calloc(n, sizeof(*threads));

	rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 10;
	if (!threads)
		return 1;
	gil_make(&gil);
	for (unsigned i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, worker, NULL);
	for (left = n * rounds; left;)
		left -= wake();
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	_PyParkingLot_Park((char *)&lock + 1, 20000000);	/* runs out */
	printf("%p %ld\n", (void *)&lock, waits);
	free(threads);
	return 0;
}
