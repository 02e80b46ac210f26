/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef AGENT_H
#define AGENT_H

#include "base/loop.h"
#include "config/config.h"
#include "hv/hv.h"
#include "metrics/event.h"
#include "metrics/sample.h"

/* The root half: owns every part of it, and what one tick does. */
struct agent;

/* An agent that keeps nothing yet. */
struct agent *agent_new(const struct config *config);
void agent_free(struct agent *a);

/* Opens store and journal below the configured directory and takes up what an earlier agent left open. From now on
 * events are told, those of a replay in their file alone. -errno, said in the log. */
int agent_keep(struct agent *a, bool replay, struct loop *loop);

/* What the agent asks from now on; the collectors begin anew. hv stays the caller's. note: what it cannot
 * see, a sentence or NULL. */
void agent_set_hv(struct agent *a, struct hv *hv, const char *note);

/* Opens the observers that the configuration allows; each that cannot work becomes a note. loop: waits for
 * them. Then reads what an earlier agent's probes still hold. */
void agent_observe(struct agent *a, struct loop *loop);

/* From now on traces what is tracked, if the configuration allows it. Before agent_observe, which reads what is under
 * way. */
void agent_trace(struct agent *a, struct loop *loop);

/* Lets root ask for a probe and for untrack, on the control socket; ends what an earlier agent's probe left, as far
 * as that is safe. After agent_observe and agent_trace. */
void agent_control(struct agent *a, struct loop *loop);

/* Starts the serve half and restarts it when it ends, later each time. -errno, said in the log. */
int agent_serve(struct agent *a, struct loop *loop);

/* Shows each sample to xcp-rrdd, where that is. A replay does so in a directory of its own alone: its values are not
 * those of this host. */
void agent_publish(struct agent *a, bool replay);

/* Collect, track, store, hand over. */
void agent_tick(struct agent *a, const struct tick *now);

/* An event of an observer or a capture. */
void agent_event(struct agent *a, const struct event *e, const struct tick *now);

/* Hands over all changes that hv reports by now. -EAGAIN, or why there will be no more. */
int agent_changes(struct agent *a);

/* A child of the process has ended. */
void agent_child_ended(struct agent *a, const struct tick *now);

/* For a capture: each event that an observer hands over goes here first. */
void agent_tap(struct agent *a, event_fn *fn, void *arg);

#endif
