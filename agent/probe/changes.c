/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/changes.h"

#include <errno.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"
#include "probe/allowed.h"

#define MAX_FILE 512
#define FORMAT "xenscope-probe 1 domid=%u uuid=%s boot=%s locked=%d tracked=%d name=%s\n"

/* As the file holds it. */
struct kept {
	struct guest_id guest;
	char boot_id[UUID_SIZE];
	bool locked, tracked;
};

struct changes {
	char *path;
	struct hv *hv;
	struct kept kept;
	bool left;
	char note[256];
};

struct changes *
changes_new(const char *path)
{
	struct changes *c = xcalloc(1, sizeof(*c));

	c->path = xstrdup(path);
	return c;
}

void
changes_free(struct changes *c)
{
	if (!c)
		return;
	free(c->path);
	free(c);
}

/* --- the file --- */

static int
write_file(const char *path, const struct kept *k)
{
	_cleanup_(freep) char *text = xasprintf(FORMAT, k->guest.domid, k->guest.uuid, k->boot_id,
	    k->locked, k->tracked, k->guest.name);

	return file_replace(path, text);
}

static int
remove_file(const char *path)
{
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_directory(path);
}

static int
read_file(const char *path, struct kept *ret)
{
	_cleanup_(freep) char *text = NULL;
	char uuid[UUID_SIZE], boot[UUID_SIZE];
	int locked, tracked, at = 0, r = file_read(path, MAX_FILE, &text, NULL);
	struct kept k;

	if (r < 0)
		return r;
	memset(&k, 0, sizeof(k));
	if (sscanf(text,
		"xenscope-probe 1 domid=%u uuid=%36s boot=%36s locked=%d tracked=%d name=%n",
		&k.guest.domid, uuid, boot, &locked, &tracked, &at) != 5 ||
	    !at || parse_uuid(uuid, k.guest.uuid) < 0 || parse_uuid(boot, k.boot_id) < 0)
		return -EBADMSG;
	text[strcspn(text, "\n")] = '\0';
	utf8_clean(k.guest.name, sizeof(k.guest.name), text + at);
	k.locked = locked != 0;
	k.tracked = tracked != 0;
	*ret = k;
	return 0;
}

int
changes_keep(struct changes *c, bool locked, bool tracked)
{
	struct kept k = c->kept;
	int r;

	k.locked = locked;
	k.tracked = tracked;
	r = locked || tracked ? write_file(c->path, &k) : remove_file(c->path);
	if (r == 0) {
		c->kept = k;
		return 0;
	}
	log_warn("probe", "%s: %s", c->path, strerror(-r));
	if (!c->kept.locked && !c->kept.tracked) /* nothing is changed: let the file not say so */
		(void) remove_file(c->path);
	return r;
}

/* --- what is left --- */

void
changes_load(struct changes *c, struct hv *hv)
{
	struct hv_domain d;
	char boot_id[UUID_SIZE];
	int r = read_file(c->path, &c->kept);

	c->hv = hv;
	if (r < 0 && r != -ENOENT)
		log_warn("probe",
		    "%s is not to be understood (%s): if a probe ran, xl debug-keys q shows "
		    "whether "
		    "its domain is in log_dirty mode",
		    c->path, strerror(-r));
	if (r < 0)
		return;
	if (c->kept.tracked && guest_look(hv, &c->kept.guest, &d) != -ESRCH &&
	    (hv->ops->boot_id(hv, boot_id) < 0 || strcmp(boot_id, c->kept.boot_id) == 0))
		changes_leave(c);
	(void) changes_keep(c, c->kept.locked, c->left);
}

int
changes_begin(struct changes *c, const struct guest_id *guest)
{
	c->kept.guest = *guest;
	return c->hv->ops->boot_id(c->hv, c->kept.boot_id);
}

bool
changes_locked(const struct changes *c)
{
	return c->kept.locked;
}

const struct guest_id *
changes_guest(const struct changes *c)
{
	return &c->kept.guest;
}

void
changes_leave(struct changes *c)
{
	const struct guest_id *g = &c->kept.guest;

	c->left = true;
	(void) snprintf(c->note, sizeof(c->note),
	    "A probe left dirty tracking of domain %u (%s) on, which costs it some speed: "
	    "xenscope untrack %u turns it off.",
	    g->domid, g->name, g->domid);
	log_warn("probe", "%s", c->note);
}

void
changes_forget(struct changes *c)
{
	if (!c->left)
		return;
	c->left = false;
	c->note[0] = '\0';
	(void) changes_keep(c, c->kept.locked, false);
}

const struct guest_id *
changes_left(struct changes *c)
{
	struct hv_domain d;

	if (c->left && guest_look(c->hv, &c->kept.guest, &d) == -ESRCH)
		changes_forget(c); /* its tracking went with it */
	return c->left ? &c->kept.guest : NULL;
}

const char *
changes_note(struct changes *c)
{
	(void) changes_left(c);
	return c->note;
}
