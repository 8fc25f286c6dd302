/* drain.c - see drain.h; the memory is drawn in ring.h */
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gillog.h"
#include "io.h"
#include "ring.h"

/*
 * An epoch ends when so much has been put into it or so much time has passed: what a killed
 * recorder loses, and what a reader that merges has to hold.
 */
#define EPOCH_BYTES (4u << 20)
#define EPOCH_NS 1000000000u
#define STEP_NS 50000000u	/* where the recorder comes late, it goes on in steps of so much */
/* but not from further back than this when it begins: where that is, the process says */
#define STEPS_NS 600000000000u
#define CHECKS_MAX ((UINT64_C(1) << 48) - 1)
#define NUMBER_MAX ((UINT64_C(1) << 56) - 1)	/* of an attribute in a log */

/* A slot's thread as the log knows it, and what its records have said so far. */
struct lane {
	bool live;
	uint32_t thread;		/* in the log */
	uint32_t chunk, pos;		/* the next record: in chunk number + 1 */
	uint32_t name_version;
	uint64_t last;			/* the time of its last event */
	uint64_t lost_since, lost_count;
	uint32_t lock, func;
	int64_t cpu, checks, countdown;	/* -1: never said */
};

struct drain {
	struct ring_header *ring;
	uint64_t size, base;
	uint32_t n_slots, n_chunks;
	int32_t pid;
	struct ring_slot *slots;
	struct ring_chunk *chunks;
	struct lane *lanes;
	uint32_t meta_pos, n_threads, n_locks, n_funcs;
	/* of the process: threads that have the same have no name */
	char comm[32];
	struct gillog_writer *writer;	/* NULL: no log */
	int fd;
	char *path;
	uint64_t len;			/* bytes written */
	uint64_t mark, done;		/* ns of the last mark; up to where all has been drained */
	uint32_t passed;		/* chunks in the step under way */
	struct drain_stats stats;
};

int drain_new(struct drain **out, int memfd, int32_t pid, struct err *err)
{
	struct drain *d = calloc(1, sizeof(*d));
	struct ring_header *h = MAP_FAILED;
	struct stat st;

	*out = NULL;
	if (!d)
		return err_memory(err, "a recording");
	d->fd = -1;
	/* What is cut off under a mapping ends who looks at it: then nobody can any more. */
	if (fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) || fstat(memfd, &st) ||
	    st.st_size < (off_t)ring_size(1))
		goto bad;
	d->size = (uint64_t)st.st_size;
	h = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (h == MAP_FAILED)
		goto bad;
	if (h->magic != RING_MAGIC || h->version != RING_VERSION || h->n_slots != RING_SLOTS ||
	    h->size != d->size || h->meta_size != RING_META_SIZE)
		goto bad;
	/* The process can still change what it said: the size counts, which it cannot. */
	d->n_chunks = (uint32_t)((d->size - ring_size(0)) / CHUNK_SIZE);
	if (ring_size(d->n_chunks) != d->size || h->n_chunks != d->n_chunks)
		goto bad;
	d->ring = h;
	d->base = h->base;
	d->n_slots = RING_SLOTS;
	d->slots = ring_slots(h);
	d->chunks = ring_chunks(h);
	d->pid = pid;
	d->lanes = calloc(d->n_slots, sizeof(*d->lanes));
	if (!d->lanes) {
		drain_free(d);
		return err_memory(err, "a recording");
	}
	*out = d;
	return 0;
bad:
	if (h != MAP_FAILED)
		munmap(h, d->size);
	free(d);
	return err_set(err, ERR_FORMAT, "process %" PRId32 " has sent memory that is none of ours",
		       pid);
}

void drain_free(struct drain *d)
{
	if (!d)
		return;
	gillog_writer_free(d->writer);
	if (d->fd >= 0)
		close(d->fd);
	munmap(d->ring, d->size);
	free(d->lanes);
	free(d->path);
	free(d);
}

void drain_stop(struct drain *d)
{
	atomic_store(&d->ring->stop, 1);
}

int32_t drain_pid(const struct drain *d)
{
	return d->pid;
}

const struct drain_stats *drain_stats(const struct drain *d)
{
	return &d->stats;
}

const char *drain_path(const struct drain *d)
{
	return d->path;
}

/* --- the log ---------------------------------------------------------------------------------- */

/*
 * gillog_write_fn: a section comes in one piece, so that what is cut off is cut between sections.
 */
static int write_log(void *ctx, const void *data, size_t n, struct err *err)
{
	struct drain *d = ctx;

	if (io_pwrite_all(d->fd, data, n, d->len, err))
		return -1;
	d->len += n;
	d->stats.bytes = d->len;
	return 0;
}

/* Writing has failed: what is there stays readable, and the process need not go on for nothing. */
static void give_up(struct drain *d)
{
	drain_stop(d);
	/* Where that fails, a reader leaves out the half section at the end all the same. */
	(void)!ftruncate(d->fd, (off_t)d->len);
	close(d->fd);
	d->fd = -1;
	gillog_writer_free(d->writer);
	d->writer = NULL;
}

static void read_comm(char comm[32], int32_t pid, uint32_t tid)
{
	char path[64];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRId32 "/task/%" PRIu32 "/comm", pid, tid);
	comm[0] = 0;
	f = fopen(path, "re");
	if (!f)
		return;
	n = fread(comm, 1, 31, f);		/* the name may hold any byte, and one \n ends it */
	comm[n && comm[n - 1] == '\n' ? n - 1 : n] = 0;
	fclose(f);
}

/* A new file; one that is to replace another lies beside it, as did one that was left over. */
static int create_log(struct drain *d, const char *path, bool replace, struct err *err)
{
	struct stat st;

	if (replace && !lstat(path, &st) && S_ISREG(st.st_mode))
		unlink(path);
	d->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (d->fd >= 0)
		return 0;
	err_system(err, "%s", path);
	if (errno == EEXIST && !replace && err)
		err->code = ERR_EXISTS;
	return -1;
}

/* What is at path now gives way to the log at tmp. */
static int replace_log(const char *tmp, const char *path, struct err *err)
{
	struct stat st;

	/* a rename would put a file in the place of a device */
	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s: exists already and is no file", path);
	return rename(tmp, path) ? err_system(err, "%s: cannot rename to %s", tmp, path) : 0;
}

int drain_open_log(struct drain *d, const char *path, bool replace, struct err *err)
{
	struct gillog_writer_options o = { .clock = GILLOG_NS };
	char *made = NULL;

	if (asprintf(&made, "%s%s", path, replace ? ".tmp" : "") < 0)
		return err_memory(err, "a log's name");
	if (create_log(d, made, replace, err)) {
		free(made);
		return -1;
	}
	d->path = strdup(path);
	if (!d->path) {
		err_memory(err, "a log's name");
		goto fail;
	}
	read_comm(d->comm, d->pid, (uint32_t)d->pid);
	if (gillog_writer_new(&d->writer, &o, write_log, d, err) ||
	    gillog_put_process(d->writer, 0, d->ring->pid, d->ring->ppid, d->comm,
			       GILLOG_WAITS_UNKNOWN, err) ||
	    (replace && replace_log(made, path, err)))
		goto fail;
	free(made);
	return 0;
fail:
	gillog_writer_free(d->writer);
	d->writer = NULL;
	close(d->fd);
	d->fd = -1;
	unlink(made);
	free(made);
	free(d->path);
	d->path = NULL;
	d->len = d->stats.bytes = 0;
	return -1;
}

int drain_fact(struct drain *d, const char *key, const char *value, struct err *err)
{
	return d->writer ? gillog_put_fact(d->writer, key, value, err) : 0;
}

/* --- names and facts -------------------------------------------------------------------------- */

/* A string of at most *left bytes, with its NUL; NULL where there is none. */
static const char *take_string(const char **p, size_t *left)
{
	const char *s = *p;
	size_t n = strnlen(s, *left);

	if (n == *left)
		return NULL;
	*p += n + 1;
	*left -= n + 1;
	return s;
}

static int take_fact(struct drain *d, const char *key, const char *value, struct err *err)
{
	if (!strcmp(key, "python"))
		snprintf(d->stats.python, sizeof(d->stats.python), "%s", value);
	else if (!strcmp(key, "free-threaded"))
		d->stats.free_threaded = true;
	return drain_fact(d, key, value, err);
}

/* Numbers come in order, but for those that found the area full: their places are filled. */
static int take_lock(struct drain *d, uint32_t number, bool park, const char *id, const char *name,
		     struct err *err)
{
	if (number > UINT16_MAX)
		return 0;
	for (; d->n_locks < number; d->n_locks++)
		if (gillog_put_lock(d->writer, (uint16_t)d->n_locks, 0, "", "", park, err))
			return -1;
	if (gillog_put_lock(d->writer, (uint16_t)number, 0, id, name, park, err))
		return -1;
	if (number == d->n_locks)
		d->n_locks++;
	return 0;
}

static int take_func(struct drain *d, uint32_t number, uint32_t line, const char *name,
		     const char *file, struct err *err)
{
	if (number != d->n_funcs)
		return 0;
	d->n_funcs++;
	return gillog_put_func(d->writer, number, name, file, line, err);
}

static int take_entry(struct drain *d, uint32_t type, const char *p, size_t left, struct err *err)
{
	uint32_t numbers[2] = { 0, 0 };
	const char *a, *b;

	if (type != META_FACT) {
		if (left < sizeof(numbers))
			return 0;
		memcpy(numbers, p, sizeof(numbers));
		p += sizeof(numbers);
		left -= sizeof(numbers);
	}
	if (!(a = take_string(&p, &left)) || !(b = take_string(&p, &left)))
		return 0;
	switch (type) {
	case META_FACT:
		return take_fact(d, a, b, err);
	case META_LOCK:
		return take_lock(d, numbers[0], numbers[1], a, b, err);
	case META_FUNC:
		return take_func(d, numbers[0], numbers[1], a, b, err);
	}
	return 0;
}

static int take_meta(struct drain *d, struct err *err)
{
	uint32_t used = atomic_load_explicit(&d->ring->meta_used, memory_order_acquire);
	const char *area = ring_meta_area(d->ring);

	if (used > RING_META_SIZE)
		used = RING_META_SIZE;
	while (d->meta_pos + sizeof(struct ring_meta) <= used) {
		/* A copy: the process could change it between the check and the use. */
		char entry[8192];
		struct ring_meta m;
		size_t room = used - d->meta_pos - sizeof(m);

		memcpy(&m, area + d->meta_pos, sizeof(m));
		if (m.len > room) {
			d->meta_pos = RING_META_SIZE;
			break;
		}
		if (m.len < sizeof(entry)) {
			memcpy(entry, area + d->meta_pos + sizeof(m), m.len);
			if (take_entry(d, m.type, entry, m.len, err))
				return -1;
		}
		d->meta_pos += (uint32_t)((sizeof(m) + m.len + 7) & ~(size_t)7);
	}
	return 0;
}

/* --- threads ---------------------------------------------------------------------------------- */

static int put_thread(struct drain *d, struct lane *l, const struct ring_slot *s, struct err *err)
{
	uint32_t version = atomic_load_explicit(&s->name_version, memory_order_acquire);
	char id[16], name[sizeof(s->name)];

	memcpy(name, s->name, sizeof(name));
	name[sizeof(name) - 1] = 0;
	atomic_thread_fence(memory_order_acquire);
	if (version & 1 || version != atomic_load(&s->name_version)) {
		if (l->live)
			return 0;		/* being changed: the next pass has it */
		name[0] = 0;
	}
	l->name_version = version;
	snprintf(id, sizeof(id), "%" PRIu32, s->tid);
	if (!name[0]) {
		char comm[32];

		read_comm(comm, d->pid, s->tid);
		if (strcmp(comm, d->comm))
			memcpy(name, comm, sizeof(comm));
	}
	return gillog_put_thread(d->writer, l->thread, 0, id, name, err);
}

static int begin_lane(struct drain *d, struct lane *l, const struct ring_slot *s, struct err *err)
{
	*l = (struct lane){ .thread = d->n_threads, .cpu = -1, .checks = -1, .countdown = -1,
			    .last = d->mark };
	if (put_thread(d, l, s, err))
		return -1;
	l->live = true;
	d->n_threads++;
	d->stats.threads++;
	return 0;
}

/* Only here things are pushed, so the link needs no more than to be there before the head. */
static void push(_Atomic uint64_t *head, _Atomic uint32_t *link, uint32_t number)
{
	uint64_t h = atomic_load(head);

	do
		atomic_store(link, (uint32_t)h);
	while (!atomic_compare_exchange_weak(head, &h, ((h >> 32) + 1) << 32 | number));
}

/* Gives back chunk number + 1, all zero. */
static void free_chunk(struct drain *d, uint32_t n)
{
	struct ring_chunk *c = &d->chunks[n - 1];

	memset((void *)c->rec, 0, sizeof(c->rec));
	push(&d->ring->free_chunks, &c->next, n);
}

static void free_slot(struct drain *d, uint32_t i)
{
	struct ring_slot *s = &d->slots[i];

	d->lanes[i].live = false;
	s->tid = 0;
	memset(s->name, 0, sizeof(s->name));
	atomic_store(&s->first, 0);
	atomic_store(&s->lost, 0);
	atomic_store(&s->name_version, 0);
	atomic_store(&s->state, SLOT_FREE);
	push(&d->ring->free_slots, &s->next_free, i + 1);
}

/* --- events ----------------------------------------------------------------------------------- */

static bool has_func(unsigned kind)
{
	return kind == GL_ACQUIRE || kind == GL_RELEASE;
}

/*
 * Puts one event; its time is moved to where the log and its thread have got to, if it comes late.
 */
static int put_event(struct drain *d, struct lane *l, unsigned kind, uint64_t ns, struct err *err)
{
	struct gillog_event e = { .kind = (uint8_t)kind };
	struct gillog_attr a[6];
	uint64_t since = l->lost_since;

	if (l->lock >= d->n_locks || (l->func && l->func - 1 >= d->n_funcs))
		if (take_meta(d, err))
			return -1;
	if (ns < d->mark)
		d->stats.late++;
	e.time = ns < l->last ? l->last : ns;
	e.time = e.time < d->mark ? d->mark : e.time;
	l->last = e.time;
	e.lock = l->lock < d->n_locks ? (uint16_t)l->lock : 0;
	if (!d->n_locks && take_lock(d, 0, false, "0", "GIL", err))
		return -1;
	if (l->cpu >= 0)
		a[e.n_attrs++] = (struct gillog_attr){ GL_ATTR_CPU, l->cpu };
	if (l->checks >= 0)
		a[e.n_attrs++] = (struct gillog_attr){ GL_ATTR_CHECKS, l->checks };
	if (l->countdown >= 0)
		a[e.n_attrs++] = (struct gillog_attr){ GL_ATTR_COUNTDOWN, (int32_t)l->countdown };
	if (l->func && l->func - 1 < d->n_funcs && has_func(kind))
		a[e.n_attrs++] = (struct gillog_attr){ GL_ATTR_FUNC, l->func - 1 };
	if (kind == GL_LOST) {
		a[e.n_attrs++] = (struct gillog_attr){ GL_ATTR_COUNT, (int64_t)l->lost_count };
		since = since < e.time ? e.time - since : 0;
		since = since < NUMBER_MAX ? since : NUMBER_MAX;
		a[e.n_attrs++] = (struct gillog_attr){ GL_ATTR_SINCE, (int64_t)since };
		d->stats.lost_events += l->lost_count;
	}
	if (!d->stats.events++)
		d->stats.first_ns = e.time;
	d->stats.last_ns = e.time > d->stats.last_ns ? e.time : d->stats.last_ns;
	return gillog_put_event(d->writer, l->thread, &e, a, err);
}

/* 1: taken; 0: it is of a time not before `until`; -1. */
static int take_record(struct drain *d, struct lane *l, const struct tsc_clock *clock, uint64_t r,
		       uint64_t until, struct err *err)
{
	uint64_t value = r >> 5, ns;
	unsigned tag = r & 31;

	switch (tag) {
	case REC_LOCK:
		l->lock = value < UINT16_MAX ? (uint32_t)value : 0;
		return 1;
	case REC_CPU:
		l->cpu = value <= INT32_MAX ? (int64_t)value : -1;
		return 1;
	case REC_FUNC:
		l->func = value <= UINT32_MAX ? (uint32_t)value : 0;
		return 1;
	case REC_CHECKS:
		l->checks = value <= CHECKS_MAX ? (int64_t)value : 0;
		return 1;
	case REC_COUNTDOWN:
		l->countdown = (uint32_t)value;
		return 1;
	case REC_LOST_SINCE:
		l->lost_since = tsc_ns(clock, d->base + value);
		return 1;
	case REC_LOST_COUNT:
		l->lost_count = value <= NUMBER_MAX ? value : 0;
		return 1;
	}
	if (!gillog_kind_name(tag) && tag != REC_CHECK)
		return 1;
	ns = tsc_ns(clock, d->base + value);
	if (ns >= until)
		return 0;
	if (tag == REC_CHECK) {
		tag = GL_RELEASE;
		l->checks += l->checks >= 0;
	}
	return put_event(d, l, tag, ns, err) ? -1 : 1;
}

/*
 * A lane's next chunk is a claim.  What has been given back is filled anew with times that are not
 * before `until`, but for one chunk a thread where there is no such limit: whoever passes more than
 * there are is led in a circle.
 */
static int check_chunk(struct drain *d, uint32_t n, struct err *err)
{
	if (n > d->n_chunks)
		return err_set(err, ERR_FORMAT,
			       "the program has written over its recorder's memory: chunk %" PRIu32
			       " of %" PRIu32, n, d->n_chunks);
	if (d->passed > d->n_chunks + d->n_slots)
		return err_set(err, ERR_FORMAT,
			       "the program has written over its recorder's memory: %" PRIu32
			       " chunks in a row, of %" PRIu32, d->passed, d->n_chunks);
	return 0;
}

/* Takes a lane's records of before `until`.  1: it has no more, now; 0: it has later ones; -1. */
static int drain_lane(struct drain *d, uint32_t i, const struct tsc_clock *clock, uint64_t until,
		      struct err *err)
{
	struct lane *l = &d->lanes[i];

	if (!l->chunk)
		l->chunk = atomic_load_explicit(&d->slots[i].first, memory_order_acquire);
	while (l->chunk) {
		struct ring_chunk *c;
		uint32_t next;
		uint64_t r;

		if (check_chunk(d, l->chunk, err))
			return -1;
		c = &d->chunks[l->chunk - 1];
		/* Read before the records: where there is a next chunk, this one is complete. */
		next = atomic_load_explicit(&c->next, memory_order_acquire);
		while (l->pos < CHUNK_RECORDS &&
		       (r = atomic_load_explicit(&c->rec[l->pos], memory_order_acquire))) {
			int taken = take_record(d, l, clock, r, until, err);

			if (taken <= 0)
				return taken;
			l->pos++;
		}
		if (!next)
			break;
		free_chunk(d, l->chunk);
		d->passed++;
		l->chunk = next;
		l->pos = 0;
	}
	return 1;
}

/* All lanes, up to `until`; `over`: the process is gone, and nothing is written any more. */
static int drain_until(struct drain *d, const struct tsc_clock *clock, uint64_t until, bool over,
		       struct err *err)
{
	uint32_t used = atomic_load_explicit(&d->ring->used_slots, memory_order_acquire);

	if (used > d->n_slots)
		used = d->n_slots;
	d->passed = 0;
	for (uint32_t i = 0; i < used; i++) {
		struct ring_slot *s = &d->slots[i];
		struct lane *l = &d->lanes[i];
		/* Read before the records: what has ended writes no more. */
		uint32_t state = atomic_load_explicit(&s->state, memory_order_acquire);
		uint64_t lost;
		int r;

		if (state == SLOT_FREE)
			continue;
		if (!l->live && begin_lane(d, l, s, err))
			return -1;
		if (l->name_version != atomic_load(&s->name_version) && put_thread(d, l, s, err))
			return -1;
		r = drain_lane(d, i, clock, until, err);
		if (r < 0)
			return -1;
		if (!r || !(over || state == SLOT_ENDED))
			continue;
		lost = atomic_load(&s->lost);
		if (lost) {
			uint64_t t = tsc_ns(clock, d->base + atomic_load(&s->lost_last));

			if (t >= until)
				continue;	/* a mark may come before that time */
			l->lost_count = lost <= NUMBER_MAX ? lost : 0;
			l->lost_since = tsc_ns(clock, d->base + atomic_load(&s->lost_since));
			if (put_event(d, l, GL_LOST, t, err))
				return -1;
			atomic_store(&s->lost, 0);
		}
		if (over)
			continue;
		if (l->chunk)
			free_chunk(d, l->chunk);
		free_slot(d, i);
	}
	return 0;
}

static int end_epoch(struct drain *d, uint64_t t, struct err *err)
{
	if (gillog_mark(d->writer, t, err))
		return -1;
	d->mark = t;
	return 0;
}

static int pass(struct drain *d, const struct tsc_clock *clock, uint64_t until, struct err *err)
{
	if (take_meta(d, err))
		return -1;
	if (!d->done) {
		d->mark = until < tsc_ns(clock, d->base) ? until : tsc_ns(clock, d->base);
		d->done = until - d->mark > STEPS_NS ? until - STEPS_NS : d->mark;
	}
	while (d->done < until) {
		d->done = until - d->done > STEP_NS ? d->done + STEP_NS : until;
		if (drain_until(d, clock, d->done, false, err))
			return -1;
		if ((gillog_epoch_bytes(d->writer) >= EPOCH_BYTES ||
		     d->done - d->mark >= EPOCH_NS) &&
		    end_epoch(d, d->done, err))
			return -1;
	}
	return 0;
}

int drain_pass(struct drain *d, const struct tsc_clock *clock, uint64_t *n_events, struct err *err)
{
	uint64_t before = d->stats.events;

	*n_events = 0;
	if (!d->writer)
		return 0;
	if (pass(d, clock, tsc_settled_ns(clock), err)) {
		give_up(d);
		return -1;
	}
	*n_events = d->stats.events - before;
	return 0;
}

static int finish(struct drain *d, const struct tsc_clock *clock, struct err *err)
{
	uint64_t lost_threads, lost_events;
	char text[64];

	if (pass(d, clock, tsc_settled_ns(clock), err) || take_meta(d, err) ||
	    drain_until(d, clock, UINT64_MAX, true, err))
		return -1;
	lost_threads = atomic_load(&d->ring->lost_threads);
	lost_events = atomic_load(&d->ring->lost_thread_events);
	d->stats.lost_events += lost_events;
	if (lost_threads) {
		snprintf(text, sizeof(text), "%" PRIu64 ", with %" PRIu64 " event%s", lost_threads,
			 lost_events, plural(lost_events));
		if (drain_fact(d, "lost threads", text, err))
			return -1;
	}
	if (atomic_load(&d->ring->lost_meta)) {
		snprintf(text, sizeof(text), "%" PRIu32, atomic_load(&d->ring->lost_meta));
		if (drain_fact(d, "lost names", text, err))
			return -1;
	}
	if (d->stats.late) {
		snprintf(text, sizeof(text), "%" PRIu64, d->stats.late);
		if (drain_fact(d, "events moved to a later time", text, err))
			return -1;
	}
	if (tsc_hz(clock)) {
		snprintf(text, sizeof(text),
			 "TSC; off CLOCK_MONOTONIC by at most %" PRIu64 " ns in %" PRIu64
			 " reading%s",
			 clock->worst_ns, clock->n_checks, plural(clock->n_checks));
		if (drain_fact(d, "clock", text, err))
			return -1;
	}
	return gillog_finish(d->writer, err);
}

int drain_finish(struct drain *d, const struct tsc_clock *clock, struct err *err)
{
	int fd = d->fd;

	if (!d->writer)
		return 0;
	if (finish(d, clock, err)) {
		give_up(d);
		return -1;
	}
	gillog_writer_free(d->writer);
	d->writer = NULL;
	d->fd = -1;
	if (close(fd))
		return err_system(err, "%s", d->path);
	return 0;
}
