/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OBSERVE_OVERHEAD_H
#define OBSERVE_OVERHEAD_H

#include "metrics/event.h"
#include "metrics/record.h"

/* Trace windows into records: whose they are, and what they tell of the tracking mode. The figures are made by
 * metrics/overhead.h. */

/* Fewer pages in traced windows than these prove nothing. */
#define EVIDENCE_PAGES 64

/* Adds an EVENT_TRACE_WINDOW to the record's sums and to those of the pass in which its middle lies; one that
 * began before the guest was paused is the last round's, since a paused guest has no exits. Counts of its time what
 * lies between the beginning of tracking and OFF. vcpus: online in the domain, or UNSEEN. ret_over: that pass was
 * over before. False: nothing of the window lies in the tracking. */
bool overhead_take(
    struct migration_record *r, const struct event *e, int32_t vcpus, bool *ret_over);

/* Tracking was seen to last until then, seconds since 1970. */
void overhead_tracked(struct migration_record *r, double until);

/* The mode that the record's windows prove (design, section 2, "Tracking mode"), or TRACKING_UNKNOWN; host: what this
 * host's features say of it. ret_note: a sentence where the two do not fit, else "".
 *
 * Violations that may all be first writes to superpages prove no write protection where the host has PML: a guest has
 * no more superpages than its memory, and none is split twice while it is tracked. */
enum tracking_mode overhead_mode(
    const struct migration_record *r, enum tracking_mode host, char ret_note[NOTE_SIZE]);

#endif
