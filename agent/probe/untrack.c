/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/untrack.h"

#include <errno.h>

#include "base/log.h"
#include "base/util.h"
#include "probe/allowed.h"
#include "probe/changes.h"

static int
refuse(char *text, size_t n, int error, const char *why)
{
	str_copy(text, n, why);
	return error;
}

/* Who left it on; NULL: nobody that is known. */
static const char *
left_by(const struct probe_hooks *hooks, struct guard *guard, struct probe *probe,
    const struct guest_id *guest)
{
	const struct guest_id *left = changes_left(probe_changes(probe));

	if (left && strcmp(left->uuid, guest->uuid) == 0)
		return "a probe that could not end it";
	if (migrations_tracked(hooks->migrations, guest->domid))
		return "another program that turned it on and did not turn it off";
	if (!guard_has_turned_off(guard, guest->uuid) && hooks->left_on(hooks->arg, guest))
		return "a migration or a probe, as the journal tells";
	return NULL;
}

int
untrack_allowed(const struct probe_hooks *hooks, struct hv *hv, struct guard *guard,
    struct probe *probe, const struct guest_id *guest, char *text, size_t n)
{
	struct hv_domain d;
	const char *by;
	int r;

	if (!hv)
		return refuse(text, n, -EROFS, "this agent plays a capture");
	if (probe_runs(probe))
		return refuse(text, n, -EBUSY,
		    "a probe is running: it turns tracking off at its end, or when it is "
		    "cancelled");
	hooks->look(hooks->arg);
	r = guest_look(hv, guest, &d);
	if (r == -ESRCH)
		return refuse(text, n, r, "it is gone, and its dirty tracking with it");
	if (r < 0)
		return refuse(text, n, r, "Xen does not tell of it");
	r = guest_unmoved(hooks, guest, text, n);
	if (r < 0)
		return r;
	by = left_by(hooks, guard, probe, guest);
	if (!by)
		return refuse(
		    text, n, -ENODATA, "nobody has seen that its dirty tracking was left on");
	(void) snprintf(
	    text, n, "its dirty tracking was left on by %s, and will be turned off", by);
	return 0;
}

int
untrack(const struct probe_hooks *hooks, struct hv *hv, struct guard *guard, struct probe *probe,
    const struct guest_id *guest, char *text, size_t n)
{
	const struct guest_id *left;
	int r = untrack_allowed(hooks, hv, guard, probe, guest, text, n);

	if (r < 0)
		return r;
	guard_watch(guard, guest);
	r = guest_unmoved(hooks, guest, text, n); /* once more: from here on all is watched */
	if (r < 0) {
		guard_leave(guard);
		return r;
	}
	r = guard_off(guard);
	guard_leave(guard);
	if (r < 0) {
		if (r == -EPERM)
			(void) snprintf(
			    text, n, "%s begins to track it just now", guard_who(guard));
		else if (r == -EBUSY)
			str_copy(text, n, "another program is about to track it");
		else
			(void) snprintf(text, n, "Xen refuses to turn it off: %s", strerror(-r));
		return r;
	}
	left = changes_left(probe_changes(probe));
	if (left && strcmp(left->uuid, guest->uuid) == 0)
		changes_forget(probe_changes(probe));
	str_copy(text, n, "its dirty tracking is off");
	log_info("probe", "domain %u (%s): dirty tracking was turned off, as root asked",
	    guest->domid, guest->name);
	return 0;
}
