/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "advice/past.h"

#include <math.h>

#include "base/util.h"

#define HOUR 3600.0
#define MONDAY_HOURS 72 /* 1970-01-01 was a Thursday */
#define MAX_WEEKS 16	/* more than the archive of hours has */

/* Archives of the design, section 4: their steps, and how far they reach back. */
static const struct {
	double step, reach;
} levels[PAST_LEVELS] = {{60, 86400}, {900, 7 * 86400.0}, {HOUR, PAST_SECONDS}};

/* What is read: the first ones are covariates, what was sent is added to what was received. */
static const enum metric_id metrics[COVARIATES] = {
    [COVARIATE_CPU - 1] = M_DOMAIN_CPU,
    [COVARIATE_NETWORK - 1] = M_DOMAIN_NET_RX,
    [COVARIATE_BLOCK_WRITES - 1] = M_DOMAIN_BLOCK_WRITES,
    [COVARIATES - 1] = M_DOMAIN_NET_TX,
};

static void
read_level(struct stored *stored, const char *uuid, double now, size_t level, struct series ret[COVARIATES])
{
	/* a step less, so that the archive reaches back to it */
	double start = MAX(now - levels[level].reach + levels[level].step, 0);
	struct series x[COVARIATES];

	if (store_read(stored, uuid, metrics, COVARIATES, "AVERAGE", start, now, levels[level].step, x) < 0)
		return;
	for (size_t i = 0; i < x[0].n; i++)
		x[COVARIATE_NETWORK - 1].values[i] += x[COVARIATES - 1].values[i];
	series_free(&x[COVARIATES - 1], 1);
	memcpy(&ret[COVARIATE_CPU], x, (COVARIATES - 1) * sizeof(*x));
}

void
past_read(const char *dir, const char *uuid, double now, struct past *ret)
{
	struct stored *stored = NULL;

	memset(ret, 0, sizeof(*ret));
	if (stored_open(dir, &stored) < 0)
		return;
	for (size_t i = 0; i < PAST_LEVELS; i++)
		read_level(stored, uuid, now, i, ret->level[i]);
	stored_close(stored);
}

void
past_done(struct past *p)
{
	for (size_t i = 0; i < PAST_LEVELS; i++)
		series_free(p->level[i], COVARIATES);
}

/* Of the steps that overlap. */
static double
series_mean(const struct series *x, double from, double to)
{
	double sum = 0;
	size_t n = 0;

	if (x->n == 0 || !(from >= x->start && to >= from))
		return NAN;
	for (size_t i = 0; i < x->n; i++) {
		double begin = x->start + (double) i * x->step;

		if (begin > to || begin + x->step <= from || isnan(x->values[i]))
			continue;
		sum += x->values[i];
		n++;
	}
	return n ? sum / (double) n : NAN;
}

double
past_mean(const struct past *p, enum covariate c, double from, double to)
{
	double mean = NAN;

	if (c == COVARIATE_NONE)
		return 1;
	for (size_t i = 0; i < PAST_LEVELS && isnan(mean); i++)
		mean = series_mean(&p->level[i][c], from, to);
	return mean;
}

unsigned
week_hour(double at)
{
	return (unsigned) fmod(floor(at / HOUR) + MONDAY_HOURS, WEEK_HOURS);
}

void
past_week(const struct past *p, enum covariate c, double ret[WEEK_HOURS])
{
	const struct series *x = &p->level[PAST_LEVELS - 1][c];
	double value[WEEK_HOURS][MAX_WEEKS];
	size_t n[WEEK_HOURS] = {0};

	for (size_t i = 0; i < x->n && x->step < 2 * HOUR; i++) {
		unsigned h = week_hour(x->start + ((double) i + 0.5) * x->step);

		if (!isnan(x->values[i]) && n[h] < MAX_WEEKS)
			value[h][n[h]++] = x->values[i];
	}
	for (size_t h = 0; h < WEEK_HOURS; h++)
		ret[h] = c == COVARIATE_NONE ? 1 : n[h] ? median(value[h], n[h]) : NAN;
}
