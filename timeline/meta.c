/* meta.c - see meta.h */
#include "meta.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"

/* The numbers of a thread, in the order in which they are stored. */
#define THREAD_NUMBERS(X)                                                                          \
	X(first) X(last) X(time[STATE_WAIT]) X(time[STATE_SIGNAL]) X(time[STATE_RUN])              \
	X(time[STATE_STALL]) X(events) X(acquires) X(releases) X(lost_acquires) X(lost_releases)   \
	X(lost_events) X(busy) X(retry) X(timeouts) X(drop_requests) X(switches)                   \
	X(forced_switches) X(waits) X(max_wait) X(max_wait_at) X(max_run) X(max_run_at)

void meta_encode(struct buf *b, const struct timeline_info *info,
		 const struct timeline_thread *thread, const uint32_t *order,
		 const struct timeline_process *process, const struct timeline_lock *lock,
		 const struct timeline_fact *fact)
{
	buf_varint(b, info->clock);
	buf_le64(b, info->origin);
	buf_varint(b, info->end);
	buf_varint(b, info->events);
	buf_varint(b, info->skipped_lines);
	buf_varint(b, info->lost_events);
	buf_varint(b, info->truncated);
	buf_varint(b, info->checks);
	buf_varint(b, info->check_interval);
	buf_vstr(b, info->title);
	buf_varint(b, info->n_processes);
	for (uint32_t i = 0; i < info->n_processes; i++) {
		buf_varint(b, zigzag(process[i].pid));
		buf_varint(b, zigzag(process[i].ppid));
		buf_vstr(b, process[i].name);
	}
	buf_varint(b, info->n_locks);
	for (uint32_t i = 0; i < info->n_locks; i++) {
		buf_vstr(b, lock[i].id);
		buf_vstr(b, lock[i].name);
		buf_varint(b, lock[i].process);
		buf_varint(b, lock[i].kind);
	}
	buf_varint(b, info->n_threads);
	buf_varint(b, info->n_lanes);
	for (uint32_t i = 0; i < info->n_threads; i++) {
		buf_vstr(b, thread[i].id);
		buf_vstr(b, thread[i].name);
		buf_varint(b, thread[i].process);
#define PUT(field) buf_varint(b, thread[i].field);
		THREAD_NUMBERS(PUT)
	}
	for (uint32_t i = 0; i < info->n_threads; i++)
		buf_varint(b, order[i]);
	buf_varint(b, info->n_facts);
	for (uint32_t i = 0; i < info->n_facts; i++) {
		buf_vstr(b, fact[i].key);
		buf_vstr(b, fact[i].value);
	}
}

/* A section being read; p is NULL once something did not fit. */
struct in {
	const uint8_t *p, *end;
	/* where the next string goes: the section's own length is enough for all */
	char *text;
};

static uint64_t num(struct in *in)
{
	uint64_t v = 0;

	if (in->p)
		in->p = get_varint(in->p, in->end, &v);
	return in->p ? v : 0;
}

/* A number that must be below limit. */
static uint32_t below(struct in *in, uint64_t limit)
{
	uint64_t v = num(in);

	if (in->p && v >= limit)
		in->p = NULL;
	return in->p ? (uint32_t)v : 0;
}

/* A count of things that take at least this many bytes each. */
static uint32_t count(struct in *in, size_t least)
{
	uint64_t most = in->p ? (uint64_t)(in->end - in->p) / least + 1 : 0;

	return in->p ? below(in, most < UINT32_MAX ? most : UINT32_MAX) : 0;
}

static const char *str(struct in *in)
{
	uint64_t n = num(in);
	char *s = in->text;

	if (!in->p || n > (uint64_t)(in->end - in->p)) {
		in->p = NULL;
		return "";
	}
	memcpy(s, in->p, n);
	s[n] = 0;
	in->text += n + 1;
	in->p += n;
	return s;
}

static int too_short(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "damaged section '%s'", what);
}

static int alloc_array(void *array, uint32_t n, size_t size, struct err *err)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		return err_memory(err, "a timeline's tables");
	*(void **)array = p;
	return 0;
}

static int get_threads(struct timeline *tl, struct in *in, struct err *err)
{
	struct timeline_info *info = &tl->info;
	struct timeline_thread *by_number = NULL;

	info->n_threads = count(in, 26);
	info->n_lanes = below(in, (uint64_t)info->n_threads + 1);
	if (!in->p)
		return too_short(err, "meta: threads");
	if (alloc_array(&by_number, info->n_threads, sizeof(*by_number), err))
		return -1;
	if (alloc_array(&tl->thread, info->n_threads, sizeof(*tl->thread), err) ||
	    alloc_array(&tl->perm, info->n_threads, sizeof(*tl->perm), err))
		goto fail;
	for (uint32_t i = 0; in->p && i < info->n_threads; i++) {
		struct timeline_thread *t = &by_number[i];
		uint64_t busy_time = 0;

		t->id = str(in);
		t->name = str(in);
		t->process = below(in, info->n_processes);
#define GET(field) t->field = num(in);
		THREAD_NUMBERS(GET)
		for (unsigned s = STATE_IDLE + 1; s < N_STATES; s++)
			busy_time += t->time[s];
		t->time[STATE_IDLE] = busy_time < info->end ? info->end - busy_time : 0;
		tl->perm[i] = UINT32_MAX;
	}
	for (uint32_t i = 0; in->p && i < info->n_threads; i++) {
		uint32_t number = below(in, info->n_threads);

		if (tl->perm[number] != UINT32_MAX)
			in->p = NULL;
		tl->perm[number] = i;
		tl->thread[i] = by_number[number];
		tl->thread[i].number = number;
		tl->thread[i].is_lane = i < info->n_lanes;
	}
	free(by_number);
	return in->p ? 0 : too_short(err, "meta: threads");
fail:
	free(by_number);
	return -1;
}

int meta_decode(struct timeline *tl, const uint8_t *p, size_t len, struct err *err)
{
	struct timeline_info *info = &tl->info;
	struct in in = { p, p + len, NULL };
	uint64_t clock;

	/* Every string takes its length and its bytes here, and its bytes and a NUL there. */
	tl->text = malloc(len + 1);
	if (!tl->text)
		return err_memory(err, "a timeline's names");
	in.text = tl->text;
	clock = num(&in);
	if (in.p && in.end - in.p >= 8) {
		info->origin = get_le64(in.p);
		in.p += 8;
	} else {
		in.p = NULL;
	}
	info->end = num(&in);
	info->events = num(&in);
	info->skipped_lines = num(&in);
	info->lost_events = num(&in);
	info->truncated = num(&in) != 0;
	info->checks = num(&in);
	info->check_interval = num(&in);
	info->title = str(&in);
	if (!in.p || clock > CLOCK_TICKS || info->end > TIMELINE_MAX_TIME)
		return too_short(err, "meta");
	info->clock = (enum timeline_clock)clock;
	info->n_processes = count(&in, 3);
	if (!in.p || !info->n_processes)
		return too_short(err, "meta: processes");
	if (alloc_array(&tl->process, info->n_processes, sizeof(*tl->process), err))
		return -1;
	for (uint32_t i = 0; i < info->n_processes; i++) {
		tl->process[i].pid = unzigzag(num(&in));
		tl->process[i].ppid = unzigzag(num(&in));
		tl->process[i].name = str(&in);
	}
	info->n_locks = count(&in, 4);
	if (!in.p || !info->n_locks || info->n_locks > UINT16_MAX + 1)
		return too_short(err, "meta: locks");
	if (alloc_array(&tl->lock, info->n_locks, sizeof(*tl->lock), err))
		return -1;
	for (uint32_t i = 0; i < info->n_locks; i++) {
		tl->lock[i].id = str(&in);
		tl->lock[i].name = str(&in);
		tl->lock[i].process = below(&in, info->n_processes);
		tl->lock[i].kind = below(&in, LOCK_PARK + 1) ? LOCK_PARK : LOCK_GIL;
	}
	if (get_threads(tl, &in, err))
		return -1;
	info->n_facts = count(&in, 2);
	if (!in.p)
		return too_short(err, "meta: facts");
	if (alloc_array(&tl->fact, info->n_facts, sizeof(*tl->fact), err))
		return -1;
	for (uint32_t i = 0; i < info->n_facts; i++) {
		tl->fact[i].key = str(&in);
		tl->fact[i].value = str(&in);
	}
	return in.p ? 0 : too_short(err, "meta: facts");
}

void funcs_encode(struct buf *b, const struct timeline_func *func, uint32_t n)
{
	buf_varint(b, n);
	for (uint32_t i = 0; i < n; i++) {
		buf_vstr(b, func[i].name);
		buf_vstr(b, func[i].file);
		buf_varint(b, func[i].line);
	}
}

int funcs_decode(struct timeline *tl, const uint8_t *p, size_t len, struct err *err)
{
	struct in in = { p, p + len, NULL };

	tl->info.n_funcs = count(&in, 3);
	if (!in.p)
		return too_short(err, "functions");
	/* The strings follow the table in the same allocation. */
	tl->func = malloc(((size_t)tl->info.n_funcs + 1) * sizeof(*tl->func) + len + 1);
	if (!tl->func)
		return err_memory(err, "a timeline's functions");
	in.text = (char *)(tl->func + tl->info.n_funcs + 1);
	for (uint32_t i = 0; i < tl->info.n_funcs; i++) {
		tl->func[i].name = str(&in);
		tl->func[i].file = str(&in);
		tl->func[i].line = (uint32_t)num(&in);
	}
	return in.p ? 0 : too_short(err, "functions");
}
