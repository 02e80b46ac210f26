/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/probe_record.h"

#include <errno.h>
#include <math.h>

#include "base/parse.h"
#include "base/util.h"
#include "observe/migration_state.h"
#include "observe/overhead.h"

/* --- whether a domain may be touched --- */

/* An earlier agent's, which was resumed, is not the one that runs. */
static struct open *
find_probe(const struct migrations *m)
{
	for (size_t i = 0; i < m->n_open; i++)
		if (m->open[i]->r.direction == DIRECTION_PROBE && !m->open[i]->resumed)
			return m->open[i];
	return NULL;
}

static bool
fits(const struct known_domain *d, const char *text, uint64_t number)
{
	return d->domid == number || strcasecmp(d->uuid, text) == 0 || strcmp(d->name, text) == 0;
}

int
migrations_find(const struct migrations *m, const char *text, struct guest_id *ret)
{
	const struct known_domain *found = NULL;
	uint64_t number;

	if (parse_u64(text, 0, UINT32_MAX, &number) < 0)
		number = UINT64_MAX;
	for (size_t i = 0; *text && i < m->n_known; i++) {
		if (!fits(&m->known[i], text, number))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = &m->known[i];
	}
	if (!found)
		return -ENOENT;
	ret->domid = found->domid;
	str_copy(ret->uuid, sizeof(ret->uuid), found->uuid);
	str_copy(ret->name, sizeof(ret->name), found->name);
	return 0;
}

int
migrations_probe_allowed(const struct migrations *m, uint32_t domid)
{
	if (isinf(m->since[SOURCE_BPF]))
		return -ENODATA;
	for (size_t i = 0; i < m->n_helpers; i++)
		if (m->helper[i].domid == domid)
			return -EBUSY;
	for (size_t i = 0; i < m->n_open; i++)
		if (m->open[i]->r.domid == domid && m->open[i] != find_probe(m))
			return -EBUSY;
	return tracking_is_on(m->tracking, domid) ? -EALREADY : 0;
}

struct open *
migration_find_tracked(const struct migrations *m, uint32_t domid)
{
	struct open *o = migration_find_domain(m, domid, false);

	if (!o)
		o = find_probe(m);
	return o && o->r.domid == domid ? o : NULL;
}

/* --- the record --- */

static void
begin_interval(struct migration_record *r, double at)
{
	struct round *round = record_add_round(r);

	round->seen = true;
	round->started = at;
}

int
migrations_probe_begin(
    struct migrations *m, const struct guest_id *guest, const struct tick *now, double at)
{
	struct open *o = migration_begin(m, now, guest->domid, getpid(), at);

	if (!o)
		return -ENOSPC;
	o->r.direction = DIRECTION_PROBE;
	o->r.rounds_source = SOURCE_PROBE;
	o->r.rounds_unseen = 0;
	o->r.evidence.last = o->r.started;
	begin_interval(&o->r, o->r.started);
	(void) migration_learn(m, o, NULL);
	str_copy(o->r.uuid, sizeof(o->r.uuid), guest->uuid);
	str_copy(o->r.name, sizeof(o->r.name), guest->name);
	o->identified = true;
	migration_show(m, o);
	return 0;
}

static void
end_interval(struct open *o, double at, int64_t dirtied)
{
	struct round *round = &o->r.round[o->r.n_rounds - 1];

	if (!isnan(round->seconds))
		return;
	round->seconds = MAX(migration_stamp(o, at) - round->started, 0);
	round->pages_dirtied = dirtied;
	o->r.evidence.last = migration_stamp(o, at);
	overhead_tracked(&o->r, o->r.evidence.last);
}

void
migrations_probe_interval(struct migrations *m, double at, int64_t dirtied, bool last)
{
	struct open *o = find_probe(m);
	size_t ended;

	if (!o)
		return;
	ended = o->r.n_rounds - 1;
	end_interval(o, at, dirtied);
	if (!last)
		begin_interval(&o->r, o->r.evidence.last);
	migration_judge_mode(m, o);
	migration_say(m, o, RECORD_ROUND, &o->r.round[ended]);
}

/* Not among the migrations that ended: those counters tell how often guests move. */
static void
end_record(struct migrations *m, struct open *o, enum record_result result, const char *reason)
{
	o->r.result = result;
	str_copy(o->r.reason, sizeof(o->r.reason), reason);
	migration_say(m, o, RECORD_ENDED, NULL);
	migration_drop(m, o);
}

void
migrations_probe_end(
    struct migrations *m, double at, enum record_result result, const char *reason, bool left_on)
{
	struct open *o = find_probe(m);

	if (!o)
		return;
	end_interval(o, at, UNSEEN);
	o->r.ended = migration_stamp(o, at);
	o->r.tracking_left_on = left_on;
	end_record(m, o, result, reason);
}

const char *
migrations_probe_id(const struct migrations *m)
{
	const struct open *o = find_probe(m);

	return o ? o->r.id : "";
}

void
migration_judge_probe(struct migrations *m, struct open *o, const struct sight *s)
{
	if (!o->resumed) {
		if (o->changed || !isnan(o->waits))
			migration_say(m, o, RECORD_CHANGED, NULL);
		return;
	}
	if (!s->rebooted && s->here == DOMAIN_UNKNOWN)
		return;
	o->r.ended = o->r.evidence.last;
	o->r.tracking_left_on = !s->rebooted && s->here != DOMAIN_GONE;
	end_record(m, o, o->r.tracking_left_on ? RESULT_ABORTED : RESULT_LOST,
	    s->rebooted		    ? "the host was restarted meanwhile"
	    : o->r.tracking_left_on ? "the agent ended in the midst of it"
				    : "the agent ended in the midst of it, and the domain is gone");
}
