/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal_search DIR: opens the journal of DIR without its index and with it, then searches for each of the criteria
 * NAME=VALUE on standard input, each several times. Prints what it did, the records found, and the median seconds. */
#include <config.h>

#include <errno.h>

#include "base/tick.h"
#include "base/util.h"
#include "store/journal.h"

#define RUNS 5

static void
die(const char *what, int r)
{
	(void) fprintf(stderr, "journal_search: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void
drop(void *arg, struct migration_record *r)
{
	(void) arg;
	record_done(r);
}

static uint64_t
open_once(const char *dir)
{
	struct journal *j = NULL;
	const char *note;
	uint64_t ended, failed;
	int r = journal_open(dir, getgid(), drop, NULL, &j, &note);

	if (r < 0)
		die(dir, r);
	journal_counts(j, &ended, &failed);
	journal_close(j);
	return ended;
}

static bool
count(void *arg, const char *line, size_t n)
{
	(void) line;
	(void) n;
	++*(uint64_t *) arg;
	return true;
}

/* criterion: "name=value". */
static uint64_t
search_once(const char *dir, const char *criterion)
{
	_cleanup_(freep) char *name = xstrdup(criterion);
	char *value = strchr(name, '=');
	struct journal_filter filter;
	struct journal_search search = {.filter = &filter, .before = UINT64_MAX};
	char error[256];
	uint64_t found = 0;
	int r;

	journal_filter_init(&filter);
	if (!value)
		die(criterion, -EINVAL);
	*value++ = '\0';
	if (journal_filter_set(&filter, name, value, tick_now().real, error, sizeof(error)) < 0)
		die(error, -EINVAL);
	r = journal_search(dir, &search, count, &found);
	if (r != 0)
		die(criterion, r < 0 ? r : -EFBIG);
	return found;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* criterion: NULL to open. */
static void
measure(const char *dir, const char *criterion, const char *what, int runs)
{
	double took[RUNS];
	uint64_t found = 0;

	for (int i = 0; i < runs; i++) {
		double begun = tick_now().mono;

		found = criterion ? search_once(dir, criterion) : open_once(dir);
		took[i] = tick_now().mono - begun;
	}
	qsort(took, (size_t) runs, sizeof(*took), by_size);
	(void) printf("%s\t%llu\t%.6f\n", what, (unsigned long long) found, took[runs / 2]);
}

int
main(int argc, char **argv)
{
	_cleanup_(freep) char *index = argc == 2 ? xasprintf("%s/migrations.index", argv[1]) : NULL;
	char line[512];

	if (!index) {
		(void) fprintf(stderr, "usage: journal_search DIR\n");
		return 2;
	}
	(void) unlink(index);
	measure(argv[1], NULL, "open without an index", 1);
	measure(argv[1], NULL, "open", RUNS);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		measure(argv[1], line, line, RUNS);
	}
	return 0;
}
