/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/migration_state.h"

#include <math.h>
#include <time.h>

#include "base/util.h"

#define WAIT_SECONDS 1.0 /* what can wait is then said */
#define MAX_SECONDS 1e10 /* on any clock */

struct migrations *
migrations_new(record_fn *fn, void *arg)
{
	struct migrations *m = xcalloc(1, sizeof(*m));

	m->fn = fn;
	m->arg = arg;
	m->tracking = tracking_new();
	for (size_t i = 0; i < SOURCE_COUNT; i++)
		m->since[i] = INFINITY;
	return m;
}

void
migrations_free(struct migrations *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_open; i++) {
		record_done(&m->open[i]->r);
		free(m->open[i]);
	}
	tracking_free(m->tracking);
	free(m->known);
	free(m);
}

void
migrations_covered(struct migrations *m, enum event_source source, double since)
{
	m->since[source] = since;
}

void
migrations_set_counts(struct migrations *m, uint64_t ended, uint64_t failed)
{
	m->ended = ended;
	m->failed = failed;
}

int
migrations_set_stop_rule(struct migrations *m, const char *rule, const char *inventory)
{
	return forecasts_choose(&m->forecasts, rule, inventory);
}

bool
migrations_tracked(const struct migrations *m, uint32_t domid)
{
	return tracking_is_on(m->tracking, domid);
}

void
migrations_recall(struct migrations *m, const struct migration_record *r, const struct tick *now)
{
	double age = now->real - r->ended;

	forecasts_recall(&m->forecasts, r);
	if (r->direction != DIRECTION_PROBE && age >= 0 && age < RECENT_SECONDS)
		recents_add_older(&m->recents, r, now->mono - age);
}

/* -- what is known from elsewhere -- */

const struct known_domain *
migration_find_known(const struct migrations *m, uint32_t domid)
{
	for (size_t i = 0; i < m->n_known; i++)
		if (m->known[i].domid == domid)
			return &m->known[i];
	for (size_t i = 0; i < m->n_named; i++)
		if (m->named[i].domid == domid)
			return &m->named[i];
	return NULL;
}

struct helper *
migration_find_helper(struct migrations *m, pid_t pid)
{
	for (size_t i = 0; i < m->n_helpers; i++)
		if (m->helper[i].pid == pid)
			return &m->helper[i];
	return NULL;
}

struct open *
migration_find_domain(const struct migrations *m, uint32_t domid, bool incoming)
{
	for (size_t i = m->n_open; i-- > 0;)
		if (m->open[i]->r.domid == domid && m->open[i]->r.direction != DIRECTION_PROBE &&
		    (m->open[i]->r.direction == DIRECTION_IN) == incoming)
			return m->open[i];
	return NULL;
}

double
migration_stamp(const struct open *o, double mono)
{
	return mono + o->r.evidence.epoch;
}

bool
migration_nothing_missed(const struct migrations *m, const struct open *o)
{
	double last =
	    (isnan(o->r.evidence.last) ? o->r.started : o->r.evidence.last) - o->r.evidence.epoch;

	return !o->resumed || m->since[SOURCE_BPF] <= last || m->since[SOURCE_UPROBE] <= last;
}

void
migration_say(struct migrations *m, struct open *o, enum record_change change, const struct round *round)
{
	o->waits = NAN;
	if (change == RECORD_ENDED)
		tracking_spent(m->tracking, &o->r);
	if (o->shown)
		m->fn(m->arg, change, &o->r, round);
}

void
migration_say_later(struct open *o, double at)
{
	o->waits = isnan(o->waits) ? at : o->waits;
}

/* A record is written and sent whole: what libxc says and the windows add to each round are four words of it. */
static void
say_what_waits(struct migrations *m, double now)
{
	for (size_t i = 0; i < m->n_open; i++)
		if (now - m->open[i]->waits >= WAIT_SECONDS)
			migration_say(m, m->open[i], RECORD_CHANGED, NULL);
}

/* -- begin and end -- */

static bool
id_taken(const struct migrations *m, const char *id)
{
	for (size_t i = 0; i < m->n_open; i++)
		if (strcmp(m->open[i]->r.id, id) == 0)
			return true;
	return recents_have_id(&m->recents, id);
}

static void
make_id(const struct migrations *m, struct migration_record *r, double at)
{
	time_t seconds = (time_t) at;
	char when[24] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		(void) strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	(void) snprintf(r->id, sizeof(r->id), "%s-d%u-%d", when, r->domid, (int) r->pid);
	for (unsigned i = 2; id_taken(m, r->id) && i < 1000; i++)
		(void) snprintf(
		    r->id, sizeof(r->id), "%s-d%u-%d-%u", when, r->domid, (int) r->pid, i);
}

void
migration_set_helper(struct open *o, const struct helper *h)
{
	if (!h)
		return;
	if (h->pid == o->r.pid)
		o->r.process_started = h->started;
	if (h->toolstack != TOOLSTACK_UNKNOWN)
		o->r.toolstack = h->toolstack;
}

struct open *
migration_begin(struct migrations *m, const struct tick *now, uint32_t domid, pid_t pid, double at)
{
	struct open *o;

	if (m->n_open == MAX_OPEN)
		return NULL;
	o = xcalloc(1, sizeof(*o));
	record_init(&o->r);
	o->r.evidence.epoch = now->real - now->mono;
	o->r.domid = domid;
	o->r.pid = pid;
	o->r.started = migration_stamp(o, at);
	make_id(m, &o->r, o->r.started);
	o->begun = at;
	o->helper_gone = o->missing = o->traced = o->waits = o->logged.over = NAN;
	o->logged.round = -1;
	o->logged.last = at;
	o->kind = -1;
	if (m->by_log)
		o->r.origin = ORIGIN_LOG;
	(void) migration_learn(m, o, migration_find_known(m, domid));
	migration_set_helper(o, migration_find_helper(m, pid));
	m->open[m->n_open++] = o;
	return o;
}

void
migration_show(struct migrations *m, struct open *o)
{
	o->shown = true;
	migration_say(m, o, RECORD_BEGUN, NULL);
}

void
migration_drop(struct migrations *m, struct open *o)
{
	size_t i = 0;

	while (m->open[i] != o)
		i++;
	memmove(&m->open[i], &m->open[i + 1], (--m->n_open - i) * sizeof(*m->open));
	record_done(&o->r);
	free(o);
}

const struct stop_rule *
migration_stop_rule(const struct migrations *m, const struct open *o)
{
	return forecasts_rule(&m->forecasts, o->r.toolstack, o->libxl);
}

void
migration_contradicted(struct migrations *m, struct open *o, enum contradiction kind)
{
	static const char *const what[] = {
	    [CONTRADICTION_PAGES] = "how many pages a round sent: the better source's count is taken",
	    [CONTRADICTION_RESULT] = "how it ended: what became of the domain counts, not what a log says"};

	if (o->contradicted & 1u << kind)
		return;
	o->contradicted |= 1u << kind;
	m->contradictions++;
	complain(&m->contradicted[kind], "observe", "the sources of %s disagree on %s", o->r.id, what[kind]);
}

bool
migration_try_end(struct migrations *m, struct open *o, const struct sight *s, double now)
{
	double ended;

	if (!verdict(&o->r, s))
		return false;
	if (o->r.result == RESULT_COMPLETED ? o->logged.failed : o->logged.done)
		migration_contradicted(m, o, CONTRADICTION_RESULT);
	verdict_close(&o->r, s, migration_stop_rule(m, o));
	m->ended++;
	m->failed += o->r.result != RESULT_COMPLETED;
	ended = isnan(o->r.ended) ? now : o->r.ended - o->r.evidence.epoch;
	forecasts_ended(&m->forecasts, &o->r);
	recents_add(&m->recents, &o->r, now, ended);
	migration_say(m, o, RECORD_ENDED, NULL);
	migration_drop(m, o);
	return true;
}

void
migration_end_by_successor(struct migrations *m, struct open *o, double now)
{
	struct sight s = {.here = DOMAIN_RUNNING,
	    .helper_gone = true,
	    .overdue = true,
	    .missed = !migration_nothing_missed(m, o)};

	if (!o->shown)
		migration_show(m, o);
	(void) migration_try_end(m, o, &s, now); /* it can be judged in any case */
}

/* -- libxc's words -- */

static struct open *
find_by_pid(struct migrations *m, pid_t pid)
{
	const struct helper *h = migration_find_helper(m, pid);

	for (size_t i = m->n_open; i-- > 0;)
		if (m->open[i]->r.pid == pid)
			return m->open[i];
	return h ? migration_find_domain(m, h->domid, h->role == ROLE_RESTORE) : NULL;
}

static void
stage(struct migrations *m, struct open *o, const struct event *e)
{
	if (e->stage == STAGE_SUSPENDED && !o->r.evidence.suspended) {
		rounds_suspended(&o->r, migration_stamp(o, e->at));
		migration_say(m, o, RECORD_FINAL, NULL);
	} else if (e->stage == STAGE_COMPLETE && !o->r.evidence.complete) {
		o->r.evidence.complete = true;
		o->r.final.done = migration_stamp(o, e->at);
		migration_say(m, o, RECORD_CHANGED, NULL);
	}
}

static void
word(struct migrations *m, const struct event *e)
{
	struct open *o = find_by_pid(m, e->pid);
	bool final;

	if (!o || o->r.direction == DIRECTION_IN)
		return;
	o->r.evidence.told = true;
	if (e->kind == EVENT_STAGE) {
		stage(m, o, e);
		return;
	}
	if (e->kind == EVENT_STEP && e->done == e->total)
		rounds_through(&o->r, migration_stamp(o, e->at));
	/* The final pass is called a "Frames iteration" too. */
	final = o->r.final.begun && migration_stamp(o, e->at) >= o->r.final.started;
	if (final)
		return;
	if (e->kind == EVENT_STEP && o->name.given && rounds_contradict(&o->r, o->name.number, e->total))
		migration_contradicted(m, o, CONTRADICTION_PAGES);
	if (e->kind == EVENT_ROUND_NAMED) {
		if (rounds_named(&o->r, &o->name, e->number, migration_stamp(o, e->at)))
			migration_say(m, o, RECORD_CHANGED, NULL);
	} else if (o->name.given && rounds_total(&o->r, o->name.number, e->total))
		migration_say_later(o, e->at);
}

/* -- processes -- */

void
migration_went_wrong(struct migrations *m, struct open *o, const char *what, bool aborted)
{
	if (*o->r.reason)
		return;
	o->r.evidence.aborted = o->r.evidence.aborted || aborted;
	str_copy(o->r.reason, sizeof(o->r.reason), what);
	migration_say(m, o, RECORD_CHANGED, NULL);
}

/* A helper that fails ends with status 0, after it has said so; one that is killed says nothing. */
static void
blame(struct migrations *m, struct open *o, const struct event *e)
{
	char what[REASON_SIZE];
	bool aborted;

	if (e->result == 0 || o->r.evidence.complete)
		return;
	aborted = verdict_of_status(e->comm, (int) e->result, what, sizeof(what));
	/* Killed by its toolstack's end: that is why, and may be told later. */
	if (e->kind == EVENT_TOOLSTACK_END)
		*o->r.reason = '\0';
	migration_went_wrong(m, o, what, aborted);
}

static void
process_end(struct migrations *m, const struct event *e)
{
	struct helper *h = migration_find_helper(m, e->pid);
	struct open *carried = find_by_pid(m, e->pid);

	if (carried)
		blame(m, carried, e);
	if (h)
		*h = m->helper[--m->n_helpers];
	for (size_t i = 0; i < m->n_open; i++) {
		struct open *o = m->open[i];

		if (o->r.pid == e->pid && isnan(o->helper_gone)) {
			o->helper_gone = e->at;
			o->r.evidence.gone = migration_stamp(o, e->at);
			migration_say(m, o, RECORD_CHANGED, NULL);
		}
	}
}

struct open *
migration_begin_by_helper(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct open *o = migration_begin(m, now, e->domid, e->pid, e->at);

	if (!o)
		return NULL;
	if (*e->uuid && strcmp(e->uuid, o->r.uuid) != 0) { /* the last tick knew another by this number */
		str_copy(o->r.uuid, sizeof(o->r.uuid), e->uuid);
		*o->r.name = '\0';
		o->r.memory_pages = UNSEEN;
	}
	o->r.rounds_source = e->source;
	if (e->toolstack != TOOLSTACK_UNKNOWN)
		o->r.toolstack = e->toolstack;
	switch (e->role) {
	case ROLE_SAVE:
		o->r.direction = DIRECTION_SAVE;
		o->r.stop_reason = STOP_NOT_LIVE;
		o->r.tracking_mode = TRACKING_OFF;
		break;
	case ROLE_RESTORE:
		o->r.direction = DIRECTION_IN;
		o->r.rounds_unseen = UNSEEN;
		break;
	case ROLE_REPLICATE:
		o->r.checkpoints = 0;
		/* fall through */
	case ROLE_LIVE_SAVE:
	case ROLE_UNKNOWN:
		if (m->since[SOURCE_BPF] > e->at && m->since[SOURCE_UPROBE] > e->at)
			o->r.rounds_unseen = UNSEEN;
		break;
	}
	return o;
}

void
migration_show_begun(struct migrations *m, struct open *o)
{
	if (o->r.direction != DIRECTION_IN)
		migration_show(m, o);
}

static void
process_begin(struct migrations *m, const struct event *e, const struct tick *now)
{
	struct helper *h = migration_find_helper(m, e->pid);
	struct open *o;

	if (!h && m->n_helpers < MAX_HELPERS)
		h = &m->helper[m->n_helpers++];
	if (h)
		*h = (struct helper){e->pid, e->domid, e->role, e->toolstack, e->started};
	o = find_by_pid(m, e->pid);
	if (!o)
		o = migration_find_domain(m, e->domid, e->role == ROLE_RESTORE);
	if (o && e->role != ROLE_UNKNOWN && o->r.pid != e->pid && !isnan(o->helper_gone)) {
		migration_end_by_successor(m, o, e->at);
		o = NULL;
	}
	if (o) {
		if (isnan(o->r.started)) /* its beginning was not seen, but its helper's start is */
			o->r.started = migration_stamp(o, e->at);
		migration_set_helper(o, h);
		migration_say(m, o, RECORD_CHANGED, NULL);
	} else if (e->role != ROLE_UNKNOWN && !recents_carried_since(&m->recents, e->pid, e->at)) {
		o = migration_begin_by_helper(m, e, now);
		if (o)
			migration_show_begun(m, o);
	}
}

static void
toolstack_end(struct migrations *m, const struct event *e)
{
	struct open *o = find_by_pid(m, e->pid);

	if (o)
		blame(m, o, e);
}

/* -- the guest runs -- */

/* The record whose guest that domain is: it received it, took it over on this host, or was suspended. */
static struct open *
find_released(const struct migrations *m, const struct event *e)
{
	const struct known_domain *d = migration_find_known(m, e->domid);

	for (size_t i = m->n_open; i-- > 0;) {
		struct open *o = m->open[i];
		bool is = o->r.domid == e->domid;

		if (o->r.direction == DIRECTION_PROBE)
			continue;
		if (is && o->r.direction == DIRECTION_IN)
			return o;
		is = is || (d && *d->uuid && strcmp(d->uuid, o->r.uuid) == 0);
		if (is && o->r.final.begun && migration_stamp(o, e->at) > o->r.final.started)
			return o;
	}
	return NULL;
}

static void
released(struct migrations *m, const struct event *e)
{
	struct open *o = e->result < 0 ? NULL : find_released(m, e);

	/* of what comes in the newest: nobody but its toolstack has a reason to let it run before it is whole */
	if (!o || (!isnan(o->r.released) && o->r.direction != DIRECTION_IN))
		return;
	o->r.released = migration_stamp(o, e->at);
	o->r.released_source = RELEASE_HYPERCALL;
	migration_say(m, o, RECORD_CHANGED, NULL);
}

/* Captures come from elsewhere: what no observer can have seen is not taken from them either. */
static bool
is_sane(const struct event *e)
{
	if (e->kind == EVENT_TRACE_WINDOW &&
	    !(fabs(e->window.from) < MAX_SECONDS && e->window.from <= e->at))
		return false;
	return fabs(e->at) < MAX_SECONDS && !(e->seconds < 0 || e->seconds > MAX_SECONDS) &&
	       (unsigned) e->source < SOURCE_COUNT && (unsigned) e->toolstack <= TOOLSTACK_LIBVIRT;
}

void
migrations_event(struct migrations *m, const struct event *e, const struct tick *now)
{
	if (!is_sane(e))
		return;
	switch (e->kind) {
	case EVENT_SHADOW_OP:
		migration_operation(m, e, now);
		break;
	case EVENT_ROUND_NAMED:
	case EVENT_STEP:
	case EVENT_STAGE:
		word(m, e);
		break;
	case EVENT_PROCESS_BEGIN:
		process_begin(m, e, now);
		break;
	case EVENT_PROCESS_END:
		process_end(m, e);
		break;
	case EVENT_TOOLSTACK_END:
		toolstack_end(m, e);
		break;
	case EVENT_RELEASED:
		released(m, e);
		break;
	case EVENT_LOGGED:
		migration_logged(m, e, now);
		break;
	case EVENT_TRACE_WINDOW:
		migration_window(m, e);
		break;
	}
	say_what_waits(m, now->mono);
}

size_t
migrations_unwatched(const struct migrations *m, pid_t *ret_pids, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_open && n < max; i++) {
		const struct open *o = m->open[i];
		bool watched = !isnan(o->helper_gone) || o->r.direction == DIRECTION_PROBE;

		for (size_t k = 0; k < m->n_helpers; k++)
			watched = watched || m->helper[k].pid == o->r.pid;
		if (!watched)
			ret_pids[n++] = o->r.pid;
	}
	return n;
}
