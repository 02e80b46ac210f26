/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "collect/collector.h"
#include "config/config.h"
#include "tests/tap.h"
#include "tests/unit/collected.h"

#define VALUE(d, id) ((d)->value[METRIC_AT(M_##id, DOMAIN)])

enum { DOMAINS = 2 }; /* its row in collectors.def */

static void
test_many(void)
{
	unsigned good = 0;

	begin("xenstat", "no");
	tick(95); /* so that none of them was here before */
	/* three chunks, with gaps: a reader that continued at a count would lose or repeat some */
	for (uint32_t i = 0; i < 3000; i++)
		(void) fake_hv_add(f, i == 0 ? 0 : i * 7 + 5000 * (i > 1500));
	tick(100);
	ok(s->n_domains == 3000 && s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] == 3000,
	    "3000 domains with gaps in their numbers are all listed");
	for (size_t i = 0; i < s->n_domains; i++) {
		char name[32];

		(void) snprintf(name, sizeof(name), "vm-%u", f->domain[i].d.domid);
		good += s->domain[i].domid == f->domain[i].d.domid &&
			strcmp(s->domain[i].name, name) == 0 &&
			s->domain[i].feature[FEATURE_SMAP].exposed == YES;
	}
	ok(good == 3000, "each once, with its name and its policy");
	ok(f->calls[FAKE_domain_name] == 3000 && f->calls[FAKE_domain_policy] == 3000,
	    "for one xenstore read and one policy each");
	fake_hv_forget_calls(f);
	tick(105);
	ok(f->calls[FAKE_domain_list] == 3 && f->calls[FAKE_physinfo] == 1 && f->all_calls == 4,
	    "a steady tick is three lists and one physinfo: no xenstore read, no call for each "
	    "domain");
	ok(s->n_domains == 3000, "and has them all again");
	end();
}

static void
test_limits(void)
{
	begin("xenstat", "no");
	for (uint32_t i = 0; i < 1024; i++)
		(void) fake_hv_add(f, i);
	tick(100);
	ok(s->n_domains == 1024 && f->calls[FAKE_domain_list] == 2,
	    "a chunk that is just full asks for another");
	for (uint32_t i = 1024; i < MAX_DOMAINS + 100; i++)
		(void) fake_hv_add(f, i);
	tick(105);
	ok(s->n_domains == MAX_DOMAINS &&
		s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] == MAX_DOMAINS + 100,
	    "domains beyond the limit are counted, not listed");
	ok(strstr(s->host.notes, "100 domains are counted but not listed"), "and the host says so");
	f->domain[10].d.domid = 3;
	tick(110);
	ok(s->n_domains == 0 && strstr(s->collector[DOMAINS].error, "Protocol error"),
	    "a list that goes backwards is refused");
	f->domain[10].d.domid = 0xffffffff;
	tick(115);
	ok(s->n_domains == 0 && s->collector[DOMAINS].error[0], "so is a number that no domain can have");
	end();
}

static void
test_values(void)
{
	struct fake_domain *d;
	const struct sample_domain *v;

	begin(NULL, NULL);
	d = fake_hv_add(f, 0);
	d->d.hvm = false;
	memset(d->d.uuid, 0, sizeof(d->d.uuid));
	d->d.running = true;
	d = fake_hv_add(f, 7);
	d->d.device_model = true;
	d->d.paused = true;
	d->d.online_vcpus = 3;
	str_copy(d->name, sizeof(d->name), "evil\x1b[31m\xff name");
	d = fake_hv_add(f, 9);
	d->d.shutdown = d->d.crashed = true;
	tick(100);
	v = &s->domain[0];
	ok(v->kind == DOMAIN_PV && strcmp(v->state, "running") == 0 &&
		strcmp(v->uuid, "00000000-0000-0000-0000-000000000000") == 0,
	    "Dom0 is a PV domain that runs");
	ok(v->feature[FEATURE_SMAP].exposed == NO && VALUE(v, DOMAIN_SMAP_ACTIVE) == 0 &&
		isnan(v->cr4_read),
	    "a PV guest has not what no PV guest is offered");
	v = &s->domain[1];
	ok(v->kind == DOMAIN_HVM && strcmp(v->state, "paused") == 0 &&
		VALUE(v, DOMAIN_PAUSED) == 1 && VALUE(v, DOMAIN_SHUTDOWN) == 0,
	    "a guest with emulated devices is HVM");
	ok(VALUE(v, DOMAIN_CPU) == 1.5 && VALUE(v, DOMAIN_MEMORY) == 32768 * 4096.0 &&
		VALUE(v, DOMAIN_VCPUS) == 3,
	    "its figures are in seconds, bytes and vCPUs");
	ok(strcmp(v->name, "evil?[31m? name") == 0, "its name is cleaned");
	v = &s->domain[2];
	ok(v->kind == DOMAIN_PVH && strcmp(v->state, "crashed") == 0 &&
		VALUE(v, DOMAIN_SHUTDOWN) == 1,
	    "a crashed guest counts as shut down");
	f->domain[2].d.dying = true;
	f->domain[1].d.paused = false;
	tick(105);
	ok(strcmp(s->domain[2].state, "dying") == 0 && strcmp(s->domain[1].state, "blocked") == 0,
	    "states are those of the tick");
	f->domain[1].d.blocked = false;
	f->domain[2].d.dying = f->domain[2].d.crashed = false;
	tick(110);
	ok(strcmp(s->domain[1].state, "running") == 0, "a guest that waits for a CPU runs");
	ok(strcmp(s->domain[2].state, "shutdown") == 0, "a guest can be shut down and still there");
	end();
}

static void
test_names(void)
{
	struct hv_change change = {.name = true, .domid = 2};

	begin(NULL, NULL);
	(void) fake_hv_add(f, 1);
	(void) fake_hv_add(f, 2);
	fake_hv_add(f, 3)->name[0] = '\0';
	tick(100);
	ok(strcmp(s->domain[1].name, "vm-2") == 0 && !s->domain[2].name[0], "a name, and none");
	ok(f->domain[0].watched && f->domain[2].watched, "all are watched");
	str_copy(f->domain[1].name, sizeof(f->domain[1].name), "new");
	fake_hv_forget_calls(f);
	for (int i = 1; i <= 20; i++)
		tick(100 + i * 100);
	ok(f->calls[FAKE_domain_name] == 0 && strcmp(s->domain[1].name, "vm-2") == 0,
	    "no name is read again unless a change is told");
	for (int i = 0; i < 1000; i++)
		collectors_change(c, &f->hv, &change);
	change.domid = 4711;
	collectors_change(c, &f->hv, &change);
	change.name = false;
	change.domains = true;
	collectors_change(c, &f->hv, &change);
	tick(3000);
	ok(f->calls[FAKE_domain_name] == 1 && strcmp(s->domain[1].name, "new") == 0,
	    "a thousand changes are one read at the next tick");
	fake_hv_remove(f, 2);
	fake_hv_domain(f, 3)->d.uuid[3] = 9;
	str_copy(fake_hv_domain(f, 3)->name, MAX_HV_NAME, "heir");
	fake_hv_forget_calls(f);
	tick(3005);
	ok(s->n_domains == 2 && strcmp(s->domain[1].name, "heir") == 0 &&
		f->calls[FAKE_domain_name] == 1,
	    "a number with another uuid is another domain");
	ok(f->domain[1].watched, "which is watched anew");
	end();

	begin(NULL, NULL);
	f->error[FAKE_watch_name] = -ENOSYS;
	f->error[FAKE_domain_name] = -EIO;
	(void) fake_hv_add(f, 1);
	tick(100);
	tick(105);
	ok(f->calls[FAKE_domain_name] == 1,
	    "without watches a name that failed waits for its time");
	f->error[FAKE_domain_name] = 0;
	tick(160);
	ok(f->calls[FAKE_domain_name] == 2 && strcmp(s->domain[0].name, "vm-1") == 0,
	    "and is read a minute later");
	tick(700);
	tick(760);
	ok(f->calls[FAKE_domain_name] == 3, "then every ten minutes");
	end();
}

/* The agent was started again: its guests have long booted. */
static void
test_guests_before(void)
{
	struct fake_domain *d;

	begin(NULL, NULL);
	d = fake_hv_add(f, 1);
	tick(100);
	ok(d->cr4_reads == 0, "CR4 of a guest that was here before is not read at once, for it may be tracked");
	tick(105);
	ok(d->cr4_reads == 1, "but in the next tick");
	end();
	begin(NULL, NULL);
	d = fake_hv_add(f, 1);
	tick(100);
	collectors_set_tracked(c, 1, true);
	tick(105);
	tick(135);
	ok(d->cr4_reads == 0, "and not while it is tracked");
	end();
}

static void
test_guest_features(void)
{
	const struct guest_feature *g;
	struct fake_domain *d;

	begin(NULL, NULL);
	tick(95);
	d = fake_hv_add(f, 1);
	d->policy =
	    (struct hv_policy){.b7 = 1u << 20, .c7 = 1u << 2 | 1u << 3 | 1u << 7, .d7 = 1u << 20};
	d->cr4 = 1u << 21 | 1u << 20 | 1u << 11;
	tick(100);
	g = s->domain[0].feature;
	ok(g[FEATURE_SMAP].exposed == YES && g[FEATURE_SMEP].exposed == NO &&
		g[FEATURE_UMIP].exposed == YES && g[FEATURE_CET_SS].exposed == YES &&
		g[FEATURE_CET_IBT].exposed == YES,
	    "the policy is read at once");
	ok(g[FEATURE_SMAP].active == UNKNOWN && d->cr4_reads == 0, "CR4 is not");
	tick(125);
	ok(d->cr4_reads == 0, "nor before half a minute");
	tick(130);
	g = s->domain[0].feature;
	ok(d->cr4_reads == 1 && s->domain[0].cr4_read == 1800000130,
	    "half a minute after it came it is read");
	ok(g[FEATURE_SMAP].active == YES && g[FEATURE_UMIP].active == YES &&
		g[FEATURE_PKU].active == NO,
	    "its bits say what the kernel has on");
	ok(g[FEATURE_SMEP].active == NO, "a bit of a feature that is not exposed means nothing");
	ok(g[FEATURE_CET_SS].active == NO && g[FEATURE_CET_IBT].active == NO,
	    "without CR4.CET neither half is on");
	ok(VALUE(&s->domain[0], DOMAIN_SMAP_ACTIVE) == 1 &&
		VALUE(&s->domain[0], DOMAIN_SMEP_ACTIVE) == 0 &&
		VALUE(&s->domain[0], DOMAIN_SMEP_EXPOSED) == 0,
	    "the figures agree");
	d->cr4 |= 1u << 23;
	tick(395);
	ok(d->cr4_reads == 1, "it is left alone for five minutes");
	tick(400);
	g = s->domain[0].feature;
	ok(d->cr4_reads == 2 && g[FEATURE_CET_SS].active == UNKNOWN &&
		g[FEATURE_CET_IBT].active == UNKNOWN,
	    "CR4.CET does not tell which half is on");
	tick(3995);
	ok(d->cr4_reads == 2, "then for an hour");
	f->error[FAKE_vcpu_cr4] = -EACCES;
	tick(4000);
	ok(f->calls[FAKE_vcpu_cr4] == 3 && s->domain[0].feature[FEATURE_SMAP].active == YES &&
		s->domain[0].cr4_read == 1800000400,
	    "a refusal leaves what was known, with its time");
	ok(!s->collector[DOMAINS].error[0], "and is no failure of the list");
	end();

	begin("guest_cr4", "no");
	d = fake_hv_add(f, 1);
	tick(100);
	tick(130);
	tick(4000);
	ok(f->calls[FAKE_vcpu_cr4] == 0, "the option switches it off");
	end();
}

static void
test_tracked(void)
{
	begin(NULL, NULL);
	(void) fake_hv_add(f, 1);
	(void) fake_hv_add(f, 2);
	collectors_set_tracked(c, 2, true);
	collectors_set_tracked(c, 99, true);
	collectors_set_tracked(c, 1, false);
	tick(100);
	ok(VALUE(&s->domain[0], DOMAIN_TRACKED) == 0 && VALUE(&s->domain[1], DOMAIN_TRACKED) == 1,
	    "a domain can be tracked before it is listed");
	collectors_set_tracked(c, 1, true);
	collectors_set_tracked(c, 1, true);
	for (int i = 1; i < 100; i++)
		tick(100 + 100 * i);
	ok(f->calls[FAKE_vcpu_cr4] == 0, "as long as a domain is tracked its CR4 is not read");
	collectors_set_tracked(c, 1, false);
	tick(10105);
	ok(fake_hv_domain(f, 1)->cr4_reads == 1 && fake_hv_domain(f, 2)->cr4_reads == 0,
	    "it is read when the tracking is off");
	ok(VALUE(&s->domain[0], DOMAIN_TRACKED) == 0, "which the sample shows");
	fake_hv_remove(f, 2);
	tick(10110);
	(void) fake_hv_add(f, 2);
	tick(10115);
	ok(VALUE(&s->domain[1], DOMAIN_TRACKED) == 0, "who takes over a number is not tracked");
	fake_hv_domain(f, 2)->d.shutdown = true;
	tick(10200);
	ok(fake_hv_domain(f, 2)->cr4_reads == 0, "a guest that is shut down is not looked at");
	end();
}

/* A host full of guests when the agent starts: their vCPUs are not all paused in one tick. */
static void
test_spread(void)
{
	unsigned most = 0;

	begin("xenstat", "no");
	for (uint32_t i = 0; i < 200; i++)
		(void) fake_hv_add(f, i);
	for (int i = 0; i < 30; i++) {
		fake_hv_forget_calls(f);
		tick(100 + 5 * i);
		most = MAX(most, f->calls[FAKE_vcpu_cr4]);
	}
	ok(most == 16, "at most 16 guests are looked at in a tick");
	most = 0;
	for (size_t i = 0; i < f->n_domains; i++)
		most += f->domain[i].cr4_reads == 1;
	ok(most == 200, "all have their turn");
	end();
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERR);
	test_many();
	test_limits();
	test_values();
	test_names();
	test_guests_before();
	test_guest_features();
	test_tracked();
	test_spread();
	return done_testing();
}
