/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef XEN_LOG_H
#define XEN_LOG_H

#include <xentoollog.h>

/* Xen's libraries write errors and progress to standard error unless they are given this: errors become debug lines,
 * since they come back as errno too. Lives as long as the process. */
xentoollog_logger *xen_log(void);

#endif
