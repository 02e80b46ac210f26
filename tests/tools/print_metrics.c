/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print_metrics openmetrics|prometheus: a made-up sample with names that an enemy chose, as
 * /metrics has it. */
#include <config.h>

#include <math.h>

#include "base/util.h"
#include "serve/openmetrics.h"

static const char *const names[] = {
    "web",
    "back\\slash \"quoted\" {uuid=\"x\"} 1 # EOF",
    "two\nlines\n# TYPE xenscope_host_cpus counter\nxenscope_host_cpus 99",
    "\xff\xfe not UTF-8 \xc3",
    "\xe5\xae\xbf\xe4\xb8\xbb \xf0\x9f\x90\xbc",
    "\x01\x1b[31mred\x7f",
    "",
};

static void
fill(double *value, size_t n, double first)
{
	for (size_t i = 0; i < n; i++)
		value[i] = first + (double) i;
}

static void
add_domains(struct sample *s)
{
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		struct sample_domain *d = sample_add_domain(s);

		(void) snprintf(d->uuid, sizeof(d->uuid), "00000000-0000-0000-0000-%012u", i);
		str_copy(d->name, sizeof(d->name), names[i]);
		d->domid = i;
		d->kind = (enum domain_kind)(i % 3);
		if (i != 3) /* of one nothing is known */
			fill(d->value, VALUES(DOMAIN), i);
	}
	*sample_add_domain(s) = s->domain[1]; /* it arrives here from this host */
}

int
main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "prometheus"; /* openmetrics, created */
	struct tick at = {1000, 1700000000.25};
	struct sample *s = sample_new(&at);
	struct strbuf b = {NULL, 0, 0};
	struct sample_tracking *t;
	struct sample_migration *m;

	str_copy(s->host.xen_version, sizeof(s->host.xen_version), "4.17.7");
	str_copy(s->host.cpu_model, sizeof(s->host.cpu_model), "A \"CPU\" \\ @ 2.0\tGHz\n");
	fill(s->host.value, VALUES(HOST), 0);
	s->host.value[METRIC_AT(M_HOST_FREE, HOST)] = 0.1;
	s->host.value[METRIC_AT(M_HOST_MEMORY, HOST)] = 17179869184.0;
	s->host.value[METRIC_AT(M_HOST_PML, HOST)] = NAN;
	s->host.value[METRIC_AT(M_SAMPLE_TIME, HOST)] = at.real;
	s->features.feature[FEATURE_SMAP].xen = YES;
	s->features.feature[FEATURE_PKU].xen = NO;
	add_domains(s);
	t = sample_add_tracking(s);
	str_copy(t->uuid, sizeof(t->uuid), s->domain[1].uuid);
	fill(t->value, VALUES(TRACKING), 6620);
	for (int i = 0; i < 2; i++) {
		m = sample_add_migration(s);
		str_copy(m->uuid, sizeof(m->uuid), s->domain[1].uuid);
		m->direction = (enum direction) i;
		fill(m->value, VALUES(MIGRATION), 1e-9);
	}
	s->n_collectors = 1;
	str_copy(s->collector[0].name, sizeof(s->collector[0].name), "host");
	fill(s->collector[0].value, VALUES(COLLECTOR), 1);

	s->began.agent = at.real - 60;
	openmetrics_write(&b, s, strcmp(form, "prometheus") != 0, SHOW_DEVICES | (strcmp(form, "created") == 0 ? SHOW_CREATED : 0));
	(void) fwrite(b.text, 1, b.n, stdout);
	strbuf_done(&b);
	sample_free(s);
	return 0;
}
