/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CONSOLE_WATCH_H
#define CONSOLE_WATCH_H

#include "hv/hv.h"
#include "notify/boot_memory.h"

/* Violations of SMAP and SMEP that Xen told of, each once: m says what was looked at and is brought up to date. */

typedef void notice_fn(void *arg, struct notice *n);

/* Xen's console ring, for what happened in this boot. True if m has changed. */
bool console_look(struct hv *hv, double now, struct boot_memory *m, notice_fn *fn, void *arg);

/* At the begin of a boot, or of an agent: what was added to Xen's saved console log (path; "" none) up to the boot's
 * first line, unless m is of this boot already, as the ring tells of that; and the xen.log of each directory in
 * crash_dir ("" none) that is new. */
void console_look_back(const char *log_path, const char *crash_dir, bool same_boot, double now, struct boot_memory *m,
    notice_fn *fn, void *arg);

#endif
