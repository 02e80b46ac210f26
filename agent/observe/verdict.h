/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/record.h"
#include "observe/forecast.h"

/* How a migration ended. libxc turns log-dirty off whether it succeeded or not, and a helper that
 * dies says nothing, so that it is judged by what becomes of the domain. */

enum presence {
	DOMAIN_UNKNOWN, /* the domains could not be listed */
	DOMAIN_GONE,
	DOMAIN_STOPPED, /* suspended, shut down or crashed */
	DOMAIN_PAUSED,
	DOMAIN_RUNNING,
};

struct sight {
	enum presence here;
	bool elsewhere;	  /* this host has another domain with its uuid */
	bool helper_gone; /* no helper works on it any more */
	bool overdue;	  /* waited long enough */
	bool rebooted;	  /* the host was restarted since */
	bool crashed;	  /* the guest was seen crashed */
	bool missed;	  /* log-dirty operations may have been missed at the end */
};

/* Sets result and reason and returns true, or returns false: it is under way, or it is too early to
 * say. */
bool verdict(struct migration_record *r, const struct sight *s);

/* Why a process ended, as a sentence; status as of wait(2), not 0. True if somebody put an end to it. */
bool verdict_of_status(const char *comm, int status, char *ret_reason, size_t n);

/* What follows from the result: the end, the downtime, the sums, whether log-dirty was left on.
 * rule: by which the toolstack ends pre-copy; NULL: nobody can tell. */
void verdict_close(struct migration_record *r, const struct sight *s, const struct stop_rule *rule);

#endif
