/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "tests/fake_hv.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/file.h"
#include "base/util.h"

#define MAX_GOLDEN 65536

/* Counts a call; what it shall fail with, or 0. */
static int
begin(struct hv *hv, enum fake_call call)
{
	struct fake_hv *f = (struct fake_hv *) hv;

	f->calls[call]++;
	f->all_calls++;
	if (call == FAKE_domain_name)
		hv->xenstore_reads++;
	else
		hv->hypercalls++;
	return f->all_calls == f->fail_nth ? f->fail_error : f->error[call];
}

#define BEGIN(call)                                                                                \
	struct fake_hv *f = (struct fake_hv *) hv;                                                 \
	int failed = begin(hv, FAKE_##call);                                                       \
                                                                                                   \
	if (failed)                                                                                \
	return failed

static int
fake_version(struct hv *hv, struct hv_version *ret)
{
	BEGIN(version);
	*ret = f->version;
	return 0;
}

static int
fake_cmdline(struct hv *hv, char ret[MAX_CMDLINE])
{
	BEGIN(cmdline);
	memcpy(ret, f->cmdline, MAX_CMDLINE);
	return 0;
}

static int
fake_physinfo(struct hv *hv, struct hv_physinfo *ret)
{
	BEGIN(physinfo);
	*ret = f->physinfo;
	return 0;
}

static int
fake_featureset(
    struct hv *hv, enum hv_featureset set, uint32_t words[MAX_FEATURE_WORDS], size_t *ret_n)
{
	BEGIN(featureset);
	if (f->set_error[set])
		return f->set_error[set];
	memcpy(words, f->words[set], sizeof(f->words[set]));
	*ret_n = 19;
	return 0;
}

static int
give_text(const char *text, char **ret_text, size_t *ret_n)
{
	*ret_text = xstrdup(text ? text : "");
	*ret_n = strlen(*ret_text);
	return 0;
}

static int
fake_console_ring(struct hv *hv, char **ret_text, size_t *ret_n)
{
	BEGIN(console_ring);
	return give_text(f->ring, ret_text, ret_n);
}

static int
fake_domain_list(struct hv *hv, uint32_t first, struct hv_domain *ret, size_t max, size_t *ret_n)
{
	BEGIN(domain_list);
	*ret_n = 0;
	for (size_t i = 0; i < f->n_domains && *ret_n < max; i++)
		if (f->domain[i].d.domid >= first)
			ret[(*ret_n)++] = f->domain[i].d;
	return 0;
}

static int
fake_domain_uuid(struct hv *hv, uint32_t domid, uint8_t ret[16])
{
	struct fake_domain *d;
	BEGIN(domain_uuid);
	d = fake_hv_domain(f, domid);
	if (!d)
		return -ESRCH;
	memcpy(ret, d->d.uuid, sizeof(d->d.uuid));
	return 0;
}

/* As hap_enable_log_dirty and its like: see xen/arch/x86/mm/paging.c. */
static int
logdirty(struct fake_hv *f, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty)
{
	struct fake_domain *d = fake_hv_domain(f, domid);

	if (!d)
		return -ESRCH;
	if (f->logdirty_error[op])
		return f->logdirty_error[op];
	switch (op) {
	case HV_LOGDIRTY_ENABLE:
		if (d->tracked)
			return -EINVAL;
		d->tracked = true;
		break;
	case HV_LOGDIRTY_PEEK:
		d->dirty += d->tracked ? d->dirty_each_peek : 0;
		*ret_dirty = d->dirty;
		break;
	case HV_LOGDIRTY_OFF:
		d->tracked = false;
		break;
	}
	return 0;
}

static int
fake_logdirty(struct hv *hv, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty)
{
	struct fake_hv *f = (struct fake_hv *) hv;
	struct fake_domain *d;
	int r = begin(hv, FAKE_logdirty);

	if (f->before_logdirty)
		f->before_logdirty(f->logdirty_arg, domid, op);
	d = fake_hv_domain(f, domid);
	if (d && op == HV_LOGDIRTY_ENABLE)
		d->enables++;
	if (d && op == HV_LOGDIRTY_OFF)
		d->offs++;
	if (r == 0)
		r = logdirty(f, domid, op, ret_dirty);
	if (f->on_logdirty && op != HV_LOGDIRTY_PEEK)
		f->on_logdirty(f->logdirty_arg, domid, op, r);
	return r;
}

static int
fake_domain_policy(struct hv *hv, uint32_t domid, struct hv_policy *ret)
{
	struct fake_domain *d;
	BEGIN(domain_policy);
	d = fake_hv_domain(f, domid);
	if (!d)
		return -ESRCH;
	*ret = d->policy;
	return 0;
}

static int
fake_vcpu_cr4(struct hv *hv, uint32_t domid, unsigned vcpu, uint64_t *ret_cr4)
{
	struct fake_domain *d;
	BEGIN(vcpu_cr4);
	d = fake_hv_domain(f, domid);
	if (!d || vcpu != 0)
		return -ESRCH;
	d->cr4_reads++;
	*ret_cr4 = d->cr4;
	return 0;
}

static int
fake_domain_name(struct hv *hv, uint32_t domid, char ret[MAX_HV_NAME])
{
	struct fake_domain *d;
	BEGIN(domain_name);
	d = fake_hv_domain(f, domid);
	if (!d || !d->name[0])
		return -ENOENT;
	memcpy(ret, d->name, sizeof(d->name));
	return 0;
}

static int
fake_watch_name(struct hv *hv, uint32_t domid, bool on)
{
	struct fake_domain *d;
	BEGIN(watch_name);
	d = fake_hv_domain(f, domid);
	if (d)
		d->watched = on;
	return 0;
}

static int
fake_xenstat(struct hv *hv, struct hv_xenstat *ret, size_t max, size_t *ret_n)
{
	struct timespec pause = {0, 0};
	BEGIN(xenstat);
	pause.tv_sec = (time_t) f->xenstat_seconds;
	pause.tv_nsec = (long) ((f->xenstat_seconds - (double) pause.tv_sec) * 1e9);
	(void) nanosleep(&pause, NULL);
	*ret_n = 0;
	for (size_t i = f->n_domains; i > 0 && *ret_n < max;
	     i--) { /* in another order than the list's */
		uint32_t domid = f->domain[i - 1].d.domid;

		ret[(*ret_n)++] = (struct hv_xenstat){.domid = domid,
		    .net_rx_bytes = 100 + domid,
		    .net_tx_bytes = 200 + domid,
		    .block_reads = 300 + domid,
		    .block_writes = 400 + domid,
		    .has_net = true,
		    .has_block = domid != 0};
	}
	return 0;
}

static int
fake_cpu_model(struct hv *hv, char *buf, size_t n)
{
	BEGIN(cpu_model);
	str_copy(buf, n, f->cpu_model);
	return 0;
}

static int
fake_boot_id(struct hv *hv, char ret_boot_id[37])
{
	BEGIN(boot_id);
	memcpy(ret_boot_id, f->boot_id, sizeof(f->boot_id));
	return 0;
}

static int
fake_console_log(struct hv *hv, const char *path, size_t max, char **ret_text, size_t *ret_n)
{
	BEGIN(console_log);
	(void) max;
	return f->log && path[0] ? give_text(f->log, ret_text, ret_n) : -ENOENT;
}

static int
fake_change_fd(struct hv *hv)
{
	(void) hv;
	return -1;
}

static int
fake_next_change(struct hv *hv, struct hv_change *ret)
{
	(void) hv;
	(void) ret;
	return -EAGAIN;
}

static void
fake_close(struct hv *hv)
{
	struct fake_hv *f = (struct fake_hv *) hv;

	free(f->domain);
	free(f);
}

static const struct hv_ops fake_ops = {
#define FAKE(name) .name = fake_##name,
    FAKE_CALLS
#undef FAKE
	.change_fd = fake_change_fd,
    .next_change = fake_next_change,
    .close = fake_close,
};

struct fake_hv *
fake_hv_new(void)
{
	struct fake_hv *f = xcalloc(1, sizeof(*f));

	f->hv.ops = &fake_ops;
	f->version = (struct hv_version){.major = 4, .minor = 17, .extra = ".7"};
	f->physinfo = (struct hv_physinfo){.cpus = 2,
	    .total_pages = 1000,
	    .free_pages = 300,
	    .hvm = true,
	    .pv = true,
	    .hap = true};
	for (int set = 0; set < HV_FEATURESETS; set++) {
		f->words[set][1] = 1u << 5;	       /* VMX */
		f->words[set][5] = set == HV_FEATURES_PV ? 0 : 1u << 20 | 1u << 7; /* SMAP, SMEP */
	}
	str_copy(f->cpu_model, sizeof(f->cpu_model), "Intel(R) Xeon(R) test");
	str_copy(f->boot_id, sizeof(f->boot_id), "00000000-0000-0000-0000-000000000001");
	f->fail_error = -EIO;
	return f;
}

struct fake_domain *
fake_hv_add(struct fake_hv *f, uint32_t domid)
{
	struct fake_domain *d;

	f->domain = xrealloc(f->domain, (f->n_domains + 1) * sizeof(*f->domain));
	d = &f->domain[f->n_domains++];
	memset(d, 0, sizeof(*d));
	d->d = (struct hv_domain){.domid = domid,
	    .hvm = true,
	    .hap = true,
	    .blocked = true,
	    .online_vcpus = 1,
	    .cpu_ns = 1500000000,
	    .pages = 32768,
	    .max_pages = 65536};
	d->d.uuid[0] = 0xf0;
	d->d.uuid[14] = (uint8_t) (domid >> 8);
	d->d.uuid[15] = (uint8_t) domid;
	(void) snprintf(d->name, sizeof(d->name), "vm-%u", domid);
	d->policy.b7 = 1u << 20 | 1u << 7;
	d->cr4 = 1u << 20;
	return d;
}

struct fake_domain *
fake_hv_domain(struct fake_hv *f, uint32_t domid)
{
	if (domid < f->n_domains && f->domain[domid].d.domid == domid) /* none has gone: of thousands no search */
		return &f->domain[domid];
	for (size_t i = 0; i < f->n_domains; i++)
		if (f->domain[i].d.domid == domid)
			return &f->domain[i];
	return NULL;
}

void
fake_hv_remove(struct fake_hv *f, uint32_t domid)
{
	struct fake_domain *d = fake_hv_domain(f, domid);

	if (d)
		memmove(d, d + 1, (size_t) (f->domain + --f->n_domains - d) * sizeof(*d));
}

void
fake_hv_forget_calls(struct fake_hv *f)
{
	memset(f->calls, 0, sizeof(f->calls));
	f->all_calls = 0;
}

char *
fake_hv_golden(const char *name)
{
	const char *srcdir = getenv("srcdir");
	_cleanup_(freep) char *path =
	    xasprintf("%s/tests/golden/xen/%s", srcdir ? srcdir : ".", name);
	char *text = NULL;

	return file_read(path, MAX_GOLDEN, &text, NULL) < 0 ? NULL : text;
}

static void
read_words(uint32_t *words, const char *s)
{
	for (int i = 0; i < MAX_FEATURE_WORDS; i++) {
		char *end;

		words[i] = (uint32_t) strtoul(s, &end, 16);
		if (end == s)
			break;
		s = end;
	}
}

int
fake_hv_load(struct fake_hv *f, const char *name)
{
	static const char *const sets[] = {"raw ", "host ", "pv ", "hvm "};
	_cleanup_(freep) char *file = xasprintf("%s.info", name), *text = fake_hv_golden(file);
	char *rest = text, *line;

	if (!text)
		return -ENOENT;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "cmdline ", 8) == 0)
			str_copy(f->cmdline, sizeof(f->cmdline), line + 8);
		for (int i = 0; i < HV_FEATURESETS; i++)
			if (strncmp(line, sets[i], strlen(sets[i])) == 0)
				read_words(f->words[i], line + strlen(sets[i]));
	}
	return 0;
}
