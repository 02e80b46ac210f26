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

#define MAX_HABIT 8

/* What this host's newest migrations had in common. Zeroed: none was seen. */
struct habit {
	unsigned n; /* migrations learned from; the newest MAX_HABIT are kept */
	double request[MAX_HABIT]; /* from the last page of the last round until the guest was paused, s */
	double tail[MAX_HABIT];	   /* from there to the end, less the time for the pages left by the last round, s */
	double least[MAX_HABIT];   /* pages that the calmest round dirtied */
};

/* Learns from a record that ended. */
void habit_learn(struct habit *h, const struct migration_record *r);

/* What round at (an index) and those before it tell of what is to come. What cannot be told stays unknown: a round
 * was not seen, a time is missing, or the rule was broken already. */
void forecast_make(const struct migration_record *r, size_t at, const struct stop_rule *rule, const struct habit *h,
    struct forecast *ret);

#endif
