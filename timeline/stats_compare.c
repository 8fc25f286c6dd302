/* stats_compare.c - two traces' figures beside each other: see stats_show.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"
#include "grid.h"
#include "json.h"
#include "stats_internal.h"
#include "time.h"

/* Rows of A and B that belong together; NO_THREAD: only the other one has it. */
struct pair { uint32_t a, b; };

struct keyed { const char *key; uint32_t i; };

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : x->i < y->i ? -1 : x->i > y->i;
}

enum match { BY_NAME, BY_ID, BY_ORDER };

/*
 * The rows that no partner has been found for, with what they are matched by; those without it are
 * left out.
 */
static uint32_t keys_of(struct keyed *out, const struct stats *s, enum scope scope,
			const uint32_t *partner, enum match by)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < stats_n_rows(s, scope); i++) {
		struct row r = stats_row(s, scope, i);
		const char *key = by == BY_NAME ? r.name : by == BY_ID ? r.id : "";

		if (partner[i] == NO_THREAD && (*key || by == BY_ORDER))
			out[n++] = (struct keyed){ key, i };
	}
	if (n)
		qsort(out, n, sizeof(*out), by_key);
	return n;
}

/* Equal keys are matched in their order. */
static void match_keys(const struct keyed *a, uint32_t n_a, const struct keyed *b, uint32_t n_b,
		       uint32_t *partner_a, uint32_t *partner_b)
{
	for (uint32_t i = 0, k = 0; i < n_a && k < n_b;) {
		int order = strcmp(a[i].key, b[k].key);

		if (!order) {
			partner_a[a[i].i] = b[k].i;
			partner_b[b[k].i] = a[i].i;
		}
		i += order <= 0;
		k += order >= 0;
	}
}

/* All pairs: A's rows in order, then those of B alone.  The caller frees; NULL: out of memory. */
static struct pair *match_rows(const struct stats *a, const struct stats *b, enum scope scope,
			       uint32_t *n)
{
	uint32_t n_a = stats_n_rows(a, scope), n_b = stats_n_rows(b, scope);
	struct pair *pair = malloc(((size_t)n_a + n_b + 1) * sizeof(*pair));
	uint32_t *partner = malloc(((size_t)n_a + n_b + 1) * sizeof(*partner));
	struct keyed *key = malloc(((size_t)n_a + n_b + 1) * sizeof(*key));

	*n = 0;
	if (!pair || !partner || !key) {
		free(pair);
		pair = NULL;
		goto out;
	}
	for (uint32_t i = 0; i < n_a + n_b; i++)
		partner[i] = NO_THREAD;
	/*
	 * Numbers and addresses differ from run to run: names say more; and a process's first lock
	 * is its GIL.
	 */
	for (unsigned by = BY_NAME; by <= BY_ORDER; by++) {
		uint32_t k_a, k_b;

		if (by == BY_ORDER && scope == SCOPE_THREAD)
			break;
		k_a = keys_of(key, a, scope, partner, by);
		k_b = keys_of(key + n_a, b, scope, partner + n_a, by);
		match_keys(key, k_a, key + n_a, k_b, partner, partner + n_a);
	}
	for (uint32_t i = 0; i < n_a; i++)
		pair[(*n)++] = (struct pair){ i, partner[i] };
	for (uint32_t i = 0; i < n_b; i++)
		if (partner[n_a + i] == NO_THREAD)
			pair[(*n)++] = (struct pair){ NO_THREAD, i };
out:
	free(partner);
	free(key);
	return pair;
}

struct change {
	struct number a, b, difference, ratio;
	bool negative;			/* of the difference */
};

/* Lengths and rates of clocks that differ have nothing in common. */
static bool comparable(const struct stats *a, const struct stats *b, enum unit unit)
{
	return unit == COUNT || unit == RATIO ||
	       timeline_info(a->tl)->clock == timeline_info(b->tl)->clock;
}

static struct change change_of(const struct stats *a, const struct stats_figures *fa,
			       const struct stats *b, const struct stats_figures *fb,
			       const struct column *c)
{
	struct change x = { 0 };

	if (fa)
		x.a = stats_number(a, fa, c);
	if (fb)
		x.b = stats_number(b, fb, c);
	if (x.a.kind == NONE || x.b.kind == NONE || c->unit == INSTANT ||
	    !comparable(a, b, c->unit))
		return x;
	if (x.a.kind == WHOLE && x.b.kind == WHOLE) {
		x.negative = x.b.u < x.a.u;
		x.difference = number_whole(x.negative ? x.a.u - x.b.u : x.b.u - x.a.u);
	} else {
		x.negative = x.b.d < x.a.d;
		x.difference = number_fraction(x.negative ? x.a.d - x.b.d : x.b.d - x.a.d, 1);
	}
	x.ratio = number_fraction(x.b.d, x.a.d);
	return x;
}

static const struct stats_figures *figures_of(const struct stats *s, enum scope scope, uint32_t i)
{
	return i == NO_THREAD ? NULL : stats_row(s, scope, i).f;
}

static void json_change(struct json *j, const struct stats *a, const struct stats *b,
			enum scope scope, const struct pair *p)
{
	const struct stats_figures *fa = figures_of(a, scope, p->a),
				   *fb = figures_of(b, scope, p->b);

	json_begin(j, '{');
	stats_key_str(j, "scope", stats_scope_name[scope]);
	if (scope != SCOPE_TRACE) {
		stats_json_who(j, "a", a, scope, p->a);
		stats_json_who(j, "b", b, scope, p->b);
	}
	for (unsigned ratio = 0; ratio < 2; ratio++) {
		json_key(j, ratio ? "ratio" : "difference");
		json_begin(j, '{');
		for (size_t i = 0; i < n_stats_columns; i++) {
			struct change c = change_of(a, fa, b, fb, &stats_column[i]);

			json_key(j, stats_column[i].key);
			if (ratio) {
				stats_json_number(j, c.ratio);
			} else if (c.negative) {
				char text[48];

				if (c.difference.kind == WHOLE)
					snprintf(text, sizeof(text), "-%" PRIu64, c.difference.u);
				else
					snprintf(text, sizeof(text), "-%.9g", c.difference.d);
				json_raw(j, text);
			} else {
				stats_json_number(j, c.difference);
			}
		}
		json_end(j, '}');
	}
	json_end(j, '}');
}

void stats_compare_json(struct buf *out, const struct stats_shown *a, const struct stats_shown *b)
{
	struct json j = json_new(out);

	json_begin(&j, '{');
	stats_key_u64(&j, "gilscope_compare", 1);
	json_key(&j, "a");
	stats_json_trace(&j, a);
	json_key(&j, "b");
	stats_json_trace(&j, b);
	json_key(&j, "changes");
	json_begin(&j, '[');
	for (unsigned scope = 0; scope < N_SCOPES; scope++) {
		struct pair one = { 0, 0 };
		uint32_t n = 1;
		struct pair *p = scope == SCOPE_TRACE ? &one : match_rows(a->s, b->s, scope, &n);

		out->failed |= !p;
		for (uint32_t i = 0; p && i < n; i++)
			json_change(&j, a->s, b->s, scope, &p[i]);
		if (p != &one)
			free(p);
	}
	json_end(&j, ']');
	json_end(&j, '}');
	buf_str(out, "\n");
}

static void csv_change(struct buf *out, const struct stats *a, const struct stats *b,
		       enum scope scope, const struct pair *p)
{
	const struct stats_figures *fa = figures_of(a, scope, p->a),
				   *fb = figures_of(b, scope, p->b);
	struct row ra =
		stats_row(a, p->a == NO_THREAD ? SCOPE_TRACE : scope, p->a == NO_THREAD ? 0 : p->a);
	struct row rb =
		stats_row(b, p->b == NO_THREAD ? SCOPE_TRACE : scope, p->b == NO_THREAD ? 0 : p->b);

	for (size_t i = 0; i < n_stats_columns; i++) {
		struct change c = change_of(a, fa, b, fb, &stats_column[i]);

		buf_printf(out, "%s,", stats_scope_name[scope]);
		stats_csv_who(out, &ra);
		buf_str(out, ",");
		stats_csv_who(out, &rb);
		buf_printf(out, ",%s,", stats_column[i].key);
		stats_csv_number(out, c.a);
		buf_str(out, ",");
		stats_csv_number(out, c.b);
		buf_str(out, c.negative ? ",-" : ",");
		stats_csv_number(out, c.difference);
		buf_str(out, ",");
		stats_csv_number(out, c.ratio);
		buf_str(out, "\n");
	}
}

void stats_compare_csv(struct buf *out, const struct stats_shown *a, const struct stats_shown *b)
{
	buf_str(out, "scope,a_pid,a_id,a_name,b_pid,b_id,b_name,figure,a,b,difference,ratio\n");
	for (unsigned scope = 0; scope < N_SCOPES; scope++) {
		struct pair one = { 0, 0 };
		uint32_t n = 1;
		struct pair *p = scope == SCOPE_TRACE ? &one : match_rows(a->s, b->s, scope, &n);

		out->failed |= !p;
		for (uint32_t i = 0; p && i < n; i++)
			csv_change(out, a->s, b->s, scope, &p[i]);
		if (p != &one)
			free(p);
	}
}

/* What is compared for people. */
static const struct { const char *key, *label; bool thread;
} compared[] = {
	{ "utilisation", "held %", true },
	{ "wait_share", "waiting %", true },
	{ "stall", "stalled", true },
	{ "acquire_rate", "acquires", true },
	{ "switch_rate", "switches", false },
	{ "waits", "contended takes", true },
	{ "failed", "failed", true },
	{ "badness", "badness", false },
	{ "wait_p50", "wait p50", true },
	{ "wait_p99", "wait p99", true },
	{ "wait_max", "wait max", true },
	{ "handoff_p50", "hand-off p50", false },
	{ "handoff_p99", "hand-off p99", true },
	{ "hold_p50", "hold p50", true },
	{ "hold_p99", "hold p99", false },
	{ "hold_max", "hold max", true },
};

static void compared_cell(struct grid *g, const struct stats *s, const struct column *c,
			  struct number n)
{
	char text[32];

	if (n.kind == NONE)
		grid_cell(g, "-");
	else if (c->unit == TIME)
		grid_cell(g, "%s", time_text(text, n.u, timeline_info(s->tl)->clock));
	else if (c->computed == UTILISATION || c->computed == WAIT_SHARE)
		grid_cell(g, "%.1f", 100 * n.d);
	else {
		stats_number_text(text, n);
		grid_cell(g, "%s%s", text, c->unit == RATE ? stats_per(s) : "");
	}
}

static void change_cell(struct grid *g, const struct column *c, const struct change *x)
{
	if (x->difference.kind == NONE)
		grid_cell(g, "-");
	else if (c->computed == UTILISATION || c->computed == WAIT_SHARE)
		grid_cell(g, "%+.1f points", 100 * (x->b.d - x->a.d));
	else if (x->a.d == x->b.d)
		grid_cell(g, "same");
	else if (x->ratio.kind == NONE || x->b.d == 0)
		grid_cell(g, "%s", x->negative ? "to nothing" : "from nothing");
	else if (x->ratio.d >= 2)
		grid_cell(g, "%.3g times", x->ratio.d);
	else if (x->ratio.d <= 0.5)
		grid_cell(g, "1/%.3g", 1 / x->ratio.d);
	else
		grid_cell(g, "%+.1f %%", 100 * (x->ratio.d - 1));
}

static void compare_rows(struct buf *out, const struct stats *a, const struct stats *b,
			 enum scope scope, const struct pair *p)
{
	const struct stats_figures *fa = figures_of(a, scope, p->a),
				   *fb = figures_of(b, scope, p->b);
	struct row r = p->a != NO_THREAD ? stats_row(a, scope, p->a) : stats_row(b, scope, p->b);
	struct grid g = { 0 };

	g.n_columns = 4;
	stats_name_cell(&g, &r);
	grid_cell(&g, "%s", fa ? "A" : "not in A");
	grid_cell(&g, "%s", fb ? "B" : "not in B");
	grid_cell(&g, "change");
	for (size_t i = 0; i < sizeof(compared) / sizeof(*compared); i++) {
		const struct column *c = stats_find_column(compared[i].key);
		struct change x = change_of(a, fa, b, fb, c);

		if ((scope == SCOPE_THREAD && !compared[i].thread) || (x.a.d == 0 && x.b.d == 0))
			continue;
		grid_cell(&g, "  %s", compared[i].label);
		compared_cell(&g, a, c, x.a);
		compared_cell(&g, b, c, x.b);
		change_cell(&g, c, &x);
	}
	grid_put(out, &g);
}

/* How often and for how long, by kind of finding. */
static void compare_findings(struct buf *out, const struct stats *s[2])
{
	struct grid g = { 0 };

	if (!s[0]->findings || !s[1]->findings)
		return;
	stats_put_rule(out, "Findings", "");
	g.n_columns = 3;
	grid_cell(&g, "kind");
	grid_cell(&g, "A");
	grid_cell(&g, "B");
	for (unsigned kind = 0; kind < N_FINDINGS; kind++) {
		grid_cell(&g, "%s", finding_name(kind));
		for (unsigned k = 0; k < 2; k++) {
			const struct findings *f = s[k]->findings;
			uint64_t n = 0, total = 0;
			char text[32];

			for (size_t i = 0; i < f->n; i++) {
				n += f->f[i].kind == kind ? f->f[i].count : 0;
				total += f->f[i].kind == kind ? f->f[i].total : 0;
			}
			if (n)
				grid_cell(&g, "%" PRIu64 ", %s", n,
				     time_text(text, total, timeline_info(s[k]->tl)->clock));
			else
				grid_cell(&g, "none");
		}
	}
	grid_put(out, &g);
}

void stats_compare_table(struct buf *out, const struct stats_shown *a, const struct stats_shown *b)
{
	static const char *const title[] = { "Whole", "Locks", "Threads" };
	const struct stats *both[2] = { a->s, b->s };

	buf_str(out, "A  ");
	stats_put_head(out, a);
	buf_str(out, "B  ");
	stats_put_head(out, b);
	if (!comparable(a->s, b->s, TIME))
		buf_str(out, "  The clocks differ: times and rates stand beside each other, "
			     "but have no change.\n");
	for (unsigned scope = 0; scope < N_SCOPES; scope++) {
		struct pair one = { 0, 0 };
		uint32_t n = 1, shown;
		struct pair *p = scope == SCOPE_TRACE ? &one : match_rows(a->s, b->s, scope, &n);

		out->failed |= !p;
		/* One lock's figures are the whole's. */
		shown = a->all || n < ROWS_SHOWN ? n : ROWS_SHOWN;
		if (scope == SCOPE_LOCK && n == 1)
			shown = 0;
		if (shown)
			stats_put_rule(out, title[scope], "");
		for (uint32_t i = 0; p && i < shown; i++)
			compare_rows(out, a->s, b->s, scope, &p[i]);
		if (shown && shown < n)
			buf_printf(out, "  and %" PRIu32 " more (--all shows them)\n", n - shown);
		if (p != &one)
			free(p);
	}
	compare_findings(out, both);
}
