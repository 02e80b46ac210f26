/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef USAGE_H
#define USAGE_H

#include <sys/types.h>

#include "base/loop.h"

/* CPU time that this process has used, in seconds. */
double usage_cpu_seconds(void);

/* Resident memory of a process, in bytes; NAN: unknown. */
double usage_resident_bytes(pid_t pid);

/* From now on gives the memory that is free inside this process back to the host, a while after the start and then
 * rarely enough to cost nothing. Returns an id of the loop's, or -errno. */
int usage_give_back(struct loop *loop);

#endif
