/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OVERHEAD_H
#define OVERHEAD_H

#include "metrics/record.h"

/* What dirty tracking costs: figures from the sums of a record (design, section 2). Pure functions. A figure is
 * NAN (a count: UNSEEN) where it is not known or would be a quotient by 0, and never negative. */

#define PML_ENTRIES 512 /* of a vCPU's buffer (Intel SDM, "Page-Modification Logging") */

struct overhead_figures {
	double tracked_seconds;	 /* of the pass; of a record from ENABLE to OFF */
	double sampled_fraction; /* of them in whole windows, 0 to 1 */
	int64_t pages_dirtied;	 /* as the harvests found, traced or not; of a record: of all its rounds */
	int64_t splits;		 /* under PML: violations, the first writes to superpages */
	int64_t avoided_exits;	 /* under PML: pages dirtied less PML-full exits, the latter scaled to all pages */
	double overhead_ratio;	 /* of the guest's CPU time, 0.026 is 2.6 %; a lower bound */
	double exits_per_kpage;
	double recalc_exits_per_kpage;
	double cycles_per_page;
	double harvest_seconds; /* of the harvests, an upper bound of the guest's pauses */
};

/* What tracking cost, where all was traced (a fraction of OVERHEAD_WHOLE; less is a sample) the sums of the windows.
 *
 * A sample is weighed round by round, since windows stand at the beginnings of rounds, where most happens: exits that
 * come page by page count for each page that the harvest found what they did for those logged in the round's windows
 * (in all of the record's, where these logged fewer than OVERHEAD_MIN_LOGGED); exits that come in a burst behind a
 * harvest count once, as they were seen. It is an estimate, too low by what was not seen of the bursts. NAN where the
 * pages of a round are unknown (cycles), too few were logged in all windows, or the mode has no model (shadow). */
#define OVERHEAD_WHOLE 0.9
#define OVERHEAD_MIN_LOGGED 64

struct overhead_cost {
	double cycles, seconds; /* overhead_ratio is their quotient, but for vCPUs and the TSC's rate */
	double pages;		/* of rounds whose pages are known; these are theirs: */
	double page_cycles, recalcs, recalc_cycles;
};

void overhead_cost(const struct migration_record *r, struct overhead_cost *ret);

/* What windows showed of the passes whose pages are known, and how many of those pages are theirs: each pass's pages
 * times its sampled fraction. Only these can be divided by each other. NAN pages: there is no such pass. */
struct paged_overhead {
	struct overhead sum;
	double pages;
};

void overhead_of_record(const struct migration_record *r, struct overhead_figures *ret);
/* round: one of the record's; NULL: its final pass, in which a paused guest dirties nothing. */
void overhead_of_pass(
    const struct migration_record *r, const struct round *round, struct overhead_figures *ret);
void overhead_paged(const struct migration_record *r, struct paged_overhead *ret);

/* Adds a window of which so many seconds count; of a torn one only that it was, and what was lost. */
void overhead_add_window(struct overhead *sum, const struct trace_window *w, double seconds);
/* Adds sums. None of them overflows. */
void overhead_add(struct overhead *sum, const struct overhead *more);

/* All three classes. */
double overhead_cycles(const struct overhead *o);
/* Those that log a page: violations and PML-full. */
double overhead_logging_exits(const struct overhead *o);

/* Sum of cycles / (T x V x F): the share of a domain's CPU time, F the TSC's rate in Hz (design, section 2). */
double overhead_ratio(double cycles, double traced_seconds, double vcpus, double cpu_hz);
double overhead_per_kpage(double exits, double pages);
/* c_ev = stall / n of violations, c_full the same of PML-full exits. */
double overhead_cycles_per_exit(const struct exits *e);

#endif
