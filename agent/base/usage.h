/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef USAGE_H
#define USAGE_H

/* What this process has used: CPU time, in seconds, and resident memory, in bytes; NAN: unknown. */
double usage_cpu_seconds(void);
double usage_resident_bytes(void);

#endif
