/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/hv.h"

#include <errno.h>

#include "hv/trace_buffers.h"

int
hv_xen_open(struct hv **ret_hv, const char **ret_note)
{
	(void) ret_hv, (void) ret_note;
	return -ENOSYS;
}

int
trace_buffers_xen_open(uint32_t mask, size_t pages, struct trace_buffers **ret, const char **ret_why)
{
	(void) mask, (void) pages, (void) ret;
	*ret_why = "This xenscoped was built without Xen's libraries (--without-xen), so it cannot read Xen's trace";
	return -ENOSYS;
}

void
trace_buffers_xen_settle(uint32_t mask)
{
	(void) mask;
}
