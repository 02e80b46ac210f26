/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VIEW_H
#define VIEW_H

#include "advice/advice.h"
#include "metrics/record.h"
#include "metrics/sample.h"
#include "serve/pages.h"

#define MAX_RUNNING 64 /* migrations under way that are shown */

/* All that an answer is made from. Plain data; the serve half has one. */
struct view {
	const char *dir; /* of the RRD files and the journal, as this process sees it */
	unsigned step;	 /* seconds between two samples */
	unsigned shown;	 /* what /metrics has beside the rest: enum metrics_shown */
	char host_uuid[UUID_SIZE]; /* "" unknown */
	struct pages pages;
	struct advisor advisor;
	struct sample *sample;			       /* the newest; NULL: none has come yet */
	struct migration_record *running[MAX_RUNNING]; /* oldest first */
	size_t n_running;
	uint64_t generation; /* counts the changes */
};

void view_done(struct view *v);

/* What the link hands over; both take over what they get. A record that has ended leaves the list:
 * the journal has it by then. */
void view_set_sample(struct view *v, struct sample *s);
void view_set_record(struct view *v, struct migration_record *r);

/* Nothing new will come: what is there is shown on, and said to be stale. */
void view_set_stale(struct view *v);

#endif
