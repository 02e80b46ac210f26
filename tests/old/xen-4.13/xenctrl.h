/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libxenctrl of Xen 4.13 to 4.15, where it differs from later ones in what the agent calls. What is compiled with it cannot
 * be linked: today's library has another function of the same name. */
#ifndef OLD_XENCTRL_H
#define OLD_XENCTRL_H

#define xc_shadow_control xc_shadow_control_of_today
#include_next <xenctrl.h>
#undef xc_shadow_control
#pragma GCC poison xc_logdirty_control

int xc_shadow_control(xc_interface *xch, uint32_t domid, unsigned int sop, xc_hypercall_buffer_t *bitmap,
    unsigned long pages, unsigned long *mb, uint32_t mode, xc_shadow_op_stats_t *stats);
int xc_get_cpu_featureset(xc_interface *xch, uint32_t index, uint32_t *n, uint32_t *featureset);
int xc_get_domain_cpu_policy(xc_interface *xch, uint32_t domid, uint32_t *n_leaves, xen_cpuid_leaf_t *leaves,
    uint32_t *n_msrs, xen_msr_entry_t *msrs);

#undef XEN_SYSCTL_cpu_featureset_pv_max /* 4.14 */
#undef XEN_SYSCTL_cpu_featureset_hvm_max

#endif
