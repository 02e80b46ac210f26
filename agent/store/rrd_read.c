/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <rrd.h>
#include <time.h>

#include "base/parse.h"
#include "base/util.h"
#include "store/pending.h"

/* No archive reaches further back, whatever is asked for. */
#define MAX_REACH (2000 * 86400.0)

/* A file is written once in minutes. */
#define MAX_TRIES 3

struct stored {
	char *dir;
	struct wal *wal;
};

int
stored_open(const char *dir, struct stored **ret)
{
	struct wal *wal = NULL;
	int r = wal_open_to_read(dir, &wal);

	if (r < 0)
		return r;
	*ret = xmalloc(sizeof(**ret));
	**ret = (struct stored){xstrdup(dir), wal};
	return 0;
}

void
stored_close(struct stored *s)
{
	if (!s)
		return;
	wal_close(s->wal);
	free(s->dir);
	free(s);
}

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

/* The column of a source into a series; without one all of it is unknown. */
static void
extract(const struct table *t, const char *name, struct series *ret)
{
	unsigned long column = 0;

	while (column < t->n_sources && strcmp(t->name[column], name) != 0)
		column++;
	ret->start = (double) t->start;
	ret->step = (double) t->step;
	ret->n = (size_t) (t->end - t->start) / t->step;
	ret->values = xmalloc(ret->n * sizeof(*ret->values));
	for (size_t i = 0; i < ret->n; i++)
		ret->values[i] =
		    column < t->n_sources ? t->value[i * t->n_sources + column] : NAN;
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

/* --- the ticks that the file does not have yet --- */

/* What is asked of a file, and what there is. */
struct reading {
	const char *path, *cf;
	enum rrd_kind kind;
	bool unmade; /* there is no file yet: all that there is is pending */
	struct rrd_shape shape;
	struct sources sources;
	struct updates pending;
	double newest; /* of the values: the file's or a pending one's */
};

static void
reading_done(struct reading *in)
{
	free(in->pending.update);
}

/* The series gets the value of its step that ends then. */
static void
put(struct series *x, double end, double v)
{
	double at = (end - x->start) / x->step - 1;

	if (at >= 0 && at < (double) x->n)
		x->values[(size_t) at] = v;
}

/* One more of the file's steps, which ends then, into the archive's step that is under way: as
 * librrd does it. */
static void
add_step(const struct reading *in, struct rrd_underway *u, double end, double v, struct series *ret)
{
	bool average = strcmp(in->cf, "AVERAGE") == 0;

	if (u->steps == 1) {
		put(ret, end, v);
		return;
	}
	if (isnan(v))
		u->unknown_steps++;
	else if (isnan(u->row))
		u->row = v;
	else if (average)
		u->row += v;
	else if (strcmp(in->cf, "MAX") == 0 ? v > u->row : v < u->row)
		u->row = v;
	if (fmod(end, ret->step) != 0)
		return;
	put(ret, end,
	    (double) u->unknown_steps > (double) u->steps * u->xff ? NAN
	    : average ? u->row / (double) (u->steps - u->unknown_steps)
		      : u->row);
	u->unknown_steps = 0;
	u->row = NAN;
}

/* One more moment. The value holds from the moment before. */
static void
add_update(const struct reading *in, size_t source, struct rrd_underway *u, double at, double v,
    struct series *ret)
{
	const struct rrd_source *s = &in->shape.source[source];
	double step = (double) in->shape.step, interval = at - u->last_up;
	double begin = floor(u->last_up / step) * step, end = floor(at / step) * step, known;
	double rate = source_is_counter(&in->sources, source) ? v / interval : v, mean;

	if (interval > (double) s->heartbeat || rate < s->min || rate > s->max)
		rate = NAN;
	known = (end > begin ? end : at) - u->last_up;
	if (!isnan(rate))
		u->sum = (isnan(u->sum) ? 0 : u->sum) + rate * known;
	if (end > begin) {
		mean = u->sum / (end - begin - u->unknown - (isnan(rate) ? known : 0));
		if (interval > (double) s->heartbeat || u->unknown > step / 2)
			mean = NAN;
		for (double t = begin + step; t <= end; t += step)
			add_step(in, u, t, mean, ret);
		known = at - end;
		u->sum = isnan(rate) ? NAN : rate * known;
		u->unknown = 0;
	}
	if (isnan(rate))
		u->unknown += floor(known);
	u->last_up = at;
}

/* Fills in what is pending. 1: the file was written meanwhile, and nothing is done. */
static int
add_pending(const struct reading *in, const enum metric_id *id, size_t n, struct series *ret)
{
	unsigned long steps = (unsigned long) ret[0].step / in->shape.step;
	struct rrd_underway underway[MAX_SOURCES] = {{.last_up = 0}};
	int r = 0;

	if (in->unmade)
		rrd_underway_of(in->kind, &in->shape, steps, underway);
	else
		r = rrd_underway_read(in->path, in->cf, steps, underway);
	if (r < 0)
		return r;
	if (underway[0].last_up != in->shape.last_up)
		return 1;
	for (size_t i = 0; i < n; i++) {
		size_t source = rrd_shape_find(&in->shape, metric_table[id[i]].ds);

		struct rrd_underway u = underway[MIN(source, MAX_SOURCES - 1)];

		for (size_t k = 0; k < in->pending.n && source < in->shape.n_sources; k++)
			add_update(in, source, &u, in->pending.update[k].at,
			    in->pending.update[k].value[source], &ret[i]);
	}
	return 0;
}

static bool
has_one(const struct rrd_shape *shape, const enum metric_id *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rrd_shape_find(shape, metric_table[id[i]].ds) < shape->n_sources)
			return true;
	return false;
}

/* The shape of a file that is made later. -ENOENT: the log has nothing for it. */
static int
shape_to_come(struct reading *in, const struct stored *s, const uint8_t *uuid)
{
	char path[RRD_PATH_SIZE];
	struct rrd_shape host;
	double begin;
	int r = rrd_path(path, s->dir, RRD_HOST, NULL);

	if (r == 0)
		r = rrd_shape_read(path, &host);
	if (r < 0)
		return r;
	begin = pending_begin(s->wal, in->kind, uuid, false, (unsigned) host.step);
	if (isinf(begin))
		return -ENOENT;
	in->unmade = true;
	rrd_shape_of(in->kind, host.step, begin, &in->shape);
	return 0;
}

/* What the file holds and what is pending. -ENOENT: it has none of these metrics. */
static int
reading_begin(
    struct reading *in, const struct stored *s, const char *uuid, const enum metric_id *id, size_t n)
{
	uint8_t bytes[WAL_UUID_SIZE] = {0};
	struct progress p = {.counting = false};
	int r = rrd_shape_read(in->path, &in->shape);

	if (uuid)
		uuid_bytes(uuid, bytes);
	if (r == -ENOENT && rrd_kinds[in->kind].late)
		r = shape_to_come(in, s, bytes);
	if (r < 0)
		return r;
	p.last_up = in->shape.last_up;
	sources_of(in->kind, &in->shape, &in->sources);
	pending_read(s->wal, &in->sources, bytes, false, NULL, &p, &in->pending);
	in->newest = p.last_up;
	return has_one(&in->shape, id, n) ? 0 : -ENOENT;
}

/* Of the archives that reach back to start the one with this step or the next longer one; else the longest. */
static unsigned long
archive_that_reaches(const struct rrd_shape *shape, double start, unsigned long step)
{
	unsigned long best = step, next;

	for (size_t i = 0; (next = rrd_archive_step(i, shape->step)) != 0; i++) {
		double length = (double) (next * rrd_archive_rows(i, shape->step));

		if (next < step)
			continue;
		best = next;
		if (floor(shape->last_up / (double) next) * (double) next - length <= start)
			break;
	}
	return best;
}

/* What librrd reads of a file that nothing was written to. */
static void
fetch_nothing(const struct reading *in, size_t n, const struct table *t, struct series *ret)
{
	unsigned long step = archive_that_reaches(&in->shape, (double) t->start, t->step);
	double start = floor((double) t->start / (double) step) * (double) step;
	double end = floor((double) t->end / (double) step + 1) * (double) step;

	for (size_t i = 0; i < n; i++) {
		size_t rows = (size_t) ((end - start) / (double) step);

		ret[i] = (struct series){start, (double) step, rows, xmalloc(rows * sizeof(double))};
		for (size_t k = 0; k < rows; k++)
			ret[i].values[k] = NAN;
	}
}

static int
fetch(const struct reading *in, const enum metric_id *id, size_t n, double start, double end,
    double step, struct series *ret)
{
	_cleanup_(table_done) struct table t = {0, 0, 0, 0, NULL, NULL};
	int r;

	/* nothing is known after the newest whole step, and nothing MAX_REACH before it */
	end = MIN(end, floor(in->newest / (double) in->shape.step) * (double) in->shape.step);
	start = MAX(start, MAX(end - MAX_REACH, 0));
	t.step = archive_for(step, in->shape.step);
	if (start >= end) {
		for (size_t i = 0; i < n; i++)
			ret[i] = (struct series){start, (double) t.step, 0, xmalloc(0)};
		return 0;
	}
	t.start = (time_t) start;
	t.end = (time_t) ceil(end) - 1; /* librrd goes on to the next edge, also from an edge */
	if (in->unmade) {
		fetch_nothing(in, n, &t, ret);
		return 0;
	}
	rrd_clear_error();
	r = rrd_fetch_r(
	    in->path, in->cf, &t.start, &t.end, &t.step, &t.n_sources, &t.name, &t.value);
	if (r < 0) {
		t.name = NULL;
		rrd_clear_error();
		return -EIO;
	}
	for (size_t i = 0; i < n; i++)
		extract(&t, metric_table[id[i]].ds, &ret[i]);
	return 0;
}

/* The kind of file that has all of them; RRD_KINDS: none has. */
static enum rrd_kind
kind_of(const enum metric_id *id, size_t n)
{
	enum rrd_kind kind = n > 0 && id[0] < METRIC_COUNT ? rrd_kind_of(id[0]) : RRD_KINDS;

	for (size_t i = 1; i < n; i++)
		if (id[i] >= METRIC_COUNT || rrd_kind_of(id[i]) != kind)
			return RRD_KINDS;
	return kind;
}

int
store_read(struct stored *s, const char *uuid, const enum metric_id *id, size_t n, const char *cf,
    double start, double end, double step, struct series *ret)
{
	enum rrd_kind kind = kind_of(id, n);
	char path[RRD_PATH_SIZE];
	int r;

	if (kind == RRD_KINDS)
		return -ENOENT;
	if ((strcmp(cf, "AVERAGE") != 0 && strcmp(cf, "MAX") != 0 &&
		!(strcmp(cf, "MIN") == 0 && rrd_kinds[kind].minimum)) ||
	    !(start < end) || !isfinite(start) || !isfinite(end) || !(step >= 0))
		return -EINVAL;
	r = rrd_path(path, s->dir, kind, uuid);
	if (r < 0)
		return r;
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		_cleanup_(reading_done) struct reading in = {.path = path, .cf = cf, .kind = kind};

		memset(ret, 0, n * sizeof(*ret));
		r = reading_begin(&in, s, uuid, id, n);
		if (r == 0)
			r = fetch(&in, id, n, start, end, step, ret);
		if (r == 0 && ret[0].n > 0)
			r = add_pending(&in, id, n, ret);
		if (r == 0)
			return 0;
		series_free(ret, n);
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}
