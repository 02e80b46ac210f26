/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A file of lines that is only ever appended to. */

/* Opens or creates the file to be read and written, for its owner and gid only: 0640. flags: beside those. -errno;
 * -EINVAL: no regular file. */
int lines_open(const char *path, int flags, gid_t gid, int *ret_fd);

/* Calls fn with each whole line (without its line end) that begins and ends between from, where a line begins, and to,
 * and with where it begins: the last one first, or the first one, until fn returns false. Text after the last line end
 * and lines longer than max are passed over. The file may grow meanwhile, or be cut. -errno. */
typedef bool line_fn(void *arg, const char *line, size_t n, off_t at);
int lines_backwards(int fd, off_t from, off_t to, size_t max, line_fn *fn, void *arg);
int lines_forwards(int fd, off_t from, off_t to, size_t max, line_fn *fn, void *arg);

/* Appends the bytes of fd from one place to another to the file open as out. -errno; -ESTALE: fd ends before. */
int lines_copy(int fd, off_t from, off_t to, int out);

/* Bytes of fd up to and with its last line end. -errno. */
int lines_whole(int fd, off_t size, off_t *ret_whole);

/* If the file at path (open as fd) ends in the middle of a line, appends that piece to path.torn
 * and cuts it off. ret_size: the file's size then. 1 if it did so, 0 if there was nothing to do,
 * -errno. */
int lines_repair(int fd, const char *path, off_t *ret_size);

/* Appends text, which ends with a line end, whole or not at all. sync: down to the disk. -errno. */
int lines_append(int fd, const char *text, size_t n, bool sync);

#endif
