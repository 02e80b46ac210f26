/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_H
#define CHECKS_H

#include <jansson.h>

#include "plugin/nagios/report.h"

enum check_kind { CHECK_NONE, CHECK_FEATURE, CHECK_PML, CHECK_MIGRATIONS, CHECK_OVERHEAD, CHECK_AGENT };

struct check {
	enum check_kind kind;
	const char *feature; /* of CHECK_FEATURE */
	unsigned minutes;    /* of CHECK_MIGRATIONS */
	const char *uuid;    /* of a VM, NULL: of all */
};

/* What is asked of the agent for it; the caller frees it. */
char *check_path(const struct check *c);

/* Judges the agent's answer. */
void check_answer(const struct check *c, const json_t *answer, struct report *r);

#endif
