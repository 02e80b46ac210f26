/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BOOT_MEMORY_H
#define BOOT_MEMORY_H

#include "notify/derive.h"

/* What the agent remembers from one boot of the host to the next: a small file of JSON. */
struct boot_memory {
	char boot_id[UUID_SIZE]; /* "": nothing is remembered */
	struct boot_features features;
	uint32_t ring_violations; /* in Xen's console ring, in that boot, told */
	uint64_t log_inode, log_read; /* of Xen's saved console log, so many bytes were looked at */
	int64_t crash_time; /* that of the newest crash log that was looked at, seconds since 1970 */
};

/* -ENOENT: there is none; -EBADMSG: it is none of ours. -errno: *ret is empty. */
int boot_memory_read(const char *path, struct boot_memory *ret);

/* -errno: the file is as it was. */
int boot_memory_write(const char *path, const struct boot_memory *m);

#endif
