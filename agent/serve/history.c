/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <string.h>

#include "base/util.h"
#include "serve/history.h"
#include "serve/params.h"

#define DEFAULT_SPAN 3600.0
#define MAX_SPAN (10 * 366 * 86400.0) /* s; the archives reach back half of it */
#define MAX_STEP 86400.0
#define MAX_POINTS 100000

static bool
check_times(const struct request *q, struct reply *ret, struct span *span)
{
	const char *step = request_parameter(q, "step");

	if (!param_time(q, ret, "end", &span->end))
		return false;
	span->end = span->end > 0 ? MIN(span->end, q->now.real) : q->now.real;
	span->start = span->end - DEFAULT_SPAN;
	if (!param_time(q, ret, "start", &span->start))
		return false;
	if (!(span->start < span->end && span->start >= span->end - MAX_SPAN && span->start >= 0)) {
		problem_of(q, ret, "start", "start must be before end, by ten years at most, and not in the future");
		return false;
	}
	if (step && (parse_seconds(step, &span->step) < 0 || span->step < 0 || span->step > MAX_STEP)) {
		problem_of(q, ret, "step", "step takes 0 (the finest) to %.0f seconds", MAX_STEP);
		return false;
	}
	return true;
}

static bool
check_metric(const struct request *q, struct reply *ret, const char *name, struct question *what)
{
	enum metric_id id = metric_find(name);

	if (id == METRIC_COUNT || !*metric_table[id].ds) {
		problem_of(q, ret, "metric", "%.64s: %s; those with a data_source in /api/v1/metrics-reference are",
		    name, id == METRIC_COUNT ? "there is no metric of this name" : "this metric is not stored");
		return false;
	}
	if (what->n == MAX_METRICS) {
		problem_of(q, ret, "metric", "metric takes %d names at most", MAX_METRICS);
		return false;
	}
	if (metric_scope_of(id) == MS_HOST && *what->uuid) {
		problem_of(q, ret, "uuid", "%s is one of the host: leave uuid out", name);
		return false;
	}
	if (metric_scope_of(id) != MS_HOST && !*what->uuid) {
		problem_of(q, ret, "uuid", "%s is one of a domain: give its uuid; /api/v1/domains lists them", name);
		return false;
	}
	what->id[what->n++] = id;
	return true;
}

static bool
check_metrics(const struct request *q, struct reply *ret, struct question *what)
{
	const char *names = request_parameter(q, "metric");
	_cleanup_(freep) char *copy = xstrdup(names ? names : "");
	char *rest = copy, *name;

	if (!names) {
		problem_of(q, ret, "metric",
		    "parameter metric is missing: it takes one or more names, joined by commas, of "
		    "/api/v1/metrics-reference");
		return false;
	}
	while ((name = strsep(&rest, ",")) != NULL)
		if (!check_metric(q, ret, name, what))
			return false;
	return true;
}

static bool
check_cf(const struct request *q, struct reply *ret, struct question *what)
{
	const char *cf = request_parameter(q, "cf");

	what->span.cf = cf ? cf : "AVERAGE";
	if (strcmp(what->span.cf, "AVERAGE") != 0 && strcmp(what->span.cf, "MIN") != 0 &&
	    strcmp(what->span.cf, "MAX") != 0) {
		problem_of(q, ret, "cf", "cf takes AVERAGE, MIN or MAX");
		return false;
	}
	if (*what->uuid && strcmp(what->span.cf, "MIN") == 0) {
		problem_of(q, ret, "cf", "MIN is only kept of the host: cf takes AVERAGE or MAX here");
		return false;
	}
	return true;
}

/* What its values are. */
static void
gen_head(yajl_gen g, enum metric_id id)
{
	const struct metric *m = &metric_table[id];

	gen_text(g, "metric", m->name);
	gen_text(g, "type", metric_type_name(m->type));
	gen_text_or_null(g, "unit", metric_unit_name(m->unit));
	/* what an RRD keeps of a counter is its rate */
	gen_string(g, "per_second");
	(void) yajl_gen_bool(g, m->type == MT_COUNTER);
}

static void
gen_column(yajl_gen g, const struct columns *c, enum metric_id id)
{
	const struct column *column = columns_find(c, id);
	struct strbuf b = {NULL, 0, 0};

	strbuf_str(&b, "[");
	for (size_t row = 0; row < c->rows; row++) {
		if (row > 0)
			strbuf_str(&b, ",");
		add_number(&b, columns_value(c, column, row));
	}
	strbuf_str(&b, "]");
	gen_made(g, "values", &b);
}

static void
gen_history(const struct request *q, struct reply *ret, const struct question *what, const struct columns *c)
{
	yajl_gen g = gen_begin(q->view->sample, &ret->body);

	gen_text_or_null(g, "uuid", what->uuid);
	gen_text(g, "cf", what->span.cf);
	gen_time(g, "start", c->start);
	gen_value(g, "step", c->step);
	gen_string(g, "columns");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < what->n; i++) {
		(void) yajl_gen_map_open(g);
		gen_head(g, what->id[i]);
		gen_column(g, c, what->id[i]);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
	gen_end(g, &ret->body);
}

bool
history_question(const struct request *q, struct reply *ret, struct question *what)
{
	*what = (struct question){.n = 0, .span = {.dir = q->view->dir}};
	return require_sample(q, ret) && request_uuid(q, ret, what->uuid) && check_metrics(q, ret, what) &&
	       check_cf(q, ret, what) && check_times(q, ret, &what->span);
}

void
route_history(const struct request *q, struct reply *ret)
{
	struct question what;
	struct columns c = {.n = 0};
	int r;

	if (!history_question(q, ret, &what) || !param_number(q, ret, "points", 1, MAX_POINTS, &what.points))
		return;
	r = columns_add(&c, &what.span, what.uuid, what.id, what.n);
	if (r < 0) {
		columns_problem(q, ret, r);
	} else {
		columns_thin(&c, what.points);
		gen_history(q, ret, &what, &c);
	}
	columns_done(&c);
}
