/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdint.h>

#include "base/file.h"
#include "base/util.h"
#include "hv/hv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Asks whatever can be asked; the answers' bytes are touched for the sanitizers. */
static size_t
ask_all(struct hv *hv)
{
	static struct hv_domain domain[MAX_HV_LIST];
	static struct hv_xenstat stat[MAX_HV_LIST];
	struct hv_version version;
	struct hv_physinfo physinfo;
	struct hv_policy policy;
	struct hv_change change;
	uint32_t words[MAX_FEATURE_WORDS];
	char text[MAX_CMDLINE], boot_id[37], *ring = NULL, *log = NULL;
	size_t n = 0, sum = 0;
	uint64_t cr4;

	if (hv->ops->version(hv, &version) == 0)
		sum += strlen(version.extra) + strlen(version.changeset) +
		       strlen(version.capabilities);
	if (hv->ops->cmdline(hv, text) == 0)
		sum += strlen(text);
	(void) hv->ops->physinfo(hv, &physinfo);
	for (int set = 0; set < HV_FEATURESETS; set++)
		if (hv->ops->featureset(hv, (enum hv_featureset) set, words, &n) == 0)
			sum += words[n ? n - 1 : 0];
	if (hv->ops->console_ring(hv, &ring, &n) == 0)
		sum += (size_t) ring[n];
	for (uint32_t first = 0;
	     hv->ops->domain_list(hv, first, domain, MAX_HV_LIST, &n) == 0 && n > 0;) {
		uint32_t last = domain[n - 1].domid;

		(void) hv->ops->domain_policy(hv, last, &policy);
		(void) hv->ops->vcpu_cr4(hv, last, 0, &cr4);
		if (hv->ops->domain_name(hv, last, text) == 0)
			sum += strlen(text);
		if (last < first || last == UINT32_MAX)
			break;
		first = last + 1;
	}
	if (hv->ops->xenstat(hv, stat, MAX_HV_LIST, &n) == 0 && n > 0)
		sum += stat[n - 1].domid;
	if (hv->ops->cpu_model(hv, text, 16) == 0)
		sum += strlen(text);
	if (hv->ops->boot_id(hv, boot_id) == 0)
		sum += strlen(boot_id);
	if (hv->ops->console_log(hv, "/var/log/xen/hypervisor.log", 100, &log, &n) == 0)
		sum += (size_t) log[n];
	while (hv->ops->next_change(hv, &change) == 0)
		sum += change.domid;
	free(ring);
	free(log);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(fclosep) FILE *f = tmpfile();
	_cleanup_(hv_closep) struct hv *hv = NULL;
	struct tick t = {0, 0};
	struct event e;
	const char *note;
	char path[64];

	if (!f || write_all(fileno(f), data, size) < 0)
		abort();
	(void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(f));
	if (hv_replay_open(path, &t, &hv, &note) < 0)
		return 0;
	for (int i = 0; i < 4; i++) {
		t.mono = hv_replay_length(hv) * (i == 3 ? 0 : i) / 2; /* and back again */
		hv_replay_seek(hv, &t);
		while (hv_replay_next_event(hv, &e) == 0)
			if (e.source >= SOURCE_COUNT || e.comm[sizeof(e.comm) - 1] != '\0')
				abort();
		(void) ask_all(hv);
	}
	return 0;
}
