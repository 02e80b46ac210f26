/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PARAMS_H
#define PARAMS_H

#include "base/parse.h"
#include "serve/answer.h"

/* Parameters of a query by their kind. A value stays as it is if its parameter was not given. False: it is none of
 * this kind, and *ret names it and says what it takes. */

bool param_number(const struct request *q, struct reply *ret, const char *name, uint64_t min, uint64_t max,
    uint64_t *value);
/* Seconds since 1970. */
bool param_time(const struct request *q, struct reply *ret, const char *name, double *value);
/* One or more of the words, joined by commas: a bit for each. */
bool param_words(const struct request *q, struct reply *ret, const char *name, const struct words *words,
    uint32_t *value);

#endif
