/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

#include <jansson.h>
#include <stdbool.h>

#include "config/config.h"

#define MAX_FOUND 512

/* What the checks look at. */
struct doctor {
	const char *root; /* of the file system, "" for "/" */
	const char *config_path;
	struct config config;
	char config_error[256]; /* "": it was read */
	json_t *host;		/* the agent's answer about itself, or NULL: */
	const char *no_host;	/* why there is none */
};

/* What they find: true, or false where something is amiss; found[MAX_FOUND] in words. They change nothing. */
typedef bool check_fn(const struct doctor *d, char *found);

#define CHECK(id, ...) check_fn check_##id;
#include "cli/doctor.def"

#endif
