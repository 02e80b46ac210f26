/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ADVICE_H
#define ADVICE_H

#include "advice/estimator.h"
#include "advice/past.h"
#include "observe/forecasts.h"

/* Advice for one VM: when to migrate it, and what to expect then and now. Made when somebody asks, from the journal and
 * the RRD files, in bounded work; docs/advice.md has the model. */

#define MAX_ERROR 0.5 /* of an estimator; beyond it nothing is told */
#define MAX_BEST 5

/* What serve the rules of the toolstacks: read before the serve half loses sight of the host's files. Zeroed: each
 * toolstack has its own. */
struct advisor {
	struct forecasts rules;
};

/* stop_rule: that option. */
void advisor_init(struct advisor *a, const char *stop_rule);

struct advised {
	const char *dir; /* of the RRD files and the journal */
	const char *uuid;
	int64_t pages; /* that the guest has */
	double now;    /* seconds since 1970 */
};

/* All figures are estimates, but for the counts of windows. Rates are pages/s. */
struct advice {
	unsigned migrations, probes; /* that were measured: windows */
	bool truncated;		     /* the journal was too long to look at all of it */
	bool known;
	char missing[NOTE_SIZE]; /* what would let it tell, or tell more, a sentence; "" nothing */
	struct estimator estimator;
	double rate;		 /* now; NAN */
	struct forecast now, then; /* then: in the best hour */
	double hour[WEEK_HOURS]; /* the rate in each; NAN */
	struct best_hour {
		unsigned hour; /* of the week */
		double rate, next; /* when it begins next, seconds since 1970 */
	} best[MAX_BEST]; /* the lowest rate first */
	size_t n_best;
};

/* -errno: the journal cannot be read. */
int advice_make(const struct advisor *a, const struct advised *vm, struct advice *ret);

#endif
