/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FIELD_WIDTH 12 /* columns of the name of a line that tells one thing */

/* Columns of the terminal behind f, 0 if it is none. */
unsigned terminal_width(FILE *f);

/* It is a terminal that knows colours, and nobody asked for none (NO_COLOR, no-color.org). */
bool terminal_colours(FILE *f);

/* The environment names UTF-8, of which block characters are a part. */
bool terminal_blocks(void);

/* How a word is coloured: "failed" as what is bad, "completed" as what is good; NULL: as any other text. A part
 * of an escape sequence: between "\033[" and "m". */
const char *word_colour(const char *word);

/* The text without what could play with a terminal: control characters, those that turn the
 * direction of writing, and what is not UTF-8, become \xNN or \uNNNN. The caller frees it. */
char *visible(const char *text);

/* Of visible text, each character taken as one column wide. */
size_t characters(const char *s);

/* Visible text from column at on, broken at spaces into lines of at most width columns (0: one line) that begin
 * at column indent; a line end comes after it. */
void print_wrapped(const char *s, size_t at, size_t indent, unsigned width, FILE *f);

/* A line that tells one thing: its name, then the text, made visible and wrapped. */
void print_field(FILE *f, unsigned width, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
