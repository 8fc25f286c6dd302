/*
 * manifest.h - what the page is told: docs/site.md, manifest.js
 */
#ifndef GILSCOPE_MANIFEST_H
#define GILSCOPE_MANIFEST_H

#include "buf.h"
#include "json.h"
#include "tiler.h"
#include "waits.h"

/* Runs of x that are stored, for each zoom and group; only a folder of tiles tells the page. */
struct stored_runs {
	/* [z * n_groups + y]: x, n, x, n... */
	struct stored_list { uint64_t *v; size_t n, cap; } *list;
	unsigned n_zooms;
	uint32_t n_groups;
};

int stored_init(struct stored_runs *s, const struct pyramid *p, struct err *err);
/* Runs of one list come in any order; neighbours are joined. */
int stored_add(struct stored_runs *s, const struct batch_tile *t, struct err *err);
void stored_sort(struct stored_runs *s);
void stored_release(struct stored_runs *s);

/* A trace's longest waits, found when they are first needed. */
#define WORST_WAITS 100
struct worst_list { struct worst_wait wait[WORST_WAITS]; int n; bool known; };

struct manifest_trace {
	const struct tile_set *set;
	const char *store;			/* "dir", "pmtiles", "server", "inline" */
	const char *tiles;			/* its address */
	const struct stored_runs *stored;	/* NULL: null */
	struct worst_list *worst;		/* begins as all 0; NULL: not kept */
	const char *path;			/* the timeline's, whose name is told; or NULL */
};

/* The manifest's object, without GILSCOPE_MANIFEST =.  title NULL: the first trace's. */
int manifest_write(struct buf *out, const char *title, const struct manifest_trace *trace,
		   unsigned n, bool linked, struct err *err);
/* One trace's object alone, as the next value of j. */
int manifest_put_trace(struct json *j, const struct manifest_trace *t, struct err *err);

#endif
