/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ESTIMATOR_H
#define ESTIMATOR_H

#include <stdbool.h>
#include <stddef.h>

/* From what is always measured of a VM to its dirty rate, which is not: a factor, calibrated on the few windows in
 * which both were seen. docs/advice.md has the model. */

enum covariate {
	COVARIATE_NONE, /* 1 at any time: the rate is taken for constant */
	COVARIATE_CPU,
	COVARIATE_NETWORK,
	COVARIATE_BLOCK_WRITES,
	COVARIATES
};

const char *covariate_name(enum covariate c);

/* A window: a migration or a probe. */
struct measured {
	double rate;	       /* pages/s */
	double of[COVARIATES]; /* in that time; NAN: unknown */
};

struct estimator {
	enum covariate by;
	double factor; /* pages/s for each unit of it */
	double error;  /* leaving one out: the mean of what the estimates miss, by the mean of the rates */
	size_t n;      /* windows that it was calibrated on */
};

#define MIN_WINDOWS 5
#define MAX_WINDOWS 32

/* By the covariate with the least error among those that are known in MIN_WINDOWS of the windows; n: MAX_WINDOWS at
 * most. False: there is none. */
bool estimator_fit(const struct measured *windows, size_t n, struct estimator *ret);

/* Sorts v[n], n > 0. */
double median(double *v, size_t n);

#endif
