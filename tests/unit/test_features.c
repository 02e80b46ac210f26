/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "collect/collector.h"
#include "config/config.h"
#include "tests/fake_hv.h"
#include "tests/tap.h"

#define SMAP (1u << 20)
#define SMEP (1u << 7)

static char *intel_ring, *amd_ring;

/* One run of a fresh set of collectors. The caller frees the sample. */
static struct sample *
run(struct fake_hv *f)
{
	const struct tick now = {100, 1800000000};
	struct sample *s = sample_new(&now);
	struct collectors *c;
	struct config config;

	config_init(&config);
	c = collectors_new(&config);
	collectors_run(c, &f->hv, &now, s);
	collectors_free(c);
	config_done(&config);
	return s;
}

static void
closep_fake(struct fake_hv **f)
{
	if (*f)
		(*f)->hv.ops->close(&(*f)->hv);
}

static void
samplep_free(struct sample **s)
{
	sample_free(*s);
}

static struct fake_hv *
load(const char *name, const char *ring)
{
	struct fake_hv *f = fake_hv_new();

	ok(fake_hv_load(f, name) == 0, "%s: the recorded answers are there", name);
	f->ring = ring;
	return f;
}

/* The rows of the table of states as the lab saw them: base is a recorded boot; where the lab did
 * not keep the words of a row, those of base are used with bits cleared. */
static const struct {
	const char *base, *option;
	uint32_t raw_off, off; /* word 5: cleared everywhere; cleared but in raw */
	enum tristate cpu[2], host[2], hvm[2], xen[2]; /* SMAP, SMEP */
	const char *reason[2];
} rows[] = {
    {"intel-pml", "", 0, 0, {YES, YES}, {YES, YES}, {YES, YES}, {YES, YES}, {"", ""}},
    {"amd", "", 0, 0, {YES, YES}, {YES, YES}, {YES, YES}, {YES, YES}, {"", ""}},
    {"intel-smap-0", "", 0, 0, {YES, YES}, {NO, YES}, {NO, YES}, {NO, YES}, {"smap=0", ""}},
    {"amd", "smap=0", 0, SMAP, {YES, YES}, {NO, YES}, {NO, YES}, {NO, YES}, {"smap=0", ""}},
    {"intel-pml", "smep=0", 0, SMEP, {YES, YES}, {YES, NO}, {YES, NO}, {YES, NO}, {"", "smep=0"}},
    {"amd", "smep=0", 0, SMEP, {YES, YES}, {YES, NO}, {YES, NO}, {YES, NO}, {"", "smep=0"}},
    {"intel-smap-hvm", "", 0, 0, {YES, YES}, {YES, YES}, {YES, YES}, {NO, YES}, {"smap=hvm", ""}},
    {"amd", "smap=hvm", 0, 0, {YES, YES}, {YES, YES}, {YES, YES}, {NO, YES}, {"smap=hvm", ""}},
    {"intel-pml", "cpuid=no-smap", 0, SMAP, {YES, YES}, {NO, YES}, {NO, YES}, {NO, YES},
	{"cpuid=no-smap", ""}},
    {"amd", "cpuid=no-smap", 0, SMAP, {YES, YES}, {NO, YES}, {NO, YES}, {NO, YES},
	{"cpuid=no-smap", ""}},
    {"amd", "smap=0 smep=0", 0, SMAP | SMEP, {YES, YES}, {NO, NO}, {NO, NO}, {NO, NO},
	{"smap=0", "smep=0"}},
    {"intel-pml", "", SMAP, 0, {NO, YES}, {NO, YES}, {NO, YES}, {NO, YES},
	{"absent in the CPU", ""}},
    {"amd", "", SMAP | SMEP, 0, {NO, NO}, {NO, NO}, {NO, NO}, {NO, NO},
	{"absent in the CPU", "absent in the CPU"}},
    /* beyond the table */
    {"intel-pml", "no-smap", 0, SMAP, {YES, YES}, {NO, YES}, {NO, YES}, {NO, YES}, {"no-smap", ""}},
    {"intel-pml", "smep=hvm", 0, 0, {YES, YES}, {YES, YES}, {YES, YES}, {YES, NO},
	{"", "smep=hvm"}},
    {"intel-pml", "smap=0 smap=1", 0, 0, {YES, YES}, {YES, YES}, {YES, YES}, {YES, YES}, {"", ""}},
    {"intel-pml", "smap=0", SMAP, 0, {NO, YES}, {NO, YES}, {NO, YES}, {NO, YES},
	{"absent in the CPU", ""}},
    {"intel-pml", "", 0, SMAP, {YES, YES}, {NO, YES}, {NO, YES}, {NO, YES},
	{"left off by Xen for a cause that its command line does not tell", ""}},
};

static void
test_table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(closep_fake) struct fake_hv *f = load(rows[i].base, NULL);
		_cleanup_(freep) char *line = xasprintf("%s %s", f->cmdline, rows[i].option);
		_cleanup_(samplep_free) struct sample *s = NULL;

		str_copy(f->cmdline, sizeof(f->cmdline), line);
		for (int set = 0; set < HV_FEATURESETS; set++)
			f->words[set][5] &=
			    ~(rows[i].raw_off | (set == HV_FEATURES_RAW ? 0 : rows[i].off));
		s = run(f);
		for (int k = 0; k < 2; k++) {
			const struct feature_state *state =
			    &s->features.feature[k == 0 ? FEATURE_SMAP : FEATURE_SMEP];
			const char *name = k == 0 ? "SMAP" : "SMEP";
			bool same = state->cpu == rows[i].cpu[k] &&
				    state->host == rows[i].host[k] &&
				    state->hvm == rows[i].hvm[k] && state->pv == NO;

			ok(same, "%s %s: %s in CPU, host, HVM and PV guests", rows[i].base,
			    rows[i].option, name);
			ok(state->xen == rows[i].xen[k] && state->confidence == CONFIDENCE_EXACT &&
				strcmp(state->reason, rows[i].reason[k]) == 0,
			    "%s %s: %s in Xen: %s \"%s\"", rows[i].base, rows[i].option, name,
			    tristate_name(state->xen), state->reason);
		}
		ok(s->host.value[METRIC_AT(M_HOST_SMAP, HOST)] == (rows[i].xen[0] == YES) &&
			s->host.value[METRIC_AT(M_HOST_SMEP, HOST)] == (rows[i].xen[1] == YES),
		    "%s %s: so do the figures", rows[i].base, rows[i].option);
	}
}

static void
test_refusals(void)
{
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", NULL);
	_cleanup_(samplep_free) struct sample *a = NULL, *b = NULL, *c = NULL, *d = NULL;
	const struct feature_state *smap;

	f->error[FAKE_cmdline] = -EACCES;
	a = run(f);
	smap = &a->features.feature[FEATURE_SMAP];
	ok(smap->xen == YES && smap->confidence == CONFIDENCE_ASSUMED &&
		strstr(smap->reason, "Permission denied"),
	    "without a command line the default is assumed, and that is said");
	ok(strstr(a->host.notes, "does not show its command line (Permission denied)"),
	    "the host says so too");
	f->words[HV_FEATURES_HOST][5] &= ~SMAP;
	b = run(f);
	smap = &b->features.feature[FEATURE_SMAP];
	ok(smap->xen == NO && smap->confidence == CONFIDENCE_EXACT &&
		strstr(smap->reason, "could not be read"),
	    "what Xen left off is off for sure, only the cause is not known");

	f->error[FAKE_cmdline] = 0;
	f->set_error[HV_FEATURES_HOST] = -EPERM;
	f->set_error[HV_FEATURES_PV] = -EOPNOTSUPP;
	c = run(f);
	smap = &c->features.feature[FEATURE_SMAP];
	ok(smap->xen == UNKNOWN && smap->host == UNKNOWN && smap->cpu == YES &&
		smap->confidence == CONFIDENCE_UNKNOWN && strstr(smap->reason, "host featureset"),
	    "without the host featureset Xen's own use is unknown, with the reason");
	ok(smap->pv == NO, "a Xen built without PV guests offers them nothing");
	ok(isnan(c->host.value[METRIC_AT(M_HOST_SMAP, HOST)]), "the figure is absent");

	f->set_error[HV_FEATURES_HOST] = 0;
	f->set_error[HV_FEATURES_RAW] = -EPERM;
	memset(f->cmdline, 'x', sizeof(f->cmdline) - 1);
	d = run(f);
	smap = &d->features.feature[FEATURE_SMAP];
	ok(smap->cpu == UNKNOWN && smap->xen == NO && strstr(smap->reason, "raw featureset"),
	    "without the raw featureset it may be absent or left off");
	smap = &d->features.feature[FEATURE_SMEP];
	ok(smap->xen == YES && smap->confidence == CONFIDENCE_ASSUMED &&
		strstr(smap->reason, "1023 characters"),
	    "of a command line that is cut the end is assumed to hold nothing");
}

/* One state of PML: what was said, and what follows. */
static void
check_pml(struct fake_hv *f, enum pml_state state, enum boot_source source, const char *why,
    const char *claim)
{
	_cleanup_(samplep_free) struct sample *s = run(f);
	double value = s->host.value[METRIC_AT(M_HOST_PML, HOST)];
	double disabled = s->host.value[METRIC_AT(M_HOST_PML_DISABLED, HOST)];

	ok(s->features.pml.state == state && s->features.pml.source == source, "%s: %s, by %s",
	    claim, pml_state_name(s->features.pml.state), boot_source_name(s->features.pml.source));
	ok(*why ? strstr(s->features.pml.reason, why) != NULL : !s->features.pml.reason[0],
	    "%s: reason \"%s\"", claim, s->features.pml.reason);
	ok(state == PML_UNKNOWN ? isnan(value) && isnan(disabled)
				: value == (state == PML_IN_USE) && disabled == (state == PML_DISABLED),
	    "%s: so do the figures", claim);
	ok(s->features.ept_ad == (state == PML_IN_USE		   ? YES
				     : strstr(f->cmdline, "no-ad") ? NO
								   : UNKNOWN),
	    "%s: only PML in use proves A/D bits", claim);
}

/* The text without the line that holds these words. The caller frees it. */
static char *
without_line(const char *text, const char *words)
{
	char *copy = xstrdup(text), *at = strstr(copy, words), *start, *end;

	if (!at)
		return copy;
	for (start = at; start > copy && start[-1] != '\n'; start--)
		;
	end = strchr(at, '\n');
	memmove(start, end + 1, strlen(end + 1) + 1);
	return copy;
}

static void
test_pml_of_boot(void)
{
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", intel_ring),
					      *no = load("intel-no-pml", NULL),
					      *amd = load("amd", amd_ring);
	_cleanup_(freep) char *without = without_line(intel_ring, "Page Modification Logging");

	check_pml(f, PML_IN_USE, BOOT_SOURCE_RING, "", "PML in the ring's list");
	f->ring = without;
	check_pml(f, PML_UNSUPPORTED, BOOT_SOURCE_RING, "absent in the CPU",
	    "a list without it, no option");
	f->error[FAKE_cmdline] = -EACCES;
	check_pml(f, PML_DISABLED, BOOT_SOURCE_RING, "could not be read",
	    "a list without it, no command line");
	no->ring = without;
	check_pml(
	    no, PML_DISABLED, BOOT_SOURCE_RING, "ept=no-pml", "a list without it, ept=no-pml");
	str_copy(no->cmdline, sizeof(no->cmdline), "ept=no-ad");
	check_pml(no, PML_DISABLED, BOOT_SOURCE_RING, "ept=no-ad", "a list without it, ept=no-ad");
	check_pml(amd, PML_UNSUPPORTED, BOOT_SOURCE_CPU, "AMD has no PML", "an AMD host");
	amd->set_error[HV_FEATURES_RAW] = -EPERM;
	check_pml(amd, PML_UNSUPPORTED, BOOT_SOURCE_CPU, "AMD has no PML",
	    "an AMD host known by its boot text");
	amd->ring = NULL;
	str_copy(amd->cpu_model, sizeof(amd->cpu_model), "AMD EPYC 7302");
	check_pml(amd, PML_UNSUPPORTED, BOOT_SOURCE_CPU, "AMD has no PML",
	    "an AMD host known by its model");
}

static void
test_pml_of_log(void)
{
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", "(XEN) HVM1 restore: CPU 0\n");
	_cleanup_(freep) char *other = xstrdup(intel_ring);

	f->log = intel_ring;
	check_pml(
	    f, PML_IN_USE, BOOT_SOURCE_LOG, "", "a ring that lost the boot, a log that has it");
	memcpy(strstr(other, "4.17.7"), "4.17.6", 6);
	f->log = other;
	check_pml(f, PML_UNKNOWN, BOOT_SOURCE_NONE, "holds another boot only",
	    "a log of another version");
	f->log = intel_ring;
	str_copy(f->cmdline, sizeof(f->cmdline), "loglvl=all");
	check_pml(f, PML_UNKNOWN, BOOT_SOURCE_NONE, "holds another boot only",
	    "a log of another command line");
	f->log = "(XEN) HVM1 restore: CPU 0\n";
	check_pml(
	    f, PML_UNKNOWN, BOOT_SOURCE_NONE, "does not hold it either", "a log without a boot");
	f->log = NULL;
	check_pml(f, PML_UNKNOWN, BOOT_SOURCE_NONE, "No such file", "no log");
	f->error[FAKE_console_ring] = -EPERM;
	check_pml(f, PML_UNKNOWN, BOOT_SOURCE_NONE, "console ring: Operation not permitted",
	    "no ring either");
	f->error[FAKE_console_ring] = 0;
	f->ring = "(XEN) Xen version 4.17.7 (x)\n";
	check_pml(f, PML_UNKNOWN, BOOT_SOURCE_NONE, "does not list the features of VMX",
	    "a boot without the list");
}

static void
test_pml_without_text(void)
{
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", NULL);

	str_copy(f->cmdline, sizeof(f->cmdline), "ept=pml=0");
	check_pml(
	    f, PML_DISABLED, BOOT_SOURCE_CMDLINE, "ept=pml=0", "the command line alone, ept=pml=0");
	str_copy(f->cmdline, sizeof(f->cmdline), "ept=no-ad");
	check_pml(
	    f, PML_DISABLED, BOOT_SOURCE_CMDLINE, "ept=no-ad", "the command line alone, ept=no-ad");
	f->physinfo.hap = false;
	str_copy(f->cmdline, sizeof(f->cmdline), "hap=0");
	f->ring = intel_ring;
	check_pml(f, PML_DISABLED, BOOT_SOURCE_CMDLINE, "hap=0",
	    "hap=0, though the ring's list names PML");
	str_copy(f->cmdline, sizeof(f->cmdline), "");
	check_pml(f, PML_UNSUPPORTED, BOOT_SOURCE_CPU, "EPT", "no EPT");
	f->physinfo.hvm = false;
	check_pml(f, PML_UNSUPPORTED, BOOT_SOURCE_CPU, "VT-x", "no VT-x");
}

static void
test_no_log_configured(void)
{
	const struct tick now = {100, 1800000000};
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", NULL);
	_cleanup_(samplep_free) struct sample *s = sample_new(&now);
	struct collectors *c;
	struct config config;

	config_init(&config);
	(void) config_set(&config, "console_log", "");
	c = collectors_new(&config);
	collectors_run(c, &f->hv, &now, s);
	ok(s->features.pml.state == PML_UNKNOWN &&
		strstr(s->features.pml.reason, "option console_log"),
	    "where no saved log is configured, the reason names the option");
	ok(f->calls[FAKE_console_log] == 0, "and none is read");
	ok(strstr(s->host.notes, "Whether Xen uses PML is unknown: "),
	    "the host says what is not known");
	collectors_free(c);
	config_done(&config);
}

static void
test_cet(void)
{
	static const char on[] =
	    "(XEN) Xen version 4.17.7 (x)\n(XEN) Enabling Supervisor Shadow Stacks\n"
	    "(XEN) Enabling Indirect Branch Tracking\n";
	static const char off[] = "(XEN) Xen version 4.17.7 (x)\n";
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", on);
	_cleanup_(samplep_free) struct sample *absent = NULL, *used = NULL, *option = NULL,
					      *held = NULL, *gone = NULL;
	const struct feature_state *ss, *ibt;

	f->ring = off;
	absent = run(f);
	ss = &absent->features.feature[FEATURE_CET_SS];
	ok(ss->cpu == NO && ss->xen == NO && strcmp(ss->reason, "absent in the CPU") == 0,
	    "a CPU without CET");
	for (int set = 0; set <= HV_FEATURES_HOST; set++) {
		f->words[set][6] |= 1u << 7;
		f->words[set][9] |= 1u << 20;
	}
	f->ring = on;
	used = run(f);
	ss = &used->features.feature[FEATURE_CET_SS];
	ibt = &used->features.feature[FEATURE_CET_IBT];
	ok(ss->xen == YES && ibt->xen == YES && ss->confidence == CONFIDENCE_EXACT &&
		!ss->reason[0] && ss->hvm == NO,
	    "a Xen that enables both halves of CET at boot uses them, and offers them to nobody");
	f->ring = off;
	str_copy(f->cmdline, sizeof(f->cmdline), "cet=no-shstk");
	option = run(f);
	ss = &option->features.feature[FEATURE_CET_SS];
	ibt = &option->features.feature[FEATURE_CET_IBT];
	ok(ss->xen == NO && strcmp(ss->reason, "cet=no-shstk") == 0,
	    "one half can be switched off");
	ok(ibt->xen == NO && strstr(ibt->reason, "did not enable it at boot"),
	    "the other be held back");
	f->ring = NULL;
	held = run(f);
	ss = &held->features.feature[FEATURE_CET_SS];
	ibt = &held->features.feature[FEATURE_CET_IBT];
	ok(ss->xen == NO && strcmp(ss->reason, "cet=no-shstk") == 0,
	    "the option is enough without the boot text");
	ok(ibt->xen == UNKNOWN && strstr(ibt->reason, "has gone"), "else it is unknown without it");
	f->log = on;
	str_copy(f->cmdline, sizeof(f->cmdline), "");
	gone = run(f);
	ok(gone->features.feature[FEATURE_CET_SS].xen == YES, "the saved log counts too");
}

static void
test_others(void)
{
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", intel_ring);
	_cleanup_(samplep_free) struct sample *a = NULL, *b = NULL, *c = NULL;
	const struct feature_state *umip;

	a = run(f);
	umip = &a->features.feature[FEATURE_UMIP];
	ok(umip->cpu == NO && umip->xen == NO && strcmp(umip->reason, "absent in the CPU") == 0,
	    "a CPU without UMIP");
	ok(a->features.hap == YES, "HAP is what physinfo says");
	ok(a->features.speculation_source == BOOT_SOURCE_RING &&
		strstr(a->features.speculation, "Xen settings: "),
	    "the mitigations are those of the ring");
	for (int set = 0; set < HV_FEATURESETS; set++)
		if (set != HV_FEATURES_PV)
			f->words[set][6] |= 1u << 2 | 1u << 3;
	f->log = intel_ring;
	f->ring = NULL;
	b = run(f);
	umip = &b->features.feature[FEATURE_UMIP];
	ok(umip->host == YES && umip->hvm == YES && umip->pv == NO && umip->xen == UNKNOWN &&
		umip->reason[0] && b->features.feature[FEATURE_PKU].xen == UNKNOWN,
	    "whether Xen itself uses UMIP or PKU it does not tell");
	ok(b->features.speculation_source == BOOT_SOURCE_LOG,
	    "the mitigations can come from the log");
	f->ring = "(XEN) Xen version 4.17.7 (x)\n(XEN) Built-in command line: smap=hvm\n";
	c = run(f);
	ok(c->features.feature[FEATURE_SMAP].xen == NO &&
		strcmp(c->features.feature[FEATURE_SMAP].reason, "smap=hvm") == 0,
	    "a built-in command line counts");
}

/* Asked once for all, again after a passing failure and for another boot. */
static void
test_once(void)
{
	const struct tick first = {100, 1800000000}, later = {105, 1800000005},
			  last = {200, 1800000100};
	_cleanup_(closep_fake) struct fake_hv *f = load("intel-pml", intel_ring);
	_cleanup_(samplep_free) struct sample *a = sample_new(&first), *b = sample_new(&later),
					      *d = sample_new(&last);
	struct collectors *c;
	struct config config;

	config_init(&config);
	c = collectors_new(&config);
	f->set_error[HV_FEATURES_HOST] = -ENOMEM;
	collectors_run(c, &f->hv, &first, a);
	ok(a->collector[1].value[METRIC_AT(M_COLLECTOR_UP, COLLECTOR)] == 0 &&
		strcmp(a->collector[1].error,
		    "some features are unknown for now: Cannot allocate memory") == 0,
	    "a passing failure is the collector's");
	ok(a->features.pml.state == PML_IN_USE &&
		a->features.feature[FEATURE_SMAP].xen == UNKNOWN &&
		a->features.feature[FEATURE_SMAP].cpu == YES,
	    "what does not depend on it is reported");
	f->set_error[HV_FEATURES_HOST] = 0;
	f->ring = NULL;
	fake_hv_forget_calls(f);
	collectors_run(c, &f->hv, &later, b);
	ok(b->features.feature[FEATURE_SMAP].xen == YES && b->features.pml.state == PML_IN_USE,
	    "the next run fills the gap, and keeps what the ring held at first");
	ok(f->calls[FAKE_featureset] == 1 && f->calls[FAKE_console_ring] == 0,
	    "it asks for nothing else");
	fake_hv_forget_calls(f);
	str_copy(f->boot_id, sizeof(f->boot_id), "00000000-0000-0000-0000-000000000002");
	f->hv.replay = true;
	f->physinfo.hap = false;
	collectors_run(c, &f->hv, &last, d);
	ok(f->calls[FAKE_featureset] == 4 && d->features.hap == NO &&
		strcmp(d->host.boot_id, f->boot_id) == 0 && d->replay,
	    "in a replay another boot is asked anew");
	collectors_free(c);
	config_done(&config);
}

int
main(void)
{
	log_set_level(LOG_LEVEL_ERR);
	intel_ring = fake_hv_golden("intel-pml.ring");
	amd_ring = fake_hv_golden("amd.ring");
	ok(intel_ring && amd_ring, "the recorded rings are there");
	if (!intel_ring || !amd_ring)
		return done_testing();
	test_table();
	test_refusals();
	test_pml_of_boot();
	test_pml_of_log();
	test_pml_without_text();
	test_no_log_configured();
	test_cet();
	test_others();
	test_once();
	free(intel_ring);
	free(amd_ring);
	return done_testing();
}
