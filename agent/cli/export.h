/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Records for other programs: JSON lines, a whole record each; or CSV (RFC 4180, but lines end with a line feed
 * alone), a line each with what is no list. Null is empty there, and a text that a spreadsheet would take for a
 * formula gets a ' before it. */
enum export { EXPORT_NONE, EXPORT_JSONL, EXPORT_CSV };

/* "jsonl" or "csv". -EINVAL. */
int export_parse(const char *text, enum export *ret);

/* What comes before the first record. */
void export_begin(enum export form, FILE *f);
void export_record(enum export form, const json_t *record, FILE *f);

#endif
