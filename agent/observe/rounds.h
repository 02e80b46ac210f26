/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ROUNDS_H
#define ROUNDS_H

#include <stdbool.h>

#include "metrics/record.h"
#include "observe/forecast.h"

/* The rounds of a record, made from the log-dirty operations of libxc's loop (xen.git
 * tools/libs/guest/xg_sr_save.c, send_memory_live; the same since 4.10):
 *
 *   ENABLE_LOGDIRTY      round 0 begins: all page frames
 *   CLEAN finds d > 0    the round ends, the next begins and sends those d, also when d is so few
 * that it is the last one: they are sent before the guest is paused (seen in the lab: 38 of 38)
 *   CLEAN finds 0        the round ends; none begins unless another CLEAN follows
 *   CLEAN, mode FINAL    the guest is paused; the harvest of the last round, and what the final
 * pass sends OFF                  the end, be it good or bad
 *
 * So the CLEANs 4264, 1131, 429, 221 and the final 489 are five rounds: 0 to 4, the last of which
 * sent 221 pages while the guest dirtied 489, which are final.pages.
 *
 * Times are the record's: seconds since 1970. */

struct harvest {
	double at, seconds; /* when it returned, how long it took (or NAN) */
	int64_t dirty;	 /* UNSEEN: Xen told more than was dirtied */
	uint64_t frames; /* of the guest's physical space, 0 unknown */
	bool whole;	 /* nothing was missed since the operation before */
};

/* What libxc calls its pass, as far as it is told; of use when rounds were missed. Zeroed: nothing.
 */
struct pass_name {
	bool given;
	uint32_t number;
	double at;
	double harvest_seconds; /* of the harvest that came when nobody knew whose it was */
};

/* The round that began, or NULL if there is one already. */
const struct round *rounds_enable(struct migration_record *r, double at);

/* The round that ended, or NULL if nobody knows which one; ret_begun tells whether another began.
 */
const struct round *rounds_harvest(
    struct migration_record *r, const struct harvest *h, struct pass_name *name, bool *ret_begun);

/* The first harvest of the paused guest; a later one (a checkpointed stream) changes nothing:
 * false. */
bool rounds_final(struct migration_record *r, const struct harvest *h);

/* libxc said that the guest is suspended. */
void rounds_suspended(struct migration_record *r, double at);

/* A pass was through: the final one, or one after which libxc asks the guest to suspend itself if it was the last. */
void rounds_through(struct migration_record *r, double at);

/* libxc named a pass before the final one. True when rounds got their numbers by it. */
bool rounds_named(struct migration_record *r, struct pass_name *name, uint32_t number, double at);

/* libxc sends that many pages (frames in round 0) in this pass. */
bool rounds_total(struct migration_record *r, uint32_t number, uint64_t total);

/* A source says so of a round for which a better one has another figure. */
bool rounds_contradict(const struct migration_record *r, uint32_t number, uint64_t total);

/* The sums over what has been sent, and why pre-copy stopped by the toolstack's rule; NULL: nobody can tell it. */
void rounds_sum(struct migration_record *r);
void rounds_stop_reason(struct migration_record *r, const struct stop_rule *rule);

#endif
