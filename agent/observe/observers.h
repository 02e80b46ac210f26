/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OBSERVERS_H
#define OBSERVERS_H

#include "base/loop.h"
#include "config/config.h"
#include "observe/migration.h"
#include "observe/observer.h"

/* All observers that the configuration allows and this host has, the best first. */
struct observers;

/* An event, with the time of the wake-up. */
typedef void observed_fn(void *arg, const struct event *e, const struct tick *now);

struct observers *observers_new(observed_fn *fn, void *arg);
/* Takes all that they put into the kernel away. */
void observers_free(struct observers *o);

/* Opens them, tells the state machine what each covers, has the loop wait for them, and reads what
 * an earlier agent's probes still hold. last_seen: seconds since 1970, up to when an earlier agent
 * saw what it left open; NAN: it left nothing. */
void observers_open(struct observers *o, const struct config *config, struct migrations *m,
    double last_seen, struct loop *loop);

/* One that is open, the better ones first; observers_free closes it. observers_open does this for all that there
 * are. */
void observers_add(struct observers *o, struct migrations *m, struct observer *opened);

/* Reads now what they hold, without waiting. */
void observers_read(struct observers *o, const struct tick *now);

/* Events that had to be dropped so far; SOURCE_NONE: of all observers. */
uint64_t observers_lost(const struct observers *o, enum event_source source);

/* Why some of them do not work, a sentence a line. */
const char *observers_notes(const struct observers *o);

#endif
