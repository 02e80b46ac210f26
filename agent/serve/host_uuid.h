/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HOST_UUID_H
#define HOST_UUID_H

/* The UUID that others know this host by, ret[37]: xapi's, of /etc/xensource-inventory, else the firmware's, as libvirt
 * has it; "" where there is none. root stands before the paths. */
void host_uuid_read(const char *root, char *ret);

#endif
