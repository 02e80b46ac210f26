/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FAKE_HV_H
#define FAKE_HV_H

#include "hv/hv.h"

/* A struct hv whose answers a test sets, which counts its calls and can fail any of them. */

#define FAKE_CALLS                                                                                 \
	FAKE(version)                                                                              \
	FAKE(cmdline) FAKE(physinfo) FAKE(featureset) FAKE(console_ring) FAKE(domain_list)         \
	    FAKE(domain_uuid) FAKE(logdirty) FAKE(domain_policy) FAKE(vcpu_cr4) FAKE(domain_name) FAKE(watch_name) FAKE(xenstat)    \
		FAKE(cpu_model) FAKE(boot_id) FAKE(console_log)

enum fake_call {
#define FAKE(name) FAKE_##name,
	FAKE_CALLS
#undef FAKE
	    FAKE_COUNT
};

struct fake_domain {
	struct hv_domain d;
	char name[MAX_HV_NAME]; /* "": it has none */
	bool watched;
	struct hv_policy policy;
	uint64_t cr4;
	unsigned cr4_reads;
	bool tracked;
	uint32_t dirty;		  /* Xen's count */
	uint32_t dirty_each_peek; /* grows by so many while tracked */
	unsigned enables, offs;	  /* asked for by the agent */
};

struct fake_hv {
	struct hv hv;
	struct hv_version version;
	char cmdline[MAX_CMDLINE];
	struct hv_physinfo physinfo;
	uint32_t words[HV_FEATURESETS][MAX_FEATURE_WORDS];
	char cpu_model[64], boot_id[37];
	const char *ring, *log;	    /* NULL: an empty ring, no log */
	struct fake_domain *domain; /* n_domains of them, ascending, owned */
	size_t n_domains;
	double xenstat_seconds; /* how long that call takes */

	int logdirty_error[3];	/* by enum hv_logdirty: what every such call returns instead, or 0 */
	/* called after each ENABLE and OFF, failed ones too, as the kernel's probes see them; before: the same */
	void (*on_logdirty)(void *arg, uint32_t domid, enum hv_logdirty op, int result);
	void (*before_logdirty)(void *arg, uint32_t domid, enum hv_logdirty op);
	void *logdirty_arg;

	unsigned calls[FAKE_COUNT], all_calls;
	int error[FAKE_COUNT];	       /* what every such call returns instead, or 0 */
	int set_error[HV_FEATURESETS]; /* the same for one featureset */
	unsigned fail_nth; /* the call with this number among all, from 1, fails once; 0: none */
	int fail_error;	   /* with this */
};

/* A small host: Xen 4.17.7, an Intel CPU with SMAP and SMEP, no domains. Closed with
 * hv.ops->close. */
struct fake_hv *fake_hv_new(void);

/* Appends a PVH guest, named vm-<domid>; its uuid ends with its number. The pointer holds until the
 * next call. */
struct fake_domain *fake_hv_add(struct fake_hv *f, uint32_t domid);
struct fake_domain *fake_hv_domain(struct fake_hv *f, uint32_t domid);
void fake_hv_remove(struct fake_hv *f, uint32_t domid);

void fake_hv_forget_calls(struct fake_hv *f);

/* Command line, featuresets and physinfo of a file in tests/golden/xen, NAME.info. -errno. */
int fake_hv_load(struct fake_hv *f, const char *name);
/* A file of tests/golden/xen; the caller frees it. NULL if it is not there. */
char *fake_hv_golden(const char *name);

#endif
