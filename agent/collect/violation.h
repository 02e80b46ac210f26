/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef VIOLATION_H
#define VIOLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/feature.h"

/* Violations of SMAP and SMEP in what Xen printed (xen.git xen/arch/x86/traps.c, do_page_fault): "Xen SMAP violation",
 * upon which Xen ends, and in older versions "d3v0 fatal SMEP violation", upon which it ends that PV domain. */

struct violation {
	enum feature_id feature; /* FEATURE_SMAP, FEATURE_SMEP */
	bool guest;		 /* of a PV domain: Xen went on */
	uint32_t domid;		 /* if so, else NO_DOMID */
	char line[REASON_SIZE];	 /* printable ASCII */
};

/* Reads n bytes, which may be anything. Writes the last max of them, in their order, to ret; how many there are in
 * all. */
size_t violations_find(const char *text, size_t n, struct violation *ret, size_t max);

#endif
