/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include "hv/hv.h"
#include "metrics/sample.h"

struct config;

/* Runs the rows of collectors.def, each at its interval, with back-off while it fails. */
struct collectors;

struct collectors *collectors_new(const struct config *config);
void collectors_free(struct collectors *c);

/* Fills the sample: each collector's values, or those of its last run while it is not due, and what it
 * says about itself. hv answers; tracked tells whether a domain must not be paused now. */
void collectors_run(struct collectors *c, struct hv *hv, const struct tick *now, struct sample *s);

/* A domain came, went or changed its name in xenstore. */
void collectors_change(struct collectors *c, struct hv *hv, const struct hv_change *change);

/* Names a domain whose tracking is on (its CR4 is then not read) or off again. */
void collectors_set_tracked(struct collectors *c, uint32_t domid, bool tracked);

/* Seconds until a failing collector is asked again: doubles up to a limit, back to normal at success or
 * when there is nothing of its kind (-ENODATA). */
double collector_next_interval(double normal, double current, int result);

#endif
