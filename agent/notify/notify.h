/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NOTIFY_H
#define NOTIFY_H

#include "base/loop.h"
#include "config/config.h"
#include "hv/hv.h"
#include "metrics/notice.h"
#include "metrics/sample.h"

/* Tells people what happens: in the file of events, in syslog, by the administrator's command. A replay is told in the
 * file and on standard error alone. */
struct notifier;

/* It takes notices from now on, and keeps them until notifier_open. loop: for the command; NULL: there is none. */
struct notifier *notifier_new(const struct config *config, bool replay, struct loop *loop);
/* Opens the file in dir and tells what came before. -errno, said in the log; it is then told without the file. */
int notifier_open(struct notifier *t, const char *dir, gid_t gid);
void notifier_free(struct notifier *t);

/* A record has changed. begun: it is new, else it may be one that an earlier agent left open. */
void notifier_record(struct notifier *t, bool begun, const struct migration_record *r);

/* A tick: compares this boot's features with the last one's, looks into Xen's console now and then, and writes the
 * counters of the scope notice into the sample. */
void notifier_sample(struct notifier *t, struct hv *hv, struct sample *s);

/* Why there is no tracing, a sentence; "" while all is well. */
void notifier_trace(struct notifier *t, const char *why);

/* A child of the process has ended. */
void notifier_child_ended(struct notifier *t);

#endif
