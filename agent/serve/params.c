/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "serve/params.h"

#define MAX_LIST 256

bool
param_number(const struct request *q, struct reply *ret, const char *name, uint64_t min, uint64_t max,
    uint64_t *value)
{
	const char *text = request_parameter(q, name);

	if (!text || parse_u64(text, min, max, value) == 0)
		return true;
	problem_of(q, ret, name, "%s takes a whole number from %llu to %llu", name, (unsigned long long) min,
	    (unsigned long long) max);
	return false;
}

bool
param_time(const struct request *q, struct reply *ret, const char *name, double *value)
{
	const char *text = request_parameter(q, name);

	if (!text || parse_time(text, q->now.real, value) == 0)
		return true;
	problem_of(q, ret, name, "%s takes " TIME_FORMS, name);
	return false;
}

bool
param_words(const struct request *q, struct reply *ret, const char *name, const struct words *words, uint32_t *value)
{
	const char *text = request_parameter(q, name);
	char list[MAX_LIST];

	if (!text || parse_words(text, words, value) == 0)
		return true;
	words_list(words, list, sizeof(list));
	problem_of(q, ret, name, "%s takes one or more, joined by commas, of: %s", name, list);
	return false;
}
