/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/probe.h"

#include <errno.h>
#include <math.h>

#include "base/log.h"
#include "base/util.h"
#include "probe/allowed.h"
#include "probe/changes.h"
#include "probe/lock.h"
#include "probe/probe_state.h"

/* seconds, for a program that tried to turn tracking on and has no process that is known */
#define PATIENCE 10.0
#define UNLOCK_SECONDS 60.0 /* at the agent's end */

struct probe *
probe_new(const struct config *config, const struct probe_hooks *hooks, struct guard *guard,
    struct loop *loop, probe_news_fn *fn, void *arg)
{
	struct probe *p = xcalloc(1, sizeof(*p));
	_cleanup_(freep) char *path = NULL;

	p->config = config;
	p->hooks = hooks;
	p->guard = guard;
	p->loop = loop;
	p->timer = -1;
	p->fn = fn;
	p->arg = arg;
	path = xasprintf("%s/probe.state", config_text(config, OPTION_state_dir));
	p->changes = changes_new(path);
	return p;
}

static double
now_mono(const struct probe *p)
{
	return p->hooks->clock().mono;
}

bool
probe_runs(const struct probe *p)
{
	return p->phase != IDLE;
}

bool
probe_waits(const struct probe *p)
{
	return p->phase == LOCKING;
}

/* --- the timer --- */

static void
on_timer(void *arg, uint32_t events, const struct tick *now)
{
	(void) events;
	(void) now;
	probe_step(arg);
}

/* 0: none. -errno. */
static int
set_timer(struct probe *p, double period)
{
	if (!p->loop)
		return 0;
	if (p->timer >= 0)
		loop_cancel(p->loop, p->timer);
	p->timer = -1;
	if (period > 0)
		p->timer = loop_every(p->loop, period, period, on_timer, p);
	return period > 0 && p->timer < 0 ? p->timer : 0;
}

void
probe_enter(struct probe *p, enum phase phase)
{
	static const double periods[] = {[IDLE] = 0,
	    [LOCKING] = PROBE_POLL_SECONDS,
	    [RUNNING] = PROBE_INTERVAL_SECONDS,
	    [YIELDING] = PROBE_POLL_SECONDS,
	    [ENDING] = PROBE_POLL_SECONDS,
	    [UNLOCKING] = PROBE_POLL_SECONDS};
	int r;

	p->phase = phase;
	r = set_timer(p, periods[phase]);
	if (r < 0) /* the agent's tick calls probe_step too, if less often */
		log_warn("probe", "no timer: %s", strerror(-r));
}

void
probe_tell(struct probe *p, struct probe_news *news)
{
	news->guest = &p->guest;
	news->id = p->id;
	news->elapsed = MAX(now_mono(p) - p->began, 0);
	news->wanted = p->wanted;
	p->fn(p->arg, news);
}

void
probe_follow(struct probe *p, bool on)
{
	struct tick now = p->hooks->clock();

	if (p->hooks->follow && p->followed != on)
		p->hooks->follow(p->hooks->arg, p->guest.domid, on, &now);
	p->followed = on;
}

/* --- the end --- */

static void
ended(struct probe *p)
{
	struct probe_news news = {
	    .stage = PROBE_ENDED, .result = p->result, .left_on = p->left_on, .text = p->reason};

	lock_free(TAKE_PTR(p->lock));
	probe_enter(p, IDLE);
	probe_tell(p, &news);
}

/* After lock_drop: r is how it went. */
static void
unlocked(struct probe *p, int r)
{
	if (r < 0)
		log_warn("probe",
		    "domain %u (%s): xapi's blocks on its operations could not be taken away (%s): "
		    "the "
		    "agent will try again at its next start; by hand: xe vm-param-remove uuid=%s "
		    "param-name=blocked-operations param-key=pool_migrate, migrate_send, suspend, "
		    "checkpoint",
		    p->guest.domid, p->guest.name, lock_why(p->lock), p->guest.uuid);
	(void) changes_keep(p->changes, r < 0, changes_left(p->changes) != NULL);
	ended(p);
}

/* Tracking is decided about; only the lock may be left. */
void
probe_conclude(struct probe *p, enum record_result result, const char *reason, bool left_on)
{
	struct tick now = p->hooks->clock();

	guard_leave(p->guard);
	probe_follow(p, false); /* its last window comes now, while there is a record */
	p->result = result;
	p->left_on = left_on;
	str_copy(p->reason, sizeof(p->reason), reason);
	migrations_probe_end(p->hooks->migrations, now.mono, result, p->reason, left_on);
	if (!*p->id) /* else its record's end is said */
		log_info("probe", "domain %u (%s): %s: %s", p->guest.domid, p->guest.name,
		    record_result_name(result), reason);
	(void) changes_keep(p->changes, p->lock != NULL, left_on);
	if (left_on)
		changes_leave(p->changes);
	if (!p->lock) {
		ended(p);
		return;
	}
	lock_drop(p->lock);
	probe_enter(p, UNLOCKING);
}

static void
overtaken(struct probe *p)
{
	char reason[WHY_SIZE];

	(void) snprintf(
	    reason, sizeof(reason), "%s took its dirty tracking over", guard_who(p->guard));
	probe_conclude(p, RESULT_ABORTED, reason, false);
}

/* Another program is about to turn tracking on. Finding it on, libxc turns it off and on again and
 * never gets in our way; an OFF of ours could come after that. So nothing is touched until it has,
 * or has gone. */
static void
yield(struct probe *p)
{
	struct tick now = p->hooks->clock();
	struct probe_news news = {.stage = PROBE_YIELDS, .text = guard_who(p->guard)};

	if (p->phase == YIELDING)
		return;
	p->yielded = now.mono;
	probe_enter(p, YIELDING);
	probe_tell(p, &news);
}

/* What it dirtied since the last look. -ESTALE: the count fell, as it does when somebody harvests;
 * else -errno of hv_ops.logdirty. */
static int
measure(struct probe *p, bool last)
{
	struct probe_news news = {.stage = PROBE_INTERVAL, .n = p->n};
	double from = p->interval_began, at;
	uint32_t count = 0;
	int r = p->hv->ops->logdirty(p->hv, p->guest.domid, HV_LOGDIRTY_PEEK, &count);

	if (r < 0)
		return r;
	if (count < p->count)
		return -ESTALE;
	at = now_mono(p);
	news.seconds = at - from;
	news.pages = (int64_t) (count - p->count);
	migrations_probe_interval(p->hooks->migrations, at, news.pages, last);
	p->count = count;
	p->interval_began = at;
	p->n++;
	probe_tell(p, &news);
	return 0;
}

/* Turns tracking off, if it is still the probe's to do so. */
static void
end_tracking(struct probe *p, enum record_result result, const char *reason)
{
	char why[WHY_SIZE];
	int r;

	p->phase = ENDING;
	r = guard_off(p->guard);
	if (r == 0 || r == -ESRCH) {
		probe_conclude(p, result, reason, false);
		return;
	}
	if (r == -EPERM && guard_verdict(p->guard) == GUARD_TAKEN) {
		overtaken(p);
		return;
	}
	if (r == -EBUSY || (r == -EPERM && guard_verdict(p->guard) == GUARD_TOUCHED)) {
		yield(p);
		return;
	}
	(void) snprintf(why, sizeof(why), "%s%stracking was left on: %s", reason,
	    *reason ? "; " : "",
	    r == -EPERM ? "the kernel's probe may have missed what another program did"
			: strerror(-r));
	probe_conclude(p, RESULT_FAILED, why, true);
}

/* --- a running probe --- */

static bool
is_busy(const struct probe *p)
{
	return migrations_probe_allowed(p->hooks->migrations, p->guest.domid) == -EBUSY;
}

/* True if another program has a hand in it, which was then dealt with. */
bool
probe_gives_way(struct probe *p)
{
	enum guard_verdict v = guard_verdict(p->guard);

	if (v == GUARD_TAKEN)
		overtaken(p);
	else if (v == GUARD_TOUCHED || is_busy(p))
		yield(p);
	else if (v == GUARD_BLIND)
		end_tracking(p, RESULT_FAILED, "");
	return p->phase != RUNNING;
}

/* True if the domain is no more what it was, which ended the probe. */
static bool
lost_domain(struct probe *p)
{
	struct hv_domain d;
	int r = guest_look(p->hv, &p->guest, &d);

	if (r == -ESRCH || (r == 0 && d.dying)) {
		probe_conclude(p, RESULT_ABORTED, "the domain is gone", false);
		return true;
	}
	if (r == 0 && (d.shutdown || d.crashed)) {
		end_tracking(p, RESULT_ABORTED,
		    d.crashed ? "the domain crashed" : "the domain was shut down or suspended");
		return true;
	}
	return false; /* what cannot be asked now may be in a second */
}

/* Another interval; the last one ends the probe with this result. */
static void
take_interval(struct probe *p, bool last, enum record_result result, const char *reason)
{
	char why[WHY_SIZE];
	int r = measure(p, last);

	if (r == -EBUSY &&
	    !last) /* another operation is under way: the next look tells of both intervals */
		return;
	if (r == -ESTALE) {
		probe_conclude(p, RESULT_ABORTED,
		    "its count of dirty pages fell: another program harvests them unseen", true);
		return;
	}
	if (r < 0 && r != -EBUSY) {
		(void) snprintf(why, sizeof(why), "Xen does not tell how many pages are dirty: %s",
		    strerror(-r));
		end_tracking(p, RESULT_FAILED, why);
	} else if (last) {
		end_tracking(p, result, reason);
	}
}

static void
step_running(struct probe *p)
{
	double now = now_mono(p);
	bool last = p->stop || now >= p->began + p->wanted;

	if (now < p->due && !last)
		return;
	p->due = now + PROBE_INTERVAL_SECONDS - PROBE_POLL_SECONDS;
	p->hooks->look(p->hooks->arg);
	if (p->phase == RUNNING && !probe_gives_way(p) && !lost_domain(p))
		take_interval(
		    p, last, p->stop ? RESULT_ABORTED : RESULT_COMPLETED, p->stop ? p->stop : "");
}

static void
step_yielding(struct probe *p)
{
	enum guard_verdict v;

	p->hooks->look(p->hooks->arg);
	if (p->phase != YIELDING)
		return;
	v = guard_verdict(p->guard);
	if (v == GUARD_TAKEN)
		overtaken(p);
	else if (is_busy(p))
		return; /* it will, or it will go */
	else if (v == GUARD_OURS)
		end_tracking(
		    p, RESULT_ABORTED, "a process that moves domains came for it and went");
	else if (v == GUARD_BLIND || now_mono(p) - p->yielded > PATIENCE)
		probe_conclude(p, RESULT_ABORTED,
		    v == GUARD_BLIND ? "what another program did may have been missed"
				     : "another program tried to turn its tracking on, and gave up",
		    true);
}

/* --- from outside --- */

void
probe_step(struct probe *p)
{
	struct tick now;
	int r;

	switch (p->phase) {
	case IDLE:
	case ENDING:
		break;
	case LOCKING:
		probe_step_locking(p);
		break;
	case RUNNING:
		step_running(p);
		break;
	case YIELDING:
		step_yielding(p);
		break;
	case UNLOCKING:
		now = p->hooks->clock();
		r = lock_step(p->lock, &now);
		if (r != -EAGAIN)
			unlocked(p, r);
		break;
	}
}

/* Done by the next step: who asks may be in the middle of one, having been told of an interval. */
void
probe_stop(struct probe *p, const char *reason)
{
	if (p->phase != LOCKING && p->phase != RUNNING)
		return;
	p->stop = reason;
	(void) set_timer(p, PROBE_POLL_SECONDS);
}

/* Acts only on what must not wait for the next step, and turns nothing off: the event may be one of
 * many that are being read. */
void
probe_event(struct probe *p, const struct event *e)
{
	bool ours = e->pid == getpid() && e->op != SHADOW_OP_OFF;

	if (e->kind == EVENT_SHADOW_OP && !ours && e->domid == changes_guest(p->changes)->domid &&
	    e->result >= 0 && e->op != SHADOW_OP_PEEK && p->phase == IDLE)
		changes_forget(p->changes); /* what was left on is theirs now, or off */
	if ((p->phase != RUNNING && p->phase != YIELDING) || e->domid != p->guest.domid ||
	    (e->kind != EVENT_SHADOW_OP && e->kind != EVENT_PROCESS_BEGIN))
		return;
	if (guard_verdict(p->guard) == GUARD_TAKEN)
		overtaken(p);
	else if (guard_verdict(p->guard) == GUARD_TOUCHED || is_busy(p))
		yield(p);
}

/* What an earlier agent left. It is never turned off here: what other programs did meanwhile was
 * not seen. */
void
probe_set_hv(struct probe *p, struct hv *hv)
{
	_cleanup_(freep) char *xe = NULL;

	p->hv = hv;
	changes_load(p->changes, hv);
	if (!changes_locked(p->changes))
		return;
	p->guest = *changes_guest(p->changes);
	p->result = RESULT_ABORTED;
	p->left_on = changes_left(p->changes) != NULL;
	xe = lock_find_xe(p->hooks->root);
	p->lock = lock_new(xe ? xe : "xe", p->guest.uuid);
	lock_drop(p->lock);
	probe_enter(p, UNLOCKING);
}

struct changes *
probe_changes(struct probe *p)
{
	return p->changes;
}

void
probe_free(struct probe *p)
{
	if (!p)
		return;
	probe_stop(p, "the agent was ended");
	probe_step(p);
	if (p->phase == YIELDING) {
		bool taken = guard_verdict(p->guard) == GUARD_TAKEN;

		probe_conclude(p, RESULT_ABORTED,
		    "the agent was ended while another program began to track the domain", !taken);
	}
	if (p->phase == UNLOCKING)
		unlocked(p, lock_finish(p->lock, UNLOCK_SECONDS));
	(void) set_timer(p, 0);
	lock_free(p->lock);
	changes_free(p->changes);
	free(p);
}
