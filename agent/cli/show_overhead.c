/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/show.h"

#include <math.h>
#include <stdbool.h>
#include <time.h>

#include "base/util.h"
#include "cli/fields.h"
#include "cli/table.h"

#define TIME_SIZE 32
#define SHORT_ID 8 /* characters of a boot's id that tell it from the others */

/* All tables here fit 80 columns, so a figure takes at most six characters, which show what counts
 * of it. */
static void
cell_figure(struct table *t, double v)
{
	static const char units[] = " kMGTPE";
	unsigned i = 0;

	if (isnan(v)) {
		table_cell(t, NULL);
		return;
	}
	for (; fabs(v) >= (i ? 999.5 : 999999.5) && units[i + 1]; i++)
		v /= 1000;
	if (i > 0)
		table_cellf(t, fabs(v) < 99.95 ? "%.1f%c" : "%.0f%c", v, units[i]);
	else
		table_cellf(t,
		    v == floor(v) || fabs(v) >= 999.95 ? "%.0f"
		    : fabs(v) >= 9.995		       ? "%.1f"
						       : "%.2f",
		    v);
}

/* A ratio in per cent. What is there but too small to be seen is not shown as nothing. */
static void
cell_percent(struct table *t, double v)
{
	if (isnan(v))
		table_cell(t, NULL);
	else if (v > 0 && v < 0.00005)
		table_cell(t, "<0.01%");
	else
		table_cellf(t,
		    v >= 0.9995 || v <= 0 ? "%.0f%%"
		    : v >= 0.09995	  ? "%.1f%%"
					  : "%.2f%%",
		    v * 100);
}

static void
cell_milliseconds(struct table *t, double v)
{
	if (isnan(v))
		table_cell(t, NULL);
	else
		table_cellf(t,
		    v < 0.009995  ? "%.2f ms"
		    : v < 0.09995 ? "%.1f ms"
				  : "%.0f ms",
		    v * 1000);
}

/* "12", or "12+3" with probes. */
static void
cell_runs(struct table *t, const json_t *row)
{
	double migrations = number(row, "migrations"), probes = number(row, "probes");

	if (isnan(migrations))
		table_cell(t, NULL);
	else if (probes > 0)
		table_cellf(t, "%.0f+%.0f", migrations, probes);
	else
		table_cellf(t, "%.0f", migrations);
}

static bool
is_estimate(const json_t *row)
{
	return json_is_true(json_object_get(row, "estimate"));
}

static void
add_mode(struct table *t, const json_t *row)
{
	bool e = is_estimate(row);

	table_cell(t, e ? "estimate" : text(row, "tracking_mode"));
	cell_runs(t, row);
	cell_figure(t, number(row, "pages_dirtied"));
	cell_figure(t, number(row, e ? "estimate_exits_per_kpage" : "exits_per_kpage"));
	cell_figure(
	    t, number(row, e ? "estimate_recalc_exits_per_kpage" : "recalc_exits_per_kpage"));
	cell_figure(t, number(row, e ? "estimate_cycles_per_page" : "cycles_per_page"));
	cell_percent(t, number(row, e ? "estimate_overhead_ratio" : "overhead_ratio"));
	cell_milliseconds(t, number(row, "harvest_seconds_per_round"));
	cell_percent(t, number(row, "sampled_fraction"));
	cell_figure(t, number(row, "lost_records"));
}

static void
show_modes(const json_t *modes, unsigned width, FILE *f)
{
	static const char *const titles[] = {"TRACKING", ">MIGR", ">PAGES", ">EXITS", ">RECALC",
	    ">CYCLES", ">OVERHEAD", ">HARVEST", ">TRACED", ">LOST", NULL};
	struct table *t = table_new(titles);

	for (size_t i = 0; i < json_array_size(modes); i++)
		add_mode(t, json_array_get(modes, i));
	table_print(t, width, f);
	table_free(t);
	for (size_t i = 0; i < json_array_size(modes); i++) {
		const json_t *row = json_array_get(modes, i);
		_cleanup_(freep) char *note = NULL, *shown = NULL;

		if (!is_estimate(row))
			continue;
		note = xasprintf("estimate: of %s, not measured. %s", text(row, "tracking_mode"),
		    text(row, "basis"));
		shown = visible(note);
		print_wrapped(shown, 0, 0, width, f);
	}
}

static void
show_guests(const json_t *vms, unsigned width, FILE *f)
{
	static const char *const titles[] = {"~GUEST", "TRACKING", ">MIGR", ">PAGES", ">EXITS",
	    ">AVOIDED", ">CYCLES", ">OVERHEAD", ">TRACED", NULL};
	struct table *t = table_new(titles);

	for (size_t i = 0; i < json_array_size(vms); i++) {
		const json_t *row = json_array_get(vms, i);

		table_cell(t, *text(row, "name") ? text(row, "name") : text(row, "uuid"));
		table_cell(t, text(row, "tracking_mode"));
		cell_runs(t, row);
		cell_figure(t, number(row, "pages_dirtied"));
		cell_figure(t, number(row, "exits_per_kpage"));
		cell_figure(t, number(row, "avoided_exits"));
		cell_figure(t, number(row, "cycles_per_page"));
		cell_percent(t, number(row, "overhead_ratio"));
		cell_percent(t, number(row, "sampled_fraction"));
	}
	(void) fputc('\n', f);
	table_print(t, width, f);
	table_free(t);
}

static void
print_time(double v, FILE *f)
{
	time_t seconds = isnan(v) ? 0 : (time_t) v;
	char when[TIME_SIZE] = "an unknown time";
	struct tm tm;

	if (!isnan(v) && localtime_r(&seconds, &tm))
		(void) strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	(void) fputs(when, f);
}

/* What no figure of the boot's tables may be read without. */
static void
show_heading(const json_t *boot, FILE *f)
{
	(void) fprintf(f, "Xen ");
	print_visible(*text(boot, "xen_version") ? text(boot, "xen_version") : "unknown", f);
	(void) fprintf(f, " on ");
	print_visible(*text(boot, "cpu_model") ? text(boot, "cpu_model") : "an unknown CPU", f);
	if (json_is_true(json_object_get(boot, "current"))) {
		(void) fprintf(f, "\nin this boot, ");
	} else {
		char id[SHORT_ID + 1];

		str_copy(id, sizeof(id), text(boot, "boot_id"));
		(void) fprintf(f, "\nin an earlier boot (");
		print_visible(id, f);
		(void) fprintf(f, "), ");
	}
	print_time(number(boot, "started"), f);
	(void) fprintf(f, " to ");
	print_time(number(boot, "ended"), f);
	(void) fprintf(f, "\n\n");
}

static bool
anything_measured(const json_t *modes)
{
	for (size_t i = 0; i < json_array_size(modes); i++)
		if (number(json_array_get(modes, i), "measured") > 0)
			return true;
	return false;
}

static void
show_boot(const json_t *boot, unsigned width, FILE *f)
{
	const json_t *modes = json_object_get(boot, "modes"), *vms = json_object_get(boot, "vms");

	show_heading(boot, f);
	show_modes(modes, width, f);
	if (!anything_measured(modes))
		(void) fprintf(f,
		    "Nothing of this was traced, so no exits and no cycles are known; "
		    "xenscope status has a note if\ntracing failed.\n");
	show_guests(vms, width, f);
}

static void
show_boots(const json_t *answer, bool all, unsigned width, FILE *f)
{
	const json_t *boots = json_object_get(answer, "boots");
	size_t n = json_array_size(boots);

	show_source(answer, f);
	if (n == 0) {
		(void) fprintf(f, "No dirty tracking was seen yet: migrate a guest, or measure one "
				  "as it runs with\n"
				  "xenscope probe DOMAIN.\n");
		return;
	}
	for (size_t i = 0; i < (all ? n : 1); i++) {
		if (i > 0)
			(void) fputc('\n', f);
		show_boot(json_array_get(boots, i), width, f);
	}
	(void) fprintf(f,
	    "\nMIGR: migrations and saves, + probes. EXITS, RECALC: per 1000 pages dirtied.\n"
	    "CYCLES: per page. OVERHEAD: of the guests' CPU time. HARVEST: per round.\n"
	    "TRACED: of the time in which pages were tracked. AVOIDED: exits.\n");
	if (json_is_true(json_object_get(answer, "truncated")))
		(void) fprintf(
		    f, "Of the journal's newest %.0f records only.\n", number(answer, "records"));
	if (n > 1 && !all)
		(void) fprintf(f,
		    "%zu more boot%s, never mixed with this one: xenscope overhead --all\n", n - 1,
		    n > 2 ? "s" : "");
}

void
show_overhead(const json_t *answer, unsigned width, FILE *f)
{
	show_boots(answer, false, width, f);
}

void
show_overhead_all(const json_t *answer, unsigned width, FILE *f)
{
	show_boots(answer, true, width, f);
}
