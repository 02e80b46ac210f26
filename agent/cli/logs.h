/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include <stdbool.h>
#include <stddef.h>

/* xenscope migrations --log FILE...: what these logs tell, without an agent, in the form of its own answer. json:
 * that as it is; else for a person. Returns the exit status, the reason said. */
int show_logs(char *const *path, size_t n, bool json);

#endif
