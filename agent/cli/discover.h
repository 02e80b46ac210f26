/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DISCOVER_H
#define DISCOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* xenscope discover: hosts to scrape, as Prometheus's file_sd reads them: a JSON array of {"targets": [one],
 * "labels": {...}}. */

struct discover_options {
	const char *list;   /* a file, "-" standard input; NULL: the pool of this host */
	const char *output; /* put in the place of this file, whole or not at all; NULL: printed on f */
	const char *xe;	    /* the path of xapi's client, for a pool; NULL: there is none */
	bool xapi;	    /* the hosts are asked through xapi, not by the agent's own port */
	uint64_t port;	    /* where a host names none; 0: the usual one */
};

/* The exit status; what was wrong is said, and the output is then what it was. */
int discover_command(const struct discover_options *o, FILE *f);

#endif
