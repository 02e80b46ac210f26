/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_ADVICE_H
#define CLI_ADVICE_H

#include <jansson.h>

struct advice_options {
	const char *domain; /* its uuid or its name */
	/* Asks the agent; the exit status, the reason said. */
	int (*ask)(void *arg, const char *path, json_t **ret);
	void *arg;
};

/* The agent's advice for that domain. The exit status; the caller drops *ret. */
int advice_ask(const struct advice_options *o, json_t **ret);

#endif
