/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>

#include "base/util.h"
#include "metrics/metric_text.h"
#include "serve/columns.h"
#include "serve/json.h"
#include "serve/rrdd_text.h"
#include "store/rrd_schema.h"

/* An object's archives, whole. */
struct dump {
	struct rrdd_text text;
	const char *dir, *uuid; /* "": the host */
	double newest;
	unsigned long step;
	enum rrd_kind kind;
	enum metric_id id[METRIC_COUNT];
	size_t n;
};

/* What the store asks for archive i: it ends with the newest whole step. */
static struct span
archive_span(const struct dump *d, size_t i, const char *cf)
{
	double step = (double) rrd_archive_step(i, d->step), end = floor(d->newest / step) * step;

	return (struct span){.dir = d->dir,
	    .cf = cf,
	    .start = MAX(end - step * (double) rrd_archive_rows(i, d->step), 0),
	    .end = end,
	    .step = step};
}

/* Finds out which metrics are stored of it. */
static int
find_sources(struct dump *d)
{
	struct span span = archive_span(d, 0, "AVERAGE");
	struct columns c = {.n = 0};
	int r = columns_add(&c, &span, d->uuid, d->id, columns_stored(d->uuid, d->id));

	d->n = c.n;
	for (size_t i = 0; i < c.n; i++)
		d->id[i] = c.column[i].id;
	columns_done(&c);
	return r;
}

/* What only the writer knows of its next value stays unsaid. */
static void
write_source(struct rrdd_text *t, const struct metric *m, unsigned long step)
{
	rrdd_open(t, "ds", NULL, '{');
	rrdd_member(t, "name", m->ds);
	rrdd_member(t, "type", metric_source_type(m));
	rrdd_number(t, "minimal_heartbeat", (double) step * METRIC_STEPS_UNTIL_UNKNOWN);
	rrdd_number(t, "min", isnan(m->min) ? -INFINITY : m->min);
	rrdd_number(t, "max", isnan(m->max) ? INFINITY : m->max);
	rrdd_member(t, "last_ds", "UNKN");
	rrdd_number(t, "value", NAN);
	rrdd_count(t, "unknown_sec", 0);
	rrdd_close(t, "ds", '{');
}

static void
write_prepared(struct rrdd_text *t, size_t n)
{
	rrdd_open(t, "cdp_prep", "cdp_prep", '{');
	rrdd_open(t, NULL, "ds", '[');
	for (size_t i = 0; i < n; i++) {
		rrdd_open(t, "ds", NULL, '{');
		rrdd_number(t, "primary_value", 0);
		rrdd_number(t, "secondary_value", 0);
		rrdd_number(t, "value", NAN);
		rrdd_count(t, "unknown_datapoints", 0);
		rrdd_close(t, "ds", '{');
	}
	rrdd_close(t, NULL, '[');
	rrdd_close(t, "cdp_prep", '{');
}

/* Oldest first, as rrdtool dump has it; what the store does not reach back to is unknown. */
static void
write_database(struct dump *d, const struct span *span, const struct columns *c)
{
	struct rrdd_text *t = &d->text;
	const struct column *column[METRIC_COUNT];
	size_t rows = (size_t) ((span->end - span->start) / span->step);
	size_t before = c->rows > 0 ? (size_t) (MAX(c->start - span->start, 0) / span->step) : rows;

	for (size_t i = 0; i < d->n; i++)
		column[i] = columns_find(c, d->id[i]);
	rrdd_open(t, "database", "database", '[');
	for (size_t row = 0; row < rows; row++) {
		rrdd_open(t, "row", NULL, '[');
		for (size_t i = 0; i < d->n; i++)
			rrdd_value(t, row < before ? NAN : columns_value(c, column[i], row - before));
		rrdd_close(t, "row", '[');
	}
	rrdd_close(t, "database", '[');
}

static int
write_archive(struct dump *d, size_t i, const char *cf)
{
	struct rrdd_text *t = &d->text;
	struct span span = archive_span(d, i, cf);
	struct columns c = {.n = 0};
	int r = columns_add(&c, &span, d->uuid, d->id, d->n);

	if (r == 0 && c.step == span.step) { /* else a file of other archives */
		rrdd_open(t, "rra", NULL, '{');
		rrdd_member(t, "cf", cf);
		rrdd_count(t, "pdp_per_row", span.step / (double) d->step);
		rrdd_open(t, "params", "params", '{');
		rrdd_member(t, "xff", rrd_kinds[d->kind].xff);
		rrdd_close(t, "params", '{');
		write_prepared(t, d->n);
		write_database(d, &span, &c);
		rrdd_close(t, "rra", '{');
	}
	columns_done(&c);
	return r;
}

static int
write_document(struct dump *d)
{
	struct rrdd_text *t = &d->text;
	int r = 0;

	rrdd_open(t, "rrd", NULL, '{');
	rrdd_member(t, "version", "0003");
	rrdd_count(t, "step", (double) d->step);
	rrdd_count(t, "lastupdate", floor(d->newest));
	rrdd_open(t, NULL, "ds", '[');
	for (size_t i = 0; i < d->n; i++)
		write_source(t, &metric_table[d->id[i]], d->step);
	rrdd_close(t, NULL, '[');
	rrdd_open(t, NULL, "rra", '[');
	for (size_t i = 0; rrd_archive_step(i, d->step) > 0 && r == 0; i++) {
		r = write_archive(d, i, "AVERAGE");
		if (r == 0 && rrd_kinds[d->kind].minimum)
			r = write_archive(d, i, "MIN");
		if (r == 0)
			r = write_archive(d, i, "MAX");
	}
	rrdd_close(t, NULL, '[');
	rrdd_close(t, "rrd", '{');
	return r;
}

static void
write_dump(const struct request *q, struct reply *ret, const char *uuid)
{
	struct dump d = {.dir = q->view->dir,
	    .uuid = uuid,
	    .newest = q->view->sample->at.real,
	    .step = q->view->step,
	    .kind = *uuid ? RRD_VM : RRD_HOST};
	int r = find_sources(&d);

	if (r == 0) {
		d.text = rrdd_begin(q, ret);
		r = write_document(&d);
	}
	if (r < 0)
		columns_problem(q, ret, r);
}

void
route_host_rrd(const struct request *q, struct reply *ret)
{
	if (require_sample(q, ret) && rrdd_check(q, ret))
		write_dump(q, ret, "");
}

void
route_vm_rrd(const struct request *q, struct reply *ret)
{
	char uuid[UUID_SIZE];

	if (!require_sample(q, ret) || !rrdd_check(q, ret) || !request_uuid(q, ret, uuid))
		return;
	if (*uuid)
		write_dump(q, ret, uuid);
	else
		problem_of(q, ret, "uuid", "uuid must be given: of a domain; /api/v1/domains lists them");
}
