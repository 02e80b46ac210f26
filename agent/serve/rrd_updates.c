/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/util.h"
#include "serve/columns.h"
#include "serve/json.h"
#include "serve/rrdd_text.h"

#define LEGEND_SIZE 96
#define MAX_INTERVAL 86400.0

static const char *const functions[] = {"AVERAGE", "MIN", "MAX"};

/* Who is asked for. */
struct wanted {
	bool host, all;
	char uuid[UUID_SIZE]; /* unless all; "": no domain */
	const char *cf;	      /* NULL: each */
	struct span span;
};

static bool
check_times(const struct request *q, struct reply *ret, struct wanted *w)
{
	const char *start = request_parameter(q, "start"), *interval = request_parameter(q, "interval");
	double newest = q->view->sample->at.real;

	if (!start || parse_seconds(start, &w->span.start) < 0) {
		problem_of(q, ret, "start",
		    "start takes seconds since 1970, or, negative, before the newest values; it must be given");
		return false;
	}
	if (interval && (parse_seconds(interval, &w->span.step) < 0 || w->span.step < 0 ||
			    w->span.step > MAX_INTERVAL)) {
		problem_of(q, ret, "interval", "interval takes 0 to %.0f seconds", MAX_INTERVAL);
		return false;
	}
	if (w->span.start < 0)
		w->span.start = MAX(w->span.start + newest, 0);
	w->span.end = newest;
	return true;
}

static bool
check_objects(const struct request *q, struct reply *ret, struct wanted *w)
{
	const char *host = request_parameter(q, "host"), *uuid = request_parameter(q, "vm_uuid");

	if (host && parse_bool(host, &w->host) < 0) {
		problem_of(q, ret, "host", "host takes true or false");
		return false;
	}
	w->all = !uuid || strcmp(uuid, "all") == 0;
	if (!w->all && strcmp(uuid, "none") != 0 && parse_uuid(uuid, w->uuid) < 0) {
		problem_of(q, ret, "vm_uuid", "vm_uuid takes a UUID of 36 characters, all or none");
		return false;
	}
	w->cf = request_parameter(q, "cf");
	for (size_t i = 0; w->cf && strcmp(w->cf, functions[i]) != 0; i++)
		if (i + 1 == ARRAY_SIZE(functions)) {
			problem_of(q, ret, "cf", "cf takes AVERAGE, MIN or MAX");
			return false;
		}
	return true;
}

/* All that is stored of an object, of which MIN is not; "": the host. */
static int
add_object(struct columns *c, const struct wanted *w, const char *uuid)
{
	enum metric_id id[METRIC_COUNT];
	size_t n = columns_stored(uuid, id);

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		struct span span = w->span;
		int r;

		if (w->cf ? strcmp(w->cf, functions[i]) != 0 : *uuid && strcmp(functions[i], "MIN") == 0)
			continue;
		span.cf = functions[i];
		/* the row that ends at start is wanted, too, and of later ones none is there */
		span.start = MAX(MIN(span.start, span.end) - 1, 0);
		r = columns_add(c, &span, uuid, id, n);
		/* of an object that is not like the first one nothing is said, as by xcp-rrdd */
		if (r < 0 && r != -ENOENT && r != -EINVAL && r != -EXDEV)
			return r;
	}
	return 0;
}

static int
add_objects(struct columns *c, const struct wanted *w, const struct sample *s)
{
	int r = w->host ? add_object(c, w, "") : 0;

	if (!w->all)
		return r == 0 && *w->uuid ? add_object(c, w, w->uuid) : r;
	for (size_t i = 0; i < s->n_domains && r == 0; i++)
		r = add_object(c, w, s->domain[i].uuid);
	return r;
}

static void
write_legend(struct rrdd_text *t, const struct columns *c, const char *host)
{
	char text[LEGEND_SIZE];

	rrdd_open(t, "legend", "legend", '[');
	for (size_t i = 0; i < c->n; i++) {
		const struct column *of = &c->column[i];

		(void) snprintf(text, sizeof(text), "%s:%s:%s:%s", of->cf, *of->uuid ? "vm" : "host",
		    *of->uuid ? of->uuid : host, metric_table[of->id].ds);
		rrdd_entry(t, "entry", text);
	}
	rrdd_close(t, "legend", '[');
}

static void
write_row(struct rrdd_text *t, const struct columns *c, size_t row)
{
	rrdd_open(t, "row", NULL, '{');
	rrdd_count(t, "t", columns_time(c, row));
	rrdd_open(t, NULL, "values", '[');
	for (size_t i = 0; i < c->n; i++)
		rrdd_value(t, columns_value(c, &c->column[i], row));
	rrdd_close(t, NULL, '[');
	rrdd_close(t, "row", '{');
}

/* Rows of whole steps from start on, newest first. */
static void
write_updates(const struct request *q, struct reply *ret, const struct columns *c, const struct wanted *w)
{
	struct rrdd_text t = rrdd_begin(q, ret);
	size_t first = 0, end = c->rows;

	while (end > 0 && columns_time(c, end - 1) > w->span.end)
		end--;
	while (first < end && columns_time(c, first) < w->span.start)
		first++;
	rrdd_open(&t, "xport", NULL, '{');
	rrdd_open(&t, "meta", "meta", '{');
	rrdd_count(&t, "start", first < end ? columns_time(c, first) : w->span.start);
	rrdd_count(&t, "step", c->step);
	rrdd_count(&t, "end", first < end ? columns_time(c, end - 1) : w->span.end);
	rrdd_count(&t, "rows", (double) (end - first));
	rrdd_count(&t, "columns", (double) c->n);
	write_legend(&t, c, rrdd_host_uuid(q->view));
	rrdd_close(&t, "meta", '{');
	rrdd_open(&t, "data", "data", '[');
	while (end > first)
		write_row(&t, c, --end);
	rrdd_close(&t, "data", '[');
	rrdd_close(&t, "xport", '{');
}

void
route_rrd_updates(const struct request *q, struct reply *ret)
{
	struct wanted w = {.span = {.dir = q->view->dir}};
	struct columns c = {.n = 0};
	int r;

	if (!require_sample(q, ret) || !rrdd_check(q, ret) || !check_times(q, ret, &w) ||
	    !check_objects(q, ret, &w))
		return;
	r = add_objects(&c, &w, q->view->sample);
	if (r < 0)
		columns_problem(q, ret, r);
	else if (c.n == 0)
		problem(q, ret, 404, "nothing is stored of what was asked for");
	else
		write_updates(q, ret, &c, &w);
	columns_done(&c);
}
