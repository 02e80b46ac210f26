/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "plugin/xapi/methods.h"

#include <errno.h>
#include <stdint.h>

#include "base/http_get.h"
#include "base/parse.h"
#include "base/util.h"
#include "plugin/xapi/xmlrpc.h"

enum method_id {
#define METHOD(id, ...) METHOD_##id,
#define ARGUMENT(...)
#include "plugin/xapi/methods.def"
	METHOD_COUNT
};

static const struct method {
	const char *name, *path, *help;
} methods[METHOD_COUNT] = {
#define METHOD(id, path, help) [METHOD_##id] = {#id, path, help},
#define ARGUMENT(...)
#include "plugin/xapi/methods.def"
};

enum argument_type { ARG_UUID, ARG_NUMBER };

static const struct argument {
	enum method_id method;
	const char *name;
	enum argument_type type;
	uint64_t min, max;
	const char *help;
} arguments[] = {
#define METHOD(...)
#define ARGUMENT(method, ...) {METHOD_##method, __VA_ARGS__},
#include "plugin/xapi/methods.def"
};

#define fail(b, ...)                                                                               \
	xmlrpc_failure(b, (const char *const[]){__VA_ARGS__},                                      \
	    ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

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
			if (arguments[k].method == i) {
				strbuf_printf(&json, "%s{\"name\":\"%s\",\"help\":\"%s\"}", comma,
				    arguments[k].name, arguments[k].help);
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
		if (arguments[i].method == id && strcmp(arguments[i].name, name) == 0)
			return &arguments[i];
	return NULL;
}

/* Adds the argument to the query, or says in why[n] what is wrong with it. The query then holds
 * only digits and hexadecimal letters, so that nothing is to be escaped. */
static int
add_argument(
    struct strbuf *target, const struct argument *a, const char *value, char *why, size_t n)
{
	char uuid[37];
	uint64_t number;

	switch (a->type) {
	case ARG_UUID:
		if (parse_uuid(value, uuid) < 0) {
			(void)snprintf(why, n, "it is no UUID");
			return -EINVAL;
		}
		strbuf_printf(target, "%s=%s", a->name, uuid);
		return 0;
	case ARG_NUMBER:
		if (parse_u64(value, a->min, a->max, &number) < 0) {
			(void)snprintf(why, n, "it is no number from %llu to %llu",
			    (unsigned long long)a->min, (unsigned long long)a->max);
			return -EINVAL;
		}
		strbuf_printf(target, "%s=%llu", a->name, (unsigned long long)number);
		return 0;
	}
	return -EINVAL;
}

static int
add_arguments(
    struct strbuf *target, enum method_id id, const struct xmlrpc_call *c, struct strbuf *reply)
{
	for (size_t i = 0; i < c->n_arguments; i++) {
		const struct argument *a = find_argument(id, c->argument[i].name);
		char why[80];

		if (!a) {
			fail(reply, "XENSCOPE_BAD_ARGUMENT", c->argument[i].name,
			    "this function does not take it: fn=help lists what each takes");
			return -EINVAL;
		}
		strbuf_str(target, i ? "&" : "?");
		if (add_argument(target, a, c->argument[i].value, why, sizeof(why)) < 0) {
			fail(reply, "XENSCOPE_BAD_ARGUMENT", a->name, why);
			return -EINVAL;
		}
	}
	return 0;
}

static void
ask_agent(const char *target, const char *socket_path, double seconds, struct strbuf *reply)
{
	_cleanup_(freep) char *text = NULL, *body = NULL, *url = xasprintf("unix:%s", socket_path);
	unsigned status;
	size_t n;
	int r = http_get(url, target, seconds, &status, &body, &n);

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
		text = xasprintf("HTTP status %u", status);
		fail(reply, "XENSCOPE_AGENT_ERROR", text, body);
	} else
		xmlrpc_success(reply, body);
}

void
plugin_answer(
    const char *text, size_t n, const char *socket_path, double seconds, struct strbuf *reply)
{
	_cleanup_(xmlrpc_call_done) struct xmlrpc_call call = {.method = NULL};
	_cleanup_(strbuf_done) struct strbuf target = {NULL, 0, 0};
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
	if (methods[id].path)
		strbuf_str(&target, methods[id].path);
	if (add_arguments(&target, id, &call, reply) < 0)
		return;
	if (id == METHOD_version)
		answer_version(reply);
	else if (id == METHOD_help)
		answer_help(reply);
	else
		ask_agent(target.text, socket_path, seconds, reply);
}
