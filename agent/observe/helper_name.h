/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HELPER_NAME_H
#define HELPER_NAME_H

#include "metrics/event.h"

/* The processes that move a domain's memory, by their names. */
enum helper_name { HELPER_LIBXL, HELPER_XENGUEST, HELPER_MANAGER, HELPERS };

extern const char *const helper_names[HELPERS];

/* Which of them such a process is: comm as the kernel has it, cut at 15 characters, perhaps with the line end of
 * /proc/PID/comm. HELPERS: none. */
enum helper_name helper_find(const char *comm);

/* True if the agent itself, or a program of its package, did it. */
bool event_is_ours(const struct event *e);

#endif
