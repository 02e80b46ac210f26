/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct config;

/* Who the serve half becomes, and whose group the files for it belong to. */
struct user {
	char name[33];
	uid_t uid;
	gid_t gid;
	bool fallback; /* nobody, since the one of the configuration is not there or is root */
};

/* -ENOENT: not even nobody. */
int user_find(const struct config *config, struct user *ret);

/* For the root half, also where no unit does it: the programs that it starts get no capabilities but its own ten.
 * -errno. */
int rights_bound(void);

/* For good: root directory, user, groups, capabilities, what exec and fork could give back, limits.
 * Needs root. -errno, and *ret_step names the one that failed. */
int rights_drop(const struct user *user, const char *root, const char **ret_step);

/* The same for a process that keeps its root directory and may fork. */
int rights_drop_but_fork(const struct user *user, const char **ret_step);

/* What also a process without root's rights can give up: new privileges, children unless it may fork, core files, most
 * descriptors. -errno. */
int rights_limit(bool may_fork);

#endif
