/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/advice.h"

#include "base/parse.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/show.h"

/* The uuid of the one domain of that name. */
static int
find_uuid(const struct advice_options *o, char ret[37])
{
	json_t *answer = NULL;
	int status = o->ask(o->arg, "/api/v1/domains", &answer);
	const json_t *domains = json_object_get(answer, "domains");
	unsigned found = 0;

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *d = json_array_get(domains, i);

		if (strcmp(text(d, "name"), o->domain) == 0 && parse_uuid(text(d, "uuid"), ret) == 0)
			found++;
	}
	if (status == EXIT_OK && found != 1) {
		(void) fprintf(stderr, found ? "xenscope: several domains have this name: give the uuid of one\n"
					     : "xenscope: no domain of this host has this name or uuid\n");
		status = EXIT_ANSWER;
	}
	json_decref(answer);
	return status;
}

int
advice_ask(const struct advice_options *o, json_t **ret)
{
	char path[96], uuid[37];
	int status = parse_uuid(o->domain, uuid) == 0 ? EXIT_OK : find_uuid(o, uuid);

	if (status != EXIT_OK)
		return status;
	(void) snprintf(path, sizeof(path), "/api/v1/domains/%s/advice", uuid);
	return o->ask(o->arg, path, ret);
}

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
		(void) fprintf(f, "Pages dirtied are an estimate, off by %.0f %%: ",
		    number(answer, "estimate_error_ratio") * 100);
		print_visible(text(answer, "basis"), f);
		(void) fputc('\n', f);
	} else {
		(void) fprintf(f, "Unknown.\n");
	}
	if (*text(answer, "missing")) {
		(void) fprintf(f, "Missing: ");
		print_visible(text(answer, "missing"), f);
		(void) fputc('\n', f);
	}
}
