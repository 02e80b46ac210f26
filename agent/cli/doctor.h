/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <jansson.h>

#include "cli/ask.h"

struct doctor_options {
	const char *root;   /* of the file system, "" for "/" */
	const char *config; /* the agent's file; NULL: where it is by default */
	struct asker *asker;
};

/* Looks at all that the agent needs, and changes nothing. An object with "checks": check, state (ok; limited:
 * something is not seen or shown; missing: the agent cannot do its work), found, cost and remedy of each. The
 * caller drops it. EXIT_OK, or EXIT_ANSWER: something is missing. */
int doctor_look(const struct doctor_options *o, json_t **ret);

void show_doctor(const json_t *answer, unsigned width, FILE *f);

#endif
