/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/logs.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <yajl/yajl_gen.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "observe/log_files.h"

#define MAX_RECORDS 100000 /* kept of the logs; the later ones are left out, and it is said */

struct log_records {
	struct migration_record *record; /* each as it was when last told, in the order of their beginnings */
	size_t n, room, left_out;
};

static struct migration_record *
find(const struct log_records *f, const char *id)
{
	for (size_t i = f->n; i-- > 0;) /* those under way are among the last */
		if (strcmp(f->record[i].id, id) == 0)
			return &f->record[i];
	return NULL;
}

static void
on_record(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	struct log_records *f = arg;
	struct migration_record *known = change == RECORD_BEGUN ? NULL : find(f, r->id);

	(void) round;
	if (!known && f->n == MAX_RECORDS) {
		f->left_out += change == RECORD_BEGUN;
		return;
	}
	if (known)
		record_done(known);
	else {
		if (f->n == f->room) {
			f->room = MAX(f->room * 2, 64);
			f->record = xrealloc(f->record, f->room * sizeof(*f->record));
		}
		known = &f->record[f->n++];
	}
	record_copy(known, r);
}

/* NULL: it does not fit. */
static json_t *
fitting(const struct migration_record *r, const struct journal_filter *filter)
{
	json_t *record = NULL;
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json = NULL;
	size_t n = 0;

	if (!g)
		abort();
	record_gen(g, r);
	(void) yajl_gen_get_buf(g, &json, &n);
	if (journal_filter_line(filter, (const char *) json, n))
		record = json_loadb((const char *) json, n, 0, NULL);
	yajl_gen_free(g);
	return record;
}

void
log_records_each(const struct log_records *f, const struct journal_filter *filter, uint64_t limit, log_record_fn *fn,
    void *arg)
{
	uint64_t left = limit ? limit : UINT64_MAX;

	for (int running = 1; running >= 0; running--)
		for (size_t i = f->n; i-- > 0 && left > 0;) {
			bool turn = (f->record[i].result == RESULT_RUNNING) == running;
			json_t *record = turn ? fitting(&f->record[i], filter) : NULL;

			if (!record)
				continue;
			fn(arg, record);
			json_decref(record);
			left--;
		}
}

static int
complain(const char *path, int error)
{
	_cleanup_(freep) char *name = visible(path);

	if (error == -E2BIG)
		(void) fprintf(stderr, "xenscope: at most %d logs at a time\n", MAX_LOG_FILES);
	else
		(void) fprintf(stderr, "xenscope: %s: %s\n", name,
		    error == -EIO	? "cannot be read, or not be unpacked"
		    : error == -EBADMSG ? "what comes from a pipe must be unpacked already"
					: strerror(-error));
	return EXIT_ANSWER;
}

int
read_logs(char *const *path, size_t n, struct log_records **ret)
{
	struct log_records *f = *ret = xcalloc(1, sizeof(*f));
	struct log_files_count count = {0, 0};
	size_t bad = 0;
	int r = log_files_read(path, n, on_record, f, &count, &bad);
	int status = r < 0 ? complain(path[bad], r) : EXIT_OK;

	if (r == 0 && count.told == 0)
		(void) fprintf(stderr, "xenscope: no line of these logs tells of a migration\n");
	if (f->left_out)
		(void) fprintf(stderr, "xenscope: only the first %d migrations are shown, %zu are not\n", MAX_RECORDS,
		    f->left_out);
	return status;
}

void
log_records_free(struct log_records *f)
{
	for (size_t i = 0; f && i < f->n; i++)
		record_done(&f->record[i]);
	if (f)
		free(f->record);
	free(f);
}
