/* gillog_decode.c - see gillog.h: a block's events */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "gillog_format.h"
#include "gillog_mixed.h"

struct gillog_decoder {
	ZSTD_DCtx *dctx;
	uint8_t *raw, *planes;		/* GILLOG_BLOCK_MAX bytes each */
	struct gillog_arrays out;
	struct mixed_reader *mixed;	/* NULL until the first mixed block */
	uint64_t mixed_at;		/* where the block that it reads stands */
};

struct gillog_decoder *gillog_decoder_new(struct err *err)
{
	struct gillog_decoder *d = calloc(1, sizeof(*d));

	if (d) {
		d->dctx = ZSTD_createDCtx();
		d->raw = malloc(GILLOG_BLOCK_MAX);
		d->planes = malloc(GILLOG_BLOCK_MAX);
	}
	if (!d || !d->dctx || !d->raw || !d->planes) {
		gillog_decoder_free(d);
		err_memory(err, "a decoder");
		return NULL;
	}
	return d;
}

void gillog_decoder_free(struct gillog_decoder *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->dctx);
	free(d->raw);
	free(d->planes);
	gillog_arrays_release(&d->out);
	if (d->mixed)
		mixed_release(d->mixed);
	free(d->mixed);
	free(d);
}

void gillog_arrays_release(struct gillog_arrays *a)
{
	free(a->event);
	free(a->attr);
	*a = (struct gillog_arrays){ 0 };
}

void gillog_decoder_swap(struct gillog_decoder *d, struct gillog_arrays *a)
{
	struct gillog_arrays swap = d->out;

	d->out = *a;
	*a = swap;
}

static int reserve_events(struct gillog_decoder *d, size_t n, struct err *err)
{
	if (n <= d->out.cap_events)
		return 0;
	free(d->out.event);
	d->out.cap_events = 0;
	d->out.event = malloc(n * sizeof(*d->out.event));
	if (!d->out.event)
		return err_memory(err, "a block's events");
	d->out.cap_events = n;
	return 0;
}

/* Puts each varint's further bytes behind its first again. */
static int join_planes(uint8_t *raw, const uint8_t *planes, uint32_t heads, uint32_t n,
		       struct err *err)
{
	const uint8_t *tail = planes + heads, *end = planes + n;

	for (const uint8_t *head = planes; head < planes + heads; head++) {
		uint8_t byte = *raw++ = *head;

		for (; byte & 0x80 && tail < end; tail++)
			byte = *raw++ = *tail;
		if (byte & 0x80)
			break;
	}
	if (tail != end || raw[-1] & 0x80)
		return err_set(err, ERR_FORMAT,
			       "%" PRIu32 " of %" PRIu32 " bytes cannot be the heads of numbers",
			       heads, n);
	return 0;
}

static int unpack_block(struct gillog_decoder *d, const struct gillog_block *b, struct err *err)
{
	if (b->method != METHOD_PLANES)
		return gillog_unpack(d->dctx, b->method, b->data, b->stored, d->raw, b->raw, err);
	if (!b->heads || b->heads > b->raw)
		return err_set(err, ERR_FORMAT, "%" PRIu32 " heads in %" PRIu32 " bytes", b->heads,
			       b->raw);
	return gillog_unpack(d->dctx, METHOD_ZSTD, b->data, b->stored, d->planes, b->raw, err) ||
	       join_planes(d->raw, d->planes, b->heads, b->raw, err) ? -1 : 0;
}

/* Room for all that one event can carry. */
static int reserve_attrs(struct gillog_decoder *d, size_t n, struct err *err)
{
	size_t want = d->out.cap_attrs ? d->out.cap_attrs : 1024;
	struct gillog_attr *bigger;

	if (n + 4 + EVENT_ATTRS_MAX <= d->out.cap_attrs)
		return 0;
	while (want < n + 4 + EVENT_ATTRS_MAX)
		want *= 2;
	bigger = realloc(d->out.attr, want * sizeof(*bigger));
	if (!bigger)
		return err_memory(err, "a block's attributes");
	d->out.attr = bigger;
	d->out.cap_attrs = want;
	return 0;
}

/* What they have set for the next event only. */
struct once {
	bool any, cpu, checks, countdown;
	uint8_t kind, n_attrs;
	int64_t checks_off, countdown_off;
	struct gillog_attr attrs[EVENT_ATTRS_MAX];
};

static int take_op(const struct gillog_block *b, uint64_t x, const uint8_t **p, const uint8_t *end,
		   struct carried *c, struct once *o, struct err *err)
{
	uint64_t value = x >> OP_BITS, v;

	o->any = true;
	switch (x & ((1 << OP_BITS) - 1)) {
	case OP_LOCK:
		if (value >= b->n_locks)
			break;
		c->lock = (uint32_t)value;
		return 0;
	case OP_CPU:
		if (value > INT32_MAX)
			break;
		c->cpu = (int64_t)value;
		o->cpu = true;
		return 0;
	case OP_FUNC:
		if (value > b->n_funcs)
			break;
		c->func = (int64_t)value - 1;
		return 0;
	case OP_KIND:
		if (!value || value >= N_GL_KINDS)
			break;
		o->kind = (uint8_t)value;
		return 0;
	case OP_ATTR:
		*p = get_varint(*p, end, &v);
		if (!*p || !gillog_attr_name((unsigned)(value & 0xff)) || value > 0xff ||
		    o->n_attrs == EVENT_ATTRS_MAX)
			break;
		if (value == GL_ATTR_TARGET && (uint64_t)unzigzag(v) >= b->n_threads)
			break;
		o->attrs[o->n_attrs++] = (struct gillog_attr){ (uint8_t)value, unzigzag(v) };
		return 0;
	case OP_CHECKS:
		o->checks_off = unzigzag(value);
		o->checks = true;
		return 0;
	case OP_COUNTDOWN:
		o->countdown_off = unzigzag(value);
		o->countdown = true;
		return 0;
	}
	return err_set(err, ERR_FORMAT, "an operation %" PRIu64 " cannot be", x);
}

/* Writes the attributes of an event of this kind at a; returns how many. */
static unsigned carry(struct gillog_attr *a, unsigned kind, struct carried *c, struct once *o)
{
	struct ticks t = expect_ticks(c, kind);
	unsigned n = 0;

	if (o->cpu)
		a[n++] = (struct gillog_attr){ GL_ATTR_CPU, c->cpu };
	t.checks = plus(t.checks, o->checks_off);
	t.countdown = plus(t.countdown, o->countdown_off);
	learn_ticks(c, kind, t);
	c->has_checks |= o->checks;
	c->has_countdown |= o->countdown;
	if (c->has_checks)
		a[n++] = (struct gillog_attr){ GL_ATTR_CHECKS, t.checks };
	if (c->has_countdown)
		a[n++] = (struct gillog_attr){ GL_ATTR_COUNTDOWN, t.countdown };
	if (c->func >= 0 && kind_has_func(kind))
		a[n++] = (struct gillog_attr){ GL_ATTR_FUNC, c->func };
	for (unsigned i = 0; i < o->n_attrs; i++)
		a[n++] = o->attrs[i];
	if (o->any) {		/* all but what n_attrs says is there */
		o->any = o->cpu = o->checks = o->countdown = false;
		o->kind = o->n_attrs = 0;
		o->checks_off = o->countdown_off = 0;
	}
	return n;
}

static int decode(struct gillog_decoder *d, const struct gillog_block *b, struct err *err)
{
	const uint8_t *p = d->raw, *end = d->raw + b->raw;
	struct carried c = carried_none;
	struct once o = { 0 };
	uint64_t t = b->first, v;
	uint32_t n = 0;
	size_t n_attrs = 0;
	unsigned kind = 0;

	while (p < end) {
		struct gillog_event *e;
		unsigned code;

		if (*p < 0x80) {
			v = *p++;
		} else if (end - p >= 2 && p[1] < 0x80) {
			v = (p[0] & 0x7fu) | (uint64_t)p[1] << 7;
			p += 2;
		} else if (!(p = get_varint(p, end, &v))) {
			return err_set(err, ERR_FORMAT, "a number is cut off");
		}
		code = v & CODE_OP;
		v >>= CODE_BITS;
		if (code == CODE_OP) {
			if (take_op(b, v, &p, end, &c, &o, err))
				return -1;
			continue;
		}
		kind = o.kind ? o.kind : follow[kind][code];
		if (n == b->n_events || v > b->last - t)
			return err_set(err, ERR_FORMAT,
				       "event %" PRIu32 " lies behind the block's end", n);
		if (c.lock >= b->n_locks)
			return err_set(err, ERR_FORMAT, "lock %" PRIu32 " has not been named",
				       c.lock);
		t += v;
		e = &d->out.event[n++];
		*e = (struct gillog_event){ .time = t, .attr = (uint32_t)n_attrs,
					    .lock = (uint16_t)c.lock, .kind = (uint8_t)kind };
		if (!o.any && !c.has_checks && !c.has_countdown && c.func < 0)
			continue;
		if (reserve_attrs(d, n_attrs, err))
			return -1;
		e->n_attrs = (uint8_t)carry(d->out.attr + n_attrs, kind, &c, &o);
		n_attrs += e->n_attrs;
	}
	if (n != b->n_events || t != b->last || d->out.event[0].time != b->first)
		return err_set(err, ERR_FORMAT,
			       "%" PRIu32 " events to %" PRIu64 " where %" PRIu32 " to %" PRIu64
			       " belong",
			       n, t, b->n_events, b->last);
	return 0;
}

/* Says in which block it is that something is wrong. */
static int in_block(uint64_t at, struct err *err)
{
	char where[48];

	snprintf(where, sizeof(where), "block at byte %" PRIu64, at);
	return err_prefix(err, where);
}

int gillog_decode(struct gillog_decoder *d, const struct gillog_block *b,
		  const struct gillog_event **events, const struct gillog_attr **attrs,
		  struct err *err)
{
	*events = NULL;
	*attrs = NULL;
	if (b->mixed)
		return err_set(err, ERR_USAGE, "a mixed block has events of all threads");
	if (b->raw > GILLOG_BLOCK_MAX || b->n_events > b->raw || !b->n_events || b->first > b->last)
		return err_set(err, ERR_FORMAT,
			       "a block with %" PRIu32 " events in %" PRIu32 " bytes", b->n_events,
			       b->raw);
	if (reserve_events(d, b->n_events, err))
		return -1;
	if (unpack_block(d, b, err) || decode(d, b, err))
		return in_block(b->offset, err);
	*events = d->out.event;
	*attrs = d->out.attr;
	return 0;
}

int gillog_mixed_open(struct gillog_decoder *d, const struct gillog_block *b, struct err *err)
{
	if (!d->mixed)
		d->mixed = calloc(1, sizeof(*d->mixed));
	if (!d->mixed)
		return err_memory(err, "a decoder");
	d->mixed->left = 0;
	d->mixed_at = b->offset;
	if (!b->mixed || b->raw > GILLOG_BLOCK_MAX)
		return err_set(err, ERR_USAGE, "a block of one thread, or of too many bytes");
	if (gillog_unpack(d->dctx, b->method, b->data, b->stored, d->raw, b->raw, err) ||
	    mixed_open(d->mixed, b, d->raw, err))
		return in_block(b->offset, err);
	return 0;
}

int gillog_mixed_read(struct gillog_decoder *d, const struct gillog_row **rows,
		      const struct gillog_attr **attrs, struct err *err)
{
	int n = mixed_read(d->mixed, err);

	*rows = d->mixed->row;
	*attrs = d->mixed->attr;
	return n < 0 ? in_block(d->mixed_at, err) : n;
}
