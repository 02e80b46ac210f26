/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOURNALLED_H
#define JOURNALLED_H

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "store/journal.h"
#include "tests/tap.h"

/* A directory with a journal in it. */

static char dir[64];

static inline char *
path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static inline void
put(const char *name, const void *data, size_t n, bool append)
{
	_cleanup_(freep) char *path = path_of(name);
	FILE *f = fopen(path, append ? "a" : "w");

	if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
		ok(0, "the test can write %s", path);
}

/* The caller frees it; "" when there is none. */
static inline char *
get(const char *name, size_t *ret_n)
{
	_cleanup_(freep) char *path = path_of(name);
	char *text = NULL;

	if (ret_n)
		*ret_n = 0;
	return file_read(path, 64u << 20, &text, ret_n) < 0 ? xstrdup("") : text;
}

static inline void
clear(void)
{
	static const char *const names[] = {"migrations.jsonl", "migrations.jsonl.torn", "migrations.jsonl.new",
	    "migrations.index", "migrations.index.new", "migrations.open", "migrations.open.torn",
	    "migrations.open.new"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(freep) char *path = path_of(names[i]);

		if (unlink(path) < 0)
			(void) rmdir(path);
	}
}

static inline void
begin(const char *name)
{
	(void) snprintf(dir, sizeof(dir), "%.30s.%ld", name, (long) getpid());
	if (mkdir(dir, 0700) < 0)
		ok(0, "the test can make its directory");
}

static inline int
finish(void)
{
	clear();
	(void) rmdir(dir);
	return done_testing();
}

/* Record number i of a made-up host: seven VMs, every third migration failed, every fifth is a save, every
 * eleventh a probe; one begins each 100 s and takes 50. */
static inline void
make_record(struct migration_record *r, unsigned i)
{
	record_init(r);
	(void) snprintf(r->id, sizeof(r->id), "m%u", i);
	(void) snprintf(r->uuid, sizeof(r->uuid), "00000000-0000-0000-0000-%012u", i % 7);
	(void) snprintf(r->name, sizeof(r->name), "vm \"%u\"", i % 7);
	r->direction = i % 11 == 0 ? DIRECTION_PROBE : i % 5 == 0 ? DIRECTION_SAVE : DIRECTION_OUT;
	r->toolstack = i % 2 ? TOOLSTACK_XL : TOOLSTACK_XAPI;
	r->result = i % 3 == 0 ? RESULT_FAILED : RESULT_COMPLETED;
	r->started = 1000000 + i * 100.0;
	r->ended = r->started + 50;
}

/* Its line, with the line end; the caller frees it. */
static inline char *
line_of(const struct migration_record *r)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json = NULL;
	size_t n = 0;
	char *line;

	record_gen(g, r);
	(void) yajl_gen_get_buf(g, &json, &n);
	line = xasprintf("%.*s\n", (int) n, (const char *) json);
	yajl_gen_free(g);
	return line;
}

/* Records from one number up to another, without syncs. */
static inline void
append(unsigned from, unsigned to)
{
	_cleanup_(freep) char *path = path_of("migrations.jsonl");
	FILE *f = fopen(path, "a");

	for (unsigned i = from; f && i < to; i++) {
		_cleanup_(freep) char *line = NULL;
		struct migration_record r;

		make_record(&r, i);
		line = line_of(&r);
		(void) fputs(line, f);
	}
	if (!f || fclose(f) != 0)
		ok(0, "the test can write %s", path);
}

static inline void
no_open_record(void *arg, struct migration_record *r)
{
	(void) arg;
	record_done(r);
}

static inline struct journal *
open_journal(void)
{
	const char *note;
	struct journal *j = NULL;

	if (journal_open(dir, getgid(), no_open_record, NULL, &j, &note) < 0)
		ok(0, "the journal opens");
	return j;
}

static inline bool
counts_are(const struct journal *j, uint64_t ended, uint64_t failed)
{
	uint64_t e, f;

	journal_counts(j, &e, &f);
	if (e != ended || f != failed)
		printf("# %llu ended, %llu failed\n", (unsigned long long) e, (unsigned long long) f);
	return e == ended && f == failed;
}

/* A file-size limit does what a full disk does. */
static inline void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	(void) getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
	(void) setrlimit(RLIMIT_FSIZE, &limit);
}

#endif
