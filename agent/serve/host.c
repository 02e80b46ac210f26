/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <string.h>

#include "base/util.h"
#include "serve/openmetrics.h"

/* The small answers: the host, the agent's health, the table itself. */

#define HEALTHY_STEPS 3	   /* samples that may be missing */
#define HEALTHY_SECONDS 10 /* and what a loaded host may take longer */
#define STALE "the agent has gone, its last sample is %.0f s old; start it again: systemctl start xenscoped"

void
route_health(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	double age;
	json_t *o;

	if (!s)
		return;
	age = sample_age(q, s);
	if (s->stale) {
		problem(q, ret, 503, STALE, age);
		return;
	}
	if (age > q->view->step * HEALTHY_STEPS + HEALTHY_SECONDS) {
		problem(q, ret, 503,
		    "the newest sample is %.0f s old: the agent hangs; see its log", age);
		return;
	}
	o = json_object();
	put_text(o, "status", "ok");
	put_source(o, q, s);
	put_end(o, &ret->body);
}

/* Each line of the text. */
static json_t *
lines(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t n = strcspn(text, "\n");
		json_t *line = json_stringn(text, n);

		if (n > 0 && line)
			(void) json_array_append(list, line);
		json_decref(line);
		text += n + (text[n] == '\n');
	}
	return list;
}

void
route_host(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	json_t *o, *list;

	if (!s)
		return;
	o = json_object();
	put_source(o, q, s);
	put_text_or_null(o, "xen_version", s->host.xen_version);
	put_text_or_null(o, "cpu_model", s->host.cpu_model);
	put_text_or_null(o, "boot_id", s->host.boot_id);
	put_text_or_null(o, "command_line", s->host.cmdline);
	put_text(o, "agent_version", PACKAGE_VERSION);
	put_number(o, "step", q->view->step);
	(void) json_object_set_new(o, "notes", lines(s->host.notes));
	put_metrics(o, s, MS_HOST, 0);
	put_metrics(o, s, MS_SERVE, 0);
	list = json_array();
	for (size_t i = 0; i < s->n_collectors; i++) {
		json_t *c = json_object();

		put_text(c, "name", s->collector[i].name);
		put_text_or_null(c, "error", s->collector[i].error);
		put_metrics(c, s, MS_COLLECTOR, i);
		(void) json_array_append_new(list, c);
	}
	(void) json_object_set_new(o, "collectors", list);
	put_end(o, &ret->body);
}

static json_t *
labels(const char *list)
{
	json_t *a = json_array();

	while (*list) {
		size_t n = strcspn(list, ",");

		(void) json_array_append_new(a, json_stringn(list, n));
		list += n + (list[n] == ',');
	}
	return a;
}

void
route_reference(const struct request *q, struct reply *ret)
{
	json_t *o = json_object(), *list = json_array();

	(void) q;
	for (enum metric_id id = 0; id < METRIC_COUNT; id++) {
		const struct metric *m = &metric_table[id];
		const struct metric_scope_info *scope = &metric_scopes[metric_scope_of(id)];
		json_t *row = json_object();

		put_text(row, "name", m->name);
		put_text(row, "type", metric_type_name(m->type));
		put_text_or_null(row, "unit", metric_unit_name(m->unit));
		put_text(row, "scope", scope->name);
		(void) json_object_set_new(row, "labels", labels(scope->labels));
		put_text_or_null(row, "data_source", m->ds);
		put_text(row, "help", m->help);
		(void) json_array_append_new(list, row);
	}
	(void) json_object_set_new(o, "metrics", list);
	put_end(o, &ret->body);
}

/* How much the client wants a type that it names, 0 ... 1 (RFC 9110, 12.5.1); -1: it does not
 * name it. */
static double
wanted(const char *accept, const char *type)
{
	size_t n = strlen(type);

	while (accept && *accept) {
		const char *q;
		size_t len;

		accept += strspn(accept, " \t");
		len = strcspn(accept, ",");
		if (strncasecmp(accept, type, n) == 0 && strchr(";, \t", accept[n])) {
			q = strstr(accept, "q=");
			return q && q < accept + len ? strtod(q + 2, NULL) : 1;
		}
		accept += len + (accept[len] == ',');
	}
	return -1;
}

bool
metrics_format(const struct request *q)
{
	double openmetrics = wanted(q->accept, "application/openmetrics-text");

	return openmetrics > 0 && openmetrics >= wanted(q->accept, "text/plain");
}

void
route_metrics(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	bool modern = metrics_format(q);

	if (!s)
		return;
	if (s->stale) { /* a monitoring system must see the agent down, not its figures standing still */
		problem(q, ret, 503, STALE, sample_age(q, s));
		return;
	}
	ret->type = modern ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			   : "text/plain; version=0.0.4; charset=utf-8";
	openmetrics_write(&ret->body, s, modern, q->view->shown);
}
