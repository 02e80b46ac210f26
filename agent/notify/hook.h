/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOOK_H
#define HOOK_H

#include "base/loop.h"
#include "metrics/notice.h"

/* A command of the administrator's that is run for each notice, one after the other: path KIND SEQ JSON, without a
 * shell, as the agent's user, in /, with an environment of PATH alone and /dev/null as its standard files. What it
 * began ends with it, and it is killed after HOOK_SECONDS. */
struct hook;

#define HOOK_SECONDS 10.0
#define MAX_HOOK_QUEUE 64 /* notices that wait; the next ones are dropped */

/* Whether this file may be run: an absolute path to an executable regular file that is, as are the directories above
 * it, root's or the agent's user's, and that nobody else can write or replace. NULL: it may; else why not, for a
 * person. */
const char *hook_check(const char *path);

/* seconds: HOOK_SECONDS, or a test's. The loop must hand children that ended to hook_child_ended. */
struct hook *hook_new(const char *path, double seconds, struct loop *loop);
/* Ends one that runs. */
void hook_free(struct hook *h);

/* Runs it for this notice when its turn comes. */
void hook_run(struct hook *h, const struct notice *n, const char *json);

/* A child of the process has ended, perhaps this one. */
void hook_child_ended(struct hook *h);

/* Notices for which it was not run, since too many waited. */
uint64_t hook_dropped(const struct hook *h);

#endif
