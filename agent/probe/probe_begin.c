/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>

#include "base/util.h"
#include "probe/allowed.h"
#include "probe/changes.h"
#include "probe/lock.h"
#include "probe/probe_state.h"

static int
refuse(char *why, size_t n, int error, const char *text)
{
	str_copy(why, n, text);
	return error;
}

static int
refuse_enable(char *why, size_t n, int error)
{
	if (error == -EINVAL)
		return refuse(why, n, error,
		    "Xen refuses: its dirty tracking is on already, or it has a device passed "
		    "through");
	if (error == -ENODATA)
		return refuse(why, n, error, GUEST_NOT_SEEN);
	if (error == -EOPNOTSUPP)
		return refuse(why, n, error, "Xen refuses: it cannot track this kind of guest");
	(void) snprintf(why, n, "Xen refuses to track it: %s", strerror(-error));
	return error;
}

/* Turns tracking on. From before it until it is off again the state file says so. */
static int
begin_tracking(struct probe *p, char *why, size_t n)
{
	struct tick now;
	int r = p->hv->ops->logdirty(p->hv, p->guest.domid, HV_LOGDIRTY_PEEK, &p->count);

	if (r < 0)
		return refuse_enable(why, n, r);
	r = changes_keep(p->changes, p->lock != NULL, true);
	if (r < 0) {
		(void) snprintf(why, n,
		    "a file in state_dir cannot be written (%s), without which a crash would leave "
		    "tracking on unnoticed",
		    strerror(-r));
		return r;
	}
	probe_follow(p, true);
	r = guard_enable(p->guard, &p->guest);
	if (r < 0) {
		probe_follow(p, false);
		(void) changes_keep(p->changes, p->lock != NULL, false);
		return refuse_enable(why, n, r);
	}
	now = p->hooks->clock();
	p->began = p->interval_began = now.mono;
	p->due = now.mono + PROBE_INTERVAL_SECONDS - PROBE_POLL_SECONDS;
	p->n = 0;
	if (migrations_probe_begin(p->hooks->migrations, &p->guest, &now, now.mono) == 0)
		str_copy(p->id, sizeof(p->id), migrations_probe_id(p->hooks->migrations));
	return 0;
}

/* The domain is looked at once more with the lock held, then touched. */
static int
begin(struct probe *p, char *why, size_t n)
{
	struct probe_news news = {.stage = PROBE_BEGUN};
	int r;

	p->hooks->look(p->hooks->arg);
	r = guest_allowed(p->hooks, p->hv, &p->guest, why, n);
	if (r == 0)
		r = begin_tracking(p, why, n);
	if (r < 0)
		return r;
	probe_enter(p, RUNNING);
	probe_tell(p, &news);
	(void) probe_gives_way(p);
	return 0;
}

void
probe_step_locking(struct probe *p)
{
	char why[WHY_SIZE] = "";
	struct tick now = p->hooks->clock();
	int r;

	if (p->stop) {
		probe_conclude(p, RESULT_ABORTED, p->stop, false);
		return;
	}
	r = lock_step(p->lock, &now);
	if (r == -EAGAIN)
		return;
	if (r < 0)
		str_copy(why, sizeof(why), lock_why(p->lock));
	else
		r = begin(p, why, sizeof(why));
	if (r < 0)
		probe_conclude(p, RESULT_FAILED, why, false);
}

int
probe_start(struct probe *p, const struct guest_id *guest, double seconds, char *why, size_t n)
{
	_cleanup_(freep) char *xe = NULL;
	int r;

	if (p->phase != IDLE)
		return refuse(
		    why, n, -EBUSY, "a probe is running or ending already: there is one at a time");
	if (!p->hv)
		return refuse(why, n, -EROFS, "this agent plays a capture");
	if (changes_left(p->changes))
		return refuse(why, n, -EBUSY, changes_note(p->changes));
	if (changes_locked(p->changes))
		return refuse(why, n, -EBUSY,
		    "xapi still blocks what an earlier probe blocked: restart the agent");
	xe = lock_find_xe(p->hooks->root);
	r = probe_configured(p->config, xe != NULL, why, n);
	if (r == 0)
		r = guest_allowed(p->hooks, p->hv, guest, why, n);
	if (r < 0)
		return r;
	p->guest = *guest;
	p->wanted = seconds;
	p->began = p->hooks->clock().mono;
	p->id[0] = '\0';
	p->stop = NULL;
	if (changes_begin(p->changes, guest) < 0)
		return refuse(why, n, -EIO, "the boot's id cannot be read");
	if (!xe)
		return begin(p, why, n);
	r = changes_keep(p->changes, true, false);
	if (r < 0) {
		(void) snprintf(why, n, "a file in state_dir cannot be written: %s", strerror(-r));
		return r;
	}
	p->lock = lock_new(xe, guest->uuid);
	lock_take(p->lock);
	probe_enter(p, LOCKING);
	return 0;
}
