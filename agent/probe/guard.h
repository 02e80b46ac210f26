/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GUARD_H
#define GUARD_H

#include "hv/hv.h"
#include "metrics/event.h"
#include "probe/hooks.h"

/* Dirty tracking is one switch of a domain, and Xen does not tell whose. A migration that finds it
 * on turns it off and on again (libxc's enable_logdirty), and from then on an OFF of ours would
 * make it lose pages without a word. So the guard watches all operations on the domain that the
 * kernel's probe sees, turns tracking off only while nobody else has touched it, looks again
 * afterwards, and where another's ENABLE came just before ours OFF, turns it on again at once:
 * libxc sends its first page later than that. */
struct guard;

enum guard_verdict {
	GUARD_OURS,    /* nobody has touched it since */
	GUARD_TOUCHED, /* another program tried to turn it on and could not: it will take it over */
	GUARD_TAKEN,   /* another program turned it on or off, or harvested: it is its own now */
	GUARD_BLIND,   /* an operation may have been missed */
};

/* The hooks stay the caller's. */
struct guard *guard_new(const struct probe_hooks *hooks);
void guard_free(struct guard *g);
void guard_set_hv(struct guard *g, struct hv *hv);

/* Watches a domain from now on, whose tracking somebody left on. */
void guard_watch(struct guard *g, const struct guest_id *guest);

/* Turns tracking on and watches. -ENODATA: the kernel's probe does not show this agent's own
 * operations; -errno of hv_ops.logdirty; then nothing has changed. */
int guard_enable(struct guard *g, const struct guest_id *guest);

/* Of the domain that is watched, from all events so far; looks for none. */
enum guard_verdict guard_verdict(const struct guard *g);

/* Who touched it, for a person: "libxl-save-help (pid 265)". */
const char *guard_who(const struct guard *g);

/* Looks, turns tracking off if it is ours, looks again; the watch ends. -EPERM: it is not, see the
 * verdict; -EBUSY: another program is about to track the domain, or has an operation under way.
 * Other -errno: Xen refused. */
int guard_off(struct guard *g);

/* Ends the watch without touching anything. */
void guard_leave(struct guard *g);

/* True if the domain is among the last that guard_off turned tracking off for. */
bool guard_has_turned_off(const struct guard *g, const char *uuid);

/* Each event of the observers. */
void guard_event(struct guard *g, const struct event *e);

#endif
