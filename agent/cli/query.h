/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

struct strbuf;

/* A parameter of a URL's query, with a ? or & before it, percent-encoded (RFC 3986). */
void add_parameter(struct strbuf *b, const char *name, const char *value);

#endif
