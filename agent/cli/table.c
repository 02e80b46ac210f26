/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/table.h"

#include <stdarg.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "base/util.h"

#define GAP 2
#define MIN_CUT 8 /* a column is never cut to less */
#define MIN_BESIDE                                                                                             \
	20 /* columns for text that goes on beside the others; with less it goes on below, so far in: */
#define INDENT 4

struct column {
	const char *title;
	bool right, coloured, goes_on, optional, cut;
};

struct table {
	struct column column[MAX_COLUMNS];
	size_t n_columns;
	char **cell;
	size_t n_cells;
};

/* How it is to be printed. */
struct layout {
	size_t width[MAX_COLUMNS], total;
	bool hidden[MAX_COLUMNS];
	bool beside; /* the last column goes on in lines of its own width; else, if hidden, below */
	bool colours;
	unsigned terminal;
};

static struct column
column(const char *title)
{
	struct column c = {.title = title};

	for (;; c.title++)
		switch (*c.title) {
		case '>':
			c.right = true;
			break;
		case '!':
			c.coloured = true;
			break;
		case '+':
			c.goes_on = true;
			break;
		case '?':
			c.optional = true;
			break;
		case '~':
			c.cut = true;
			break;
		default:
			return c;
		}
}

struct table *
table_new(const char *const *titles)
{
	struct table *t = xcalloc(1, sizeof(*t));

	for (; *titles && t->n_columns < MAX_COLUMNS; titles++)
		t->column[t->n_columns++] = column(*titles);
	return t;
}

void
table_free(struct table *t)
{
	if (!t)
		return;
	while (t->n_cells > 0)
		free(t->cell[--t->n_cells]);
	free(t->cell);
	free(t);
}

void
table_cell(struct table *t, const char *text)
{
	if ((t->n_cells & (t->n_cells - 1)) == 0)
		t->cell = xrealloc(t->cell, MAX(t->n_cells * 2, 1) * sizeof(*t->cell));
	t->cell[t->n_cells++] = visible(text && *text ? text : "-");
}

void
table_cellf(struct table *t, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	table_cell(t, text);
}

static bool
too_wide(const struct layout *l)
{
	return l->terminal > 0 && l->total > l->terminal;
}

static void
hide(struct layout *l, size_t c)
{
	l->hidden[c] = true;
	l->total -= l->width[c] + GAP;
}

/* The last column: in the room that the others leave, or below them. */
static void
let_go_on(struct layout *l, size_t last)
{
	size_t others = l->total - l->width[last];

	if (l->terminal < others + MIN_BESIDE) {
		hide(l, last);
		return;
	}
	l->beside = true;
	l->width[last] = l->terminal - others;
	l->total = l->terminal;
}

static void
cut_widest(const struct table *t, struct layout *l)
{
	while (too_wide(l)) {
		size_t widest = t->n_columns;

		for (size_t c = 0; c < t->n_columns; c++)
			if (t->column[c].cut && l->width[c] > MIN_CUT &&
			    (widest == t->n_columns || l->width[c] > l->width[widest]))
				widest = c;
		if (widest == t->n_columns)
			break;
		l->width[widest]--;
		l->total--;
	}
}

static void
lay_out(const struct table *t, struct layout *l)
{
	for (size_t c = 0; c < t->n_columns; c++)
		l->width[c] = characters(t->column[c].title);
	for (size_t i = 0; i < t->n_cells; i++)
		l->width[i % t->n_columns] = MAX(l->width[i % t->n_columns], characters(t->cell[i]));
	for (size_t c = 0; c < t->n_columns; c++)
		l->total += l->width[c] + (c ? GAP : 0);
	if (too_wide(l) && t->column[t->n_columns - 1].goes_on)
		let_go_on(l, t->n_columns - 1);
	for (size_t c = t->n_columns; c-- > 0 && too_wide(l);)
		if (t->column[c].optional)
			hide(l, c);
	cut_widest(t, l);
}

static void
pad(size_t n, FILE *f)
{
	(void) fprintf(f, "%*s", (int) n, "");
}

/* At most width characters of the text; what is cut ends with "~". */
static void
print_cell(const struct column *column, const char *text, size_t width, const char *colour, bool last, FILE *f)
{
	size_t n = characters(text);

	if (n <= width && column->right)
		pad(width - n, f);
	if (colour)
		(void) fprintf(f, "\033[%sm", colour);
	if (n <= width)
		(void) fputs(text, f);
	else {
		for (size_t i = 0; i + 1 < width; i++)
			for (size_t len = utf8_length(text); len > 0; len--)
				(void) fputc(*text++, f);
		(void) fputc('~', f);
	}
	if (colour)
		(void) fputs("\033[0m", f);
	if (n < width && !column->right && !last)
		pad(width - n, f);
}

static const char *
colour_of(const struct layout *l, const struct column *column, const char *text, bool title)
{
	if (!l->colours)
		return NULL;
	return title ? "1" : column->coloured ? word_colour(text) : NULL;
}

static void
print_row(const struct table *t, const struct layout *l, char *const *cell, bool title, FILE *f)
{
	size_t last = t->n_columns - 1, at = 0;

	while (last > 0 && l->hidden[last])
		last--;
	for (size_t c = 0; c <= last; c++) {
		const char *text = title ? t->column[c].title : cell[c];

		if (l->hidden[c])
			continue;
		if (at > 0)
			pad(GAP, f);
		at += at > 0 ? GAP : 0;
		if (c + 1 == t->n_columns && l->beside && !title)
			break;
		print_cell(
		    &t->column[c], text, l->width[c], colour_of(l, &t->column[c], text, title), c == last, f);
		at += l->width[c];
	}
	if (l->beside && !title) {
		print_wrapped(cell[t->n_columns - 1], at, at, l->terminal, f);
		return;
	}
	(void) fputc('\n', f);
	if (!title && t->column[t->n_columns - 1].goes_on && l->hidden[t->n_columns - 1] &&
	    strcmp(cell[t->n_columns - 1], "-") != 0) {
		pad(INDENT, f);
		print_wrapped(cell[t->n_columns - 1], INDENT, INDENT, l->terminal, f);
	}
}

void
table_print(const struct table *t, unsigned width, FILE *f)
{
	struct layout l = {.terminal = width, .colours = terminal_colours(f)};

	lay_out(t, &l);
	print_row(t, &l, NULL, true, f);
	for (size_t i = 0; i + t->n_columns <= t->n_cells; i += t->n_columns)
		print_row(t, &l, &t->cell[i], false, f);
}
