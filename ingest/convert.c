/* convert.c - see convert.h: what the formats have in common, and the two that need little more */
#include "convert.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* --- what is lost ----------------------------------------------------------------------------- */

static void add_line(struct convert *c, const char *fmt, va_list ap)
{
	char line[400];

	vsnprintf(line, sizeof(line), fmt, ap);
	buf_str(&c->lost, line);
	buf_str(&c->lost, "\n");
}

void convert_say(struct convert *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(c, fmt, ap);
	va_end(ap);
}

void convert_lost(struct convert *c, uint64_t n, const char *fmt, ...)
{
	va_list ap;

	if (!n)
		return;
	buf_printf(&c->lost, "%" PRIu64 " ", n);
	va_start(ap, fmt);
	add_line(c, fmt, ap);
	va_end(ap);
}

void convert_lost_events(struct convert *c, const uint64_t n[N_EVENT_KINDS])
{
	uint64_t total = 0;
	struct buf kinds = BUF_INIT;

	for (unsigned k = 0; k < N_EVENT_KINDS; k++) {
		if (!n[k] || !event_kind_name(k))
			continue;
		buf_printf(&kinds, "%s%" PRIu64 " %s", total ? ", " : "", n[k], event_kind_name(k));
		total += n[k];
	}
	buf_add(&kinds, "", 1);
	if (buf_failed(&kinds))
		c->lost.failed = true;
	else
		convert_lost(c, total, "events are not carried: %s", (char *)kinds.data);
	buf_release(&kinds);
}

/* --- numbers of processes and threads --------------------------------------------------------- */

struct wish { uint32_t number, index; };

static int by_number(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Whoever wishes a number first gets it; 0 and what is taken become numbers that nobody wishes. */
static uint32_t grant(struct wish *w, uint32_t n, uint32_t *out)
{
	uint32_t n_new = 0, next = 1, at = 0;

	qsort(w, n, sizeof(*w), by_number);
	for (uint32_t i = 0; i < n; i++)
		out[w[i].index] =
			w[i].number && (!i || w[i - 1].number != w[i].number) ? w[i].number : 0;
	for (uint32_t i = 0; i < n; i++) {
		if (out[i])
			continue;
		for (;; next++) {
			while (at < n && w[at].number < next)
				at++;
			if (at == n || w[at].number != next)
				break;
		}
		out[i] = next++;
		n_new++;
	}
	return n_new;
}

static uint32_t number_of(const char *s)
{
	uint64_t v = 0;

	if (*s == '0')
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return 0;
		v = 10 * v + (uint64_t)(*s - '0');
		if (v > INT32_MAX)
			return 0;
	}
	return (uint32_t)v;
}

int convert_ids_init(struct convert_ids *ids, const struct timeline *tl, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	uint32_t most = info->n_threads > info->n_processes ? info->n_threads : info->n_processes;
	struct wish *w = calloc((size_t)most + 1, sizeof(*w));

	*ids = (struct convert_ids){
		.pid = calloc((size_t)info->n_processes + 1, sizeof(*ids->pid)),
		.tid = calloc((size_t)info->n_threads + 1, sizeof(*ids->tid)),
	};
	if (!w || !ids->pid || !ids->tid) {
		free(w);
		convert_ids_release(ids);
		return err_memory(err, "the threads' numbers");
	}
	for (uint32_t i = 0; i < info->n_processes; i++) {
		int64_t pid = timeline_process(tl, i)->pid;

		w[i] = (struct wish){ pid > 0 && pid <= INT32_MAX ? (uint32_t)pid : 0, i };
	}
	ids->n_new_pids = grant(w, info->n_processes, ids->pid);
	for (uint32_t i = 0; i < info->n_threads; i++)
		w[i] = (struct wish){ number_of(timeline_thread(tl, i)->id), i };
	ids->n_new_tids = grant(w, info->n_threads, ids->tid);
	free(w);
	return 0;
}

void convert_ids_release(struct convert_ids *ids)
{
	free(ids->pid);
	free(ids->tid);
	*ids = (struct convert_ids){ 0 };
}

uint16_t *convert_first_locks(const struct timeline *tl, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	uint16_t *first = calloc((size_t)info->n_processes + 1, sizeof(*first));

	if (!first) {
		err_memory(err, "locks");
		return NULL;
	}
	for (uint32_t i = info->n_locks; i--;)
		first[timeline_lock(tl, i)->process] = (uint16_t)i;
	return first;
}

bool convert_is_utf8(const char *s)
{
	size_t n = strlen(s), used;
	uint32_t cp;

	for (; n; s += used, n -= used) {
		used = utf8_decode(s, n, &cp);
		if (cp == 0xfffd && used == 1)
			return false;
	}
	return true;
}

uint64_t convert_bad_names(const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);
	uint64_t n = !convert_is_utf8(info->title);

	for (uint32_t i = 0; i < info->n_threads; i++)
		n += !convert_is_utf8(timeline_thread(tl, i)->name) +
		     !convert_is_utf8(timeline_thread(tl, i)->id);
	for (uint32_t i = 0; i < info->n_processes; i++)
		n += !convert_is_utf8(timeline_process(tl, i)->name);
	for (uint32_t i = 0; i < info->n_locks; i++)
		n += !convert_is_utf8(timeline_lock(tl, i)->name) +
		     !convert_is_utf8(timeline_lock(tl, i)->id);
	for (uint32_t i = 0; i < info->n_funcs; i++)
		n += !convert_is_utf8(timeline_func(tl, i)->name) +
		     !convert_is_utf8(timeline_func(tl, i)->file);
	for (uint32_t i = 0; i < info->n_facts; i++)
		n += !convert_is_utf8(timeline_fact(tl, i)->key) +
		     !convert_is_utf8(timeline_fact(tl, i)->value);
	return n;
}

/* --- gillog ----------------------------------------------------------------------------------- */

int convert_gillog(struct convert *c)
{
	return dump_events(c->tl, c->fd, c->range, c->err);
}

/* --- beazley ---------------------------------------------------------------------------------- */

/*
 * thread, countdown, total checks, event.  On a clock of ticks both numbers follow from the time
 * where an event does not carry others; on one of nanoseconds they are what a recorded 2.7 tells
 * with each event.
 */
struct beazley {
	struct convert *c;
	struct out out;
	bool ticks;
	uint64_t interval, origin;
	uint16_t lock;
	char **id;			/* of each thread; owned */
	uint64_t n_written, n_other_locks, n_without, n_below, n_kind[N_EVENT_KINDS];
};

static bool beazley_kind(unsigned kind)
{
	return kind == EV_ENTRY || kind == EV_BUSY || kind == EV_RETRY || kind == EV_ACQUIRE ||
	       kind == EV_RELEASE;
}

static int beazley_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct beazley *b = ctx;
	const struct attr *checks = NULL, *countdown = NULL;
	uint8_t *p;
	uint64_t at;

	if (e->kind == EV_STATE)
		return 0;
	if (!beazley_kind(e->kind)) {
		b->n_kind[e->kind]++;
		return 0;
	}
	if (e->lock != b->lock) {
		b->n_other_locks++;
		return 0;
	}
	for (unsigned i = 0; i < e->n_attrs; i++) {
		if (attrs[i].id == ATTR_CHECKS)
			checks = &attrs[i];
		else if (attrs[i].id == ATTR_COUNTDOWN)
			countdown = &attrs[i];
	}
	if (!b->ticks && (!checks || !countdown)) {
		b->n_without++;
		return 0;
	}
	b->n_written++;
	at = b->origin + e->time;
	p = put_str(b->out.data + b->out.len, b->id[e->thread]);
	*p++ = ' ';
	/* a little below 0 while its check is about to be made */
	if (countdown && countdown->value < 0) {
		*p++ = '0';
		b->n_below++;
	} else {
		p = put_u64(p, countdown ? (uint64_t)countdown->value
					 : b->interval - at % b->interval);
	}
	*p++ = ' ';
	p = put_u64(p, checks ? (uint64_t)checks->value : at / b->interval);
	*p++ = ' ';
	return out_line(&b->out, put_str(p, event_kind_name(e->kind)));
}

/* A word that can stand in a column. */
static bool is_column(const char *s)
{
	bool ok = *s && *s != '#';

	for (; *s && ok; s++)
		ok = (unsigned char)*s > ' ' && *s != 0x7f;
	return ok;
}

static int beazley_ids(struct beazley *b, size_t *longest)
{
	const struct timeline *tl = b->c->tl;
	uint32_t n = timeline_info(tl)->n_threads, n_new = 0;
	uint32_t process = timeline_lock(tl, b->lock)->process;
	struct buf prefix = BUF_INIT;
	int ret = 0;

	/* Ids that are none become thread-N, or thread--N where that could be somebody else's. */
	buf_str(&prefix, "thread-");
	for (uint32_t i = 0; i < n; i++)
		if (prefix.data &&
		    !strncmp(timeline_thread(tl, i)->id, (char *)prefix.data, prefix.len)) {
			buf_str(&prefix, "-");
			i = prefix.len > 64 ? n : UINT32_MAX;
		}
	buf_add(&prefix, "", 1);
	b->id = calloc((size_t)n + 1, sizeof(*b->id));
	if (!b->id || buf_failed(&prefix))
		ret = err_memory(b->c->err, "the threads' names");
	for (uint32_t i = 0; !ret && i < n; i++) {
		const struct timeline_thread *t = timeline_thread(tl, i);

		if (is_column(t->id)) {
			b->id[i] = strdup(t->id);
		} else if (asprintf(&b->id[i], "%s%u", (char *)prefix.data, i + 1) < 0) {
			b->id[i] = NULL;
		} else if (t->process == process) {
			n_new++;
		}
		if (!b->id[i])
			ret = err_memory(b->c->err, "the threads' names");
		else if (strlen(b->id[i]) > *longest)
			*longest = strlen(b->id[i]);
	}
	convert_lost(b->c, n_new,
		     "threads' ids cannot stand in a column: they are called thread-1 and so on");
	buf_release(&prefix);
	return ret;
}

static void beazley_lost(struct beazley *b)
{
	const struct timeline *tl = b->c->tl;
	uint64_t named = 0;

	for (uint32_t i = 0; i < timeline_info(tl)->n_threads; i++)
		named += *timeline_thread(tl, i)->name &&
			 strcmp(timeline_thread(tl, i)->name, b->id[i]);
	convert_lost_events(b->c, b->n_kind);
	convert_lost(b->c, b->n_other_locks,
		     "events of other locks than the first are not carried");
	convert_lost(b->c, b->n_without, "events without a count of ticks are not carried");
	convert_lost(b->c, b->n_below, "countdowns stand below 0: the columns have 0");
	convert_lost(b->c, named, "threads' names are not carried: the columns have their ids");
	if (!b->ticks)
		convert_say(b->c, "times in nanoseconds are not carried: the columns count ticks");
	convert_lost(b->c, timeline_info(tl)->n_facts,
		     "facts of the trace's origin are not carried");
	if (b->ticks && b->interval != 100)
		convert_say(b->c,
			    "the columns do not say that a check is %" PRIu64 " ticks"
			    " (gilscope ingest --check-interval %" PRIu64 ")",
			    b->interval, b->interval);
}

int convert_beazley(struct convert *c)
{
	const struct timeline_info *info = timeline_info(c->tl);
	struct beazley b = {
		.c = c, .ticks = info->clock == CLOCK_TICKS, .origin = info->origin,
		.interval = info->check_interval ? info->check_interval : 100,
	};
	size_t longest = 0;
	int ret = -1;

	if (!info->n_locks)
		return err_set(c->err, ERR_FORMAT, "no lock in this trace");
	if (!beazley_ids(&b, &longest) && !out_init(&b.out, c->fd, longest + 128, c->err))
		ret = out_finish(&b.out, timeline_events(c->cursor, c->range.from, c->range.to,
							 beazley_event, &b, c->err));
	if (!ret && !b.n_written && b.n_without)
		ret = err_set(c->err, ERR_FORMAT,
			      "nothing of this trace fits in Beazley's columns:"
			      " they need the old GIL's ticks (a trace of them, or checks and "
			      "countdown with each event)");
	if (!ret)
		beazley_lost(&b);
	for (uint32_t i = 0; b.id && i < info->n_threads; i++)
		free(b.id[i]);
	free(b.id);
	return ret;
}
