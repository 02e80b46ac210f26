/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "observe/log_files.h"

/* print_log [--count] FILE...: what the logs say, a line an event; or only how many say something, and the sum of
 * their fields, so that the reader is measured and not the printing. For tests/bench/log. */

struct sum {
	bool count;
	uint64_t events, fields;
};

static void
on_event(void *arg, const struct event *e)
{
	struct sum *s = arg;

	s->events++;
	s->fields += (uint64_t) e->at + e->domid + (uint64_t) e->pid + e->number + e->done + e->total;
	if (!s->count)
		(void) printf("%.0f %u %d %d %u %llu %llu\n", e->at, e->domid, (int) e->pid, e->logged, e->number,
		    (unsigned long long) e->done, (unsigned long long) e->total);
}

int
main(int argc, char **argv)
{
	struct sum s = {.count = argc > 1 && strcmp(argv[1], "--count") == 0};
	struct log_files_count count;
	int first = 1 + s.count, r;
	size_t bad = 0;

	r = log_files_events(argv + first, (size_t) (argc - first), on_event, &s, &count, &bad);
	if (r < 0) {
		(void) fprintf(stderr, "print_log: %s: %s\n", argv[first + (int) bad], strerror(-r));
		return 1;
	}
	if (s.count)
		(void) printf("%llu %llu\n", (unsigned long long) s.events, (unsigned long long) s.fields);
	return 0;
}
