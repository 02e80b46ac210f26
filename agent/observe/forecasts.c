/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/forecasts.h"

#include <math.h>

#include "base/file.h"
#include "base/util.h"
#include "metrics/metric.h"

#define MAX_INVENTORY (64 * 1024)

int
forecasts_choose(struct forecasts *f, const char *rule, const char *inventory)
{
	_cleanup_(freep) char *text = NULL;

	f->xcp_ng = file_read(inventory, MAX_INVENTORY, &text, NULL) == 0 && strstr(text, "PRODUCT_BRAND='XCP-ng'");
	f->chosen = strcmp(rule, "auto") != 0;
	return f->chosen ? stop_rule_parse(rule, &f->rule) : 0;
}

const struct stop_rule *
forecasts_rule(const struct forecasts *f, enum toolstack toolstack, bool libxl)
{
	if (f->chosen)
		return &f->rule;
	switch (toolstack) {
	case TOOLSTACK_XL:
	case TOOLSTACK_LIBVIRT:
		return &stop_rules[STOP_RULE_LIBXC];
	case TOOLSTACK_XAPI:
		return &stop_rules[f->xcp_ng ? STOP_RULE_XCP_NG : STOP_RULE_XENSERVER];
	case TOOLSTACK_UNKNOWN:
		break;
	}
	return libxl ? &stop_rules[STOP_RULE_LIBXC] : NULL;
}

static bool
is_migration(const struct migration_record *r)
{
	return r->direction == DIRECTION_OUT || r->direction == DIRECTION_LOCAL;
}

void
forecasts_round(const struct forecasts *f, struct migration_record *r, bool libxl)
{
	const struct stop_rule *rule = forecasts_rule(f, r->toolstack, libxl);
	size_t at = r->n_rounds;

	while (at > 0 && isnan(r->round[at - 1].seconds))
		at--;
	if (rule && at > 0 && is_migration(r) && !r->final.begun && !r->round[at - 1].forecast.made)
		forecast_make(r, at - 1, rule, &f->habit, &r->round[at - 1].forecast);
}

void
forecasts_recall(struct forecasts *f, const struct migration_record *r)
{
	if (is_migration(r))
		habit_learn(&f->habit, r);
}

void
forecasts_ended(struct forecasts *f, const struct migration_record *r)
{
	struct forecast_error e;

	forecasts_recall(f, r);
	if (!record_forecast_error(r, &e) || isnan(e.total_ratio))
		return;
	f->judged++;
	f->total_error += e.total_ratio;
	if (e.rounds == UNSEEN)
		return;
	f->with_rounds++;
	f->rounds_error += e.rounds;
}

void
forecasts_show(const struct forecasts *f, double *value)
{
	value[METRIC_AT(M_HOST_FORECASTS, HOST)] = (double) f->judged;
	value[METRIC_AT(M_HOST_FORECAST_ERROR, HOST)] = f->judged ? f->total_error / (double) f->judged : NAN;
	value[METRIC_AT(M_HOST_FORECAST_ROUNDS_ERROR, HOST)] =
	    f->with_rounds ? f->rounds_error / (double) f->with_rounds : NAN;
}
