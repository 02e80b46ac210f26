/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CSV_H
#define CSV_H

#include <jansson.h>
#include <stdio.h>

/* A table of an answer as RFC 4180 has it, but lines end with a line feed alone. Null and what is missing are
 * empty, and a text that a spreadsheet would take for a formula gets a ' before it. */
struct csv {
	const char
	    *rows; /* the list in the answer, or "boots/modes": those of each of a list, or of an object */
	/* Members of a row or of what it is in, "metrics.NAME" one within one; ends with NULL. "#": the row's
	 * name in an object. */
	const char *const *column;
};

void csv_head(const struct csv *c, FILE *f);
/* A row that is in nothing. */
void csv_row(const struct csv *c, const json_t *row, FILE *f);
/* The head and all rows. */
void csv_answer(const struct csv *c, const json_t *answer, FILE *f);

#endif
