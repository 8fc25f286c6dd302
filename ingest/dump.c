/*
 * dump.c - see dump.h
 *
 * A line is put together from pieces that were made once (" 9989 ", "ACQUIRE", " lock=2") and from
 * numbers written by hand, two digits at a time; of a time only the last eight digits change from
 * line to line.
 */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "utf8.h"

/* --- names ------------------------------------------------------------------------------------ */

/* In quotes, with what is not plain visible text as \xHH. */
static void put_quoted(struct buf *b, const char *s)
{
	size_t n = strlen(s);

	buf_add(b, "\"", 1);
	while (n) {
		uint32_t cp;
		size_t used = utf8_decode(s, n, &cp);

		if (cp == '"' || cp == '\\')
			buf_printf(b, "\\%c", (int)cp);
		else if (cp == '\n')
			buf_str(b, "\\n");
		else if (cp == '\t')
			buf_str(b, "\\t");
		else if ((cp == 0xfffd && used == 1) || utf8_is_hidden(cp))
			for (size_t i = 0; i < used; i++)
				buf_printf(b, "\\x%02x", (uint8_t)s[i]);
		else
			buf_add(b, s, used);
		s += used;
		n -= used;
	}
	buf_add(b, "\"", 1);
}

/* Whether s can be taken for nothing but a word. */
static bool is_plain(const char *s)
{
	bool plain = *s && *s != '#';

	for (; *s && plain; s++)
		plain = *s > ' ' && *s < 0x7f && *s != '"' && *s != '=' && *s != '\\';
	return plain;
}

static void put_word(struct buf *b, const char *s)
{
	if (is_plain(s))
		buf_str(b, s);
	else
		put_quoted(b, s);
}

static void put_name(struct buf *b, const char *key, const char *s)
{
	if (!*s)
		return;
	buf_printf(b, " %s=", key);
	put_quoted(b, s);
}

/* A piece of a line: bytes of struct pieces.text. */
struct piece { size_t off; uint32_t len; };

/* What lines are put together from, made once. */
struct pieces {
	const struct timeline *tl;
	struct buf text;
	struct piece *thread;		/* "9989": threads, as word */
	struct piece *process;		/* " process=p1" where the word is not enough, else empty */
	struct piece *lock;		/* " lock=2" */
	uint16_t *first_lock;		/* per process: the lock that needs no word */
	uint32_t *by_number;		/* threads in the order of their numbers */
	size_t line;			/* bytes of the longest line */
};

static struct piece piece_end(const struct pieces *s, size_t off)
{
	return (struct piece){ off, (uint32_t)(s->text.len - off) };
}

static inline uint8_t *put_piece(uint8_t *p, const struct pieces *s, struct piece t)
{
	const uint8_t *from = s->text.data + t.off;

	/* Nearly all are short, and 16 bytes are one move: both sides have the room. */
	memcpy(p, from, 16);
	if (t.len > 16)
		memcpy(p + 16, from + 16, t.len - 16);
	return p + t.len;
}

struct named { const char *id; uint32_t process, thread; };

static int by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = strcmp(x->id, y->id);

	return c ? c : x->process < y->process ? -1 : x->process > y->process;
}

/* Threads whose word occurs in more than one process get its word behind theirs. */
static int find_clashes(struct pieces *s, struct err *err)
{
	uint32_t n = timeline_info(s->tl)->n_threads;
	struct named *v;

	if (timeline_info(s->tl)->n_processes < 2)
		return 0;
	v = malloc(((size_t)n + 1) * sizeof(*v));
	if (!v)
		return err_memory(err, "the threads' names");
	for (uint32_t i = 0; i < n; i++) {
		const struct timeline_thread *t = timeline_thread(s->tl, i);

		v[i] = (struct named){ t->id, t->process, i };
	}
	qsort(v, n, sizeof(*v), by_name);
	for (uint32_t i = 0, j; i < n; i = j) {
		for (j = i + 1; j < n && !strcmp(v[i].id, v[j].id); j++)
			;
		for (uint32_t k = i; v[i].process != v[j - 1].process && k < j; k++) {
			size_t off = s->text.len;

			buf_printf(&s->text, " process=p%u", v[k].process);
			s->process[v[k].thread] = piece_end(s, off);
		}
	}
	free(v);
	return 0;
}

static void pieces_release(struct pieces *s)
{
	buf_release(&s->text);
	free(s->thread);
	free(s->process);
	free(s->lock);
	free(s->first_lock);
	free(s->by_number);
}

static int pieces_init(struct pieces *s, const struct timeline *tl, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	static const uint8_t room[16];
	size_t longest = 0, off;

	*s = (struct pieces){ .tl = tl };
	s->thread = calloc((size_t)info->n_threads + 1, sizeof(*s->thread));
	s->process = calloc((size_t)info->n_threads + 1, sizeof(*s->process));
	s->lock = calloc((size_t)info->n_locks + 1, sizeof(*s->lock));
	s->first_lock = calloc((size_t)info->n_processes + 1, sizeof(*s->first_lock));
	if (!s->thread || !s->process || !s->lock || !s->first_lock)
		goto no_memory;
	s->by_number = dump_threads(tl, err);
	if (!s->by_number)
		goto fail;
	for (uint32_t i = 0; i < info->n_threads; i++) {
		off = s->text.len;
		put_word(&s->text, timeline_thread(tl, i)->id);
		s->thread[i] = piece_end(s, off);
		if (s->thread[i].len > longest)
			longest = s->thread[i].len;
	}
	s->line = 2 * longest;			/* a thread and a target */
	longest = 0;
	for (uint32_t i = info->n_locks; i--;) {
		off = s->text.len;
		buf_str(&s->text, " lock=");
		put_word(&s->text, timeline_lock(tl, i)->id);
		s->lock[i] = piece_end(s, off);
		s->first_lock[timeline_lock(tl, i)->process] = (uint16_t)i;
		if (s->lock[i].len > longest)
			longest = s->lock[i].len;
	}
	s->line += longest + 1024;		/* all numbers, keys and blanks of a line */
	if (find_clashes(s, err))
		goto fail;
	buf_add(&s->text, room, sizeof(room));	/* put_piece() reads beyond a piece's end */
	if (!buf_failed(&s->text))
		return 0;
no_memory:
	err_memory(err, "the threads' names");
fail:
	pieces_release(s);
	return -1;
}

/* Whether a line of this thread has to say which lock is meant. */
static inline bool names_lock(const struct pieces *s, uint32_t thread, uint16_t lock)
{
	return s->first_lock[timeline_thread(s->tl, thread)->process] != lock;
}

/* --- header lines ----------------------------------------------------------------------------- */

/* A title is a line's rest, or, where it could be taken for something else, a quoted string. */
static void put_title(struct buf *b, const char *title)
{
	size_t n = strlen(title);
	bool plain = n && *title != '"' && *title != ' ' && title[n - 1] != ' ';

	if (!n)
		return;
	for (size_t i = 0, used; plain && i < n; i += used) {
		uint32_t cp;

		used = utf8_decode(title + i, n - i, &cp);
		plain = !utf8_is_hidden(cp) && !(cp == 0xfffd && used == 1);
	}
	buf_str(b, "# title ");
	if (plain)
		buf_str(b, title);
	else
		put_quoted(b, title);
	buf_str(b, "\n");
}

static void put_facts(struct buf *b, const struct timeline *tl)
{
	for (uint32_t i = 0; i < timeline_info(tl)->n_facts; i++) {
		const struct timeline_fact *f = timeline_fact(tl, i);

		buf_str(b, "# fact ");
		put_word(b, f->key);
		buf_str(b, is_plain(f->key) ? "=" : " ");
		put_quoted(b, f->value);
		buf_str(b, "\n");
	}
}

/* waits NULL: not told. */
static void put_processes(struct buf *b, const struct timeline *tl, const struct dump_waits *waits)
{
	const struct timeline_info *info = timeline_info(tl);

	for (uint32_t i = 0; i < info->n_processes; i++) {
		const struct timeline_process *p = timeline_process(tl, i);

		if (info->n_processes == 1 && p->pid < 0 && p->ppid < 0 && !*p->name)
			return;
		buf_printf(b, "# process p%u", i);
		if (p->pid >= 0)
			buf_printf(b, " pid=%" PRId64, p->pid);
		if (p->ppid >= 0)
			buf_printf(b, " ppid=%" PRId64, p->ppid);
		put_name(b, "name", p->name);
		if (waits && waits->process[i] != DUMP_WAITS_NONE)
			buf_printf(b, " waits=%s", dump_waits_name(waits->process[i]));
		buf_str(b, "\n");
	}
}

/* Ingest finds the order of display again. */
static void put_threads(struct buf *b, const struct pieces *s)
{
	const struct timeline_info *info = timeline_info(s->tl);

	for (uint32_t k = 0; k < info->n_threads; k++) {
		uint32_t i = s->by_number[k];
		const struct timeline_thread *t = timeline_thread(s->tl, i);

		buf_str(b, "# thread ");
		buf_add(b, s->text.data + s->thread[i].off, s->thread[i].len);
		if (info->n_processes > 1)
			buf_printf(b, " process=p%u", t->process);
		put_name(b, "name", t->name);
		buf_str(b, "\n");
	}
}

/* A lock that nobody names is there without being said. */
static bool locks_are_plain(const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);
	const struct timeline_lock *l = timeline_lock(tl, 0);

	return info->n_processes == 1 && info->n_locks == 1 && !strcmp(l->id, "0") &&
	       !strcmp(l->name, "GIL") && l->kind == LOCK_GIL;
}

static void put_locks(struct buf *b, const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);

	if (locks_are_plain(tl))
		return;
	for (uint32_t i = 0; i < info->n_locks; i++) {
		const struct timeline_lock *l = timeline_lock(tl, i);

		buf_str(b, "# lock ");
		put_word(b, l->id);
		if (info->n_processes > 1)
			buf_printf(b, " process=p%u", l->process);
		put_name(b, "name", l->name);
		if (l->kind == LOCK_PARK)
			buf_str(b, " kind=park");
		buf_str(b, "\n");
	}
}

uint32_t *dump_threads(const struct timeline *tl, struct err *err)
{
	uint32_t n = timeline_info(tl)->n_threads, *p = calloc((size_t)n + 1, sizeof(*p));

	if (!p)
		err_memory(err, "the threads' names");
	for (uint32_t i = 0; p && i < n; i++)
		p[timeline_thread(tl, i)->number] = i;
	return p;
}

uint64_t dump_lost(const struct timeline *tl)
{
	const struct timeline_info *info = timeline_info(tl);
	uint64_t lost = info->lost_events;

	/* The sum may have been too large to be counted, and a file may claim anything. */
	for (uint32_t i = 0; i < info->n_threads; i++) {
		uint64_t n = timeline_thread(tl, i)->lost_events;

		lost -= n < lost ? n : lost;
	}
	return lost;
}

/* Everything but the first line. */
static void put_header(struct buf *b, const struct pieces *s, const struct dump_waits *waits)
{
	const struct timeline *tl = s->tl;
	const struct timeline_info *info = timeline_info(tl);
	uint64_t lost = dump_lost(tl);

	buf_printf(b, "# clock %s\n", info->clock == CLOCK_TICKS ? "ticks" : "ns");
	put_title(b, info->title);
	put_facts(b, tl);
	put_processes(b, tl, waits);
	put_threads(b, s);
	put_locks(b, tl);
	for (uint32_t i = 0; i < info->n_funcs; i++) {
		const struct timeline_func *f = timeline_func(tl, i);

		buf_printf(b, "# func %u", i);
		put_name(b, "name", f->name);
		put_name(b, "file", f->file);
		if (f->line)
			buf_printf(b, " line=%u", f->line);
		buf_str(b, "\n");
	}
	if (info->check_interval)
		buf_printf(b, "# check-interval %" PRIu64 "\n", info->check_interval);
	if (lost)
		buf_printf(b, "# lost-events %" PRIu64 "\n", lost);
	if (info->skipped_lines)
		buf_printf(b, "# skipped-lines %" PRIu64 "\n", info->skipped_lines);
	if (info->truncated)
		buf_str(b, "# truncated\n");
}

/* --- events ----------------------------------------------------------------------------------- */

struct event_dump {
	struct out out;
	struct pieces pieces;
	struct timeline_cursor *cursor;
	uint64_t origin;
	struct { char text[24]; uint32_t len; } kind[N_EVENT_KINDS], attr[N_ATTRS];
};

static void make_words(struct event_dump *d)
{
	for (unsigned i = 0; i < N_EVENT_KINDS; i++)
		if (event_kind_name(i))
			d->kind[i].len =
				(uint32_t)snprintf(d->kind[i].text, sizeof(d->kind[i].text), " %s",
						   event_kind_name(i));
	for (unsigned i = 0; i < N_ATTRS; i++)
		if (event_attr_name(i))
			d->attr[i].len =
				(uint32_t)snprintf(d->attr[i].text, sizeof(d->attr[i].text),
						   " %s=", event_attr_name(i));
}

static uint8_t *put_attr(const struct event_dump *d, uint8_t *p, unsigned id, int64_t value)
{
	memcpy(p, d->attr[id].text, 16);
	p += d->attr[id].len;
	if (id == ATTR_TARGET)
		return put_piece(p, &d->pieces, d->pieces.thread[value]);
	return put_i64(p, value);
}

static uint8_t *put_event(struct event_dump *d, uint8_t *p, const struct event *e)
{
	const struct pieces *s = &d->pieces;

	p = put_time(&d->out, p, d->origin + e->time);
	*p++ = ' ';
	p = put_piece(p, s, s->thread[e->thread]);
	memcpy(p, d->kind[e->kind].text, 16);
	p += d->kind[e->kind].len;
	if (s->process[e->thread].len)
		p = put_piece(p, s, s->process[e->thread]);
	if (event_has_lock(e->kind) && names_lock(s, e->thread, e->lock))
		p = put_piece(p, s, s->lock[e->lock]);
	return p;
}

static int print_event(void *ctx, const struct event *e, const struct attr *attrs)
{
	struct event_dump *d = ctx;
	uint8_t *p;

	if (e->kind == EV_STATE)		/* follows from the others */
		return 0;
	p = put_event(d, d->out.data + d->out.len, e);
	for (unsigned i = 0; i < e->n_attrs; i++)
		if (attrs[i].id != ATTR_SIGNAL)
			p = put_attr(d, p, attrs[i].id, attrs[i].value);
	return out_line(&d->out, p);
}

static int put_events(struct event_dump *d, const struct timeline *tl, struct dump_range range,
		      struct err *err)
{
	struct buf header = BUF_INIT;
	struct dump_waits waits;
	int ret;

	if (dump_waits_find(&waits, tl, d->cursor, err))
		return -1;
	buf_str(&header, "# gillog 1\n");
	put_header(&header, &d->pieces, &waits);
	if (waits.all != DUMP_WAITS_NONE)
		buf_printf(&header, "# waits %s\n", dump_waits_name(waits.all));
	dump_waits_release(&waits);
	ret = out_text(&d->out, &header);
	buf_release(&header);
	return ret ? ret : timeline_events(d->cursor, range.from, range.to, print_event, d, err);
}

int dump_events(struct timeline *tl, int fd, struct dump_range range, struct err *err)
{
	struct event_dump d = { .origin = timeline_info(tl)->origin };
	int ret = -1;

	make_words(&d);
	if (pieces_init(&d.pieces, tl, err))
		return -1;
	d.cursor = timeline_cursor_new(tl, err);
	if (d.cursor && !out_init(&d.out, fd, d.pieces.line, err))
		ret = out_finish(&d.out, put_events(&d, tl, range, err));
	timeline_cursor_free(d.cursor);
	pieces_release(&d.pieces);
	return ret;
}

/* --- periods ---------------------------------------------------------------------------------- */

struct period_dump {
	struct out out;
	struct pieces pieces;
	uint64_t origin;
};

static int print_period(void *ctx, const struct period *t)
{
	struct period_dump *d = ctx;
	const struct pieces *s = &d->pieces;
	uint8_t *p = d->out.data + d->out.len;
	const char *state = state_name(t->state);

	p = put_time(&d->out, p, d->origin + t->begin);
	*p++ = ' ';
	p = put_time(&d->out, p, d->origin + t->end);
	*p++ = ' ';
	p = put_piece(p, s, s->thread[t->thread]);
	*p++ = ' ';
	p = (uint8_t *)stpcpy((char *)p, state);
	if (s->process[t->thread].len)
		p = put_piece(p, s, s->process[t->thread]);
	if (names_lock(s, t->thread, t->lock))
		p = put_piece(p, s, s->lock[t->lock]);
	if (t->since != t->begin) {
		p = (uint8_t *)stpcpy((char *)p, " since=");
		p = put_time(&d->out, p, d->origin + t->since);
	}
	if (t->func >= 0) {
		p = (uint8_t *)stpcpy((char *)p, " func=");
		p = put_i64(p, t->func);
	}
	return out_line(&d->out, p);
}

static int put_periods(struct period_dump *d, struct timeline_cursor *c, struct dump_range range,
		       struct err *err)
{
	struct buf header = BUF_INIT;
	int ret;

	buf_str(&header, "# gilscope periods: BEGIN END THREAD STATE [key=value ...]\n");
	put_header(&header, &d->pieces, NULL);
	ret = out_text(&d->out, &header);
	buf_release(&header);
	return ret ? ret : timeline_periods(c, range.from, range.to, print_period, d, err);
}

int dump_periods(struct timeline *tl, int fd, struct dump_range range, struct err *err)
{
	struct period_dump d = { .origin = timeline_info(tl)->origin };
	struct timeline_cursor *c;
	int ret = -1;

	if (pieces_init(&d.pieces, tl, err))
		return -1;
	c = timeline_cursor_new(tl, err);
	if (c && !out_init(&d.out, fd, d.pieces.line, err))
		ret = out_finish(&d.out, put_periods(&d, c, range, err));
	timeline_cursor_free(c);
	pieces_release(&d.pieces);
	return ret;
}

/* --- bins ------------------------------------------------------------------------------------- */

/* of all lanes, read at once: 10 MB; fewer would read a block more often */
#define WINDOW_BINS (1u << 17)

/*
 * From coarse to fine: only what lies below a bin that holds something is looked at, so a long
 * silence costs nothing, at any level.
 */
struct bin_dump {
	struct out out;
	struct timeline_cursor *cursor;
	struct timeline_bin *bin;	/* n_lanes << bits of them */
	uint32_t n_lanes;
	unsigned level, bits;		/* a window is 2^bits bins of each lane */
	uint64_t first, end;		/* the bins that are asked for, [first, end) of the level */
};

static bool is_empty(const struct timeline_bin *b)
{
	return !(b->run | b->stall | b->wait | b->signal | b->max_wait) &&
	       !(b->acquires | b->releases | b->busy | b->retry | b->timeouts | b->switches |
		 b->lost);
}

static int print_bin(struct out *o, uint32_t lane, uint64_t number, const struct timeline_bin *b)
{
	const uint64_t v[] = { number,	    b->run,	 b->stall,    b->wait, b->signal,
			       b->max_wait, b->acquires, b->releases, b->busy, b->retry,
			       b->timeouts, b->switches, b->lost };
	uint8_t *p = put_u64(o->data + o->len, lane);

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		*p++ = ' ';
		p = put_u64(p, v[i]);
	}
	return out_line(o, p);
}

static int print_window(struct bin_dump *d, uint64_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t lane = 0; lane < d->n_lanes; lane++) {
			const struct timeline_bin *b = &d->bin[(size_t)lane * n + i];
			int ret = is_empty(b) ? 0 : print_bin(&d->out, lane, first + i, b);

			if (ret)
				return ret;
		}
	return 0;
}

/* The bins [first, first + n) of a level, n at most a window's. */
static int walk_bins(struct bin_dump *d, unsigned level, uint64_t first, uint32_t n)
{
	unsigned down = level - d->level < d->bits ? level - d->level : d->bits;
	uint64_t least = d->first >> (level - d->level),
		 end = ((d->end - 1) >> (level - d->level)) + 1;
	uint8_t *full;
	int ret = 0;

	if (first < least) {
		n -= least - first < n ? (uint32_t)(least - first) : n;
		first = least;
	}
	if (first >= end || !n)
		return 0;
	if (n > end - first)
		n = (uint32_t)(end - first);
	if (timeline_bins(d->cursor, level, first, n, 0, d->n_lanes, d->bin, d->out.err))
		return -1;
	if (level == d->level)
		return print_window(d, first, n);
	full = calloc(n, 1);		/* d->bin is used again below */
	if (!full)
		return err_memory(d->out.err, "bins");
	for (uint32_t lane = 0; lane < d->n_lanes; lane++)
		for (uint32_t i = 0; i < n; i++)
			full[i] |= !is_empty(&d->bin[(size_t)lane * n + i]);
	for (uint32_t i = 0; !ret && i < n; i++)
		if (full[i])
			ret = walk_bins(d, level - down, (first + i) << down, 1u << down);
	free(full);
	return ret;
}

static int put_bins(struct bin_dump *d, uint64_t end)
{
	unsigned level = d->level;
	struct buf header = BUF_INIT;
	int ret;

	buf_printf(&header,
		   "# bins of 2^%u: lane bin run stall wait signal max_wait acquires releases busy"
		   " retry timeouts switches lost\n",
		   d->level);
	ret = out_text(&d->out, &header);
	buf_release(&header);
	if (ret || !d->n_lanes || d->first >= d->end)
		return ret;
	while (end >> level >> d->bits)
		level++;
	return walk_bins(d, level, 0, 1u << d->bits);
}

int dump_bins(struct timeline *tl, int fd, unsigned level, struct dump_range range, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);
	struct bin_dump d = { .n_lanes = info->n_lanes, .level = level, .bits = 1 };
	int ret = -1;

	while (d.bits < 17 && (uint64_t)d.n_lanes << (d.bits + 1) <= WINDOW_BINS)
		d.bits++;
	d.first = range.from >> level;
	d.end = range.from < range.to ? ((range.to - 1) >> level) + 1 : 0;
	d.bin = malloc((((size_t)d.n_lanes << d.bits) + 1) * sizeof(*d.bin));
	if (!d.bin)
		return err_memory(err, "bins");
	d.cursor = timeline_cursor_new(tl, err);
	if (d.cursor && !out_init(&d.out, fd, 14 * 21 + 1, err))
		ret = out_finish(&d.out, put_bins(&d, info->end));
	timeline_cursor_free(d.cursor);
	free(d.bin);
	return ret;
}
