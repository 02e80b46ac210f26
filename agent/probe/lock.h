/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOCK_H
#define LOCK_H

#include "base/tick.h"

/* xapi's lock on a VM against being migrated, suspended or checkpointed: the VM's blocked
 * operations, set by xe. Those that an administrator has blocked stay as they are; ours are known
 * by their value. */
struct lock;

/* The path of xe on a host with xapi, or NULL. root: the file system's ("" for "/"). The caller
 * frees it. */
char *lock_find_xe(const char *root);

struct lock *lock_new(const char *xe, const char *uuid);
void lock_free(struct lock *l);

/* Begins to block, or to unblock, the operations; lock_step does it. */
void lock_take(struct lock *l);
void lock_drop(struct lock *l);

/* Goes on without waiting. -EAGAIN: call again soon. 0: done. -EBUSY: xapi is migrating or
 * suspending the VM now; other -errno: it failed. Then what was blocked is to be dropped. */
int lock_step(struct lock *l, const struct tick *now);

/* The same for whoever has no loop: waits. -ETIMEDOUT. */
int lock_finish(struct lock *l, double seconds);

/* Why it failed, a sentence. */
const char *lock_why(const struct lock *l);

#endif
