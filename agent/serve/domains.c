/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/json.h"

#include <string.h>

#include "base/parse.h"
#include "base/util.h"

static const char *const kinds[] = {[DOMAIN_PV] = "pv", [DOMAIN_PVH] = "pvh", [DOMAIN_HVM] = "hvm"};

static void
gen_identity(yajl_gen g, const struct sample_domain *d)
{
	gen_text(g, "uuid", d->uuid);
	gen_text(g, "name", d->name);
	gen_value(g, "domid", d->domid);
	gen_text(g, "kind", kinds[d->kind]);
}

/* What its policy and its CR4 say of each feature. */
static void
gen_guest_features(yajl_gen g, const struct sample_domain *d)
{
	gen_string(g, "features");
	(void) yajl_gen_map_open(g);
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		gen_string(g, feature_table[i].name);
		(void) yajl_gen_map_open(g);
		gen_text(g, "exposed", tristate_name((enum tristate) d->feature[i].exposed));
		gen_text(g, "active", tristate_name((enum tristate) d->feature[i].active));
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_map_close(g);
	gen_value(g, "cr4_read", d->cr4_read);
}

static void
gen_domain(yajl_gen g, const struct sample *s, size_t i)
{
	const struct sample_domain *d = &s->domain[i];

	(void) yajl_gen_map_open(g);
	gen_identity(g, d);
	gen_text_or_null(g, "state", d->state);
	gen_guest_features(g, d);
	gen_string(g, "metrics");
	(void) yajl_gen_map_open(g);
	gen_values(g, s, MS_DOMAIN, i);
	for (size_t t = 0; t < s->n_tracking; t++)
		if (strcmp(s->tracking[t].uuid, d->uuid) == 0)
			gen_values(g, s, MS_TRACKING, t);
	(void) yajl_gen_map_close(g);
	(void) yajl_gen_map_close(g);
}

void
route_domains(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	yajl_gen g;

	if (!s)
		return;
	g = gen_begin(s, &ret->body);
	gen_string(g, "domains");
	(void) yajl_gen_array_open(g);
	for (size_t i = 0; i < s->n_domains; i++)
		gen_domain(g, s, i);
	(void) yajl_gen_array_close(g);
	gen_end(g, &ret->body);
}

void
route_domain(const struct request *q, struct reply *ret)
{
	const struct sample *s = require_sample(q, ret);
	const struct sample_domain *d;
	char uuid[UUID_SIZE];
	yajl_gen g;

	if (!s)
		return;
	if (parse_uuid(q->key, uuid) < 0) {
		problem(q, ret, 400,
		    "a domain is named by its UUID of 36 characters; /api/v1/domains lists them");
		return;
	}
	d = sample_find_uuid(s, uuid);
	if (!d) {
		problem(q, ret, 404,
		    "no domain on this host has the UUID %s; /api/v1/domains lists them", uuid);
		return;
	}
	g = gen_begin(s, &ret->body);
	gen_string(g, "domain");
	gen_domain(g, s, (size_t) (d - s->domain));
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
	yajl_gen g;

	if (!s)
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
	for (size_t i = 0; i < s->n_domains; i++) {
		(void) yajl_gen_map_open(g);
		gen_identity(g, &s->domain[i]);
		gen_guest_features(g, &s->domain[i]);
		(void) yajl_gen_map_close(g);
	}
	(void) yajl_gen_array_close(g);
	gen_end(g, &ret->body);
}
