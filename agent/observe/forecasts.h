/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FORECASTS_H
#define FORECASTS_H

#include <stdbool.h>

#include "metrics/record.h"
#include "observe/forecast.h"

/* What the state machine knows of forecasts beside its records: the toolstacks' rules, what pauses take on this host,
 * and how good the forecasts were. Zeroed: nothing. */
struct forecasts {
	bool chosen; /* rule holds for every toolstack */
	bool xcp_ng;
	struct stop_rule rule;
	struct habit habit;
	uint64_t judged, with_rounds; /* records that ended since the agent's start; with rounds to compare */
	double total_error, rounds_error; /* sums over those */
};

/* rule: the option stop_rule; "auto" goes by the toolstack, and on a xapi host by the brand in the inventory. -EINVAL:
 * no such rule. */
int forecasts_choose(struct forecasts *f, const char *rule, const char *inventory);

/* The toolstack's rule. libxl: libxl-save-helper carries the migration. NULL: nobody can tell. */
const struct stop_rule *forecasts_rule(const struct forecasts *f, enum toolstack toolstack, bool libxl);

/* Makes the forecast of the newest round that is over, unless it is made. libxl: as above. */
void forecasts_round(const struct forecasts *f, struct migration_record *r, bool libxl);

/* A record ended: now, or under an earlier agent. */
void forecasts_ended(struct forecasts *f, const struct migration_record *r);
void forecasts_recall(struct forecasts *f, const struct migration_record *r);

/* Writes the values of scope host. */
void forecasts_show(const struct forecasts *f, double *value);

#endif
