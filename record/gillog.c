/* gillog.c - see gillog.h and gillog_format.h: what the others share */
#include <stdlib.h>
#include <string.h>

#include "gillog_format.h"

const char *gillog_kind_name(unsigned kind)
{
	static const char *const names[N_GL_KINDS] = {
		NULL, "ENTRY", "BUSY", "TIMEOUT", "DROP_REQUEST", "RETRY", "ACQUIRE", "RELEASE",
		"SWITCH_WAIT", "SWITCH_DONE", "SCHED_IN", "SCHED_OUT", "WAKEUP", "WOKEN", "LOST",
		"START", "END",
	};

	return kind < N_GL_KINDS ? names[kind] : NULL;
}

const char *gillog_attr_name(unsigned id)
{
	static const char *const names[N_GL_ATTRS] = {
		NULL, "cpu", "target", "count", "since", "checks", "countdown", "func",
	};

	return id < N_GL_ATTRS ? names[id] : NULL;
}

int gillog_grow(void *array, uint32_t *cap, uint32_t n, size_t size, struct err *err)
{
	void **p = array;
	uint32_t want = *cap ? *cap : 16;
	void *bigger;

	if (n < *cap)
		return 0;
	while (want <= n) {
		if (want > UINT32_MAX / 2)
			return err_memory(err, "names");
		want *= 2;
	}
	bigger = realloc(*p, want * size);
	if (!bigger)
		return err_memory(err, "names");
	memset((char *)bigger + *cap * size, 0, (want - *cap) * size);
	*p = bigger;
	*cap = want;
	return 0;
}
