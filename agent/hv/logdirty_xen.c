/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/logdirty_xen.h"

#include <errno.h>
#include <xenctrl.h>

static int
failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

/* ENABLE_LOGDIRTY and OFF. */
static int
control(xc_interface *xc, uint32_t domid, unsigned op)
{
#ifdef HAVE_XC_LOGDIRTY_CONTROL /* 4.16 and later */
	return xc_shadow_control(xc, domid, op, NULL, 0) < 0 ? failure() : 0;
#else
	return xc_shadow_control(xc, domid, op, NULL, 0, NULL, 0, NULL) < 0 ? failure() : 0;
#endif
}

/* No bitmap and no pages: Xen then only fills in the counts. */
static int
peek(xc_interface *xc, uint32_t domid, uint32_t *ret_dirty)
{
	xc_shadow_op_stats_t stats = {0, 0};
	long long r;

#ifdef HAVE_XC_LOGDIRTY_CONTROL
	r = xc_logdirty_control(xc, domid, XEN_DOMCTL_SHADOW_OP_PEEK, NULL, 0, 0, &stats);
#else
	r = xc_shadow_control(xc, domid, XEN_DOMCTL_SHADOW_OP_PEEK, NULL, 0, NULL, 0, &stats);
#endif
	if (r < 0)
		return failure();
	*ret_dirty = stats.dirty_count;
	return 0;
}

int
logdirty_xen(struct xc_interface_core *xc, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty)
{
	switch (op) {
	case HV_LOGDIRTY_ENABLE:
		return control(xc, domid, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	case HV_LOGDIRTY_PEEK:
		return peek(xc, domid, ret_dirty);
	case HV_LOGDIRTY_OFF:
		return control(xc, domid, XEN_DOMCTL_SHADOW_OP_OFF);
	}
	return -EINVAL;
}
