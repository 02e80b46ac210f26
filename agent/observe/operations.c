/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/migration_state.h"

#include <math.h>

#include "base/util.h"
#include "observe/helper_name.h"
#include "observe/overhead.h"

/* Only a migration's process makes a record by its first operation; a tool that turns log-dirty on
 * must go on to harvest, and the agent's own probes never do. */
static bool
is_helper(struct migrations *m, const struct event *e)
{
	return !*e->comm || helper_find(e->comm) != HELPERS || migration_find_helper(m, e->pid);
}

/* The record that this process's operation on this domain belongs to. A helper may work through a
 * second process, as emu-manager does through xenguest: the first to operate carries it from then
 * on. */
static struct open *
find_for_operation(struct migrations *m, const struct event *e)
{
	struct open *o = migration_find_domain(m, e->domid, false);

	if (o && o->r.pid != e->pid && isnan(o->r.evidence.last) && isnan(o->helper_gone) &&
	    is_helper(m, e)) {
		if (!o->logged.manager)
			o->logged.manager = o->r.pid; /* forkexecd tells how that one ends */
		o->r.pid = e->pid;
		o->r.process_started = 0;
		migration_set_helper(o, migration_find_helper(m, e->pid));
	}
	return o && o->r.pid == e->pid ? o : NULL;
}

/* The helper writes nothing but the stream, some words to its toolstack aside. */
static void
count_bytes(struct migration_record *r, const struct event *e)
{
	int64_t written = e->written > 0 && e->written <= INT64_MAX ? (int64_t) e->written : UNSEEN;

	if (e->op == SHADOW_OP_ENABLE_LOGDIRTY)
		r->evidence.written = written;
	else if (r->evidence.written != UNSEEN && written >= r->evidence.written)
		r->bytes_sent = written - r->evidence.written;
	else
		r->bytes_sent = UNSEEN; /* it was gone before anybody looked */
}

static void
note_operation(struct migrations *m, struct open *o, const struct event *e)
{
	if (o->r.rounds_source == SOURCE_NONE || e->source < o->r.rounds_source)
		o->r.rounds_source = e->source;
	if (o->r.toolstack == TOOLSTACK_UNKNOWN && helper_find(e->comm) == HELPER_XENGUEST)
		o->r.toolstack = TOOLSTACK_XAPI;
	o->libxl = o->libxl || helper_find(e->comm) == HELPER_LIBXL;
	count_bytes(&o->r, e);
	o->r.evidence.last = migration_stamp(o, e->at);
	overhead_tracked(&o->r, o->r.evidence.last);
	o->resumed = false;
	(void) migration_learn(m, o, NULL);
}

static void
count_round(struct migrations *m, uint32_t domid)
{
	m->rounds++;
	tracking_round(m->tracking, domid);
}

static void
first_round(struct migrations *m, struct open *o, const struct event *e, double at)
{
	const struct round *round = rounds_enable(&o->r, migration_stamp(o, at));

	if (!round)
		return;
	count_round(m, o->r.domid);
	note_operation(m, o, e);
	migration_say(m, o, RECORD_ROUND, round);
}

static void
enable(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct open *o = find_for_operation(m, e);

	if (e->result < 0) {
		if (o)
			o->enable_failed = true;
		return;
	}
	tracking_on(m->tracking, e->domid, e->at);
	if (!o) {
		o = migration_find_domain(m, e->domid, false);
		if (o && (is_helper(m, e) || !isnan(o->helper_gone) || !isnan(o->r.evidence.off)))
			migration_end_by_successor(m, o, e->at);
		o = NULL;
	} else if (!isnan(o->r.evidence.off)) {
		migration_end_by_successor(m, o, e->at);
		o = NULL;
	}
	if (!o && is_helper(m, e)) {
		o = migration_begin(m, now, e->domid, e->pid, e->at);
		if (o)
			migration_show(m, o);
	}
	if (o)
		first_round(m, o, e, e->at);
}

/* The harvest of a loop whose beginning made no record: a tool's that turned out to be a migration,
 * or one that the agent came too late for. */
static struct open *
begin_by_harvest(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct open *o;
	double at;
	bool whole = tracking_begun_by(m->tracking, e->domid, e->pid, &at);

	if (event_is_ours(e) || (!whole && !is_helper(m, e)) || migration_find_domain(m, e->domid, false))
		return NULL;
	o = migration_begin(m, now, e->domid, e->pid, whole ? at : e->at);
	if (!o)
		return NULL;
	if (!whole) {
		o->r.started = NAN; /* it began before the agent */
		o->r.rounds_unseen = UNSEEN;
	}
	migration_show(m, o);
	if (whole)
		first_round(m, o, e, at);
	return o;
}

/* until: when the guest could last dirty a page, CLOCK_MONOTONIC. */
static void
apply_harvest(struct migrations *m, struct open *o, const struct event *e, double *ret_until)
{
	struct harvest h = {.at = migration_stamp(o, e->at),
	    .seconds = e->seconds,
	    .dirty = tracking_is_stale(m->tracking, e->domid) ? UNSEEN : (int64_t) e->dirty,
	    .frames = e->pages,
	    .whole = migration_nothing_missed(m, o)};
	const struct round *round = NULL;
	bool begun = false, final = false;

	if (!h.whole)
		tracking_missed(m->tracking, e->domid);
	if (e->mode & SHADOW_MODE_FINAL)
		final = rounds_final(&o->r, &h);
	else
		round = rounds_harvest(&o->r, &h, &o->name, &begun);
	if (final)
		*ret_until = o->r.final.started - o->r.evidence.epoch;
	if (begun)
		count_round(m, e->domid);
	if (begun && !round)
		round = &o->r.round[o->r.n_rounds - 1];
	note_operation(m, o, e);
	rounds_stop_reason(&o->r, migration_stop_rule(m, o));
	rounds_sum(&o->r);
	migration_judge_mode(m, o);
	if (!final && e->mode & SHADOW_MODE_FINAL) { /* one more pause: a stream with checkpoints, as of Remus */
		o->r.checkpoints = MAX(o->r.checkpoints, 0) + 1;
		o->changed = true;
	}
	forecasts_round(&m->forecasts, &o->r, o->libxl);
	if (final || round)
		migration_say(m, o, final ? RECORD_FINAL : RECORD_ROUND, round);
}

static void
harvest(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct open *o = find_for_operation(m, e);
	double until = e->at;

	if (!o)
		o = begin_by_harvest(m, e, now);
	if (o && isnan(o->r.evidence.off))
		apply_harvest(m, o, e, &until);
	tracking_harvest(m->tracking, e->domid, e->at, until, e->dirty, e->seconds,
	    (e->mode & SHADOW_MODE_FINAL) != 0);
}

static void
off(struct migrations *m, const struct event *e)
{
	struct open *o = find_for_operation(m, e);

	if (e->result >= 0)
		tracking_off(m->tracking, e->domid);
	if (!o || !isnan(o->r.evidence.off))
		return;
	if (o->enable_failed && o->r.n_rounds == 0) {
		o->enable_failed = false;
		return;
	}
	if (!migration_nothing_missed(m, o))
		o->r.rounds_unseen = UNSEEN;
	o->r.evidence.off = migration_stamp(o, e->at);
	note_operation(m, o, e);
	migration_say(m, o, RECORD_CHANGED, NULL);
}

static const char *
uuid_of(const struct migrations *m, uint32_t domid)
{
	const struct known_domain *d = migration_find_known(m, domid);

	return d ? d->uuid : "";
}

bool
migration_is_covered(const struct migrations *m, enum event_source source, double began)
{
	for (int s = SOURCE_NONE + 1; s < (int) source && s < SOURCE_COUNT; s++)
		if (began >= m->since[s])
			return true;
	return false;
}

void
migration_operation(struct migrations *m, const struct event *e, const struct tick *now)
{
	double began = isnan(e->seconds) ? e->at : e->at - e->seconds;

	if ((!e->alone && migration_is_covered(m, e->source, began)) ||
	    !tracking_operation(m->tracking, e->domid, uuid_of(m, e->domid), e->pid, began, e->at))
		return;
	if (e->op == SHADOW_OP_ENABLE_LOGDIRTY)
		enable(m, e, now);
	else if (e->op == SHADOW_OP_CLEAN && e->result >= 0)
		harvest(m, e, now);
	else if (e->op == SHADOW_OP_OFF)
		off(m, e);
}
