/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the serve half without a socket, and what is in the answers. */
#ifndef ASKING_H
#define ASKING_H

#include <jansson.h>
#include <stdarg.h>

#include "serve/flow.h"
#include "tests/made_up.h"
#include "tests/tap.h"

static char dir[] = "/tmp/xenscope-asking-XXXXXX";
static struct view view = {.dir = dir, .step = 5};
static struct reply reply;
static json_t *body; /* of the last reply, NULL if it is not JSON */

/* Asks; the query is written "name=value&name=value", nothing escaped. The status. */
static __attribute__((unused)) unsigned
ask_as(const char *method, const char *path, const char *query, const char *accept)
{
	struct request q = {
	    .view = &view, .now = tick_now(), .method = method, .path = path, .accept = accept};
	char *text = xstrdup(query), *rest = text, *p;

	while (*query && (p = strsep(&rest, "&")) != NULL) {
		char *value = strchr(p, '=');

		if (value)
			*value++ = '\0';
		q.query_bytes += strlen(p) + (value ? strlen(value) : 0);
		if (q.n_parameters < MAX_PARAMETERS)
			q.parameter[q.n_parameters] = (struct parameter){p, value ? value : ""};
		q.n_parameters++;
	}
	json_decref(body);
	reply_done(&reply);
	answer(&q, &reply);
	(void) flow_drain(&reply, false);
	body = reply.body.text ? json_loadb(reply.body.text, reply.body.n, 0, NULL) : NULL;
	free(text);
	return reply.status;
}

static __attribute__((unused)) unsigned
ask(const char *path, const char *query)
{
	return ask_as("GET", path, query, NULL);
}

/* What stands in the answer at a path of members and indices: at("domains", "#1", "name", NULL). */
static __attribute__((unused)) const json_t *
at(const char *member, ...)
{
	const json_t *v = body;
	va_list ap;

	va_start(ap, member);
	for (; member; member = va_arg(ap, const char *))
		v = *member == '#' ? json_array_get(v, (size_t) atoi(member + 1))
				   : json_object_get(v, member);
	va_end(ap);
	return v;
}

static __attribute__((unused)) int
is_text(const json_t *v, const char *text)
{
	return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

/* An error that is a problem document with this in its detail. */
static __attribute__((unused)) int
is_problem(unsigned status, const char *part)
{
	const char *detail = json_string_value(at("detail", NULL));

	return reply.status == status && strcmp(reply.type, "application/problem+json") == 0 &&
	       json_integer_value(at("status", NULL)) == status &&
	       json_is_string(at("title", NULL)) && json_is_string(at("instance", NULL)) &&
	       detail && strstr(detail, part);
}

#endif
