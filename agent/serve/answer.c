/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/answer.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>

#include "base/parse.h"
#include "base/util.h"
#include "serve/json.h"

#define ROOM_STEP (64u << 10) /* bytes: so that one answer fits where another one was */
#define MAX_DETAIL 1024

enum life { MADE, KEPT };

static const struct route {
	const char *path, *parameters;
	enum life life;
	void (*function)(const struct request *q, struct reply *ret);
	const char *help;
} routes[] = {
#define ROUTE(path, parameters, life, function, answer, help) {path, parameters, life, function, help},
#include "serve/routes.def"
};

static const struct {
	unsigned status;
	const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {414, "URI Too Long"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
};

void
reply_done(struct reply *r)
{
	strbuf_done(&r->body);
	strbuf_done(&r->drawing);
	stream_free(TAKE_PTR(r->stream));
}

void
stream_free(struct stream *s)
{
	if (s)
		s->free(s);
}

/* The path without what xapi puts before it. */
static const char *
below_prefix(const char *path)
{
	size_t n = strlen(PATH_PREFIX);

	return strncmp(path, PATH_PREFIX, n) == 0 && (path[n] == '/' || path[n] == '\0') ? path + n
										   : path;
}

static bool
is_by_xapi(const struct request *q)
{
	return below_prefix(q->path) != q->path;
}

/* parameter: whose fault it is, NULL for none. */
static void
write_problem(const struct request *q, struct reply *ret, unsigned status, const char *parameter, const char *detail)
{
	const char *title = "Error";
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (titles[i].status == status)
			title = titles[i].title;
	put_text(o, "type", "about:blank");
	put_text(o, "title", title);
	json_object_set_new(o, "status", json_integer(status));
	put_text(o, "detail", detail);
	put_text(o, "instance", q->path);
	if (parameter)
		put_text(o, "parameter", parameter);
	reply_done(ret);
	if (is_by_xapi(q)) /* its proxy passes on the length of such a body, but not the body */
		json_decref(o);
	else
		put_end(o, &ret->body);
	str_copy(ret->error, sizeof(ret->error), detail);
	ret->page = NULL;
	ret->status = status;
	ret->type = "application/problem+json";
}

void
problem(const struct request *q, struct reply *ret, unsigned status, const char *format, ...)
{
	char detail[MAX_DETAIL];
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	write_problem(q, ret, status, NULL, detail);
}

void
problem_of(const struct request *q, struct reply *ret, const char *parameter, const char *format, ...)
{
	char detail[MAX_DETAIL];
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(detail, sizeof(detail), format, ap);
	va_end(ap);
	write_problem(q, ret, 400, parameter, detail);
}

const char *
request_parameter(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->n_parameters; i++)
		if (strcmp(q->parameter[i].name, name) == 0)
			return q->parameter[i].value;
	return NULL;
}

bool
request_uuid(const struct request *q, struct reply *ret_reply, char *ret)
{
	const char *text = request_parameter(q, "uuid");

	ret[0] = '\0';
	if (!text || parse_uuid(text, ret) == 0)
		return true;
	problem_of(q, ret_reply, "uuid",
	    "uuid takes a UUID of 36 characters; /api/v1/domains lists those of the domains");
	return false;
}

/* True if the path fits; what stands for {...} in key. */
static bool
fits(const char *pattern, const char *path, char key[MAX_KEY])
{
	const char *end = strchr(pattern, '}');
	size_t n = strcspn(pattern, "{"), len;

	key[0] = '\0';
	if (!end)
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, n) != 0)
		return false;
	len = strcspn(path + n, "/");
	if (len == 0 || len >= MAX_KEY || strcmp(path + n + len, end + 1) != 0)
		return false;
	str_copy(key, len + 1, path + n);
	return true;
}

static bool
check_parameters(const struct request *q, const struct route *route, struct reply *ret)
{
	for (size_t i = 0; i < q->n_parameters; i++) {
		const char *name = q->parameter[i].name;

		if (!list_has(route->parameters, name, strlen(name))) {
			problem_of(q, ret, name, "unknown parameter \"%.64s\"; %s takes %s", name, route->path,
			    *route->parameters ? route->parameters : "none");
			return false;
		}
		if (request_parameter(q, name) != q->parameter[i].value) {
			problem_of(q, ret, name, "parameter \"%.64s\" was given twice; give it once", name);
			return false;
		}
	}
	return true;
}

static void
not_found(const struct request *q, struct reply *ret)
{
	problem(q, ret, 404, "there is nothing at this path; /openapi.json tells what there is");
}

static const struct route *
find_route(struct request *q)
{
	const char *path = below_prefix(q->path);

	for (q->route = 0; q->route < NO_ROUTE; q->route++)
		if (fits(routes[q->route].path, path, q->key))
			return &routes[q->route];
	return NULL;
}

const char *
answer_path(enum route_id route)
{
	return route < NO_ROUTE ? routes[route].path : "none";
}

static bool
is_reading(const struct request *q)
{
	return strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
}

bool
answer_whole(const struct request *q)
{
	return is_by_xapi(q) || strcmp(q->method, "GET") != 0 ||
	       (q->version && strcmp(q->version, "HTTP/1.1") < 0);
}

void
answer_key(struct request *q, char *ret, size_t n)
{
	const char *path = below_prefix(q->path);
	const struct route *route;
	size_t used;

	*ret = '\0';
	q->route = NO_ROUTE;
	if (!is_reading(q) || strlen(path) > MAX_PATH || q->query_bytes > MAX_QUERY || q->header_bytes > MAX_HEADERS ||
	    q->n_parameters > MAX_PARAMETERS)
		return;
	route = find_route(q);
	if (!route || route->life != KEPT)
		return;
	used = (size_t) snprintf(
	    ret, n, "%s%s", path, route->function == route_metrics && metrics_format(q) ? " om" : "");
	for (size_t i = 0; i < q->n_parameters; i++)
		used += (size_t) snprintf(
		    ret + used, n - used, "%c%s=%s", i ? '&' : '?', q->parameter[i].name, q->parameter[i].value);
}

static bool
check_size(struct request *q, struct reply *ret)
{
	if (strlen(q->path) > MAX_PATH) {
		q->path = is_by_xapi(q) ? PATH_PREFIX : "";
		problem(q, ret, 414, "a path here has at most %d characters", MAX_PATH);
	} else if (q->query_bytes > MAX_QUERY) {
		problem(q, ret, 414, "a query here has at most %d characters; ask for less at once", MAX_QUERY);
	} else if (q->header_bytes > MAX_HEADERS) {
		problem(q, ret, 431, "the headers have more than %d characters; send none but Accept, Accept-Encoding "
		    "and If-None-Match", MAX_HEADERS);
	} else if (q->n_parameters > MAX_PARAMETERS) {
		problem(q, ret, 400, "a query here has at most %d parameters", MAX_PARAMETERS);
	} else {
		return true;
	}
	return false;
}

void
answer(struct request *q, struct reply *ret)
{
	const char *path = below_prefix(q->path);
	const struct route *route;

	*ret = (struct reply){.status = 200, .type = "application/json"};
	q->route = NO_ROUTE;
	if (!is_reading(q)) {
		ret->allow = "GET, HEAD";
		problem(
		    q, ret, 405, "this interface only answers GET and HEAD; it changes nothing");
		return;
	}
	if (!check_size(q, ret))
		return;
	if (*path == '\0') { /* so that the page's relative links lead below it */
		ret->status = 301;
		ret->location = PATH_PREFIX "/";
		ret->type = "text/plain; charset=utf-8";
		return;
	}
	route = find_route(q);
	if (q->expected > 0) /* at once: what grows by and by leaves holes of all sizes, tick after tick */
		strbuf_grow(&ret->body, (q->expected / ROOM_STEP + 2) * ROOM_STEP);
	if (!route)
		not_found(q, ret);
	else if (check_parameters(q, route, ret))
		route->function(q, ret);
}

static void
escape_html(struct strbuf *b, const char *s)
{
	for (; *s; s++)
		if (strchr("<>&\"", *s))
			strbuf_printf(b, "&#%d;", *s);
		else
			strbuf_add(b, s, 1);
}

/* Where no dashboard is installed, the paths themselves are the page. */
void
route_index(const struct request *q, struct reply *ret)
{
	const struct page *page = pages_find(&q->view->pages, "index.html");

	ret->type = "text/html; charset=utf-8";
	if (page) {
		ret->page = page;
		return;
	}
	strbuf_str(&ret->body,
	    "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>xenscope</title>\n"
	    "<h1>xenscope</h1>\n<p>No dashboard is installed here. What there is:</p>\n<ul>\n");
	for (size_t i = 1; i + 1 < ARRAY_SIZE(routes); i++) {
		bool link = !strchr(routes[i].path, '{');

		strbuf_str(&ret->body, "<li>");
		if (link)
			strbuf_printf(&ret->body, "<a href=\"%s\">", routes[i].path + 1);
		escape_html(&ret->body, routes[i].path);
		strbuf_str(&ret->body, link ? "</a>: " : ": ");
		escape_html(&ret->body, routes[i].help);
		strbuf_str(&ret->body, "</li>\n");
	}
	strbuf_str(&ret->body, "</ul></html>\n");
}

void
route_file(const struct request *q, struct reply *ret)
{
	const struct page *page = pages_find(&q->view->pages, q->key);

	if (!page) {
		not_found(q, ret);
		return;
	}
	ret->page = page;
	ret->type = page->type;
}
