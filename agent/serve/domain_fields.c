/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/domain_fields.h"

#include <string.h>

#include "base/util.h"

#define MAX_NAME 64 /* of a member or metric */

static void
gen_uuid(yajl_gen g, const struct sample_domain *d)
{
	gen_text(g, "uuid", d->uuid);
}

static void
gen_name(yajl_gen g, const struct sample_domain *d)
{
	gen_text(g, "name", d->name);
}

static void
gen_domid(yajl_gen g, const struct sample_domain *d)
{
	gen_value(g, "domid", d->domid);
}

static void
gen_kind(yajl_gen g, const struct sample_domain *d)
{
	static const char *const kinds[] = {[DOMAIN_PV] = "pv", [DOMAIN_PVH] = "pvh", [DOMAIN_HVM] = "hvm"};

	gen_text(g, "kind", kinds[d->kind]);
}

static void
gen_state(yajl_gen g, const struct sample_domain *d)
{
	gen_text_or_null(g, "state", d->state);
}

/* What its policy and its CR4 say of each. */
static void
gen_features(yajl_gen g, const struct sample_domain *d)
{
	static const char *const begin[] = {
#define FEATURE(id, name, ...) "\"" name "\":{\"exposed\":\"",
#include "metrics/features.def"
	};
	struct strbuf b = {NULL, 0, 0};

	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		strbuf_str(&b, i ? "\"}," : "{");
		strbuf_str(&b, begin[i]);
		strbuf_str(&b, tristate_name((enum tristate) d->feature[i].exposed));
		strbuf_str(&b, "\",\"active\":\"");
		strbuf_str(&b, tristate_name((enum tristate) d->feature[i].active));
	}
	strbuf_str(&b, "\"}}");
	gen_made(g, "features", &b);
}

static void
gen_cr4_read(yajl_gen g, const struct sample_domain *d)
{
	gen_time(g, "cr4_read", d->cr4_read);
}

static const struct {
	const char *name;
	void (*gen)(yajl_gen g, const struct sample_domain *d); /* NULL: gen_metrics */
} members[] = {
    {"uuid", gen_uuid},
    {"name", gen_name},
    {"domid", gen_domid},
    {"kind", gen_kind},
    {"state", gen_state},
    {"features", gen_features},
    {"cr4_read", gen_cr4_read},
    {"metrics", NULL},
};

#define METRICS_MEMBER (ARRAY_SIZE(members) - 1)

_Static_assert(ARRAY_SIZE(members) <= MAX_DOMAIN_MEMBERS, "each member has its place");

static void
set_all_metrics(struct domain_fields *f)
{
	f->member[METRICS_MEMBER] = true;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		f->metric[i] = true;
}

static bool
add(struct domain_fields *f, const char *name)
{
	enum metric_id id = metric_find(name);

	for (size_t i = 0; i < METRICS_MEMBER; i++)
		if (strcmp(members[i].name, name) == 0)
			return f->member[i] = true;
	if (strcmp(members[METRICS_MEMBER].name, name) == 0) {
		set_all_metrics(f);
		return true;
	}
	if (id == METRIC_COUNT || (metric_scope_of(id) != MS_DOMAIN && metric_scope_of(id) != MS_TRACKING))
		return false;
	return f->member[METRICS_MEMBER] = f->metric[id] = true;
}

bool
domain_fields_parse(const char *list, struct domain_fields *ret, const char **ret_wrong)
{
	struct domain_fields f = {.member = {false}};

	for (size_t i = 0; !list && i < METRICS_MEMBER; i++)
		f.member[i] = true;
	if (!list)
		set_all_metrics(&f);
	while (list) {
		size_t n = strcspn(list, ",");
		char name[MAX_NAME];

		*ret_wrong = list;
		if (n >= sizeof(name))
			return false;
		str_copy(name, n + 1, list);
		if (!add(&f, name))
			return false;
		list = list[n] ? list + n + 1 : NULL;
	}
	*ret = f;
	return true;
}

void
domain_fields_list(struct strbuf *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		strbuf_printf(b, "%s%s", i ? "," : "", members[i].name);
}

static void
add_values(struct strbuf *b, const struct sample *s, enum metric_scope scope, size_t i, const bool *wanted)
{
	static const char *const key[] = {
#define METRICS_OF(scope)
#define METRIC(id, name, ...) "\"" name "\":",
#define METRICS_END(scope)
#include "metrics/metrics.def"
	};
	enum metric_id first = metric_scopes[scope].first;
	double value[METRIC_COUNT];

	sample_values(s, scope, i, value);
	for (enum metric_id id = first; id < metric_scopes[scope].end; id++) {
		if (!wanted[id])
			continue;
		if (b->n > 1)
			strbuf_add(b, ",", 1);
		strbuf_str(b, key[id]);
		add_number(b, value[id - first]);
	}
}

static void
gen_metrics(yajl_gen g, const struct sample *s, size_t i, const bool *wanted)
{
	struct strbuf b = {NULL, 0, 0};

	strbuf_str(&b, "{");
	add_values(&b, s, MS_DOMAIN, i, wanted);
	for (size_t t = 0; t < s->n_tracking; t++)
		if (strcmp(s->tracking[t].uuid, s->domain[i].uuid) == 0)
			add_values(&b, s, MS_TRACKING, t, wanted);
	strbuf_str(&b, "}");
	gen_made(g, "metrics", &b);
}

void
gen_domain(yajl_gen g, const struct sample *s, size_t i, const struct domain_fields *fields)
{
	(void) yajl_gen_map_open(g);
	for (size_t m = 0; m < METRICS_MEMBER; m++)
		if (fields->member[m])
			members[m].gen(g, &s->domain[i]);
	if (fields->member[METRICS_MEMBER])
		gen_metrics(g, s, i, fields->metric);
	(void) yajl_gen_map_close(g);
}
