/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVE_JSON_H
#define SERVE_JSON_H

#include <jansson.h>
#include <yajl/yajl_gen.h>

#include "serve/answer.h"

/* Two ways to the same JSON: put_* builds a small answer whole with jansson, gen_* streams a large
 * one with yajl. In both an absent value is null and a text is made valid UTF-8. */

/* The newest sample; NULL: none yet, and *ret says so. */
const struct sample *require_sample(const struct request *q, struct reply *ret);
/* Its domain that the path names; NULL: there is none, and *ret says so. */
const struct sample_domain *require_domain(const struct request *q, struct reply *ret);

/* Seconds since the values were collected. */
double sample_age(const struct request *q, const struct sample *s);

void put_text(json_t *object, const char *key, const char *text);
void put_text_or_null(json_t *object, const char *key, const char *text); /* "" is null */
void put_number(json_t *object, const char *key, double v);
/* source, stale, time, time_text: what every answer begins with; and age_seconds, for answers that are not kept. */
void put_source(json_t *object, const struct request *q, const struct sample *s);
/* "metrics": all values of the scope's object i, by the table, beside those that are there. */
void put_metrics(json_t *object, const struct sample *s, enum metric_scope scope, size_t i);
/* Writes it out and drops it. */
void put_end(json_t *object, struct strbuf *b);

/* Begins an object. */
yajl_gen gen_open(struct strbuf *b);
/* Begins an object with what every answer begins with. */
yajl_gen gen_begin(const struct sample *s, struct strbuf *b);
/* Closes that object. */
void gen_end(yajl_gen g, struct strbuf *b);
void gen_string(yajl_gen g, const char *text);
void gen_number(yajl_gen g, double v);
void gen_text(yajl_gen g, const char *key, const char *text);
void gen_text_or_null(yajl_gen g, const char *key, const char *text);
void gen_value(yajl_gen g, const char *key, double v);
/* A member that is made already, as JSON; drops the text. Where there are thousands of values, half of the time would
 * be yajl's checks of words of ours. */
void gen_made(yajl_gen g, const char *key, struct strbuf *value);
/* A number in such a text. */
void add_number(struct strbuf *b, double v);
/* Seconds since 1970 as the member key, the same as RFC 3339 has it as key_text. */
void gen_time(yajl_gen g, const char *key, double t);
/* The values of the scope's object i, by the table, as members. */
void gen_values(yajl_gen g, const struct sample *s, enum metric_scope scope, size_t i);

#endif
