/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/tick.h"
#include "config/config.h"
#include "hv/trace_buffers.h"
#include "metrics/event.h"
#include "metrics/sample.h"

/* Windows of Xen's trace while a domain is tracked: opens the buffers when an observer's event says that tracking
 * begins (or is about to: a live migration's helper was found), cuts windows at each harvest and at OFF, and hands
 * over an EVENT_TRACE_WINDOW for each tracked domain and window. Closes them afterwards. */
struct trace;

typedef int trace_open_fn(
    uint32_t mask, size_t pages, struct trace_buffers **ret, const char **ret_why);

/* open: trace_buffers_xen_open, or a test's. cpu_khz: the TSC's rate. loop: for its timers; may be NULL in a test,
 * which then calls trace_tick itself. */
struct trace *trace_new(const struct config *c, struct loop *loop, trace_open_fn *open,
    uint32_t cpu_khz, event_fn *fn, void *arg);
void trace_free(struct trace *t);

/* look: hands over, by trace_event, all that the observers have seen by now. It is called before anything is decoded by
 * the clock: the agent may have been kept from its CPU for longer than a window waits for the harvest that ends it. */
typedef void trace_look_fn(void *arg);
void trace_set_look(struct trace *t, trace_look_fn *look, void *arg);

/* Each event of the observers, after the state machine has applied it. */
void trace_event(struct trace *t, const struct event *e, const struct tick *now);

/* What is due: begins, ends and reads windows. The timers call it; calling it more often does no harm. */
void trace_tick(struct trace *t, const struct tick *now);

/* A person's probe of this domain begins or ends: traced like a tracking. */
void trace_follow(struct trace *t, uint32_t domid, bool on, const struct tick *now);

/* Why there is no tracing, a sentence; "" while all is well. */
const char *trace_trouble(const struct trace *t);

/* Seconds of windows so far. */
double trace_seconds(const struct trace *t);
/* The metrics of all this: also the records that Xen had to drop since the start, of all CPUs and of each. */
void trace_sample(const struct trace *t, struct sample *s);

#endif
