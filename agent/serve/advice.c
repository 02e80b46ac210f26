/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "advice/advice.h"

#include <math.h>

#include "base/parse.h"
#include "base/util.h"
#include "serve/json.h"

#define PAGE_BYTES 4096
#define DAY_HOURS 24

static void
gen_expectation(yajl_gen g, const char *key, double rate, const struct forecast *f)
{
	static const char *const converges[] = {
	    [OUTLOOK_UNKNOWN] = "unknown", [OUTLOOK_CONVERGES] = "yes", [OUTLOOK_DIVERGES] = "no"};

	gen_string(g, key);
	if (isnan(rate)) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) yajl_gen_map_open(g);
	gen_value(g, "estimate_pages_per_second", rate);
	gen_text(g, "estimate_converges", converges[f->outlook]);
	gen_value(g, "estimate_rounds", f->rounds == UNSEEN ? NAN : f->rounds);
	gen_value(g, "estimate_total_seconds", f->total_seconds);
	gen_value(g, "estimate_downtime_seconds", f->downtime_seconds);
	(void) yajl_gen_map_close(g);
}

static void
gen_best_hours(yajl_gen g, const struct advice *a)
{
	static const char *const days[] = {
	    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

	gen_string(g, "best_hours");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < a->n_best; i++) {
		(void) yajl_gen_map_open(g);
		gen_text(g, "day", days[a->best[i].hour / DAY_HOURS]);
		gen_value(g, "hour", a->best[i].hour % DAY_HOURS);
		gen_time(g, "next", a->best[i].next);
		gen_value(g, "estimate_pages_per_second", a->best[i].rate);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
	gen_string(g, "estimate_pages_per_second_by_hour");
	if (!a->known) {
		(void) yajl_gen_null(g);
		return;
	}
	(void) yajl_gen_array_open(g);
	for (size_t h = 0; h < WEEK_HOURS; h++)
		gen_number(g, a->hour[h]);
	(void) yajl_gen_array_close(g);
}

static void
gen_basis(yajl_gen g, const struct advice *a)
{
	static const char *const words[COVARIATES] = {
	    "constant", "taken to follow CPU time", "taken to follow network traffic", "taken to follow block writes"};
	_cleanup_(freep) char *text = xasprintf("the dirty rate is %s%s, by the median of %zu measurements%s",
	    a->estimator.by == COVARIATE_NONE ? "taken for " : "", words[a->estimator.by], a->estimator.n,
	    a->estimator.by == COVARIATE_NONE ? "" : "; hours by its medians of up to 90 days");

	gen_text_or_null(g, "basis", a->known ? text : "");
}

static void
gen_advice(yajl_gen g, const struct advice *a)
{
	gen_text(g, "state", a->known ? "known" : "unknown");
	gen_text_or_null(g, "missing", a->missing);
	gen_basis(g, a);
	gen_value(g, "windows", a->migrations + a->probes);
	gen_value(g, "migrations", a->migrations);
	gen_value(g, "probes", a->probes);
	gen_string(g, "truncated");
	(void) yajl_gen_bool(g, a->truncated);
	gen_text_or_null(g, "covariate", a->known ? covariate_name(a->estimator.by) : "");
	gen_value(g, "estimate_error_ratio", a->estimator.error);
	gen_expectation(g, "now", a->rate, &a->now);
	gen_expectation(g, "best", a->n_best ? a->best[0].rate : NAN, &a->then);
	gen_best_hours(g, a);
}

void
route_advice(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const struct sample_domain *d;
	struct advised vm = {.dir = q->view->dir, .now = q->now.real};
	struct advice a;
	double bytes;
	yajl_gen g;
	int r;

	d = s ? require_domain(q, ret) : NULL;
	if (!d)
		return;
	bytes = d->value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)];
	vm.uuid = d->uuid;
	vm.pages = bytes > 0 ? (int64_t) (bytes / PAGE_BYTES) : 0;
	r = advice_make(&q->view->advisor, &vm, &a);
	if (r < 0) {
		problem(q, ret, 500, "the journal of migrations cannot be read: %s", strerror(-r));
		return;
	}
	g = gen_begin(s, &ret->body);
	gen_text(g, "uuid", d->uuid);
	gen_text(g, "name", d->name);
	gen_advice(g, &a);
	gen_end(g, &ret->body);
}
