/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_RECORD_H
#define PROBE_RECORD_H

#include "observe/migration.h"

/* What xenscope probe needs of the state machine: whether a domain may be touched, and a record of
 * what was measured, with direction "probe". Its rounds are the probe's intervals. One probe at a
 * time. */

struct guest_id {
	uint32_t domid;
	char uuid[UUID_SIZE], name[NAME_SIZE];
};

/* The domain of the last sample that has this number, uuid or name. -ENOENT; -ENOTUNIQ: it fits
 * several. */
int migrations_find(const struct migrations *m, const char *text, struct guest_id *ret);

/* 0: no one tracks the domain, and if somebody begins to, it will be seen. -EBUSY: it is being
 * migrated or saved, or a process that does such things lives (the running probe's own record does
 * not count); -EALREADY: tracking is on, as far as was seen; -ENODATA: log-dirty operations are not
 * seen in the kernel. */
int migrations_probe_allowed(const struct migrations *m, uint32_t domid);

/* The first interval began at the monotonic time at. -ENOSPC: too many records are under way. */
int migrations_probe_begin(
    struct migrations *m, const struct guest_id *guest, const struct tick *now, double at);

/* The interval ended in which so many pages (UNSEEN: not known) were dirtied for the first time;
 * the next one begins unless it was the last. */
void migrations_probe_interval(struct migrations *m, double at, int64_t dirtied, bool last);

/* at: the end. left_on: nobody has turned tracking off. Without a probe nothing happens. */
void migrations_probe_end(
    struct migrations *m, double at, enum record_result result, const char *reason, bool left_on);

/* The record's id; "" without a probe. Holds until the next call of anything here. */
const char *migrations_probe_id(const struct migrations *m);

#endif
