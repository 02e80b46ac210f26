/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <ctype.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/parse.h"
#include "base/util.h"
#include "store/journal.h"

/* Migrations under way come from the view, those that ended straight from the journal: its lines
 * are already what is served. */

#define DEFAULT_LIMIT 100
#define MAX_LIMIT 1000
#define MAX_SCANNED 100000    /* lines of the journal looked at for one answer */
#define MAX_BYTES (16u << 20) /* of lines in one answer */

struct listing {
	yajl_gen g;
	const struct view *view;
	const char *member, *value; /* only lines that have it; value "" for all */
	size_t limit, n, scanned, bytes;
	bool truncated;
};

/* True if the object that the line is has this text as a member. record_gen writes neither spaces
 * nor a backslash into it, and a quote within another text has one before it. */
static bool
line_has(const char *line, size_t n, const char *member, const char *value)
{
	char want[128];
	int len = snprintf(want, sizeof(want), "\"%s\":\"%s\"", member, value);

	return memmem(line, n, want, (size_t) len) != NULL;
}

/* A line that is not JSON must not spoil the answer around it. */
static bool
is_object(const char *line, size_t n)
{
	yajl_handle h;
	bool whole;

	if (n < 2 || line[0] != '{')
		return false;
	h = yajl_alloc(NULL, NULL, NULL);
	if (!h)
		abort();
	whole = yajl_parse(h, (const unsigned char *) line, n) == yajl_status_ok &&
		yajl_complete_parse(h) == yajl_status_ok;
	yajl_free(h);
	return whole;
}

static bool
is_running(const struct view *v, const char *line, size_t n)
{
	for (size_t i = 0; i < v->n_running; i++)
		if (line_has(line, n, "id", v->running[i]->id))
			return true;
	return false;
}

static bool
add_line(void *arg, const char *line, size_t n)
{
	struct listing *l = arg;

	if (l->n >= l->limit || l->scanned++ >= MAX_SCANNED || n > MAX_BYTES - l->bytes) {
		l->truncated = l->n < l->limit;
		return false;
	}
	if ((*l->value && !line_has(line, n, l->member, l->value)) ||
	    is_running(l->view, line, n) || !is_object(line, n))
		return true;
	/* yajl writes the text of a number as it is, with the comma where one is due */
	(void) yajl_gen_number(l->g, line, n);
	l->bytes += n;
	l->n++;
	return true;
}

static void
add_running(struct listing *l)
{
	for (size_t i = l->view->n_running; i-- > 0 && l->n < l->limit;) {
		const struct migration_record *r = l->view->running[i];

		if (*l->value &&
		    strcmp(strcmp(l->member, "id") == 0 ? r->id : r->uuid, l->value) != 0)
			continue;
		record_gen(l->g, r);
		l->n++;
	}
}

void
route_migrations(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const char *limit = request_parameter(q, "limit");
	uint64_t max = DEFAULT_LIMIT;
	char uuid[UUID_SIZE];
	struct listing l = {.view = q->view, .member = "uuid", .value = uuid};
	int r;

	if (!s || !request_uuid(q, ret, uuid))
		return;
	if (limit && parse_u64(limit, 1, MAX_LIMIT, &max) < 0) {
		problem(q, ret, 400, "limit takes a whole number from 1 to %d", MAX_LIMIT);
		return;
	}
	l.limit = (size_t) max;
	l.g = gen_begin(s, &ret->body);
	gen_string(l.g, "migrations");
	(void) yajl_gen_array_open(l.g);
	add_running(&l);
	r = journal_read(q->view->dir, add_line, &l);
	(void) yajl_gen_array_close(l.g);
	gen_string(l.g, "truncated");
	(void) yajl_gen_bool(l.g, l.truncated);
	gen_end(l.g, &ret->body);
	if (r < 0)
		problem(q, ret, 500, "the journal of migrations cannot be read: %s", strerror(-r));
}

static bool
is_id(const char *text)
{
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char) *c) && !strchr("._-", *c))
			return false;
	return strlen(text) < RECORD_ID_SIZE;
}

void
route_migration(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	struct listing l = {.view = q->view, .member = "id", .value = q->key, .limit = 1};
	int r;

	if (!s)
		return;
	if (!is_id(q->key)) {
		problem(q, ret, 400,
		    "this is not the id of a migration; /api/v1/migrations lists them");
		return;
	}
	l.g = gen_begin(s, &ret->body);
	gen_string(l.g, "migration");
	add_running(&l);
	r = l.n == 0 ? journal_read(q->view->dir, add_line, &l) : 0;
	if (l.n == 0)
		(void) yajl_gen_null(l.g);
	gen_end(l.g, &ret->body);
	if (r < 0)
		problem(q, ret, 500, "the journal of migrations cannot be read: %s", strerror(-r));
	else if (l.n == 0)
		problem(q, ret, 404, "no migration has the id %s; /api/v1/migrations lists them",
		    q->key);
}
