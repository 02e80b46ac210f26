/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PAST_H
#define PAST_H

#include "advice/estimator.h"
#include "store/store.h"

/* What the RRD files have of a VM's covariates, the newest 90 days. */

#define PAST_SECONDS (90 * 86400.0)
#define PAST_LEVELS 3
#define WEEK_HOURS 168 /* from Monday 0:00 UTC on */

struct past {
	struct series level[PAST_LEVELS][COVARIATES]; /* the finest and shortest first; COVARIATE_NONE has none */
};

/* Reads it; now: seconds since 1970. What the files do not have is unknown. */
void past_read(const char *dir, const char *uuid, double now, struct past *ret);
void past_done(struct past *p);

/* The mean of a covariate between two times, as finely as it is stored; NAN: unknown. */
double past_mean(const struct past *p, enum covariate c, double from, double to);

/* Its median for each hour of the week; NAN: unknown. */
void past_week(const struct past *p, enum covariate c, double ret[WEEK_HOURS]);

/* The hour of the week at a time. */
unsigned week_hour(double at);

#endif
