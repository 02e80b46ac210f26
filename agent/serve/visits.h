/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VISITS_H
#define VISITS_H

#include "base/tick.h"

/* How long a connection may take. libmicrohttpd closes one that stands still; one that goes on a byte at a time, so
 * that its place or the memory of its answer is never free again, is closed here. */
#define REQUEST_SECONDS 20.0 /* from the connection, or the answer before, until all of a request is there */
#define ANSWER_SECONDS 120.0 /* from there until all of the answer is taken */

struct visits;
struct visit;

/* The caller owns the result; no visit may be left when it is freed. */
struct visits *visits_new(void);
void visits_free(struct visits *v); /* accepts NULL */

/* A connection, whose descriptor stays the caller's; visit_end drops it. */
struct visit *visit_begin(struct visits *v, int fd, const struct tick *now);
void visit_answered(struct visit *i, const struct tick *now); /* a request is there whole; accepts NULL */
void visit_done(struct visit *i, const struct tick *now);     /* its answer is taken; accepts NULL */
void visit_end(struct visits *v, struct visit *i);

/* Shuts those down that have taken too long, so that they end. Looks once a second. */
void visits_sweep(struct visits *v, const struct tick *now);

#endif
