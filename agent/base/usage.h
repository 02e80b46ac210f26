/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef USAGE_H
#define USAGE_H

#include <sys/types.h>

/* CPU time that this process has used, in seconds. */
double usage_cpu_seconds(void);

/* Resident memory of a process, in bytes; NAN: unknown. */
double usage_resident_bytes(pid_t pid);

#endif
