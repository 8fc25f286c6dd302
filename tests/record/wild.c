/*
 * Whatever a recorded program writes into the memory it shares, and while it is read: its recorder
 * comes to an end, with a log that can be read and, where records were led astray, a sentence.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <signal.h>
#include <time.h>

#include <cmocka.h>

#include "drain.h"
#include "gillog.h"
#include "io.h"
#include "random.h"
#include "ring.h"
#include "scratch.h"

#define N_CHUNKS 64u
#define HANGS_S 120		/* a drain that takes so long never ends */

static char path[4096];

/* A process' memory, and what drains it into a log at path. */
struct world {
	int fd;
	struct ring_header *h;
	struct tsc_clock clock;
	struct drain *d;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A memory as a recorded process makes it. */
static struct ring_header *make_memory(int *fd, unsigned flags)
{
	struct ring_header *h;

	*fd = memfd_create("wild", flags);
	assert_true(*fd >= 0);
	assert_int_equal(ftruncate(*fd, (off_t)ring_size(N_CHUNKS)), 0);
	h = mmap(NULL, ring_size(N_CHUNKS), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	assert_ptr_not_equal(h, MAP_FAILED);
	h->magic = RING_MAGIC;
	h->version = RING_VERSION;
	h->n_slots = RING_SLOTS;
	h->n_chunks = N_CHUNKS;
	h->meta_size = RING_META_SIZE;
	h->size = ring_size(N_CHUNKS);
	h->pid = getpid();
	h->base = now_ns() - 1000000000;
	return h;
}

static void begin(struct world *w, uint64_t base_ago_ns)
{
	struct err err = { 0 };

	w->h = make_memory(&w->fd, MFD_ALLOW_SEALING);
	if (base_ago_ns)
		w->h->base = now_ns() - base_ago_ns;
	tsc_start(&w->clock, false);
	assert_int_equal(drain_new(&w->d, w->fd, getpid(), &err), 0);
	unlink(path);
	assert_int_equal(drain_open_log(w->d, path, false, &err), 0);
}

/* Passes, and the end; how many of these failed. */
static int drain_all(struct world *w, unsigned passes, struct err *err)
{
	uint64_t n;
	int failed = 0;

	for (unsigned i = 0; i < passes; i++) {
		tsc_tick(&w->clock);
		failed += drain_pass(w->d, &w->clock, &n, err) < 0;
	}
	tsc_tick(&w->clock);
	tsc_tick(&w->clock);
	return failed + (drain_finish(w->d, &w->clock, err) < 0);
}

/* The log is readable as far as it goes; whole or cut off. */
static enum gillog_next read_log(uint64_t *n_events)
{
	struct err err = { 0 };
	struct gillog_block b;
	enum gillog_next last;
	struct gillog *g;
	uint8_t *data;
	uint64_t mark;
	size_t n;

	*n_events = 0;
	assert_int_equal(io_read_file(path, 1 << 28, &data, &n, &err), 0);
	assert_int_equal(gillog_open_mem(&g, data, n, &err), 0);
	while ((last = gillog_next(g, &b, &mark, &err)) == GILLOG_BLOCK || last == GILLOG_MARK)
		if (last == GILLOG_BLOCK) {
			*n_events += b.n_events;
			gillog_block_release(&b);
		}
	if (last != GILLOG_DONE && last != GILLOG_CUT)
		fail_msg("%s", err.msg);
	gillog_close(g);
	free(data);
	return last;
}

static void end(struct world *w)
{
	drain_free(w->d);
	munmap(w->h, ring_size(N_CHUNKS));
	close(w->fd);
	unlink(path);
}

/* A thread with one full chunk, which says that chunk next follows. */
static void one_thread(struct ring_header *h, uint32_t next)
{
	struct ring_slot *s = ring_slots(h);
	struct ring_chunk *c = ring_chunks(h);

	atomic_store(&h->used_slots, 1);
	atomic_store(&h->used_chunks, 1);
	s->tid = (uint32_t)getpid();
	atomic_store(&s->first, 1);
	atomic_store(&c->next, next);
	for (unsigned i = 0; i < CHUNK_RECORDS; i++)
		atomic_store(&c->rec[i], RECORD(i % 2 ? GL_RELEASE : GL_ACQUIRE, i + 1));
	atomic_store(&s->state, SLOT_LIVE);
}

/* What the others begin with is all right. */
static void sane(void **state)
{
	struct err err = { 0 };
	struct world w;
	uint64_t n;

	(void)state;
	begin(&w, 0);
	one_thread(w.h, 2);
	assert_int_equal(drain_all(&w, 2, &err), 0);
	assert_int_equal(read_log(&n), GILLOG_DONE);
	assert_int_equal(n, CHUNK_RECORDS);
	end(&w);
}

static void circle(void **state)
{
	struct err err = { 0 };
	struct world w;
	uint64_t n;

	(void)state;
	begin(&w, 0);
	/* Given back, it is linked to what lies on top of the stack: itself. */
	atomic_store(&w.h->free_chunks, 1);
	one_thread(w.h, 1);
	assert_int_equal(drain_all(&w, 2, &err), 1);
	assert_non_null(strstr(err.msg, "written over"));
	assert_int_equal(atomic_load(&w.h->stop), 1);
	assert_int_equal(read_log(&n), GILLOG_CUT);
	end(&w);
}

static void no_such_chunk(void **state)
{
	static const uint32_t nexts[] = { N_CHUNKS + 1, UINT32_MAX };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct err err = { 0 };
		struct world w;
		uint64_t n;

		begin(&w, 0);
		one_thread(w.h, nexts[i]);
		assert_int_equal(drain_all(&w, 2, &err), 1);
		assert_non_null(strstr(err.msg, "written over"));
		assert_int_equal(read_log(&n), GILLOG_CUT);
		end(&w);
	}
}

/* It says that it began when the machine did, and long before: that is no reason for steps. */
static void old_base(void **state)
{
	static const uint64_t bases[] = { 1, 1000000000, UINT64_MAX / 32, UINT64_MAX };

	(void)state;
	for (unsigned i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		struct err err = { 0 };
		struct world w;
		uint64_t n, t;

		begin(&w, now_ns() - bases[i]);
		one_thread(w.h, 2);
		atomic_store(&w.h->used_slots, RING_SLOTS);
		t = now_ns();
		assert_int_equal(drain_all(&w, 1, &err), 0);
		assert_true(now_ns() - t < UINT64_C(60) * 1000000000);
		assert_int_equal(read_log(&n), GILLOG_DONE);
		assert_int_equal(n, CHUNK_RECORDS);
		end(&w);
	}
}

/* What a thread that has ended lost last lies after what is drained: it waits for its time. */
static void late_loss(void **state)
{
	struct err err = { 0 };
	struct world w;
	uint64_t n;

	(void)state;
	begin(&w, UINT64_C(3000000000));
	one_thread(w.h, 2);
	atomic_store(&ring_slots(w.h)->lost_since, UINT64_C(3000000000));
	atomic_store(&ring_slots(w.h)->lost_last, UINT64_C(100000000000));
	atomic_store(&ring_slots(w.h)->lost, 5);
	atomic_store(&ring_slots(w.h)->state, SLOT_ENDED);
	if (drain_all(&w, 3, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(drain_stats(w.d)->lost_events, 5);
	assert_int_equal(read_log(&n), GILLOG_DONE);
	assert_int_equal(n, CHUNK_RECORDS + 1);
	end(&w);
}

/* The mapping cannot be cut off under the recorder; memory where it could be is not taken. */
static void no_shorter(void **state)
{
	struct err err = { 0 };
	struct ring_header *h;
	struct drain *d;
	struct world w;
	int fd;

	(void)state;
	begin(&w, 0);
	assert_int_equal(ftruncate(w.fd, 4096), -1);
	end(&w);
	h = make_memory(&fd, 0);
	assert_int_equal(drain_new(&d, fd, getpid(), &err), -1);
	assert_null(d);
	munmap(h, ring_size(N_CHUNKS));
	close(fd);
}

/* A log that cannot be begun leaves no file, and none is named. */
static void no_log(void **state)
{
	struct rlimit was, none;
	struct err err = { 0 };
	struct world w;

	(void)state;
	begin(&w, 0);
	drain_free(w.d);
	unlink(path);
	assert_int_equal(drain_new(&w.d, w.fd, getpid(), &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	none = was;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(drain_open_log(w.d, path, false, &err), -1);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(access(path, F_OK), -1);
	assert_null(drain_path(w.d));
	assert_int_equal(drain_open_log(w.d, path, false, &err), 0);
	assert_int_equal(drain_all(&w, 1, &err), 0);
	end(&w);
}

/* A record of any kind; most times are such that they are drained. */
static uint64_t wild_record(void)
{
	uint64_t v = random_next() >> random_below(64);

	return RECORD(random_below(32), random_below(4) ? v % 1100000000 : v);
}

static unsigned sense;		/* one number in so many makes none */

static uint32_t wild_number(uint32_t n)
{
	return (uint32_t)(random_below(sense) ? random_below(n + 1) : random_next());
}

static void wild_slot(struct ring_slot *s)
{
	atomic_store(&s->state, wild_number(2));
	s->tid = wild_number(1000000);
	atomic_store(&s->first, wild_number(N_CHUNKS));
	atomic_store(&s->next_free, wild_number(40));
	atomic_store(&s->name_version, wild_number(4));
	if (!random_below(3)) {
		atomic_store(&s->lost, random_next() >> random_below(64));
		atomic_store(&s->lost_since, random_next() >> random_below(64));
		atomic_store(&s->lost_last, random_next() >> random_below(64));
	}
	for (unsigned i = 0; i < sizeof(s->name); i++)
		s->name[i] = (char)random_next();
}

static void wild_meta(struct ring_header *h)
{
	char *area = ring_meta_area(h);
	uint32_t at = 0;

	while (at < 60000 && random_below(100)) {
		struct ring_meta m = { .len = wild_number(300), .type = wild_number(4) };
		uint32_t number = wild_number(100);

		memcpy(area + at, &m, sizeof(m));
		for (uint32_t i = 0; i < m.len && i < 9000; i++)
			area[at + sizeof(m) + i] = (char)(random_below(5) ? random_next() : 0);
		memcpy(area + at + sizeof(m), &number, sizeof(number));
		at += (uint32_t)(sizeof(m) + (m.len < 9000 ? m.len : 9000) + 7) & ~7u;
	}
	atomic_store(&h->meta_used, random_below(8) ? at : (uint32_t)random_next());
}

static void fill(struct ring_header *h)
{
	struct ring_chunk *c = ring_chunks(h);

	for (uint32_t i = 0; i < N_CHUNKS; i++) {
		unsigned n = (unsigned)random_below(CHUNK_RECORDS + 1);

		atomic_store(&c[i].next,
			     random_below(8) ? (i + 2) % N_CHUNKS : wild_number(N_CHUNKS));
		for (unsigned r = 0; r < (random_below(2) ? CHUNK_RECORDS : n); r++)
			atomic_store(&c[i].rec[r], wild_record());
	}
	atomic_store(&h->used_slots, wild_number(20));
	for (unsigned i = 0; i < 40; i++)
		wild_slot(&ring_slots(h)[i]);
	atomic_store(&h->free_chunks, random_below(8) ? wild_number(N_CHUNKS) : random_next());
	atomic_store(&h->free_slots, random_next());
	wild_meta(h);
}

struct writer { struct ring_header *h; _Atomic bool stop; uint64_t seed; };

/* Goes on writing while it is read: all words of the first slots, of the chunks, of the header. */
static void *keep_writing(void *arg)
{
	struct writer *wr = arg;
	_Atomic uint64_t *words = (_Atomic uint64_t *)wr->h;
	uint64_t z = wr->seed, n = ring_size(N_CHUNKS) / 8;
	uint64_t chunks = (uint64_t)((char *)ring_chunks(wr->h) - (char *)wr->h) / 8;

	while (!atomic_load(&wr->stop)) {
		uint64_t at;

		z = z * UINT64_C(6364136223846793005) + 1442695040888963407;
		at = z >> 20;
		switch (z >> 61) {
		case 0:
			at = 4096 / 8 + at % 640;
			break;
		case 1:
			at %= 512;
			break;
		default:
			at = chunks + at % (n - chunks);
			at = z >> 60 & 1 ? at : at & ~UINT64_C(511);
			break;
		}
		atomic_store_explicit(&words[at], z >> 62 ? z >> 40 : z >> 57,
				      memory_order_relaxed);
	}
	return NULL;
}

static bool under_tsan(void)
{
#if defined(__SANITIZE_THREAD__)
	return true;			/* it would tell of the races that this is about */
#else
	return false;
#endif
}

static void anything(void **state)
{
	unsigned failed = 0, n_runs = 150;
	uint64_t events = 0;

	(void)state;
	for (unsigned i = 0; i < n_runs; i++) {
		bool writes = i % 2 && !under_tsan();
		struct err err = { 0 };
		struct writer wr;
		struct world w;
		pthread_t th;
		uint64_t n;

		begin(&w, 0);
		sense = random_below(3) ? 10000 : 20;
		fill(w.h);
		wr = (struct writer){ .h = w.h, .seed = random_next() };
		if (writes)
			assert_int_equal(pthread_create(&th, NULL, keep_writing, &wr), 0);
		if (drain_all(&w, 5, &err)) {
			assert_true(err.msg[0]);
			assert_non_null(strstr(err.msg, "written over"));
			failed++;
		}
		if (writes) {
			atomic_store(&wr.stop, true);
			pthread_join(th, NULL);
		}
		read_log(&n);
		events += n;
		end(&w);
	}
	printf("%u of %u failed; %" PRIu64 " events\n", failed, n_runs, events);
	assert_true(failed < n_runs && events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sane), cmocka_unit_test(circle), cmocka_unit_test(no_such_chunk),
		cmocka_unit_test(old_base), cmocka_unit_test(late_loss),
		cmocka_unit_test(no_shorter), cmocka_unit_test(no_log), cmocka_unit_test(anything),
	};

	scratch_path(path, sizeof(path), ".gillog");
	random_seed_from_env();
	alarm(HANGS_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
