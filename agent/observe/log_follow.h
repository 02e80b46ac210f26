/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOG_FOLLOW_H
#define LOG_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Follows logs as they grow: by inotify, so that a quiet log costs nothing. A log that is renamed is read to its
 * end before the new one of its name is begun; one that is copied and cut to nothing goes on at its beginning, and
 * what came between the last look and the cut is read from the copy (NAME.1) where that still begins alike.
 * Compressed neighbours are never opened. */
struct log_follow;

#define MAX_LOGS 8
#define FOLLOW_BYTES (4u << 20)	     /* read of all logs in one call of log_follow_read */

/* A whole line without its line end; it holds during the call. log: the number that log_follow_add gave. */
typedef void log_line_fn(void *arg, unsigned log, const char *line, size_t n);

/* -errno. */
int log_follow_new(struct log_follow **ret);
void log_follow_free(struct log_follow *f);

/* Follows the log of this name from its end; it need not be there yet. Returns its number, or -errno; -ENOENT:
 * neither is its directory. */
int log_follow_add(struct log_follow *f, const char *path);

/* To wait on with EPOLLIN: there is something to read. */
int log_follow_fd(const struct log_follow *f);

/* Hands over the lines that are there, as many as FOLLOW_BYTES hold; if more are there the descriptor stays ready.
 * -errno. */
int log_follow_read(struct log_follow *f, log_line_fn *fn, void *arg);

/* The next read looks at all logs, as inotify may be silent on some file systems. */
void log_follow_look(struct log_follow *f);

/* Lines too long to be any of ours. */
uint64_t log_follow_lost(const struct log_follow *f);

#endif
