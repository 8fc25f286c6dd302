/* log.c - see log.h */
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define TOLD 10		/* bad lines that are told one by one */

const char *parse_u64(const char *s, const char *end, uint64_t *v)
{
	const char *p = s;
	uint64_t r = 0;

	for (; p < end && (unsigned char)(*p - '0') < 10; p++) {
		if (r > (UINT64_MAX - 9) / 10)
			return NULL;
		r = 10 * r + (unsigned)(*p - '0');
	}
	*v = r;
	return p == s ? NULL : p;
}

static const char *shown_path(const struct log *l)
{
	return strcmp(l->path, "-") ? l->path : "standard input";
}

static void tell(const struct log *l, const char *what)
{
	struct buf b = BUF_INIT;

	if (!l->report->out)
		return;
	utf8_show(&b, what, strlen(what));
	buf_add(&b, "", 1);
	if (!buf_failed(&b))
		fprintf(l->report->out, "%s: %s\n", l->report->prefix, (char *)b.data);
	buf_release(&b);
}

int log_bad(struct log *l, const char *fmt, ...)
{
	struct err e = { .code = ERR_FORMAT };
	char where[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.msg, sizeof(e.msg), fmt, ap);
	va_end(ap);
	if (l->line)
		snprintf(where, sizeof(where), "%.250s:%" PRIu64, shown_path(l), l->line);
	else
		snprintf(where, sizeof(where), "%.250s", shown_path(l));
	err_prefix(&e, where);
	l->skipped++;
	if (l->report->strict) {
		*l->err = e;
		return -1;
	}
	if (l->report->told < TOLD)
		tell(l, e.msg);
	else if (l->report->told == TOLD)
		tell(l, "... more lines like these are only counted");
	l->report->told++;
	return 0;
}

int log_bad_long(struct log *l)
{
	return log_bad(l, "a line of more than %u bytes", MAX_LINE);
}

void log_note(struct log *l, const char *fmt, ...)
{
	struct err e = { .code = ERR_NONE };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e.msg, sizeof(e.msg), fmt, ap);
	va_end(ap);
	err_prefix(&e, shown_path(l));
	tell(l, e.msg);
}

int log_bad_err(struct log *l)
{
	struct err e = *l->err;

	return e.code == ERR_MEMORY ? -1 : log_bad(l, "%s", e.msg);
}

int log_cut(struct log *l, const char *why)
{
	struct err e = { .code = ERR_FORMAT };
	size_t n = strlen(shown_path(l));

	snprintf(e.msg, sizeof(e.msg), "%.480s", why);
	/* The source's sentences begin with it. */
	if (strncmp(why, shown_path(l), n) || why[n] != ':')
		err_prefix(&e, shown_path(l));
	l->truncated = true;
	if (l->report->strict) {
		*l->err = e;
		return -1;
	}
	tell(l, e.msg);
	return 0;
}

/* What last was when this event had been added; 0 for a number less than 0, that is wrapped. */
static uint64_t last_at(const struct log *l, uint64_t event)
{
	uint64_t lo = l->n_floors < ORDER_WINDOW ? 0 : l->n_floors - ORDER_WINDOW, hi = l->n_floors;
	const struct floor *f = &l->floor[lo % ORDER_WINDOW];

	if (event >= l->n_added)
		return 0;
	while (hi - lo > 1 && f->event != event) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (l->floor[mid % ORDER_WINDOW].event <= event)
			lo = mid;
		else
			hi = mid;
		f = &l->floor[lo % ORDER_WINDOW];
	}
	return f->event == event ? f->last :
	       f->last + (event - f->event) / 2 * l->floor_step[lo % ORDER_WINDOW];
}

uint64_t log_floor(const struct log *l)
{
	return last_at(l, l->n_added - ORDER_WINDOW);
}

int log_late(struct log *l, uint64_t time)
{
	return log_bad(l,
		       "its time is %" PRIu64 " before that of an event at least %u events earlier",
		       log_floor(l) - time, ORDER_WINDOW)
		       ? -1
		       : 1;
}

int log_gap(struct log *l, uint64_t time, uint64_t since, uint32_t thread)
{
	uint64_t begin = since > time ? 0 : time - since, floor = log_floor(l);

	if (time < last_at(l, l->n_added + 1 - ORDER_WINDOW))
		return 0;	/* the LOST itself, which comes next, is too late */
	if (begin < floor)
		begin = floor;
	if (log_add(l, begin, thread, 0, EV_STATE, 0))
		return -1;
	l->rec[l->n - 1].step = begin < time;
	return 0;
}

/* --- records ---------------------------------------------------------------------------------- */

int log_grow(struct log *l, size_t n)
{
	size_t cap = l->cap ? 2 * l->cap : 8192;
	struct record *p;

	while (cap - l->n < n)
		cap *= 2;
	p = realloc(l->rec, cap * sizeof(*p));
	if (!p)
		return err_memory(l->err, "events");
	l->rec = p;
	l->cap = cap;
	return 0;
}

int log_grow_attrs(struct log *l)
{
	size_t cap = l->cap_attrs ? 2 * l->cap_attrs : 8192;
	struct attr *p = realloc(l->attr, cap * sizeof(*p));

	if (!p)
		return err_memory(l->err, "attributes of events");
	l->attr = p;
	l->cap_attrs = cap;
	return 0;
}

/* Makes records of all pairs, so that others may come in between. */
static int spread_pairs(struct log *l)
{
	size_t n = l->head, left = 0;
	struct record *p;

	for (size_t i = l->head; i < l->n; i++)
		left += record_events(&l->rec[i]);
	p = malloc((l->head + left) * sizeof(*p));
	if (!p)
		return err_memory(l->err, "events to put in order");
	for (size_t i = l->head; i < l->n; i++) {
		struct record r = l->rec[i];

		if (r.kind != REC_PAIRS) {
			p[n++] = r;
			continue;
		}
		for (uint32_t k = 0; k < r.attr; k++, r.time += r.step) {
			p[n++] = record_plain(&r, EV_RELEASE);
			p[n++] = record_plain(&r, EV_ACQUIRE);
		}
	}
	free(l->rec);
	l->rec = p;
	l->n = l->cap = n;
	l->has_pairs = false;
	return 0;
}

/*
 * A gap begins behind what is known of the instant at which it does, as it comes in a log in order;
 * a gap of no length keeps its place before its EV_LOST.
 */
static inline bool is_last_of_instant(const struct record *r)
{
	return r->kind == EV_STATE && r->step;
}

static inline bool comes_before(const struct record *x, const struct record *y)
{
	return x->time < y->time ||
	       (x->time == y->time && is_last_of_instant(y) && !is_last_of_instant(x));
}

/*
 * A stable merge sort from short sorted runs upward; nearly sorted records cost nearly nothing
 * more.
 */
static int sort_records(struct log *l)
{
	struct record *rec, *a, *b, *swap;
	size_t n, cap;

	if (l->has_pairs && spread_pairs(l))
		return -1;
	n = l->n - l->head;
	cap = l->cap;
	rec = a = l->rec + l->head;
	if (l->cap_spare < cap) {
		b = realloc(l->spare, cap * sizeof(*b));
		if (!b)
			return err_memory(l->err, "events to put in order");
		l->spare = b;
		l->cap_spare = cap;
	}
	b = l->spare;
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t i = 0; i < n; i += 2 * width) {
			size_t mid = i + width < n ? i + width : n,
			       end = i + 2 * width < n ? i + 2 * width : n;
			size_t x = i, y = mid, k = i;

			if (mid == end || !comes_before(&a[mid], &a[mid - 1])) {
				memcpy(b + i, a + i, (end - i) * sizeof(*a));
				continue;
			}
			while (x < mid && y < end)
				b[k++] = comes_before(&a[y], &a[x]) ? a[y++] : a[x++];
			memcpy(b + k, a + x, (mid - x) * sizeof(*a));
			memcpy(b + k + (mid - x), a + y, (end - y) * sizeof(*a));
		}
		swap = a;
		a = b;
		b = swap;
	}
	if (a != rec)
		memcpy(rec, a, n * sizeof(*a));
	l->unsorted = false;
	return 0;
}

/* Moves what was not taken to the front. */
static void compact(struct log *l)
{
	size_t left = l->n - l->head, first = l->n_attrs;

	if (!l->n)
		return;
	memmove(l->rec, l->rec + l->head, left * sizeof(*l->rec));
	l->n = left;
	l->kept -= l->head < l->kept ? l->head : l->kept;
	l->moved |= l->head != 0;
	l->head = l->ready = 0;
	l->has_pairs &= left != 0;
	if (!l->n_attrs)
		return;
	for (size_t i = 0; i < left; i++)
		if (l->rec[i].n_attrs && l->rec[i].attr < first)
			first = l->rec[i].attr;
	memmove(l->attr, l->attr + first, (l->n_attrs - first) * sizeof(*l->attr));
	l->n_attrs -= first;
	for (size_t i = 0; i < left; i++)
		if (l->rec[i].n_attrs)
			l->rec[i].attr -= (uint32_t)first;
}

/* What the first events say: which threads are lanes, what begins a wait. */
static int read_prefix(struct log *l)
{
	uint64_t events = 0;

	while (!l->eof && l->n_added < PREFIX_EVENTS + ORDER_WINDOW)
		if (l->format->read(l))
			return -1;
	for (size_t i = 0; i < l->n && events < PREFIX_EVENTS; i++) {
		const struct record *r = &l->rec[i];

		events += r->kind == EV_STATE ? 0 : record_events(r);
		if (r->kind == EV_BUSY && l->waits == WAITS_UNKNOWN &&
		    names_waits(l->names, r->thread) == WAITS_UNKNOWN)
			l->waits = WAITS_BUSY;
		if (r->kind == REC_PAIRS || event_has_lock(r->kind))
			l->names->thread[r->thread].early_lane = true;
	}
	l->prefix_read = true;
	return 0;
}

/* Where the records begin that are kept: at least ORDER_WINDOW events, or l->head. */
static size_t kept_from(struct log *l)
{
	if (!l->has_pairs)
		return l->n - l->head <= ORDER_WINDOW ? l->head : l->n - ORDER_WINDOW;
	for (; l->kept < l->n; l->kept++) {
		uint64_t before = l->before_kept + record_events(&l->rec[l->kept]);

		if (l->n_added - before < ORDER_WINDOW)
			break;
		l->before_kept = before;
	}
	return l->kept;
}

int log_fill(struct log *l)
{
	/* What was taken is left where it is while there is not much of it. */
	if (l->head >= 4 * ORDER_WINDOW || l->head == l->n)
		compact(l);
	if (!l->prefix_read && read_prefix(l))
		return -1;
	while (!l->eof && kept_from(l) == l->head)
		if (l->format->read(l))
			return -1;
	if (l->unsorted && sort_records(l))
		return -1;
	l->ready = l->eof ? l->n : kept_from(l);
	return 0;
}

/* --- bytes and lines -------------------------------------------------------------------------- */

int log_piece(struct log *l, const uint8_t **data, size_t *len)
{
	if (!l->piece)
		return source_next(l->source, data, len, l->err);
	*data = l->piece;
	*len = l->piece_len;
	l->piece = NULL;	/* l->first, if it is that, stays until the log is closed */
	return 0;
}

int text_each(struct log *l, const char *p, const char *end,
	      int (*line)(struct log *l, const char *s, size_t n))
{
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)(nl - p);

		l->line++;
		if (n > MAX_LINE) {
			if (log_bad_long(l))
				return -1;
			p = nl + 1;
			continue;
		}
		if (n && p[n - 1] == '\r')
			n--;
		if (line(l, p, n))
			return -1;
		p = nl + 1;
	}
	return 0;
}

/* The line in l->carry is whole, with its newline. */
static int end_carry(struct log *l)
{
	int ret;

	if (l->skip_line) {
		l->line++;
		ret = log_bad_long(l);
	} else {
		const char *s = (const char *)l->carry.data;
		size_t n = l->carry.len;

		/* Bytes behind a line may be looked at, as in a piece. */
		if (!buf_reserve(&l->carry, SOURCE_PAD))
			return err_memory(l->err, "a line");
		s = (const char *)l->carry.data;
		memset(l->carry.data + n, 0, SOURCE_PAD);
		ret = l->format->lines(l, s, s + n);
	}
	l->skip_line = false;
	buf_clear(&l->carry);
	return ret;
}

/* Bytes of a line, the last of which may be its newline: that is one more. */
static int add_carry(struct log *l, const uint8_t *p, size_t n)
{
	if (l->skip_line || l->carry.len + n > MAX_LINE + 1) {
		l->skip_line = true;
		buf_clear(&l->carry);
		return 0;
	}
	buf_add(&l->carry, p, n);
	return buf_failed(&l->carry) ? err_memory(l->err, "a line") : 0;
}

static int text_end(struct log *l)
{
	struct err why = { 0 };

	l->eof = true;
	if (source_cut(l->source, &why))
		return log_cut(l, why.msg);
	if (!l->carry.len && !l->skip_line)
		return 0;
	return add_carry(l, (const uint8_t *)"\n", 1) || end_carry(l) ? -1 : 0;
}

int text_read(struct log *l)
{
	const uint8_t *p, *end, *last;
	size_t n;

	if (log_piece(l, &p, &n))
		return -1;
	if (!n)
		return text_end(l);
	end = p + n;
	last = memrchr(p, '\n', n);
	if (l->carry.len || l->skip_line) {
		const uint8_t *first = last ? memchr(p, '\n', n) : end - 1;

		if (add_carry(l, p, (size_t)(first + 1 - p)))
			return -1;
		if (!last)
			return 0;
		if (end_carry(l))
			return -1;
		p = first + 1;
	}
	if (last && p <= last && l->format->lines(l, (const char *)p, (const char *)last + 1))
		return -1;
	p = last ? last + 1 : p;
	return p < end ? add_carry(l, p, (size_t)(end - p)) : 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* A byte order mark before a text is no part of it; no binary format begins like one. */
static int skip_mark(struct log *l)
{
	if (l->piece_len < 3 || memcmp(l->piece, "\xef\xbb\xbf", 3))
		return 0;
	l->piece += 3;
	l->piece_len -= 3;
	return l->piece_len ? 0 : source_next(l->source, &l->piece, &l->piece_len, l->err);
}

/*
 * Which format it is.  A pipe gives its first bytes in small pieces, and what tells may come behind
 * a banner: while nobody knows the log, more of it is waited for, up to a piece of usual size.
 */
static int recognise(struct log *l)
{
	struct buf *b = &l->first;
	const uint8_t *p = l->piece;
	size_t n = l->piece_len;

	for (;;) {
		l->format = format_recognise(l->piece, l->piece_len < SOURCE_PIECE ? l->piece_len
										  : SOURCE_PIECE);
		if (l->format || l->piece_len >= SOURCE_PIECE)
			return 0;
		if (!b->len)
			buf_add(b, p, n);
		if (source_next(l->source, &p, &n, l->err))
			return -1;
		if (!n)
			return 0;
		buf_add(b, p, n);
		if (!buf_reserve(b, SOURCE_PAD))
			return err_memory(l->err, "a log's beginning");
		memset(b->data + b->len, 0, SOURCE_PAD);
		l->piece = b->data;
		l->piece_len = b->len;
	}
}

int log_open(struct log *l, const struct format *format, const struct source_options *o)
{
	if (source_open(&l->source, l->path, o, l->err) ||
	    source_next(l->source, &l->piece, &l->piece_len, l->err) || skip_mark(l))
		return -1;
	if (!l->piece_len) {
		struct err why = { 0 };

		if (source_cut(l->source, &why))
			return err_set(l->err, ERR_FORMAT, "%s", why.msg);
		return err_set(l->err, ERR_FORMAT, "%s: no event in it: it is empty",
			       shown_path(l));
	}
	l->long_window = o->long_window;
	l->format = format;
	if (!format && recognise(l))
		return -1;
	if (!l->format)
		return err_set(l->err, ERR_FORMAT,
			       "%s: no known format (--format NAME says which it is)",
			       shown_path(l));
	return l->format->open ? l->format->open(l) : 0;
}

void log_close(struct log *l)
{
	if (l->format && l->format->close)
		l->format->close(l);
	source_close(l->source);
	buf_release(&l->scratch);
	buf_release(&l->carry);
	buf_release(&l->first);
	free(l->rec);
	free(l->spare);
	free(l->attr);
}
