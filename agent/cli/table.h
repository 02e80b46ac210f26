/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>

#define MAX_COLUMNS 12

/* Text in columns for a terminal. */
struct table;

/* The titles end with NULL, at most MAX_COLUMNS. A title that begins with '>' sets its column to
 * the right, one with '~' may be cut when the line does not fit. */
struct table *table_new(const char *const *titles);
void table_free(struct table *t);

/* The next cell of the current row; rows fill from the left. NULL or "": shown as "-". */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* width: columns of the terminal, 0: no limit. */
void table_print(const struct table *t, unsigned width, FILE *f);

/* The text without what could play with a terminal: control characters, those that turn the
 * direction of writing, and what is not UTF-8, become \xNN or \uNNNN. The caller frees it. */
char *visible(const char *text);

/* Columns of the terminal behind f, 0 if it is none. */
unsigned terminal_width(FILE *f);

#endif
