/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef READ_ONE_H
#define READ_ONE_H

#include "store/store.h"

/* store_read for one metric. */
static int
read_one(const char *dir, const char *uuid, enum metric_id id, const char *cf, double start,
    double end, double step, struct series *ret)
{
	return store_read(dir, uuid, &id, 1, cf, start, end, step, ret);
}

#endif
