/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACKING_H
#define TRACKING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "metrics/record.h"
#include "metrics/sample.h"

/* Dirty tracking domain by domain: whether it is on, and the counters that accumulate, be it a
 * migration or not. Times are CLOCK_MONOTONIC; uuid is "" where the domain's is not known yet. */
struct tracking;

struct tracking *tracking_new(void);
void tracking_free(struct tracking *t);

/* Any log-dirty operation, before what it did is told below. False: it is no newer than this
 * process's last one, as when two sources tell the same, and does not count. */
bool tracking_operation(
    struct tracking *t, uint32_t domid, const char *uuid, pid_t pid, double began, double returned);

/* The operation told last turned it on, or off. */
void tracking_on(struct tracking *t, uint32_t domid, double at);
void tracking_off(struct tracking *t, uint32_t domid);

/* A harvest returned and found so many pages; until: when the guest could last dirty any; final: it is
 * paused. */
void tracking_harvest(struct tracking *t, uint32_t domid, double at, double until, uint32_t dirty,
    double seconds, bool final);

/* An EVENT_TRACE_WINDOW of the domain. */
void tracking_window(struct tracking *t, const struct event *e, const char *uuid);

/* A record ended: what its tracking cost is known only now, as a sample is weighed by its rounds
 * (metrics/overhead.h). */
void tracking_spent(struct tracking *t, const struct migration_record *r);

/* A round of pre-copy began. */
void tracking_round(struct tracking *t, uint32_t domid);

/* Something may have been missed: the next harvest cannot be set against a time. */
void tracking_missed(struct tracking *t, uint32_t domid);

bool tracking_is_on(const struct tracking *t, uint32_t domid);

/* True where the next harvest's count holds more than was dirtied since tracking went on: Xen sets it to 0 at
 * a harvest only, so that an earlier tracking that ended without one is still in it (seen in the lab: 8457 told,
 * 4234 sent; xen.git xen/arch/x86/mm/paging.c, paging_log_dirty_op). */
bool tracking_is_stale(const struct tracking *t, uint32_t domid);

/* True if this process turned it on and nothing was harvested since; ret_at tells when. */
bool tracking_begun_by(const struct tracking *t, uint32_t domid, pid_t pid, double *ret_at);

/* Writes the scope tracking and the domains' M_DOMAIN_TRACKED; forgets domains that went long ago.
 */
void tracking_tick(struct tracking *t, struct sample *s);

#endif
