/*
 * convert_chrome.c - the Trace Event Format: for ui.perfetto.dev and chrome://tracing, and to be
 * ingested again
 *
 *	{"displayTimeUnit":"ns","otherData":{"gilscope":"1",...},"traceEvents":[
 *	{"ph":"M","name":"thread_name","pid":1,"tid":2,"args":{"name":"worker","id":"2"}},
 *	{"ph":"X","cat":"gil.state","name":"run","pid":1,"tid":2,"ts":1.5,"dur":5.25,"args":{}},
 *	{"ph":"i","s":"t","cat":"gil.event","name":"ACQUIRE","pid":1,"tid":2,"ts":1.5,
 *	 "args":{"cpu":1}}
 *	]}
 *
 * The X events are for viewers; the instants carry every event with all that it has, so ingest
 * makes the same timeline of them.  Times are microseconds with three decimals: exact as text.
 * Viewers read them as doubles, so where these would not do, the trace's origin is taken off and
 * stands in "offset".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "json.h"

/*
 * A double tells neighbouring ticks apart up to 2^53, and thousandths of microseconds up to 2^51 of
 * them.
 */
#define DOUBLE_TICKS (1ull << 53)
#define DOUBLE_NS (1ull << 51)

struct piece { size_t off, n; };

struct chrome_out {
	struct convert *c;
	struct out out;
	struct convert_ids ids;
	uint16_t *first_lock;
	uint64_t base;			/* added to times since the origin */
	bool ticks;
	bool begun;			/* an event was written */
	struct buf text;
	struct piece *thread;		/* `,"pid":1,"tid":2,"ts":` */
	struct piece *lock;		/* `"lock":"2"` */
	struct piece *func;		/* `"function":"f"` */
	struct buf line;
};

/* --- header ----------------------------------------------------------------------------------- */

static void put_u64_str(struct json *j, const char *key, uint64_t v)
{
	char s[24];

	snprintf(s, sizeof(s), "%" PRIu64, v);
	json_key(j, key);
	json_str(j, s);
}

static void put_other_data(struct chrome_out *o, struct json *j, enum dump_waits_word waits)
{
	const struct timeline *tl = o->c->tl;
	const struct timeline_info *info = timeline_info(tl);
	uint64_t lost = dump_lost(tl);

	json_begin(j, '{');
	json_key(j, "gilscope");
	json_str(j, "1");
	json_key(j, "clock");
	json_str(j, o->ticks ? "ticks" : "ns");
	put_u64_str(j, "offset", info->origin - o->base);
	if (*info->title) {
		json_key(j, "title");
		json_str(j, info->title);
	}
	if (waits != DUMP_WAITS_NONE) {
		json_key(j, "waits");
		json_str(j, dump_waits_name(waits));
	}
	if (info->check_interval)
		put_u64_str(j, "check_interval", info->check_interval);
	if (lost)
		put_u64_str(j, "lost_events", lost);
	if (info->skipped_lines)
		put_u64_str(j, "skipped_lines", info->skipped_lines);
	if (info->truncated) {
		json_key(j, "truncated");
		json_str(j, "true");
	}
	for (uint32_t i = 0; i < info->n_facts; i++) {
		const struct timeline_fact *f = timeline_fact(tl, i);
		struct buf key = BUF_INIT;

		buf_str(&key, "fact:");
		buf_str(&key, f->key);
		buf_add(&key, "", 1);
		json_key(j, buf_failed(&key) ? "fact:" : (char *)key.data);
		json_str(j, f->value);
		buf_release(&key);
	}
	json_end(j, '}');
}

/* Begins a metadata event in o->line; its args are open. */
static struct json begin_metadata(struct chrome_out *o, const char *name, uint32_t pid,
				  uint32_t tid)
{
	struct json j = json_new(&o->line);

	buf_clear(&o->line);
	buf_str(&o->line, o->begun ? ",\n" : "\n");
	o->begun = true;
	json_begin(&j, '{');
	json_key(&j, "ph");
	json_str(&j, "M");
	json_key(&j, "name");
	json_str(&j, name);
	json_key(&j, "pid");
	json_u64(&j, pid);
	json_key(&j, "tid");
	json_u64(&j, tid);
	json_key(&j, "args");
	json_begin(&j, '{');
	return j;
}

static int end_metadata(struct chrome_out *o, struct json *j)
{
	json_end(j, '}');
	json_end(j, '}');
	return out_text(&o->out, &o->line);
}

static int put_process(struct chrome_out *o, uint32_t i, unsigned waits)
{
	const struct timeline_process *p = timeline_process(o->c->tl, i);
	struct json j = begin_metadata(o, "process_name", o->ids.pid[i], 0);

	json_key(&j, "name");
	json_str(&j, p->name);
	if (p->pid >= 0)
		put_u64_str(&j, "pid", (uint64_t)p->pid);
	if (p->ppid >= 0)
		put_u64_str(&j, "ppid", (uint64_t)p->ppid);
	if (waits != DUMP_WAITS_NONE) {
		json_key(&j, "waits");
		json_str(&j, dump_waits_name(waits));
	}
	return end_metadata(o, &j);
}

static int put_thread(struct chrome_out *o, uint32_t i)
{
	const struct timeline_thread *t = timeline_thread(o->c->tl, i);
	uint32_t pid = o->ids.pid[t->process], tid = o->ids.tid[i];
	struct json j = begin_metadata(o, "thread_name", pid, tid);
	int ret;

	json_key(&j, "name");
	json_str(&j, *t->name ? t->name : t->id);
	json_key(&j, "id");
	json_str(&j, t->id);
	if (!*t->name) {
		json_key(&j, "kind");
		json_str(&j, "nameless");
	}
	ret = end_metadata(o, &j);
	if (ret)
		return ret;
	j = begin_metadata(o, "thread_sort_index", pid, tid);
	json_key(&j, "sort_index");
	json_u64(&j, i);
	return end_metadata(o, &j);
}

static int put_lock(struct chrome_out *o, uint32_t i)
{
	const struct timeline_lock *k = timeline_lock(o->c->tl, i);
	struct json j = begin_metadata(o, "gilscope_lock", o->ids.pid[k->process], 0);

	json_key(&j, "id");
	json_str(&j, k->id);
	json_key(&j, "name");
	json_str(&j, k->name);
	json_key(&j, "kind");
	json_str(&j, k->kind == LOCK_PARK ? "park" : "gil");
	return end_metadata(o, &j);
}

static int put_func(struct chrome_out *o, uint32_t i)
{
	const struct timeline_func *f = timeline_func(o->c->tl, i);
	struct json j = begin_metadata(o, "gilscope_func", o->ids.pid[0], 0);

	put_u64_str(&j, "number", i);
	json_key(&j, "name");
	json_str(&j, f->name);
	json_key(&j, "file");
	json_str(&j, f->file);
	if (f->line)
		put_u64_str(&j, "line", f->line);
	return end_metadata(o, &j);
}

static int put_threads(struct chrome_out *o)
{
	uint32_t n = timeline_info(o->c->tl)->n_threads;
	uint32_t *by_number = dump_threads(o->c->tl, o->c->err);
	int ret = by_number ? 0 : -1;

	for (uint32_t i = 0; !ret && i < n; i++)
		ret = put_thread(o, by_number[i]);
	free(by_number);
	return ret;
}

static int put_header(struct chrome_out *o)
{
	const struct timeline_info *info = timeline_info(o->c->tl);
	struct json j = json_new(&o->line);
	struct dump_waits waits;
	int ret;

	if (dump_waits_find(&waits, o->c->tl, o->c->cursor, o->c->err))
		return -1;
	json_begin(&j, '{');
	json_key(&j, "displayTimeUnit");
	json_str(&j, "ns");
	json_key(&j, "otherData");
	put_other_data(o, &j, waits.all);
	json_key(&j, "traceEvents");
	json_begin(&j, '[');
	ret = out_text(&o->out, &o->line);
	for (uint32_t i = 0; !ret && i < info->n_processes; i++)
		ret = put_process(o, i, waits.process[i]);
	dump_waits_release(&waits);
	if (!ret)
		ret = put_threads(o);
	for (uint32_t i = 0; !ret && i < info->n_locks; i++)
		ret = put_lock(o, i);
	for (uint32_t i = 0; !ret && i < info->n_funcs; i++)
		ret = put_func(o, i);
	return ret;
}

/* --- pieces of lines -------------------------------------------------------------------------- */

static struct piece piece_end(struct chrome_out *o, size_t off, size_t *longest)
{
	struct piece p = { off, o->text.len - off };

	if (p.n > *longest)
		*longest = p.n;
	return p;
}

static int make_pieces(struct chrome_out *o, size_t *line)
{
	const struct timeline *tl = o->c->tl;
	const struct timeline_info *info = timeline_info(tl);
	size_t longest = 0;

	o->thread = calloc((size_t)info->n_threads + 1, sizeof(*o->thread));
	o->lock = calloc((size_t)info->n_locks + 1, sizeof(*o->lock));
	o->func = calloc((size_t)info->n_funcs + 1, sizeof(*o->func));
	if (!o->thread || !o->lock || !o->func)
		return err_memory(o->c->err, "the threads' names");
	for (uint32_t i = 0; i < info->n_threads; i++) {
		size_t off = o->text.len;

		buf_printf(&o->text, ",\"pid\":%u,\"tid\":%u,\"ts\":",
			   o->ids.pid[timeline_thread(tl, i)->process], o->ids.tid[i]);
		o->thread[i] = piece_end(o, off, &longest);
	}
	for (uint32_t i = 0; i < info->n_locks; i++) {
		size_t off = o->text.len;
		struct json j = json_new(&o->text);

		json_key(&j, "lock");
		json_str(&j, timeline_lock(tl, i)->id);
		o->lock[i] = piece_end(o, off, &longest);
	}
	for (uint32_t i = 0; i < info->n_funcs; i++) {
		size_t off = o->text.len;
		struct json j = json_new(&o->text);

		json_key(&j, "function");
		json_str(&j, timeline_func(tl, i)->name);
		o->func[i] = piece_end(o, off, &longest);
	}
	*line = 3 * longest + 1024;	/* and all numbers, keys and words of an event */
	return buf_failed(&o->text) ? err_memory(o->c->err, "the threads' names") : 0;
}

static uint8_t *put_piece(const struct chrome_out *o, uint8_t *p, struct piece s)
{
	memcpy(p, o->text.data + s.off, s.n);
	return p + s.n;
}

/* Microseconds, or ticks. */
static uint8_t *put_us(const struct chrome_out *o, uint8_t *p, uint64_t t)
{
	unsigned ns = (unsigned)(t % 1000);

	if (o->ticks)
		return put_u64(p, t);
	p = put_u64(p, t / 1000);
	*p++ = '.';
	*p++ = (uint8_t)('0' + ns / 100);
	*p++ = (uint8_t)('0' + ns / 10 % 10);
	*p++ = (uint8_t)('0' + ns % 10);
	return p;
}

/* A comma before all args but the first. */
static uint8_t *put_comma(uint8_t *p, bool *any)
{
	if (*any)
		*p++ = ',';
	*any = true;
	return p;
}

static uint8_t *put_lock_arg(const struct chrome_out *o, uint8_t *p, uint32_t thread, uint16_t lock,
			     bool *any)
{
	if (o->first_lock[timeline_thread(o->c->tl, thread)->process] == lock)
		return p;
	return put_piece(o, put_comma(p, any), o->lock[lock]);
}

/* --- periods and events ----------------------------------------------------------------------- */

static int put_period(void *ctx, const struct period *t)
{
	struct chrome_out *o = ctx;
	uint8_t *p = put_str(o->out.data + o->out.len,
			     ",\n{\"ph\":\"X\",\"cat\":\"gil.state\",\"name\":\"");
	bool any = false;

	p = put_str(p, state_name(t->state));
	*p++ = '"';
	p = put_us(o, put_piece(o, p, o->thread[t->thread]), o->base + t->begin);
	p = put_us(o, put_str(p, ",\"dur\":"), t->end - t->begin);
	p = put_lock_arg(o, put_str(p, ",\"args\":{"), t->thread, t->lock, &any);
	if (t->func >= 0)
		p = put_piece(o, put_comma(p, &any), o->func[t->func]);
	return out_end(&o->out, put_str(p, "}}"));
}

static uint8_t *put_target(const struct chrome_out *o, uint8_t *p, uint32_t thread)
{
	p = put_u64(put_str(p, "\"target\":"), o->ids.tid[thread]);
	return put_u64(put_str(p, ",\"target_pid\":"),
		       o->ids.pid[timeline_thread(o->c->tl, thread)->process]);
}

static int put_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct chrome_out *o = ctx;
	uint8_t *p = o->out.data + o->out.len;
	bool any = false;

	if (e->kind == EV_STATE)		/* follows from the others */
		return 0;
	p = put_str(p, ",\n{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"gil.event\",\"name\":\"");
	p = put_str(p, event_kind_name(e->kind));
	*p++ = '"';
	p = put_us(o, put_piece(o, p, o->thread[e->thread]), o->base + e->time);
	p = put_str(p, ",\"args\":{");
	if (event_has_lock(e->kind))
		p = put_lock_arg(o, p, e->thread, e->lock, &any);
	for (unsigned i = 0; i < e->n_attrs; i++) {
		if (attrs[i].id == ATTR_SIGNAL)
			continue;
		p = put_comma(p, &any);
		if (attrs[i].id == ATTR_TARGET) {
			p = put_target(o, p, (uint32_t)attrs[i].value);
			continue;
		}
		*p++ = '"';
		p = put_str(put_str(p, event_attr_name(attrs[i].id)), "\":");
		p = put_i64(p, attrs[i].value);
	}
	return out_end(&o->out, put_str(p, "}}"));
}

static int put_all(struct chrome_out *o)
{
	struct convert *c = o->c;
	int ret = put_header(o);

	if (!ret)
		ret = timeline_periods(c->cursor, c->range.from, c->range.to, put_period, o,
				       c->err);
	if (!ret)
		ret = timeline_events(c->cursor, c->range.from, c->range.to, put_event, o, c->err);
	return ret ? ret : out_line(&o->out, put_str(o->out.data + o->out.len, "\n]}"));
}

int convert_chrome(struct convert *c)
{
	const struct timeline_info *info = timeline_info(c->tl);
	struct chrome_out o = { .c = c, .ticks = info->clock == CLOCK_TICKS, .base = info->origin };
	size_t line = 0;
	int ret = -1;

	if (info->origin + info->end >= (o.ticks ? DOUBLE_TICKS : DOUBLE_NS))
		o.base = 0;
	o.first_lock = convert_first_locks(c->tl, c->err);
	if (o.first_lock && !convert_ids_init(&o.ids, c->tl, c->err) && !make_pieces(&o, &line) &&
	    !out_init(&o.out, c->fd, line, c->err))
		ret = out_finish(&o.out, put_all(&o));
	if (!ret) {
		convert_lost(c, convert_bad_names(c->tl),
			     "names are no UTF-8: U+FFFD stands for their bytes");
		if (!o.base && info->origin)
			convert_say(c, "times are since the trace's begin, which stands in "
				       "otherData.offset:"
				       " a viewer's doubles could not tell them apart");
	}
	convert_ids_release(&o.ids);
	buf_release(&o.text);
	buf_release(&o.line);
	free(o.first_lock);
	free(o.thread);
	free(o.lock);
	free(o.func);
	return ret;
}
