/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVING_H
#define SERVING_H

#include "base/loop.h"
#include "config/config.h"
#include "metrics/record.h"
#include "metrics/sample.h"

/* The serve half as its parent sees it: its sockets, its process, the link to it. It is started again when it ends,
 * later each time. */
struct serving;

/* Listens and starts it. patient: an agent that was killed may have left its serve half, which makes room within
 * moments. -errno, said in the log. */
int serving_start(const struct config *config, struct loop *loop, bool patient, struct serving **ret);
void serving_end(struct serving *s);

/* Hands over; dropped while the serve half is away. */
void serving_record(struct serving *s, const struct migration_record *r);
void serving_sample(struct serving *s, const struct sample *sample);

/* Adds to a sample what can be seen of the serve half from here. */
void serving_usage(const struct serving *s, struct sample *sample);

/* A child of the process has ended, perhaps this one. */
void serving_child_ended(struct serving *s, const struct tick *now);

#endif
