/*
 * node.c - the codec of a node's bins
 *
 * Lane by lane: a varint, how many bytes the lane takes, so that lanes nobody asks for are passed
 * over; then a sequence of runs, varint (bins << 3 | type), that make the node's bins together.
 * Types 0 to 4: the bins lie wholly in one state and hold no event (a wait or signal is followed by
 * varint max_wait).  Type 7: the bins are told one by one, behind the runs and field by field:
 * varint mask of the fields of which any is not zero; and for each a byte, how many bytes a value
 * takes, and its values.
 *
 * A tile's bins come from here, so reading is what this is made for: values of one width lie behind
 * each other, and are added where the window wants them, without a bin in between.
 */
#include "internal.h"

#include <assert.h>
#include <string.h>

#include "bytes.h"

#define RUN_DETAIL 7

enum {
	F_RUN,
	F_STALL,
	F_WAIT,
	F_SIGNAL,
	F_MAX_WAIT,
	F_ACQUIRES,
	F_RELEASES,
	F_EVENTS,
	F_BUSY,
	F_RETRY,
	F_TIMEOUTS,
	F_SWITCHES,
	F_LOST,
	F_CHECKS,
	N_FIELDS
};

static bool has_max(unsigned type)
{
	return type == STATE_WAIT || type == STATE_SIGNAL;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The type of a run that this bin can be part of, or RUN_DETAIL. */
static unsigned run_type(const struct timeline_bin *b, uint64_t width)
{
	if (b->events || b->checks || b->lost)
		return RUN_DETAIL;
	if (!(b->run | b->stall | b->wait | b->signal | b->max_wait))
		return STATE_IDLE;
	if (b->run == width)
		return b->max_wait ? RUN_DETAIL : STATE_RUN;
	if (b->stall == width)
		return b->max_wait ? RUN_DETAIL : STATE_STALL;
	if (b->wait == width)
		return STATE_WAIT;
	if (b->signal == width)
		return STATE_SIGNAL;
	return RUN_DETAIL;
}

/* Counts that follow from others are stored as the difference: mostly nothing. */
static inline uint64_t field_of(const struct timeline_bin *b, unsigned field)
{
	switch (field) {
	case F_RUN: return b->run;
	case F_STALL: return b->stall;
	case F_WAIT: return b->wait;
	case F_SIGNAL: return b->signal;
	case F_MAX_WAIT: return b->max_wait;
	case F_ACQUIRES: return b->acquires;
	case F_RELEASES: return zigzag((int64_t)b->releases - (int64_t)b->acquires);
	case F_EVENTS:
		return zigzag((int64_t)b->events - (int64_t)b->releases - (int64_t)b->acquires -
			      (int64_t)b->busy - (int64_t)b->retry - (int64_t)b->timeouts);
	case F_BUSY: return b->busy;
	case F_RETRY: return b->retry;
	case F_TIMEOUTS: return b->timeouts;
	case F_SWITCHES: return b->switches;
	case F_LOST: return b->lost;
	case F_CHECKS: return b->checks;
	}
	return 0;
}

/* Writes the lane behind p, which has room for the worst; returns the byte after it. */
static uint8_t *put_lane(uint8_t *p, const struct timeline_bin *bin, uint32_t n, uint64_t width)
{
	const struct timeline_bin *detail[1 << NODE_MAX_BITS];
	uint64_t any[N_FIELDS] = { 0 };
	uint32_t n_details = 0;
	unsigned mask = 0;

	for (uint32_t i = 0, j; i < n; i = j) {
		unsigned type = run_type(&bin[i], width);

		for (j = i + 1; j < n && run_type(&bin[j], width) == type; j++)
			if (has_max(type) && bin[j].max_wait != bin[i].max_wait)
				break;
		p = put_varint(p, (uint64_t)(j - i) << 3 | type);
		if (has_max(type))
			p = put_varint(p, bin[i].max_wait);
		for (uint32_t k = i; type == RUN_DETAIL && k < j; k++)
			detail[n_details++] = &bin[k];
	}
	if (!n_details)
		return p;
	for (uint32_t k = 0; k < n_details; k++)
#pragma GCC unroll 14
		for (unsigned f = 0; f < N_FIELDS; f++)
			any[f] |= field_of(detail[k], f);
	for (unsigned f = 0; f < N_FIELDS; f++)
		mask |= (unsigned)(any[f] != 0) << f;
	p = put_varint(p, mask);
	for (unsigned m = mask; m; m &= m - 1) {
		unsigned f = (unsigned)__builtin_ctz(m);
		unsigned bytes = (71 - (unsigned)__builtin_clzll(any[f])) / 8;

		*p++ = (uint8_t)bytes;
		/* Up to 7 bytes behind a value are written, too. */
		for (uint32_t k = 0; k < n_details; k++, p += bytes)
			put_le64(p, field_of(detail[k], f));
	}
	return p;
}

int node_encode(struct buf *out, const struct timeline_bin *bin, uint32_t n_lanes, uint32_t n,
		uint64_t width)
{
	/* A run of each bin and all fields of each, both of which do not happen together. */
	const size_t worst =
		(2 * VARINT_MAX + N_FIELDS * 8) * (size_t)n + N_FIELDS + VARINT_MAX + 8;

	assert(n <= 1 << NODE_MAX_BITS);
	for (uint32_t l = 0; l < n_lanes; l++, bin += n) {
		uint8_t *p = buf_reserve(out, VARINT_MAX + worst), *lane = p + VARINT_MAX;
		size_t len;

		if (!p)
			return -1;
		len = (size_t)(put_lane(lane, bin, n, width) - lane);
		p = put_varint(p, len);
		memmove(p, lane, len);
		out->len = (size_t)(p - out->data) + len;
	}
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Where the bins of a node are added that are told one by one, of those that are wanted. */
struct details {
	uint32_t n, skip, wanted;	/* all; before those that are wanted; wanted */
	bool some;			/* something was added without them */
	uint32_t at[1 << NODE_MAX_BITS];
};

static inline uint32_t place_of(const struct node_window *w, uint32_t i)
{
	return (uint32_t)((w->offset + i) >> w->up);
}

static void add_constant(struct timeline_bin *out, const struct node_window *w, uint32_t i,
			 uint32_t end, unsigned type, uint64_t width, uint64_t max)
{
	for (; i < end; i++) {
		struct timeline_bin *b = &out[place_of(w, i)];

		if (max > b->max_wait)
			b->max_wait = max;
		switch (type) {
		case STATE_RUN: b->run += width; break;
		case STATE_STALL: b->stall += width; break;
		case STATE_WAIT: b->wait += width; break;
		case STATE_SIGNAL: b->signal += width; break;
		}
	}
}

/*
 * Reads the runs of a lane and adds those of one state; d: the rest.  NULL if they make no n bins.
 */
static const uint8_t *get_runs(const uint8_t *p, const uint8_t *end, const struct node_window *w,
			       uint32_t n, uint64_t width, struct timeline_bin *out,
			       struct details *d)
{
	d->n = d->skip = d->wanted = 0;
	d->some = false;
	for (uint32_t i = 0, from, to; i < n; i = to) {
		uint64_t v, max = 0;
		unsigned type;

		p = get_varint(p, end, &v);
		type = v & 7;
		if (p && has_max(type))
			p = get_varint(p, end, &max);
		if (!p || !(v >> 3) || v >> 3 > n - i || (type > STATE_STALL && type != RUN_DETAIL))
			return NULL;
		to = i + (uint32_t)(v >> 3);
		from = i > w->from ? i : w->from;
		if (type != RUN_DETAIL) {
			if (type == STATE_IDLE)
				continue;
			d->some = true;
			add_constant(out, w, from, to < w->to ? to : w->to, type, width, max);
			continue;
		}
		d->n += to - i;
		if (i < w->from)
			d->skip += (to < w->from ? to : w->from) - i;
		for (; from < to && from < w->to; from++)
			d->at[d->wanted++] = place_of(w, from);
	}
	return p;
}

/* The next value, of `bytes` bytes.  Only the very last ones of a node have no 8 bytes to read. */
static inline uint64_t get_value(const uint8_t *p, const uint8_t *end, unsigned bytes)
{
	uint64_t v = 0;

	if (end - p >= 8)
		return get_le64(p) & UINT64_MAX >> (64 - 8 * bytes);
	for (unsigned b = 0; b < bytes; b++)
		v |= (uint64_t)p[b] << 8 * b;
	return v;
}

/* Adds a field's values, and to what is stored as the difference to it. */
static inline __attribute__((always_inline)) void add_values(struct timeline_bin *out,
							     const struct details *d,
							     const uint8_t *p, const uint8_t *end,
							     unsigned bytes, unsigned field)
{
#define ADD(...) \
	for (uint32_t i = 0; i < d->wanted; i++, p += bytes) { \
		struct timeline_bin *b = &out[d->at[i]]; \
		uint64_t v = get_value(p, end, bytes); \
		__VA_ARGS__; \
	} \
	break
	switch (field) {
	case F_RUN: ADD(b->run += v);
	case F_STALL: ADD(b->stall += v);
	case F_WAIT: ADD(b->wait += v);
	case F_SIGNAL: ADD(b->signal += v);
	case F_MAX_WAIT: ADD(b->max_wait = v > b->max_wait ? v : b->max_wait);
	case F_ACQUIRES: {
		ADD(uint32_t k = (uint32_t)v; b->acquires += k; b->releases += k;
		    b->events += 2 * k);
	}
	case F_RELEASES: {
		ADD(uint32_t k = (uint32_t)unzigzag(v); b->releases += k; b->events += k);
	}
	case F_EVENTS: ADD(b->events += (uint32_t)unzigzag(v));
	case F_BUSY: ADD(b->busy += (uint32_t)v; b->events += (uint32_t)v);
	case F_RETRY: ADD(b->retry += (uint32_t)v; b->events += (uint32_t)v);
	case F_TIMEOUTS: ADD(b->timeouts += (uint32_t)v; b->events += (uint32_t)v);
	case F_SWITCHES: ADD(b->switches += (uint32_t)v);
	case F_LOST: ADD(b->lost = lost_add(b->lost, v));
	case F_CHECKS: ADD(b->checks += v);
	}
#undef ADD
}

/*
 * To the usual widths their own loops: what is known of them need not be found out for every value.
 */
static void add_field(struct timeline_bin *out, const struct details *d, const uint8_t *p,
		      const uint8_t *end, unsigned bytes, unsigned field)
{
	switch (bytes) {
	case 1: add_values(out, d, p, end, 1, field); break;
	case 2: add_values(out, d, p, end, 2, field); break;
	case 3: add_values(out, d, p, end, 3, field); break;
	default: add_values(out, d, p, end, bytes, field);
	}
}

/* Reads the details of a lane, to its end, and adds them. */
static int add_details(const uint8_t *p, const uint8_t *end, struct timeline_bin *out,
		       const struct details *d)
{
	uint64_t mask = 0;

	if (d->n)
		p = get_varint(p, end, &mask);
	if (!p || mask >> N_FIELDS)
		return -1;
	for (; mask; mask &= mask - 1) {
		unsigned bytes = p < end ? *p++ : 0;

		if (!bytes || bytes > 8 || (size_t)(end - p) / bytes < d->n)
			return -1;
		add_field(out, d, p + (size_t)d->skip * bytes, end, bytes,
			  (unsigned)__builtin_ctzll(mask));
		p += (size_t)d->n * bytes;
	}
	return p == end ? 0 : -1;
}

int node_decode(const struct node_window *w, uint32_t n_lanes, uint32_t n, uint64_t width,
		const uint8_t *p, size_t len, struct err *err)
{
	const uint8_t *end = p + len;
	struct details d;

	assert(n <= 1 << NODE_MAX_BITS && w->to <= n);
	for (uint32_t l = 0; l < n_lanes; l++) {
		struct timeline_bin *out;
		const uint8_t *q;
		uint64_t bytes;

		p = get_varint(p, end, &bytes);
		if (!p || bytes > (uint64_t)(end - p))
			return err_set(err, ERR_FORMAT, "damaged node of bins");
		q = p;
		p += bytes;
		if (l < w->lane0 || l - w->lane0 >= w->n_lanes)
			continue;
		out = w->out + (size_t)(l - w->lane0) * w->stride;
		q = get_runs(q, p, w, n, width, out, &d);
		if (!q || add_details(q, p, out, &d))
			return err_set(err, ERR_FORMAT, "damaged bins of a node");
		w->some[l - w->lane0] |= d.some || d.wanted;
	}
	if (p != end)
		return err_set(err, ERR_FORMAT, "bytes behind a node's last bin");
	return 0;
}
