/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "serve/params.h"
#include "store/notice_log.h"

/* The lines of the file of events are already what is served. */

#define DEFAULT_LIMIT 100
#define MAX_LIMIT 1000

struct listing {
	yajl_gen g;
	uint64_t since, before, limit, n;
	uint64_t last; /* number of the last one shown */
	uint32_t kinds;	      /* only those, a bit each; 0: all */
	char uuid[UUID_SIZE]; /* only those; "": all */
	bool truncated;
};

static bool
is_wanted(const struct listing *l, const json_t *event)
{
	const char *kind = json_string_value(json_object_get(event, "kind"));
	const char *uuid = json_string_value(json_object_get(event, "uuid"));

	return (!l->kinds || (kind && l->kinds >> notice_find(kind) & 1)) &&
	       (!*l->uuid || (uuid && strcmp(uuid, l->uuid) == 0));
}

/* A line that is not JSON must not spoil the answer around it. */
static bool
add_line(void *arg, uint64_t seq, const char *line, size_t n)
{
	struct listing *l = arg;
	json_t *event;

	if (seq <= l->since)
		return false;
	if (seq >= l->before)
		return true;
	event = json_loadb(line, n, 0, NULL);
	if (json_is_object(event) && is_wanted(l, event)) {
		l->truncated = l->n == l->limit;
		if (!l->truncated) {
			/* yajl writes the text of a number as it is, with the comma where one is due */
			(void) yajl_gen_number(l->g, line, n);
			l->n++;
			l->last = seq;
		}
	}
	json_decref(event);
	return !l->truncated;
}

static const char *const names[NOTICE_COUNT] = {
#define NOTICE(id, name, ...) [NOTICE_##id] = name,
#include "metrics/notices.def"
};
static const struct words kinds = {names, NOTICE_COUNT};

void
route_events(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	struct listing l = {.before = INT64_MAX, .limit = DEFAULT_LIMIT};
	int r;

	if (!s || !request_uuid(q, ret, l.uuid) || !param_number(q, ret, "since", 0, INT64_MAX, &l.since) ||
	    !param_number(q, ret, "before", 1, INT64_MAX, &l.before) ||
	    !param_number(q, ret, "limit", 1, MAX_LIMIT, &l.limit) || !param_words(q, ret, "kind", &kinds, &l.kinds))
		return;
	l.g = gen_begin(s, &ret->body);
	gen_string(l.g, "events");
	(void) yajl_gen_array_open(l.g);
	r = notice_log_read(q->view->dir, add_line, &l);
	(void) yajl_gen_array_close(l.g);
	gen_string(l.g, "truncated");
	(void) yajl_gen_bool(l.g, l.truncated);
	gen_value(l.g, "next", l.truncated ? (double) l.last : NAN);
	gen_end(l.g, &ret->body);
	if (r < 0)
		problem(q, ret, 500, "the file of events cannot be read: %s", strerror(-r));
}
