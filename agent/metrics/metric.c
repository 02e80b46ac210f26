/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/metric.h"

#include <math.h>
#include <string.h>

const struct metric metric_table[METRIC_COUNT] = {
#define METRICS_OF(scope)
#define METRICS_END(scope)
#define METRIC(id, name, type, unit, ds, min, max, help)                                           \
	[M_##id] = {name, type, unit, ds, min, max, help},
#include "metrics/metrics.def"
};

const struct metric_scope_info metric_scopes[SCOPE_COUNT] = {
#define SCOPE(id, name, labels, help)                                                              \
	[MS_##id] = {name, labels, help, M_##id##_FIRST, M_##id##_END},
#include "metrics/scopes.def"
};

enum metric_scope
metric_scope_of(enum metric_id id)
{
	enum metric_scope s = 0;

	while (id >= metric_scopes[s].end)
		s++;
	return s;
}

enum metric_id
metric_find(const char *name)
{
	enum metric_id id = 0;

	while (id < METRIC_COUNT && strcmp(metric_table[id].name, name) != 0)
		id++;
	return id;
}

const char *
metric_type_name(enum metric_type type)
{
	static const char *const names[] = {
	    [MT_GAUGE] = "gauge", [MT_COUNTER] = "counter", [MT_INFO] = "info"};

	return names[type];
}

const char *
metric_unit_name(enum metric_unit unit)
{
	static const char *const names[] = {
	    [MU_NONE] = "", [MU_BYTES] = "bytes", [MU_SECONDS] = "seconds", [MU_RATIO] = "ratio"};

	return names[unit];
}
