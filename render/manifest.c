/* manifest.c - see manifest.h */
#include "manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "json.h"
#include "waits.h"


/* --- stored tiles ----------------------------------------------------------------------------- */

int stored_init(struct stored_runs *s, const struct pyramid *p, struct err *err)
{
	s->n_zooms = p->z_max + 1;
	s->n_groups = p->n_groups;
	s->list = calloc((size_t)s->n_zooms * s->n_groups, sizeof(*s->list));
	return s->list ? 0 : err_memory(err, "the list of tiles");
}

int stored_add(struct stored_runs *s, const struct batch_tile *t, struct err *err)
{
	struct stored_list *l = &s->list[(size_t)t->z * s->n_groups + t->y];

	if (l->n && l->v[l->n - 2] + l->v[l->n - 1] == t->x) {
		l->v[l->n - 1] += t->n;
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		uint64_t *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return err_memory(err, "the list of tiles");
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = t->x;
	l->v[l->n++] = t->n;
	return 0;
}

static int by_x(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void stored_sort(struct stored_runs *s)
{
	for (size_t i = 0; i < (size_t)s->n_zooms * s->n_groups; i++) {
		struct stored_list *l = &s->list[i];
		size_t n = 0;

		if (!l->n)
			continue;
		qsort(l->v, l->n / 2, 2 * sizeof(*l->v), by_x);
		for (size_t k = 0; k < l->n; k += 2) {
			if (n && l->v[n - 2] + l->v[n - 1] == l->v[k]) {
				l->v[n - 1] += l->v[k + 1];
			} else {
				l->v[n++] = l->v[k];
				l->v[n++] = l->v[k + 1];
			}
		}
		l->n = n;
	}
}

void stored_release(struct stored_runs *s)
{
	for (size_t i = 0; s->list && i < (size_t)s->n_zooms * s->n_groups; i++)
		free(s->list[i].v);
	free(s->list);
	s->list = NULL;
}

static void put_stored(struct json *j, const struct stored_runs *s)
{
	json_key(j, "stored");
	if (!s) {
		json_null(j);
		return;
	}
	json_begin(j, '[');
	for (unsigned z = 0; z < s->n_zooms; z++) {
		json_begin(j, '[');
		for (uint32_t y = 0; y < s->n_groups; y++) {
			const struct stored_list *l = &s->list[(size_t)z * s->n_groups + y];

			json_begin(j, '[');
			for (size_t i = 0; i < l->n; i++)
				json_u64(j, l->v[i]);
			json_end(j, ']');
		}
		json_end(j, ']');
	}
	json_end(j, ']');
}

/* --- colours ---------------------------------------------------------------------------------- */

static void put_palette(struct json *j, const char *key, enum theme theme)
{
	json_key(j, key);
	json_begin(j, '{');
	for (unsigned i = 0; i < N_INKS; i++) {
		const struct colour *c = &palette[theme][i];
		char text[16];

		snprintf(text, sizeof(text), "#%02x%02x%02x%02x", c->r, c->g, c->b, c->a);
		json_key(j, ink_names[i]);
		json_str(j, text);
	}
	json_end(j, '}');
}

static void put_palettes(struct json *j, enum theme theme)
{
	put_palette(j, "palette", theme);
	json_key(j, "palettes");
	json_begin(j, '{');
	for (unsigned t = 0; t < N_THEMES; t++)
		put_palette(j, theme_names[t], t);
	json_end(j, '}');
	json_key(j, "paletteOrder");
	json_begin(j, '[');
	for (unsigned i = 0; i < N_INKS; i++)
		json_str(j, ink_names[i]);
	json_end(j, ']');
}

/* --- who and how much ------------------------------------------------------------------------- */

static void put_number(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_string(struct json *j, const char *key, const char *v)
{
	json_key(j, key);
	json_str(j, v ? v : "");
}

static void put_processes(struct json *j, const struct timeline *tl)
{
	json_key(j, "processes");
	json_begin(j, '[');
	for (uint32_t i = 0; i < timeline_info(tl)->n_processes; i++) {
		const struct timeline_process *p = timeline_process(tl, i);

		json_begin(j, '{');
		json_key(j, "pid");
		json_i64(j, p->pid);
		json_key(j, "ppid");
		json_i64(j, p->ppid);
		put_string(j, "name", p->name);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void put_locks(struct json *j, const struct timeline *tl)
{
	json_key(j, "locks");
	json_begin(j, '[');
	for (uint32_t i = 0; i < timeline_info(tl)->n_locks; i++) {
		const struct timeline_lock *l = timeline_lock(tl, i);

		json_begin(j, '{');
		put_string(j, "id", l->id);
		put_string(j, "name", l->name);
		put_number(j, "process", l->process);
		put_string(j, "kind", l->kind == LOCK_PARK ? "park" : "gil");
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void put_lane(struct json *j, const struct timeline *tl, uint32_t i)
{
	const struct timeline_thread *t = timeline_thread(tl, i);
	const struct { const char *key; uint64_t v;
	} numbers[] = {
		{ "process", t->process },
		{ "first", t->first },
		{ "last", t->last },
		{ "run", t->time[STATE_RUN] },
		{ "wait", t->time[STATE_WAIT] },
		{ "signal", t->time[STATE_SIGNAL] },
		{ "idle", t->time[STATE_IDLE] },
		{ "stall", t->time[STATE_STALL] },
		{ "acquires", t->acquires },
		{ "releases", t->releases },
		{ "lostAcquires", t->lost_acquires },
		{ "lostReleases", t->lost_releases },
		{ "lostEvents", t->lost_events },
		{ "busy", t->busy },
		{ "retry", t->retry },
		{ "timeouts", t->timeouts },
		{ "dropRequests", t->drop_requests },
		{ "switches", t->switches },
		{ "waits", t->waits },
		{ "maxWait", t->max_wait },
		{ "maxWaitAt", t->max_wait_at },
		{ "waitP50", timeline_quantile(tl, HIST_WAIT, i, 0.5) },
		{ "waitP99", timeline_quantile(tl, HIST_WAIT, i, 0.99) },
		{ "maxRun", t->max_run },
		{ "maxRunAt", t->max_run_at },
	};

	json_begin(j, '{');
	put_string(j, "id", t->id);
	put_string(j, "name", t->name);
	for (size_t k = 0; k < sizeof(numbers) / sizeof(*numbers); k++)
		put_number(j, numbers[k].key, numbers[k].v);
	json_end(j, '}');
}

static int put_worst_waits(struct json *j, struct timeline *tl, struct worst_list *worst,
			   struct err *err)
{
	struct worst_list own = { .known = false };
	const struct worst_wait *w;

	worst = worst ? worst : &own;
	w = worst->wait;
	if (!worst->known) {
		worst->n = worst_waits(tl, worst->wait, WORST_WAITS, err);
		if (worst->n < 0)
			return -1;
		worst->known = true;
	}
	json_key(j, "worstWaits");
	json_begin(j, '[');
	for (int i = 0; i < worst->n; i++) {
		json_begin(j, '{');
		put_number(j, "lane", w[i].lane);
		put_number(j, "begin", w[i].begin);
		put_number(j, "length", w[i].length);
		json_end(j, '}');
	}
	json_end(j, ']');
	return 0;
}

static void put_functions(struct json *j, const struct timeline *tl)
{
	json_key(j, "functions");
	json_begin(j, '[');
	for (uint32_t i = 0; i < timeline_info(tl)->n_funcs; i++) {
		const struct timeline_func *f = timeline_func(tl, i);

		json_begin(j, '{');
		put_string(j, "name", f->name);
		put_string(j, "file", f->file);
		put_number(j, "line", f->line);
		json_end(j, '}');
	}
	json_end(j, ']');
}

static void put_facts(struct json *j, const struct timeline *tl)
{
	json_key(j, "facts");
	json_begin(j, '{');
	for (uint32_t i = 0; i < timeline_info(tl)->n_facts; i++)
		put_string(j, timeline_fact(tl, i)->key, timeline_fact(tl, i)->value);
	json_end(j, '}');
}

int manifest_put_trace(struct json *j, const struct manifest_trace *t, struct err *err)
{
	const struct tile_set *set = t->set;
	const struct timeline_info *info = timeline_info(set->tl);
	const char *description = timeline_fact_value(set->tl, "description");
	const struct pyramid *p = &set->pyramid;
	char origin[32];

	if (timeline_load_hists(set->tl, err))
		return -1;
	snprintf(origin, sizeof(origin), "%" PRIu64, info->origin);
	json_begin(j, '{');
	put_string(j, "title", info->title);
	put_string(j, "description", description ? description : "");
	if (t->path)
		put_string(j, "file", files_name(t->path));
	put_string(j, "clock", info->clock == CLOCK_TICKS ? "ticks" : "ns");
	put_string(j, "origin", origin);
	put_number(j, "end", info->end);
	put_string(j, "store", t->store);
	put_string(j, "tiles", t->tiles);
	put_string(j, "depth", set->rule.full ? "full" : "auto");
	put_number(j, "zMax", p->z_max);
	put_number(j, "zOffset", p->z_offset);
	put_number(j, "tileWidth", p->tile_width);
	put_number(j, "laneHeight", set->lane_height);
	put_number(j, "lanesPerTile", LANES_PER_TILE);
	put_number(j, "leafEvents", set->rule.leaf_events);
	put_number(j, "acquireZoom", p->z_max - set->bright_level);
	put_string(j, "theme", theme_names[set->theme]);
	put_stored(j, t->stored);
	put_palettes(j, set->theme);
	put_processes(j, set->tl);
	put_locks(j, set->tl);
	json_key(j, "lanes");
	json_begin(j, '[');
	for (uint32_t i = 0; i < info->n_lanes; i++)
		put_lane(j, set->tl, i);
	json_end(j, ']');
	if (put_worst_waits(j, set->tl, t->worst, err))
		return -1;
	put_functions(j, set->tl);
	put_number(j, "checks", info->checks);
	put_number(j, "checkInterval", info->check_interval);
	put_number(j, "lostEvents", info->lost_events);
	put_number(j, "skippedLines", info->skipped_lines);
	json_key(j, "truncated");
	json_bool(j, info->truncated);
	put_facts(j, set->tl);
	json_end(j, '}');
	return 0;
}

int manifest_write(struct buf *out, const char *title, const struct manifest_trace *trace,
		   unsigned n, bool linked, struct err *err)
{
	struct json j = json_new(out);

	json_begin(&j, '{');
	put_number(&j, "gilscope", 1);
	put_string(&j, "generator", "gilscope " GILSCOPE_VERSION);
	put_string(&j, "title", title ? title : timeline_info(trace[0].set->tl)->title);
	json_key(&j, "traces");
	json_begin(&j, '[');
	for (unsigned i = 0; i < n; i++)
		if (manifest_put_trace(&j, &trace[i], err))
			return trace[i].path ? err_prefix(err, trace[i].path) : -1;
	json_end(&j, ']');
	put_string(&j, "axes", linked ? "linked" : "free");
	json_end(&j, '}');
	return buf_failed(out) ? err_memory(err, "the manifest") : 0;
}
