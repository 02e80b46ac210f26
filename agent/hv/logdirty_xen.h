/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOGDIRTY_XEN_H
#define LOGDIRTY_XEN_H

#include "hv/hv.h"

struct xc_interface_core; /* xc_interface of xenctrl.h */

/* hv_ops.logdirty by libxenctrl. */
int logdirty_xen(
    struct xc_interface_core *xc, uint32_t domid, enum hv_logdirty op, uint32_t *ret_dirty);

#endif
