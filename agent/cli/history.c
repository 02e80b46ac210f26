/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/history.h"

#include "base/parse.h"
#include "base/strbuf.h"
#include "base/tick.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/fields.h"
#include "cli/query.h"

#define TABLE_POINTS 30 /* rows that one reads */
#define MAX_POINTS 100000
#define PREFIX "xenscope_" /* of all names: left out of titles */

char *
history_path(struct asker *a, const struct options *o, int *ret_status)
{
	struct strbuf path = {NULL, 0, 0};
	uint64_t points = o->value[OPT_json] || o->value[OPT_csv] ? 0 : TABLE_POINTS;
	char uuid[37], number[24];
	int status = options_number(o, OPT_points, MAX_POINTS, &points) ? EXIT_OK : EXIT_USAGE;

	if (status == EXIT_OK && o->argument[1])
		status = ask_uuid(a, o->argument[1], uuid);
	*ret_status = status;
	if (status != EXIT_OK)
		return NULL;
	strbuf_str(&path, "/api/v1/history");
	add_history(&path, o->argument[0], o->argument[1] ? uuid : NULL, o->value[OPT_since], o->value[OPT_until]);
	(void) snprintf(number, sizeof(number), "%llu", (unsigned long long) points);
	if (points)
		add_parameter(&path, "points", number);
	return path.text;
}

static const json_t *
column_at(const json_t *answer, size_t i)
{
	return json_array_get(json_object_get(answer, "columns"), i);
}

static void
cell_value(struct table *t, double v, const json_t *column)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	const char *per = json_is_true(json_object_get(column, "per_second")) ? "/s" : "";
	const char *unit = text(column, "unit");
	size_t u = 0;

	if (isnan(v)) {
		table_cell(t, NULL);
	} else if (strcmp(unit, "bytes") == 0) {
		for (; fabs(v) >= 1024 && u + 1 < ARRAY_SIZE(units); u++)
			v /= 1024;
		table_cellf(t, "%.*f %s%s", u ? 1 : 0, v, units[u], per);
	} else if (strcmp(unit, "ratio") == 0) {
		table_cellf(t, "%.2f %%", 100 * v);
	} else {
		cell_number(t, v, strcmp(unit, "seconds") == 0 ? (*per ? " s/s" : " s") : per);
	}
}

void
show_history(const json_t *answer, unsigned width, FILE *f)
{
	const char *titles[MAX_COLUMNS + 1] = {"TIME"};
	char *owned[MAX_COLUMNS];
	struct table *t;
	size_t n = 1;

	for (const json_t *c; n < MAX_COLUMNS && (c = column_at(answer, n - 1)); n++) {
		bool ours = strncmp(text(c, "metric"), PREFIX, strlen(PREFIX)) == 0;
		_cleanup_(freep) char *name = visible(text(c, "metric") + (ours ? strlen(PREFIX) : 0));

		titles[n] = owned[n] = xasprintf(">%s", name);
	}
	t = table_new(titles);
	for (size_t i = 0; i < json_array_size(json_object_get(column_at(answer, 0), "values")); i++) {
		cell_time(t, number(answer, "start") + (double) i * number(answer, "step"));
		for (size_t c = 1; c < n; c++) {
			const json_t *v =
			    json_array_get(json_object_get(column_at(answer, c - 1), "values"), i);

			cell_value(t, json_is_number(v) ? json_number_value(v) : NAN, column_at(answer, c - 1));
		}
	}
	show_source(answer, f);
	table_print(t, width, f);
	table_free(t);
	while (--n > 0)
		free(owned[n]);
}

void
history_csv(const json_t *answer, FILE *f)
{
	const char *names[MAX_COLUMNS + 1] = {"time"};
	const struct csv csv = {"", names};
	size_t n = 1;

	for (const json_t *c; n < MAX_COLUMNS && (c = column_at(answer, n - 1)); n++)
		names[n] = text(c, "metric");
	csv_head(&csv, f);
	for (size_t i = 0; i < json_array_size(json_object_get(column_at(answer, 0), "values")); i++) {
		json_t *row = json_object();

		(void) json_object_set_new(
		    row, "time", json_real(number(answer, "start") + (double) i * number(answer, "step")));
		for (size_t c = 1; c < n; c++)
			(void) json_object_set(row, names[c],
			    json_array_get(json_object_get(column_at(answer, c - 1), "values"), i));
		csv_row(&csv, row, f);
		json_decref(row);
	}
}

void
show_stored(const json_t *answer, unsigned width, FILE *f)
{
	static const char *const titles[] = {"METRIC", "OF", "UNIT", "+MEANING", NULL};
	const json_t *list = json_object_get(answer, "metrics");
	struct table *t = table_new(titles);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);

		if (!*text(m, "data_source"))
			continue;
		table_cell(t, text(m, "name"));
		table_cell(t, text(m, "scope"));
		table_cell(t, text(m, "unit"));
		table_cell(t, text(m, "help"));
	}
	table_print(t, width, f);
	table_free(t);
}
