/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "probe/control_wire.h"

#define DEFAULT_PROBE_SECONDS 10

/* xenscope probe and xenscope untrack, which ask on the control socket. */
struct probe_options {
	const char *control; /* path of the socket */
	const char *domain;
	uint64_t seconds; /* 0: the default */
	bool json, yes;
	/* The record with this id, which the caller releases; NULL: it cannot be had. */
	json_t *(*fetch)(void *arg, const char *id);
	void *arg;
};

/* Both return an exit status of commands.h. Errors and progress go to standard error. */
int probe_command(const struct probe_options *o, FILE *out);
int untrack_command(const struct probe_options *o, FILE *in, FILE *out);

#endif
