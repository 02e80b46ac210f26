/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/guard.h"

#include <errno.h>
#include <math.h>

#include "base/log.h"
#include "base/util.h"

#define MAX_TURNED_OFF 8
#define NO_DOMAIN 0x7ff4u /* DOMID_INVALID, public/xen.h */

/* A domain whose tracking was turned off here. */
struct turned_off {
	struct guest_id guest;
	bool settled;	 /* nobody else was about to turn it on */
	double returned; /* the hypercall; CLOCK_MONOTONIC */
};

struct guard {
	const struct probe_hooks *hooks;
	struct hv *hv;

	/* the domain that is watched */
	bool watching;
	struct guest_id guest;
	bool enabled; /* by us: our own ENABLE must be seen */
	bool own_seen, test_seen;
	bool touched, taken;
	char who[48];
	uint64_t lost;

	struct turned_off off[MAX_TURNED_OFF]; /* a ring */
	size_t n_off;
};

struct guard *
guard_new(const struct probe_hooks *hooks)
{
	struct guard *g = xcalloc(1, sizeof(*g));

	g->hooks = hooks;
	return g;
}

void
guard_free(struct guard *g)
{
	free(g);
}

void
guard_set_hv(struct guard *g, struct hv *hv)
{
	g->hv = hv;
}

static void
watch(struct guard *g, const struct guest_id *guest, bool enabled)
{
	g->hooks->look(g->hooks->arg); /* what is older does not count */
	g->watching = true;
	g->guest = *guest;
	g->enabled = enabled;
	g->own_seen = g->touched = g->taken = false;
	g->who[0] = '\0';
	g->lost = g->hooks->lost(g->hooks->arg);
}

void
guard_watch(struct guard *g, const struct guest_id *guest)
{
	watch(g, guest, false);
}

/* An operation on a domain that cannot be: Xen refuses it, and the kernel's probe must tell of it.
 */
static bool
sees(struct guard *g)
{
	g->test_seen = false;
	(void) g->hv->ops->logdirty(g->hv, NO_DOMAIN, HV_LOGDIRTY_ENABLE, NULL);
	g->hooks->look(g->hooks->arg);
	return g->test_seen;
}

int
guard_enable(struct guard *g, const struct guest_id *guest)
{
	int r;

	if (!sees(g))
		return -ENODATA;
	watch(g, guest, true);
	r = g->hv->ops->logdirty(g->hv, guest->domid, HV_LOGDIRTY_ENABLE, NULL);
	if (r < 0)
		g->watching = false;
	else
		g->hooks->look(g->hooks->arg);
	return r;
}

enum guard_verdict
guard_verdict(const struct guard *g)
{
	if (g->taken)
		return GUARD_TAKEN;
	if (g->touched)
		return GUARD_TOUCHED;
	if (!g->watching || (g->enabled && !g->own_seen) ||
	    g->hooks->lost(g->hooks->arg) != g->lost)
		return GUARD_BLIND;
	return GUARD_OURS;
}

const char *
guard_who(const struct guard *g)
{
	return *g->who ? g->who : "another program";
}

int
guard_off(struct guard *g)
{
	struct turned_off *t;
	int r;

	g->hooks->look(g->hooks->arg);
	if (guard_verdict(g) != GUARD_OURS)
		return -EPERM;
	if (migrations_probe_allowed(g->hooks->migrations, g->guest.domid) == -EBUSY)
		return -EBUSY;
	r = g->hv->ops->logdirty(g->hv, g->guest.domid, HV_LOGDIRTY_OFF, NULL);
	if (r < 0)
		return r;
	t = &g->off[g->n_off++ % MAX_TURNED_OFF];
	*t = (struct turned_off){.guest = g->guest, .returned = g->hooks->clock().mono};
	g->watching = false;
	g->hooks->look(g->hooks->arg);
	return 0;
}

void
guard_leave(struct guard *g)
{
	g->watching = false;
}

bool
guard_has_turned_off(const struct guard *g, const char *uuid)
{
	for (size_t i = 0; i < MIN(g->n_off, MAX_TURNED_OFF); i++)
		if (strcmp(g->off[i].guest.uuid, uuid) == 0)
			return true;
	return false;
}

/* Another's ENABLE that began before our OFF returned and was not seen before it: nobody can tell
 * which of the two Xen did first. If tracking is on, Xen refuses this one and nothing changes. */
static void
put_back(struct guard *g, const struct event *e)
{
	double began = isnan(e->seconds) ? e->at : e->at - e->seconds;
	size_t n = MIN(g->n_off, MAX_TURNED_OFF);
	int r;

	for (size_t i = 0; i < n; i++) {
		struct turned_off *t = &g->off[i];

		if (t->settled || t->guest.domid != e->domid || began > t->returned)
			continue;
		r = g->hv ? g->hv->ops->logdirty(g->hv, e->domid, HV_LOGDIRTY_ENABLE, NULL)
			  : -ENODEV;
		if (r == 0)
			log_warn("probe",
			    "domain %u: %s (pid %d) began to track at the moment of our end: "
			    "tracking "
			    "was turned on again for it",
			    e->domid, e->comm, (int) e->pid);
		else if (r != -EINVAL)
			log_err("probe",
			    "domain %u: %s (pid %d) began to track at the moment of our end, and "
			    "tracking "
			    "cannot be turned on again (%s): end that migration, its copy may lack "
			    "pages",
			    e->domid, e->comm, (int) e->pid, strerror(-r));
		t->settled = true;
	}
}

static bool
is_enable(const struct event *e)
{
	return e->op == SHADOW_OP_ENABLE_LOGDIRTY || e->op == SHADOW_OP_ENABLE;
}

void
guard_event(struct guard *g, const struct event *e)
{
	bool watched = g->watching && e->domid == g->guest.domid;

	if (e->kind != EVENT_SHADOW_OP || e->op == SHADOW_OP_PEEK)
		return;
	if (e->pid == getpid()) {
		if (watched && e->source == SOURCE_BPF && is_enable(e) && e->result >= 0)
			g->own_seen = true;
		if (e->domid == NO_DOMAIN && e->source == SOURCE_BPF)
			g->test_seen = true;
		return;
	}
	if (watched) {
		g->touched = true;
		g->taken = g->taken || e->result >= 0;
		(void) snprintf(g->who, sizeof(g->who), "%s (pid %d)", e->comm, (int) e->pid);
	}
	if (e->source == SOURCE_BPF && is_enable(e) && e->result >= 0)
		put_back(g, e);
}
