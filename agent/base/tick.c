/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/tick.h"

#include <math.h>
#include <time.h>

#define LATEST 253402300799.0 /* the end of the year 9999, the last that RFC 3339 can write */

double
tick_delay(double *due, double step, double now)
{
	double late = *due > 0 ? fmax(now - *due, 0) : 0;

	*due = (*due > 0 ? *due : now) + step * (1 + floor(late / step));
	return late;
}

void
time_text(double t, char ret[TIME_TEXT_SIZE])
{
	time_t seconds;
	struct tm tm;

	ret[0] = '\0';
	if (!(t >= 0 && t <= LATEST))
		return;
	seconds = (time_t) t;
	if (gmtime_r(&seconds, &tm))
		(void) strftime(ret, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
