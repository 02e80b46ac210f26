/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <math.h>
#include <stdint.h>

#include "base/file.h"
#include "base/util.h"
#include "metrics/record.h"
#include "observe/migration.h"
#include "store/journal_file.h"
#include "store/journal_filter.h"
#include "store/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_LINE 65536

static void
on_record(void *arg, enum record_change change, const struct migration_record *r,
    const struct round *round)
{
	(void) round;
	if (change == RECORD_ENDED)
		*(uint64_t *) arg += strlen(record_result_name(r->result));
}

/* What a restarted agent does with a record that was under way, and readers with a finished one. */
static void
use(struct migration_record *r)
{
	const struct tick now = {.mono = 100, .real = 1793870100};
	uint64_t sum = 0;
	struct migrations *m = migrations_new(on_record, &sum);
	struct event e = {.kind = EVENT_SHADOW_OP,
	    .source = SOURCE_BPF,
	    .at = 101,
	    .pid = r->pid,
	    .domid = r->domid,
	    .op = SHADOW_OP_CLEAN,
	    .dirty = 7};
	const struct event window = {.kind = EVENT_TRACE_WINDOW,
	    .source = SOURCE_TRACE,
	    .at = 101,
	    .domid = r->domid,
	    .window = {.from = 100, .count = {70}, .cycles = {7000}, .cpu_khz = 1000}};
	struct sample *s = sample_new(&now);
	yajl_gen g = yajl_gen_alloc(NULL);

	record_gen_open(g, r, NULL);
	yajl_gen_free(g);
	migrations_resume(m, r, r->domid & 1, &now);
	migrations_event(m, &e, &now);
	migrations_event(m, &window, &now);
	migrations_tick(m, s);
	migrations_free(m);
	sample_free(s);
}

/* What the index has of a record is what the record says. */
static void
check_entry(const struct migration_record *r)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json = NULL;
	struct journal_entry e;
	size_t n = 0;

	record_gen(g, r);
	(void) yajl_gen_get_buf(g, &json, &n);
	if (!journal_entry_of((const char *) json, n, &e) || e.direction != r->direction ||
	    e.toolstack != r->toolstack || e.result != r->result ||
	    !(e.started == r->started || isnan(r->started)) || !(e.ended == r->ended || isnan(r->ended)))
		abort();
	yajl_gen_free(g);
}

static bool
count(void *arg, const char *line, size_t n, off_t at)
{
	uint64_t *sum = arg;

	(void) line;
	*sum += ((uint64_t) at + 1) * n;
	return true;
}

/* Both ways through the file meet the same lines, but for empty ones. */
static void
check_lines(int fd, off_t size)
{
	struct journal_file f = {.fd = fd};
	uint64_t backwards = 0, forwards = 0;

	if (lines_backwards(fd, 0, size, MAX_LINE, count, &backwards) < 0 ||
	    lines_forwards(fd, 0, size, MAX_LINE, count, &forwards) < 0 || backwards != forwards ||
	    journal_file_begin(&f) < 0 || f.header > size)
		abort();
}

static bool
on_line(void *arg, const char *line, size_t n, off_t at)
{
	struct migration_record *noted = arg, r;

	(void) at;
	(void) record_apply(line, n, noted);
	if (record_parse(line, n, &r) == 0) {
		check_entry(&r);
		use(&r);
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(record_done) struct migration_record noted;
	_cleanup_(fclosep) FILE *f = tmpfile();

	record_init(&noted);
	if (!f || write_all(fileno(f), data, size) < 0)
		abort();
	check_lines(fileno(f), (off_t) size);
	return lines_forwards(fileno(f), 0, (off_t) size, MAX_LINE, on_line, &noted);
}
