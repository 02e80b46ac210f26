/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOMAIN_FIELDS_H
#define DOMAIN_FIELDS_H

#include "serve/json.h"

/* The JSON of a domain, or of it what a client wants. */

#define MAX_DOMAIN_MEMBERS 16

struct domain_fields {
	bool member[MAX_DOMAIN_MEMBERS]; /* in the order of domain_fields.c */
	bool metric[METRIC_COUNT];
};

/* A list of members and metrics, joined by commas; NULL: all. False: *ret_wrong, up to a comma or its end, is
 * neither. */
bool domain_fields_parse(const char *list, struct domain_fields *ret, const char **ret_wrong);
/* The members there are, joined by commas. */
void domain_fields_list(struct strbuf *b);

/* The sample's domain i as an object. */
void gen_domain(yajl_gen g, const struct sample *s, size_t i, const struct domain_fields *fields);

#endif
