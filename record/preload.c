/*
 * preload.c - the calls by which a GIL is recognised, and the events that they stand for
 *
 * CPython 3 makes a GIL of four objects, initialised in a row on one thread: mutex M, switch mutex
 * SM, condition C, switch condition SC.  From then on (docs/record.md):
 *
 *   lock(M) finds it taken       may become ENTRY
 *   timedwait(C) entered         ENTRY, BUSY: once per take
 *     returned ETIMEDOUT         TIMEOUT, and DROP_REQUEST if the owner has not changed meanwhile
 *     returned 0                 WOKEN, and RETRY if the lock is held
 *   signal(SC)                   ACQUIRE: `locked` has just been set, M is held
 *   signal(C)                    RELEASE: `locked` has just been cleared, M is still held
 *   wait(SC) entered, returned   SWITCH_WAIT, SWITCH_DONE
 *
 * CPython 2.7 has a semaphore instead; its wait is glibc's futex loop, done here to see each
 * wake-up.  Free-threaded builds have no GIL, but park on semaphores that lie on the waiter's
 * stack.
 */
#include "preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LOCKS 4096u		/* the last one stands for all that come after */
#define TABLE_SIZE 16384u	/* a power of two; at most 3 keys a GIL, 1 for another lock */
#define DESTRUCTOR_ROUNDS 3	/* glibc makes four */
#define STATICS_SPAN 4096	/* the GIL of 3.2 to 3.6 is four static objects, not one struct */

__thread struct self self __attribute__((tls_model("initial-exec"), visibility("hidden")));

static struct {
	int (*mutex_lock)(pthread_mutex_t *);
	int (*mutex_trylock)(pthread_mutex_t *);
	int (*mutex_init)(pthread_mutex_t *, const pthread_mutexattr_t *);
	int (*cond_init)(pthread_cond_t *, const pthread_condattr_t *);
	int (*cond_destroy)(pthread_cond_t *);
	int (*cond_signal)(pthread_cond_t *);
	int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *);
	int (*cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
	int (*sem_init)(sem_t *, int, unsigned);
	int (*sem_wait)(sem_t *);
	int (*sem_trywait)(sem_t *);
	int (*sem_clockwait)(sem_t *, clockid_t, const struct timespec *);
	int (*sem_post)(sem_t *);
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*setname)(pthread_t, const char *);
} real;

/*
 * Callers may come before the constructor, from other libraries' constructors.  Doing it twice is
 * harmless.  pthread_cond_* exist twice in x86's glibc, with different layouts: the new ones are
 * asked for by version.
 */
static void resolve(void)
{
	static const struct { const char *name; void *into; } wanted[] = {
		{ "pthread_mutex_trylock", &real.mutex_trylock },
		{ "pthread_mutex_init", &real.mutex_init },
		{ "pthread_cond_init", &real.cond_init },
		{ "pthread_cond_destroy", &real.cond_destroy },
		{ "pthread_cond_signal", &real.cond_signal },
		{ "pthread_cond_wait", &real.cond_wait },
		{ "pthread_cond_timedwait", &real.cond_timedwait },
		{ "sem_init", &real.sem_init },
		{ "sem_wait", &real.sem_wait },
		{ "sem_trywait", &real.sem_trywait },
		{ "sem_clockwait", &real.sem_clockwait },
		{ "sem_post", &real.sem_post },
		{ "pthread_create", &real.create },
		{ "pthread_setname_np", &real.setname },
		/* last: the others are there once it is */
		{ "pthread_mutex_lock", &real.mutex_lock },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		void *f = NULL;

#if defined(__x86_64__) || defined(__i386__)
		if (!strncmp(wanted[i].name, "pthread_cond_", 13))
			f = dlvsym(RTLD_NEXT, wanted[i].name, "GLIBC_2.3.2");
#endif
		if (!f)
			f = dlsym(RTLD_NEXT, wanted[i].name);
		__atomic_store_n((void **)wanted[i].into, f, __ATOMIC_RELEASE);
	}
}

#define REAL(f)                                                                                    \
	({                                                                                         \
		if (unlikely(!__atomic_load_n(&real.mutex_lock, __ATOMIC_ACQUIRE)))                \
			resolve();                                                                 \
		real.f;                                                                            \
	})

/* --- which address is which lock -------------------------------------------------------------- */

enum role { ROLE_MUTEX, ROLE_COND, ROLE_SWITCH, ROLE_SEM, ROLE_PARK };
#define ROLE_MASK 7u
#define REMOVED 1u

static struct lock locks[MAX_LOCKS] __attribute__((aligned(64)));
static uint32_t n_locks;	/* under rec_lock() */

/* Open addressing; read without a lock.  A key is stored after its value. */
static struct { _Atomic uintptr_t key, value; } table[TABLE_SIZE];
static _Atomic uint32_t n_keys;

static inline uint32_t hash(uintptr_t a)
{
	return (uint32_t)(((uint64_t)a * 0x9e3779b97f4a7c15ull) >> 50) & (TABLE_SIZE - 1);
}

static inline struct lock *find(const void *addr, enum role role)
{
	uintptr_t a = (uintptr_t)addr, key;

	if (!atomic_load_explicit(&n_keys, memory_order_relaxed))
		return NULL;
	for (uint32_t i = hash(a);; i = (i + 1) & (TABLE_SIZE - 1)) {
		key = atomic_load_explicit(&table[i].key, memory_order_acquire);
		if (key == a) {
			uintptr_t v = atomic_load_explicit(&table[i].value, memory_order_relaxed);

			return (v & ROLE_MASK) == role ? (struct lock *)(v & ~(uintptr_t)ROLE_MASK)
						       : NULL;
		}
		if (!key)
			return NULL;
	}
}

/* Under rec_lock().  False where the table is three quarters full: the loop in find() must end. */
static bool table_add(const void *addr, struct lock *l, enum role role)
{
	uintptr_t a = (uintptr_t)addr, key;
	uint32_t at = TABLE_SIZE;

	for (uint32_t i = hash(a);; i = (i + 1) & (TABLE_SIZE - 1)) {
		key = atomic_load(&table[i].key);
		if (key == REMOVED && at == TABLE_SIZE)
			at = i;
		if (key == a)
			at = i;
		if (key == a || !key) {
			at = at == TABLE_SIZE ? i : at;
			break;
		}
	}
	key = atomic_load(&table[at].key);
	if (!key && n_keys > TABLE_SIZE / 4 * 3)
		return false;
	atomic_store(&table[at].value, (uintptr_t)l | role);
	atomic_store_explicit(&table[at].key, a, memory_order_release);
	if (!key)
		atomic_fetch_add(&n_keys, 1);
	return true;
}

/* No way to another key leads over what is removed and lies before an empty place. */
static void table_clear(uint32_t i)
{
	if (atomic_load(&table[(i + 1) & (TABLE_SIZE - 1)].key))
		return;
	for (; atomic_load(&table[i].key) == REMOVED; i = (i - 1) & (TABLE_SIZE - 1)) {
		atomic_store(&table[i].key, 0);
		atomic_fetch_sub(&n_keys, 1);
	}
}

static void table_remove(const void *addr)
{
	uintptr_t a = (uintptr_t)addr, key;

	for (uint32_t i = hash(a);; i = (i + 1) & (TABLE_SIZE - 1)) {
		key = atomic_load(&table[i].key);
		if (!key)
			return;
		if (key == a) {
			atomic_store(&table[i].key, REMOVED);
			table_clear(i);
			return;
		}
	}
}

/* --- events ----------------------------------------------------------------------------------- */

/* Recording is over in this process: nothing is a lock any more. */
static void stop(void)
{
	atomic_store(&rec.state, REC_OFF);
	for (uint32_t i = 0; i < TABLE_SIZE; i++)
		if (atomic_load(&table[i].key))
			atomic_store(&table[i].key, REMOVED);
	atomic_store(&n_keys, 0);
}

static inline void put(uint64_t record)
{
	atomic_store_explicit(self.pos++, record, memory_order_release);
}

static inline uint64_t since_base(uint64_t t)
{
	return likely(t > rec.base) ? t - rec.base : 0;
}

/* Nothing that was recorded before holds for what comes after a gap, or on a fresh slot. */
static void forget_carried(void)
{
	self.lock = self.cpu = self.checks = self.countdown = NO_VALUE;
	self.func = 0;
}

static void count_lost(uint64_t t)
{
	struct ring_slot *s = self.slot;
	uint64_t n = atomic_load_explicit(&s->lost, memory_order_relaxed);

	if (!n)
		atomic_store_explicit(&s->lost_since, since_base(t), memory_order_relaxed);
	atomic_store_explicit(&s->lost_last, since_base(t), memory_order_relaxed);
	atomic_store_explicit(&s->lost, n + 1, memory_order_release);
}

static void put_lost(void)
{
	struct ring_slot *s = self.slot;
	uint64_t n = atomic_load_explicit(&s->lost, memory_order_relaxed);

	forget_carried();
	if (!n)
		return;
	put(RECORD(REC_FUNC, 0));
	put(RECORD(REC_LOST_SINCE, atomic_load(&s->lost_since)));
	put(RECORD(REC_LOST_COUNT, n));
	put(RECORD(EV_LOST, atomic_load(&s->lost_last)));
	atomic_store_explicit(&s->lost, 0, memory_order_release);
}

static bool attached(void);

/* In a forked child whose GIL was not made anew: a log of its own, before its first event. */
static void attach_again(void)
{
	if (atomic_load(&rec.state) != REC_READY)
		return;
	rec_lock();
	attached();
	rec_unlock();
}

/* Makes room for an event at t; false: it cannot be recorded, and is counted. */
static __attribute__((noinline)) bool more_room(uint64_t t)
{
	bool fresh = !self.slot, ok = false;
	int e = errno;

	attach_again();
	if (atomic_load(&rec.state) != REC_ATTACHED || self.ended || self.off)
		goto out;
	if (atomic_load_explicit(&rec.ring->stop, memory_order_relaxed)) {
		stop();
		goto out;
	}
	if (fresh && !ring_thread()) {
		self.off = true;
		atomic_fetch_add(&rec.ring->lost_threads, 1);
		goto out;
	}
	if (!ring_next_chunk()) {
		count_lost(t);
		goto out;
	}
	if (fresh || atomic_load(&self.slot->lost))
		put_lost();
	if (fresh && self.began) {
		put(RECORD(REC_LOCK, 0));
		self.lock = 0;
		put(RECORD(EV_START, since_base(self.began)));
	}
	if (fresh && self.inherited) {
		self.lock = self.inherited->number;
		put(RECORD(REC_LOCK, self.lock));
		put(RECORD(EV_ACQUIRE, 0));
		self.inherited = NULL;
	}
	ok = true;
out:
	if (self.off && rec.ring)
		atomic_fetch_add(&rec.ring->lost_thread_events, 1);
	errno = e;
	return ok;
}

static inline uint32_t cpu_now(void)
{
#if defined(__x86_64__)
	/* The kernel keeps it in the thread's struct rseq, which glibc 2.35 registers. */
	if (likely(rec.rseq))
		return *(volatile uint32_t *)((char *)__builtin_thread_pointer() + rec.rseq + 4);
#endif
	return (uint32_t)sched_getcpu();
}

static inline void put_changed(unsigned tag, uint64_t *was, uint64_t is)
{
	if (unlikely(*was != is)) {
		*was = is;
		put(RECORD(tag, is));
	}
}

/* func: NO_VALUE where the event says nothing of it. */
static inline void emit_func(struct lock *l, unsigned kind, uint64_t t, uint64_t func)
{
	if (unlikely(self.pos >= self.limit) && !more_room(t))
		return;
	if (unlikely(func != NO_VALUE))
		put_changed(REC_FUNC, &self.func, func);
	put_changed(REC_LOCK, &self.lock, l->number);
	if (rec.cpu)
		put_changed(REC_CPU, &self.cpu, cpu_now());
	if (unlikely(l->sem && py.ticker)) {
		if (kind == EV_RELEASE && l->checks && l->checks == self.checks + 1) {
			self.checks = l->checks;
			kind = REC_CHECK;
		} else {
			put_changed(REC_CHECKS, &self.checks, l->checks);
		}
		put_changed(REC_COUNTDOWN, &self.countdown, (uint32_t)*py.ticker);
	}
	put(RECORD(kind, since_base(t)));
}

static inline void emit(struct lock *l, unsigned kind, uint64_t t)
{
	emit_func(l, kind, t, NO_VALUE);
}

/* A second event at one look at the lock: on the cpu and at the tick of the one before. */
static inline void emit_too(struct lock *l, unsigned kind, uint64_t t)
{
	if (unlikely(self.pos >= self.limit))
		emit(l, kind, t);
	else
		put(RECORD(kind, since_base(t)));
}

/*
 * The time of an event under l's own mutex (or by the semaphore's holder), later by 1 ns than the
 * one before it: so holds never overlap in a log, whatever the cpus' clocks and pipelines do.
 */
static inline uint64_t stamp(struct lock *l)
{
	uint64_t t = now();

	if (unlikely(t < l->last + rec.gap))
		t = l->last + rec.gap;
	l->last = t;
	return t;
}

static inline uint64_t func_now(void)
{
	if (likely(!rec.frames))
		return NO_VALUE;
	attach_again();			/* a function's number is one of this process' log */
	return python_func();
}

static inline void acquired(struct lock *l)
{
	uint64_t t = stamp(l);

	l->held = true;
	if (!self.serial) {
		static _Atomic uint32_t serials;

		self.serial = atomic_fetch_add(&serials, 1) + 1;
	}
	if (l->holder != self.serial) {
		l->holder = self.serial;
		l->switches++;
	}
	self.waiting = false;
	self.entry = 0;
	self.holds = l;
	emit_func(l, EV_ACQUIRE, t, func_now());
}

static inline void released(struct lock *l)
{
	uint64_t t = stamp(l);

	emit_func(l, EV_RELEASE, t, func_now());
	l->held = false;
	self.holds = NULL;
	self.entry = 0;
}

static void tell_interval(struct lock *l)
{
	char text[32];
	int e = errno;

	if (!l->interval || *l->interval == l->interval_told || !rec.ring)
		return;
	l->interval_told = *l->interval;
	snprintf(text, sizeof(text), "%lu us", l->interval_told);
	ring_fact("switch interval", text);
	errno = e;
}

static void busy(struct lock *l, uint64_t t)
{
	if (self.waiting)
		return;
	self.waiting = true;
	emit(l, EV_ENTRY, self.entry && self.entry < t ? self.entry : t);
	emit_too(l, EV_BUSY, t);
	self.entry = 0;
	tell_interval(l);
}

/* --- a GIL is made ---------------------------------------------------------------------------- */

static void name_lock(const struct lock *l)
{
	char id[24], name[32];

	snprintf(id, sizeof(id), l->is_park ? "0x%lx" : "%lu",
		 l->is_park ? (unsigned long)l->addr : (unsigned long)l->number);
	snprintf(name, sizeof(name), l->number ? "GIL %u" : "GIL", l->number);
	if (l->number == MAX_LOCKS - 1)
		strcpy(name, "other locks");
	else if (l->is_park)
		strcpy(name, id);
	ring_lock_named(l->number, l->is_park, id, name);
}

/*
 * Under rec_lock().  A park's addr is the address of what is waited for.  NULL where there are too
 * many.
 */
static struct lock *new_lock(bool park, uintptr_t addr)
{
	struct lock *l;

	if (n_locks == MAX_LOCKS)
		return NULL;
	l = &locks[n_locks];
	l->number = n_locks++;
	l->is_park = park;
	l->addr = addr;
	name_lock(l);
	return l;
}

/* Tells a new log (a forked child's) of the locks that are known already. */
static void name_locks_again(void)
{
	for (uint32_t i = 0; i < n_locks; i++) {
		name_lock(&locks[i]);
		locks[i].checks = 0;
		locks[i].interval_told = 0;
		tell_interval(&locks[i]);
	}
}

/* Under rec_lock(): there is a log to write into.  Other threads record once it knows all names. */
static bool attached(void)
{
	int state = atomic_load(&rec.state);

	if (state != REC_READY)
		return state == REC_ATTACHED;
	python_funcs_again();
	if (!ring_attach())
		return false;
	python_tell();
	name_locks_again();
	atomic_store(&rec.state, REC_ATTACHED);
	return true;
}

/* l is made anew, or no more: no thread holds it, nor has this one since a fork. */
static void nobody_holds(struct lock *l)
{
	l->held = false;
	if (self.holds == l)
		self.holds = self.inherited = NULL;
}

/*
 * Up to 3.11 Py_Finalize() ends while its thread holds the GIL: that hold ends where the GIL does,
 * or where it is made again.  Not under rec_lock().
 */
static void end_of_hold(struct lock *l)
{
	if (self.holds != l || self.inherited)
		return;
	emit_func(l, EV_RELEASE, stamp(l), rec.frames ? 0 : NO_VALUE);
	l->held = false;
	self.holds = NULL;
}

/*
 * The lock at this condition variable, if it is to be taken for the same as one that was there
 * before.
 */
static struct lock *known_gil(const pthread_cond_t *cond, bool is_static)
{
	for (uint32_t i = 0; i < n_locks; i++)
		if (locks[i].cond == cond && (!locks[i].dead || is_static))
			return &locks[i];
	return NULL;
}

/* A place for a GIL where there are none left: one whose GIL is no more, the one longest ago. */
static struct lock *used_lock(void)
{
	static uint32_t next;
	static bool told;

	for (uint32_t i = 0; i < MAX_LOCKS; i++) {
		struct lock *l = &locks[next];

		next = (next + 1) % MAX_LOCKS;
		if (l->dead && !l->is_park)
			return l;
	}
	if (!told)
		ring_fact("locks", "more than 4096 GILs at once; the others are not recorded");
	told = true;
	return NULL;
}

static void gil_made(void *mutex, void *cond, void *switch_cond, bool packed)
{
	Dl_info info;
	/* not under rec_lock(): it takes the linker's lock */
	bool is_static = dladdr(cond, &info);
	struct lock *l = find(cond, ROLE_COND);

	if (l)
		end_of_hold(l);
	rec_lock();
	if (!attached())
		goto out;
	l = known_gil(cond, is_static);
	if (!l)
		l = new_lock(false, 0);
	if (!l)
		l = used_lock();
	if (!l)
		goto out;
	l->mutex = mutex;
	l->cond = cond;
	l->switch_cond = switch_cond;
	l->dead = false;
	nobody_holds(l);
	l->interval = packed ? (const volatile unsigned long *)((char *)cond - 32) : NULL;
	if (!table_add(cond, l, ROLE_COND) || !table_add(switch_cond, l, ROLE_SWITCH) ||
	    !table_add(mutex, l, ROLE_MUTEX))
		l->dead = true;
	tell_interval(l);
out:
	rec_unlock();
}

/* 3.7 and later: one struct {...; C; M; SC; SM}, with the switch interval and `locked` before C. */
static bool is_packed(char *m, char *sm, char *c, char *sc)
{
	return m == c + sizeof(pthread_cond_t) && sc == m + sizeof(pthread_mutex_t) &&
	       sm == sc + sizeof(pthread_cond_t);
}

/*
 * One that was made before: then nothing is asked of the linker, which may be inconsistent in a
 * forked child.
 */
static bool is_known(const pthread_cond_t *cond)
{
	bool known;

	rec_lock();
	known = known_gil(cond, true) != NULL;
	rec_unlock();
	return known;
}

static bool is_near(const char *a, const char *b)
{
	return a - b < STATICS_SPAN && b - a < STATICS_SPAN;
}

static void four_inits(void *m, void *sm, void *c, void *sc, const void *caller)
{
	bool packed = is_packed(m, sm, c, sc);
	int e = errno;

	if (packed) {
		unsigned long interval = *(unsigned long *)((char *)c - 32);
		int locked = *(int *)((char *)c - 16);

		/* An interpreter that exports nothing is recognised by what stands before C. */
		if (python_at(caller) || (interval >= 1 && interval <= 100000000 && locked == -1))
			gil_made(m, c, sc, true);
	} else if (is_near(m, c) && is_near(sm, c) && is_near(sc, c) &&
		   (is_known((pthread_cond_t *)c) ||
		    (python_exports(c, "PyEval_InitThreads") && python_at(caller)))) {
		gil_made(m, c, sc, false);
	}
	errno = e;
}

/* Follows mutex, mutex, cond, cond on this thread. */
static void saw_init(void *object, bool is_cond, const void *caller)
{
	unsigned n = self.n_inits;

	if (is_cond && n == 3)
		four_inits(self.inits[0], self.inits[1], self.inits[2], object, caller);
	if (is_cond) {
		self.n_inits = n == 2 ? 3 : 0;
		self.inits[2] = object;
	} else {
		if (n == 2)
			self.inits[0] = self.inits[1];
		else if (n == 3)
			n = 0;
		self.inits[n ? 1 : 0] = object;
		self.n_inits = n ? 2 : 1;
	}
}

static bool recording(void)
{
	return atomic_load_explicit(&rec.state, memory_order_relaxed) != REC_OFF;
}

EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	int r = REAL(mutex_init)(m, attr);

	if (!r && recording())
		saw_init(m, false, __builtin_return_address(0));
	return r;
}

EXPORT int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	int r = REAL(cond_init)(c, attr);

	if (!r && recording())
		saw_init(c, true, __builtin_return_address(0));
	return r;
}

EXPORT int pthread_cond_destroy(pthread_cond_t *c)
{
	struct lock *l = find(c, ROLE_COND);

	if (l) {
		end_of_hold(l);
		rec_lock();
		table_remove(l->cond);
		table_remove(l->switch_cond);
		table_remove(l->mutex);
		l->dead = true;
		l->interval = NULL;
		nobody_holds(l);
		rec_unlock();
	}
	return REAL(cond_destroy)(c);
}

/* --- it is taken and let go ------------------------------------------------------------------- */

EXPORT int pthread_mutex_lock(pthread_mutex_t *m)
{
	int r;

	if (likely(!find(m, ROLE_MUTEX)))
		return REAL(mutex_lock)(m);
	/* A clock is read only where another thread is inside. */
	r = REAL(mutex_trylock)(m);
	if (r != EBUSY)
		return r;
	if (!self.waiting)
		self.entry = now();
	return REAL(mutex_lock)(m);
}

EXPORT int pthread_cond_signal(pthread_cond_t *c)
{
	struct lock *l = find(c, ROLE_COND);

	if (l)
		released(l);
	else if ((l = find(c, ROLE_SWITCH)))
		acquired(l);
	return REAL(cond_signal)(c);
}

EXPORT int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m,
				  const struct timespec *until)
{
	struct lock *l = find(c, ROLE_COND);
	uint64_t switches, t;
	int r;

	if (likely(!l))
		return REAL(cond_timedwait)(c, m, until);
	busy(l, stamp(l));
	switches = l->switches;
	r = REAL(cond_timedwait)(c, m, until);
	t = stamp(l);
	if (r == ETIMEDOUT) {
		emit(l, EV_TIMEOUT, t);
		/* What take_gil() finds, for M is held: it will ask the holder to let go. */
		if (l->held && l->switches == switches)
			emit_too(l, EV_DROP_REQUEST, t);
	} else if (!r) {
		emit(l, EV_WOKEN, t);
		if (l->held)
			emit_too(l, EV_RETRY, t);
	}
	return r;
}

EXPORT int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	struct lock *l = find(c, ROLE_SWITCH);
	int r;

	if (likely(!l))
		return REAL(cond_wait)(c, m);
	emit(l, EV_SWITCH_WAIT, now());
	r = REAL(cond_wait)(c, m);
	emit(l, EV_SWITCH_DONE, now());
	return r;
}

/* --- 2.7: a semaphore ------------------------------------------------------------------------- */

/* Set in a forked child until PyEval_ReInitThreads() has made the semaphore anew. */
static bool reinit_due;
static struct lock *gil_2;

static void semaphore_gil(sem_t *sem)
{
	rec_lock();
	if (attached()) {
		if (gil_2 && gil_2->sem)
			table_remove(gil_2->sem);
		if (!gil_2)
			gil_2 = new_lock(false, 0);
		if (gil_2) {
			gil_2->sem = sem;
			nobody_holds(gil_2);
			if (!table_add(sem, gil_2, ROLE_SEM))
				gil_2->dead = true;
		}
	}
	rec_unlock();
	reinit_due = false;
}

EXPORT int sem_init(sem_t *sem, int shared, unsigned value)
{
	int r = REAL(sem_init)(sem, shared, value), e = errno;
	const void *const *frame = __builtin_frame_address(0);

	if (!r && value == 1 && !shared && recording() && (!gil_2 || reinit_due) &&
	    python_makes_2(__builtin_return_address(0), frame, reinit_due))
		semaphore_gil(sem);
	errno = e;
	return r;
}

/*
 * glibc's semaphore since 2.21, where long has 64 bits: the value in the low half of a word, the
 * number of waiters in the high half; sem_post() adds 1 and wakes one waiter if there are any.
 */
#define ONE_WAITER (UINT64_C(1) << 32)

#if defined(__GLIBC__) && __SIZEOF_LONG__ == 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static int wait_for_semaphore(struct lock *l, sem_t *sem)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)sem;
	uint64_t v = atomic_fetch_add(word, ONE_WAITER) + ONE_WAITER;
	int e = errno;

	for (;;) {
		bool woken = false;

		if (!(uint32_t)v) {
			long r = syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, NULL,
					 NULL, 0);

			if (r && errno == EINTR) {
				atomic_fetch_sub(word, ONE_WAITER);
				return -1;		/* Python calls again */
			}
			woken = !r;
			if (woken)
				emit(l, EV_WOKEN, now());
			v = atomic_load(word);
		}
		while ((uint32_t)v)
			if (atomic_compare_exchange_weak(word, &v, v - 1 - ONE_WAITER)) {
				errno = e;
				return 0;
			}
		if (woken)
			emit_too(l, EV_RETRY, now());
	}
}
#else
static int wait_for_semaphore(struct lock *l, sem_t *sem)
{
	(void)l;
	return REAL(sem_wait)(sem);
}
#endif

static int take_semaphore(struct lock *l, sem_t *sem)
{
	int e = errno;

	if (REAL(sem_trywait)(sem)) {
		errno = e;
		busy(l, now());
		if (wait_for_semaphore(l, sem))
			return -1;
	}
	acquired(l);
	return 0;
}

/* --- free-threaded builds: threads that park -------------------------------------------------- */

/*
 * _PyParkingLot_Park() sleeps on a semaphore in a struct { park_arg; addr; semaphore } on its own
 * stack: the word before the semaphore is the address of the lock that is waited for.
 */
static struct lock *parks_on(sem_t *sem, const void *caller, const void *frame)
{
	uintptr_t s = (uintptr_t)sem, f = (uintptr_t)frame, addr;
	struct lock *l;

	if (likely(!py.free_threaded) ||
	    atomic_load_explicit(&rec.state, memory_order_relaxed) != REC_ATTACHED)
		return NULL;
	if ((uintptr_t)caller < py.lo || (uintptr_t)caller >= py.hi || s < f || s > f + 4096)
		return NULL;
	addr = ((uintptr_t *)sem)[-1];
	if (addr < 4096)
		return NULL;
	l = find((void *)addr, ROLE_PARK);
	if (l)
		return l;
	rec_lock();
	l = find((void *)addr, ROLE_PARK);
	if (!l)
		l = n_locks < MAX_LOCKS ? new_lock(true, addr) : &locks[MAX_LOCKS - 1];
	if (l)
		table_add((void *)addr, l, ROLE_PARK);
	rec_unlock();
	return l;
}

static void parked(struct lock *l, int r)
{
	uint64_t t = now();

	if (r && errno == ETIMEDOUT)
		emit(l, EV_TIMEOUT, t);
	self.waiting = false;
	emit(l, EV_ACQUIRE, t);
}

EXPORT int sem_wait(sem_t *sem)
{
	struct lock *l = find(sem, ROLE_SEM);
	int r;

	if (l)
		return take_semaphore(l, sem);
	l = parks_on(sem, __builtin_return_address(0), __builtin_frame_address(0));
	if (likely(!l))
		return REAL(sem_wait)(sem);
	busy(l, now());
	r = REAL(sem_wait)(sem);
	parked(l, r);
	return r;
}

EXPORT int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
	struct lock *l = parks_on(sem, __builtin_return_address(0), __builtin_frame_address(0));
	int r;

	if (l)
		busy(l, now());
	if (!REAL(sem_clockwait)) {
		errno = ENOSYS;
		return -1;
	}
	r = REAL(sem_clockwait)(sem, clock, until);
	if (l)
		parked(l, r);
	return r;
}

EXPORT int sem_post(sem_t *sem)
{
	struct lock *l = find(sem, ROLE_SEM);

	if (l) {
		if (python_checks_2(__builtin_frame_address(0)))
			l->checks++;
		released(l);
	}
	return REAL(sem_post)(sem);
}

/* --- threads ---------------------------------------------------------------------------------- */

struct beginning {
	void *(*fn)(void *);
	void *arg;
	char name[NAME_SIZE];
};

static void *begin_thread(void *p)
{
	struct beginning b = *(struct beginning *)p;

	free(p);
	memcpy(self.name, b.name, sizeof(self.name));
	self.began = now();
	return b.fn(b.arg);
}

EXPORT int pthread_create(pthread_t *th, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	struct beginning *b;
	int r, e = errno;

	if (!recording() || !(b = malloc(sizeof(*b)))) {
		errno = e;
		return REAL(create)(th, attr, fn, arg);
	}
	b->fn = fn;
	b->arg = arg;
	b->name[0] = 0;
	if ((self.holds || py.free_threaded) && atomic_load(&rec.state) == REC_ATTACHED)
		python_thread_name(b->name);
	errno = e;
	r = REAL(create)(th, attr, begin_thread, b);
	if (r)
		free(b);
	return r;
}

/* Python 3.14 tells the OS, each thread for itself. */
EXPORT int pthread_setname_np(pthread_t th, const char *name)
{
	if (recording() && pthread_equal(th, pthread_self())) {
		int e = errno;

		ring_thread_name(name);
		errno = e;
	}
	return REAL(setname)(th, name);
}

/* Other destructors may still take the GIL: ours comes again until the last round. */
static void thread_ends(void *round)
{
	int e = errno;

	if ((uintptr_t)round < DESTRUCTOR_ROUNDS) {
		pthread_setspecific(rec.key, (char *)round + 1);
	} else if (self.slot && !self.ended) {
		emit(&locks[0], EV_END, now());
		ring_thread_ended();
	}
	errno = e;
}

static void child_forked(void)
{
	int e = errno;

	atomic_flag_clear(&rec.busy);
	if (atomic_load(&rec.state) == REC_OFF && !rec.ring)
		return;
	ring_forget();
	python_funcs_forked();
	/* Of the threads there is one left, and what that one does not hold nobody does. */
	for (uint32_t i = 0; i < n_locks; i++)
		if (locks[i].held && &locks[i] != self.holds)
			locks[i].held = false;
	self.inherited = self.holds;
	self.slot = NULL;
	self.pos = self.limit = NULL;
	self.link = NULL;
	self.waiting = self.ended = self.off = false;
	self.entry = self.began = 0;
	self.name[0] = 0;
	self.n_inits = 0;
	reinit_due = gil_2 != NULL;
	errno = e;
}

static __attribute__((constructor)) void start(void)
{
	int e = errno;

	if (!real.mutex_lock)
		resolve();
	ring_configure();
	if (recording()) {
		rec.has_key = !pthread_key_create(&rec.key, thread_ends);
		pthread_atfork(NULL, NULL, child_forked);
	}
	errno = e;
}
