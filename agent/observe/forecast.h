/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FORECAST_H
#define FORECAST_H

#include "metrics/record.h"

/* What is to be expected of a migration after some of its rounds: the model is described, with its sources and its
 * measured error, in docs/forecast.md. Nothing here remembers anything. */

enum stop_rule_id {
#define STOP_RULE(id, ...) STOP_RULE_##id,
#include "observe/stop_rules.def"
	STOP_RULE_COUNT
};

struct stop_rule {
	const char *name;
	int32_t rounds;
	int64_t pages;
	double seconds;
};

extern const struct stop_rule stop_rules[STOP_RULE_COUNT];

/* A rule by its name, or as ROUNDS:PAGES. -EINVAL: neither. */
int stop_rule_parse(const char *text, struct stop_rule *ret);

/* What the pauses of this host's earlier migrations took beside sending pages. Zeroed: none was seen. */
struct pause_habit {
	unsigned n;
	double request; /* from the last page of the last round until the guest was paused, s */
	double tail;	/* from there to the end, less the time for the pages left, s */
};

/* Learns from a record that ended; of the newest few it keeps a mean. */
void pause_learn(struct pause_habit *h, const struct migration_record *r);

/* How long the pages that are sent while the guest is paused keep it so, and all of it: what is known of round at
 * (an index) and those before it makes the forecast. What cannot be told stays unknown: where a round was not seen, a
 * time is missing, or the rule was broken already. */
void forecast_make(const struct migration_record *r, size_t at, const struct stop_rule *rule,
    const struct pause_habit *h, struct forecast *ret);

#endif
