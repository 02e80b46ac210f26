/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <math.h>

#include "base/utf8.h"
#include "base/util.h"

#define MAX_VALUES METRIC_COUNT	 /* no scope has more rows */
#define MAX_TIME_KEY 40
#define EXACT 9007199254740992.0 /* 2^53: whole numbers below are exact in a double */

const struct sample *
require_sample(const struct request *q, struct reply *ret)
{
	if (!q->view->sample)
		problem(q, ret, 503, "no sample yet: the agent has just started; ask again in %u s",
		    q->view->step);
	return q->view->sample;
}

double
sample_age(const struct request *q, const struct sample *s)
{
	return MAX(0, q->now.mono - s->at.mono);
}

static double
milliseconds(double t)
{
	return floor(t * 1000 + 0.5) / 1000;
}

/* What is not UTF-8 becomes U+FFFD; both writers escape control characters by themselves. */
static void
clean(struct strbuf *b, const char *text)
{
	while (*text) {
		size_t n = utf8_length(text);

		if (n > 0)
			strbuf_add(b, text, n);
		else
			strbuf_str(b, UTF8_REPLACEMENT);
		text += n ? n : 1;
	}
}

void
put_text(json_t *object, const char *key, const char *text)
{
	struct strbuf b = {NULL, 0, 0};

	clean(&b, text);
	(void) json_object_set_new(object, key, json_string(b.text ? b.text : ""));
	strbuf_done(&b);
}

void
put_text_or_null(json_t *object, const char *key, const char *text)
{
	if (*text)
		put_text(object, key, text);
	else
		(void) json_object_set_new(object, key, json_null());
}

void
put_number(json_t *object, const char *key, double v)
{
	json_t *n;

	if (!isfinite(v))
		n = json_null();
	else if (v == floor(v) && fabs(v) < EXACT)
		n = json_integer((json_int_t) v);
	else
		n = json_real(v);
	(void) json_object_set_new(object, key, n);
}

void
put_source(json_t *object, const struct request *q, const struct sample *s)
{
	double at = milliseconds(s->at.real);
	char when[TIME_TEXT_SIZE];

	time_text(at, when);
	put_text(object, "source", s->replay ? "replay" : "live");
	(void) json_object_set_new(object, "stale", json_boolean(s->stale));
	put_number(object, "time", at);
	put_text(object, "time_text", when);
	put_number(object, "age_seconds", milliseconds(sample_age(q, s)));
}

void
put_metrics(json_t *object, const struct sample *s, enum metric_scope scope, size_t i)
{
	const struct metric_scope_info *info = &metric_scopes[scope];
	double value[MAX_VALUES];
	json_t *metrics = json_object_get(object, "metrics");

	if (!metrics) {
		metrics = json_object();
		(void) json_object_set_new(object, "metrics", metrics);
	}
	sample_values(s, scope, i, value);
	for (enum metric_id id = info->first; id < info->end; id++)
		put_number(metrics, metric_table[id].name, value[id - info->first]);
}

static int
add_to_buffer(const char *data, size_t n, void *arg)
{
	strbuf_add(arg, data, n);
	return 0;
}

void
put_end(json_t *object, struct strbuf *b)
{
	/* 16 digits: exact to the microsecond for stamps, and 0.1 stays 0.1 */
	(void) json_dump_callback(
	    object, add_to_buffer, b, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16));
	strbuf_str(b, "\n");
	json_decref(object);
}

static void
print(void *arg, const char *text, size_t n)
{
	strbuf_add(arg, text, n);
}

/* Bytes of the text, if all of it is UTF-8: nearly every one is, and needs no copy. */
static bool
is_clean(const char *text, size_t *ret_n)
{
	const char *end = text;
	size_t n = 1;

	while (*end && (n = (unsigned char) *end < 0x80 ? 1 : utf8_length(end)) > 0)
		end += n;
	*ret_n = (size_t) (end - text);
	return n > 0;
}

void
gen_string(yajl_gen g, const char *text)
{
	struct strbuf b = {NULL, 0, 0};
	size_t n;

	if (is_clean(text, &n)) {
		(void) yajl_gen_string(g, (const unsigned char *) text, n);
		return;
	}
	clean(&b, text);
	(void) yajl_gen_string(g, (const unsigned char *) b.text, b.n);
	strbuf_done(&b);
}

void
gen_number(yajl_gen g, double v)
{
	struct strbuf b = {NULL, 0, 0};

	if (!isfinite(v)) {
		(void) yajl_gen_null(g);
	} else if (v == floor(v) && fabs(v) < EXACT) {
		(void) yajl_gen_integer(g, (long long) v);
	} else {
		strbuf_number(&b, v);
		(void) yajl_gen_number(g, b.text, b.n);
		strbuf_done(&b);
	}
}

void
gen_text(yajl_gen g, const char *key, const char *text)
{
	gen_string(g, key);
	gen_string(g, text);
}

void
gen_text_or_null(yajl_gen g, const char *key, const char *text)
{
	gen_string(g, key);
	if (*text)
		gen_string(g, text);
	else
		(void) yajl_gen_null(g);
}

void
gen_value(yajl_gen g, const char *key, double v)
{
	gen_string(g, key);
	gen_number(g, v);
}

/* yajl writes the text of a number as it is, with the comma where one is due. */
void
gen_made(yajl_gen g, const char *key, struct strbuf *value)
{
	gen_string(g, key);
	(void) yajl_gen_number(g, value->text, value->n);
	strbuf_done(value);
}

void
add_number(struct strbuf *b, double v)
{
	if (isfinite(v))
		strbuf_number(b, v);
	else
		strbuf_str(b, "null");
}

void
gen_values(yajl_gen g, const struct sample *s, enum metric_scope scope, size_t i)
{
	const struct metric_scope_info *info = &metric_scopes[scope];
	double value[MAX_VALUES];

	sample_values(s, scope, i, value);
	for (enum metric_id id = info->first; id < info->end; id++)
		gen_value(g, metric_table[id].name, value[id - info->first]);
}

void
gen_time(yajl_gen g, const char *key, double t)
{
	char text_key[MAX_TIME_KEY], text[TIME_TEXT_SIZE];

	(void) snprintf(text_key, sizeof(text_key), "%s_text", key);
	time_text(t, text);
	gen_value(g, key, t);
	gen_text_or_null(g, text_key, text);
}

yajl_gen
gen_open(struct strbuf *b)
{
	yajl_gen g = yajl_gen_alloc(NULL);

	if (!g)
		abort();
	(void) yajl_gen_config(g, yajl_gen_print_callback, print, b);
	(void) yajl_gen_map_open(g);
	return g;
}

yajl_gen
gen_begin(const struct sample *s, struct strbuf *b)
{
	yajl_gen g = gen_open(b);

	gen_text(g, "source", s->replay ? "replay" : "live");
	gen_string(g, "stale");
	(void) yajl_gen_bool(g, s->stale);
	gen_time(g, "time", milliseconds(s->at.real));
	return g;
}

void
gen_end(yajl_gen g, struct strbuf *b)
{
	(void) yajl_gen_map_close(g);
	strbuf_str(b, "\n");
	yajl_gen_free(g);
}
