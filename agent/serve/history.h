/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HISTORY_H
#define HISTORY_H

#include "serve/columns.h"

#define MAX_METRICS 32

/* What is asked of the past: by /api/v1/history, and by /graph, which draws the answer. */
struct question {
	enum metric_id id[MAX_METRICS];
	size_t n;
	char uuid[UUID_SIZE]; /* "": the host */
	struct span span;
	uint64_t points; /* 0: all */
};

/* Reads it, but for points, from the query. False: *ret says what is wrong. */
bool history_question(const struct request *q, struct reply *ret, struct question *what);

#endif
