/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>

#include "base/util.h"
#include "serve/openmetrics.h"
#include "tests/tap.h"

#define A "aaaaaaaa-0000-0000-0000-000000000000"
#define B "bbbbbbbb-0000-0000-0000-000000000000"

static void
add(struct sample *s, const char *uuid, const char *name, uint32_t domid, double cpu)
{
	struct sample_domain *d = sample_add_domain(s);

	str_copy(d->uuid, sizeof(d->uuid), uuid);
	str_copy(d->name, sizeof(d->name), name);
	d->domid = domid;
	d->kind = DOMAIN_PVH;
	d->value[METRIC_AT(M_DOMAIN_CPU, DOMAIN)] = cpu;
}

static const char open_text[] =
    "# TYPE xenscope_host_domains gauge\n"
    "# HELP xenscope_host_domains Domains on the host, Dom0 among them.\n"
    "xenscope_host_domains 2\n"
    "# TYPE xenscope_agent_cpu_seconds counter\n"
    "# UNIT xenscope_agent_cpu_seconds seconds\n"
    "# HELP xenscope_agent_cpu_seconds CPU time of the agent's root half.\n"
    "xenscope_agent_cpu_seconds_total 0.125\n"
    "# TYPE xenscope_host info\n"
    "# HELP xenscope_host Xen's version, the CPU model, the boot, and where the values come from: "
    "live or replay.\n"
    "xenscope_host_info{xen_version=\"4.17.7\",cpu_model=\"\",boot_id=\"\",source=\"replay\"} 1\n"
    "# TYPE xenscope_domain_cpu_seconds counter\n"
    "# UNIT xenscope_domain_cpu_seconds seconds\n"
    "# HELP xenscope_domain_cpu_seconds CPU time that the domain used.\n"
    "xenscope_domain_cpu_seconds_total{uuid=\"" B "\"} 7\n"
    "xenscope_domain_cpu_seconds_total{uuid=\"" A "\"} 3.5\n"
    "# TYPE xenscope_domain info\n"
    "# HELP xenscope_domain The domain's name, number and kind: hvm, pvh or pv.\n"
    "xenscope_domain_info{uuid=\"" B "\",name=\"b\",domid=\"2\",kind=\"pvh\"} 1\n"
    "xenscope_domain_info{uuid=\"" A
    "\",name=\"a \\\"\\\\\\n\xef\xbf\xbd\",domid=\"1\",kind=\"pvh\"} 1\n"
    "# EOF\n";

static const char plain_text[] =
    "# TYPE xenscope_host_domains gauge\n"
    "# HELP xenscope_host_domains Domains on the host, Dom0 among them.\n"
    "xenscope_host_domains 2\n"
    "# TYPE xenscope_agent_cpu_seconds_total counter\n"
    "# HELP xenscope_agent_cpu_seconds_total CPU time of the agent's root half.\n"
    "xenscope_agent_cpu_seconds_total 0.125\n"
    "# TYPE xenscope_host_info gauge\n"
    "# HELP xenscope_host_info Xen's version, the CPU model, the boot, and where the values come "
    "from: live or replay.\n"
    "xenscope_host_info{xen_version=\"4.17.7\",cpu_model=\"\",boot_id=\"\",source=\"replay\"} 1\n";

int
main(void)
{
	struct tick at = {1, 1700000000};
	struct sample *s = sample_new(&at);
	struct strbuf b = {NULL, 0, 0};

	openmetrics_write(&b, s, true);
	ok(strstr(b.text, "_info{xen_version=\"\"") && strlen(b.text) < 400,
	    "of a sample without values only the host's info is shown");
	strbuf_done(&b);

	s->replay = true;
	str_copy(s->host.xen_version, sizeof(s->host.xen_version), "4.17.7");
	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = 2;
	s->host.value[METRIC_AT(M_AGENT_CPU, HOST)] = 0.125;
	openmetrics_write(&b, s, false);
	ok(strcmp(b.text, plain_text) == 0, "the Prometheus text format");
	strbuf_done(&b);

	add(s, B, "b", 2, 7);
	add(s, A, "a \"\\\n\xff", 1, 3.5);
	add(s, B, "b--incoming", 3, 9);
	openmetrics_write(&b, s, true);
	ok(strcmp(b.text, open_text) == 0,
	    "OpenMetrics: units, infos, escaped names, a repeated domain once, the end");
	if (strcmp(b.text, open_text) != 0)
		fputs(b.text, stderr);
	strbuf_done(&b);

	for (int i = 0; i < 2; i++) {
		struct sample_migration *m = sample_add_migration(s);

		str_copy(m->uuid, sizeof(m->uuid), A);
		m->direction = (enum direction) i;
		m->value[METRIC_AT(M_MIGRATION_RUNNING, MIGRATION)] = 1;
	}
	openmetrics_write(&b, s, true);
	ok(strstr(b.text, "xenscope_migration_running{uuid=\"" A "\",direction=\"out\"} 1\n"
			  "xenscope_migration_running{uuid=\"" A "\",direction=\"in\"} 1\n"),
	    "objects that differ in one label are two");
	strbuf_done(&b);
	sample_free(s);
	return done_testing();
}
