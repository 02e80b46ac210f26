/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "observe/proc_helper.h"

#include <errno.h>
#include <inttypes.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "base/util.h"
#include "observe/helper_name.h"

#define MAX_ARGUMENTS 64
#define MAX_IO 512 /* bytes of /proc/PID/io; it has seven short lines */
#define MAX_DOMID 0x7fef /* DOMID_FIRST_RESERVED - 1, public/xen.h */

struct arguments {
	const char *v[MAX_ARGUMENTS];
	size_t n;
};

typedef int parse_fn(const struct arguments *a, const char *parent, struct proc_helper *h);

static int
domid(const char *text, uint32_t *ret)
{
	uint64_t v;

	if (parse_u64(text, 0, MAX_DOMID, &v) < 0)
		return -EBADMSG;
	*ret = (uint32_t) v;
	return 0;
}

/* libxl-save-helper --save-domain FD RECV_FD DOMID XCFLAGS [HVM, up to 4.13] CBFLAGS STREAM_TYPE,
 * --restore-domain FD SEND_BACK_FD DOMID ...: tools/libs/light/libxl_save_helper.c. */
static int
parse_libxl(const struct arguments *a, const char *parent, struct proc_helper *h)
{
	static const uint64_t live = 1; /* XCFLAGS_LIVE, xenguest.h */
	uint64_t flags;
	int r;

	if (strcmp(parent, "xl") == 0)
		h->toolstack = TOOLSTACK_XL;
	else if (strncmp(parent, "libvirt", 7) == 0 || strncmp(parent, "virt", 4) == 0)
		h->toolstack = TOOLSTACK_LIBVIRT; /* libvirtd, or virtxend of its split form */
	if (a->n < 6)
		return -EBADMSG;
	r = domid(a->v[4], &h->domid);
	if (r < 0)
		return r;
	if (strcmp(a->v[1], "--restore-domain") == 0) {
		h->role = ROLE_RESTORE;
		return 0;
	}
	if (strcmp(a->v[1], "--save-domain") != 0 || parse_u64(a->v[5], 0, UINT32_MAX, &flags) < 0)
		return -EBADMSG;
	h->role = flags & live ? ROLE_LIVE_SAVE : ROLE_SAVE;
	/* xc_stream_type_t: 0 is a plain stream, the others have checkpoints */
	if (a->n >= 8 && parse_u64(a->v[a->n - 1], 0, UINT32_MAX, &flags) == 0 && flags > 0)
		h->role = ROLE_REPLICATE;
	return 0;
}

/* The value of an option like "-domid 3"; "" if it is not there. */
static const char *
option(const struct arguments *a, const char *name)
{
	for (size_t i = 1; i + 1 < a->n; i++)
		if (strcmp(a->v[i], name) == 0)
			return a->v[i + 1];
	return "";
}

/* emu-manager -mode hvm_save|save|hvm_restore|restore -domid N [-live true] ...;
 * xenguest -mode listen -domid N ...: emu-manager's child, which is told by its socket what to do.
 */
static int
parse_xapi(const struct arguments *a, const char *parent, struct proc_helper *h)
{
	const char *mode = option(a, "-mode");

	(void) parent;
	h->toolstack = TOOLSTACK_XAPI;
	if (strcmp(mode, "save") == 0 || strcmp(mode, "hvm_save") == 0)
		h->role = strcmp(option(a, "-live"), "true") == 0 ? ROLE_LIVE_SAVE : ROLE_SAVE;
	else if (strcmp(mode, "restore") == 0 || strcmp(mode, "hvm_restore") == 0)
		h->role = ROLE_RESTORE;
	return domid(option(a, "-domid"), &h->domid);
}

static parse_fn *const parse[HELPERS] = {
    [HELPER_LIBXL] = parse_libxl, [HELPER_XENGUEST] = parse_xapi, [HELPER_MANAGER] = parse_xapi};

int
proc_helper_parse(const char *cmdline, size_t n, const char *parent, struct proc_helper *ret)
{
	struct arguments a = {.n = 0};
	const char *base;

	for (const char *p = cmdline, *end = cmdline + n; p < end && a.n < MAX_ARGUMENTS;) {
		const char *nul = memchr(p, '\0', (size_t) (end - p));

		if (!nul)
			break; /* cut, or written over by the process */
		a.v[a.n++] = p;
		p = nul + 1;
	}
	if (a.n == 0)
		return -ENOENT;
	base = strrchr(a.v[0], '/');
	base = base ? base + 1 : a.v[0];
	for (size_t i = 0; i < HELPERS; i++)
		if (strcmp(base, helper_names[i]) == 0) {
			ret->role = ROLE_UNKNOWN;
			ret->toolstack = TOOLSTACK_UNKNOWN;
			return parse[i](&a, parent, ret);
		}
	return -ENOENT;
}

int
proc_stat_parse(const char *text, struct proc_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	char comm[64] = "";
	int parent;

	/* the name may hold anything, brackets too */
	if (!open || !close || close < open || (size_t) (close - open) > sizeof(comm))
		return -EBADMSG;
	memcpy(comm, open + 1, (size_t) (close - open - 1));
	if (sscanf(close + 1,
		" %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
		"%" SCNu64,
		&ret->state, &parent, &ret->started) != 3)
		return -EBADMSG;
	ret->parent = parent;
	utf8_clean(ret->comm, sizeof(ret->comm), comm);
	return 0;
}

uint64_t
proc_written(pid_t pid)
{
	static const char name[] = "\nwchar: ";
	char path[32];
	_cleanup_(freep) char *text = NULL;
	uint64_t n = 0;

	(void) snprintf(path, sizeof(path), "/proc/%d/io", (int) pid);
	if (file_read(path, MAX_IO, &text, NULL) == 0 && strstr(text, name))
		(void) sscanf(strstr(text, name) + strlen(name), "%" SCNu64, &n);
	return n;
}
