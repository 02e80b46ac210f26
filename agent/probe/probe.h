/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>

#include "base/loop.h"
#include "config/config.h"
#include "hv/hv.h"
#include "metrics/event.h"
#include "metrics/record.h"
#include "probe/guard.h"
#include "probe/hooks.h"

/* One probe of one domain at a time: turns dirty tracking on, asks every second how many pages were
 * dirtied for the first time, turns it off; and what is left to do after an agent that could not
 * end its own. */
struct changes;
struct probe;

enum probe_stage {
	PROBE_BEGUN,	/* the domain is tracked from now on */
	PROBE_INTERVAL, /* n, seconds, pages */
	PROBE_YIELDS,	/* to another program that is about to track the domain: text */
	PROBE_ENDED,	/* result, text; all that could be undone is undone */
};

struct probe_news {
	enum probe_stage stage;
	const struct guest_id *guest;
	const char *id; /* of the record; "": there is none */
	unsigned n;	/* of the interval, from 0 */
	double seconds; /* its length */
	int64_t pages;	/* dirtied for the first time in it; UNSEEN */
	double elapsed, wanted;
	enum record_result result;
	bool left_on; /* tracking is still on, and nobody else's */
	const char *text;
};

typedef void probe_news_fn(void *arg, const struct probe_news *news);

/* loop: for its timer; NULL in a test, which calls probe_step itself. config, hooks and guard stay
 * the caller's. */
struct probe *probe_new(const struct config *config, const struct probe_hooks *hooks,
    struct guard *guard, struct loop *loop, probe_news_fn *fn, void *arg);

/* Ends what runs, waits for xapi's lock to be given back (bounded), frees. */
void probe_free(struct probe *p);

/* The hypervisor; undoes what an earlier agent left in its state file, as far as that is safe. Not
 * for a replay. */
void probe_set_hv(struct probe *p, struct hv *hv);

/* Begins. -errno: it does not, and why says so in a sentence. */
int probe_start(struct probe *p, const struct guest_id *guest, double seconds, char *why, size_t n);

/* Ends it early, at the next step, which is soon; reason: static text. Nothing where none runs. */
void probe_stop(struct probe *p, const char *reason);

bool probe_runs(const struct probe *p);

/* It has not begun: xapi is asked for the lock. */
bool probe_waits(const struct probe *p);

/* What is due. The timer calls it; calling it more often does no harm. */
void probe_step(struct probe *p);

/* Each event, after the state machine and the guard had it. */
void probe_event(struct probe *p, const struct event *e);

/* What it has changed, or left. */
struct changes *probe_changes(struct probe *p);

#endif
