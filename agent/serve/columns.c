/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/columns.h"

#include <errno.h>
#include <math.h>

#include "base/util.h"

static struct column *
append(struct columns *c)
{
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		c->column = xrealloc(c->column, c->room * sizeof(*c->column));
	}
	return &c->column[c->n++];
}

/* Lets the grid reach over the series, too. */
static void
widen(struct columns *c, const struct series *x)
{
	double end;

	if (x->n == 0)
		return;
	end = MAX(c->start + (double) c->rows * c->step, x->start + (double) x->n * x->step);
	c->start = c->rows == 0 ? x->start : MIN(c->start, x->start);
	c->rows = (size_t) ((end - c->start) / c->step);
}

/* The metrics of one file. */
static int
add_scope(
    struct columns *c, const struct span *span, const char *uuid, const enum metric_id *id, size_t n)
{
	struct series x[METRIC_COUNT];
	int r = c->stored ? 0 : stored_open(span->dir, &c->stored);

	if (r == 0)
		r = store_read(c->stored, *uuid ? uuid : NULL, id, n, span->cf, span->start, span->end, span->step, x);
	if (r < 0)
		return r;
	if (c->n > 0 && x[0].step != c->step)
		r = -EXDEV;
	else if (c->n_values + n * x[0].n > MAX_COLUMN_VALUES)
		r = -E2BIG;
	if (r < 0) {
		series_free(x, n);
		return r;
	}
	c->step = x[0].step;
	c->n_values += n * x[0].n;
	widen(c, &x[0]);
	for (size_t i = 0; i < n; i++) {
		struct column *to = append(c);

		*to = (struct column){.id = id[i], .cf = span->cf, .x = x[i]};
		str_copy(to->uuid, sizeof(to->uuid), uuid);
	}
	return 0;
}

int
columns_add(
    struct columns *c, const struct span *span, const char *uuid, const enum metric_id *id, size_t n)
{
	size_t before = c->n;

	for (enum metric_scope scope = 0; scope < SCOPE_COUNT; scope++) {
		enum metric_id of_scope[METRIC_COUNT];
		size_t m = 0;
		int r;

		for (size_t i = 0; i < n && m < METRIC_COUNT; i++)
			if (metric_scope_of(id[i]) == scope)
				of_scope[m++] = id[i];
		r = m > 0 ? add_scope(c, span, uuid, of_scope, m) : 0;
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return c->n > before ? 0 : -ENOENT;
}

void
columns_problem(const struct request *q, struct reply *ret, int error)
{
	if (error == -ENOENT)
		problem(q, ret, 404, "nothing is stored of this for these times and cf yet");
	else if (error == -ENOSYS)
		problem(q, ret, 501,
		    "this xenscoped was built without rrdtool and stores no metrics: xcp-rrdd keeps those that it "
		    "is shown (rrdd_dir in xenscoped.conf), or install a xenscoped built with rrdtool; migrations "
		    "are kept all the same");
	else if (error == -E2BIG)
		problem(q, ret, 400, "these are more than %u values: ask for less, a shorter time or a longer step",
		    MAX_COLUMN_VALUES);
	else if (error == -EXDEV)
		problem(q, ret, 400, "these metrics are stored at different steps: ask for each by itself");
	else
		problem(q, ret, 500, "the stored values cannot be read: %s", strerror(-error));
}

size_t
columns_stored(const char *uuid, enum metric_id *ret_id)
{
	size_t n = 0;

	for (enum metric_id id = 0; id < METRIC_COUNT; id++)
		if (*metric_table[id].ds && (metric_scope_of(id) == MS_HOST) == (*uuid == '\0'))
			ret_id[n++] = id;
	return n;
}

double
columns_time(const struct columns *c, size_t row)
{
	return c->start + (double) (row + 1) * c->step;
}

const struct column *
columns_find(const struct columns *c, enum metric_id id)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->column[i].id == id)
			return &c->column[i];
	return NULL;
}

double
columns_value(const struct columns *c, const struct column *column, size_t row)
{
	double at;

	if (!column || column->x.n == 0)
		return NAN;
	at = (double) row + (c->start - column->x.start) / c->step;
	return at >= 0 && at < (double) column->x.n ? column->x.values[(size_t) at] : NAN;
}

/* What cf makes of k rows. */
static double
consolidate(const struct columns *c, const struct column *column, size_t row, size_t k)
{
	double sum = 0, lowest = INFINITY, highest = -INFINITY;
	size_t known = 0;

	for (size_t i = row; i < row + k && i < c->rows; i++) {
		double v = columns_value(c, column, i);

		if (isnan(v))
			continue;
		known++;
		sum += v;
		lowest = MIN(lowest, v);
		highest = MAX(highest, v);
	}
	if (known == 0)
		return NAN;
	return strcmp(column->cf, "AVERAGE") == 0 ? sum / (double) known
	    : strcmp(column->cf, "MAX") == 0	  ? highest
						  : lowest;
}

void
columns_thin(struct columns *c, size_t rows)
{
	size_t k = rows > 0 ? (c->rows + rows - 1) / rows : 1;
	size_t left = k > 0 ? (c->rows + k - 1) / k : 0;

	if (k <= 1)
		return;
	for (size_t i = 0; i < c->n; i++) {
		struct column *of = &c->column[i];
		double *v = xmalloc(left * sizeof(*v));

		for (size_t j = 0; j < left; j++)
			v[j] = consolidate(c, of, j * k, k);
		free(of->x.values);
		of->x = (struct series){c->start, c->step * (double) k, left, v};
	}
	c->step *= (double) k;
	c->rows = left;
}

void
columns_done(struct columns *c)
{
	for (size_t i = 0; i < c->n; i++)
		series_free(&c->column[i].x, 1);
	free(c->column);
	stored_close(c->stored);
}
