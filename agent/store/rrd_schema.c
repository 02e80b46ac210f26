/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/rrd_schema.h"

#include <errno.h>
#include <math.h>

#include "base/parse.h"
#include "base/util.h"
#include "metrics/metric_text.h"
#include "metrics/record.h"

/* 0.99999: a migration of 20 s shows in a day's archive. */
const struct rrd_kind_info rrd_kinds[RRD_KINDS] = {
    [RRD_HOST] = {MS_HOST, "", "0.5", true, false, false},
    [RRD_VM] = {MS_DOMAIN, ".rrd", "0.5", false, false, false},
    [RRD_TRACKING] = {MS_TRACKING, ".tracking.rrd", "0.99999", false, true, true},
};

static const struct {
	unsigned long seconds, rows; /* 0: the file's step */
} archives[] = {
    {0, 360},
    {60, 1440},
    {900, 672},
    {3600, 2160},
    {86400, 1830},
};

int
rrd_path(char *ret, const char *dir, enum rrd_kind kind, const char *uuid)
{
	char name[UUID_SIZE] = "";
	int n;

	if (kind == RRD_HOST)
		n = snprintf(ret, RRD_PATH_SIZE, "%s/host.rrd", dir);
	else if (!uuid || parse_uuid(uuid, name) < 0)
		return -EINVAL;
	else
		n = snprintf(ret, RRD_PATH_SIZE, "%s/vm/%s%s", dir, name, rrd_kinds[kind].suffix);
	return n < 0 || n >= RRD_PATH_SIZE ? -ENAMETOOLONG : 0;
}

enum rrd_kind
rrd_kind_of(enum metric_id id)
{
	enum metric_scope scope = metric_scope_of(id);
	enum rrd_kind kind = 0;

	if (!*metric_table[id].ds)
		return RRD_KINDS;
	while (kind < RRD_KINDS && rrd_kinds[kind].scope != scope)
		kind++;
	return kind;
}

/* With a step of a minute the first archive has nothing to add to the second. */
static size_t
finest(unsigned long step)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(archives) && archives[i + 1].seconds <= step)
		i++;
	return i;
}

unsigned long
rrd_archive_step(size_t i, unsigned long step)
{
	size_t at = finest(step) + i;

	if (at >= ARRAY_SIZE(archives))
		return 0;
	return i == 0 ? step : (archives[at].seconds + step - 1) / step * step;
}

double
rrd_edge_before(double at, unsigned long step)
{
	return (floor(at / (double) step) - 1) * (double) step;
}

unsigned long
rrd_archive_rows(size_t i, unsigned long step)
{
	return archives[finest(step) + i].rows;
}

void
rrd_shape_of(enum rrd_kind kind, unsigned long step, double last_up, struct rrd_shape *ret)
{
	const struct metric_scope_info *scope = &metric_scopes[rrd_kinds[kind].scope];

	*ret = (struct rrd_shape){.step = step, .last_up = last_up};
	for (enum metric_id id = scope->first; id < scope->end; id++) {
		const struct metric *m = &metric_table[id];
		struct rrd_source *s = &ret->source[ret->n_sources];

		if (!*m->ds)
			continue;
		ret->n_sources++;
		str_copy(s->name, sizeof(s->name), m->ds);
		str_copy(s->type, sizeof(s->type), metric_source_type(m));
		s->heartbeat = step * METRIC_STEPS_UNTIL_UNKNOWN;
		s->min = m->min;
		s->max = m->max;
	}
}

/* As rrdtool's src/rrd_create.c begins them; last_up is the edge of a step. */
void
rrd_underway_of(enum rrd_kind kind, const struct rrd_shape *shape, unsigned long steps,
    struct rrd_underway *ret)
{
	const double missed = fmod(shape->last_up, (double) (shape->step * steps));

	for (size_t i = 0; i < shape->n_sources; i++)
		ret[i] = (struct rrd_underway){
		    .last_up = shape->last_up,
		    .row = NAN,
		    .unknown_steps = (unsigned long) missed / shape->step,
		    .steps = steps,
		    .xff = strtod(rrd_kinds[kind].xff, NULL),
		};
}
