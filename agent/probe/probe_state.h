/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_STATE_H
#define PROBE_STATE_H

#include "probe/probe.h"

/* What probe.c, which runs and ends a probe, shares with probe_begin.c. */

#define PROBE_INTERVAL_SECONDS 1.0 /* between two looks at the count */
#define PROBE_POLL_SECONDS 0.05	   /* while xe is asked, and while another program takes over */

enum phase {
	IDLE,
	LOCKING,
	RUNNING,
	YIELDING, /* another program is about to take the tracking over: nothing is touched */
	ENDING,	  /* tracking is being turned off, in this very moment */
	UNLOCKING,
};

struct probe {
	const struct config *config;
	const struct probe_hooks *hooks;
	struct guard *guard;
	struct hv *hv;
	struct loop *loop;
	int timer;
	probe_news_fn *fn;
	void *arg;

	enum phase phase;
	struct lock *lock; /* NULL: none is held or asked for */
	struct changes *changes;

	struct guest_id guest;
	double wanted;				    /* seconds */
	double began, interval_began, due, yielded; /* CLOCK_MONOTONIC */
	unsigned n;				    /* of the interval */
	uint32_t count;				    /* Xen's, at the last look */
	const char *stop;			    /* it is to end early, and why; NULL */
	bool followed;				    /* by the trace */
	char id[RECORD_ID_SIZE];		    /* of its record; "": it has none */

	/* how it ended, until the lock is given back */
	enum record_result result;
	char reason[WHY_SIZE];
	bool left_on;
};

/* Goes to another phase, with its timer. */
void probe_enter(struct probe *p, enum phase phase);

/* Hands news over, with what is the same in all of them filled in. */
void probe_tell(struct probe *p, struct probe_news *news);

void probe_follow(struct probe *p, bool on);

/* True if another program has a hand in the tracking: then this was dealt with, and the probe runs
 * no more. */
bool probe_gives_way(struct probe *p);

/* Tracking is decided about: ends the record, gives the lock back. */
void probe_conclude(struct probe *p, enum record_result result, const char *reason, bool left_on);

/* With the phase LOCKING: what is due. */
void probe_step_locking(struct probe *p);

#endif
