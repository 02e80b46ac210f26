/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "collect/boot_text.h"
#include "collect/cmdline.h"
#include "collect/collect.h"
#include "config/config.h"

#define MAX_LOG_PATH 201
#define MAX_COMPARED 512 /* of two command lines: printk cuts long ones */

/* CPUID 80000001.ECX of a featureset, as in features.def. */
#define HAS_SVM(words) ((words)[3] >> 2 & 1)

#define NOT_ASKED (-EINPROGRESS)

struct features {
	char log_path[MAX_LOG_PATH];
	char boot_id[UUID_SIZE];
	bool whole;	     /* every question was answered, or refused for good */
	struct facts *facts; /* NULL when the report is whole */
	struct feature_report report;
};

/* The answers that a report is made of; an error is 0, -errno or NOT_ASKED. */
struct facts {
	struct {
		int error;
		uint32_t words[MAX_FEATURE_WORDS];
	} set[HV_FEATURESETS];
	int cmdline_error;
	char line[MAX_CMDLINE];
	struct cmdline cmdline;
	int physinfo_error;
	struct hv_physinfo physinfo;
	int ring_error, log_error;
	bool log_is_old;	    /* of another boot than this one */
	struct boot_text ring, log; /* zeroed where there is no such text */
	char version[VERSION_SIZE], cpu_model[VERSION_SIZE]; /* as the host collector found them */
};

struct features *
features_new(const struct config *config)
{
	struct features *f = xcalloc(1, sizeof(*f));

	str_copy(f->log_path, sizeof(f->log_path), config_text(config, OPTION_console_log));
	return f;
}

void
features_free(struct features *f)
{
	if (f)
		free(f->facts);
	free(f);
}

static void __attribute__((format(printf, 2, 3)))
reason(char text[REASON_SIZE], const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void) vsnprintf(text, REASON_SIZE, format, ap);
	va_end(ap);
}

/* --- asking --- */

static bool
same_line(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	while (n > 0 && a[n - 1] == ' ')
		n--;
	while (m > 0 && b[m - 1] == ' ')
		m--;
	return n >= MAX_COMPARED && m >= MAX_COMPARED ? memcmp(a, b, MAX_COMPARED) == 0
						      : n == m && memcmp(a, b, n) == 0;
}

/* A log may end with the boot before this one, if nobody saved this one's. Version and command line
 * tell; where both are the same, so is what follows from them. */
static bool
is_of_this_boot(const struct facts *x)
{
	return (!x->version[0] || strcmp(x->log.version, x->version) == 0) &&
	       (x->cmdline_error < 0 || same_line(x->log.cmdline, x->line));
}

static int
ask_ring(struct facts *x, struct hv *hv)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0;
	int r = hv->ops->console_ring(hv, &text, &n);

	if (r >= 0)
		boot_text_parse(text, n, &x->ring);
	return r;
}

static int
ask_log(struct facts *x, struct hv *hv, const char *path)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0;
	int r = hv->ops->console_log(hv, path, MAX_CONSOLE, &text, &n);

	if (r < 0)
		return r;
	boot_text_parse(text, n, &x->log);
	x->log_is_old = x->log.begun && !is_of_this_boot(x);
	if (!x->log.begun || x->log_is_old)
		memset(&x->log, 0, sizeof(x->log));
	return 0;
}

static struct facts *
facts_new(void)
{
	struct facts *x = xcalloc(1, sizeof(*x));

	for (int i = 0; i < HV_FEATURESETS; i++)
		x->set[i].error = NOT_ASKED;
	x->physinfo_error = x->cmdline_error = x->ring_error = x->log_error = NOT_ASKED;
	return x;
}

/* Asks what is not settled yet. Returns a failure that asking again may mend, or 0. */
static int
gather(const struct features *f, struct collect *in, struct facts *x)
{
	const struct hv_ops *ops = in->hv->ops;
	int worst = 0;

/* not asked again once it is settled: what the ring held at first it may have lost since */
#define ASK(error, call)                                                                           \
	do {                                                                                       \
		if (!collect_is_final(error))                                                      \
			(error) = (call);                                                          \
		if (!collect_is_final(error))                                                      \
			worst = (error);                                                           \
	} while (0)

	for (int i = 0; i < HV_FEATURESETS; i++) {
		size_t n = 0;

		ASK(x->set[i].error,
		    ops->featureset(in->hv, (enum hv_featureset) i, x->set[i].words, &n));
	}
	ASK(x->physinfo_error, ops->physinfo(in->hv, &x->physinfo));
	ASK(x->cmdline_error, ops->cmdline(in->hv, x->line));
	if (x->cmdline_error < 0)
		x->line[0] = '\0';
	str_copy(x->version, sizeof(x->version), in->sample->host.xen_version);
	str_copy(x->cpu_model, sizeof(x->cpu_model), in->sample->host.cpu_model);
	ASK(x->ring_error, ask_ring(x, in->hv));
	if (!x->ring.begun && f->log_path[0])
		ASK(x->log_error, ask_log(x, in->hv, f->log_path));
#undef ASK
	memset(&x->cmdline, 0, sizeof(x->cmdline));
	cmdline_apply(&x->cmdline, x->ring.begun ? x->ring.builtin : x->log.builtin);
	cmdline_apply(&x->cmdline, x->line);
	return worst;
}

/* --- the features --- */

static enum tristate
has(const struct facts *x, enum hv_featureset set, enum feature_id id)
{
	/* a Xen without such guests offers them nothing */
	if (x->set[set].error == -EOPNOTSUPP && (set == HV_FEATURES_PV || set == HV_FEATURES_HVM))
		return NO;
	if (x->set[set].error < 0)
		return UNKNOWN;
	return x->set[set].words[feature_table[id].word] >> feature_table[id].bit & 1 ? YES : NO;
}

/* The option that keeps the feature from Xen and from guests; NULL: none does. */
static const char *
switched_off_by(const struct facts *x, enum feature_id id, enum cmdline_key key)
{
	if (x->cmdline.choice[key] == CHOICE_NO)
		return x->cmdline.text[key];
	if (x->cmdline.choice[CMDLINE_CPUID + id] == CHOICE_NO)
		return x->cmdline.text[CMDLINE_CPUID + id];
	return NULL;
}

/* Why a feature is missing in the host featureset. */
static void
explain_missing(const struct facts *x, enum feature_id id, enum cmdline_key key,
    struct feature_state *s)
{
	const char *option = switched_off_by(x, id, key);

	if (s->cpu == NO)
		reason(s->reason, "absent in the CPU");
	else if (option)
		reason(s->reason, "%s", option);
	else if (x->cmdline_error < 0)
		reason(s->reason, "left off by Xen, whose command line could not be read: %s",
		    strerror(-x->cmdline_error));
	else if (s->cpu == UNKNOWN)
		reason(s->reason,
		    "absent in the CPU, or left off by Xen: the raw featureset could not be read");
	else
		reason(s->reason,
		    "left off by Xen for a cause that its command line does not tell");
}

/* SMAP and SMEP: Xen uses what the host featureset has unless the option says "hvm". */
static void
report_supervisor(const struct facts *x, enum feature_id id, enum cmdline_key key,
    struct feature_state *s)
{
	if (s->host == UNKNOWN) {
		reason(s->reason, "the hypervisor did not give its host featureset: %s",
		    strerror(-x->set[HV_FEATURES_HOST].error));
		return;
	}
	s->confidence = CONFIDENCE_EXACT;
	s->xen = s->host;
	if (s->host == NO) {
		explain_missing(x, id, key, s);
	} else if (strlen(x->line) == MAX_CMDLINE - 1) {
		s->confidence = CONFIDENCE_ASSUMED;
		s->xen = x->cmdline.choice[key] == CHOICE_HVM ? NO : YES;
		reason(s->reason,
		    "assumed: Xen shows only the first %d characters of its command line",
		    MAX_CMDLINE - 1);
	} else if (x->cmdline_error < 0) {
		s->confidence = CONFIDENCE_ASSUMED;
		reason(s->reason,
		    "Xen's command line could not be read (%s): its default is assumed",
		    strerror(-x->cmdline_error));
	} else if (x->cmdline.choice[key] == CHOICE_HVM) {
		s->xen = NO;
		reason(s->reason, "%s", x->cmdline.text[key]);
	}
}

/* Xen prints a line when it enables either half of CET for itself; before 4.14 it knows neither. */
static void
report_cet(const struct facts *x, enum feature_id id, enum cmdline_key key, bool printed,
    struct feature_state *s)
{
	const char *option = switched_off_by(x, id, key);

	s->confidence = CONFIDENCE_EXACT;
	s->xen = NO;
	if (printed)
		s->xen = YES;
	else if (s->cpu == NO)
		reason(s->reason, "absent in the CPU");
	else if (option)
		reason(s->reason, "%s", option);
	else if (x->ring.begun || x->log.begun)
		reason(s->reason,
		    "Xen did not enable it at boot: not built in, or held back because of the CPU");
	else {
		s->xen = UNKNOWN;
		s->confidence = CONFIDENCE_UNKNOWN;
		reason(s->reason, "only Xen's boot text would tell, and it has gone");
	}
}

/* Nothing that Xen tells says what it does with these itself. */
static void
report_untold(const struct facts *x, enum feature_id id, struct feature_state *s)
{
	if (s->host == NO) {
		s->xen = NO;
		s->confidence = CONFIDENCE_EXACT;
		explain_missing(x, id, (enum cmdline_key) (CMDLINE_CPUID + id), s);
	} else {
		reason(s->reason, "Xen does not tell whether it uses this for itself");
	}
}

static void
report_features(const struct facts *x, struct feature_report *ret)
{
	for (int i = 0; i < FEATURE_COUNT; i++) {
		enum feature_id id = (enum feature_id) i;
		struct feature_state *s = &ret->feature[id];

		s->cpu = has(x, HV_FEATURES_RAW, id);
		s->host = has(x, HV_FEATURES_HOST, id);
		s->hvm = has(x, HV_FEATURES_HVM, id);
		s->pv = has(x, HV_FEATURES_PV, id);
		switch (id) {
		case FEATURE_SMAP:
			report_supervisor(x, id, CMDLINE_SMAP, s);
			break;
		case FEATURE_SMEP:
			report_supervisor(x, id, CMDLINE_SMEP, s);
			break;
		case FEATURE_CET_SS:
			report_cet(x, id, CMDLINE_CET_SHSTK, x->ring.shstk || x->log.shstk, s);
			break;
		case FEATURE_CET_IBT:
			report_cet(x, id, CMDLINE_CET_IBT, x->ring.ibt || x->log.ibt, s);
			break;
		case FEATURE_UMIP:
		case FEATURE_PKU:
		case FEATURE_COUNT:
			report_untold(x, id, s);
			break;
		}
	}
}

/* --- PML --- */

/* Why no boot text tells about PML, and what could. */
static void
explain_gone(const struct facts *x, const char *log_path, char text[REASON_SIZE])
{
	char ring[64];

	if (x->ring.begun) {
		reason(text, "Xen's boot text does not list the features of VMX");
		return;
	}
	if (x->ring_error < 0)
		(void) snprintf(ring, sizeof(ring), "console ring: %s", strerror(-x->ring_error));
	else
		str_copy(ring, sizeof(ring), "the console ring has lost Xen's boot");
	if (!log_path[0])
		reason(text, "%s; option console_log names no saved one", ring);
	else if (x->log_is_old)
		reason(text, "%s; the saved console log holds another boot only", ring);
	else if (x->log_error < 0)
		reason(text, "%s; saved console log: %s", ring, strerror(-x->log_error));
	else
		reason(text, "%s; the saved console log does not hold it either", ring);
}

/* The option that keeps Xen from using PML, whatever the CPU can; NULL: none does. */
static const char *
pml_option(const struct facts *x)
{
	static const enum cmdline_key keys[] = {CMDLINE_EPT_PML, CMDLINE_EPT_AD, CMDLINE_HAP};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (x->cmdline.choice[keys[i]] == CHOICE_NO)
			return x->cmdline.text[keys[i]];
	return NULL;
}

static bool
is_amd(const struct facts *x)
{
	if (x->set[HV_FEATURES_RAW].error >= 0)
		return HAS_SVM(x->set[HV_FEATURES_RAW].words);
	return x->ring.svm || x->log.svm || strstr(x->cpu_model, "AMD") ||
	       strstr(x->cpu_model, "Hygon");
}

static void
set_pml(struct feature_report *ret, enum pml_state state, enum boot_source source, const char *why)
{
	ret->pml.state = state;
	ret->pml.source = source;
	reason(ret->pml.reason, "%s", why);
}

/* Xen lists PML after it weighed its options and the CPU: where the list stands, it is the answer,
 * and the command line only tells why. */
static void
report_pml(const struct facts *x, const char *log_path, struct feature_report *ret)
{
	bool in_ring = x->ring.vmx || x->ring.pml, in_log = x->log.vmx || x->log.pml;
	enum boot_source source = in_ring ? BOOT_SOURCE_RING : BOOT_SOURCE_LOG;
	bool pml = in_ring ? x->ring.pml : x->log.pml;
	const char *option = pml_option(x);

	if (is_amd(x)) {
		set_pml(ret, PML_UNSUPPORTED, BOOT_SOURCE_CPU, "AMD has no PML");
	} else if (x->physinfo_error >= 0 && !x->physinfo.hvm) {
		set_pml(ret, PML_UNSUPPORTED, BOOT_SOURCE_CPU,
		    "Xen runs no HVM guests here: VT-x is absent or off");
	} else if (x->physinfo_error >= 0 && !x->physinfo.hap) {
		if (option)
			set_pml(ret, PML_DISABLED, BOOT_SOURCE_CMDLINE, option);
		else
			set_pml(ret, PML_UNSUPPORTED, BOOT_SOURCE_CPU,
			    "no hardware assisted paging (EPT)");
	} else if (pml) {
		set_pml(ret, PML_IN_USE, source, "");
	} else if (option) {
		set_pml(ret, PML_DISABLED, in_ring || in_log ? source : BOOT_SOURCE_CMDLINE,
		    option);
	} else if (!in_ring && !in_log) {
		set_pml(ret, PML_UNKNOWN, BOOT_SOURCE_NONE, "");
		explain_gone(x, log_path, ret->pml.reason);
	} else if (x->cmdline_error < 0) {
		set_pml(ret, PML_DISABLED, source,
		    "not in use: absent in the CPU, or switched off on Xen's command line, which "
		    "could not be read");
	} else {
		set_pml(ret, PML_UNSUPPORTED, source, "absent in the CPU");
	}
	if (ret->pml.state == PML_IN_USE)
		ret->ept_ad = YES;
	else if (!is_amd(x) && x->cmdline.choice[CMDLINE_EPT_AD] == CHOICE_NO)
		ret->ept_ad = NO;
}

static void
report(const struct facts *x, const char *log_path, struct feature_report *ret)
{
	const struct boot_text *t = x->ring.speculation[0] ? &x->ring : &x->log;

	memset(ret, 0, sizeof(*ret));
	report_features(x, ret);
	if (x->physinfo_error >= 0)
		ret->hap = x->physinfo.hap ? YES : NO;
	report_pml(x, log_path, ret);
	if (t->speculation[0])
		ret->speculation_source = t == &x->ring ? BOOT_SOURCE_RING : BOOT_SOURCE_LOG;
	memcpy(ret->speculation, t->speculation, sizeof(ret->speculation));
}

/* Whether the report is of another boot: a replay may go from one to the next. */
static bool
has_rebooted(const struct features *f, const char *boot_id)
{
	return f->boot_id[0] && boot_id[0] && strcmp(f->boot_id, boot_id) != 0;
}

/* Nothing of this changes within a boot, and the console ring forgets: it is asked once, early.
 * What a passing failure left unknown is asked again. */
int
features_collect(struct features *f, struct collect *in)
{
	const char *boot_id = in->sample->host.boot_id;
	int r;

	if (has_rebooted(f, boot_id)) {
		free(TAKE_PTR(f->facts));
		f->whole = false;
	}
	if (boot_id[0])
		str_copy(f->boot_id, sizeof(f->boot_id), boot_id);
	if (f->whole)
		return 0;
	if (!f->facts)
		f->facts = facts_new();
	r = gather(f, in, f->facts);
	report(f->facts, f->log_path, &f->report);
	if (r < 0)
		return collect_failed(in, r, "some features are unknown for now");
	f->whole = true;
	free(TAKE_PTR(f->facts));
	return 0;
}

static double
number(enum tristate t)
{
	return t == UNKNOWN ? NAN : t == YES;
}

void
features_fill(const struct features *f, struct sample *s)
{
	const struct feature_report *report = &f->report;
	double *value = s->host.value;

	s->features = *report;
	value[METRIC_AT(M_HOST_SMAP, HOST)] = number(report->feature[FEATURE_SMAP].xen);
	value[METRIC_AT(M_HOST_SMEP, HOST)] = number(report->feature[FEATURE_SMEP].xen);
	if (report->pml.state != PML_UNKNOWN) {
		value[METRIC_AT(M_HOST_PML, HOST)] = report->pml.state == PML_IN_USE;
		value[METRIC_AT(M_HOST_PML_DISABLED, HOST)] = report->pml.state == PML_DISABLED;
	}
	if (report->pml.state == PML_UNKNOWN && report->pml.reason[0])
		collect_note(s, "Whether Xen uses PML is unknown: %s.", report->pml.reason);
}
