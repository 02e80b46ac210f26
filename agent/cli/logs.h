/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include <jansson.h>

#include "store/journal_filter.h"

/* The migrations of which logs tell. */
struct log_records;

/* xenscope migrations --log FILE...: what these logs tell, without an agent. Returns the exit status, the reason said;
 * the caller releases *ret in either case. */
int read_logs(char *const *path, size_t n, struct log_records **ret);
void log_records_free(struct log_records *records);

/* Hands over those that the filter lets through, at most limit of them, 0 for all, each as the agent answers it and in
 * its order: those under way first, then the newest. */
typedef void log_record_fn(void *arg, const json_t *record);
void log_records_each(const struct log_records *records, const struct journal_filter *filter, uint64_t limit,
    log_record_fn *fn, void *arg);

#endif
