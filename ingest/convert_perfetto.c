/*
 * convert_perfetto.c - Perfetto's own format: a protobuf message Trace of TracePackets
 *
 *	packet { track_descriptor { uuid: 3 parent_uuid: 1
 *	                            thread { pid: 1 tid: 2 thread_name: "worker" } } }
 *	packet { timestamp: 1883632
 *	         track_event { type: TYPE_SLICE_BEGIN track_uuid: 3 name: "run" } }
 *
 * A track for each process and thread; slices for the states, an instant for each event with what
 * it carries.  The few messages and fields of it that are used stand in
 * tests/ingest/perfetto.proto, with the numbers of the published one.  Packets need not be in order
 * of time: readers sort them, keeping those of one instant in order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "convert.h"
#include "utf8.h"

/* Fields, by message. */
enum {
	TRACE_PACKET = 1,
	PACKET_TIMESTAMP = 8,
	PACKET_SEQUENCE = 10,
	PACKET_EVENT = 11,
	PACKET_FLAGS = 13,
	PACKET_TRACK = 60,
	PACKET_FIRST = 87,
	TRACK_UUID = 1,
	TRACK_NAME = 2,
	TRACK_PROCESS = 3,
	TRACK_THREAD = 4,
	TRACK_PARENT = 5,
	PROCESS_PID = 1,
	PROCESS_NAME = 6,
	THREAD_PID = 1,
	THREAD_TID = 2,
	THREAD_NAME = 5,
	EVENT_ANNOTATION = 4,
	EVENT_TYPE = 9,
	EVENT_TRACK = 11,
	EVENT_NAME = 23,
	ANNOTATION_UINT = 3,
	ANNOTATION_INT = 4,
	ANNOTATION_STRING = 6,
	ANNOTATION_NAME = 10,
};

enum event_type { SLICE_BEGIN = 1, SLICE_END = 2, INSTANT = 3 };

#define SEQUENCE 1			/* we are one writer */
#define FLAG_CLEARED 1			/* SEQ_INCREMENTAL_STATE_CLEARED */
/* uuid of the trace's own track; processes and threads come then */
#define TRACE_TRACK 1

struct perfetto {
	struct convert *c;
	struct out out;
	struct convert_ids ids;
	uint16_t *first_lock;
	uint64_t origin;
	bool begun;
	struct buf packet, event, inner, text, line;
};

/* --- protobuf --------------------------------------------------------------------------------- */

enum wire { VARINT = 0, BYTES = 2 };

static void put_number(struct buf *b, unsigned field, uint64_t v)
{
	buf_varint(b, field << 3 | VARINT);
	buf_varint(b, v);
}

static void put_bytes(struct buf *b, unsigned field, const void *data, size_t n)
{
	buf_varint(b, field << 3 | BYTES);
	buf_varint(b, n);
	if (n)
		buf_add(b, data, n);
}

static void put_message(struct buf *b, unsigned field, const struct buf *message)
{
	put_bytes(b, field, message->data, message->len);
}

/* A string has to be UTF-8. */
static void put_string(struct perfetto *o, struct buf *b, unsigned field, const char *s)
{
	size_t n = strlen(s), used;
	uint32_t cp;

	if (convert_is_utf8(s)) {
		put_bytes(b, field, s, n);
		return;
	}
	buf_clear(&o->text);
	for (; n; s += used, n -= used) {
		used = utf8_decode(s, n, &cp);
		if (cp == 0xfffd && used == 1)
			buf_str(&o->text, "\xef\xbf\xbd");
		else
			buf_add(&o->text, s, used);
	}
	put_message(b, field, &o->text);
}

/* Writes o->packet, to which only the sequence is still missing. */
static int put_packet(struct perfetto *o)
{
	put_number(&o->packet, PACKET_SEQUENCE, SEQUENCE);
	if (!o->begun) {
		put_number(&o->packet, PACKET_FLAGS, FLAG_CLEARED);
		put_number(&o->packet, PACKET_FIRST, 1);
		o->begun = true;
	}
	buf_clear(&o->line);
	put_message(&o->line, TRACE_PACKET, &o->packet);
	if (buf_failed(&o->packet) || buf_failed(&o->event) || buf_failed(&o->inner) ||
	    buf_failed(&o->text))
		return err_memory(o->c->err, "a packet");
	return out_text(&o->out, &o->line);
}

/* --- tracks ----------------------------------------------------------------------------------- */

static uint64_t process_track(uint32_t i)
{
	return TRACE_TRACK + 1 + (uint64_t)i;
}

static uint64_t thread_track(const struct perfetto *o, uint32_t i)
{
	return process_track(timeline_info(o->c->tl)->n_processes) + i;
}

/* Writes the track in o->event. */
static int put_track(struct perfetto *o)
{
	buf_clear(&o->packet);
	put_message(&o->packet, PACKET_TRACK, &o->event);
	return put_packet(o);
}

static int put_process(struct perfetto *o, uint32_t i)
{
	const struct timeline_process *p = timeline_process(o->c->tl, i);

	buf_clear(&o->inner);
	put_number(&o->inner, PROCESS_PID, o->ids.pid[i]);
	if (*p->name)
		put_string(o, &o->inner, PROCESS_NAME, p->name);
	buf_clear(&o->event);
	put_number(&o->event, TRACK_UUID, process_track(i));
	put_message(&o->event, TRACK_PROCESS, &o->inner);
	return put_track(o);
}

static int put_thread(struct perfetto *o, uint32_t i)
{
	const struct timeline_thread *t = timeline_thread(o->c->tl, i);

	buf_clear(&o->inner);
	put_number(&o->inner, THREAD_PID, o->ids.pid[t->process]);
	put_number(&o->inner, THREAD_TID, o->ids.tid[i]);
	put_string(o, &o->inner, THREAD_NAME, *t->name ? t->name : t->id);
	buf_clear(&o->event);
	put_number(&o->event, TRACK_UUID, thread_track(o, i));
	put_number(&o->event, TRACK_PARENT, process_track(t->process));
	put_message(&o->event, TRACK_THREAD, &o->inner);
	return put_track(o);
}

/* --- events ----------------------------------------------------------------------------------- */

static void begin_event(struct perfetto *o, enum event_type type, uint64_t track, const char *name)
{
	buf_clear(&o->event);
	put_number(&o->event, EVENT_TYPE, type);
	put_number(&o->event, EVENT_TRACK, track);
	if (name)
		put_string(o, &o->event, EVENT_NAME, name);
}

static int end_event(struct perfetto *o, uint64_t time)
{
	buf_clear(&o->packet);
	put_number(&o->packet, PACKET_TIMESTAMP, o->origin + time);
	put_message(&o->packet, PACKET_EVENT, &o->event);
	return put_packet(o);
}

static void annotate_string(struct perfetto *o, const char *name, const char *s)
{
	buf_clear(&o->inner);
	put_string(o, &o->inner, ANNOTATION_NAME, name);
	put_string(o, &o->inner, ANNOTATION_STRING, s);
	put_message(&o->event, EVENT_ANNOTATION, &o->inner);
}

static void annotate_number(struct perfetto *o, const char *name, int64_t v)
{
	buf_clear(&o->inner);
	put_string(o, &o->inner, ANNOTATION_NAME, name);
	put_number(&o->inner, v < 0 ? ANNOTATION_INT : ANNOTATION_UINT, (uint64_t)v);
	put_message(&o->event, EVENT_ANNOTATION, &o->inner);
}

static void annotate_lock(struct perfetto *o, uint32_t thread, uint16_t lock)
{
	const struct timeline_lock *k = timeline_lock(o->c->tl, lock);

	if (o->first_lock[timeline_thread(o->c->tl, thread)->process] != lock)
		annotate_string(o, "lock", *k->name ? k->name : k->id);
}

static void annotate_func(struct perfetto *o, int64_t func)
{
	const struct timeline_func *f = timeline_func(o->c->tl, (uint32_t)func);

	annotate_string(o, "function", f->name);
	if (*f->file)
		annotate_string(o, "file", f->file);
	if (f->line)
		annotate_number(o, "line", f->line);
}

static int put_period(void *ctx, const struct period *t)
{
	struct perfetto *o = ctx;
	uint64_t track = thread_track(o, t->thread);
	int ret;

	begin_event(o, SLICE_BEGIN, track, state_name(t->state));
	annotate_lock(o, t->thread, t->lock);
	if (t->func >= 0)
		annotate_func(o, t->func);
	ret = end_event(o, t->begin);
	if (ret)
		return ret;
	begin_event(o, SLICE_END, track, NULL);
	return end_event(o, t->end);
}

static int put_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct perfetto *o = ctx;

	if (e->kind == EV_STATE)
		return 0;
	begin_event(o, INSTANT, thread_track(o, e->thread), event_kind_name(e->kind));
	if (event_has_lock(e->kind))
		annotate_lock(o, e->thread, e->lock);
	for (unsigned i = 0; i < e->n_attrs; i++) {
		if (attrs[i].id == ATTR_SIGNAL)
			continue;
		if (attrs[i].id == ATTR_FUNC)
			annotate_func(o, attrs[i].value);
		else if (attrs[i].id == ATTR_TARGET)
			annotate_string(o, "target",
					timeline_thread(o->c->tl, (uint32_t)attrs[i].value)->id);
		else
			annotate_number(o, event_attr_name(attrs[i].id), attrs[i].value);
	}
	return end_event(o, e->time);
}

/*
 * The trace as a whole: an instant at its begin, on a track of its own, that says what is known of
 * it.
 */
static int put_facts(struct perfetto *o)
{
	const struct timeline_info *info = timeline_info(o->c->tl);
	int ret;

	buf_clear(&o->event);
	put_number(&o->event, TRACK_UUID, TRACE_TRACK);
	put_string(o, &o->event, TRACK_NAME, "gilscope");
	ret = put_track(o);
	if (ret)
		return ret;
	begin_event(o, INSTANT, TRACE_TRACK, "trace");
	annotate_string(o, "clock", info->clock == CLOCK_TICKS ? "ticks" : "ns");
	if (*info->title)
		annotate_string(o, "title", info->title);
	if (info->check_interval)
		annotate_number(o, "check_interval", (int64_t)info->check_interval);
	if (info->skipped_lines)
		annotate_number(o, "skipped_lines", (int64_t)info->skipped_lines);
	if (info->lost_events)
		annotate_number(o, "lost_events", (int64_t)info->lost_events);
	if (info->truncated)
		annotate_string(o, "truncated", "true");
	for (uint32_t i = 0; i < info->n_facts; i++)
		annotate_string(o, timeline_fact(o->c->tl, i)->key,
				timeline_fact(o->c->tl, i)->value);
	return end_event(o, o->c->range.from);
}

static int put_all(struct perfetto *o)
{
	struct convert *c = o->c;
	const struct timeline_info *info = timeline_info(c->tl);
	int ret = put_facts(o);

	for (uint32_t i = 0; !ret && i < info->n_processes; i++)
		ret = put_process(o, i);
	for (uint32_t i = 0; !ret && i < info->n_threads; i++)
		ret = put_thread(o, i);
	if (!ret)
		ret = timeline_periods(c->cursor, c->range.from, c->range.to, put_period, o,
				       c->err);
	return ret ? ret
		   : timeline_events(c->cursor, c->range.from, c->range.to, put_event, o, c->err);
}

static void say_lost(struct perfetto *o)
{
	struct convert *c = o->c;

	convert_lost(c, o->ids.n_new_tids,
		     "threads' ids are no numbers of their own: they have others here");
	convert_lost(c, convert_bad_names(c->tl),
		     "names are no UTF-8: U+FFFD stands for their bytes");
	if (timeline_info(c->tl)->clock == CLOCK_TICKS)
		convert_say(c, "a tick is shown as a nanosecond");
}

int convert_perfetto(struct convert *c)
{
	struct perfetto o = { .c = c, .origin = timeline_info(c->tl)->origin };
	int ret = -1;

	o.first_lock = convert_first_locks(c->tl, c->err);
	if (o.first_lock && !convert_ids_init(&o.ids, c->tl, c->err) &&
	    !out_init(&o.out, c->fd, 0, c->err))
		ret = out_finish(&o.out, put_all(&o));
	if (!ret)
		say_lost(&o);
	convert_ids_release(&o.ids);
	buf_release(&o.packet);
	buf_release(&o.event);
	buf_release(&o.inner);
	buf_release(&o.text);
	buf_release(&o.line);
	free(o.first_lock);
	return ret;
}
