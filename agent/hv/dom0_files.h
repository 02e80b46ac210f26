/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOM0_FILES_H
#define DOM0_FILES_H

#include <stddef.h>

/* What hv_xen.c reads from Dom0's own files. */

/* The first "model name" of a /proc/cpuinfo, cut to buf[n]. -ENODATA: there is none. -errno. */
int dom0_cpu_model(const char *path, char *buf, size_t n);

/* The UUID in a /proc/sys/kernel/random/boot_id; ret_boot_id[37]. -EBADMSG: it is none. -errno. */
int dom0_boot_id(const char *path, char *ret_boot_id);

/* The newest max bytes of a regular file, NUL-terminated; the caller frees them. -EINVAL: no
 * regular file. -errno. */
int dom0_file_tail(const char *path, size_t max, char **ret_text, size_t *ret_n);

#endif
