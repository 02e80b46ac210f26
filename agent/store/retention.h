/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RETENTION_H
#define RETENTION_H

#include "metrics/sample.h"

/* Domains that are gone for long lose their RRD files. Zero-initialised it keeps all. */
struct retention {
	unsigned days; /* 0: for ever */
	bool begun;
	double due;   /* monotonic seconds */
	double clock; /* real time less monotonic time */
};

/* Looks once an hour, and not before the clock has stood for an hour: one that is wrong after a
 * boot makes every file look old. Removes vm/UUID.rrd and vm/UUID.tracking.rrd of domains that the
 * sample does not have, if neither was written within those days. What was set aside stays. */
void retention_sweep(struct retention *r, const char *dir, const struct sample *now);

#endif
