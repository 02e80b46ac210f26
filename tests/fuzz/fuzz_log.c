/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <stdint.h>

#include "base/util.h"
#include "observe/line_buffer.h"
#include "observe/log_line.h"
#include "observe/migration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LATEST 1793880000.0
#define PIECE 4096 /* of the log that comes at a time */

struct use {
	struct log_lines lines;
	struct migrations *m;
	double last;
};

static void
on_record(void *arg, enum record_change change, const struct migration_record *r, const struct round *round)
{
	yajl_gen g = yajl_gen_alloc(NULL);

	(void) arg;
	(void) change;
	(void) round;
	record_gen(g, r);
	yajl_gen_free(g);
}

/* What xenscope does with a line of a stranger's log. */
static void
use_line(struct use *u, const char *line, size_t n)
{
	struct tick now;
	struct event e;
	char *copy = xmalloc(MAX(n, 1)); /* so that a sanitizer sees a byte too many */

	memcpy(copy, line, n);
	if (log_line_read(&u->lines, copy, n, &e)) {
		if (isnan(e.at))
			e.at = LATEST;
		now = (struct tick){.mono = e.at, .real = e.at};
		u->last = fmax(u->last, e.at);
		migrations_log_time(u->m, e.at);
		migrations_event(u->m, &e, &now);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line_buffer b;
	struct use u = {.m = migrations_new(on_record, NULL)};
	const char *line;
	size_t n;

	(void) setenv("TZ", "UTC", 1);
	migrations_by_log(u.m);
	log_lines_init(&u.lines, LATEST);
	line_buffer_init(&b);
	while (size > 0) {
		char *to = line_buffer_room(&b, &n);

		n = MIN(n, MIN(size, PIECE));
		memcpy(to, data, n);
		data += n;
		size -= n;
		line_buffer_added(&b, n);
		while (line_buffer_next(&b, &line, &n))
			use_line(&u, line, n);
	}
	if (line_buffer_last(&b, &line, &n))
		use_line(&u, line, n);
	line_buffer_done(&b);
	migrations_log_time(u.m, u.last);
	migrations_log_time(u.m, INFINITY);
	migrations_free(u.m);
	return 0;
}
