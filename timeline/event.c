/* event.c - see event.h */
#include "event.h"

#include <stddef.h>
#include <string.h>

static const char *const kind_names[N_EVENT_KINDS] = {
	[EV_ENTRY] = "ENTRY",
	[EV_BUSY] = "BUSY",
	[EV_TIMEOUT] = "TIMEOUT",
	[EV_DROP_REQUEST] = "DROP_REQUEST",
	[EV_RETRY] = "RETRY",
	[EV_ACQUIRE] = "ACQUIRE",
	[EV_RELEASE] = "RELEASE",
	[EV_SWITCH_WAIT] = "SWITCH_WAIT",
	[EV_SWITCH_DONE] = "SWITCH_DONE",
	[EV_SCHED_IN] = "SCHED_IN",
	[EV_SCHED_OUT] = "SCHED_OUT",
	[EV_WAKEUP] = "WAKEUP",
	[EV_WOKEN] = "WOKEN",
	[EV_LOST] = "LOST",
	[EV_START] = "START",
	[EV_END] = "END",
};

static const char *const state_names[N_STATES] = {
	[STATE_IDLE] = "idle", [STATE_WAIT] = "wait", [STATE_SIGNAL] = "signal",
	[STATE_RUN] = "run", [STATE_STALL] = "stall",
};

static const char *const attr_names[N_ATTRS] = {
	[ATTR_CPU] = "cpu",	[ATTR_TARGET] = "target", [ATTR_COUNT] = "count",
	[ATTR_SINCE] = "since", [ATTR_CHECKS] = "checks", [ATTR_COUNTDOWN] = "countdown",
	[ATTR_FUNC] = "func",	[ATTR_SIGNAL] = "signal",
};

static const char *name_at(const char *const *names, unsigned n, unsigned i)
{
	return i < n ? names[i] : NULL;
}

static unsigned find(const char *const *names, unsigned n, const char *s, unsigned len)
{
	for (unsigned i = 0; i < n; i++)
		if (names[i] && strlen(names[i]) == len && !memcmp(names[i], s, len))
			return i;
	return 0;
}

const char *event_kind_name(unsigned kind)
{
	return name_at(kind_names, N_EVENT_KINDS, kind);
}

const char *state_name(unsigned state)
{
	return name_at(state_names, N_STATES, state);
}

const char *event_attr_name(unsigned attr)
{
	return name_at(attr_names, N_ATTRS, attr);
}

unsigned event_kind_find(const char *s, unsigned n)
{
	return find(kind_names, N_EVENT_KINDS, s, n);
}

unsigned event_attr_find(const char *s, unsigned n)
{
	return find(attr_names, N_ATTRS, s, n);
}

bool event_has_lock(unsigned kind)
{
	return (kind >= EV_ENTRY && kind <= EV_SWITCH_DONE) || kind == EV_WOKEN;
}
