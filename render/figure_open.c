/* figure_open.c - what a figure shows: see figure_internal.h */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figure_internal.h"
#include "files.h"
#include "time.h"

void figure_say(const struct figure *fig, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!fig->o->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fig->o->say(fig->o->ctx, text);
}

/* --- threads ---------------------------------------------------------------------------------- */

/*
 * "id", "name" or "pid/id" as a list or a note has it, without its backslashes; *s is moved to
 * where it ends.
 */
static char *take_word(const char **s, char until)
{
	char *word = malloc(strlen(*s) + 1), *out = word;

	if (!word)
		return NULL;
	for (; **s && **s != until; (*s)++) {
		if (**s == '\\' && (*s)[1])
			(*s)++;
		*out++ = **s;
	}
	*out = 0;
	return word;
}

enum match { MATCH_ID, MATCH_NAME, MATCH_PID, N_MATCHES };

static bool matches(const struct panel *p, uint32_t lane, const char *word, enum match how)
{
	const struct timeline_thread *t = timeline_thread(p->tl, lane);
	char pid[24];
	size_t n;

	if (how == MATCH_ID)
		return !strcmp(t->id, word);
	if (how == MATCH_NAME)
		return *t->name && !strcmp(t->name, word);
	n = (size_t)snprintf(pid, sizeof(pid), "%" PRId64 "/",
			     timeline_process(p->tl, t->process)->pid);
	return !strncmp(word, pid, n) &&
	       (!strcmp(t->id, word + n) || (*t->name && !strcmp(t->name, word + n)));
}

static void add_row(struct panel *p, uint32_t lane)
{
	for (uint32_t i = 0; i < p->n_rows; i++)
		if (p->lane[i] == lane)
			return;
	p->lane[p->n_rows++] = lane;
}

/* All lanes of that id; if there is none, of that name; else of that process and id. */
static void add_rows_of(struct panel *p, const char *word)
{
	for (unsigned how = 0; how < N_MATCHES; how++) {
		bool any = false;

		for (uint32_t i = 0; i < p->info->n_lanes; i++)
			if (matches(p, i, word, how)) {
				add_row(p, i);
				any = true;
			}
		if (any)
			return;
	}
}

static bool has_lane_of(const struct panel *p, const char *word)
{
	for (unsigned how = 0; how < N_MATCHES; how++)
		for (uint32_t i = 0; i < p->info->n_lanes; i++)
			if (matches(p, i, word, how))
				return true;
	return false;
}

/* Each word of the list is a thread of some timeline. */
static int check_threads(const struct figure *fig, struct err *err)
{
	const char *list = fig->o->threads;

	while (list) {
		char *word = take_word(&list, ','), *shown;
		bool found = false;

		if (!word)
			return err_memory(err, "a figure's lanes");
		for (unsigned i = 0; i < fig->n_panels && !found; i++)
			found = has_lane_of(&fig->panel[i], word);
		shown = found ? NULL : figure_shown(word);
		free(word);
		if (!found) {
			err_set(err, ERR_USAGE,
				"--threads: %s%s has no thread '%.100s' with events of a "
				"lock (gilscope info lists them)",
				fig->panel[0].path, fig->n_panels > 1 ? ", or any other," : "",
				shown ? shown : "");
			free(shown);
			return -1;
		}
		list = *list ? list + 1 : NULL;
	}
	return 0;
}

static int choose_rows(struct figure *fig, struct panel *p, struct err *err)
{
	const char *list = fig->o->threads;
	char *word;

	if (!p->info->n_lanes)
		return err_set(err, ERR_FORMAT,
			       "%s: no thread in it ever takes or waits for a lock", p->path);
	p->lane = calloc(p->info->n_lanes, sizeof(*p->lane));
	if (!p->lane)
		return err_memory(err, "a figure's lanes");
	while (!list && p->n_rows < p->info->n_lanes) {
		p->lane[p->n_rows] = p->n_rows;
		p->n_rows++;
	}
	while (list) {
		word = take_word(&list, ',');
		if (!word)
			return err_memory(err, "a figure's lanes");
		add_rows_of(p, word);
		free(word);
		list = *list ? list + 1 : NULL;
	}
	if (!p->n_rows)
		return err_set(err, ERR_USAGE, "--threads: %s has none of these threads", p->path);
	if (p->n_rows > FIGURE_ROWS_MAX)
		return err_set(err, ERR_USAGE,
			       "%s: %" PRIu32 " threads are too many for a figure, which shows "
			       "at most %u: choose some with --threads",
			       p->path, p->n_rows, FIGURE_ROWS_MAX);
	return 0;
}

static bool has_many_processes(const struct panel *p)
{
	for (uint32_t i = 1; i < p->n_rows; i++)
		if (timeline_thread(p->tl, p->lane[i])->process !=
		    timeline_thread(p->tl, p->lane[0])->process)
			return true;
	return false;
}

static const char *label_of(const struct panel *p, uint32_t row)
{
	const struct timeline_thread *t = timeline_thread(p->tl, p->lane[row]);

	return *t->name ? t->name : t->id;
}

struct label { const char *s; uint32_t row; };

static int by_label(const void *a, const void *b)
{
	const struct label *x = a, *y = b;

	return strcmp(x->s, y->s);
}

/*
 * Which rows would be called the same as another one: the caller's to free, or NULL without memory.
 */
static bool *find_namesakes(const struct panel *p)
{
	struct label *label = malloc(p->n_rows * sizeof(*label));
	bool *same = calloc(p->n_rows, sizeof(*same));

	if (!label || !same) {
		free(label);
		free(same);
		return NULL;
	}
	for (uint32_t i = 0; i < p->n_rows; i++)
		label[i] = (struct label){ label_of(p, i), i };
	qsort(label, p->n_rows, sizeof(*label), by_label);
	for (uint32_t i = 1; i < p->n_rows; i++)
		if (!strcmp(label[i - 1].s, label[i].s))
			same[label[i - 1].row] = same[label[i].row] = true;
	free(label);
	return same;
}

/*
 * "worker", or "worker 9989" where there are several of that name, and " (pid)" where there are
 * several processes: that part stays where a name is too long, and is *kept bytes.
 */
static char *row_name(const struct panel *p, uint32_t row, bool id_too, bool pid_too, size_t *kept)
{
	const struct timeline_thread *t = timeline_thread(p->tl, p->lane[row]);
	int64_t pid = timeline_process(p->tl, t->process)->pid;
	char *label = figure_shown(label_of(p, row)), *id = figure_shown(t->id), *name = NULL;
	struct buf b = BUF_INIT;

	if (label && id) {
		buf_str(&b, label);
		if (id_too && *t->name)
			buf_printf(&b, " %s", id);
		if (pid_too && pid >= 0)
			buf_printf(&b, " (%" PRId64 ")", pid);
		*kept = b.len - strlen(label);
		buf_add(&b, "", 1);
		name = buf_failed(&b) ? NULL : (char *)b.data;
	}
	if (!name)
		buf_release(&b);
	free(label);
	free(id);
	return name;
}

static int name_rows(struct panel *p, struct err *err)
{
	bool many = has_many_processes(p), *same = find_namesakes(p);
	int ret = 0;

	p->name = calloc(p->n_rows, sizeof(*p->name));
	p->kept = calloc(p->n_rows, sizeof(*p->kept));
	for (uint32_t i = 0; same && p->name && p->kept && i < p->n_rows && !ret; i++) {
		p->name[i] = row_name(p, i, same[i], many, &p->kept[i]);
		ret = p->name[i] ? 0 : -1;
	}
	if (!same || !p->name || !p->kept || ret)
		ret = err_memory(err, "a figure's names");
	free(same);
	return ret;
}

/* --- time ------------------------------------------------------------------------------------- */

static int choose_range(struct figure *fig, struct panel *p, struct err *err)
{
	const struct figure_options *o = fig->o;
	enum timeline_clock clock = p->info->clock;
	char a[48], b[48];

	p->from = 0;
	p->to = p->info->end + 1;	/* the last event lies on the end, and is shown */
	if (o->from && time_parse(o->from, clock, p->info->origin, &p->from, err))
		return err_prefix(err, "--from");
	if (!o->to && p->from > p->info->end) {
		if (fig->n_panels == 1 || o->own_axes)
			return err_set(err, ERR_USAGE, "--from: %s lies behind the end of %s, %s",
				       time_exact(a, p->from, clock), p->path,
				       time_exact(b, p->info->end, clock));
		p->to = p->from + 1;	/* another trace is longer, perhaps */
	}
	if (o->to && time_parse(o->to, clock, p->info->origin, &p->to, err))
		return err_prefix(err, "--to");
	if (p->to > TIMELINE_MAX_TIME)
		return err_set(err, ERR_USAGE, "--to %s: no trace is longer than %s",
			       o->to ? o->to : "", time_exact(a, TIMELINE_MAX_TIME, clock));
	if (p->from >= p->to)
		return err_set(err, ERR_USAGE, "%s: nothing lies between %s and %s", p->path,
			       time_exact(a, p->from, clock), time_exact(b, p->to, clock));
	return 0;
}

/* One axis for all: the same instants since each trace's beginning. */
static int share_axis(struct figure *fig, struct err *err)
{
	struct panel *first = &fig->panel[0];
	uint64_t to = first->to;

	for (unsigned i = 1; i < fig->n_panels; i++) {
		const struct panel *p = &fig->panel[i];

		if (p->info->clock != first->info->clock)
			return err_set(
				err, ERR_USAGE,
				"%s is in %s and %s is in %s: they share no axis (--axis own)",
				first->path, first->info->clock == CLOCK_TICKS ? "ticks" : "ns",
				p->path, p->info->clock == CLOCK_TICKS ? "ticks" : "ns");
		if (p->from != first->from || (fig->o->to && p->to != first->to))
			return err_set(
				err, ERR_USAGE,
				"a time with '@' is another instant in %s than in %s: they share "
				"no axis (--axis own)",
				p->path, first->path);
		to = p->to > to ? p->to : to;
	}
	for (unsigned i = 0; i < fig->n_panels; i++)
		fig->panel[i].to = to;
	return 0;
}

/* --- notes ------------------------------------------------------------------------------------ */

enum found { FOUND_NONE, FOUND_HIDDEN, FOUND };

/* The first row of that thread; FOUND_HIDDEN: it is a lane, but not among those shown. */
static enum found find_row(const struct panel *p, const char *word, uint32_t *row)
{
	for (unsigned how = 0; how < N_MATCHES; how++) {
		enum found found = FOUND_NONE;

		for (uint32_t i = 0; i < p->n_rows; i++)
			if (matches(p, p->lane[i], word, how)) {
				*row = i;
				return FOUND;
			}
		for (uint32_t i = 0; i < p->info->n_lanes && !found; i++)
			found = matches(p, i, word, how) ? FOUND_HIDDEN : FOUND_NONE;
		if (found)
			return found;
	}
	return FOUND_NONE;
}

/*
 * The panel that a note is for: the first that shows its thread.  "2/t1" means the second
 * timeline's t1.
 */
static struct panel *find_panel(struct figure *fig, const char *word, uint32_t *row,
				enum found *found)
{
	char *end;
	unsigned long k;

	*row = NO_THREAD;
	*found = *word ? FOUND_NONE : FOUND;
	if (!*word)
		return &fig->panel[0];
	for (unsigned i = 0; i < fig->n_panels; i++) {
		enum found f = find_row(&fig->panel[i], word, row);

		if (f == FOUND) {
			*found = f;
			return &fig->panel[i];
		}
		*found = f > *found ? f : *found;
	}
	k = *word >= '0' && *word <= '9' ? strtoul(word, &end, 10) : 0;
	if (!k || k > fig->n_panels || *end != '/')
		return &fig->panel[0];
	if (!end[1])
		*found = FOUND;
	else
		*found = find_row(&fig->panel[k - 1], end + 1, row);
	return &fig->panel[k - 1];
}

static int place_note(struct figure *fig, unsigned number, const char *time, const char *thread,
		      const char *text, struct err *err)
{
	struct figure_note note = { .number = number };
	enum found found;
	struct panel *p = find_panel(fig, thread, &note.row, &found);
	char *shown;
	unsigned at;

	if (found == FOUND_NONE) {
		shown = figure_shown(thread);
		err_set(err, ERR_USAGE, "--note: there is no thread '%.100s' with events of a lock",
			shown ? shown : "");
		free(shown);
		return -1;
	}
	if (time_parse(time, p->info->clock, p->info->origin, &note.t, err))
		return err_prefix(err, "--note");
	if (found == FOUND_HIDDEN || note.t < p->from || note.t >= p->to) {
		figure_say(fig, "note %u is left out: its %s is not in the figure", number,
			   found == FOUND_HIDDEN ? "thread" : "time");
		return 0;
	}
	note.text = figure_shown(text);
	if (!note.text)
		return err_memory(err, "a figure's notes");
	for (at = p->n_notes++; at && p->note[at - 1].t > note.t; at--)
		p->note[at] = p->note[at - 1];
	p->note[at] = note;
	return 0;
}

static int read_note(struct figure *fig, unsigned i, struct err *err)
{
	const char *s = fig->o->notes[i];
	char *time = take_word(&s, ':'), *thread = NULL, *shown;
	int ret = -1;

	if (*s)
		s++, thread = take_word(&s, ':');
	if (!time || (*s && !thread)) {
		err_memory(err, "a figure's notes");
	} else if (*s != ':' || !s[1]) {
		shown = figure_shown(fig->o->notes[i]);
		err_set(err, ERR_USAGE,
			"--note is TIME:THREAD:TEXT, as in 1.25s:101:woken in vain; not '%.200s'",
			shown ? shown : "");
		free(shown);
	} else {
		ret = place_note(fig, i + 1, time, thread, s + 1, err);
	}
	free(time);
	free(thread);
	return ret;
}

/* --- words ------------------------------------------------------------------------------------ */

static int choose_titles(struct figure *fig, struct err *err)
{
	const char *title = fig->o->title;

	if (!title)
		title = fig->n_panels == 1 ? fig->panel[0].info->title : "";
	if (*title && !(fig->title = figure_shown(title)))
		return err_memory(err, "a figure's title");
	for (unsigned i = 0; fig->n_panels > 1 && i < fig->n_panels; i++) {
		struct panel *p = &fig->panel[i];

		p->title = figure_shown(*p->info->title ? p->info->title : files_name(p->path));
		if (!p->title)
			return err_memory(err, "a figure's title");
	}
	return 0;
}

/* Up to " (", which says when and by whom it was compiled. */
static size_t short_length(const char *s)
{
	const char *more = strstr(s, " (");

	return more ? (size_t)(more - s) : strlen(s);
}

/*
 * "Python 3.11.2 / machine / command", as far as the log says so; the same words of several traces
 * once.
 */
static int choose_caption(struct figure *fig, struct err *err)
{
	static const char *const keys[] = { "python", "machine", "command" };
	static const char *const before[] = { "Python ", "", "" };

	for (unsigned i = 0; i < fig->n_panels && fig->n_captions < 4; i++) {
		struct buf b = BUF_INIT;

		for (unsigned k = 0; k < 3; k++) {
			const char *value = timeline_fact_value(fig->panel[i].tl, keys[k]);

			if (value && *value)
				buf_printf(&b, "%s%s%.*s", b.len ? " \302\267 " : "",
					   strncmp(value, "Python", 6) ? before[k] : "",
					   (int)(k ? strnlen(value, FIGURE_TEXT_BYTES)
						   : short_length(value)),
					   value);
		}
		buf_add(&b, "", 1);
		if (buf_failed(&b)) {
			buf_release(&b);
			return err_memory(err, "a figure's caption");
		}
		if (b.len == 1)
			figure_say(fig, "%s says nothing of its python, machine or command",
				   fig->panel[i].path);
		else if (!(fig->caption[fig->n_captions++] = figure_shown((const char *)b.data)))
			fig->n_captions--;
		buf_release(&b);
		for (unsigned k = 0; k + 1 < fig->n_captions; k++)
			if (!strcmp(fig->caption[k], fig->caption[fig->n_captions - 1])) {
				free(fig->caption[--fig->n_captions]);
				break;
			}
	}
	return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

#define LANES_AT_ONCE 256	/* of which sums are made: 2 MB in timeline_sum() */

static void see_sum(struct figure *fig, const struct timeline_bin *b)
{
	fig->seen[INK_RUN] |= b->run != 0;
	fig->seen[INK_ACQUIRE] |= b->acquires != 0;
	fig->seen[INK_STALL] |= b->stall != 0;
	fig->seen[INK_SIGNAL] |= b->signal != 0;
	fig->seen[INK_WAIT] |= b->wait != 0;
	fig->seen[INK_BUSY] |= b->busy != 0;
	fig->seen[INK_RETRY] |= b->retry != 0;
	fig->seen[INK_LOST] |= b->lost != 0;
}

/* What occurs in the range, for the legend; without looking at each column. */
static int see_inks(struct figure *fig, struct panel *p, struct err *err)
{
	struct timeline_cursor *cursor = timeline_cursor_new(p->tl, err);
	struct timeline_bin sum[LANES_AT_ONCE];
	int ret = cursor ? 0 : -1;

	for (uint32_t lane = 0, n; !ret && lane < p->info->n_lanes; lane += n) {
		bool any = false;

		n = p->info->n_lanes - lane < LANES_AT_ONCE ? p->info->n_lanes - lane
							    : LANES_AT_ONCE;
		for (uint32_t i = 0; i < p->n_rows && !any; i++)
			any = p->lane[i] - lane < n;
		if (any)
			ret = timeline_sum(cursor, p->from, p->to, lane, n, sum, err);
		for (uint32_t i = 0; any && !ret && i < p->n_rows; i++)
			if (p->lane[i] - lane < n)
				see_sum(fig, &sum[p->lane[i] - lane]);
	}
	timeline_cursor_free(cursor);
	return ret ? err_prefix(err, p->path) : 0;
}

int figure_open(struct figure *fig, struct err *err)
{
	const struct figure_options *o = fig->o;

	fig->n_panels = o->n_paths;
	for (unsigned i = 0; i < o->n_paths; i++) {
		struct panel *p = &fig->panel[i];

		p->path = o->paths[i];
		if (timeline_open(&p->tl, p->path, err))
			return -1;
		p->info = timeline_info(p->tl);
	}
	if (check_threads(fig, err))
		return -1;
	for (unsigned i = 0; i < o->n_paths; i++) {
		struct panel *p = &fig->panel[i];

		if (choose_range(fig, p, err) || choose_rows(fig, p, err) || name_rows(p, err))
			return -1;
		fig->n_rows += p->n_rows;
	}
	if (!o->own_axes && share_axis(fig, err))
		return -1;
	for (unsigned i = 0; i < fig->n_panels; i++)
		if (see_inks(fig, &fig->panel[i], err))
			return -1;
	for (unsigned i = 0; i < o->n_notes; i++)
		if (read_note(fig, i, err))
			return -1;
	if (choose_titles(fig, err) || (o->caption && choose_caption(fig, err)))
		return -1;
	return 0;
}

static void close_panel(struct panel *p)
{
	for (uint32_t i = 0; p->name && i < p->n_rows; i++)
		free(p->name[i]);
	for (unsigned i = 0; i < p->n_notes; i++) {
		free(p->note[i].text);
		for (unsigned k = 0; k < p->note[i].n_lines; k++)
			free(p->note[i].line[k]);
	}
	figure_columns_release(&p->columns);
	figure_handoffs_release(&p->handoffs);
	timeline_close(p->tl);
	free(p->name);
	free(p->kept);
	free(p->lane);
	free(p->title);
}

void figure_close(struct figure *fig)
{
	for (unsigned i = 0; i < fig->n_panels; i++)
		close_panel(&fig->panel[i]);
	for (unsigned i = 0; i < fig->n_captions; i++)
		free(fig->caption[i]);
	free(fig->title);
	figure_font_free(fig->font);
}
