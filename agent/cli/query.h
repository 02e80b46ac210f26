/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

struct strbuf;

/* A parameter of a URL's query, with a ? or & before it, percent-encoded (RFC 3986). */
void add_parameter(struct strbuf *b, const char *name, const char *value);

/* What is asked of the past, for /api/v1/history and /graph/history; what is NULL is left out. */
void add_history(struct strbuf *b, const char *metric, const char *uuid, const char *since, const char *until);

#endif
