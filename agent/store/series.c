/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/store.h"

#include "base/util.h"

void
series_free(struct series *series, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(TAKE_PTR(series[i].values));
}
