/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <rrd.h>
#include <time.h>

#include "base/util.h"
#include "store/rrd_schema.h"

/* No archive reaches further back, whatever is asked for. */
#define MAX_REACH (2000 * 86400.0)

struct table {
	time_t start, end;
	unsigned long step, n_sources;
	char **name;
	double *value; /* [time][source] */
};

static void
table_done(struct table *t)
{
	if (!t->name)
		return;
	for (unsigned long i = 0; i < t->n_sources; i++)
		rrd_freemem(t->name[i]);
	rrd_freemem(t->name);
	rrd_freemem(t->value);
}

/* The column of a source into a series. */
static int
extract(const struct table *t, const char *name, struct series *ret)
{
	unsigned long column = 0;

	while (column < t->n_sources && strcmp(t->name[column], name) != 0)
		column++;
	if (column == t->n_sources)
		return -ENOENT;
	ret->start = (double) t->start;
	ret->step = (double) t->step;
	ret->n = (size_t) (t->end - t->start) / t->step;
	ret->values = xmalloc(ret->n * sizeof(*ret->values));
	for (size_t i = 0; i < ret->n; i++)
		ret->values[i] = t->value[i * t->n_sources + column];
	return 0;
}

/* What to ask librrd for: of the archives that reach back to start it takes the one whose step is
 * nearest, and finer ones never reach further, so this must be the step of an archive. */
static unsigned long
archive_for(double step, unsigned long file_step)
{
	unsigned long best = file_step, next;

	for (size_t i = 0; (next = rrd_archive_step(i, file_step)) != 0; i++) {
		best = next;
		if ((double) best >= step)
			break;
	}
	return best;
}

int
store_read(const char *dir, const char *uuid, enum metric_id id, const char *cf, double start,
    double end, double step, struct series *ret)
{
	_cleanup_(table_done) struct table t = {0, 0, 0, 0, NULL, NULL};
	enum rrd_kind kind = id < METRIC_COUNT ? rrd_kind_of(id) : RRD_KINDS;
	char path[RRD_PATH_SIZE];
	struct rrd_shape shape;
	int r;

	if (kind == RRD_KINDS)
		return -ENOENT;
	if ((strcmp(cf, "AVERAGE") != 0 && strcmp(cf, "MAX") != 0 &&
		!(strcmp(cf, "MIN") == 0 && rrd_kinds[kind].minimum)) ||
	    !(start < end) || !isfinite(start) || !isfinite(end) || !(step >= 0))
		return -EINVAL;
	r = rrd_path(path, dir, kind, uuid);
	if (r == 0)
		r = rrd_shape_read(path, &shape);
	if (r < 0)
		return r;
	/* nothing is known after the newest whole step, and nothing MAX_REACH before it */
	end = MIN(end, floor(shape.last_up / (double) shape.step) * (double) shape.step);
	start = MAX(start, MAX(end - MAX_REACH, 0));
	t.step = archive_for(step, shape.step);
	if (start >= end) {
		*ret = (struct series){start, (double) t.step, 0, xmalloc(0)};
		return 0;
	}
	t.start = (time_t) start;
	t.end = (time_t) ceil(end) - 1; /* librrd goes on to the next edge, also from an edge */
	rrd_clear_error();
	r = rrd_fetch_r(path, cf, &t.start, &t.end, &t.step, &t.n_sources, &t.name, &t.value);
	if (r < 0) {
		t.name = NULL;
		rrd_clear_error();
		return -EIO;
	}
	return extract(&t, metric_table[id].ds, ret);
}
