/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/logs.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <yajl/yajl_gen.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/table.h"
#include "observe/log_files.h"

#define MAX_RECORDS 100000 /* kept of the logs; the later ones are left out, and it is said */

struct found {
	struct migration_record *record; /* each as it was when last told, in the order of their beginnings */
	size_t n, room, left_out;
};

static struct migration_record *
find(const struct found *f, const char *id)
{
	for (size_t i = f->n; i-- > 0;) /* those under way are among the last */
		if (strcmp(f->record[i].id, id) == 0)
			return &f->record[i];
	return NULL;
}

static void
on_record(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	struct found *f = arg;
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

/* Like the agent's answer: those under way first, then the newest. */
static void
put(yajl_gen g, const struct found *f, bool running)
{
	for (size_t i = f->n; i-- > 0;)
		if ((f->record[i].result == RESULT_RUNNING) == running)
			record_gen(g, &f->record[i]);
}

static yajl_gen
answer(const struct found *f)
{
	static const char member[] = "migrations";
	yajl_gen g = yajl_gen_alloc(NULL);

	if (!g)
		abort();
	(void) yajl_gen_map_open(g);
	(void) yajl_gen_string(g, (const unsigned char *) member, sizeof(member) - 1);
	(void) yajl_gen_array_open(g);
	put(g, f, true);
	put(g, f, false);
	(void) yajl_gen_array_close(g);
	(void) yajl_gen_map_close(g);
	return g;
}

static int
print(const struct found *f, bool json)
{
	yajl_gen g = answer(f);
	const unsigned char *text = NULL;
	size_t n = 0;
	int status = EXIT_OK;

	(void) yajl_gen_get_buf(g, &text, &n);
	if (json) {
		if (fwrite(text, 1, n, stdout) != n || puts("") < 0)
			status = EXIT_ANSWER;
	} else {
		json_t *p = json_loadb((const char *) text, n, 0, NULL);

		show_migrations(p, terminal_width(stdout), stdout);
		json_decref(p);
	}
	yajl_gen_free(g);
	return status;
}

static int
complain(const char *path, int error)
{
	_cleanup_(freep) char *name = visible(path);

	if (error == -E2BIG)
		(void) fprintf(stderr, "xenscope: at most %d logs at a time\n", MAX_LOG_FILES);
	else
		(void) fprintf(stderr, "xenscope: %s: %s\n", name,
		    error == -EIO ? "cannot be read, or not be unpacked" : strerror(-error));
	return EXIT_ANSWER;
}

int
show_logs(char *const *path, size_t n, bool json)
{
	struct found f = {NULL, 0, 0, 0};
	struct log_files_count count = {0, 0};
	size_t bad = 0;
	int r = log_files_read(path, n, on_record, &f, &count, &bad);
	int status = r < 0 ? complain(path[bad], r) : print(&f, json);

	if (r == 0 && count.told == 0)
		(void) fprintf(stderr, "xenscope: no line of these logs tells of a migration\n");
	if (f.left_out)
		(void) fprintf(stderr, "xenscope: only the first %d migrations are shown, %zu are not\n", MAX_RECORDS,
		    f.left_out);
	for (size_t i = 0; i < f.n; i++)
		record_done(&f.record[i]);
	free(f.record);
	return status;
}
