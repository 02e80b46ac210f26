/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METRIC_H
#define METRIC_H

#include <stddef.h>

enum metric_scope {
#define SCOPE(id, ...) MS_##id,
#include "metrics/scopes.def"
	SCOPE_COUNT
};

/* M_<id> for each row; a scope's rows are M_<scope>_FIRST ... M_<scope>_END - 1. The markers take no
 * number of their own. */
enum metric_id {
#define METRICS_OF(scope) M_##scope##_FIRST, M_##scope##_BEFORE_ = M_##scope##_FIRST - 1,
#define METRIC(id, ...) M_##id,
#define METRICS_END(scope) M_##scope##_END, M_##scope##_LAST_ = M_##scope##_END - 1,
#include "metrics/metrics.def"
	METRIC_COUNT
};

enum metric_type { MT_GAUGE, MT_COUNTER, MT_INFO };
enum metric_unit { MU_NONE, MU_BYTES, MU_SECONDS, MU_RATIO };

struct metric {
	const char *name; /* OpenMetrics name, and the key in JSON */
	enum metric_type type;
	enum metric_unit unit;
	const char *ds;	   /* data source in the RRD, "" for none */
	double min, max;   /* NAN: no limit */
	const char *help;  /* one sentence, ends with a full stop */
};

struct metric_scope_info {
	const char *name;
	const char *labels; /* names joined by commas */
	const char *help;
	enum metric_id first, end; /* rows first ... end - 1 */
};

extern const struct metric metric_table[METRIC_COUNT];
extern const struct metric_scope_info metric_scopes[SCOPE_COUNT];

/* The values of one object of a scope stand in an array in the order of the rows: the place of id. */
#define METRIC_AT(id, scope) ((id) - M_##scope##_FIRST)

/* The scope whose row this is. */
enum metric_scope metric_scope_of(enum metric_id id);

/* METRIC_COUNT if there is none of this name. */
enum metric_id metric_find(const char *name);

/* "gauge", "counter", "info"; "", "bytes", "seconds", "ratio". */
const char *metric_type_name(enum metric_type type);
const char *metric_unit_name(enum metric_unit unit);

/* The table itself as "markdown", "json", "openmetrics" (metadata), "rrd" (data sources) or "man" on
 * standard output. -EINVAL: no such format. */
int metric_dump(const char *format);

#endif
