/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>

#include "cli/terminal.h"

#define MAX_COLUMNS 12

/* Text in columns for a terminal. */
struct table;

/* The titles end with NULL, at most MAX_COLUMNS. Before a title may stand, in any order: '>' its column is set
 * to the right; '!' its words have colours (word_colour); and, where the lines do not fit: '+' the last column
 * goes on below its line; '?' it is left out; '~' it is cut. These three are tried in that order. */
struct table *table_new(const char *const *titles);
void table_free(struct table *t);

/* The next cell of the current row; rows fill from the left. NULL or "": shown as "-". */
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* width: columns of the terminal, 0: no limit. */
void table_print(const struct table *t, unsigned width, FILE *f);

#endif
