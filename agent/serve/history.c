/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/util.h"
#include "store/store.h"

#define DEFAULT_SPAN 3600.0
#define MAX_SPAN (10 * 366 * 86400.0) /* s; the archives reach back half of it */
#define MAX_STEP 86400.0

struct range {
	double start, end, step;
	const char *cf;
	char uuid[UUID_SIZE];
};

/* A parameter in seconds; false: it is not one, and *ret_reply says so. */
static bool
seconds(const struct request *q, struct reply *ret_reply, const char *name, double *value)
{
	const char *text = request_parameter(q, name);

	if (!text || parse_seconds(text, value) == 0)
		return true;
	problem_of(q, ret_reply, name, "%s takes a number of seconds", name);
	return false;
}

static bool
check_times(const struct request *q, struct reply *ret, struct range *range)
{
	range->end = q->now.real;
	range->step = 0;
	if (!seconds(q, ret, "end", &range->end))
		return false;
	if (range->end <= 0)
		range->end += q->now.real;
	range->end = MIN(range->end, q->now.real);
	range->start = range->end - DEFAULT_SPAN;
	if (!seconds(q, ret, "start", &range->start) || !seconds(q, ret, "step", &range->step))
		return false;
	if (range->start < 0)
		range->start += q->now.real;
	if (!(range->start < range->end && range->start >= range->end - MAX_SPAN &&
		range->start >= 0)) {
		problem_of(q, ret, "start",
		    "start must be before end, by ten years at most, and not in the future; "
		    "both are seconds since 1970, or negative: before now");
		return false;
	}
	if (range->step < 0 || range->step > MAX_STEP) {
		problem_of(q, ret, "step", "step takes 0 (the finest) to %.0f seconds", MAX_STEP);
		return false;
	}
	return true;
}

static bool
check_object(const struct request *q, struct reply *ret, enum metric_id id, struct range *range)
{
	enum metric_scope scope = metric_scope_of(id);
	const char *cf = request_parameter(q, "cf");

	if (!request_uuid(q, ret, range->uuid))
		return false;
	if (scope == MS_HOST && *range->uuid) {
		problem_of(q, ret, "uuid", "%s is one of the host: leave uuid out", metric_table[id].name);
		return false;
	}
	if (scope != MS_HOST && !*range->uuid) {
		problem_of(q, ret, "uuid", "%s is one of a domain: give its uuid; /api/v1/domains lists them",
		    metric_table[id].name);
		return false;
	}
	range->cf = cf ? cf : "AVERAGE";
	if (strcmp(range->cf, "AVERAGE") != 0 && strcmp(range->cf, "MIN") != 0 &&
	    strcmp(range->cf, "MAX") != 0) {
		problem_of(q, ret, "cf", "cf takes AVERAGE, MIN or MAX");
		return false;
	}
	return true;
}

static void
gen_history(const struct request *q, struct reply *ret, enum metric_id id,
    const struct range *range, const struct series *series)
{
	const struct metric *m = &metric_table[id];
	yajl_gen g = gen_begin(q->view->sample, &ret->body);

	gen_text(g, "metric", m->name);
	gen_text(g, "type", metric_type_name(m->type));
	gen_text_or_null(g, "unit", metric_unit_name(m->unit));
	/* what an RRD keeps of a counter is its rate */
	gen_string(g, "per_second");
	(void) yajl_gen_bool(g, m->type == MT_COUNTER);
	gen_text_or_null(g, "uuid", range->uuid);
	gen_text(g, "cf", range->cf);
	gen_time(g, "start", series->start);
	gen_value(g, "step", series->step);
	gen_string(g, "values");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < series->n; i++)
		gen_number(g, series->values[i]);
	(void) yajl_gen_array_close(g);
	gen_end(g, &ret->body);
}

void
route_history(const struct request *q, struct reply *ret)
{
	const char *name = request_parameter(q, "metric");
	enum metric_id id = name ? metric_find(name) : METRIC_COUNT;
	struct series series = {.n = 0};
	struct range range;
	int r;

	if (!require_sample(q, ret))
		return;
	if (id == METRIC_COUNT || !*metric_table[id].ds) {
		problem_of(q, ret, "metric",
		    "%s; those with a data_source in /api/v1/metrics-reference are",
		    !name		 ? "parameter metric is missing: it names what is wanted"
		    : id == METRIC_COUNT ? "there is no metric of this name"
					 : "this metric is not stored");
		return;
	}
	if (!check_times(q, ret, &range) || !check_object(q, ret, id, &range))
		return;
	r = store_read(q->view->dir, *range.uuid ? range.uuid : NULL, &id, 1, range.cf, range.start,
	    range.end, range.step, &series);
	if (r == -ENOENT)
		problem(q, ret, 404, "nothing is stored of %s%s%s for these times and cf yet", name,
		    *range.uuid ? " of domain " : "", range.uuid);
	else if (r < 0)
		problem(q, ret, r == -EINVAL ? 400 : 500, "the stored values cannot be read: %s",
		    strerror(-r));
	else
		gen_history(q, ret, id, &range, &series);
	free(series.values);
}
