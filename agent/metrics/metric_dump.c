/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/metric.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "base/util.h"
#include "metrics/metric_text.h"

#define USUAL_STEP 5

/* A word as a section's title: "host_info" is "Host info". */
static void
add_title(struct strbuf *b, const char *name)
{
	char c = name[0] >= 'a' && name[0] <= 'z' ? (char) (name[0] - 'a' + 'A') : name[0];

	strbuf_add(b, &c, 1);
	for (name++; *name; name++)
		strbuf_add(b, *name == '_' ? " " : name, 1);
}

static void
add_kind(struct strbuf *b, const struct metric *m)
{
	strbuf_str(b, metric_type_name(m->type));
	if (m->unit != MU_NONE)
		strbuf_printf(b, ", %s", metric_unit_name(m->unit));
}

static void
add_labels(struct strbuf *b, const char *labels, const char *before, const char *after)
{
	while (*labels) {
		size_t n = strcspn(labels, ",");

		strbuf_str(b, before);
		strbuf_add(b, labels, n);
		strbuf_str(b, after);
		labels += n;
		if (*labels == ',') {
			strbuf_str(b, ", ");
			labels++;
		}
	}
}

static void
markdown_scope(struct strbuf *b, const struct metric_scope_info *s)
{
	strbuf_str(b, "\n## ");
	add_title(b, s->name);
	strbuf_printf(b, "\n\nOf %s; %s", s->help, *s->labels ? "labels: " : "no labels");
	add_labels(b, s->labels, "`", "`");
	strbuf_str(b, ".\n\n");
	strbuf_str(b, "| Metric | Kind | RRD | Meaning |\n| --- | --- | --- | --- |\n");
	for (enum metric_id id = s->first; id < s->end; id++) {
		const struct metric *m = &metric_table[id];

		strbuf_printf(b, "| `%s` | ", m->name);
		add_kind(b, m);
		if (*m->ds)
			strbuf_printf(b, " | `%s` | ", m->ds);
		else
			strbuf_str(b, " | | ");
		strbuf_printf(b, "%s |\n", m->help);
	}
}

static int
markdown(struct strbuf *b)
{
	strbuf_str(b, "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n"
		      "<!-- Made from metrics.def by `make update-docs`. -->\n"
		      "# Metrics\n\n"
		      "The names are those of OpenMetrics and of the JSON members. A value that\n"
		      "is unknown is absent: it has no line in OpenMetrics, is `null` in JSON and\n"
		      "a gap in the RRD. RRD names the data source in `host.rrd`, in\n"
		      "`vm/UUID.rrd` (scope domain) or in `vm/UUID.tracking.rrd` (scope\n"
		      "tracking); of a counter it holds the increase by second.\n");
	for (enum metric_scope s = 0; s < SCOPE_COUNT; s++)
		markdown_scope(b, &metric_scopes[s]);
	return 0;
}

static json_t *
json_limit(double v)
{
	return isnan(v) ? json_null() : json_real(v);
}

static json_t *
json_text(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *
json_scope(const struct metric_scope_info *s)
{
	json_t *rows = json_array(), *labels = json_array();

	for (const char *l = s->labels; *l;) {
		size_t n = strcspn(l, ",");

		(void) json_array_append_new(labels, json_pack("s%", l, n));
		l += n + (l[n] == ',');
	}
	for (enum metric_id id = s->first; id < s->end; id++) {
		const struct metric *m = &metric_table[id];

		(void) json_array_append_new(rows,
		    json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "name", m->name, "type",
			metric_type_name(m->type), "unit", json_text(metric_unit_name(m->unit)),
			"data_source", json_text(m->ds), "min", json_limit(m->min), "max",
			json_limit(m->max), "help", m->help));
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "scope", s->name, "help", s->help, "labels",
	    labels, "metrics", rows);
}

static int
json(struct strbuf *b)
{
	json_t *scopes = json_array();
	_cleanup_(freep) char *text = NULL;

	for (enum metric_scope s = 0; s < SCOPE_COUNT; s++)
		(void) json_array_append_new(scopes, json_scope(&metric_scopes[s]));
	text = json_dumps(scopes, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	json_decref(scopes);
	if (!text)
		return -ENOMEM;
	strbuf_printf(b, "%s\n", text);
	return 0;
}

static int
openmetrics(struct strbuf *b)
{
	for (enum metric_id id = 0; id < METRIC_COUNT; id++)
		metric_metadata(b, &metric_table[id], true);
	strbuf_str(b, "# EOF\n");
	return 0;
}

static int
rrd(struct strbuf *b)
{
	for (enum metric_id id = 0; id < METRIC_COUNT; id++)
		if (*metric_table[id].ds) {
			strbuf_printf(b, "%s ", metric_scopes[metric_scope_of(id)].name);
			metric_source(b, &metric_table[id], USUAL_STEP);
			strbuf_str(b, "\n");
		}
	return 0;
}

static void
man_scope(struct strbuf *b, const struct metric_scope_info *s)
{
	strbuf_printf(b, ".Ss Scope %s\nOf %s; %s", s->name, s->help, *s->labels ? "labels: " : "no labels");
	add_labels(b, s->labels, "", "");
	strbuf_str(b, ".\n.Bl -tag -width Ds\n");
	for (enum metric_id id = s->first; id < s->end; id++) {
		const struct metric *m = &metric_table[id];

		strbuf_printf(b, ".It Li %s\n.Po\n", m->name);
		add_kind(b, m);
		if (*m->ds)
			strbuf_printf(b, ";\n.Li %s", m->ds);
		strbuf_printf(b, "\n.Pc\n%s\n", m->help);
	}
	strbuf_str(b, ".El\n");
}

static int
man(struct strbuf *b)
{
	for (enum metric_scope s = 0; s < SCOPE_COUNT; s++)
		man_scope(b, &metric_scopes[s]);
	return 0;
}

/* A help holds no character that one of them would take for markup: the table's test sees to it. */
static const struct {
	const char *format;
	int (*write)(struct strbuf *b);
} writers[] = {
    {"markdown", markdown},
    {"json", json},
    {"openmetrics", openmetrics},
    {"rrd", rrd},
    {"man", man},
};

int
metric_dump(const char *format)
{
	_cleanup_(strbuf_done) struct strbuf b = {NULL, 0, 0};
	int r = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(writers); i++)
		if (strcmp(format, writers[i].format) == 0)
			r = writers[i].write(&b);
	if (r < 0)
		return r;
	if (fwrite(b.text, 1, b.n, stdout) != b.n || fflush(stdout) != 0)
		return -EIO;
	return 0;
}
