/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_GRAPH_H
#define CLI_GRAPH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* xenscope graph: stored metrics as lines of blocks, or as a picture in a file. */
struct graph_options {
	const char *metric; /* names, joined by commas */
	const char *uuid, *since, *until, *output; /* NULL: not given */
	bool json;
	bool blocks; /* the terminal shows block characters; else signs of ASCII, from . to @ */
	/* Ask the agent for an object, or for a body as it is; the exit status, the reason said. */
	int (*ask)(void *arg, const char *path, json_t **ret);
	int (*fetch)(void *arg, const char *path, char **ret_body, size_t *ret_n);
	void *arg;
};

/* The exit status. */
int graph_command(const struct graph_options *o, FILE *f);

/* An answer of /api/v1/history: of each metric a line of blocks from 0 to its highest value, blank where it is unknown,
 * then its figures. */
void show_graph(const json_t *answer, bool blocks, FILE *f);

#endif
