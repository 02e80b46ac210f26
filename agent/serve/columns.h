/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COLUMNS_H
#define COLUMNS_H

#include "base/parse.h"
#include "serve/answer.h"
#include "store/store.h"

/* Stored values side by side on one grid: of several metrics, objects and consolidations. */

#define MAX_COLUMN_VALUES (512u * 1024) /* of one answer: 100 domains' newest 10 minutes in 5 s, and some MB */

struct column {
	enum metric_id id;
	char uuid[UUID_SIZE]; /* "": the host */
	const char *cf;
	struct series x;
};

/* Row i is that of the step that ends at start + (i + 1) * step. Zero-initialised is empty. */
struct columns {
	double start, step; /* seconds since 1970; seconds */
	size_t rows, n, room, n_values;
	struct column *column;
	struct stored *stored; /* what they are read from */
};

/* What is asked of the store; the words are store_read's. */
struct span {
	const char *dir, *cf;
	double start, end, step;
};

/* Appends those of n metrics, of any scopes that are stored for the object, of which there is something; uuid "": the
 * host. -ENOENT: nothing is; -E2BIG: more than MAX_COLUMN_VALUES in all; -EXDEV: stored at another step than the
 * columns before; else as store_read. cf must outlive the columns. */
int columns_add(struct columns *c, const struct span *span, const char *uuid, const enum metric_id *id, size_t n);

/* What a failure of columns_add is to the client. */
void columns_problem(const struct request *q, struct reply *ret, int error);

/* All metrics that are stored of a domain, or, uuid "", of the host: how many, in ret_id[METRIC_COUNT]. */
size_t columns_stored(const char *uuid, enum metric_id *ret_id);

/* NULL if there is none of this metric. */
const struct column *columns_find(const struct columns *c, enum metric_id id);

/* In place of neighbouring rows one of what their cf makes of those that are known: at most so many, 0: all. */
void columns_thin(struct columns *c, size_t rows);

/* When the row's step ends, in seconds since 1970. */
double columns_time(const struct columns *c, size_t row);

/* NAN: unknown, or the column is NULL. */
double columns_value(const struct columns *c, const struct column *column, size_t row);

void columns_done(struct columns *c);

#endif
