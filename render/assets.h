/*
 * assets.h - the viewer's files as they lie in the program: viewer/ builds them, render/ writes
 * them into sites
 */
#ifndef GILSCOPE_ASSETS_H
#define GILSCOPE_ASSETS_H

#include <stddef.h>
#include <stdint.h>

struct asset {
	const char *name, *type;	/* file name in a site, MIME type */
	const uint8_t *data;		/* followed by a NUL that len does not count */
	size_t len;
};

/* index.html, gilscope.js, gilscope.css, notes.js */
extern const struct asset viewer_assets[];
extern const unsigned n_viewer_assets;
/*
 * The page in one file; what it shows goes where VIEWER_DATA stands in it (docs/site.md, "One
 * file").
 */
extern const struct asset viewer_single;
#define VIEWER_DATA "<!--gilscope-data-->"

#endif
