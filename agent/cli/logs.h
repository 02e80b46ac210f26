/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include <jansson.h>

#include "store/journal_filter.h"

/* xenscope migrations --log FILE...: what these logs tell, without an agent, in the form of its own answer: those that
 * the filter lets through, at most limit of them, 0 for all. Returns the exit status, the reason said. */
int read_logs(char *const *path, size_t n, const struct journal_filter *filter, uint64_t limit, json_t **ret);

#endif
