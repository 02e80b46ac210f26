/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MIGRATION_FIELDS_H
#define MIGRATION_FIELDS_H

#include "serve/answer.h"

/* Of a migration's record the members that a client wants. */

/* The parameter "fields": names of members, joined by commas; NULL in *ret_fields: all. False: one is no member of a
 * record, *ret_reply says which. */
bool migration_fields(const struct request *q, struct reply *ret_reply, const char **ret_fields);

/* Appends such members of the line, an object as JSON, as an object; that of a time with its NAME_text. */
void migration_fields_add(struct strbuf *b, const char *fields, const char *line, size_t n);

#endif
