/*
 * preload_frames.c - the Python function on top of the stack, at ACQUIRE and RELEASE (--frames)
 *
 * While the GIL's mutex is held Python's state stands still, so it can be read: thread state,
 * frame, code object.  Where their fields lie depends on the version; 3.13 and later publish it. No
 * function of Python's is called but the one that gives the thread state, and it takes no lock.
 *
 * The memory is another program's, and may not be what it was taken for: a page is read directly
 * only after the kernel has read it for us once (process_vm_readv() fails where a load would end
 * the program), a code object counts only with the code type's address in it, and after too many
 * failures it is given up.
 */
#include "preload.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define N_FUNCS 32768u		/* a power of two; twice as many as are told apart */
#define FAILURES_MAX 1000
#define OWNERS_MAX 4		/* frames on top that belong to no Python function */
#define TEXT_MAX 256		/* characters of a name or path that are kept */

static struct layout {
	bool cframe;		/* thread state -> C frame -> frame, else thread state -> frame */
	unsigned frame, current, code, previous, file, name, line, data, compact_data;
	unsigned kind_shift;	/* in a string's state word: kind, then compact and ascii */
} at;

static void *(*this_thread_state)(void);
static const void *code_type;
static enum { UNKNOWN, READY, OFF } state;
static _Atomic unsigned failures;

/*
 * Code objects come and go, and a new one may lie where an old one was, its name where the old name
 * was: the hash that a str keeps of its text, and the line, belong to the key.
 */
static struct func { const void *code, *name_hash; uint32_t line, number; } funcs[N_FUNCS];
static uint32_t n_funcs;
static bool full_told;
static atomic_flag funcs_busy = ATOMIC_FLAG_INIT;

void python_funcs_again(void)
{
	if (n_funcs)			/* else the pages need not be there */
		memset(funcs, 0, sizeof(funcs));
	n_funcs = 0;
	full_told = false;
}

void python_funcs_forked(void)
{
	atomic_flag_clear(&funcs_busy);
}

static bool read_safely(void *into, const void *from, size_t n)
{
	struct iovec local = { into, n }, remote = { (void *)from, n };

	return syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0) == (long)n;
}

/* --- where the fields lie --------------------------------------------------------------------- */

/* The table at the beginning of _PyRuntime: 64-bit words after an 8-byte cookie. */
static bool published(unsigned minor)
{
	/*
	 * Words of the table before those of the thread state: 3.14 tells three more of
	 * interpreters.
	 */
	unsigned thread = minor == 13 ? 19 : 22, frame = thread + 9,
		 code = frame + (minor == 13 ? 6 : 8);
	const void *runtime = python_symbol("_PyRuntime");
	uint64_t w[64];

	if (!runtime || !read_safely(w, runtime, sizeof(w)) || memcmp(w, "xdebugpy", 8) ||
	    w[1] >> 16 != (0x300 | minor))
		return false;
	at = (struct layout){
		.frame = (unsigned)w[thread + 4],
		.previous = (unsigned)w[frame + 1],
		.code = (unsigned)w[frame + 2],
		.file = (unsigned)w[code + 1],
		.name = (unsigned)w[code + 2],
		.line = (unsigned)w[code + 5],
		.data = 40,
		.compact_data = 56,
		.kind_shift = minor == 13 ? 2 : 16,
	};
	return at.frame < 4096 && at.previous < 256 && at.code < 256 && at.file < 512 &&
	       at.name < 512 && at.line < 512;
}

static bool find_layout(void)
{
	unsigned minor = py.version >> 8 & 0xff;

	if (py.version >> 16 != 3 || py.free_threaded)
		return false;
	at = (struct layout){ .frame = 24,
			      .code = 32,
			      .previous = 24,
			      .file = 96,
			      .name = 104,
			      .line = 36,
			      .data = 48,
			      .compact_data = 72,
			      .kind_shift = 2 };
	switch (minor) {
	case 6:
	case 7:
		return true;
	case 8:
	case 9:
	case 10:
		at.file = 104;
		at.name = 112;
		at.line = 40;
		return true;
	case 11:
		at = (struct layout){ .cframe = true,
				      .frame = 56,
				      .current = 8,
				      .code = 32,
				      .previous = 48,
				      .file = 112,
				      .name = 120,
				      .line = 72,
				      .data = 48,
				      .compact_data = 72,
				      .kind_shift = 2 };
		return true;
	case 12:
		at = (struct layout){ .cframe = true,
				      .frame = 56,
				      .current = 0,
				      .code = 0,
				      .previous = 8,
				      .file = 112,
				      .name = 120,
				      .line = 68,
				      .data = 40,
				      .compact_data = 56,
				      .kind_shift = 2 };
		return true;
	case 13:
	case 14:
		return published(minor);
	}
	return false;
}

static void give_up(const char *why)
{
	state = OFF;
	ring_fact("frames", why);
}

static void prepare(void)
{
	*(void **)&this_thread_state = python_symbol("PyGILState_GetThisThreadState");
	code_type = python_symbol("PyCode_Type");
	if (!this_thread_state || !code_type || !find_layout())
		give_up("not known for this version of Python");
	else
		state = READY;
}

/* --- loads ------------------------------------------------------------------------------------ */

static __thread uintptr_t known_pages[64] __attribute__((tls_model("initial-exec")));

/* *into = the 8 bytes at base + off; false where there is no memory. */
static inline bool load(const void **into, const void *base, unsigned off)
{
	uintptr_t a = (uintptr_t)base + off, page = a >> 12;
	char byte;

	if (unlikely(a < 65536 || a & 7))
		return false;
	if (unlikely(known_pages[page % 64] != page)) {
		if (!read_safely(&byte, (const void *)a, 1))
			return false;
		known_pages[page % 64] = page;
	}
	*into = *(const void *const *)a;
	return true;
}

static bool is_code(const void *object)
{
	const void *type;

	return load(&type, object, 8) && type == code_type;
}

/* The code object of the topmost frame that has one; NULL: none, or *failed. */
static const void *code_on_top(bool *failed)
{
	const void *frame, *code, *ts = this_thread_state();

	*failed = false;
	if (!ts)
		return NULL;
	*failed = true;
	if (!load(&frame, ts, at.frame) ||
	    (at.cframe && (!frame || !load(&frame, frame, at.current))))
		return NULL;
	for (int i = 0; frame && i < OWNERS_MAX; i++) {
		if (!load(&code, frame, at.code))
			return NULL;
		/* Newer versions tag references in the lowest bits. */
		code = (const void *)((uintptr_t)code & ~(uintptr_t)7);
		if (code && is_code(code))
			return code;
		if (!load(&frame, frame, at.previous))
			return NULL;
	}
	*failed = frame != NULL;
	return NULL;
}

/* --- names ------------------------------------------------------------------------------------ */

static char *put_utf8(char *p, uint32_t c)
{
	if (c < 0x80) {
		*p++ = (char)(c ? c : ' ');
	} else if (c < 0x800) {
		*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*p++ = (char)(0xe0 | c >> 12);
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	} else {
		*p++ = (char)(0xf0 | (c >> 18 & 7));
		*p++ = (char)(0x80 | (c >> 12 & 0x3f));
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	}
	return p;
}

/* A str object as UTF-8; of a long one the end, which says more of a path. */
static void read_text(char out[4 * TEXT_MAX + 1], const void *object)
{
	uint64_t head[5];			/* refcount, type, length, hash, state */
	_Alignas(8) uint8_t raw[4 * TEXT_MAX];
	uint64_t n, skip = 0;
	unsigned width, bits;
	char *p = out;

	*out = 0;
	if (!read_safely(head, object, sizeof(head)))
		return;
	bits = (unsigned)head[4] >> at.kind_shift;
	width = bits & 7;
	n = head[2];
	if ((width != 1 && width != 2 && width != 4) || !(bits & 8) || n > 1 << 20)
		return;
	if (n > TEXT_MAX) {
		skip = n - TEXT_MAX;
		n = TEXT_MAX;
	}
	if (!read_safely(raw,
			 (const char *)object + (bits & 16 ? at.data : at.compact_data) +
				 skip * width,
			 n * width))
		return;
	for (uint64_t i = 0; i < n; i++) {
		uint32_t c = raw[i];

		if (width == 2)
			c = ((const uint16_t *)(const void *)raw)[i];
		else if (width == 4)
			c = ((const uint32_t *)(const void *)raw)[i];
		p = put_utf8(p, c);
	}
	*p = 0;
}

static uint32_t new_func(struct func *f, const void *code, const void *name, const void *hash,
			 uint32_t line)
{
	char func_name[4 * TEXT_MAX + 1], file[4 * TEXT_MAX + 1];
	const void *file_object;

	if (n_funcs >= N_FUNCS / 2) {
		if (!full_told)
			ring_fact("frames", "of the first 16384 functions; events in others have "
				  "none");
		full_told = true;
		return 0;
	}
	if (!load(&file_object, code, at.file))
		return 0;
	read_text(func_name, name);
	read_text(file, file_object);
	if (!ring_func(n_funcs, line, func_name, file))
		return 0;
	f->name_hash = hash;
	f->line = line;
	f->number = ++n_funcs;
	__atomic_store_n(&f->code, code, __ATOMIC_RELEASE);
	return f->number;
}

static uint32_t number_of(const void *code)
{
	uint32_t i = (uint32_t)(((uintptr_t)code * 0x9e3779b97f4a7c15ull) >> 49), number = 0;
	const void *name, *hash, *line_word, *c;
	uint32_t line;

	/* The line is an int, which may lie in the upper half of a word. */
	if (!load(&name, code, at.name) || !load(&hash, name, 24) ||
	    !load(&line_word, code, at.line & ~7u))
		return 0;
	line = (uint32_t)((uintptr_t)line_word >> (at.line & 4 ? 32 : 0));
	for (;; i++) {
		struct func *f = &funcs[i % N_FUNCS];

		c = __atomic_load_n(&f->code, __ATOMIC_ACQUIRE);
		if (!c)
			break;
		if (c == code && f->name_hash == hash && f->line == line)
			return f->number;
	}
	while (atomic_flag_test_and_set_explicit(&funcs_busy, memory_order_acquire))
		sched_yield();
	/* Another interpreter's thread may have filled the place, or come with the same. */
	for (;; i++) {
		struct func *f = &funcs[i % N_FUNCS];

		if (!f->code) {
			number = new_func(f, code, name, hash, line);
			break;
		}
		if (f->code == code && f->name_hash == hash && f->line == line) {
			number = f->number;
			break;
		}
	}
	atomic_flag_clear_explicit(&funcs_busy, memory_order_release);
	return number;
}

uint32_t python_func(void)
{
	const void *code;
	bool failed;

	if (unlikely(state != READY)) {
		if (state == UNKNOWN)
			prepare();
		if (state != READY)
			return 0;
	}
	code = code_on_top(&failed);
	if (code)
		return number_of(code);
	if (failed && atomic_fetch_add(&failures, 1) == FAILURES_MAX)
		give_up("given up: the frames are not where this version of Python should have "
			"them");
	return 0;
}
