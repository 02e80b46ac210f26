/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/discover.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "probe/command.h"

#define AGENT_PORT 9965
#define XAPI_PATH "/services/plugin/xenscope/metrics"
#define XE_SECONDS 20.0 /* for one call */
#define MAX_LIST (4u << 20)
#define MAX_LABELS 16
#define MAX_LABEL 256
#define MAX_ADDRESS 255
#define BLANKS " \t\r"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

struct discovery {
	const struct discover_options *o;
	json_t *groups;
	json_t *seen; /* the targets, so that none is scraped twice */
};

/* The host without its port into ret_host, in brackets if it is an IPv6 address; its port or 0. -EINVAL. */
static int
split_address(const char *text, char *ret_host, size_t size, uint64_t *ret_port)
{
	const char *colon = strchr(text, ':'), *end = *text == '[' ? strchr(text, ']') : NULL;
	bool bare = *text != '[' && colon && strchr(colon + 1, ':'); /* IPv6 without brackets has no port */
	size_t n = end ? (size_t) (end + 1 - text) : colon && !bare ? (size_t) (colon - text) : strlen(text);

	*ret_port = 0;
	if (n == 0 || n > MAX_ADDRESS || (*text == '[' && (!end || n == 2)))
		return -EINVAL;
	if (strspn(text + (end != NULL), LETTERS DIGITS "-._:%") < n - 2 * (end != NULL))
		return -EINVAL;
	if (text[n] && (text[n] != ':' || parse_u64(text + n + 1, 1, UINT16_MAX, ret_port) < 0))
		return -EINVAL;
	(void) snprintf(ret_host, size, bare ? "[%.*s]" : "%.*s", (int) n, text);
	return 0;
}

/* Takes over labels. -EINVAL: no address; -EEXIST: it is there already. */
static int
add_host(struct discovery *d, const char *address, json_t *labels)
{
	char host[MAX_ADDRESS + 3];
	uint64_t port;
	_cleanup_(freep) char *target = NULL;
	int r = split_address(address, host, sizeof(host), &port);

	if (r == 0) {
		port = port ? port : d->o->port ? d->o->port : d->o->xapi ? 0 : AGENT_PORT; /* 0: that of HTTPS */
		target = port ? xasprintf("%s:%llu", host, (unsigned long long) port) : xstrdup(host);
		r = json_object_get(d->seen, target) ? -EEXIST : 0;
	}
	if (r < 0) {
		json_decref(labels);
		return r;
	}
	if (d->o->xapi) {
		(void) json_object_set_new(labels, "__scheme__", json_string("https"));
		(void) json_object_set_new(labels, "__metrics_path__", json_string(XAPI_PATH));
	}
	(void) json_object_set_new(d->seen, target, json_true());
	(void) json_array_append_new(
	    d->groups, json_pack("{s:[s], s:o}", "targets", target, "labels", labels));
	return 0;
}

/* What is not UTF-8, and control characters, become '?'; an empty value is as none to Prometheus. */
static void
set_label(json_t *labels, const char *name, const char *value)
{
	char clean[MAX_LABEL];

	utf8_clean(clean, sizeof(clean), value);
	if (*clean)
		(void) json_object_set_new(labels, name, json_string(clean));
}

/* "name=value". Names that begin with __ are Prometheus's own. */
static int
add_label(json_t *labels, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || json_object_size(labels) == MAX_LABELS)
		return -EINVAL;
	*equals = '\0';
	if (text[strspn(text, LETTERS DIGITS "_")] || strchr(DIGITS, *text) || strncmp(text, "__", 2) == 0)
		return -EINVAL;
	set_label(labels, text, equals + 1);
	return 0;
}

/* "ADDRESS [NAME=VALUE]... [# why]"; without an address nothing happens. */
static int
add_line(struct discovery *d, char *line, const char **ret_fault)
{
	char *rest, *address, *word;
	json_t *labels;
	int r;

	line[strcspn(line, "#")] = '\0';
	address = strtok_r(line, BLANKS, &rest);
	if (!address)
		return 0;
	labels = json_object();
	while ((word = strtok_r(NULL, BLANKS, &rest)) != NULL)
		if (add_label(labels, word) < 0) {
			json_decref(labels);
			*ret_fault = "no label, or one too many";
			return -EINVAL;
		}
	r = add_host(d, address, labels);
	*ret_fault = r == -EEXIST ? "a host that was there already" : "no host";
	return r;
}

static int
from_list(struct discovery *d)
{
	bool is_stdin = strcmp(d->o->list, "-") == 0;
	_cleanup_(freep) char *shown = visible(is_stdin ? "standard input" : d->o->list);
	_cleanup_(freep) char *text = NULL;
	const char *fault;
	size_t number = 0;
	int r = file_read(is_stdin ? "/dev/stdin" : d->o->list, MAX_LIST, &text, NULL);

	if (r < 0) {
		(void) fprintf(stderr, "xenscope: %s cannot be read: %s\n", shown, strerror(-r));
		return EXIT_ANSWER;
	}
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;) {
		number++;
		if (add_line(d, line, &fault) < 0) {
			(void) fprintf(stderr, "xenscope: %s, line %zu: %s\n", shown, number, fault);
			return EXIT_ANSWER;
		}
	}
	return EXIT_OK;
}

/* What one call of xe prints, without the line's end; NULL: it failed, and that was said. The caller frees it. */
static char *
ask_xe(const char *const *argv)
{
	static const struct timespec moment = {0, 5000000};
	_cleanup_(freep) char *said = NULL, *shown = NULL;
	struct command *c = NULL;
	struct tick now = tick_now();
	int r = command_start(argv, XE_SECONDS, &now, &c);
	size_t n;

	while (r == 0 && (r = command_poll(c, &now)) == -EAGAIN) {
		(void) nanosleep(&moment, NULL);
		now = tick_now();
		r = 0;
	}
	said = xstrdup(c ? command_output(c) : "");
	command_free(c);
	n = strlen(said);
	if (n > 0 && said[n - 1] == '\n')
		said[n - 1] = '\0';
	if (r == 0)
		return TAKE_PTR(said);
	shown = visible(r < 0 ? strerror(-r) : *said ? said : "failed");
	(void) fprintf(stderr, "xenscope: xe %s: %s\n", argv[1], shown);
	return NULL;
}

/* One field of an object, in a call of its own: a name cannot pretend to be another field. */
static char *
ask_field(const struct discovery *d, const char *command, const char *uuid, const char *field)
{
	_cleanup_(freep) char *which = xasprintf("uuid=%s", uuid), *what = xasprintf("param-name=%s", field);
	const char *argv[] = {d->o->xe, command, which, what, NULL};

	return ask_xe(argv);
}

static int
add_pool_host(struct discovery *d, const char *pool, const char *uuid)
{
	_cleanup_(freep) char *address = ask_field(d, "host-param-get", uuid, "address");
	_cleanup_(freep) char *name = address ? ask_field(d, "host-param-get", uuid, "name-label") : NULL;
	json_t *labels;

	if (!name)
		return EXIT_ANSWER;
	labels = json_object();
	set_label(labels, "pool", pool);
	set_label(labels, "host", name);
	set_label(labels, "host_uuid", uuid);
	if (add_host(d, address, labels) == 0)
		return EXIT_OK;
	(void) fprintf(stderr, "xenscope: host %s has no address of its own\n", uuid);
	return EXIT_ANSWER;
}

/* The UUIDs of all objects of a class, with commas between. */
static char *
ask_uuids(const struct discovery *d, const char *command)
{
	const char *argv[] = {d->o->xe, command, "--minimal", NULL};

	return ask_xe(argv);
}

static int
from_pool(struct discovery *d)
{
	_cleanup_(freep) char *pools = NULL, *pool = NULL, *hosts = NULL;
	char uuid[37];
	int status = EXIT_OK;

	if (!d->o->xe) {
		(void) fprintf(stderr, "xenscope: this is no host of a xapi pool; name a file of hosts\n");
		return EXIT_ANSWER;
	}
	pools = ask_uuids(d, "pool-list");
	hosts = pools ? ask_uuids(d, "host-list") : NULL;
	pool = hosts && parse_uuid(pools, uuid) == 0 ? ask_field(d, "pool-param-get", uuid, "name-label") : NULL;
	if (!pool)
		return EXIT_ANSWER;
	for (char *rest = hosts, *one; status == EXIT_OK && (one = strsep(&rest, ",")) != NULL;) {
		if (parse_uuid(one, uuid) < 0) {
			(void) fprintf(stderr, "xenscope: xe host-list: what it says is no list of UUIDs\n");
			return EXIT_ANSWER;
		}
		status = add_pool_host(d, pool, uuid);
	}
	return status;
}

static int
hand_out(const struct discovery *d, FILE *f)
{
	char *json = json_dumps(d->groups, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	_cleanup_(freep) char *text = json ? xasprintf("%s\n", json) : NULL;
	_cleanup_(freep) char *shown = visible(d->o->output ? d->o->output : "standard output");
	int r = -ENOMEM;

	free(json);
	if (text && d->o->output)
		r = file_publish(d->o->output, text);
	else if (text)
		r = fputs(text, f) < 0 ? -errno : 0;
	if (r == 0)
		return EXIT_OK;
	(void) fprintf(stderr, "xenscope: %s cannot be written: %s\n", shown, strerror(-r));
	return EXIT_ANSWER;
}

int
discover_command(const struct discover_options *o, FILE *f)
{
	struct discovery d = {.o = o, .groups = json_array(), .seen = json_object()};
	int status = o->list ? from_list(&d) : from_pool(&d);

	if (status == EXIT_OK)
		status = hand_out(&d, f);
	json_decref(d.groups);
	json_decref(d.seen);
	return status;
}
