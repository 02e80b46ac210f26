/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/tracking.h"

#include <math.h>

#include "base/util.h"
#include "metrics/overhead.h"

#define KEEP_SECONDS 600 /* counters of a domain that is gone */
#define NO_DOMAIN UINT32_MAX

struct tracked {
	char uuid[UUID_SIZE];
	uint32_t domid; /* NO_DOMAIN: gone */
	bool on, harvested;
	bool ever;    /* was on: there is something to show */
	bool counted; /* Xen's count of it may hold pages that no harvest has told */
	bool stale;   /* and did so when tracking last went on */
	pid_t pid;    /* of the newest operation */
	pid_t by;     /* who turned it on last */
	double last;  /* when that returned */
	double since; /* tracking went on, or the last harvest returned; NAN: not seen */
	double seen;  /* the domain was there */
	double begun, ended; /* the newest tracking; NAN: not seen, or not yet */
	double believed; /* from here on its harvests count: not while stale */
	double value[VALUES(TRACKING)];
};

#define COUNTER(e, id) ((e)->value[METRIC_AT(M_TRACKING_##id, TRACKING)])

struct tracking {
	struct tracked *entry;
	size_t n, room;
};

struct tracking *
tracking_new(void)
{
	return xcalloc(1, sizeof(struct tracking));
}

void
tracking_free(struct tracking *t)
{
	if (!t)
		return;
	free(t->entry);
	free(t);
}

static struct tracked *
find(const struct tracking *t, uint32_t domid)
{
	for (size_t i = 0; domid != NO_DOMAIN && i < t->n; i++)
		if (t->entry[i].domid == domid)
			return &t->entry[i];
	return NULL;
}

static struct tracked *
find_gone(const struct tracking *t, const char *uuid)
{
	for (size_t i = 0; *uuid && i < t->n; i++)
		if (t->entry[i].domid == NO_DOMAIN && strcmp(t->entry[i].uuid, uuid) == 0)
			return &t->entry[i];
	return NULL;
}

/* The domain's counters; those of its uuid are taken up again when it comes back under another
 * number. NULL: there are MAX_TRACKED already. */
static struct tracked *
take(struct tracking *t, uint32_t domid, const char *uuid, double now)
{
	struct tracked *e = find(t, domid);

	if (e && *uuid && *e->uuid && strcmp(e->uuid, uuid) != 0) { /* the number was given again */
		e->domid = NO_DOMAIN;
		e->on = false;
		e = NULL;
	}
	if (!e)
		e = find_gone(t, uuid);
	if (!e) {
		if (t->n == MAX_TRACKED)
			return NULL;
		if (t->n == t->room) {
			t->room = t->room ? t->room * 2 : 16;
			t->entry = xrealloc(t->entry, t->room * sizeof(*t->entry));
		}
		e = &t->entry[t->n++];
		memset(e, 0, sizeof(*e));
		e->domid = NO_DOMAIN;
	}
	if (e->domid != domid) {
		e->domid = domid;
		e->on = e->counted = e->stale = false;
		e->last = -INFINITY;
		e->since = e->begun = e->ended = NAN;
		e->believed = -INFINITY;
		e->seen = now;
	}
	if (!*e->uuid)
		str_copy(e->uuid, sizeof(e->uuid), uuid);
	return e;
}

bool
tracking_operation(
    struct tracking *t, uint32_t domid, const char *uuid, pid_t pid, double began, double returned)
{
	struct tracked *e = take(t, domid, uuid, returned);

	if (!e)
		return true;
	if (e->pid == pid && began < e->last)
		return false;
	e->pid = pid;
	e->last = returned;
	return true;
}

void
tracking_on(struct tracking *t, uint32_t domid, double at)
{
	struct tracked *e = find(t, domid);

	if (!e)
		return;
	e->on = e->ever = true;
	e->by = e->pid;
	e->harvested = false;
	e->stale = e->counted;
	e->believed = e->stale ? INFINITY : -INFINITY;
	e->counted = true;
	e->since = e->begun = at;
	e->ended = NAN;
}

void
tracking_off(struct tracking *t, uint32_t domid)
{
	struct tracked *e = find(t, domid);

	if (!e)
		return;
	if (e->on)
		e->ended = e->last;
	e->on = false;
}

void
tracking_harvest(struct tracking *t, uint32_t domid, double at, double until, uint32_t dirty,
    double seconds, bool final)
{
	struct tracked *e = find(t, domid);

	if (!e)
		return;
	/* Pages count with the time in which they were dirtied, or not at all: their quotient is a
	 * rate. */
	if (!e->stale && !isnan(e->since) && until >= e->since) {
		COUNTER(e, DIRTIED) += dirty;
		COUNTER(e, SECONDS) += until - e->since;
	}
	if (e->stale)
		e->believed = at;
	if (!isnan(seconds))
		COUNTER(e, HARVEST) += seconds;
	e->on = e->ever = true;
	e->harvested = true;
	e->stale = false;
	e->counted = !final;
	e->since = at;
}

void
tracking_window(struct tracking *t, const struct event *e, const char *uuid)
{
	const struct trace_window *w = &e->window;
	struct tracked *x = take(t, e->domid, uuid, e->at);
	double seconds;

	if (!x)
		return;
	seconds = (e->at > x->ended ? x->ended : e->at) - (w->from < x->begun ? x->begun : w->from);
	if (!(seconds > 0))
		return;
	x->ever = true;
	COUNTER(x, LOST) += w->lost;
	if (w->torn || w->from + (e->at - w->from) / 2 < x->believed) /* as its pages: they are divided by each other */
		return;
	COUNTER(x, TRACED) += seconds;
	COUNTER(x, VIOLATIONS) += (double) w->count[TRACE_VIOLATION];
	COUNTER(x, PML_FULL) += (double) w->count[TRACE_PML_FULL];
	COUNTER(x, RECALCS) += (double) w->count[TRACE_RECALC];
}

void
tracking_spent(struct tracking *t, const struct migration_record *r)
{
	struct tracked *e = find(t, r->domid);
	struct overhead_cost cost;

	for (size_t i = 0; (!e || strcmp(e->uuid, r->uuid) != 0) && i < t->n; i++)
		e = *r->uuid && strcmp(t->entry[i].uuid, r->uuid) == 0 ? &t->entry[i] : NULL;
	overhead_cost(r, &cost);
	if (!e || r->overhead.windows == 0 || r->vcpus <= 0 || !(r->cpu_hz > 0) || !isfinite(cost.cycles) ||
	    !(cost.seconds > 0)) /* the two are divided by each other */
		return;
	COUNTER(e, EXIT) += cost.cycles / r->cpu_hz;
	COUNTER(e, TRACED_VCPU) += cost.seconds * r->vcpus;
}

void
tracking_round(struct tracking *t, uint32_t domid)
{
	struct tracked *e = find(t, domid);

	if (e)
		COUNTER(e, ROUNDS)++;
}

void
tracking_missed(struct tracking *t, uint32_t domid)
{
	struct tracked *e = find(t, domid);

	if (e)
		e->since = NAN;
}

bool
tracking_is_on(const struct tracking *t, uint32_t domid)
{
	const struct tracked *e = find(t, domid);

	return e && e->on;
}

bool
tracking_begun_by(const struct tracking *t, uint32_t domid, pid_t pid, double *ret_at)
{
	const struct tracked *e = find(t, domid);

	if (!e || !e->on || e->harvested || e->by != pid || isnan(e->since))
		return false;
	*ret_at = e->since;
	return true;
}

bool
tracking_is_stale(const struct tracking *t, uint32_t domid)
{
	const struct tracked *e = find(t, domid);

	return e && e->stale;
}

/* False when nothing is left to remember of it. */
static bool
refresh(struct tracked *e, const struct sample *s)
{
	struct sample_domain *d = e->domid == NO_DOMAIN ? NULL : sample_find_domain(s, e->domid);
	bool listed = s->n_domains > 0 && s->n_domains < MAX_DOMAINS && e->last <= s->at.mono;

	if (d && !*e->uuid)
		str_copy(e->uuid, sizeof(e->uuid), d->uuid);
	if (d && strcmp(d->uuid, e->uuid) == 0) {
		e->seen = s->at.mono;
		if (e->on)
			d->value[METRIC_AT(M_DOMAIN_TRACKED, DOMAIN)] = 1;
		return true;
	}
	if (d || (listed && e->domid != NO_DOMAIN)) {
		e->domid = NO_DOMAIN;
		e->on = false;
	}
	if (e->domid == NO_DOMAIN && (!*e->uuid || !e->ever))
		return false;
	if (*e->uuid && sample_find_uuid(s, e->uuid))
		e->seen = s->at.mono;
	return s->at.mono - e->seen <= KEEP_SECONDS;
}

/* A uuid has one line of counters, whatever numbers its domain had. */
static bool
join(struct tracking *t, size_t kept, const struct tracked *e)
{
	for (size_t i = 0; *e->uuid && i < kept; i++) {
		struct tracked *other = &t->entry[i];
		struct tracked sum = e->domid == NO_DOMAIN ? *other : *e;

		if (strcmp(other->uuid, e->uuid) != 0)
			continue;
		sum.ever = e->ever || other->ever;
		for (size_t k = 0; k < VALUES(TRACKING); k++)
			sum.value[k] = e->value[k] + other->value[k];
		*other = sum;
		return true;
	}
	return false;
}

static void
show(const struct tracked *e, struct sample *s)
{
	struct sample_tracking *x = *e->uuid && e->ever ? sample_add_tracking(s) : NULL;

	if (!x)
		return;
	str_copy(x->uuid, sizeof(x->uuid), e->uuid);
	memcpy(x->value, e->value, sizeof(x->value));
}

void
tracking_tick(struct tracking *t, struct sample *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_domains; i++)
		s->domain[i].value[METRIC_AT(M_DOMAIN_TRACKED, DOMAIN)] = 0;
	for (size_t i = 0; i < t->n; i++)
		if (refresh(&t->entry[i], s) && !join(t, kept, &t->entry[i]))
			t->entry[kept++] = t->entry[i];
	t->n = kept;
	for (size_t i = 0; i < t->n; i++)
		show(&t->entry[i], s);
}
