/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/migrations.h"

#include <math.h>

#include "base/strbuf.h"
#include "base/tick.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/logs.h"
#include "cli/query.h"
#include "cli/show.h"
#include "cli/table.h"

#define MAX_PAGE 1000 /* records that the agent gives at once */

static int
set_filter(const struct migrations_options *o, struct journal_filter *f)
{
	double now = tick_now().real;
	char error[256];

	journal_filter_init(f);
	for (size_t i = 0; i < JOURNAL_CRITERIA; i++)
		if (o->criterion[i] &&
		    journal_filter_set(f, journal_criteria[i], o->criterion[i], now, error, sizeof(error)) < 0) {
			(void) fprintf(stderr, "xenscope: --%s\n", error);
			return EXIT_USAGE;
		}
	return EXIT_OK;
}

/* limit: 0 for the agent's own. cursor: "" for the first page. */
static int
ask_page(const struct migrations_options *o, uint64_t limit, const char *cursor, json_t **ret)
{
	struct strbuf path = {NULL, 0, 0};
	int status;

	strbuf_str(&path, "/api/v1/migrations");
	for (size_t i = 0; i < JOURNAL_CRITERIA; i++)
		if (o->criterion[i])
			add_parameter(&path, journal_criteria[i], o->criterion[i]);
	if (limit) {
		char text[24];

		(void) snprintf(text, sizeof(text), "%llu", (unsigned long long) limit);
		add_parameter(&path, "limit", text);
	}
	if (*cursor)
		add_parameter(&path, "cursor", cursor);
	status = o->ask(o->arg, path.text, ret);
	strbuf_done(&path);
	return status;
}

static size_t
export_all(const struct migrations_options *o, const json_t *answer, FILE *f)
{
	const json_t *list = json_object_get(answer, "migrations");

	for (size_t i = 0; i < json_array_size(list); i++)
		export_record(o->form, json_array_get(list, i), f);
	return json_array_size(list);
}

/* All pages, or as many records as are wanted. */
static int
export_pages(const struct migrations_options *o, FILE *f)
{
	uint64_t left = o->limit ? o->limit : UINT64_MAX;
	char cursor[32] = "";
	int status;

	export_begin(o->form, f);
	do {
		json_t *answer = NULL;
		uint64_t n;

		status = ask_page(o, MIN(left, MAX_PAGE), cursor, &answer);
		n = export_all(o, answer, f);
		left -= MIN(left, n);
		str_copy(cursor, sizeof(cursor), text(answer, "next"));
		json_decref(answer);
	} while (status == EXIT_OK && *cursor && left > 0 && !ferror(f));
	return status;
}

static int
show_answer(const struct migrations_options *o, const json_t *answer, FILE *f)
{
	if (o->json) {
		(void) json_dumpf(answer, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		(void) putc('\n', f);
	} else if (o->csv) {
		csv_answer(&migrations_csv, answer, f);
	} else {
		show_migrations(answer, terminal_width(f), f);
	}
	return ferror(f) ? EXIT_ANSWER : EXIT_OK;
}

/* -- of logs: one after the other, as there may be very many -- */

struct listing {
	enum export form;
	bool json;
	struct table *table; /* NULL unless neither of these */
	size_t n;
	FILE *f;
};

static int
put_indented(const char *json, size_t n, void *arg)
{
	FILE *f = arg;

	for (size_t i = 0; i < n; i++) {
		(void) putc(json[i], f);
		if (json[i] == '\n') /* in a string it is escaped */
			(void) fputs("    ", f);
	}
	return ferror(f) ? -1 : 0;
}

static void
put(void *arg, const json_t *record)
{
	struct listing *l = arg;

	if (l->table)
		migrations_row(l->table, record, NAN);
	else if (l->json) {
		(void) fputs(l->n ? ",\n    " : "\n    ", l->f);
		(void) json_dump_callback(record, put_indented, l->f, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	} else
		export_record(l->form, record, l->f);
	l->n++;
}

static int
show_logs(const struct migrations_options *o, const struct journal_filter *filter, FILE *f)
{
	struct listing l = {.form = o->csv ? EXPORT_CSV : o->form, .json = o->json && !o->form, .f = f};
	struct log_records *records;
	int status = read_logs(o->log, o->n_logs, &records);

	if (status == EXIT_OK) {
		if (l.json)
			(void) fputs("{\n  \"migrations\": [", f);
		else if (l.form)
			export_begin(l.form, f);
		else
			l.table = migrations_table();
		log_records_each(records, filter, o->limit, put, &l);
		if (l.json)
			(void) fputs(l.n ? "\n  ]\n}\n" : "]\n}\n", f);
		if (l.table)
			table_print(l.table, terminal_width(f), f);
		table_free(l.table);
		status = ferror(f) ? EXIT_ANSWER : EXIT_OK;
	}
	log_records_free(records);
	return status;
}

int
migrations_command(const struct migrations_options *o, FILE *f)
{
	struct journal_filter filter;
	json_t *answer = NULL;
	int status = set_filter(o, &filter);

	if (status != EXIT_OK)
		return status;
	if (o->n_logs)
		return show_logs(o, &filter, f);
	if (o->form)
		return export_pages(o, f);
	status = ask_page(o, o->limit, "", &answer);
	if (status == EXIT_OK)
		status = show_answer(o, answer, f);
	json_decref(answer);
	return status;
}
