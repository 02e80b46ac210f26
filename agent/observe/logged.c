/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/migration_state.h"

#include <math.h>

#include "base/util.h"
#include "observe/helper_name.h"

/* What logs say of migrations. A round that a log names is applied as the log-dirty operation that came before
 * it, so that it passes by the same rules as what other sources see, and counts only where no better one
 * watches. What no other source can know always counts: whose a domain is, and why it failed. */

#define SETTLE_SECONDS 10    /* after the log said that it is over: the rest of what it has to say */
#define SILENT_SECONDS 3600 /* without a word a migration is lost to the log */

/* -- whose it is -- */

static void
learn_name(struct migrations *m, uint32_t domid, const char *uuid)
{
	struct known_domain *d = NULL;

	for (size_t i = 0; i < m->n_named && !d; i++)
		if (m->named[i].domid == domid)
			d = &m->named[i];
	if (!d) {
		d = &m->named[m->next_named];
		m->next_named = (m->next_named + 1) % MAX_NAMED;
		m->n_named = MIN(m->n_named + 1, MAX_NAMED);
	}
	*d = (struct known_domain){.domid = domid, .kind = DOMAIN_HVM, .pages = UNSEEN};
	str_copy(d->uuid, sizeof(d->uuid), uuid);
	for (size_t i = 0; i < m->n_open; i++) {
		struct open *o = m->open[i];

		if (o->r.domid != domid || *o->r.uuid)
			continue;
		(void) migration_learn(m, o, migration_find_known(m, domid));
		migration_say(m, o, RECORD_CHANGED, NULL);
	}
}

/* xl's output names the domain once, at the beginning; forkexecd's line has only the process. */
static struct open *
find_without_domid(const struct migrations *m, const struct event *e)
{
	struct open *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < m->n_open; i++) {
		struct open *o = m->open[i];

		if (e->pid && (o->r.pid == e->pid || o->logged.manager == e->pid))
			return o;
		if (o->r.toolstack == e->toolstack) {
			found = o;
			n++;
		}
	}
	return n == 1 || e->toolstack != TOOLSTACK_XAPI ? found : NULL;
}

static struct open *
find(const struct migrations *m, const struct event *e)
{
	bool begins = e->logged == LOGGED_BEGUN;
	struct open *o;

	if (e->domid == NO_DOMID)
		return find_without_domid(m, e);
	o = migration_find_domain(m, e->domid, begins && e->role == ROLE_RESTORE);
	return o || begins ? o : migration_find_domain(m, e->domid, true);
}

/* A log may be read long after what it tells was recorded by other means. */
static bool
is_known_to_be_over(const struct migrations *m, const struct event *e)
{
	const struct known_domain *d = migration_find_known(m, e->domid);

	return (e->pid && recents_carried_since(&m->recents, e->pid, e->at)) ||
	       (d && *d->uuid && recents_ended_since(&m->recents, d->uuid, e->at));
}

/* -- the verdict, where there is nothing but logs -- */

/* What became of the domain, as far as the log's words tell it. */
static enum presence
presence(const struct open *o)
{
	bool failed = *o->r.reason != '\0';

	if (!failed && !o->r.evidence.complete)
		return DOMAIN_UNKNOWN;
	if (o->r.direction == DIRECTION_IN)
		return failed ? DOMAIN_GONE : DOMAIN_RUNNING;
	return failed ? DOMAIN_RUNNING : DOMAIN_GONE;
}

static void
judge(struct migrations *m, struct open *o, double at)
{
	struct sight s = {.here = presence(o), .helper_gone = true, .overdue = true};

	if (s.here == DOMAIN_UNKNOWN)
		o->r.evidence.away = true; /* silence proves nothing */
	if (!o->shown && migration_is_other_half(m, o)) {
		migration_drop(m, o);
		return;
	}
	if (!o->shown)
		migration_show(m, o);
	(void) migration_try_end(m, o, &s, isfinite(at) ? at : o->logged.last);
}

/* -- beginning -- */

static struct open *
begin(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct event process = *e;
	struct open *o;

	if (migration_is_covered(m, SOURCE_LOG, e->at) || is_known_to_be_over(m, e))
		return NULL;
	process.kind = EVENT_PROCESS_BEGIN;
	o = migration_begin_by_helper(m, &process, now);
	if (!o)
		return NULL;
	if (e->toolstack != TOOLSTACK_XAPI && e->role == ROLE_UNKNOWN)
		o->r.direction = DIRECTION_SAVE; /* until the receiver is heard of */
	if (isnan(e->seconds) || e->logged == LOGGED_PROGRESS)
		o->r.started = NAN; /* a log without stamps, or that begins in its midst */
	o->r.evidence.told = m->by_log;
	migration_show_begun(m, o);
	return o;
}

/* A process that is not of this migration begins the next one of its domain. NULL: o was ended. */
static struct open *
give_way(struct migrations *m, struct open *o, const struct event *e)
{
	bool over = !isnan(o->logged.over) || !isnan(o->r.evidence.off) || !isnan(o->helper_gone);

	if (e->pid == 0 ? !over : e->pid == o->r.pid || e->pid == o->logged.manager || (!over && !o->logged.manager))
		return o;
	if (m->by_log)
		judge(m, o, e->at);
	else
		migration_end_by_successor(m, o, e->at);
	return NULL;
}

static void
begun(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct open *o = find(m, e);

	if (o)
		o = give_way(m, o, e);
	if (!o)
		o = begin(m, e, now);
	if (o && e->pid && e->pid != o->r.pid)
		o->logged.manager = e->pid;
}

/* -- rounds -- */

static struct event
operation(const struct open *o, const struct event *e, enum shadow_op op)
{
	/* Once it has operated, the process that carries it stays the same, whoever writes of it. */
	bool carried = o && !isnan(o->r.evidence.last);
	struct event x = {.kind = EVENT_SHADOW_OP,
	    .source = SOURCE_LOG,
	    .at = e->at,
	    .seconds = NAN,
	    .pid = carried ? o->r.pid : e->pid,
	    .domid = o ? o->r.domid : e->domid,
	    .op = op,
	    .toolstack = e->toolstack};

	str_copy(x.comm, sizeof(x.comm), helper_names[e->toolstack == TOOLSTACK_XAPI ? HELPER_XENGUEST : HELPER_LIBXL]);
	return x;
}

/* The newest round that is known to have begun, be it by an earlier agent; -1: none. */
static int64_t
newest_round(const struct open *o)
{
	return o->logged.round < 0 && o->r.rounds_unseen != UNSEEN ? o->r.rounds_begun - 1 : o->logged.round;
}

static void
round_begins(struct migrations *m, struct open *o, const struct event *e, const struct tick *now)
{
	struct event op;

	if (o && e->number == 0 && o->logged.round > 0)
		o = give_way(m, o, e);
	if (o && !o->r.final.begun && e->total > 0 && rounds_contradict(&o->r, e->number, e->total))
		migration_contradicted(m, o, CONTRADICTION_PAGES);
	if (migration_is_covered(m, SOURCE_LOG, e->at) || (o && e->number <= newest_round(o)) ||
	    (!o && is_known_to_be_over(m, e)))
		return;
	op = operation(o, e, e->number == 0 ? SHADOW_OP_ENABLE_LOGDIRTY : SHADOW_OP_CLEAN);
	op.dirty = (uint32_t) e->total;
	if (o && e->number > 0) /* log lines may be lost, and may be all that tells of an agent's absence */
		o->resumed = newest_round(o) + 1 != (int64_t) e->number;
	migration_operation(m, &op, now);
	o = migration_find_domain(m, op.domid, false);
	if (!o)
		return;
	o->r.toolstack = e->toolstack;
	o->r.evidence.told = o->r.evidence.told || m->by_log;
	o->logged.round = e->number;
	if (isnan(e->seconds) && o->r.n_rounds)
		o->r.round[o->r.n_rounds - 1].started = NAN;
	if (e->number == 0) {
		if (rounds_total(&o->r, 0, e->total))
			migration_say(m, o, RECORD_CHANGED, NULL);
	} else if (e->total > 0 && o->r.rounds_unseen == UNSEEN &&
		 rounds_named(&o->r, &o->name, e->number, migration_stamp(o, e->at)))
		migration_say(m, o, RECORD_CHANGED, NULL);
	if (e->number == 1 && rounds_total(&o->r, 0, e->done))
		migration_say(m, o, RECORD_CHANGED, NULL);
}

static void
suspended(struct migrations *m, struct open *o, const struct event *e)
{
	double at = isnan(e->seconds) ? NAN : migration_stamp(o, e->at);
	struct round *last = o->r.n_rounds ? &o->r.round[o->r.n_rounds - 1] : NULL;

	if (migration_is_covered(m, SOURCE_LOG, e->at) || o->r.evidence.suspended)
		return;
	rounds_suspended(&o->r, at);
	if (last && isnan(last->seconds)) /* no log tells of the last harvest, which would end it */
		last->seconds = at < last->started ? 0 : at - last->started;
	rounds_stop_reason(&o->r, migration_stop_rule(m, o));
	migration_say(m, o, RECORD_FINAL, NULL);
}

/* The steps of the final phase that a log tells, where no better source does. */
static void
step(const struct migrations *m, struct open *o, const struct event *e, double *step)
{
	if (!isnan(e->seconds) && isnan(*step) && !migration_is_covered(m, SOURCE_LOG, e->at))
		*step = migration_stamp(o, e->at);
}

/* -- the end -- */

static void
over(struct migrations *m, struct open *o, const struct event *e)
{
	if (isnan(o->logged.over))
		o->logged.over = e->at;
	if (m->by_log && isnan(o->r.evidence.gone) && !isnan(e->seconds))
		o->r.evidence.gone = migration_stamp(o, e->at);
}

static void
sent(struct migrations *m, struct open *o, const struct event *e, const struct tick *now)
{
	struct event op = operation(o, e, SHADOW_OP_OFF);

	if (*o->r.reason && e->toolstack != TOOLSTACK_XAPI)
		return; /* another one's, whose beginning xl did not tell */
	if (o->r.direction != DIRECTION_IN && !isnan(e->seconds) && isnan(o->r.evidence.off))
		migration_operation(m, &op, now); /* libxc does so next */
	step(m, o, e, &o->r.final.sent);
	if (!o->r.evidence.complete) {
		o->r.evidence.complete = true;
		migration_say(m, o, RECORD_CHANGED, NULL);
	}
	if (isnan(o->logged.over))
		o->logged.over = e->at;
}

static void
exited(struct migrations *m, struct open *o, const struct event *e)
{
	char what[64];

	if (e->result != 0) {
		(void) snprintf(what, sizeof(what), "%s ended with status %d",
		    helper_names[e->toolstack == TOOLSTACK_XAPI ? HELPER_MANAGER : HELPER_LIBXL], (int) e->result);
		migration_went_wrong(m, o, what, false);
	} else
		o->r.evidence.complete = true;
	if (isnan(o->helper_gone) && !m->by_log) {
		o->helper_gone = e->at;
		o->r.evidence.gone = migration_stamp(o, e->at);
	}
	over(m, o, e);
}

static void
is_migration(struct migrations *m, struct open *o)
{
	if (o->r.toolstack == TOOLSTACK_XAPI || o->r.direction != DIRECTION_SAVE)
		return;
	o->r.direction = DIRECTION_OUT;
	migration_say(m, o, RECORD_CHANGED, NULL);
}

/* The text of EPIPE or ECONNRESET: a file takes what is written, only a receiver goes away. libvirt's log tells the
 * two apart by nothing else, so that whatever it does not tell this of is taken for a save. */
static void
went_away(struct migrations *m, struct open *o, const struct event *e)
{
	if (strstr(e->text, "Broken pipe") || strstr(e->text, "Connection reset by peer"))
		is_migration(m, o);
}

static void
tell(struct migrations *m, struct open *o, const struct event *e, const struct tick *now)
{
	switch (e->logged) {
	case LOGGED_SUSPENDED:
		suspended(m, o, e);
		break;
	case LOGGED_SENT:
		sent(m, o, e, now);
		break;
	case LOGGED_SENDER:
		is_migration(m, o);
		break;
	case LOGGED_DONE:
		o->logged.done = true;
		is_migration(m, o);
		o->r.evidence.complete = true;
		over(m, o, e);
		break;
	case LOGGED_FAILURE:
		went_away(m, o, e);
		migration_went_wrong(m, o, e->text, false);
		break;
	case LOGGED_FAILED:
		o->logged.failed = true;
		if (e->toolstack == TOOLSTACK_XL)
			is_migration(m, o);
		went_away(m, o, e);
		migration_went_wrong(m, o, e->text, false);
		over(m, o, e);
		break;
	case LOGGED_ABORTED:
		migration_went_wrong(m, o, "the toolstack called it off", true);
		break;
	case LOGGED_EXITED:
		exited(m, o, e);
		break;
	case LOGGED_STEP:
		if (e->toolstack != TOOLSTACK_XAPI) /* whose log names the rounds by lines of their own */
			round_begins(m, o, e, now);
		else if (!migration_is_covered(m, SOURCE_LOG, e->at) && rounds_total(&o->r, e->number, e->total))
			migration_say(m, o, RECORD_CHANGED, NULL);
		break;
	case LOGGED_STOPPING:
		step(m, o, e, &o->r.final.requested);
		break;
	case LOGGED_NAMED:
	case LOGGED_BEGUN:
	case LOGGED_ROUND:
	case LOGGED_PROGRESS:
		break;
	}
}

void
migration_logged(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct open *o;

	if (*e->uuid && e->domid != NO_DOMID)
		learn_name(m, e->domid, e->uuid);
	o = find(m, e);
	if (e->logged == LOGGED_BEGUN && e->domid != NO_DOMID)
		begun(m, e, now);
	else if (e->logged == LOGGED_ROUND && e->domid != NO_DOMID)
		round_begins(m, o && o->r.direction != DIRECTION_IN ? o : NULL, e, now);
	else if (e->logged == LOGGED_PROGRESS && !o && e->domid != NO_DOMID)
		(void) begin(m, e, now);
	else if (o)
		tell(m, o, e, now);
	o = find(m, e);
	if (o)
		o->logged.last = e->at;
}

void
migrations_by_log(struct migrations *m)
{
	m->by_log = true;
}

void
migrations_log_time(struct migrations *m, double at)
{
	for (size_t i = m->n_open; i-- > 0;) { /* from the end, as some leave */
		struct open *o = m->open[i];

		if (at >= o->logged.over + SETTLE_SECONDS || (isfinite(at) && at >= o->logged.last + SILENT_SECONDS))
			judge(m, o, at);
		else if (isinf(at) && !o->shown)
			migration_show(m, o);
	}
	recents_expire(&m->recents, at);
}
