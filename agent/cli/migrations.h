/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_MIGRATIONS_H
#define CLI_MIGRATIONS_H

#include "cli/export.h"
#include "store/journal_filter.h"

struct migrations_options {
	const char *criterion[JOURNAL_CRITERIA]; /* as given, in the order of journal_criteria; NULL: not */
	uint64_t limit;				 /* 0: not given */
	enum export form;
	bool json, csv; /* the answer as it is; its list as CSV */
	char *const *log; /* n_logs files to read in the agent's stead */
	size_t n_logs;

	/* Asks the agent. 0, or the exit status, the reason said. */
	int (*ask)(void *arg, const char *path, json_t **ret);
	void *arg;
};

/* xenscope migrations. Returns the exit status, the reason said. */
int migrations_command(const struct migrations_options *o, FILE *f);

#endif
