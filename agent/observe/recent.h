/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RECENT_H
#define RECENT_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/record.h"
#include "metrics/sample.h"

/* Migrations that ended a short time ago, to be shown among the metrics a little longer. */
#define RECENT_SECONDS 600

struct recent {
	char id[RECORD_ID_SIZE];
	char uuid[UUID_SIZE];
	pid_t pid;
	enum direction direction;
	double ended, until; /* CLOCK_MONOTONIC */
	double value[VALUES(MIGRATION)];
};

struct recents {
	struct recent item[MAX_RECENT]; /* oldest first */
	size_t n;
};

/* now and ended: CLOCK_MONOTONIC. */
void recents_add(struct recents *x, const struct migration_record *r, double now, double ended);
/* Before those that are there already. */
void recents_add_older(struct recents *x, const struct migration_record *r, double ended);
void recents_expire(struct recents *x, double now);
bool recents_have_id(const struct recents *x, const char *id);

/* True if a migration of this domain ended at that time (CLOCK_MONOTONIC) or later. */
bool recents_ended_since(const struct recents *x, const char *uuid, double since);

/* True if a migration that this process carried ended at that time or later. */
bool recents_carried_since(const struct recents *x, pid_t pid, double since);

/* Adds a migration to the sample unless its domain has a newer one there. */
void recent_show(struct sample *s, const char *uuid, enum direction direction, const double *value);
void recents_show(const struct recents *x, struct sample *s);

/* The metrics of a record; now: seconds since 1970 by the record's own clock. */
void recent_values(const struct migration_record *r, double now, double *ret_value);

#endif
