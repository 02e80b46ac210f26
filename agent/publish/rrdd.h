/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RRDD_H
#define RRDD_H

#include "metrics/sample.h"

/* The page from which xcp-rrdd takes the metrics of sources.def: from there they get into XenCenter's graphs and to all
 * others who ask xapi for its metrics. */
struct rrdd;

#define MAX_RRDD_GUESTS 1000 /* in the page; XenServer runs no more */

/* dir: where xcp-rrdd looks for pages. Nothing happens while it is not there. */
struct rrdd *rrdd_new(const char *dir);
/* The page goes, and xcp-rrdd forgets its sources. */
void rrdd_free(struct rrdd *p);

/* Shows the sample. A failure is said in the log, and tried again with the next one. */
void rrdd_publish(struct rrdd *p, const struct sample *s);

#endif
