/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FILE_H
#define FILE_H

#include <stddef.h>
#include <sys/types.h>

#define XAPI_INVENTORY "/etc/xensource-inventory" /* what xapi tells of its host, in lines of shell */

/* Reads a whole small file into a new string, NUL-terminated; the caller frees it. ret_n may be NULL.
 * -errno; -EFBIG: larger than max bytes. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_n);

/* The same of an open file, from where it stands. */
int file_read_fd(int fd, size_t max, char **ret_text, size_t *ret_n);

/* Reads n bytes at an offset, going on after interruptions and short reads: how many there were, fewer where the
 * file ends. -errno. */
ssize_t read_at(int fd, void *buf, size_t n, off_t at);

/* Writes all n bytes, going on after interruptions and short writes. -errno. */
int write_all(int fd, const void *data, size_t n);

/* Puts text in the place of what the file held, whole or not at all, down to the disk; mode 0600. -errno. */
int file_replace(const char *path, const char *text);

/* The same for a file that others read: mode 0666 without the bits of umask(2). -errno. */
int file_publish(const char *path, const char *text);

/* Down to the disk which files are in the directory of this one: else a power cut could undo a rename. -errno. */
int sync_directory(const char *path);

/* Closes all descriptors above standard error but these n, and those of the kernel's random numbers. */
void close_others(const int *keep, size_t n);

/* Makes the directory and its parents. -errno. */
int mkdir_parents(const char *path, unsigned mode);

#endif
