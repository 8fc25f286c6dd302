/*
 * beazley.c - the columns of David Beazley's talks: thread, countdown, checks, event
 *
 *	t2 100 5392 ENTRY
 *	t1 27 5393 BUSY
 *
 * There is no clock: the position is counted in ticks, checks * interval + interval - countdown.  Where the
 * two numbers follow from the position, as they nearly always do, they are not stored.
 */
#include "formats.h"

#include <stdlib.h>
#include <string.h>


struct beazley {
	uint64_t interval;
	uint32_t process;
	uint32_t lock;
	struct thread_cache cache;
};

static unsigned event_kind(const char *s, size_t n)
{
	switch (n) {
	case 4: return memcmp(s, "BUSY", 4) ? 0 : EV_BUSY;
	case 5: return !memcmp(s, "ENTRY", 5) ? EV_ENTRY : !memcmp(s, "RETRY", 5) ? EV_RETRY : 0;
	case 7: return !memcmp(s, "ACQUIRE", 7) ? EV_ACQUIRE : !memcmp(s, "RELEASE", 7) ? EV_RELEASE : 0;
	}
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

struct columns {
	const char *id;
	size_t id_len;
	uint64_t countdown, checks;
	unsigned kind;
};

/* Takes a line apart, however it is spaced.  NULL, or what is wrong with it. */
static const char *split(struct columns *c, const char *s, const char *end)
{
	const char *word[4], *last[4];
	unsigned n = 0;

	for (;;) {
		while (s < end && is_blank(*s))
			s++;
		if (s == end)
			break;
		if (n == 4)
			return "more than four columns";
		word[n] = s;
		while (s < end && !is_blank(*s))
			s++;
		last[n++] = s;
	}
	if (n != 4)
		return "not the four columns THREAD COUNTDOWN CHECKS EVENT";
	c->id = word[0];
	c->id_len = (size_t)(last[0] - word[0]);
	if (parse_u64(word[1], last[1], &c->countdown) != last[1])
		return "the countdown is no number";
	if (parse_u64(word[2], last[2], &c->checks) != last[2])
		return "the number of checks is no number";
	c->kind = event_kind(word[3], (size_t)(last[3] - word[3]));
	return c->kind ? NULL : "an unknown event";
}

static bool beazley_recognise(const uint8_t *head, size_t n)
{
	const char *s = (const char *)head, *end = s + n;

	while (s < end) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));
		struct columns c;

		if (!split(&c, s, nl ? nl : end))
			return true;
		if (!nl)
			break;
		s = nl + 1;
	}
	return false;
}

static int beazley_open(struct log *l)
{
	struct beazley *b = calloc(1, sizeof(*b));

	if (!b)
		return err_memory(l->err, "a log");
	l->state = b;
	l->clock = CLOCK_TICKS;
	b->interval = l->names->check_interval ? l->names->check_interval : 100;
	l->names->check_interval = b->interval;
	if (names_add_process(l->names, -1, &b->process, l->err) ||
	    names_find(l->names, NAME_LOCK, b->process, "0", 1, &b->lock, NULL, l->err))
		return -1;
	return names_set(&l->names->lock[b->lock].name, "GIL", 3, l->err);
}

static void beazley_close(struct log *l)
{
	free(l->state);
}

static int add(struct log *l, uint32_t thread, const struct columns *c)
{
	struct beazley *b = l->state;
	unsigned n_attrs = 0;

	if (c->checks > MAX_TIME / b->interval - 1)
		return log_bad(l, "more checks than a clock can count");
	if (c->countdown > c->checks * b->interval + b->interval)
		return log_bad(l, "a countdown of more ticks than there have been");
	if (c->countdown - 1 >= b->interval) {
		if (log_attr(l, ATTR_CHECKS, (int64_t)c->checks) ||
		    log_attr(l, ATTR_COUNTDOWN, (int64_t)c->countdown))
			return -1;
		n_attrs = 2;
	}
	return log_add(l, c->checks * b->interval + b->interval - c->countdown, thread,
		       (uint16_t)b->lock, c->kind, n_attrs);
}

static int beazley_line(struct log *l, const char *s, size_t n)
{
	const struct beazley *b = l->state;
	struct columns c;
	const char *wrong;
	uint32_t thread;

	while (n && is_blank(*s)) {
		s++;
		n--;
	}
	if (!n || *s == '#')
		return 0;
	wrong = split(&c, s, s + n);
	if (wrong)
		return log_bad(l, "%s", wrong);
	if (names_find(l->names, NAME_THREAD, b->process, c.id, c.id_len, &thread, NULL, l->err) ||
	    names_lane(l->names, thread, l->err))
		return log_bad_err(l);
	return add(l, thread, &c);
}

/* The number of a thread with a short id, from the cache or not. */
static int find_thread(struct log *l, const char *s, size_t n, uint64_t id, uint32_t *thread)
{
	struct beazley *b = l->state;

	if (thread_cache_find(&b->cache, id, thread))
		return 0;
	if (names_find(l->names, NAME_THREAD, b->process, s, n, thread, NULL, l->err) ||
	    names_lane(l->names, *thread, l->err))
		return -1;
	thread_cache_add(&b->cache, id, *thread);
	return 0;
}

/*
 * The usual line, with one blank between its columns and a short id; SOURCE_PAD bytes behind the last line
 * may be looked at.  Whatever is different goes the long way.
 */
static int beazley_lines(struct log *l, const char *p, const char *end)
{
	struct beazley *b = l->state;

	if (log_room(l, (size_t)(end - p) / 10 + 1))	/* the shortest line: "t 1 1 BUSY" and its newline */
		return -1;
	while (p < end) {
		const char *line = p, *s = p;
		uint64_t id = 0, countdown = 0, checks = 0, at;
		unsigned digit, kind, len;
		uint32_t thread;

		while ((unsigned char)*s > ' ' && s < p + 8) {
			id = id << 8 | (unsigned char)*s;
			s++;
		}
		if (*s != ' ' || s == p || *p == '#')
			goto slow;
		len = (unsigned)(s - p);
		for (s++; (digit = (unsigned)(unsigned char)*s - '0') < 10 && countdown < 100000000; s++)
			countdown = 10 * countdown + digit;
		if (*s != ' ' || s[-1] == ' ')
			goto slow;
		for (s++; (digit = (unsigned)(unsigned char)*s - '0') < 10 && checks < 1000000000000; s++)
			checks = 10 * checks + digit;
		if (*s != ' ' || s[-1] == ' ')
			goto slow;
		s++;
		if (!memcmp(s, "ACQUIRE\n", 8)) {
			kind = EV_ACQUIRE;
			s += 8;
		} else if (!memcmp(s, "RELEASE\n", 8)) {
			kind = EV_RELEASE;
			s += 8;
		} else if (!memcmp(s, "RETRY\n", 6)) {
			kind = EV_RETRY;
			s += 6;
		} else if (!memcmp(s, "ENTRY\n", 6)) {
			kind = EV_ENTRY;
			s += 6;
		} else if (!memcmp(s, "BUSY\n", 5)) {
			kind = EV_BUSY;
			s += 5;
		} else {
			goto slow;
		}
		if (s > end || countdown - 1 >= b->interval)
			goto slow;
		if (find_thread(l, line, len, id, &thread))
			goto slow;
		at = checks * b->interval + b->interval - countdown;
		l->line++;
		if (log_add_fast(l, at, thread, (uint16_t)b->lock, kind, 0) < 0)
			return -1;
		p = s;
		continue;
slow:
		s = memchr(p, '\n', (size_t)(end - p));
		l->line++;
		if (beazley_line(l, p, (size_t)(s - p)))
			return -1;
		p = s + 1;
	}
	return 0;
}

const struct format format_beazley = {
	.name = "beazley", .recognise = beazley_recognise, .open = beazley_open, .read = text_read,
	.lines = beazley_lines, .close = beazley_close,
};
