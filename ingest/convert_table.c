/*
 * convert_table.c - csv, a period a row, and folded, a total a line: see convert.h and
 * docs/convert.md
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "utf8.h"

/* The events of the range by kind, for what is said to be lost. */
static int count_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	uint64_t *n = ctx;

	(void)attrs;
	n[e->kind]++;
	return 0;
}

static int count_events(struct convert *c, uint64_t n[N_EVENT_KINDS])
{
	memset(n, 0, N_EVENT_KINDS * sizeof(*n));
	return timeline_events(c->cursor, c->range.from, c->range.to, count_event, n, c->err);
}

/* --- csv -------------------------------------------------------------------------------------- */

struct span { size_t off, n; };

struct csv {
	struct out out;
	uint64_t origin;
	struct buf text;
	struct span *thread;		/* ",PID,ID,NAME," */
	struct span *lock;		/* ",ID," */
	struct span *func;		/* "NAME" */
};

/* RFC 4180: in quotes where it holds a comma, a quote or a line's end. */
static void put_field(struct buf *b, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		buf_str(b, s);
		return;
	}
	buf_str(b, "\"");
	for (; *s; s++)
		buf_add(b, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	buf_str(b, "\"");
}

static int csv_init(struct csv *v, struct convert *c, size_t *line)
{
	const struct timeline_info *info = timeline_info(c->tl);
	size_t off, longest = 0;

	*v = (struct csv){
		.origin = info->origin,
		.thread = calloc((size_t)info->n_threads + 1, sizeof(*v->thread)),
		.lock = calloc((size_t)info->n_locks + 1, sizeof(*v->lock)),
		.func = calloc((size_t)info->n_funcs + 1, sizeof(*v->func)),
	};
	if (!v->thread || !v->lock || !v->func)
		return err_memory(c->err, "the threads' names");
#define PIECE(array, ...)                                                          \
	do {                                                                       \
		off = v->text.len;                                                 \
		__VA_ARGS__;                                                       \
		array = (struct span){ off, v->text.len - off };                   \
		longest = longest > v->text.len - off ? longest : v->text.len - off; \
	} while (0)
	for (uint32_t i = 0; i < info->n_threads; i++) {
		const struct timeline_thread *t = timeline_thread(c->tl, i);
		int64_t pid = timeline_process(c->tl, t->process)->pid;

		PIECE(v->thread[i], buf_str(&v->text, ",");
		      if (pid >= 0) buf_printf(&v->text, "%" PRId64, pid); buf_str(&v->text, ",");
		      put_field(&v->text, t->id); buf_str(&v->text, ",");
		      put_field(&v->text, t->name); buf_str(&v->text, ","));
	}
	for (uint32_t i = 0; i < info->n_locks; i++)
		PIECE(v->lock[i], buf_str(&v->text, ",");
		      put_field(&v->text, timeline_lock(c->tl, i)->id); buf_str(&v->text, ","));
	for (uint32_t i = 0; i < info->n_funcs; i++)
		PIECE(v->func[i], put_field(&v->text, timeline_func(c->tl, i)->name));
#undef PIECE
	*line = 3 * longest + 256;
	return buf_failed(&v->text) ? err_memory(c->err, "the threads' names") : 0;
}

static uint8_t *put_span(const struct csv *v, uint8_t *p, struct span s)
{
	memcpy(p, v->text.data + s.off, s.n);
	return p + s.n;
}

static int csv_row(void *ctx, const struct period *t)
{
	struct csv *v = ctx;
	uint8_t *p = v->out.data + v->out.len;

	p = put_time(&v->out, p, v->origin + t->begin);
	*p++ = ',';
	p = put_time(&v->out, p, v->origin + t->end);
	*p++ = ',';
	p = put_u64(p, t->end - t->begin);
	p = put_span(v, p, v->thread[t->thread]);
	p = put_str(p, state_name(t->state));
	p = put_span(v, p, v->lock[t->lock]);
	p = put_time(&v->out, p, v->origin + t->since);
	*p++ = ',';
	if (t->func >= 0)
		p = put_span(v, p, v->func[t->func]);
	return out_line(&v->out, p);
}

static int csv_rows(struct csv *v, struct convert *c)
{
	static const char header[] = "begin,end,length,pid,thread,name,state,lock,since,function";

	memcpy(v->out.data, header, sizeof(header) - 1);
	return out_line(&v->out, v->out.data + sizeof(header) - 1) < 0 ? -1 :
	       timeline_periods(c->cursor, c->range.from, c->range.to, csv_row, v, c->err);
}

int convert_csv(struct convert *c)
{
	uint64_t n[N_EVENT_KINDS];
	struct csv v;
	size_t line = 0;
	int ret = -1;

	if (!csv_init(&v, c, &line) && !out_init(&v.out, c->fd, line, c->err))
		ret = out_finish(&v.out, csv_rows(&v, c));
	if (!ret)
		ret = count_events(c, n);
	if (!ret) {
		n[EV_ACQUIRE] = n[EV_RELEASE] = 0;	/* where periods begin and end */
		convert_lost_events(c, n);
		convert_lost(c, timeline_info(c->tl)->n_facts,
			     "facts of the trace's origin are not carried");
	}
	buf_release(&v.text);
	free(v.thread);
	free(v.lock);
	free(v.func);
	return ret;
}

/* --- folded ----------------------------------------------------------------------------------- */

/*
 * The time that a thread spent in a state below a function.  key: thread << 24 | state << 21 |
 * func + 1; 0: free.
 */
struct sum { uint64_t key; uint64_t time; };

#define FUNC_BITS 21		/* MAX_FUNCS + 1 fits */
#define STATE_BITS 3
#define THREAD_SHIFT (STATE_BITS + FUNC_BITS)

struct folded {
	struct convert *c;
	struct sum *sum;
	size_t n, cap;			/* cap: a power of two, less than half full */
};

static int grow_sums(struct folded *f)
{
	size_t cap = f->cap ? 2 * f->cap : 1024;
	struct sum *p = calloc(cap, sizeof(*p));

	if (!p)
		return err_memory(f->c->err, "sums");
	for (size_t i = 0; i < f->cap; i++) {
		size_t at = (f->sum[i].key * 0x9e3779b97f4a7c15ull >> 20) & (cap - 1);

		if (!f->sum[i].key)
			continue;
		while (p[at].key)
			at = (at + 1) & (cap - 1);
		p[at] = f->sum[i];
	}
	free(f->sum);
	f->sum = p;
	f->cap = cap;
	return 0;
}

static int add_period(void *ctx, const struct period *t)
{
	struct folded *f = ctx;
	const struct dump_range *r = &f->c->range;
	uint64_t begin = t->begin < r->from ? r->from : t->begin,
		 end = t->end > r->to ? r->to : t->end;
	uint64_t key = (uint64_t)t->thread << THREAD_SHIFT | (uint64_t)t->state << FUNC_BITS |
		       (uint64_t)(t->func + 1);
	size_t at;

	if (end <= begin)
		return 0;
	if (2 * f->n >= f->cap && grow_sums(f))
		return -1;
	at = (key * 0x9e3779b97f4a7c15ull >> 20) & (f->cap - 1);
	while (f->sum[at].key && f->sum[at].key != key)
		at = (at + 1) & (f->cap - 1);
	f->n += !f->sum[at].key;
	f->sum[at].key = key;
	f->sum[at].time += end - begin;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

/* A frame: ";" separates them, and a line is one.  Returns whether something had to be replaced. */
static bool put_frame(struct buf *b, const char *s)
{
	bool changed = false;

	for (; *s; s++) {
		bool bad = *s == ';' || (unsigned char)*s < ' ' || *s == 0x7f;

		buf_add(b, bad ? "_" : s, 1);
		changed |= bad;
	}
	return changed;
}

static bool put_thread_frame(struct buf *b, const struct timeline *tl,
			     const struct timeline_thread *t)
{
	const struct timeline_process *p = timeline_process(tl, t->process);
	bool changed = false;

	if (timeline_info(tl)->n_processes > 1) {
		if (*p->name)
			changed |= put_frame(b, p->name);
		else
			buf_str(b, "process");
		if (p->pid >= 0)
			buf_printf(b, " %" PRId64 ";", p->pid);
		else
			buf_printf(b, " p%u;", t->process);
	}
	if (!*t->name || !strcmp(t->name, t->id))
		return put_frame(b, t->id) || changed;
	changed |= put_frame(b, t->name);
	buf_str(b, " (");
	changed |= put_frame(b, t->id);
	buf_str(b, ")");
	return changed;
}

static int put_sums(struct folded *f)
{
	const struct timeline *tl = f->c->tl;
	struct buf line = BUF_INIT;
	struct out out;
	uint64_t n_changed = 0;
	int ret = 0;

	if (out_init(&out, f->c->fd, 0, f->c->err))
		return -1;
	for (size_t i = 0; !ret && i < f->n; i++) {
		uint64_t key = f->sum[i].key;
		uint64_t func = key & ((1u << FUNC_BITS) - 1);
		unsigned state = key >> FUNC_BITS & ((1u << STATE_BITS) - 1);
		bool changed;

		buf_clear(&line);
		changed = put_thread_frame(&line, tl,
					   timeline_thread(tl, (uint32_t)(key >> THREAD_SHIFT)));
		buf_printf(&line, ";%s", state_name(state));
		if (func) {
			const struct timeline_func *fn = timeline_func(tl, (uint32_t)func - 1);

			buf_str(&line, ";");
			changed |= put_frame(&line, *fn->name ? fn->name : "?");
			if (*fn->file) {
				buf_str(&line, " (");
				changed |= put_frame(&line, fn->file);
				buf_str(&line, ")");
			}
		}
		buf_printf(&line, " %" PRIu64 "\n", f->sum[i].time);
		n_changed += changed;
		ret = out_text(&out, &line);
	}
	convert_lost(f->c, n_changed,
		     "lines have a \"_\" where a name holds a \";\" or a control character");
	buf_release(&line);
	return out_finish(&out, ret);
}

int convert_folded(struct convert *c)
{
	struct folded f = { .c = c };
	uint64_t n[N_EVENT_KINDS];
	size_t k = 0;
	int ret = timeline_periods(c->cursor, c->range.from, c->range.to, add_period, &f, c->err);

	for (size_t i = 0; i < f.cap; i++)
		if (f.sum[i].key)
			f.sum[k++] = f.sum[i];
	if (k)
		qsort(f.sum, k, sizeof(*f.sum), by_key);
	if (!ret)
		ret = put_sums(&f);
	if (!ret)
		ret = count_events(c, n);
	if (!ret) {
		convert_lost_events(c, n);
		convert_say(c, "when things happened is not carried, only how long they took;"
			    " idle times are left out");
	}
	free(f.sum);
	return ret;
}
