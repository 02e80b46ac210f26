/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRAWER_H
#define DRAWER_H

#include "serve/rights.h"

/* Who starts xenscope-graph for the serve half, which can start nothing: a child of it, forked before its rights are
 * gone. It gives up the same rights but keeps its root directory and may fork. It reads no byte of a request:
 * for each packet on its socket it runs the program, which reads the packet itself from there and writes the picture
 * to there (picture.h), and says how that ended. One at a time, for DRAWER_SECONDS at most, each a process of its
 * own. It ends with the serve half. */

#define DRAWER_SECONDS 10

/* Forks it. seconds: for one picture. user: whom it becomes, NULL: it stays who it is. *ret_fd: the end of its socket
 * that asks, not blocking, the caller's. -errno. */
int drawer_start(const char *program, unsigned seconds, const struct user *user, int *ret_fd);

#endif
