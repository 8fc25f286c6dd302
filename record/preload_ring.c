/*
 * preload_ring.c - the memory shared with `gilscope record`, seen from the recorded process
 *
 * The environment says where the socket is and what to record.  The memory is made when the first
 * GIL is, so that shells and other programs on the way to a Python cost nothing but a message that
 * they ran.
 */
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <dlfcn.h>

struct recorder rec __attribute__((visibility("hidden"))) = { .busy = ATOMIC_FLAG_INIT };

void rec_lock(void)
{
	while (atomic_flag_test_and_set_explicit(&rec.busy, memory_order_acquire))
		sched_yield();
}

void rec_unlock(void)
{
	atomic_flag_clear_explicit(&rec.busy, memory_order_release);
}

/* --- messages --------------------------------------------------------------------------------- */

/*
 * One datagram, with fd if that is not -1.  The reader empties its queue every few milliseconds; an
 * attach tries again while it is full, a hello does not.
 */
static bool send_message(enum ring_word word, const char *text, int fd)
{
	struct ring_message m = { .magic = RING_MESSAGE_MAGIC, .word = word };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1
	};
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent;

	if (s < 0)
		return false;
	strcpy(to.sun_path, rec.socket);
	strncpy(m.text, text, sizeof(m.text) - 1);
	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	for (int i = 0;; i++) {
		sent = sendmsg(s, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(m);
		if (sent || word == RING_HELLO || errno != EAGAIN || i == 200)
			break;
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	close(s);
	return sent;
}

/* "tsc=1,cpu=1,frames=0,buffer=67108864,gap=5:/path/of/the/socket" */
void ring_configure(void)
{
	const char *s = getenv(RING_ENV), *path = s ? strchr(s, ':') : NULL;
	unsigned tsc, cpu, frames;
	unsigned long long buffer, gap;
	int *offset;

	if (!path || strlen(path + 1) >= sizeof(rec.socket) ||
	    sscanf(s, "tsc=%u,cpu=%u,frames=%u,buffer=%llu,gap=%llu", &tsc, &cpu, &frames,
		   &buffer, &gap) != 5)
		return;
	strcpy(rec.socket, path + 1);
	rec.tsc = tsc;
	rec.cpu = cpu;
	rec.frames = frames;
	rec.buffer = buffer;
	rec.gap = gap;
	/*
	 * ptrdiff_t __rseq_offset; a size of 0 says that the kernel or a tunable has switched it
	 * off.
	 */
	offset = dlsym(RTLD_DEFAULT, "__rseq_size");
	if (offset && *offset) {
		ptrdiff_t *p = dlsym(RTLD_DEFAULT, "__rseq_offset");

		rec.rseq = p ? *p : 0;
	}
	atomic_store(&rec.state, REC_READY);
	send_message(RING_HELLO, "", -1);
}

/* --- the memory ------------------------------------------------------------------------------- */

/* A memfd of that size, or -1: a limit on file sizes would end the program by a signal. */
static int make_memory(uint64_t size)
{
	struct rlimit lim;
	int fd;

	if (!getrlimit(RLIMIT_FSIZE, &lim) && lim.rlim_cur != RLIM_INFINITY &&
	    lim.rlim_cur < size) {
		errno = EFBIG;
		return -1;
	}
	fd = (int)syscall(SYS_memfd_create, "gilscope",
			 3u /* MFD_CLOEXEC, and MFD_ALLOW_SEALING: the reader asks for it */);
	if (fd >= 0 && ftruncate(fd, (off_t)size)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* /proc/self/cmdline, as one line: blanks between arguments, and ' around those that hold any. */
static void tell_command(void)
{
	char raw[2048], text[2400];
	size_t n_text = 0;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, raw, sizeof(raw) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	raw[n] = 0;
	for (const char *a = raw; a < raw + n && n_text + strlen(a) + 4 < sizeof(text);
	     a += strlen(a) + 1) {
		const char *quote = strpbrk(a, " \t\n\"$*") || !*a ? "'" : "";

		n_text += (size_t)sprintf(text + n_text, "%s%s%s%s", n_text ? " " : "", quote, a,
					  quote);
	}
	text[n_text] = 0;
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	ring_fact("command", text);
}

static void tell_facts(void)
{
	char text[512];
	ssize_t n = readlink("/proc/self/exe", text, sizeof(text) - 1);
	cpu_set_t set;

	tell_command();
	if (n > 0) {
		text[n] = 0;
		ring_fact("executable", text);
	}
	if (!sched_getaffinity(0, sizeof(set), &set)) {
		snprintf(text, sizeof(text), "%d", CPU_COUNT(&set));
		ring_fact("cpus allowed", text);
	}
}

bool ring_attach(void)
{
	uint64_t chunks = rec.buffer / CHUNK_SIZE, size;
	struct ring_header *h = MAP_FAILED;
	char why[96];
	int fd;

	if (atomic_load(&rec.state) != REC_READY)
		return false;
	size = ring_size((uint32_t)chunks);
	fd = make_memory(size);
	if (fd >= 0)
		h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (h == MAP_FAILED) {
		snprintf(why, sizeof(why), "no shared memory of %" PRIu64 " MB: error %d%s",
			 size >> 20, errno,
			 errno == ENOMEM  ? ", too little memory or address space (ulimit -v)"
			 : errno == EFBIG ? ", files may not be so large (ulimit -f)"
					  : "");
		if (fd >= 0)
			close(fd);
		send_message(RING_FAILED, why, -1);
		atomic_store(&rec.state, REC_OFF);
		return false;
	}
	h->magic = RING_MAGIC;
	h->version = RING_VERSION;
	h->n_slots = RING_SLOTS;
	h->n_chunks = (uint32_t)chunks;
	h->meta_size = RING_META_SIZE;
	h->size = size;
	h->pid = getpid();
	h->ppid = getppid();
	h->tsc = rec.tsc;
	h->base = rec.base = now();
	rec.ring = h;
	tell_facts();
	if (!send_message(RING_ATTACH, "", fd)) {
		close(fd);
		munmap(h, size);
		rec.ring = NULL;
		atomic_store(&rec.state, REC_OFF);
		return false;
	}
	close(fd);
	return true;
}

/* Entries of the meta area are appended by one thread at a time: held for a copy only. */
static atomic_flag meta_busy = ATOMIC_FLAG_INIT;

/* The memory is the parent's: what the child does goes into one of its own. */
void ring_forget(void)
{
	atomic_flag_clear(&meta_busy);
	if (rec.ring)
		munmap(rec.ring, rec.ring->size);
	rec.ring = NULL;
	if (atomic_load(&rec.state) == REC_ATTACHED)
		atomic_store(&rec.state, REC_READY);
}

/* --- stacks of free things -------------------------------------------------------------------- */

/*
 * Pops from a stack whose links are at link + i * stride, or takes one that was never used, below
 * max.  Returns a number + 1, or 0.
 */
static uint32_t take(_Atomic uint64_t *head, char *links, size_t stride, _Atomic uint32_t *used,
		     uint32_t max)
{
	uint64_t h = atomic_load_explicit(head, memory_order_acquire);
	uint32_t n;

	while ((uint32_t)h) {
		_Atomic uint32_t *link = (_Atomic uint32_t *)(links + stride * ((uint32_t)h - 1));
		uint64_t next = atomic_load_explicit(link, memory_order_relaxed);

		if (atomic_compare_exchange_weak(head, &h, ((h >> 32) + 1) << 32 | next)) {
			atomic_store_explicit(link, 0, memory_order_relaxed);
			return (uint32_t)h;
		}
	}
	n = atomic_load_explicit(used, memory_order_relaxed);
	while (n < max)
		if (atomic_compare_exchange_weak(used, &n, n + 1))
			return n + 1;
	return 0;
}

bool ring_next_chunk(void)
{
	struct ring_header *h = rec.ring;
	struct ring_chunk *chunks = ring_chunks(h);
	uint32_t n = take(&h->free_chunks, (char *)&chunks->next, CHUNK_SIZE, &h->used_chunks,
			  h->n_chunks);

	if (!n)
		return false;
	atomic_store_explicit(self.link, n, memory_order_release);
	self.link = &chunks[n - 1].next;
	self.pos = chunks[n - 1].rec;
	self.limit = self.pos + CHUNK_RECORDS - CHUNK_RESERVE;
	return true;
}

bool ring_thread(void)
{
	struct ring_header *h = rec.ring;
	struct ring_slot *slots = ring_slots(h), *s;
	uint32_t n = take(&h->free_slots, (char *)&slots->next_free, sizeof(*slots), &h->used_slots,
			  h->n_slots);

	if (!n)
		return false;
	s = &slots[n - 1];
	s->tid = (uint32_t)syscall(SYS_gettid);
	if (!self.name[0] && (int32_t)s->tid == h->pid)
		strcpy(self.name, "MainThread");
	memcpy(s->name, self.name, sizeof(s->name));
	self.slot = s;
	self.link = &s->first;
	self.pos = self.limit = NULL;
	atomic_store_explicit(&s->state, SLOT_LIVE, memory_order_release);
	if (rec.has_key)
		pthread_setspecific(rec.key, (void *)1);
	return true;
}

void ring_thread_ended(void)
{
	self.ended = true;
	self.pos = self.limit = NULL;
	atomic_store_explicit(&self.slot->state, SLOT_ENDED, memory_order_release);
}

void ring_thread_name(const char *name)
{
	struct ring_slot *s = self.slot;

	/* The OS gets 15 bytes of a name that may be known in full. */
	if (*name && !strncmp(self.name, name, strlen(name)))
		return;
	strncpy(self.name, name, sizeof(self.name) - 1);
	if (!s || self.ended)
		return;
	atomic_fetch_add(&s->name_version, 1);
	memcpy(s->name, self.name, sizeof(s->name));
	atomic_fetch_add(&s->name_version, 1);
}

/* --- facts and names -------------------------------------------------------------------------- */

static bool add_meta(enum meta_type type, const uint32_t *numbers, unsigned n_numbers,
		     const char *a, const char *b)
{
	struct ring_header *h = rec.ring;
	size_t la = strnlen(a, 1000), lb = strnlen(b, 4000);
	struct ring_meta m = { .len = (uint32_t)(n_numbers * 4 + la + lb + 2), .type = type };
	size_t padded = (sizeof(m) + m.len + 7) & ~(size_t)7;
	uint32_t at;
	char *p;

	if (!h)
		return false;
	while (atomic_flag_test_and_set_explicit(&meta_busy, memory_order_acquire))
		sched_yield();
	at = atomic_load_explicit(&h->meta_used, memory_order_relaxed);
	if (padded <= RING_META_SIZE - at) {
		p = ring_meta_area(h) + at;
		memcpy(p, &m, sizeof(m));
		p += sizeof(m);
		memcpy(p, numbers, n_numbers * 4);
		memcpy(p + n_numbers * 4, a, la);
		p[n_numbers * 4 + la] = 0;
		memcpy(p + n_numbers * 4 + la + 1, b, lb);
		p[n_numbers * 4 + la + 1 + lb] = 0;
		atomic_store_explicit(&h->meta_used, at + (uint32_t)padded, memory_order_release);
	} else {
		atomic_fetch_add(&h->lost_meta, 1);
		padded = 0;
	}
	atomic_flag_clear_explicit(&meta_busy, memory_order_release);
	return padded != 0;
}

bool ring_fact(const char *key, const char *value)
{
	return add_meta(META_FACT, NULL, 0, key, value);
}

bool ring_lock_named(uint32_t number, bool park, const char *id, const char *name)
{
	return add_meta(META_LOCK, (uint32_t[]){ number, park }, 2, id, name);
}

bool ring_func(uint32_t number, uint32_t line, const char *name, const char *file)
{
	return add_meta(META_FUNC, (uint32_t[]){ number, line }, 2, name, file);
}
