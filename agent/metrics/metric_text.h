/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METRIC_TEXT_H
#define METRIC_TEXT_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "metrics/metric.h"

/* A row of the table as the outputs spell it. */

/* The name of its family: OpenMetrics puts _total and _info only on the samples, the Prometheus
 * text format 0.0.4 on the family too. */
void metric_family(struct strbuf *b, const struct metric *m, bool openmetrics);

/* The lines TYPE, UNIT and HELP. A Prometheus info is a gauge, and there is no UNIT. */
void metric_metadata(struct strbuf *b, const struct metric *m, bool openmetrics);

#define METRIC_STEPS_UNTIL_UNKNOWN 3
const char *metric_source_type(const struct metric *m);

/* Its data source as rrd_create takes it, for one value each step seconds:
 * "DS:domains:GAUGE:15:0:U". Three steps without a value are unknown. A counter is ABSOLUTE: what
 * is written is its increase since the value before. DERIVE would take the counter itself, but only
 * integers (rrdtool 1.4 refuses "12.5"), and the seconds that we count have fractions. What is read
 * is the same: the increase by second. */
void metric_source(struct strbuf *b, const struct metric *m, unsigned step);

/* A limit within such a text: ":1", ":U" for none (NAN). */
void metric_limit(struct strbuf *b, double v);

#endif
