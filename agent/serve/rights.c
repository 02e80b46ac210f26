/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/util.h"
#include "config/config.h"

#define MAX_FILES 592 /* descriptors of the serve half: 64 connections of each of 8 sockets, and what it reads */
#define MAX_CAPABILITY 63
#define FALLBACK "nobody"

#ifndef CAP_PERFMON /* Linux 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

#define BIT(capability) (1ULL << (capability))

/* Those of xenscoped.service, which tells what each is for. */
#define ROOT_HALF                                                                                                  \
	(BIT(CAP_SYS_ADMIN) | BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_NET_ADMIN) | BIT(CAP_KILL) |               \
	    BIT(CAP_CHOWN) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP) | BIT(CAP_SYS_CHROOT))

int
user_find(const struct config *config, struct user *ret)
{
	const struct passwd *p = getpwnam(config_text(config, OPTION_user));

	ret->fallback = !p || p->pw_uid == 0;
	if (ret->fallback)
		p = getpwnam(FALLBACK);
	if (!p || p->pw_uid == 0)
		return -ENOENT;
	str_copy(ret->name, sizeof(ret->name), p->pw_name);
	ret->uid = p->pw_uid;
	ret->gid = p->pw_gid;
	return 0;
}

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/* So that no program could have them again; keep: a bit for each that one may. */
static int
drop_bounding_set(unsigned long long keep)
{
	for (unsigned long c = 0; c <= MAX_CAPABILITY; c++)
		if (!(keep & BIT(c)) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return errno == EINVAL
				   ? 0
				   : -errno; /* the first that this kernel does not know */
	return 0;
}

static int
set_limit(int what, rlim_t value)
{
	struct rlimit l = {.rlim_cur = value, .rlim_max = value};

	return setrlimit(what, &l) < 0 ? -errno : 0;
}

int
rights_bound(void)
{
	return geteuid() == 0 ? drop_bounding_set(ROOT_HALF) : 0;
}

int
rights_limit(bool may_fork)
{
	int r = set_limit(RLIMIT_NOFILE, MAX_FILES);

	if (r == 0)
		r = set_limit(RLIMIT_CORE, 0);
	if (r == 0 && !may_fork)
		r = set_limit(RLIMIT_NPROC, 0);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	return r;
}

/* All but the limits. */
static int
become(const struct user *user, const char **ret_step)
{
	int r;

	*ret_step = "the bounding set of capabilities";
	r = drop_bounding_set(0);
	if (r < 0)
		return r;
	*ret_step = "setgroups, setgid, setuid";
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	*ret_step = "capabilities";
	r = drop_capabilities();
	if (r < 0)
		return r;
	*ret_step = "giving root back";
	if (setuid(0) == 0)
		return -EPERM;
	*ret_step = "limits";
	return 0;
}

int
rights_drop(const struct user *user, const char *root, const char **ret_step)
{
	int r;

	*ret_step = "chroot";
	if (chroot(root) < 0 || chdir("/") < 0)
		return -errno;
	r = become(user, ret_step);
	return r < 0 ? r : rights_limit(false);
}

int
rights_drop_but_fork(const struct user *user, const char **ret_step)
{
	int r = become(user, ret_step);

	return r < 0 ? r : rights_limit(true);
}
