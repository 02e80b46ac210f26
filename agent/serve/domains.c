/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/domain_fields.h"

#include <math.h>
#include <string.h>

#include "base/parse.h"
#include "base/util.h"
#include "serve/params.h"

#define PART (16u * 1024) /* bytes of the list that are made at once, and what the last domain has beyond them */

/* Domains by their numbers, which is the order in which Xen lists them. */
struct listing {
	struct stream stream; /* first: it is what more and free get */
	struct sample *sample;
	struct domain_fields fields;
	char uuid[UUID_SIZE];  /* "": any */
	char *name;	       /* NULL: any */
	uint64_t first, limit; /* the lowest number; how many at most */
	yajl_gen g;	       /* NULL: not begun, or over */
	size_t i, n;	       /* the next one to look at; shown so far */
	uint32_t last;	       /* number of the last one shown */
};

static void
free_listing(struct stream *s)
{
	struct listing *l = (struct listing *) s;

	sample_free(l->sample);
	free(l->name);
	if (l->g)
		yajl_gen_free(l->g);
	free(l);
}

static bool
is_wanted(const struct listing *l, const struct sample_domain *d)
{
	return d->domid >= l->first && (!*l->uuid || strcmp(d->uuid, l->uuid) == 0) &&
	       (!l->name || strcmp(d->name, l->name) == 0);
}

/* Shows one more. False: there is none, or no room for it. */
static bool
show_next(struct listing *l)
{
	const struct sample *s = l->sample;

	while (l->i < s->n_domains && !is_wanted(l, &s->domain[l->i]))
		l->i++;
	if (l->i == s->n_domains || l->n == l->limit)
		return false;
	gen_domain(l->g, s, l->i, &l->fields);
	l->last = s->domain[l->i++].domid;
	l->n++;
	return true;
}

static bool
more_domains(struct stream *stream, struct strbuf *b)
{
	struct listing *l = (struct listing *) stream;
	size_t before = b->n;

	if (!l->g) {
		l->g = gen_begin(l->sample, b);
		gen_string(l->g, "domains");
		(void) yajl_gen_array_open(l->g);
	}
	while (show_next(l))
		if (b->n - before >= PART)
			return true;
	(void) yajl_gen_array_close(l->g);
	gen_value(l->g, "next", l->i < l->sample->n_domains ? l->last : NAN);
	gen_end(TAKE_PTR(l->g), b);
	return false;
}

static bool
read_fields(const struct request *q, struct reply *ret, struct domain_fields *fields)
{
	struct strbuf list = {NULL, 0, 0};
	const char *wrong = "";

	if (domain_fields_parse(request_parameter(q, "fields"), fields, &wrong))
		return true;
	domain_fields_list(&list);
	problem_of(q, ret, "fields",
	    "\"%.*s\": fields takes, joined by commas, %s and names of a domain's metrics, of which metrics is all; "
	    "/api/v1/metrics-reference lists them",
	    (int) MIN(strcspn(wrong, ","), (size_t) 64), wrong, list.text);
	strbuf_done(&list);
	return false;
}

void
route_domains(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const char *name = request_parameter(q, "name");
	uint64_t after = 0, limit = MAX_DOMAINS;
	struct domain_fields fields;
	char uuid[UUID_SIZE];
	struct listing *l;

	if (!s || !request_uuid(q, ret, uuid) || !param_number(q, ret, "after", 0, UINT32_MAX, &after) ||
	    !param_number(q, ret, "limit", 1, MAX_DOMAINS, &limit) || !read_fields(q, ret, &fields))
		return;
	l = xcalloc(1, sizeof(*l));
	l->stream = (struct stream){more_domains, free_listing, s->n_domains * sizeof(*s->domain)};
	l->sample = sample_share(q->view->sample);
	l->fields = fields;
	str_copy(l->uuid, sizeof(l->uuid), uuid);
	l->name = name ? xstrdup(name) : NULL;
	l->first = request_parameter(q, "after") ? after + 1 : 0;
	l->limit = limit;
	ret->stream = &l->stream;
}

const struct sample_domain *
require_domain(const struct request *q, struct reply *ret)
{
	const struct sample_domain *d;
	char uuid[UUID_SIZE];

	if (parse_uuid(q->key, uuid) < 0) {
		problem(q, ret, 400,
		    "a domain is named by its UUID of 36 characters; /api/v1/domains lists them");
		return NULL;
	}
	d = sample_find_uuid(q->view->sample, uuid);
	if (!d)
		problem(q, ret, 404,
		    "no domain on this host has the UUID %s; /api/v1/domains lists them", uuid);
	return d;
}

void
route_domain(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const struct sample_domain *d;
	struct domain_fields fields;
	yajl_gen g;

	if (!s || !read_fields(q, ret, &fields))
		return;
	d = require_domain(q, ret);
	if (!d)
		return;
	g = gen_begin(s, &ret->body);
	gen_string(g, "domain");
	gen_domain(g, s, (size_t) (d - s->domain), &fields);
	gen_end(g, &ret->body);
}

static void
gen_features(yajl_gen g, const struct feature_report *r)
{
	gen_string(g, "features");
	(void) yajl_gen_map_open(g);
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		const struct feature_state *f = &r->feature[i];

		gen_string(g, feature_table[i].name);
		(void) yajl_gen_map_open(g);
		gen_text(g, "title", feature_table[i].title);
		gen_text(g, "cpu", tristate_name(f->cpu));
		gen_text(g, "host", tristate_name(f->host));
		gen_text(g, "xen", tristate_name(f->xen));
		gen_text(g, "hvm", tristate_name(f->hvm));
		gen_text(g, "pv", tristate_name(f->pv));
		gen_text_or_null(g, "reason", f->reason);
		gen_text(g, "confidence", confidence_name(f->confidence));
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_map_close(g);
}

void
route_features(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const struct feature_report *r;
	struct domain_fields fields;
	const char *wrong;
	yajl_gen g;

	if (!s || !domain_fields_parse("uuid,name,domid,kind,features,cr4_read", &fields, &wrong))
		return;
	r = &s->features;
	g = gen_begin(s, &ret->body);
	gen_features(g, r);
	gen_string(g, "pml");
	(void) yajl_gen_map_open(g);
	gen_text(g, "state", pml_state_name(r->pml.state));
	gen_text_or_null(g, "reason", r->pml.reason);
	gen_text(g, "source", boot_source_name(r->pml.source));
	(void) yajl_gen_map_close(g);
	gen_text(g, "ept_ad", tristate_name(r->ept_ad));
	gen_text(g, "hap", tristate_name(r->hap));
	gen_string(g, "speculation");
	(void) yajl_gen_map_open(g);
	gen_text(g, "source", boot_source_name(r->speculation_source));
	gen_text_or_null(g, "text", r->speculation);
	(void) yajl_gen_map_close(g);
	gen_string(g, "domains");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < s->n_domains; i++)
		gen_domain(g, s, i, &fields);
	(void) yajl_gen_array_close(g);
	gen_end(g, &ret->body);
}
