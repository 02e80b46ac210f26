/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FILE_H
#define FILE_H

#include <stddef.h>

/* Reads a whole small file into a new string, NUL-terminated; the caller frees it. ret_n may be NULL.
 * -errno; -EFBIG: larger than max bytes. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_n);

/* Writes all n bytes, going on after interruptions and short writes. -errno. */
int write_all(int fd, const void *data, size_t n);

/* Makes the directory and its parents. -errno. */
int mkdir_parents(const char *path, unsigned mode);

#endif
