/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/util.h"

#define GAP 2
#define MIN_CUT 8 /* a column is never cut to less */

struct column {
	const char *title;
	bool right, cut;
};

struct table {
	struct column column[MAX_COLUMNS];
	size_t n_columns;
	char **cell;
	size_t n_cells;
};

struct table *
table_new(const char *const *titles)
{
	struct table *t = xcalloc(1, sizeof(*t));

	for (; *titles && t->n_columns < MAX_COLUMNS; titles++) {
		struct column *c = &t->column[t->n_columns++];

		c->right = **titles == '>';
		c->cut = **titles == '~';
		c->title = *titles + (c->right || c->cut);
	}
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

/* Characters, each taken as one column wide. */
static size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char) *s & 0xc0) != 0x80;
	return n;
}

static void
measure(const struct table *t, unsigned width, size_t *ret_widths)
{
	size_t total = 0, widest;

	for (size_t c = 0; c < t->n_columns; c++)
		ret_widths[c] = characters(t->column[c].title);
	for (size_t i = 0; i < t->n_cells; i++)
		ret_widths[i % t->n_columns] =
		    MAX(ret_widths[i % t->n_columns], characters(t->cell[i]));
	for (size_t c = 0; c < t->n_columns; c++)
		total += ret_widths[c] + (c ? GAP : 0);
	while (width > 0 && total > width) {
		widest = t->n_columns;
		for (size_t c = 0; c < t->n_columns; c++)
			if (t->column[c].cut && ret_widths[c] > MIN_CUT &&
			    (widest == t->n_columns || ret_widths[c] > ret_widths[widest]))
				widest = c;
		if (widest == t->n_columns)
			break;
		ret_widths[widest]--;
		total--;
	}
}

static void
pad(size_t n, FILE *f)
{
	(void) fprintf(f, "%*s", (int) n, "");
}

/* At most width characters of the text; what is cut ends with "~". */
static void
print_cell(const struct column *column, const char *text, size_t width, bool last, FILE *f)
{
	size_t n = characters(text);

	if (n <= width) {
		if (column->right)
			pad(width - n, f);
		(void) fputs(text, f);
		if (!column->right && !last)
			pad(width - n, f);
		return;
	}
	for (n = 0; n + 1 < width; n++)
		for (size_t len = utf8_length(text); len > 0; len--)
			(void) fputc(*text++, f);
	(void) fputc('~', f);
}

void
table_print(const struct table *t, unsigned width, FILE *f)
{
	size_t widths[MAX_COLUMNS];

	measure(t, width, widths);
	for (size_t i = 0; i < t->n_columns + t->n_cells; i++) {
		size_t c = i % t->n_columns;
		bool last = c + 1 == t->n_columns;

		if (c > 0)
			pad(GAP, f);
		print_cell(&t->column[c],
		    i < t->n_columns ? t->column[c].title : t->cell[i - t->n_columns], widths[c],
		    last, f);
		if (last)
			(void) fputc('\n', f);
	}
}

static uint32_t
code_point(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *) s;
	uint32_t c = n == 1 ? u[0] : u[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (u[i] & 0x3f);
	return c;
}

static bool
plays(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char *
visible(const char *text)
{
	struct strbuf b = {NULL, 0, 0};

	strbuf_str(&b, "");
	while (*text) {
		size_t n = utf8_length(text);
		uint32_t c = n ? code_point(text, n) : (unsigned char) *text;

		if (n > 0 && !plays(c))
			strbuf_add(&b, text, n);
		else if (c < 0x100)
			strbuf_printf(&b, "\\x%02x", c);
		else
			strbuf_printf(&b, "\\u%04x", c);
		text += n ? n : 1;
	}
	return b.text;
}

unsigned
terminal_width(FILE *f)
{
	struct winsize w;

	return ioctl(fileno(f), TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}
