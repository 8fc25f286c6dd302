/*
 * figure_internal.h - a figure on its way: what is shown (figure_open.c), where it stands
 * (figure.c), how it is drawn (figure_draw.c); private to these
 *
 *   title
 *              0   20   40   60  ms       axis: one, or one for each panel
 *   thread  |##  ##  ##  ##  ##|
 *   thread  |  ##  ##  ##  ##  |          a panel is the lanes of one timeline
 *               |       |
 *              note    note
 *   legend
 *   caption
 */
#ifndef GILSCOPE_FIGURE_INTERNAL_H
#define GILSCOPE_FIGURE_INTERNAL_H

#include "figure.h"
#include "figure_axis.h"
#include "figure_handoff.h"
#include "figure_text.h"

#define NOTE_LINES 3
#define PITCH_MIN 6		/* units of a lane: a column of four rows, and the gap */
#define FIGURE_ROWS_MAX (FIGURE_SIDE_MAX / PITCH_MIN)

struct figure_note {
	uint64_t t;
	uint32_t row;			/* NO_THREAD: of all lanes */
	unsigned number;		/* of the command line, from 1 */
	char *text;			/* owned */
	/* of the instant; of its line through the lanes; of the label's middle */
	double x, rail, label;
	char *line[NOTE_LINES];		/* owned: the label */
	unsigned n_lines;
};

struct panel {
	const char *path;
	struct timeline *tl;
	const struct timeline_info *info;
	uint64_t from, to;
	uint32_t *lane, n_rows;		/* owned */
	char **name;			/* owned: of rows */
	size_t *kept;			/* owned: bytes at a name's end that are not cut off */
	char *title;			/* owned; NULL: none is shown */
	struct figure_columns columns;
	struct figure_handoffs handoffs;
	struct figure_axis axis;
	struct figure_note note[FIGURE_NOTES_MAX];	/* in order of time */
	unsigned n_notes;
	bool numbered;			/* notes are numbers, and their texts stand in a list */
	bool has_axis;
	uint32_t units;			/* the width of its lanes */
	/* the width of a column: 1, or more where shapes would be too many */
	double column;
	double y_title, y_axis, y_lanes, y_notes, y_list;	/* y_lanes is a whole number */
	double list_height, list_width;	/* width: of one of the list's columns */
	unsigned list_rows;
	double disc;			/* of a note's number: 1, or smaller where they are many */
};

struct legend_item { enum ink ink; bool arrow; const char *words; double x, y, width; };

struct figure {
	const struct figure_options *o;
	struct figure_font *font;
	struct figure_theme theme;
	struct panel panel[FIGURE_TRACES_MAX];
	unsigned n_panels;
	bool seen[N_INKS];
	char *title;			/* owned; NULL: none */
	char *caption[4];		/* owned: lines */
	unsigned n_captions;
	struct legend_item legend[N_INKS + 1];
	unsigned n_legend;
	double f;			/* the size of letters */
	double width, height;		/* units */
	double plot_x, plot_width;	/* whole numbers */
	double y_title, y_legend, y_caption;
	uint32_t n_rows;		/* of all panels */
	/* a lane: units from one to the next, between two, rows, units per row */
	unsigned pitch, gap, h, row;
};

/* Opens the timelines, and decides what of them is shown, with which names and notes. */
int figure_open(struct figure *fig, struct err *err);
void figure_close(struct figure *fig);
void figure_say(const struct figure *fig, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void figure_draw(const struct figure *fig, struct figure_canvas *c);

/* Where an instant lies, in units. */
static inline double figure_x(const struct figure *fig, const struct panel *p, uint64_t t)
{
	return fig->plot_x + figure_column_at(&p->columns, t) * p->column;
}

static inline double figure_row_y(const struct figure *fig, const struct panel *p, uint32_t row)
{
	return p->y_lanes + (double)row * fig->pitch;
}

/* The height of a lane's rows, without the gap. */
static inline double figure_row_height(const struct figure *fig)
{
	return (double)fig->h * fig->row;
}

#endif
