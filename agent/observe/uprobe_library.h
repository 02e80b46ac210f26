/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UPROBE_LIBRARY_H
#define UPROBE_LIBRARY_H

/* The libxenctrl that this host's toolstack runs with, as a resolved path for the caller to free:
 * that of the running Xen (/sys/hypervisor/version), or where this is not to be had that which this
 * process has loaded, else the newest in the standard directories. root as in observer.h; with
 * another root than "" this process's own library does not count. -ENOENT. */
int uprobe_library_find(const char *root, char **ret_path);

#endif
