/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"
#include "collect/collect.h"
#include "config/config.h"

#define CHUNK 1024 /* domains in one hypercall */
#define MAX_LISTED MAX_DOMAINS
#define MAX_DOMID 0x7ff0u /* xen.git xen/include/public/xen.h DOMID_FIRST_RESERVED */
#define MAX_LOOKS 16	  /* guests whose vCPU is paused for CR4, in one tick */
#define PAGE_BYTES 4096.0
#define FIRST_LOOK 30.0 /* seconds after a guest was first seen: its kernel runs by then */
#define SECOND_LOOK 300.0
#define LOOK_INTERVAL 3600.0
#define NAME_RETRY 60.0 /* seconds; only where xenstore has no watches for us */
#define NAME_INTERVAL 600.0
#define CR4_CET 23

/* What is known of one domain from tick to tick. */
struct known {
	struct hv_domain now; /* of the newest list */
	char name[NAME_SIZE];
	bool tracked;
	double name_due; /* CLOCK_MONOTONIC; INFINITY: when a change is told */
	bool watched;
	double first_seen, look_due;
	bool was_here; /* before the agent */
	unsigned looks;
	double cr4_read; /* seconds since 1970; NAN: never */
	struct guest_feature feature[FEATURE_COUNT];
};

struct domain {
	bool read_cr4;
	bool begun; /* the domains that were here before the agent are known */
	bool listed;	     /* the last listing succeeded */
	struct known *known; /* by domid */
	size_t n;
	size_t total;		/* with those beyond MAX_LISTED */
	struct hv_domain *list; /* room for MAX_LISTED and a chunk, once it was needed */
	size_t room;
	uint32_t tracked[MAX_TRACKED];
	size_t n_tracked;
};

struct domain *
domain_new(const struct config *config)
{
	struct domain *c = xcalloc(1, sizeof(*c));

	c->read_cr4 = config_bool(config, OPTION_guest_cr4);
	return c;
}

void
domain_free(struct domain *c)
{
	if (!c)
		return;
	free(c->known);
	free(c->list);
	free(c);
}

static struct known *
find(const struct domain *c, uint32_t domid)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->known[middle].now.domid < domid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->n && c->known[low].now.domid == domid ? &c->known[low] : NULL;
}

/* The whole list into c->list. The next chunk begins behind the last number, never at a count:
 * numbers have gaps, and domains go while we read. */
static int
list_domains(struct domain *c, struct collect *in, size_t *ret_n, size_t *ret_total)
{
	size_t kept = 0, total = 0, got;
	uint32_t first = 0;

	do {
		struct hv_domain *at;
		int r;

		if (c->room < kept + CHUNK) {
			c->room = kept + CHUNK;
			c->list = xrealloc(c->list, c->room * sizeof(*c->list));
		}
		at = c->list + kept;
		r = in->hv->ops->domain_list(in->hv, first, at, CHUNK, &got);
		if (r < 0)
			return collect_failed(in, r, "domain list");
		for (size_t i = 0; i < got; i++) {
			/* a list that does not ascend would have us read for ever */
			if (at[i].domid < first || at[i].domid >= MAX_DOMID)
				return collect_failed(in, -EPROTO, "domain list");
			first = at[i].domid + 1;
		}
		total += got;
		kept = MIN(kept + got, MAX_LISTED);
	} while (got == CHUNK);
	*ret_n = kept;
	*ret_total = total;
	return 0;
}

static bool
is_same(const struct known *k, const struct hv_domain *d)
{
	return k->now.domid == d->domid && memcmp(k->now.uuid, d->uuid, sizeof(d->uuid)) == 0;
}

static void
forget(struct known *k, struct hv *hv)
{
	if (k->watched)
		(void) hv->ops->watch_name(hv, k->now.domid, false);
}

static void
meet(const struct domain *c, struct known *k, const struct hv_domain *d, struct collect *in)
{
	memset(k, 0, sizeof(*k));
	k->now = *d;
	k->cr4_read = NAN;
	k->was_here = !c->begun;
	k->first_seen = k->look_due = k->name_due = in->now->mono;
	/* before the name is read, so that no change falls between the two */
	k->watched = in->hv->ops->watch_name(in->hv, d->domid, true) >= 0;
}

/* Makes the n domains of the list those that are known. Both are in the order of their numbers. */
static void
merge(struct domain *c, size_t n, struct collect *in)
{
	struct known *fresh = xcalloc(n, sizeof(*fresh));
	size_t old = 0;

	for (size_t i = 0; i < n; i++) {
		const struct hv_domain *d = &c->list[i];

		while (old < c->n && c->known[old].now.domid <= d->domid &&
		       !is_same(&c->known[old], d))
			forget(&c->known[old++], in->hv);
		if (old < c->n && is_same(&c->known[old], d)) {
			fresh[i] = c->known[old++];
			fresh[i].now = *d;
		} else {
			meet(c, &fresh[i], d, in);
		}
	}
	while (old < c->n)
		forget(&c->known[old++], in->hv);
	free(c->known);
	c->known = fresh;
	c->n = n;
}

/* In a steady tick the list is the one of the last tick: nothing is allocated then. */
static void
update(struct domain *c, size_t n, struct collect *in)
{
	bool steady = n == c->n;

	for (size_t i = 0; steady && i < n; i++)
		steady = is_same(&c->known[i], &c->list[i]);
	if (!steady)
		merge(c, n, in);
	for (size_t i = 0; i < n; i++)
		c->known[i].now = c->list[i];
}

/* A domain that is tracked and no longer there gives its number back. */
static void
mark_tracked(struct domain *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		c->known[i].tracked = false;
	for (size_t i = 0; i < c->n_tracked; i++) {
		struct known *k = find(c, c->tracked[i]);

		if (!k)
			continue;
		k->tracked = true;
		c->tracked[kept++] = c->tracked[i];
	}
	c->n_tracked = kept;
}

static void
read_name(struct known *k, struct collect *in)
{
	char name[MAX_HV_NAME];
	int r = in->hv->ops->domain_name(in->hv, k->now.domid, name);

	if (r >= 0)
		utf8_clean(k->name, sizeof(k->name), name);
	if (k->watched && (r >= 0 || r == -ENOENT))
		k->name_due = INFINITY;
	else
		k->name_due = in->now->mono + (r >= 0 ? NAME_INTERVAL : NAME_RETRY);
}

static uint8_t
yes_no(bool yes)
{
	return yes ? YES : NO;
}

static void
read_policy(struct known *k, struct collect *in)
{
	struct hv_policy policy;

	if (in->hv->ops->domain_policy(in->hv, k->now.domid, &policy) < 0)
		return;
	for (int i = 0; i < FEATURE_COUNT; i++) {
		const struct feature_info *f = &feature_table[i];
		/* words of a featureset: 5 is leaf 7's EBX, 6 its ECX, 9 its EDX */
		uint32_t word = f->word == 5 ? policy.b7 : f->word == 6 ? policy.c7 : policy.d7;

		k->feature[i].exposed = yes_no(word >> f->bit & 1);
	}
}

static void
read_cr4(struct known *k, struct collect *in)
{
	uint64_t cr4;

	if (in->hv->ops->vcpu_cr4(in->hv, k->now.domid, 0, &cr4) < 0)
		return;
	k->cr4_read = in->now->real;
	for (int i = 0; i < FEATURE_COUNT; i++) {
		int bit = feature_table[i].cr4_bit;
		bool on = bit >= 0 && (cr4 >> bit & 1);

		if (bit < 0 || (on && bit == CR4_CET))
			/* CR4.CET only unlocks the two halves of CET; two MSRs, which we do not
			 * read, say which of them the kernel uses */
			k->feature[i].active = UNKNOWN;
		else
			k->feature[i].active = yes_no(on && k->feature[i].exposed != NO);
	}
}

/* Looks at a guest's policy, and from the second look on at its CR4. The policy is read again too,
 * since a toolstack sets it while it builds the guest, which may be after we first saw it. */
static void
look(struct domain *c, struct known *k, struct collect *in)
{
	read_policy(k, in);
	if (k->looks > 0 && c->read_cr4)
		read_cr4(k, in);
	k->looks++;
	/* a guest that was here before the agent has long booted; but by then it is known whether it is tracked */
	k->look_due = k->looks == 1	? k->first_seen + (k->was_here ? 0 : FIRST_LOOK)
		      : k->looks == 2 ? k->first_seen + SECOND_LOOK
				      : in->now->mono + LOOK_INTERVAL;
}

static bool
may_look(const struct known *k)
{
	return k->now.hvm && !k->tracked && !k->now.dying && !k->now.shutdown && !k->now.crashed;
}

int
domain_collect(struct domain *c, struct collect *in)
{
	unsigned looks = 0;
	size_t n = 0, total = 0;
	int r = list_domains(c, in, &n, &total);

	c->listed = r >= 0;
	if (r < 0)
		return r;
	c->total = total;
	update(c, n, in);
	mark_tracked(c);
	for (size_t i = 0; i < c->n; i++) {
		struct known *k = &c->known[i];

		if (k->name_due <= in->now->mono)
			read_name(k, in);
		if (k->look_due <= in->now->mono && may_look(k) &&
		    (k->looks == 0 || looks++ < MAX_LOOKS))
			look(c, k, in);
	}
	c->begun = true;
	return 0;
}

static const char *
state_of(const struct hv_domain *d)
{
	if (d->dying)
		return "dying";
	if (d->crashed)
		return "crashed";
	if (d->shutdown)
		return "shutdown";
	if (d->paused)
		return "paused";
	return d->blocked && !d->running ? "blocked" : "running"; /* neither: it waits for a CPU */
}

static double
number(uint8_t tristate)
{
	return tristate == UNKNOWN ? NAN : tristate == YES;
}

/* A PV guest has no policy and no CR4 of its own: what PV guests are not offered, none of them has. */
static void
fill_features(const struct known *k, const struct feature_report *report, struct sample_domain *s)
{
	double *value = s->value;

	memcpy(s->feature, k->feature, sizeof(s->feature));
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (!k->now.hvm && report->feature[i].pv == NO)
			s->feature[i].exposed = s->feature[i].active = NO;
	value[METRIC_AT(M_DOMAIN_SMAP_EXPOSED, DOMAIN)] = number(s->feature[FEATURE_SMAP].exposed);
	value[METRIC_AT(M_DOMAIN_SMAP_ACTIVE, DOMAIN)] = number(s->feature[FEATURE_SMAP].active);
	value[METRIC_AT(M_DOMAIN_SMEP_EXPOSED, DOMAIN)] = number(s->feature[FEATURE_SMEP].exposed);
	value[METRIC_AT(M_DOMAIN_SMEP_ACTIVE, DOMAIN)] = number(s->feature[FEATURE_SMEP].active);
}

static void
fill_one(const struct known *k, const struct feature_report *report, struct sample_domain *s)
{
	const struct hv_domain *d = &k->now;
	double *value = s->value;

	uuid_format(d->uuid, s->uuid);
	memcpy(s->name, k->name, sizeof(s->name));
	s->domid = d->domid;
	s->kind = !d->hvm ? DOMAIN_PV : d->device_model ? DOMAIN_HVM : DOMAIN_PVH;
	str_copy(s->state, sizeof(s->state), state_of(d));
	s->cr4_read = k->cr4_read;
	fill_features(k, report, s);
	value[METRIC_AT(M_DOMAIN_CPU, DOMAIN)] = (double) d->cpu_ns / 1e9;
	value[METRIC_AT(M_DOMAIN_MEMORY, DOMAIN)] = (double) d->pages * PAGE_BYTES;
	value[METRIC_AT(M_DOMAIN_VCPUS, DOMAIN)] = d->online_vcpus;
	value[METRIC_AT(M_DOMAIN_PAUSED, DOMAIN)] = d->paused;
	value[METRIC_AT(M_DOMAIN_SHUTDOWN, DOMAIN)] = d->shutdown || d->crashed;
	value[METRIC_AT(M_DOMAIN_TRACKED, DOMAIN)] = k->tracked;
}

void
domain_fill(const struct domain *c, struct sample *s)
{
	if (!c->listed)
		return;
	for (size_t i = 0; i < c->n; i++) {
		struct sample_domain *d = sample_add_domain(s);

		if (!d)
			break;
		fill_one(&c->known[i], &s->features, d);
	}
	s->host.value[METRIC_AT(M_HOST_DOMAINS, HOST)] = (double) c->total;
	if (c->total > c->n)
		collect_note(s, "%zu domains are counted but not listed: the list ends at %d.",
		    c->total - c->n, MAX_LISTED);
}

/* The name is read at the next tick: however often it changes, that is one read a tick. */
void
domain_name_changed(struct domain *c, uint32_t domid)
{
	struct known *k = find(c, domid);

	if (k)
		k->name_due = -INFINITY;
}

void
domain_set_tracked(struct domain *c, uint32_t domid, bool tracked)
{
	struct known *k = find(c, domid);
	size_t i = 0;

	if (k)
		k->tracked = tracked;
	while (i < c->n_tracked && c->tracked[i] != domid)
		i++;
	if (!tracked && i < c->n_tracked)
		c->tracked[i] = c->tracked[--c->n_tracked];
	else if (tracked && i == c->n_tracked && i < MAX_TRACKED)
		c->tracked[c->n_tracked++] = domid;
}
