/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "metrics/overhead.h"

#include <math.h>

#include "base/util.h"

#define MAX_SUM ((uint64_t) INT64_MAX) /* what the journal can hold */

/* -- sums -- */

static void
add(uint64_t *sum, uint64_t n)
{
	*sum = *sum > MAX_SUM || n > MAX_SUM - *sum ? MAX_SUM : *sum + n;
}

static void
count(uint32_t *n, uint32_t more)
{
	*n = *n > INT32_MAX || more > INT32_MAX - *n ? INT32_MAX : *n + more;
}

void
overhead_add_window(struct overhead *sum, const struct trace_window *w, double seconds)
{
	add(&sum->lost_records, w->lost);
	if (w->torn) {
		count(&sum->torn_windows, 1);
		return;
	}
	count(&sum->windows, 1);
	sum->traced_seconds += seconds > 0 ? seconds : 0;
	for (size_t i = 0; i < TRACE_CLASSES; i++) {
		add(&sum->exits[i].count, w->count[i]);
		add(&sum->exits[i].cycles, w->cycles[i]);
	}
}

void
overhead_add(struct overhead *sum, const struct overhead *more)
{
	sum->traced_seconds += more->traced_seconds > 0 ? more->traced_seconds : 0;
	count(&sum->windows, more->windows);
	count(&sum->torn_windows, more->torn_windows);
	add(&sum->lost_records, more->lost_records);
	for (size_t i = 0; i < TRACE_CLASSES; i++) {
		add(&sum->exits[i].count, more->exits[i].count);
		add(&sum->exits[i].cycles, more->exits[i].cycles);
	}
}

/* -- formulas -- */

static double
quotient(double a, double b)
{
	return b > 0 && isfinite(b) && isfinite(a) ? a / b : NAN;
}

double
overhead_cycles(const struct overhead *o)
{
	double cycles = 0;

	for (size_t i = 0; i < TRACE_CLASSES; i++)
		cycles += (double) o->exits[i].cycles;
	return cycles;
}

double
overhead_logging_exits(const struct overhead *o)
{
	return (double) o->exits[TRACE_VIOLATION].count + (double) o->exits[TRACE_PML_FULL].count;
}

double
overhead_ratio(double cycles, double traced_seconds, double vcpus, double cpu_hz)
{
	return traced_seconds > 0 && vcpus > 0 && cpu_hz > 0
		   ? quotient(cycles, traced_seconds * vcpus * cpu_hz)
		   : NAN;
}

double
overhead_per_kpage(double exits, double pages)
{
	return quotient(1000 * exits, pages);
}

double
overhead_cycles_per_exit(const struct exits *e)
{
	return quotient((double) e->cycles, (double) e->count);
}

/* -- windows against pages -- */

/* A window is cut when the agent hears of a harvest, a little later than the pass ends. */
static double
fraction(const struct overhead *o, double tracked_seconds)
{
	double part = quotient(o->traced_seconds, tracked_seconds);

	return part > 1 ? 1 : part;
}

/* Pages that were dirtied in the whole windows of this round, as far as they came evenly; NAN. None were in the harvest
 * at its end, which holds the guest and lies in the next round's window. */
static double
traced_pages(const struct round *round)
{
	double harvest = round->harvest_seconds > 0 ? fmin(round->harvest_seconds, round->seconds) : 0;
	double part = fraction(&round->overhead, round->seconds - harvest);

	return round->pages_dirtied >= 0 && part > 0 ? (double) round->pages_dirtied * part : NAN;
}

void
overhead_paged(const struct migration_record *r, struct paged_overhead *ret)
{
	*ret = (struct paged_overhead){.pages = NAN};
	for (size_t i = 0; i < r->n_rounds; i++) {
		double pages = traced_pages(&r->round[i]);

		if (isnan(pages))
			continue;
		overhead_add(&ret->sum, &r->round[i].overhead);
		ret->pages = isnan(ret->pages) ? pages : ret->pages + pages;
	}
}

/* -- a sample -- */

/* Which exits come page by page in a mode, and how many pages are logged by those that log. The others come once for a
 * table of 512 entries, behind a harvest (recalculations) or behind ENABLE (splits under PML); AMD's recalculations are
 * of single entries. A mode that is not here has no model. */
static const struct model {
	unsigned pages; /* logged by an exit of the class */
	enum trace_class logging;
	bool by_page[TRACE_CLASSES];
} models[] = {
    [TRACKING_PML] = {PML_ENTRIES, TRACE_PML_FULL, {[TRACE_PML_FULL] = true}},
    [TRACKING_EPT_WP] = {1, TRACE_VIOLATION, {[TRACE_VIOLATION] = true}},
    [TRACKING_NPT_WP] = {1, TRACE_VIOLATION, {[TRACE_VIOLATION] = true, [TRACE_RECALC] = true}},
    [TRACKING_SHADOW] = {.pages = 0},
};

static bool
is_sample(const struct migration_record *r)
{
	return !(fraction(&r->overhead, r->tracked_seconds) >= OVERHEAD_WHOLE);
}

static double
logged_pages(const struct migration_record *r, const struct overhead *o)
{
	const struct model *model = &models[r->tracking_mode];

	return model->pages * (double) o->exits[model->logging].count;
}

/* The exits of a round whose pages are known, and its time. */
static void
add_round(const struct migration_record *r, const struct round *round, struct overhead_cost *sum)
{
	const struct model *model = &models[r->tracking_mode];
	double part = fraction(&round->overhead, round->seconds), pages = (double) round->pages_dirtied;
	bool whole = part >= OVERHEAD_WHOLE;
	bool enough = logged_pages(r, &round->overhead) >= OVERHEAD_MIN_LOGGED;
	const struct overhead *mean = enough ? &round->overhead : &r->overhead;
	double logged = logged_pages(r, mean);
	double pages_times = logged >= OVERHEAD_MIN_LOGGED ? pages / logged : NAN;

	for (size_t i = 0; i < TRACE_CLASSES; i++) {
		bool by_page = !whole && (model->by_page[i] || model->pages == 0);
		const struct exits *e = by_page ? &mean->exits[i] : &round->overhead.exits[i];
		double times = by_page ? pages_times : whole ? 1 / part : 1;

		sum->page_cycles += times * (double) e->cycles;
		if (i == TRACE_RECALC) {
			sum->recalcs += times * (double) e->count;
			sum->recalc_cycles += times * (double) e->cycles;
		}
	}
	sum->pages += pages;
	sum->cycles = sum->page_cycles;
	sum->seconds += round->seconds;
}

/* -- figures -- */

/* Of all rounds that were through; UNSEEN if nobody saw one of them. */
static int64_t
all_pages(const struct migration_record *r)
{
	int64_t pages = 0;

	if (r->rounds_unseen != 0 || r->n_rounds == 0 || (size_t) r->rounds_begun != r->n_rounds)
		return UNSEEN;
	for (size_t i = 0; i < r->n_rounds; i++) {
		const struct round *round = &r->round[i];
		bool running = i + 1 == r->n_rounds && isnan(round->seconds);

		if (round->pages_dirtied == UNSEEN && running)
			return i > 0 ? pages : UNSEEN;
		if (round->pages_dirtied < 0 || pages > INT64_MAX - round->pages_dirtied)
			return UNSEEN;
		pages += round->pages_dirtied;
	}
	return pages;
}

static void
measured(const struct overhead *all, const struct paged_overhead *paged, struct overhead_cost *ret)
{
	const struct exits *recalcs = &paged->sum.exits[TRACE_RECALC];

	*ret = (struct overhead_cost){.cycles = overhead_cycles(all),
	    .seconds = all->traced_seconds,
	    .pages = paged->pages,
	    .page_cycles = overhead_cycles(&paged->sum),
	    .recalcs = (double) recalcs->count,
	    .recalc_cycles = (double) recalcs->cycles};
}

void
overhead_cost(const struct migration_record *r, struct overhead_cost *ret)
{
	struct paged_overhead paged;

	overhead_paged(r, &paged);
	measured(&r->overhead, &paged, ret);
	if (r->overhead.windows == 0 || !is_sample(r))
		return;
	*ret = (struct overhead_cost){.pages = 0};
	for (size_t i = 0; i < r->n_rounds; i++)
		if (r->round[i].pages_dirtied >= 0)
			add_round(r, &r->round[i], ret);
	if (all_pages(r) < 0)
		ret->cycles = NAN;
	if (r->final.seconds > 0)
		ret->seconds += r->final.seconds;
}

static int64_t
rounded(double n)
{
	return n > 0 ? (n < 9e18 ? llround(n) : INT64_MAX) : 0;
}

/* all: windows of which the figures are; paged: those that can be set against pages. */
static void
fill(const struct migration_record *r, const struct overhead *all,
    const struct paged_overhead *paged, const struct overhead_cost *cost,
    struct overhead_figures *ret)
{
	double full = (double) paged->sum.exits[TRACE_PML_FULL].count;
	double pages = paged->pages, dirtied = (double) ret->pages_dirtied;

	ret->sampled_fraction = fraction(all, ret->tracked_seconds);
	ret->splits = ret->avoided_exits = UNSEEN;
	if (r->tracking_mode == TRACKING_PML)
		ret->splits = (int64_t) MIN(all->exits[TRACE_VIOLATION].count, MAX_SUM);
	if (r->tracking_mode == TRACKING_PML && ret->pages_dirtied >= 0 && pages > 0)
		ret->avoided_exits = rounded(dirtied - full * (dirtied / pages));
	ret->overhead_ratio = NAN;
	if (ret->pages_dirtied != 0)
		ret->overhead_ratio = overhead_ratio(cost->cycles, cost->seconds, r->vcpus, r->cpu_hz);
	ret->exits_per_kpage = overhead_per_kpage(overhead_logging_exits(&paged->sum), pages);
	ret->recalc_exits_per_kpage = overhead_per_kpage(cost->recalcs, cost->pages);
	ret->cycles_per_page = quotient(cost->page_cycles, cost->pages);
}

void
overhead_of_pass(
    const struct migration_record *r, const struct round *round, struct overhead_figures *ret)
{
	const struct overhead *o = round ? &round->overhead : &r->final.overhead;
	struct paged_overhead paged = {.sum = *o, .pages = round ? traced_pages(round) : NAN};
	struct overhead_cost cost;

	measured(o, &paged, &cost);
	if (round && o->windows > 0 && is_sample(r)) {
		cost = (struct overhead_cost){.pages = 0};
		if (round->pages_dirtied >= 0)
			add_round(r, round, &cost);
	}
	ret->tracked_seconds = round ? round->seconds : r->final.seconds;
	ret->harvest_seconds = round ? round->harvest_seconds : r->final.harvest_seconds;
	ret->pages_dirtied = round ? round->pages_dirtied : UNSEEN;
	fill(r, o, &paged, &cost, ret);
	if (!round) /* the harvest at its beginning found what the last round dirtied */
		ret->overhead_ratio = NAN;
}

void
overhead_of_record(const struct migration_record *r, struct overhead_figures *ret)
{
	struct paged_overhead paged;
	struct overhead_cost cost;

	overhead_paged(r, &paged);
	overhead_cost(r, &cost);
	ret->tracked_seconds = r->tracked_seconds;
	ret->pages_dirtied = all_pages(r);
	ret->harvest_seconds = NAN;
	for (size_t i = 0; i < r->n_rounds; i++) {
		double sum = isnan(ret->harvest_seconds) ? 0 : ret->harvest_seconds;

		if (r->round[i].harvest_seconds >= 0)
			ret->harvest_seconds = sum + r->round[i].harvest_seconds;
	}
	fill(r, &r->overhead, &paged, &cost, ret);
}
