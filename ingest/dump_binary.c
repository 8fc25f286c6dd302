/* dump_binary.c - a timeline's events as a binary gillog of mixed blocks; see dump.h */
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "gillog.h"
#include "out.h"

struct binary_dump {
	struct out out;
	struct gillog_writer *writer;
	const struct timeline *tl;
	struct timeline_cursor *cursor;
};

static int write_out(void *ctx, const void *data, size_t n, struct err *err)
{
	struct binary_dump *d = ctx;

	(void)err;				/* it is d->out.err */
	/* 1: nobody reads any more, which ends the dump as an error does. */
	return out_bytes(&d->out, data, n) ? -1 : 0;
}

static int put_threads(struct binary_dump *d, struct err *err)
{
	uint32_t n = timeline_info(d->tl)->n_threads, *by_number = dump_threads(d->tl, err);
	int ret = by_number ? 0 : -1;

	for (uint32_t k = 0; !ret && k < n; k++) {
		const struct timeline_thread *t = timeline_thread(d->tl, by_number[k]);

		ret = gillog_put_thread(d->writer, k, t->process, t->id, t->name, err);
	}
	free(by_number);
	return ret;
}

static enum gillog_waits gillog_waits(unsigned word)
{
	return word == DUMP_WAITS_BUSY	  ? GILLOG_WAITS_BUSY
	       : word == DUMP_WAITS_ENTRY ? GILLOG_WAITS_ENTRY
					  : GILLOG_WAITS_UNKNOWN;
}

static int put_names(struct binary_dump *d, struct err *err)
{
	const struct timeline *tl = d->tl;
	const struct timeline_info *info = timeline_info(tl);
	struct dump_waits waits;
	struct gillog_told told = {
		.check_interval = info->check_interval, .skipped = info->skipped_lines,
		.lost = dump_lost(tl), .truncated = info->truncated,
	};
	int ret;

	if (dump_waits_find(&waits, tl, d->cursor, err))
		return -1;
	told.waits = gillog_waits(waits.all);
	ret = gillog_put_told(d->writer, &told, info->title, err);
	for (uint32_t i = 0; !ret && i < info->n_processes; i++) {
		const struct timeline_process *p = timeline_process(tl, i);

		ret = gillog_put_process(d->writer, i, p->pid, p->ppid, p->name,
					 gillog_waits(waits.process[i]), err);
	}
	dump_waits_release(&waits);
	if (ret)
		return -1;
	for (uint32_t i = 0; i < info->n_facts; i++)
		if (gillog_put_fact(d->writer, timeline_fact(tl, i)->key,
				    timeline_fact(tl, i)->value, err))
			return -1;
	for (uint32_t i = 0; i < info->n_locks; i++) {
		const struct timeline_lock *l = timeline_lock(tl, i);

		if (gillog_put_lock(d->writer, (uint16_t)i, l->process, l->id, l->name,
				    l->kind == LOCK_PARK, err))
			return -1;
	}
	for (uint32_t i = 0; i < info->n_funcs; i++) {
		const struct timeline_func *f = timeline_func(tl, i);

		if (gillog_put_func(d->writer, i, f->name, f->file, f->line, err))
			return -1;
	}
	return put_threads(d, err);
}

static int put_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct binary_dump *d = ctx;
	struct gillog_attr a[N_GL_ATTRS];
	struct gillog_event g = {
		.time = timeline_info(d->tl)->origin + e->time, .lock = e->lock, .kind = e->kind,
	};

	if (e->kind == EV_STATE)		/* follows from the others */
		return 0;
	for (unsigned i = 0; i < e->n_attrs; i++) {
		int64_t v = attrs[i].value;

		if (attrs[i].id == ATTR_SIGNAL)
			continue;
		if (attrs[i].id == ATTR_TARGET)
			v = timeline_thread(d->tl, (uint32_t)v)->number;
		a[g.n_attrs++] = (struct gillog_attr){ attrs[i].id, v };
	}
	return gillog_put_event(d->writer, timeline_thread(d->tl, e->thread)->number, &g, a,
				d->out.err);
}

static int put_all(struct binary_dump *d, struct dump_range range, struct err *err)
{
	const struct timeline_info *info = timeline_info(d->tl);
	struct gillog_writer_options o = {
		.clock = info->clock == CLOCK_TICKS ? GILLOG_TICKS : GILLOG_NS, .mixed = true,
	};

	return gillog_writer_new(&d->writer, &o, write_out, d, err) || put_names(d, err) ||
	       timeline_events(d->cursor, range.from, range.to, put_event, d, err) < 0 ||
	       gillog_finish(d->writer, err) ? -1 : 0;
}

int dump_binary(struct timeline *tl, int fd, struct dump_range range, struct err *err)
{
	struct binary_dump d = { .tl = tl };
	int ret = -1;

	d.cursor = timeline_cursor_new(tl, err);
	if (d.cursor && !out_init(&d.out, fd, 0, err)) {
		ret = put_all(&d, range, err);
		ret = out_finish(&d.out, ret && d.out.closed ? 1 : ret);
	}
	gillog_writer_free(d.writer);
	timeline_cursor_free(d.cursor);
	return ret;
}
