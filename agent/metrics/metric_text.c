/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/metric_text.h"

#include <math.h>
#include <string.h>

void
metric_family(struct strbuf *b, const struct metric *m, bool openmetrics)
{
	static const char *const suffix[] = {
	    [MT_GAUGE] = "", [MT_COUNTER] = "_total", [MT_INFO] = "_info"};
	size_t n = strlen(m->name);

	strbuf_add(b, m->name, openmetrics ? n - strlen(suffix[m->type]) : n);
}

static void
begin(struct strbuf *b, const char *what, const struct metric *m, bool openmetrics)
{
	strbuf_str(b, "# ");
	strbuf_str(b, what);
	strbuf_str(b, " ");
	metric_family(b, m, openmetrics);
	strbuf_str(b, " ");
}

void
metric_metadata(struct strbuf *b, const struct metric *m, bool openmetrics)
{
	begin(b, "TYPE", m, openmetrics);
	strbuf_str(b, metric_type_name(m->type == MT_INFO && !openmetrics ? MT_GAUGE : m->type));
	strbuf_str(b, "\n");
	if (openmetrics && m->unit != MU_NONE) {
		begin(b, "UNIT", m, openmetrics);
		strbuf_str(b, metric_unit_name(m->unit));
		strbuf_str(b, "\n");
	}
	begin(b, "HELP", m, openmetrics);
	strbuf_str(b, m->help); /* a sentence with nothing to escape: the table's test sees to it */
	strbuf_str(b, "\n");
}

void
metric_limit(struct strbuf *b, double v)
{
	strbuf_str(b, ":");
	if (isnan(v))
		strbuf_str(b, "U");
	else
		strbuf_number(b, v);
}

const char *
metric_source_type(const struct metric *m)
{
	return m->type == MT_COUNTER ? "ABSOLUTE" : "GAUGE";
}

void
metric_source(struct strbuf *b, const struct metric *m, unsigned step)
{
	strbuf_printf(
	    b, "DS:%s:%s:%u", m->ds, metric_source_type(m), step * METRIC_STEPS_UNTIL_UNKNOWN);
	metric_limit(b, m->min);
	metric_limit(b, m->max);
}
