/*
 * gillog_binary.c - what gilscope record writes: docs/gillog-binary.md
 *
 * The blocks of an epoch are gathered, and their events merged by time: at any moment one block per
 * thread is decoded.  Mixed blocks need none of that.  On a 2.7, whose events tell the checks and
 * the countdown, the log may be read on the clock of ticks instead; then an event's order is still
 * that of the nanoseconds.
 */
#include "formats.h"

#include <stdlib.h>
#include <string.h>

#include "gillog.h"

#define AT_ONCE 8192		/* records appended by one call of read */
#define NONE UINT32_MAX
#define MANY_STREAMS 1024	/* see lose_mixed() */

/* A thread of the log. */
struct stream {
	uint32_t number;		/* of the trace */
	uint32_t first, last;		/* its blocks that wait, in epoch.block[]; NONE: no more */
	struct gillog_arrays decoded;	/* its decoded block; owned */
	size_t at, n;
	bool known;			/* it had events of mixed blocks since any were lost */
};

struct epoch_block { struct gillog_block block; uint32_t next; };

struct binary {
	struct gillog *log;
	struct gillog_decoder *decoder;
	uint32_t *process, n_processes;	/* the log's numbers -> the trace's */
	bool told;
	struct stream *stream;
	uint32_t n_streams;
	uint32_t *lock, *func;		/* the log's numbers -> the trace's */
	uint32_t n_locks, n_funcs;
	uint32_t cap_processes, cap_streams, cap_locks, cap_funcs;
	struct epoch_block *block;
	uint32_t n_blocks, cap_blocks;
	/*
	 * Streams with a decoded block, by their next event's time; while an epoch is read, those
	 * with a block in it.
	 */
	uint32_t *heap;
	uint32_t n_heap, cap_heap;
	bool last_epoch;
	bool in_mixed;			/* the decoder reads a mixed block, of which: */
	uint64_t mixed_time, mixed_last;	/* the newest event's time, the last one's */
	uint32_t mixed_left;		/* events still to come */
	uint64_t changes;		/* of the names that were taken last */
	/* --clock ticks */
	uint64_t interval, refused, ticks;	/* refused: an interval that was told too late */
	const uint8_t *rest;		/* of the source's piece */
	size_t n_rest;
};

static int read_bytes(void *ctx, void *data, size_t n, size_t *got, struct err *err)
{
	struct log *l = ctx;
	struct binary *b = l->state;

	(void)err;		/* it is l->err */
	for (*got = 0; *got < n;) {
		size_t take;

		if (!b->n_rest && log_piece(l, &b->rest, &b->n_rest))
			return -1;
		if (!b->n_rest)
			break;
		take = b->n_rest < n - *got ? b->n_rest : n - *got;
		memcpy((uint8_t *)data + *got, b->rest, take);
		b->rest += take;
		b->n_rest -= take;
		*got += take;
	}
	return 0;
}

static bool binary_recognise(const uint8_t *head, size_t n)
{
	return gillog_is(head, n);
}

static int binary_open(struct log *l)
{
	struct binary *b = calloc(1, sizeof(*b));

	if (!b)
		return err_memory(l->err, "a log");
	l->state = b;
	b->decoder = gillog_decoder_new(l->err);
	if (!b->decoder)
		return -1;
	if (gillog_open(&b->log, read_bytes, l, l->err))
		return err_prefix(l->err, l->path);
	if (gillog_info(b->log)->clock == GILLOG_TICKS)
		l->want_ticks = false;		/* it has no other clock */
	l->clock = gillog_info(b->log)->clock == GILLOG_TICKS || l->want_ticks ? CLOCK_TICKS
									       : CLOCK_NS;
	return 0;
}

static void binary_close(struct log *l)
{
	struct binary *b = l->state;

	if (!b)
		return;
	for (uint32_t i = 0; i < b->n_streams; i++)
		gillog_arrays_release(&b->stream[i].decoded);
	for (uint32_t i = 0; i < b->n_blocks; i++)
		gillog_block_release(&b->block[i].block);
	gillog_close(b->log);
	gillog_decoder_free(b->decoder);
	free(b->stream);
	free(b->process);
	free(b->lock);
	free(b->func);
	free(b->block);
	free(b->heap);
	free(b);
}

/* --- names ------------------------------------------------------------------------------------ */

/*
 * Names that are new are taken at each mark, for events may use them.  What was said anew of older
 * ones is taken once, when the log is over: there may be as many marks as names.
 */
static uint32_t first_to_take(const struct binary *b, uint32_t n_taken)
{
	return b->last_epoch ? 0 : n_taken;
}

/* Room for n elements. */
static void *grow(void *array, uint32_t *cap, uint32_t n, size_t size)
{
	uint32_t more = 2 * n + 16;
	void *p;

	if (n <= *cap && array)
		return array;
	p = realloc(array, more * size);
	if (p)
		*cap = more;
	return p;
}

static enum waits waits_of(enum gillog_waits w)
{
	return w == GILLOG_WAITS_BUSY ? WAITS_BUSY : w == GILLOG_WAITS_ENTRY ? WAITS_ENTRY :
									       WAITS_UNKNOWN;
}

static int take_processes(struct log *l, const struct gillog_info *info)
{
	struct binary *b = l->state;
	uint32_t *p = grow(b->process, &b->cap_processes, info->n_processes, sizeof(*p));

	if (!p)
		return err_memory(l->err, "processes");
	b->process = p;
	for (uint32_t i = first_to_take(b, b->n_processes); i < info->n_processes; i++) {
		const struct gillog_process *g = &info->processes[i];
		struct name_process *n;

		if (i >= b->n_processes) {
			if (names_add_process(l->names, l->number, -1, &p[i], l->err))
				return -1;
			b->n_processes = i + 1;
		}
		n = &l->names->process[p[i]];
		n->pid = g->pid;
		n->ppid = g->ppid;
		if (!log_begun(l))
			n->waits = waits_of(g->waits);
		if (*g->name && names_set(l->names, &n->name, g->name, strlen(g->name), l->err))
			return -1;
	}
	return 0;
}

/*
 * The system gives a thread's id again: then it is told by how often, as "7#2".  Which number is
 * free is found by doubling and halving, for there may be as many as threads.
 */
static int new_thread(struct log *l, uint32_t process, const char *id, uint32_t *number)
{
	char again[300];
	uint32_t other, taken = 1, k = 1;

	if (!names_known(l->names, NAME_THREAD, process, id, strlen(id), &other))
		return names_find(l->names, NAME_THREAD, process, id, strlen(id), number, NULL,
				  l->err);
	do {
		taken = k;
		k *= 2;
		snprintf(again, sizeof(again), "%.240s#%u", id, k);
	} while (names_known(l->names, NAME_THREAD, process, again, strlen(again), &other));
	while (k - taken > 1) {
		uint32_t mid = taken + (k - taken) / 2;

		snprintf(again, sizeof(again), "%.240s#%u", id, mid);
		if (names_known(l->names, NAME_THREAD, process, again, strlen(again), &other))
			taken = mid;
		else
			k = mid;
	}
	snprintf(again, sizeof(again), "%.240s#%u", id, k);
	return names_find(l->names, NAME_THREAD, process, again, strlen(again), number, NULL,
			  l->err);
}

static int take_threads(struct log *l, const struct gillog_info *info)
{
	struct binary *b = l->state;
	struct stream *s = grow(b->stream, &b->cap_streams, info->n_threads, sizeof(*s));

	if (!s)
		return err_memory(l->err, "threads");
	b->stream = s;
	for (uint32_t i = first_to_take(b, b->n_streams); i < info->n_threads; i++) {
		const struct gillog_thread *t = &info->threads[i];
		uint32_t process = b->process[t->process];

		if (i >= b->n_streams) {
			uint32_t number;

			if (new_thread(l, process, t->id, &number))
				return -1;
			s[i] = (struct stream){ .number = number, .first = NONE, .last = NONE };
			b->n_streams = i + 1;
		}
		if (*t->name && names_set(l->names, &l->names->thread[s[i].number].name, t->name,
					  strlen(t->name), l->err))
			return -1;
	}
	return 0;
}

static int take_locks(struct log *l, const struct gillog_info *info)
{
	struct binary *b = l->state;
	uint32_t *p = grow(b->lock, &b->cap_locks, info->n_locks, sizeof(*p));

	if (!p)
		return err_memory(l->err, "locks");
	b->lock = p;
	for (uint32_t i = first_to_take(b, b->n_locks); i < info->n_locks; i++) {
		const struct gillog_lock *k = &info->locks[i];

		if (i >= b->n_locks) {
			if (names_find(l->names, NAME_LOCK, b->process[k->process], k->id,
				       strlen(k->id), &p[i], NULL, l->err))
				return -1;
			b->n_locks = i + 1;
			l->names->lock[p[i]].kind = k->park ? LOCK_PARK : LOCK_GIL;
		}
		if (names_set(l->names, &l->names->lock[p[i]].name, k->name, strlen(k->name),
			      l->err))
			return -1;
	}
	return 0;
}

static int take_funcs(struct log *l, const struct gillog_info *info)
{
	struct binary *b = l->state;
	uint32_t *p = grow(b->func, &b->cap_funcs, info->n_funcs, sizeof(*p));

	if (!p)
		return err_memory(l->err, "functions");
	b->func = p;
	for (; b->n_funcs < info->n_funcs; b->n_funcs++) {
		const struct gillog_func *f = &info->funcs[b->n_funcs];

		if (names_func(l->names, f->name, strlen(f->name), f->file, strlen(f->file),
			       f->line, &p[b->n_funcs], l->err))
			return -1;
	}
	return 0;
}

/* Ticks per check; 0: not told. */
static int set_interval(struct log *l, uint64_t interval)
{
	struct binary *b = l->state;

	if (interval > CHECK_INTERVAL_MAX)
		return err_set(l->err, ERR_FORMAT,
			       "%s: its names tell of a check interval of more than %d ticks",
			       l->path, CHECK_INTERVAL_MAX);
	if (!interval || interval == b->refused || interval == l->check_interval)
		return 0;
	if (l->clock == CLOCK_TICKS && log_begun(l)) {
		b->refused = interval;
		return log_bad(l, "a check interval behind the first event");
	}
	b->interval = l->check_interval = interval;
	return 0;
}

/* Facts of several logs: the first log's stand for all. */
static int take_facts(struct log *l, const struct gillog_info *info)
{
	const struct binary *b = l->state;

	for (uint32_t i = 0; i < info->n_facts; i++) {
		const struct gillog_fact *f = &info->facts[i];
		uint64_t interval;

		if (l->number == 0 && b->last_epoch &&
		    names_fact(l->names, f->key, strlen(f->key), f->value,
						 strlen(f->value), l->err))
			return -1;
		if (!strcmp(f->key, "check interval") &&
		    parse_u64(f->value, f->value + strlen(f->value), &interval) &&
		    set_interval(l, interval))
			return -1;
	}
	return 0;
}

/* What an earlier conversion has told; once. */
static int take_told(struct log *l, const struct gillog_told *t, const char *title)
{
	struct binary *b = l->state;

	if (set_interval(l, t->check_interval))
		return -1;
	if (b->told)
		return 0;
	b->told = true;
	if (t->waits != GILLOG_WAITS_UNKNOWN)
		l->waits = waits_of(t->waits);
	l->skipped = count_add(l->skipped, t->skipped);
	l->names->lost_events = count_add(l->names->lost_events, t->lost);
	l->truncated |= t->truncated;
	return *title ? names_set(NULL, &l->names->title, title, strlen(title), l->err) : 0;
}

/* What the log has named so far. */
static int take_names(struct log *l)
{
	struct binary *b = l->state;
	const struct gillog_info *info = gillog_info(b->log);

	if (b->n_processes && b->changes == info->changes && !b->last_epoch)
		return 0;
	b->changes = info->changes;
	if (take_processes(l, info))
		return -1;
	return take_threads(l, info) || take_locks(l, info) || take_funcs(l, info) ||
			       take_facts(l, info) || take_told(l, &info->told, info->title)
		       ? -1
		       : 0;
}

/* --- the merge of an epoch -------------------------------------------------------------------- */

static uint64_t next_time(const struct binary *b, uint32_t stream)
{
	return b->stream[stream].decoded.event[b->stream[stream].at].time;
}

static bool before(const struct binary *b, uint32_t x, uint32_t y)
{
	uint64_t tx = next_time(b, x), ty = next_time(b, y);

	return tx < ty || (tx == ty && x < y);
}

static void sift_down(struct binary *b, uint32_t i)
{
	for (;;) {
		uint32_t least = i, left = 2 * i + 1, swap;

		for (uint32_t c = left; c < left + 2 && c < b->n_heap; c++)
			if (before(b, b->heap[c], b->heap[least]))
				least = c;
		if (least == i)
			return;
		swap = b->heap[i];
		b->heap[i] = b->heap[least];
		b->heap[least] = swap;
		i = least;
	}
}

/* So many events of a thread are lost between these times. */
static int lose_events(struct log *l, uint32_t stream, uint64_t first, uint64_t last, uint32_t n)
{
	const struct binary *b = l->state;
	uint64_t since = last - first;

	return log_gap(l, last, since, b->stream[stream].number) ||
	       log_attr(l, ATTR_COUNT, n) ||
	       log_attr(l, ATTR_SINCE, since > INT64_MAX ? INT64_MAX : (int64_t)since) ||
	       log_add(l, last, b->stream[stream].number, 0, EV_LOST, 2) ? -1 : 0;
}

/* Tells of a block that cannot be read; its events are lost. */
static int lose_block(struct log *l, const struct gillog_block *block, const char *why)
{
	const struct binary *b = l->state;

	if (log_bad(l, "%s", why))
		return -1;
	if (block->thread < b->n_streams)
		return lose_events(l, block->thread, block->first, block->last, block->n_events);
	l->names->lost_events = count_add(l->names->lost_events, block->n_events);
	return 0;
}

/*
 * Likewise the last n events of a mixed block, from a time on.  Nobody knows whose they are: each
 * thread that had events since the last such block has a gap, if there are not too many threads.
 */
static int lose_mixed(struct log *l, uint64_t first, uint64_t last, uint32_t n, const char *why)
{
	struct binary *b = l->state;

	if (log_bad(l, "%s", why))
		return -1;
	l->names->lost_events = count_add(l->names->lost_events, n);
	for (uint32_t i = 0; i < b->n_streams && b->n_streams <= MANY_STREAMS; i++) {
		if (b->stream[i].known && lose_events(l, i, first, last, 0))
			return -1;
		b->stream[i].known = false;
	}
	return 0;
}

/* Decodes a stream's next block into its own memory.  1: there is none. */
static int next_block(struct log *l, uint32_t i)
{
	struct binary *b = l->state;
	struct stream *s = &b->stream[i];

	s->at = s->n = 0;
	while (s->first != NONE) {
		struct epoch_block *e = &b->block[s->first];
		const struct gillog_event *event;
		const struct gillog_attr *attr;
		int ret;

		s->first = e->next;
		if (gillog_decode(b->decoder, &e->block, &event, &attr, l->err)) {
			if (l->err->code == ERR_MEMORY)
				return -1;
			ret = lose_block(l, &e->block, l->err->msg);
			gillog_block_release(&e->block);
			if (ret)
				return -1;
			continue;
		}
		s->n = e->block.n_events;
		gillog_block_release(&e->block);
		gillog_decoder_swap(b->decoder, &s->decoded);
		return 0;
	}
	gillog_arrays_release(&s->decoded);
	return 1;
}

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

/* The heap holds the streams that have blocks in this epoch, few of all there may be. */
static int start_merge(struct log *l)
{
	struct binary *b = l->state;
	uint32_t n = b->n_heap;

	/* In their order, so that what is told of damaged blocks is. */
	if (n)
		qsort(b->heap, n, sizeof(*b->heap), by_number);
	b->n_heap = 0;
	for (uint32_t i = 0; i < n; i++) {
		int ret = next_block(l, b->heap[i]);

		if (ret < 0)
			return -1;
		if (!ret)
			b->heap[b->n_heap++] = b->heap[i];
	}
	for (uint32_t i = b->n_heap / 2; i--;)
		sift_down(b, i);
	return 0;
}

static int add_block(struct log *l, struct gillog_block *block)
{
	struct binary *b = l->state;
	struct stream *s;

	if (b->n_blocks == b->cap_blocks) {
		uint32_t cap = b->cap_blocks ? 2 * b->cap_blocks : 64;
		struct epoch_block *p = realloc(b->block, cap * sizeof(*p));

		if (!p) {
			gillog_block_release(block);
			return err_memory(l->err, "blocks of events");
		}
		b->block = p;
		b->cap_blocks = cap;
	}
	b->block[b->n_blocks] = (struct epoch_block){ *block, NONE };
	if (block->thread >= b->n_streams && take_names(l)) {
		gillog_block_release(block);
		return -1;
	}
	s = &b->stream[block->thread];
	if (s->first == NONE) {
		uint32_t *heap = grow(b->heap, &b->cap_heap, b->n_heap + 1, sizeof(*heap));

		if (!heap) {
			gillog_block_release(block);
			return err_memory(l->err, "threads");
		}
		b->heap = heap;
		b->heap[b->n_heap++] = block->thread;
		s->first = b->n_blocks;
	} else {
		b->block[s->last].next = b->n_blocks;
	}
	s->last = b->n_blocks++;
	return 0;
}

/* Whether it has them, where they are asked for. */
static int check_ticks(struct log *l)
{
	const struct binary *b = l->state;

	if (!l->want_ticks || b->interval)
		return 0;
	return err_set(l->err, ERR_FORMAT,
		       "%s: it has no ticks, which are of a recorded Python 2.7", l->path);
}

static int begin_mixed(struct log *l, struct gillog_block *block)
{
	struct binary *b = l->state;
	int ret = take_names(l) || check_ticks(l) ? -1 : 0;

	if (!ret && gillog_mixed_open(b->decoder, block, l->err))
		ret = l->err->code == ERR_MEMORY ? -1 :
		      lose_mixed(l, block->first, block->last, block->n_events, l->err->msg);
	else
		b->in_mixed = !ret;
	b->mixed_time = block->first;
	b->mixed_last = block->last;
	b->mixed_left = block->n_events;
	gillog_block_release(block);
	return ret;
}

/* Reads up to the next mark, or mixed block. */
static int read_epoch(struct log *l)
{
	struct binary *b = l->state;
	struct gillog_block block = { 0 };
	uint64_t mark;

	b->n_blocks = 0;
	for (;;) {
		switch (gillog_next(b->log, &block, &mark, l->err)) {
		case GILLOG_ERROR:
			return err_prefix(l->err, l->path);
		case GILLOG_BLOCK:
			if (block.mixed)
				return begin_mixed(l, &block);
			if (add_block(l, &block))
				return -1;
			break;
		case GILLOG_DAMAGED:
			if (take_names(l) ||
			    (block.mixed ? lose_mixed(l, block.first, block.last, block.n_events,
						      l->err->msg)
					 : lose_block(l, &block, l->err->msg)))
				return -1;
			break;
		case GILLOG_CUT:
			if (log_cut(l, l->err->msg))
				return -1;
			/* fall through */
		case GILLOG_DONE:
			b->last_epoch = true;
			/* fall through */
		case GILLOG_MARK:
			if (take_names(l))
				return -1;
			return check_ticks(l) ? -1 : start_merge(l);
		}
	}
}

/* The attributes of an event, in the trace's numbers and in order. */
static int add_attrs(struct log *l, const struct gillog_attr *a, unsigned n, unsigned *added)
{
	const struct binary *b = l->state;
	int64_t value[N_GL_ATTRS];
	unsigned mask = 0;

	/* A 2.7's events have these two, and nothing else as a rule. */
	if (n == 2 && a[0].id == GL_ATTR_CHECKS && a[1].id == GL_ATTR_COUNTDOWN && !l->want_ticks) {
		*added = 2;
		return log_attr(l, ATTR_CHECKS, a[0].value) ||
				       log_attr(l, ATTR_COUNTDOWN, a[1].value)
			       ? -1
			       : 0;
	}
	for (unsigned i = 0; i < n; i++) {
		int64_t v = a[i].value;

		if (a[i].id == GL_ATTR_TARGET)
			v = v >= 0 && v < b->n_streams ? (int64_t)b->stream[v].number : -1;
		if (a[i].id == GL_ATTR_FUNC)
			v = v >= 0 && v < b->n_funcs ? (int64_t)b->func[v] : -1;
		if (l->want_ticks && (a[i].id == GL_ATTR_CHECKS || a[i].id == GL_ATTR_COUNTDOWN))
			continue;
		if (v < 0 && (a[i].id == GL_ATTR_TARGET || a[i].id == GL_ATTR_FUNC))
			continue;
		value[a[i].id] = v;
		mask |= 1u << a[i].id;
	}
	for (*added = 0; mask; mask &= mask - 1, (*added)++) {
		unsigned id = (unsigned)__builtin_ctz(mask);

		if (log_attr(l, id, value[id]))
			return -1;
	}
	return 0;
}

/* The position in ticks, which never goes back: the order is that of the nanoseconds. */
static uint64_t ticks_of(struct log *l, const struct gillog_attr *a, unsigned n)
{
	struct binary *b = l->state;
	int64_t checks = -1, countdown = 0;
	uint64_t interval = b->interval ? b->interval : 100, at;

	for (unsigned i = 0; i < n; i++) {
		if (a[i].id == GL_ATTR_CHECKS)
			checks = a[i].value;
		if (a[i].id == GL_ATTR_COUNTDOWN)
			countdown = a[i].value;
	}
	if (checks < 0 || (uint64_t)checks > MAX_TIME / 2 / interval)
		return b->ticks;
	/* The counter stands a little below 0 while its check is about to be made. */
	if (countdown < 1)
		countdown = 1;
	if (countdown > (int64_t)interval)
		countdown = (int64_t)interval;
	at = (uint64_t)checks * interval + interval - (uint64_t)countdown;
	if (at > b->ticks)
		b->ticks = at;
	return b->ticks;
}

static bool has_lane(unsigned kind)
{
	return (kind >= GL_ENTRY && kind <= GL_SWITCH_DONE) || kind == GL_WOKEN;
}

/* A thread has such an event. */
static int see_lane(struct log *l, uint32_t number)
{
	return l->names->thread[number].is_lane ? 0 : names_lane(l->names, number, l->err);
}

static uint16_t lock_of(const struct binary *b, uint16_t lock)
{
	return (uint16_t)(lock < b->n_locks ? b->lock[lock] : 0);
}

static int add_event(struct log *l, const struct stream *s, const struct gillog_event *e,
		     const struct gillog_attr *a)
{
	struct binary *b = l->state;
	uint64_t time = e->time;
	uint64_t since = 0;
	unsigned n = 0;

	if (l->want_ticks)
		time = ticks_of(l, a, e->n_attrs);
	if (time > MAX_TIME)
		return log_bad(l, "an event at a time above 2^63");
	if (e->kind == GL_LOST) {
		for (unsigned i = 0; i < e->n_attrs; i++)
			if (a[i].id == GL_ATTR_SINCE && a[i].value > 0)
				since = (uint64_t)a[i].value;
		if (log_gap(l, time, l->want_ticks ? 0 : since, s->number))
			return -1;
	}
	if ((e->n_attrs && add_attrs(l, a, e->n_attrs, &n)) ||
	    (has_lane(e->kind) && see_lane(l, s->number)))
		return -1;
	return log_add(l, time, s->number, lock_of(b, e->lock), e->kind, n);
}

/*
 * Adds events of the first stream in the heap, at most so many, while they come before all others'.
 */
static int add_run(struct log *l, unsigned most)
{
	struct binary *b = l->state;
	uint32_t stream = b->heap[0];
	struct stream *s = &b->stream[stream];
	uint64_t until = UINT64_MAX;

	for (uint32_t i = 1; i < 3 && i < b->n_heap; i++) {
		uint64_t t = next_time(b, b->heap[i]);

		/* Of equal times the stream of the lower number comes first. */
		t = t && b->heap[i] < stream ? t - 1 : t;
		until = t < until ? t : until;
	}
	for (unsigned n = 0; n < most; n++) {
		int ret;

		const struct gillog_event *e = &s->decoded.event[s->at];

		if (n && e->time > until)
			break;
		if (add_event(l, s, e, e->n_attrs ? s->decoded.attr + e->attr : NULL))
			return -1;
		if (++s->at < s->n)
			continue;
		ret = next_block(l, stream);
		if (ret < 0)
			return -1;
		if (ret)
			b->heap[0] = b->heap[--b->n_heap];
		break;
	}
	sift_down(b, 0);
	return 0;
}

/* --- mixed blocks ----------------------------------------------------------------------------- */

/* Pairs one by one: events of other logs may come in between, or the clock is another one. */
static int spread_pairs(struct log *l, const struct gillog_row *row)
{
	const struct binary *b = l->state;
	struct gillog_event e = { .time = row->time, .lock = row->lock };

	for (uint32_t i = 0; i < row->count; i++, e.time += row->step)
		for (unsigned k = 0; k < 2; k++) {
			e.kind = k ? GL_ACQUIRE : GL_RELEASE;
			if (add_event(l, &b->stream[row->thread], &e, NULL))
				return -1;
		}
	return 0;
}

static int add_pairs(struct log *l, const struct gillog_row *row)
{
	struct binary *b = l->state;
	const struct stream *s = &b->stream[row->thread];

	b->mixed_time += (uint64_t)row->step * (row->count - 1);
	b->mixed_left -= 2 * row->count;
	if (!l->want_pairs || l->want_ticks || row->time < l->last || b->mixed_time > MAX_TIME)
		return spread_pairs(l, row);
	if (see_lane(l, s->number))
		return -1;
	return log_add_pairs(l, row->time, s->number, lock_of(b, row->lock), row->step, row->count);
}

static int add_row(struct log *l, const struct gillog_row *row, const struct gillog_attr *attrs)
{
	struct binary *b = l->state;
	struct stream *s = &b->stream[row->thread];
	struct gillog_event e = {
		.time = row->time, .lock = row->lock, .kind = row->kind, .n_attrs = row->n_attrs,
	};

	s->known = true;
	b->mixed_time = row->time;
	if (row->kind == GL_PAIRS)
		return add_pairs(l, row);
	b->mixed_left--;
	return add_event(l, s, &e, attrs + row->attr);
}

/* The next rows of the mixed block. */
static int read_mixed(struct log *l)
{
	struct binary *b = l->state;
	const struct gillog_row *row;
	const struct gillog_attr *attrs;
	int n = gillog_mixed_read(b->decoder, &row, &attrs, l->err);

	b->in_mixed = n > 0;
	if (n < 0)
		return lose_mixed(l, b->mixed_time, b->mixed_last, b->mixed_left, l->err->msg);
	for (int i = 0; i < n; i++)
		if (add_row(l, &row[i], attrs))
			return -1;
	return 0;
}

static int binary_read(struct log *l)
{
	struct binary *b = l->state;

	if (b->in_mixed)
		return read_mixed(l);
	if (!b->n_heap) {
		if (b->last_epoch) {
			l->eof = true;
			return 0;
		}
		if (read_epoch(l))
			return -1;
	}
	for (uint64_t before = l->n_added; b->n_heap && l->n_added - before < AT_ONCE;)
		if (add_run(l, AT_ONCE))
			return -1;
	return 0;
}

const struct format format_gillog_binary = {
	.name = "gillog-binary",
	.recognise = binary_recognise,
	.open = binary_open,
	.read = binary_read,
	.close = binary_close,
};
