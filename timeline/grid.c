/* grid.c - see grid.h */
#include "grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "utf8.h"

void grid_end_cell(struct grid *g, size_t at)
{
	struct grid_cell c = { .at = at, .len = g->text.len - at };

	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 64;
		struct grid_cell *p = realloc(g->cell, cap * sizeof(*p));

		if (!p) {
			g->failed = true;
			return;
		}
		g->cell = p;
		g->cap = cap;
	}
	if (!buf_failed(&g->text))
		c.width = (unsigned)utf8_columns((const char *)g->text.data + at, c.len);
	g->cell[g->n++] = c;
}

void grid_cell(struct grid *g, const char *fmt, ...)
{
	size_t at = g->text.len;
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_str(&g->text, text);
	grid_end_cell(g, at);
}

void grid_headings(struct grid *g, const char *const *name, unsigned n)
{
	g->n_columns = n;
	for (unsigned i = 0; i < n; i++)
		grid_cell(g, "%s", name[i]);
}

void grid_release(struct grid *g)
{
	buf_release(&g->text);
	free(g->cell);
	*g = (struct grid){ 0 };
}

void grid_put(struct buf *out, struct grid *g)
{
	unsigned width[GRID_COLUMNS] = { 0 };

	assert(g->n_columns <= GRID_COLUMNS);
	if (g->failed || buf_failed(&g->text))
		out->failed = true;
	for (size_t i = 0; i < g->n; i++)
		if (g->cell[i].width > width[i % g->n_columns])
			width[i % g->n_columns] = g->cell[i].width;
	for (size_t i = 0; !out->failed && i < g->n; i++) {
		const struct grid_cell *c = &g->cell[i];
		unsigned k = (unsigned)(i % g->n_columns), pad = width[k] - c->width;
		bool last = k + 1 == g->n_columns;

		buf_printf(out, "%*s", k ? (int)pad + 2 : 2, "");
		buf_add(out, g->text.data + c->at, c->len);
		if (!k)
			buf_printf(out, "%*s", (int)pad, "");
		if (!last)
			continue;
		while (out->len && out->data[out->len - 1] == ' ')
			out->len--;
		buf_str(out, "\n");
	}
	grid_release(g);
}
