/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBER_H
#define PROBER_H

#include "base/loop.h"
#include "config/config.h"
#include "hv/hv.h"
#include "metrics/event.h"
#include "probe/hooks.h"

/* All of this folder for the agent: answers root on the control socket. */
struct prober;

/* config and hv stay the caller's, hooks is copied. Undoes what an earlier agent's probe left, as
 * far as that is safe, and listens; a socket that cannot be had is said in the log, and then nobody
 * can ask. */
struct prober *prober_new(
    const struct config *config, const struct probe_hooks *hooks, struct hv *hv, struct loop *loop);

/* Ends a probe that runs: before the observers are closed. */
void prober_free(struct prober *p);

/* Each event, after the state machine has applied it. */
void prober_event(struct prober *p, const struct event *e);

/* Each tick. */
void prober_tick(struct prober *p);

/* What a person should know: that tracking was left on. A sentence, or "". */
const char *prober_note(struct prober *p);

#endif
