/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "advice/estimator.h"

#include <math.h>
#include <stdlib.h>

const char *
covariate_name(enum covariate c)
{
	static const char *const names[COVARIATES] = {"none", "cpu", "network", "block_writes"};

	return names[c];
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

double
median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

/* The median of rate by covariate, which a window unlike the others does not move; without one of them (n: with all).
 * NAN: none tells. */
static double
factor_without(const struct measured *windows, size_t n, enum covariate by, size_t without)
{
	double ratio[MAX_WINDOWS];
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (i != without && windows[i].of[by] > 0)
			ratio[k++] = windows[i].rate / windows[i].of[by];
	return k ? median(ratio, k) : NAN;
}

static struct estimator
fit_by(const struct measured *windows, size_t n, enum covariate by)
{
	struct estimator e = {.by = by, .factor = factor_without(windows, n, by, n)};
	double missed = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		const struct measured *m = &windows[i];

		if (isnan(m->of[by]))
			continue;
		missed += fabs(factor_without(windows, n, by, i) * m->of[by] - m->rate);
		all += m->rate;
		e.n++;
	}
	e.error = missed == 0 ? 0 : missed / all;
	return e;
}

bool
estimator_fit(const struct measured *windows, size_t n, struct estimator *ret)
{
	*ret = (struct estimator){.error = INFINITY};
	for (enum covariate by = 0; by < COVARIATES; by++) {
		struct estimator e = fit_by(windows, n, by);

		if (e.n >= MIN_WINDOWS && e.error < ret->error)
			*ret = e;
	}
	return isfinite(ret->error);
}
