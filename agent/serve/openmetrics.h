/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPENMETRICS_H
#define OPENMETRICS_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "metrics/sample.h"

enum metrics_shown {
	SHOW_DEVICES = 1 << 0, /* the network and block figures of domains, which other exporters have, too */
	SHOW_CREATED = 1 << 1, /* of each counter of the agent's own when it began, in OpenMetrics */
};

/* Appends the sample as OpenMetrics 1.0 text, or else as the Prometheus text format 0.0.4. A value
 * that is absent has no line, a family without values has none at all. Of two objects with the same
 * labels the first is shown (a domain that migrates to its own host is there twice); an info's
 * first label alone names its object, so that it can always be joined. shown: of enum metrics_shown;
 * with 0 a domain has at most 30 lines, and the host itself 200. */
void openmetrics_write(struct strbuf *b, const struct sample *s, bool openmetrics, unsigned shown);

#endif
