/*
 * preload_python.c - what is known of the Python that makes the calls
 *
 * Which object holds it, and its version, by its exported functions; 2.7's check counter; the name
 * of a thread that is being started, by Python's public API.  The function on top:
 * preload_frames.c.
 */
#include "preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

struct python py __attribute__((visibility("hidden")));

struct range { uintptr_t lo, hi; };

static bool within(struct range r, uintptr_t a)
{
	return a >= r.lo && a < r.hi;
}

/* A handle of the object that holds addr, NULL if there is none; *base is where it is loaded. */
static void *object_at(const void *addr, void **base)
{
	struct link_map *map;
	Dl_info info;

	if (!dladdr1(addr, &info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	*base = info.dli_fbase;
	return dlopen(map->l_name[0] ? map->l_name : NULL, RTLD_LAZY | RTLD_NOLOAD);
}

/* A symbol of that object itself, not of what it depends on. */
static void *symbol_of(void *handle, const void *base, const char *name)
{
	void *p = handle ? dlsym(handle, name) : NULL;
	Dl_info info;

	return p && dladdr(p, &info) && info.dli_fbase == base ? p : NULL;
}

bool python_exports(const void *data, const char *symbol)
{
	void *base, *handle = object_at(data, &base);

	return symbol_of(handle, base, symbol) != NULL;
}

struct text_search { const void *code; struct range text; };

/* dl_iterate_phdr()'s callback: the executable segment that holds the code. */
static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct text_search *s = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		struct range r = { info->dlpi_addr + ph->p_vaddr,
				   info->dlpi_addr + ph->p_vaddr + ph->p_memsz };

		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_X) &&
		    within(r, (uintptr_t)s->code)) {
			s->text = r;
			return 1;
		}
	}
	return 0;
}

static struct range function_range(const void *base, const char *name)
{
	void *f = symbol_of(py.handle, base, name);
	const ElfW(Sym) *sym;
	Dl_info info;

	if (!f || !dladdr1(f, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym)
		return (struct range){ 0, 0 };
	return (struct range){ (uintptr_t)f, (uintptr_t)f + sym->st_size };
}

void *python_symbol(const char *name)
{
	return py.handle ? dlsym(py.handle, name) : NULL;
}

static char version_text[160];

/*
 * 2.7: functions under which the GIL's semaphore is made, and those that release it without a
 * check.
 */
static struct range init_threads, reinit_threads, releases[4];

static void learn_2(const void *base)
{
	py.is_2 = true;
	py.ticker = symbol_of(py.handle, base, "_Py_Ticker");
	py.check_interval = symbol_of(py.handle, base, "_Py_CheckInterval");
	init_threads = function_range(base, "PyEval_InitThreads");
	reinit_threads = function_range(base, "PyEval_ReInitThreads");
	releases[0] = function_range(base, "PyEval_SaveThread");
	releases[1] = function_range(base, "PyEval_ReleaseThread");
	releases[2] = function_range(base, "PyEval_ReleaseLock");
	releases[3] = function_range(base, "PyThreadState_DeleteCurrent");
}

bool python_at(const void *code)
{
	struct text_search s = { .code = code };
	const char *(*get_version)(void);
	unsigned major, minor, micro = 0;
	void *base, *handle;

	if (py.known)
		return (uintptr_t)code >= py.lo && (uintptr_t)code < py.hi;
	handle = object_at(code, &base);
	*(void **)&get_version = symbol_of(handle, base, "Py_GetVersion");
	if (!get_version || !dl_iterate_phdr(find_text, &s))
		return false;
	py.handle = handle;
	py.lo = s.text.lo;
	py.hi = s.text.hi;
	snprintf(version_text, sizeof(version_text), "%s", get_version());
	for (char *p = version_text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	if (sscanf(version_text, "%u.%u.%u", &major, &minor, &micro) >= 2)
		py.version = major << 16 | minor << 8 | micro;
	py.free_threaded = strstr(version_text, "free-threading") != NULL;
	if (py.version >> 16 == 2)
		learn_2(base);
	py.known = true;
	return true;
}

void python_tell(void)
{
	char text[32];

	ring_fact("python", version_text);
	if (py.check_interval) {
		snprintf(text, sizeof(text), "%d ticks", *py.check_interval);
		ring_fact("check interval", text);
	}
	if (py.free_threaded)
		ring_fact("free-threaded", "yes");
}

/* --- 2.7 -------------------------------------------------------------------------------------- */

/* PyThread_allocate_lock() lies between, and whatever the compiler saved */
#define STACK_WORDS 64

/* Callers of sem_init() that are no 2.7: every lock of a Python 3 is one, so the answer is kept. */
static _Atomic uintptr_t others[64];

bool python_makes_2(const void *code, const void *const *frame, bool reinit)
{
	_Atomic uintptr_t *other = &others[((uintptr_t)code >> 2) % 64];

	if (py.known && !py.is_2)
		return false;
	if (atomic_load_explicit(other, memory_order_relaxed) == (uintptr_t)code)
		return false;
	if (!python_at(code) || !py.is_2) {
		atomic_store_explicit(other, (uintptr_t)code, memory_order_relaxed);
		return false;
	}
	for (unsigned i = 1; i < STACK_WORDS; i++)
		if (within(reinit ? reinit_threads : init_threads, (uintptr_t)frame[i]))
			return true;
	return false;
}

/*
 * sem_post() was called by PyThread_release_lock(), and that by the eval loop for a check, which
 * has just set the countdown anew, or by one of few others.  The two return addresses are the first
 * words on the stack that point into Python's code.
 */
bool python_checks_2(const void *const *frame)
{
	unsigned seen = 0;

	if (!py.ticker || !py.check_interval || *py.ticker != *py.check_interval)
		return false;
	for (unsigned i = 1; i < STACK_WORDS; i++) {
		uintptr_t a = (uintptr_t)frame[i];

		if (a < py.lo || a >= py.hi || ++seen < 2)
			continue;
		for (unsigned r = 0; r < sizeof(releases) / sizeof(*releases); r++)
			if (within(releases[r], a))
				return false;
		return true;
	}
	return false;
}

/* --- the name of a thread that is being started ----------------------------------------------- */

static struct {
	bool looked_up, complete;
	void *(*get_frame)(void);
	/* 3.9+; before, the code is where FRAME_CODE says */
	void *(*get_code)(void *);
	void *(*get_locals)(void);
	void *(*get_item)(void *, const char *);
	void *(*modules)(void);
	void *(*get_attr)(void *, const char *);
	int (*is_instance)(void *, void *);
	void *(*string)(const char *);
	void *(*generic_attr)(void *, void *);
	void *(*to_bytes)(void *);		/* 3.x only */
	char *(*chars)(void *);
	void (*fetch)(void **, void **, void **);
	void (*restore)(void *, void *, void *);
	void (*decref)(void *);
	void *(*unchecked)(void);		/* 3.13+: NULL in a thread that is not attached */
} api;

static bool look_up(void)
{
	const struct { const char *name; void *into; } wanted[] = {
		{ "PyEval_GetFrame", &api.get_frame },
		{ "PyEval_GetLocals", &api.get_locals },
		{ "PyDict_GetItemString", &api.get_item },
		{ "PyImport_GetModuleDict", &api.modules },
		{ "PyObject_GetAttrString", &api.get_attr },
		{ "PyObject_IsInstance", &api.is_instance },
		{ py.is_2 ? "PyString_FromString" : "PyUnicode_FromString", &api.string },
		{ "PyObject_GenericGetAttr", &api.generic_attr },
		{ py.is_2 ? "PyString_AsString" : "PyBytes_AsString", &api.chars },
		{ "PyErr_Fetch", &api.fetch },
		{ "PyErr_Restore", &api.restore },
		{ "Py_DecRef", &api.decref },
	};

	if (api.looked_up || !py.handle)
		return api.complete;
	api.looked_up = api.complete = true;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		if (!(*(void **)wanted[i].into = dlsym(py.handle, wanted[i].name)))
			api.complete = false;
	*(void **)&api.to_bytes = py.is_2 ? NULL : dlsym(py.handle, "PyUnicode_AsUTF8String");
	*(void **)&api.unchecked = dlsym(py.handle, "PyThreadState_GetUnchecked");
	*(void **)&api.get_code = dlsym(py.handle, "PyFrame_GetCode");
	if ((!py.is_2 && !api.to_bytes) || (!api.get_code && py.version >= 0x030900))
		api.complete = false;
	return api.complete;
}

#define FRAME_CODE 32		/* f_code of 2.7 to 3.8 */

static bool runs_code(const void *code)
{
	void *frame = api.get_frame(), *c;

	if (!frame || !code)
		return false;
	if (!api.get_code)
		return *(void **)((char *)frame + FRAME_CODE) == code;
	c = api.get_code(frame);
	if (c)
		api.decref(c);
	return c == code;
}

/* Whether the function on top of the stack is this type's start(). */
static bool runs_start(void *type)
{
	void *start = api.get_attr(type, "start"),
	     *code = start ? api.get_attr(start, "__code__") : NULL;
	bool yes = runs_code(code);

	if (code)
		api.decref(code);
	if (start)
		api.decref(start);
	return yes;
}

/*
 * The threading.Thread whose start() is running on this thread, borrowed; or NULL.  Locals are
 * asked for in no other function: that leaves a dictionary in its frame, which keeps alive what the
 * program thinks gone.
 */
static void *starting_thread(void)
{
	void *modules = api.modules(),
	     *threading = modules ? api.get_item(modules, "threading") : NULL;
	void *type = threading ? api.get_attr(threading, "Thread") : NULL, *locals, *object = NULL;

	if (type && runs_start(type) && (locals = api.get_locals()))
		object = api.get_item(locals, "self");
	if (object && api.is_instance(object, type) != 1)
		object = NULL;
	if (type)
		api.decref(type);
	return object;
}

static void copy_name(char name[NAME_SIZE], void *text)
{
	void *bytes = api.to_bytes ? api.to_bytes(text) : text;
	const char *s = bytes ? api.chars(bytes) : NULL;

	if (s) {
		strncpy(name, s, NAME_SIZE - 1);
		name[NAME_SIZE - 1] = 0;
	}
	if (api.to_bytes && bytes)
		api.decref(bytes);
}

/*
 * The caller holds the GIL.  Generic attribute access runs no code of the program's, and an error
 * that is set is set again afterwards.
 */
bool python_thread_name(char name[NAME_SIZE])
{
	void *type, *value, *trace, *thread, *key, *text = NULL;

	if (!look_up() || (py.free_threaded && (!api.unchecked || !api.unchecked())))
		return false;
	api.fetch(&type, &value, &trace);
	thread = starting_thread();
	key = thread ? api.string(py.is_2 ? "_Thread__name" : "_name") : NULL;
	if (key)
		text = api.generic_attr(thread, key);
	if (text)
		copy_name(name, text);
	if (text)
		api.decref(text);
	if (key)
		api.decref(key);
	api.restore(type, value, trace);
	return name[0] != 0;
}
