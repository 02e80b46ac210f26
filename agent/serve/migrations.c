/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/util.h"
#include "serve/migration_fields.h"
#include "serve/params.h"
#include "store/journal.h"

/* Migrations under way come from the view, those that ended straight from the journal: its lines
 * are already what is served. */

#define DEFAULT_LIMIT 100
#define MAX_LIMIT 1000
#define MAX_BYTES (16u << 20) /* of lines in one answer */
#define PART (16u * 1024)     /* bytes of it that are made at once, and what the last line has beyond them */

struct listing {
	struct stream stream; /* first: it is what more and free get */
	struct strbuf part;   /* what has been made and not yet handed over */
	yajl_gen g;	      /* NULL: all has been made */
	const char *dir;
	char *fields;	      /* of a record; NULL: all */
	char running[MAX_RUNNING][RECORD_ID_SIZE];
	size_t n_running;
	struct journal_filter filter;
	struct journal_search search;
	size_t n, bytes;
	uint64_t limit, next; /* next: before which place the following page begins; 0: this is the last one */
	bool truncated;
};

static void
listing_init(struct listing *l, const struct request *q)
{
	const struct view *v = q->view;

	*l = (struct listing){.dir = v->dir, .search = {.before = UINT64_MAX}, .limit = DEFAULT_LIMIT};
	journal_filter_init(&l->filter);
	l->search.filter = &l->filter;
	for (l->n_running = 0; l->n_running < v->n_running; l->n_running++)
		str_copy(l->running[l->n_running], RECORD_ID_SIZE, v->running[l->n_running]->id);
}

static void
listing_done(struct listing *l)
{
	strbuf_done(&l->part);
	if (l->g)
		yajl_gen_free(l->g);
	free(l->fields);
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

/* It has ended and stands in the journal, but the word of it is still on its way. */
static bool
is_running(const struct listing *l, const char *line, size_t n)
{
	char id[RECORD_ID_SIZE];

	if (!journal_line_id(line, n, id))
		return false;
	for (size_t i = 0; i < l->n_running; i++)
		if (strcmp(l->running[i], id) == 0)
			return true;
	return false;
}

static void
add(struct listing *l, const char *line, size_t n)
{
	struct strbuf some = {NULL, 0, 0};

	if (l->fields) {
		migration_fields_add(&some, l->fields, line, n);
		line = some.text;
		n = some.n;
	}
	/* yajl writes the text of a number as it is, with the comma where one is due */
	(void) yajl_gen_number(l->g, line, n);
	l->bytes += n;
	l->n++;
	strbuf_done(&some);
}

static bool
add_line(void *arg, const char *line, size_t n)
{
	struct listing *l = arg;

	if (is_running(l, line, n) || !is_object(line, n))
		return true;
	if (l->n == l->limit || l->bytes + n > MAX_BYTES) {
		l->truncated = l->n < l->limit;
		l->next = l->search.at + n + 1;
		return false;
	}
	add(l, line, n);
	l->search.before = l->search.at;
	return l->part.n < PART;
}

static void
add_running(struct listing *l, const struct view *v)
{
	for (size_t i = v->n_running; i-- > 0 && l->n < l->limit;) {
		yajl_gen g = yajl_gen_alloc(NULL);
		const unsigned char *line = NULL;
		size_t n = 0;

		if (!g)
			abort();
		record_gen(g, v->running[i]);
		(void) yajl_gen_get_buf(g, &line, &n);
		if (journal_filter_line(&l->filter, (const char *) line, n))
			add(l, (const char *) line, n);
		yajl_gen_free(g);
	}
}

static bool
set_filter(const struct request *q, struct reply *ret, struct journal_filter *f)
{
	char error[256];

	for (size_t i = 0; i < JOURNAL_CRITERIA; i++) {
		const char *text = request_parameter(q, journal_criteria[i]);

		if (text && journal_filter_set(f, journal_criteria[i], text, q->now.real, error, sizeof(error)) < 0) {
			problem_of(q, ret, journal_criteria[i], "%s", error);
			return false;
		}
	}
	return true;
}

/* A cursor is a place in the journal: what ends later does not move it. */
static void
gen_page(struct listing *l)
{
	char next[24];

	(void) yajl_gen_array_close(l->g);
	(void) snprintf(next, sizeof(next), "%llu", (unsigned long long) l->next);
	gen_string(l->g, "truncated");
	(void) yajl_gen_bool(l->g, l->truncated);
	gen_text_or_null(l->g, "next", l->next ? next : "");
	gen_end(TAKE_PTR(l->g), &l->part);
}

/* Makes some more of the list, at its end what follows it. -errno: the journal cannot be read; a later page may have
 * the rest. */
static int
make_part(struct listing *l)
{
	int r = l->part.n < PART ? journal_search(l->dir, &l->search, add_line, l) : 0;

	if (l->part.n >= PART)
		return 0;
	if (r != 0) {
		l->truncated = true;
		l->next = r > 0 ? l->search.at : MIN(l->search.before, INT64_MAX);
	}
	gen_page(l);
	return MIN(r, 0);
}

static bool
more_migrations(struct stream *stream, struct strbuf *b)
{
	struct listing *l = (struct listing *) stream;

	strbuf_add(b, l->part.text, l->part.n);
	l->part.n = 0;
	if (!l->g)
		return false;
	(void) make_part(l);
	return true;
}

static void
free_listing(struct stream *stream)
{
	listing_done((struct listing *) stream);
	free(stream);
}

static bool
read_parameters(const struct request *q, struct reply *ret, struct listing *l)
{
	const char *fields;

	if (!set_filter(q, ret, &l->filter) || !param_number(q, ret, "limit", 1, MAX_LIMIT, &l->limit) ||
	    !param_number(q, ret, "cursor", 1, INT64_MAX, &l->search.before) || !migration_fields(q, ret, &fields))
		return false;
	l->fields = fields ? xstrdup(fields) : NULL;
	return true;
}

void
route_migrations(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	struct listing *l;
	int r;

	if (!s)
		return;
	l = xmalloc(sizeof(*l));
	listing_init(l, q);
	l->stream = (struct stream){more_migrations, free_listing, 0};
	ret->stream = &l->stream; /* a problem drops it */
	if (!read_parameters(q, ret, l))
		return;
	l->g = gen_begin(s, &l->part);
	gen_string(l->g, "migrations");
	(void) yajl_gen_array_open(l->g);
	if (!request_parameter(q, "cursor"))
		add_running(l, q->view);
	r = make_part(l);
	l->stream.bytes = l->part.room + PART;
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
	struct listing l;
	int r;

	if (!s)
		return;
	if (!is_id(q->key)) {
		problem(q, ret, 400,
		    "this is not the id of a migration; /api/v1/migrations lists them");
		return;
	}
	listing_init(&l, q);
	l.limit = 1;
	if (!read_parameters(q, ret, &l))
		return;
	journal_filter_id(&l.filter, q->key);
	l.g = gen_begin(s, &ret->body);
	gen_string(l.g, "migration");
	add_running(&l, q->view);
	r = l.n == 0 ? journal_search(l.dir, &l.search, add_line, &l) : 0;
	if (l.n == 0)
		(void) yajl_gen_null(l.g);
	gen_end(TAKE_PTR(l.g), &ret->body);
	if (r < 0)
		problem(q, ret, 500, "the journal of migrations cannot be read: %s", strerror(-r));
	else if (l.n == 0)
		problem(q, ret, 404, "no migration has the id %s; /api/v1/migrations lists them", q->key);
	listing_done(&l);
}
