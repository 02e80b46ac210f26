/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/csv.h"

/* Records for other programs: JSON lines, a whole record each; or CSV (csv.h), a line each with what is no list. */
enum export { EXPORT_NONE, EXPORT_JSONL, EXPORT_CSV };

/* "jsonl" or "csv". -EINVAL. */
int export_parse(const char *text, enum export *ret);

/* What comes before the first record. */
void export_begin(enum export form, FILE *f);
void export_record(enum export form, const json_t *record, FILE *f);

/* The latter. */
extern const struct csv migrations_csv;

#endif
