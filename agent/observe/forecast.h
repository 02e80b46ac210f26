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
	int32_t rounds; /* 0: no limit */
	int64_t pages;
	double seconds;
};

extern const struct stop_rule stop_rules[STOP_RULE_COUNT];

/* A rule by its name, or as ROUNDS:PAGES. -EINVAL: neither. */
int stop_rule_parse(const char *text, struct stop_rule *ret);

/* The newest of some values; n counts those that were forgotten, too. */
#define MAX_NEWEST 8
struct newest {
	unsigned n;
	double v[MAX_NEWEST];
};

/* What this host's newest migrations had in common. Zeroed: none was seen. */
struct habit {
	struct newest request; /* from the last page of the last round until the guest was paused, s */
	struct newest tail;    /* the final pass, less the time for its pages, s: where those were few */
	struct newest pace;    /* the final pass by the time that a round takes for its pages: where they were many */
	struct newest after;   /* downtime beyond the final pass, s */
	struct newest least;   /* pages that the calmest round dirtied, of guests not at rest */
	struct newest fixed, page; /* a round takes this and so much for each page, s */
	struct newest first;	   /* round 0, which walks holes, too, for each page of the guest, s */
};

/* Learns from a record that ended. */
void habit_learn(struct habit *h, const struct migration_record *r);

/* What round at (an index) and those before it tell of what is to come. What cannot be told stays unknown: a round
 * was not seen, a time is missing, or the rule was broken already. */
void forecast_make(const struct migration_record *r, size_t at, const struct stop_rule *rule, const struct habit *h,
    struct forecast *ret);

/* The same of a migration that has not begun, of a guest of so many pages, over the link that this host's migrations
 * had. like: its rounds' lengths and harvests tell how the guest dirties memory. */
void forecast_expect(const struct migration_record *like, int64_t pages, const struct stop_rule *rule,
    const struct habit *h, struct forecast *ret);

/* Distinct pages that the guest dirtied within a second, by the curve through the record's rounds, drawn so that all of
 * them together find as many as they did. NAN: no round tells. */
double forecast_rate(const struct migration_record *r);

#endif
