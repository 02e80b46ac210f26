/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UNIX_SOCKET_H
#define UNIX_SOCKET_H

/* A listening socket of this type (SOCK_STREAM, SOCK_SEQPACKET) at a full path, with this mode from the first moment
 * on; close-on-exec, not blocking, the caller's. Its directory is made, and it takes the place of a socket that nobody
 * answers any more, of nothing else: -EADDRINUSE where somebody does, -EEXIST where there is no socket. -errno, and
 * then ret_why (static text) says what was in the way. */
int unix_listen(const char *path, int type, unsigned mode, int backlog, const char **ret_why);

#endif
