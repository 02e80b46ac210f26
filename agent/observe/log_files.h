/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOG_FILES_H
#define LOG_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "observe/migration.h"

/* Reads logs from beginning to end, of this host or another one, in the order of their times: rotated ones too, and
 * compressed ones (by gzip, bzip2, xz or zstd, which runs as a process of its own). What they say of migrations goes
 * through the same table and the same state machine as in the agent. */

#define MAX_LOG_FILES 256

struct log_files_count {
	uint64_t told;	   /* lines that told something of a migration */
	uint64_t too_long; /* lines that were left out */
};

/* fn: told as by migrations_new. A name of "-" is standard input. Stamps without a year are completed by each
 * file's time of change, and read in the local time zone (TZ of the environment).
 * 0, or -errno; then ret_bad is the file's number: -EIO also when it could not be unpacked, -EBADMSG: a pipe brings
 * what is compressed. -E2BIG: too many. */
int log_files_read(char *const *path, size_t n, record_fn *fn, void *arg, struct log_files_count *ret_count,
    size_t *ret_bad);

/* The same without the state machine: each event, in order, its at in seconds since 1970. */
int log_files_events(char *const *path, size_t n, event_fn *fn, void *arg, struct log_files_count *ret_count,
    size_t *ret_bad);

#endif
