/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNTRACK_H
#define UNTRACK_H

#include <stddef.h>

#include "hv/hv.h"
#include "probe/guard.h"
#include "probe/hooks.h"
#include "probe/probe.h"

/* Turning off the dirty tracking that a probe, or a migration whose sender died, left on. */

/* 0: it may be done, and text says what it would do; -errno: text says why not. -ENODATA: nobody
 * knows that it was left on. */
int untrack_allowed(const struct probe_hooks *hooks, struct hv *hv, struct guard *guard,
    struct probe *probe, const struct guest_id *guest, char *text, size_t n);

/* Does it: 0 or -errno, and text says what happened. */
int untrack(const struct probe_hooks *hooks, struct hv *hv, struct guard *guard,
    struct probe *probe, const struct guest_id *guest, char *text, size_t n);

#endif
