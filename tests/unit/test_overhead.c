/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dirty tracking costs: the formulas, the relations that were published for PML, and whole migrations of the lab
 * with the exits that Xen's trace had of them. */
#include <config.h>

#include "metrics/overhead.h"
#include "tests/tap.h"
#include "tests/unit/traced.h"

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * fabs(b) + 1e-9;
}

static double
counter(const struct world *w, enum metric_id id)
{
	return w->s->n_tracking == 1 ? w->s->tracking[0].value[METRIC_AT(id, TRACKING)] : NAN;
}

/* -- formulas -- */

/* PML against write protection, as docs/overhead.md explains it; the agent serves the measured rows beside each other.
 *
 * Under write protection each page costs a violation, c_ev cycles. Under PML it costs its share of a full buffer, and
 * the first write to a superpage a violation. (Kai Huang, "PML design for Xen", xen-devel, February 2015: from a fault
 * for each page to an exit for 512.) */
static double
pml_page_cycles(double c_full, double c_ev, double splits, double pages)
{
	return c_full / PML_ENTRIES + (splits > 0 ? c_ev * splits / pages : 0);
}

/* What PML saves of the cost; negative where it costs more. */
static double
gain(double pml_page_cycles, double c_ev)
{
	return 1 - pml_page_cycles / c_ev;
}

/* What PML saves of the guest's CPU time; negative likewise. */
static double
saved_ratio(double pages, double c_ev, double c_full, double seconds, double vcpus, double cpu_hz)
{
	return overhead_ratio(pages * (c_ev - c_full / PML_ENTRIES), seconds, vcpus, cpu_hz);
}

/* 1 where all pages went through buffers that filled up, but for the residual that a harvest found in them; below 1
 * where they were emptied before. */
static double
coverage(double pages, double pml_full, double residual)
{
	return pages / (PML_ENTRIES * pml_full + residual);
}

static void
test_formulas(void)
{
	const double hz = 2.6e9, seconds = 5;
	const double table[] = {251.35, 0.49, 2.06, 5419};
	struct exits e = {4, 1000}, none = {0, 0};
	struct overhead sum = {0};

	ok(near(overhead_ratio(260e-9 * hz * 100e3 * seconds, seconds, 1, hz), 0.026),
	    "260 ns for each of 100,000 pages a second are 2.6 %% of a vCPU (cloud-hypervisor, issue 8899)");
	ok(isnan(overhead_ratio(1, 0, 1, hz)) && isnan(overhead_ratio(1, 1, UNSEEN, hz)) &&
		isnan(overhead_ratio(1, 1, 1, NAN)) && isnan(overhead_ratio(NAN, 1, 1, hz)),
	    "without a time, vCPUs or a rate there is no ratio");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct trace_window w = {.cycles = {[TRACE_RECALC] = (uint64_t) (table[i] * 1e6)}};

		overhead_add_window(&sum, &w, 1);
	}
	ok(near(overhead_cycles(&sum) / 1e6, 5672.90),
	    "what windows cost adds up: the terms of table IIIa (Bitchebe et al., SC'22) make its 5672.90 ms");
	ok(overhead_cycles_per_exit(&e) == 250 && isnan(overhead_cycles_per_exit(&none)),
	    "cycles per exit, none where there was no exit");
	ok(overhead_per_kpage(5, 2000) == 2.5 && isnan(overhead_per_kpage(5, 0)) &&
		isnan(overhead_per_kpage(5, NAN)),
	    "exits per 1000 pages, none where no page was dirtied");
	ok(pml_page_cycles(5120, 1000, 0, 0) == 10 && pml_page_cycles(5120, 1000, 2, 100) == 30,
	    "a page under PML costs a 512th of a full buffer and its share of the splits");
	ok(near(gain(30, 1000), 0.97) && gain(2000, 1000) == -1,
	    "the gain is what is left of write protection's cost, below 0 where PML costs more");
	ok(near(saved_ratio(100e3 * seconds, 260e-9 * hz, 40e-6 * hz, seconds, 1, hz), 0.026 - 100e3 / 512 * 40e-6),
	    "full buffers of 40 us save 1.8 of those 2.6 %%");
	ok(coverage(1024, 2, 0) == 1 && coverage(1024, 4, 0) == 0.5,
	    "buffers that were emptied before they were full lower the coverage");
}

static void
test_sums(void)
{
	struct trace_window most = {.lost = UINT32_MAX, .count = {UINT64_MAX, 1, INT64_MAX},
	    .cycles = {INT64_MAX, INT64_MAX, UINT64_MAX}}, torn = {.torn = true, .lost = 3, .count = {7}};
	struct overhead a = {0}, b = {.windows = INT32_MAX, .torn_windows = UINT32_MAX};

	overhead_add_window(&a, &torn, 9);
	ok(a.windows == 0 && a.torn_windows == 1 && a.lost_records == 3 && a.traced_seconds == 0 &&
		a.exits[0].count == 0,
	    "of a torn window only that it was is kept, and what was lost");
	overhead_add_window(&a, &most, 2);
	overhead_add_window(&a, &most, -2);
	overhead_add(&a, &b);
	overhead_add(&a, &a);
	ok(a.traced_seconds == 4 && a.windows == INT32_MAX && a.torn_windows == INT32_MAX &&
		a.exits[0].count == INT64_MAX && a.exits[1].count == 4 && a.exits[2].count == INT64_MAX &&
		a.exits[0].cycles == INT64_MAX,
	    "sums stop at what the journal can hold");
}

/* -- the published relations, on the lab's migrations -- */

static void
check_lab(const struct lab *l, const struct migration_record *r)
{
	struct overhead_figures f;
	double cycles = 0, pages = (double) dirtied(l), span = l->op[OPERATIONS - 1].at - l->op[0].at;
	const struct exits *e = l->exits;

	for (size_t i = 0; i < TRACE_CLASSES; i++)
		cycles += (double) e[i].cycles;
	overhead_of_record(r, &f);
	ok(memcmp(r->overhead.exits, e, sizeof(r->overhead.exits)) == 0 && r->overhead.windows == 6,
	    "%s: the record has all exits of the trace", l->name);
	ok(near(f.tracked_seconds, span) && near(r->overhead.traced_seconds, span) &&
		near(f.sampled_fraction, 1) && r->vcpus == 1 && r->cpu_hz == l->cpu_khz * 1e3,
	    "%s: it was traced from ENABLE to OFF, not before and not after", l->name);
	ok(f.pages_dirtied == (int64_t) dirtied(l) &&
		near(f.overhead_ratio, cycles / (span * 1e3 * l->cpu_khz)) &&
		near(f.cycles_per_page, cycles / pages) &&
		near(f.recalc_exits_per_kpage, 1000 * (double) e[TRACE_RECALC].count / pages) &&
		near(f.exits_per_kpage,
		    1000 * (double) (e[TRACE_VIOLATION].count + e[TRACE_PML_FULL].count) / pages),
	    "%s: %.3f %% of the guest's time, %.1f exits and %.1f recalculations per 1000 pages", l->name,
	    100 * f.overhead_ratio, f.exits_per_kpage, f.recalc_exits_per_kpage);
	ok(r->tracking_mode == l->mode && r->mode_source == MODE_SOURCE_TRACE && !*r->mode_note &&
		strcmp(r->xen_extra, ".7") == 0,
	    "%s: the trace proves the mode", l->name);
	for (size_t i = 0; i < ROUNDS; i++) {
		overhead_of_pass(r, &r->round[i], &f);
		ok(fabs(f.sampled_fraction - 1) < 1e-4 && r->round[i].overhead.windows == 1 &&
			f.pages_dirtied == (int64_t) l->op[i + 1].dirty &&
			near(f.harvest_seconds, l->op[i + 1].us / 1e6) &&
			r->round[i].overhead.exits[0].count == exits_of(l, TRACE_VIOLATION, i) &&
			r->round[i].overhead.exits[2].cycles == cycles_of(l, TRACE_RECALC, i),
		    "%s: round %zu has its own", l->name, i);
	}
	overhead_of_pass(r, NULL, &f);
	ok(r->final.overhead.windows == 1 && r->final.overhead.traced_seconds > 0 &&
		f.pages_dirtied == UNSEEN && isnan(f.overhead_ratio) && isnan(f.exits_per_kpage),
	    "%s: the paused guest has no exits, and nothing is divided", l->name);
}

static void
check_counters(const struct world *w, const struct lab *l)
{
	double cycles = 0, span = l->op[OPERATIONS - 1].at - l->op[0].at;

	for (size_t i = 0; i < TRACE_CLASSES; i++)
		cycles += (double) l->exits[i].cycles;
	ok(near(counter(w, M_TRACKING_EXIT), cycles / (l->cpu_khz * 1e3)) &&
		near(counter(w, M_TRACKING_TRACED), span) && near(counter(w, M_TRACKING_TRACED_VCPU), span) &&
		counter(w, M_TRACKING_VIOLATIONS) == (double) l->exits[TRACE_VIOLATION].count &&
		counter(w, M_TRACKING_PML_FULL) == (double) l->exits[TRACE_PML_FULL].count &&
		counter(w, M_TRACKING_RECALCS) == (double) l->exits[TRACE_RECALC].count &&
		counter(w, M_TRACKING_LOST) == 0 && fallbacks(w) == 0,
	    "%s: the domain's counters have them too", l->name);
}

static void
test_labs(void)
{
	struct overhead_figures f[ARRAY_SIZE(runs)];
	double residual = 0, full = 0;

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct world w;

		begin(&w, &runs[i]);
		run(&w, &runs[i], 1);
		ok(w.ended == 1, "%s: the migration ended", runs[i].name);
		check_lab(&runs[i], &w.done);
		check_counters(&w, &runs[i]);
		overhead_of_record(&w.done, &f[i]);
		world_done(&w);
	}
	for (size_t i = 1; i <= ROUNDS; i++) {
		full += runs[LAB_PML].op[i].dirty / PML_ENTRIES;
		residual += runs[LAB_PML].op[i].dirty % PML_ENTRIES;
	}
	ok(full == (double) runs[LAB_PML].exits[TRACE_PML_FULL].count &&
		coverage((double) dirtied(&runs[LAB_PML]), full, residual) == 1,
	    "one PML-full exit for 512 logged pages of a round: Intel's buffer covers all pages");
	ok(near(f[LAB_WP].exits_per_kpage, 1000) && near(f[LAB_AMD].exits_per_kpage, 1000),
	    "one violation for each dirtied page and round under write protection");
	ok(f[LAB_PML].exits_per_kpage < 0.01 * f[LAB_WP].exits_per_kpage &&
		fabs(f[LAB_PML].recalc_exits_per_kpage / f[LAB_WP].recalc_exits_per_kpage - 1) < 0.1,
	    "PML spares 99 of 100 of them, and none of the recalculations");
	ok(f[LAB_PML].avoided_exits == 6620 - 11 && f[LAB_PML].splits == 16 &&
		f[LAB_WP].avoided_exits == UNSEEN && f[LAB_WP].splits == UNSEEN,
	    "avoided exits and splits are figures of PML only");
}

/* -- samples, torn windows, nothing dirtied -- */

static void
test_sampled(void)
{
	const struct lab *l = &runs[LAB_WP];
	struct overhead_figures f;
	struct world w;

	begin(&w, l);
	run(&w, l, 0.25);
	overhead_of_record(&w.done, &f);
	ok(near(f.sampled_fraction, 0.25) && f.pages_dirtied == 6353 && f.harvest_seconds > 0,
	    "a fourth of each pass was traced");
	ok(fabs(f.exits_per_kpage - 1000) < 10, "a fourth of the pages is set against it, but for the harvests' time: %g",
	    f.exits_per_kpage);
	ok(w.done.tracking_mode == TRACKING_EPT_WP && w.done.mode_source == MODE_SOURCE_TRACE,
	    "and proves the mode");
	world_done(&w);

	l = &runs[LAB_PML];
	begin(&w, l);
	run(&w, l, 0.5);
	overhead_of_record(&w.done, &f);
	ok(w.done.overhead.exits[TRACE_PML_FULL].count == 5 && f.avoided_exits == 6610,
	    "what PML spared is told of all pages: %lld", (long long) f.avoided_exits);
	world_done(&w);
}

/* A sample as it is taken: of each round its first part, and in it all that comes in a burst. The shares are those of
 * 100 ms in a round, and a tenth of the first. */
static struct event
first_of(const struct lab *l, size_t i)
{
	static const double part[OPERATIONS] = {0.1, 0.16, 0.45, 0.75, 0.66, 0.5};
	struct event whole = window_of(l, i, 1, 1), e = window_of(l, i, 1, part[i]);

	for (size_t c = 0; c < TRACE_CLASSES; c++) {
		bool burst = c == TRACE_RECALC ? l->mode != TRACKING_NPT_WP
					       : c == TRACE_VIOLATION && l->mode == TRACKING_PML;
		uint64_t all = whole.window.count[c], n = (uint64_t) ceil((double) all * (burst ? 1 : part[i]));

		e.window.count[c] = n;
		e.window.cycles[c] = all ? whole.window.cycles[c] * n / all : 0;
	}
	return e;
}

/* Sends a migration, of which the rounds of a mask of bits were traced in part. */
static void
run_sampled(struct world *w, const struct lab *l, unsigned traced)
{
	begin(w, l);
	for (size_t i = 0; i < OPERATIONS; i++) {
		send(w, operation_of(l, i, 1));
		if (i > 0 && traced & 1u << (i - 1))
			send(w, first_of(l, i - 1));
	}
	look(w, l, l->op[OPERATIONS - 1].at + 3, after, 2);
}

static void
test_weighed(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		/* a buffer that is not full costs nothing, and what it would have cost is not known */
		double slack = runs[i].mode == TRACKING_PML ? 0.15 : 0.06;
		/* traced.h gives AMD's to all rounds alike, to one of 38 pages as well */
		double recalcs = i == LAB_AMD ? 0.2 : 0.01;
		struct overhead_figures whole, f, round;
		struct world w;

		begin(&w, &runs[i]);
		run(&w, &runs[i], 1);
		overhead_of_record(&w.done, &whole);
		world_done(&w);
		run_sampled(&w, &runs[i], 0x3f);
		overhead_of_record(&w.done, &f);
		ok(f.sampled_fraction < 0.15 && fabs(f.overhead_ratio / whole.overhead_ratio - 1) < slack &&
			fabs(f.cycles_per_page / whole.cycles_per_page - 1) < slack &&
			fabs(f.recalc_exits_per_kpage / whole.recalc_exits_per_kpage - 1) < recalcs,
		    "%s: a sample of rounds' beginnings says %.3f %% where all of the trace says %.3f %%",
		    runs[i].name, 100 * f.overhead_ratio, 100 * whole.overhead_ratio);
		ok(near(counter(&w, M_TRACKING_EXIT) / counter(&w, M_TRACKING_TRACED_VCPU), f.overhead_ratio),
		    "%s: and so do the domain's counters, of any time in which it ended", runs[i].name);
		overhead_of_pass(&w.done, &w.done.round[0], &round);
		ok(round.overhead_ratio < f.overhead_ratio && round.overhead_ratio > 0 &&
			round.cycles_per_page > 0,
		    "%s: so does a round's, %.3f %% in the long first one", runs[i].name,
		    100 * round.overhead_ratio);
		world_done(&w);
	}
}

/* What a sample must have that anything is said of the whole. */
static void
test_too_little(void)
{
	const struct lab *wp = &runs[LAB_WP];
	struct overhead_figures f, round;
	struct lab few = *wp;
	struct world w;

	run_sampled(&w, wp, 0x2f);
	overhead_of_record(&w.done, &f);
	overhead_of_pass(&w.done, &w.done.round[4], &round);
	ok(fabs(f.cycles_per_page / (69828999.0 / 6353) - 0.9) < 0.02 && f.overhead_ratio > 0 &&
		isnan(round.overhead_ratio) && isnan(round.cycles_per_page),
	    "the pages of a round without a window cost what others do, its burst is missing, and of itself "
	    "nothing is said");
	w.done.round[4].pages_dirtied = UNSEEN;
	overhead_of_record(&w.done, &f);
	ok(isnan(f.overhead_ratio) && f.cycles_per_page > 0,
	    "where the pages of a round are unknown there is no ratio to the time");
	w.done.tracking_mode = TRACKING_SHADOW;
	overhead_of_record(&w.done, &f);
	ok(isnan(f.overhead_ratio) && isnan(f.cycles_per_page), "nor is there a mean in a mode without a model");
	world_done(&w);

	few.exits[TRACE_VIOLATION] = (struct exits){60, 60000};
	for (size_t i = 1; i <= ROUNDS; i++)
		few.op[i].dirty = 12;
	run_sampled(&w, &few, 0x3f);
	overhead_of_record(&w.done, &f);
	ok(w.done.overhead.exits[TRACE_VIOLATION].count > 0 && f.pages_dirtied == 60 &&
		isnan(f.overhead_ratio) && isnan(f.cycles_per_page) && f.exits_per_kpage > 0,
	    "of so few pages there is no mean");
	world_done(&w);

	run_sampled(&w, &runs[LAB_PML], 0x3e); /* no window in which a buffer filled up */
	for (size_t i = 0; i < w.done.n_rounds; i++)
		w.done.round[i].overhead.exits[TRACE_PML_FULL] = (struct exits){0, 0};
	w.done.overhead.exits[TRACE_PML_FULL] = (struct exits){0, 0};
	overhead_of_record(&w.done, &f);
	ok(isnan(f.overhead_ratio) && isnan(f.cycles_per_page) && f.pages_dirtied == 6620,
	    "nor under PML where no full buffer was seen");
	world_done(&w);
}

static void
test_torn(void)
{
	const struct lab *l = &runs[LAB_WP];
	struct overhead_figures f;
	struct world w;

	for (int all = 0; all < 2; all++) {
		begin(&w, l);
		for (size_t i = 0; i < OPERATIONS; i++) {
			struct event e = window_of(l, i ? i - 1 : 0, 1, 1);

			send(&w, operation_of(l, i, 1));
			e.window.torn = all || i == 2;
			e.window.lost = e.window.torn ? 100 : 0;
			if (i > 0)
				send(&w, e);
		}
		look(&w, l, l->op[OPERATIONS - 1].at + 3, after, 2);
		overhead_of_record(&w.done, &f);
		if (all)
			ok(w.done.overhead.torn_windows == 6 && w.done.overhead.lost_records == 600 &&
				f.sampled_fraction == 0 && isnan(f.overhead_ratio) &&
				isnan(f.exits_per_kpage) && w.done.mode_source == MODE_SOURCE_INFERRED &&
				counter(&w, M_TRACKING_TRACED) == 0 &&
				counter(&w, M_TRACKING_LOST) == 600,
			    "where all windows are torn there is no figure and no proof");
		else
			ok(w.done.overhead.torn_windows == 1 && w.done.overhead.windows == 5 &&
				w.done.round[1].overhead.torn_windows == 1 &&
				w.done.overhead.exits[0].count == 6353 - 1082 &&
				near(f.exits_per_kpage, 1000) && f.pages_dirtied == 6353 &&
				f.sampled_fraction < 0.95,
			    "a round whose window is torn is left out of the figures, pages and exits");
		world_done(&w);
	}
}

static void
test_idle(void)
{
	struct lab l = runs[LAB_WP];
	struct overhead_figures f;
	struct world w;

	for (size_t i = 1; i <= ROUNDS; i++)
		l.op[i].dirty = 0;
	l.exits[TRACE_VIOLATION] = (struct exits){0, 0};
	begin(&w, &l);
	run(&w, &l, 1);
	overhead_of_record(&w.done, &f);
	ok(f.pages_dirtied == 0 && w.done.overhead.exits[TRACE_RECALC].count == 155 &&
		isnan(f.overhead_ratio) && isnan(f.exits_per_kpage) && isnan(f.cycles_per_page) &&
		isnan(f.recalc_exits_per_kpage) && w.done.mode_source == MODE_SOURCE_INFERRED,
	    "where no page was dirtied a ratio is null, never 0, and nothing is proven");
	world_done(&w);
}

/* -- whose windows they are -- */

static void
test_two_domains(void)
{
	const struct guest both[] = {DOM0, A1, {7, UUID_B, "running"}}, gone[] = {DOM0};
	struct event e;
	struct world w;

	world_init(&w);
	look(&w, &runs[LAB_PML], 20, both, 3);
	for (size_t i = 0; i < OPERATIONS; i++) {
		send(&w, operation_of(&runs[LAB_PML], i, 1));
		e = operation_of(&runs[LAB_PML], i, 7);
		e.pid = HELPER + 1;
		e.dirty /= 2;
		send(&w, e);
		if (i == 0)
			continue;
		send(&w, window_of(&runs[LAB_PML], i - 1, 1, 1));
		e = window_of(&runs[LAB_PML], i - 1, 7, 1);
		e.window.count[TRACE_PML_FULL] = 1;
		send(&w, e);
		e.domid = 9;
		send(&w, e);
	}
	look(&w, &runs[LAB_PML], 56, gone, 1);
	ok(w.ended == 2 && strcmp(w.done.uuid, UUID_A) == 0 && w.done.overhead.exits[1].count == 11 &&
		strcmp(w.last.uuid, UUID_A) == 0,
	    "two migrations at once have each their own windows");
	ok(w.s->n_tracking == 2 &&
		w.s->tracking[0].value[METRIC_AT(M_TRACKING_PML_FULL, TRACKING)] == 11 &&
		w.s->tracking[1].value[METRIC_AT(M_TRACKING_PML_FULL, TRACKING)] == 6,
	    "so have the domains' counters, and a domain without a uuid has none");
	world_done(&w);
}

static void
test_times(void)
{
	const struct lab *l = &runs[LAB_PML];
	struct event e = window_of(l, 0, 1, 1);
	struct world w;

	begin(&w, l);
	e.at = l->op[0].at - 0.1;
	send(&w, process(l->op[0].at - 1.5, EVENT_PROCESS_BEGIN, HELPER, 1, ROLE_LIVE_SAVE));
	send(&w, e);
	send(&w, operation_of(l, 0, 1));
	send(&w, e);
	ok(w.last.overhead.windows == 0,
	    "a window before tracking is none of it");
	e = window_of(l, 0, 1, 1);
	e.window.from = e.at + 1;
	send(&w, e);
	e.window.from = NAN;
	send(&w, e);
	ok(w.last.overhead.windows == 0, "nor is one that ends before it begins");
	world_done(&w);

	begin(&w, l);
	for (size_t i = 0; i < OPERATIONS; i++)
		send(&w, operation_of(l, i, 1));
	look(&w, l, l->op[6].at + 0.1, after, 2);
	ok(w.ended == 1 && w.done.overhead.windows == 0, "where no window was seen none is waited for");
	world_done(&w);

	begin(&w, l);
	for (size_t i = 0; i < OPERATIONS; i++) {
		send(&w, operation_of(l, i, 1));
		if (i > 0 && i < OPERATIONS - 1)
			send(&w, window_of(l, i - 1, 1, 1));
	}
	look(&w, l, l->op[6].at + 0.1, after, 2);
	ok(w.ended == 0, "a record waits for the window that OFF has cut");
	w.changed = 0;
	send(&w, window_of(l, 5, 1, 1));
	ok(w.changed == 0 && w.last.final.overhead.windows == 0, "which is not told at once");
	e = window_of(l, 5, 1, 1);
	e.window.from = e.at;
	e.at += 1;
	send(&w, e);
	ok(w.changed == 1 && w.last.final.overhead.windows == 1, "but within a second");
	ok(w.last.overhead.windows == 6, "one after OFF is none of it");
	look(&w, l, l->op[6].at + 3, after, 2);
	ok(w.ended == 1 && near(w.done.overhead.traced_seconds, l->op[6].at - l->op[0].at),
	    "then it ends");
	send(&w, window_of(l, 4, 1, 1));
	ok(w.ended == 1 && w.begun == 1, "a window that comes after the end begins nothing");
	world_done(&w);
}

/* The agent comes in mid-migration; libxc's name of the pass tells how many rounds it has missed. */
static void
test_unseen(void)
{
	const struct lab *l = &runs[LAB_WP];
	struct overhead_figures f;
	struct world w;

	begin(&w, l);
	for (size_t i = 3; i < OPERATIONS; i++) {
		send(&w, operation_of(l, i, 1));
		if (i == 3)
			send(&w, word(l->op[3].at + 0.0001, EVENT_ROUND_NAMED, 0, 3, 0));
		send(&w, window_of(l, i - 1, 1, 1));
	}
	look(&w, l, l->op[6].at + 3, after, 2);
	overhead_of_record(&w.done, &f);
	ok(w.done.rounds_unseen == 2 && w.done.round[2].overhead.windows == 0 &&
		w.done.round[3].overhead.exits[0].count == 216 && f.pages_dirtied == UNSEEN &&
		near(f.exits_per_kpage, 1000),
	    "of rounds that nobody saw there are no pages and no exits; the others have their figures");
	world_done(&w);
}

int
main(void)
{
	test_formulas();
	test_sums();
	test_labs();
	test_sampled();
	test_weighed();
	test_too_little();
	test_torn();
	test_idle();
	test_two_domains();
	test_times();
	test_unseen();
	return done_testing();
}
