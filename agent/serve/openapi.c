/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/answer.h"

#include <ctype.h>

#include "base/util.h"
#include "serve/json.h"

/* The description of the API in OpenAPI 3.1 (spec.openapis.org/oas/v3.1.0), from routes.def, parameters.def,
 * schemas.def and the tables of metrics and records that those name. */

enum row_kind { OBJECT_ROW, PARTIAL_ROW, MEMBER_ROW, OPTIONAL_ROW, LIKE_ROW, METRICS_ROW, RECORD_ROW };

static const char event_kinds[] = ""
#define NOTICE(id, name, ...) name "|"
#include "metrics/notices.def"
    ;

static const struct row {
	enum row_kind kind;
	const char *name, *type, *help;
	int of; /* a scope of metrics, a part of the record */
} rows[] = {
#define OBJECT(name, help) {OBJECT_ROW, name, NULL, help, 0},
#define PARTIAL(name, help) {PARTIAL_ROW, name, NULL, help, 0},
#define MEMBER(name, type, help) {MEMBER_ROW, name, type, help, 0},
#define OPTIONAL(name, type, help) {OPTIONAL_ROW, name, type, help, 0},
#define LIKE(object) {LIKE_ROW, object, NULL, NULL, 0},
#define METRICS(scope) {METRICS_ROW, NULL, NULL, NULL, MS_##scope},
#define RECORD(part) {RECORD_ROW, NULL, NULL, NULL, part},
#include "serve/schemas.def"
};

static const struct {
	const char *name, *type, *help;
} parameters[] = {
#define PARAMETER(name, type, help) {name, type, help},
#include "serve/parameters.def"
};

static const struct {
	const char *path, *parameters, *function, *answer, *help;
} routes[] = {
#define ROUTE(path, parameters, life, function, answer, help) {path, parameters, #function, answer, help},
#include "serve/routes.def"
};

static const struct {
	const char *word, *type, *format;
} simple_types[] = {
    {"text", "string", NULL},
    {"number", "number", NULL},
    {"integer", "integer", NULL},
    {"boolean", "boolean", NULL},
    {"date-time", "string", "date-time"},
    {"any", NULL, NULL},
};

static void
open_map(yajl_gen g, const char *key)
{
	gen_string(g, key);
	(void) yajl_gen_map_open(g);
}

static void
close_map(yajl_gen g)
{
	(void) yajl_gen_map_close(g);
}

static void
gen_part(yajl_gen g, const char *text, size_t n)
{
	(void) yajl_gen_string(g, (const unsigned char *) text, n);
}

/* --- types --- */

/* "type": the name, or the name and null. */
static void
gen_type_name(yajl_gen g, const char *name, bool null)
{
	gen_string(g, "type");
	if (null)
		(void) yajl_gen_array_open(g);
	gen_string(g, name);
	if (null) {
		gen_string(g, "null");
		(void) yajl_gen_array_close(g);
	}
}

static void
gen_words(yajl_gen g, const char *words, size_t n, bool null)
{
	gen_type_name(g, "string", null);
	gen_string(g, "enum");
	(void) yajl_gen_array_open(g);
	for (const char *w = words, *end = words + n; w < end;) {
		const char *bar = memchr(w, '|', (size_t) (end - w));
		size_t len = (size_t) ((bar ? bar : end) - w);

		gen_part(g, w, len);
		w += len + 1;
	}
	if (null)
		(void) yajl_gen_null(g);
	(void) yajl_gen_array_close(g);
}

static void
gen_reference(yajl_gen g, const char *object, size_t n)
{
	_cleanup_(freep) char *text = xasprintf("#/components/schemas/%.*s", (int) n, object);

	gen_text(g, "$ref", text);
}

/* One object, or any of several. */
static void
gen_objects(yajl_gen g, const char *names, size_t n, bool null)
{
	if (!null && !memchr(names, '|', n)) {
		gen_reference(g, names, n);
		return;
	}
	gen_string(g, "anyOf");
	(void) yajl_gen_array_open(g);
	for (const char *o = names, *end = names + n; o < end;) {
		const char *bar = memchr(o, '|', (size_t) (end - o));
		size_t len = (size_t) ((bar ? bar : end) - o);

		(void) yajl_gen_map_open(g);
		gen_reference(g, o, len);
		close_map(g);
		o += len + 1;
	}
	if (null) {
		(void) yajl_gen_map_open(g);
		gen_text(g, "type", "null");
		close_map(g);
	}
	(void) yajl_gen_array_close(g);
}

/* What a type of schemas.def is in JSON Schema, as members of an object that is open. */
static void
gen_type(yajl_gen g, const char *type, size_t n)
{
	bool null = n > 0 && type[n - 1] == '?';

	n -= null;
	if (*type == '[' || *type == '{') {
		gen_type_name(g, *type == '[' ? "array" : "object", null);
		open_map(g, *type == '[' ? "items" : "additionalProperties");
		gen_type(g, type + 1, n - 2);
		close_map(g);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(simple_types); i++)
		if (strlen(simple_types[i].word) == n && memcmp(simple_types[i].word, type, n) == 0) {
			if (simple_types[i].type)
				gen_type_name(g, simple_types[i].type, null);
			if (simple_types[i].format)
				gen_text(g, "format", simple_types[i].format);
			return;
		}
	if (isupper((unsigned char) type[0]) && islower((unsigned char) type[1]))
		gen_objects(g, type, n, null);
	else
		gen_words(g, type, n, null);
}

/* --- objects --- */

struct writer {
	yajl_gen g;
	void (*member)(yajl_gen g, const char *name, const char *type, const char *help);
	bool required; /* only what is always there */
};

static void
gen_property(yajl_gen g, const char *name, const char *type, const char *help)
{
	open_map(g, name);
	gen_type(g, type, strlen(type));
	if (*help)
		gen_text(g, "description", help);
	close_map(g);
}

static void
gen_name(yajl_gen g, const char *name, const char *type, const char *help)
{
	(void) type;
	(void) help;
	gen_string(g, name);
}

static void
write_member(const struct writer *w, const char *name, const char *type, const char *help)
{
	_cleanup_(freep) char *text_name = NULL, *text_help = NULL;
	bool null = type[strlen(type) - 1] == '?';

	if (strncmp(type, "stamp", 5) != 0) {
		w->member(w->g, name, type, help);
		return;
	}
	text_name = xasprintf("%s_text", name);
	text_help = xasprintf("%s%sin seconds since 1970", help, *help ? ", " : "");
	w->member(w->g, name, null ? "number?" : "number", text_help);
	w->member(w->g, text_name, null ? "date-time?" : "date-time", help);
}

static void
write_values(const struct writer *w, enum metric_scope scope)
{
	for (enum metric_id id = metric_scopes[scope].first; id < metric_scopes[scope].end; id++)
		write_member(w, metric_table[id].name, "number?", metric_table[id].help);
}

static void
write_record_member(void *arg, const char *name, const char *type)
{
	write_member(arg, name, type, "");
}

static const struct row *
find_object(const char *name)
{
	const struct row *r = rows;

	while (r + 1 < rows + ARRAY_SIZE(rows) && (r->kind > PARTIAL_ROW || strcmp(r->name, name) != 0))
		r++;
	return r;
}

static void
write_members(struct writer *w, const struct row *object)
{
	for (const struct row *r = object + 1; r < rows + ARRAY_SIZE(rows) && r->kind > PARTIAL_ROW; r++)
		if (r->kind == LIKE_ROW)
			write_members(w, find_object(r->name));
		else if (r->kind == METRICS_ROW)
			write_values(w, (enum metric_scope) r->of);
		else if (r->kind == RECORD_ROW)
			record_describe((enum record_part) r->of, write_record_member, w);
		else if (r->kind == MEMBER_ROW || !w->required)
			write_member(w, r->name, r->type, r->help);
}

static void
gen_object(yajl_gen g, const struct row *object)
{
	struct writer properties = {g, gen_property, false}, required = {g, gen_name, true};

	open_map(g, object->name);
	gen_text(g, "description", object->help);
	gen_text(g, "type", "object");
	open_map(g, "properties");
	write_members(&properties, object);
	close_map(g);
	if (object->kind == OBJECT_ROW) {
		gen_string(g, "required");
		(void) yajl_gen_array_open(g);
		write_members(&required, object);
		(void) yajl_gen_array_close(g);
	}
	close_map(g);
}

/* --- paths --- */

static void
gen_parameter(yajl_gen g, const char *name, size_t n, bool in_path)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(parameters) &&
	       (strlen(parameters[i].name) != n || memcmp(parameters[i].name, name, n) != 0))
		i++;
	(void) yajl_gen_map_open(g);
	gen_text(g, "name", parameters[i].name);
	gen_text(g, "in", in_path ? "path" : "query");
	gen_text(g, "description", parameters[i].help);
	gen_string(g, "required");
	(void) yajl_gen_bool(g, in_path);
	open_map(g, "schema");
	gen_type(g, parameters[i].type, strlen(parameters[i].type));
	close_map(g);
	close_map(g);
}

static void
gen_parameters(yajl_gen g, const char *path, const char *query)
{
	const char *brace = strchr(path, '{');

	gen_string(g, "parameters");
	(void) yajl_gen_array_open(g);
	if (brace)
		gen_parameter(g, brace + 1, strcspn(brace, "}") - 1, true);
	while (*query) {
		size_t n = strcspn(query, ",");

		gen_parameter(g, query, n, false);
		query += n + (query[n] == ',');
	}
	(void) yajl_gen_array_close(g);
}

static void
gen_response(yajl_gen g, const char *status, const char *help, const char *media, const char *object)
{
	open_map(g, status);
	gen_text(g, "description", help);
	open_map(g, "content");
	for (;;) {
		size_t n = strcspn(media, "|");

		gen_part(g, media, n);
		(void) yajl_gen_map_open(g);
		if (object) {
			open_map(g, "schema");
			gen_reference(g, object, strlen(object));
			close_map(g);
		}
		close_map(g);
		if (!media[n])
			break;
		media += n + 1;
	}
	close_map(g);
	close_map(g);
}

static void
gen_route(yajl_gen g, size_t i)
{
	bool is_media = strchr(routes[i].answer, '/') != NULL;

	open_map(g, routes[i].path);
	open_map(g, "get");
	gen_text(g, "operationId", routes[i].function + strlen("route_"));
	gen_text(g, "summary", routes[i].help);
	gen_parameters(g, routes[i].path, routes[i].parameters);
	open_map(g, "responses");
	gen_response(g, "200", routes[i].help, is_media ? routes[i].answer : "application/json",
	    is_media ? NULL : routes[i].answer);
	gen_response(g, "default", "what was wrong", "application/problem+json", "Problem");
	close_map(g);
	close_map(g);
	close_map(g);
}

static void
gen_head(yajl_gen g)
{
	gen_text(g, "openapi", "3.1.0");
	open_map(g, "info");
	gen_text(g, "title", "xenscope");
	gen_text(g, "version", PACKAGE_VERSION);
	gen_text(g, "description",
	    "SMAP, SMEP and PML of a Xen host, and its live migrations round by round. All of it is read only. "
	    "HEAD is answered like GET. Names of members and metrics end with their unit where they have one.");
	open_map(g, "license");
	gen_text(g, "name", "GNU General Public License, version 2 or later");
	gen_text(g, "identifier", "GPL-2.0-or-later");
	close_map(g);
	close_map(g);
	gen_string(g, "servers");
	(void) yajl_gen_array_open(g);
	(void) yajl_gen_map_open(g);
	gen_text(g, "url", "."); /* beside this document, also below xapi's path */
	close_map(g);
	(void) yajl_gen_array_close(g);
}

/* What other hosts need, see gate.c: one of these; this host none. */
static void
gen_security(yajl_gen g)
{
	static const char *const ways[][2] = {{NULL, NULL}, {"token", "http"}, {"certificate", "mutualTLS"}};

	open_map(g, "securitySchemes");
	for (size_t i = 1; i < ARRAY_SIZE(ways); i++) {
		open_map(g, ways[i][0]);
		gen_text(g, "type", ways[i][1]);
		if (strcmp(ways[i][1], "http") == 0)
			gen_text(g, "scheme", "bearer");
		close_map(g);
	}
	close_map(g);
	close_map(g); /* components */
	gen_string(g, "security");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		(void) yajl_gen_map_open(g);
		if (ways[i][0]) {
			gen_string(g, ways[i][0]);
			(void) yajl_gen_array_open(g);
			(void) yajl_gen_array_close(g);
		}
		close_map(g);
	}
	(void) yajl_gen_array_close(g);
}

void
route_openapi(const struct request *q, struct reply *ret)
{
	yajl_gen g = gen_open(&ret->body);

	(void) q;
	gen_head(g);
	open_map(g, "paths");
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		gen_route(g, i);
	close_map(g);
	open_map(g, "components");
	open_map(g, "schemas");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind <= PARTIAL_ROW)
			gen_object(g, &rows[i]);
	close_map(g);
	gen_security(g);
	gen_end(g, &ret->body);
}
