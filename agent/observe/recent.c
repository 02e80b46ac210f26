/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/recent.h"

#include <math.h>

#include "base/util.h"

static void
set(struct recent *item, const struct migration_record *r, double now, double ended)
{
	memset(item, 0, sizeof(*item));
	str_copy(item->id, sizeof(item->id), r->id);
	str_copy(item->uuid, sizeof(item->uuid), r->uuid);
	item->pid = r->pid;
	item->direction = r->direction;
	item->ended = ended;
	item->until = now + RECENT_SECONDS;
	recent_values(r, NAN, item->value);
}

void
recents_add(struct recents *x, const struct migration_record *r, double now, double ended)
{
	if (x->n == MAX_RECENT)
		memmove(x->item, x->item + 1, --x->n * sizeof(*x->item));
	set(&x->item[x->n++], r, now, ended);
}

void
recents_add_older(struct recents *x, const struct migration_record *r, double ended)
{
	if (x->n == MAX_RECENT)
		return;
	memmove(x->item + 1, x->item, x->n++ * sizeof(*x->item));
	set(&x->item[0], r, ended, ended);
}

void
recents_expire(struct recents *x, double now)
{
	size_t old = 0;

	while (old < x->n && x->item[old].until < now)
		old++;
	x->n -= old;
	memmove(x->item, x->item + old, x->n * sizeof(*x->item));
}

bool
recents_have_id(const struct recents *x, const char *id)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->item[i].id, id) == 0)
			return true;
	return false;
}

bool
recents_ended_since(const struct recents *x, const char *uuid, double since)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->item[i].uuid, uuid) == 0 && x->item[i].ended >= since)
			return true;
	return false;
}

bool
recents_carried_since(const struct recents *x, pid_t pid, double since)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->item[i].pid == pid && x->item[i].ended >= since)
			return true;
	return false;
}

void
recent_show(struct sample *s, const char *uuid, enum direction direction, const double *value)
{
	struct sample_migration *m;

	for (size_t i = 0; i < s->n_migrations; i++)
		if (strcmp(s->migration[i].uuid, uuid) == 0)
			return;
	m = *uuid ? sample_add_migration(s) : NULL;
	if (!m)
		return;
	str_copy(m->uuid, sizeof(m->uuid), uuid);
	m->direction = direction;
	memcpy(m->value, value, sizeof(m->value));
}

void
recents_show(const struct recents *x, struct sample *s)
{
	for (size_t i = x->n; i-- > 0;)
		recent_show(s, x->item[i].uuid, x->item[i].direction, x->item[i].value);
}

/* What was foretold is of use until it comes; after that its error is. */
static void
forecast_values(const struct migration_record *r, double *v)
{
	const struct forecast *f = r->result == RESULT_RUNNING ? record_forecast(r) : NULL;
	bool known = f && f->outlook != OUTLOOK_UNKNOWN;
	struct forecast_error e = {.total_ratio = NAN};

	(void) record_forecast_error(r, &e);
	v[METRIC_AT(M_MIGRATION_CONVERGING, MIGRATION)] = known ? f->outlook == OUTLOOK_CONVERGES : NAN;
	v[METRIC_AT(M_MIGRATION_EXPECTED_ROUNDS, MIGRATION)] = f && f->rounds != UNSEEN ? f->rounds : NAN;
	v[METRIC_AT(M_MIGRATION_EXPECTED_TIME, MIGRATION)] = f ? f->total_seconds : NAN;
	v[METRIC_AT(M_MIGRATION_EXPECTED_DOWNTIME, MIGRATION)] = f ? f->downtime_seconds : NAN;
	v[METRIC_AT(M_MIGRATION_FORECAST_ERROR, MIGRATION)] = e.total_ratio;
}

void
recent_values(const struct migration_record *r, double now, double *ret_value)
{
	double *v = ret_value;
	int64_t dirtied = r->final.pages;

	for (size_t i = r->n_rounds; dirtied == UNSEEN && i-- > 0;)
		dirtied = r->round[i].pages_dirtied;
	v[METRIC_AT(M_MIGRATION_RUNNING, MIGRATION)] = r->result == RESULT_RUNNING;
	v[METRIC_AT(M_MIGRATION_ROUNDS, MIGRATION)] = r->rounds_begun;
	v[METRIC_AT(M_MIGRATION_DIRTIED, MIGRATION)] = dirtied == UNSEEN ? NAN : (double) dirtied;
	v[METRIC_AT(M_MIGRATION_DURATION, MIGRATION)] =
	    (r->result == RESULT_RUNNING ? now : r->ended) - r->started;
	v[METRIC_AT(M_MIGRATION_DOWNTIME, MIGRATION)] = r->result == RESULT_RUNNING ? NAN : r->downtime_seconds;
	v[METRIC_AT(M_MIGRATION_COMPLETED, MIGRATION)] =
	    r->result == RESULT_RUNNING ? NAN : r->result == RESULT_COMPLETED;
	v[METRIC_AT(M_MIGRATION_ENDED, MIGRATION)] = r->ended;
	forecast_values(r, v);
}
