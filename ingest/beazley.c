/*
 * beazley.c - the columns of David Beazley's talks: thread, countdown, checks, event
 *
 *	t2 100 5392 ENTRY
 *	t1 27 5393 BUSY
 *
 * There is no clock: the position is counted in ticks, checks * interval + interval - countdown.
 * Where the two numbers follow from the position, as they nearly always do, they are not stored.
 */
#include "formats.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "clones.h"

typedef uint8_t v32 __attribute__((vector_size(32)));
typedef uint64_t v4x64 __attribute__((vector_size(32)));
struct v32_at { v32 v; } __attribute__((packed, may_alias));

#define MAX_PREFIX 24		/* "t3 100 1646 " */
#define PAIR_BYTES (2 * (MAX_PREFIX + 8))

/*
 * Nearly all lines of such a log are a thread's RELEASE and ACQUIRE at one check after the other:
 *
 *	t3 100 1646 RELEASE
 *	t3 100 1646 ACQUIRE
 *	t3 100 1647 RELEASE
 *
 * So the two lines of the next check are foretold from those of the last one, digits and all, and
 * compared with the text whole; only what is different is read.
 */
struct foretold {
	char text[PAIR_BYTES];	/* both lines, as they were last seen */
	char one[PAIR_BYTES];	/* what is added to it for the next check */
	char ten[PAIR_BYTES];	/* ... where that ends in 0 */
	unsigned len;		/* 0: none */
	unsigned digit[2];	/* where the last digit of either line's number of checks is */
	/* where the second load of 32 bytes begins, so that two cover the text */
	unsigned rest;
	uint64_t checks, countdown;
	uint32_t thread;
};

struct beazley {
	uint64_t interval;
	uint64_t most_checks;	/* of the fast ways, whose times do not overflow up to there */
	uint32_t process;
	uint32_t lock;
	struct foretold foretold;
	struct thread_cache cache;
};

static unsigned event_kind(const char *s, size_t n)
{
	switch (n) {
	case 4: return memcmp(s, "BUSY", 4) ? 0 : EV_BUSY;
	case 5: return !memcmp(s, "ENTRY", 5) ? EV_ENTRY : !memcmp(s, "RETRY", 5) ? EV_RETRY : 0;
	case 7:
		return !memcmp(s, "ACQUIRE", 7)	  ? EV_ACQUIRE
		       : !memcmp(s, "RELEASE", 7) ? EV_RELEASE
						  : 0;
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
	l->check_interval = b->interval;
	b->most_checks = MAX_TIME / 2 / b->interval;
	if (names_add_process(l->names, l->number, -1, &b->process, l->err) ||
	    names_find(l->names, NAME_LOCK, b->process, "0", 1, &b->lock, NULL, l->err))
		return -1;
	return names_set(l->names, &l->names->lock[b->lock].name, "GIL", 3, l->err);
}

static void beazley_close(struct log *l)
{
	free(l->state);
}

/* NULL, or why the columns are of no time. */
static const char *check(const struct beazley *b, const struct columns *c)
{
	if (c->checks > MAX_TIME / b->interval - 1)
		return "more checks than a clock can count";
	if (c->countdown > c->checks * b->interval + b->interval)
		return "a countdown of more ticks than there have been";
	return NULL;
}

static int add(struct log *l, uint32_t thread, const struct columns *c)
{
	struct beazley *b = l->state;
	unsigned n_attrs = 0;

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
	if (!wrong)
		wrong = check(b, &c);
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

/* The columns of a usual line but for its event. */
struct place {
	const char *text;
	size_t len;		/* of the text, with the blank behind it; 0: none yet */
	uint64_t countdown, checks, time;
	uint32_t thread;
};

/* The pair that has just been read stood at these checks; its lines begin like this one. */
static void begin_foretelling(struct foretold *f, const struct place *at)
{
	const char *line = at->text;
	size_t prefix = at->len;
	unsigned half = (unsigned)prefix + 8;

	f->len = 0;
	if (prefix > MAX_PREFIX || half < 16)
		return;
	memcpy(f->text, line, prefix);
	memcpy(f->text + prefix, "RELEASE\n", 8);
	memcpy(f->text + half, line, prefix);
	memcpy(f->text + half + prefix, "ACQUIRE\n", 8);
	f->len = 2 * half;
	memset(f->one, 0, sizeof(f->one));
	memset(f->ten, 0, sizeof(f->ten));
	for (unsigned i = 0; i < 2; i++) {
		f->digit[i] = (unsigned)prefix - 2 + i * half;
		f->one[f->digit[i]] = 1;
		f->ten[f->digit[i]] = -9;
		f->ten[f->digit[i] - 1] = 1;
	}
	f->rest = f->len - 32;
	f->thread = at->thread;
	f->countdown = at->countdown;
	f->checks = at->checks;
}

/* Makes the text that of the nth check from it, whose number has as many digits. */
static void advance(struct foretold *f, uint32_t n)
{
	f->checks += n;
	for (unsigned i = 0; i < 2; i++) {
		char *p = f->text + f->digit[i];

		for (uint32_t left = n; left; p--) {
			left += (uint32_t)(*p - '0');
			*p = (char)('0' + left % 10);
			left /= 10;
		}
	}
}

/* No function, for it would need other registers in each clone of its caller. */
#define LOAD32(p) (((const struct v32_at *)(const void *)(p))->v)

/*
 * How many foretold pairs of lines begin at p.  The last two digits are counted up where the text
 * is in registers.
 */
CLONE_AVX2
static uint32_t count_foretold(const struct foretold *f, const char *p, const char *end)
{
	const unsigned rest = f->rest, len = f->len;
	const v32 one0 = LOAD32(f->one), one1 = LOAD32(f->one + rest);
	v32 t0 = LOAD32(f->text), t1 = LOAD32(f->text + rest);
	unsigned ones = (unsigned)(f->text[f->digit[0]] - '0');
	unsigned tens = (unsigned)(f->text[f->digit[0] - 1] - '0');
	uint32_t n = 0;
	v4x64 changes;

	for (; (size_t)(end - p) >= len; n++, p += len) {
		if (++ones < 10) {
			t0 += one0;
			t1 += one1;
		} else if (++tens < 10) {	/* more than 9 where it is no digit: a blank */
			t0 += LOAD32(f->ten);
			t1 += LOAD32(f->ten + rest);
			ones = 0;
		} else {
			break;
		}
		changes = (v4x64)((LOAD32(p) ^ t0) | (LOAD32(p + rest) ^ t1));
		if (changes[0] | changes[1] | changes[2] | changes[3])
			break;
	}
	return n;
}

/* "t3 100 1646 " at p, one blank between its columns and a short id.  false: it is different. */
static bool take_place(struct log *l, struct place *at, const char *p)
{
	struct beazley *b = l->state;
	const char *s = p;
	uint64_t id = 0;
	unsigned id_len;

	at->text = p;
	at->len = 0;
	at->countdown = at->checks = 0;
	while ((unsigned char)*s > ' ' && s < p + 8) {
		id = id << 8 | (unsigned char)*s;
		s++;
	}
	if (*s != ' ' || s == p || *p == '#')
		return false;
	id_len = (unsigned)(s - p);
	for (s++; is_digit(*s) && at->countdown < 100000000; s++)
		at->countdown = 10 * at->countdown + (unsigned)(*s - '0');
	if (*s != ' ' || s[-1] == ' ')
		return false;
	for (s++; is_digit(*s) && at->checks < 1000000000000; s++)
		at->checks = 10 * at->checks + (unsigned)(*s - '0');
	if (*s != ' ' || s[-1] == ' ' || at->countdown - 1 >= b->interval ||
	    at->checks > b->most_checks || find_thread(l, p, id_len, id, &at->thread))
		return false;
	at->time = at->checks * b->interval + b->interval - at->countdown;
	at->len = (size_t)(s + 1 - p);
	return true;
}

/*
 * Whether the line at p begins like the one before: then its numbers are the same, and not read
 * again.
 */
static bool same_place(const struct place *at, const char *p)
{
	const uint8_t *a = (const uint8_t *)p, *b = (const uint8_t *)at->text;
	size_t n = at->len;

	if (n < 8 || n > 24 || get_le64(a) != get_le64(b) ||
	    get_le64(a + n - 8) != get_le64(b + n - 8))
		return false;
	return n <= 16 || get_le64(a + 8) == get_le64(b + 8);
}

/* The event that the line ends with, and how many bytes it and its newline are; 0 if it is none. */
static unsigned take_event(const char *s, size_t *len)
{
	/* By the low bits of the sum of the first and the third letter, which differ. */
	static const struct { char word[8]; uint8_t kind, len; } events[16] = {
		[('A' + 'Q') & 15] = { "ACQUIRE", EV_ACQUIRE, 8 },
		[('R' + 'L') & 15] = { "RELEASE", EV_RELEASE, 8 },
		[('R' + 'T') & 15] = { "RETRY", EV_RETRY, 6 },
		[('E' + 'T') & 15] = { "ENTRY", EV_ENTRY, 6 },
		[('B' + 'S') & 15] = { "BUSY", EV_BUSY, 5 },
	};
	unsigned i = (unsigned)(s[0] + s[2]) & 15;
	const char *word = events[i].word;
	size_t n = events[i].len;

	*len = n;
	/* Its first four letters and its last four are all of it. */
	if (!n || memcmp(s, word, 4) || memcmp(s + n - 5, word + n - 5, 4) || s[n - 1] != '\n')
		return 0;
	return events[i].kind;
}

/*
 * Lines that are foretold, at p: how many bytes they take; 0 where there are none, -1 on an error.
 */
static ptrdiff_t take_foretold(struct log *l, const char *p, const char *end)
{
	struct beazley *b = l->state;
	struct foretold *f = &b->foretold;
	uint64_t time = (f->checks + 2) * b->interval - f->countdown;
	uint32_t n;

	/* The digits that change come later than these four bytes. */
	if (!f->len || memcmp(p, f->text, 4) || time < l->last || f->checks > b->most_checks)
		return 0;
	n = count_foretold(f, p, end);
	if (!n)
		return 0;
	if (log_add_pairs(l, time, f->thread, (uint16_t)b->lock, (uint32_t)b->interval, n))
		return -1;
	l->line += 2 * (uint64_t)n;
	advance(f, n);
	return (ptrdiff_t)n * f->len;
}

/*
 * The usual lines; whatever is different goes the long way.  SOURCE_PAD bytes behind the last line
 * may be looked at.
 */
static int beazley_lines(struct log *l, const char *p, const char *end)
{
	struct beazley *b = l->state;
	struct place at = { .len = 0 };
	unsigned kind = 0, before;

	/* the shortest line has 11 bytes: "t 1 1 BUSY" and its newline */
	if (log_room(l, (size_t)(end - p) / 10 + 1))
		return -1;
	while (p < end) {
		ptrdiff_t foretold = take_foretold(l, p, end);
		size_t n;
		bool same;

		if (foretold < 0)
			return -1;
		p += foretold;
		if (foretold)
			continue;
		before = kind;
		same = same_place(&at, p);
		kind = same || take_place(l, &at, p) ? take_event(p + at.len, &n) : 0;
		if (!kind || (size_t)(end - p) < at.len + n) {
			n = (size_t)((const char *)memchr(p, '\n', (size_t)(end - p)) + 1 - p);
			l->line++;
			at.len = 0;
			kind = 0;
			if (n > MAX_LINE + 1 ? log_bad_long(l) : beazley_line(l, p, n - 1))
				return -1;
			p += n;
			continue;
		}
		l->line++;
		if (log_add_fast(l, at.time, at.thread, (uint16_t)b->lock, kind, 0) < 0)
			return -1;
		if (kind == EV_ACQUIRE && before == EV_RELEASE && same && l->want_pairs)
			begin_foretelling(&b->foretold, &at);
		p += at.len + n;
	}
	return 0;
}

const struct format format_beazley = {
	.name = "beazley", .recognise = beazley_recognise, .open = beazley_open, .read = text_read,
	.lines = beazley_lines, .close = beazley_close,
};
