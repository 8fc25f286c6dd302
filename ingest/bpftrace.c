/*
 * bpftrace.c - the lines of gil_tracer's bpftrace scripts
 *
 *	Attaching 2 probes...
 *	14733|take|00:24:52.684684
 *	14733|drop|00:24:52.684712|/app/main.py|work|12
 *
 * "take" is the return of take_gil, "drop" the call of drop_gil; the longer line says in which
 * Python line.  The clock is that of the day: a time more than half a day before the greatest one
 * is of the next day.
 */
#include "formats.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define DAY (86400ull * 1000000000)

struct bpftrace {
	uint32_t process, lock;
	uint64_t day;			/* begin of the day of the latest time */
	struct thread_cache cache;
};

struct fields { const char *s[6]; size_t n[6]; };

/* Up to six fields; the last one takes what is left.  How many. */
static unsigned split(struct fields *f, const char *s, const char *end)
{
	unsigned n = 0;

	for (;;) {
		const char *bar = n < 5 ? memchr(s, '|', (size_t)(end - s)) : NULL;

		f->s[n] = s;
		f->n[n++] = (size_t)((bar ? bar : end) - s);
		if (!bar)
			return n;
		s = bar + 1;
	}
}

/* "00:24:52.684684", up to nine digits behind the point, or none; nanoseconds of the day. */
static bool parse_time(const char *s, size_t n, uint64_t *t)
{
	const char *end = s + n;
	unsigned part[3];
	uint64_t ns = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (end - s < 2 || !is_digit(s[0]) || !is_digit(s[1]))
			return false;
		part[i] = (unsigned)(10 * (s[0] - '0') + (s[1] - '0'));
		s += 2;
		if (i < 2 && (s == end || *s++ != ':'))
			return false;
	}
	if (part[0] > 23 || part[1] > 59 || part[2] > 60)
		return false;
	if (s < end) {
		if (*s++ != '.' || s == end || end - s > 9)
			return false;
		for (unsigned i = 0; i < 9; i++) {
			if (s < end && !is_digit(*s))
				return false;
			ns = 10 * ns + (s < end ? (unsigned)(*s++ - '0') : 0);
		}
	}
	*t = (part[0] * 3600ull + part[1] * 60 + part[2]) * 1000000000 + ns;
	return true;
}

/* NULL, or what is wrong with the line. */
static const char *parse(struct fields *f, const char *s, const char *end, uint64_t *tid,
			 unsigned *kind, uint64_t *time)
{
	unsigned n = split(f, s, end);

	if (n == 3)
		f->n[3] = f->n[4] = 0;
	if (n != 3 && n != 6)
		return "not TID|take|TIME or TID|drop|TIME, with or without |FILE|FUNCTION|LINE";
	if (parse_u64(f->s[0], f->s[0] + f->n[0], tid) != f->s[0] + f->n[0])
		return "a thread that is no number";
	if (f->n[1] != 4 || (memcmp(f->s[1], "take", 4) && memcmp(f->s[1], "drop", 4)))
		return "neither \"take\" nor \"drop\"";
	*kind = *f->s[1] == 't' ? EV_ACQUIRE : EV_RELEASE;
	return parse_time(f->s[2], f->n[2], time) ? NULL : "a time that is no HH:MM:SS.FRACTION";
}

static bool bpftrace_recognise(const uint8_t *head, size_t n)
{
	const char *s = (const char *)head, *end = s + n;

	for (unsigned lines = 0; s < end && lines < 1000; lines++) {
		const char *nl = memchr(s, '\n', (size_t)(end - s)), *stop = nl ? nl : end;
		uint64_t tid, time;
		struct fields f;
		unsigned kind;

		if (stop > s && stop[-1] == '\r')
			stop--;
		if (!parse(&f, s, stop, &tid, &kind, &time))
			return true;
		if (!nl)
			break;
		s = nl + 1;
	}
	return false;
}

/* The time on a clock that does not begin again at midnight. */
static uint64_t unwrap(struct bpftrace *b, uint64_t time, uint64_t last)
{
	uint64_t t = b->day + time;

	if (last > t && last - t > DAY / 2) {
		b->day += DAY;
		return t + DAY;
	}
	/* Just after midnight, one from before it. */
	return b->day && t > last && t - last > DAY / 2 ? t - DAY : t;
}

static int find_thread(struct log *l, const struct fields *f, uint64_t tid, uint32_t *thread)
{
	struct bpftrace *b = l->state;

	if (thread_cache_find(&b->cache, tid + 1, thread))
		return 0;
	if (names_find(l->names, NAME_THREAD, b->process, f->s[0], f->n[0], thread, NULL, l->err) ||
	    names_lane(l->names, *thread, l->err))
		return -1;
	thread_cache_add(&b->cache, tid + 1, *thread);
	return 0;
}

/* The function of FILE|FUNCTION, which are found again by their hash. */
static int find_func(struct log *l, const struct fields *f, uint32_t *func)
{
	XXH128_canonical_t key;
	uint32_t scope = 1u << 31 | l->number;

	XXH128_canonicalFromHash(&key, XXH3_128bits(f->s[3], f->n[3] + 1 + f->n[4]));
	if (names_known(l->names, NAME_ALIAS, scope, (char *)key.digest, sizeof(key), func))
		return 0;
	return names_func(l->names, f->s[4], f->n[4], f->s[3], f->n[3], 0, func, l->err) ||
			       names_alias(l->names, scope, (char *)key.digest, sizeof(key), *func,
					   l->err)
		       ? -1
		       : 0;
}

/* "Lost N events", and nothing else: bpftrace's own.  1: it is another line. */
static int lost_line(struct log *l, const char *s, const char *end)
{
	const char *p = s + 5;
	uint64_t count;

	if (end - s < 5 || memcmp(s, "Lost ", 5))
		return 1;
	while (p < end && is_digit(*p))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (p == s + 5 || end - p != 7 || memcmp(p, " events", 7))
		return 1;
	if (!parse_u64(s + 5, p, &count))
		return log_bad(l, "a number of lost events that cannot be");
	l->names->lost_events = count_add(l->names->lost_events, count);
	return 0;
}

static int bpftrace_line(struct log *l, const char *s, size_t n)
{
	struct bpftrace *b = l->state;
	unsigned kind, n_attrs = 0;
	uint64_t tid, time;
	uint32_t thread, func;
	struct fields f = { 0 };
	const char *wrong;
	int ret;

	/* '@': bpftrace's maps */
	if (!n || *s == '@' || (n > 10 && !memcmp(s, "Attaching ", 10)) ||
	    (n > 9 && !memcmp(s, "Attached ", 9)))
		return 0;
	ret = lost_line(l, s, s + n);
	if (ret < 1)
		return ret;
	wrong = parse(&f, s, s + n, &tid, &kind, &time);
	if (wrong)
		return log_bad(l, "%s", wrong);
	if (find_thread(l, &f, tid, &thread))
		return log_bad_err(l);
	if (f.n[3] | f.n[4]) {
		if (find_func(l, &f, &func))
			return log_bad_err(l);
		if (log_attr(l, ATTR_FUNC, func))
			return -1;
		n_attrs = 1;
	}
	return log_add(l, unwrap(b, time, l->last), thread, (uint16_t)b->lock, kind, n_attrs);
}

static int bpftrace_lines(struct log *l, const char *p, const char *end)
{
	return text_each(l, p, end, bpftrace_line);
}

static int bpftrace_open(struct log *l)
{
	struct bpftrace *b = calloc(1, sizeof(*b));

	if (!b)
		return err_memory(l->err, "a log");
	l->state = b;
	l->clock = CLOCK_NS;
	if (names_add_process(l->names, l->number, -1, &b->process, l->err) ||
	    names_find(l->names, NAME_LOCK, b->process, "0", 1, &b->lock, NULL, l->err))
		return -1;
	return names_set(l->names, &l->names->lock[b->lock].name, "GIL", 3, l->err);
}

static void bpftrace_close(struct log *l)
{
	free(l->state);
}

const struct format format_bpftrace = {
	.name = "bpftrace",
	.recognise = bpftrace_recognise,
	.open = bpftrace_open,
	.read = text_read,
	.lines = bpftrace_lines,
	.close = bpftrace_close,
};
