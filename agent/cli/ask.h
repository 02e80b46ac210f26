/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <jansson.h>
#include <stdbool.h>

#include "base/https_get.h"

#define MAX_TARGETS 2

/* Whom the commands ask, and what came of it. */
struct asker {
	struct https_target target[MAX_TARGETS]; /* tried in this order */
	size_t n_targets;
	char *url[MAX_TARGETS]; /* owned, or NULL */
	char *token;		/* owned */
	bool remote;		/* on another host: nothing of this one explains a failure */
	bool quiet;		/* write nothing of failures */
	char said[256];		/* the last thing that was said of a failure, harmless */
	bool stale;		/* an answer was an agent's last one before it went */
};

struct options;

/* As the options say; the exit status, an error said. */
int asker_init(struct asker *a, const struct options *o);
void asker_done(struct asker *a);

/* Asks the first target that is there; the answer is an object, which the caller drops. 0, or the exit status,
 * and what happened and what to do were said. arg: a struct asker. */
int ask(void *arg, const char *path, json_t **ret);

/* The same for an answer of any kind: the caller frees *ret_body. */
int ask_body(void *arg, const char *path, char **ret_body, size_t *ret_n);

/* The uuid of a domain by its uuid or its name. The exit status; said like the above. */
int ask_uuid(struct asker *a, const char *domain, char ret[37]);

#endif
