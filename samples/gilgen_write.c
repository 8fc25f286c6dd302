/*
 * gilgen_write.c - events as lines of text, as fast as memory; see gilgen.h
 *
 * A line is put together from pieces that are ready as text (the thread, the countdown, the check's
 * number, the second, the event), each copied by a fixed number of bytes of which only the first
 * ones count.
 */
#include "gilgen.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gillog.h"
#include "io.h"

struct piece { char text[64]; uint32_t len; };

/* Copies 8, 16 or 56 bytes of which n count. */
#define PUT(p, piece, room, n) (memcpy((p), (piece), (room)), (p) += (n))

void writer_flush(struct gen *g)
{
	struct writer *w = &g->w;
	size_t n = (size_t)(w->p - w->buf);

	if (n && g->err.code == ERR_NONE && io_write_all(w->fd, w->buf, n, &g->err))
		g->left = 0;
	w->written += n;
	w->p = w->buf;
	w->limit = w->buf + WRITER_SIZE;
	if (w->written >= w->max_bytes)
		g->left = 0;
	else if (w->max_bytes - w->written < WRITER_SIZE)
		w->limit = w->buf + (w->max_bytes - w->written);
}

static bool in_ticks(const struct gen *g)
{
	return g->old_gil && !g->old_in_ns;
}

/* --- beazley: "t2 100 5393 RELEASE" ----------------------------------------------------------- */

static const struct { char text[8]; uint32_t len;
} beazley_words[N_GEN_KINDS] = {
	[GEN_ENTRY] = { "ENTRY\n", 6 },	    [GEN_BUSY] = { "BUSY\n", 5 },
	[GEN_RETRY] = { "RETRY\n", 6 },	    [GEN_ACQUIRE] = { "ACQUIRE\n", 8 },
	[GEN_RELEASE] = { "RELEASE\n", 8 },
};

/* The number of checks is counted in text: w->checks ends with a blank. */
static void next_check(struct writer *w, uint32_t interval)
{
	uint32_t i = w->n_checks_digits;

	w->check_begin += interval;
	while (i && w->checks[i - 1] == '9')
		w->checks[--i] = '0';
	if (i) {
		w->checks[i - 1]++;
		return;
	}
	memmove(w->checks + 1, w->checks, w->n_checks_digits + 1);
	w->checks[0] = '1';
	w->n_checks_digits++;
}

static void beazley_event(struct gen *g, uint32_t thread, enum gen_kind kind)
{
	struct writer *w = &g->w;
	char *p = w->p;
	uint64_t countdown;

	while (g->now - w->check_begin >= g->interval)
		next_check(w, g->interval);
	countdown = g->interval - (g->now - w->check_begin);
	PUT(p, w->prefix[thread].text, 16, w->prefix[thread].len);
	PUT(p, w->countdown[countdown].text, 8, w->countdown_len[countdown]);
	PUT(p, w->checks, 24, w->n_checks_digits + 1);
	PUT(p, beazley_words[kind].text, 8, beazley_words[kind].len);
	w->p = p;
}

static int beazley_open(struct gen *g, struct err *err)
{
	struct writer *w = &g->w;

	w->countdown = calloc(g->interval + 1, sizeof(*w->countdown));
	w->countdown_len = calloc(g->interval + 1, 1);
	if (!w->countdown || !w->countdown_len)
		return err_memory(err, "countdowns");
	for (uint32_t i = 0; i <= g->interval; i++)
		w->countdown_len[i] = (uint8_t)snprintf(w->countdown[i].text, 8, "%" PRIu32 " ", i);
	memcpy(w->checks, "0 ", 2);
	w->n_checks_digits = 1;
	w->event = beazley_event;
	return 0;
}

/* --- perf script ------------------------------------------------------------------------------ */

/* "   python3.11 11015/11015 [001]  5369.734822723: python:take_gil: (7f15bc84f7b0)" */

static const struct piece perf_words[N_GEN_KINDS] = {
	[GEN_ENTRY] = { ": python:take_gil: (7f15bc84f7b0)\n", 34 },
	[GEN_ACQUIRE] = { ": python:take_gil__return: (7f15bc84f7b0 <- 7f15bc84fd4e)\n", 58 },
	[GEN_RELEASE] = { ": python:drop_gil: (7f15bc84f3e0)\n", 34 },
	[GEN_SWITCH_DONE] = { ": python:drop_gil__return: (7f15bc84f3e0 <- 7f15bc84fd2a)\n", 58 },
	[GEN_DROPPED] = { ": python:drop_gil__return: (7f15bc84f3e0 <- 7f15bc84fd2a)\n", 58 },
};

static char *put_digits(char *p, uint32_t v, unsigned n)
{
	for (unsigned i = n; i--; v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

static void perf_event(struct gen *g, uint32_t thread, enum gen_kind kind)
{
	struct writer *w = &g->w;
	char *p = w->p;

	if (unlikely(g->now - w->second_begin >= 1000000000)) {
		uint64_t second = g->now / 1000000000;

		w->second_begin = second * 1000000000;
		w->second_len =
			(uint32_t)snprintf(w->second, sizeof(w->second), "%5" PRIu64 ".", second);
	}
	PUT(p, w->prefix[thread].text, 56, w->prefix[thread].len);
	*p++ = '[';
	p = put_digits(p, w->prefix[thread].cpu, 3);
	PUT(p, "] ", 2, 2);
	PUT(p, w->second, 24, w->second_len);
	p = put_digits(p, (uint32_t)(g->now - w->second_begin), 9);
	PUT(p, perf_words[kind].text, 64, perf_words[kind].len);
	w->p = p;
}

/* --- gillog text: "1000 101 ACQUIRE" (docs/gillog.md) ----------------------------------------- */

static const struct piece text_words[N_GEN_KINDS] = {
	[GEN_ENTRY] = { " ENTRY\n", 7 },
	[GEN_BUSY] = { " BUSY\n", 6 },
	[GEN_TIMEOUT] = { " TIMEOUT\n", 9 },
	[GEN_DROP_REQUEST] = { " DROP_REQUEST\n", 14 },
	[GEN_RETRY] = { " RETRY\n", 7 },
	[GEN_ACQUIRE] = { " ACQUIRE\n", 9 },
	[GEN_RELEASE] = { " RELEASE\n", 9 },
	[GEN_SWITCH_WAIT] = { " SWITCH_WAIT\n", 13 },
	[GEN_SWITCH_DONE] = { " SWITCH_DONE\n", 13 },
};

static char *put_number(char *p, uint64_t v)
{
	char text[20];
	unsigned i = sizeof(text);

	do {
		text[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	memcpy(p, text + i, sizeof(text) - i);
	return p + sizeof(text) - i;
}

static void text_event(struct gen *g, uint32_t thread, enum gen_kind kind)
{
	struct writer *w = &g->w;
	char *p = put_number(w->p, g->time);
	const struct piece *word = &text_words[kind];

	*p++ = ' ';
	PUT(p, w->prefix[thread].text, 16, w->prefix[thread].len);
	/*
	 * A check begins here: its number goes with the event, all that follows is counted from it.
	 */
	if (g->old_gil && g->now - w->check_begin >= g->interval) {
		w->check_begin = g->now - g->now % g->interval;
		PUT(p, word->text, 64, word->len - 1);
		memcpy(p, " checks=", 8);
		p = put_number(p + 8, g->now / g->interval);
		*p++ = '\n';
	} else {
		PUT(p, word->text, 64, word->len);
	}
	w->p = p;
}

/* The header is written in pieces, as it may be longer than the buffer. */
static int text_open(struct gen *g, struct err *err)
{
	struct writer *w = &g->w;
	char line[WRITER_LINE], id[32], name[32];
	int n;

	n = snprintf(line, sizeof(line),
		     "# gillog 1\n# clock %s\n# title gilgen, %s GIL\n"
		     "# lock 0 name=\"GIL\"\n# waits busy\n",
		     in_ticks(g) ? "ticks" : "ns", g->old_gil ? "old" : "new");
	if (g->old_gil)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "# check-interval %" PRIu32 "\n",
			      g->interval);
	if (io_write_all(w->fd, line, (size_t)n, err))
		return -1;
	w->written += (uint64_t)n;
	for (uint32_t i = 0; i < g->n_threads; i++) {
		n = snprintf(line, sizeof(line), "# thread %s name=\"%s\"\n", thread_id(g, i, id),
			     thread_name(g, i, name));
		if (io_write_all(w->fd, line, (size_t)n, err))
			return -1;
		w->written += (uint64_t)n;
	}
	w->check_begin = 0 - (uint64_t)g->interval;
	w->event = text_event;
	return 0;
}

/* --- binary gillog (record/gillog.h) ---------------------------------------------------------- */

static int append_binary(void *ctx, const void *data, size_t n, struct err *err)
{
	struct gen *g = ctx;

	if (io_write_all(g->w.fd, data, n, err))
		return -1;
	g->w.written += n;
	if (g->w.written >= g->w.max_bytes)
		g->left = 0;
	return 0;
}

static void put_binary(struct gen *g, uint32_t thread, enum gen_kind kind,
		       const struct gillog_attr *attrs, unsigned n_attrs)
{
	struct gillog_event e = {
		.time = g->time, .kind = (uint8_t)kind, .n_attrs = (uint8_t)n_attrs
	};

	if (unlikely(gillog_put_event(g->w.gillog, thread, &e, attrs, &g->err)))
		g->left = 0;
}

/* In ticks: all threads' events in order, as in beazley's lines.  Their times tell the checks. */
static void ticks_event(struct gen *g, uint32_t thread, enum gen_kind kind)
{
	put_binary(g, thread, kind, NULL, 0);
}

/* As the recorder does it: 2.7's checks and countdown on every event, the cpu where it is known. */
static void binary_event(struct gen *g, uint32_t thread, enum gen_kind kind)
{
	struct writer *w = &g->w;
	struct gillog_attr attrs[2];

	if (unlikely(gillog_epoch_bytes(w->gillog) >= GILLOG_EPOCH_MAX / 4) &&
	    gillog_mark(w->gillog, g->time, &g->err)) {
		g->left = 0;
		return;
	}
	if (!g->old_gil) {
		attrs[0] = (struct gillog_attr){ GL_ATTR_CPU, w->prefix[thread].cpu };
		put_binary(g, thread, kind, attrs, 1);
		return;
	}
	while (g->now - w->check_begin >= g->interval) {
		w->check_begin += g->interval;
		w->n_checks++;
	}
	attrs[0] = (struct gillog_attr){ GL_ATTR_CHECKS, (int64_t)w->n_checks };
	attrs[1] = (struct gillog_attr){ GL_ATTR_COUNTDOWN,
					 (int64_t)(g->interval - (g->now - w->check_begin)) };
	put_binary(g, thread, kind, attrs, 2);
}

static int binary_open(struct gen *g, struct err *err)
{
	struct writer *w = &g->w;
	const struct gillog_writer_options o = {
		.clock = in_ticks(g) ? GILLOG_TICKS : GILLOG_NS, .mixed = in_ticks(g),
	};
	char interval[16];
	char id[32], name[32];

	if (gillog_writer_new(&w->gillog, &o, append_binary, g, err) ||
	    gillog_put_process(w->gillog, 0, g->pid, -1, "gilgen", GILLOG_WAITS_UNKNOWN, err) ||
	    gillog_put_lock(w->gillog, 0, 0, "0", "GIL", false, err))
		return -1;
	for (uint32_t i = 0; i < g->n_threads; i++)
		if (gillog_put_thread(w->gillog, i, 0, thread_id(g, i, id), thread_name(g, i, name),
				      err))
			return -1;
	snprintf(interval, sizeof(interval), "%" PRIu32, g->interval);
	if (g->old_gil && gillog_put_fact(w->gillog, "check interval", interval, err))
		return -1;
	w->event = in_ticks(g) ? ticks_event : binary_event;
	return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

static void make_prefix(struct gen *g, uint32_t i)
{
	struct prefix *p = &g->w.prefix[i];
	char id[32], name[32];

	thread_id(g, i, id);
	if (g->format == GEN_BEAZLEY)
		p->len = (uint32_t)snprintf(p->text, sizeof(p->text), "%s ", id);
	else if (g->format == GEN_PERF)
		p->len = (uint32_t)snprintf(p->text, sizeof(p->text), "%16s %5" PRIu32 "/%-5s ",
					    thread_name(g, i, name), g->pid, id);
	else
		p->len = (uint32_t)snprintf(p->text, sizeof(p->text), "%s", id);
}

int writer_open(struct gen *g, int fd, struct err *err)
{
	struct writer *w = &g->w;

	w->fd = fd;
	w->p = w->buf = malloc(WRITER_SIZE + WRITER_LINE);
	w->prefix = calloc(g->n_threads, sizeof(*w->prefix));
	if (!w->buf || !w->prefix)
		return err_memory(err, "writer");
	/* A pipe that holds more spares turns between the two programs. */
	fcntl(fd, F_SETPIPE_SZ, WRITER_SIZE);
	for (uint32_t i = 0; i < g->n_threads; i++)
		make_prefix(g, i);
	if (g->format == GEN_BEAZLEY && beazley_open(g, err))
		return -1;
	if (g->format == GEN_PERF)
		w->event = perf_event;
	if (g->format == GEN_GILLOG && text_open(g, err))
		return -1;
	if (g->format == GEN_BINARY && binary_open(g, err))
		return -1;
	writer_flush(g);
	return 0;
}

int writer_close(struct gen *g, struct err *err)
{
	struct writer *w = &g->w;

	if (w->gillog && g->err.code == ERR_NONE)
		gillog_finish(w->gillog, &g->err);
	gillog_writer_free(w->gillog);
	w->gillog = NULL;
	if (w->buf)
		writer_flush(g);
	free(w->buf);
	free(w->prefix);
	free(w->countdown);
	free(w->countdown_len);
	w->buf = NULL;
	if (g->err.code == ERR_NONE)
		return 0;
	if (err)
		*err = g->err;
	return -1;
}
