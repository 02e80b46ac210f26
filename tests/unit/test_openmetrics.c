/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>

#include "base/util.h"
#include "observe/recent.h"
#include "serve/answer.h"
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

#define GUESTS 50u
#define STATUS_CLASSES 4u /* 2xx to 5xx */

enum {
#define COLLECTOR(id, ...) COLLECTOR_##id,
#include "collect/collectors.def"
	COLLECTORS
};

static void
fill(double *value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		value[i] = 1;
}

/* All that a migration can tell while it runs, or once it ended. */
static void
add_migration(struct sample *s, const char *uuid, bool runs)
{
	static const struct forecast expected = {true, OUTLOOK_CONVERGES, 2, 1, 3, 4};
	struct migration_record r;
	double value[VALUES(MIGRATION)];

	record_init(&r);
	r.result = runs ? RESULT_RUNNING : RESULT_COMPLETED;
	r.started = 1;
	r.ended = runs ? NAN : 9;
	r.downtime_seconds = 1;
	r.final.pages = 1;
	r.rounds_begun = 2;
	*record_add_round(&r) = (struct round){.n = 0, .forecast = expected};
	*record_add_round(&r) = (struct round){.n = 1, .forecast = expected};
	recent_values(&r, 5, value);
	recent_show(s, uuid, DIRECTION_OUT, value);
	record_done(&r);
}

/* Everything that can be told of a host is. */
static struct sample *
full_sample(const struct tick *at)
{
	struct sample *s = sample_new(at);
	char uuid[UUID_SIZE];

	fill(s->host.value, VALUES(HOST));
	fill(s->serve, VALUES(SERVE));
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		struct feature_state *f = &s->features.feature[i];

		f->cpu = f->host = f->xen = f->hvm = f->pv = YES;
	}
	for (size_t i = 0; i < NOTICE_COUNT; i++)
		fill(s->notice[i].value, VALUES(NOTICE));
	for (s->n_collectors = 0; s->n_collectors < COLLECTORS; s->n_collectors++) {
		(void) snprintf(s->collector[s->n_collectors].name, sizeof(s->collector->name), "%zu", s->n_collectors);
		fill(s->collector[s->n_collectors].value, VALUES(COLLECTOR));
	}
	for (uint32_t i = 0; i < 512; i++) {
		struct sample_trace_cpu *c = sample_add_trace_cpu(s);

		if (!c)
			break;
		c->cpu = i;
		fill(c->value, VALUES(TRACE_CPU));
	}
	for (unsigned i = 0; i < ROUTE_COUNT * STATUS_CLASSES; i++) {
		struct sample_requests *q = sample_add_requests(s);

		(void) snprintf(q->route, sizeof(q->route), "/%u", i / STATUS_CLASSES);
		q->class = 2 + i % STATUS_CLASSES;
		fill(q->value, VALUES(REQUESTS));
	}
	for (unsigned i = 0; i < GUESTS; i++) {
		(void) snprintf(uuid, sizeof(uuid), "aaaaaaaa-0000-0000-0000-%012u", i);
		add(s, uuid, "x", i + 1, 1);
		fill(s->domain[i].value, VALUES(DOMAIN));
		str_copy(sample_add_tracking(s)->uuid, UUID_SIZE, uuid);
		fill(s->tracking[i].value, VALUES(TRACKING));
		add_migration(s, uuid, i % 2);
	}
	return s;
}

/* Lines with this in them; NULL: without a uuid. */
static unsigned
lines(const struct strbuf *b, const char *uuid)
{
	unsigned n = 0;

	for (const char *line = b->text, *end; (end = strchr(line, '\n')); line = end + 1) {
		const char *found = strstr(line, uuid ? uuid : "uuid=\"");

		n += *line != '#' && (uuid != NULL) == (found && found < end);
	}
	return n;
}

static void
test_cardinality(const struct tick *at)
{
	struct sample *s = full_sample(at);
	struct strbuf b = {NULL, 0, 0};
	unsigned guest, moved, devices;

	openmetrics_write(&b, s, true, 0);
	moved = lines(&b, "aaaaaaaa-0000-0000-0000-000000000000");
	guest = lines(&b, "aaaaaaaa-0000-0000-0000-000000000001");
	ok(guest <= 30 && guest > 20, "a domain that is migrated has at most 30 series: %u", guest);
	ok(moved <= 30 && moved > 20, "so has one that was: %u", moved);
	ok(lines(&b, NULL) <= 200 && lines(&b, NULL) > 100,
	    "the host of 512 CPUs that lost records, each path answered in each way, has at most 200: %u", lines(&b, NULL));
	strbuf_done(&b);

	openmetrics_write(&b, s, true, SHOW_DEVICES);
	devices = lines(&b, "aaaaaaaa-0000-0000-0000-000000000001");
	ok(devices == guest + 4 && strstr(b.text, "xenscope_domain_block_writes_total{"),
	    "with metrics_devices its network and block figures are there, too");
	strbuf_done(&b);
	sample_free(s);
}

static void
test_created(struct sample *s)
{
	struct strbuf b = {NULL, 0, 0};

	s->began.agent = 1700000000.5;
	openmetrics_write(&b, s, true, 0);
	ok(!strstr(b.text, "_created"), "when a counter began is not told unasked");
	strbuf_done(&b);
	openmetrics_write(&b, s, true, SHOW_CREATED);
	ok(strstr(b.text, "\nxenscope_agent_cpu_seconds_total 0.125\nxenscope_agent_cpu_seconds_created 1700000000.500\n") &&
		!strstr(b.text, "xenscope_domain_cpu_seconds_created"),
	    "asked for, it is, of the agent's own counters");
	strbuf_done(&b);
	openmetrics_write(&b, s, false, SHOW_CREATED);
	ok(!strstr(b.text, "_created"), "the Prometheus text format has no such thing");
	strbuf_done(&b);
}

int
main(void)
{
	struct tick at = {1, 1700000000};
	struct sample *s = sample_new(&at);
	struct strbuf b = {NULL, 0, 0};

	openmetrics_write(&b, s, true, 0);
	ok(strstr(b.text, "_info{xen_version=\"\"") && strlen(b.text) < 400,
	    "of a sample without values only the host's info is shown");
	strbuf_done(&b);

	s->replay = true;
	str_copy(s->host.xen_version, sizeof(s->host.xen_version), "4.17.7");
	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = 2;
	s->host.value[METRIC_AT(M_AGENT_CPU, HOST)] = 0.125;
	openmetrics_write(&b, s, false, 0);
	ok(strcmp(b.text, plain_text) == 0, "the Prometheus text format");
	strbuf_done(&b);

	add(s, B, "b", 2, 7);
	add(s, A, "a \"\\\n\xff", 1, 3.5);
	add(s, B, "b--incoming", 3, 9);
	openmetrics_write(&b, s, true, 0);
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
	openmetrics_write(&b, s, true, 0);
	ok(strstr(b.text, "xenscope_migration_running{uuid=\"" A "\",direction=\"out\"} 1\n"
			  "xenscope_migration_running{uuid=\"" A "\",direction=\"in\"} 1\n"),
	    "objects that differ in one label are two");
	strbuf_done(&b);
	test_created(s);
	sample_free(s);
	test_cardinality(&at);
	return done_testing();
}
