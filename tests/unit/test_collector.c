/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "collect/collect.h"
#include "collect/collector.h"
#include "config/config.h"
#include "tests/tap.h"
#include "tests/unit/collected.h"

enum { HOST, FEATURES, DOMAIN, XENSTAT };

#define UP(s, i) ((s)->collector[i].value[METRIC_AT(M_COLLECTOR_UP, COLLECTOR)])
#define NET_RX(s, i) ((s)->domain[i].value[METRIC_AT(M_DOMAIN_NET_RX, DOMAIN)])
#define CPUS(s) ((s)->host.value[METRIC_AT(M_HOST_CPUS, HOST)])

static void
add_domains(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		(void) fake_hv_add(f, i);
}

static void
test_interval(void)
{
	ok(collector_next_interval(60, 60, 0) == 60, "success keeps the normal interval");
	ok(collector_next_interval(60, 60, -EIO) == 120, "a failure doubles it");
	ok(collector_next_interval(60, 480, -EIO) == 480, "up to eight times the normal one");
	ok(collector_next_interval(60, 480, 0) == 60, "success brings it back");
	ok(collector_next_interval(60, 480, -ENODATA) == 60, "so does having nothing of its kind");
	ok(collector_next_interval(0, 0, -EIO) == 2,
	    "what runs at each tick waits two seconds at first");
	ok(collector_next_interval(0, 32, -EIO) == 60, "and a minute at most");
}

static void
test_host(void)
{
	begin(NULL, NULL);
	add_domains(1);
	str_copy(f->cmdline, sizeof(f->cmdline), "smap=1 \x1b");
	tick(100);
	ok(strcmp(s->host.xen_version, "4.17.7") == 0 && strcmp(s->host.xen_extra, ".7") == 0 &&
		strcmp(s->host.cpu_model, "Intel(R) Xeon(R) test") == 0 &&
		strcmp(s->host.boot_id, f->boot_id) == 0 &&
		strcmp(s->host.cmdline, "smap=1 ?") == 0,
	    "the host's texts are there, cleaned");
	ok(CPUS(s) == 2 && s->host.value[METRIC_AT(M_HOST_MEMORY, HOST)] == 4096000 &&
		s->host.value[METRIC_AT(M_HOST_FREE, HOST)] == 1228800,
	    "so are its figures, in bytes");
	ok(s->host.value[METRIC_AT(M_SAMPLE_TIME, HOST)] == 1800000100 &&
		s->host.value[METRIC_AT(M_AGENT_HYPERCALLS, HOST)] == (double) f->hv.hypercalls &&
		s->host.value[METRIC_AT(M_AGENT_XENSTORE, HOST)] == 1,
	    "and what it cost");
	ok(s->n_collectors == 4 && strcmp(s->collector[XENSTAT].name, "xenstat") == 0 &&
		UP(s, HOST) == 1 && !s->collector[HOST].error[0] &&
		!(s->collector[HOST].value[METRIC_AT(M_COLLECTOR_DURATION, COLLECTOR)] < 0),
	    "each collector tells about itself");
	tick(105); /* CR4 of a guest that was here before */
	fake_hv_forget_calls(f);
	tick(110);
	ok(f->all_calls == 2 && f->calls[FAKE_physinfo] == 1 && f->calls[FAKE_domain_list] == 1,
	    "a steady tick asks for physinfo and the list of domains, nothing else");
	ok(strcmp(s->host.xen_version, "4.17.7") == 0 && CPUS(s) == 2, "and says as much");
	end();
}

static void
test_back_off(void)
{
	begin(NULL, NULL);
	add_domains(2);
	tick(100);
	f->error[FAKE_physinfo] = -EFAULT;
	tick(105);
	ok(UP(s, HOST) == 0 && strcmp(s->collector[HOST].error, "physinfo: Bad address") == 0,
	    "a collector that fails is down and says why");
	ok(isnan(CPUS(s)) && strcmp(s->host.xen_version, "4.17.7") == 0,
	    "what it could not read is absent, what cannot have changed is there");
	ok(UP(s, DOMAIN) == 1 && s->n_domains == 2, "the others go on");
	fake_hv_forget_calls(f);
	for (int i = 1; i <= 60; i++)
		tick(105 + 5 * i);
	ok(f->calls[FAKE_physinfo] >= 7 && f->calls[FAKE_physinfo] <= 10,
	    "it is asked less and less: %u times of 60", f->calls[FAKE_physinfo]);
	ok(UP(s, HOST) == 0 && s->collector[HOST].error[0], "between two runs it is still down");
	f->error[FAKE_physinfo] = 0;
	for (int i = 61; i <= 73; i++)
		tick(105 + 5 * i);
	ok(UP(s, HOST) == 1 && CPUS(s) == 2 && !s->collector[HOST].error[0],
	    "when it works again it is back");
	f->error[FAKE_domain_list] = -EPERM;
	tick(1000);
	ok(s->n_domains == 0 && isnan(s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)]) &&
		UP(s, DOMAIN) == 0,
	    "without a list of domains there are none in the sample, old or new");
	fake_hv_forget_calls(f);
	f->error[FAKE_domain_list] = 0;
	tick(1005);
	ok(s->n_domains == 2 && f->calls[FAKE_domain_name] == 0 &&
		strcmp(s->domain[1].name, "vm-1") == 0,
	    "their names outlive the gap");
	end();
}

static void
test_xenstat(void)
{
	begin(NULL, NULL);
	add_domains(3);
	tick(100);
	ok(NET_RX(s, 2) == 102 && s->domain[2].value[METRIC_AT(M_DOMAIN_NET_TX, DOMAIN)] == 202 &&
		s->domain[2].value[METRIC_AT(M_DOMAIN_BLOCK_READS, DOMAIN)] == 302 &&
		s->domain[2].value[METRIC_AT(M_DOMAIN_BLOCK_WRITES, DOMAIN)] == 402,
	    "libxenstat's figures are added");
	ok(NET_RX(s, 0) == 100 &&
		isnan(s->domain[0].value[METRIC_AT(M_DOMAIN_BLOCK_READS, DOMAIN)]),
	    "where it has none they are absent");
	fake_hv_remove(f, 1);
	fake_hv_domain(f, 2)->d.uuid[1] = 1;
	(void) fake_hv_add(f, 3);
	tick(105);
	ok(f->calls[FAKE_xenstat] == 1 && NET_RX(s, 0) == 100, "they are kept for a minute");
	ok(isnan(NET_RX(s, 1)), "but not given to another domain of the same number");
	ok(isnan(NET_RX(s, 2)), "nor to a new one");
	tick(160);
	ok(f->calls[FAKE_xenstat] == 2 && NET_RX(s, 1) == 102 && NET_RX(s, 2) == 103,
	    "then asked again");
	f->error[FAKE_xenstat] = -EIO;
	tick(220);
	ok(UP(s, XENSTAT) == 0 && isnan(NET_RX(s, 0)), "a failure leaves nothing behind");
	tick(280);
	ok(f->calls[FAKE_xenstat] == 3, "and is asked again two minutes later");
	f->error[FAKE_xenstat] = -ENOSYS;
	tick(340);
	ok(UP(s, XENSTAT) == 1 && strstr(s->collector[XENSTAT].error, "not to be had"),
	    "to be built without it is no failure");
	f->error[FAKE_xenstat] = 0;
	f->xenstat_seconds = 0.26;
	tick(400);
	ok(UP(s, XENSTAT) == 0 && strstr(s->collector[XENSTAT].error, "is asked less often") &&
		NET_RX(s, 0) == 100,
	    "a run that takes too long is a failure, its figures are kept: %s",
	    s->collector[XENSTAT].error);
	tick(460);
	ok(f->calls[FAKE_xenstat] == 5, "it is not asked a minute later");
	end();
}

static void
test_xenstat_off(void)
{
	begin(NULL, NULL);
	add_domains(257);
	tick(100);
	ok(f->calls[FAKE_xenstat] == 0 && UP(s, XENSTAT) == 1 &&
		strcmp(s->collector[XENSTAT].error,
		    "off: libxenstat is wrong above 256 domains, there are 257") == 0,
	    "above 256 domains libxenstat is off, with the reason");
	fake_hv_remove(f, 256);
	tick(160);
	ok(f->calls[FAKE_xenstat] == 1 && NET_RX(s, 255) == 355, "with 256 it is on");
	end();
	begin("xenstat", "no");
	add_domains(2);
	tick(100);
	ok(f->calls[FAKE_xenstat] == 0 && strstr(s->collector[XENSTAT].error, "switched off"),
	    "an option switches it off");
	end();
}

static void
test_notes(void)
{
	const struct tick now = {0, 0};
	char line[200];
	struct sample *full = sample_new(&now);

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 5; i++)
		collect_note(full, "%s", line);
	ok(strlen(full->host.notes) == 400, "a note that does not fit is left out whole");
	collect_note(full, "%.*s", 110, line);
	ok(strlen(full->host.notes) == 511 && full->host.notes[510] == '\n',
	    "one that just fits is not");
	sample_free(full);
	collectors_free(NULL);
}

/* Nothing in a sample is half: domains all or none and each whole, figures present or absent. */
static bool
is_whole(void)
{
	bool whole = s->n_domains == 0 || s->n_domains == 3;

	for (size_t i = 0; i < s->n_domains; i++)
		whole = whole && s->domain[i].domid == i && s->domain[i].uuid[0] &&
			s->domain[i].state[0] &&
			s->domain[i].value[METRIC_AT(M_DOMAIN_CPU, DOMAIN)] == 1.5;
	for (int i = 0; i < FEATURE_COUNT; i++)
		whole = whole &&
			(s->features.feature[i].xen == YES || s->features.feature[i].reason[0]);
	return whole && (isnan(CPUS(s)) || CPUS(s) == 2) && s->n_collectors == 4;
}

static bool
is_recovered(void)
{
	bool good = is_whole() && s->n_domains == 3 && CPUS(s) == 2 &&
		    strcmp(s->host.xen_version, "4.17.7") == 0;

	for (int i = 0; i < 4; i++)
		good = good && UP(s, i) == 1;
	for (size_t i = 0; good && i < 3; i++)
		good = strcmp(s->domain[i].name, f->domain[i].name) == 0 &&
		       NET_RX(s, i) == (double) (100 + i) &&
		       s->domain[i].feature[FEATURE_SMEP].active == YES;
	return good && s->features.feature[FEATURE_SMAP].xen == YES &&
	       s->features.pml.state == PML_IN_USE;
}

/* Fails the nth call of a run of several ticks, for each n until there is no such call. */
static void
test_fail_nth(int error)
{
	static const char ring[] = "(XEN) Xen version 4.17.7 (x)\n(XEN) VMX: Supported advanced "
				   "features:\n(XEN)  - Page Modification Logging\n";
	unsigned whole = 0, recovered = 0, n;

	for (n = 1;; n++) {
		unsigned before, good = 0;

		begin(NULL, NULL);
		add_domains(3);
		f->ring = ring;
		f->fail_nth = n;
		f->fail_error = error;
		for (int i = 0; i < 10; i++) {
			tick(100 + 35 * i);
			good += is_whole();
		}
		before = f->all_calls;
		whole += good == 10;
		for (int i = 0; i < 3; i++)
			tick(4100 + 100 * i);
		recovered += is_recovered();
		end();
		if (before < n)
			break;
	}
	ok(n > 30 && whole == n, "error %d in any of %u calls leaves no half sample", error, n);
	if (error == -EIO)
		ok(recovered == n, "and an hour later all is as if it had not been");
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERR);
	test_interval();
	test_host();
	test_back_off();
	test_xenstat();
	test_xenstat_off();
	test_notes();
	test_fail_nth(-EIO);
	test_fail_nth(-EACCES);
	test_fail_nth(-ENODATA);
	return done_testing();
}
