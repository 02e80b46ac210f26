/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/xapi/methods.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/http_get.h"
#include "base/parse.h"
#include "base/util.h"
#include "plugin/xapi/page.h"
#include "plugin/xapi/xmlrpc.h"

#define ID_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_"
#define UNRESERVED ID_CHARACTERS "~"
#define MAX_ID 64

enum method_id {
#define METHOD(id, ...) METHOD_##id,
#define ARGUMENT(...)
#include "plugin/xapi/methods.def"
	METHOD_COUNT,
	METHOD_PAGED
};

static const struct method {
	const char *name, *path, *help;
} methods[METHOD_COUNT] = {
#define METHOD(id, path, help) [METHOD_##id] = {#id, path, help},
#define ARGUMENT(...)
#include "plugin/xapi/methods.def"
};

enum argument_type { ARG_UUID, ARG_NUMBER, ARG_TEXT, ARG_KEY_UUID, ARG_KEY_ID, ARG_PAGE, ARG_VERSION };

static const struct argument {
	enum method_id method;
	const char *name;
	enum argument_type type;
	uint64_t min, max;
	const char *help;
} arguments[] = {
#define METHOD(...)
#define ARGUMENT(method, name, type, ...) {METHOD_##method, name, ARG_##type, __VA_ARGS__},
#include "plugin/xapi/methods.def"
};

/* What a call asks of the agent. */
struct question {
	struct strbuf target, query;
	struct page page;
};

static void
question_done(struct question *q)
{
	strbuf_done(&q->target);
	strbuf_done(&q->query);
}

#define fail(b, ...)                                                                               \
	xmlrpc_failure(b, (const char *const[]){__VA_ARGS__},                                      \
	    ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

static bool
is_key(const struct argument *a)
{
	return a->type == ARG_KEY_UUID || a->type == ARG_KEY_ID;
}

static bool
takes(enum method_id id, const struct argument *a)
{
	return a->method == id || (a->method == METHOD_PAGED && methods[id].path);
}

static void
answer_version(struct strbuf *reply)
{
	xmlrpc_success(reply, "{\"plugin\":\"" PACKAGE_VERSION "\"}");
}

static void
answer_help(struct strbuf *reply)
{
	_cleanup_(strbuf_done) struct strbuf json = {NULL, 0, 0};

	strbuf_str(&json, "{\"functions\":[");
	for (unsigned i = 0; i < METHOD_COUNT; i++) {
		const char *comma = "";

		strbuf_printf(&json, "%s{\"name\":\"%s\",\"help\":\"%s\",\"arguments\":[",
		    i ? "," : "", methods[i].name, methods[i].help);
		for (size_t k = 0; k < ARRAY_SIZE(arguments); k++)
			if (takes(i, &arguments[k])) {
				strbuf_printf(&json, "%s{\"name\":\"%s\",\"required\":%s,\"help\":\"%s\"}", comma,
				    arguments[k].name, is_key(&arguments[k]) ? "true" : "false", arguments[k].help);
				comma = ",";
			}
		strbuf_str(&json, "]}");
	}
	strbuf_str(&json, "]}");
	xmlrpc_success(reply, json.text);
}

static const struct argument *
find_argument(enum method_id id, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
		if (takes(id, &arguments[i]) && strcmp(arguments[i].name, name) == 0)
			return &arguments[i];
	return NULL;
}

static void
add_escaped(struct strbuf *b, const char *text)
{
	for (; *text; text++)
		strbuf_printf(b, strchr(UNRESERVED, *text) ? "%c" : "%%%02X", (unsigned char) *text);
}

/* NULL, or what is wrong with the value, maybe in why[n]. */
static const char *
judge(const struct argument *a, const char *value, char *why, size_t n)
{
	uint64_t number;
	char uuid[37];

	switch (a->type) {
	case ARG_UUID:
	case ARG_KEY_UUID:
		return parse_uuid(value, uuid) < 0 ? "it is no UUID" : NULL;
	case ARG_KEY_ID:
		return *value && strlen(value) <= MAX_ID && strspn(value, ID_CHARACTERS) == strlen(value)
			   ? NULL
			   : "it is no id of a migration";
	case ARG_VERSION:
		return strlen(value) == VERSION_DIGITS && strspn(value, "0123456789abcdef") == VERSION_DIGITS
			   ? NULL
			   : "it is no version as a first page tells it";
	case ARG_NUMBER:
	case ARG_PAGE:
		(void) snprintf(why, n, "it is no number from %llu to %llu", (unsigned long long) a->min,
		    (unsigned long long) a->max);
		return parse_u64(value, a->min, a->max, &number) < 0 ? why : NULL;
	case ARG_TEXT:
		(void) snprintf(why, n, "it is longer than %llu bytes", (unsigned long long) a->max);
		return strlen(value) > a->max ? why : NULL;
	}
	return "it is not known";
}

/* Of an argument that was judged to be right; the value stays. */
static void
add_argument(struct question *q, const struct argument *a, const char *value)
{
	switch (a->type) {
	case ARG_PAGE:
		(void) parse_u64(value, a->min, a->max, &q->page.number);
		break;
	case ARG_VERSION:
		q->page.version = value;
		break;
	case ARG_KEY_UUID:
	case ARG_KEY_ID:
		add_escaped(&q->target, value);
		break;
	case ARG_UUID:
	case ARG_NUMBER:
	case ARG_TEXT:
		strbuf_printf(&q->query, "%c%s=", q->query.n ? '&' : '?', a->name);
		add_escaped(&q->query, value);
		break;
	}
}

static int
add_arguments(struct question *q, enum method_id id, const struct xmlrpc_call *c, struct strbuf *reply)
{
	char why[80];

	for (size_t i = 0; i < c->n_arguments; i++) {
		const struct argument *a = find_argument(id, c->argument[i].name);
		const char *reason = a ? judge(a, c->argument[i].value, why, sizeof(why))
				       : "this function does not take it: fn=help lists what each takes";

		if (reason) {
			fail(reply, "XENSCOPE_BAD_ARGUMENT", c->argument[i].name, reason);
			return -EINVAL;
		}
		add_argument(q, a, c->argument[i].value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++)
		if (arguments[i].method == id && is_key(&arguments[i]) && q->target.text[q->target.n - 1] == '/') {
			fail(reply, "XENSCOPE_BAD_ARGUMENT", arguments[i].name, "this function needs it");
			return -EINVAL;
		}
	strbuf_str(&q->target, q->query.text ? q->query.text : "");
	return 0;
}

/* The agent says in JSON (RFC 9457) what was wrong, and with which parameter. */
static void
fail_by_status(unsigned status, const char *body, size_t n, struct strbuf *reply)
{
	json_t *problem = json_loadb(body, n, 0, NULL);
	const char *said = json_string_value(json_object_get(problem, "detail"));
	const char *parameter = json_string_value(json_object_get(problem, "parameter"));
	char text[32];

	(void) snprintf(text, sizeof(text), "HTTP status %u", status);
	said = said ? said : "no reason given";
	if (status == 400)
		fail(reply, "XENSCOPE_BAD_ARGUMENT", parameter ? parameter : "", said);
	else if (status == 404)
		fail(reply, "XENSCOPE_NOT_FOUND", said);
	else
		fail(reply, "XENSCOPE_AGENT_ERROR", text, said);
	json_decref(problem);
}

static void
succeed(const char *body, size_t n, const struct page *page, struct strbuf *reply)
{
	_cleanup_(strbuf_done) struct strbuf value = {NULL, 0, 0};
	int r = page_add(&value, body, n, page);

	if (r == -ESTALE)
		fail(reply, "XENSCOPE_CHANGED", "the answer has changed since its first page: ask for page 1 again");
	else if (r == -EINVAL)
		fail(reply, "XENSCOPE_BAD_ARGUMENT", "version",
		    "a later page needs the version that the first tells");
	else if (r < 0)
		fail(reply, "XENSCOPE_BAD_ARGUMENT", "page", "the answer has not so many pages");
	else
		xmlrpc_success(reply, value.text);
}

static void
ask_agent(const struct question *q, const char *socket_path, double seconds, struct strbuf *reply)
{
	_cleanup_(freep) char *text = NULL, *body = NULL, *url = xasprintf("unix:%s", socket_path);
	unsigned status = 0;
	size_t n = 0;
	int r = http_get(url, q->target.text, seconds, &status, &body, &n);

	if (r == -ETIMEDOUT || r == -EAGAIN) {
		text = xasprintf("%s: xenscoped did not answer within %g s", socket_path, seconds);
		fail(reply, "XENSCOPE_AGENT_DOWN", text, "systemctl restart xenscoped");
	} else if (r == -EBADMSG || r == -EFBIG || r == -ECONNRESET) {
		text = xasprintf("%s: the answer %s", socket_path,
		    r == -EFBIG	      ? "is too long"
			: r == -EBADMSG ? "is no whole HTTP reply"
					: "broke off before its end");
		fail(reply, "XENSCOPE_AGENT_ERROR", text, "journalctl -u xenscoped");
	} else if (r < 0) {
		text = xasprintf("%s: %s", socket_path, strerror(-r));
		fail(reply, "XENSCOPE_AGENT_DOWN", text, "systemctl start xenscoped");
	} else if (status != 200) {
		fail_by_status(status, body, n, reply);
	} else {
		succeed(body, n, &q->page, reply);
	}
}

void
plugin_answer(
    const char *text, size_t n, const char *socket_path, double seconds, struct strbuf *reply)
{
	_cleanup_(xmlrpc_call_done) struct xmlrpc_call call = {.method = NULL};
	_cleanup_(question_done) struct question q = {.page = {.number = 1}};
	enum method_id id = 0;
	char why[160];

	if (xmlrpc_parse(text, n, &call, why, sizeof(why)) < 0) {
		fail(
		    reply, "XENSCOPE_BAD_REQUEST", "this is no XML-RPC call as xapi makes it", why);
		return;
	}
	while (id < METHOD_COUNT && strcmp(methods[id].name, call.method) != 0)
		id++;
	if (id == METHOD_COUNT) {
		fail(reply, "UNKNOWN_XENAPI_PLUGIN_FUNCTION", call.method);
		return;
	}
	strbuf_str(&q.target, methods[id].path ? methods[id].path : "");
	if (add_arguments(&q, id, &call, reply) < 0)
		return;
	if (id == METHOD_version)
		answer_version(reply);
	else if (id == METHOD_help)
		answer_help(reply);
	else
		ask_agent(&q, socket_path, seconds, reply);
}
