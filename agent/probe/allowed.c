/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/allowed.h"

#include <errno.h>

#include "base/parse.h"
#include "base/util.h"
#include "observe/observer.h"

#define CONFIG_FILE SYSCONFDIR "/xenscope/xenscoped.conf"
#define DOM0 0

static int
refuse(char *why, size_t n, int error, const char *text)
{
	str_copy(why, n, text);
	return error;
}

bool
probe_option_known(const char *value)
{
	return strcmp(value, "no") == 0 || strcmp(value, "yes") == 0 ||
	       strcmp(value, "unsafe-without-lock") == 0;
}

int
probe_configured(const struct config *config, bool has_lock, char *why, size_t n)
{
	const char *value = config_text(config, OPTION_probe);

	if (strcmp(value, "unsafe-without-lock") == 0 || (strcmp(value, "yes") == 0 && has_lock))
		return 0;
	if (strcmp(value, "yes") == 0)
		return refuse(why, n, -EPERM,
		    "no xapi is here that could lock the VM against a migration: \"probe = "
		    "unsafe-without-lock\" in " CONFIG_FILE
		    " allows it nonetheless, xenscope(1) tells what can happen then");
	if (strcmp(value, "no") == 0)
		return refuse(why, n, -EPERM,
		    "it is not allowed: \"probe = yes\" in " CONFIG_FILE
		    " and a restart of the agent allow it, see "
		    "xenscope(1)");
	return refuse(why, n, -EPERM,
	    "the option probe in " CONFIG_FILE " is none of no, yes and unsafe-without-lock");
}

int
guest_look(struct hv *hv, const struct guest_id *guest, struct hv_domain *ret)
{
	char uuid[UUID_SIZE];
	size_t n = 0;
	int r = hv->ops->domain_list(hv, guest->domid, ret, 1, &n);

	if (r < 0)
		return r;
	if (n == 0 || ret->domid != guest->domid)
		return -ESRCH;
	uuid_format(ret->uuid, uuid);
	return strcmp(uuid, guest->uuid) == 0 ? 0 : -ESRCH;
}

/* --- processes --- */

struct search {
	uint32_t domid;
	pid_t pid; /* 0: none */
};

static void
on_process(void *arg, const struct event *e)
{
	struct search *s = arg;

	if (e->kind == EVENT_PROCESS_BEGIN && e->domid == s->domid)
		s->pid = e->pid;
}

/* A scan of its own: the configuration may have turned the observer off. */
static int
find_helper(const char *root, uint32_t domid, pid_t *ret_pid)
{
	struct search s = {domid, 0};
	struct tick now = tick_now();
	struct observer *o = NULL;
	const char *why;
	int r = proc_watch_open(root, &o, &why);

	if (r < 0)
		return r;
	r = o->ops->read(o, &now, on_process, &s);
	o->ops->close(o);
	*ret_pid = s.pid;
	return r;
}

int
guest_unmoved(const struct probe_hooks *hooks, const struct guest_id *guest, char *why, size_t n)
{
	pid_t pid = 0;
	int r;

	if (migrations_probe_allowed(hooks->migrations, guest->domid) == -EBUSY)
		return refuse(why, n, -EBUSY, "it is being migrated or saved, or was a moment ago");
	r = find_helper(hooks->root, guest->domid, &pid);
	if (r < 0)
		return refuse(
		    why, n, r, "the processes cannot be looked through for one that migrates it");
	if (!pid)
		return 0;
	(void) snprintf(why, n, "it is being migrated or saved by process %d", (int) pid);
	return -EBUSY;
}

/* --- the domain --- */

/* xl names a domain so while it receives it or has sent it away. */
static bool
is_in_passage(const char *name)
{
	return strstr(name, "--incoming") || strstr(name, "--migratedaway");
}

static int
can_be_tracked(struct hv *hv, const struct hv_domain *d, char *why, size_t n)
{
	struct hv_physinfo info;

	if (d->dying || d->shutdown || d->crashed)
		return refuse(why, n, -ESRCH, "it does not run");
	if (d->paused)
		return refuse(why, n, -EAGAIN, "it is paused");
	if (d->hvm)
		return 0;
	if (hv->ops->physinfo(hv, &info) < 0 || !info.shadow)
		return refuse(why, n, -EOPNOTSUPP,
		    "it is a PV guest, which this Xen cannot track: it has no shadow paging");
	return 0;
}

int
guest_allowed(const struct probe_hooks *hooks, struct hv *hv, const struct guest_id *guest,
    char *why, size_t n)
{
	char name[MAX_HV_NAME] = "";
	struct hv_domain d;
	int r;

	if (guest->domid == DOM0)
		return refuse(why, n, -EINVAL, "Dom0 cannot be tracked");
	r = guest_look(hv, guest, &d);
	if (r < 0)
		return refuse(why, n, r, r == -ESRCH ? "it is gone" : "Xen does not tell of it");
	r = can_be_tracked(hv, &d, why, n);
	if (r == 0)
		r = guest_unmoved(hooks, guest, why, n);
	if (r < 0)
		return r;
	(void) hv->ops->domain_name(hv, guest->domid, name);
	if (is_in_passage(name))
		return refuse(why, n, -EBUSY, "it is being migrated: its name says so");
	switch (migrations_probe_allowed(hooks->migrations, guest->domid)) {
	case 0:
		return 0;
	case -EALREADY:
		return refuse(why, n, -EALREADY,
		    "its dirty tracking is on already; if nobody migrates it, xenscope untrack "
		    "turns it off");
	case -ENODATA:
		return refuse(why, n, -ENODATA, GUEST_NOT_SEEN);
	}
	return refuse(why, n, -EBUSY, "it is being migrated or saved");
}
