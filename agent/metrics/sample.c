/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/sample.h"

#include <math.h>
#include <stdio.h>

#include "base/util.h"

static void
set_absent(double *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		value[i] = NAN;
}

struct sample *
sample_new(const struct tick *at)
{
	struct sample *s = xcalloc(1, sizeof(*s));

	s->at = *at;
	s->began.agent = s->began.serve = NAN;
	set_absent(s->host.value, VALUES(HOST));
	set_absent(s->serve, VALUES(SERVE));
	for (size_t i = 0; i < MAX_COLLECTORS; i++)
		set_absent(s->collector[i].value, VALUES(COLLECTOR));
	for (size_t i = 0; i < NOTICE_COUNT; i++)
		set_absent(s->notice[i].value, VALUES(NOTICE));
	return s;
}

void
sample_free(struct sample *s)
{
	if (!s)
		return;
	if (s->users > 0) {
		s->users--;
		return;
	}
	free(s->domain);
	free(s->tracking);
	free(s->migration);
	free(s->trace_cpu);
	free(s->requests);
	free(s);
}

struct sample *
sample_share(struct sample *s)
{
	s->users++;
	return s;
}

static void *
copy_array(const void *p, size_t n, size_t size)
{
	void *copy = xmalloc(n * size);

	if (n)
		memcpy(copy, p, n * size);
	return copy;
}

struct sample *
sample_copy(const struct sample *s)
{
	struct sample *copy = copy_array(s, 1, sizeof(*s));

	copy->users = 0;
	copy->domain = copy_array(s->domain, s->n_domains, sizeof(*s->domain));
	copy->tracking = copy_array(s->tracking, s->n_tracking, sizeof(*s->tracking));
	copy->migration = copy_array(s->migration, s->n_migrations, sizeof(*s->migration));
	copy->trace_cpu = copy_array(s->trace_cpu, s->n_trace_cpus, sizeof(*s->trace_cpu));
	copy->requests = copy_array(s->requests, s->n_requests, sizeof(*s->requests));
	return copy;
}

/* Room for one more, zeroed; the array doubles. NULL at the limit. */
static void *
add(void *array, size_t *n, size_t size, size_t limit)
{
	char **p = array;

	if (*n >= limit)
		return NULL;
	if ((*n & (*n - 1)) == 0) /* 0 or a power of two: full */
		*p = xrealloc(*p, MAX(*n * 2, 1) * size);
	memset(*p + *n * size, 0, size);
	return *p + (*n)++ * size;
}

struct sample_domain *
sample_add_domain(struct sample *s)
{
	struct sample_domain *d = add(&s->domain, &s->n_domains, sizeof(*d), MAX_DOMAINS);

	if (d) {
		d->cr4_read = NAN;
		set_absent(d->value, VALUES(DOMAIN));
	}
	return d;
}

struct sample_tracking *
sample_add_tracking(struct sample *s)
{
	struct sample_tracking *t = add(&s->tracking, &s->n_tracking, sizeof(*t), MAX_TRACKED);

	if (t)
		set_absent(t->value, VALUES(TRACKING));
	return t;
}

struct sample_migration *
sample_add_migration(struct sample *s)
{
	struct sample_migration *m = add(&s->migration, &s->n_migrations, sizeof(*m), MAX_RECENT);

	if (m)
		set_absent(m->value, VALUES(MIGRATION));
	return m;
}

struct sample_trace_cpu *
sample_add_trace_cpu(struct sample *s)
{
	struct sample_trace_cpu *c = add(&s->trace_cpu, &s->n_trace_cpus, sizeof(*c), MAX_TRACE_CPUS);

	if (c)
		set_absent(c->value, VALUES(TRACE_CPU));
	return c;
}

struct sample_requests *
sample_add_requests(struct sample *s)
{
	struct sample_requests *r = add(&s->requests, &s->n_requests, sizeof(*r), MAX_REQUESTS);

	if (r)
		set_absent(r->value, VALUES(REQUESTS));
	return r;
}

struct sample_domain *
sample_find_domain(const struct sample *s, uint32_t domid)
{
	for (size_t i = 0; i < s->n_domains; i++)
		if (s->domain[i].domid == domid)
			return &s->domain[i];
	return NULL;
}

struct sample_domain *
sample_find_uuid(const struct sample *s, const char *uuid)
{
	for (size_t i = 0; i < s->n_domains; i++)
		if (strcmp(s->domain[i].uuid, uuid) == 0)
			return &s->domain[i];
	return NULL;
}

size_t
sample_count(const struct sample *s, enum metric_scope scope)
{
	switch (scope) {
	case MS_HOST:
	case MS_HOST_INFO:
	case MS_SERVE:
		return 1;
	case MS_FEATURE:
		return FEATURE_COUNT;
	case MS_DOMAIN:
	case MS_DOMAIN_INFO:
		return s->n_domains;
	case MS_TRACKING:
		return s->n_tracking;
	case MS_MIGRATION:
		return s->n_migrations;
	case MS_TRACE_CPU:
		return s->n_trace_cpus;
	case MS_NOTICE:
		return NOTICE_COUNT;
	case MS_COLLECTOR:
		return s->n_collectors;
	case MS_REQUESTS:
		return s->n_requests;
	case SCOPE_COUNT:
		break;
	}
	return 0;
}

static void
host_info_label(const struct sample *s, unsigned label, char *buf, size_t n)
{
	const char *const text[] = {s->host.xen_version, s->host.cpu_model, s->host.boot_id,
	    s->replay ? "replay" : "live"};

	str_copy(buf, n, text[label]);
}

static void
domain_info_label(const struct sample_domain *d, unsigned label, char *buf, size_t n)
{
	static const char *const kinds[] = {
	    [DOMAIN_PV] = "pv", [DOMAIN_PVH] = "pvh", [DOMAIN_HVM] = "hvm"};

	switch (label) {
	case 0:
		str_copy(buf, n, d->uuid);
		break;
	case 1:
		str_copy(buf, n, d->name);
		break;
	case 2:
		(void) snprintf(buf, n, "%u", d->domid);
		break;
	default:
		str_copy(buf, n, kinds[d->kind]);
	}
}

void
sample_label(const struct sample *s, enum metric_scope scope, size_t i, unsigned label, char *buf,
    size_t n)
{
	buf[0] = '\0';
	switch (scope) {
	case MS_HOST_INFO:
		host_info_label(s, label, buf, n);
		break;
	case MS_FEATURE:
		str_copy(buf, n, feature_table[i].name);
		break;
	case MS_DOMAIN:
		str_copy(buf, n, s->domain[i].uuid);
		break;
	case MS_DOMAIN_INFO:
		domain_info_label(&s->domain[i], label, buf, n);
		break;
	case MS_TRACKING:
		str_copy(buf, n, s->tracking[i].uuid);
		break;
	case MS_MIGRATION:
		str_copy(buf, n,
		    label == 0 ? s->migration[i].uuid : direction_name(s->migration[i].direction));
		break;
	case MS_TRACE_CPU:
		(void) snprintf(buf, n, "%u", s->trace_cpu[i].cpu);
		break;
	case MS_NOTICE:
		str_copy(buf, n, notice_table[i].name);
		break;
	case MS_COLLECTOR:
		str_copy(buf, n, s->collector[i].name);
		break;
	case MS_REQUESTS:
		if (label == 0)
			str_copy(buf, n, s->requests[i].route);
		else
			(void) snprintf(buf, n, "%uxx", s->requests[i].class);
		break;
	case MS_HOST:
	case MS_SERVE:
	case SCOPE_COUNT:
		break;
	}
}

static double
number(enum tristate t)
{
	return t == UNKNOWN ? NAN : t == YES;
}

static void
feature_values(const struct feature_state *f, double *ret)
{
	ret[METRIC_AT(M_FEATURE_CPU, FEATURE)] = number(f->cpu);
	ret[METRIC_AT(M_FEATURE_HOST, FEATURE)] = number(f->host);
	ret[METRIC_AT(M_FEATURE_XEN, FEATURE)] = number(f->xen);
	ret[METRIC_AT(M_FEATURE_HVM, FEATURE)] = number(f->hvm);
	ret[METRIC_AT(M_FEATURE_PV, FEATURE)] = number(f->pv);
}

void
sample_values(const struct sample *s, enum metric_scope scope, size_t i, double *ret_values)
{
	const double *from = NULL;

	switch (scope) {
	case MS_HOST:
		from = s->host.value;
		break;
	case MS_HOST_INFO:
	case MS_DOMAIN_INFO:
		ret_values[0] = 1;
		break;
	case MS_FEATURE:
		feature_values(&s->features.feature[i], ret_values);
		break;
	case MS_DOMAIN:
		from = s->domain[i].value;
		break;
	case MS_TRACKING:
		from = s->tracking[i].value;
		break;
	case MS_MIGRATION:
		from = s->migration[i].value;
		break;
	case MS_TRACE_CPU:
		from = s->trace_cpu[i].value;
		break;
	case MS_NOTICE:
		from = s->notice[i].value;
		break;
	case MS_COLLECTOR:
		from = s->collector[i].value;
		break;
	case MS_SERVE:
		from = s->serve;
		break;
	case MS_REQUESTS:
		from = s->requests[i].value;
		break;
	case SCOPE_COUNT:
		break;
	}
	if (from)
		memcpy(ret_values, from,
		    (size_t) (metric_scopes[scope].end - metric_scopes[scope].first) * sizeof(*from));
}
