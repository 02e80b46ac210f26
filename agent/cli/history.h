/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_HISTORY_H
#define CLI_HISTORY_H

#include "cli/ask.h"
#include "cli/options.h"

/* xenscope history METRIC: the question for the agent, which the caller frees; NULL: the exit status, the
 * reason said. */
char *history_path(struct asker *a, const struct options *o, int *ret_status);

/* Its answer. */
void show_history(const json_t *answer, unsigned width, FILE *f);
/* As CSV: the time, then a column for each metric. */
void history_csv(const json_t *answer, FILE *f);
/* The answer of /api/v1/metrics-reference: those of which a history is stored. */
void show_stored(const json_t *answer, unsigned width, FILE *f);

#endif
