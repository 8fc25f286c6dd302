/*
 * Logs of many names, marks and waiters are read in a time that grows with them, not with their
 * square: with that they take ten to a hundred times as long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gillog.h"
#include "ingest.h"
#include "scratch.h"
#include "timeline.h"

#define THREADS 30000

static char log_path[512], out_path[512];

static int put_bytes(void *ctx, const void *data, size_t n, struct err *err)
{
	(void)err;
	return fwrite(data, 1, n, ctx) == n ? 0 : -1;
}

static struct timeline *ingest(void)
{
	const char *path = log_path;
	struct ingest_options o = { .force = true, .n_threads = 2 };
	struct timeline *tl;
	struct err err = { 0 };

	if (ingest_logs(&path, 1, out_path, &o, NULL, &err) || timeline_open(&tl, out_path, &err))
		fail_msg("%s", err.msg);
	unlink(log_path);
	unlink(out_path);
	return tl;
}

/* Each thread has one event; marks_between: behind a mark of its own, which also renames it. */
static struct timeline *binary(const char *id, bool marks_between)
{
	const struct gillog_writer_options o = { .clock = GILLOG_NS };
	struct gillog_writer *w;
	struct err err = { 0 };
	FILE *f = fopen(log_path, "wb");
	char text[32];

	assert_non_null(f);
	assert_int_equal(gillog_writer_new(&w, &o, put_bytes, f, &err), 0);
	assert_int_equal(gillog_put_lock(w, 0, 0, "0", "GIL", false, &err), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		struct gillog_event e = { .time = 100 + 10 * i, .kind = GL_ENTRY };

		snprintf(text, sizeof(text), id, i);
		if (gillog_put_thread(w, i, 0, text, "a", &err) ||
		    gillog_put_event(w, i, &e, NULL, &err) ||
		    (marks_between && (gillog_mark(w, e.time + 1, &err) ||
				       gillog_put_thread(w, i, 0, text, "z", &err))))
			fail_msg("%s", err.msg);
	}
	assert_int_equal(gillog_finish(w, &err), 0);
	gillog_writer_free(w);
	assert_int_equal(fclose(f), 0);
	return ingest();
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void many_of_one_id(void **state)
{
	const char **id = malloc(THREADS * sizeof(*id));
	struct timeline *tl = binary("7", false);

	(void)state;
	assert_int_equal(timeline_info(tl)->n_lanes, THREADS);
	assert_string_equal(timeline_thread(tl, 0)->id, "7");
	assert_string_equal(timeline_thread(tl, 1)->id, "7#2");
	assert_string_equal(timeline_thread(tl, THREADS - 1)->id, "7#30000");
	for (uint32_t i = 0; i < THREADS; i++)
		id[i] = timeline_thread(tl, i)->id;
	qsort(id, THREADS, sizeof(*id), by_text);
	for (uint32_t i = 1; i < THREADS; i++)
		assert_string_not_equal(id[i - 1], id[i]);
	free(id);
	timeline_close(tl);
}

static void many_marks(void **state)
{
	struct timeline *tl = binary("%u", true);

	(void)state;
	assert_int_equal(timeline_info(tl)->n_lanes, THREADS);
	for (uint32_t i = 0; i < THREADS; i++)
		assert_string_equal(timeline_thread(tl, i)->name, "z");
	timeline_close(tl);
}

/* Names for one tid in as many processes; the last that fits is the one. */
static void many_names_of_one_tid(void **state)
{
	FILE *f = fopen(log_path, "w");
	struct timeline *tl;

	(void)state;
	assert_non_null(f);
	fputs("[", f);
	for (unsigned i = 0; i < THREADS; i++)
		fprintf(f,
			"{\"ph\":\"M\",\"name\":\"thread_name\",%s\"tid\":1,"
			"\"args\":{\"name\":\"n%u\"}},\n",
			i == 100 ? "" : i % 2 ? "\"pid\":1," : "\"pid\":2,", i);
	for (unsigned i = 0; i < THREADS; i++)
		fprintf(f,
			"{\"ph\":\"X\",\"name\":\"hold_gil\",\"pid\":%u,\"tid\":1,"
			"\"ts\":%u,\"dur\":1},\n",
			i + 1, i * 2);
	fputs("{}]", f);
	assert_int_equal(fclose(f), 0);
	tl = ingest();
	assert_int_equal(timeline_info(tl)->n_lanes, THREADS);
	assert_string_equal(timeline_thread(tl, 0)->name, "n29999");
	assert_string_equal(timeline_thread(tl, 1)->name, "n29998");
	for (uint32_t i = 2; i < THREADS; i++)
		assert_string_equal(timeline_thread(tl, i)->name, "n100");
	timeline_close(tl);
}

/* As many wait as signals are pending, and one of them is somebody's; then all are taken. */
static void many_waiters(void **state)
{
	FILE *f = fopen(log_path, "w");
	struct timeline *tl;
	unsigned time = 0;

	(void)state;
	assert_non_null(f);
	fputs("# gillog 1\n# waits busy\n", f);
	for (unsigned i = 0; i < THREADS; i++)
		fprintf(f, "%u w%u BUSY\n", ++time, i);
	for (unsigned i = 0; i < THREADS; i++)
		fprintf(f, "%u a RELEASE\n", ++time);
	fprintf(f, "%u a WAKEUP target=w9\n", ++time);
	fprintf(f, "%u w7 WOKEN\n", ++time);
	for (unsigned turn = 0; turn < 4; turn++)
		for (unsigned i = THREADS; i--;)
			fprintf(f, "%u w%u RETRY\n", ++time, i);
	assert_int_equal(fclose(f), 0);
	tl = ingest();
	assert_int_equal(timeline_info(tl)->n_lanes, THREADS + 1);
	timeline_close(tl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_of_one_id),
		cmocka_unit_test(many_marks),
		cmocka_unit_test(many_names_of_one_tid),
		cmocka_unit_test(many_waiters),
	};

	scratch_path(log_path, sizeof(log_path), "-log");
	scratch_path(out_path, sizeof(out_path), "-out.gtl");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
