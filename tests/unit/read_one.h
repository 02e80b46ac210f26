/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef READ_ONE_H
#define READ_ONE_H

#include "store/store.h"

/* store_read of all that is there now. */
static inline int
read_some(const char *dir, const char *uuid, const enum metric_id *id, size_t n, const char *cf, double start,
    double end, double step, struct series *ret)
{
	struct stored *s = NULL;
	int r = stored_open(dir, &s);

	if (r == 0)
		r = store_read(s, uuid, id, n, cf, start, end, step, ret);
	stored_close(s);
	return r;
}

/* Of one metric. */
static inline int
read_one(const char *dir, const char *uuid, enum metric_id id, const char *cf, double start,
    double end, double step, struct series *ret)
{
	return read_some(dir, uuid, &id, 1, cf, start, end, step, ret);
}

#endif
