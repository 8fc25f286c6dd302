/* chrome_other.c - the events of other programs: see chrome.h and docs/formats.md */
#include "chrome.h"

#include <inttypes.h>
#include <string.h>

enum span { NO_SPAN, SPAN_TAKE, SPAN_HOLD, SPAN_DROP };

/* Whether what an event tells is told by nobody better. */
bool chrome_keep(const void *ctx, const struct reorder_event *e)
{
	const struct chrome *c = ctx;
	unsigned source = e->source & ~BY_GILTRACER;

	if ((e->source & BY_GILTRACER) && c->seen[BY_INSTANT])
		return false;
	if (source == BY_HOLD)
		return !c->seen[e->kind == EV_ACQUIRE ? BY_TAKE : BY_DROP];
	return source != BY_ON || !c->seen[BY_OFF];
}

static int add(struct log *l, uint64_t time, uint32_t thread, unsigned kind, unsigned source)
{
	struct chrome *c = l->state;
	uint16_t lock = 0;

	c->seen[source & ~BY_GILTRACER] = true;
	if (kind != EV_SCHED_IN && kind != EV_SCHED_OUT &&
	    (chrome_gil(l, thread, &lock) || names_lane(l->names, thread, l->err)))
		return chrome_bad_err(l);
	if (time > MAX_TIME - c->offset)
		return log_bad(l, "event %" PRIu64 ": a time that no clock shows", c->n_events);
	return reorder_add(&c->order, l, time + c->offset, thread, lock, kind, source);
}

static int span_begins(struct log *l, uint64_t time, uint32_t thread, enum span span, unsigned flag)
{
	switch (span) {
	case SPAN_TAKE: return add(l, time, thread, EV_ENTRY, BY_TAKE | flag);
	case SPAN_HOLD: return add(l, time, thread, EV_ACQUIRE, BY_HOLD | flag);
	case SPAN_DROP: return add(l, time, thread, EV_RELEASE, BY_DROP | flag);
	default: return 0;
	}
}

static int span_ends(struct log *l, uint64_t time, uint32_t thread, enum span span, unsigned flag)
{
	switch (span) {
	case SPAN_TAKE: return add(l, time, thread, EV_ACQUIRE, BY_TAKE | flag);
	case SPAN_HOLD: return add(l, time, thread, EV_RELEASE, BY_HOLD | flag);
	case SPAN_DROP: return add(l, time, thread, EV_SWITCH_DONE, BY_DROP | flag);
	default: return 0;
	}
}

static enum span span_of(const struct chrome *c)
{
	if (chrome_is(c, S_NAME, "take_gil") || chrome_is(c, S_NAME, "require_gil") ||
	    chrome_is(c, S_NAME, "GIL acquire"))
		return SPAN_TAKE;
	if (chrome_is(c, S_NAME, "hold_gil") || chrome_is(c, S_NAME, "GIL held") ||
	    (chrome_is(c, S_NAME, "LOCK") && chrome_is(c, S_CAT, "GIL state")))
		return SPAN_HOLD;
	if (chrome_is(c, S_NAME, "drop_gil") || chrome_is(c, S_NAME, "release_gil"))
		return SPAN_DROP;
	return NO_SPAN;
}

/* giltracer's instants; false: another one. */
static bool instant_kind(const struct chrome *c, unsigned *kind)
{
	static const struct { const char *name; unsigned kind; } names[] = {
		{ "take", EV_ENTRY }, { "GIL-take", EV_ACQUIRE },
		{ "drop", EV_RELEASE }, { "GIL-drop", EV_SWITCH_DONE },
	};

	if (!chrome_is(c, S_CAT, "GIL state"))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (chrome_is(c, S_NAME, names[i].name)) {
			*kind = names[i].kind;
			return true;
		}
	return false;
}

/* The event's thread if it has a span open, else *open is NULL. */
static int open_span(struct log *l, struct chrome_thread **open, uint32_t *thread)
{
	struct chrome *c = l->state;

	*open = NULL;
	if (!c->s[S_TID].set)
		return 0;
	if (chrome_key(l, S_PID, S_TID, true))
		return -1;
	if (names_known(l->names, NAME_ALIAS, chrome_scope(l), (char *)c->key.data, c->key.len,
			thread) &&
	    *thread < c->cap_threads && c->thread[*thread].open)
		*open = &c->thread[*thread];
	return 0;
}

/* An E without a name ends the innermost B of its thread. */
static int nameless_end(struct log *l, uint64_t time)
{
	struct chrome_thread *t;
	uint32_t thread;
	enum span span;

	if (open_span(l, &t, &thread))
		return -1;
	if (!t)
		return 0;
	if (t->inner) {
		t->inner--;
		return 0;
	}
	span = t->open;
	t->open = NO_SPAN;
	return span_ends(l, time, thread, span, t->open_giltracer ? BY_GILTRACER : 0);
}

/* A B or E of something else, which may lie in a span of ours. */
static int other_span(struct log *l, bool begins)
{
	struct chrome *c = l->state;
	struct chrome_thread *t;
	uint32_t thread;

	c->n_left += begins;
	if (open_span(l, &t, &thread))
		return -1;
	if (t && begins && t->inner < UINT32_MAX)
		t->inner++;
	else if (t && !begins && t->inner)
		t->inner--;
	return 0;
}

static int gil_span(struct log *l, char ph, enum span span)
{
	struct chrome *c = l->state;
	unsigned flag = chrome_is(c, S_CAT, "GIL state") ? BY_GILTRACER : 0;
	uint64_t time, length = 0;
	uint32_t thread;
	int ret;

	if (!chrome_time(l, c, S_TS, &time) || (ph == 'X' && !chrome_time(l, c, S_DUR, &length)) ||
	    length > MAX_TIME - time)
		return chrome_bad_time(l);
	ret = chrome_thread_of(l, chrome_is(c, S_CAT, "gil"), &thread);
	if (ret)
		return ret < 0 ? -1 : 0;
	if (ph == 'B') {
		c->thread[thread].open = (uint8_t)span;
		c->thread[thread].open_giltracer = flag != 0;
		c->thread[thread].inner = 0;
	} else if (ph == 'E') {
		c->thread[thread].open = NO_SPAN;
	}
	if ((ph == 'X' || ph == 'B' || ph == 'b') && span_begins(l, time, thread, span, flag))
		return -1;
	return ph == 'X' || ph == 'E' || ph == 'e' ? span_ends(l, time + length, thread, span, flag)
						   : 0;
}

/* giltracer's "R", "S", "S(GIL)" and the like: on the cpu and off it. */
static int scheduler_span(struct log *l)
{
	struct chrome *c = l->state;
	bool on = chrome_starts(c, S_NAME, "R");
	uint64_t time, length;
	uint32_t thread;
	int ret;

	if (!chrome_time(l, c, S_TS, &time) || !chrome_time(l, c, S_DUR, &length) ||
	    length > MAX_TIME - time)
		return chrome_bad_time(l);
	ret = chrome_thread_of(l, false, &thread);
	if (ret)
		return ret < 0 ? -1 : 0;
	if (add(l, time, thread, on ? EV_SCHED_IN : EV_SCHED_OUT, on ? BY_ON : BY_OFF))
		return -1;
	return add(l, time + length, thread, on ? EV_SCHED_OUT : EV_SCHED_IN, on ? BY_ON : BY_OFF);
}

int chrome_other_event(struct log *l, char ph)
{
	struct chrome *c = l->state;
	enum span span = span_of(c);
	uint64_t time;
	uint32_t thread;
	unsigned kind;
	int ret;

	if (span && (ph == 'X' || ph == 'B' || ph == 'E' || ph == 'b' || ph == 'e'))
		return gil_span(l, ph, span);
	if ((ph == 'i' || ph == 'I' || ph == 'n') && instant_kind(c, &kind)) {
		if (!chrome_time(l, c, S_TS, &time))
			return chrome_bad_time(l);
		ret = chrome_thread_of(l, false, &thread);
		return ret ? ret < 0 ? -1 : 0 : add(l, time, thread, kind, BY_INSTANT);
	}
	if (ph == 'X' && chrome_is(c, S_CAT, "process state"))
		return scheduler_span(l);
	if (ph == 'E' && !c->s[S_NAME].set)
		return chrome_time(l, c, S_TS, &time) ? nameless_end(l, time) : chrome_bad_time(l);
	if (ph == 'B' || ph == 'E')
		return other_span(l, ph == 'B');
	if (ph == 'X' && chrome_starts(c, S_CAT, "FEE"))
		return chrome_call(l);
	/* giltracer's spans of the whole say what we have */
	c->n_left += !(chrome_is(c, S_CAT, "GIL state") && chrome_starts(c, S_NAME, "GIL"));
	return 0;
}
