/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ALLOWED_H
#define ALLOWED_H

#include <stddef.h>

#include "config/config.h"
#include "hv/hv.h"
#include "probe/hooks.h"

#define GUEST_NOT_SEEN                                                                             \
	"log-dirty operations of other programs are not seen (xenscope status tells why): "        \
	"without "                                                                                 \
	"that a migration could be harmed"

/* no, yes or unsafe-without-lock. */
bool probe_option_known(const char *value);

/* What must be so before a domain is touched. All of them: 0, or -errno and a sentence in why. */

/* The configuration allows it on this host. has_lock: xapi can be asked to lock the VM. */
int probe_configured(const struct config *config, bool has_lock, char *why, size_t n);

/* The domain runs, can be tracked, and nobody migrates, saves or tracks it. */
int guest_allowed(const struct probe_hooks *hooks, struct hv *hv, const struct guest_id *guest,
    char *why, size_t n);

/* Nobody migrates or saves the domain now: neither by what the observers told nor among the
 * processes. */
int guest_unmoved(
    const struct probe_hooks *hooks, const struct guest_id *guest, char *why, size_t n);

/* The domain as Xen lists it now. -ESRCH: gone, or its number is another's. */
int guest_look(struct hv *hv, const struct guest_id *guest, struct hv_domain *ret);

#endif
