/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/show.h"

#include "cli/fields.h"

static void
cell_expectation(struct table *t, const json_t *e)
{
	cell_number(t, round(number(e, "estimate_pages_per_second")), "/s");
	cell_number(t, number(e, "estimate_rounds"), "");
	table_cell(t, text(e, "estimate_converges"));
	cell_number(t, number(e, "estimate_total_seconds"), " s");
	cell_number(t, number(e, "estimate_downtime_seconds"), " s");
}

/* Hours as they are where this runs: the answer has them in UTC, and when each comes next. */
static void
show_hours(const json_t *answer, unsigned width, FILE *f)
{
	static const char *const titles[] = {
	    "ESTIMATE", ">DIRTIES", ">ROUNDS", "CONVERGES", ">TAKES", ">DOWNTIME", NULL};
	const json_t *hours = json_object_get(answer, "best_hours");
	struct table *t = table_new(titles);

	table_cell(t, "now");
	cell_expectation(t, json_object_get(answer, "now"));
	for (size_t i = 0; i < json_array_size(hours); i++) {
		const json_t *h = json_array_get(hours, i);

		cell_time(t, number(h, "next"));
		cell_expectation(t, i ? h : json_object_get(answer, "best"));
	}
	table_print(t, width, f);
	table_free(t);
}

void
show_advice(const json_t *answer, unsigned width, FILE *f)
{
	bool known = strcmp(text(answer, "state"), "known") == 0;

	show_source(answer, f);
	if (known) {
		show_hours(answer, width, f);
		print_field(f, width, "Estimate", "pages dirtied are off by %.0f %%: %s",
		    number(answer, "estimate_error_ratio") * 100, text(answer, "basis"));
	} else {
		print_field(f, width, "Estimate", "unknown");
	}
	if (*text(answer, "missing"))
		print_field(f, width, "Missing", "%s", text(answer, "missing"));
}
