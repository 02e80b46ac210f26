/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RANGE_H
#define RANGE_H

#include <stdbool.h>

/* A threshold as the guidelines of the Monitoring Plugins write it: [@]start:end. Without "start:" it begins at 0,
 * without an end it has none, ~ is minus infinity. */
struct range {
	double start, end; /* both within it */
	bool inside;	   /* @: what is within alerts, else what is outside */
};

/* -EINVAL: not a range, or its start is above its end. */
int range_parse(const char *text, struct range *ret);

/* False for NAN, too: what is not known is no reason for an alert. */
bool range_alerts(const struct range *r, double value);

#endif
