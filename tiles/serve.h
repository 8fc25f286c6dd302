/*
 * serve.h - an HTTP server for a site, or for timelines whose tiles are made when they are asked
 * for
 *
 *   GET /                       index.html
 *       /gilscope.js ...        the viewer's files
 *       /manifest.js
 *       /tiles[N].pmtiles       with Range, of a site
 *       /tiles[N]/z/x/y.png
 *
 * That is all it knows: a name is compared with this table, and numbers are parsed and checked, so
 * no path is ever made from what a client sends.  Of a site nothing but these files is opened.
 */
#ifndef GILSCOPE_SERVE_H
#define GILSCOPE_SERVE_H

#include <stdint.h>

#include "err.h"

struct serve_options {
	/* one folder of a site, or timelines; borrowed, a site's until close */
	const char *const *paths;
	unsigned n_paths;
	/* what the page calls the timelines' files; NULL: their paths.  Borrowed for the call */
	const char *const *names;
	const char *bind;		/* a numeric IPv4 or IPv6 address */
	uint16_t port;			/* 0: any that is free */
	unsigned n_threads;		/* 0: one per cpu */
	/* of timelines; NULL: the first one's.  Borrowed until close */
	const char *title;
	/* A sentence about a request that failed, from any of the server's threads; may be NULL. */
	void (*say)(void *ctx, const char *text);
	void *ctx;
};

struct server;

/* Answers from its own threads from now on.  0, or -1 with *err set. */
int server_open(struct server **out, const struct serve_options *o, struct err *err);
void server_close(struct server *s);		/* NULL is allowed */
/* "http://127.0.0.1:8000/"; borrowed until close. */
const char *server_url(const struct server *s);

#endif
