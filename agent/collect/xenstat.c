/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "collect/collect.h"
#include "config/config.h"

#define MAX_XENSTAT_DOMAINS 256 /* beyond it libxenstat lists domains twice */
#define MAX_SECONDS 0.25

/* libxenstat cannot be interrupted: it walks xenstore, sysfs and QMP sockets in one call. It runs
 * here, in the loop, rather than in a child that could be killed, since a capture has to hold its
 * answer; instead a run that takes longer than MAX_SECONDS counts as a failure, so that the
 * collectors' back-off asks for it less and less often. Its figures are kept all the same. */
struct xenstat {
	bool enabled;
	struct row {
		char uuid[UUID_SIZE]; /* a number may have gone to another domain since */
		struct hv_xenstat figures;
	} row[MAX_XENSTAT_DOMAINS]; /* by domid */
	size_t n;
};

struct xenstat *
xenstat_new(const struct config *config)
{
	struct xenstat *x = xcalloc(1, sizeof(*x));

	x->enabled = config_bool(config, OPTION_xenstat);
	return x;
}

void
xenstat_free(struct xenstat *x)
{
	free(x);
}

static int
by_domid(const void *a, const void *b)
{
	uint32_t x = ((const struct hv_xenstat *) a)->domid,
		 y = ((const struct hv_xenstat *) b)->domid;

	return (x > y) - (x < y);
}

/* Both lists are in the order of the domains' numbers. */
static void
keep(struct xenstat *x, const struct hv_xenstat *figures, size_t n, const struct sample *s)
{
	size_t at = 0;

	x->n = 0;
	for (size_t i = 0; i < s->n_domains; i++) {
		struct row *row = &x->row[x->n];

		while (at < n && figures[at].domid < s->domain[i].domid)
			at++;
		if (at == n || x->n == ARRAY_SIZE(x->row))
			break;
		if (figures[at].domid != s->domain[i].domid)
			continue;
		memcpy(row->uuid, s->domain[i].uuid, sizeof(row->uuid));
		row->figures = figures[at];
		x->n++;
	}
}

int
xenstat_collect(struct xenstat *x, struct collect *in)
{
	_cleanup_(freep) struct hv_xenstat *figures = NULL;
	double began = tick_now().mono, seconds;
	size_t n = 0;
	int r;

	x->n = 0; /* what is kept below is from this run */
	if (!x->enabled)
		return collect_failed(in, -ENODATA, "switched off in the configuration");
	if (in->sample->n_domains > MAX_XENSTAT_DOMAINS) {
		(void) snprintf(in->error, sizeof(in->error),
		    "off: libxenstat is wrong above %d domains, there are %zu", MAX_XENSTAT_DOMAINS,
		    in->sample->n_domains);
		return -ENODATA;
	}
	figures = xcalloc(MAX_XENSTAT_DOMAINS, sizeof(*figures));
	r = in->hv->ops->xenstat(in->hv, figures, MAX_XENSTAT_DOMAINS, &n);
	if (r == -ENOSYS || r == -EOPNOTSUPP)
		return collect_failed(in, -ENODATA, "libxenstat is not to be had");
	if (r < 0)
		return collect_failed(in, r, "libxenstat");
	qsort(figures, n, sizeof(*figures), by_domid);
	keep(x, figures, n, in->sample);
	seconds = tick_now().mono - began;
	if (seconds <= MAX_SECONDS)
		return 0;
	(void) snprintf(in->error, sizeof(in->error),
	    "libxenstat took %.2f s and is asked less often", seconds);
	return -ETIME;
}

void
xenstat_fill(const struct xenstat *x, struct sample *s)
{
	size_t at = 0;

	for (size_t i = 0; i < s->n_domains && at < x->n; i++) {
		struct sample_domain *d = &s->domain[i];
		const struct hv_xenstat *f;

		while (at < x->n && x->row[at].figures.domid < d->domid)
			at++;
		if (at == x->n || x->row[at].figures.domid != d->domid ||
		    strcmp(x->row[at].uuid, d->uuid) != 0)
			continue;
		f = &x->row[at].figures;
		if (f->has_net) {
			d->value[METRIC_AT(M_DOMAIN_NET_RX, DOMAIN)] = (double) f->net_rx_bytes;
			d->value[METRIC_AT(M_DOMAIN_NET_TX, DOMAIN)] = (double) f->net_tx_bytes;
		}
		if (f->has_block) {
			d->value[METRIC_AT(M_DOMAIN_BLOCK_READS, DOMAIN)] = (double) f->block_reads;
			d->value[METRIC_AT(M_DOMAIN_BLOCK_WRITES, DOMAIN)] =
			    (double) f->block_writes;
		}
	}
}
