/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATCH_VIEW_H
#define WATCH_VIEW_H

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"

/* What one look showed. */
struct watch_look {
	const json_t *host;	  /* NULL: not known yet */
	const json_t *features;	  /* the same */
	const json_t *migrations; /* of the last look that was answered */
	const char *trouble;	  /* why this look was not, NULL: it was */
	double now;		  /* seconds since 1970 */
};

/* How it is shown. */
struct watch_form {
	unsigned columns, rows;
	bool colours, blocks; /* the terminal has them; it shows Unicode's block elements */
};

/* The whole page, lines of at most the columns; a terminal of any size gets something. */
void watch_page(struct strbuf *b, const struct watch_look *look, const struct watch_form *form);

/* A line for each thing that is new since the look before (NULL: none), for a pipe. */
void watch_lines(struct strbuf *b, const json_t *migrations, const json_t *before, double now);

#endif
