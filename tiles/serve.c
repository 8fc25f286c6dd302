/* serve.c - see serve.h */
#include "serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "assets.h"
#include "manifest.h"
#include "pool.h"
#include "range.h"
#include "site.h"
#include "tile.h"
#include "tiler.h"

#define CACHE_SETS 256		/* of CACHE_WAYS tiles each: some thousands of tiles, a few MB */
#define CACHE_WAYS 8
#define CACHE_TILE_MAX (64 << 10)	/* larger ones are not kept */
#define IDLE_SECONDS 60

static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'";

#define TYPE_SCRIPT "text/javascript; charset=utf-8"

struct address { unsigned trace, z; uint64_t x; uint32_t y; };

struct cached_tile {
	struct address at;
	uint64_t used;			/* 0: empty */
	uint8_t *data;			/* owned */
	size_t len;
};

/* A timeline that is served. */
struct served {
	struct timeline *tl;
	struct tile_set set;
	struct tiler **idle;		/* those that nobody uses */
	unsigned n_idle, cap_idle;
};

struct server {
	void (*say)(void *ctx, const char *text);
	void *say_ctx;
	struct MHD_Daemon *daemon;
	char url[128];
	const char *site;		/* the folder's path, or NULL: timelines */
	bool is_local;			/* nobody but this machine is to reach it */
	struct served *served;
	unsigned n_served;
	struct buf manifest;		/* with timelines */
	uint64_t manifest_tag;
	pthread_mutex_t lock;		/* of served[].idle and of the cache */
	struct cached_tile cache[CACHE_SETS][CACHE_WAYS];
	uint64_t clock;
};

/* What is asked for, but for its address. */
struct request {
	struct MHD_Connection *c;
	const char *range;		/* NULL: none, or not GET, which alone has one */
};

/* What is sent: bytes in memory, or of a file. */
struct body {
	const void *data;		/* NULL: fd */
	int fd;				/* taken over by the response */
	uint64_t size;
	const char *type;
	char tag[48];			/* ETag, with its quotes */
	bool copy;			/* data does not outlive the call */
};

/* --- answers ---------------------------------------------------------------------------------- */

static enum MHD_Result send_and_drop(struct MHD_Connection *c, unsigned status,
				     struct MHD_Response *r)
{
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Content-Security-Policy", policy);
	MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	if (r)
		MHD_add_response_header(r, "Content-Type", "text/plain; charset=utf-8");
	if (r && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	return send_and_drop(c, status, r);
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Whether the client has this version: its tag is in the list, or the list is "*". */
static bool has_version(struct MHD_Connection *c, const char *tag)
{
	const char *list = header(c, "If-None-Match");

	return list && (!strcmp(list, "*") || strstr(list, tag));
}

static struct MHD_Response *make_response(const struct body *b, uint64_t off, uint64_t len)
{
	if (!b->data)
		return MHD_create_response_from_fd_at_offset64(len, b->fd, off);
	return MHD_create_response_from_buffer(len, (void *)((uintptr_t)b->data + off),
					       b->copy ? MHD_RESPMEM_MUST_COPY
						       : MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_empty(struct MHD_Connection *c, const struct body *b, unsigned status)
{
	struct MHD_Response *r;
	char text[64];

	/* The length that 304 tells is that of what is not sent. */
	if (status == MHD_HTTP_NOT_MODIFIED)
		r = make_response(b, 0, b->size);
	else
		r = MHD_create_response_from_buffer(0, (void *)(uintptr_t)"",
						    MHD_RESPMEM_PERSISTENT);
	if (!b->data && (status != MHD_HTTP_NOT_MODIFIED || !r))
		close(b->fd);
	if (r && status == MHD_HTTP_RANGE_NOT_SATISFIABLE) {
		snprintf(text, sizeof(text), "bytes */%" PRIu64, b->size);
		MHD_add_response_header(r, "Content-Range", text);
	}
	if (r)
		MHD_add_response_header(r, "ETag", b->tag);
	return send_and_drop(c, status, r);
}

/* Sends b, or the part of it that was asked for. */
static enum MHD_Result send_body(const struct request *q, const struct body *b)
{
	const char *wanted = q->range, *only_if = header(q->c, "If-Range");
	struct MHD_Response *r;
	uint64_t off, len;
	enum range range;
	char text[96];

	if (has_version(q->c, b->tag))
		return send_empty(q->c, b, MHD_HTTP_NOT_MODIFIED);
	if (only_if && strcmp(only_if, b->tag))
		wanted = NULL;
	range = range_parse(wanted, b->size, &off, &len);
	if (range == RANGE_NONE)
		return send_empty(q->c, b, MHD_HTTP_RANGE_NOT_SATISFIABLE);
	r = make_response(b, off, len);
	if (!r) {
		if (!b->data)
			close(b->fd);
		return MHD_NO;
	}
	MHD_add_response_header(r, "Content-Type", b->type);
	MHD_add_response_header(r, "ETag", b->tag);
	MHD_add_response_header(r, "Accept-Ranges", "bytes");
	MHD_add_response_header(r, "Cache-Control", "no-cache");
	if (range == RANGE_PART) {
		snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, off,
			 off + len - 1, b->size);
		MHD_add_response_header(r, "Content-Range", text);
	}
	return send_and_drop(q->c, range == RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, r);
}

static enum MHD_Result send_memory(const struct request *q, const void *data, size_t len,
				   const char *type, uint64_t hash, bool copy)
{
	struct body b = { .data = data, .size = len, .type = type, .copy = copy };

	snprintf(b.tag, sizeof(b.tag), "\"%016" PRIx64 "\"", hash);
	return send_body(q, &b);
}

/* --- a site's files --------------------------------------------------------------------------- */

/*
 * name is one of ours, or made of numbers alone.  The folder is opened each time: one that was
 * rendered again is another.
 */
static enum MHD_Result send_file(struct server *s, const struct request *q, const char *name,
				 const char *type)
{
	struct body b = { .type = type };
	struct stat st;
	int folder = open(s->site, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	b.fd = folder < 0 ? -1 : openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (folder >= 0)
		close(folder);
	if (b.fd < 0)
		return send_text(q->c, MHD_HTTP_NOT_FOUND, "not there\n");
	if (fstat(b.fd, &st) || !S_ISREG(st.st_mode)) {
		close(b.fd);
		return send_text(q->c, MHD_HTTP_NOT_FOUND, "not there\n");
	}
	b.size = (uint64_t)st.st_size;
	snprintf(b.tag, sizeof(b.tag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
		 (uint64_t)st.st_ino, b.size,
		 (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
	return send_body(q, &b);
}

/* --- tiles on demand -------------------------------------------------------------------------- */

static struct cached_tile *cache_set(struct server *s, const struct address *a)
{
	return s->cache[XXH3_64bits(a, sizeof(*a)) % CACHE_SETS];
}

/* Copies the tile into out if it is there. */
static bool cache_get(struct server *s, const struct address *a, struct buf *out)
{
	struct cached_tile *t = cache_set(s, a);
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < CACHE_WAYS && !found; i++) {
		if (!t[i].used || memcmp(&t[i].at, a, sizeof(*a)))
			continue;
		buf_add(out, t[i].data, t[i].len);
		t[i].used = ++s->clock;
		found = true;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static void cache_put(struct server *s, const struct address *a, const struct buf *b)
{
	struct cached_tile *t = cache_set(s, a), *oldest = t;
	uint8_t *copy = b->len <= CACHE_TILE_MAX ? malloc(b->len) : NULL;

	if (!copy)
		return;
	memcpy(copy, b->data, b->len);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < CACHE_WAYS; i++)
		if (t[i].used < oldest->used)
			oldest = &t[i];
	free(oldest->data);
	*oldest = (struct cached_tile){
		.at = *a, .used = ++s->clock, .data = copy, .len = b->len,
	};
	pthread_mutex_unlock(&s->lock);
}

static struct tiler *take_tiler(struct server *s, struct served *v, struct err *err)
{
	struct tiler *t = NULL;

	pthread_mutex_lock(&s->lock);
	if (v->n_idle)
		t = v->idle[--v->n_idle];
	pthread_mutex_unlock(&s->lock);
	return t ? t : tiler_new(&v->set, err);
}

static void give_tiler(struct server *s, struct served *v, struct tiler *t)
{
	pthread_mutex_lock(&s->lock);
	if (v->n_idle < v->cap_idle) {
		v->idle[v->n_idle++] = t;
		t = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	tiler_free(t);
}

static void say_tile(const struct server *s, const struct address *a, const struct err *err)
{
	char text[sizeof(err->msg) + 80];

	if (!s->say)
		return;
	snprintf(text, sizeof(text), "tile %u/%" PRIu64 "/%" PRIu32 ": %s", a->z, a->x, a->y,
		 err->msg);
	s->say(s->say_ctx, text);
}

static enum MHD_Result send_tile(struct server *s, const struct request *q, const struct address *a)
{
	struct served *v = &s->served[a->trace];
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	enum MHD_Result ret;

	if (!pyramid_has(&v->set.pyramid, a->z, a->x, a->y))
		return send_text(q->c, MHD_HTTP_NOT_FOUND, "no such tile\n");
	if (!cache_get(s, a, &b)) {
		struct tiler *t = take_tiler(s, v, &err);
		int failed = !t || tiler_one(t, a->z, a->x, a->y, &b, &err);

		if (t)
			give_tiler(s, v, t);
		if (failed) {
			say_tile(s, a, &err);
			buf_release(&b);
			return send_text(q->c, MHD_HTTP_INTERNAL_SERVER_ERROR,
					 "the timeline cannot be read\n");
		}
		cache_put(s, a, &b);
	}
	ret = send_memory(q, b.data, b.len, "image/png", XXH3_64bits(b.data, b.len), true);
	buf_release(&b);
	return ret;
}

/* --- requests --------------------------------------------------------------------------------- */

/* Digits without a superfluous zero, at most max; moves *s behind them. */
static bool take_number(const char **s, uint64_t max, uint64_t *v)
{
	const char *p = *s;

	if (*p == '0' && p[1] >= '0' && p[1] <= '9')
		return false;
	for (*v = 0; *p >= '0' && *p <= '9'; p++) {
		if (*v > (max - (uint64_t)(*p - '0')) / 10)
			return false;
		*v = *v * 10 + (uint64_t)(*p - '0');
	}
	if (p == *s)
		return false;
	*s = p;
	return true;
}

static bool take_char(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* "/tiles", "/tiles1"...: moves *s behind it. */
static bool take_tiles(const char **s, unsigned *trace)
{
	uint64_t n = 0;

	if (strncmp(*s, "/tiles", 6))
		return false;
	*s += 6;
	if (**s >= '0' && **s <= '9' && (!take_number(s, SITE_TRACES_MAX - 1, &n) || !n))
		return false;
	*trace = (unsigned)n;
	return true;
}

static bool parse_tile(const char *s, struct address *a)
{
	uint64_t z, x, y;

	memset(a, 0, sizeof(*a));	/* its padding is hashed and compared */
	if (!take_tiles(&s, &a->trace) || !take_char(&s, '/') || !take_number(&s, 62, &z) ||
	    !take_char(&s, '/') || !take_number(&s, INT64_MAX, &x) || !take_char(&s, '/') ||
	    !take_number(&s, UINT32_MAX, &y) || strcmp(s, ".png"))
		return false;
	a->z = (unsigned)z;
	a->x = x;
	a->y = (uint32_t)y;
	return true;
}

static bool parse_archive(const char *s, unsigned *trace)
{
	return take_tiles(&s, trace) && !strcmp(s, ".pmtiles");
}

static enum MHD_Result answer_site(struct server *s, const struct request *q, const char *url)
{
	struct address a;
	unsigned trace;
	char name[96], number[16] = "";

	if (!strcmp(url, "/manifest.js"))
		return send_file(s, q, "manifest.js", TYPE_SCRIPT);
	for (unsigned i = 0; i < n_viewer_assets; i++)
		if (!strcmp(url + 1, viewer_assets[i].name))
			return send_file(s, q, viewer_assets[i].name, viewer_assets[i].type);
	if (parse_archive(url, &trace)) {
		if (trace)
			snprintf(number, sizeof(number), "%u", trace);
		snprintf(name, sizeof(name), "tiles%s.pmtiles", number);
		return send_file(s, q, name, "application/vnd.pmtiles");
	}
	if (parse_tile(url, &a)) {
		if (a.trace)
			snprintf(number, sizeof(number), "%u", a.trace);
		snprintf(name, sizeof(name), "tiles%s/%u/%" PRIu64 "/%" PRIu32 ".png", number, a.z,
			 a.x, a.y);
		return send_file(s, q, name, "image/png");
	}
	return send_text(q->c, MHD_HTTP_NOT_FOUND, "not there\n");
}

static enum MHD_Result answer_timelines(struct server *s, const struct request *q, const char *url)
{
	struct address a;

	if (!strcmp(url, "/manifest.js"))
		return send_memory(q, s->manifest.data, s->manifest.len, TYPE_SCRIPT,
				   s->manifest_tag, false);
	for (unsigned i = 0; i < n_viewer_assets; i++) {
		const struct asset *f = &viewer_assets[i];

		if (!strcmp(url + 1, f->name))
			return send_memory(q, f->data, f->len, f->type,
					   XXH3_64bits(f->data, f->len), false);
	}
	if (parse_tile(url, &a) && a.trace < s->n_served)
		return send_tile(s, q, &a);
	return send_text(q->c, MHD_HTTP_NOT_FOUND, "not there\n");
}

/*
 * Whether a browser means this machine by that host: an address, or localhost.  Any other name may
 * be somebody's who has it lead here, to read with a page of his what only this machine may.
 */
static bool is_own_name(const char *host)
{
	size_t n = host ? strcspn(host, ":") : 0;
	char name[sizeof("255.255.255.255")];
	struct in_addr v4;

	if (!host || *host == '[')
		return true;
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	return !strcasecmp(name, "localhost") || inet_pton(AF_INET, name, &v4) == 1;
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	struct server *s = ctx;
	struct request q = { c, strcmp(method, "GET") ? NULL : header(c, "Range") };

	(void)version;
	(void)upload;
	if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
		if (*upload_size) {		/* what is sent to us is not looked at */
			*upload_size = 0;
			return MHD_YES;
		}
		return send_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	}
	/* the headers are here; a body, if any, is not wanted */
	if (!*state) {
		*state = s;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (s->is_local && !is_own_name(header(c, "Host")))
		return send_text(c, MHD_HTTP_FORBIDDEN,
				 "only by this machine's address or as localhost\n");
	if (!strncmp(url, "http://", 7))
		url += 7 + strcspn(url + 7, "/");
	if (*url != '/')
		return send_text(c, MHD_HTTP_NOT_FOUND, "not there\n");
	if (!url[1])
		url = "/index.html";
	return s->site ? answer_site(s, &q, url) : answer_timelines(s, &q, url);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int open_served(struct served *v, const char *path, unsigned n_threads, struct err *err)
{
	if (timeline_open(&v->tl, path, err))
		return -1;
	if (tile_set_init(&v->set, v->tl, 512, 32, THEME_LIGHT, err))
		return err_prefix(err, path);
	v->set.rule.full = true;
	v->set.all_bytes = true;
	v->cap_idle = n_threads;
	v->idle = calloc(n_threads, sizeof(*v->idle));
	return v->idle ? 0 : err_memory(err, "a server");
}

static int make_manifest(struct server *s, const struct serve_options *o, struct err *err)
{
	const char *const *names = o->names ? o->names : o->paths;
	struct manifest_trace trace[SITE_TRACES_MAX];
	char tiles[SITE_TRACES_MAX][40];

	for (unsigned i = 0; i < s->n_served; i++) {
		char number[16] = "";

		if (i)
			snprintf(number, sizeof(number), "%u", i);
		snprintf(tiles[i], sizeof(tiles[i]), "tiles%s/{z}/{x}/{y}.png", number);
		trace[i] = (struct manifest_trace){
			.set = &s->served[i].set, .store = "server", .tiles = tiles[i],
			.path = names[i],
		};
	}
	buf_str(&s->manifest, "GILSCOPE_MANIFEST = ");
	if (manifest_write(&s->manifest, o->title, trace, s->n_served, true, err))
		return -1;
	buf_str(&s->manifest, ";\n");
	if (buf_failed(&s->manifest))
		return err_memory(err, "the manifest");
	s->manifest_tag = XXH3_64bits(s->manifest.data, s->manifest.len);
	return 0;
}

static int open_timelines(struct server *s, const struct serve_options *o, unsigned n_threads,
			  struct err *err)
{
	if (o->n_paths > SITE_TRACES_MAX)
		return err_set(err, ERR_USAGE, "at most %u timelines", SITE_TRACES_MAX);
	s->served = calloc(o->n_paths, sizeof(*s->served));
	if (!s->served)
		return err_memory(err, "a server");
	for (; s->n_served < o->n_paths; s->n_served++)
		if (open_served(&s->served[s->n_served], o->paths[s->n_served], n_threads, err)) {
			s->n_served++;		/* so that close releases what it has */
			return -1;
		}
	return make_manifest(s, o, err);
}

static int open_site(struct server *s, const char *path, struct err *err)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (folder < 0)
		return err_system(err, "%s: cannot open", path);
	if (faccessat(folder, "manifest.js", R_OK, 0) || faccessat(folder, "index.html", R_OK, 0))
		ret = err_set(err, ERR_FORMAT, "%s: is no site of gilscope render", path);
	close(folder);
	s->site = path;
	return ret;
}

struct socket_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	bool is_v6;
};

static int parse_address(const char *bind, uint16_t port, struct socket_address *a, struct err *err)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, bind, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, bind, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(port);
		a->is_v6 = true;
		return 0;
	}
	return err_set(err, ERR_USAGE, "'%s' is no IPv4 or IPv6 address", bind);
}

/*
 * Nothing that is served has a name with an escape in it, so "%2e" stays what it is: a name that is
 * not there.
 */
static size_t keep_escapes(void *ctx, struct MHD_Connection *c, char *s)
{
	(void)ctx;
	(void)c;
	return strlen(s);
}

static int start(struct server *s, const struct serve_options *o, unsigned n_threads,
		 struct err *err)
{
	/*
	 * Not epoll: with that, MHD can miss that a client is done sending, and keeps it until
	 * IDLE_SECONDS are over.
	 */
	unsigned flags = MHD_USE_POLL_INTERNAL_THREAD;
	const union MHD_DaemonInfo *info;
	struct socket_address at;

	if (parse_address(o->bind, o->port, &at, err))
		return -1;
	if (at.is_v6)
		flags |= MHD_USE_IPv6;
	s->is_local = at.is_v6 ? IN6_IS_ADDR_LOOPBACK(&at.v6.sin6_addr)
			       : ntohl(at.v4.sin_addr.s_addr) >> 24 == 127;
	errno = 0;
	s->daemon = MHD_start_daemon(flags, o->port, NULL, NULL, answer, s, MHD_OPTION_SOCK_ADDR,
				     &at.any, MHD_OPTION_THREAD_POOL_SIZE,
				     n_threads > 1 ? n_threads : 2, MHD_OPTION_CONNECTION_TIMEOUT,
				     IDLE_SECONDS, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
				     MHD_OPTION_END);
	if (!s->daemon)
		return errno ? err_system(err, "cannot listen on %s port %u", o->bind, o->port)
			     : err_set(err, ERR_SYSTEM, "cannot listen on %s port %u", o->bind,
				       o->port);
	info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
	snprintf(s->url, sizeof(s->url), at.is_v6 ? "http://[%s]:%u/" : "http://%s:%u/", o->bind,
		 info ? info->port : o->port);
	return 0;
}

int server_open(struct server **out, const struct serve_options *o, struct err *err)
{
	struct server *s = calloc(1, sizeof(*s));
	unsigned n_threads = o->n_threads ? o->n_threads : pool_cpus();
	struct stat st;
	int ret;

	*out = NULL;
	if (!s)
		return err_memory(err, "a server");
	s->say = o->say;
	s->say_ctx = o->ctx;
	pthread_mutex_init(&s->lock, NULL);
	if (stat(o->paths[0], &st))
		ret = err_system(err, "%s: cannot open", o->paths[0]);
	else if (S_ISDIR(st.st_mode) && o->n_paths > 1)
		ret = err_set(err, ERR_USAGE, "one site at a time");
	else
		ret = S_ISDIR(st.st_mode) ? open_site(s, o->paths[0], err)
					  : open_timelines(s, o, n_threads, err);
	if (ret || start(s, o, n_threads, err)) {
		server_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void server_close(struct server *s)
{
	if (!s)
		return;
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	for (unsigned i = 0; i < s->n_served; i++) {
		struct served *v = &s->served[i];

		while (v->n_idle)
			tiler_free(v->idle[--v->n_idle]);
		free(v->idle);
		timeline_close(v->tl);
	}
	free(s->served);
	for (unsigned i = 0; i < CACHE_SETS; i++)
		for (unsigned k = 0; k < CACHE_WAYS; k++)
			free(s->cache[i][k].data);
	buf_release(&s->manifest);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *server_url(const struct server *s)
{
	return s->url;
}
