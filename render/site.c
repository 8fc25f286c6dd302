/* site.c - see site.h */
#include "site.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assets.h"
#include "column.h"
#include "files.h"
#include "io.h"
#include "json.h"
#include "manifest.h"
#include "png.h"
#include "pool.h"
#include "store.h"

#define FULL_MAX (UINT64_C(1) << 28)	/* addresses: more than this is not a wish but a mistake */

/* One timeline on its way into the site. */
struct trace {
	const char *path;		/* the timeline's; borrowed */
	struct timeline *tl;
	struct tile_set set;
	enum site_store store;
	struct stored_runs stored;
	struct worst_list worst;
	char tiles_path[64];		/* in the site: "tiles1.pmtiles" */
	char tiles_address[64];		/* for the manifest: "tiles1/{z}/{x}/{y}.png" */
};

struct site {
	const struct site_options *o;
	struct trace trace[SITE_TRACES_MAX];
	char *tmp;			/* owned */
	bool begun;			/* tmp is ours */
	int lock;			/* its descriptor, locked; -1: none */
	struct site_counts *counts;
};

static void say(const struct site_options *o, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct site_options *o, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!o->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->say(o->ctx, text);
}

int tile_set_init(struct tile_set *set, struct timeline *tl, unsigned tile_width,
		  unsigned lane_height, enum theme theme, struct err *err)
{
	const struct timeline_info *info = timeline_info(tl);

	if (!info->n_lanes)
		return err_set(err, ERR_FORMAT,
			       "no thread of it has an event of a lock: nothing to draw");
	*set = (struct tile_set){ .tl = tl, .lane_height = lane_height, .theme = theme };
	pyramid_init(&set->pyramid, info->end, info->n_lanes, tile_width);
	set->bright_level = tile_bright_level(&set->pyramid, tl);
	set->rule.z_limit = set->pyramid.z_max;
	set->rule.leaf_events = tile_leaf_events(&set->pyramid, info->events);
	return 0;
}

/* --- which store, which depth ----------------------------------------------------------------- */

static void say_store(const struct site_options *o, const char *path, bool few)
{
	const char *whose = o->n_paths > 1 ? path : "", *colon = *whose ? ": " : "";

	if (few)
		say(o,
		    "%s%sat most %u tiles: loose files (--store pmtiles makes one archive,"
		    " html one file that needs no server)",
		    whose, colon, SITE_LOOSE_MAX);
	else
		say(o, "%s%smore than %u tiles: one PMTiles archive (--store dir makes files)",
		    whose, colon, SITE_LOOSE_MAX);
}

/*
 * Loose files while they are few; more than that are slow to copy, to list and to remove.  A page
 * from file:// sees no events behind them, so what an archive would hold is not enough for it: what
 * is left of the number goes into zooms below the leaves, as deep as it reaches.
 */
static int choose_store(const struct site_options *o, struct trace *t, struct err *err)
{
	struct tile_set *set = &t->set;
	struct tile_rule *rule = &set->rule;
	unsigned limit = rule->z_limit, fine = limit;
	bool few = pyramid_addresses(&set->pyramid, limit) <= SITE_LOOSE_MAX;

	if (!few && !rule->full) {
		int ret = tile_count_fine(set, SITE_LOOSE_MAX, &fine, err);

		if (ret < 0)
			return -1;
		few = ret && (o->depth == SITE_DEPTH_AUTO || fine == limit);
	}
	if (o->depth == SITE_DEPTH_Z)
		fine = limit;
	t->store = o->store != SITE_STORE_AUTO ? o->store
		   : few		       ? SITE_STORE_DIR
					       : SITE_STORE_PMTILES;
	if (t->store == SITE_STORE_DIR)
		rule->fine = fine;
	if (o->store == SITE_STORE_AUTO)
		say_store(o, t->path, few);
	return 0;
}

static int choose_rule(const struct site_options *o, struct trace *t, struct err *err)
{
	struct tile_set *set = &t->set;
	const struct pyramid *p = &set->pyramid;
	unsigned can = p->z_max;

	set->rule.full = o->depth == SITE_DEPTH_FULL;
	if (o->depth == SITE_DEPTH_Z && o->z < can) {
		set->rule.z_limit = o->z;
		set->rule.cut = true;
	}
	if (set->rule.full && pyramid_addresses(p, p->z_max) > FULL_MAX)
		return err_set(err, ERR_USAGE,
			       "--depth full would be %" PRIu64 " tiles: use auto, which"
			       " shows as much",
			       pyramid_addresses(p, p->z_max));
	if (choose_store(o, t, err))
		return -1;
	if (t->store == SITE_STORE_DIR) {
		set->all_bytes = true;
		return 0;
	}
	if (can > TILE_ID_MAX_Z - p->z_offset)
		can = TILE_ID_MAX_Z - p->z_offset;
	if (set->rule.full && can < p->z_max)
		return err_set(err, ERR_USAGE, "--depth full is too deep for PMTiles: use auto");
	if (set->rule.z_limit > can) {
		set->rule.z_limit = can;
		set->rule.cut = false;
	}
	return 0;
}

/* --- drawing ---------------------------------------------------------------------------------- */

struct drawing_pool {
	const struct site_options *o;
	struct trace *trace;
	const struct tile_plan *plan;
	struct tile_store *store;
	struct site_counts *counts;
	uint64_t n_jobs;
};

struct worker {
	const struct drawing_pool *pool;
	struct tiler *tiler;
};

static void *start_worker(void *ctx, struct err *err)
{
	struct drawing_pool *p = ctx;
	struct worker *w = malloc(sizeof(*w));

	if (!w) {
		err_memory(err, "a worker");
		return NULL;
	}
	w->pool = p;
	w->tiler = tiler_new(&p->trace->set, err);
	if (!w->tiler) {
		free(w);
		return NULL;
	}
	return w;
}

static void stop_worker(void *state)
{
	struct worker *w = state;

	tiler_free(w->tiler);
	free(w);
}

static void drop_batch(void *result)
{
	tile_batch_release(result);
	free(result);
}

static void *work(void *state, uint64_t job, struct err *err)
{
	struct worker *w = state;
	struct tile_batch *b = calloc(1, sizeof(*b));

	if (!b) {
		err_memory(err, "tiles");
		return NULL;
	}
	if (tiler_run(w->tiler, &w->pool->plan->job[job], b, err)) {
		drop_batch(b);
		return NULL;
	}
	return b;
}

static int store_tile(struct drawing_pool *p, const struct tile_batch *b,
		      const struct batch_tile *t, struct err *err)
{
	const struct tile_run run = {
		.hash = t->hash, .x = t->x, .n = t->n, .y = t->y, .z = t->z, .len = t->len,
		.data = t->has_data ? b->data.data + t->off : NULL,
	};

	p->counts->tiles += t->n;
	if (p->trace->store == SITE_STORE_DIR) {
		p->counts->bytes += t->n * t->len;
		if (stored_add(&p->trace->stored, t, err))
			return -1;
	}
	return tile_store_put(p->store, &run, err);
}

#define EXPECTED 8		/* tiles ahead */

static int emit(void *ctx, uint64_t job, void *result, struct err *err)
{
	struct drawing_pool *p = ctx;
	struct tile_batch *b = result;
	int ret = 0;

	if (p->o->stop && *p->o->stop)
		ret = err_set(err, ERR_SYSTEM, "stopped");
	for (size_t i = 0; !ret && i < b->n; i++) {
		if (b->n - i > 2 * EXPECTED)
			tile_store_expect(p->store, &b->tile[i + EXPECTED].hash,
					  &b->tile[i + 2 * EXPECTED].hash);
		ret = store_tile(p, b, &b->tile[i], err);
	}
	drop_batch(b);
	if (!ret && p->o->progress)
		p->o->progress(p->o->ctx, p->counts->tiles, job + 1, p->n_jobs);
	return ret;
}

static int draw_tiles(const struct site_options *o, struct trace *t, struct tile_store *store,
		      struct site_counts *counts, struct err *err)
{
	static const struct pool_ops ops = {
		.start = start_worker,
		.stop = stop_worker,
		.work = work,
		.emit = emit,
		.drop = drop_batch,
	};
	struct tile_plan plan;
	struct drawing_pool p = {
		.o = o, .trace = t, .plan = &plan, .store = store, .counts = counts,
	};
	int ret;

	if (tile_plan_make(&plan, &t->set, err))
		return -1;
	p.n_jobs = plan.n;
	ret = pool_run(&ops, &p, plan.n, o->n_threads, err);
	tile_plan_release(&plan);
	return ret;
}

/* --- one trace's tiles ------------------------------------------------------------------------ */

/* With all that the manifest says of the trace: any page of ours can show an archive by itself. */
static int archive_metadata(struct buf *out, struct trace *t, struct err *err)
{
	const struct manifest_trace trace = {
		.set = &t->set, .store = "pmtiles", .tiles = t->tiles_address, .worst = &t->worst,
		.path = t->path,
	};
	struct json j = json_new(out);

	json_begin(&j, '{');
	json_key(&j, "gilscope");
	json_u64(&j, 1);
	json_key(&j, "name");
	json_str(&j, timeline_info(t->tl)->title);
	json_key(&j, "type");
	json_str(&j, "overlay");
	json_key(&j, "description");
	json_str(&j, "A timeline of Python's GIL: x is time, y a group of threads, z - z offset "
		     "the zoom");
	json_key(&j, "generator");
	json_str(&j, "gilscope " GILSCOPE_VERSION);
	json_key(&j, "title");
	json_str(&j, timeline_info(t->tl)->title);
	json_key(&j, "trace");
	if (manifest_put_trace(&j, &trace, err))
		return -1;
	json_end(&j, '}');
	return buf_failed(out) ? err_memory(err, "metadata") : 0;
}

/* Makes t's tiles at path. */
static int make_tiles(struct site *s, struct trace *t, const char *path, struct err *err)
{
	struct site_counts here = { 0 };
	struct tile_counts archive = { 0 };
	struct buf metadata = BUF_INIT;
	struct tile_store *store;
	int ret = -1;

	store = t->store == SITE_STORE_DIR
			? tile_store_dir(path, err)
			: tile_store_pmtiles(path, &t->set.pyramid, s->o->n_threads, &archive, err);
	if (!store)
		return -1;
	if (draw_tiles(s->o, t, store, &here, err) || archive_metadata(&metadata, t, err)) {
		tile_store_abort(store);
		goto out;
	}
	ret = tile_store_finish(store, &metadata, err);
	s->counts->tiles += here.tiles;
	s->counts->distinct += archive.distinct;
	s->counts->bytes += here.bytes + archive.bytes;
out:
	buf_release(&metadata);
	return ret;
}

static void name_tiles(struct trace *t, unsigned i)
{
	char number[16] = "";

	if (i)
		snprintf(number, sizeof(number), "%u", i);
	if (t->store == SITE_STORE_DIR) {
		snprintf(t->tiles_path, sizeof(t->tiles_path), "tiles%s", number);
		snprintf(t->tiles_address, sizeof(t->tiles_address), "tiles%s/{z}/{x}/{y}.png",
			 number);
	} else {
		snprintf(t->tiles_path, sizeof(t->tiles_path), "tiles%s.pmtiles", number);
		snprintf(t->tiles_address, sizeof(t->tiles_address), "tiles%s%s", number,
			 t->store == SITE_STORE_HTML ? "" : ".pmtiles");
	}
}

static int make_all_tiles(struct site *s, const char *folder, struct err *err)
{
	for (unsigned i = 0; i < s->o->n_paths; i++) {
		struct trace *t = &s->trace[i];
		char *path;
		int ret;

		name_tiles(t, i);
		if (t->store == SITE_STORE_DIR && stored_init(&t->stored, &t->set.pyramid, err))
			return -1;
		if (asprintf(&path, "%s/%s", folder, t->tiles_path) < 0)
			return err_memory(err, "a path");
		ret = make_tiles(s, t, path, err);
		free(path);
		if (ret)
			return err_prefix(err, t->path);
		if (t->store == SITE_STORE_DIR)
			stored_sort(&t->stored);
	}
	return 0;
}

static int make_manifest(struct site *s, struct buf *out, struct err *err)
{
	static const char *const stores[] = {
		[SITE_STORE_DIR] = "dir",
		[SITE_STORE_PMTILES] = "pmtiles",
		[SITE_STORE_HTML] = "inline",
	};
	struct manifest_trace trace[SITE_TRACES_MAX];

	for (unsigned i = 0; i < s->o->n_paths; i++) {
		struct trace *t = &s->trace[i];

		trace[i] = (struct manifest_trace){
			.set = &t->set,
			.store = stores[t->store],
			.tiles = t->tiles_address,
			.stored = t->store == SITE_STORE_DIR ? &t->stored : NULL,
			.worst = &t->worst,
			.path = t->path,
		};
	}
	return manifest_write(out, s->o->title, trace, s->o->n_paths, !s->o->free_axes, err);
}

/* --- folders ---------------------------------------------------------------------------------- */

static bool is_part(const char *name)
{
	size_t n = strlen(name);

	if (n > 4 && !strcmp(name + n - 4, ".tmp"))	/* on its way when its maker was killed */
		n -= 4;
	for (unsigned i = 0; i < n_viewer_assets; i++)
		if (strlen(viewer_assets[i].name) == n && !memcmp(name, viewer_assets[i].name, n))
			return true;
	if ((n == strlen("manifest.js") && !memcmp(name, "manifest.js", n)) ||
	    !strcmp(name, ".") || !strcmp(name, ".."))
		return true;
	if (strncmp(name, "tiles", strlen("tiles")))
		return false;
	name += strlen("tiles");
	name += strspn(name, "0123456789");
	return !*name || !strncmp(name, ".pmtiles", strlen(".pmtiles"));
}

/* Whether all that lies in the folder is ours: what else would be removed with it is somebody's. */
static int check_parts(const char *out, struct err *err)
{
	DIR *d = opendir(out);
	const struct dirent *e;
	int ret = 0;

	if (!d)
		return err_system(err, "%s: cannot read", out);
	while (!ret && (e = readdir(d)))
		if (!is_part(e->d_name))
			ret = err_set(err, ERR_EXISTS,
				      "%s: %s in it is no part of a site: not replaced", out,
				      e->d_name);
	closedir(d);
	return ret;
}

/*
 * Makes the folder that the site is made in.  One that a killed process has left is removed; what
 * is somebody's, or is being made by another process, is an error.
 */
static int begin_folder(struct site *s, struct err *err)
{
	if (mkdir(s->tmp, 0777)) {
		if (errno != EEXIST)
			return err_system(err, "%s: cannot create the folder", s->tmp);
		s->lock = open(s->tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (s->lock < 0)
			return err_system(err, "%s: is in the way", s->tmp);
		if (flock(s->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
			return err_set(err, ERR_EXISTS, "%s: another process is making it", s->tmp);
		if (check_parts(s->tmp, err) || files_remove_tree(s->tmp, err))
			return -1;
		close(s->lock);
		s->lock = -1;
		if (mkdir(s->tmp, 0777))
			return err_system(err, "%s: cannot create the folder", s->tmp);
	}
	s->begun = true;
	s->lock = open(s->tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->lock < 0)
		return err_system(err, "%s: cannot open", s->tmp);
	flock(s->lock, LOCK_EX | LOCK_NB);
	return 0;
}

/* --- a folder --------------------------------------------------------------------------------- */

static int write_file(const char *folder, const char *name, const void *data, size_t len,
		      struct err *err)
{
	struct outfile f;
	char *path;
	int ret;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return err_memory(err, "a path");
	ret = outfile_open(&f, path, true, err);
	if (!ret) {
		ret = outfile_append(&f, data, len, err);
		if (ret)
			outfile_abort(&f);
		else
			ret = outfile_commit(&f, err);
	}
	free(path);
	return ret;
}

static int write_manifest(struct site *s, struct err *err)
{
	struct buf b = BUF_INIT;
	int ret;

	buf_str(&b, "GILSCOPE_MANIFEST = ");
	ret = make_manifest(s, &b, err);
	buf_str(&b, ";\n");
	if (!ret && buf_failed(&b))
		ret = err_memory(err, "the manifest");
	if (!ret)
		ret = write_file(s->tmp, "manifest.js", b.data, b.len, err);
	buf_release(&b);
	return ret;
}

/* Of the old site the notes stay, which people write. */
static int write_asset(struct site *s, const struct asset *a, struct err *err)
{
	uint8_t *old = NULL;
	char *path = NULL;
	size_t len;
	int ret;

	if (!strcmp(a->name, "notes.js") && asprintf(&path, "%s/notes.js", s->o->out) < 0)
		return err_memory(err, "a path");
	if (path && !access(path, F_OK)) {
		ret = io_read_file(path, 16 << 20, &old, &len, err);
		if (!ret && (len != a->len || memcmp(old, a->data, len)))
			say(s->o, "notes.js stays as it was in %s", s->o->out);
		if (!ret)
			ret = write_file(s->tmp, a->name, old, len, err);
	} else {
		ret = write_file(s->tmp, a->name, a->data, a->len, err);
	}
	free(old);
	free(path);
	return ret;
}

static int make_folder(struct site *s, struct err *err)
{
	if (begin_folder(s, err) || make_all_tiles(s, s->tmp, err) || write_manifest(s, err))
		return -1;
	for (unsigned i = 0; i < n_viewer_assets; i++)
		if (write_asset(s, &viewer_assets[i], err))
			return -1;
	return files_replace(s->tmp, s->o->out, s->o->force, err);
}

/* --- one file --------------------------------------------------------------------------------- */

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t base64(char *out, const uint8_t *p, size_t n)
{
	char *q = out;

	for (; n >= 3; n -= 3, p += 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		for (int shift = 18; shift >= 0; shift -= 6)
			*q++ = base64_digits[v >> shift & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);

		*q++ = base64_digits[v >> 18 & 63];
		*q++ = base64_digits[v >> 12 & 63];
		*q++ = n == 2 ? base64_digits[v >> 6 & 63] : '=';
		*q++ = '=';
	}
	return (size_t)(q - out);
}

static int append_base64(struct outfile *f, const char *path, struct err *err)
{
	enum { PIECE = 48 << 10 };	/* a multiple of 3 */
	static const size_t room = PIECE / 3 * 4;
	uint8_t *raw = malloc(PIECE);
	char *text = malloc(room);
	FILE *in = fopen(path, "rbe");
	size_t n;
	int ret = -1;

	if (!raw || !text) {
		err_memory(err, "an archive's text");
		goto out;
	}
	if (!in) {
		err_system(err, "%s: cannot open", path);
		goto out;
	}
	while ((n = fread(raw, 1, PIECE, in)) > 0)
		if (outfile_append(f, text, base64(text, raw, n), err))
			goto out;
	ret = ferror(in) ? err_system(err, "%s: cannot read", path) : 0;
out:
	if (in)
		fclose(in);
	free(raw);
	free(text);
	return ret;
}

static int append_str(struct outfile *f, const char *s, struct err *err)
{
	return outfile_append(f, s, strlen(s), err);
}

static int append_data(struct site *s, struct outfile *f, struct err *err)
{
	struct buf manifest = BUF_INIT;
	int ret = make_manifest(s, &manifest, err);

	if (!ret)
		ret = append_str(f, "<script type=\"application/json\" id=\"gilscope-manifest\">",
				 err) ||
		      outfile_append(f, manifest.data, manifest.len, err) ||
		      append_str(f, "</script>\n", err);
	buf_release(&manifest);
	for (unsigned i = 0; !ret && i < s->o->n_paths; i++) {
		char *path, open[160];

		snprintf(open, sizeof(open), "<script type=\"application/octet-stream\" id=\"%s\">",
			 s->trace[i].tiles_address);
		if (asprintf(&path, "%s/%s", s->tmp, s->trace[i].tiles_path) < 0)
			return err_memory(err, "a path");
		ret = append_str(f, open, err) || append_base64(f, path, err) ||
		      append_str(f, "</script>\n", err);
		free(path);
	}
	return ret ? -1 : 0;
}

/* The archives are made in a folder beside the file, which is removed again. */
static int make_file(struct site *s, struct err *err)
{
	const char *page = (const char *)viewer_single.data, *hole = strstr(page, VIEWER_DATA);
	struct outfile f;
	int ret;

	if (!hole)
		return err_set(err, ERR_FORMAT, "the page has no place for its data");
	if (begin_folder(s, err) || make_all_tiles(s, s->tmp, err) ||
	    outfile_open(&f, s->o->out, s->o->force, err))
		return -1;
	ret = outfile_append(&f, page, (size_t)(hole - page), err) || append_data(s, &f, err) ||
	      append_str(&f, hole + strlen(VIEWER_DATA), err);
	if (ret) {
		outfile_abort(&f);
		return -1;
	}
	if (outfile_commit(&f, err))
		return -1;
	if (s->counts->bytes > 64 << 20)
		say(s->o,
		    "%" PRIu64
		    " MB in one file: a browser loads all of it before it shows anything;"
		    " --store pmtiles does not have that",
		    s->counts->bytes >> 20);
	return files_remove_tree(s->tmp, err);
}

/* --- all -------------------------------------------------------------------------------------- */

/*
 * Whether the folder can be replaced: by its name, in the folder that it lies in.  Otherwise we
 * would stand in the removed one, or what we make would lie in it.
 */
static int check_place(const char *out, const struct stat *st, struct err *err)
{
	struct stat here, above;
	size_t n = strlen(out), begin;
	char *parent;
	int ret;

	while (n > 1 && out[n - 1] == '/')
		n--;
	for (begin = n; begin && out[begin - 1] != '/'; begin--) {
	}
	if (!strncmp(out + begin, ".", n - begin) || !strncmp(out + begin, "..", n - begin) ||
	    (!stat(".", &here) && files_same(&here, st)))
		return err_set(err, ERR_EXISTS,
			       "%s: replace the folder from outside, by its name", out);
	if (asprintf(&parent, "%.*s/..", (int)n, out) < 0)
		return err_memory(err, "a path");
	ret = stat(parent, &above);
	free(parent);
	if (!ret && above.st_dev != st->st_dev)
		return err_set(err, ERR_EXISTS, "%s: is a mount point: give a folder in it", out);
	return 0;
}

/* What -f may replace: a site, an empty folder; or for one file a file. */
static int check_target(const struct site_options *o, struct err *err)
{
	struct stat st;
	char *path;
	int there;

	if (lstat(o->out, &st))
		return 0;
	if (!o->force)
		return err_set(err, ERR_EXISTS, "%s: exists already (-f replaces it)", o->out);
	if (o->store == SITE_STORE_HTML)
		return S_ISREG(st.st_mode)
			       ? 0
			       : err_set(err, ERR_EXISTS, "%s: is there and is no file", o->out);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_EXISTS, "%s: is there and is no folder", o->out);
	if (asprintf(&path, "%s/manifest.js", o->out) < 0)
		return err_memory(err, "a path");
	there = !access(path, F_OK);
	free(path);
	if (!there && !files_is_empty(o->out))
		return err_set(err, ERR_EXISTS,
			       "%s: is there and is no site of gilscope: not replaced", o->out);
	if (check_parts(o->out, err))
		return -1;
	return check_place(o->out, &st, err);
}

static int open_traces(struct site *s, struct err *err)
{
	for (unsigned i = 0; i < s->o->n_paths; i++) {
		struct trace *t = &s->trace[i];

		t->path = s->o->paths[i];
		if (timeline_open(&t->tl, t->path, err))
			return -1;
		if (tile_set_init(&t->set, t->tl, s->o->tile_width, s->o->lane_height, s->o->theme,
				  err) ||
		    choose_rule(s->o, t, err))
			return err_prefix(err, t->path);
	}
	return 0;
}

/* "x.tmp" for "x" and "x/"; a file's parts have another name, for x.tmp is the file on its way. */
static char *tmp_name(const char *out, bool parts)
{
	size_t n = strlen(out);
	char *s;

	while (n > 1 && out[n - 1] == '/')
		n--;
	return asprintf(&s, "%.*s%s.tmp", (int)n, out, parts ? ".parts" : "") < 0 ? NULL : s;
}

int site_make(const struct site_options *o, struct site_counts *counts, struct err *err)
{
	struct site *s = calloc(1, sizeof(*s));
	int ret = -1;

	*counts = (struct site_counts){ 0 };
	if (!s)
		return err_memory(err, "a site");
	s->o = o;
	s->lock = -1;
	s->counts = counts;
	s->tmp = tmp_name(o->out, o->store == SITE_STORE_HTML);
	if (!s->tmp) {
		err_memory(err, "a path");
		goto out;
	}
	if (check_target(o, err) || files_check_inputs(o->out, o->paths, o->n_paths, err) ||
	    open_traces(s, err))
		goto out;
	ret = o->store == SITE_STORE_HTML ? make_file(s, err) : make_folder(s, err);
	if (ret && s->begun)
		files_remove_tree(s->tmp, NULL);
out:
	for (unsigned i = 0; i < o->n_paths; i++) {
		stored_release(&s->trace[i].stored);
		timeline_close(s->trace[i].tl);
	}
	if (s->lock >= 0)
		close(s->lock);
	free(s->tmp);
	free(s);
	return ret;
}
