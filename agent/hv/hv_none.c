/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/hv.h"

#include <errno.h>

int
hv_xen_open(struct hv **ret_hv, const char **ret_note)
{
	(void) ret_hv, (void) ret_note;
	return -ENOSYS;
}
