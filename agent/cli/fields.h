/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FIELDS_H
#define FIELDS_H

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "cli/table.h"

/* Members of an answer, and how they are printed: for show.c and its like. */

/* "" where there is none. */
static inline const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* NAN where there is none. */
static inline double
number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static inline void
print_visible(const char *s, FILE *f)
{
	_cleanup_(freep) char *v = visible(s);

	(void) fputs(v, f);
}

static inline void
cell_number(struct table *t, double v, const char *unit)
{
	if (isnan(v))
		table_cell(t, NULL);
	else if (v == floor(v) && fabs(v) < 1e15)
		table_cellf(t, "%.0f%s", v, unit);
	else
		table_cellf(t, fabs(v) < 10 ? "%.3f%s" : "%.1f%s", v, unit);
}

/* As short as tells it: of today the time alone. */
static inline void
cell_time(struct table *t, double v)
{
	time_t seconds = isnan(v) ? 0 : (time_t) v, now = time(NULL);
	char when[32] = "";
	struct tm tm, today;

	if (!isnan(v) && localtime_r(&seconds, &tm) && localtime_r(&now, &today))
		(void) strftime(when, sizeof(when),
		    tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &tm);
	table_cell(t, when);
}

/* One line: nobody may take a replay for the truth about this host. */
static inline void
show_source(const json_t *answer, FILE *f)
{
	if (strcmp(text(answer, "source"), "replay") == 0)
		(void) fprintf(f, "REPLAY of a capture: these are not figures of this host\n");
}

#endif
