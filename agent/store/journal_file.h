/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef JOURNAL_FILE_H
#define JOURNAL_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define JOURNAL_FILE "migrations.jsonl"
#define JOURNAL_INDEX "migrations.index"

/* migrations.jsonl open in any process. A place ("at") in it counts all bytes of records that were ever written: when
 * the oldest are dropped, a first line tells of it, and the places of the others stay what they are. They are the
 * API's cursors and what the index has. */
struct journal_file {
	int fd;
	off_t header;		/* bytes of that first line; 0: nothing was dropped yet */
	uint64_t dropped;	/* bytes, where the oldest record begins */
	uint64_t ended, failed; /* migrations that were dropped, and those of them that did not complete */
};

/* Reads the first line of what is open as f->fd. -errno. */
int journal_file_begin(struct journal_file *f);

/* The first line that tells of this. Its length. */
int journal_file_header(const struct journal_file *f, char *buf, size_t n);

/* Behind the last whole line. -errno. */
int journal_file_end(const struct journal_file *f, uint64_t *ret_at);

/* Whether exactly one line of n bytes is there, without its end; if so the caller frees it. -errno. */
int journal_file_line(const struct journal_file *f, uint64_t at, size_t n, char **ret_line);

static inline off_t
journal_file_offset(const struct journal_file *f, uint64_t at)
{
	return (off_t) (at - f->dropped) + f->header;
}

static inline uint64_t
journal_file_at(const struct journal_file *f, off_t offset)
{
	return (uint64_t) (offset - f->header) + f->dropped;
}

#endif
